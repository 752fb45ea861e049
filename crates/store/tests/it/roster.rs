//! Accounts as administrators look for them: rows I5 and I7.

use std::time::Duration;

use supercargo_store::{
    AccountChange, AccountFilter, NewBrowser, NewIdentity, NewPrincipal, PublishRule, RoleRow,
    Store,
};
use supercargo_types::{Digest, InstanceRole, PrincipalKind, Role};

use crate::{
    databases::Database,
    on_both,
    samples::{NOW, audit, id, new_token, new_version, principal, registry},
};

on_both!(
    accounts_are_found_by_name_address_role_and_state,
    accounts_show_when_somebody_was_there_last,
    an_account_has_its_own_roles_and_those_of_its_teams,
    what_an_account_owns_is_counted,
    who_signed_in_last_with_a_provider_is_told_first,
);

fn all(kind: PrincipalKind) -> AccountFilter {
    AccountFilter {
        kind,
        text: String::new(),
        instance_role: None,
        disabled: None,
        registry_id: None,
    }
}

/// The names that are found, and how many there are in all.
async fn names(store: &Store, filter: &AccountFilter, limit: u32, skipped: u64) -> (String, u64) {
    let page = store.find_accounts(filter, limit, skipped).await.unwrap();
    let names = page
        .items
        .iter()
        .map(|(row, _)| row.principal.name.as_str());
    (names.collect::<Vec<_>>().join(" "), page.total)
}

async fn account(store: &Store, name: &str, role: InstanceRole) -> i64 {
    let new = NewPrincipal {
        kind: PrincipalKind::User,
        name: name.parse().unwrap(),
        email: Some(format!("{name}@Acme.example")),
        password_hash: Some("hash-1".to_owned()),
        instance_role: role,
        registry_id: None,
        now: NOW,
    };
    let log = audit("account.created");
    id(store.create_principal(&new, &log).await.unwrap())
}

async fn accounts_are_found_by_name_address_role_and_state(database: Database) {
    let store = &database.store;
    account(store, "root", InstanceRole::Admin).await;
    account(store, "ann_a", InstanceRole::Creator).await;
    let bob = account(store, "bob", InstanceRole::Member).await;
    let gone = account(store, "gone", InstanceRole::Member).await;
    principal(store, "service:bob-ci").await;
    let log = audit("account.changed");
    let disable = AccountChange {
        disabled: Some(true),
        ..AccountChange::default()
    };
    store
        .change_account(bob, &disable, NOW, &log)
        .await
        .unwrap();
    store.delete_account(gone, NOW, &log).await.unwrap();

    let users = all(PrincipalKind::User);
    assert_eq!(
        names(store, &users, 9, 0).await,
        ("ann_a bob root".to_owned(), 3)
    );
    assert_eq!(names(store, &users, 1, 1).await, ("bob".to_owned(), 3));
    for (text, found) in [
        ("O", "bob root"),
        ("ACME.EXAMPLE", "ann_a bob root"),
        ("bob@", "bob"),
        ("_", "ann_a"),
        ("%", ""),
        ("\0", "ann_a bob root"),
    ] {
        let filter = AccountFilter {
            text: text.to_owned(),
            ..users.clone()
        };
        assert_eq!(names(store, &filter, 9, 0).await.0, found, "{text:?}");
    }
    for (disabled, found) in [(true, "bob"), (false, "ann_a root")] {
        let filter = AccountFilter {
            disabled: Some(disabled),
            ..users.clone()
        };
        let (names, total) = names(store, &filter, 9, 0).await;
        assert_eq!(names, found);
        assert_eq!(total, u64::try_from(names.split(' ').count()).unwrap());
    }
    let creators = AccountFilter {
        instance_role: Some(InstanceRole::Creator),
        ..users
    };
    assert_eq!(names(store, &creators, 9, 0).await, ("ann_a".to_owned(), 1));

    let acme = registry(store, "acme").await;
    let machines = all(PrincipalKind::Service);
    assert_eq!(
        names(store, &machines, 9, 0).await,
        ("bob-ci".to_owned(), 1)
    );
    let of_acme = AccountFilter {
        registry_id: Some(acme),
        ..machines
    };
    assert_eq!(names(store, &of_acme, 9, 0).await, (String::new(), 0));

    for team in ["team:core", "team:docs"] {
        principal(store, team).await;
    }
    let core = store.find_teams("OR", 9, 0).await.unwrap();
    assert_eq!((core.items.len(), core.total), (1, 1));
    assert_eq!(core.items[0].name.as_str(), "core");
    let second = store.find_teams("", 1, 1).await.unwrap();
    assert_eq!((second.items[0].name.as_str(), second.total), ("docs", 2));
}

async fn accounts_show_when_somebody_was_there_last(database: Database) {
    let store = &database.store;
    let alice = account(store, "alice", InstanceRole::Member).await;
    let log = audit("sign_in.done");
    let later = NOW.plus(Duration::from_mins(1));
    let session = NewBrowser {
        id: "one".to_owned(),
        hash: Digest::of(b"one"),
        issuer: None,
        token_id: None,
        address: None,
        user_agent: None,
        expires_at: NOW.plus(Duration::from_hours(1)),
        now: NOW,
    };
    let begun = store.create_session_by_password(alice, "hash-1", &session, &log);
    assert!(begun.await.unwrap());
    store
        .touch_sessions(&[("one".to_owned(), later)])
        .await
        .unwrap();
    let token = new_token("a");
    store.create_token(alice, &token, &log).await.unwrap();
    let page = store.find_accounts(&all(PrincipalKind::User), 9, 0).await;
    let (row, seen_at) = &page.unwrap().items[0];
    assert_eq!((row.last_used_at, *seen_at), (None, Some(later)));
    assert_eq!(store.seen_at(alice).await.unwrap(), Some(later));
    let nobody = principal(store, "bob").await;
    assert_eq!(store.seen_at(nobody).await.unwrap(), None);
}

async fn an_account_has_its_own_roles_and_those_of_its_teams(database: Database) {
    let store = &database.store;
    let [acme, open] = [registry(store, "acme").await, registry(store, "open").await];
    let [alice, core] = [
        principal(store, "alice").await,
        principal(store, "team:core").await,
    ];
    let log = audit("member.set");
    for (place, who, role) in [
        (acme, alice, Role::Reader),
        (acme, core, Role::Admin),
        (open, core, Role::Publisher),
    ] {
        assert!(store.set_member(place, who, role, &log).await.unwrap());
    }
    store.add_team_member(core, alice, &log).await.unwrap();
    let role = |registry_id, role, team: Option<&str>| RoleRow {
        registry_id,
        role,
        team: team.map(|name| name.parse().unwrap()),
    };
    let mut roles = store.roles_with_teams(alice).await.unwrap();
    roles.sort_by_key(|row| (row.registry_id, row.role));
    assert_eq!(
        roles,
        [
            role(acme, Role::Reader, None),
            role(acme, Role::Admin, Some("core")),
            role(open, Role::Publisher, Some("core")),
        ]
    );
    let of_team = store.roles_with_teams(core).await.unwrap();
    assert_eq!(
        of_team,
        [
            role(acme, Role::Admin, None),
            role(open, Role::Publisher, None)
        ]
    );
    let teams = store.team_names_of(alice).await.unwrap();
    assert_eq!(teams.len(), 1);
    assert_eq!(teams[0].as_str(), "core");
}

async fn what_an_account_owns_is_counted(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let [alice, core] = [
        principal(store, "alice").await,
        principal(store, "team:core").await,
    ];
    let log = audit("version.published");
    for name in ["one", "two"] {
        let mut new = new_version(acme, name, "1.0.0");
        new.principal_id = Some(alice);
        let rule = PublishRule {
            may_create: true,
            must_own: Some(alice),
        };
        store.publish(&new, rule, &log).await.unwrap();
    }
    assert_eq!(store.count_owned(alice).await.unwrap(), (2, 2));
    let one: supercargo_types::CrateName = "one".parse().unwrap();
    let row = store.crate_row(acme, &one.canonical()).await.unwrap();
    store
        .add_owner(row.unwrap().id, core, NOW, &log)
        .await
        .unwrap();
    assert_eq!(store.count_owned(alice).await.unwrap(), (2, 1));
    assert_eq!(store.count_owned(core).await.unwrap(), (1, 0));
}

async fn who_signed_in_last_with_a_provider_is_told_first(database: Database) {
    let store = &database.store;
    let issuer = "https://id.acme.example";
    let log = audit("identity.linked");
    for (name, subject, issuer) in [
        ("alice", "1", issuer),
        ("bob", "2", issuer),
        ("eve", "3", "https://elsewhere.example"),
    ] {
        let account = principal(store, name).await;
        let new = NewIdentity {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            email: None,
            now: NOW,
        };
        store
            .link_identity(account, &new, None, &log)
            .await
            .unwrap();
    }
    // linked, and never used
    let page = store.latest_identities(issuer, 9).await.unwrap();
    assert_eq!((page.items.len(), page.total), (0, 2));
}
