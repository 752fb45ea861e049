//! The document itself.

use serde_json::json;
use supercargo_testkit::{Database, Server, ServerOptions};

use crate::{PROGRAM, document, operations};

/// O6.
#[tokio::test]
async fn anybody_may_read_the_description_and_keep_it() {
    let server = Server::start(ServerOptions::new(PROGRAM).database(Database::Sqlite)).await;
    let nobody = server.anonymous();
    let path = "/api/v1/openapi.json";
    let answer = nobody.get(path).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["servers"], json!([{ "url": server.url() }]));

    let etag = answer.header("etag").unwrap();
    let again = nobody.request(http::Method::GET, path);
    let again = again.header("if-none-match", etag).send().await.expect(304);
    assert!(again.body.is_empty());
    assert_eq!(again.header("etag"), Some(etag));
    let other = nobody.request(http::Method::GET, path);
    let other = other
        .header("if-none-match", "\"other\"")
        .send()
        .await
        .expect(200);
    assert_eq!(other.body, answer.body);
}

/// O6: behind a proxy, clients are sent to where the server is for them.
#[tokio::test]
async fn the_description_names_the_public_url() {
    let options = ServerOptions::new(PROGRAM)
        .database(Database::Sqlite)
        .setting("public_url", "https://crates.acme.example/base");
    let server = Server::start(options).await;
    let document = document(&server.anonymous()).await;
    let url = "https://crates.acme.example/base";
    assert_eq!(document["servers"], json!([{ "url": url }]));
}

/// O6: the page is made of the same document.
#[tokio::test]
async fn people_read_of_every_operation_on_a_page() {
    let server = Server::start(ServerOptions::new(PROGRAM).database(Database::Sqlite)).await;
    let nobody = server.anonymous();
    let page = nobody.get("/-/api").await.expect(200);
    let kind = page.header("content-type");
    assert_eq!(kind, Some("text/html; charset=utf-8"));
    let overview = page.text();
    let mut pages = std::collections::BTreeMap::from([("/-/api".to_owned(), overview.clone())]);
    let has = |pages: &std::collections::BTreeMap<String, String>, page: &str, id: &str| {
        pages[page].contains(&format!(" id=\"{id}\""))
    };
    for operation in operations(&server).await {
        let id = operation.described["operationId"].as_str().unwrap();
        let group = operation.described["tags"][0].as_str().unwrap();
        let path = format!("/-/api/{group}");
        assert!(
            overview.contains(&format!("href=\"{path}#{id}\"")),
            "nothing leads to {id}"
        );
        if !pages.contains_key(&path) {
            let html = nobody.get(&path).await.expect(200).text();
            pages.insert(path.clone(), html);
        }
        assert!(has(&pages, &path, id), "{id} is not there");
    }
    // every link within a page, and to the failures, leads somewhere
    for (path, html) in &pages {
        for place in html.split("href=\"#").skip(1) {
            let place = place.split('"').next().unwrap();
            assert!(has(&pages, path, place), "{path}: {place} is nowhere");
        }
        for place in html.split("href=\"/-/api#").skip(1) {
            let place = place.split('"').next().unwrap();
            assert!(has(&pages, "/-/api", place), "{path}: {place} is nowhere");
        }
        assert!(html.len() < 100_000, "{path} has {} bytes", html.len());
    }
    nobody.get("/-/api/nothing").await.expect(404);
    let teams = &pages["/-/api/teams"];
    let command = "-X POST -H &#39;Content-Type: application/json&#39; -d &#39;{&#34;name&#34;:&#34;core&#34;}&#39;";
    assert!(teams.contains(command), "no command to copy");
    assert!(teams.contains(&format!("{}/api/v1/teams", server.url())));
    nobody.get("/").await.success();
}
