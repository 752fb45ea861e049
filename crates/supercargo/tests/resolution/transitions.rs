//! R4, R5: what a name is treated as, from one claim to the next, and how a name that was hosted goes back to upstream.

use std::fmt::Write as _;

use serde_json::{Value, json};
use supercargo_testkit::{Answer, Database, Package, View, on_both};

use crate::scene::Scene;

on_both!(
    each_change_of_a_claim_holds_at_once_in_every_view,
    a_claim_counts_what_it_takes_away_from_the_index,
    a_name_that_was_hosted_is_never_asked_about_until_it_is_released,
    a_release_is_refused_with_what_has_to_be_done_first,
    a_released_name_shows_upstreams_versions_but_not_its_own_numbers,
    a_released_name_is_published_again_as_any_new_name,
    a_pattern_gives_back_what_was_never_hosted_and_keeps_the_rest,
    a_not_there_from_before_outlives_neither_claim_nor_release,
);

const CRATE: &str = "/api/v1/registries/acme/crates/left-pad";
const NOTHING: [&str; 0] = [];

fn ours(version: &str) -> Package {
    Package::new("left-pad", version).file("OURS", "our bytes")
}

fn theirs(version: &str) -> Package {
    Package::new("left-pad", version).file("THEIRS", "upstream's bytes")
}

async fn release(scene: &Scene, confirm: &str) -> Answer {
    let path = format!("{CRATE}/release");
    scene.admin.post(&path, json!({ "confirm": confirm })).await
}

/// What each view lists, and whether upstream was asked for it.
async fn shown(scene: &Scene) -> String {
    let mut shown = Vec::new();
    for &view in View::ALL {
        let listed = scene.admin.listed("acme", view, "left-pad").await;
        let listed = if listed.is_empty() {
            "404".to_owned()
        } else {
            listed.join(" ")
        };
        shown.push(format!("{view}: {listed}"));
    }
    shown.join(", ")
}

/// R4, R5: every mode from every other one, with nothing in between but the deletion of the claim. `1.0.0` both have.
async fn each_change_of_a_claim_holds_at_once_in_every_view(database: Database) {
    let scene = Scene::with_settings(database, &[("upstream.freshness", "0s")]).await;
    scene.admin.claim("acme", "left-pad", "private").await;
    for version in ["1.0.0", "2.0.0"] {
        scene.publish(&ours(version)).await;
    }
    for version in ["1.0.0", "1.5.0"] {
        scene.upstream.publish(&theirs(version));
    }
    let mut table = String::new();
    let modes = ["private", "fork", "merge"];
    let mut claimed = true;
    for from in modes {
        for to in modes {
            for mode in [from, to] {
                if claimed {
                    scene.unclaim("left-pad").await;
                }
                // a claim that is gone leaves the name private, for it was hosted
                scene.upstream.clear_requests();
                let without = shown(&scene).await;
                assert_eq!(
                    without,
                    "index: 1.0.0 2.0.0, mirror: 404, hosted: 1.0.0 2.0.0"
                );
                assert_eq!(scene.asked(), NOTHING);
                scene.admin.claim("acme", "left-pad", mode).await;
                claimed = true;
                let line = format!("{mode} {}", shown(&scene).await);
                assert_eq!(scene.asked().is_empty(), mode == "private", "{line}");
                if !table.contains(&line) {
                    writeln!(table, "{line}").unwrap();
                }
            }
        }
    }
    // one line for each mode, wherever it came from
    insta::assert_snapshot!(table, @r"
    private index: 1.0.0 2.0.0, mirror: 404, hosted: 1.0.0 2.0.0
    fork index: 1.0.0 2.0.0, mirror: 1.0.0 1.5.0, hosted: 1.0.0 2.0.0
    merge index: 1.0.0 2.0.0 1.5.0, mirror: 1.0.0 1.5.0, hosted: 1.0.0 2.0.0
    ");
    // among several claims the one on the name itself decides, and of patterns the most cautious
    scene.unclaim("left-pad").await;
    scene.admin.claim("acme", "left-*", "merge").await;
    assert!(shown(&scene).await.contains("1.0.0 2.0.0 1.5.0"));
    scene.admin.claim("acme", "*-pad", "private").await;
    assert!(
        shown(&scene)
            .await
            .starts_with("index: 1.0.0 2.0.0, mirror: 404")
    );
    scene.admin.claim("acme", "Left_Pad", "fork").await;
    assert!(
        shown(&scene)
            .await
            .starts_with("index: 1.0.0 2.0.0, mirror: 1.0.0 1.5.0")
    );
}

/// "Creating a claim answers how many cached versions lose what": those that the index view gave out and does not any more.
async fn a_claim_counts_what_it_takes_away_from_the_index(database: Database) {
    let scene = Scene::start(database).await;
    for name in ["left-pad", "left_over", "right-pad"] {
        for version in ["1.0.0", "1.1.0", "1.2.0"] {
            scene.upstream.publish(&Package::new(name, version));
        }
    }
    for (view, name, version) in [
        (View::Index, "left-pad", "1.0.0"),
        (View::Index, "left-pad", "1.0.0"),
        (View::Mirror, "left-pad", "1.0.0"),
        (View::Index, "left-pad", "1.1.0"),
        (View::Mirror, "left-pad", "1.2.0"),
        (View::Index, "left_over", "1.0.0"),
        (View::Index, "right-pad", "1.0.0"),
    ] {
        let download = scene.admin.download("acme", view, name, version).await;
        download.expect(200);
    }
    let counted = async |pattern: &str, mode: &str| {
        let claim = scene.admin.claim("acme", pattern, mode).await;
        claim["cached_versions"].clone()
    };
    // what `merge` covers is served as before
    assert_eq!(counted("right-pad", "merge").await, 0);
    assert_eq!(counted("no-such-*", "private").await, 0);
    assert_eq!(counted("left-*", "fork").await, 3);
    assert_eq!(
        scene.admin.listed("acme", View::Index, "left-pad").await,
        NOTHING
    );
    // they are gone already
    assert_eq!(counted("left-pad", "private").await, 0);
}

/// R4: the upstream's log is the witness.
async fn a_name_that_was_hosted_is_never_asked_about_until_it_is_released(database: Database) {
    let mut scene = Scene::start(database).await;
    scene.admin.claim("acme", "left-pad", "private").await;
    scene.publish(&ours("1.0.0")).await;
    for name in ["left-pad", "left_pad"] {
        scene.upstream.publish(&Package::new(name, "9.9.9"));
    }
    let keeps_quiet = async |scene: &Scene, index: &str| {
        assert_eq!(
            shown(scene).await,
            format!("index: {index}, mirror: 404, hosted: {index}")
        );
        for &view in View::ALL {
            for name in ["left-pad", "Left-Pad", "left_pad"] {
                let download = scene.admin.download("acme", view, name, "9.9.9");
                download.await.expect(404);
            }
        }
        assert_eq!(scene.asked(), NOTHING);
    };
    scene.unclaim("left-pad").await;
    keeps_quiet(&scene, "1.0.0").await;
    let version = format!("{CRATE}/versions/1.0.0");
    scene.admin.delete(&version).await.expect(204);
    keeps_quiet(&scene, "404").await;
    scene.admin.get(CRATE).await.expect(200);
    scene
        .admin
        .get("/acme/api/v1/crates?q=left")
        .await
        .expect(200);
    let purge = format!("{version}?purge=true");
    scene.admin.delete(&purge).await.expect(204);
    keeps_quiet(&scene, "404").await;
    scene.server.restart().await;
    keeps_quiet(&scene, "404").await;
    // nor does a number of it come from there by a publish
    let refused = scene.admin.publish("acme", &theirs("1.0.0")).await;
    assert_eq!(
        refused.expect(409).code().as_deref(),
        Some("number-deleted")
    );
    keeps_quiet(&scene, "404").await;

    release(&scene, "left-pad").await.expect(200);
    assert_eq!(
        shown(&scene).await,
        "index: 9.9.9, mirror: 9.9.9, hosted: 404"
    );
    assert!(!scene.asked().is_empty());
}

/// Typed name, no claim, no version that is left.
async fn a_release_is_refused_with_what_has_to_be_done_first(database: Database) {
    let scene = Scene::start(database).await;
    scene.upstream.publish(&theirs("1.5.0"));
    scene.admin.claim("acme", "left-*", "merge").await;
    let mut said = Vec::new();
    let mut refuse = |refused: Answer, status: u16| {
        let refused = refused.expect(status);
        let (code, detail) = (refused.code().unwrap(), refused.detail().unwrap());
        said.push(format!("{status} {code}: {detail}"));
    };
    refuse(release(&scene, "left-pad").await, 404);
    scene.publish(&ours("1.0.0")).await;
    for confirm in ["", "left_pad", "left-pad "] {
        refuse(release(&scene, confirm).await, 422);
    }
    refuse(release(&scene, "left-pad").await, 409);
    scene.unclaim("left-*").await;
    refuse(release(&scene, "left-pad").await, 409);
    scene.admin.delete(CRATE).await.expect(204);
    let released = release(&scene, "LEFT-pad").await.expect(200).json();
    assert_eq!(released["source"], "cached", "{released}");
    assert!(released["released_at"].is_string(), "{released}");
    refuse(release(&scene, "left-pad").await, 409);
    let restore = format!("{CRATE}/restore");
    refuse(scene.admin.post(&restore, Value::Null).await, 409);
    said.dedup();
    insta::assert_snapshot!(said.join("\n"), @r#"
    404 no-such-crate: crate `left-pad` does not exist in registry `acme`
    422 confirmation-needed: this gives the name `left-pad` back to upstream; repeat the name to confirm: `{"confirm":"left-pad"}`
    409 claimed: crate `left-pad` is claimed as `merge` in registry `acme`; delete the claim first, then release the name
    409 has-versions: crate `left-pad` still has versions in registry `acme` (1); delete the crate first, then release its name
    409 already-released: the name `left-pad` of registry `acme` was released to upstream already; there is nothing left to do
    409 name-released: the name `left-pad` was released to upstream in registry `acme`; claim it first, then restore what was hosted: `supercargo claim create acme left-pad --mode fork`
    "#);
    assert_eq!(
        scene.audited("crate.released").await,
        ["crate.released left-pad"]
    );
    // what was hosted comes back under a claim alone
    scene.admin.claim("acme", "left-pad", "merge").await;
    scene.admin.post(&restore, Value::Null).await.expect(200);
    assert_eq!(
        shown(&scene).await,
        "index: 1.0.0 1.5.0, mirror: 1.5.0, hosted: 1.0.0"
    );
}

/// R4: tombstoned numbers stay hidden in `index`, for there they stood for other bytes.
async fn a_released_name_shows_upstreams_versions_but_not_its_own_numbers(database: Database) {
    let mut scene = Scene::start(database).await;
    scene.admin.claim("acme", "left-pad", "private").await;
    scene.publish(&ours("1.0.0+ours")).await;
    scene.publish(&ours("1.1.0")).await;
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        scene.upstream.publish(&theirs(version));
    }
    scene.unclaim("left-pad").await;
    scene.admin.delete(CRATE).await.expect(204);
    let purge = format!("{CRATE}/versions/1.1.0?purge=true");
    scene.admin.delete(&purge).await.expect(204);
    release(&scene, "left-pad").await.expect(200);

    let upstreams = "index: 1.2.0, mirror: 1.0.0 1.1.0 1.2.0, hosted: 404";
    assert_eq!(shown(&scene).await, upstreams);
    for version in ["1.0.0", "1.0.0+ours", "1.1.0"] {
        scene.download("left-pad", version).await.expect(404);
    }
    let downloaded = scene.download("left-pad", "1.2.0").await.expect(200);
    assert_eq!(downloaded.body, theirs("1.2.0").crate_bytes());
    let mirrored = scene
        .admin
        .download("acme", View::Mirror, "left-pad", "1.0.0");
    assert_eq!(
        mirrored.await.expect(200).body,
        theirs("1.0.0").crate_bytes()
    );
    scene.server.restart().await;
    assert_eq!(shown(&scene).await, upstreams);
    // a claim takes it back at once
    scene.admin.claim("acme", "left-pad", "private").await;
    assert_eq!(shown(&scene).await, "index: 404, mirror: 404, hosted: 404");
}

/// R4: upstream is asked once more, and what it says counts; the numbers that were ours stay taken.
async fn a_released_name_is_published_again_as_any_new_name(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish(&ours("1.0.0")).await;
    scene.admin.delete(CRATE).await.expect(204);
    release(&scene, "left-pad").await.expect(200);

    scene.upstream.publish(&theirs("1.5.0"));
    scene.upstream.clear_requests();
    let refused = scene.admin.publish("acme", &ours("2.0.0")).await;
    let refused = refused.expect(409);
    assert_eq!(refused.code().as_deref(), Some("upstream-has-name"));
    assert_eq!(scene.asked_about("left-pad").len(), 1);
    assert_eq!(
        shown(&scene).await,
        "index: 1.5.0, mirror: 1.5.0, hosted: 404"
    );

    // a crate that upstream has is hosted beside it under a claim
    scene.admin.claim("acme", "left-pad", "fork").await;
    let taken = scene.admin.publish("acme", &ours("1.0.0")).await;
    assert_eq!(taken.expect(409).code().as_deref(), Some("number-deleted"));
    scene.publish(&ours("2.0.0")).await;
    let item = scene.admin.get(CRATE).await.expect(200).json();
    assert_eq!(item["source"], "hosted", "{item}");
    assert_eq!(item["released_at"], Value::Null, "{item}");
    // and is private from then on
    scene.unclaim("left-pad").await;
    scene.upstream.clear_requests();
    assert_eq!(
        shown(&scene).await,
        "index: 2.0.0, mirror: 404, hosted: 2.0.0"
    );
    assert_eq!(scene.asked(), NOTHING);

    // a name that upstream does not have needs no claim
    let path = "/api/v1/registries/acme/crates/other";
    scene.publish(&Package::new("other", "1.0.0")).await;
    scene.admin.delete(path).await.expect(204);
    let confirm = json!({ "confirm": "other" });
    let released = scene.admin.post(&format!("{path}/release"), confirm).await;
    released.expect(200);
    scene.upstream.clear_requests();
    scene.publish(&Package::new("other", "1.1.0")).await;
    assert_eq!(scene.asked_about("other").len(), 1);
    let listed = scene.admin.listed("acme", View::Index, "other").await;
    assert_eq!(listed, ["1.1.0"]);
}

/// R4: at once, and only those.
async fn a_pattern_gives_back_what_was_never_hosted_and_keeps_the_rest(database: Database) {
    let scene = Scene::start(database).await;
    for name in ["left-pad", "left-over", "left_hand"] {
        scene.upstream.publish(&Package::new(name, "9.9.9"));
    }
    scene.admin.claim("acme", "left-*", "private").await;
    scene.publish(&ours("1.0.0")).await;
    scene.admin.delete(CRATE).await.expect(204);
    let listed = async |name: &'static str| scene.admin.listed("acme", View::Index, name).await;
    for name in ["left-pad", "left-over", "left_hand"] {
        assert_eq!(listed(name).await, NOTHING);
    }
    assert_eq!(scene.asked(), NOTHING);
    scene.unclaim("left-*").await;
    for name in ["left-over", "left_hand"] {
        assert_eq!(listed(name).await, ["9.9.9"]);
        scene.download(name, "9.9.9").await.expect(200);
    }
    assert_eq!(listed("left-pad").await, NOTHING);
    assert!(scene.asked_about("left-pad").is_empty());
}

/// R4, R7: what upstream answered before stands in nobody's way afterwards.
async fn a_not_there_from_before_outlives_neither_claim_nor_release(database: Database) {
    let scene = Scene::with_settings(database, &[("upstream.negative", "1h")]).await;
    assert_eq!(shown(&scene).await, "index: 404, mirror: 404, hosted: 404");
    // asked, and remembered
    scene.upstream.publish(&theirs("1.5.0"));
    assert_eq!(shown(&scene).await, "index: 404, mirror: 404, hosted: 404");
    assert_eq!(scene.asked_about("left-pad").len(), 1);
    scene.admin.claim("acme", "left-*", "merge").await;
    assert_eq!(
        shown(&scene).await,
        "index: 1.5.0, mirror: 1.5.0, hosted: 404"
    );

    // the same for a claim that ends
    scene.unclaim("left-*").await;
    for (name, pattern) in [("ended", "ended"), ("ends", "end*")] {
        let listed = async || scene.admin.listed("acme", View::Mirror, name).await;
        assert_eq!(listed().await, NOTHING);
        scene.upstream.publish(&Package::new(name, "1.0.0"));
        scene.admin.claim("acme", pattern, "private").await;
        assert_eq!(listed().await, NOTHING);
        scene.unclaim(pattern).await;
        assert_eq!(listed().await, ["1.0.0"]);
    }

    // and for a release: the publish had asked, and nobody was there
    scene.publish(&Package::new("other", "1.0.0")).await;
    assert_eq!(scene.asked_about("other").len(), 1);
    scene.upstream.publish(&Package::new("other", "2.0.0"));
    let path = "/api/v1/registries/acme/crates/other";
    scene.admin.delete(path).await.expect(204);
    let listed = async || scene.admin.listed("acme", View::Index, "other").await;
    assert_eq!(listed().await, NOTHING);
    let confirm = json!({ "confirm": "other" });
    let released = scene.admin.post(&format!("{path}/release"), confirm).await;
    released.expect(200);
    assert_eq!(listed().await, ["2.0.0"]);
}
