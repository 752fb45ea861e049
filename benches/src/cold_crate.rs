//! B9: a crowd that asks for the same crate, which only a far upstream has.
//!
//! Its index file has been asked for before, as cargo does. The upstream has to be asked for the crate once.

use std::{fs, path::Path, time::Duration};

use anyhow::ensure;
use supercargo_testkit::{KeptCrate, Package, Server, sparse_path};
use tempfile::TempDir;

use crate::{
    Effort,
    crowd::Arguments,
    scene::{Scene, mirror_path},
    table::{Row, Table, median},
};

const AWAY: Duration = Duration::from_millis(50);
const CLIENTS: usize = 100;
const BYTES: usize = 1_000_000;
const VERSION: &str = "1.0.0";

/// Milliseconds of one round.
struct Times {
    one: f64,
    crowd: f64,
    /// The same once more, when it is stored.
    again: f64,
}

pub(crate) async fn run(program: &Path, effort: Effort, table: &mut Table) -> anyhow::Result<()> {
    let packages: Vec<_> = (0..=2 * effort.rounds)
        .map(|number| Package::new(&format!("bench-cold-{number}"), VERSION).ballast(BYTES))
        .collect();
    let crates: Vec<_> = packages.iter().map(kept).collect();
    println!(
        "B9: a crate of {} bytes, {CLIENTS} clients, the upstream {} ms away",
        crates[0].versions[0].1.len(),
        AWAY.as_millis()
    );
    let scene = Scene::new(program, &crates, &[AWAY])?;
    let server = scene.server(scene.plain(), &scene.stand_in.far()[0]).await;
    let folder = TempDir::new()?;
    let mut times = Vec::new();
    // finds no connection to the upstream, and counts for nobody
    ask(&scene, &server, &crates[0], 1, 1, folder.path()).await?;
    for pair in crates[1..].chunks_exact(2) {
        let round = Times {
            one: ask(&scene, &server, &pair[0], 1, 1, folder.path()).await?,
            crowd: ask(&scene, &server, &pair[1], CLIENTS, 1, folder.path()).await?,
            again: ask(&scene, &server, &pair[1], CLIENTS, 0, folder.path()).await?,
        };
        println!(
            "B9: one {:.1} ms, the slowest of {CLIENTS} {:.1} ms, of {CLIENTS} when it is stored {:.1} ms",
            round.one, round.crowd, round.again
        );
        times.push(round);
    }
    let middle = |of: fn(&Times) -> f64| median(times.iter().map(of).collect());
    let one = middle(|times| times.one);
    for (work, ours, goal) in [
        (
            "a cold crate of 1 MB",
            middle(|times| times.crowd),
            Some(1.5),
        ),
        (
            "the same when it is stored",
            middle(|times| times.again),
            None,
        ),
    ] {
        table.push(Row {
            id: "B9".to_owned(),
            work: format!(
                "the slowest of {CLIENTS} clients: {work}, beside one client that finds it cold"
            ),
            ours,
            beside: one,
            unit: "ms",
            ratio: ours / one,
            goal,
            per_second: None,
        });
    }
    table.note(format!(
        "B9: {} crowds of {CLIENTS} and as many single clients: one request each at the upstream",
        times.len()
    ));
    Ok(())
}

fn kept(package: &Package) -> KeptCrate {
    KeptCrate {
        name: package.name().to_owned(),
        index_lines: vec![package.index_line().to_string()],
        versions: vec![(VERSION.to_owned(), package.crate_bytes().into())],
    }
}

/// Milliseconds of the slowest of so many clients; the upstream has to be asked for the crate so often.
async fn ask(
    scene: &Scene,
    server: &Server,
    wanted: &KeptCrate,
    clients: usize,
    upstream: usize,
    folder: &Path,
) -> anyhow::Result<f64> {
    let KeptCrate { name, versions, .. } = wanted;
    let index = mirror_path(&format!("index/{}", sparse_path(&name.parse()?)));
    server.admin().get(&index).await.expect(200);
    let expect = folder.join(name);
    fs::write(&expect, &versions[0].1)?;
    let mark = scene.stand_in.mark()?;
    let address = server.url();
    let crowd = Arguments {
        address: address.trim_start_matches("http://").to_owned(),
        path: mirror_path(&format!("api/v1/crates/{name}/{VERSION}/download")),
        token: server.admin_token().to_owned(),
        clients,
        expect,
    };
    let slowest = crowd.slowest()?;
    let questions = scene.stand_in.since(mark, &scene.stand_in.far()[0])?;
    let asked = questions.of(&format!("/crates/{name}/{VERSION}/download"));
    ensure!(
        asked == upstream,
        "the upstream was asked for `{name}` {asked} times by {clients} clients, not {upstream} times"
    );
    Ok(slowest)
}
