//! What the description promises of every operation.

use std::collections::BTreeMap;

use http::Method;
use serde_json::json;
use supercargo_testkit::{Answer, Database, Server, ServerOptions, on_both};

use crate::{PROGRAM, assert_log_is_clean, operations};

on_both!(
    an_unknown_parameter_is_refused_by_name_everywhere,
    nobody_does_anything_without_a_token,
    a_method_that_an_address_does_not_take_is_told_which_it_takes,
    a_field_that_no_request_has_is_refused_by_name_everywhere,
);

async fn server(database: Database) -> Server {
    Server::start(ServerOptions::new(PROGRAM).database(database)).await
}

/// `code` and `detail`, and nothing besides.
fn assert_is_failure(line: &str, answer: &Answer) {
    let body = answer.json();
    let errors = body["errors"].as_array().unwrap();
    assert_eq!(
        (body.as_object().unwrap().len(), errors.len()),
        (1, 1),
        "{line}: {answer}"
    );
    let error = errors[0].as_object().unwrap();
    let fields: Vec<_> = error.keys().map(String::as_str).collect();
    assert_eq!(fields, ["code", "detail"], "{line}: {answer}");
}

async fn an_unknown_parameter_is_refused_by_name_everywhere(database: Database) {
    let mut server = server(database).await;
    let client = server.admin();
    for operation in operations(&server).await {
        let line = operation.line();
        let address = operation.address("main") + "?nonsense=1";
        let mut request = client.request(operation.method.clone(), &address);
        if !operation.described["requestBody"].is_null() {
            request = request.json(&json!({}));
        }
        let answer = request.send().await;
        assert_eq!(answer.status, 422, "{line}: {answer}");
        assert_is_failure(&line, &answer);
        let detail = answer.detail().unwrap();
        assert!(
            detail.contains("unknown parameter `nonsense`"),
            "{line}: {detail}"
        );
    }
    server.stop().await;
    assert_log_is_clean(&server.log());
}

async fn nobody_does_anything_without_a_token(database: Database) {
    let mut server = server(database).await;
    let client = server.anonymous();
    for operation in operations(&server).await {
        if operation.is_open() {
            continue;
        }
        let line = operation.line();
        let address = operation.address("main");
        let mut request = client.request(operation.method.clone(), &address);
        if !operation.described["requestBody"].is_null() {
            request = request.json(&json!({}));
        }
        let answer = request.send().await;
        assert_eq!(answer.status, 401, "{line}: {answer}");
        assert_is_failure(&line, &answer);
        assert!(
            answer.header("www-authenticate").is_some(),
            "{line}: {answer}"
        );
    }
    server.stop().await;
    assert_log_is_clean(&server.log());
}

async fn a_method_that_an_address_does_not_take_is_told_which_it_takes(database: Database) {
    let mut server = server(database).await;
    let client = server.admin();
    let mut addresses: BTreeMap<String, (String, Vec<Method>)> = BTreeMap::new();
    for operation in operations(&server).await {
        let address = operation.address("main");
        let (_, methods) = addresses
            .entry(operation.path)
            .or_insert((address, Vec::new()));
        methods.push(operation.method);
    }
    let all = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        Method::from_bytes(b"QUERY").unwrap(),
    ];
    for (path, (address, methods)) in addresses {
        for method in all.iter().filter(|method| !methods.contains(method)) {
            // the client holds `Allow` against the description
            let answer = client.request(method.clone(), &address).send().await;
            assert_eq!(answer.status, 405, "{method} {path}: {answer}");
            assert_is_failure(&path, &answer);
        }
    }
    server.stop().await;
    assert_log_is_clean(&server.log());
}

async fn a_field_that_no_request_has_is_refused_by_name_everywhere(database: Database) {
    let mut server = server(database).await;
    let client = server.admin();
    let mut asked = 0;
    for operation in operations(&server).await {
        let example = &operation.described["requestBody"]["content"]["application/json"]["example"];
        let Some(mut body) = example.as_object().cloned() else {
            continue;
        };
        body.insert("nonsense".to_owned(), json!(1));
        let line = operation.line();
        let address = operation.address("main");
        let request = client.request(operation.method.clone(), &address);
        let answer = request.json(&body.into()).send().await;
        assert_eq!(answer.status, 422, "{line}: {answer}");
        assert_is_failure(&line, &answer);
        let detail = answer.detail().unwrap();
        assert!(
            detail.contains("unknown field `nonsense`"),
            "{line}: {detail}"
        );
        asked += 1;
    }
    assert!(asked > 15, "{asked}");
    server.stop().await;
    assert_log_is_clean(&server.log());
}

/// Who mixes up the two does not find the token in the log of a CI job.
#[tokio::test]
async fn a_token_in_place_of_its_id_is_not_repeated() {
    let server = server(Database::Sqlite).await;
    for method in [Method::GET, Method::DELETE] {
        let path = format!("/api/v1/tokens/{}", server.admin_token());
        let answer = server.admin().request(method, &path).send().await;
        let text = answer.expect(404).text();
        assert!(text.contains("no token with the id `scg_…`"), "{text}");
    }
}
