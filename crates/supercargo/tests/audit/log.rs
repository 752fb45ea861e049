//! The log as people read it: filters, pages, and who may.

use serde_json::json;
use supercargo_testkit::{Database, on_both};

use crate::scene::{Scene, download, items, told};

on_both!(
    entries_are_filtered,
    pages_follow_each_other_from_the_newest,
    a_value_that_makes_no_sense_is_refused_with_an_example,
    admins_of_a_registry_see_what_concerns_it_and_nothing_else,
    a_name_that_is_used_again_does_not_show_what_was_before,
);

/// I9 (filterable).
async fn entries_are_filtered(database: Database) {
    let scene = Scene::start(database).await;
    let scopes = ["publish", "yank", "read"];
    let alice = scene
        .admin
        .person("alice", "acme", "publisher", &scopes)
        .await;
    let package = supercargo_testkit::Package::new("My_Crate", "1.0.0");
    alice.publish("acme", &package).await.expect(200);
    let second = package.with_version("2.0.0");
    alice.publish("acme", &second).await.expect(200);
    alice
        .yank("acme", "My_Crate", "2.0.0", true)
        .await
        .expect(200);
    scene.publish("other", "my-crate", "1.0.0").await;
    download(&alice, "acme", "my_crate", "1.0.0").await;

    let fields = ["action", "principal", "registry", "crate", "version"];
    let mut lines = Vec::new();
    for query in [
        "action=version.published",
        "action=version.published&registry=acme",
        "principal=alice",
        "crate=my-crate&registry=acme&version=2.0.0",
        "crate=MY-CRATE&action=version.yanked",
        "action=version.downloaded&crate=my-crate",
        "action=version.downloaded&principal=admin",
        "action=version.downloaded&outcome=denied",
        "outcome=alarm",
        "registry=none",
        "from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00%2B01:00",
    ] {
        let answer = scene.admin.get(&format!("/api/v1/audit?{query}")).await;
        let answer = answer.expect(200).json();
        let items = answer["items"].as_array().unwrap();
        assert_eq!(answer["total"], items.len(), "{answer}");
        lines.push(query.to_owned());
        lines.extend(told(items, &fields).iter().map(|line| format!("  {line}")));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    action=version.published
      version.published admin other my-crate 1.0.0
      version.published alice acme My_Crate 2.0.0
      version.published alice acme My_Crate 1.0.0
    action=version.published&registry=acme
      version.published alice acme My_Crate 2.0.0
      version.published alice acme My_Crate 1.0.0
    principal=alice
      version.yanked alice acme My_Crate 2.0.0
      version.published alice acme My_Crate 2.0.0
      version.published alice acme My_Crate 1.0.0
    crate=my-crate&registry=acme&version=2.0.0
      version.yanked alice acme My_Crate 2.0.0
      version.published alice acme My_Crate 2.0.0
    crate=MY-CRATE&action=version.yanked
      version.yanked alice acme My_Crate 2.0.0
    action=version.downloaded&crate=my-crate
      version.downloaded alice acme my_crate 1.0.0
    action=version.downloaded&principal=admin
    action=version.downloaded&outcome=denied
    outcome=alarm
    registry=none
    from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00%2B01:00
    ");

    // half open: the entry of that moment is in one of two halves
    let all = scene.log("registry=acme").await;
    let at = all[1]["at"].as_str().unwrap();
    let later = scene.log(&format!("registry=acme&from={at}")).await;
    let earlier = scene.log(&format!("registry=acme&to={at}")).await;
    assert_eq!((later.len(), later.len() + earlier.len()), (2, all.len()));
}

async fn pages_follow_each_other_from_the_newest(database: Database) {
    let scene = Scene::start(database).await;
    for number in 0..7 {
        scene.admin.create_user(&format!("u{number}")).await;
    }
    let query = "/api/v1/audit?action=account.created&limit=3";
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = scene.admin.get(&format!("{query}{cursor}")).await;
        let page = page.expect(200).json();
        assert_eq!(page["total"], 7);
        seen.extend(told(page["items"].as_array().unwrap(), &["detail"]));
        cursor = match page["next_cursor"].as_str() {
            Some(next) => format!("&cursor={next}"),
            None => break,
        };
    }
    let expected: Vec<_> = (0..7).rev().map(|n| format!("u{n} member")).collect();
    assert_eq!(seen, expected);
}

async fn a_value_that_makes_no_sense_is_refused_with_an_example(database: Database) {
    let scene = Scene::start(database).await;
    let mut lines = Vec::new();
    for query in [
        "audit?from=yesterday",
        "audit?to=2026-11-20",
        "audit?from=2026-11-21T00:00:00Z&to=2026-11-20T00:00:00Z",
        "audit?outcome=failed",
        "audit?registry=No%20Name",
        "audit?crate=a%2Fb",
        "audit?principal=",
        "audit?action=%00",
        "audit?version=1%202",
        "audit?cursor=abc",
        "audit?limit=0",
        "audit?format=xml",
        "audit?format=csv&limit=5",
        "audit?who=alice",
        "exposure",
        "exposure?crate=a%2Fb",
        "exposure?crate=demo&version=latest",
        "exposure?crate=demo&version=",
        "exposure?crate=demo&cursor=x",
        "registries/acme/crates/demo/versions/%5E1/pulls",
    ] {
        let answer = scene.admin.get(&format!("/api/v1/{query}")).await;
        lines.push(format!("{query}: {}", answer.expect(422).detail().unwrap()));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    audit?from=yesterday: `from` is a time as in `2026-11-20T11:54:12Z`, not `yesterday`
    audit?to=2026-11-20: `to` is a time as in `2026-11-20T11:54:12Z`, not `2026-11-20`
    audit?from=2026-11-21T00:00:00Z&to=2026-11-20T00:00:00Z: `from` is not before `to`, so that nothing is between them; `from` is the earlier one
    audit?outcome=failed: `outcome` is `done`, `denied` or `alarm`, not `failed`
    audit?registry=No%20Name: `registry` is a registry as in `acme`, not `No Name`
    audit?crate=a%2Fb: `crate` is a crate as in `serde`, not `a/b`
    audit?principal=: `principal` is a user, a team or a service account as in `alice`, `team:core` or `service:ci`, not ``
    audit?action=%00: `action` is what was done as in `version.published` or `token.revoked`, not `\\0`
    audit?version=1%202: `version` is a version as in `1.2.3`, not `1 2`
    audit?cursor=abc: `cursor` is the `next_cursor` of the page before, as in `cursor=1234`, not `abc`
    audit?limit=0: `limit` is a number from 1 to 200, not `0`
    audit?format=xml: `format` is `json`, `jsonl` or `csv`, not `xml`
    audit?format=csv&limit=5: an export is everything that the filters let through; leave `limit` and `cursor` out
    audit?who=alice: unknown parameter `who`; this address takes `registry`, `principal`, `action`, `outcome`, `crate`, `version`, `from`, `to`, `limit`, `cursor`, `format`
    exposure: name the crate, as in `?crate=serde&version=<1.0.100`
    exposure?crate=a%2Fb: invalid character `/` in crate name `a/b`: use ASCII letters, digits, `-` and `_`
    exposure?crate=demo&version=latest: `latest` is neither a version nor a requirement (unexpected character 'l' while parsing major version number); write it as `1.2.3`, `<1.2.3` or `>=1.2, <1.4`
    exposure?crate=demo&version=: `` is neither a version nor a requirement (nothing stands there); write it as `1.2.3`, `<1.2.3` or `>=1.2, <1.4`
    exposure?crate=demo&cursor=x: `cursor` is the `next_cursor` of the page before; begin again without one
    registries/acme/crates/demo/versions/%5E1/pulls: `^1` is not a version; write all of it, as in `1.2.3`
    ");
}

async fn admins_of_a_registry_see_what_concerns_it_and_nothing_else(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("acme", "demo", "1.0.0").await;
    scene.publish("other", "demo", "1.0.0").await;
    download(&scene.admin, "acme", "demo", "1.0.0").await;
    download(&scene.admin, "other", "demo", "1.0.0").await;
    let admin = scene.admin.person("ada", "acme", "admin", &["admin"]).await;
    let fields = ["registry"];
    for query in ["registry=acme", "registry=acme&action=version.downloaded"] {
        let seen = items(&admin, &format!("/api/v1/audit?{query}")).await;
        let mut seen = told(&seen, &fields);
        seen.dedup();
        assert_eq!(seen, ["acme"], "{query}");
    }
    let status = async |who: &supercargo_testkit::Client, query: &str| {
        let answer = who.get(&format!("/api/v1/audit?{query}")).await;
        answer.status.as_u16()
    };
    assert_eq!(status(&admin, "").await, 403, "not all of it");
    assert_eq!(
        status(&admin, "registry=other").await,
        403,
        "seen, not administered"
    );
    assert_eq!(status(&admin, "registry=main").await, 404, "hidden");
    assert_eq!(
        status(&admin, "registry=none").await,
        404,
        "as one that is not there"
    );
    assert_eq!(status(&scene.server.anonymous(), "").await, 401);
    assert_eq!(
        status(&scene.server.anonymous(), "registry=acme").await,
        401
    );
    let maintainer = scene
        .admin
        .person("mia", "acme", "maintainer", &["maintain", "admin"])
        .await;
    assert_eq!(status(&maintainer, "registry=acme").await, 403);
    // an instance admin's token for one registry is good for that one
    let narrow = json!({ "scopes": ["admin"], "registries": ["acme"] });
    let narrow = scene.admin.with_token(&scene.admin.token(narrow).await);
    assert_eq!(status(&narrow, "").await, 403);
    assert_eq!(status(&narrow, "registry=acme").await, 200);
    assert_eq!(status(&narrow, "registry=other").await, 403);
    let pulled = items(&narrow, "/api/v1/exposure?crate=demo").await;
    assert_eq!(told(&pulled, &fields), ["acme"]);
}

async fn a_name_that_is_used_again_does_not_show_what_was_before(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("acme", "demo", "1.0.0").await;
    download(&scene.admin, "acme", "demo", "1.0.0").await;
    let delete = "/api/v1/registries/acme?confirm=acme";
    scene.admin.delete(delete).await.expect(204);
    // of a deleted registry, instance admins still learn who has what
    let exposure = "/api/v1/exposure?crate=demo";
    assert_eq!(items(&scene.admin, exposure).await.len(), 1);
    scene.admin.create_registry(json!({ "name": "acme" })).await;
    let ada = scene.admin.person("ada", "acme", "admin", &["admin"]).await;
    let seen = items(&ada, "/api/v1/audit?registry=acme").await;
    assert_eq!(told(&seen, &["action"]), ["member.set", "registry.reused"]);
    let downloads = "/api/v1/audit?registry=acme&action=version.downloaded";
    assert!(items(&ada, downloads).await.is_empty());
    assert!(items(&ada, exposure).await.is_empty());
    assert_eq!(items(&scene.admin, downloads).await.len(), 1);
}
