//! Identities at providers, and sign-ins with them: all or nothing, and each answer of a provider once.

use std::time::Duration;

use supercargo_store::{
    Linked, NewBrowser, NewIdentity, NewPrincipal, Once, SignOn, SignOnAccount, SignedOn, Store,
    Unlinked,
};
use supercargo_types::{Digest, InstanceRole, PrincipalKind, PrincipalRef};

use crate::{
    databases::Database,
    on_both,
    samples::{NOW, audit, id},
};

on_both!(
    an_answer_of_a_provider_is_good_for_one_sign_in,
    a_name_that_is_taken_or_has_a_twin_makes_no_account,
    an_identity_belongs_to_one_account,
    the_last_way_to_sign_in_stays_unless_an_admin_takes_it,
    somebody_who_is_disabled_meanwhile_is_not_signed_in,
    an_unlinked_identity_ends_what_was_begun_with_its_provider,
    sessions_are_forgotten_after_their_end,
);

const ISSUER: &str = "https://id.acme.example";

fn identity(subject: &str) -> NewIdentity {
    NewIdentity {
        issuer: ISSUER.to_owned(),
        subject: subject.to_owned(),
        email: None,
        now: NOW,
    }
}

fn once(state: &str) -> Once {
    Once {
        key: Digest::of(state.as_bytes()),
        until: NOW.plus(Duration::from_mins(20)),
    }
}

fn person(name: &str, password_hash: Option<&str>) -> NewPrincipal {
    NewPrincipal {
        kind: PrincipalKind::User,
        name: name.parse().unwrap(),
        email: None,
        password_hash: password_hash.map(str::to_owned),
        instance_role: InstanceRole::Member,
        registry_id: None,
        now: NOW,
    }
}

fn browser(id: &str) -> NewBrowser {
    NewBrowser {
        id: id.to_owned(),
        hash: Digest::of(id.as_bytes()),
        issuer: Some(ISSUER.to_owned()),
        token_id: None,
        address: None,
        user_agent: None,
        expires_at: NOW.plus(Duration::from_hours(1)),
        now: NOW,
    }
}

/// The sign-in of a subject, who gets an account of that name.
fn sign_on(state: &str, subject: &str, account: SignOnAccount) -> SignOn {
    SignOn {
        once: once(state),
        identity: identity(subject),
        account,
        joined: Vec::new(),
        left: Vec::new(),
        role: None,
        session: browser(state),
        audit: audit("sign_in.done"),
    }
}

fn new(name: &str) -> SignOnAccount {
    SignOnAccount::New(Box::new((person(name, None), audit("account.created"))))
}

async fn user(store: &Store, name: &str, password_hash: Option<&str>) -> i64 {
    let (new, log) = (person(name, password_hash), audit("account.created"));
    id(store.create_principal(&new, &log).await.unwrap())
}

const DONE: SignedOn = SignedOn::Done {
    kept_last_admin: false,
};

/// I7 (replay): the provider would refuse it as well; this does not rest on that.
async fn an_answer_of_a_provider_is_good_for_one_sign_in(database: Database) {
    let store = &database.store;
    let first = sign_on("one", "4711", new("alice"));
    assert_eq!(store.sign_on(&first).await.unwrap(), DONE);
    let found = store.principal_by_identity(ISSUER, "4711").await.unwrap();
    let alice = found.unwrap();
    assert_eq!(alice.name.as_str(), "alice");
    let mut again = sign_on("one", "4711", SignOnAccount::Known(alice.id));
    again.session = browser("another");
    assert_eq!(store.sign_on(&again).await.unwrap(), SignedOn::Used);
    let hash = Digest::of(b"another");
    assert!(store.session_by_hash(&hash).await.unwrap().is_none());
    let second = sign_on("two", "4711", SignOnAccount::Known(alice.id));
    assert_eq!(store.sign_on(&second).await.unwrap(), DONE);
    let signed_in = store.session_by_hash(&Digest::of(b"two")).await.unwrap();
    assert_eq!(signed_in.unwrap().principal, alice);
}

/// I7 (never by name).
async fn a_name_that_is_taken_or_has_a_twin_makes_no_account(database: Database) {
    let store = &database.store;
    user(store, "a-lice.b", None).await;
    for (at, name) in ["a-lice.b", "a_lice_b", "a.lice-b"].into_iter().enumerate() {
        let refused = store
            .sign_on(&sign_on(&at.to_string(), "4711", new(name)))
            .await;
        assert_eq!(
            refused.unwrap(),
            SignedOn::Taken("a-lice.b".parse().unwrap()),
            "{name}"
        );
    }
    assert!(
        store
            .principal_by_identity(ISSUER, "4711")
            .await
            .unwrap()
            .is_none()
    );
    // a service account has names of its own
    let service = NewPrincipal {
        kind: PrincipalKind::Service,
        ..person("ci", None)
    };
    let log = audit("account.created");
    id(store.create_principal(&service, &log).await.unwrap());
    let done = store.sign_on(&sign_on("ci", "4712", new("ci"))).await;
    assert_eq!(done.unwrap(), DONE);
}

/// I7.
async fn an_identity_belongs_to_one_account(database: Database) {
    let store = &database.store;
    let alice = user(store, "alice", None).await;
    let bob = user(store, "bob", None).await;
    let log = audit("identity.linked");
    let link = |to: i64, once: Option<Once>| {
        let (store, log) = (store, &log);
        async move {
            store
                .link_identity(to, &identity("4711"), once.as_ref(), log)
                .await
                .unwrap()
        }
    };
    assert_eq!(link(alice, Some(once("one"))).await, Linked::Done);
    assert_eq!(link(alice, Some(once("one"))).await, Linked::Used);
    assert_eq!(link(alice, None).await, Linked::Same);
    assert_eq!(link(bob, None).await, Linked::OfAnother);
    // who looked before it was another's has to look again
    let stale = sign_on("two", "4711", SignOnAccount::Known(bob));
    assert_eq!(store.sign_on(&stale).await.unwrap(), SignedOn::Changed);
    let stale = sign_on("three", "4711", new("carol"));
    assert_eq!(store.sign_on(&stale).await.unwrap(), SignedOn::Changed);
    let carol = PrincipalRef {
        kind: PrincipalKind::User,
        name: "carol".parse().unwrap(),
    };
    assert!(store.find_principal(&carol).await.unwrap().is_none());
}

/// I7.
async fn the_last_way_to_sign_in_stays_unless_an_admin_takes_it(database: Database) {
    let store = &database.store;
    let alice = user(store, "alice", None).await;
    let log = audit("identity.linked");
    for subject in ["1", "2"] {
        let linked = store
            .link_identity(alice, &identity(subject), None, &log)
            .await;
        assert_eq!(linked.unwrap(), Linked::Done);
    }
    let unlink = |subject: &'static str, even_last: bool| {
        let (store, log) = (store, &log);
        async move {
            let unlinked = store.unlink_identity(alice, ISSUER, subject, even_last, NOW, log);
            unlinked.await.unwrap()
        }
    };
    // two at once, each of which would leave the other
    let (one, two) = tokio::join!(unlink("1", false), unlink("2", false));
    assert!(one == Unlinked::Done || two == Unlinked::Done);
    assert!(
        one == Unlinked::LastWay || two == Unlinked::LastWay,
        "{one:?} {two:?}"
    );
    let left = store.identities(alice).await.unwrap();
    assert_eq!(left.len(), 1);
    let last = if left[0].subject == "1" { "1" } else { "2" };
    assert_eq!(unlink("3", true).await, Unlinked::NotThere);
    assert_eq!(unlink(last, true).await, Unlinked::Done);

    let bob = user(store, "bob", Some("hash")).await;
    let linked = store.link_identity(bob, &identity("3"), None, &log).await;
    assert_eq!(linked.unwrap(), Linked::Done);
    let unlinked = store
        .unlink_identity(bob, ISSUER, "3", false, NOW, &log)
        .await;
    assert_eq!(unlinked.unwrap(), Unlinked::Done);
}

/// I7, I5.
async fn somebody_who_is_disabled_meanwhile_is_not_signed_in(database: Database) {
    let store = &database.store;
    let alice = user(store, "alice", None).await;
    let log = audit("identity.linked");
    store
        .link_identity(alice, &identity("4711"), None, &log)
        .await
        .unwrap();
    let change = supercargo_store::AccountChange {
        disabled: Some(true),
        ..Default::default()
    };
    let log = audit("account.changed");
    store
        .change_account(alice, &change, NOW, &log)
        .await
        .unwrap();
    let stale = sign_on("one", "4711", SignOnAccount::Known(alice));
    assert_eq!(store.sign_on(&stale).await.unwrap(), SignedOn::Changed);
    assert!(store.session("one").await.unwrap().is_none());
}

/// I7.
async fn an_unlinked_identity_ends_what_was_begun_with_its_provider(database: Database) {
    let store = &database.store;
    let log = audit("identity.unlinked");
    for (login, subject) in [("one", "1"), ("other", "2")] {
        let done = store.sign_on(&sign_on(login, subject, new(login))).await;
        assert_eq!(done.unwrap(), DONE);
    }
    let one = store.principal_by_identity(ISSUER, "1").await.unwrap();
    let one = one.unwrap().id;
    let mut elsewhere = sign_on("elsewhere", "1", SignOnAccount::Known(one));
    elsewhere.session.issuer = Some("https://elsewhere.example".to_owned());
    assert_eq!(store.sign_on(&elsewhere).await.unwrap(), DONE);
    // what is refused ends nothing
    let last = store.unlink_identity(one, ISSUER, "1", false, NOW, &log);
    assert_eq!(last.await.unwrap(), Unlinked::LastWay);
    assert!(store.session("one").await.unwrap().is_some());
    let done = store.unlink_identity(one, ISSUER, "1", true, NOW, &log);
    assert_eq!(done.await.unwrap(), Unlinked::Done);
    for (session, is_left) in [("one", false), ("elsewhere", true), ("other", true)] {
        let found = store.session(session).await.unwrap();
        assert_eq!(found.is_some(), is_left, "{session}");
    }
}

async fn sessions_are_forgotten_after_their_end(database: Database) {
    let store = &database.store;
    let done = store.sign_on(&sign_on("one", "4711", new("alice"))).await;
    assert_eq!(done.unwrap(), DONE);
    let found = store.principal_by_identity(ISSUER, "4711").await.unwrap();
    let two = sign_on("two", "4711", SignOnAccount::Known(found.unwrap().id));
    assert_eq!(store.sign_on(&two).await.unwrap(), DONE);
    let log = audit("session.ended");
    assert!(store.end_session("one", NOW, &log).await.unwrap());
    assert!(!store.end_session("one", NOW, &log).await.unwrap());
    let later = NOW.plus(Duration::from_secs(1));
    assert_eq!(store.prune_sessions(NOW, 10).await.unwrap(), 0);
    assert_eq!(store.prune_sessions(later, 10).await.unwrap(), 1);
    assert!(store.session("two").await.unwrap().is_some());
    let expired = NOW.plus(Duration::from_hours(2));
    assert_eq!(store.prune_sessions(expired, 10).await.unwrap(), 1);
}
