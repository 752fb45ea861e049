//! How the cache of upstreams is used: counts, sizes, and what may go.

use std::{collections::HashMap, time::Duration};

use supercargo_store::{
    CacheKind, CacheSize, CacheUse, CachedIndexChange, CachedIndexCheck, NewCacheCount,
    NewCachedCrate, Store, UsedFile,
};
use supercargo_types::{Digest, Spelling, Timestamp};

use crate::{
    databases::Database,
    on_both,
    samples::{ANYONE, NOW, audit, new_version, registry, upstream},
};

on_both!(
    counts_add_up_by_upstream_and_kind_over_days,
    a_cache_is_as_large_as_what_its_upstream_delivered,
    bytes_of_two_upstreams_are_stored_once_and_count_once,
    files_come_in_the_order_of_their_last_use,
    a_later_use_is_noted_and_an_earlier_one_is_not,
    what_was_used_or_came_meanwhile_or_is_lost_is_not_dropped,
    what_is_dropped_is_gone_for_all_who_delivered_it,
    a_check_says_how_sure_the_database_is_of_a_file,
);

fn later(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn name(spelling: &str) -> Spelling {
    spelling.parse().unwrap()
}

/// A crate's only file, with the name as its bytes.
async fn deliver(store: &Store, upstream_id: i64, spelling: &str, size: u64, at: Timestamp) {
    let new = NewCachedCrate {
        upstream_id,
        checksum: Digest::of(spelling.as_bytes()),
        spelling: name(spelling),
        version: "1.0.0".to_owned(),
        size,
        now: at,
    };
    store.add_cached_crate(&new).await.unwrap();
}

/// The order of last use, by pages of this length.
async fn order(store: &Store, page: u32) -> Vec<UsedFile> {
    let mut all: Vec<UsedFile> = Vec::new();
    loop {
        let more = store.least_used(all.last(), page).await.unwrap();
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

fn used(spelling: &str, used_at: Timestamp) -> UsedFile {
    UsedFile {
        checksum: Digest::of(spelling.as_bytes()),
        used_at,
    }
}

async fn replace(store: &Store, upstream_id: i64, spelling: &str, at: Timestamp) {
    let change = CachedIndexChange::Replaced {
        upstream_id,
        spelling: name(spelling),
        body_gzip: b"x".to_vec(),
        etag: None,
        last_modified: None,
        at,
        changed_at: at,
    };
    store.save_cached_index(&[change]).await.unwrap();
}

async fn lose(store: &Store, upstream_id: i64, spelling: &str, at: Timestamp) {
    let change = CachedIndexChange::Gone {
        upstream_id,
        spelling: name(spelling),
        at,
        changed_at: at,
    };
    store.save_cached_index(&[change]).await.unwrap();
}

async fn counts_add_up_by_upstream_and_kind_over_days(database: Database) {
    let store = &database.store;
    let [one, two] = [upstream(store, "one").await, upstream(store, "two").await];
    let new = |upstream_id, day, kind, count| NewCacheCount {
        upstream_id,
        day,
        kind,
        count,
    };
    for batch in [
        [
            new(one, 100, CacheKind::IndexHit, 2),
            new(two, 100, CacheKind::IndexHit, 50),
            // of an upstream that is not there, which spoils no batch
            new(two + 1000, 100, CacheKind::FileHit, 1),
        ],
        [
            new(one, 101, CacheKind::IndexHit, 3),
            new(one, 100, CacheKind::IndexHit, 4),
            new(one, 101, CacheKind::ReadAheadUsed, 1),
        ],
    ] {
        store.add_cache_counts(&batch).await.unwrap();
    }
    let all = store.cache_counts(one, 0).await.unwrap();
    let expected = [(CacheKind::IndexHit, 9), (CacheKind::ReadAheadUsed, 1)];
    assert_eq!(all, HashMap::from(expected));
    let recent = store.cache_counts(one, 101).await.unwrap();
    assert_eq!(recent[&CacheKind::IndexHit], 3);
    let none = store.cache_counts(two + 1000, 0).await.unwrap();
    assert!(none.is_empty());
}

async fn a_cache_is_as_large_as_what_its_upstream_delivered(database: Database) {
    let store = &database.store;
    let [one, two] = [upstream(store, "one").await, upstream(store, "two").await];
    deliver(store, one, "serde", 100, later(5)).await;
    deliver(store, one, "rand", 20, later(3)).await;
    deliver(store, two, "itoa", 7, NOW).await;
    replace(store, one, "serde", NOW).await;
    let size = store.cache_size(one).await.unwrap();
    let expected = CacheSize {
        files: 2,
        bytes: 120,
        index_files: 1,
        oldest: Some(later(3)),
    };
    assert_eq!(size, expected);
    let nothing = store.cache_size(two + 1000).await.unwrap();
    assert_eq!((nothing.files, nothing.oldest), (0, None));
}

async fn bytes_of_two_upstreams_are_stored_once_and_count_once(database: Database) {
    let store = &database.store;
    assert_eq!(store.cached_bytes().await.unwrap(), 0);
    let [one, two] = [upstream(store, "one").await, upstream(store, "two").await];
    deliver(store, one, "serde", 100, NOW).await;
    deliver(store, two, "serde", 100, NOW).await;
    deliver(store, two, "rand", 20, NOW).await;
    assert_eq!(store.cached_bytes().await.unwrap(), 120);
    let places = store.cached_places(&Digest::of(b"serde")).await.unwrap();
    let owners: Vec<_> = places.iter().map(|place| place.upstream_id).collect();
    assert_eq!(owners, [one, two]);
    assert_eq!((&places[0].spelling, places[0].size), (&name("serde"), 100));
}

async fn files_come_in_the_order_of_their_last_use(database: Database) {
    let store = &database.store;
    let one = upstream(store, "one").await;
    let times = [("d", 40), ("a", 10), ("c", 30), ("b", 20), ("also-b", 20)];
    for (spelling, at) in times {
        deliver(store, one, spelling, 1, later(at)).await;
    }
    // a hosted version has the bytes of "c", so they stay whatever is forgotten
    let acme = registry(store, "acme").await;
    let mut hosted = new_version(acme, "own", "1.0.0");
    hosted.checksum = Digest::of(b"c");
    let log = audit("version.published");
    store.publish(&hosted, ANYONE, &log).await.unwrap();

    let mut equals = [used("b", later(20)), used("also-b", later(20))];
    equals.sort_by_key(|file| file.checksum);
    let expected = [
        used("a", later(10)),
        equals[0],
        equals[1],
        used("d", later(40)),
    ];
    for page in [1, 2, 100] {
        assert_eq!(order(store, page).await, expected, "{page}");
    }
}

async fn a_later_use_is_noted_and_an_earlier_one_is_not(database: Database) {
    let store = &database.store;
    let one = upstream(store, "one").await;
    deliver(store, one, "serde", 1, later(10)).await;
    let noted = |upstream_id, at| CacheUse {
        upstream_id,
        checksum: Digest::of(b"serde"),
        at,
    };
    for (at, expected) in [(20, 20), (15, 20)] {
        // a file that has gone is no error
        let uses = [noted(one, later(at)), noted(one + 1000, later(at))];
        store.note_cache_uses(&uses).await.unwrap();
        assert_eq!(order(store, 10).await, [used("serde", later(expected))]);
    }
}

async fn what_was_used_or_came_meanwhile_or_is_lost_is_not_dropped(database: Database) {
    let store = &database.store;
    let [one, two] = [upstream(store, "one").await, upstream(store, "two").await];
    for spelling in ["used", "new", "lost", "there"] {
        deliver(store, one, spelling, 1, later(10)).await;
        replace(store, one, spelling, NOW).await;
    }
    let noted = CacheUse {
        upstream_id: one,
        checksum: Digest::of(b"used"),
        at: later(50),
    };
    store.note_cache_uses(&[noted]).await.unwrap();
    // another upstream delivers the same bytes while they are looked at
    deliver(store, two, "new", 1, later(60)).await;
    lose(store, one, "lost", later(20)).await;
    let all = ["used", "new", "lost", "there"].map(|spelling| used(spelling, later(10)));
    let dropped = store.drop_cached(&all).await.unwrap();
    assert_eq!(dropped, [Digest::of(b"there")]);
    for (spelling, is_left) in [
        ("used", true),
        ("new", true),
        ("lost", true),
        ("there", false),
    ] {
        let checksum = Digest::of(spelling.as_bytes());
        let size = store.cached_crate(one, &checksum).await.unwrap();
        assert_eq!(size.is_some(), is_left, "{spelling}");
        assert_eq!(store.needs_blob(&checksum).await.unwrap(), is_left);
    }
}

async fn what_is_dropped_is_gone_for_all_who_delivered_it(database: Database) {
    let store = &database.store;
    let [one, two] = [upstream(store, "one").await, upstream(store, "two").await];
    for upstream_id in [one, two] {
        deliver(store, upstream_id, "serde", 1, later(10)).await;
    }
    let serde = [used("serde", later(10))];
    for expected in [1, 0] {
        let dropped = store.drop_cached(&serde).await.unwrap();
        assert_eq!(dropped.len(), expected, "a second time there is nothing");
    }
    for upstream_id in [one, two] {
        let checksum = Digest::of(b"serde");
        let size = store.cached_crate(upstream_id, &checksum).await.unwrap();
        assert_eq!(size, None);
    }
}

/// R7: what spares another process the question.
async fn a_check_says_how_sure_the_database_is_of_a_file(database: Database) {
    let store = &database.store;
    let one = upstream(store, "one").await;
    let check = async || store.cached_index_check(one, &name("serde")).await.unwrap();
    assert_eq!(check().await, None);
    replace(store, one, "serde", NOW).await;
    let first = check().await.unwrap();
    assert_eq!((first.checked_at, first.is_gone), (NOW, false));

    let confirmed = CachedIndexChange::Checked {
        upstream_id: one,
        spelling: name("serde"),
        etag: None,
        last_modified: None,
        at: later(60),
    };
    store.save_cached_index(&[confirmed]).await.unwrap();
    let expected = CachedIndexCheck {
        checked_at: later(60),
        ..first
    };
    assert_eq!(check().await, Some(expected), "not changed");

    lose(store, one, "serde", later(70)).await;
    let lost = check().await.unwrap();
    assert!(lost.is_gone && lost.changed_at > first.changed_at);
}
