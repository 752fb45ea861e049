//! Publishing and yanking.

use std::time::Duration;

use supercargo_store::{
    AuditFilter, NewVersion, PublishRule, Published, Store, YankChange, Yanked,
};
use supercargo_types::Digest;

use crate::{
    databases::Database,
    on_both,
    samples::{ANYONE, NOW, audit, new_version, principal, registry},
};

on_both!(
    one_of_twenty_publishers_of_a_version_wins,
    twenty_versions_at_once_make_one_crate,
    one_of_two_twins_published_at_once_wins,
    a_twin_is_refused_by_its_name,
    build_metadata_makes_no_other_number,
    a_tombstone_keeps_its_number,
    a_refused_version_leaves_no_trace,
    versions_come_back_in_their_order,
    yanking_changes_what_is_there_and_only_that,
    every_change_of_a_crate_is_later_than_the_one_before,
);

async fn publish(store: &Store, new: &NewVersion) -> Published {
    store
        .publish(new, ANYONE, &audit("version.published"))
        .await
        .unwrap()
}

/// Publishes all at once, each in a task of its own.
async fn race(store: &Store, versions: Vec<NewVersion>) -> Vec<Published> {
    let racers: Vec<_> = versions
        .into_iter()
        .map(|new| {
            let store = store.clone();
            tokio::spawn(async move { publish(&store, &new).await })
        })
        .collect();
    let mut outcomes = Vec::new();
    for racer in racers {
        outcomes.push(racer.await.unwrap());
    }
    outcomes
}

fn count(outcomes: &[Published], is: impl Fn(&Published) -> bool) -> usize {
    outcomes.iter().filter(|&outcome| is(outcome)).count()
}

async fn one_of_twenty_publishers_of_a_version_wins(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let versions = (0_u8..20)
        .map(|number| NewVersion {
            checksum: Digest::of(&[number]),
            ..new_version(acme, "demo", "1.0.0")
        })
        .collect();
    let outcomes = race(store, versions).await;
    let name = "demo".parse().unwrap();
    let hosted = store.hosted(acme, &name).await.unwrap().unwrap();
    assert_eq!(hosted.versions.len(), 1);
    let lost = Published::Duplicate {
        existing_version: "1.0.0".parse().unwrap(),
        existing_checksum: hosted.versions[0].checksum,
        existing_is_deleted: false,
    };
    let won = Published::New {
        crate_id: hosted.id,
    };
    assert_eq!(count(&outcomes, |outcome| *outcome == won), 1);
    assert_eq!(count(&outcomes, |outcome| *outcome == lost), 19);
}

async fn twenty_versions_at_once_make_one_crate(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let versions = (0..20)
        .map(|number| new_version(acme, "demo", &format!("1.0.{number}")))
        .collect();
    let outcomes = race(store, versions).await;
    let is_new = |outcome: &Published| matches!(outcome, Published::New { .. });
    let is_version = |outcome: &Published| matches!(outcome, Published::Version { .. });
    assert_eq!(count(&outcomes, is_new), 1);
    assert_eq!(count(&outcomes, is_version), 19);
    let name = "demo".parse().unwrap();
    let hosted = store.hosted(acme, &name).await.unwrap().unwrap();
    assert_eq!(hosted.versions.len(), 20);
    let changes = hosted.changed_at.as_seconds() - NOW.as_seconds();
    assert_eq!(
        changes, 20,
        "each change has a second of its own, after the registry's"
    );
}

async fn one_of_two_twins_published_at_once_wins(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let versions = (0..20)
        .map(|number| {
            let name = ["foo-bar", "Foo_Bar"][number % 2];
            new_version(acme, name, &format!("1.0.{number}"))
        })
        .collect();
    let outcomes = race(store, versions).await;
    let name = "foo-bar".parse().unwrap();
    let hosted = store.hosted(acme, &name).await.unwrap().unwrap();
    let twin = Published::Twin {
        existing: hosted.name,
    };
    assert_eq!(count(&outcomes, |outcome| *outcome == twin), 10);
    assert_eq!(hosted.versions.len(), 10);
}

async fn a_twin_is_refused_by_its_name(database: Database) {
    let store = &database.store;
    let [acme, other] = [
        registry(store, "acme").await,
        registry(store, "other").await,
    ];
    publish(store, &new_version(acme, "My_Crate", "1.0.0")).await;
    for twin in ["my-crate", "my_crate", "MY_CRATE"] {
        let refused = publish(store, &new_version(acme, twin, "2.0.0")).await;
        let existing = "My_Crate".parse().unwrap();
        assert_eq!(refused, Published::Twin { existing });
    }
    let elsewhere = publish(store, &new_version(other, "my-crate", "1.0.0")).await;
    assert!(matches!(elsewhere, Published::New { .. }), "{elsewhere:?}");
    let name = "MY-crate".parse().unwrap();
    let row = store.crate_row(acme, &name).await.unwrap().unwrap();
    assert_eq!(row.name.as_str(), "My_Crate");
}

async fn build_metadata_makes_no_other_number(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    publish(store, &new_version(acme, "demo", "1.0.0+linux")).await;
    for same in ["1.0.0", "1.0.0+mac", "1.0.0+linux"] {
        assert_eq!(
            publish(store, &new_version(acme, "demo", same)).await,
            Published::Duplicate {
                existing_version: "1.0.0+linux".parse().unwrap(),
                existing_checksum: Digest::of(b"1.0.0+linux"),
                existing_is_deleted: false,
            }
        );
    }
    let other = publish(store, &new_version(acme, "demo", "1.0.0-rc.1")).await;
    assert!(matches!(other, Published::Version { .. }), "{other:?}");
}

async fn a_tombstone_keeps_its_number(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let new = new_version(acme, "demo", "1.0.0");
    publish(store, &new).await;
    assert_eq!(store.count_hosted(acme).await.unwrap(), 1);
    database.execute("UPDATE versions SET deleted_at = 1").await;
    assert_eq!(store.count_hosted(acme).await.unwrap(), 0);
    assert_eq!(
        publish(store, &new).await,
        Published::Duplicate {
            existing_version: new.version.clone(),
            existing_checksum: new.checksum,
            existing_is_deleted: true,
        }
    );
    let name = new.name.canonical();
    let hosted = store.hosted(acme, &name).await.unwrap().unwrap();
    assert!(hosted.versions[0].deleted_at.is_some());
}

async fn a_refused_version_leaves_no_trace(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let before = store.list_audit(&AuditFilter::default(), 99, None).await;
    let rule = PublishRule {
        may_create: false,
        must_own: None,
    };
    let new = new_version(acme, "demo", "1.0.0");
    let log = audit("version.published");
    assert_eq!(
        store.publish(&new, rule, &log).await.unwrap(),
        Published::MayNotCreate
    );
    // a principal that is not there: the version would stand when this fails, were it not one transaction
    let mut broken = new.clone();
    broken.principal_id = Some(4711);
    assert!(store.publish(&broken, ANYONE, &log).await.is_err());
    let name = new.name.canonical();
    assert_eq!(store.hosted(acme, &name).await.unwrap(), None);
    assert_eq!(store.crate_row(acme, &name).await.unwrap(), None);
    let after = store.list_audit(&AuditFilter::default(), 99, None).await;
    assert_eq!(after.unwrap(), before.unwrap());
}

async fn versions_come_back_in_their_order(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let alice = principal(store, "alice").await;
    let mut new = new_version(acme, "Demo", "2.0.0+b");
    new.entry = "{\"name\":\"Demo\"}".into();
    new.facts = "{\"license\":\"MIT\"}".into();
    new.principal_id = Some(alice);
    publish(store, &new).await;
    publish(store, &new_version(acme, "Demo", "1.0.0")).await;

    let name = new.name.canonical();
    let hosted = store.hosted(acme, &name).await.unwrap().unwrap();
    assert_eq!(hosted.name, new.name);
    let [first, second] = &hosted.versions[..] else {
        panic!("{hosted:?}");
    };
    assert_eq!(first.version, new.version);
    assert_eq!(first.number, "2.0.0");
    assert_eq!((first.checksum, first.size), (new.checksum, new.size));
    assert_eq!(first.entry, new.entry);
    assert_eq!(
        first.publisher.as_ref().map(ToString::to_string).as_deref(),
        Some("alice")
    );
    assert_eq!((first.published_at, first.yanked), (NOW, false));
    assert_eq!(second.number, "1.0.0");
    let facts = store.version_facts(hosted.id, &new.version).await.unwrap();
    assert_eq!(facts.unwrap(), new.facts);
    let unknown = "absent".parse().unwrap();
    assert_eq!(store.hosted(acme, &unknown).await.unwrap(), None);
}

async fn yanking_changes_what_is_there_and_only_that(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let [alice, bob] = [
        principal(store, "alice").await,
        principal(store, "bob").await,
    ];
    let mut new = new_version(acme, "demo", "1.0.0+linux");
    new.principal_id = Some(alice);
    publish(store, &new).await;
    let yank = async |name: &str, version: &str, yanked, must_own| {
        let change = YankChange {
            registry_id: acme,
            name: name.parse().unwrap(),
            version: version.parse().unwrap(),
            yanked,
            must_own,
            now: NOW,
        };
        let log = audit("version.yanked");
        store.set_yanked(&change, &log).await.unwrap()
    };
    assert_eq!(
        yank("demo", "1.0.0", true, Some(alice)).await,
        Yanked::Changed
    );
    assert_eq!(yank("DEMO", "1.0.0+linux", true, None).await, Yanked::Same);
    assert_eq!(yank("demo", "1.0.1", true, None).await, Yanked::NoVersion);
    assert_eq!(yank("other", "1.0.0", true, None).await, Yanked::NoCrate);
    assert_eq!(
        yank("demo", "1.0.0", false, Some(bob)).await,
        Yanked::NotOwner {
            owners: vec!["alice".parse().unwrap()]
        }
    );
    let name = new.name.canonical();
    let hosted = store.hosted(acme, &name).await.unwrap().unwrap();
    assert!(hosted.versions[0].yanked);
    assert_eq!(yank("demo", "1.0.0", false, None).await, Yanked::Changed);
    database.execute("UPDATE versions SET deleted_at = 1").await;
    assert_eq!(yank("demo", "1.0.0", true, None).await, Yanked::NoVersion);
}

async fn every_change_of_a_crate_is_later_than_the_one_before(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let new = new_version(acme, "demo", "1.0.0");
    let changed_at = async || {
        let name = new.name.canonical();
        let hosted = store.hosted(acme, &name).await.unwrap().unwrap();
        hosted.changed_at.as_micros() - NOW.as_seconds() * 1_000_000
    };
    let second = 1_000_000;
    publish(store, &new).await;
    assert_eq!(changed_at().await, second, "later than the registry");
    // the clock stands still
    publish(store, &new_version(acme, "demo", "1.0.1")).await;
    assert_eq!(changed_at().await, 2 * second);
    // nothing changes
    publish(store, &new).await;
    assert_eq!(changed_at().await, 2 * second);
    // the clock went on by a minute, and back again
    let mut later = new_version(acme, "demo", "1.0.2");
    later.now = NOW.plus(Duration::from_mins(1));
    publish(store, &later).await;
    assert_eq!(changed_at().await, 60 * second);
    publish(store, &new_version(acme, "demo", "1.0.3")).await;
    assert_eq!(changed_at().await, 61 * second);
}
