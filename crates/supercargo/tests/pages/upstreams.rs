//! Pages of upstreams, of what is cached, and of a registry's rules: rows R2, R6 and R11, and issue 6's pages 2 and 3.

use serde_json::{Value, json};
use supercargo_testkit::{Browser, Database, Form, Package, Page, View, on_both};

use crate::{html::executable, scene::Scene};

on_both!(
    an_upstream_is_tested_before_it_is_made,
    an_upstream_is_made_changed_and_deleted,
    what_is_wrong_with_an_upstream_is_told_beside_its_fields,
    a_kept_secret_goes_nowhere_else,
    an_upstream_that_is_read_is_not_deleted,
    upstreams_are_for_admins_to_change_and_for_people_to_see,
    what_is_cached_is_listed_and_evicted,
    patterns_are_checked_and_tell_what_they_catch,
    a_quarantine_is_set_listed_and_lifted,
    rules_are_for_those_to_change_who_may,
);

const LIST: &str = "/-/upstreams";
const NEW: &str = "/-/upstreams/new";
const SECRET: &str = "four-winds-and-seven-seas";

async fn upstream(scene: &Scene, name: &str) -> Value {
    let path = format!("/api/v1/upstreams/{name}");
    scene.admin.get(&path).await.expect(200).json()
}

fn said(page: &Page, words: &str) {
    assert!(page.words().contains(words), "{words}: {page}");
    assert_eq!(executable(&page.html), Vec::<String>::new());
}

/// A form of ours, sent from elsewhere, without its proof, and by nobody: nothing of it is done.
async fn is_ours_alone(browser: &mut Browser, form: &Form) {
    let stranger = form.clone().from_page("https://evil.example/");
    browser.send_only(&stranger).await.expect(403);
    browser
        .send_only(&form.clone().without("csrf"))
        .await
        .expect(403);
    let page = Browser::new().send_only(form).await.expect(303);
    let location = page.headers["location"].to_str().unwrap();
    assert!(location.starts_with("/-/login?return_to="), "{location}");
}

async fn cache_file(scene: &Scene, registry: &str, name: &str) {
    scene.upstream.publish(&Package::new(name, "1.0.0"));
    let download = scene.admin.download(registry, View::Index, name, "1.0.0");
    download.await.expect(200);
}

/// R2 ("Test connection", private addresses).
async fn an_upstream_is_tested_before_it_is_made(database: Database) {
    let scene = Scene::start(database).await;
    let mut root = scene.browser_of("root", "admin").await;
    let page = scene.open(&mut root, NEW).await.expect(200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("connect-src 'self'"), "{policy}");
    let before = scene.admin.get("/api/v1/upstreams").await.json()["total"].clone();
    let form = page.form(NEW).with("source", "index").with("do", "test");
    let form = form.with("index", &scene.upstream.index_url());

    // without a name: that is not what is tested
    let page = root.send(&form).await.expect(200);
    said(&page, "It answers as a registry does");
    // what it asks for is asked with the credentials of the form, which no page repeats
    scene.upstream.auth(&format!("Bearer {SECRET}"));
    let page = root.send(&form).await.expect(200);
    said(&page, "It does not answer as a registry does.");
    let with_secret = form.clone().with("auth", "bearer").with("secret", SECRET);
    let page = root.send(&with_secret).await.expect(200);
    said(&page, "It answers as a registry does");
    said(&page, "The secret has to be typed again");
    assert!(!page.html.contains(SECRET), "{page}");
    assert_eq!(page.form(NEW).value("auth"), Some("bearer"));

    // the same guard as for one that is there
    let inside = form.clone().with("index", "sparse+http://10.9.8.7/index/");
    let page = root.send(&inside).await.expect(200);
    said(&page, "private address (10.9.8.7)");
    let page = root.send(&form.clone().with("index", "gopher://x")).await;
    said(&page.expect(422), "One field has to be corrected.");
    let missing = form.with("source", "registry").with("registry", "nosuch");
    said(
        &root.send(&missing).await.expect(422),
        "There is no registry",
    );

    let after = scene.admin.get("/api/v1/upstreams").await.json()["total"].clone();
    assert_eq!(before, after, "nothing was made");
    // nothing of it is said of the upstream that has the same address
    scene.upstream.heal();
    let health = upstream(&scene, "partner").await["health"]["state"].clone();
    assert_eq!(health, "unknown");
}

/// R2: presets and credentials.
async fn an_upstream_is_made_changed_and_deleted(database: Database) {
    let scene = Scene::start(database).await;
    let mut root = scene.browser_of("root", "admin").await;
    let page = scene.open(&mut root, NEW).await.expect(200);
    let form = page.form(NEW).with("do", "create").with("name", "new");
    let form = form.with("source", "index").with("auth", "basic");
    let form = form
        .with("index", &scene.upstream.index_url())
        .with("username", "acme")
        .with("secret", SECRET)
        .with("origins", "https://files.partner.example")
        .with("limited", "some")
        .with("usable_by", "open, inside");
    is_ours_alone(&mut root, &form).await;
    let page = root.send(&form).await.expect(200);
    // one of that name has a page beside the form
    assert_eq!(page.path(), "/-/upstreams/%6Eew?done=made");
    for words in [
        "The upstream is made.",
        "a user and a password, acme",
        "admins of open , inside",
        "https://files.partner.example",
    ] {
        said(&page, words);
    }
    assert!(!page.html.contains(SECRET), "{page}");
    let made = upstream(&scene, "new").await;
    assert_eq!(made["auth"]["username"], "acme");
    assert_eq!(made["usable_by"], json!(["open", "inside"]));
    said(&root.send(&form).await.expect(409), "new");

    scene
        .upstream
        .auth("Basic YWNtZTpmb3VyLXdpbmRzLWFuZC1zZXZlbi1zZWFz");
    let page = scene.open(&mut root, "/-/upstreams/%6Eew").await;
    let page = root.send(&page.form("/%6Eew")).await.expect(200);
    said(&page, "It answers as a registry does");

    let edit = "/-/upstreams/%6Eew/edit";
    let page = scene.open(&mut root, edit).await.expect(200);
    let form = page.form("/edit");
    assert_eq!(form.value("auth"), Some("basic"));
    assert_eq!(form.value("secret"), Some(""));
    let page = root.send(&form.with("limited", "rule")).await.expect(200);
    said(&page, "It is changed, as of now.");
    let made = upstream(&scene, "new").await;
    assert_eq!(made["usable_by"], Value::Null);
    let tested = scene.admin.post("/api/v1/upstreams/new/test", json!({}));
    assert_eq!(tested.await.expect(200).json()["ok"], true, "it is kept");

    let page = scene.open(&mut root, edit).await.expect(200);
    let form = page.form("/delete");
    is_ours_alone(&mut root, &form).await;
    let page = root.send(&form.clone().with("confirm", "old")).await;
    said(&page.expect(422), "Type new as it is written here.");
    let page = root.send(&form.with("confirm", "new")).await.expect(200);
    said(&page, "The upstream is deleted.");
    assert!(page.path().starts_with(LIST), "{page}");
    scene.admin.get("/api/v1/upstreams/new").await.expect(404);
    scene.open(&mut root, edit).await.expect(404);
}

/// R2, and issue 6's "safe".
async fn what_is_wrong_with_an_upstream_is_told_beside_its_fields(database: Database) {
    let scene = Scene::start(database).await;
    let mut root = scene.browser_of("root", "admin").await;
    let page = scene.open(&mut root, NEW).await.expect(200);
    let form = page.form(NEW).with("do", "create");
    let nasty = "\"><script>alert(1)</script>";
    let page = form
        .clone()
        .with("source", "index")
        .with("index", "")
        .with("auth", "token")
        .with("limited", "some")
        .with("usable_by", nasty);
    let page = root.send(&page).await.expect(422);
    for (field, words) in [
        ("name", "Give it a name"),
        ("index", "Say where the index is"),
        ("secret", "Type the secret"),
        ("usable_by", "4 fields have to be corrected."),
    ] {
        said(&page, words);
        assert!(page.html.contains(&format!("id=\"{field}-e\"")), "{field}");
    }
    assert!(!page.html.contains("<script>alert"), "{page}");

    let crates_io = form.clone().with("source", "crates.io");
    for (form, field) in [
        (crates_io.clone().with("name", nasty), "name"),
        (
            crates_io
                .clone()
                .with("name", "x")
                .with("limited", "some")
                .with("usable_by", "nosuch"),
            "usable_by",
        ),
        (
            crates_io
                .clone()
                .with("name", "x")
                .with("auth", "token")
                .with("secret", SECRET)
                .with("origins", nasty),
            "origins",
        ),
        (
            crates_io.clone().with("name", "x").with("source", nasty),
            "source",
        ),
        (
            crates_io.clone().with("name", "x").with("auth", nasty),
            "auth",
        ),
        (
            crates_io
                .clone()
                .with("name", "x")
                .with("source", "index")
                .with("index", nasty),
            "index",
        ),
    ] {
        let page = root.send(&form).await.expect(422);
        assert!(page.html.contains(&format!("id=\"{field}-e\"")), "{page}");
        assert!(!page.html.contains("<script>alert"), "{page}");
        assert!(!page.html.contains(SECRET), "{page}");
    }
    let taken = root.send(&crates_io.with("name", "partner")).await;
    let taken = taken.expect(409);
    assert!(taken.html.contains("id=\"name-e\""), "{taken}");
}

/// R2 (secrets are sent only to the origins they were given for).
async fn a_kept_secret_goes_nowhere_else(database: Database) {
    let scene = Scene::start(database).await;
    let mut root = scene.browser_of("root", "admin").await;
    let index = scene.upstream.index_url();
    let auth = json!({ "kind": "token", "secret": SECRET });
    let paid = json!({ "name": "paid", "index": index, "auth": auth });
    scene.admin.create_upstream(paid).await;
    let page = scene.open(&mut root, "/-/upstreams/paid/edit").await;
    let form = page.expect(200).form("/edit");
    for changed in [
        form.clone().with("origins", "https://evil.example"),
        form.clone().with("auth", "bearer"),
        form.clone().with("auth", "basic").with("username", "acme"),
    ] {
        let page = root.send(&changed).await.expect(422);
        said(&page, "Type the secret that it is to be shown.");
    }
    let auth = upstream(&scene, "paid").await["auth"].clone();
    assert_eq!(auth, json!({ "kind": "token" }));
    let other = form.with("origins", "https://files.partner.example");
    root.send(&other.with("secret", "another"))
        .await
        .expect(200);
    let auth = upstream(&scene, "paid").await["auth"].clone();
    assert_eq!(auth["origins"], json!(["https://files.partner.example"]));
}

/// R2 (delete is refused while in use, naming the users).
async fn an_upstream_that_is_read_is_not_deleted(database: Database) {
    let scene = Scene::start(database).await;
    let mut root = scene.browser_of("root", "admin").await;
    let page = scene.open(&mut root, "/-/upstreams/partner/edit").await;
    let page = page.expect(200);
    said(
        &page,
        "2 registries read through it, whose builds would break: open , secret",
    );
    // the field is not there; a form that has it all the same is refused
    let form = page.form("/delete");
    assert_eq!(form.value("confirm"), None);
    let page = root
        .send(&form.with("confirm", "partner"))
        .await
        .expect(409);
    said(&page, "secret");
    upstream(&scene, "partner").await;
}

/// R2, and issue 6's "every page goes through the same rights as the API".
async fn upstreams_are_for_admins_to_change_and_for_people_to_see(database: Database) {
    let scene = Scene::start(database).await;
    cache_file(&scene, "secret", "hidden-need").await;
    let page = scene.anybody(LIST).await.expect(303);
    assert_eq!(
        page.headers["location"],
        "/-/login?return_to=%2F-%2Fupstreams"
    );
    let mut root = scene.browser_of("root", "admin").await;
    let form = scene.open(&mut root, NEW).await.form(NEW);
    let edit = scene.open(&mut root, "/-/upstreams/partner/edit").await;
    let shown = scene.open(&mut root, "/-/upstreams/partner").await;
    said(&shown, "open secret");
    said(&shown, "hidden-need");
    let found = scene
        .open(&mut root, "/-/upstreams/partner?q=nothing")
        .await;
    said(&found, "No cached crate has “nothing” in its name.");

    let mut alice = scene.browser_of("alice", "member").await;
    let page = scene.open(&mut alice, LIST).await.expect(200);
    said(&page, "partner");
    assert!(!page.words().contains("New upstream"), "{page}");
    assert!(!page.words().contains("secret"), "{page}");
    let page = scene.open(&mut alice, "/-/upstreams/partner").await;
    let page = page.expect(200);
    said(&page, "1 crate file");
    for hidden in ["secret", "hidden-need", "Test connection"] {
        assert!(!page.words().contains(hidden), "{hidden}: {page}");
    }
    for path in [NEW, "/-/upstreams/partner/edit"] {
        scene.open(&mut alice, path).await.expect(403);
    }
    let csrf = page.form("/-/logout").value("csrf").unwrap().to_owned();
    for form in [
        form.with("do", "create"),
        shown.form("/-/upstreams/partner"),
        edit.form("/edit"),
        edit.form("/delete").with("confirm", "partner"),
    ] {
        alice.send_only(&form.with("csrf", &csrf)).await.expect(403);
    }
    let log = "/api/v1/audit?principal=alice&outcome=denied";
    let log = scene.admin.get(log).await.expect(200).json();
    let actions: Vec<_> = log["items"].as_array().unwrap().iter().collect();
    let tested = actions
        .iter()
        .any(|entry| entry["action"] == "upstream.tested");
    assert!(tested, "{log}");
    scene
        .open(&mut alice, "/-/upstreams/nosuch")
        .await
        .expect(404);
}

/// R11: hit rate, size, age; evict one crate, or everything.
async fn what_is_cached_is_listed_and_evicted(database: Database) {
    let scene = Scene::start(database).await;
    for name in ["tide-tables", "star_charts"] {
        cache_file(&scene, "open", name).await;
    }
    let mut mate = scene.browser_of("mate", "member").await;
    scene.admin.member("open", "mate", "maintainer").await;
    let page = scene.open(&mut mate, "/open/upstreams").await.expect(200);
    for words in [
        "tide-tables",
        "star_charts",
        "Evict everything",
        "2 crates of open",
    ] {
        said(&page, words);
    }
    let found = scene
        .open(&mut mate, "/open/upstreams?q=STAR-&sort=size")
        .await;
    let found = found.expect(200);
    said(&found, "star_charts");
    assert!(!found.words().contains("tide-tables"), "{found}");

    let mut forms = page.forms().into_iter();
    let one = forms
        .find(|form| form.value("crate") == Some("tide-tables"))
        .unwrap();
    is_ours_alone(&mut mate, &one).await;
    scene.upstream.clear_requests();
    let page = mate.send(&one).await.expect(200);
    said(&page, "What was cached of it is dropped");
    assert!(!page.words().contains("tide-tables"), "{page}");
    let download = async |name| {
        let got = scene.admin.download("open", View::Index, name, "1.0.0");
        got.await.expect(200);
    };
    for name in ["tide-tables", "star_charts"] {
        download(name).await;
    }
    let files: Vec<_> = scene
        .upstream
        .requests()
        .into_iter()
        .map(|request| request.path)
        .filter(|path| path.contains("1.0.0"))
        .collect();
    assert!(
        matches!(&files[..], [one] if one.contains("tide-tables")),
        "{files:?}"
    );

    let all = page.forms().into_iter();
    let all = all.filter(|form| form.action.ends_with("/evict") && form.value("crate").is_none());
    let [all] = all.collect::<Vec<_>>().try_into().unwrap();
    let page = mate
        .send(&all.clone().with("confirm", "<i>"))
        .await
        .expect(422);
    said(&page, "Type open as it is written here.");
    let page = mate.send(&all.clone().with("confirm", "open")).await;
    let page = page.expect(200);
    said(&page, "What was cached is dropped");
    said(&page, "Nothing is cached yet");
    let nonsense = one.with("crate", "\"<script>");
    let page = mate.send(&nonsense).await.expect(422);
    assert!(!page.html.contains("\"<script>"), "{page}");

    // whoever reads sees it, and cannot change it; anybody sees neither
    download("star_charts").await;
    let mut eve = scene.browser_of("eve", "member").await;
    let page = scene.open(&mut eve, "/open/upstreams").await.expect(200);
    said(&page, "star_charts");
    assert!(!page.words().contains("Evict"), "{page}");
    let csrf = page.form("/-/logout").value("csrf").unwrap().to_owned();
    let all = all.with("confirm", "open").with("csrf", &csrf);
    eve.send_only(&all).await.expect(403);
    let page = scene.anybody("/open/upstreams").await.expect(200);
    assert!(!page.words().contains("star_charts"), "{page}");
}

/// R6: checked when saved, and what each pattern catches.
async fn patterns_are_checked_and_tell_what_they_catch(database: Database) {
    let scene = Scene::start(database).await;
    for version in ["1.0.0", "2.0.0"] {
        scene.publish("open", &Package::new("rope", version)).await;
    }
    scene
        .publish("open", &Package::new("anchor", "1.0.0"))
        .await;
    let mut root = scene.browser_of("root", "admin").await;
    let page = scene.open(&mut root, "/open/rules").await.expect(200);
    said(&page, "Every crate may pass");
    let path = "/open/rules/patterns";
    let page = scene.open(&mut root, path).await.expect(200);
    let form = page.form(path);

    let wrong = form.clone().with("do", "save");
    let wrong = wrong
        .with("block", "rope\nro pe")
        .with("allow", "x@\n<script>");
    let page = root.send(&wrong).await.expect(422);
    for words in ["2 fields have to be corrected.", "Line 2:", "Line 1:"] {
        said(&page, words);
    }
    assert!(!page.html.contains("<script>\n"), "{page}");
    // it is kept as it was typed
    assert!(page.html.contains("rope\nro pe</textarea>"), "{page}");

    let good = form.with("block", "rope@<2\r\n\r\nnobody-*");
    let preview = root.send(&good.clone().with("do", "preview")).await;
    let preview = preview.expect(200);
    for words in [
        "rope@<2 1 version of rope",
        "nobody-* nothing that is here",
        "keep out 1 version of 1 crate of the 3 versions",
    ] {
        said(&preview, words);
    }
    let registry = async || scene.admin.get("/api/v1/registries/open").await.json();
    assert_eq!(registry().await["block"], json!([]), "nothing is saved yet");
    let save = good.with("do", "save");
    is_ours_alone(&mut root, &save).await;
    let page = root.send(&save).await.expect(200);
    assert_eq!(page.path(), "/open/rules?done=patterns");
    said(&page, "The patterns are saved");
    said(&page, "rope@<2 1 version of rope");
    assert_eq!(registry().await["block"], json!(["rope@<2", "nobody-*"]));
    let rope = scene.admin.download("open", View::Index, "rope", "1.0.0");
    rope.await.expect(403);

    let page = scene.open(&mut root, path).await.expect(200);
    let form = page.form(path).with("block", "").with("allow", "anchor");
    let page = root.send(&form.with("do", "preview")).await.expect(200);
    said(&page, "anchor 1 version of anchor");
    said(&page, "keep out 2 versions of 1 crate");
    // anybody may read the rules of a public registry, but have nothing worked out
    let page = scene.anybody("/open/rules").await.expect(200);
    said(&page, "rope@<2");
    assert!(!page.words().contains("1 version"), "{page}");
}

/// Issue 6's page 5: quarantine with a reason; who, when and why.
async fn a_quarantine_is_set_listed_and_lifted(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("open", &Package::new("rope", "1.0.0")).await;
    let mut mate = scene.browser_of("mate", "member").await;
    scene.admin.member("open", "mate", "maintainer").await;
    let path = "/open/rules/quarantine";
    let page = scene.open(&mut mate, &format!("{path}?crate=rope")).await;
    let form = page.expect(200).form(path);
    assert_eq!(form.value("crate"), Some("rope"));
    let nasty = "frays <script>alert(1)</script>";
    let form = form.with("version", "1.0.0").with("reason", nasty);
    for (wrong, field) in [
        (form.clone().with("crate", "no such"), "crate"),
        (form.clone().with("version", "one"), "version"),
        (form.clone().with("version", "9.9.9"), "version"),
        (form.clone().with("action", "burn"), "action"),
        (form.clone().with("reason", " "), "reason"),
    ] {
        let page = mate.send(&wrong).await;
        assert!(page.status.is_client_error(), "{page}");
        assert!(page.html.contains(&format!("id=\"{field}-e\"")), "{page}");
        assert!(!page.html.contains("<script>alert"), "{page}");
    }
    is_ours_alone(&mut mate, &form).await;
    let page = mate.send(&form).await.expect(200);
    for words in [
        "The quarantine holds",
        "rope 1.0.0",
        "held",
        "mate",
        "Frays <script>",
    ] {
        said(&page, words);
    }
    let later = json!({ "action": "block", "reason": "taken over" });
    let later = scene
        .admin
        .put("/api/v1/registries/open/crates/later/quarantine", later);
    later.await.expect(200);
    let page = scene.open(&mut mate, "/open/rules").await.expect(200);
    said(&page, "later every version, those to come too blocked");
    let page = scene
        .open(&mut mate, "/open/rules?q=frays")
        .await
        .expect(200);
    assert!(!page.words().contains("later"), "{page}");
    let page = scene
        .open(&mut mate, "/open/rules?q=storm")
        .await
        .expect(200);
    said(&page, "Nothing fits");

    let page = scene.open(&mut mate, "/open/rules?q=rope").await;
    let lift = page.form("/open/rules/lift");
    is_ours_alone(&mut mate, &lift).await;
    let page = mate.send(&lift).await.expect(200);
    said(&page, "The quarantine is lifted");
    assert!(!page.words().contains("Frays"), "{page}");
    mate.send(&lift).await.expect(404);
    mate.send(&lift.with("crate", "no such")).await.expect(404);
    let still = scene.admin.get("/api/v1/registries/open/quarantines").await;
    assert_eq!(still.expect(200).json()["total"], 1);
}

/// Issue 6's "every page goes through the same rights as the API".
async fn rules_are_for_those_to_change_who_may(database: Database) {
    let scene = Scene::start(database).await;
    let hold = json!({ "action": "hold", "reason": "odd" });
    let hold = scene
        .admin
        .put("/api/v1/registries/inside/crates/rope/quarantine", hold);
    hold.await.expect(200);
    let mut alice = scene.browser_of("alice", "member").await;
    let page = scene.open(&mut alice, "/inside/rules").await.expect(200);
    said(&page, "Odd");
    for absent in ["Lift", "New quarantine", "Change"] {
        assert!(!page.words().contains(absent), "{absent}: {page}");
    }
    let csrf = page.form("/-/logout").value("csrf").unwrap().to_owned();
    let mut root = scene.browser_of("root", "admin").await;
    let rules = scene.open(&mut root, "/inside/rules").await;
    let patterns = scene.open(&mut root, "/inside/rules/patterns").await;
    let quarantine = scene.open(&mut root, "/inside/rules/quarantine").await;
    for form in [
        rules.form("/lift"),
        patterns.form("/patterns").with("do", "save"),
        patterns.form("/patterns").with("do", "preview"),
        quarantine.form("/quarantine").with("crate", "rope"),
    ] {
        alice.send_only(&form.with("csrf", &csrf)).await.expect(403);
    }
    for path in ["/inside/rules/patterns", "/inside/rules/quarantine"] {
        scene.open(&mut alice, path).await.expect(403);
    }
    for path in ["rules", "rules/patterns", "rules/quarantine", "upstreams"] {
        let [hidden, nowhere] = ["secret", "nosuch"].map(|name| format!("/{name}/{path}"));
        let hidden = scene.open(&mut alice, &hidden).await.expect(404);
        let nowhere = scene.open(&mut alice, &nowhere).await.expect(404);
        assert_eq!(hidden.words().replace("secret", "nosuch"), nowhere.words());
    }
    let list = scene
        .admin
        .get("/api/v1/registries/inside/quarantines")
        .await;
    assert_eq!(list.json()["total"], 1);
}
