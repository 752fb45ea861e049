//! Upstreams and what is cached of them.

use std::time::Duration;

use sqlx::Connection as _;
use supercargo_store::{
    Attachment, CachedIndex, CachedIndexChange, Created, Deleted, NewCachedCrate, RegistryChange,
    RegistryChanged, Store, UpstreamAuth, UpstreamRow, UpstreamSettings, UpstreamSource,
};
use supercargo_types::{Digest, Spelling, Timestamp};

use crate::{
    databases::{Connection, Database, with_postgres},
    on_both, registries,
    samples::{NOW, audit, id, new_upstream, registry, upstream},
};

on_both!(
    every_kind_of_upstream_comes_back,
    an_upstream_in_use_is_not_deleted,
    a_new_source_forgets_the_old_ones_files,
    an_index_file_is_replaced_confirmed_and_lost,
    names_that_were_never_there_leave_no_row,
    bytes_are_known_only_of_the_upstream_that_sent_them,
    what_a_deleted_upstream_answered_is_passed_over,
);

async fn read(store: &Store, id: i64) -> UpstreamRow {
    let directory = store.directory().await.unwrap();
    let mut upstreams = directory.upstreams.into_iter();
    upstreams.find(|upstream| upstream.id == id).unwrap()
}

fn serde() -> Spelling {
    "serde".parse().unwrap()
}

fn replaced(upstream_id: i64, body: &[u8], at: Timestamp) -> CachedIndexChange {
    CachedIndexChange::Replaced {
        upstream_id,
        spelling: serde(),
        body_gzip: body.to_vec(),
        etag: Some("\"1\"".to_owned()),
        last_modified: None,
        at,
        changed_at: at,
    }
}

async fn cached(store: &Store, upstream_id: i64) -> CachedIndex {
    store
        .cached_index(upstream_id, &serde())
        .await
        .unwrap()
        .unwrap()
}

async fn every_kind_of_upstream_comes_back(database: Database) {
    let store = &database.store;
    let shared = registry(store, "shared").await;
    let secret = vec![0, 255, 7];
    let settings = [
        (UpstreamSource::CratesIo, UpstreamAuth::None, None),
        (
            UpstreamSource::Sparse {
                index_url: "sparse+https://registry.example/".to_owned(),
            },
            UpstreamAuth::Basic {
                username: "me".to_owned(),
                secret: secret.clone(),
            },
            Some(vec!["shared".parse().unwrap()]),
        ),
        (
            UpstreamSource::Registry {
                registry_id: shared,
            },
            UpstreamAuth::Token {
                secret: secret.clone(),
            },
            Some(vec![]),
        ),
        (
            UpstreamSource::CratesIo,
            UpstreamAuth::Bearer { secret },
            None,
        ),
    ];
    for (number, (source, auth, usable_by)) in settings.into_iter().enumerate() {
        let mut new = new_upstream(&format!("u{number}"));
        new.settings = UpstreamSettings {
            source,
            auth,
            usable_by,
            auth_origins: vec![format!("https://files{number}.example")],
        };
        let log = audit("upstream.created");
        let id = id(store.create_upstream(&new, &log).await.unwrap());
        assert_eq!(read(store, id).await.settings, new.settings);
        let again = store.create_upstream(&new, &log).await.unwrap();
        assert_eq!(again, Created::Taken(new.name));
    }
}

async fn an_upstream_in_use_is_not_deleted(database: Database) {
    let store = &database.store;
    let [acme, other] = [
        registry(store, "acme").await,
        registry(store, "other").await,
    ];
    let upstream = upstream(store, "partner").await;
    let log = audit("changed");
    store
        .save_cached_index(&[replaced(upstream, b"x", NOW)])
        .await
        .unwrap();
    let attach = |attached: bool| RegistryChange {
        upstreams: Some(
            attached
                .then(|| Attachment {
                    upstream_id: upstream,
                    only: Vec::new(),
                    except: Vec::new(),
                })
                .into_iter()
                .collect(),
        ),
        ..RegistryChange::default()
    };
    for registry in [other, acme] {
        let change = attach(true);
        let changed = store.update_registry(registry, &change, NOW, &log);
        assert_eq!(changed.await.unwrap(), RegistryChanged::Done);
    }
    let users = ["acme", "other"].map(|name| name.parse().unwrap());
    assert_eq!(
        store.delete_upstream(upstream, &log).await.unwrap(),
        Deleted::InUse(users.into())
    );
    for registry in [other, acme] {
        let change = attach(false);
        let changed = store.update_registry(registry, &change, NOW, &log);
        assert_eq!(changed.await.unwrap(), RegistryChanged::Done);
    }
    let delete = || store.delete_upstream(upstream, &log);
    assert_eq!(delete().await.unwrap(), Deleted::Done);
    assert_eq!(delete().await.unwrap(), Deleted::NotThere);
    assert_eq!(store.cached_index(upstream, &serde()).await.unwrap(), None);
}

async fn a_new_source_forgets_the_old_ones_files(database: Database) {
    let store = &database.store;
    let partner = upstream(store, "partner").await;
    let mut new = registries_with(store, partner).await;
    let checksum = Digest::of(b"bytes");
    store.add_cached_crate(&delivered(partner)).await.unwrap();
    store
        .save_cached_index(&[replaced(partner, b"x", NOW)])
        .await
        .unwrap();
    let log = audit("upstream.changed");
    let mut settings = read(store, partner).await.settings;

    settings.auth = UpstreamAuth::Bearer { secret: vec![1] };
    let changed = store.update_upstream(partner, &settings, NOW, &log).await;
    assert!(changed.unwrap());
    let after = registries::read(store, new.id).await;
    assert_eq!(after.changed_at, new.changed_at);
    assert_eq!(
        store.cached_crate(partner, &checksum).await.unwrap(),
        Some(5)
    );

    settings.source = UpstreamSource::Sparse {
        index_url: "sparse+https://registry.example/".to_owned(),
    };
    let changed = store.update_upstream(partner, &settings, NOW, &log).await;
    assert!(changed.unwrap());
    assert_eq!(read(store, partner).await.settings, settings);
    assert_eq!(store.cached_index(partner, &serde()).await.unwrap(), None);
    assert_eq!(store.cached_crate(partner, &checksum).await.unwrap(), None);
    new = registries::read(store, new.id).await;
    assert!(new.changed_at > after.changed_at);

    let missing = store.update_upstream(partner + 1, &settings, NOW, &log);
    assert!(!missing.await.unwrap());
}

async fn registries_with(store: &Store, upstream_id: i64) -> supercargo_store::RegistryRow {
    let acme = registry(store, "acme").await;
    let change = RegistryChange {
        upstreams: Some(vec![Attachment {
            upstream_id,
            only: Vec::new(),
            except: Vec::new(),
        }]),
        ..RegistryChange::default()
    };
    let log = audit("registry.changed");
    let changed = store.update_registry(acme, &change, NOW, &log).await;
    assert_eq!(changed.unwrap(), RegistryChanged::Done);
    registries::read(store, acme).await
}

async fn an_index_file_is_replaced_confirmed_and_lost(database: Database) {
    let store = &database.store;
    let partner = upstream(store, "partner").await;
    let later = |seconds| NOW.plus(Duration::from_secs(seconds));
    let save = async |change| store.save_cached_index(&[change]).await.unwrap();

    save(replaced(partner, b"one", NOW)).await;
    let first = cached(store, partner).await;
    assert_eq!(first.body_gzip, b"one");
    assert_eq!(first.etag.as_deref(), Some("\"1\""));
    assert_eq!((first.fetched_at, first.checked_at), (NOW, NOW));

    // a second body within the second, or from a clock that went back
    save(replaced(partner, b"two", NOW)).await;
    let second = cached(store, partner).await;
    assert_eq!(second.body_gzip, b"two");
    assert_eq!(
        second.changed_at.since(first.changed_at),
        Duration::from_secs(1)
    );

    let confirmed = || CachedIndexChange::Checked {
        upstream_id: partner,
        spelling: serde(),
        etag: Some("\"2\"".to_owned()),
        last_modified: Some("yesterday".to_owned()),
        at: later(60),
    };
    save(confirmed()).await;
    let third = cached(store, partner).await;
    assert_eq!(third.changed_at, second.changed_at);
    assert_eq!((third.fetched_at, third.checked_at), (NOW, later(60)));
    assert_eq!(third.etag.as_deref(), Some("\"2\""));

    for at in [70, 80] {
        save(CachedIndexChange::Gone {
            upstream_id: partner,
            spelling: serde(),
            at: later(at),
            changed_at: later(at + 5),
        })
        .await;
    }
    let lost = cached(store, partner).await;
    assert_eq!(lost.gone_at, Some(later(70)), "since when, not until when");
    assert_eq!(lost.checked_at, later(80));
    assert_eq!(lost.body_gzip, b"two", "held versions are shown from it");
    // as it was told, for that is the date with which it was served
    assert_eq!(lost.changed_at.as_seconds(), later(75).as_seconds());

    save(confirmed()).await;
    let back = cached(store, partner).await;
    assert_eq!(back.gone_at, None);
    assert!(back.changed_at > lost.changed_at);
}

async fn names_that_were_never_there_leave_no_row(database: Database) {
    let store = &database.store;
    let partner = upstream(store, "partner").await;
    let gone = CachedIndexChange::Gone {
        upstream_id: partner,
        spelling: serde(),
        at: NOW,
        changed_at: NOW,
    };
    store.save_cached_index(&[gone]).await.unwrap();
    assert_eq!(store.cached_index(partner, &serde()).await.unwrap(), None);
}

async fn bytes_are_known_only_of_the_upstream_that_sent_them(database: Database) {
    let store = &database.store;
    let [one, two] = [upstream(store, "one").await, upstream(store, "two").await];
    let checksum = Digest::of(b"bytes");
    let new = delivered(one);
    for _ in 0..2 {
        store.add_cached_crate(&new).await.unwrap();
    }
    assert_eq!(store.cached_crate(one, &checksum).await.unwrap(), Some(5));
    assert_eq!(store.cached_crate(two, &checksum).await.unwrap(), None);
}

fn delivered(upstream_id: i64) -> NewCachedCrate {
    NewCachedCrate {
        upstream_id,
        checksum: Digest::of(b"bytes"),
        spelling: serde(),
        version: "1.0.0".to_owned(),
        size: 5,
        now: NOW,
    }
}

async fn what_a_deleted_upstream_answered_is_passed_over(database: Database) {
    let store = &database.store;
    let [stays, goes] = [
        upstream(store, "stays").await,
        upstream(store, "goes").await,
    ];
    let log = audit("upstream.deleted");
    let deleted = store.delete_upstream(goes, &log).await.unwrap();
    assert_eq!(deleted, Deleted::Done);

    let batch = [goes, stays].map(|id| replaced(id, b"x", NOW));
    store.save_cached_index(&batch).await.unwrap();
    assert_eq!(cached(store, stays).await.body_gzip, b"x");
    assert_eq!(store.cached_index(goes, &serde()).await.unwrap(), None);

    for id in [goes, stays] {
        store.add_cached_crate(&delivered(id)).await.unwrap();
    }
    let checksum = delivered(goes).checksum;
    assert_eq!(store.cached_crate(stays, &checksum).await.unwrap(), Some(5));
    assert_eq!(store.cached_crate(goes, &checksum).await.unwrap(), None);
}

const WAITING: &str = "
    SELECT COUNT(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// SQLite has one writer, so there nothing comes between a statement's look and its end.
#[tokio::test]
async fn an_upstream_that_is_deleted_during_the_statement_is_passed_over() {
    with_postgres(async |database| {
        let store = &database.store;
        let [stays, goes] = [
            upstream(store, "stays").await,
            upstream(store, "goes").await,
        ];
        let Connection::Postgres(mut deleting) = database.connect().await else {
            panic!("this is PostgreSQL's half");
        };
        let mut delete = deleting.begin().await.unwrap();
        sqlx::query("DELETE FROM upstreams WHERE id = $1")
            .bind(goes)
            .execute(&mut *delete)
            .await
            .unwrap();
        let index = tokio::spawn({
            let store = store.clone();
            let batch = [goes, stays].map(|id| replaced(id, b"x", NOW));
            async move { store.save_cached_index(&batch).await }
        });
        let file = tokio::spawn({
            let store = store.clone();
            async move { store.add_cached_crate(&delivered(goes)).await }
        });
        let both_wait = async {
            while waiting(&database).await < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), both_wait)
            .await
            .expect("both writers wait for the delete");
        delete.commit().await.unwrap();

        index.await.unwrap().unwrap();
        file.await.unwrap().unwrap();
        assert_eq!(cached(store, stays).await.body_gzip, b"x");
        assert_eq!(store.cached_index(goes, &serde()).await.unwrap(), None);
        let checksum = delivered(goes).checksum;
        assert_eq!(store.cached_crate(goes, &checksum).await.unwrap(), None);
    })
    .await;
}

/// How many backends wait for another's lock.
async fn waiting(database: &Database) -> i64 {
    let Store::Postgres(server) = &database.store else {
        panic!("this is PostgreSQL's half");
    };
    sqlx::query_scalar(WAITING)
        .fetch_one(&server.pool)
        .await
        .unwrap()
}
