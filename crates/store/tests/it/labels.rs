//! Labels of crates and versions.

use std::collections::BTreeMap;

use supercargo_store::{
    AuditFilter, CrateOrder, CrateSearch, LabelChange, Labelled, LabelsChanged, WantedLabels,
};
use supercargo_types::Timestamp;

use crate::{
    databases::Database,
    on_both,
    samples::{ANYONE, NOW, audit, new_version, registry},
};

on_both!(
    labels_are_set_and_taken_away_together,
    labels_of_crates_and_versions_are_apart,
    a_limit_holds_and_can_be_mended,
    crates_are_found_by_all_of_their_labels,
);

fn of(registry_id: i64, name: &str, number: Option<&str>) -> Labelled {
    Labelled {
        registry_id,
        name: name.parse().unwrap(),
        number: number.map(str::to_owned),
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|&(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn change(set: &[(&str, &str)], remove: &[&str]) -> LabelChange {
    LabelChange {
        set: map(set),
        remove: remove.iter().map(|&key| key.to_owned()).collect(),
        is_whole: false,
        most: 3,
        by: "alice".to_owned(),
        now: NOW,
    }
}

async fn changed(database: &Database, of: &Labelled, change: &LabelChange) -> LabelsChanged {
    let log = audit("crate.labelled");
    let changed = database.store.change_labels(of, change, &log);
    changed.await.unwrap()
}

async fn shown(database: &Database, of: &Labelled) -> String {
    let rows = database.store.labels(of).await.unwrap();
    let rows = rows.iter();
    let shown = rows.map(|row| format!("{}={}", row.key, row.value));
    shown.collect::<Vec<_>>().join(" ")
}

/// V4.
async fn labels_are_set_and_taken_away_together(database: Database) {
    let acme = registry(&database.store, "acme").await;
    let demo = of(acme, "Demo_One", None);
    let set = change(&[("team", "core"), ("old", "")], &["never"]);
    assert!(matches!(
        changed(&database, &demo, &set).await,
        LabelsChanged::Done(rows, true) if rows.len() == 2
    ));
    let twin = of(acme, "demo-one", None);
    assert_eq!(shown(&database, &twin).await, "old= team=core");

    let later = LabelChange {
        by: "bob".to_owned(),
        now: Timestamp::from_micros(NOW.as_micros() + 1),
        ..change(&[("team", "core"), ("tier", "1")], &["old"])
    };
    changed(&database, &demo, &later).await;
    let rows = database.store.labels(&demo).await.unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.key.as_str(), row.set_by.as_str(), row.set_at))
        .collect();
    assert_eq!(told, [("team", "alice", NOW), ("tier", "bob", later.now)]);

    let all = AuditFilter::default();
    let before = database.store.list_audit(&all, 9, None).await.unwrap();
    let same = change(&[("team", "core")], &["old"]);
    assert!(matches!(
        changed(&database, &demo, &same).await,
        LabelsChanged::Done(_, false)
    ));
    let after = database.store.list_audit(&all, 9, None).await.unwrap();
    assert_eq!(after.len(), before.len(), "nothing has happened");

    let whole = LabelChange {
        is_whole: true,
        ..change(&[("new", "x"), ("team", "sea")], &[])
    };
    changed(&database, &demo, &whole).await;
    assert_eq!(shown(&database, &demo).await, "new=x team=sea");
}

/// V4.
async fn labels_of_crates_and_versions_are_apart(database: Database) {
    let acme = registry(&database.store, "acme").await;
    let other = registry(&database.store, "other").await;
    for (of, value) in [
        (of(acme, "demo", None), "crate"),
        (of(acme, "demo", Some("1.0.0")), "one"),
        (of(acme, "demo", Some("2.0.0")), "two"),
        (of(other, "demo", None), "other"),
    ] {
        changed(&database, &of, &change(&[("is", value)], &[])).await;
    }
    let names = ["demo", "none"].map(|name| name.parse().unwrap());
    let store = &database.store;
    let of_crates = store.labels_of_crates(acme, &names).await.unwrap();
    assert_eq!(of_crates.len(), 1);
    assert_eq!(of_crates[&names[0]], map(&[("is", "crate")]));
    assert!(store.labels_of_crates(acme, &[]).await.unwrap().is_empty());
    let of_versions = store.labels_of_versions(acme, &names[0]).await.unwrap();
    assert_eq!(of_versions.len(), 2);
    assert_eq!(of_versions["2.0.0"], map(&[("is", "two")]));
    let used = store.labels_in_use(acme, 9).await.unwrap();
    assert_eq!(used, [("is".to_owned(), "crate".to_owned(), 1)]);
}

/// V4.
async fn a_limit_holds_and_can_be_mended(database: Database) {
    let acme = registry(&database.store, "acme").await;
    let demo = of(acme, "demo", None);
    let four = change(&[("a", ""), ("b", ""), ("c", ""), ("d", "")], &[]);
    assert_eq!(
        changed(&database, &demo, &four).await,
        LabelsChanged::TooMany(4)
    );
    assert_eq!(shown(&database, &demo).await, "");
    let before = LabelChange { most: 4, ..four };
    changed(&database, &demo, &before).await;
    assert_eq!(
        changed(&database, &demo, &change(&[("a", "1")], &[])).await,
        LabelsChanged::TooMany(4)
    );
    changed(&database, &demo, &change(&[], &["a"])).await;
    assert_eq!(shown(&database, &demo).await, "b= c= d=");
    changed(&database, &demo, &change(&[("e", "")], &["b"])).await;
    assert_eq!(shown(&database, &demo).await, "c= d= e=");
}

/// V4 (filters use them).
async fn crates_are_found_by_all_of_their_labels(database: Database) {
    let store = &database.store;
    let acme = registry(store, "acme").await;
    let log = audit("version.published");
    for (name, labels) in [
        ("one", &[("team", "core"), ("tier", "1")][..]),
        ("two", &[("team", "core"), ("old", "")]),
        ("three", &[("team", "core=b%"), ("tier", "12")]),
        ("four", &[]),
    ] {
        let new = new_version(acme, name, "1.0.0");
        store.publish(&new, ANYONE, &log).await.unwrap();
        changed(&database, &of(acme, name, None), &change(labels, &[])).await;
    }
    let of_version = of(acme, "four", Some("1.0.0"));
    changed(&database, &of_version, &change(&[("team", "core")], &[])).await;
    for (wanted, names) in [
        (&[("team", Some("core"))][..], &["one", "two"][..]),
        (&[("team", None)], &["one", "three", "two"]),
        (&[("team", None), ("tier", Some("1"))], &["one"]),
        (&[("team", Some("core")), ("team", None)], &["one", "two"]),
        (&[("team", Some("core=b%"))], &["three"]),
        (&[("tier", Some("2"))], &[]),
        (&[("old", Some(""))], &["two"]),
        (&[("team", Some(""))], &[]),
        (&[("team", Some("core")), ("team", Some("sea"))], &[]),
        (&[("eam", None)], &[]),
        (&[("%", None)], &[]),
        (&[], &["four", "one", "three", "two"]),
    ] {
        let labels = WantedLabels::new(wanted.iter().copied());
        let search = CrateSearch {
            registry_id: acme,
            text: "",
            labels: &labels,
            order: CrateOrder::Name,
            limit: 10,
            offset: 0,
        };
        let page = store.find_crates(&search).await.unwrap();
        let found: Vec<_> = page.items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(found, names, "{wanted:?}");
        assert_eq!(page.total, names.len() as u64, "{wanted:?}");
    }
}
