//! Row O6: every route is described, each as the contract has it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use supercargo_types::Site;

use super::*;
use crate::api::operations;

/// `api.md`, and what issue 5 asks for besides.
const CONTRACT: &str = "
    GET /me
    POST /registries
    GET /registries
    GET /registries/{registry}
    PATCH /registries/{registry}
    DELETE /registries/{registry}
    POST /registries/{registry}/restore
    POST /upstreams
    GET /upstreams
    GET /upstreams/{upstream}
    PATCH /upstreams/{upstream}
    DELETE /upstreams/{upstream}
    POST /upstreams/{upstream}/test
    POST /users
    POST /service-accounts
    POST /teams
    PUT /teams/{team}/members/{user}
    DELETE /teams/{team}/members/{user}
    PUT /registries/{registry}/members/{principal}
    DELETE /registries/{registry}/members/{principal}
    POST /tokens
    GET /tokens
    DELETE /tokens/{id}
    POST /registries/{registry}/claims
    GET /registries/{registry}/claims
    DELETE /registries/{registry}/claims/{pattern}
    POST /registries/{registry}/crates/{crate}/release
    POST /registries/{registry}/crates/{crate}/pin
    GET /registries/{registry}/crates
    GET /registries/{registry}/crates/{crate}
    DELETE /registries/{registry}/crates/{crate}
    POST /registries/{registry}/crates/{crate}/restore
    POST /registries/{registry}/crates
    GET /registries/{registry}/crates/{crate}/versions/{version}
    DELETE /registries/{registry}/crates/{crate}/versions/{version}
    POST /registries/{registry}/crates/{crate}/versions/{version}/restore
    PUT /registries/{registry}/crates/{crate}/quarantine
    DELETE /registries/{registry}/crates/{crate}/quarantine
    PUT /registries/{registry}/crates/{crate}/versions/{version}/quarantine
    DELETE /registries/{registry}/crates/{crate}/versions/{version}/quarantine
    DELETE /registries/{registry}/cache
    DELETE /registries/{registry}/cache/{crate}
    GET /audit
    GET /openapi.json
";

fn document() -> Value {
    let site = Site::new("https://crates.acme.example", &[]).unwrap();
    let description = Description::of(operations().into_openapi(), &site);
    description.document
}

/// `METHOD path` and the operation.
fn described(document: &Value) -> Vec<(String, &Map<String, Value>)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, methods)| {
        let path = path.strip_prefix(PREFIX).unwrap();
        let methods = methods.as_object().unwrap();
        methods.iter().map(move |(method, operation)| {
            let line = format!("{} {path}", method.to_uppercase());
            (line, operation.as_object().unwrap())
        })
    });
    operations.collect()
}

/// Follows a reference.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(place) => document.pointer(place.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

fn is_sentence(text: &Value) -> bool {
    text.as_str()
        .is_some_and(|text| text.len() > 3 && text.ends_with('.'))
}

#[test]
fn what_the_contract_lists_is_described() {
    let document = document();
    let described: BTreeSet<_> = described(&document)
        .into_iter()
        .map(|(line, _)| line)
        .collect();
    let contract = CONTRACT.trim().lines().map(|line| line.trim().to_owned());
    let missing: Vec<_> = contract.filter(|line| !described.contains(line)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_operation_says_what_it_is_about_takes_and_answers() {
    let document = document();
    let tags: Vec<_> = TAGS.iter().map(|(name, _)| *name).collect();
    let mut ids = BTreeSet::new();
    for (line, operation) in described(&document) {
        assert!(is_sentence(&operation["summary"]), "{line}: no summary");
        let tag = operation["tags"][0].as_str().unwrap_or("none");
        assert!(tags.contains(&tag), "{line}: `{tag}` is no tag");
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{line}: `{id}` is another's name");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let what = format!("{line}: the parameter `{name}`");
            assert!(
                is_sentence(&parameter["description"]),
                "{what} is not described"
            );
            assert!(parameter["schema"].is_object(), "{what} has no shape");
        }
        let responses = operation["responses"].as_object().unwrap();
        let is_good = |status: &String| status.starts_with('2');
        assert!(responses.keys().any(is_good), "{line}: no success");
        for (status, response) in responses {
            let response = resolved(&document, response);
            assert!(
                is_sentence(&response["description"]),
                "{line}: {status} is not described"
            );
            let shape = &response["content"]["application/json"]["schema"];
            let is_failure = shape["$ref"] == "#/components/schemas/Errors";
            assert_eq!(
                is_failure,
                status.starts_with(['4', '5']),
                "{line}: {status}"
            );
        }
        assert!(operation["security"].is_array(), "{line}: who may ask?");
    }
}

/// So that the page for people has a line to copy, which the server takes as it is.
#[test]
fn every_body_has_an_example_that_fits() {
    let document = document();
    for (line, operation) in described(&document) {
        let Some(content) = operation
            .get("requestBody")
            .and_then(|body| body["content"].get("application/json"))
        else {
            continue;
        };
        let example = &content["example"];
        assert!(example.is_object(), "{line}: the body has no example");
        let mut schema = content["schema"].clone();
        schema["components"] = document["components"].clone();
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .build(&schema)
            .unwrap();
        let wrong: Vec<_> = validator
            .iter_errors(example)
            .map(|error| error.to_string())
            .collect();
        assert!(wrong.is_empty(), "{line}: {wrong:?}");
        let shape = resolved(&document, &content["schema"]);
        let is_closed = shape["additionalProperties"] == false || shape["oneOf"].is_array();
        assert!(is_closed, "{line}: an unknown field is not refused");
    }
}

#[test]
fn every_list_is_a_page() {
    let document = document();
    for (line, operation) in described(&document) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let takes: BTreeSet<_> = parameters
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let is_paged = ["limit", "cursor"].map(|name| takes.contains(name));
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        let shape = resolved(&document, schema);
        let fields =
            ["items", "next_cursor", "total"].map(|name| shape["properties"][name].is_object());
        assert!(
            is_paged == [fields[0]; 2] && fields == [fields[0]; 3],
            "{line}: takes {takes:?}, answers {shape}"
        );
        assert_ne!(shape["type"], "array", "{line}: a list without pages");
    }
}

#[test]
fn the_operations_have_these_names() {
    let document = document();
    let mut lines: Vec<_> = described(&document)
        .into_iter()
        .map(|(line, operation)| format!("{line} {}", operation["operationId"].as_str().unwrap()))
        .collect();
    lines.sort_by_cached_key(|line| line.split(' ').nth(1).map(str::to_owned));
    insta::assert_snapshot!(lines.join("\n"), @r"
    GET /audit audit.list
    GET /exposure audit.exposure
    GET /me me.show
    PUT /me/password me.change_password
    GET /openapi.json description.show
    GET /registries registries.list
    POST /registries registries.create
    GET /registries/{registry} registries.show
    DELETE /registries/{registry} registries.delete
    PATCH /registries/{registry} registries.edit
    GET /registries/{registry}/cache cache.show
    DELETE /registries/{registry}/cache cache.evict_all
    DELETE /registries/{registry}/cache/{crate} cache.evict
    GET /registries/{registry}/claims claims.list
    POST /registries/{registry}/claims claims.create
    DELETE /registries/{registry}/claims/{pattern} claims.remove
    GET /registries/{registry}/crates crates.list
    POST /registries/{registry}/crates crates.upload_file
    GET /registries/{registry}/crates/{crate} crates.show
    DELETE /registries/{registry}/crates/{crate} crates.remove
    GET /registries/{registry}/crates/{crate}/labels crates.labels
    PATCH /registries/{registry}/crates/{crate}/labels crates.edit_labels
    POST /registries/{registry}/crates/{crate}/pin crates.pin
    PUT /registries/{registry}/crates/{crate}/quarantine quarantines.quarantine
    DELETE /registries/{registry}/crates/{crate}/quarantine quarantines.lift
    POST /registries/{registry}/crates/{crate}/release crates.release
    POST /registries/{registry}/crates/{crate}/restore crates.restore
    GET /registries/{registry}/crates/{crate}/versions crates.versions
    GET /registries/{registry}/crates/{crate}/versions/{version} crates.show_version
    DELETE /registries/{registry}/crates/{crate}/versions/{version} crates.remove_version
    GET /registries/{registry}/crates/{crate}/versions/{version}/labels crates.labels_of_version
    PATCH /registries/{registry}/crates/{crate}/versions/{version}/labels crates.edit_labels_of_version
    DELETE /registries/{registry}/crates/{crate}/versions/{version}/ledger crates.accept
    GET /registries/{registry}/crates/{crate}/versions/{version}/pulls audit.pulls
    PUT /registries/{registry}/crates/{crate}/versions/{version}/quarantine quarantines.quarantine_version
    DELETE /registries/{registry}/crates/{crate}/versions/{version}/quarantine quarantines.lift_version
    POST /registries/{registry}/crates/{crate}/versions/{version}/restore crates.restore_version
    GET /registries/{registry}/members registries.members
    PUT /registries/{registry}/members/{principal} registries.set_member
    DELETE /registries/{registry}/members/{principal} registries.remove_member
    GET /registries/{registry}/quarantines quarantines.list
    POST /registries/{registry}/restore registries.restore
    GET /registries/{registry}/trusted-publishers trusted-publishers.list
    POST /registries/{registry}/trusted-publishers trusted-publishers.create
    GET /registries/{registry}/trusted-publishers/{publisher} trusted-publishers.show
    DELETE /registries/{registry}/trusted-publishers/{publisher} trusted-publishers.delete
    PATCH /registries/{registry}/trusted-publishers/{publisher} trusted-publishers.edit
    GET /service-accounts service-accounts.list
    POST /service-accounts service-accounts.create
    GET /service-accounts/{account} service-accounts.show
    DELETE /service-accounts/{account} service-accounts.delete
    PATCH /service-accounts/{account} service-accounts.edit
    GET /sessions sessions.list
    DELETE /sessions sessions.end_all
    DELETE /sessions/{id} sessions.end
    POST /sign-in me.sign_in
    POST /sign-in/devices me.begin_device_login
    POST /sign-in/devices/token me.redeem_device_login
    GET /teams teams.list
    POST /teams teams.create
    GET /teams/{team} teams.show
    DELETE /teams/{team} teams.delete
    PUT /teams/{team}/members/{user} teams.add_member
    DELETE /teams/{team}/members/{user} teams.remove_member
    GET /tokens tokens.list
    POST /tokens tokens.create
    GET /tokens/{id} tokens.show
    DELETE /tokens/{id} tokens.revoke
    GET /upstreams upstreams.list
    POST /upstreams upstreams.create
    GET /upstreams/{upstream} upstreams.show
    DELETE /upstreams/{upstream} upstreams.delete
    PATCH /upstreams/{upstream} upstreams.edit
    POST /upstreams/{upstream}/test upstreams.test
    GET /users users.list
    POST /users users.create
    GET /users/{user} users.show
    DELETE /users/{user} users.delete
    PATCH /users/{user} users.edit
    GET /users/{user}/identities users.identities
    POST /users/{user}/identities users.link
    DELETE /users/{user}/identities users.unlink
    ");
}
