//! Which crates need which, and what else is known of versions.

use supercargo_store::Published;

use crate::{
    databases::Database,
    on_both,
    samples::{ANYONE, audit, new_version, registry},
};

on_both!(
    the_version_published_last_tells_what_a_crate_needs,
    five_hundred_dependencies_are_written_at_once,
    details_come_with_their_publisher,
);

async fn publish(database: &Database, registry_id: i64, name: &str, version: &str, needs: &[&str]) {
    let mut new = new_version(registry_id, name, version);
    new.dependencies = needs.iter().map(|name| name.parse().unwrap()).collect();
    let log = audit("version.published");
    let published = database.store.publish(&new, ANYONE, &log).await.unwrap();
    assert!(matches!(
        published,
        Published::New { .. } | Published::Version { .. }
    ));
}

async fn dependents(database: &Database, registry_id: i64, name: &str) -> Vec<String> {
    let name = name.parse().unwrap();
    let page = database.store.dependents(registry_id, &name, 50, 0).await;
    let page = page.unwrap();
    assert_eq!(page.total, page.items.len() as u64);
    let rows = page.items.iter();
    rows.map(|row| format!("{} {}", row.name, row.version))
        .collect()
}

async fn the_version_published_last_tells_what_a_crate_needs(database: Database) {
    let [acme, other] = [
        registry(&database.store, "acme").await,
        registry(&database.store, "other").await,
    ];
    // one name twice, as for two targets, is one dependency
    let needs = ["serde", "serde", "My_Core"];
    publish(&database, acme, "app", "1.0.0", &needs).await;
    publish(&database, acme, "tool", "1.0.0", &["my-core"]).await;
    publish(&database, acme, "tool", "2.0.0", &[]).await;
    publish(&database, other, "elsewhere", "1.0.0", &["my-core"]).await;
    assert_eq!(
        dependents(&database, acme, "MY-CORE").await,
        ["app 1.0.0"],
        "tool stopped to need it, and another registry's crates are not told"
    );
    database
        .execute("UPDATE versions SET yanked = TRUE WHERE number = '2.0.0'")
        .await;
    let both = ["app 1.0.0", "tool 1.0.0"];
    assert_eq!(dependents(&database, acme, "my_core").await, both);
    let name = "my-core".parse().unwrap();
    let page = database.store.dependents(acme, &name, 1, 1).await.unwrap();
    assert_eq!(page.total, 2);
    assert_eq!(page.items[0].name.as_str(), "tool");
    database
        .execute(
            "UPDATE versions SET yanked = TRUE, deleted_at = CASE number WHEN '2.0.0' THEN 1 END",
        )
        .await;
    assert_eq!(dependents(&database, acme, "my-core").await, both);
    database.execute("UPDATE versions SET deleted_at = 1").await;
    assert_eq!(dependents(&database, acme, "my-core").await, [""; 0]);
}

async fn five_hundred_dependencies_are_written_at_once(database: Database) {
    let acme = registry(&database.store, "acme").await;
    // as long as a name may be
    let names: Vec<_> = (0..500).map(|number| format!("n{number:0>63}")).collect();
    let needs: Vec<_> = names.iter().map(String::as_str).collect();
    publish(&database, acme, "app", "1.0.0", &needs).await;
    for name in [&names[0], &names[250], &names[499]] {
        assert_eq!(dependents(&database, acme, name).await, ["app 1.0.0"]);
    }
}

/// V1 (publisher, size).
async fn details_come_with_their_publisher(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let alice = crate::samples::principal(store, "alice").await;
    let log = audit("version.published");
    for (version, principal_id) in [("1.0.0+x", Some(alice)), ("1.1.0", None)] {
        let mut new = new_version(acme, "Demo", version);
        new.principal_id = principal_id;
        new.facts = format!("{{\"of\":\"{version}\"}}");
        store.publish(&new, ANYONE, &log).await.unwrap();
    }
    let name = "demo".parse().unwrap();
    let all = store.version_details(acme, &name, None).await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!((all[0].size, all[1].publisher.is_none()), (1234, true));
    let (id, publisher) = all[0].publisher.clone().unwrap();
    assert_eq!((id, publisher.to_string()), (alice, "alice".to_owned()));

    let one = store.version_details(acme, &name, Some("1.1.0")).await;
    assert_eq!(one.unwrap(), all[1..]);
    let none = store.version_details(acme, &name, Some("1.0.0")).await;
    assert_eq!(none.unwrap(), [], "build metadata is part of it");

    let ids: Vec<_> = all.iter().map(|version| version.id).collect();
    let facts = store.facts_of(&ids).await.unwrap();
    assert_eq!(facts[&ids[1]], "{\"of\":\"1.1.0\"}");
    assert_eq!(
        (facts.len(), store.facts_of(&[]).await.unwrap().len()),
        (2, 0)
    );

    database
        .execute("UPDATE versions SET deleted_at = 1 WHERE number = '1.1.0'")
        .await;
    let left = store.version_details(acme, &name, None).await.unwrap();
    assert_eq!(left, all[..1]);
}
