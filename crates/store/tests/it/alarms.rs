//! Alarms about upstreams.

use std::time::Duration;

use supercargo_store::AuditOutcome;
use supercargo_types::RegistryName;

use crate::{
    databases::Database,
    on_both,
    samples::{NOW, audit},
};

on_both!(alarms_are_counted_by_upstream_and_registry_since_a_moment);

async fn alarms_are_counted_by_upstream_and_registry_since_a_moment(database: Database) {
    let store = &database.store;
    let (alarm, done) = (AuditOutcome::Alarm, AuditOutcome::Done);
    for (seconds, outcome, action, registry, upstream) in [
        (0, alarm, "upstream.wrong_bytes", Some("acme"), "partner"),
        (1, alarm, "upstream.bytes_changed", Some("acme"), "partner"),
        (1, alarm, "upstream.wrong_bytes", Some("other"), "partner"),
        (1, alarm, "upstream.vanished", None, "partner"),
        // `_` stands for itself, and a longer name is another one
        (1, alarm, "upstream.vanished", None, "p_rtner"),
        (1, alarm, "upstream.vanished", None, "partner-2"),
        (1, done, "upstream.wrong_bytes", Some("acme"), "partner"),
        (1, alarm, "account.locked", Some("acme"), "partner"),
    ] {
        let mut entry = audit(action);
        entry.at = NOW.plus(Duration::from_secs(seconds));
        entry.outcome = outcome;
        entry.registry = registry.map(str::to_owned);
        entry.detail = Some(format!("upstream `{upstream}` does something"));
        store.add_audit(&entry).await.unwrap();
    }
    let count = async |upstream: &str, registry: Option<&str>, seconds| {
        let registry: Option<RegistryName> = registry.map(|name| name.parse().unwrap());
        let since = NOW.plus(Duration::from_secs(seconds));
        let total = store.count_alarms(upstream, registry.as_ref(), since);
        total.await.unwrap()
    };
    assert_eq!(count("partner", None, 0).await, 4);
    assert_eq!(count("partner", None, 1).await, 3);
    assert_eq!(count("partner", None, 2).await, 0);
    assert_eq!(count("partner", Some("acme"), 0).await, 3);
    assert_eq!(count("partner", Some("other"), 0).await, 2);
    assert_eq!(count("p_rtner", Some("acme"), 0).await, 1);
    assert_eq!(count("nobody", None, 0).await, 0);
}
