//! Two servers on one database.

use serde_json::json;
use supercargo_testkit::{CiIssuer, Client, Database, Postgres, Server, ServerOptions, eventually};
use tempfile::TempDir;

use crate::scene::{PROGRAM, RULES, draft, exchange, token};

/// Row I6: a rule that is deleted on one server ends its tokens on the other, and an identity is exchanged on one of them.
#[tokio::test]
async fn what_one_server_gives_and_ends_holds_on_the_other() {
    let database = Postgres::database();
    let folder = TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let public = "http://crates.acme.example";
    let first = ServerOptions::new(PROGRAM)
        .database(Database::At(database.url().to_owned()))
        .setting("storage", &file("storage"))
        .setting("secret_key_file", &file("key"))
        .setting("public_url", public);
    std::fs::write(file("key"), "07".repeat(32)).unwrap();
    let one = Server::start(first.clone()).await;
    let second = first.admin_token(one.admin_token());
    let two = Server::start(second).await;
    let admin = one.admin();
    admin.create_registry(json!({ "name": "acme" })).await;
    let issuer = CiIssuer::start().await;
    let rule = draft(issuer.url(), json!({}));
    admin.post(RULES, rule).await.expect(201);

    let jwt = issuer.job("crates.acme.example/acme", &json!({}));
    eventually("the registry on the other server", || async {
        two.admin().get(RULES).await.status == 200
    })
    .await;
    let text = token(exchange(&two.anonymous(), "acme", &jwt).await);
    exchange(&one.anonymous(), "acme", &jwt).await.expect(403);
    let jobs: [Client; 2] = [&one, &two].map(|server| server.anonymous().with_token(&text));
    for job in &jobs {
        job.get("/acme/index/config.json").await.expect(200);
    }
    admin.delete(&format!("{RULES}/release")).await.expect(204);
    jobs[0].get("/acme/index/config.json").await.expect(401);
    eventually("the end of the token on the other server", || async {
        jobs[1].get("/acme/index/config.json").await.status == 401
    })
    .await;
}
