//! R5: a name that is claimed as `merge`, where hosted versions stand beside upstream's.

use std::fs;

use serde_json::json;
use supercargo_testkit::{Database, Fault, Package, View, normalise, on_both};

use crate::scene::{Scene, project_with};

on_both!(
    each_view_has_what_it_promises,
    a_deleted_number_hides_upstreams_and_never_comes_back_as_theirs,
    cargo_publishes_beside_upstream_through_the_hosted_view,
    a_number_that_upstream_lists_takes_only_the_same_bytes,
    a_number_is_not_given_while_upstream_cannot_tell,
    a_number_that_upstream_gets_later_stays_the_hosted_one,
    a_number_that_was_served_as_upstreams_is_never_hosted_with_other_bytes,
    upstream_may_lose_the_crate_or_fail_and_what_is_hosted_stays,
);

const ALWAYS_ASK: [(&str, &str); 1] = [("upstream.freshness", "0s")];
const NOTHING: [&str; 0] = [];

fn ours(version: &str) -> Package {
    Package::new("left-pad", version).file("OURS", "our bytes")
}

fn theirs(version: &str) -> Package {
    Package::new("left-pad", version).file("THEIRS", "upstream's bytes")
}

/// `1.0.0 ours` for each line of a view, in its order.
async fn listed(scene: &Scene, view: View) -> Vec<String> {
    let index = scene.admin.index("acme", view, "left-pad").await;
    if index.status == 404 {
        return Vec::new();
    }
    let lines = index.expect(200).json_lines();
    let origin = |line: &serde_json::Value| {
        let version = line["vers"].as_str().unwrap();
        let checksum = line["cksum"].as_str().unwrap();
        let origin = if checksum == ours(version).checksum().hex() {
            "ours"
        } else if checksum == theirs(version).checksum().hex() {
            "theirs"
        } else {
            "unknown"
        };
        format!("{version} {origin}")
    };
    lines.iter().map(origin).collect()
}

/// R5: `index` has both, and of a number that both have the hosted one; `mirror` has upstream's, `hosted` what is hosted.
async fn each_view_has_what_it_promises(database: Database) {
    let scene = Scene::start(database).await;
    for version in ["1.0.0", "1.1.0", "2.0.0+theirs"] {
        scene.upstream.publish(&theirs(version));
    }
    // upstream's numbers can be hosted as a fork, and are so still when the claim becomes another one
    scene.admin.claim("acme", "left-pad", "fork").await;
    for version in ["1.0.0", "2.0.0+ours"] {
        scene.publish(&ours(version)).await;
    }
    scene.unclaim("left-pad").await;
    scene.admin.claim("acme", "left-*", "merge").await;
    scene.publish(&ours("1.2.0")).await;

    let hosted = ["1.0.0 ours", "2.0.0+ours ours", "1.2.0 ours"];
    assert_eq!(listed(&scene, View::Hosted).await, hosted);
    assert_eq!(
        listed(&scene, View::Index).await,
        [&hosted[..], &["1.1.0 theirs"]].concat()
    );
    let upstreams = ["1.0.0 theirs", "1.1.0 theirs", "2.0.0+theirs theirs"];
    assert_eq!(listed(&scene, View::Mirror).await, upstreams);

    for (view, version, package) in [
        (View::Index, "1.0.0", Some(ours("1.0.0"))),
        (View::Hosted, "1.0.0", Some(ours("1.0.0"))),
        (View::Mirror, "1.0.0", Some(theirs("1.0.0"))),
        (View::Index, "1.1.0", Some(theirs("1.1.0"))),
        (View::Index, "2.0.0+ours", Some(ours("2.0.0+ours"))),
        (View::Index, "2.0.0+theirs", None),
        (View::Mirror, "2.0.0+theirs", Some(theirs("2.0.0+theirs"))),
        (View::Mirror, "2.0.0+ours", None),
        (View::Mirror, "1.2.0", None),
    ] {
        let download = scene.admin.download("acme", view, "left-pad", version);
        let download = download.await;
        match package {
            Some(package) => assert_eq!(download.expect(200).body, package.crate_bytes()),
            None => assert_eq!(download.status, 404, "{view} {download}"),
        }
    }
    // upstream's lines as they came
    let mirror = scene.mirror("left-pad").await.expect(200).text();
    let index = scene.index("left-pad").await.expect(200).text();
    assert_eq!(index.lines().last(), mirror.lines().nth(1));
    // twins of what is hosted are names of crates that are not there
    scene.upstream.clear_requests();
    for &view in View::ALL {
        let twin = scene.admin.index("acme", view, "left_pad").await;
        twin.expect(404);
    }
    assert_eq!(scene.asked(), NOTHING);
}

/// R5: tombstones hide upstream's number, in the view where it stood for other bytes.
async fn a_deleted_number_hides_upstreams_and_never_comes_back_as_theirs(database: Database) {
    let scene = Scene::start(database).await;
    for version in ["1.0.0", "1.1.0"] {
        scene.upstream.publish(&theirs(version));
    }
    scene.admin.claim("acme", "left-pad", "fork").await;
    scene.publish(&ours("1.0.0+ours")).await;
    scene.unclaim("left-pad").await;
    scene.admin.claim("acme", "left-pad", "merge").await;
    let path = "/api/v1/registries/acme/crates/left-pad";
    let hides_it = async |what: &str| {
        scene.admin.delete(what).await.expect(204);
        assert_eq!(listed(&scene, View::Index).await, ["1.1.0 theirs"]);
        assert_eq!(listed(&scene, View::Hosted).await, NOTHING);
        assert_eq!(
            listed(&scene, View::Mirror).await,
            ["1.0.0 theirs", "1.1.0 theirs"]
        );
        for version in ["1.0.0", "1.0.0+ours"] {
            scene.download("left-pad", version).await.expect(404);
        }
        let mirrored = scene
            .admin
            .download("acme", View::Mirror, "left-pad", "1.0.0");
        assert_eq!(
            mirrored.await.expect(200).body,
            theirs("1.0.0").crate_bytes()
        );
    };
    hides_it(&format!("{path}/versions/1.0.0+ours")).await;
    let restore = format!("{path}/versions/1.0.0+ours/restore");
    scene.admin.post(&restore, json!(null)).await.expect(200);
    assert_eq!(
        listed(&scene, View::Index).await,
        ["1.0.0+ours ours", "1.1.0 theirs"]
    );
    hides_it(path).await;
    hides_it(&format!("{path}?purge=true")).await;

    // not even with upstream's own bytes
    for package in [theirs("1.0.0"), ours("1.0.0")] {
        let refused = scene.admin.publish("acme", &package).await.expect(409);
        assert_eq!(refused.code().as_deref(), Some("number-deleted"));
    }
}

/// R5 with the real cargo: 1.83 and later see upstream's numbers in `index` and do not even ask; through `hosted` the server
/// decides.
async fn cargo_publishes_beside_upstream_through_the_hosted_view(database: Database) {
    let scene = Scene::start(database).await;
    scene.upstream.publish(&theirs("1.2.3"));
    scene.admin.claim("acme", "left-pad", "merge").await;

    let in_index = scene.cargo();
    let folder = in_index.project(&ours("1.2.3"));
    let publish = ["publish", "--registry", "acme", "--no-verify"];
    let refused = in_index.run(&folder, &publish).await.failure();
    if in_index.is_at_least("1.83") {
        let said = refused.messages();
        let words = "crate left-pad@1.2.3 already exists on `acme` index";
        assert!(said.contains(words), "{said}");
    } else {
        assert!(
            refused
                .refusal()
                .starts_with("409 Conflict: number `1.2.3`")
        );
    }

    let cargo = scene.cargo_with("acme-hosted", View::Hosted);
    let publish = ["publish", "--registry", "acme-hosted", "--no-verify"];
    let folder = cargo.project(&ours("1.2.3"));
    let refused = cargo.run(&folder, &publish).await.failure();
    insta::assert_snapshot!(refused.refusal(), @"409 Conflict: number `1.2.3` of crate `left-pad` stands for other bytes: upstream `partner` has `left-pad@1.2.3`, and registry `acme` serves its versions beside the hosted ones; publish a version number that upstream never had");

    let folder = cargo.project(&ours("1.2.4"));
    let published = cargo.run(&folder, &publish).await.success();
    insta::assert_snapshot!(published.lines(&["Uploaded", "Published"]), @r"
    Uploaded left-pad v1.2.4 to registry `acme-hosted`
    Published left-pad v1.2.4 at registry `acme-hosted`
    ");
    assert_eq!(
        scene.admin.listed("acme", View::Index, "left-pad").await,
        ["1.2.4", "1.2.3"]
    );

    // the very file that upstream has is another matter
    let folder = cargo.project(&ours("1.3.0"));
    let package = ["package", "--no-verify"];
    cargo.run(&folder, &package).await.success();
    let packed = cargo.root().join("target/package/left-pad-1.3.0.crate");
    let bytes = fs::read(packed).unwrap();
    let mut line = ours("1.3.0").index_line();
    line["cksum"] = json!(supercargo_types::Digest::of(&bytes));
    scene.upstream.publish_line("left-pad", &line.to_string());
    scene.upstream.replace_bytes("left-pad", "1.3.0", bytes);
    cargo.run(&folder, &publish).await.success();
    assert_eq!(
        scene.admin.listed("acme", View::Hosted, "left-pad").await,
        ["1.2.4", "1.3.0"]
    );

    // and whoever builds has both from one registry
    let consumer = scene.cargo();
    let folder = consumer.project(&project_with("left-pad", "=1.2.4"));
    consumer.run(&folder, &["check"]).await.success();
    let folder = consumer.project(&project_with("left-pad", "=1.2.3"));
    consumer.run(&folder, &["check"]).await.success();
}

/// R5: build metadata does not make another number.
async fn a_number_that_upstream_lists_takes_only_the_same_bytes(database: Database) {
    let scene = Scene::start(database).await;
    for version in ["1.0.0", "2.0.0+theirs"] {
        scene.upstream.publish(&theirs(version));
    }
    scene.admin.claim("acme", "left-pad", "merge").await;
    let mut said = Vec::new();
    for version in ["1.0.0", "1.0.0+ours", "2.0.0", "2.0.0+theirs"] {
        let refused = scene.admin.publish("acme", &ours(version)).await;
        let refused = refused.expect(409);
        assert_eq!(refused.code().as_deref(), Some("upstream-has-number"));
        said.push(refused.detail().unwrap());
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    number `1.0.0` of crate `left-pad` stands for other bytes: upstream `partner` has `left-pad@1.0.0`, and registry `acme` serves its versions beside the hosted ones; publish a version number that upstream never had
    number `1.0.0+ours` of crate `left-pad` stands for other bytes: upstream `partner` has `left-pad@1.0.0`, and registry `acme` serves its versions beside the hosted ones; publish a version number that upstream never had
    number `2.0.0` of crate `left-pad` stands for other bytes: upstream `partner` has `left-pad@2.0.0+theirs`, and registry `acme` serves its versions beside the hosted ones; publish a version number that upstream never had
    number `2.0.0+theirs` of crate `left-pad` stands for other bytes: upstream `partner` has `left-pad@2.0.0+theirs`, and registry `acme` serves its versions beside the hosted ones; publish a version number that upstream never had
    ");
    // nothing of it stays
    assert_eq!(scene.stored(), 0);
    assert_eq!(listed(&scene, View::Hosted).await, NOTHING);

    scene.publish(&theirs("1.0.0")).await;
    assert_eq!(listed(&scene, View::Hosted).await, ["1.0.0 theirs"]);
    assert_eq!(
        listed(&scene, View::Index).await,
        ["1.0.0 theirs", "2.0.0+theirs theirs"]
    );
    let again = scene.admin.publish("acme", &theirs("1.0.0")).await;
    assert_eq!(again.expect(409).code().as_deref(), Some("version-exists"));

    // what upstream lists is asked now, whatever was read a moment before
    scene.upstream.publish(&theirs("3.0.0"));
    assert_eq!(listed(&scene, View::Index).await.len(), 2);
    let refused = scene.admin.publish("acme", &ours("3.0.0")).await;
    assert_eq!(
        refused.expect(409).code().as_deref(),
        Some("upstream-has-number")
    );
}

/// R5: a last good copy is good enough to read, and not to give a number away.
async fn a_number_is_not_given_while_upstream_cannot_tell(database: Database) {
    let settings = [("upstream.timeout", "1s"), ("upstream.freshness", "0s")];
    let mut scene = Scene::with_settings(database, &settings).await;
    scene.upstream.publish(&theirs("1.0.0"));
    scene.admin.claim("acme", "left-pad", "merge").await;
    assert_eq!(listed(&scene, View::Index).await, ["1.0.0 theirs"]);
    for fault in [
        Fault::Status(500),
        Fault::Status(403),
        Fault::Status(451),
        Fault::Html,
        Fault::Garbage,
        Fault::Hang,
    ] {
        scene.upstream.fault("/index/", fault.clone());
        let refused = scene.admin.publish("acme", &ours("1.1.0")).await;
        assert_eq!(refused.status, 503, "{fault:?}: {refused}");
        assert_eq!(refused.code().as_deref(), Some("upstream-unsure"));
    }
    scene.upstream.stop();
    let refused = scene.admin.publish("acme", &ours("1.1.0")).await;
    let detail = normalise(&refused.expect(503).detail().unwrap(), scene.server.data());
    insta::assert_snapshot!(detail, @"whether upstream `partner` has `left-pad@1.1.0` cannot be told now, and beside its versions a number is only given when it can: upstream `partner` cannot be reached at `127.0.0.1:[PORT]`: Connection refused (os error 111); publish again later, or have a maintainer claim the name as a `fork`");
    // who only reads is answered as before
    assert_eq!(listed(&scene, View::Index).await, ["1.0.0 theirs"]);
    assert_eq!(listed(&scene, View::Hosted).await, NOTHING);

    scene.upstream.start_again();
    scene.upstream.heal();
    scene.publish(&ours("1.1.0")).await;
    assert_eq!(
        listed(&scene, View::Index).await,
        ["1.1.0 ours", "1.0.0 theirs"]
    );
}

/// R5: lockfiles of the hosted one build on.
async fn a_number_that_upstream_gets_later_stays_the_hosted_one(database: Database) {
    let scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    scene.upstream.publish(&theirs("1.0.0"));
    scene.admin.claim("acme", "left-pad", "merge").await;
    scene.publish(&ours("1.1.0")).await;
    let cargo = scene.cargo();
    let folder = cargo.project(&project_with("left-pad", "1"));
    cargo.run(&folder, &["check"]).await.success();
    let lockfile = fs::read_to_string(folder.join("Cargo.lock")).unwrap();
    assert!(lockfile.contains(&ours("1.1.0").checksum().hex()));

    for version in ["1.1.0", "1.2.0"] {
        scene.upstream.publish(&theirs(version));
    }
    assert_eq!(
        listed(&scene, View::Index).await,
        ["1.1.0 ours", "1.0.0 theirs", "1.2.0 theirs"]
    );
    let downloaded = scene.download("left-pad", "1.1.0").await.expect(200);
    assert_eq!(downloaded.body, ours("1.1.0").crate_bytes());
    cargo.forget_downloads();
    cargo.run(&folder, &["check", "--locked"]).await.success();
    // what upstream alone has is followed
    cargo.run(&folder, &["update"]).await.success();
    let lockfile = fs::read_to_string(folder.join("Cargo.lock")).unwrap();
    assert!(lockfile.contains(&theirs("1.2.0").checksum().hex()));
    // nobody changed anything that was served
    assert_eq!(scene.alarms().await, NOTHING);
}

/// The ledger: what was given out for a number stands for it, also when upstream forgets the number.
async fn a_number_that_was_served_as_upstreams_is_never_hosted_with_other_bytes(
    database: Database,
) {
    let scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    for version in ["1.0.0", "1.1.0+theirs", "1.2.0"] {
        scene.upstream.publish(&theirs(version));
    }
    scene.admin.claim("acme", "left-pad", "merge").await;
    scene.download("left-pad", "1.1.0+theirs").await.expect(200);
    for version in ["1.1.0+theirs", "1.2.0"] {
        scene.upstream.remove_version("left-pad", version);
    }
    assert_eq!(listed(&scene, View::Index).await, ["1.0.0 theirs"]);
    let refused = scene.admin.publish("acme", &ours("1.1.0")).await;
    let refused = refused.expect(409);
    assert_eq!(refused.code().as_deref(), Some("upstream-has-number"));
    insta::assert_snapshot!(refused.detail().unwrap(), @"number `1.1.0` of crate `left-pad` stands for other bytes: upstream `partner` has `left-pad@1.1.0+theirs`, and registry `acme` serves its versions beside the hosted ones; publish a version number that upstream never had");
    // the same bytes are the same version
    scene.publish(&theirs("1.1.0+theirs")).await;
    // and a number that nobody was ever given is free
    scene.publish(&ours("1.2.0")).await;
    assert_eq!(
        listed(&scene, View::Index).await,
        ["1.1.0+theirs theirs", "1.2.0 ours", "1.0.0 theirs"]
    );
}

/// R5, R7: upstream's own trouble is upstream's.
async fn upstream_may_lose_the_crate_or_fail_and_what_is_hosted_stays(database: Database) {
    let mut scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    scene.upstream.publish(&theirs("1.0.0"));
    scene.admin.claim("acme", "left-pad", "merge").await;
    scene.publish(&ours("1.1.0")).await;
    scene.download("left-pad", "1.0.0").await.expect(200);
    let flags = async |scene: &Scene| {
        let lines = scene.index("left-pad").await.expect(200).json_lines();
        let flag = |line: &serde_json::Value| format!("{} {}", line["vers"], line["yanked"]);
        lines.iter().map(flag).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(flags(&scene).await, r#""1.1.0" false, "1.0.0" false"#);

    scene.upstream.remove("left-pad");
    assert_eq!(flags(&scene).await, r#""1.1.0" false, "1.0.0" true"#);
    for version in ["1.0.0", "1.1.0"] {
        scene.download("left-pad", version).await.expect(200);
    }
    assert_eq!(scene.alarms().await, ["upstream.vanished left-pad"]);
    // what it had before it was lost keeps its number
    let refused = scene.admin.publish("acme", &ours("1.0.0")).await;
    let code = refused.expect(409).code();
    assert_eq!(code.as_deref(), Some("upstream-has-number"));

    scene.upstream.publish(&theirs("1.0.0"));
    assert_eq!(flags(&scene).await, r#""1.1.0" false, "1.0.0" false"#);
    scene.upstream.stop();
    assert_eq!(flags(&scene).await, r#""1.1.0" false, "1.0.0" false"#);
    for version in ["1.0.0", "1.1.0"] {
        scene.download("left-pad", version).await.expect(200);
    }
    assert_eq!(listed(&scene, View::Hosted).await, ["1.1.0 ours"]);
}
