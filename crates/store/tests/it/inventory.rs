//! What is there at the moment: cached crates in every order, counts by day, and the versions that rules are held against.

use std::time::Duration;

use supercargo_store::{
    Attachment, CacheCountRow, CacheKind, CachedOrder, CachedWish, LedgerRow, NewCacheCount,
    NewCachedCrate, RegistryChange, Store,
};
use supercargo_types::{Digest, Timestamp, View};

use crate::{
    databases::Database,
    on_both,
    samples::{NOW, audit, registry, upstream},
};

on_both!(
    cached_crates_are_listed_in_every_order_and_found_by_name,
    a_registry_lists_what_it_has_given_out_alone,
    counts_stand_by_day,
);

fn later(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

async fn deliver(store: &Store, upstream_id: i64, name: &str, version: &str, size: u64, at: u64) {
    let new = NewCachedCrate {
        upstream_id,
        checksum: Digest::of(format!("{name} {version}").as_bytes()),
        spelling: name.parse().unwrap(),
        version: version.to_owned(),
        size,
        now: later(at),
    };
    store.add_cached_crate(&new).await.unwrap();
}

async fn give_out(store: &Store, registry_id: i64, name: &str, version: &str) {
    let row = LedgerRow {
        version: version.to_owned(),
        checksum: Digest::of(format!("{name} {version}").as_bytes()),
        line: "{}".to_owned(),
        upstream_id: None,
    };
    let spelling = name.parse().unwrap();
    for view in [View::Index, View::Mirror] {
        let added = store.add_ledger(registry_id, view, &spelling, &row, NOW);
        added.await.unwrap();
    }
}

fn wish(text: &str, order: CachedOrder) -> CachedWish<'_> {
    CachedWish {
        text,
        order,
        limit: 2,
        offset: 0,
    }
}

async fn cached_crates_are_listed_in_every_order_and_found_by_name(database: Database) {
    let store = &database.store;
    let [one, two] = [upstream(store, "one").await, upstream(store, "two").await];
    deliver(store, one, "serde", "1.0.0", 5, 10).await;
    deliver(store, one, "serde", "1.0.1", 6, 40).await;
    deliver(store, one, "foo_bar", "1.0.0", 90, 20).await;
    deliver(store, one, "rand", "0.9.0", 30, 5).await;
    deliver(store, two, "itoa", "1.0.0", 1, 1).await;
    for (order, names) in [
        (CachedOrder::Name, ["foo_bar", "rand"]),
        (CachedOrder::Size, ["foo_bar", "rand"]),
        (CachedOrder::Unused, ["rand", "foo_bar"]),
    ] {
        let page = store.cached_of_upstream(one, &wish("", order)).await;
        let page = page.unwrap();
        let listed: Vec<_> = page.items.iter().map(|row| row.spelling.as_str()).collect();
        assert_eq!(listed, names, "{order}");
        assert_eq!(page.total, 3);
    }
    let second = CachedWish {
        offset: 2,
        ..wish("", CachedOrder::Name)
    };
    let page = store.cached_of_upstream(one, &second).await.unwrap();
    let serde = &page.items[0];
    assert_eq!((serde.files, serde.bytes, page.total), (2, 11, 3));
    assert_eq!((serde.came_at, serde.used_at), (later(10), later(40)));
    assert_eq!(serde.upstream, "one");
    for (text, found) in [("foo-b", 1), ("FOO_B", 1), ("%", 0), ("itoa", 0)] {
        let wish = wish(text, CachedOrder::Name);
        let page = store.cached_of_upstream(one, &wish);
        assert_eq!(page.await.unwrap().items.len(), found, "{text}");
    }
}

async fn a_registry_lists_what_it_has_given_out_alone(database: Database) {
    let store = &database.store;
    let [acme, other] = [
        registry(store, "acme").await,
        registry(store, "other").await,
    ];
    let [one, two] = [upstream(store, "one").await, upstream(store, "two").await];
    let change = RegistryChange {
        upstreams: Some(vec![Attachment {
            upstream_id: one,
            only: Vec::new(),
            except: Vec::new(),
        }]),
        ..RegistryChange::default()
    };
    let log = audit("registry.changed");
    let changed = store.update_registry(acme, &change, NOW, &log);
    changed.await.unwrap();
    for (upstream_id, name) in [(one, "serde"), (one, "rand"), (two, "itoa")] {
        deliver(store, upstream_id, name, "1.0.0", 1, 0).await;
    }
    give_out(store, acme, "serde", "1.0.0").await;
    give_out(store, acme, "itoa", "1.0.0").await;
    give_out(store, other, "rand", "1.0.0").await;
    // not `rand`, which another registry reads, nor `itoa`, whose upstream this one does not read any more
    let wish = wish("", CachedOrder::Name);
    let page = store.cached_of_registry(acme, &wish).await.unwrap();
    let names: Vec<_> = page.items.iter().map(|row| row.spelling.as_str()).collect();
    assert_eq!((names, page.total), (vec!["serde"], 1));

    // rules are held against all that was given out, once each
    let numbers = store.numbers_of(acme, 10).await.unwrap();
    let numbers: Vec<_> = numbers
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    assert_eq!(numbers, ["itoa 1.0.0", "serde 1.0.0"]);
    assert_eq!(store.numbers_of(acme, 1).await.unwrap().len(), 1);
}

async fn counts_stand_by_day(database: Database) {
    let store = &database.store;
    let one = upstream(store, "one").await;
    let new = |day, kind, count| NewCacheCount {
        upstream_id: one,
        day,
        kind,
        count,
    };
    let batch = [
        new(100, CacheKind::FileHit, 2),
        new(101, CacheKind::FileHit, 3),
        new(101, CacheKind::FileMiss, 4),
    ];
    store.add_cache_counts(&batch).await.unwrap();
    let days = store.cache_days(one, 101).await.unwrap();
    let row = |kind, count| CacheCountRow {
        day: 101,
        kind,
        count,
    };
    assert_eq!(
        days,
        [row(CacheKind::FileHit, 3), row(CacheKind::FileMiss, 4)]
    );
}
