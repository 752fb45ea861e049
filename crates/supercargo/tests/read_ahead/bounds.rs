//! How far, how wide and how many at once: whatever an upstream lists, what it makes us ask stays bounded.

use std::collections::HashSet;

use serde_json::json;
use supercargo_testkit::{Database, Fault, View, on_both};

use crate::scene::{Scene, all_asked, asked};

on_both!(
    a_chain_goes_on_only_where_a_client_follows,
    of_one_version_so_many_dependencies_are_followed,
    a_tree_that_grows_without_end_is_cut,
    a_circle_ends,
    clients_always_find_a_free_place,
    an_upstream_that_fails_is_not_pestered,
);

/// Levels below what a client asked for.
const DEPTH: usize = 8;
/// Dependencies of one version.
const WIDTH: usize = 64;
/// Dependencies below what a client asked for, all levels together.
const STEPS: usize = 512;
/// Questions at once.
const AT_ONCE: usize = 48;

async fn a_chain_goes_on_only_where_a_client_follows(database: Database) {
    let scene = Scene::start(database).await;
    let name = |level: usize| format!("level-{level:02}");
    for level in 0..=2 * DEPTH + 1 {
        scene.has(&name(level), &[&name(level + 1)]);
    }
    scene.ask(View::Index, &name(0)).await;
    scene.until_counted(DEPTH, 0).await;
    assert_eq!(asked(&scene.upstream).last(), Some(&name(DEPTH)));
    // halfway nothing is new
    scene.ask(View::Index, &name(DEPTH / 2)).await;
    scene.until_counted(DEPTH, 1).await;
    assert_eq!(asked(&scene.upstream).last(), Some(&name(DEPTH)));
    scene.ask(View::Index, &name(DEPTH)).await;
    scene.until_counted(2 * DEPTH, 2).await;
    assert_eq!(asked(&scene.upstream).last(), Some(&name(2 * DEPTH)));
}

async fn of_one_version_so_many_dependencies_are_followed(database: Database) {
    let scene = Scene::start(database).await;
    let names = |count: usize| (0..count).map(|i| format!("d{i:05}")).collect::<Vec<_>>();
    let publish = |name: &str, count: usize| {
        let names = names(count);
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        scene.has(name, &names);
    };
    publish("wide", 1_000);
    scene.ask(View::Index, "wide").await;
    scene.until_counted(WIDTH, 0).await;
    assert_eq!(asked(&scene.upstream).len(), 1 + WIDTH);

    // a line that is too long is not even read for this
    scene.upstream.clear_requests();
    publish("hostile", 10_000);
    scene.ask(View::Index, "hostile").await;
    scene.has("after", &["last"]);
    scene.ask(View::Index, "after").await;
    scene.until_counted(WIDTH + 1, 0).await;
    assert_eq!(all_asked(&scene.upstream), ["after", "hostile", "last"]);
}

async fn a_tree_that_grows_without_end_is_cut(database: Database) {
    let scene = Scene::start(database).await;
    let below = |name: &str| (0..30).map(|i| format!("{name}-{i}")).collect::<Vec<_>>();
    let publish = |name: &str| {
        let names = below(name);
        scene.has(name, &names.iter().map(String::as_str).collect::<Vec<_>>());
        names
    };
    for first in publish("tree") {
        publish(&first);
    }
    scene.ask(View::Index, "tree").await;
    scene.until_counted(STEPS, 0).await;
    assert_eq!(asked(&scene.upstream).len(), 1 + STEPS);
}

async fn a_circle_ends(database: Database) {
    let scene = Scene::start(database).await;
    scene.has("a", &["b", "a"]);
    scene.has("b", &["c", "b"]);
    scene.has("c", &["a", "b"]);
    scene.ask(View::Index, "a").await;
    scene.until_counted(2, 0).await;
    scene.ask(View::Index, "b").await;
    scene.ask(View::Index, "c").await;
    scene.until_counted(2, 2).await;
    assert_eq!(asked(&scene.upstream), ["a", "b", "c"]);
}

/// What is read ahead waits, and holds up nobody.
async fn clients_always_find_a_free_place(database: Database) {
    let scene = Scene::start(database).await;
    let slow: Vec<_> = (0..WIDTH).map(|i| format!("slow{i}")).collect();
    scene.has("root", &slow.iter().map(String::as_str).collect::<Vec<_>>());
    scene.has("quick", &[]);
    scene.upstream.hold("/index/sl/ow/");
    scene.ask(View::Index, "root").await;
    scene.upstream.wait_until_held(AT_ONCE).await;
    scene.ask(View::Index, "quick").await;
    let waiting: HashSet<_> = asked(&scene.upstream).into_iter().collect();
    let slow = waiting.iter().filter(|name| name.starts_with("slow"));
    assert_eq!(slow.count(), AT_ONCE);
    scene.upstream.release();
    scene.until_counted(WIDTH, 0).await;
}

/// And nobody is told.
async fn an_upstream_that_fails_is_not_pestered(database: Database) {
    let scene = Scene::start(database).await;
    let refused: Vec<_> = (0..WIDTH).map(|i| format!("bad{i:02}")).collect();
    scene.has(
        "root",
        &refused.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    // a refusal of one name does not open the circuit
    scene.upstream.fault("/index/ba/d", Fault::Status(403));
    scene.ask(View::Index, "root").await;
    scene.has("other", &["last"]);
    scene.has("last", &[]);
    scene.ask(View::Index, "other").await;
    scene.until_counted(1, 0).await;
    let bad = asked(&scene.upstream).len() - 3;
    assert!((1..=AT_ONCE + 4).contains(&bad), "{bad}");
    let audit = scene.admin.get("/api/v1/audit?outcome=alarm").await;
    assert_eq!(audit.expect(200).json()["items"], json!([]));
    // who asks for one of them hears why
    let answer = scene.admin.index("acme", View::Index, "bad63").await;
    answer.expect(502);
}
