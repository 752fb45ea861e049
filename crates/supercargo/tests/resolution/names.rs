//! R4, R5: how a name is resolved, and what is never asked.

use serde_json::json;
use supercargo_testkit::{Database, Fault, Package, View, normalise, on_both};

use crate::scene::{Scene, index_file, project_with};

on_both!(
    a_privately_claimed_name_is_never_asked_upstream_in_any_view,
    a_hosted_crate_without_a_claim_counts_as_private,
    a_new_name_asks_the_upstream_once_in_every_spelling_and_becomes_private,
    a_new_name_that_the_upstream_has_is_refused_until_it_is_claimed,
    a_new_name_is_refused_while_the_upstream_cannot_tell,
    a_fork_is_hosted_in_the_index_and_the_upstreams_in_the_mirror,
    an_open_source_crates_own_number_is_published_without_a_placeholder,
    claims_and_their_deletion_hold_from_the_next_request_on,
    a_name_that_was_ever_hosted_stays_private_without_its_claim,
    a_published_name_is_seen_at_once_where_it_was_not_there_before,
    a_question_under_way_does_not_outlive_a_claim_or_a_publish,
    names_outside_of_only_or_inside_of_except_are_not_asked,
    a_detached_upstream_is_out_from_the_next_request_on,
);

const NOTHING: [&str; 0] = [];

/// R4: not even for existence, whoever asks and however.
async fn a_privately_claimed_name_is_never_asked_upstream_in_any_view(database: Database) {
    let scene = Scene::start(database).await;
    for name in ["acme-tool", "acme_tool", "acme-missing", "vault"] {
        scene.upstream.publish(&Package::new(name, "9.9.9"));
    }
    scene.admin.claim("acme", "acme-*", "private").await;
    scene.admin.claim("acme", "vault", "private").await;

    let none_is_there = async |version: &str| {
        for name in ["acme-missing", "ACME_Missing", "acme_tool"] {
            for &view in View::ALL {
                scene.admin.index("acme", view, name).await.expect(404);
                let download = scene.admin.download("acme", view, name, version).await;
                download.expect(404);
            }
        }
    };
    none_is_there("9.9.9").await;
    scene.mirror("vault").await.expect(404);

    scene.publish(&Package::new("acme-tool", "1.0.0")).await;
    scene.publish(&Package::new("vault", "1.0.0")).await;
    scene.publish(&Package::new("vault", "1.1.0")).await;
    for (name, versions) in [
        ("acme-tool", vec!["1.0.0"]),
        ("vault", vec!["1.0.0", "1.1.0"]),
    ] {
        let listed = async |view| scene.admin.listed("acme", view, name).await;
        assert_eq!(listed(View::Index).await, versions);
        assert_eq!(listed(View::Hosted).await, versions);
        assert_eq!(listed(View::Mirror).await, NOTHING);
        scene.download(name, "1.0.0").await.expect(200);
        scene.download(name, "9.9.9").await.expect(404);
        let mirrored = scene.admin.download("acme", View::Mirror, name, "1.0.0");
        mirrored.await.expect(404);
    }
    // twins of what is hosted
    none_is_there("1.0.0").await;
    scene
        .admin
        .get("/acme/api/v1/crates?q=acme")
        .await
        .expect(200);

    let cargo = scene.cargo();
    let folder = cargo.project(&Package::new("acme-second", "0.1.0"));
    let publish = ["publish", "--registry", "acme", "--no-verify"];
    cargo.run(&folder, &publish).await.success();
    let folder = cargo.project(&project_with("vault", "1"));
    cargo.run(&folder, &["fetch"]).await.success();
    // cargo asks for other spellings of what it does not find
    let folder = cargo.project(&project_with("acme-missing_thing", "1"));
    cargo.run(&folder, &["fetch"]).await.failure();
    let search = ["search", "acme", "--registry", "acme"];
    cargo.run(cargo.root(), &search).await.success();

    assert_eq!(scene.asked(), NOTHING);
}

/// R4.
async fn a_hosted_crate_without_a_claim_counts_as_private(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish(&Package::new("widget-kit", "1.0.0")).await;
    scene.upstream.clear_requests();
    for name in ["widget-kit", "widget_kit"] {
        scene.upstream.publish(&Package::new(name, "9.9.9"));
    }

    scene.publish(&Package::new("widget-kit", "1.1.0")).await;
    let listed = async |view, name: &str| scene.admin.listed("acme", view, name).await;
    assert_eq!(listed(View::Index, "widget-kit").await, ["1.0.0", "1.1.0"]);
    assert_eq!(listed(View::Hosted, "widget-kit").await, ["1.0.0", "1.1.0"]);
    assert_eq!(listed(View::Mirror, "widget-kit").await, NOTHING);
    for &view in View::ALL {
        assert_eq!(listed(view, "widget_kit").await, NOTHING, "{view}");
        let download = scene.admin.download("acme", view, "widget_kit", "9.9.9");
        download.await.expect(404);
    }
    assert_eq!(scene.asked(), NOTHING);
}

/// R4.
async fn a_new_name_asks_the_upstream_once_in_every_spelling_and_becomes_private(
    database: Database,
) {
    let scene = Scene::start(database).await;
    scene.publish(&Package::new("New-Name_x", "0.1.0")).await;
    let spellings = ["new-name-x", "new-name_x", "new_name_x"];
    let mut asked = scene.asked();
    asked.sort_unstable();
    assert_eq!(asked, spellings.map(index_file));
    let listed = async |view| scene.admin.listed("acme", view, "new-name_x").await;
    assert_eq!(listed(View::Index).await, ["0.1.0"]);
    assert_eq!(listed(View::Mirror).await, NOTHING);
    scene.publish(&Package::new("New-Name_x", "0.2.0")).await;
    assert_eq!(scene.asked().len(), 3);
}

/// R4, R5.
async fn a_new_name_that_the_upstream_has_is_refused_until_it_is_claimed(database: Database) {
    let scene = Scene::start(database).await;
    scene.upstream.publish(&Package::new("left_pad", "1.0.0"));
    for name in ["left_pad", "left-pad"] {
        let package = Package::new(name, "1.0.1");
        let refused = scene.admin.publish("acme", &package).await.expect(409);
        assert_eq!(refused.code().as_deref(), Some("upstream-has-name"));
        let hosted = scene.admin.listed("acme", View::Hosted, name).await;
        assert_eq!(hosted, NOTHING);
    }
    assert_eq!(scene.stored(), 0);

    let cargo = scene.cargo();
    let folder = cargo.project(&Package::new("left_pad", "1.0.1"));
    let publish = ["publish", "--registry", "acme", "--no-verify"];
    let refused = cargo.run(&folder, &publish).await.failure();
    insta::assert_snapshot!(refused.refusal(), @"409 Conflict: `left_pad` is a crate of upstream `partner`, which registry `acme` reads through; a maintainer has to claim the name first: `supercargo claim create acme left_pad --mode fork`");

    // in another spelling the claim is the same
    scene.admin.claim("acme", "left-pad", "fork").await;
    cargo.run(&folder, &publish).await.success();
    assert_eq!(
        scene.admin.listed("acme", View::Index, "left_pad").await,
        ["1.0.1"]
    );
}

/// R4: an upstream that fails is not a "not there".
async fn a_new_name_is_refused_while_the_upstream_cannot_tell(database: Database) {
    let scene = Scene::with_settings(database, &[("upstream.timeout", "1s")]).await;
    let package = Package::new("fresh-name", "0.1.0");
    for fault in [
        Fault::Status(500),
        Fault::Status(403),
        Fault::Status(451),
        Fault::Html,
        Fault::Empty,
        Fault::Hang,
    ] {
        scene.upstream.fault("/index/", fault.clone());
        let refused = scene.admin.publish("acme", &package).await;
        assert_eq!(refused.status, 503, "{fault:?}: {refused}");
        assert_eq!(refused.code().as_deref(), Some("upstream-unsure"));
    }
    // the spelling that was asked for is free, and another one cannot be told
    scene.upstream.heal();
    scene
        .upstream
        .fault(&index_file("fresh_name"), Fault::Status(500));
    let refused = scene.admin.publish("acme", &package).await.expect(503);
    let detail = normalise(&refused.detail().unwrap(), scene.server.data());
    insta::assert_snapshot!(detail, @"whether upstream `partner` has a crate `fresh-name` cannot be told now, and a new name is only given when it can: upstream `partner` answers 500 Internal Server Error when asked for `fr/es/fresh_name`; publish again later, or have a maintainer claim the name");

    scene.upstream.heal();
    let hosted = scene.admin.listed("acme", View::Hosted, "fresh-name");
    assert_eq!(hosted.await, NOTHING);
    assert_eq!(scene.stored(), 0);
    scene.publish(&package).await;
}

/// R4.
async fn a_fork_is_hosted_in_the_index_and_the_upstreams_in_the_mirror(database: Database) {
    let scene = Scene::start(database).await;
    let theirs = Package::new("base-lib", "1.0.0").file("THEIRS", "upstream's bytes");
    let line = format!(
        "{{ \"x-new\": [1, 2.50], {}",
        &theirs.index_line().to_string()[1..]
    );
    scene.upstream.publish_line("base-lib", &line);
    scene
        .upstream
        .replace_bytes("base-lib", "1.0.0", theirs.crate_bytes());
    scene.admin.claim("acme", "base-lib", "fork").await;

    // before there is a hosted version, too
    scene.index("base-lib").await.expect(404);
    assert_eq!(scene.asked(), NOTHING);
    let ours = Package::new("base-lib", "1.0.0").file("OURS", "our bytes");
    scene.publish(&ours).await;
    assert_eq!(scene.asked(), NOTHING);

    let hosted = scene.index("base-lib").await.expect(200).json_lines();
    assert_eq!(hosted.len(), 1);
    assert_eq!(hosted[0]["cksum"], ours.checksum().hex());
    let downloaded = scene.download("base-lib", "1.0.0").await.expect(200);
    assert_eq!(downloaded.body, ours.crate_bytes());
    // a twin is a question about a crate that is not there
    scene.index("base_lib").await.expect(404);
    assert_eq!(scene.asked(), NOTHING);

    let mirrored = scene.mirror("base-lib").await.expect(200);
    assert_eq!(mirrored.text(), format!("{line}\n"));
    let downloaded = scene
        .admin
        .download("acme", View::Mirror, "base-lib", "1.0.0");
    assert_eq!(downloaded.await.expect(200).body, theirs.crate_bytes());
}

/// R5, with the real cargo: 1.83 and later look into the index before they publish.
async fn an_open_source_crates_own_number_is_published_without_a_placeholder(database: Database) {
    let scene = Scene::start(database).await;
    scene.upstream.publish(&Package::new("left-pad", "1.2.3"));
    let cargo = scene.cargo();
    let ours = Package::new("left-pad", "1.2.3").file("src/lib.rs", "//! With our patch.\n");
    let folder = cargo.project(&ours);
    let publish = ["publish", "--registry", "acme"];
    let refused = cargo.run(&folder, &publish).await.failure();
    if cargo.is_at_least("1.83") {
        let said = refused.messages();
        assert!(
            said.contains("crate left-pad@1.2.3 already exists on `acme` index"),
            "{said}"
        );
    } else {
        assert!(
            refused
                .refusal()
                .starts_with("409 Conflict: `left-pad` is a crate of upstream `partner`")
        );
    }

    scene.admin.claim("acme", "left-pad", "fork").await;
    let published = cargo.run(&folder, &publish).await.success();
    insta::assert_snapshot!(published.lines(&["Uploaded", "Published"]), @r"
    Uploaded left-pad v1.2.3 to registry `acme`
    Published left-pad v1.2.3 at registry `acme`
    ");

    let folder = cargo.project(&project_with("left-pad", "=1.2.3"));
    cargo.run(&folder, &["check"]).await.success();
    let lines = scene.index("left-pad").await.expect(200).json_lines();
    let lockfile = std::fs::read_to_string(folder.join("Cargo.lock")).unwrap();
    let checksum = lines[0]["cksum"].as_str().unwrap();
    assert!(lockfile.contains(checksum), "{lockfile}");
}

/// R4.
async fn claims_and_their_deletion_hold_from_the_next_request_on(database: Database) {
    let scene = Scene::start(database).await;
    scene.upstream.publish(&Package::new("left-pad", "1.0.0"));
    let both_views = async |status: u16| {
        for view in [View::Index, View::Mirror] {
            let index = scene.admin.index("acme", view, "left-pad").await;
            index.expect(status);
            let download = scene.admin.download("acme", view, "left-pad", "1.0.0");
            download.await.expect(status);
        }
    };
    both_views(200).await;

    let claim = scene.admin.claim("acme", "left-*", "private").await;
    assert_eq!(claim["cached_versions"], 1, "{claim}");
    both_views(404).await;

    let path = "/api/v1/registries/acme/claims/left-*";
    for confirm in ["", "?confirm=left-pad"] {
        let refused = scene.admin.delete(&format!("{path}{confirm}")).await;
        assert_eq!(
            refused.expect(422).code().as_deref(),
            Some("confirmation-needed")
        );
    }
    both_views(404).await;
    let deleted = scene.admin.delete(&format!("{path}?confirm=left-*")).await;
    deleted.expect(204);
    both_views(200).await;

    scene.admin.claim("acme", "left_pad", "fork").await;
    scene.index("left-pad").await.expect(404);
    scene.mirror("left-pad").await.expect(200);
}

/// R4: a name that was ever hosted does not go back to the upstream by itself.
async fn a_name_that_was_ever_hosted_stays_private_without_its_claim(database: Database) {
    let scene = Scene::start(database).await;
    scene.upstream.publish(&Package::new("acme-tool", "9.9.9"));
    scene.upstream.publish(&Package::new("acme-other", "9.9.9"));
    scene.admin.claim("acme", "acme-*", "fork").await;
    scene.publish(&Package::new("acme-tool", "1.0.0")).await;
    let path = "/api/v1/registries/acme/claims/acme-*?confirm=acme-*";
    scene.admin.delete(path).await.expect(204);

    let listed = async |view, name: &str| scene.admin.listed("acme", view, name).await;
    assert_eq!(listed(View::Index, "acme-tool").await, ["1.0.0"]);
    assert_eq!(listed(View::Mirror, "acme-tool").await, NOTHING);
    assert_eq!(scene.asked(), NOTHING);
    // never hosted: back to the upstream
    assert_eq!(listed(View::Index, "acme-other").await, ["9.9.9"]);
    assert_eq!(listed(View::Mirror, "acme-other").await, ["9.9.9"]);
}

/// R4, R7: a cached "not there" does not hide a publish, nor what the upstream has got meanwhile from a publish.
async fn a_published_name_is_seen_at_once_where_it_was_not_there_before(database: Database) {
    let scene = Scene::start(database).await;
    for name in ["new-tool", "taken-tool"] {
        scene.index(name).await.expect(404);
        scene.mirror(name).await.expect(404);
    }
    scene.publish(&Package::new("new-tool", "1.0.0")).await;
    scene.index("new-tool").await.expect(200);

    scene.upstream.publish(&Package::new("taken-tool", "1.0.0"));
    let package = Package::new("taken-tool", "1.0.1");
    scene.admin.publish("acme", &package).await.expect(409);
    scene.admin.claim("acme", "taken-tool", "private").await;
    scene.publish(&package).await;
    scene.index("taken-tool").await.expect(200);
}

/// R4: an answer that was on its way before counts for nobody who asks afterwards.
async fn a_question_under_way_does_not_outlive_a_claim_or_a_publish(database: Database) {
    let scene = Scene::start(database).await;
    scene.upstream.publish(&Package::new("left-pad", "1.0.0"));
    let asking = |name: &'static str| {
        let client = scene.admin.clone();
        tokio::spawn(async move { client.index("acme", View::Index, name).await })
    };
    scene.upstream.hold("/index/");
    let before = asking("left-pad");
    scene.upstream.wait_until_held(1).await;
    scene.admin.claim("acme", "left-pad", "private").await;
    scene.index("left-pad").await.expect(404);
    scene.upstream.release();
    before.await.unwrap().expect(200);
    scene.index("left-pad").await.expect(404);

    scene.upstream.hold("/index/");
    let before = asking("new-tool");
    scene.upstream.wait_until_held(1).await;
    let client = scene.admin.clone();
    let publish = tokio::spawn(async move {
        let package = Package::new("new-tool", "1.0.0");
        client.publish("acme", &package).await
    });
    scene.upstream.release();
    publish.await.unwrap().expect(200);
    scene.index("new-tool").await.expect(200);
    before.await.unwrap();
    scene.index("new-tool").await.expect(200);
}

/// R4: patterns of an attached upstream.
async fn names_outside_of_only_or_inside_of_except_are_not_asked(database: Database) {
    let scene = Scene::start(database).await;
    for name in ["partner-a", "partner_secret", "other"] {
        scene.upstream.publish(&Package::new(name, "1.0.0"));
    }
    let patterns = json!([{ "name": "partner", "only": ["partner-*"], "except": ["partner-s*"] }]);
    scene.admin.attach("acme", patterns).await;
    for view in [View::Index, View::Mirror] {
        scene.admin.index("acme", view, "other").await.expect(404);
        let index = scene.admin.index("acme", view, "partner_secret").await;
        index.expect(404);
    }
    // nobody there could have it
    scene.publish(&Package::new("other", "0.1.0")).await;
    assert_eq!(scene.asked(), NOTHING);
    scene.index("partner-a").await.expect(200);
}

/// R4: a change of upstreams applies at once, and back.
async fn a_detached_upstream_is_out_from_the_next_request_on(database: Database) {
    let scene = Scene::start(database).await;
    scene.upstream.publish(&Package::new("left-pad", "1.0.0"));
    scene.publish(&Package::new("acme-tool", "1.0.0")).await;
    for (upstreams, status) in [
        (json!(["partner"]), 200),
        (json!([]), 404),
        (json!(["partner"]), 200),
    ] {
        scene.admin.attach("acme", upstreams).await;
        for view in [View::Index, View::Mirror] {
            scene
                .admin
                .index("acme", view, "left-pad")
                .await
                .expect(status);
            let download = scene.admin.download("acme", view, "left-pad", "1.0.0");
            download.await.expect(status);
        }
        scene.index("acme-tool").await.expect(200);
    }
}
