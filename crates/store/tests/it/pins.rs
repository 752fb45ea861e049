//! From which upstream a registry reads a name, and who reads through whom.

use supercargo_store::{
    Attachment, Deleted, LedgerRow, LedgerStands, NewPin, RegistryChange, RegistryChanged, Store,
    UpstreamSource,
};
use supercargo_types::{Digest, Spelling, View};

use crate::{
    databases::Database,
    on_both,
    registries::read,
    samples::{NOW, audit, id, new_upstream, registry, upstream},
};

on_both!(
    the_first_pin_stands,
    only_an_upstream_that_is_attached_is_pinned,
    a_first_download_pins_and_is_not_recorded_for_another_upstream,
    a_maintainer_moves_a_pin,
    a_new_list_of_upstreams_drops_the_pins_that_it_does_not_pass,
    no_registry_reads_through_itself,
    of_two_lists_that_together_are_a_circle_one_is_refused,
    a_registry_that_others_read_is_not_deleted,
    a_change_inside_is_later_than_whoever_reads_it,
);

fn spelling(name: &str) -> Spelling {
    name.parse().unwrap()
}

fn pin(registry_id: i64, name: &str, upstream_id: i64) -> NewPin {
    NewPin {
        registry_id,
        spelling: spelling(name),
        upstream_id,
        now: NOW,
    }
}

fn whole(upstream_id: i64) -> Attachment {
    Attachment {
        upstream_id,
        only: Vec::new(),
        except: Vec::new(),
    }
}

async fn set(store: &Store, registry_id: i64, upstreams: Vec<Attachment>) -> RegistryChanged {
    let change = RegistryChange {
        upstreams: Some(upstreams),
        ..RegistryChange::default()
    };
    let log = audit("registry.changed");
    let changed = store.update_registry(registry_id, &change, NOW, &log).await;
    changed.unwrap()
}

/// A registry that reads through two upstreams.
async fn two_upstreams(store: &Store) -> (i64, i64, i64) {
    let acme = registry(store, "acme").await;
    let (one, two) = (upstream(store, "one").await, upstream(store, "two").await);
    let list = vec![whole(one), whole(two)];
    assert_eq!(set(store, acme, list).await, RegistryChanged::Done);
    (acme, one, two)
}

/// An upstream that is a registry of this server.
async fn inside(store: &Store, registry_id: i64, name: &str) -> i64 {
    let mut new = new_upstream(name);
    new.settings.source = UpstreamSource::Registry { registry_id };
    let log = audit("upstream.created");
    id(store.create_upstream(&new, &log).await.unwrap())
}

async fn the_first_pin_stands(database: Database) {
    let store = &database.store;
    let (acme, one, two) = two_upstreams(store).await;
    let pins = [pin(acme, "demo", one), pin(acme, "other", two)];
    assert_eq!(store.save_pins(&pins).await.unwrap(), []);
    let later = [pin(acme, "demo", two), pin(acme, "other", two)];
    let lost = store.save_pins(&later).await.unwrap();
    assert_eq!(lost, [pin(acme, "demo", two)]);
    assert_eq!(store.pin(acme, &spelling("demo")).await.unwrap(), Some(one));
    assert_eq!(store.pin(acme, &spelling("de-mo")).await.unwrap(), None);
}

async fn only_an_upstream_that_is_attached_is_pinned(database: Database) {
    let store = &database.store;
    let (acme, one, _) = two_upstreams(store).await;
    let other = upstream(store, "other").await;
    let pins = [pin(acme, "demo", other), pin(acme, "demo", other + 99)];
    assert_eq!(store.save_pins(&pins).await.unwrap(), []);
    assert_eq!(store.pin(acme, &spelling("demo")).await.unwrap(), None);
    let (to, log) = (pin(acme, "demo", other), audit("crate.pinned"));
    assert!(!store.move_pin(&to, &log).await.unwrap());
    assert_eq!(store.pin(acme, &spelling("demo")).await.unwrap(), None);
    store.save_pins(&[pin(acme, "demo", one)]).await.unwrap();
    assert_eq!(store.pin(acme, &spelling("demo")).await.unwrap(), Some(one));
}

async fn a_first_download_pins_and_is_not_recorded_for_another_upstream(database: Database) {
    let store = &database.store;
    let (acme, one, two) = two_upstreams(store).await;
    let demo = spelling("demo");
    let row = |version: &str, upstream_id| LedgerRow {
        version: version.to_owned(),
        checksum: Digest::of(version.as_bytes()),
        line: "{}".to_owned(),
        upstream_id: Some(upstream_id),
    };
    let add = async |row: LedgerRow| {
        let added = store.add_ledger(acme, View::Index, &demo, &row, NOW).await;
        added.unwrap()
    };
    let first = row("1.0.0", one);
    assert_eq!(
        add(first.clone()).await,
        LedgerStands::Bytes(first.checksum)
    );
    assert_eq!(store.pin(acme, &demo).await.unwrap(), Some(one));
    assert_eq!(add(row("1.1.0", two)).await, LedgerStands::PinnedElsewhere);
    let ledger = store.ledger(acme, View::Index, &demo).await.unwrap();
    assert_eq!(ledger, [first]);
}

async fn a_maintainer_moves_a_pin(database: Database) {
    let store = &database.store;
    let (acme, one, two) = two_upstreams(store).await;
    store.save_pins(&[pin(acme, "demo", one)]).await.unwrap();
    let before = read(store, acme).await.changed_at;
    let (to, log) = (pin(acme, "demo", two), audit("crate.pinned"));
    assert!(store.move_pin(&to, &log).await.unwrap());
    assert_eq!(store.pin(acme, &spelling("demo")).await.unwrap(), Some(two));
    assert!(read(store, acme).await.changed_at > before);
}

async fn a_new_list_of_upstreams_drops_the_pins_that_it_does_not_pass(database: Database) {
    let store = &database.store;
    let (acme, one, two) = two_upstreams(store).await;
    let pins = [
        pin(acme, "kept", one),
        pin(acme, "passed-by", one),
        pin(acme, "detached", two),
    ];
    store.save_pins(&pins).await.unwrap();
    let mut narrow = whole(one);
    narrow.except = vec!["passed-*".parse().unwrap()];
    assert_eq!(set(store, acme, vec![narrow]).await, RegistryChanged::Done);
    let at = async |name: &str| store.pin(acme, &spelling(name)).await.unwrap();
    assert_eq!(at("kept").await, Some(one));
    assert_eq!(at("passed-by").await, None);
    assert_eq!(at("detached").await, None);
}

async fn no_registry_reads_through_itself(database: Database) {
    let store = &database.store;
    let mut registries = Vec::new();
    let mut upstreams = Vec::new();
    for name in ["one", "two", "three"] {
        let registry = registry(store, name).await;
        registries.push(registry);
        upstreams.push(inside(store, registry, name).await);
    }
    let reads = async |registry: usize, upstream: usize| {
        set(
            store,
            registries[registry],
            vec![whole(upstreams[upstream])],
        )
        .await
    };
    assert_eq!(reads(0, 0).await, RegistryChanged::Cycle);
    assert_eq!(reads(0, 1).await, RegistryChanged::Done);
    assert_eq!(reads(1, 2).await, RegistryChanged::Done);
    assert_eq!(reads(2, 0).await, RegistryChanged::Cycle);
    assert_eq!(read(store, registries[2]).await.upstreams, []);
}

async fn of_two_lists_that_together_are_a_circle_one_is_refused(database: Database) {
    let store = &database.store;
    let (one, two) = (registry(store, "one").await, registry(store, "two").await);
    let reads_one = inside(store, one, "one").await;
    let reads_two = inside(store, two, "two").await;
    for _ in 0..10 {
        let (first, second) = tokio::join!(
            set(store, one, vec![whole(reads_two)]),
            set(store, two, vec![whole(reads_one)]),
        );
        let done = [&first, &second];
        let done = done.iter().filter(|it| ***it == RegistryChanged::Done);
        assert_eq!(done.count(), 1, "{first:?} {second:?}");
        for registry in [one, two] {
            assert_eq!(
                set(store, registry, Vec::new()).await,
                RegistryChanged::Done
            );
        }
    }
}

async fn a_registry_that_others_read_is_not_deleted(database: Database) {
    let store = &database.store;
    let (outer, inner) = (
        registry(store, "outer").await,
        registry(store, "inner").await,
    );
    let reads = inside(store, inner, "inner").await;
    assert_eq!(
        set(store, outer, vec![whole(reads)]).await,
        RegistryChanged::Done
    );
    let log = audit("registry.deleted");
    let delete = async |registry| store.delete_registry(registry, NOW, &log).await.unwrap();
    let users = vec!["outer".parse().unwrap()];
    assert_eq!(delete(inner).await, Deleted::InUse(users));
    assert_eq!(delete(outer).await, Deleted::Done);
    assert_eq!(delete(inner).await, Deleted::Done);
    // nobody begins to read what is deleted
    let other = registry(store, "other").await;
    let refused = RegistryChanged::InnerDeleted("inner".parse().unwrap());
    assert_eq!(set(store, other, vec![whole(reads)]).await, refused);
}

async fn a_change_inside_is_later_than_whoever_reads_it(database: Database) {
    let store = &database.store;
    let (outer, inner) = (
        registry(store, "outer").await,
        registry(store, "inner").await,
    );
    let reads = inside(store, inner, "inner").await;
    // the clock stands still, and the outer one has run ahead of it
    for _ in 0..5 {
        assert_eq!(
            set(store, outer, vec![whole(reads)]).await,
            RegistryChanged::Done
        );
    }
    let version = crate::samples::new_version(inner, "demo", "1.0.0");
    let log = audit("version.published");
    let published = store.publish(&version, crate::samples::ANYONE, &log).await;
    published.unwrap();
    let demo = "demo".parse().unwrap();
    let hosted = store.hosted(inner, &demo).await.unwrap().unwrap();
    let outer_at = read(store, outer).await.changed_at;
    assert!(hosted.changed_at > outer_at);
    assert_eq!(set(store, outer, Vec::new()).await, RegistryChanged::Done);
    assert!(read(store, outer).await.changed_at > hosted.changed_at);
}
