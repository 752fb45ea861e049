//! What registries come to, in which order their crates are listed, and how a version came.

use std::time::Duration;

use supercargo_store::{CrateOrder, CrateSearch, NewDownloads, PublishedRow, Store, WantedLabels};

use crate::{
    databases::Database,
    on_both,
    samples::{ANYONE, NOW, audit, new_token, new_version, principal, registry},
};

on_both!(
    registries_come_to_what_is_in_them,
    crates_are_listed_in_another_order,
    the_log_says_how_a_version_came,
);

async fn publish(store: &Store, registry_id: i64, name: &str, version: &str, minutes: u64) {
    let mut new = new_version(registry_id, name, version);
    new.now = NOW.plus(Duration::from_mins(minutes));
    let log = audit("version.published");
    store.publish(&new, ANYONE, &log).await.unwrap();
}

fn downloads(registry_id: i64, name: &str, day: i64, count: u64) -> NewDownloads {
    NewDownloads {
        registry_id,
        name: name.parse().unwrap(),
        version: "1.0.0".to_owned(),
        day,
        count,
    }
}

/// R1: the list shows crates, size, downloads, last publish.
async fn registries_come_to_what_is_in_them(database: Database) {
    let store = &database.store;
    let [acme, other, empty] = [
        registry(store, "acme").await,
        registry(store, "other").await,
        registry(store, "empty").await,
    ];
    publish(store, acme, "one", "1.0.0", 0).await;
    publish(store, acme, "two", "1.0.0", 1).await;
    publish(store, other, "three", "3.0.0", 2).await;
    publish(store, acme, "two", "2.0.0", 3).await;
    let size = new_version(acme, "one", "1.0.0").size;
    let counted = [
        downloads(acme, "one", 99, 100),
        downloads(acme, "one", 100, 2),
        downloads(acme, "two", 101, 3),
        downloads(other, "three", 101, 50),
    ];
    store.add_downloads(&counted).await.unwrap();

    let ids = [empty, acme, other];
    let figures = store.registry_figures(&ids, 100).await.unwrap();
    let of_acme = &figures[&acme];
    assert_eq!((of_acme.hosted, of_acme.hosted_bytes), (2, 3 * size));
    assert_eq!((of_acme.downloads, of_acme.from_upstreams), (5, 0));
    let newest = of_acme.newest.as_ref().unwrap();
    assert_eq!(
        (newest.name.as_str(), newest.version.as_str()),
        ("two", "2.0.0")
    );
    assert_eq!(newest.published_at, NOW.plus(Duration::from_mins(3)));
    assert_eq!(figures[&other].downloads, 50);
    assert_eq!(
        figures[&empty],
        supercargo_store::RegistryFigures::default()
    );
    assert_eq!(figures.len(), 3);
    assert!(store.registry_figures(&[], 0).await.unwrap().is_empty());

    let newest = async |ids: &[i64], limit| {
        let list = store.newest_versions(ids, limit).await.unwrap();
        let list = list.into_iter();
        list.map(|newest| format!("{} {}", newest.name, newest.version))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        newest(&ids, 3).await,
        ["two 2.0.0", "three 3.0.0", "two 1.0.0"]
    );
    assert_eq!(newest(&[other], 3).await, ["three 3.0.0"]);
    assert_eq!(newest(&[], 3).await, [""; 0]);
}

async fn crates_are_listed_in_another_order(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    for (name, version, minutes) in [
        ("bread", "1.0.0", 0),
        ("apple", "1.0.0", 1),
        ("cheese", "1.0.0", 2),
        ("bread", "1.1.0", 3),
    ] {
        publish(store, acme, name, version, minutes).await;
    }
    let counted = [
        downloads(acme, "cheese", 100, 1),
        downloads(acme, "apple", 100, 7),
        downloads(acme, "bread", 99, 1000),
    ];
    store.add_downloads(&counted).await.unwrap();
    let listed = async |text: &str, order| {
        let page = store
            .find_crates(&CrateSearch {
                registry_id: acme,
                text,
                labels: &WantedLabels::default(),
                order,
                limit: 10,
                offset: 0,
            })
            .await
            .unwrap();
        let items = page.items.into_iter();
        items.map(|item| item.name.to_string()).collect::<Vec<_>>()
    };
    let by_name = CrateOrder::Relevance;
    let by_downloads = CrateOrder::Downloads { since: 100 };
    assert_eq!(listed("", by_name).await, ["apple", "bread", "cheese"]);
    assert_eq!(
        listed("", CrateOrder::Updated).await,
        ["bread", "cheese", "apple"]
    );
    assert_eq!(listed("", by_downloads).await, ["apple", "cheese", "bread"]);
    assert_eq!(
        listed("e", CrateOrder::Name).await,
        ["apple", "bread", "cheese"]
    );
    assert_eq!(listed("e", by_downloads).await.len(), 3);
    assert_eq!(listed("cheese", by_downloads).await, ["cheese"]);
    let names = store.names_like(acme, "B", 10).await.unwrap();
    assert_eq!(names, ["bread"]);
    assert_eq!(store.names_like(acme, "", 2).await.unwrap().len(), 2);
    assert_eq!(store.names_like(acme, "%", 10).await.unwrap(), [""; 0]);
}

/// V6.
async fn the_log_says_how_a_version_came(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let alice = principal(store, "alice").await;
    let token = new_token("token-1");
    store
        .create_token(alice, &token, &audit("token.created"))
        .await
        .unwrap();
    let mut log = audit("version.published");
    log.registry = Some("acme".to_owned());
    log.crate_name = Some("demo".to_owned());
    log.version = Some("1.0.0".to_owned());
    log.token_id = Some("token-1".to_owned());
    log.detail = Some("checksum 00, github:acme/demo (run 7)".to_owned());
    let new = new_version(acme, "demo", "1.0.0");
    store.publish(&new, ANYONE, &log).await.unwrap();
    let name = "acme".parse().unwrap();
    let soon = NOW.plus(Duration::from_secs(1));
    let found = async |version: &str, from, to| {
        let found = store.published(&name, "demo", version, (from, to)).await;
        found.unwrap()
    };
    let row = PublishedRow {
        principal: Some("alice".to_owned()),
        detail: log.detail.clone(),
        token_prefix: Some(token.prefix),
        token_name: Some(token.name),
    };
    assert_eq!(found("1.0.0", NOW, soon).await, Some(row));
    assert_eq!(found("1.0.1", NOW, soon).await, None);
    assert_eq!(
        found("1.0.0", soon, soon.plus(Duration::from_secs(1))).await,
        None
    );
}
