//! R4: a registry of this server answers those who read through it with its resolution. What it has decided about ends their
//! search; what it does not know goes on to their next upstream; and when it fails, they fail.

use serde_json::json;
use supercargo_testkit::{Answer, Database, Dependency, Fault, Package, View, on_both};

use crate::scene::{
    ALWAYS_ASK, NOTHING, Scene, asked, asked_about, index_file, listed, of, said, subject,
};

on_both!(
    a_name_that_the_inner_registry_has_decided_about_is_asked_of_nobody_else,
    each_mode_of_an_inner_claim_holds_outside,
    a_name_that_the_inner_registry_does_not_have_moves_on,
    an_inner_registry_whose_upstream_fails_fails_outside,
    what_is_kept_back_inside_is_kept_back_outside_with_its_reason,
    a_hold_inside_leaves_what_was_served_outside,
    what_both_say_against_a_version_the_stronger_one_counts,
    a_new_name_is_not_given_where_an_inner_registry_has_decided_about_it,
    what_was_not_there_a_moment_ago_is_asked_anew_before_a_name_is_given,
    a_number_is_not_given_that_an_inner_registry_has_or_cannot_tell_of,
    a_decision_far_inside_ends_every_search_on_the_way,
);

/// The next upstream has each of these names, and is not asked for any.
async fn a_name_that_the_inner_registry_has_decided_about_is_asked_of_nobody_else(
    database: Database,
) {
    let scene = Scene::nested(database, &[]).await;
    for name in [
        "hosted-here",
        "hosted_here",
        "tombstone",
        "deleted-whole",
        "purged",
        "released",
        "claimed-private",
        "claimed-fork",
        "blocked-name",
        "blocked-one",
        "quarantined",
    ] {
        scene.second.publish(&of("second", name, "9.9.9"));
    }
    for name in [
        "hosted-here",
        "tombstone",
        "deleted-whole",
        "purged",
        "released",
    ] {
        scene.publish("inner", &of("inner", name, "1.0.0")).await;
    }
    scene.delete("inner", "tombstone@1.0.0").await;
    for name in ["deleted-whole", "purged", "released"] {
        scene.delete("inner", name).await;
    }
    scene.purge("inner", "purged").await;
    let release = format!("{}/release", subject("inner", "released"));
    let confirmed = json!({ "confirm": "released" });
    scene.admin.post(&release, confirmed).await.expect(200);
    scene
        .admin
        .claim("inner", "claimed-private", "private")
        .await;
    scene.admin.claim("inner", "claimed-fork", "fork").await;
    scene
        .change(
            "inner",
            json!({ "block": ["blocked-name", "blocked-one@<2"] }),
        )
        .await;
    scene
        .quarantine("inner", "quarantined", "block", "malware")
        .await;
    for upstream in [&scene.first, &scene.second] {
        upstream.clear_requests();
    }

    for (name, shown) in [
        ("hosted-here", "1.0.0"),
        ("hosted_here", "404"),
        ("tombstone", "404"),
        ("deleted-whole", "404"),
        ("purged", "404"),
        ("released", "404"),
        ("claimed-private", "404"),
        ("claimed-fork", "404"),
        ("blocked-name", "404"),
        ("blocked-one", "404"),
        ("quarantined", "404"),
    ] {
        assert_eq!(scene.index("inner", name).await, shown, "{name} inside");
        assert_eq!(scene.index("outer", name).await, shown, "{name}");
        let mirror = scene.listed("outer", View::Mirror, name).await;
        assert_eq!(mirror, "404", "{name} in the mirror");
        for view in [View::Index, View::Mirror] {
            let download = scene.admin.download("outer", view, name, "9.9.9").await;
            assert_eq!(download.status, 404, "{name}: {download}");
        }
    }
    scene
        .gets("outer", &of("inner", "hosted-here", "1.0.0"))
        .await;
    assert_eq!(asked(&scene.second), NOTHING);
    // nor has anybody been asked about what is private inside
    for name in ["hosted-here", "hosted_here", "tombstone", "claimed-private"] {
        assert_eq!(asked_about(&scene.first, name).len(), 0, "{name}");
    }
}

/// The mirror view reads the mirror view: what is forked or merged inside is upstream's there.
async fn each_mode_of_an_inner_claim_holds_outside(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    for version in ["1.0.0", "1.5.0"] {
        scene.first.publish(&of("first", "left-pad", version));
    }
    scene.second.publish(&of("second", "left-pad", "9.9.9"));
    let mut table = Vec::new();
    scene.admin.claim("inner", "left-pad", "private").await;
    for version in ["1.0.0", "2.0.0"] {
        scene
            .publish("inner", &of("inner", "left-pad", version))
            .await;
    }
    for mode in ["private", "fork", "merge"] {
        let path = "/api/v1/registries/inner/claims/left-pad?confirm=left-pad";
        scene.admin.delete(path).await.expect(204);
        scene.admin.claim("inner", "left-pad", mode).await;
        let mut line = vec![mode.to_owned()];
        for &view in View::ALL {
            let outside = scene.listed("outer", view, "left-pad").await;
            if view != View::Hosted {
                let inside = scene.listed("inner", view, "left-pad").await;
                assert_eq!(outside, inside, "{mode} {view}");
            }
            line.push(format!("{view}: {outside}"));
        }
        table.push(line.join(" | "));
    }
    insta::assert_snapshot!(table.join("\n"), @"
    private | index: 1.0.0, 2.0.0 | mirror: 404 | hosted: 404
    fork | index: 1.0.0, 2.0.0 | mirror: 1.0.0, 1.5.0 | hosted: 404
    merge | index: 1.0.0, 2.0.0, 1.5.0 | mirror: 1.0.0, 1.5.0 | hosted: 404
    ");
    for (view, whose, version) in [
        (View::Index, "inner", "1.0.0"),
        (View::Index, "first", "1.5.0"),
        (View::Mirror, "first", "1.0.0"),
    ] {
        let download = scene
            .admin
            .download("outer", view, "left-pad", version)
            .await;
        let expected = of(whose, "left-pad", version);
        assert_eq!(download.expect(200).body, expected.crate_bytes());
    }
    assert_eq!(asked(&scene.second), NOTHING);
}

async fn a_name_that_the_inner_registry_does_not_have_moves_on(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    let theirs = of("second", "left-pad", "1.0.0");
    scene.second.publish(&theirs);
    for view in [View::Index, View::Mirror] {
        assert_eq!(scene.listed("outer", view, "left-pad").await, "1.0.0");
        assert_eq!(scene.listed("outer", view, "no-pad").await, "404");
    }
    scene.gets("outer", &theirs).await;
    assert_eq!(asked_about(&scene.first, "left-pad").len(), 1);
    // it is pinned to where it was read: what the inner registry gets later is not slipped in
    scene
        .publish("inner", &Package::new("own-thing", "1.0.0"))
        .await;
    scene.admin.claim("inner", "left-pad", "fork").await;
    scene
        .publish("inner", &of("inner", "left-pad", "2.0.0"))
        .await;
    assert_eq!(scene.index("outer", "left-pad").await, "1.0.0");
    assert_eq!(scene.index("outer", "own-thing").await, "1.0.0");
}

/// Whatever it is: the next upstream's log stays empty.
async fn an_inner_registry_whose_upstream_fails_fails_outside(database: Database) {
    let mut scene = Scene::nested(database, &ALWAYS_ASK).await;
    let kept = of("first", "kept-pad", "1.0.0");
    scene.first.publish(&kept);
    scene.gets("outer", &kept).await;
    for (name, fault) in [
        ("status-403", Fault::Status(403)),
        ("status-500", Fault::Status(500)),
        ("no-sense", Fault::Garbage),
    ] {
        scene.first.publish(&of("first", name, "1.0.0"));
        scene.second.publish(&of("second", name, "9.9.9"));
        scene.first.fault(&index_file(name), fault);
        for view in [View::Index, View::Mirror] {
            let status = scene.listed("outer", view, name).await;
            assert!(matches!(&*status, "502" | "503"), "{name}: {status}");
            let download = scene.admin.download("outer", view, name, "9.9.9").await;
            let status = download.status.as_u16();
            assert!((502..=503).contains(&status), "{download}");
        }
        // and a new name is not given: an inner registry that cannot tell ends that, too
        let new = Package::new(name, "0.1.0");
        scene.admin.publish("outer", &new).await.expect(503);
        assert_eq!(asked_about(&scene.second, name), NOTHING, "{name}");
    }
    scene.second.publish(&of("second", "kept-pad", "9.9.9"));
    scene.first.stop();
    assert_eq!(scene.index("outer", "kept-pad").await, "1.0.0");
    scene.gets("outer", &kept).await;
    assert_eq!(asked_about(&scene.second, "kept-pad"), NOTHING);
}

/// With the real cargo, which prints why.
async fn what_is_kept_back_inside_is_kept_back_outside_with_its_reason(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    for name in ["left-pad", "right-pad"] {
        scene.first.publish(&of("first", name, "1.0.0"));
        scene.first.publish(&of("first", name, "1.1.0"));
    }
    scene
        .publish("inner", &of("inner", "inner-lib", "1.0.0"))
        .await;
    scene
        .publish("inner", &of("inner", "inner-lib", "1.1.0"))
        .await;
    let why = "it steals tokens";
    scene
        .quarantine("inner", "left-pad@1.1.0", "block", why)
        .await;
    scene
        .quarantine("inner", "inner-lib@1.0.0", "hold", "it is looked into")
        .await;
    scene
        .change("inner", json!({ "block": ["right-pad@<1.1"] }))
        .await;
    for (name, shown) in [
        ("left-pad", "1.0.0, 1.1.0 yanked"),
        ("inner-lib", "1.0.0 yanked, 1.1.0"),
        ("right-pad", "1.0.0 yanked, 1.1.0"),
    ] {
        assert_eq!(scene.index("outer", name).await, shown);
    }
    let refusal = async |name: &str, version: &str| {
        let refused = scene.download("outer", name, version).await;
        said(&refused.expect(403))
    };
    let table = [
        refusal("left-pad", "1.1.0").await,
        refusal("inner-lib", "1.0.0").await,
        refusal("right-pad", "1.0.0").await,
    ];
    insta::assert_snapshot!(table.join("\n"), @"
    403 `left-pad@1.1.0` is blocked in registry `outer` since [DAY]: it steals tokens; choose another version, or ask a maintainer of the registry
    403 `inner-lib@1.0.0` is held in registry `outer` since [DAY]: it is looked into; choose another version, or ask a maintainer of the registry
    403 `right-pad@1.0.0` is blocked in registry `outer`: the registry blocks `right-pad@<1.1`; choose another version, or ask a maintainer of the registry
    ");
    scene.gets("outer", &of("first", "left-pad", "1.0.0")).await;
    scene
        .gets("outer", &of("inner", "inner-lib", "1.1.0"))
        .await;

    let cargo = scene.cargo("outer");
    let consumer = Package::new("consumer", "0.1.0")
        .depends_on(Dependency::new("left-pad", "1").registry("outer"));
    let folder = cargo.project(&consumer);
    cargo.run(&folder, &["fetch"]).await.success();
    // whoever has it locked learns why
    scene.lift("inner", "left-pad@1.1.0").await;
    assert_eq!(scene.index("outer", "left-pad").await, "1.0.0, 1.1.0");
    cargo.run(&folder, &["update"]).await.success();
    scene
        .quarantine("inner", "left-pad@1.1.0", "block", why)
        .await;
    cargo.forget_downloads();
    let refused = cargo.run(&folder, &["fetch", "--locked"]).await.failure();
    assert!(refused.messages().contains(why), "{}", refused.messages());
    // the patterns of the outer one are its own
    scene
        .change("outer", json!({ "block": ["inner-lib"] }))
        .await;
    assert_eq!(
        scene.index("outer", "inner-lib").await,
        "1.0.0 yanked, 1.1.0 yanked"
    );
    assert_eq!(
        scene.index("inner", "inner-lib").await,
        "1.0.0 yanked, 1.1.0"
    );
    assert_eq!(asked(&scene.second), NOTHING);
}

/// "200 where R served this version before the hold": each of the two registries remembers what it served.
async fn a_hold_inside_leaves_what_was_served_outside(database: Database) {
    let mut scene = Scene::nested(database, &[]).await;
    let package = |name: &str, version: &str| of("first", name, version);
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        scene.first.publish(&package("left-pad", version));
    }
    let hosted = of("inner", "inner-lib", "1.0.0");
    scene.publish("inner", &hosted).await;
    // served through the outer one, and by the inner one alone
    scene.gets("outer", &package("left-pad", "1.0.0")).await;
    scene.gets("outer", &hosted).await;
    scene.gets("inner", &package("left-pad", "1.1.0")).await;
    scene.quarantine("inner", "left-pad", "hold", "odd").await;
    scene.quarantine("inner", "inner-lib", "hold", "odd").await;
    let holds = async |scene: &Scene| {
        let shown = "1.0.0 yanked, 1.1.0 yanked, 1.2.0 yanked";
        assert_eq!(scene.index("outer", "left-pad").await, shown);
        scene.gets("outer", &package("left-pad", "1.0.0")).await;
        scene.gets("inner", &package("left-pad", "1.0.0")).await;
        scene.gets("inner", &package("left-pad", "1.1.0")).await;
        scene.gets("outer", &hosted).await;
        for version in ["1.1.0", "1.2.0"] {
            scene
                .download("outer", "left-pad", version)
                .await
                .expect(403);
        }
        scene
            .download("inner", "left-pad", "1.2.0")
            .await
            .expect(403);
    };
    holds(&scene).await;
    scene.server.restart().await;
    holds(&scene).await;
}

async fn what_both_say_against_a_version_the_stronger_one_counts(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    scene
        .publish("inner", &of("inner", "inner-lib", "1.0.0"))
        .await;
    scene
        .gets("outer", &of("inner", "inner-lib", "1.0.0"))
        .await;
    let reason = async |answer: Answer| {
        let text = answer.expect(403).text();
        ["inside", "outside"]
            .into_iter()
            .filter(|word| text.contains(word))
            .collect::<String>()
    };
    for (inside, outside, status) in [
        ("hold", "hold", 200),
        ("hold", "block", 403),
        ("block", "hold", 403),
        ("block", "block", 403),
    ] {
        scene
            .quarantine("inner", "inner-lib", inside, "said inside")
            .await;
        scene
            .quarantine("outer", "inner-lib", outside, "said outside")
            .await;
        let download = scene.download("outer", "inner-lib", "1.0.0").await;
        assert_eq!(download.status, status, "{inside} {outside}: {download}");
        if status == 403 {
            let stronger = if outside == "block" {
                "outside"
            } else {
                "inside"
            };
            assert_eq!(reason(download).await, stronger, "{inside} {outside}");
        }
        assert_eq!(scene.index("outer", "inner-lib").await, "1.0.0 yanked");
    }
    scene.lift("inner", "inner-lib").await;
    scene.lift("outer", "inner-lib").await;
    assert_eq!(scene.index("outer", "inner-lib").await, "1.0.0");
}

/// Not by what is listed alone: what is private inside must not be taken outside either.
async fn a_new_name_is_not_given_where_an_inner_registry_has_decided_about_it(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    scene
        .publish("inner", &Package::new("hosted-here", "1.0.0"))
        .await;
    scene
        .publish("inner", &Package::new("deleted-here", "1.0.0"))
        .await;
    scene.delete("inner", "deleted-here").await;
    scene.admin.claim("inner", "claimed-*", "private").await;
    scene.first.publish(&of("first", "left-pad", "1.0.0"));
    for name in ["hosted_here", "Deleted-Here", "claimed-name", "left-pad"] {
        let refused = scene
            .admin
            .publish("outer", &Package::new(name, "1.0.0"))
            .await;
        let refused = said(&refused);
        assert!(refused.starts_with("409 upstream-has-name: "), "{refused}");
        assert!(refused.contains("upstream `inner`"), "{refused}");
        // nor does anybody else learn of it
        assert_eq!(asked_about(&scene.second, name), NOTHING);
    }
    scene
        .publish("outer", &Package::new("new-name", "1.0.0"))
        .await;
    assert_eq!(scene.index("inner", "new-name").await, "404");
    // a maintainer outside claims it, and it is hosted there
    scene.admin.claim("outer", "hosted-here", "fork").await;
    scene
        .publish("outer", &of("outer", "hosted-here", "2.0.0"))
        .await;
    assert_eq!(scene.index("outer", "hosted-here").await, "2.0.0");
    assert_eq!(scene.index("inner", "hosted-here").await, "1.0.0");
}

/// By the upstream of the registry itself, and by those behind others.
async fn what_was_not_there_a_moment_ago_is_asked_anew_before_a_name_is_given(database: Database) {
    let scene = Scene::nested(database, &[("upstream.negative", "1h")]).await;
    for (name, upstream) in [("late-one", &scene.first), ("late-two", &scene.second)] {
        assert_eq!(scene.index("outer", name).await, "404");
        upstream.publish(&of("theirs", name, "1.0.0"));
        assert_eq!(scene.index("outer", name).await, "404");
        let new = Package::new(name, "0.1.0");
        let refused = scene.admin.publish("outer", &new).await.expect(409);
        assert_eq!(refused.code().as_deref(), Some("upstream-has-name"));
        assert_eq!(scene.index("outer", name).await, "1.0.0");
    }
}

/// Under `merge`: what is known from before is not good enough, however far inside it is.
async fn a_number_is_not_given_that_an_inner_registry_has_or_cannot_tell_of(database: Database) {
    let scene = Scene::nested(database, &[("upstream.freshness", "1h")]).await;
    scene.first.publish(&of("first", "left-pad", "1.0.0"));
    scene.admin.claim("outer", "left-pad", "merge").await;
    assert_eq!(scene.index("outer", "left-pad").await, "1.0.0");
    let publish = async |version: &str| {
        let package = of("outer", "left-pad", version);
        let answer = scene.admin.publish("outer", &package).await;
        format!(
            "{} {}",
            answer.status.as_u16(),
            answer.code().unwrap_or_default()
        )
    };
    scene.first.publish(&of("first", "left-pad", "2.0.0"));
    assert_eq!(publish("2.0.0").await, "409 upstream-has-number");
    assert_eq!(publish("3.0.0").await, "200 ");
    let listed = scene.index("outer", "left-pad").await;
    assert_eq!(listed, "3.0.0, 1.0.0, 2.0.0");
    let file = index_file("left-pad");
    scene.first.fault(&file, Fault::Status(403));
    assert_eq!(publish("4.0.0").await, "503 upstream-unsure");
    // the last good copy is good enough to read
    assert_eq!(scene.index("outer", "left-pad").await, listed);
    scene.first.heal();
    // where the inner one hosts the name alone, nobody is asked
    scene.admin.claim("inner", "left-pad", "fork").await;
    let hosted = of("inner", "left-pad", "5.0.0");
    scene.publish("inner", &hosted).await;
    scene.first.clear_requests();
    assert_eq!(publish("5.0.0").await, "409 upstream-has-number");
    // the very bytes may be hosted, too
    scene.publish("outer", &hosted).await;
    assert_eq!(publish("6.0.0").await, "200 ");
    assert_eq!(asked(&scene.first), NOTHING);
    assert_eq!(asked_about(&scene.second, "left-pad"), NOTHING);
}

/// Three registries deep, each with a next upstream of its own.
async fn a_decision_far_inside_ends_every_search_on_the_way(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    scene.admit("outer").await;
    let index = scene.second.index_url();
    scene
        .admin
        .create_upstream(json!({ "name": "third", "index": index }))
        .await;
    scene
        .admin
        .create_registry(json!({ "name": "top", "upstreams": ["outer", "third"] }))
        .await;
    for name in ["hosted-here", "hosted_here", "claimed-name", "free-name"] {
        scene.second.publish(&of("second", name, "9.9.9"));
    }
    let hosted = of("inner", "hosted-here", "1.0.0");
    scene.publish("inner", &hosted).await;
    scene.admin.claim("inner", "claimed-*", "private").await;
    for (name, shown) in [
        ("hosted-here", "1.0.0"),
        ("hosted_here", "404"),
        ("claimed-name", "404"),
    ] {
        assert_eq!(scene.index("top", name).await, shown, "{name}");
        assert_eq!(asked_about(&scene.second, name), NOTHING, "{name}");
    }
    scene.gets("top", &hosted).await;
    assert_eq!(scene.index("top", "free-name").await, "9.9.9");
    assert_eq!(asked_about(&scene.second, "free-name").len(), 1);
    // a change far inside is seen at the top at once
    scene
        .publish("inner", &of("inner", "hosted-here", "1.1.0"))
        .await;
    assert_eq!(scene.index("top", "hosted-here").await, "1.0.0, 1.1.0");
    scene
        .quarantine("inner", "hosted-here@1.1.0", "block", "odd")
        .await;
    let shown = listed(&scene.admin, "top", View::Index, "hosted-here").await;
    assert_eq!(shown, "1.0.0, 1.1.0 yanked");
    scene
        .download("top", "hosted-here", "1.1.0")
        .await
        .expect(403);
}
