//! B8: the real cargo with this project's lockfile, from an upstream that is far away.
//!
//! In each round cargo goes straight to the stand-in, then through a server that has nothing yet, through the same server
//! once more, and to the stand-in without the distance: always over TLS and HTTP/2, always from a fresh home.

use std::{fs, path::Path, time::Duration};

use anyhow::ensure;
use tempfile::TempDir;

use crate::{
    Effort, process,
    scene::{self, Scene, milliseconds},
    stand_in::{Place, Questions},
    table::{Row, Table, median},
};

const AWAY: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(50)];
/// For each round of the other benchmarks: one run of cargo is short, and much else happens in it.
const RUNS_PER_ROUND: usize = 2;

/// What cargo does.
#[derive(Clone, Copy)]
enum Work {
    Resolve,
    Fetch,
}

impl Work {
    const ALL: [Self; 2] = [Self::Resolve, Self::Fetch];

    const fn arguments(self) -> &'static str {
        match self {
            Self::Resolve => "generate-lockfile",
            Self::Fetch => "fetch --locked",
        }
    }
}

/// Milliseconds of one round.
#[derive(Clone, Copy)]
struct Times {
    straight: f64,
    cold: f64,
    warm: f64,
    near: f64,
}

/// What explains the times of the last round.
struct Seen {
    /// At the upstream: straight, cold, warm.
    questions: [Questions; 3],
    /// Seconds of the server's processor: cold, warm.
    processor: [f64; 2],
}

/// One kind of work over one distance, with all its rounds.
struct Case<'a> {
    place: &'a Place,
    work: Work,
    times: Vec<Times>,
    seen: Option<Seen>,
}

pub(crate) async fn run(program: &Path, effort: Effort, table: &mut Table) -> anyhow::Result<()> {
    let crates = scene::kept_crates()?;
    let packages: usize = crates.iter().map(|found| found.versions.len()).sum();
    println!(
        "B8: cargo with {packages} packages of {} crates",
        crates.len()
    );
    let scene = Scene::new(program, &crates, &AWAY)?;
    let project = scene::project()?;
    let rounds = effort.rounds * RUNS_PER_ROUND;
    let mut cases: Vec<_> = Work::ALL
        .into_iter()
        .flat_map(|work| {
            scene.stand_in.far().iter().map(move |place| Case {
                place,
                work,
                times: Vec::new(),
                seen: None,
            })
        })
        .collect();
    let mut resolved = Resolved::new(&project)?;
    for round in 1..=rounds {
        for case in &mut cases {
            let times = case.round(&scene, &mut resolved).await?;
            println!(
                "B8: round {round} of {rounds}, {}, {} ms away: straight {:.0} ms, cold {:.0} ms, warm {:.0} ms, nginx without distance {:.0} ms",
                case.work.arguments(),
                case.place.milliseconds(),
                times.straight,
                times.cold,
                times.warm,
                times.near,
            );
        }
    }
    for case in cases {
        case.report(table);
    }
    Ok(())
}

/// The project, and what cargo makes of it: the same whichever way it asks.
struct Resolved<'a> {
    project: &'a TempDir,
    locked: Vec<u8>,
    lockfile: Option<Vec<u8>>,
}

impl<'a> Resolved<'a> {
    fn new(project: &'a TempDir) -> anyhow::Result<Self> {
        Ok(Self {
            locked: fs::read(project.path().join("Cargo.lock"))?,
            project,
            lockfile: None,
        })
    }

    /// Milliseconds of one run.
    async fn run(&mut self, cargo: supercargo_testkit::Cargo, work: Work) -> anyhow::Result<f64> {
        let path = self.project.path().join("Cargo.lock");
        match work {
            Work::Resolve => fs::remove_file(&path)?,
            Work::Fetch => fs::write(&path, &self.locked)?,
        }
        let time = milliseconds(&cargo, self.project.path(), work.arguments()).await;
        if let Work::Resolve = work {
            let made = fs::read(&path)?;
            let first = self.lockfile.get_or_insert_with(|| made.clone());
            ensure!(
                *first == made,
                "cargo resolved to something else this way than the first time"
            );
        }
        Ok(time)
    }
}

impl Case<'_> {
    async fn round(&mut self, scene: &Scene, resolved: &mut Resolved<'_>) -> anyhow::Result<Times> {
        let (stand_in, place, work) = (&scene.stand_in, self.place, self.work);
        let mark = stand_in.mark()?;
        let straight = resolved.run(scene.straight(place), work).await?;
        let of_straight = stand_in.since(mark, place)?;

        let server = scene.server(scene.secured(), place).await;
        let processor = || anyhow::Ok(process::cpu_time(server.pid())?.as_secs_f64());
        let (mark, at_start) = (stand_in.mark()?, processor()?);
        let cold = resolved.run(scene.through(&server), work).await?;
        let of_cold = stand_in.since(mark, place)?;
        let (mark, at_cold) = (stand_in.mark()?, processor()?);
        let warm = resolved.run(scene.through(&server), work).await?;
        let of_warm = stand_in.since(mark, place)?;
        let at_warm = processor()?;
        drop(server);

        let near = resolved.run(scene.straight(stand_in.near()), work).await?;
        let times = Times {
            straight,
            cold,
            warm,
            near,
        };
        self.times.push(times);
        self.seen = Some(Seen {
            questions: [of_straight, of_cold, of_warm],
            processor: [at_cold - at_start, at_warm - at_cold],
        });
        Ok(times)
    }

    fn report(self, table: &mut Table) {
        let away = self.place.milliseconds();
        let work = format!("`{}`, upstream {away} ms away", self.work.arguments());
        let middle = |of: fn(&Times) -> f64| median(self.times.iter().map(of).collect());
        let [straight, cold, warm, near] = [
            middle(|times| times.straight),
            middle(|times| times.cold),
            middle(|times| times.warm),
            middle(|times| times.near),
        ];
        for (what, ours, beside, goal) in [
            ("cold, beside straight to it", cold, straight, Some(1.05)),
            (
                "warm, beside nginx without distance",
                warm,
                near,
                Some(1.15),
            ),
            ("warm, beside straight to it", warm, straight, None),
        ] {
            table.push(Row {
                id: "B8".to_owned(),
                work: format!("{work}: {what}"),
                ours,
                beside,
                unit: "ms",
                ratio: ours / beside,
                goal,
                per_second: None,
            });
        }
        let Some(Seen {
            questions: [straight, cold, warm],
            processor: [cold_seconds, warm_seconds],
        }) = self.seen
        else {
            return;
        };
        for told in [
            format!("straight: the upstream saw {straight}"),
            format!("cold: {cold_seconds:.2} s of processor, the upstream saw {cold}"),
            format!("warm: {warm_seconds:.2} s of processor, the upstream saw {warm}"),
        ] {
            table.note(format!("B8 {work}, {told}"));
        }
    }
}
