//! What processes on one database tell each other.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use sqlx::{Connection as _, Executor as _, PgConnection};
use supercargo_store::{
    CachedIndexChange, Change, Feed, FeedEvent, LedgerRow, Published, Store, YankChange, Yanked,
};
use supercargo_testkit::Wire;
use supercargo_types::{Digest, Role, View};

use crate::{
    databases::{Database, with_postgres, with_sqlite},
    samples::{ANYONE, NOW, audit, new_token, new_version, principal, registry, upstream},
};

/// Long enough for a busy machine; an event that happens is seen at once.
const PATIENCE: Duration = Duration::from_secs(30);

async fn next(feed: &mut Feed) -> FeedEvent {
    tokio::time::timeout(PATIENCE, feed.next())
        .await
        .expect("the feed says something")
}

/// A second process, and its feed once it listens.
pub(crate) async fn other(url: &str) -> (Store, Feed) {
    let store = Store::open(&url.parse().unwrap()).await.unwrap();
    let mut feed = store.feed();
    assert_eq!(next(&mut feed).await, FeedEvent::Listening);
    (store, feed)
}

/// What was said of all that was committed before this call.
pub(crate) async fn said(feed: &mut Feed) -> Vec<Change> {
    let asked = Instant::now();
    let mut changes = Vec::new();
    loop {
        match next(feed).await {
            FeedEvent::Change(change) => changes.push(change),
            FeedEvent::Heard(proven) if proven >= asked => return changes,
            FeedEvent::Heard(_) => {}
            event => panic!("{event:?}"),
        }
    }
}

fn name(registry_id: i64, name: &str) -> Change {
    Change::Name {
        registry_id,
        canonical: name.parse().unwrap(),
    }
}

/// Row P6.
#[tokio::test]
async fn what_others_commit_is_said_in_its_order_and_what_comes_to_nothing_is_not() {
    with_postgres(async |database| {
        let (_other, mut feed) = other(&database.text()).await;
        let store = &database.store;
        let acme = registry(store, "acme").await;
        let alice = principal(store, "alice").await;
        store
            .set_member(acme, alice, Role::Publisher, &audit("member.set"))
            .await
            .unwrap();
        store
            .create_token(alice, &new_token("t"), &audit("token.created"))
            .await
            .unwrap();
        let version = new_version(acme, "Foo_Bar", "1.0.0");
        let publish = async || {
            let log = audit("version.published");
            store.publish(&version, ANYONE, &log).await.unwrap()
        };
        assert!(matches!(publish().await, Published::New { .. }));
        assert!(matches!(publish().await, Published::Duplicate { .. }));
        let yank = YankChange {
            registry_id: acme,
            name: version.name.canonical(),
            version: version.version.clone(),
            yanked: true,
            must_own: None,
            now: NOW,
        };
        for expected in [Yanked::Changed, Yanked::Same] {
            let yanked = store.set_yanked(&yank, &audit("version.yanked")).await;
            assert_eq!(yanked.unwrap(), expected);
        }
        store.add_audit(&audit("nothing.changed")).await.unwrap();
        assert!(
            store
                .revoke_token("t", NOW, &audit("token.revoked"))
                .await
                .unwrap()
        );
        assert_eq!(
            said(&mut feed).await,
            [
                Change::Settings,
                // of its first member
                Change::People,
                Change::People,
                Change::People,
                Change::People,
                name(acme, "foo-bar"),
                name(acme, "foo-bar"),
                Change::People,
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn what_upstreams_say_is_told_but_for_what_was_known() {
    with_postgres(async |database| {
        let (_other, mut feed) = other(&database.text()).await;
        let store = &database.store;
        let acme = registry(store, "acme").await;
        let fake = upstream(store, "fake").await;
        said(&mut feed).await;
        let replaced = |number: usize| CachedIndexChange::Replaced {
            upstream_id: fake,
            spelling: format!("crate-{number:04}").parse().unwrap(),
            body_gzip: vec![1],
            etag: None,
            last_modified: None,
            at: NOW,
            changed_at: NOW,
        };
        let changes: Vec<_> = (0..1000).map(replaced).collect();
        store.save_cached_index(&changes).await.unwrap();
        let expected: Vec<_> = (0..1000)
            .map(|number| Change::UpstreamName {
                upstream_id: fake,
                spelling: format!("crate-{number:04}").parse().unwrap(),
            })
            .collect();
        assert_eq!(said(&mut feed).await, expected);

        let checked = CachedIndexChange::Checked {
            upstream_id: fake,
            spelling: "crate-0001".parse().unwrap(),
            etag: None,
            last_modified: None,
            at: NOW,
        };
        store.save_cached_index(&[checked]).await.unwrap();
        let row = LedgerRow {
            version: "1.0.0".to_owned(),
            checksum: Digest::of(b"x"),
            line: "{}".to_owned(),
            upstream_id: None,
        };
        for _ in 0..2 {
            let spelling = "crate_0001".parse().unwrap();
            store
                .add_ledger(acme, View::Index, &spelling, &row, NOW)
                .await
                .unwrap();
        }
        assert_eq!(said(&mut feed).await, [name(acme, "crate-0001")]);
    })
    .await;
}

/// Makes the commit of whatever writes an audit row of this action wait for a lock, or fail.
const AT_COMMIT: &str = "
    CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.action = 'waits' THEN PERFORM pg_advisory_xact_lock(42); END IF;
        IF NEW.action = 'fails' THEN RAISE EXCEPTION 'no'; END IF;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON audit
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit()";
const WAITING: &str =
    "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)";

/// Row P6.
#[tokio::test]
async fn a_change_is_said_after_its_commit_and_never_when_that_fails() {
    with_postgres(async |database| {
        let (_other, mut feed) = other(&database.text()).await;
        let store = database.store.clone();
        database.execute(AT_COMMIT).await;
        let id = principal(&store, "alice").await;
        said(&mut feed).await;

        let failed = store
            .create_token(id, &new_token("a"), &audit("fails"))
            .await;
        assert!(failed.is_err());

        let mut lock = PgConnection::connect(&database.text()).await.unwrap();
        lock.execute("SELECT pg_advisory_lock(42)").await.unwrap();
        let waiting = tokio::spawn({
            let store = store.clone();
            async move {
                let token = new_token("b");
                store.create_token(id, &token, &audit("waits")).await
            }
        });
        supercargo_testkit::eventually("a commit that waits", || waits(database.text())).await;
        assert_eq!(said(&mut feed).await, []);
        lock.execute("SELECT pg_advisory_unlock(42)").await.unwrap();
        waiting.await.unwrap().unwrap();
        assert_eq!(said(&mut feed).await, [Change::People]);
    })
    .await;
}

async fn waits(url: String) -> bool {
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let waiting = sqlx::query_scalar(WAITING);
    waiting.fetch_one(&mut connection).await.unwrap()
}

#[tokio::test]
async fn nobody_is_told_what_it_has_changed_itself() {
    with_postgres(async |database| {
        let (_other, mut feed) = other(&database.text()).await;
        let mut own = database.store.feed();
        assert_eq!(next(&mut own).await, FeedEvent::Listening);
        principal(&database.store, "alice").await;
        assert_eq!(said(&mut own).await, []);
        assert_eq!(said(&mut feed).await, [Change::People]);
    })
    .await;
}

/// Row P6: who cannot hear knows it within two seconds.
#[tokio::test]
async fn a_server_that_was_stopped_is_lost_until_it_is_back() {
    with_postgres(async |database| lost_and_found(database, Wire::cut).await).await;
}

/// Row P6: no connection ends here, it is silence that tells.
#[tokio::test]
async fn a_server_that_hangs_is_lost_until_it_is_back() {
    with_postgres(async |database| lost_and_found(database, Wire::hang).await).await;
}

async fn lost_and_found(database: Database, fail: fn(&Wire)) {
    let wire = Wire::to(&database.text()).await;
    let (_store, mut feed) = other(wire.url()).await;
    principal(&database.store, "alice").await;
    assert_eq!(said(&mut feed).await, [Change::People]);
    fail(&wire);
    principal(&database.store, "unheard").await;
    let mut lost = 0;
    while lost < 2 {
        match next(&mut feed).await {
            FeedEvent::Lost(_) => lost += 1,
            // what was on its way
            FeedEvent::Heard(_) | FeedEvent::Change(Change::People) if lost == 0 => {}
            event => panic!("{event:?}"),
        }
    }
    wire.heal();
    while next(&mut feed).await != FeedEvent::Listening {}
    principal(&database.store, "bob").await;
    assert_eq!(said(&mut feed).await, [Change::People]);
}

const END_FEEDS: &str = "
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'supercargo feed'";

#[tokio::test]
async fn a_connection_that_was_ended_is_lost_and_made_again() {
    with_postgres(async |database| {
        let (_other, mut feed) = other(&database.text()).await;
        said(&mut feed).await;
        database.execute(END_FEEDS).await;
        while !matches!(next(&mut feed).await, FeedEvent::Lost(_)) {}
        assert_eq!(next(&mut feed).await, FeedEvent::Listening);
        principal(&database.store, "alice").await;
        assert_eq!(said(&mut feed).await, [Change::People]);
    })
    .await;
}

#[tokio::test]
async fn a_file_has_nothing_to_say() {
    with_sqlite(async |database| {
        assert!(!database.store.is_shared());
        let mut feed = database.store.feed();
        principal(&database.store, "alice").await;
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(pin!(feed.next()).poll(&mut context), Poll::Pending);
    })
    .await;
}
