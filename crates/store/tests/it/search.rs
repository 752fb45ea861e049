//! Search.

use crate::{
    databases::Database,
    on_both,
    samples::{ANYONE, audit, new_version, registry},
};

on_both!(
    the_nearest_names_come_first,
    wildcards_in_a_query_are_only_text,
    a_crate_comes_with_its_live_versions,
);

async fn found(database: &Database, registry_id: i64, text: &str) -> Vec<String> {
    let page = database
        .store
        .search(registry_id, text, 50, 0)
        .await
        .unwrap();
    assert_eq!(page.total, page.items.len() as u64);
    let names = page.items.into_iter();
    names.map(|item| item.name.to_string()).collect()
}

async fn publish(database: &Database, registry_id: i64, name: &str, description: &str) {
    let mut new = new_version(registry_id, name, "1.0.0");
    new.description = Some(description.to_owned());
    let log = audit("version.published");
    database.store.publish(&new, ANYONE, &log).await.unwrap();
}

async fn the_nearest_names_come_first(database: Database) {
    let [acme, other] = [
        registry(&database.store, "acme").await,
        registry(&database.store, "other").await,
    ];
    for (name, description) in [
        ("zebra", "reads JSON_Value"),
        ("my-json-value", ""),
        ("json-value-macros", ""),
        ("json-value-core", ""),
        ("Json_Value", "the one"),
        ("unrelated", "json, value"),
    ] {
        publish(&database, acme, name, description).await;
    }
    publish(&database, other, "json-value", "elsewhere").await;
    let nearest = [
        "Json_Value",
        "json-value-core",
        "json-value-macros",
        "my-json-value",
        "zebra",
    ];
    assert_eq!(found(&database, acme, "JSON_value").await, nearest);
    assert_eq!(found(&database, acme, "nothing").await, [""; 0]);
    assert_eq!(found(&database, acme, "").await.len(), 6);

    let page = database.store.search(acme, "json_value", 2, 1).await;
    let page = page.unwrap();
    assert_eq!(page.total, 5);
    let names: Vec<_> = page.items.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names, nearest[1..3]);
}

async fn wildcards_in_a_query_are_only_text(database: Database) {
    let acme = registry(&database.store, "acme").await;
    publish(&database, acme, "demo", "100% safe! a_b").await;
    publish(&database, acme, "other", "1000 safe").await;
    for one in ["100%", "safe!", "a_b", "%", "!", "100\0%"] {
        assert_eq!(found(&database, acme, one).await, ["demo"], "{one}");
    }
    for none in ["100_", "d_mo", "d%o", "%%", "!!", "\\", "'", "100!%"] {
        assert_eq!(found(&database, acme, none).await, [""; 0], "{none}");
    }
}

async fn a_crate_comes_with_its_live_versions(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let log = audit("version.published");
    for (version, description) in [("1.0.0", "old"), ("3.0.0", "gone"), ("2.0.0", "new")] {
        let mut new = new_version(acme, "demo", version);
        new.description = Some(description.to_owned());
        store.publish(&new, ANYONE, &log).await.unwrap();
    }
    database
        .execute("UPDATE versions SET deleted_at = 1 WHERE number = '3.0.0'")
        .await;
    database
        .execute("UPDATE versions SET yanked = TRUE WHERE number = '1.0.0'")
        .await;
    let page = store.search(acme, "demo", 10, 0).await.unwrap();
    let [item] = &page.items[..] else {
        panic!("{page:?}");
    };
    let versions: Vec<_> = item
        .versions
        .iter()
        .map(|item| (item.version.to_string(), item.yanked))
        .collect();
    assert_eq!(
        versions,
        [("1.0.0".to_owned(), true), ("2.0.0".to_owned(), false)]
    );
    assert_eq!(found(&database, acme, "gone").await, [""; 0]);
    database.execute("UPDATE versions SET deleted_at = 1").await;
    assert_eq!(found(&database, acme, "demo").await, [""; 0]);
}
