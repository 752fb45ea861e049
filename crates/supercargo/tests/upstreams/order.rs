//! R3, R4: several upstreams in order, each for the names that it is asked for; who fails ends the search.

use serde_json::{Value, json};
use supercargo_testkit::{Database, Dependency, Fault, Package, View, eventually, on_both};

use crate::scene::{ALWAYS_ASK, NOTHING, Scene, asked, asked_about, index_file, of, said};

on_both!(
    the_first_upstream_that_has_a_name_serves_it,
    only_404_and_410_move_on_to_the_next_upstream,
    an_upstream_that_fails_is_not_passed_over,
    an_upstream_that_is_down_is_not_passed_over_however_often_one_asks,
    the_last_good_copy_of_the_first_serves_and_the_second_is_not_asked,
    a_name_of_the_second_is_served_while_the_first_is_down,
    a_new_name_is_refused_where_any_upstream_has_it_or_cannot_tell,
    patterns_say_which_upstream_is_asked_for_a_name,
    what_no_upstream_takes_any_more_is_not_found_in_search,
    a_change_of_the_list_holds_from_the_next_request_on,
    what_no_list_of_upstreams_can_be,
);

/// R3, R4: with the real cargo, to which it is one registry.
async fn the_first_upstream_that_has_a_name_serves_it(database: Database) {
    let scene = Scene::start(database).await;
    let theirs = of("first", "left-pad", "1.0.0");
    scene.first.publish(&theirs);
    scene.second.publish(&of("second", "left-pad", "1.0.0"));
    scene.second.publish(&of("second", "left-pad", "2.0.0"));
    let other = of("second", "right-pad", "1.0.0").dependency("left-pad", "1");
    // in an index file `null` is the registry itself
    let mut line = other.index_line();
    line["deps"][0]["registry"] = Value::Null;
    scene.second.publish_line("right-pad", &line.to_string());
    scene
        .second
        .replace_bytes("right-pad", "1.0.0", other.crate_bytes());

    for view in [View::Index, View::Mirror] {
        assert_eq!(scene.listed("acme", view, "left-pad").await, "1.0.0");
        assert_eq!(scene.listed("acme", view, "right-pad").await, "1.0.0");
        assert_eq!(scene.listed("acme", view, "no-pad").await, "404");
    }
    scene.gets("acme", &theirs).await;
    scene.gets("acme", &other).await;
    assert_eq!(asked_about(&scene.first, "left-pad").len(), 1);
    assert_eq!(asked_about(&scene.second, "left-pad").len(), 0);
    for name in ["right-pad", "no-pad"] {
        for upstream in [&scene.first, &scene.second] {
            assert_eq!(asked_about(upstream, name).len(), 1, "{name}");
        }
    }
    assert_eq!(
        scene.second.requests_to("/dl/").len(),
        1,
        "{:?}",
        asked(&scene.second)
    );

    let cargo = scene.cargo("acme");
    let consumer = Package::new("consumer", "0.1.0")
        .depends_on(Dependency::new("right-pad", "1").registry("acme"))
        .depends_on(Dependency::new("left-pad", "*").registry("acme"));
    let folder = cargo.project(&consumer);
    cargo.run(&folder, &["check"]).await.success();
    let lockfile = std::fs::read_to_string(folder.join("Cargo.lock")).unwrap();
    assert_eq!(lockfile.matches("name = \"left-pad\"").count(), 1);
    assert_eq!(asked_about(&scene.second, "left-pad").len(), 0);
}

/// R4.
async fn only_404_and_410_move_on_to_the_next_upstream(database: Database) {
    let scene = Scene::start(database).await;
    for status in [404, 410] {
        let name = format!("status-{status}");
        scene.first.fault(&index_file(&name), Fault::Status(status));
        let theirs = of("second", &name, "1.0.0");
        scene.second.publish(&theirs);
        assert_eq!(scene.index("acme", &name).await, "1.0.0");
        scene.gets("acme", &theirs).await;
    }
}

/// R4: never a silent fall-through, for that is how dependency confusion starts.
async fn an_upstream_that_fails_is_not_passed_over(database: Database) {
    let scene = Scene::with_settings(database, &[("upstream.timeout", "1s")]).await;
    let faults = [400, 401, 403, 429, 451, 500, 502, 503, 504]
        .map(|status| (format!("status-{status}"), Fault::Status(status)))
        .into_iter()
        .chain(
            [
                ("a-page", Fault::Html),
                ("no-sense", Fault::Garbage),
                ("no-bytes", Fault::Empty),
                ("cut-short", Fault::Truncated),
                ("half-of-it", Fault::Reset),
                ("another-name", Fault::WrongName),
                ("no-answer", Fault::Hang),
            ]
            .map(|(name, fault)| (name.to_owned(), fault)),
        );
    for (name, fault) in faults {
        scene.first.publish(&of("first", &name, "1.0.0"));
        scene.second.publish(&of("second", &name, "9.9.9"));
        scene.first.fault(&index_file(&name), fault);
        for view in [View::Index, View::Mirror] {
            let status = scene.listed("acme", view, &name).await;
            assert!(
                matches!(&*status, "502" | "503" | "504"),
                "{name}: {status}"
            );
            for version in ["1.0.0", "9.9.9"] {
                let download = scene.admin.download("acme", view, &name, version).await;
                let status = download.status.as_u16();
                assert!((502..=504).contains(&status), "{download}");
            }
        }
        // it answers well in between, so that no row of failures makes it one that is down
        let test = "/api/v1/upstreams/first/test";
        scene.admin.post(test, json!({})).await.expect(200);
    }
    assert_eq!(asked(&scene.second), NOTHING);
}

/// R4: also when it is not even asked any more.
async fn an_upstream_that_is_down_is_not_passed_over_however_often_one_asks(database: Database) {
    let mut scene = Scene::start(database).await;
    scene.first.stop();
    for number in 0..20 {
        let name = format!("crate-{number}");
        scene.second.publish(&of("second", &name, "9.9.9"));
        let status = scene.index("acme", &name).await;
        assert!(matches!(&*status, "502" | "503"), "{name}: {status}");
    }
    assert_eq!(asked(&scene.second), NOTHING);
}

/// R4, R7.
async fn the_last_good_copy_of_the_first_serves_and_the_second_is_not_asked(database: Database) {
    let mut scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    let theirs = of("first", "left-pad", "1.0.0");
    scene.first.publish(&theirs);
    scene.gets("acme", &theirs).await;
    scene.second.publish(&of("second", "left-pad", "1.0.0"));
    scene.second.publish(&of("second", "left-pad", "9.9.9"));
    for fault in [Fault::Status(500), Fault::Status(403), Fault::Garbage] {
        scene.first.fault("/", fault);
        assert_eq!(scene.index("acme", "left-pad").await, "1.0.0");
        scene.gets("acme", &theirs).await;
    }
    scene.first.stop();
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0");
    scene.server.restart().await;
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0");
    scene.gets("acme", &theirs).await;
    assert_eq!(asked(&scene.second), NOTHING);
}

/// R4: what is pinned to the second is asked there alone.
async fn a_name_of_the_second_is_served_while_the_first_is_down(database: Database) {
    let mut scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    let theirs = of("second", "right-pad", "1.0.0");
    scene.second.publish(&theirs);
    scene.second.publish(&of("second", "new-pad", "1.0.0"));
    assert_eq!(scene.index("acme", "right-pad").await, "1.0.0");
    scene.first.stop();
    scene.second.publish(&of("second", "right-pad", "1.1.0"));
    assert_eq!(scene.index("acme", "right-pad").await, "1.0.0, 1.1.0");
    scene.gets("acme", &theirs).await;
    // whether the first has this one cannot be told
    let status = scene.index("acme", "new-pad").await;
    assert!(matches!(&*status, "502" | "503"), "{status}");
    assert_eq!(asked_about(&scene.second, "new-pad").len(), 0);
}

/// R4: "R asks its upstreams once".
async fn a_new_name_is_refused_where_any_upstream_has_it_or_cannot_tell(database: Database) {
    let scene = Scene::start(database).await;
    scene.second.publish(&of("second", "taken_name", "1.0.0"));
    let publish = async |name: &str| {
        let package = Package::new(name, "0.1.0");
        said(&scene.admin.publish("acme", &package).await)
    };
    insta::assert_snapshot!(publish("taken-name").await, @"409 upstream-has-name: `taken-name` is a crate of upstream `second`, which registry `acme` reads through; a maintainer has to claim the name first: `supercargo claim create acme taken-name --mode fork`");
    for upstream in [&scene.first, &scene.second] {
        upstream.fault(&index_file("unsure"), Fault::Status(403));
        let refused = publish("unsure").await;
        assert!(refused.starts_with("503 upstream-unsure: "), "{refused}");
        upstream.heal();
    }
    assert!(publish("unsure").await.starts_with("200 "));
    for upstream in [&scene.first, &scene.second] {
        upstream.clear_requests();
    }
    assert!(publish("new-name").await.starts_with("200 "));
    for upstream in [&scene.first, &scene.second] {
        let mut paths = asked(upstream);
        paths.sort_unstable();
        assert_eq!(paths, ["new-name", "new_name"].map(index_file));
    }
}

/// R3, R4: index, downloads and what a publish asks.
async fn patterns_say_which_upstream_is_asked_for_a_name(database: Database) {
    let scene = Scene::start(database).await;
    scene
        .admin
        .attach(
            "acme",
            json!([
                { "name": "first", "only": ["partner-*", "Serde_Json"], "except": ["partner-old"] },
                { "name": "second", "except": ["partner-*"] },
            ]),
        )
        .await;
    for name in [
        "partner-lib",
        "partner_lib",
        "partner-old",
        "serde-json",
        "serde_json",
        "left-pad",
    ] {
        scene.first.publish(&of("first", name, "1.0.0"));
        scene.second.publish(&of("second", name, "2.0.0"));
    }
    for (name, listed) in [
        ("partner-lib", "1.0.0"),
        ("partner_lib", "1.0.0"),
        ("partner-old", "404"),
        ("serde-json", "1.0.0"),
        ("serde_json", "1.0.0"),
        ("left-pad", "2.0.0"),
        ("partner-none", "404"),
        ("no-pad", "404"),
    ] {
        for view in [View::Index, View::Mirror] {
            assert_eq!(scene.listed("acme", view, name).await, listed, "{name}");
        }
        for version in ["1.0.0", "2.0.0"] {
            let status = if version == listed { 200 } else { 404 };
            scene.download("acme", name, version).await.expect(status);
        }
    }
    scene
        .publish("acme", &Package::new("partner-new", "0.1.0"))
        .await;
    scene
        .publish("acme", &Package::new("other-new", "0.1.0"))
        .await;
    // what nobody is asked for is free
    scene
        .publish("acme", &Package::new("partner-old", "0.1.0"))
        .await;
    for name in [
        "left-pad",
        "no-pad",
        "other-new",
        "other_new",
        "partner-old",
    ] {
        assert_eq!(asked_about(&scene.first, name).len(), 0, "{name}");
    }
    for name in [
        "partner-lib",
        "partner_lib",
        "partner-old",
        "partner-none",
        "partner-new",
    ] {
        assert_eq!(asked_about(&scene.second, name).len(), 0, "{name}");
    }
    assert_eq!(asked_about(&scene.first, "partner-new").len(), 1);
    assert_eq!(asked_about(&scene.second, "other-new").len(), 1);
    assert_eq!(asked_about(&scene.second, "serde-json").len(), 0);
}

/// R3: a narrower list holds in search as well, which asks nobody.
async fn what_no_upstream_takes_any_more_is_not_found_in_search(database: Database) {
    let scene = Scene::start(database).await;
    scene.first.publish(&of("first", "left-pad", "1.0.0"));
    scene.second.publish(&of("second", "right-pad", "1.0.0"));
    for name in ["left-pad", "right-pad"] {
        scene.download("acme", name, "1.0.0").await.expect(200);
    }
    let found = async || {
        let page = scene
            .admin
            .get("/acme/api/v1/crates?q=pad")
            .await
            .expect(200);
        let crates = page.json()["crates"].as_array().unwrap().clone();
        let names = crates.iter().map(|found| found["name"].as_str().unwrap());
        names.collect::<Vec<_>>().join(" ")
    };
    // the client may have a file whole a moment before it is stored
    eventually("both", async || found().await == "left-pad right-pad").await;
    for (upstreams, names) in [
        (json!(["second", "first"]), "left-pad right-pad"),
        (json!([{ "name": "first", "only": ["left-*"] }]), "left-pad"),
        (
            json!([{ "name": "second", "except": ["left_pad"] }]),
            "right-pad",
        ),
        (json!([]), ""),
    ] {
        scene.admin.attach("acme", upstreams.clone()).await;
        assert_eq!(found().await, names, "{upstreams}");
    }
}

/// R3: each change right after a request that was answered under the former list.
async fn a_change_of_the_list_holds_from_the_next_request_on(database: Database) {
    let scene = Scene::start(database).await;
    for name in ["one-pad", "two-pad", "three-pad"] {
        scene.first.publish(&of("first", name, "1.0.0"));
        scene.second.publish(&of("second", name, "2.0.0"));
    }
    for (upstreams, listed) in [
        (json!(["first"]), "1.0.0"),
        (json!(["second"]), "2.0.0"),
        (json!(["first"]), "1.0.0"),
        (json!([]), "404"),
        (json!(["second", "first"]), "2.0.0"),
        (
            json!([{ "name": "second", "except": ["*-pad"] }, "first"]),
            "1.0.0",
        ),
        (
            json!([{ "name": "first", "only": ["left-*"] }, "second"]),
            "2.0.0",
        ),
    ] {
        scene.admin.attach("acme", upstreams.clone()).await;
        for name in ["one-pad", "two-pad", "three-pad"] {
            for view in [View::Index, View::Mirror] {
                let now = scene.listed("acme", view, name).await;
                assert_eq!(now, listed, "{name} {view} with {upstreams}");
            }
        }
    }
}

/// R3: a refusal names what is wrong, and changes nothing.
async fn what_no_list_of_upstreams_can_be(database: Database) {
    let scene = Scene::start(database).await;
    let many: Vec<_> = (0..21).map(|number| format!("u{number}")).collect();
    let mut table = Vec::new();
    for upstreams in [
        json!(["first", "second", "first"]),
        json!([{ "name": "first", "only": ["a-*"] }, { "name": "first", "except": ["a-*"] }]),
        json!(many),
        json!(["first", "nobody"]),
        json!([{ "name": "first", "only": ["a/b"] }]),
        json!([{ "name": "first", "except": [""] }]),
        json!([{ "name": "first", "only": "a-*" }]),
        json!([{ "name": "first", "sometimes": ["a-*"] }]),
        json!([{ "only": ["a-*"] }]),
        json!([7]),
        json!("first"),
    ] {
        let asked = json!({ "upstreams": upstreams });
        table.push(said(&scene.try_change("acme", asked.clone()).await));
        let create = json!({ "name": "other", "upstreams": upstreams });
        let refused = scene.admin.post("/api/v1/registries", create).await;
        assert!(refused.status.is_client_error(), "{refused}");
    }
    insta::assert_snapshot!(table.join("\n"), @r#"
    422 upstream-twice: upstream `first` is in the list twice; name it once
    422 upstream-twice: upstream `first` is in the list twice; name it once
    422 invalid-request: `upstreams` has at most 20 entries, for a name that nobody has is asked of all of them
    404 no-such-upstream: there is no upstream named `nobody`; `supercargo upstream list` shows those there are
    422 invalid-request: the request does not have the expected shape: invalid character `/` in pattern `a/b`: use letters, digits, `-`, `_` and `*`, as in `acme-*` at line 1 column 44
    422 invalid-request: the request does not have the expected shape: a pattern has 1 to 64 characters, as in `acme-*` at line 1 column 43
    422 invalid-request: the request does not have the expected shape: invalid type: string "a-*", expected a sequence at line 1 column 42
    422 invalid-request: the request does not have the expected shape: unknown field `sometimes`, expected one of `name`, `only`, `except` at line 1 column 41
    422 invalid-request: the request does not have the expected shape: missing field `name` at line 1 column 30
    422 invalid-request: the request does not have the expected shape: invalid type: integer `7`, expected an upstream's name, or an object with its `name`, `only` and `except` at line 1 column 15
    422 invalid-request: the request does not have the expected shape: invalid type: string "first", expected a sequence at line 1 column 20
    "#);
    let acme = scene.admin.get("/api/v1/registries/acme").await.json();
    assert_eq!(
        acme["upstreams"],
        json!([
            { "name": "first", "only": [], "except": [] },
            { "name": "second", "only": [], "except": [] },
        ])
    );
    scene
        .admin
        .get("/api/v1/registries/other")
        .await
        .expect(404);
    // as many as there may be
    for name in &many[..20] {
        let index = scene.first.index_url();
        scene
            .admin
            .create_upstream(json!({ "name": name, "index": index }))
            .await;
    }
    scene.admin.attach("acme", json!(many[..20])).await;
}
