//! The pages of the audit log and of who pulled what: rows I9 and V7, and issue 6's item 7.

use serde_json::{Value, json};
use supercargo_testkit::{Browser, Client, Database, Package, Page, View, on_both};

use crate::{html::executable, scene::Scene};

on_both!(
    entries_are_filtered_opened_and_turned_page_by_page,
    what_is_wrong_with_a_filter_stands_beside_its_field,
    the_log_is_taken_away_as_a_file_with_its_filters,
    admins_of_a_registry_see_its_activity_and_nobody_else_does,
    downloads_have_a_log_of_their_own,
    who_pulled_a_version_is_told_to_those_who_may_know,
);

const AUDIT: &str = "/-/admin/audit";
const EXPOSURE: &str = "/-/admin/exposure";

async fn root(scene: &Scene) -> Browser {
    scene.browser_of("root", "admin").await
}

/// How many entries are on the page.
fn entries(page: &Page) -> usize {
    page.html.matches("<tr id=\"entry-").count()
}

/// The address of the first link that begins so.
fn link(page: &Page, beginning: &str) -> String {
    let beginning = format!("href=\"{beginning}");
    let (_, rest) = page
        .html
        .split_once(&beginning)
        .unwrap_or_else(|| panic!("{beginning}: {page}"));
    let (rest, _) = rest.split_once('"').unwrap();
    let address = format!("{beginning}{rest}").replace("href=\"", "");
    address.replace("&#38;", "&").replace("&amp;", "&")
}

async fn download(scene: &Scene, who: &Client, registry: &str, name: &str, version: &str) {
    let answer = who.download(registry, View::Index, name, version).await;
    assert_eq!(answer.status, 200, "{} {}", scene.at("/"), answer.text());
}

/// I9 (filterable).
async fn entries_are_filtered_opened_and_turned_page_by_page(database: Database) {
    let scene = Scene::start(database).await;
    let mut root = root(&scene).await;
    let package = Package::new("My_Crate", "1.0.0");
    scene.publish("open", &package).await;
    scene
        .publish("open", &package.clone().with_version("2.0.0"))
        .await;
    scene.publish("secret", &package).await;
    for number in 0..55 {
        scene.admin.create_user(&format!("u{number}")).await;
    }
    let page = scene.open(&mut root, AUDIT).await.expect(200);
    assert_eq!(entries(&page), 50);
    let older = link(&page, &format!("{AUDIT}?before="));
    let page = scene.open(&mut root, &older).await.expect(200);
    assert!(entries(&page) > 10, "{page}");
    assert!(page.words().contains("Newest"), "{page}");

    for (query, number, words) in [
        ("action=version.published", 3, "3 entries"),
        ("action=version.published&registry=open", 2, "2 entries"),
        ("crate=my-crate%402.0.0", 1, "1 entry"),
        ("action=account.created&who=admin", 50, "entries"),
        ("who=u1", 0, "Nothing fits"),
        (
            "action=version.published&from=2020-01-01&to=2020-01-02",
            0,
            "Nothing fits",
        ),
    ] {
        let page = scene.open(&mut root, &format!("{AUDIT}?{query}")).await;
        assert_eq!(
            entries(&page.clone().expect(200)),
            number,
            "{query}: {page}"
        );
        assert!(page.words().contains(words), "{query}: {page}");
    }

    // opened where it stands, and by a link to it alone
    let query = format!("{AUDIT}?crate=my-crate%402.0.0");
    let page = scene.open(&mut root, &query).await.expect(200);
    let open = link(&page, &format!("{AUDIT}?crate=my-crate%402.0.0&#38;open="));
    let (open, _) = open.split_once('#').unwrap();
    let page = scene.open(&mut root, open).await.expect(200);
    assert_eq!(page.html.matches("<tr class=\"detail\">").count(), 1);
    assert!(page.html.contains("aria-expanded=\"true\""), "{page}");
    assert!(page.words().contains("only this action"), "{page}");
    let of_api = scene
        .admin
        .get("/api/v1/audit?crate=my-crate&version=2.0.0");
    let of_api = of_api.await.expect(200).json();
    let request = of_api["items"][0]["request_id"].as_str().unwrap();
    assert!(page.html.contains(request), "{page}");
    let id = of_api["items"][0]["id"].as_i64().unwrap();
    let page = scene.open(&mut root, &format!("{AUDIT}?open={id}")).await;
    let page = page.expect(200);
    assert!(page.html.contains(request), "not among the newest: {page}");
    let first = page.html.split_once("<tr id=\"entry-").unwrap().1;
    assert!(first.starts_with(&format!("{id}\"")), "{page}");
    assert_eq!(executable(&page.html), Vec::<String>::new());
}

async fn what_is_wrong_with_a_filter_stands_beside_its_field(database: Database) {
    let scene = Scene::start(database).await;
    let mut root = root(&scene).await;
    let nasty = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    let query = format!("{AUDIT}?who=a+b&crate={nasty}&from=soon&outcome=failed");
    let page = scene.open(&mut root, &query).await.expect(422);
    for words in [
        "4 fields have to be corrected.",
        "Write one name, as in alice",
        "Write a crate as in serde",
        "Write a day as in 2026-11-20",
        "Choose one of the list.",
    ] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    assert!(page.html.contains("value=\"a b\""), "kept: {page}");
    assert_eq!(executable(&page.html), Vec::<String>::new());
    for query in [
        "registry=No+Name",
        "before=x",
        "from=2026-11-20&to=2026-11-18",
    ] {
        let page = scene.open(&mut root, &format!("{AUDIT}?{query}")).await;
        page.expect(422);
    }
    // what no database can look for
    let page = scene.open(&mut root, &format!("{AUDIT}?who=%00")).await;
    page.expect(422);
    // in an entry as well: whoever asks writes it
    let evil = scene.server.anonymous().with_token("scg_<script>");
    evil.get("/api/v1/registries").await.expect(401);
    let page = scene.open(&mut root, AUDIT).await.expect(200);
    assert_eq!(executable(&page.html), Vec::<String>::new());
}

/// I9 (exportable).
async fn the_log_is_taken_away_as_a_file_with_its_filters(database: Database) {
    let scene = Scene::start(database).await;
    let mut root = root(&scene).await;
    scene.publish("open", &Package::new("demo", "1.0.0")).await;
    scene
        .publish("secret", &Package::new("demo", "1.0.0"))
        .await;
    let page = format!("{AUDIT}?action=version.published&registry=open");
    let page = scene.open(&mut root, &page).await.expect(200);
    let export = format!("{AUDIT}/export?");
    let lines = link(&page, &export);
    assert!(lines.ends_with("&format=jsonl"), "{lines}");
    let file = scene.open(&mut root, &lines).await.expect(200);
    assert_eq!(file.headers["content-type"], "application/jsonl");
    assert_eq!(
        file.headers["content-disposition"],
        "attachment; filename=\"audit.jsonl\""
    );
    assert_eq!(file.headers["cache-control"], "no-store");
    assert_eq!(file.headers["x-content-type-options"], "nosniff");
    let entries: Vec<Value> = file
        .html
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(entries.len(), 1, "{}", file.html);
    assert_eq!(entries[0]["registry"], "open");
    let table = lines.replace("jsonl", "csv");
    let file = scene.open(&mut root, &table).await.expect(200);
    let rows: Vec<_> = file.html.lines().collect();
    assert_eq!(rows.len(), 2, "{}", file.html);
    assert!(
        rows[0].starts_with("at,action,outcome,principal"),
        "{}",
        rows[0]
    );

    let wrong = format!("{AUDIT}/export?format=xml");
    scene.open(&mut root, &wrong).await.expect(422);
    let wrong = format!("{AUDIT}/export?format=csv&from=soon");
    scene.open(&mut root, &wrong).await.expect(422);
    // a token is for programs, and a cookie for pages
    let client = scene.admin.get(&format!("{AUDIT}/export?format=csv")).await;
    client.expect(303);
    let mut alice = scene.browser_of("alice", "member").await;
    scene.open(&mut alice, &table).await.expect(403);
}

/// I9, and rights: the log of a registry is for its admins.
async fn admins_of_a_registry_see_its_activity_and_nobody_else_does(database: Database) {
    let scene = Scene::start(database).await;
    let mut ada = scene.browser_of("ada", "member").await;
    scene.admin.member("secret", "ada", "admin").await;
    let mut mia = scene.browser_of("mia", "member").await;
    scene.admin.member("secret", "mia", "maintainer").await;
    let mut out = scene.browser_of("out", "creator").await;
    scene
        .publish("secret", &Package::new("demo", "1.0.0"))
        .await;
    scene.publish("open", &Package::new("other", "1.0.0")).await;

    let page = scene.open(&mut ada, "/secret/activity").await.expect(200);
    assert!(page.words().contains("version.published"), "{page}");
    assert!(page.words().contains("demo 1.0.0"), "{page}");
    assert!(!page.words().contains("other"), "{page}");
    // the name of another one in the address changes nothing
    let page = scene.open(&mut ada, "/secret/activity?registry=open").await;
    assert!(!page.expect(200).words().contains("other"));
    let file = "/secret/activity/export?format=csv&registry=open";
    let file = scene.open(&mut ada, file).await.expect(200);
    assert!(file.html.contains(",demo,") && !file.html.contains(",other,"));
    // an instance admin sees that of the registry alone there
    let mut root = root(&scene).await;
    let page = scene.open(&mut root, "/secret/activity").await.expect(200);
    assert!(!page.words().contains("other 1.0.0"), "{page}");

    for path in ["/secret/activity", "/secret/activity/export?format=csv"] {
        scene.open(&mut mia, path).await.expect(403);
        let hidden = scene.open(&mut out, path).await.expect(404);
        let missing = path.replace("secret", "nosuch");
        let missing = scene.open(&mut out, &missing).await.expect(404);
        assert_eq!(hidden.words().replace("secret", "nosuch"), missing.words());
        let nobody = scene.anybody(path).await.expect(303);
        let to = nobody.headers["location"].to_str().unwrap();
        assert!(to.starts_with("/-/login?return_to="), "{to}");
    }
    for path in [
        "",
        "/audit",
        "/audit/export?format=csv",
        "/storage",
        "/configuration",
        "/health",
    ] {
        let path = format!("/-/admin{path}");
        for browser in [&mut ada, &mut out] {
            scene.open(browser, &path).await.expect(403);
        }
        scene.anybody(&path).await.expect(303);
    }
    // and that they were denied stands there
    let denied = format!("{AUDIT}?who=mia&outcome=denied");
    let page = scene.open(&mut root, &denied).await.expect(200);
    assert_eq!(entries(&page), 2, "{page}");
}

/// I9 (every download).
async fn downloads_have_a_log_of_their_own(database: Database) {
    let scene = Scene::start(database).await;
    let mut root = root(&scene).await;
    scene.publish("open", &Package::new("demo", "1.0.0")).await;
    let empty = scene
        .open(&mut root, &format!("{AUDIT}?downloads=on"))
        .await;
    let words = empty.expect(200).words();
    assert!(
        words.contains("Nobody has downloaded anything yet"),
        "{words}"
    );
    download(&scene, &scene.admin, "open", "demo", "1.0.0").await;
    download(&scene, &scene.server.anonymous(), "open", "demo", "1.0.0").await;
    let page = scene
        .open(&mut root, &format!("{AUDIT}?downloads=on"))
        .await;
    let page = page.expect(200);
    assert_eq!(entries(&page), 2, "{page}");
    assert!(page.words().contains("nobody"), "{page}");
    assert!(page.words().contains("kept for 30 days"), "{page}");
    let query = format!("{AUDIT}?downloads=on&who=admin");
    let page = scene.open(&mut root, &query).await.expect(200);
    assert_eq!(entries(&page), 1, "{page}");
    let file = link(&page, &format!("{AUDIT}/export?"));
    let file = scene.open(&mut root, &file).await.expect(200);
    assert_eq!(file.html.lines().count(), 1, "{}", file.html);
    assert!(file.html.contains("version.downloaded"), "{}", file.html);
}

/// V7 (exposure report).
async fn who_pulled_a_version_is_told_to_those_who_may_know(database: Database) {
    let scene = Scene::start(database).await;
    let mut root = root(&scene).await;
    let mut ada = scene.browser_of("ada", "member").await;
    scene.admin.member("secret", "ada", "admin").await;
    let package = Package::new("My_Crate", "1.0.0");
    for registry in ["secret", "open"] {
        scene.publish(registry, &package).await;
        scene
            .publish(registry, &package.clone().with_version("2.0.0"))
            .await;
        download(&scene, &scene.admin, registry, "my_crate", "1.0.0").await;
        download(&scene, &scene.admin, registry, "my_crate", "2.0.0").await;
    }
    let scopes = json!({ "scopes": ["read"] });
    let token = scene.admin.token(scopes).await;
    let reader = scene.admin.with_token(&token);
    download(&scene, &reader, "open", "my_crate", "1.0.0").await;

    let page = scene.open(&mut root, EXPOSURE).await.expect(200);
    assert!(page.words().contains("Are we exposed?"), "{page}");
    let query = format!("{EXPOSURE}?crate=my-crate&version=%3C2");
    let page = scene.open(&mut root, &query).await.expect(200);
    assert!(page.words().contains("2 readers of a version"), "{page}");
    assert!(page.words().contains("secret") && page.words().contains("open"));
    assert!(!page.html.contains(">2.0.0<"), "{page}");
    let file = link(&page, &format!("{EXPOSURE}/export?"));
    let file = scene.open(&mut root, &file).await.expect(200);
    assert_eq!(
        file.headers["content-type"],
        "text/csv; charset=utf-8; header=present"
    );
    let rows: Vec<_> = file.html.lines().collect();
    assert_eq!(
        rows[0],
        "crate,registry,version,principal,repository,first_at,last_at,total"
    );
    assert_eq!(rows.len(), 3, "{}", file.html);
    assert!(
        rows[1].starts_with("my-crate,open,1.0.0,admin,,"),
        "{}",
        rows[1]
    );
    assert!(rows[1].ends_with(",2"), "{}", rows[1]);

    // an admin of one registry sees its readers alone, and no tab of the administration
    let page = scene.open(&mut ada, &query).await.expect(200);
    assert!(page.words().contains("1 reader of a version"), "{page}");
    assert!(!page.html.contains("/-/admin/users"), "{page}");
    let export = query.replace("exposure?", "exposure/export?");
    let file = scene.open(&mut ada, &export).await.expect(200);
    assert!(!file.html.contains(",open,"), "{}", file.html);

    let page = scene
        .open(&mut root, &format!("{EXPOSURE}?crate=unknown"))
        .await;
    assert!(page.expect(200).words().contains("Nobody has pulled that"));
    let nasty = format!("{EXPOSURE}?crate=%3Cscript%3E&version=latest");
    let page = scene.open(&mut root, &nasty).await.expect(422);
    assert!(
        page.words().contains("2 fields have to be corrected."),
        "{page}"
    );
    assert_eq!(executable(&page.html), Vec::<String>::new());
    scene
        .open(&mut root, &format!("{EXPOSURE}?version=1"))
        .await
        .expect(422);
    let bad = format!("{EXPOSURE}?crate=demo&cursor=x");
    scene.open(&mut root, &bad).await.expect(422);
    scene
        .open(&mut root, &format!("{EXPOSURE}/export"))
        .await
        .expect(422);
    let mut out = scene.browser_of("out", "creator").await;
    for path in [EXPOSURE, "/-/admin/exposure/export?crate=my-crate"] {
        scene.open(&mut out, path).await.expect(403);
        scene.anybody(path).await.expect(303);
    }
}
