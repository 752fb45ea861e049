//! Who downloaded what: the log of downloads, and what is kept of it for ever.

use std::time::Duration;

use supercargo_store::{
    AuditFilter, AuditOutcome, DOWNLOADED, NewDownload, NewPull, PullRow, PulledVersion, Reader,
    Store,
};
use supercargo_types::{CanonicalName, Timestamp};

use crate::{
    databases::Database,
    on_both,
    samples::{ANYONE, NOW, audit, new_version, registry},
};

on_both!(
    a_download_is_an_entry_of_the_log,
    downloads_are_filtered_paged_counted_and_pruned,
    pulls_of_one_reader_are_one_row_with_the_first_and_the_last_time,
    readers_come_page_by_page,
    readers_of_what_a_claim_takes_away_are_counted_once,
    a_registry_that_is_not_there_spoils_no_batch,
);

fn download(registry_id: i64, name: &str, version: &str, second: u64) -> NewDownload {
    NewDownload {
        at: after(second),
        registry_id,
        name: name.parse().unwrap(),
        version: version.to_owned(),
        principal: Some("alice".to_owned()),
        token_id: None,
        repository: None,
        address: None,
        user_agent: None,
        request_id: None,
        count: 1,
    }
}

fn pull(registry_id: i64, name: &str, version: &str, principal: &str, second: u64) -> NewPull {
    NewPull {
        registry_id,
        name: name.parse().unwrap(),
        version: version.to_owned(),
        reader: reader(principal, ""),
        first_at: after(second),
        last_at: after(second),
        count: 1,
    }
}

fn reader(principal: &str, repository: &str) -> Reader {
    Reader {
        principal: principal.to_owned(),
        repository: repository.to_owned(),
    }
}

fn after(second: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(second))
}

/// I9 (downloads).
async fn a_download_is_an_entry_of_the_log(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let text = |text: &str| Some(text.to_owned());
    let whole = NewDownload {
        principal: text("service:ci"),
        token_id: text("t1"),
        repository: text("github:acme/app"),
        address: text("192.0.2.1"),
        user_agent: text("cargo/1.95.0"),
        request_id: text("r1"),
        count: 3,
        ..download(acme, "My_Crate", "1.0.0+x", 5)
    };
    let bare = NewDownload {
        principal: None,
        ..download(acme, "my_crate", "1.0.0", 6)
    };
    store.log_downloads(&[whole, bare]).await.unwrap();
    let rows = store.list_downloads(&AuditFilter::default(), 9, None).await;
    let [bare, whole] = &rows.unwrap()[..] else {
        panic!("two downloads are two rows");
    };
    let entry = &whole.entry;
    assert_eq!((entry.at, entry.outcome), (after(5), AuditOutcome::Done));
    assert_eq!(entry.action, DOWNLOADED);
    let texts = [
        &entry.principal,
        &entry.token_id,
        &entry.address,
        &entry.user_agent,
        &entry.registry,
        &entry.crate_name,
        &entry.version,
        &entry.detail,
        &entry.request_id,
    ];
    assert_eq!(
        texts.map(|text| text.as_deref().unwrap()),
        [
            "service:ci",
            "t1",
            "192.0.2.1",
            "cargo/1.95.0",
            "acme",
            "my_crate",
            "1.0.0+x",
            "for github:acme/app, 3 downloads",
            "r1"
        ]
    );
    assert_eq!((&bare.entry.principal, &bare.entry.detail), (&None, &None));
}

/// I9 (filterable, retention of raw rows).
async fn downloads_are_filtered_paged_counted_and_pruned(database: Database) {
    let store = &database.store;
    let [acme, other] = [
        registry(store, "acme").await,
        registry(store, "other").await,
    ];
    let mut batch = vec![
        download(acme, "my_crate", "1.0.0", 0),
        download(acme, "my-crate", "1.1.0", 1),
        download(acme, "else", "1.0.0", 2),
        download(other, "my-crate", "1.0.0", 3),
    ];
    batch[1].principal = None;
    store.log_downloads(&batch).await.unwrap();
    let all = AuditFilter::default;
    let name = |text: &str| Some(text.parse::<CanonicalName>().unwrap());
    let in_acme = || AuditFilter {
        registry: Some("acme".to_owned()),
        ..all()
    };
    let filters = [
        ("3210", all()),
        ("210", in_acme()),
        (
            "310",
            AuditFilter {
                crate_name: name("My-Crate"),
                ..all()
            },
        ),
        (
            "10",
            AuditFilter {
                crate_name: name("My_Crate"),
                ..in_acme()
            },
        ),
        (
            "320",
            AuditFilter {
                version: Some("1.0.0".to_owned()),
                ..all()
            },
        ),
        (
            "320",
            AuditFilter {
                principal: Some("alice".to_owned()),
                ..all()
            },
        ),
        (
            "21",
            AuditFilter {
                from: Some(after(1)),
                to: Some(after(3)),
                ..all()
            },
        ),
    ];
    let list = async |filter: &AuditFilter, limit, before| {
        let rows = store.list_downloads(filter, limit, before).await.unwrap();
        let seconds = rows.iter().map(|row| row.entry.at.since(NOW).as_secs());
        let seconds: String = seconds.map(|second| second.to_string()).collect();
        (seconds, rows.last().map(|row| row.id))
    };
    for (expected, filter) in filters {
        assert_eq!(list(&filter, 9, None).await.0, expected, "{filter:?}");
        let count = store.count_downloads(&filter, 9).await.unwrap();
        assert_eq!(count, expected.len() as u64, "{filter:?}");
    }
    let (_, end) = list(&all(), 3, None).await;
    assert_eq!(list(&all(), 3, end).await.0, "0");
    assert_eq!(store.count_downloads(&all(), 2).await.unwrap(), 2);

    assert_eq!(store.prune_downloads(after(3), 2).await.unwrap(), 2);
    assert_eq!(store.prune_downloads(after(3), 2).await.unwrap(), 1);
    assert_eq!(list(&all(), 9, None).await.0, "3");
}

async fn of(store: &Store, registry: i64, version: &str) -> Vec<PullRow> {
    let name = "my-crate".parse().unwrap();
    let pulls = store.pulls(registry, &name, version, NOW, None, 9).await;
    pulls.unwrap()
}

/// V7 (who pulled it, first and last time).
async fn pulls_of_one_reader_are_one_row_with_the_first_and_the_last_time(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let later = NewPull {
        last_at: after(20),
        count: 4,
        ..pull(acme, "my-crate", "1.0.0", "alice", 10)
    };
    // batches of several processes come in any order
    for batch in [
        vec![later],
        vec![
            pull(acme, "My_Crate", "1.0.0", "alice", 5),
            pull(acme, "my-crate", "1.0.0", "", 7),
            pull(acme, "my-crate", "2.0.0", "alice", 6),
        ],
    ] {
        store.add_pulls(&batch).await.unwrap();
    }
    let anyone = PullRow {
        reader: reader("", ""),
        first_at: after(7),
        last_at: after(7),
        total: 1,
    };
    let alice = PullRow {
        reader: reader("alice", ""),
        first_at: after(5),
        last_at: after(20),
        total: 5,
    };
    assert_eq!(of(store, acme, "1.0.0").await, [anyone, alice]);
    let name = "MY-CRATE".parse().unwrap();
    let mut versions = store.pulled_versions(&name, false).await.unwrap();
    versions.sort_by(|left, right| left.version.cmp(&right.version));
    let pulled = |version: &str, readers| PulledVersion {
        registry_id: acme,
        registry: "acme".parse().unwrap(),
        registry_since: NOW,
        version: version.to_owned(),
        readers,
    };
    assert_eq!(versions, [pulled("1.0.0", 2), pulled("2.0.0", 1)]);

    // what the registry gave out while its name was another's
    let before = Timestamp::from_micros(NOW.as_micros() - 1);
    let old = NewPull {
        first_at: before,
        last_at: before,
        ..pull(acme, "my-crate", "0.1.0", "alice", 0)
    };
    store.add_pulls(&[old]).await.unwrap();
    let count = async |ever| store.pulled_versions(&name, ever).await.unwrap().len();
    assert_eq!((count(false).await, count(true).await), (2, 3));
}

async fn readers_come_page_by_page(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let mut batch: Vec<_> = ["", "alice", "bob"]
        .map(|principal| pull(acme, "my-crate", "1.0.0", principal, 1))
        .into();
    for repository in ["github:acme/a", "github:acme/b"] {
        let mut new = pull(acme, "my-crate", "1.0.0", "alice", 9);
        new.reader = reader("alice", repository);
        batch.push(new);
    }
    store.add_pulls(&batch).await.unwrap();
    let name = "my-crate".parse().unwrap();
    let mut seen = Vec::new();
    loop {
        let page = store
            .pulls(acme, &name, "1.0.0", NOW, seen.last(), 2)
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|row| row.reader));
    }
    let expected = [
        reader("", ""),
        reader("alice", ""),
        reader("alice", "github:acme/a"),
        reader("alice", "github:acme/b"),
        reader("bob", ""),
    ];
    assert_eq!(seen, expected);
    let lately = store.pulls(acme, &name, "1.0.0", after(2), None, 9).await;
    assert_eq!(lately.unwrap().len(), 2);
}

/// What a claim takes away.
async fn readers_of_what_a_claim_takes_away_are_counted_once(database: Database) {
    let store = &database.store;
    let [acme, other] = [
        registry(store, "acme").await,
        registry(store, "other").await,
    ];
    let hosted = new_version(acme, "acme-hosted", "1.0.0");
    store
        .publish(&hosted, ANYONE, &audit("version.published"))
        .await
        .unwrap();
    let batch = [
        pull(acme, "acme-one", "1.0.0", "alice", 100),
        pull(acme, "acme-one", "2.0.0", "alice", 100),
        pull(acme, "Acme_Two", "1.0.0", "bob", 100),
        pull(acme, "acme-two", "1.0.0", "carol", 10),
        pull(acme, "acme-hosted", "1.0.0", "dave", 100),
        pull(acme, "acmes", "1.0.0", "eve", 100),
        pull(other, "acme-one", "1.0.0", "frank", 100),
    ];
    store.add_pulls(&batch).await.unwrap();
    let readers = async |pattern: &str| {
        let pattern = pattern.parse().unwrap();
        store
            .count_readers(acme, &pattern, after(50))
            .await
            .unwrap()
    };
    assert_eq!(readers("acme-*").await, 2, "alice and bob");
    assert_eq!(readers("ACME_one").await, 1);
    assert_eq!(readers("*").await, 3);
    assert_eq!(readers("acme-three").await, 0);
}

async fn a_registry_that_is_not_there_spoils_no_batch(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let ids = [acme + 1000, acme];
    let pulls = ids.map(|id| pull(id, "my-crate", "1.0.0", "alice", 1));
    store.add_pulls(&pulls).await.unwrap();
    let downloads = ids.map(|id| download(id, "my-crate", "1.0.0", 1));
    store.log_downloads(&downloads).await.unwrap();
    assert_eq!(of(store, acme, "1.0.0").await.len(), 1);
    let all = AuditFilter::default();
    assert_eq!(store.count_downloads(&all, 9).await.unwrap(), 1);
}
