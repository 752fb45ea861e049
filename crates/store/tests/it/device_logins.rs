//! Logins that wait for a person.

use std::time::Duration;

use supercargo_store::{AccountChange, DeviceLoginCreated, MostDeviceLogins, NewDeviceLogin};
use supercargo_types::{Digest, TokenHash};

use crate::{
    databases::Database,
    on_both,
    samples::{NOW, audit, new_token, principal},
};

on_both!(
    an_approved_login_makes_exactly_one_token,
    a_login_is_decided_once_and_in_time,
    so_many_wait_from_an_address_and_in_all,
    what_is_over_is_forgotten,
    another_password_takes_back_what_was_approved,
);

const MANY: MostDeviceLogins = MostDeviceLogins {
    of_address: 100,
    in_all: 100,
};
const LIFE: Duration = Duration::from_mins(10);

fn login(id: &str, address: Option<&str>) -> NewDeviceLogin {
    NewDeviceLogin {
        id: id.to_owned(),
        hash: TokenHash::from_digest(Digest::of(id.as_bytes())),
        user_code: format!("CODE-{id}"),
        request: "{}".to_owned(),
        address: address.map(str::to_owned),
        user_agent: Some("supercargo/1".to_owned()),
        now: NOW,
        expires_at: NOW.plus(LIFE),
    }
}

/// Row I8.
async fn an_approved_login_makes_exactly_one_token(database: Database) {
    let store = &database.store;
    let alice = principal(store, "alice").await;
    let bob = principal(store, "bob").await;
    let new = login("a", None);
    store.create_device_login(&new, MANY).await.unwrap();
    let log = [audit("sign_in.done"), audit("token.created")];
    let token = new_token("one");
    let early = store.redeem_device_login("a", alice, &token, &log);
    assert!(!early.await.unwrap(), "nobody has approved");
    let approve = store.decide_device_login("a", Some(alice), NOW, &log[0]);
    assert!(approve.await.unwrap());
    let for_bob = store.redeem_device_login("a", bob, &token, &log);
    assert!(!for_bob.await.unwrap(), "it was alice who approved");
    // two polls at once, on a server that runs transactions side by side
    let other = new_token("two");
    let (one, two) = tokio::join!(
        store.redeem_device_login("a", alice, &token, &log),
        store.redeem_device_login("a", alice, &other, &log),
    );
    assert_eq!(
        [one.unwrap(), two.unwrap()]
            .into_iter()
            .filter(|made| *made)
            .count(),
        1
    );
    let tokens = store.list_tokens(Some(alice), 10, None).await.unwrap();
    assert_eq!(tokens.total, 1);
    assert_eq!(store.device_login_by_hash(&new.hash).await.unwrap(), None);
}

async fn a_login_is_decided_once_and_in_time(database: Database) {
    let store = &database.store;
    let alice = principal(store, "alice").await;
    let log = audit("device_login.denied");
    for id in ["a", "b"] {
        store
            .create_device_login(&login(id, None), MANY)
            .await
            .unwrap();
    }
    let deny = store.decide_device_login("a", None, NOW, &log);
    assert!(deny.await.unwrap());
    let again = store.decide_device_login("a", Some(alice), NOW, &log);
    assert!(!again.await.unwrap());
    let found = store.device_login_by_user_code("CODE-a").await.unwrap();
    let found = found.unwrap();
    assert_eq!((found.decided_at, found.approved_by), (Some(NOW), None));
    let token = new_token("one");
    let redeem = store.redeem_device_login("a", alice, &token, &[]);
    assert!(!redeem.await.unwrap(), "it was refused");
    let late = NOW.plus(LIFE);
    let decide = store.decide_device_login("b", Some(alice), late, &log);
    assert!(!decide.await.unwrap());
}

/// The attack is a full table.
async fn so_many_wait_from_an_address_and_in_all(database: Database) {
    use DeviceLoginCreated::{Done, Full, Taken};
    let store = &database.store;
    let most = MostDeviceLogins {
        of_address: 2,
        in_all: 3,
    };
    let mut outcomes = Vec::new();
    let asked = [
        ("a", Some("192.0.2.1")),
        ("b", Some("192.0.2.1")),
        ("c", Some("192.0.2.1")),
        ("d", None),
        ("e", Some("192.0.2.2")),
    ];
    for (id, address) in asked {
        let created = store.create_device_login(&login(id, address), most).await;
        outcomes.push(created.unwrap());
    }
    assert_eq!(outcomes, [Done, Done, Full, Done, Full]);
    let same_code = NewDeviceLogin {
        user_code: "CODE-a".to_owned(),
        ..login("f", None)
    };
    let created = store.create_device_login(&same_code, MANY).await.unwrap();
    assert_eq!(created, Taken);
    // those that are over leave their places to others, also before they are forgotten
    let later = NewDeviceLogin {
        now: NOW.plus(LIFE),
        expires_at: NOW.plus(LIFE * 2),
        ..login("g", Some("192.0.2.1"))
    };
    let created = store.create_device_login(&later, most).await.unwrap();
    assert_eq!(created, Done);
}

async fn what_is_over_is_forgotten(database: Database) {
    let store = &database.store;
    for id in ["a", "b", "c"] {
        store
            .create_device_login(&login(id, None), MANY)
            .await
            .unwrap();
    }
    assert_eq!(store.prune_device_logins(NOW, 10).await.unwrap(), 0);
    let over = NOW.plus(LIFE);
    assert_eq!(store.prune_device_logins(over, 2).await.unwrap(), 2);
    assert_eq!(store.prune_device_logins(over, 2).await.unwrap(), 1);
    let gone = store.device_login_by_user_code("CODE-a").await.unwrap();
    assert_eq!(gone, None);
}

/// The attack is a stolen browser that has approved a program, whose token would outlive the reset.
async fn another_password_takes_back_what_was_approved(database: Database) {
    let store = &database.store;
    let alice = principal(store, "alice").await;
    let bob = principal(store, "bob").await;
    let log = audit("device_login.approved");
    for (id, who) in [("a", alice), ("b", bob)] {
        let created = store.create_device_login(&login(id, None), MANY).await;
        assert_eq!(created.unwrap(), DeviceLoginCreated::Done);
        let approve = store.decide_device_login(id, Some(who), NOW, &log);
        assert!(approve.await.unwrap());
    }
    let change = AccountChange {
        password_hash: Some(Some("hash".to_owned())),
        ..AccountChange::default()
    };
    let changed = store.change_account(alice, &change, NOW, &log);
    changed.await.unwrap();
    for (id, who, is_made) in [("a", alice, false), ("b", bob, true)] {
        let token = new_token(id);
        let redeem = store.redeem_device_login(id, who, &token, &[]);
        assert_eq!(redeem.await.unwrap(), is_made, "{id}");
    }
    let found = store.device_login_by_user_code("CODE-a").await.unwrap();
    let found = found.unwrap();
    assert_eq!((found.decided_at, found.approved_by), (Some(NOW), None));
}
