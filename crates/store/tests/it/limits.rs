//! Limits that servers share.

use std::time::Duration;

use supercargo_store::{LimitReached, LimitUse, Store};
use supercargo_types::{Digest, Rate, Timestamp};

use crate::{databases::Database, on_both, samples::NOW};

on_both!(
    the_burst_of_a_shared_limit_is_exact_and_what_is_given_back_is_there_again,
    of_many_that_ask_at_once_as_many_get_one_as_there_are_left,
    a_limit_does_not_hold_while_its_mark_stands,
    what_nobody_needs_any_more_is_forgotten,
);

const RATE: Rate = Rate::each_minute(3, 6);
const TEN: Duration = Duration::from_secs(10);

fn used(name: &str) -> LimitUse {
    LimitUse {
        key: Digest::of(name.as_bytes()),
        rate: RATE,
        unless: None,
    }
}

async fn take(store: &Store, name: &str, now: Timestamp) -> Option<LimitReached> {
    store.use_limits(&[used(name)], now).await.unwrap()
}

async fn the_burst_of_a_shared_limit_is_exact_and_what_is_given_back_is_there_again(
    database: Database,
) {
    let store = &database.store;
    let reached = |wait| Some(LimitReached { place: 0, wait });
    for _ in 0..3 {
        assert_eq!(take(store, "alice", NOW).await, None);
    }
    assert_eq!(take(store, "alice", NOW).await, reached(TEN));
    assert_eq!(take(store, "bob", NOW).await, None, "another one's");
    let later = NOW.plus(Duration::from_secs(4));
    let rest = reached(Duration::from_secs(6));
    assert_eq!(take(store, "alice", later).await, rest, "no use was taken");
    assert_eq!(take(store, "alice", NOW.plus(TEN)).await, None);
    assert_eq!(take(store, "alice", NOW.plus(TEN)).await, reached(TEN));

    let [alice, mark] = ["alice", "mark"].map(|name| Digest::of(name.as_bytes()));
    store.clear_limits(&[alice], &mark, NOW).await.unwrap();
    for _ in 0..3 {
        assert_eq!(take(store, "alice", NOW.plus(TEN)).await, None);
    }
    // after a long pause there is no more than the burst
    let rested = NOW.plus(Duration::from_hours(24));
    for _ in 0..3 {
        assert_eq!(take(store, "alice", rested).await, None);
    }
    assert_eq!(take(store, "alice", rested).await, reached(TEN));
}

async fn of_many_that_ask_at_once_as_many_get_one_as_there_are_left(database: Database) {
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let store = database.store.clone();
            tokio::spawn(async move { take(&store, "alice", NOW).await })
        })
        .collect();
    let mut passed = 0;
    for asked in asking {
        passed += usize::from(asked.await.unwrap().is_none());
    }
    assert_eq!(passed, 3);
}

async fn a_limit_does_not_hold_while_its_mark_stands(database: Database) {
    let store = &database.store;
    let mark = Digest::of(b"alice signs in from here");
    let both = [
        used("alice from here"),
        LimitUse {
            unless: Some(mark),
            ..used("alice")
        },
    ];
    for _ in 0..3 {
        assert_eq!(take(store, "alice", NOW).await, None);
    }
    let reached = store.use_limits(&both, NOW).await.unwrap();
    assert_eq!(
        reached,
        Some(LimitReached {
            place: 1,
            wait: TEN
        })
    );
    store.clear_limits(&[], &mark, NOW.plus(TEN)).await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.use_limits(&both, NOW).await.unwrap(), None);
    }
    // what was tried before the second limit refused is taken from the first
    let reached = store.use_limits(&both, NOW).await.unwrap();
    assert_eq!(
        reached,
        Some(LimitReached {
            place: 0,
            wait: TEN
        })
    );
    assert_eq!(
        take(store, "alice", NOW).await.map(|reached| reached.place),
        Some(0)
    );
}

async fn what_nobody_needs_any_more_is_forgotten(database: Database) {
    let store = &database.store;
    for (name, seconds) in [("alice", 0), ("bob", 5), ("carol", 20)] {
        let then = NOW.plus(Duration::from_secs(seconds));
        assert_eq!(take(store, name, then).await, None);
    }
    let mark = Digest::of(b"mark");
    store.clear_limits(&[], &mark, NOW.plus(TEN)).await.unwrap();
    let later = NOW.plus(Duration::from_secs(16));
    assert_eq!(store.prune_limits(later, 2).await.unwrap(), 2);
    assert_eq!(store.prune_limits(later, 2).await.unwrap(), 1);
    assert_eq!(store.prune_limits(later, 2).await.unwrap(), 0);
    let far = NOW.plus(Duration::from_hours(1));
    assert_eq!(store.prune_limits(far, 2).await.unwrap(), 1, "carol's");
}
