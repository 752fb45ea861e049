//! Texts with NUL: PostgreSQL cannot hold them, so both engines refuse them alike.

use supercargo_store::{
    AuditFilter, AuditRow, NewRegistry, NewToken, NewVersion, Store, StoreError,
};

use crate::{
    databases::Database,
    on_both,
    samples::{ANYONE, audit, new_registry, new_token, new_version, principal, registry},
};

on_both!(
    a_text_with_nul_is_refused_and_nothing_is_written,
    a_text_with_nul_is_not_looked_for,
);

const NUL: &str = "a\0b";

fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, StoreError>) {
    let error = outcome.unwrap_err();
    assert!(error.is_unstorable(), "{error:?}");
    assert_eq!(
        error.to_string(),
        "a text holds the character NUL, which no database can store; take it out and try again"
    );
}

async fn audit_entries(store: &Store) -> Vec<AuditRow> {
    let all = AuditFilter::default();
    store.list_audit(&all, 10, None).await.unwrap()
}

async fn a_text_with_nul_is_refused_and_nothing_is_written(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let alice = principal(store, "alice").await;
    let log = audit("changed");
    let before = audit_entries(store).await;

    let described = NewRegistry {
        description: NUL.to_owned(),
        ..new_registry("other")
    };
    assert_refused(store.create_registry(&described, Some(alice), &log).await);
    let named = NewToken {
        name: NUL.to_owned(),
        ..new_token("t1")
    };
    assert_refused(store.create_token(alice, &named, &log).await);
    // the crate's row is written before the version's
    let described = NewVersion {
        description: Some(NUL.to_owned()),
        ..new_version(acme, "demo", "1.0.0")
    };
    assert_refused(store.publish(&described, ANYONE, &log).await);
    assert_refused(store.set_meta("colour", NUL).await);

    assert_eq!(store.directory().await.unwrap().registries.len(), 1);
    assert_eq!(store.token("t1").await.unwrap(), None);
    let demo = "demo".parse().unwrap();
    assert_eq!(store.crate_row(acme, &demo).await.unwrap(), None);
    assert_eq!(store.meta("colour").await.unwrap(), None);
    assert_eq!(audit_entries(store).await, before);

    // the connection that was writing is as good as before
    let good = new_version(acme, "demo", "1.0.0");
    store.publish(&good, ANYONE, &log).await.unwrap();
}

async fn a_text_with_nul_is_not_looked_for(database: Database) {
    let store = &database.store;
    assert_refused(store.list_tokens(None, 10, Some(NUL)).await);
    assert_refused(store.token(NUL).await);
    let filter = AuditFilter {
        action: Some(NUL.to_owned()),
        ..AuditFilter::default()
    };
    assert_refused(store.list_audit(&filter, 10, None).await);
}
