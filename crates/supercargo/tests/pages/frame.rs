//! What every page has, and that all of them hang together.

use std::{
    collections::{BTreeSet, VecDeque},
    io::Read as _,
};

use supercargo_testkit::{Browser, Client, Database, Package, Page, ReverseProxy, on_both};

use crate::{
    html::{executable, tags},
    scene::Scene,
};

on_both!(
    every_page_is_found_from_the_first_one_and_leads_nowhere_else,
    every_page_stands_below_a_path_that_a_proxy_strips,
    every_page_stands_below_a_path_that_a_proxy_leaves,
    assets_are_kept_for_ever_and_change_their_address,
    pages_are_compressed_and_their_forms_are_masked,
    the_theme_is_a_choice_that_a_cookie_remembers,
    what_is_no_page_says_so,
);

/// Pages that a crawl looks at; there are fewer.
const PAGES: usize = 300;
/// Issue 6: own markup of a page under 100 KB.
const LARGEST: usize = 100 * 1000;

fn check(page: &Page) {
    let header = |name: &str| page.headers.get(name).map(|value| value.to_str().unwrap());
    let policy = header("content-security-policy").unwrap_or_else(|| panic!("no policy: {page}"));
    for part in [
        "default-src 'none'",
        "script-src 'nonce-",
        "style-src 'nonce-",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(part), "{part} is not in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(header("x-content-type-options"), Some("nosniff"));
    assert_eq!(header("x-frame-options"), Some("DENY"));
    assert_eq!(header("referrer-policy"), Some("same-origin"));
    assert_eq!(header("cache-control"), Some("no-store"));
    assert_eq!(header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.html.len() < LARGEST, "{} bytes", page.html.len());
    assert_eq!(executable(&page.html), Vec::<String>::new(), "{page}");
    let nonce = tags(&page.html)
        .iter()
        .find_map(|tag| tag.get("nonce").map(str::to_owned));
    assert!(policy.contains(&format!("'nonce-{}'", nonce.unwrap())));
    let headings = tags(&page.html)
        .iter()
        .filter(|tag| tag.name == "h1")
        .count();
    assert_eq!(headings, 1, "{page}");
}

/// The paths on our server that a page links to.
fn links(page: &Page, base: &str) -> Vec<String> {
    let origin = page.url.origin();
    tags(&page.html)
        .into_iter()
        .filter(|tag| tag.name == "a" || tag.name == "link" || tag.name == "use")
        .filter_map(|tag| page.url.join(tag.get("href")?).ok())
        .filter(|url| url.origin() == origin)
        .map(|url| {
            // where the sign-in page comes back to makes no other page of it
            let query = url.query().filter(|_| !url.path().ends_with("/-/login"));
            let path = match query {
                Some(query) => format!("{}?{query}", url.path()),
                None => url.path().to_owned(),
            };
            let below = path.strip_prefix(base);
            let below = below.unwrap_or_else(|| panic!("{path} is not below {base}: {page}"));
            below.to_owned()
        })
        .collect()
}

/// Follows every link from the first page on.
async fn crawl(
    browser: &mut Browser,
    at: impl Fn(&str) -> String,
    prefix: &str,
) -> BTreeSet<String> {
    let mut seen = BTreeSet::from(["/".to_owned()]);
    let mut open = VecDeque::from(["/".to_owned()]);
    while let Some(path) = open.pop_front() {
        assert!(seen.len() < PAGES, "{} pages", seen.len());
        let page = browser.ask(&at(&path)).await;
        if page.headers["content-type"] != "text/html; charset=utf-8" {
            assert_eq!(page.status, 200, "{path}");
            continue;
        }
        let page = page.expect(200);
        check(&page);
        for link in links(&page, prefix) {
            // every entry of the log opens in every list of it, with links to further lists
            let is_entry = link.contains("open=");
            if !is_entry && seen.insert(link.clone()) {
                open.push_back(link);
            }
        }
    }
    seen
}

async fn with_crates(scene: &Scene) {
    let core = Package::new("core-parts", "1.0.0")
        .field("readme", "README.md")
        .file("README.md", "# Parts\n\n[usage](#usage)\n\n## Usage\n")
        .feature("extra", &[]);
    scene.publish("open", &core).await;
    scene
        .publish("open", &core.clone().with_version("1.1.0+build.7"))
        .await;
    let user = Package::new("user-parts", "0.1.0").depends_on(scene.needs("core-parts", "1"));
    scene.publish("open", &user).await;
    scene.admin.claim("open", "core-*", "private").await;
}

async fn every_page_is_found_from_the_first_one_and_leads_nowhere_else(database: Database) {
    let scene = Scene::start(database).await;
    with_crates(&scene).await;
    let mut browser = scene.browser_of("root", "admin").await;
    let seen = crawl(&mut browser, |path| scene.at(path), "").await;
    for path in [
        "/open",
        "/open/upstreams",
        "/open/claims",
        "/open/members",
        "/secret",
        "/open?sort=updated",
        "/open/crates/core-parts",
        "/open/crates/core-parts/versions",
        "/open/crates/core-parts/dependents",
        "/open/crates/core-parts/1.1.0+build.7/features",
        "/open/crates/core-parts/1.0.0",
        "/open/crates/user-parts/0.1.0/dependencies",
        "/open/crates/core-parts/1.0.0/download",
        "/-/account",
        "/-/account/tokens",
        "/-/account/tokens/new",
    ] {
        let is_form = path.contains("sort=");
        assert!(is_form || seen.contains(path), "{path} is not in {seen:#?}");
    }
    let page = scene
        .open(&mut browser, "/open?sort=updated&source=hosted")
        .await;
    check(&page.expect(200));
}

async fn every_page_stands_below_a_path_that_a_proxy_strips(database: Database) {
    stands_below_a_path(database, true).await;
}

async fn every_page_stands_below_a_path_that_a_proxy_leaves(database: Database) {
    stands_below_a_path(database, false).await;
}

/// P15.
async fn stands_below_a_path(database: Database, strips: bool) {
    let proxy = ReverseProxy::start("/crates/here", strips).await;
    let url = proxy.url();
    let scene = Scene::with(database, |options| options.setting("public_url", &url)).await;
    proxy.forward_to(&scene.server.url());
    with_crates(&scene).await;
    let mut browser = Browser::new();
    let seen = crawl(&mut browser, |path| format!("{url}{path}"), "/crates/here").await;
    assert!(seen.contains("/open/crates/core-parts"), "{seen:?}");
    let page = browser.ask(&format!("{url}/secret")).await.expect(303);
    let sign_in = "/crates/here/-/login?return_to=%2Fsecret";
    assert_eq!(page.headers["location"], sign_in);
}

async fn assets_are_kept_for_ever_and_change_their_address(database: Database) {
    let scene = Scene::start(database).await;
    let page = scene.anybody("/").await.expect(200);
    let client: Client = scene.server.anonymous();
    for tag in tags(&page.html) {
        let address = tag.get("href").or(tag.get("src")).unwrap_or("");
        let Some(path) = address
            .split('#')
            .next()
            .filter(|path| path.contains("/-/assets/"))
        else {
            continue;
        };
        let plain = client.get(path).await.expect(200);
        let kept = Some("public, max-age=31536000, immutable");
        assert_eq!(plain.header("cache-control"), kept);
        assert_eq!(plain.header("x-content-type-options"), Some("nosniff"));
        let etag = plain.header("etag").unwrap().to_owned();
        let again = client
            .request(http::Method::GET, path)
            .header("if-none-match", &etag);
        assert!(again.send().await.expect(304).text().is_empty());
        let (before, name) = path.rsplit_once('/').unwrap();
        let (before, _) = before.rsplit_once('/').unwrap();
        let other = format!("{before}/0123456789abcdef/{name}");
        let _ = client.get(&other).await.expect(404);
    }
    let style = tags(&page.html)
        .into_iter()
        .find(|tag| tag.get("rel") == Some("stylesheet"));
    let path = style.unwrap().get("href").unwrap().to_owned();
    let plain = client.get(&path).await.expect(200);
    let zipped = client
        .request(http::Method::GET, &path)
        .header("accept-encoding", "br, gzip")
        .send()
        .await
        .expect(200);
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    assert_eq!(zipped.header("vary"), Some("accept-encoding"));
    let refused = client
        .request(http::Method::GET, &path)
        .header("accept-encoding", "gzip;q=0");
    assert_eq!(
        refused.send().await.expect(200).header("content-encoding"),
        None
    );
}

/// Issue 6, "Safe": a page is compressed where that is asked for, and its length says nothing about what only its own forms
/// know.
async fn pages_are_compressed_and_their_forms_are_masked(database: Database) {
    let scene = Scene::start(database).await;
    let client = scene.server.anonymous();
    let asked = client.request(http::Method::GET, "/open");
    let zipped = asked.header("accept-encoding", "gzip").send().await;
    let zipped = zipped.expect(200);
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    let mut html = String::new();
    flate2::read::GzDecoder::new(&zipped.body[..])
        .read_to_string(&mut html)
        .unwrap();
    assert!(html.contains("</html>") && zipped.body.len() * 4 < html.len() * 3);
    let plain = client.get("/open").await.expect(200);
    assert_eq!(plain.header("content-encoding"), None);

    let mut alice = scene.browser_of("zipper", "member").await;
    let mut fields = Vec::new();
    for _ in 0..2 {
        let page = scene.open(&mut alice, "/open").await.expect(200);
        let form = page.form("/-/logout");
        fields.push(form.value("csrf").unwrap().to_owned());
    }
    assert_ne!(fields[0], fields[1]);
}

async fn the_theme_is_a_choice_that_a_cookie_remembers(database: Database) {
    let scene = Scene::start(database).await;
    let mut browser = Browser::new();
    let page = scene.open(&mut browser, "/open?q=x").await.expect(200);
    assert!(!page.html.contains("data-theme"));
    let form = page.form("/-/theme").with("theme", "dark");
    let page = browser.send(&form).await.expect(200);
    assert_eq!(page.path(), "/open?q=x");
    assert!(page.html.contains("<html lang=\"en\" data-theme=\"dark\">"));
    let cookie = browser
        .set
        .iter()
        .find(|set| set.contains("theme"))
        .unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    // the way back is one of ours
    let outside = form.clone().with("return_to", "//evil.example/");
    let page = browser.send_only(&outside).await.expect(303);
    assert_eq!(page.headers["location"], "/");
    // and so is where it is sent from
    let stranger = form.from_page("https://evil.example/");
    let page = browser.send_only(&stranger).await.expect(403);
    assert!(page.headers.get("set-cookie").is_none());
}

async fn what_is_no_page_says_so(database: Database) {
    let scene = Scene::start(database).await;
    for path in [
        "/-/nothing",
        "/-/",
        "/Not-A-Name",
        "/api",
        "/open/crates/a/b/c/d/e",
        "/open/nothing",
    ] {
        let page = scene.anybody(path).await.expect(404);
        check(&page);
        assert!(
            page.words().contains("There is no such page"),
            "{path}: {page}"
        );
    }
    let client = scene.server.anonymous();
    for path in ["/", "/open", "/open/crates/x"] {
        let answer = client
            .request(http::Method::PUT, path)
            .send()
            .await
            .expect(405);
        assert!(answer.header("allow").is_some(), "{path}");
        let head = client.request(http::Method::HEAD, path).send().await;
        assert!(head.text().is_empty());
    }
}
