//! Rules in the management API.

use std::fmt::Write as _;

use insta::assert_snapshot;
use serde_json::{Value, json};
use supercargo_testkit::{Database, on_both};

use crate::scene::{RULES, Scene};

on_both!(
    a_rule_is_made_shown_changed_listed_and_deleted,
    an_unsound_rule_is_refused_with_its_field,
    only_admins_of_the_registry_see_and_make_rules,
    a_preset_brings_its_issuer,
);

fn without_times(mut rule: Value) -> Value {
    for field in ["created_at", "changed_at"] {
        assert!(rule[field].is_string(), "{rule}");
        rule.as_object_mut().unwrap().remove(field);
    }
    rule
}

async fn a_rule_is_made_shown_changed_listed_and_deleted(database: Database) {
    let scene = Scene::without_rules(database).await;
    let admin = &scene.admin;
    let made = scene.rule(json!({})).await;
    let path = format!("{RULES}/release");
    assert_eq!(admin.get(&path).await.expect(200).json(), made);
    let shown = without_times(made.clone()).to_string();
    assert_snapshot!(scene.stable(&shown), @r#"{"name":"release","preset":"github","issuer":"ISSUER","audience":"SERVER/acme","claims":{"ref":"refs/heads/main","repository":"acme/app"},"scopes":["read","publish"],"crates":null,"principal":"job:acme.release","last_used_at":null}"#);
    let again = admin.post(RULES, scene.draft(json!({}))).await;
    assert_snapshot!(scene.said(&again), @"409: registry `acme` has a trusted publisher `release`; change that one, or choose another name");

    let change = json!({
        "claims": { "repository": "acme/*" }, "crates": ["acme-*"], "audience": "us", "scopes": ["yank"],
    });
    let changed = admin.patch(&path, change).await.expect(200).json();
    assert_snapshot!(scene.stable(&without_times(changed).to_string()), @r#"{"name":"release","preset":"github","issuer":"ISSUER","audience":"us","claims":{"repository":"acme/*"},"scopes":["read","yank"],"crates":["acme-*"],"principal":"job:acme.release","last_used_at":null}"#);
    let back = json!({ "crates": null, "audience": null });
    let changed = admin.patch(&path, back).await.expect(200).json();
    assert_eq!(changed["crates"], Value::Null);
    assert_eq!(changed["audience"], scene.audience());
    let everybody = json!({ "claims": { "ref": "refs/heads/main" } });
    admin.patch(&path, everybody).await.expect(422);

    scene.rule(json!({ "name": "nightly" })).await;
    let page = admin.get(RULES).await.expect(200).json();
    let names: Vec<_> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["nightly", "release"]);
    admin.delete(&path).await.expect(204);
    assert_snapshot!(scene.said(&admin.get(&path).await), @"404: there is no trusted publisher `release` in registry `acme`; `supercargo trusted-publisher list acme` shows those there are");
    for action in ["created", "changed", "deleted"] {
        let log = scene.log(&format!("trusted_publisher.{action}")).await;
        assert!(
            log.last().unwrap().starts_with("admin done release"),
            "{log:?}"
        );
    }
}

async fn an_unsound_rule_is_refused_with_its_field(database: Database) {
    let scene = Scene::without_rules(database).await;
    let mut told = String::new();
    for changes in [
        json!({ "claims": {} }),
        json!({ "claims": { "repository": "*" } }),
        json!({ "claims": { "repository": "acme/app", "ref": "main" } }),
        json!({ "preset": "gitlab" }),
        json!({ "preset": "jenkins" }),
        json!({ "preset": null, "issuer": null }),
        json!({ "issuer": "http://ci.acme.example" }),
        json!({ "audience": "*" }),
        json!({ "scopes": ["publish", "admin"] }),
        json!({ "scopes": [] }),
        json!({ "crates": [] }),
        json!({ "crates": ["a b"] }),
        json!({ "name": "Release" }),
        json!({ "secret": "x" }),
    ] {
        let refused = scene.admin.post(RULES, scene.draft(changes)).await;
        let (code, said) = (refused.code().unwrap(), scene.said(&refused));
        // where in the JSON is of no interest
        let said = said.split(" at line ").next().unwrap();
        writeln!(told, "{code} {said}").unwrap();
    }
    assert_snapshot!(told, @r#"
    invalid-trusted-publisher 422: `claims`: does not say whose jobs are meant, so that everybody's at that issuer would be; name the owner without `*`, as in `"repository": "acme/app"`
    invalid-trusted-publisher 422: `claims`: does not say whose jobs are meant, so that everybody's at that issuer would be; name the owner without `*`, as in `"repository": "acme/app"`
    invalid-trusted-publisher 422: `claims.ref`: GitHub writes whole names there, as in `refs/heads/main` or `refs/tags/v*`
    invalid-trusted-publisher 422: `claims.ref`: GitLab writes `main` there; use `ref_path` for `refs/heads/main`
    invalid-request 422: the request does not have the expected shape: unknown variant `jenkins`, expected one of `github`, `gitlab`, `custom`
    invalid-trusted-publisher 422: `issuer`: is missing; write the `iss` of its tokens, as in `https://ci.acme.example`
    invalid-trusted-publisher 422: `issuer`: it is not encrypted, so that anybody on the way could put in keys of their own; write the issuer exactly as it stands in the `iss` of its tokens, as in `https://gitlab.acme.example`
    invalid-trusted-publisher 422: `audience`: is no pattern: a token that was made for somebody else could be used here; write one text, as in `https://crates.acme.example`
    invalid-trusted-publisher 422: `scopes`: a job has `read`, `publish` and `yank` at most, not `admin`; leave that to people
    invalid-request 422: the request does not have the expected shape: a token needs at least one scope; use `read` for one that only reads
    invalid-trusted-publisher 422: `crates`: names none; leave it out for what everybody who publishes may write
    invalid-request 422: the request does not have the expected shape: invalid character ` ` in pattern `a b`: use letters, digits, `-`, `_` and `*`, as in `acme-*`
    invalid-request 422: the request does not have the expected shape: a trusted publisher's name has 1 to 32 lower-case letters, digits, `-` and `_`, and starts with a letter or digit, as in `release`
    invalid-request 422: the request does not have the expected shape: unknown field `secret`, expected one of `name`, `preset`, `issuer`, `audience`, `claims`, `scopes`, `crates`
    "#);
    let page = scene.admin.get(RULES).await.expect(200).json();
    assert_eq!(page["total"], 0);
}

async fn only_admins_of_the_registry_see_and_make_rules(database: Database) {
    let scene = Scene::start(database).await;
    let scopes = ["publish", "maintain", "delete", "admin"];
    let path = format!("{RULES}/release");
    for (role, status) in [("maintainer", 403), ("publisher", 403), ("admin", 200)] {
        let name = format!("{role}-of-acme");
        let person = scene.admin.person(&name, "acme", role, &scopes).await;
        assert_eq!(person.get(RULES).await.status, status, "{role}");
        assert_eq!(person.get(&path).await.status, status, "{role}");
        let change = json!({ "scopes": ["read"] });
        assert_eq!(person.patch(&path, change).await.status, status, "{role}");
    }
    let stranger = scene.admin.create_user("eve").await["name"].clone();
    let eve = scene
        .admin
        .token(json!({ "principal": stranger, "scopes": scopes }))
        .await;
    let eve = scene.with_token(&eve);
    eve.get(RULES).await.expect(404);
    eve.delete(&path).await.expect(404);
    let nobody = scene.server.anonymous();
    nobody.get(RULES).await.expect(401);
    nobody.post(RULES, scene.draft(json!({}))).await.expect(401);
    let denied = scene.log("trusted_publisher.changed").await;
    assert_eq!(
        denied.iter().filter(|line| line.contains("denied")).count(),
        2,
        "{denied:?}"
    );
}

async fn a_preset_brings_its_issuer(database: Database) {
    let scene = Scene::without_rules(database).await;
    for (preset, claims) in [
        ("github", json!({ "repository": "acme/app" })),
        ("gitlab", json!({ "project_path": "acme/app" })),
    ] {
        let rule = json!({ "name": preset, "preset": preset, "claims": claims });
        let made = scene.admin.post(RULES, rule).await.expect(201).json();
        assert!(made["issuer"].as_str().unwrap().starts_with("https://"));
        assert_eq!(made["scopes"], json!(["read"]));
    }
}
