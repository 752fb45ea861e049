//! Teams and their end.

use supercargo_store::{OwnerAdded, PublishRule, Store, TeamDeleted, TeamJoined};
use supercargo_types::Role;

use crate::{
    databases::Database,
    on_both,
    samples::{NOW, audit, new_version, principal, registry},
};

on_both!(
    users_join_teams_and_leave_them,
    teams_are_listed_by_name_with_the_number_of_their_members,
    a_deleted_team_leaves_nothing_behind,
    a_team_that_is_the_last_owner_of_a_crate_stays,
    a_team_and_the_other_owner_who_go_at_once_leave_one,
    whoever_is_deleted_meanwhile_gets_nothing,
);

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
    let name = new.name.canonical();
    let row = store.crate_row(registry_id, &name).await.unwrap();
    row.unwrap().id
}

async fn users_join_teams_and_leave_them(database: Database) {
    let store = &database.store;
    let [core, bob, alice] = [
        principal(store, "team:core").await,
        principal(store, "bob").await,
        principal(store, "alice").await,
    ];
    let log = audit("team.changed");
    let add = |user| store.add_team_member(core, user, &log);
    assert_eq!(add(bob).await.unwrap(), TeamJoined::Joined);
    assert_eq!(add(alice).await.unwrap(), TeamJoined::Joined);
    assert_eq!(add(bob).await.unwrap(), TeamJoined::Same);
    let names = async || {
        let members = store.team_members(core).await.unwrap();
        members
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(names().await, "alice bob");
    let remove = |user| store.remove_team_member(core, user, &log);
    assert!(remove(bob).await.unwrap());
    assert!(!remove(bob).await.unwrap());
    assert_eq!(names().await, "alice");
}

async fn teams_are_listed_by_name_with_the_number_of_their_members(database: Database) {
    let store = &database.store;
    // neither a user nor a service account is one
    let alice = principal(store, "alice").await;
    principal(store, "service:ci").await;
    for name in ["team:web", "team:core", "team:data"] {
        principal(store, name).await;
    }
    let core = "team:core".parse().unwrap();
    let core = store.find_principal(&core).await.unwrap().unwrap();
    let log = audit("team.changed");
    store.add_team_member(core.id, alice, &log).await.unwrap();
    let list = async |limit, after| {
        let page = store.list_teams(limit, after).await.unwrap();
        assert_eq!(page.total, 3);
        page.items
            .iter()
            .map(|team| format!("{} {}", team.name, team.members))
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_eq!(list(2, None).await, "core 1, data 0");
    assert_eq!(list(2, Some("data")).await, "web 0");
}

async fn a_deleted_team_leaves_nothing_behind(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let [alice, core] = [
        principal(store, "alice").await,
        principal(store, "team:core").await,
    ];
    let crate_id = owned(store, acme, "demo", alice).await;
    let log = audit("team.changed");
    store.add_team_member(core, alice, &log).await.unwrap();
    store
        .set_member(acme, core, Role::Maintainer, &log)
        .await
        .unwrap();
    store.add_owner(crate_id, core, NOW, &log).await.unwrap();
    // a user is no team, whatever its id
    let user = store.delete_team(alice, &log).await.unwrap();
    assert_eq!(user, TeamDeleted::NotThere);
    assert!(store.owns(crate_id, alice).await.unwrap());
    assert_eq!(
        store.delete_team(core, &log).await.unwrap(),
        TeamDeleted::Done
    );
    assert_eq!(
        store.delete_team(core, &log).await.unwrap(),
        TeamDeleted::NotThere
    );
    assert_eq!(store.team_members(core).await.unwrap(), []);
    assert_eq!(store.members(acme).await.unwrap(), []);
    let owners = store.owners(crate_id).await.unwrap();
    assert_eq!(owners.iter().map(|row| row.id).collect::<Vec<_>>(), [alice]);
    // the name is free again, and the new one has nothing of the old one
    let again = principal(store, "team:core").await;
    assert!(!store.owns(crate_id, again).await.unwrap());
}

async fn a_team_that_is_the_last_owner_of_a_crate_stays(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let [alice, core] = [
        principal(store, "alice").await,
        principal(store, "team:core").await,
    ];
    let log = audit("team.changed");
    store.add_team_member(core, alice, &log).await.unwrap();
    for number in 0..5 {
        owned(store, acme, &format!("demo-{number}"), core).await;
    }
    let shared = owned(store, acme, "a-shared", core).await;
    store.add_owner(shared, alice, NOW, &log).await.unwrap();
    let TeamDeleted::LastOwner { crates, total } = store.delete_team(core, &log).await.unwrap()
    else {
        panic!("it went");
    };
    let crates: Vec<_> = crates
        .iter()
        .map(|(registry, name)| format!("{registry}/{name}"))
        .collect();
    assert_eq!(crates, ["acme/demo-0", "acme/demo-1", "acme/demo-2"]);
    assert_eq!(total, 5);
    // all of it is as it was
    assert_eq!(store.team_members(core).await.unwrap().len(), 1);
    assert_eq!(store.owners(shared).await.unwrap().len(), 2);
}

async fn a_team_and_the_other_owner_who_go_at_once_leave_one(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let alice = principal(store, "alice").await;
    let log = audit("team.changed");
    for turn in 0..8 {
        let team = principal(store, &format!("team:t{turn}")).await;
        let crate_id = owned(store, acme, &format!("demo-{turn}"), alice).await;
        let added = store.add_owner(crate_id, team, NOW, &log).await.unwrap();
        assert_eq!(added, OwnerAdded::Added);
        let (deleted, removed) = tokio::join!(
            store.delete_team(team, &log),
            store.remove_owner(crate_id, alice, &log),
        );
        deleted.unwrap();
        removed.unwrap();
        let owners = store.owners(crate_id).await.unwrap();
        assert_eq!(owners.len(), 1, "{owners:?}");
    }
}

async fn whoever_is_deleted_meanwhile_gets_nothing(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let [alice, core] = [
        principal(store, "alice").await,
        principal(store, "team:core").await,
    ];
    let crate_id = owned(store, acme, "demo", alice).await;
    let log = audit("team.changed");
    store.delete_team(core, &log).await.unwrap();
    let joined = store.add_team_member(core, alice, &log).await.unwrap();
    assert_eq!(joined, TeamJoined::Gone);
    let added = store.add_owner(crate_id, core, NOW, &log).await.unwrap();
    assert_eq!(added, OwnerAdded::Gone);
    let is_member = store.set_member(acme, core, Role::Reader, &log).await;
    assert!(!is_member.unwrap());
}
