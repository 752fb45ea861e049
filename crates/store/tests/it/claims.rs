//! Claims and the ledger.

use supercargo_store::{
    Created, LedgerRow, LedgerStands, Released, StateChange, StateChanged, Store,
};
use supercargo_types::{ClaimMode, Digest, NamePattern, View};

use crate::{
    databases::Database,
    on_both, registries,
    samples::{ANYONE, NOW, audit, new_version, principal, registry},
};

on_both!(
    a_claim_forgets_what_the_index_view_promised,
    the_first_bytes_given_out_stand,
    what_a_claim_would_forget_is_told_without_forgetting_it,
    a_name_without_a_version_is_kept_until_it_is_released,
);

async fn record(store: &Store, registry_id: i64, view: View, name: &str, bytes: &[u8]) -> Digest {
    let row = LedgerRow {
        version: "1.0.0".to_owned(),
        checksum: Digest::of(bytes),
        line: format!("line of {name}"),
        upstream_id: None,
    };
    let name = name.parse().unwrap();
    let stands = store.add_ledger(registry_id, view, &name, &row, NOW).await;
    match stands.unwrap() {
        LedgerStands::Bytes(bytes) => bytes,
        LedgerStands::PinnedElsewhere => panic!("it is not pinned at all"),
    }
}

async fn a_claim_forgets_what_the_index_view_promised(database: Database) {
    let store = &database.store;
    let [acme, other] = [
        registry(store, "acme").await,
        registry(store, "other").await,
    ];
    for name in ["acme-x", "acme_x", "acmex"] {
        record(store, acme, View::Index, name, b"1").await;
    }
    record(store, acme, View::Mirror, "acme-x", b"1").await;
    record(store, other, View::Index, "acme-x", b"1").await;
    let pattern: NamePattern = "acme-*".parse().unwrap();
    let covered = store.cached_versions_covered(acme, &pattern).await;
    assert_eq!(covered.unwrap(), 2, "two views of one version are one");

    let before = registries::read(store, acme).await.changed_at;
    let log = audit("claim.created");
    let create = || store.create_claim(acme, &pattern, ClaimMode::Fork, None, NOW, &log);
    assert_eq!(create().await.unwrap(), Created::Done(2));
    assert_eq!(create().await.unwrap(), Created::Taken("acme-*".to_owned()));
    let row = registries::read(store, acme).await;
    assert!(row.changed_at > before);
    assert_eq!(row.claims.len(), 1);
    assert_eq!(row.claims[0].pattern, pattern);
    assert_eq!(row.claims[0].mode, ClaimMode::Fork);

    let left = async |registry_id, view, name: &str| {
        let name = name.parse().unwrap();
        let rows = store.ledger(registry_id, view, &name);
        rows.await.unwrap().len()
    };
    assert_eq!(left(acme, View::Index, "acme-x").await, 0);
    assert_eq!(left(acme, View::Index, "acme_x").await, 0);
    assert_eq!(left(acme, View::Index, "acmex").await, 1);
    assert_eq!(left(acme, View::Mirror, "acme-x").await, 1);
    assert_eq!(left(other, View::Index, "acme-x").await, 1);

    let delete = || store.delete_claim(acme, &pattern, NOW, &log);
    assert!(delete().await.unwrap());
    assert!(!delete().await.unwrap());
    let after = registries::read(store, acme).await;
    assert!(after.claims.is_empty() && after.changed_at > row.changed_at);
}

async fn the_first_bytes_given_out_stand(database: Database) {
    let store = database.store.clone();
    let acme = registry(&store, "acme").await;
    let racers: Vec<_> = (0_u8..20)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { record(&store, acme, View::Index, "serde", &[number]).await })
        })
        .collect();
    let mut answers = Vec::new();
    for racer in racers {
        answers.push(racer.await.unwrap());
    }
    let name = "serde".parse().unwrap();
    let rows = store.ledger(acme, View::Index, &name);
    let rows = rows.await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(answers.iter().all(|answer| *answer == rows[0].checksum));
    let late = record(&store, acme, View::Index, "serde", b"late").await;
    assert_eq!(late, rows[0].checksum);
    let mirror = record(&store, acme, View::Mirror, "serde", b"late").await;
    assert_eq!(mirror, Digest::of(b"late"), "each view has its own");
}

async fn what_a_claim_would_forget_is_told_without_forgetting_it(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    for (name, view) in [
        ("acme-x", View::Index),
        ("acme_y", View::Index),
        ("acme-z", View::Mirror),
        ("other", View::Index),
    ] {
        record(store, acme, view, name, b"1").await;
    }
    let log = audit("version.published");
    for name in ["acme-own", "acme_two", "acmeish"] {
        let new = new_version(acme, name, "1.0.0");
        store.publish(&new, ANYONE, &log).await.unwrap();
    }
    let pattern: NamePattern = "acme-*".parse().unwrap();
    let told = store.promised_under(acme, &pattern).await.unwrap();
    let told: Vec<_> = told
        .iter()
        .map(|(name, versions)| format!("{name} {versions}"))
        .collect();
    assert_eq!(told, ["acme-x 1", "acme_y 1"]);
    assert_eq!(store.hosted_under(acme, &pattern).await.unwrap(), 2);
    let alice = principal(store, "alice").await;
    let log = audit("claim.created");
    let create = store.create_claim(acme, &pattern, ClaimMode::Fork, Some(alice), NOW, &log);
    assert_eq!(create.await.unwrap(), Created::Done(2));
    let by = store.claimants(acme).await.unwrap();
    assert_eq!(by[&pattern].to_string(), "alice");
    let exact: NamePattern = "acme-own".parse().unwrap();
    assert_eq!(store.hosted_under(acme, &exact).await.unwrap(), 1);
}

async fn a_name_without_a_version_is_kept_until_it_is_released(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let log = audit("x");
    for name in ["gone", "Also_Gone", "alive"] {
        let new = new_version(acme, name, "1.0.0");
        store.publish(&new, ANYONE, &log).await.unwrap();
    }
    let kept = async |name: Option<&str>| {
        let name = name.map(|name| name.parse().unwrap());
        let page = store.kept_names(acme, name.as_ref(), 10).await.unwrap();
        let names: Vec<_> = page.items.iter().map(|row| row.name.to_string()).collect();
        (names.join(" "), page.total)
    };
    assert_eq!(kept(None).await, (String::new(), 0));
    for name in ["gone", "also-gone"] {
        let change = StateChange {
            registry_id: acme,
            name: name.parse().unwrap(),
            version: None,
            now: NOW,
        };
        let deleted = store.delete_versions(&change, &log).await.unwrap();
        assert!(matches!(deleted, StateChanged::Done(())), "{deleted:?}");
    }
    assert_eq!(kept(None).await, ("Also_Gone gone".to_owned(), 2));
    assert_eq!(kept(Some("also-gone")).await, ("Also_Gone".to_owned(), 2));
    assert_eq!(kept(Some("alive")).await, (String::new(), 2));
    let name = "gone".parse().unwrap();
    let released = store.release_name(acme, &name, NOW, &log).await.unwrap();
    assert_eq!(released, Released::Done);
    assert_eq!(kept(None).await, ("Also_Gone".to_owned(), 1));
}
