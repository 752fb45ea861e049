//! The audit log.

use std::time::Duration;

use supercargo_store::{AuditEntry, AuditFilter, AuditOutcome};

use crate::{
    databases::Database,
    on_both,
    samples::{NOW, audit},
};

on_both!(
    an_entry_comes_back_as_it_went_in,
    entries_are_filtered_and_paged_from_the_newest,
    entries_of_one_crate_are_found_in_any_spelling,
    the_oldest_entries_go_first_and_no_more_than_so_many,
);

async fn an_entry_comes_back_as_it_went_in(database: Database) {
    let store = &database.store;
    let text = |text: &str| Some(text.to_owned());
    let entry = AuditEntry {
        at: NOW,
        action: "version.published".to_owned(),
        outcome: AuditOutcome::Alarm,
        principal: text("service:ci"),
        token_id: text("t1"),
        address: text("192.0.2.1"),
        user_agent: text("cargo/1.95.0"),
        registry: text("acme"),
        crate_name: text("Demo"),
        version: text("1.0.0"),
        detail: text("{}"),
        request_id: text("r1"),
    };
    store.add_audit(&entry).await.unwrap();
    let rows = store.list_audit(&AuditFilter::default(), 10, None).await;
    let rows = rows.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].entry, entry);
}

async fn entries_are_filtered_and_paged_from_the_newest(database: Database) {
    let store = &database.store;
    for number in 0..6_u64 {
        let mut entry = audit(["yank", "publish"][usize::from(number % 2 == 1)]);
        entry.at = NOW.plus(Duration::from_secs(number));
        entry.registry = (number >= 3).then(|| "acme".to_owned());
        entry.principal = (number < 5).then(|| "alice".to_owned());
        entry.detail = Some(number.to_string());
        store.add_audit(&entry).await.unwrap();
    }
    let list = async |filter: AuditFilter, limit, before| {
        let rows = store.list_audit(&filter, limit, before).await.unwrap();
        let details = rows.iter().map(|row| row.entry.detail.clone().unwrap());
        (details.collect::<String>(), rows.last().map(|row| row.id))
    };
    let all = AuditFilter::default;
    let (newest, end) = list(all(), 4, None).await;
    assert_eq!(newest, "5432");
    assert_eq!(list(all(), 4, end).await.0, "10");
    let some = |text: &str| Some(text.to_owned());
    let filters = [
        (
            "543",
            AuditFilter {
                registry: some("acme"),
                ..all()
            },
        ),
        (
            "43210",
            AuditFilter {
                principal: some("alice"),
                ..all()
            },
        ),
        (
            "531",
            AuditFilter {
                action: some("publish"),
                ..all()
            },
        ),
        (
            "5432",
            AuditFilter {
                from: Some(NOW.plus(Duration::from_secs(2))),
                ..all()
            },
        ),
        (
            "10",
            AuditFilter {
                to: Some(NOW.plus(Duration::from_secs(2))),
                ..all()
            },
        ),
        (
            "",
            AuditFilter {
                registry: some("other"),
                ..all()
            },
        ),
    ];
    for (expected, filter) in filters {
        assert_eq!(
            list(filter.clone(), 9, None).await.0,
            expected,
            "{filter:?}"
        );
    }
}

/// I9 (filterable).
async fn entries_of_one_crate_are_found_in_any_spelling(database: Database) {
    let store = &database.store;
    let entries = [
        ("acme", "My_Crate", "1.0.0", AuditOutcome::Done),
        ("acme", "my-crate", "2.0.0", AuditOutcome::Denied),
        ("acme", "other", "1.0.0", AuditOutcome::Alarm),
        ("else", "my-crate", "1.0.0", AuditOutcome::Done),
    ];
    let entries = entries.map(|(registry, name, version, outcome)| AuditEntry {
        registry: Some(registry.to_owned()),
        crate_name: Some(name.to_owned()),
        version: Some(version.to_owned()),
        outcome,
        ..audit("version.published")
    });
    store.add_audits(&entries).await.unwrap();
    let all = AuditFilter::default;
    let of_crate = AuditFilter {
        crate_name: Some("MY_crate".parse().unwrap()),
        ..all()
    };
    let filters = [
        (4, all()),
        (3, of_crate.clone()),
        (
            2,
            AuditFilter {
                registry: Some("acme".to_owned()),
                ..of_crate.clone()
            },
        ),
        (
            1,
            AuditFilter {
                outcome: Some(AuditOutcome::Denied),
                ..of_crate.clone()
            },
        ),
        (
            2,
            AuditFilter {
                version: Some("1.0.0".to_owned()),
                ..of_crate
            },
        ),
    ];
    for (expected, filter) in filters {
        let rows = store.list_audit(&filter, 9, None).await.unwrap();
        assert_eq!(rows.len(), expected, "{filter:?}");
        let count = store.count_audit(&filter, 9).await.unwrap();
        assert_eq!(count, expected as u64, "{filter:?}");
    }
    assert_eq!(store.count_audit(&all(), 3).await.unwrap(), 3, "no further");
}

/// I9 (retention).
async fn the_oldest_entries_go_first_and_no_more_than_so_many(database: Database) {
    let store = &database.store;
    let entries: Vec<_> = (0..5)
        .map(|number| AuditEntry {
            at: NOW.plus(Duration::from_secs(number)),
            detail: Some(number.to_string()),
            ..audit("changed")
        })
        .collect();
    store.add_audits(&entries).await.unwrap();
    let left = async || {
        let rows = store.list_audit(&AuditFilter::default(), 9, None).await;
        let details = rows.unwrap().into_iter().map(|row| row.entry.detail);
        details.map(Option::unwrap).collect::<String>()
    };
    let fourth = NOW.plus(Duration::from_secs(3));
    assert_eq!(store.prune_audit(fourth, 2).await.unwrap(), 2);
    assert_eq!(left().await, "432");
    assert_eq!(store.prune_audit(fourth, 2).await.unwrap(), 1);
    assert_eq!(store.prune_audit(fourth, 2).await.unwrap(), 0);
    assert_eq!(left().await, "43", "what happened at that time stays");
}
