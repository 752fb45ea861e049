//! B5: durable publishes beside the floor that the disk sets.
//!
//! The floor does what no honest publish can do without: write the file, fsync it, rename it, fsync the folder, and fsync a
//! log once. Same disk, same bytes.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    time::Instant,
};

use supercargo_testkit::{Client, Package, Server, ServerOptions};
use tempfile::TempDir;

use crate::{
    Effort,
    table::{Row, Table, median},
};

const BYTES: usize = 20 << 10;
/// Publishes of one writer in a round.
const EACH: usize = 40;
const WRITERS: usize = 8;

pub(crate) async fn run(program: &Path, effort: Effort, table: &mut Table) -> anyhow::Result<()> {
    // beside the project's build output: the folder for temporary files may be memory
    let disk = TempDir::new_in("target")?;
    // what is measured is the work, and not how often somebody may do it
    let options = ServerOptions::new(program).setting("limits.publishes", "0");
    let server = Server::start(options.data_in(disk.path())).await;
    let admin = server.admin();
    admin.claim("main", "bench-*", "private").await;
    let bytes = Package::new("bench-floor", "1.0.0")
        .ballast(BYTES)
        .crate_bytes();
    println!("B5: publishes of {} bytes", bytes.len());

    let (mut floors, mut ones, mut eights, mut shared) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        floors.push(floor(disk.path(), &bytes)?);
        ones.push(1.0 / write(&admin, round, 1, "one", true).await);
        eights.push(write(&admin, round, WRITERS, "own", true).await);
        shared.push(write(&admin, round, WRITERS, "shared", false).await);
    }
    let fsync = median(
        (0..effort.rounds)
            .map(|_| one_fsync(disk.path()))
            .collect::<anyhow::Result<_>>()?,
    );
    let (floor, one) = (median(floors), median(ones));
    table.push(Row {
        id: "B5".to_owned(),
        work: "publish, one writer, beside the floor".to_owned(),
        ours: one * 1e3,
        beside: floor * 1e3,
        unit: "ms",
        ratio: one / floor,
        goal: Some(2.5),
        per_second: Some((1.0 / one, 1.0 / floor)),
    });
    let needed = 0.2 / fsync;
    for (work, rate) in [
        ("8 writers, 8 crates", median(eights)),
        ("8 writers, one crate", median(shared)),
    ] {
        table.push(Row {
            id: "B5".to_owned(),
            work: format!(
                "publishes a second, {work}, beside 0.2 / (one fsync of {:.2} ms)",
                fsync * 1e3
            ),
            ours: rate,
            beside: needed,
            unit: "/s",
            ratio: needed / rate,
            goal: Some(1.0),
            per_second: None,
        });
    }
    Ok(())
}

/// Publishes a second; every one of them has to succeed.
async fn write(admin: &Client, round: usize, writers: usize, label: &str, own_crate: bool) -> f64 {
    let packages = |writer: usize| {
        let number = if own_crate { 0 } else { writer };
        let name = if own_crate {
            format!("bench-{label}-{writer}")
        } else {
            format!("bench-{label}")
        };
        (0..EACH)
            .map(move |patch| {
                Package::new(&name, &format!("{round}.{number}.{patch}"))
                    .ballast(BYTES)
                    .frame()
            })
            .collect::<Vec<_>>()
    };
    let work: Vec<_> = (0..writers).map(packages).collect();
    let start = Instant::now();
    let mut tasks = Vec::new();
    for frames in work {
        let admin = admin.clone();
        tasks.push(tokio::spawn(async move {
            for frame in frames {
                admin.publish_frame("main", frame).await.expect(200);
            }
        }));
    }
    for task in tasks {
        task.await
            .expect("invariant: a failed publish has said so already");
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let count = (writers * EACH) as f64;
    count / start.elapsed().as_secs_f64()
}

/// Seconds of one file: written, synced, renamed, its folder synced, and a log synced.
fn floor(disk: &Path, bytes: &[u8]) -> anyhow::Result<f64> {
    let folder = TempDir::new_in(disk)?;
    let mut log = File::create(folder.path().join("log"))?;
    let start = Instant::now();
    for count in 0..EACH {
        let staged = folder.path().join("staged");
        let mut file = File::create(&staged)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&staged, folder.path().join(count.to_string()))?;
        File::open(folder.path())?.sync_all()?;
        log.write_all(&[0; 512])?;
        log.sync_all()?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
    Ok(start.elapsed().as_secs_f64() / EACH as f64)
}

/// Seconds of one fsync after a small write.
fn one_fsync(disk: &Path) -> anyhow::Result<f64> {
    let folder = TempDir::new_in(disk)?;
    let mut log = File::create(folder.path().join("log"))?;
    let start = Instant::now();
    for _ in 0..EACH {
        log.write_all(&[0; 512])?;
        log.sync_all()?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
    Ok(start.elapsed().as_secs_f64() / EACH as f64)
}
