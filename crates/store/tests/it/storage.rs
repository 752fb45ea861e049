//! How much there is.

use supercargo_store::Stored;

use crate::{
    databases::Database,
    on_both,
    samples::{ANYONE, audit, new_version, registry},
};

on_both!(files_are_counted_once_however_many_versions_have_their_bytes);

/// O5 (what there is to look after), R11.
async fn files_are_counted_once_however_many_versions_have_their_bytes(database: Database) {
    let store = &database.store;
    let [acme, other] = [
        registry(store, "acme").await,
        registry(store, "other").await,
    ];
    assert_eq!(store.hosted_files().await.unwrap(), Stored::default());
    assert_eq!(store.cached_files().await.unwrap(), Stored::default());
    let log = audit("version.published");
    let first = new_version(acme, "demo", "1.0.0");
    let mut same = new_version(other, "demo", "1.0.0");
    same.checksum = first.checksum;
    same.size = first.size;
    for new in [&first, &same] {
        store.publish(new, ANYONE, &log).await.unwrap();
    }
    let stored = Stored {
        files: 1,
        bytes: first.size,
    };
    assert_eq!(store.hosted_files().await.unwrap(), stored);
    assert!(store.database_bytes().await.unwrap() > 10_000);
    assert!(["SQLite", "PostgreSQL"].contains(&store.engine()));
}
