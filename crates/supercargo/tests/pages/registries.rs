//! Registries by form: rows R1, R3 and I2, and issue 6's pages 1 to 3.

use serde_json::{Value, json};
use supercargo_testkit::{Browser, Database, FakeUpstream, Form, Package, Page, View, on_both};

use crate::{html::executable, scene::Scene};

on_both!(
    a_registry_is_made_by_form,
    what_is_wrong_with_a_new_registry_stands_beside_its_fields,
    settings_are_changed_by_form,
    who_else_would_read_a_registry_is_said_before_it_is_so,
    upstreams_are_put_in_order_by_form,
    what_cannot_be_read_through_is_told_beside_the_list,
    a_registry_is_deleted_and_restored_by_form,
    a_registry_that_others_read_through_is_not_deleted,
    the_name_of_a_deleted_registry_is_not_used_again_by_chance,
    forms_are_followed_for_those_who_may,
);

const NEW: &str = "/-/registries/new";
const DELETED: &str = "/-/registries/deleted";
const SETTINGS: &str = "/secret/settings";
const ORDER: &str = "/secret/settings/upstreams";
const DELETE: &str = "/secret/settings/delete";

/// A registry as the management API says it.
async fn registry(scene: &Scene, name: &str) -> Value {
    let path = format!("/api/v1/registries/{name}");
    scene.admin.get(&path).await.expect(200).json()
}

/// The names of what it reads through, in their order.
async fn order(scene: &Scene, name: &str) -> Vec<String> {
    let registry = registry(scene, name).await;
    let upstreams = registry["upstreams"].as_array().unwrap().iter();
    upstreams
        .map(|it| it["name"].as_str().unwrap().to_owned())
        .collect()
}

/// A member of the instance who is the admin of `secret`.
async fn captain(scene: &Scene) -> Browser {
    let browser = scene.browser_of("alice", "member").await;
    scene.admin.member("secret", "alice", "admin").await;
    browser
}

/// The values of every field of a name.
fn values<'a>(form: &'a Form, name: &str) -> Vec<&'a str> {
    let fields = form.fields.iter().filter(|(known, _)| known == name);
    fields.map(|(_, value)| value.as_str()).collect()
}

fn assert_safe(page: &Page) {
    assert_eq!(executable(&page.html), Vec::<String>::new(), "{page}");
}

/// R1 (create), and issue 6: "on success the next step".
async fn a_registry_is_made_by_form(database: Database) {
    let scene = Scene::start(database).await;
    let mut creator = scene.browser_of("carol", "creator").await;
    let home = scene.open(&mut creator, "/").await.expect(200);
    assert!(home.html.contains(&format!("href=\"{NEW}\"")), "{home}");
    assert!(!home.html.contains(DELETED), "{home}");
    let page = scene.open(&mut creator, NEW).await.expect(200);
    let form = page.form(NEW).with("name", "acme");
    assert_eq!(form.value("visibility"), Some("private"));
    assert_eq!(form.value("publishing"), Some("owners"));
    // a button of the list keeps everything else
    let form = form
        .with("description", "What we\r\nwrite ourselves")
        .with("labels", "team=core\r\ntier=1");
    let form = form
        .with("visibility", "internal")
        .with("publishing", "members");
    let draft = form.with("do", "attach").with("attach", "partner");
    let page = creator.send(&draft).await.expect(200);
    assert!(page.words().contains("partner is asked last"), "{page}");
    let form = page.form(NEW);
    assert_eq!(values(&form, "upstream"), ["partner"]);
    assert_eq!(form.value("name"), Some("acme"));
    assert_eq!(form.value("description"), Some("What we\nwrite ourselves"));
    assert_eq!(form.value("visibility"), Some("internal"));
    let nothing = scene.admin.get("/api/v1/registries/acme").await;
    nothing.expect(404);

    let form = form.with("do", "save").with("except", "secret-*");
    let page = creator.send(&form).await.expect(200);
    assert_eq!(page.path(), "/acme?done=made");
    assert!(page.words().contains("acme is there. Next"), "{page}");
    assert!(page.html.contains("href=\"/acme/setup\""), "{page}");
    let made = registry(&scene, "acme").await;
    assert_eq!(made["description"], "What we\nwrite ourselves");
    assert_eq!(made["labels"], json!({ "team": "core", "tier": "1" }));
    assert_eq!(made["visibility"], "internal");
    assert_eq!(made["publishing"], "members");
    assert_eq!(made["republish"], false);
    let attached = json!([{ "name": "partner", "only": [], "except": ["secret-*"] }]);
    assert_eq!(made["upstreams"], attached);
    // its maker is its admin, and it is a registry for cargo
    scene.open(&mut creator, "/acme/settings").await.expect(200);
    scene.publish("acme", &Package::new("demo", "1.0.0")).await;
    let row = scene.open(&mut creator, "/").await.expect(200).words();
    assert!(row.contains("acme What we write ourselves"), "{row}");
    assert!(row.contains("demo 1.0.0"), "{row}");

    // whoever may not make one is not led there
    let mut member = scene.browser_of("bob", "member").await;
    let home = scene.open(&mut member, "/").await.expect(200);
    assert!(!home.html.contains(NEW), "{home}");
    scene.open(&mut member, NEW).await.expect(403);
}

/// R1, in a form: all that is wrong is told at once, and nothing that was typed is lost.
async fn what_is_wrong_with_a_new_registry_stands_beside_its_fields(database: Database) {
    let scene = Scene::start(database).await;
    let mut creator = scene.browser_of("carol", "creator").await;
    let page = scene.open(&mut creator, NEW).await.expect(200);
    let nasty = "\"><script>alert(1)</script>";
    let form = page.form(NEW).with("do", "save");
    let wrong = form
        .clone()
        .with("name", nasty)
        .with("description", nasty)
        .with("labels", &format!("={nasty}"))
        .with("visibility", nasty);
    let page = creator.send(&wrong).await.expect(422);
    assert_safe(&page);
    let words = page.words();
    assert!(words.contains("3 fields have to be corrected."), "{page}");
    for told in [
        "must start with a lower-case letter",
        "has no key",
        "Choose who reads it.",
    ] {
        assert!(words.contains(told), "{told}: {page}");
    }
    let again = page.form(NEW);
    assert_eq!(again.value("name"), Some(nasty));
    assert_eq!(again.value("description"), Some(nasty));
    assert_eq!(again.value("publishing"), Some("owners"));

    for (name, status, told) in [
        ("secret", 409, "A registry named secret exists"),
        ("se.cret", 201, ""),
        ("in-side", 201, ""),
        ("SECRET", 422, "must start with a lower-case letter"),
        ("api", 422, "api"),
        ("", 422, "name"),
    ] {
        let page = creator.send(&form.clone().with("name", name)).await;
        if status == 201 {
            assert_eq!(page.path(), format!("/{name}?done=made"));
            continue;
        }
        let page = page.expect(status);
        assert!(page.words().contains(told), "{told}: {page}");
        assert!(page.html.contains("id=\"name-e\""), "{page}");
    }
    let twin = form.clone().with("name", "se-cret");
    let page = creator.send(&twin).await.expect(409);
    assert!(page.words().contains("differ only in"), "{page}");
    let long = form
        .clone()
        .with("name", "long")
        .with("description", &"x".repeat(1_001));
    let page = creator.send(&long).await.expect(422);
    assert!(page.html.contains("id=\"description-e\""), "{page}");
    scene.admin.get("/api/v1/registries/long").await.expect(404);
}

/// R1 (edit).
async fn settings_are_changed_by_form(database: Database) {
    let scene = Scene::start(database).await;
    let mut alice = captain(&scene).await;
    let page = scene.open(&mut alice, SETTINGS).await.expect(200);
    let form = page.form(SETTINGS);
    assert_eq!(form.value("description"), Some("What is private"));
    assert_eq!(form.value("labels"), Some("tier=1"));
    assert_eq!(form.value("visibility"), Some("private"));
    assert_eq!(form.value("republish"), None);
    let nasty = "a <b>\"bold\"</b> word\r\n</textarea><script>alert(1)</script>";
    let form = form
        .with("description", nasty)
        .with("labels", "team = core\r\n\r\nplain")
        .with("publishing", "members")
        .with("republish", "yes");
    let page = alice.send(&form).await.expect(200);
    assert_eq!(page.path(), format!("{SETTINGS}?done=saved"));
    assert!(page.words().contains("The settings are saved"), "{page}");
    assert_safe(&page);
    let saved = registry(&scene, "secret").await;
    assert_eq!(saved["description"], nasty.replace("\r\n", "\n"));
    assert_eq!(saved["labels"], json!({ "team": "core", "plain": "" }));
    assert_eq!(saved["publishing"], "members");
    assert_eq!(saved["republish"], true);
    assert_eq!(saved["visibility"], "private");
    // what another page is for stays as it was
    assert_eq!(order(&scene, "secret").await, ["partner"]);
    assert_eq!(
        page.form(SETTINGS).value("labels"),
        Some("plain\nteam=core")
    );

    // all that is wrong is told at once, and nothing is saved
    let wrong = page
        .form(SETTINGS)
        .with("labels", "a=1\r\na=2")
        .with("visibility", "secret")
        .with("publishing", "")
        .with("description", "other");
    let page = alice.send(&wrong).await.expect(422);
    let words = page.words();
    assert!(words.contains("3 fields have to be corrected."), "{page}");
    assert!(words.contains("a stands there twice"), "{page}");
    assert_eq!(page.form(SETTINGS).value("description"), Some("other"));
    assert_eq!(registry(&scene, "secret").await, saved);
}

/// I2: a wider audience is asked about, and is so at once.
async fn who_else_would_read_a_registry_is_said_before_it_is_so(database: Database) {
    let scene = Scene::start(database).await;
    scene
        .publish("secret", &Package::new("demo", "1.0.0"))
        .await;
    let mut alice = captain(&scene).await;
    let page = scene.open(&mut alice, SETTINGS).await.expect(200);
    let form = page.form(SETTINGS).with("visibility", "public");
    let page = alice.send(&form).await.expect(422);
    let words = page.words();
    assert!(words.contains("secret would be public"), "{page}");
    assert!(words.contains("1 hosted crate in 1 version"), "{page}");
    assert_eq!(page.form(SETTINGS).value("visibility"), Some("public"));
    scene.anybody("/secret").await.expect(303);
    // a yes to one audience is none to another
    let less = page.form(SETTINGS).with("sure", "internal");
    let page = alice.send(&less).await.expect(422);
    assert_eq!(registry(&scene, "secret").await["visibility"], "private");
    let sure = page.form(SETTINGS).with("sure", "public");
    alice.send(&sure).await.expect(200);
    scene.anybody("/secret").await.expect(200);
    // fewer need no question
    let page = scene.open(&mut alice, SETTINGS).await.expect(200);
    let form = page.form(SETTINGS).with("visibility", "private");
    alice.send(&form).await.expect(200);
    scene.anybody("/secret").await.expect(303);
}

/// R3: ordered, and a change applies at once.
async fn upstreams_are_put_in_order_by_form(database: Database) {
    let scene = Scene::start(database).await;
    let other = FakeUpstream::start();
    scene
        .admin
        .create_upstream(json!({ "name": "other", "index": other.index_url() }))
        .await;
    for name in ["both", "later"] {
        scene.upstream.publish(&Package::new(name, "1.0.0"));
        other.publish(&Package::new(name, "2.0.0"));
    }
    let listed = async |name: &str| scene.admin.listed("secret", View::Index, name).await;
    assert_eq!(listed("both").await, ["1.0.0"]);

    let mut alice = captain(&scene).await;
    let page = scene.open(&mut alice, ORDER).await.expect(200);
    assert_eq!(values(&page.form(ORDER), "upstream"), ["partner"]);
    let none = page.form(ORDER).with("do", "attach");
    let page = alice.send(&none).await.expect(422);
    assert!(page.words().contains("Choose the upstream"), "{page}");
    let unknown = page
        .form(ORDER)
        .with("do", "attach")
        .with("attach", "nosuch");
    let page = alice.send(&unknown).await.expect(422);
    assert!(page.html.contains("id=\"attach-e\""), "{page}");
    let attach = page
        .form(ORDER)
        .with("do", "attach")
        .with("attach", "other");
    let page = alice.send(&attach).await.expect(200);
    assert_eq!(values(&page.form(ORDER), "upstream"), ["partner", "other"]);
    let up = page.form(ORDER).with("do", "up:other");
    let page = alice.send(&up).await.expect(200);
    assert!(page.words().contains("other is number 1 of 2"), "{page}");
    assert!(page.html.contains("autofocus"), "{page}");
    // nothing of that is saved yet
    assert_eq!(order(&scene, "secret").await, ["partner"]);

    let form = page.form(ORDER);
    assert_eq!(values(&form, "upstream"), ["other", "partner"]);
    let wrong = form
        .clone()
        .without("only")
        .and("only", "acme-* no.dots")
        .and("only", "")
        .with("do", "save");
    let page = alice.send(&wrong).await.expect(422);
    assert!(page.html.contains("id=\"only-1-e\""), "{page}");
    assert!(
        page.words().contains("Look at the names of other"),
        "{page}"
    );
    assert_eq!(values(&page.form(ORDER), "only"), ["acme-* no.dots", ""]);
    let save = form
        .without("except")
        .and("except", "both\r\nthird-*")
        .and("except", "")
        .with("do", "save");
    let page = alice.send(&save).await.expect(200);
    assert_eq!(page.path(), format!("{ORDER}?done=saved"));
    let told = "other , partner are asked, in this order";
    assert!(page.words().contains(told), "{page}");
    assert_eq!(order(&scene, "secret").await, ["other", "partner"]);
    let attached = &registry(&scene, "secret").await["upstreams"][0];
    assert_eq!(attached["except"], json!(["both", "third-*"]));
    // at once, for cargo too
    assert_eq!(listed("later").await, ["2.0.0"]);
    assert_eq!(listed("both").await, ["1.0.0"]);

    // no button by itself, nor one of another row, saves anything
    let page = scene.open(&mut alice, ORDER).await.expect(200);
    for deed in ["up:nosuch", "sideways:other", "detach:other", "save:other"] {
        let form = page.form(ORDER).with("do", deed);
        alice.send(&form).await.expect(200);
        assert_eq!(order(&scene, "secret").await, ["other", "partner"]);
    }
    let empty = page.form(ORDER).without("upstream").with("do", "save");
    let page = alice.send(&empty).await.expect(200);
    assert!(page.words().contains("nobody outside is asked"), "{page}");
    assert!(order(&scene, "secret").await.is_empty());
}

/// R3: cycles and wider audiences are refused, and so is what one may not attach.
async fn what_cannot_be_read_through_is_told_beside_the_list(database: Database) {
    let scene = Scene::start(database).await;
    for upstream in [
        json!({ "name": "the-secret", "registry": "secret" }),
        json!({ "name": "the-inside", "registry": "inside" }),
        json!({
            "name": "paid", "index": scene.upstream.index_url(),
            "auth": { "kind": "bearer", "secret": "of a contract" },
        }),
    ] {
        scene.admin.create_upstream(upstream).await;
    }
    let mut alice = captain(&scene).await;
    let page = scene.open(&mut alice, ORDER).await.expect(200);
    assert!(page.html.contains("value=\"the-secret\""), "{page}");
    for hidden in ["paid", "the-inside"] {
        let choice = format!("value=\"{hidden}\"");
        assert!(!page.html.contains(&choice), "{hidden}: {page}");
    }
    let with = |page: &Page, name: &str| {
        let form = page.form(ORDER).with("do", "save").and("upstream", name);
        form.and("only", "").and("except", "")
    };
    for (name, status, told) in [
        ("the-secret", 422, "would read through itself"),
        ("paid", 422, "may not use upstream paid"),
        ("nosuch", 404, "There is no such upstream"),
        ("partner", 422, "is in the list twice"),
        ("<script>", 404, "There is no such upstream"),
    ] {
        let page = alice.send(&with(&page, name)).await;
        assert!(page.words().contains(told), "{told}: {page}");
        assert_eq!(page.status.as_u16(), status, "{page}");
        assert!(page.html.contains("id=\"upstreams-e\""), "{page}");
        assert_eq!(values(&page.form(ORDER), "upstream"), ["partner", name]);
        assert_safe(&page);
    }
    assert_eq!(order(&scene, "secret").await, ["partner"]);
    // and beside who reads it, where that is what would have to be another
    let attached = json!(["the-inside"]);
    scene.admin.attach("open", json!([])).await;
    scene.admin.attach("secret", attached).await;
    let page = scene.open(&mut alice, SETTINGS).await.expect(200);
    let form = page.form(SETTINGS).with("visibility", "public");
    let page = alice.send(&form.with("sure", "public")).await;
    assert!(page.words().contains("more people may read it"), "{page}");
    assert!(page.html.contains("id=\"visibility-e\""), "{page}");
    assert_eq!(registry(&scene, "secret").await["visibility"], "private");
}

/// R1: delete asks for the name, and can be undone for 30 days.
async fn a_registry_is_deleted_and_restored_by_form(database: Database) {
    let scene = Scene::start(database).await;
    let demo = Package::new("demo", "1.0.0");
    scene.publish("secret", &demo).await;
    let reader = scene
        .admin
        .person("bob", "secret", "reader", &["read"])
        .await;
    let file = reader
        .download("secret", View::Index, "demo", "1.0.0")
        .await;
    file.expect(200);
    let mut alice = captain(&scene).await;
    let page = scene.open(&mut alice, SETTINGS).await.expect(200);
    assert!(
        page.words().contains("1 hosted crate in 1 version"),
        "{page}"
    );
    for typed in ["", "Secret", "\"><b>"] {
        let form = page.form(DELETE).with("confirm", typed);
        let page = alice.send(&form).await.expect(422);
        assert!(
            page.words().contains("Type secret , as it stands here."),
            "{page}"
        );
        assert!(page.html.contains("id=\"confirm-e\""), "{page}");
    }
    registry(&scene, "secret").await;
    let form = page.form(DELETE).with("confirm", "secret");
    let page = alice.send(&form).await.expect(200);
    // who may not restore it is told who may
    assert_eq!(page.path(), "/?done=deleted");
    assert!(
        page.words().contains("An instance admin can restore it"),
        "{page}"
    );
    scene
        .admin
        .get("/api/v1/registries/secret")
        .await
        .expect(404);
    reader
        .index("secret", View::Index, "demo")
        .await
        .expect(403);
    scene.open(&mut alice, DELETED).await.expect(403);

    let mut root = scene.browser_of("root2", "admin").await;
    let home = scene.open(&mut root, "/").await.expect(200);
    assert!(home.html.contains(DELETED), "{home}");
    let page = scene.open(&mut root, DELETED).await.expect(200);
    let form = page.form("/-/registries/restore");
    assert_eq!(form.value("registry"), Some("secret"));
    let back = root.send(&form).await.expect(200);
    assert_eq!(back.path(), "/secret?done=restored");
    assert!(back.words().contains("It is restored"), "{back}");
    reader
        .index("secret", View::Index, "demo")
        .await
        .expect(200);
    // once more is nothing to restore
    let again = root.send(&form).await.expect(409);
    assert!(
        again.words().contains("there is nothing to restore"),
        "{again}"
    );
    assert!(again.words().contains("Nothing is deleted"), "{again}");
}

/// R1: refused while another registry reads through it; hidden names are not told.
async fn a_registry_that_others_read_through_is_not_deleted(database: Database) {
    let scene = Scene::start(database).await;
    let mut alice = captain(&scene).await;
    let open = scene.open(&mut alice, SETTINGS).await.expect(200);
    let form = open.form(DELETE).with("confirm", "secret");
    scene
        .admin
        .create_upstream(json!({ "name": "the-secret", "registry": "secret" }))
        .await;
    for name in ["harbour", "hidden"] {
        let reader = json!({ "name": name, "upstreams": ["the-secret"] });
        scene.admin.create_registry(reader).await;
    }
    scene.admin.member("harbour", "alice", "reader").await;
    let page = scene.open(&mut alice, SETTINGS).await.expect(200);
    let words = page.words();
    assert!(
        words.contains("cannot be deleted while others read"),
        "{page}"
    );
    assert!(
        words.contains("harbour and 1 that you may not see"),
        "{page}"
    );
    assert!(!page.html.contains("/hidden/"), "{page}");
    assert!(!page.html.contains(DELETE), "{page}");
    // a form from before is refused all the same
    let page = alice.send(&form).await.expect(409);
    let told = "is read through by registry harbour , a registry that you may not see";
    assert!(page.words().contains(told), "{page}");
    registry(&scene, "secret").await;
}

/// R1, and product: "a retired name".
async fn the_name_of_a_deleted_registry_is_not_used_again_by_chance(database: Database) {
    let scene = Scene::start(database).await;
    scene
        .publish("secret", &Package::new("demo", "1.0.0"))
        .await;
    let gone = scene
        .admin
        .delete("/api/v1/registries/secret?confirm=secret");
    gone.await.expect(204);
    let mut creator = scene.browser_of("carol", "creator").await;
    let page = scene.open(&mut creator, NEW).await.expect(200);
    let form = page.form(NEW).with("do", "save").with("name", "secret");
    let page = creator.send(&form.with("reuse", "yes")).await.expect(409);
    assert!(
        page.words().contains("only an instance admin may"),
        "{page}"
    );

    let mut root = scene.browser_of("root2", "admin").await;
    let page = scene.open(&mut root, NEW).await.expect(200);
    let form = page.form(NEW).with("do", "save").with("name", "secret");
    let page = root.send(&form).await.expect(409);
    assert!(page.words().contains("restore it instead"), "{page}");
    let page = scene.open(&mut root, DELETED).await.expect(200);
    let purge = page.form("/-/registries/purge");
    let wrong = root.send(&purge.clone().with("confirm", "secre")).await;
    let wrong = wrong.expect(422);
    assert!(
        wrong.words().contains("Type secret , as it stands here."),
        "{wrong}"
    );
    let page = root
        .send(&purge.with("confirm", "secret"))
        .await
        .expect(200);
    assert!(page.words().contains("Its name stays taken"), "{page}");
    assert!(page.words().contains("nothing is left of it"), "{page}");
    assert!(!page.html.contains("/-/registries/restore"), "{page}");
    let page = scene.open(&mut root, NEW).await.expect(200);
    let form = page.form(NEW).with("do", "save").with("name", "secret");
    let page = root.send(&form).await.expect(409);
    assert!(!page.words().contains("restore it instead"), "{page}");
    let sure = page.form(NEW).with("reuse", "yes").with("do", "save");
    let page = root.send(&sure).await;
    assert_eq!(page.path(), "/secret?done=made");
    let listed = scene.admin.get("/api/v1/registries/secret").await;
    assert_eq!(listed.expect(200).json()["crates"], 0);
}

/// I5, and issue 6's "safe": of everybody else, and of strangers' pages, no form is followed.
async fn forms_are_followed_for_those_who_may(database: Database) {
    let scene = Scene::start(database).await;
    let before = registry(&scene, "secret").await;
    let mut alice = captain(&scene).await;
    let mut reader = scene.browser_of("bob", "member").await;
    scene.admin.member("secret", "bob", "maintainer").await;
    let mut stranger = scene.browser_of("mallory", "member").await;
    let settings = scene.open(&mut alice, SETTINGS).await.expect(200);
    let upstreams = scene.open(&mut alice, ORDER).await.expect(200);
    let forms = [
        settings.form(SETTINGS).with("description", "other"),
        settings.form(DELETE).with("confirm", "secret"),
        upstreams.form(ORDER).without("upstream").with("do", "save"),
    ];
    for path in [SETTINGS, ORDER] {
        let page = scene.open(&mut reader, path).await.expect(403);
        assert!(page.words().contains("needs the role admin"), "{page}");
        scene.open(&mut stranger, path).await.expect(404);
        let page = scene.anybody(path).await.expect(303);
        let to = page.headers["location"].to_str().unwrap();
        assert!(to.starts_with("/-/login?return_to="), "{to}");
    }
    let proof = |page: &Page| {
        let form = page.form("/-/logout");
        form.value("csrf").unwrap().to_owned()
    };
    let of_reader = proof(&scene.open(&mut reader, "/").await);
    let of_stranger = proof(&scene.open(&mut stranger, "/").await);
    for form in forms {
        let bare = form.clone().without("csrf");
        alice.send_only(&bare).await.expect(403);
        let evil = form.clone().from_page("https://evil.example/");
        alice.send_only(&evil).await.expect(403);
        let foreign = form.clone().with("csrf", &of_reader);
        alice.send_only(&foreign).await.expect(403);
        reader.send_only(&foreign).await.expect(403);
        let hidden = form.clone().with("csrf", &of_stranger);
        stranger.send_only(&hidden).await.expect(404);
        Browser::new().send_only(&form).await.expect(303);
    }
    assert_eq!(registry(&scene, "secret").await, before);
    let log = "/api/v1/audit?principal=bob&outcome=denied&registry=secret";
    let log = scene.admin.get(log).await.expect(200).json();
    let actions: Vec<_> = log["items"].as_array().unwrap().iter().collect();
    for action in ["registry.changed", "registry.deleted"] {
        assert!(actions.iter().any(|it| it["action"] == action), "{log}");
    }
}
