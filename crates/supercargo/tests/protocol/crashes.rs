//! Row O2: the program is killed while it publishes, again and again. What it had confirmed is there; the rest is there as a
//! whole or not at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use supercargo_testkit::{Client, Database, Package, Server, View, frame, on_both};
use tokio::{sync::Notify, task::JoinSet};

use crate::world::server;

on_both!(a_publish_that_is_killed_leaves_the_whole_or_nothing);

/// How often it is killed.
const KILLS: u64 = 24;
/// How many publish at once, each with a crate of its own.
const PUBLISHERS: usize = 4;
/// More than are ever done before the end.
const PUBLISHES: usize = 40;

/// A fixed seed, so that the moments are the same in each run, as far as the machine allows (splitmix64).
struct Moments(u64);

impl Moments {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}

fn package(publisher: usize, round: u64, patch: usize) -> Package {
    // of different sizes, so that a kill finds each at another point
    Package::new(&format!("acme-{publisher}"), &format!("1.{round}.{patch}"))
        .ballast(publisher * 20_000 + patch * 1_000)
}

/// A publish that was begun.
struct Attempt {
    package: Package,
    bytes: Vec<u8>,
    confirmed: bool,
}

fn frame_of(package: &Package, bytes: &[u8]) -> Vec<u8> {
    frame(package.metadata_json().to_string().as_bytes(), bytes)
}

/// Publishes until the server is gone; which were confirmed, and which was under way.
async fn publish_until_the_end(
    client: Client,
    publisher: usize,
    round: u64,
    confirmed_by_all: Arc<AtomicUsize>,
    progress: Arc<Notify>,
) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    for patch in 0..PUBLISHES {
        let package = package(publisher, round, patch);
        let bytes = package.crate_bytes();
        let request = client
            .request(http::Method::PUT, "/acme/api/v1/crates/new")
            .body(frame_of(&package, &bytes));
        let answer = request.try_send().await;
        let confirmed = answer.is_ok();
        if let Ok(answer) = answer {
            answer.expect(200);
            confirmed_by_all.fetch_add(1, Ordering::SeqCst);
            progress.notify_one();
        }
        attempts.push(Attempt {
            package,
            bytes,
            confirmed,
        });
        if !confirmed {
            break;
        }
    }
    attempts
}

/// One life: ended when so many publishes are confirmed, while others are at whatever point they are.
async fn a_life(server: &mut Server, round: u64, kill_after: usize) -> Vec<Attempt> {
    let confirmed = Arc::new(AtomicUsize::new(0));
    let progress = Arc::new(Notify::new());
    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        publishers.spawn(publish_until_the_end(
            server.admin(),
            publisher,
            round,
            confirmed.clone(),
            progress.clone(),
        ));
    }
    while confirmed.load(Ordering::SeqCst) < kill_after {
        progress.notified().await;
    }
    server.kill().await;
    publishers.join_all().await.into_iter().flatten().collect()
}

/// Row O2; row P6 for what was confirmed.
async fn a_publish_that_is_killed_leaves_the_whole_or_nothing(database: Database) {
    let mut server = server(database).await;
    let mut moments = Moments(20_260_101);
    let mut attempts: BTreeMap<String, Vec<Attempt>> = BTreeMap::new();
    for round in 0..KILLS {
        let kill_after = usize::try_from(moments.below(8)).unwrap();
        for attempt in a_life(&mut server, round, kill_after).await {
            let name = attempt.package.name().to_owned();
            attempts.entry(name).or_default().push(attempt);
        }
        server.restart().await;
    }
    // what was half written is swept away
    assert_eq!(
        fs::read_dir(server.data().join("blobs/staging"))
            .unwrap()
            .count(),
        0
    );
    let (mut whole, mut nothing) = (0, 0);
    for (name, attempts) in &attempts {
        let [some_whole, some_nothing] = check(&server.admin(), name, attempts).await;
        whole += some_whole;
        nothing += some_nothing;
    }
    // else the kills came too early or too late to prove anything
    assert!(whole > 0 && nothing > 0, "{whole} {nothing}");
}

/// How many of these publishes left the whole, and how many nothing; there is no third.
async fn check(admin: &Client, name: &str, attempts: &[Attempt]) -> [usize; 2] {
    let index = admin.index("acme", View::Index, name).await;
    let listed = admin.listed("acme", View::Index, name).await;
    assert!(
        listed.is_empty() || index.text().ends_with("}\n"),
        "{index}"
    );
    let unique: BTreeSet<_> = listed.iter().collect();
    assert_eq!(unique.len(), listed.len(), "a version is listed twice");
    let mut counts = [0, 0];
    for attempt in attempts {
        let package = &attempt.package;
        let version = package.version();
        let answer = admin.download("acme", View::Index, name, version).await;
        if listed.iter().any(|listed| listed == version) {
            assert_eq!(answer.expect(200).body, attempt.bytes);
            counts[0] += 1;
        } else {
            assert!(!attempt.confirmed, "{name} {version} was confirmed");
            answer.expect(404);
            // and it can be published now
            let body = frame_of(package, &attempt.bytes);
            admin.publish_frame("acme", body).await.expect(200);
            counts[1] += 1;
        }
    }
    counts
}
