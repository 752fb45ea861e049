//! Claims and the ledger.

use supercargo_store::{Created, LedgerRow, LedgerStands, Store};
use supercargo_types::{ClaimMode, Digest, NamePattern, View};

use crate::{
    databases::Database,
    on_both, registries,
    samples::{NOW, audit, registry},
};

on_both!(
    a_claim_forgets_what_the_index_view_promised,
    the_first_bytes_given_out_stand,
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
