//! Which names are asked for before a client asks, and which never are.

use serde_json::json;
use supercargo_testkit::{Database, Dependency, FakeUpstream, Package, View, on_both};

use crate::scene::{Scene, all_asked, asked, depend};

on_both!(
    a_chain_of_dependencies_is_asked_for_before_the_client_asks,
    what_cargo_would_not_ask_for_is_not_asked_for,
    names_that_must_not_leave_are_never_asked_for,
    a_name_that_becomes_private_while_its_question_waits_is_not_asked_for,
    a_name_that_is_read_elsewhere_is_not_asked_for_here,
    upstreams_are_asked_in_their_order,
    claims_hold_for_what_is_read_through_another_registry,
    a_change_is_followed_and_a_file_that_was_known_is_not,
    nothing_is_asked_for_ahead_where_that_is_switched_off,
);

async fn a_chain_of_dependencies_is_asked_for_before_the_client_asks(database: Database) {
    let scene = Scene::start(database).await;
    for (name, next) in [("a", "b"), ("b", "c"), ("c", "d")] {
        scene.has(name, &[next]);
    }
    scene.has("d", &[]);
    scene.ask(View::Index, "a").await;
    scene.until_asked("d").await;
    for name in ["b", "c", "d"] {
        scene.ask(View::Index, name).await;
    }
    assert_eq!(asked(&scene.upstream), ["a", "b", "c", "d"]);
}

/// Only what the newest version that fits needs, with the features that are wanted of it.
async fn what_cargo_would_not_ask_for_is_not_asked_for(database: Database) {
    let scene = Scene::start(database).await;
    scene.has("root", &["old-dependency"]);
    let own = scene.upstream.index_url();
    let root = Package::new("root", "2.0.0")
        .dependency("missing", "1")
        .depends_on(Dependency::new("normal", "1").features(&["tls"]))
        .depends_on(Dependency::new("builder", "1").build())
        .depends_on(Dependency::new("tester", "1").development())
        .depends_on(Dependency::new("windows", "1").target("cfg(windows)"))
        .depends_on(Dependency::new("extra", "1").optional())
        .depends_on(Dependency::new("real-name", "1").rename("alias"))
        .depends_on(Dependency::new("same", "1").registry_index(&own))
        .depends_on(
            Dependency::new("elsewhere", "1").registry_index("sparse+https://other.example/"),
        );
    scene.upstream.publish(&root);
    let normal = Package::new("normal", "1.2.0")
        .feature("tls", &["dep:crypto"])
        .depends_on(Dependency::new("crypto", "1").optional())
        .depends_on(Dependency::new("unused", "1").optional());
    scene.upstream.publish(&normal);
    scene
        .upstream
        .publish(&normal.with_version("2.0.0").dependency("too-new", "1"));
    for name in ["builder", "windows", "same", "real-name", "crypto"] {
        scene.has(name, &[]);
    }
    scene.ask(View::Mirror, "root").await;
    let expected = [
        "builder",
        "crypto",
        "missing",
        "normal",
        "real-name",
        "root",
        "same",
        "windows",
    ];
    scene.until_counted(expected.len() - 1, 0).await;
    assert_eq!(all_asked(&scene.upstream), expected);
}

/// A stranger's crate that names our private crates as its dependencies must not learn which there are, nor that there are
/// any.
async fn names_that_must_not_leave_are_never_asked_for(database: Database) {
    let scene = Scene::start(database).await;
    let admin = &scene.admin;
    admin.claim("acme", "acme-*", "private").await;
    admin.claim("acme", "forked", "fork").await;
    admin.claim("acme", "merged", "merge").await;
    admin.claim("acme", "forked-too", "fork").await;
    for name in ["hosted_here", "forked-too"] {
        let package = Package::new(name, "1.0.0");
        admin.publish("acme", &package).await.expect(200);
    }
    let except = json!([{ "name": "partner", "except": ["excluded-*"] }]);
    admin.attach("acme", except).await;
    scene.upstream.clear_requests();

    let lures = [
        "acme-secret",
        "ACME_tool",
        "excluded-name",
        "forked",
        "forked-too",
        "forked_too",
        "hosted_here",
        "hosted-here",
    ];
    // what is asked for goes on, so that whatever comes before has been asked when it ends
    let allowed = ["merged", "public"];
    scene.has("lure", &[&lures[..], &allowed].concat());
    scene.has("merged", &["acme-secret"]);
    scene.has("public", &["second"]);
    scene.has("second", &["acme-again", "third"]);
    for name in [
        "third",
        "forked",
        "forked-too",
        "acme-secret",
        "hosted_here",
    ] {
        scene.has(name, &[]);
    }
    scene.ask(View::Index, "lure").await;
    scene.until_counted(4, 0).await;
    let expected = ["lure", "merged", "public", "second", "third"];
    assert_eq!(all_asked(&scene.upstream), expected);

    // the mirror view reads forks from upstream, in the spelling of the crate that is forked
    scene.upstream.clear_requests();
    scene.has("mirrored", &lures);
    scene.ask(View::Mirror, "mirrored").await;
    scene.until_counted(6, 0).await;
    let expected = ["forked", "forked-too", "mirrored"];
    assert_eq!(all_asked(&scene.upstream), expected);
}

async fn a_name_that_becomes_private_while_its_question_waits_is_not_asked_for(database: Database) {
    let scene = Scene::start(database).await;
    // as many as are asked for at once, and one more that waits behind them
    let slow: Vec<_> = (0..48).map(|i| format!("slow{i:02}")).collect();
    let mut names: Vec<_> = slow.iter().map(String::as_str).collect();
    names.push("waiting");
    scene.has("root", &names);
    scene.upstream.hold("/index/sl/ow/");
    scene.ask(View::Index, "root").await;
    scene.upstream.wait_until_held(slow.len()).await;
    scene.admin.claim("acme", "waiting", "private").await;
    scene.upstream.release();
    scene.until_counted(slow.len(), 0).await;
    // whoever comes later has its turn after it
    scene.has("other", &["last"]);
    scene.has("last", &[]);
    scene.ask(View::Index, "other").await;
    scene.until_asked("last").await;
    let asked = all_asked(&scene.upstream);
    assert!(!asked.contains(&"waiting".to_owned()), "{asked:?}");
}

async fn a_name_that_is_read_elsewhere_is_not_asked_for_here(database: Database) {
    let scene = Scene::start(database).await;
    let second = FakeUpstream::start();
    let index = second.index_url();
    let other = json!({ "name": "second", "index": index });
    scene.admin.create_upstream(other).await;
    scene
        .admin
        .attach("acme", json!(["partner", "second"]))
        .await;
    depend(&second, "pinned", &[]);
    // the first does not have it, and from now on it is the second's
    scene.ask(View::Index, "pinned").await;
    scene.upstream.clear_requests();
    scene.has("pinned", &[]);
    scene.has("root", &["pinned", "public"]);
    scene.has("public", &["last"]);
    scene.has("last", &[]);
    // a server that starts anew has nothing in memory
    let mut scene = scene;
    scene.server.restart().await;
    scene.ask(View::Index, "root").await;
    scene.until_asked("last").await;
    assert_eq!(all_asked(&scene.upstream), ["last", "public", "root"]);
}

/// As for a client: whoever comes first and has it is the one, and whoever fails is not passed by.
async fn upstreams_are_asked_in_their_order(database: Database) {
    let scene = Scene::start(database).await;
    let second = FakeUpstream::start();
    let other = json!({ "name": "second", "index": second.index_url() });
    scene.admin.create_upstream(other).await;
    scene
        .admin
        .attach("acme", json!(["partner", "second"]))
        .await;
    depend(&second, "root", &["both", "only-second", "refused"]);
    depend(&second, "both", &["of-second"]);
    depend(&second, "refused", &[]);
    depend(&second, "only-second", &["last"]);
    depend(&second, "last", &[]);
    scene.has("both", &["of-first"]);
    scene.has("of-first", &[]);
    scene.upstream.fault(
        "/index/re/fu/refused",
        supercargo_testkit::Fault::Status(403),
    );
    scene.ask(View::Index, "root").await;
    scene.until_asked("of-first").await;
    let is_done = || std::future::ready(asked(&second).contains(&"last".to_owned()));
    supercargo_testkit::eventually("the last question", is_done).await;
    assert_eq!(all_asked(&second), ["last", "only-second", "root"]);
    let expected = ["both", "last", "of-first", "only-second", "refused", "root"];
    assert_eq!(all_asked(&scene.upstream), expected);
}

/// What is private in `acme` is not in `shared`, which `acme` reads through.
async fn claims_hold_for_what_is_read_through_another_registry(database: Database) {
    let scene = Scene::start(database).await;
    let admin = &scene.admin;
    let shared = json!({ "name": "shared", "upstreams": ["partner"] });
    admin.create_registry(shared).await;
    let inner = json!({ "name": "inside", "registry": "shared" });
    admin.create_upstream(inner).await;
    admin.attach("acme", json!(["inside"])).await;
    admin.claim("acme", "acme-*", "private").await;
    admin.claim("shared", "shared-*", "private").await;
    scene.has("root", &["acme-secret", "shared-secret", "public"]);
    scene.has("public", &["acme-other", "last"]);
    for name in ["last", "acme-secret", "shared-secret", "acme-other"] {
        scene.has(name, &[]);
    }
    scene.ask(View::Index, "root").await;
    scene.until_asked("last").await;
    assert_eq!(all_asked(&scene.upstream), ["last", "public", "root"]);
}

async fn a_change_is_followed_and_a_file_that_was_known_is_not(database: Database) {
    let settings = [("upstream.freshness", "0s")];
    let scene = Scene::with_settings(database, &settings).await;
    scene.has("root", &["first"]);
    scene.has("first", &[]);
    scene.ask(View::Index, "root").await;
    scene.until_counted(1, 0).await;
    scene.upstream.clear_requests();
    scene.ask(View::Index, "root").await;
    assert_eq!(asked(&scene.upstream), ["root"]);
    scene.upstream.clear_requests();
    let changed = Package::new("root", "1.1.0").dependency("second", "*");
    scene.upstream.publish(&changed);
    scene.has("second", &[]);
    scene.ask(View::Index, "root").await;
    scene.until_counted(2, 0).await;
    assert_eq!(asked(&scene.upstream), ["root", "second"]);
}

async fn nothing_is_asked_for_ahead_where_that_is_switched_off(database: Database) {
    let settings = [("upstream.read_ahead", "false")];
    let scene = Scene::with_settings(database, &settings).await;
    scene.has("root", &["next"]);
    scene.has("next", &["last"]);
    scene.has("last", &[]);
    scene.ask(View::Index, "root").await;
    scene.ask(View::Index, "next").await;
    scene.ask(View::Index, "last").await;
    assert_eq!(asked(&scene.upstream), ["root", "next", "last"]);
    assert_eq!(scene.counted().await, json!({ "fetched": 0, "used": 0 }));
}
