//! Rules about jobs of CI systems, and the tokens that those get.

use std::{collections::BTreeMap, time::Duration};

use supercargo_store::{
    Change, JobTokenCreated, MOST_PUBLISHERS, NewJobToken, NewToken, PublisherCreated,
    PublisherRow, PublisherRule, Store,
};
use supercargo_types::{Digest, PrincipalKind, PublisherName, Role, Scope, TokenHash};

use crate::{
    databases::Database,
    on_both,
    samples::{NOW, audit, new_registry, new_token, registry},
};

on_both!(
    a_rule_comes_back_as_it_was_written,
    a_name_is_taken_once_in_each_registry,
    a_registry_has_so_many_rules_and_no_more,
    a_job_gets_a_token_with_the_role_of_a_publisher_in_one_registry,
    a_token_of_an_issuer_is_used_once,
    a_changed_rule_ends_the_tokens_that_it_gave,
    a_deleted_rule_ends_its_tokens_and_gives_no_more,
    of_two_that_exchange_one_token_one_gets_something,
    who_gets_the_name_of_a_registry_does_not_get_whom_it_trusted,
    what_has_ended_is_forgotten,
);

fn rule() -> PublisherRule {
    PublisherRule {
        preset: "github".to_owned(),
        issuer: "https://ci.acme.example".to_owned(),
        audience: "crates.acme.example/acme".to_owned(),
        claims: BTreeMap::from([("repository".to_owned(), "acme/app".to_owned())]),
        scopes: [Scope::Publish].into_iter().collect(),
        crates: Some(vec!["acme-*".parse().unwrap()]),
    }
}

async fn create(store: &Store, registry_id: i64, registry: &str, name: &str) -> PublisherCreated {
    let name: PublisherName = name.parse().unwrap();
    let jobs = name.jobs(&registry.parse().unwrap()).unwrap();
    let log = audit("trusted_publisher.created");
    store
        .create_publisher(registry_id, &name, &jobs, &rule(), NOW, &log)
        .await
        .unwrap()
}

/// The registry `acme` with the rule `release`.
async fn scene(store: &Store) -> (i64, PublisherRow) {
    let acme = registry(store, "acme").await;
    assert_eq!(
        create(store, acme, "acme", "release").await,
        PublisherCreated::Done
    );
    (acme, only(store, acme).await)
}

async fn only(store: &Store, registry_id: i64) -> PublisherRow {
    let mut rows = store.publishers(registry_id).await.unwrap();
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

fn job_token(id: &str) -> NewToken {
    NewToken {
        subject: Some("github:acme/app@refs/heads/main".to_owned()),
        expires_at: Some(NOW.plus(Duration::from_mins(30))),
        ..new_token(id)
    }
}

async fn exchange(
    store: &Store,
    registry_id: i64,
    publisher: &PublisherRow,
    jti: &str,
    id: &str,
) -> JobTokenCreated {
    let new = NewJobToken {
        registry_id,
        publisher,
        key: Digest::of(jti.as_bytes()),
        key_until: NOW.plus(Duration::from_mins(5)),
        token: &job_token(id),
    };
    store
        .create_job_token(&new, &audit("token.exchanged"))
        .await
        .unwrap()
}

fn hash(id: &str) -> TokenHash {
    TokenHash::from_digest(Digest::of(id.as_bytes()))
}

async fn works(store: &Store, id: &str) -> bool {
    store.token_by_hash(&hash(id)).await.unwrap().is_some()
}

async fn a_rule_comes_back_as_it_was_written(database: Database) {
    let (_, row) = scene(&database.store).await;
    assert_eq!(row.name.as_str(), "release");
    assert_eq!(row.rule, rule());
    assert_eq!(row.principal.to_string(), "job:acme.release");
    assert_eq!((row.created_at, row.changed_at), (NOW, NOW));
    assert_eq!((row.revision, row.last_used_at), (1, None));
}

async fn a_name_is_taken_once_in_each_registry(database: Database) {
    let store = &database.store;
    let (acme, before) = scene(store).await;
    let other = registry(store, "other").await;
    let again = create(store, acme, "acme", "release").await;
    assert_eq!(again, PublisherCreated::Taken);
    assert_eq!(only(store, acme).await, before);
    let there = create(store, other, "other", "release").await;
    assert_eq!(there, PublisherCreated::Done);
    assert_ne!(only(store, other).await.principal_id, before.principal_id);
}

async fn a_registry_has_so_many_rules_and_no_more(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    for number in 0..MOST_PUBLISHERS {
        let made = create(store, acme, "acme", &format!("rule-{number}")).await;
        assert_eq!(made, PublisherCreated::Done);
    }
    let made = create(store, acme, "acme", "more").await;
    assert_eq!(made, PublisherCreated::Full);
}

/// Row I6.
async fn a_job_gets_a_token_with_the_role_of_a_publisher_in_one_registry(database: Database) {
    let store = &database.store;
    let (acme, publisher) = scene(store).await;
    registry(store, "other").await;
    let made = exchange(store, acme, &publisher, "first", "t").await;
    assert_eq!(made, JobTokenCreated::Done);
    let session = store.token_by_hash(&hash("t")).await.unwrap().unwrap();
    assert_eq!(session.principal.kind, PrincipalKind::Job);
    assert_eq!(session.roles, [(acme, Role::Publisher)]);
    let subject = session.token.subject.as_deref();
    assert_eq!(subject, Some("github:acme/app@refs/heads/main"));
    assert_eq!(only(store, acme).await.last_used_at, Some(NOW));
    assert_eq!(store.members(acme).await.unwrap().len(), 0);
    let listed = store.list_tokens(None, 10, None).await.unwrap();
    assert_eq!(listed.items[0].subject.as_deref(), subject);
}

/// Row I6. Whoever reads a job's log could otherwise use its token once more.
async fn a_token_of_an_issuer_is_used_once(database: Database) {
    let store = &database.store;
    let (acme, publisher) = scene(store).await;
    for (jti, id, expected) in [
        ("first", "a", JobTokenCreated::Done),
        ("first", "b", JobTokenCreated::Used),
        ("second", "c", JobTokenCreated::Done),
    ] {
        assert_eq!(
            exchange(store, acme, &publisher, jti, id).await,
            expected,
            "{id}"
        );
    }
    assert!(!works(store, "b").await);
}

async fn a_changed_rule_ends_the_tokens_that_it_gave(database: Database) {
    let store = &database.store;
    let (acme, before) = scene(store).await;
    exchange(store, acme, &before, "first", "t").await;
    let later = NOW.plus(Duration::from_mins(1));
    let other = PublisherRule {
        crates: None,
        ..rule()
    };
    let log = audit("trusted_publisher.changed");
    let change = || store.change_publisher(acme, &before, &other, later, &log);
    assert!(change().await.unwrap());
    assert!(!works(store, "t").await);
    assert!(!change().await.unwrap(), "changed meanwhile");
    // what was looked at is not what stands there now
    let made = exchange(store, acme, &before, "second", "u").await;
    assert_eq!(made, JobTokenCreated::Gone);
    let now = only(store, acme).await;
    assert_eq!((now.rule.crates.as_ref(), now.revision), (None, 2));
    let made = exchange(store, acme, &now, "second", "u").await;
    assert_eq!(made, JobTokenCreated::Done);
}

/// Row I6.
async fn a_deleted_rule_ends_its_tokens_and_gives_no_more(database: Database) {
    let store = &database.store;
    let (acme, publisher) = scene(store).await;
    exchange(store, acme, &publisher, "first", "t").await;
    let log = audit("trusted_publisher.deleted");
    let delete = || store.delete_publisher(acme, &publisher.name, NOW, &log);
    assert!(delete().await.unwrap());
    assert!(!delete().await.unwrap());
    assert!(!works(store, "t").await);
    let made = exchange(store, acme, &publisher, "second", "u").await;
    assert_eq!(made, JobTokenCreated::Gone);
    // a new one of the name does not wake what the old one gave
    assert_eq!(
        create(store, acme, "acme", "release").await,
        PublisherCreated::Done
    );
    assert!(!works(store, "t").await);
    let again = only(store, acme).await;
    assert_eq!(again.principal_id, publisher.principal_id);
    let made = exchange(store, acme, &again, "second", "u").await;
    assert_eq!(made, JobTokenCreated::Done);
    assert!(works(store, "u").await);
}

async fn of_two_that_exchange_one_token_one_gets_something(database: Database) {
    let store = &database.store;
    let (acme, publisher) = scene(store).await;
    let (a, b) = tokio::join!(
        exchange(store, acme, &publisher, "first", "a"),
        exchange(store, acme, &publisher, "first", "b"),
    );
    let done = [a, b]
        .iter()
        .filter(|made| **made == JobTokenCreated::Done)
        .count();
    assert_eq!(done, 1, "{a:?} {b:?}");
}

async fn who_gets_the_name_of_a_registry_does_not_get_whom_it_trusted(database: Database) {
    let store = &database.store;
    let (acme, publisher) = scene(store).await;
    exchange(store, acme, &publisher, "first", "t").await;
    let log = audit("registry.deleted");
    store.delete_registry(acme, NOW, &log).await.unwrap();
    let (id, _) = store
        .reuse_registry(&new_registry("acme"), None, &log)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(store.publishers(id).await.unwrap(), []);
    assert!(!works(store, "t").await);
}

async fn what_has_ended_is_forgotten(database: Database) {
    let store = &database.store;
    let (acme, publisher) = scene(store).await;
    exchange(store, acme, &publisher, "first", "t").await;
    assert_eq!(store.prune_jobs(NOW, 100).await.unwrap(), 0);
    let two_hours = NOW.plus(Duration::from_hours(2));
    assert_eq!(store.prune_jobs(two_hours, 100).await.unwrap(), 1);
    assert!(store.token("t").await.unwrap().is_some());
    let two_days = NOW.plus(Duration::from_hours(48));
    assert_eq!(store.prune_jobs(two_days, 100).await.unwrap(), 1);
    assert_eq!(store.token("t").await.unwrap(), None);
}

#[tokio::test]
async fn other_processes_hear_of_a_changed_rule() {
    crate::databases::with_postgres(async |database| {
        let store = &database.store;
        let (acme, publisher) = scene(store).await;
        let (_other, mut feed) = crate::feed::other(&database.text()).await;
        exchange(store, acme, &publisher, "first", "t").await;
        assert_eq!(crate::feed::said(&mut feed).await, []);
        let log = audit("trusted_publisher.deleted");
        store
            .delete_publisher(acme, &publisher.name, NOW, &log)
            .await
            .unwrap();
        assert_eq!(crate::feed::said(&mut feed).await, [Change::People]);
    })
    .await;
}
