//! Accounts over time: what they lose when they are changed, disabled and deleted.

use std::time::Duration;

use supercargo_store::{
    AccountChange, AccountChanged, AccountDeleted, Created, NewBrowser, NewPrincipal, OwnerAdded,
    PublishRule, Store, TeamJoined,
};
use supercargo_types::{Digest, InstanceRole, PrincipalKind, Role};

use crate::{
    databases::Database,
    on_both,
    samples::{NOW, audit, id, new_token, new_version, principal, registry},
};

on_both!(
    accounts_show_their_passwords_and_the_last_use_of_their_tokens,
    whoever_is_disabled_is_signed_out_and_keeps_what_they_have,
    another_password_signs_every_other_browser_out,
    a_password_that_was_changed_meanwhile_is_good_for_nothing,
    a_deleted_account_leaves_nothing_but_its_name,
    an_account_that_is_the_last_owner_of_a_crate_stays,
    the_last_admin_stays_one,
    two_admins_who_take_each_other_away_at_once_leave_one,
    whoever_is_deleted_gets_nothing_any_more,
);

async fn admin(store: &Store, name: &str) -> i64 {
    user(store, name, InstanceRole::Admin).await
}

/// Somebody with a password.
async fn user(store: &Store, name: &str, instance_role: InstanceRole) -> i64 {
    let new = NewPrincipal {
        kind: PrincipalKind::User,
        name: name.parse().unwrap(),
        email: None,
        password_hash: Some("hash-1".to_owned()),
        instance_role,
        registry_id: None,
        now: NOW,
    };
    let log = audit("account.created");
    id(store.create_principal(&new, &log).await.unwrap())
}

async fn browser(store: &Store, principal_id: i64, id: &str) -> Digest {
    let hash = Digest::of(id.as_bytes());
    let new = NewBrowser {
        id: id.to_owned(),
        hash,
        issuer: None,
        token_id: None,
        address: None,
        user_agent: None,
        expires_at: NOW.plus(Duration::from_hours(1)),
        now: NOW,
    };
    let log = audit("sign_in.done");
    let made = store.create_session_by_password(principal_id, "hash-1", &new, &log);
    assert!(made.await.unwrap());
    hash
}

async fn is_signed_in(store: &Store, hash: &Digest) -> bool {
    store.session_by_hash(hash).await.unwrap().is_some()
}

fn disabled(disabled: bool) -> AccountChange {
    AccountChange {
        disabled: Some(disabled),
        ..AccountChange::default()
    }
}

fn role(role: InstanceRole) -> AccountChange {
    AccountChange {
        instance_role: Some(role),
        ..AccountChange::default()
    }
}

async fn change(store: &Store, id: i64, change: &AccountChange) -> AccountChanged {
    let log = audit("account.changed");
    store.change_account(id, change, NOW, &log).await.unwrap()
}

async fn delete(store: &Store, id: i64) -> AccountDeleted {
    let log = audit("account.deleted");
    store.delete_account(id, NOW, &log).await.unwrap()
}

async fn accounts_show_their_passwords_and_the_last_use_of_their_tokens(database: Database) {
    let store = &database.store;
    let root = admin(store, "root").await;
    principal(store, "alice").await;
    let log = audit("token.created");
    for (token, second) in [("a", 5), ("b", 9), ("c", 7)] {
        store
            .create_token(root, &new_token(token), &log)
            .await
            .unwrap();
        let at = NOW.plus(Duration::from_secs(second));
        store.touch_tokens(&[(token.to_owned(), at)]).await.unwrap();
    }
    let page = store.list_accounts(PrincipalKind::User, None, 9, None);
    let page = page.await.unwrap();
    let shown: Vec<_> = page
        .items
        .iter()
        .map(|row| {
            (
                row.principal.name.as_str(),
                row.has_password,
                row.last_used_at,
            )
        })
        .collect();
    let last = Some(NOW.plus(Duration::from_secs(9)));
    assert_eq!(shown, [("alice", false, None), ("root", true, last)]);
    let found = store.find_account(&"root".parse().unwrap()).await.unwrap();
    assert_eq!(found.as_ref(), Some(&page.items[1]));
    // of a registry, only its own
    let acme = registry(store, "acme").await;
    let of_acme = NewPrincipal {
        kind: PrincipalKind::Service,
        name: "ci".parse().unwrap(),
        email: None,
        password_hash: None,
        instance_role: InstanceRole::Member,
        registry_id: Some(acme),
        now: NOW,
    };
    store.create_principal(&of_acme, &log).await.unwrap();
    principal(store, "service:global").await;
    for (registry, total) in [(Some(acme), 1), (None, 2), (Some(acme + 1), 0)] {
        let page = store.list_accounts(PrincipalKind::Service, registry, 1, None);
        assert_eq!(page.await.unwrap().total, total, "{registry:?}");
    }
}

async fn whoever_is_disabled_is_signed_out_and_keeps_what_they_have(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    admin(store, "root").await;
    let alice = user(store, "alice", InstanceRole::Member).await;
    let log = audit("member.set");
    store
        .set_member(acme, alice, Role::Publisher, &log)
        .await
        .unwrap();
    let token = new_token("a");
    store.create_token(alice, &token, &log).await.unwrap();
    let window = browser(store, alice, "window").await;
    assert!(is_signed_in(store, &window).await);
    assert_eq!(
        change(store, alice, &disabled(true)).await,
        AccountChanged::Done
    );
    assert_eq!(store.token_by_hash(&token.hash).await.unwrap(), None);
    assert!(!is_signed_in(store, &window).await);
    let since = async || {
        let row = store.find_principal(&"alice".parse().unwrap()).await;
        row.unwrap().unwrap().disabled_at
    };
    assert_eq!(since().await, Some(NOW));
    // once more is no other time
    let later = NOW.plus(Duration::from_secs(1));
    let disabled_again = disabled(true);
    let again = store.change_account(alice, &disabled_again, later, &log);
    assert_eq!(again.await.unwrap(), AccountChanged::Done);
    assert_eq!(since().await, Some(NOW));
    assert_eq!(
        change(store, alice, &disabled(false)).await,
        AccountChanged::Done
    );
    let session = store.token_by_hash(&token.hash).await.unwrap().unwrap();
    assert_eq!(session.roles, [(acme, Role::Publisher)]);
    assert!(!is_signed_in(store, &window).await, "that has ended");
}

async fn another_password_signs_every_other_browser_out(database: Database) {
    let store = &database.store;
    let root = admin(store, "root").await;
    let log = audit("password.changed");
    let [here, there] = [
        browser(store, root, "here").await,
        browser(store, root, "there").await,
    ];
    let secret = Digest::of(b"another secret");
    let kept = Some(("here", &secret));
    let wrong = store.change_password(root, "hash-0", "hash-2", kept, NOW, &log);
    assert!(!wrong.await.unwrap());
    assert!(is_signed_in(store, &there).await);
    // the secret from before the present one as well
    let now = Digest::of(b"now");
    let rotated = store.rotate_session("here", &here, &now, NOW).await;
    assert!(rotated.unwrap());
    assert!(is_signed_in(store, &here).await);
    let right = store.change_password(root, "hash-1", "hash-2", kept, NOW, &log);
    assert!(right.await.unwrap());
    for gone in [here, now, there] {
        assert!(!is_signed_in(store, &gone).await);
    }
    let here = secret;
    assert!(is_signed_in(store, &here).await);
    // the same in another form changes nothing for anybody
    assert!(
        store
            .renew_password(root, "hash-2", "hash-3")
            .await
            .unwrap()
    );
    assert!(
        !store
            .renew_password(root, "hash-2", "hash-4")
            .await
            .unwrap()
    );
    assert!(is_signed_in(store, &here).await);
    let name = "root".parse().unwrap();
    let (_, hash) = store.password_of(&name).await.unwrap().unwrap();
    assert_eq!(hash.as_deref(), Some("hash-3"));
    // an admin who sets one signs everybody out
    let set = AccountChange {
        password_hash: Some(None),
        ..AccountChange::default()
    };
    assert_eq!(change(store, root, &set).await, AccountChanged::Done);
    assert!(!is_signed_in(store, &here).await);
    let (_, hash) = store.password_of(&name).await.unwrap().unwrap();
    assert_eq!(hash, None);
}

async fn a_password_that_was_changed_meanwhile_is_good_for_nothing(database: Database) {
    let store = &database.store;
    let root = admin(store, "root").await;
    admin(store, "other").await;
    let log = audit("sign_in.done");
    let make = async |id: &str, hash: &str| {
        let token = new_token(id);
        let made = store.create_token_by_password(root, hash, &token, &log);
        let made = made.await.unwrap();
        assert_eq!(store.token(id).await.unwrap().is_some(), made);
        made
    };
    assert!(make("a", "hash-1").await);
    assert!(!make("b", "hash-2").await);
    change(store, root, &disabled(true)).await;
    assert!(!make("c", "hash-1").await);
    change(store, root, &disabled(false)).await;
    assert_eq!(delete(store, root).await, AccountDeleted::Done);
    assert!(!make("d", "hash-1").await);
}

async fn a_deleted_account_leaves_nothing_but_its_name(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    admin(store, "root").await;
    let [alice, bob, core] = [
        principal(store, "alice").await,
        principal(store, "bob").await,
        principal(store, "team:core").await,
    ];
    let log = audit("account.changed");
    let set = AccountChange {
        email: Some(Some("alice@acme.example".to_owned())),
        password_hash: Some(Some("hash-1".to_owned())),
        ..role(InstanceRole::Creator)
    };
    change(store, alice, &set).await;
    let found = store.find_account(&"alice".parse().unwrap()).await;
    let found = found.unwrap().unwrap();
    assert_eq!(found.principal.email.as_deref(), Some("alice@acme.example"));
    assert_eq!(found.principal.instance_role, InstanceRole::Creator);
    store
        .set_member(acme, alice, Role::Admin, &log)
        .await
        .unwrap();
    store.add_team_member(core, alice, &log).await.unwrap();
    let crate_id = owned(store, acme, "demo", bob).await;
    store.add_owner(crate_id, alice, NOW, &log).await.unwrap();
    let token = new_token("a");
    store.create_token(alice, &token, &log).await.unwrap();
    let window = browser(store, alice, "window").await;
    assert_eq!(delete(store, alice).await, AccountDeleted::Done);
    assert_eq!(delete(store, alice).await, AccountDeleted::NotThere);
    assert_eq!(
        change(store, alice, &disabled(false)).await,
        AccountChanged::NotThere
    );
    assert_eq!(store.token_by_hash(&token.hash).await.unwrap(), None);
    assert!(
        store
            .token("a")
            .await
            .unwrap()
            .unwrap()
            .revoked_at
            .is_some()
    );
    assert!(!is_signed_in(store, &window).await);
    assert_eq!(store.members(acme).await.unwrap(), []);
    assert_eq!(store.team_members(core).await.unwrap(), []);
    assert!(!store.owns(crate_id, alice).await.unwrap());
    let reference = "alice".parse().unwrap();
    assert_eq!(store.find_principal(&reference).await.unwrap(), None);
    assert_eq!(store.find_account(&reference).await.unwrap(), None);
    let name = "alice".parse().unwrap();
    assert_eq!(store.password_of(&name).await.unwrap(), None);
    let page = store.list_accounts(PrincipalKind::User, None, 9, None);
    assert_eq!(page.await.unwrap().total, 2);
    // nobody gets the name
    let again = NewPrincipal {
        kind: PrincipalKind::User,
        name,
        email: None,
        password_hash: None,
        instance_role: InstanceRole::Member,
        registry_id: None,
        now: NOW,
    };
    let again = store.create_principal(&again, &log).await.unwrap();
    assert_eq!(again, Created::Taken("alice".to_owned()));
}

/// A crate of this principal.
async fn owned(store: &Store, registry_id: i64, name: &str, owner: i64) -> i64 {
    let mut new = new_version(registry_id, name, "1.0.0");
    new.principal_id = Some(owner);
    let rule = PublishRule {
        may_create: true,
        must_own: Some(owner),
    };
    let log = audit("version.published");
    store.publish(&new, rule, &log).await.unwrap();
    let row = store.crate_row(registry_id, &new.name.canonical()).await;
    row.unwrap().unwrap().id
}

async fn an_account_that_is_the_last_owner_of_a_crate_stays(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    admin(store, "root").await;
    let alice = principal(store, "alice").await;
    for number in 0..5 {
        owned(store, acme, &format!("demo-{number}"), alice).await;
    }
    let AccountDeleted::LastOwner { crates, total } = delete(store, alice).await else {
        panic!("it went");
    };
    let crates: Vec<_> = crates
        .iter()
        .map(|(registry, name)| format!("{registry}/{name}"))
        .collect();
    assert_eq!(crates, ["acme/demo-0", "acme/demo-1", "acme/demo-2"]);
    assert_eq!(total, 5);
    let found = store.find_account(&"alice".parse().unwrap()).await;
    assert!(found.unwrap().is_some());
}

async fn the_last_admin_stays_one(database: Database) {
    let store = &database.store;
    let [root, other] = [admin(store, "root").await, admin(store, "other").await];
    let last = AccountChanged::LastAdmin;
    let done = AccountChanged::Done;
    // a disabled one does not count
    assert_eq!(change(store, other, &disabled(true)).await, done);
    assert_eq!(change(store, root, &disabled(true)).await, last);
    assert_eq!(
        change(store, root, &role(InstanceRole::Creator)).await,
        last
    );
    assert_eq!(delete(store, root).await, AccountDeleted::LastAdmin);
    assert_eq!(change(store, root, &role(InstanceRole::Admin)).await, done);
    let found = store.find_account(&"root".parse().unwrap()).await.unwrap();
    let found = found.unwrap();
    assert!(found.has_password && found.principal.disabled_at.is_none());
    assert_eq!(found.principal.instance_role, InstanceRole::Admin);
    // nor does a deleted one
    assert_eq!(delete(store, other).await, AccountDeleted::Done);
    assert_eq!(delete(store, root).await, AccountDeleted::LastAdmin);
}

/// The attack is two who look at the same moment, and each see the other one left.
async fn two_admins_who_take_each_other_away_at_once_leave_one(database: Database) {
    let store = &database.store;
    let mut last = admin(store, "root").await;
    for turn in 0..12 {
        let other = admin(store, &format!("other-{turn}")).await;
        let log = audit("account.changed");
        let change = if turn % 2 == 0 {
            disabled(true)
        } else {
            role(InstanceRole::Member)
        };
        let (one, two) = tokio::join!(store.change_account(last, &change, NOW, &log), async {
            if turn % 3 == 0 {
                let deleted = store.delete_account(other, NOW, &log).await.unwrap();
                deleted == AccountDeleted::Done
            } else {
                let changed = store.change_account(other, &change, NOW, &log);
                changed.await.unwrap() == AccountChanged::Done
            }
        },);
        let one = one.unwrap() == AccountChanged::Done;
        assert_ne!(one, two, "exactly one of the two goes, in turn {turn}");
        if one {
            last = other;
        }
    }
}

async fn whoever_is_deleted_gets_nothing_any_more(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let root = admin(store, "root").await;
    let [alice, core] = [
        principal(store, "alice").await,
        principal(store, "team:core").await,
    ];
    let crate_id = owned(store, acme, "demo", root).await;
    assert_eq!(delete(store, alice).await, AccountDeleted::Done);
    let log = audit("team.changed");
    let joined = store.add_team_member(core, alice, &log).await.unwrap();
    assert_eq!(joined, TeamJoined::Gone);
    let added = store.add_owner(crate_id, alice, NOW, &log).await.unwrap();
    assert_eq!(added, OwnerAdded::Gone);
    let is_member = store.set_member(acme, alice, Role::Reader, &log).await;
    assert!(!is_member.unwrap());
}
