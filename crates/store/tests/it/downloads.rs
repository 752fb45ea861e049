//! Counts of downloads.

use std::collections::HashMap;

use supercargo_store::{Downloads, DownloadsOfDay, NewDownloads};
use supercargo_types::CanonicalName;

use crate::{databases::Database, on_both, samples::registry};

on_both!(
    counts_add_up_by_day_and_version,
    a_registry_that_is_not_there_spoils_no_batch,
);

fn new(registry_id: i64, name: &str, version: &str, day: i64, count: u64) -> NewDownloads {
    NewDownloads {
        registry_id,
        name: name.parse().unwrap(),
        version: version.to_owned(),
        day,
        count,
    }
}

/// V1 (downloads).
async fn counts_add_up_by_day_and_version(database: Database) {
    let store = &database.store;
    let [acme, other] = [
        registry(store, "acme").await,
        registry(store, "other").await,
    ];
    let batches = [
        [
            new(acme, "my-crate", "1.0.0", 100, 2),
            new(acme, "My_Crate", "1.0.0+x", 100, 1),
        ],
        [
            new(acme, "my-crate", "1.0.0", 100, 3),
            new(acme, "my-crate", "1.0.0", 101, 7),
        ],
        [
            new(other, "my-crate", "1.0.0", 100, 50),
            new(acme, "another", "0.1.0", 99, 4),
        ],
    ];
    for batch in &batches {
        store.add_downloads(batch).await.unwrap();
    }
    let name: CanonicalName = "MY-crate".parse().unwrap();
    let by_version = store.downloads_by_version(acme, &name).await.unwrap();
    let expected = [("1.0.0".to_owned(), 12), ("1.0.0+x".to_owned(), 1)];
    assert_eq!(by_version, HashMap::from(expected));

    let by_day = store.downloads_by_day(acme, &name, 101).await.unwrap();
    let last = DownloadsOfDay {
        version: "1.0.0".to_owned(),
        day: 101,
        count: 7,
    };
    assert_eq!(by_day, [last]);
    assert_eq!(
        store.downloads_by_day(acme, &name, 0).await.unwrap().len(),
        3
    );

    let names = ["another", "my-crate", "never"].map(|name| name.parse().unwrap());
    let sums = store.downloads_of(acme, &names, 101).await.unwrap();
    let expected = [(names[0].clone(), (4, 0)), (names[1].clone(), (13, 7))];
    let expected = expected.map(|(name, (total, recent))| (name, Downloads { total, recent }));
    assert_eq!(sums, HashMap::from(expected));
    assert!(store.downloads_of(acme, &[], 0).await.unwrap().is_empty());
}

async fn a_registry_that_is_not_there_spoils_no_batch(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let batch = [
        new(acme + 1000, "demo", "1.0.0", 1, 1),
        new(acme, "demo", "1.0.0", 1, 1),
    ];
    store.add_downloads(&batch).await.unwrap();
    let name = "demo".parse().unwrap();
    let counted = store.downloads_by_version(acme, &name).await.unwrap();
    assert_eq!(counted, HashMap::from([("1.0.0".to_owned(), 1)]));
}
