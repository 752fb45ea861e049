//! Paths that another server might read as something else.

use serde_json::json;
use supercargo_testkit::{Package, Server};

use super::{assert_alive, raw, status};
use crate::on_both_databases;

on_both_databases!(
    no_path_leads_through_an_open_registry_into_a_closed_one,
    odd_spellings_of_a_path_lead_nowhere,
    long_paths_and_other_forms_of_them_change_nothing,
);

const CONFIG: &str = "index/config.json";
const INDEX: &str = "index/de/mo/demo";
const FILE: &str = "api/v1/crates/demo/1.0.0/download";

/// `demo` in a registry that anyone may read, and in one that only members may.
async fn open_and_closed(server: &Server) {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "acme" })).await;
    admin
        .create_registry(json!({ "name": "open", "visibility": "public" }))
        .await;
    for registry in ["acme", "open"] {
        admin
            .publish(registry, &Package::new("demo", "1.0.0"))
            .await
            .expect(200);
    }
}

/// `GET` of exactly this path, as nobody's client would send it.
async fn get_raw(server: &Server, path: &str, token: Option<&str>) -> String {
    let token = token.map_or_else(String::new, |token| format!("Authorization: {token}\r\n"));
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{token}Connection: close\r\n\r\n");
    raw(server, request.as_bytes()).await
}

async fn no_path_leads_through_an_open_registry_into_a_closed_one(server: &Server) {
    open_and_closed(server).await;
    // through the open registry into the closed one
    for path in [
        format!("/open/../acme/{CONFIG}"),
        format!("/open/..%2facme/{CONFIG}"),
        format!("/open/%2e%2e/acme/{INDEX}"),
        format!("/open%2f..%2facme/{FILE}"),
        format!("/open/index/../../acme/{INDEX}"),
        format!("/open/index/..%2f..%2facme/{INDEX}"),
        format!("/open/api/v1/crates/..%2f..%2f..%2f..%2facme/{FILE}"),
        "/open/api/v1/crates/demo/..%2f..%2f..%2f..%2f..%2facme%2findex/download".to_owned(),
        format!("/open\\..\\acme/{FILE}"),
        format!("/open;acme/{FILE}"),
        format!("/open%00acme/{CONFIG}"),
    ] {
        let answer = get_raw(server, &path, None).await;
        assert!(
            [400, 401, 404].contains(&status(&answer)),
            "{path}: {answer}"
        );
        assert!(
            !answer.contains("\"cksum\"") && !answer.contains("auth-required"),
            "{path}: {answer}"
        );
    }
    assert_alive(server).await;
}

async fn odd_spellings_of_a_path_lead_nowhere(server: &Server) {
    open_and_closed(server).await;
    // spellings of a path that another server might take for the same
    for path in [
        format!("//acme/{CONFIG}"),
        format!("/acme//{CONFIG}"),
        format!("/acme/./{CONFIG}"),
        format!("/ACME/{CONFIG}"),
        format!("/Acme/{FILE}"),
        format!("/%61cme/{CONFIG}"),
        "/acme/index%2fconfig.json".to_owned(),
        format!("/acme/{INDEX}/"),
        format!("/acme/{INDEX}%00"),
        format!("/acme/{INDEX}.json"),
        format!("/acme/index/../{INDEX}"),
        "/acme/index/".to_owned(),
        "/acme/index".to_owned(),
        "/acme/index/config.json/".to_owned(),
        "/acme/INDEX/config.json".to_owned(),
        "/acme/index/d%65/mo/demo".to_owned(),
        "/acme/index/%ff/%fe/x".to_owned(),
        "/api/v1/../../acme/index/config.json".to_owned(),
        "/api/v1//me".to_owned(),
        "/api/v1/me/".to_owned(),
        "/API/v1/me".to_owned(),
        "/api/v1/%6de".to_owned(),
        "/api/v1/registries/..".to_owned(),
        "/api/v1/registries/ACME".to_owned(),
        "/api/v1/registries/acme%2fmembers".to_owned(),
        "/api/v1/registries/acme%00".to_owned(),
        "/../../../../etc/passwd".to_owned(),
        "/..%2f..%2f..%2fetc%2fpasswd".to_owned(),
        "/-/../supercargo.db".to_owned(),
        "/secret-key".to_owned(),
        "/acme/api/v1/crates/%2e%2e/1.0.0/download".to_owned(),
        "/acme/api/v1/crates/demo/..%2f..%2fsecret-key/download".to_owned(),
        "/acme/api/v1/crates/demo/1.0.0%00/download".to_owned(),
        "/acme/api/v1/crates/demo/%ff/download".to_owned(),
    ] {
        let anonymous = get_raw(server, &path, None).await;
        let signed_in = get_raw(server, &path, Some(server.admin_token())).await;
        for answer in [&anonymous, &signed_in] {
            let status = status(answer);
            // what could be a page of something hidden
            let to_sign_in = status == 303 && answer.contains("\nlocation: /-/login");
            assert!(
                (400..500).contains(&status) || to_sign_in,
                "{path}: {answer}"
            );
            assert!(!answer.contains("root:"), "{path}: {answer}");
        }
    }
    assert_alive(server).await;
}

async fn long_paths_and_other_forms_of_them_change_nothing(server: &Server) {
    open_and_closed(server).await;
    let admin = server.admin();
    // any case of a crate's name resolves; an absolute form and a query change nothing
    admin.get("/acme/index/DE/MO/Demo").await.expect(200);
    let absolute = format!("http://elsewhere.example/acme/{CONFIG}");
    assert_eq!(status(&get_raw(server, &absolute, None).await), 401);
    assert_eq!(
        status(&get_raw(server, &format!("/acme/{CONFIG}?x=../open"), None).await),
        401
    );
    let long = "a".repeat(60_000);
    for path in [
        format!("/{long}"),
        format!("/acme/index/{long}"),
        format!("/acme/api/v1/crates?q={long}"),
        format!("/api/v1/registries/{long}"),
    ] {
        let answer = get_raw(server, &path, Some(server.admin_token())).await;
        assert!(
            status(&answer) < 500,
            "{}",
            &answer[..answer.len().min(300)]
        );
        // a page that says that there is nothing has some kilobytes of its own
        assert!(answer.len() < 20_000, "a long path is not sent back whole");
    }
    let answer = get_raw(server, &format!("/{}", "a".repeat(200_000)), None).await;
    assert!([400, 414, 431].contains(&status(&answer)), "{answer}");
    assert_alive(server).await;
}
