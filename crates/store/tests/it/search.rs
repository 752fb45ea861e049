//! Search.

use supercargo_store::{
    Attachment, CachedDescription, LedgerRow, LedgerStands, NewCachedCrate, RegistryChange,
    RegistryChanged, Store, WantedLabels,
};
use supercargo_types::{Digest, View};

use crate::{
    databases::Database,
    on_both,
    samples::{ANYONE, NOW, audit, new_version, registry, upstream},
};

on_both!(
    the_nearest_names_come_first,
    wildcards_in_a_query_are_only_text,
    a_crate_comes_with_its_live_versions,
    cached_crates_are_those_given_out_and_delivered,
    what_became_of_a_cached_name_is_told,
    each_word_may_stand_anywhere,
    files_of_earlier_releases_are_looked_into_once,
    only_registries_that_may_have_it_are_searched,
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

async fn attach(store: &Store, registry_id: i64, upstream_id: i64) {
    let change = RegistryChange {
        upstreams: Some(vec![Attachment {
            upstream_id,
            only: Vec::new(),
            except: Vec::new(),
        }]),
        ..RegistryChange::default()
    };
    let log = audit("registry.updated");
    let changed = store.update_registry(registry_id, &change, NOW, &log);
    assert_eq!(changed.await.unwrap(), RegistryChanged::Done);
}

/// What a view of a registry has promised about a version.
async fn given_out(
    store: &Store,
    registry_id: i64,
    view: View,
    name: &str,
    version: &str,
) -> Digest {
    let checksum = Digest::of(format!("{name} {version}").as_bytes());
    let row = LedgerRow {
        version: version.to_owned(),
        checksum,
        line: format!("{{\"vers\":\"{version}\"}}"),
        upstream_id: None,
    };
    let spelling = name.parse().unwrap();
    let stands = store.add_ledger(registry_id, view, &spelling, &row, NOW);
    assert_eq!(stands.await.unwrap(), LedgerStands::Bytes(checksum));
    checksum
}

async fn delivered(store: &Store, upstream_id: i64, name: &str, version: &str, checksum: Digest) {
    let new = NewCachedCrate {
        upstream_id,
        checksum,
        spelling: name.parse().unwrap(),
        version: version.to_owned(),
        size: 77,
        now: NOW,
    };
    store.add_cached_crate(&new).await.unwrap();
}

fn described(
    upstream_id: i64,
    file: &str,
    description: Option<&str>,
    keywords: &str,
) -> CachedDescription {
    CachedDescription {
        upstream_id,
        checksum: Digest::of(file.as_bytes()),
        description: description.map(str::to_owned),
        keywords: keywords.to_owned(),
    }
}

async fn cached(store: &Store, registry_id: i64, text: &str) -> Vec<String> {
    let found = store
        .search_cached(registry_id, text, &WantedLabels::default())
        .await
        .unwrap();
    let names = found.into_iter();
    names.map(|found| found.spelling.to_string()).collect()
}

/// P11.
async fn cached_crates_are_those_given_out_and_delivered(database: Database) {
    let store = &database.store;
    let [acme, other] = [
        registry(store, "acme").await,
        registry(store, "other").await,
    ];
    let [partner, stranger] = [
        upstream(store, "partner").await,
        upstream(store, "stranger").await,
    ];
    attach(store, acme, partner).await;
    for (name, version) in [
        ("serde_json", "1.0.0"),
        ("serde", "1.0.0"),
        ("json", "0.1.0"),
    ] {
        let checksum = given_out(store, acme, View::Index, name, version).await;
        delivered(store, partner, name, version, checksum).await;
    }
    let described = [described(
        partner,
        "serde 1.0.0",
        Some("Reads 100% of JSON, größer"),
        "no-std serialization",
    )];
    store.describe_cached_crates(&described).await.unwrap();
    // promised but not delivered; delivered by somebody else; given out by another registry
    given_out(store, acme, View::Mirror, "serde-only-promised", "1.0.0").await;
    let checksum = given_out(store, acme, View::Index, "serde-of-others", "1.0.0").await;
    delivered(store, stranger, "serde-of-others", "1.0.0", checksum).await;
    let checksum = given_out(store, other, View::Index, "serde-elsewhere", "1.0.0").await;
    delivered(store, partner, "serde-elsewhere", "1.0.0", checksum).await;

    assert_eq!(
        cached(store, acme, "json").await,
        ["json", "serde_json", "serde"],
        "the name, a part of it, the description"
    );
    assert_eq!(
        cached(store, acme, "SERDE-json").await,
        ["serde_json"],
        "however it is spelled"
    );
    assert_eq!(cached(store, acme, "").await.len(), 3);
    for one in [
        "100%",
        "Größer",
        "100\0%",
        "No_Std",
        "json serialization reads",
    ] {
        assert_eq!(cached(store, acme, one).await, ["serde"], "{one}");
    }
    for none in ["100_", "serde%", "\u{202e}", "'", &"serde".repeat(1000)] {
        assert_eq!(cached(store, acme, none).await, [""; 0], "{none}");
    }
    assert_eq!(cached(store, other, "serde").await, [""; 0], "not attached");
}

async fn what_became_of_a_cached_name_is_told(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let partner = upstream(store, "partner").await;
    attach(store, acme, partner).await;
    for version in ["1.0.0", "1.1.0"] {
        let checksum = given_out(store, acme, View::Index, "my_crate", version).await;
        delivered(store, partner, "my_crate", version, checksum).await;
        given_out(store, acme, View::Mirror, "my_crate", version).await;
    }
    let state = async || {
        let any = WantedLabels::default();
        let found = store.search_cached(acme, "my-crate", &any).await.unwrap();
        (found[0].is_hosted, found[0].was_hosted)
    };
    assert_eq!(state().await, (false, false));
    publish(&database, acme, "My-Crate", "").await;
    assert_eq!(state().await, (true, true));
    database.execute("UPDATE versions SET deleted_at = 1").await;
    assert_eq!(state().await, (false, true));
    database.execute("UPDATE crates SET released_at = 1").await;
    assert_eq!(state().await, (false, false));

    let spellings = ["my_crate", "never"].map(|name| name.parse().unwrap());
    let versions = store.cached_versions(acme, &spellings).await.unwrap();
    let versions: Vec<_> = versions
        .iter()
        .map(|version| (version.version.as_str(), version.size, version.first_at))
        .collect();
    assert_eq!(versions, [("1.0.0", 77, NOW), ("1.1.0", 77, NOW)]);
    assert_eq!(store.cached_versions(acme, &[]).await.unwrap(), []);
}

/// P11.
async fn each_word_may_stand_anywhere(database: Database) {
    let acme = registry(&database.store, "acme").await;
    let log = audit("version.published");
    for (name, description, keywords) in [
        ("tide-charts", "Plots of high water", "sea harbour"),
        ("harbour", "Berths and cranes", ""),
        ("winch", "For a crane", "harbour"),
        ("plain", "", ""),
    ] {
        let mut new = new_version(acme, name, "1.0.0");
        new.description = Some(description.to_owned());
        new.keywords = keywords.to_owned();
        database.store.publish(&new, ANYONE, &log).await.unwrap();
    }
    for (text, names) in [
        ("harbour", &["harbour", "tide-charts", "winch"][..]),
        ("crane harbour", &["harbour", "winch"]),
        ("Water TIDE sea", &["tide-charts"]),
        ("tide_charts", &["tide-charts"]),
        (" winch ", &["winch"]),
        ("sea plain", &[]),
        // what is beyond four words does not count
        ("high water of plots nothing", &["tide-charts"]),
    ] {
        assert_eq!(found(&database, acme, text).await, names, "{text}");
    }
    let page = database.store.search(acme, "harbour", 2, 1).await.unwrap();
    assert_eq!((page.items.len(), page.total), (2, 3));
}

/// P11: keywords of what was cached before they were read.
async fn files_of_earlier_releases_are_looked_into_once(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let partner = upstream(store, "partner").await;
    attach(store, acme, partner).await;
    for name in ["one", "two"] {
        let checksum = given_out(store, acme, View::Index, name, "1.0.0").await;
        delivered(store, partner, name, "1.0.0", checksum).await;
    }
    database
        .execute("UPDATE cached_crates SET description = 'known' WHERE spelling = 'one'")
        .await;
    assert_eq!(store.undescribed_crates(1).await.unwrap().len(), 1);
    assert_eq!(store.undescribed_crates(9).await.unwrap().len(), 2);
    let looked = [
        described(partner, "one 1.0.0", None, "salt"),
        described(partner, "two 1.0.0", Some("new"), ""),
        described(partner, "gone 1.0.0", None, "x"),
    ];
    store.describe_cached_crates(&looked).await.unwrap();
    assert_eq!(store.undescribed_crates(9).await.unwrap(), []);
    assert_eq!(cached(store, acme, "salt known").await, ["one"]);
    assert_eq!(cached(store, acme, "new").await, ["two"]);
}

/// P11, for the page that searches everything.
async fn only_registries_that_may_have_it_are_searched(database: Database) {
    let store = &database.store;
    let mut ids = Vec::new();
    for name in ["hosting", "caching", "empty"] {
        ids.push(registry(store, name).await);
    }
    let partner = upstream(store, "partner").await;
    publish(&database, ids[0], "json_value", "of 100% stone").await;
    let checksum = given_out(store, ids[1], View::Index, "serde_json", "1.0.0").await;
    delivered(store, partner, "serde_json", "1.0.0", checksum).await;
    let looked = [described(partner, "serde_json 1.0.0", None, "stone")];
    store.describe_cached_crates(&looked).await.unwrap();
    for (text, places) in [
        ("JSON", &ids[..2]),
        ("stone", &ids[..2]),
        ("json-value", &ids[..1]),
        ("serde", &ids[1..2]),
        ("100%", &ids[..1]),
        ("nothing", &[]),
    ] {
        let found = store.places_of(text).await.unwrap();
        assert_eq!(found, places.iter().copied().collect(), "{text}");
    }
}
