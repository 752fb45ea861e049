//! Registries, their settings and their members.

use supercargo_store::{
    AccountChange, Attachment, AuditFilter, Created, Deleted, RegistryChange, RegistryChanged,
    RegistryRow, Store,
};
use supercargo_types::{PrincipalKind, Publishing, Role, Visibility};

use crate::{
    databases::Database,
    on_both,
    samples::{NOW, audit, id, new_registry, principal, registry, upstream},
};

on_both!(
    a_twin_of_a_name_is_refused,
    settings_come_back_as_they_went_in,
    a_change_of_upstreams_moves_the_registrys_time,
    a_deleted_registry_can_be_restored,
    members_have_the_role_given_last,
    members_are_found_by_a_part_of_their_names_and_so_is_who_is_none,
    principals_are_listed_page_by_page,
);

pub(crate) async fn read(store: &Store, id: i64) -> RegistryRow {
    let directory = store.directory().await.unwrap();
    let mut registries = directory.registries.into_iter();
    registries.find(|registry| registry.id == id).unwrap()
}

async fn a_twin_of_a_name_is_refused(database: Database) {
    let store = &database.store;
    registry(store, "acme-tools").await;
    for name in ["acme-tools", "acme_tools", "acme.tools"] {
        let new = new_registry(name);
        let log = audit("registry.created");
        let created = store.create_registry(&new, None, &log);
        assert_eq!(
            created.await.unwrap(),
            Created::Taken("acme-tools".to_owned())
        );
    }
    let log = store
        .list_audit(&AuditFilter::default(), 10, None)
        .await
        .unwrap();
    assert_eq!(log.len(), 1, "what was refused is not logged as done");
}

async fn settings_come_back_as_they_went_in(database: Database) {
    let store = &database.store;
    let alice = principal(store, "alice").await;
    let [first, second] = [upstream(store, "b").await, upstream(store, "a").await];
    let mut new = new_registry("acme");
    new.description = "ours; 'quoted'".into();
    new.labels = [("team".to_owned(), "core".to_owned())].into();
    new.visibility = Visibility::Internal;
    new.upstreams = [first, second]
        .map(|upstream_id| Attachment {
            upstream_id,
            only: vec!["partner-*".parse().unwrap()],
            except: vec!["partner-x".parse().unwrap()],
        })
        .into();
    let log = audit("registry.created");
    let created = store.create_registry(&new, Some(alice), &log);
    let acme = id(created.await.unwrap());

    let row = read(store, acme).await;
    assert_eq!(row.name, new.name);
    assert_eq!(row.description, new.description);
    assert_eq!(row.labels, new.labels);
    assert_eq!(row.visibility, Visibility::Internal);
    assert_eq!(row.upstreams, new.upstreams);
    assert_eq!(row.created_at, NOW);
    assert_eq!(row.changed_at.as_micros() % 1_000_000, 0);
    let members = store.members(acme).await.unwrap();
    assert_eq!(members.len(), 1);
    assert_eq!((members[0].0.id, members[0].1), (alice, Role::Admin));

    let change = RegistryChange {
        publishing: Some(Publishing::Members),
        ..RegistryChange::default()
    };
    let changed = store.update_registry(acme, &change, NOW, &log);
    assert_eq!(changed.await.unwrap(), RegistryChanged::Done);
    let after = read(store, acme).await;
    assert_eq!(after.publishing, Publishing::Members);
    assert_eq!(after.description, row.description);
    assert_eq!(after.labels, row.labels);
    assert_eq!(after.upstreams, row.upstreams);
    assert_eq!(after.changed_at, row.changed_at, "it resolves as before");
}

async fn a_change_of_upstreams_moves_the_registrys_time(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let log = audit("registry.changed");
    let attachment = |upstream_id| Attachment {
        upstream_id,
        only: Vec::new(),
        except: Vec::new(),
    };
    let lists = [
        vec![attachment(upstream(store, "one").await)],
        vec![attachment(upstream(store, "two").await)],
        vec![],
    ];
    let mut before = read(store, acme).await.changed_at;
    for upstreams in lists {
        let change = RegistryChange {
            upstreams: Some(upstreams.clone()),
            ..RegistryChange::default()
        };
        // the clock stands still, and yet the time grows
        let changed = store.update_registry(acme, &change, NOW, &log);
        assert_eq!(changed.await.unwrap(), RegistryChanged::Done);
        let row = read(store, acme).await;
        assert_eq!(row.upstreams, upstreams);
        assert!(row.changed_at > before);
        assert_eq!(row.changed_at.as_micros() % 1_000_000, 0);
        before = row.changed_at;
    }
}

async fn a_deleted_registry_can_be_restored(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let log = audit("registry.changed");
    assert!(!store.restore_registry(acme, NOW, &log).await.unwrap());
    let delete = || store.delete_registry(acme, NOW, &log);
    assert_eq!(delete().await.unwrap(), Deleted::Done);
    assert_eq!(delete().await.unwrap(), Deleted::NotThere);
    assert_eq!(read(store, acme).await.deleted_at, Some(NOW));
    let change = RegistryChange::default();
    let changed = store.update_registry(acme, &change, NOW, &log).await;
    assert_eq!(changed.unwrap(), RegistryChanged::NotThere);
    let new = new_registry("acme");
    let again = store.create_registry(&new, None, &log);
    assert_eq!(again.await.unwrap(), Created::Taken("acme".to_owned()));
    assert!(store.restore_registry(acme, NOW, &log).await.unwrap());
    assert_eq!(read(store, acme).await.deleted_at, None);
}

async fn members_have_the_role_given_last(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let ci = principal(store, "service:ci").await;
    let log = audit("member.changed");
    for role in [Role::Reader, Role::Publisher] {
        store.set_member(acme, ci, role, &log).await.unwrap();
        let members = store.members(acme).await.unwrap();
        assert_eq!(members.len(), 1);
        assert_eq!(members[0].0.reference().to_string(), "service:ci");
        assert_eq!(members[0].1, role);
    }
    assert!(store.remove_member(acme, ci, &log).await.unwrap());
    assert!(!store.remove_member(acme, ci, &log).await.unwrap());
    assert!(store.members(acme).await.unwrap().is_empty());
}

async fn principals_are_listed_page_by_page(database: Database) {
    let store = &database.store;
    // in bytes `-` comes before `.`, before `_`; other orders would lose names between pages
    for name in ["a_b", "a.b", "a-b", "ab", "service:a"] {
        principal(store, name).await;
    }
    let mut names = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list_accounts(PrincipalKind::User, None, 2, after.as_deref());
        let page = page.await.unwrap();
        assert_eq!(page.total, 4);
        let Some(last) = page.items.last() else { break };
        after = Some(last.principal.name.to_string());
        let found = page.items.iter();
        names.extend(found.map(|row| row.principal.name.to_string()));
    }
    assert_eq!(names, ["a-b", "a.b", "a_b", "ab"]);

    let found = store.find_principal(&"service:a".parse().unwrap()).await;
    assert_eq!(found.unwrap().unwrap().kind, PrincipalKind::Service);
    let found = store.find_principal(&"a".parse().unwrap()).await;
    assert_eq!(found.unwrap(), None, "a user is no service");
}

/// I5: the list of members, for thousands of people.
async fn members_are_found_by_a_part_of_their_names_and_so_is_who_is_none(database: Database) {
    let store = &database.store;
    let [acme, other] = [
        registry(store, "acme").await,
        registry(store, "other").await,
    ];
    let log = audit("member.set");
    let core = principal(store, "team:core").await;
    for (name, role) in [
        ("alice", Role::Reader),
        ("a_ice", Role::Admin),
        ("service:ci", Role::Publisher),
    ] {
        let member = principal(store, name).await;
        store.set_member(acme, member, role, &log).await.unwrap();
        if name != "service:ci" {
            store.add_team_member(core, member, &log).await.unwrap();
        }
    }
    store
        .set_member(acme, core, Role::Reader, &log)
        .await
        .unwrap();
    for name in ["malice", "team:alices", "disabled-alice"] {
        principal(store, name).await;
    }
    let disabled = store
        .find_principal(&"disabled-alice".parse().unwrap())
        .await;
    let change = AccountChange {
        disabled: Some(true),
        ..AccountChange::default()
    };
    let id = disabled.unwrap().unwrap().id;
    store.change_account(id, &change, NOW, &log).await.unwrap();

    let found = async |registry_id, text: &str, limit, offset| {
        let page = store
            .find_members(registry_id, text, limit, offset)
            .await
            .unwrap();
        let rows: Vec<_> = page
            .items
            .iter()
            .map(|row| format!("{} {} {}", row.principal.reference(), row.role, row.people))
            .collect();
        (rows.join(", "), page.total)
    };
    let all = "a_ice admin 0, service:ci publisher 0, team:core reader 2, alice reader 0";
    assert_eq!(found(acme, "", 10, 0).await, (all.to_owned(), 4));
    let second = "service:ci publisher 0".to_owned();
    assert_eq!(found(acme, "", 1, 1).await, (second, 4));
    // `_` stands for itself
    assert_eq!(
        found(acme, "A_ice", 10, 0).await,
        ("a_ice admin 0".to_owned(), 1)
    );
    assert_eq!(
        found(acme, "team:c", 10, 0).await,
        ("team:core reader 2".to_owned(), 1)
    );
    assert_eq!(found(acme, "%", 10, 0).await, (String::new(), 0));
    assert_eq!(found(other, "", 10, 0).await, (String::new(), 0));

    let strangers = async |registry_id, text: &str, limit| {
        let found = store
            .find_strangers(registry_id, text, limit)
            .await
            .unwrap();
        let names: Vec<_> = found.iter().map(ToString::to_string).collect();
        names.join(" ")
    };
    assert_eq!(strangers(acme, "alice", 10).await, "team:alices malice");
    assert_eq!(strangers(acme, "lice", 1).await, "team:alices");
    assert_eq!(strangers(acme, "team:alice", 10).await, "team:alices");
    assert_eq!(
        strangers(other, "alice", 10).await,
        "alice team:alices malice"
    );
}
