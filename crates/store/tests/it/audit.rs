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
