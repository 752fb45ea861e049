//! Tokens and the roles that come with them.

use std::time::Duration;

use supercargo_store::NewBrowser;
use supercargo_types::{Digest, Role, Scope};

use crate::{
    databases::Database,
    on_both,
    samples::{NOW, audit, new_token, principal, registry},
};

on_both!(
    a_token_brings_the_strongest_roles_of_its_principal_and_its_teams,
    a_revoked_token_and_a_disabled_principal_are_nobody,
    tokens_come_back_as_they_went_in,
    the_latest_use_of_a_token_is_kept,
    an_account_that_is_disabled_or_deleted_gets_no_token,
    a_session_ends_with_the_token_that_it_was_begun_with,
);

async fn a_token_brings_the_strongest_roles_of_its_principal_and_its_teams(database: Database) {
    let store = &database.store;
    let [one, two, three] = [
        registry(store, "one").await,
        registry(store, "two").await,
        registry(store, "three").await,
    ];
    // the raw rows below count on these being the first three principals
    let [alice, core, bob] = [
        principal(store, "alice").await,
        principal(store, "team:core").await,
        principal(store, "bob").await,
    ];
    assert_eq!([alice, core, bob], [1, 2, 3]);
    database
        .execute("INSERT INTO team_members (team_id, user_id) VALUES (2, 1)")
        .await;
    let log = audit("member.changed");
    for (registry, member, role) in [
        (one, alice, Role::Reader),
        (one, core, Role::Maintainer),
        (two, alice, Role::Admin),
        (two, core, Role::Reader),
        (three, core, Role::Publisher),
        (three, bob, Role::Admin),
    ] {
        store
            .set_member(registry, member, role, &log)
            .await
            .unwrap();
    }
    let roles = async |principal_id, id: &str| {
        let token = new_token(id);
        store
            .create_token(principal_id, &token, &log)
            .await
            .unwrap();
        let session = store.token_by_hash(&token.hash).await.unwrap().unwrap();
        assert_eq!(session.principal.id, principal_id);
        session.roles
    };
    assert_eq!(
        roles(alice, "a").await,
        [
            (one, Role::Maintainer),
            (two, Role::Admin),
            (three, Role::Publisher)
        ]
    );
    assert_eq!(roles(bob, "b").await, [(three, Role::Admin)]);
}

async fn a_revoked_token_and_a_disabled_principal_are_nobody(database: Database) {
    let store = &database.store;
    let [alice, bob] = [
        principal(store, "alice").await,
        principal(store, "bob").await,
    ];
    let log = audit("token.changed");
    let mut expired = new_token("expired");
    expired.expires_at = Some(NOW);
    let [revoked, disabled] = [new_token("revoked"), new_token("disabled")];
    for (owner, token) in [(alice, &expired), (alice, &revoked), (bob, &disabled)] {
        store.create_token(owner, token, &log).await.unwrap();
        assert!(store.token_by_hash(&token.hash).await.unwrap().is_some());
    }
    assert!(store.revoke_token("revoked", NOW, &log).await.unwrap());
    assert!(!store.revoke_token("revoked", NOW, &log).await.unwrap());
    database
        .execute("UPDATE principals SET disabled_at = 1 WHERE name = 'bob'")
        .await;
    assert_eq!(store.token_by_hash(&revoked.hash).await.unwrap(), None);
    assert_eq!(store.token_by_hash(&disabled.hash).await.unwrap(), None);
    let row = store.token("revoked").await.unwrap().unwrap();
    assert_eq!(row.revoked_at, Some(NOW));
    let session = store.token_by_hash(&expired.hash).await.unwrap().unwrap();
    assert_eq!(session.token.expires_at, Some(NOW), "the caller refuses it");
}

async fn tokens_come_back_as_they_went_in(database: Database) {
    let store = &database.store;
    let [alice, ci] = [
        principal(store, "alice").await,
        principal(store, "service:ci").await,
    ];
    let log = audit("token.created");
    let mut new = new_token("c");
    new.scopes = [Scope::Publish, Scope::Yank].into_iter().collect();
    new.registries = Some(vec!["acme".parse().unwrap()]);
    new.crates = Some(vec!["acme-*".parse().unwrap()]);
    store.create_token(ci, &new, &log).await.unwrap();
    for id in ["b", "a", "d"] {
        store
            .create_token(alice, &new_token(id), &log)
            .await
            .unwrap();
    }
    store.revoke_token("d", NOW, &log).await.unwrap();

    let row = store.token("c").await.unwrap().unwrap();
    assert_eq!(row.principal.to_string(), "service:ci");
    assert_eq!((row.scopes, row.prefix), (new.scopes, new.prefix));
    assert_eq!((row.registries, row.crates), (new.registries, new.crates));
    assert_eq!((row.created_at, row.last_used_at), (NOW, None));

    let ids = async |principal, limit, after| {
        let page = store.list_tokens(principal, limit, after).await.unwrap();
        let ids: Vec<_> = page.items.into_iter().map(|token| token.id).collect();
        (ids.join(" "), page.total)
    };
    assert_eq!(ids(None, 2, None).await, ("a b".to_owned(), 3));
    assert_eq!(ids(None, 2, Some("b")).await, ("c".to_owned(), 3));
    assert_eq!(ids(Some(alice), 9, None).await, ("a b".to_owned(), 2));
}

async fn the_latest_use_of_a_token_is_kept(database: Database) {
    let store = &database.store;
    let alice = principal(store, "alice").await;
    let log = audit("token.created");
    store
        .create_token(alice, &new_token("t"), &log)
        .await
        .unwrap();
    let later = NOW.plus(Duration::from_secs(5));
    for batch in [vec![("t".to_owned(), later), ("t".to_owned(), NOW)], vec![]] {
        store.touch_tokens(&batch).await.unwrap();
        let row = store.token("t").await.unwrap().unwrap();
        assert_eq!(row.last_used_at, Some(later));
    }
}

/// I5: a token that is made at the moment at which its owner ends does not outlive that.
async fn an_account_that_is_disabled_or_deleted_gets_no_token(database: Database) {
    let store = &database.store;
    let log = audit("token.created");
    for (name, end) in [
        (
            "alice",
            "UPDATE principals SET disabled_at = 1 WHERE name = 'alice'",
        ),
        (
            "bob",
            "UPDATE principals SET deleted_at = 1 WHERE name = 'bob'",
        ),
    ] {
        let id = principal(store, name).await;
        let [before, after] = [format!("{name}-1"), format!("{name}-2")];
        let made = store.create_token(id, &new_token(&before), &log).await;
        assert!(made.unwrap());
        database.execute(end).await;
        let made = store.create_token(id, &new_token(&after), &log).await;
        assert!(!made.unwrap());
        assert!(store.token(&before).await.unwrap().is_some());
        assert_eq!(store.token(&after).await.unwrap(), None);
    }
}

/// I7.
async fn a_session_ends_with_the_token_that_it_was_begun_with(database: Database) {
    let store = &database.store;
    let alice = principal(store, "alice").await;
    let bob = principal(store, "bob").await;
    let log = audit("sign_in.done");
    let mut ends = new_token("ends");
    ends.expires_at = Some(NOW.plus(Duration::from_secs(1)));
    for token in [&new_token("t"), &new_token("other"), &ends] {
        assert!(store.create_token(alice, token, &log).await.unwrap());
    }
    let begin = async |owner: i64, id: &str, token: &str, now| {
        let new = NewBrowser {
            id: id.to_owned(),
            hash: Digest::of(id.as_bytes()),
            issuer: None,
            token_id: Some(token.to_owned()),
            address: None,
            user_agent: None,
            expires_at: NOW.plus(Duration::from_hours(1)),
            now,
        };
        let made = store.create_session_by_token(owner, &new, &log).await;
        made.unwrap()
    };
    let later = NOW.plus(Duration::from_secs(2));
    assert!(begin(alice, "s", "t", NOW).await);
    assert!(begin(alice, "s-other", "other", NOW).await);
    assert!(begin(alice, "s-ends", "ends", NOW).await);
    assert!(!begin(alice, "s-late", "ends", later).await);
    assert!(!begin(bob, "s-bob", "t", NOW).await);
    assert!(!begin(alice, "s-none", "no-such", NOW).await);
    let find = async |id: &str| {
        let hash = Digest::of(id.as_bytes());
        store.session_by_hash(&hash).await.unwrap()
    };
    let session = find("s").await.unwrap();
    assert_eq!(session.session.token_id.as_deref(), Some("t"));
    assert_eq!(session.token_expires_at, None);
    assert_eq!(
        find("s-ends").await.unwrap().token_expires_at,
        ends.expires_at
    );

    let listed = async || {
        let page = store.list_sessions(alice, NOW, NOW.minus(Duration::from_secs(1)), 9, None);
        page.await.unwrap().total
    };
    assert_eq!(listed().await, 3);
    assert!(store.revoke_token("t", NOW, &log).await.unwrap());
    assert_eq!(find("s").await, None);
    assert_eq!(listed().await, 2);
    assert!(!begin(alice, "s-again", "t", NOW).await);
    // however a token is revoked
    database
        .execute("UPDATE tokens SET revoked_at = 1 WHERE id = 'other'")
        .await;
    assert_eq!(find("s-other").await, None);
    database
        .execute("UPDATE principals SET disabled_at = 1 WHERE name = 'alice'")
        .await;
    assert!(!begin(alice, "s-disabled", "ends", NOW).await);
}
