//! Owners.

use supercargo_store::{OwnerAdded, OwnerRemoved, PublishRule, Published, Store};

use crate::{
    databases::Database,
    on_both,
    samples::{NOW, audit, new_version, principal, registry},
};

on_both!(
    only_owners_publish_where_the_rule_says_so,
    the_last_owner_stays,
    two_owners_who_remove_each_other_leave_one,
);

/// The id of a crate that belongs to this principal.
async fn owned(store: &Store, registry_id: i64, owner: i64) -> i64 {
    let mut new = new_version(registry_id, "demo", "1.0.0");
    new.principal_id = Some(owner);
    let rule = PublishRule {
        may_create: true,
        must_own: Some(owner),
    };
    let log = audit("version.published");
    match store.publish(&new, rule, &log).await.unwrap() {
        Published::New { crate_id } => crate_id,
        other => panic!("{other:?}"),
    }
}

async fn only_owners_publish_where_the_rule_says_so(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    // the raw row below counts on these being the first three principals
    let [alice, bob, core] = [
        principal(store, "alice").await,
        principal(store, "bob").await,
        principal(store, "team:core").await,
    ];
    assert_eq!([alice, bob, core], [1, 2, 3]);
    let crate_id = owned(store, acme, alice).await;
    let log = audit("version.published");
    let publish = async |version, must_own| {
        let new = new_version(acme, "demo", version);
        let rule = PublishRule {
            may_create: true,
            must_own,
        };
        store.publish(&new, rule, &log).await.unwrap()
    };
    let further = Published::Version { crate_id };
    assert_eq!(publish("1.0.1", Some(alice)).await, further);
    assert_eq!(
        publish("1.0.2", Some(bob)).await,
        Published::NotOwner {
            owners: vec!["alice".parse().unwrap()]
        }
    );
    assert_eq!(publish("1.0.2", None).await, further, "a maintainer may");

    let log = audit("owner.added");
    let add = |principal| store.add_owner(crate_id, principal, NOW, &log);
    assert_eq!(add(core).await.unwrap(), OwnerAdded::Added);
    assert_eq!(add(core).await.unwrap(), OwnerAdded::Same);
    assert!(!store.owns(crate_id, bob).await.unwrap());
    database
        .execute("INSERT INTO team_members (team_id, user_id) VALUES (3, 2)")
        .await;
    assert!(store.owns(crate_id, bob).await.unwrap());
    assert_eq!(publish("1.0.3", Some(bob)).await, further, "by the team");
}

async fn the_last_owner_stays(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let [alice, bob] = [
        principal(store, "alice").await,
        principal(store, "bob").await,
    ];
    let crate_id = owned(store, acme, alice).await;
    let log = audit("owner.removed");
    let remove = |principal| store.remove_owner(crate_id, principal, &log);
    assert_eq!(remove(bob).await.unwrap(), OwnerRemoved::NotOwner);
    assert_eq!(remove(alice).await.unwrap(), OwnerRemoved::LastOne);
    store.add_owner(crate_id, bob, NOW, &log).await.unwrap();
    assert_eq!(remove(alice).await.unwrap(), OwnerRemoved::Removed);
    let owners = store.owners(crate_id).await.unwrap();
    assert_eq!(owners.len(), 1);
    assert_eq!(owners[0].id, bob);
}

async fn two_owners_who_remove_each_other_leave_one(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let mut principals = Vec::new();
    for number in 0..8 {
        principals.push(principal(store, &format!("p{number}")).await);
    }
    let crate_id = owned(store, acme, principals[0]).await;
    let log = audit("owner.changed");
    for &principal in &principals[1..] {
        let added = store.add_owner(crate_id, principal, NOW, &log);
        assert_eq!(added.await.unwrap(), OwnerAdded::Added);
    }
    let racers: Vec<_> = principals
        .iter()
        .map(|&principal| {
            let (store, log) = (store.clone(), log.clone());
            tokio::spawn(async move { store.remove_owner(crate_id, principal, &log).await })
        })
        .collect();
    let mut stayed = 0;
    for racer in racers {
        stayed += usize::from(racer.await.unwrap().unwrap() == OwnerRemoved::LastOne);
    }
    assert_eq!(stayed, 1);
    assert_eq!(store.owners(crate_id).await.unwrap().len(), 1);
}
