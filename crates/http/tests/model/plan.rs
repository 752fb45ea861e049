//! How many sequences are run, from which seed, on how many servers; and what is printed.

use std::{
    env,
    fmt::Write as _,
    str::FromStr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use supercargo_types::Random;

use crate::{
    driver::{self, Met},
    operation::{self, Step},
    shrink,
    world::{self, Engine, Packages, World},
};

/// Sequences that share a server. A few, so that a run also meets what others left; not many, since each write of settings
/// reads all registries again.
const PER_WORLD: usize = 25;
/// Where the fixed part of the sequences begins.
const FIXED_SEED: u64 = 1;

pub(crate) struct Plan {
    /// The seeds of the sequences to run, in order.
    seeds: Vec<u64>,
    /// The first of those that are not always the same.
    new_from: u64,
    workers: usize,
    shows_progress: bool,
}

/// Half of the sequences are always the same, half are new ones. `cargo xtask model` says otherwise by variables.
pub(crate) fn of(sequences: usize) -> Plan {
    let asked: Option<usize> = variable("SUPERCARGO_MODEL_SEQUENCES");
    let seed = variable("SUPERCARGO_MODEL_SEED");
    let fresh = || u64::from_be_bytes(Random::System.bytes()) >> 16;
    let run = |from: u64, count: usize| (from..).take(count);
    let new_from = seed.unwrap_or_else(fresh);
    let seeds = if asked.is_none() && seed.is_none() {
        let half = sequences / 2;
        run(FIXED_SEED, half)
            .chain(run(new_from, sequences - half))
            .collect()
    } else {
        run(new_from, asked.unwrap_or(1)).collect()
    };
    Plan {
        seeds,
        new_from,
        workers: variable("SUPERCARGO_MODEL_WORKERS").unwrap_or(1),
        shows_progress: asked.is_some(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "says how much of a test is run, which is no setting of the program"
)]
fn variable<T: FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    let Ok(value) = text.parse() else {
        panic!("`{text}` makes no sense in {name}");
    };
    Some(value)
}

/// What the workers share.
struct Progress {
    next: AtomicUsize,
    done: AtomicUsize,
    steps: AtomicUsize,
    begun: Instant,
    met: Mutex<Met>,
    failure: Mutex<Option<String>>,
}

impl Plan {
    /// # Panics
    /// With the shortest sequence that disagrees.
    pub(crate) fn check(&self, engine: Engine) {
        let packages = world::packages();
        let progress = Progress {
            next: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            steps: AtomicUsize::new(0),
            begun: Instant::now(),
            met: Mutex::default(),
            failure: Mutex::new(None),
        };
        thread::scope(|scope| {
            for _ in 0..self.workers {
                scope.spawn(|| {
                    tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .expect("a runtime can be made")
                        .block_on(self.work(engine, &packages, &progress));
                });
            }
        });
        let seconds = progress.begun.elapsed().as_secs_f64();
        let done = progress.done.into_inner();
        let steps = progress.steps.into_inner();
        eprintln!(
            "{done} sequences, {steps} operations on {engine:?} in {seconds:.1} s, new ones from seed {}",
            self.new_from
        );
        let failure = progress.failure.into_inner().expect("no worker panicked");
        if let Some(failure) = failure {
            panic!("{failure}");
        }
        let met = progress.met.into_inner().expect("no worker panicked");
        if self.shows_progress {
            for ((kind, status), times) in &met {
                eprintln!("  {kind}: {status}, {times} times");
            }
        }
        assert_eq!(done, self.seeds.len(), "every sequence was run");
    }

    async fn work(&self, engine: Engine, packages: &Packages, progress: &Progress) {
        let failed = || {
            progress
                .failure
                .lock()
                .expect("no worker panicked")
                .is_some()
        };
        loop {
            let mut world = World::start(engine).await;
            for _ in 0..PER_WORLD {
                let at = progress.next.fetch_add(1, Ordering::SeqCst);
                let Some(&seed) = self.seeds.get(at).filter(|_| !failed()) else {
                    world.stop().await;
                    return;
                };
                let steps = operation::sequence(seed);
                let result = driver::run(&mut world, packages, &steps).await;
                let met = match result {
                    Ok(met) => met,
                    Err(disagreement) => {
                        world.stop().await;
                        let text = match shrink::shrink(engine, packages, &steps).await {
                            Some(found) => {
                                told(seed, engine, &found.steps, &found.disagreement.text)
                            }
                            None => format!(
                                "only on a server that had run other sequences before:\n{}",
                                told(seed, engine, &steps, &disagreement.text)
                            ),
                        };
                        let mut failure = progress.failure.lock().expect("no worker panicked");
                        failure.get_or_insert(text);
                        return;
                    }
                };
                let mut all = progress.met.lock().expect("no worker panicked");
                for (what, times) in met {
                    *all.entry(what).or_default() += times;
                }
                drop(all);
                progress.steps.fetch_add(steps.len(), Ordering::SeqCst);
                self.show(progress.done.fetch_add(1, Ordering::SeqCst) + 1, progress);
            }
            world.stop().await;
        }
    }

    fn show(&self, done: usize, progress: &Progress) {
        if self.shows_progress && (done.is_multiple_of(50) || done == self.seeds.len()) {
            let total = self.seeds.len();
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let rate = done as f64 / progress.begun.elapsed().as_secs_f64();
            eprint!("\r{done} of {total} sequences agree, {rate:.1} a second ");
            if done == total {
                eprintln!();
            }
        }
    }
}

/// A sequence for people, with the disagreement at its end.
fn told(seed: u64, engine: Engine, steps: &[Step], disagreement: &str) -> String {
    let mut text = format!("the server and the contract disagree (seed {seed}, {engine:?}):\n");
    for (at, step) in steps.iter().enumerate() {
        writeln!(text, "  {:>2}. {step}", at + 1).expect("invariant: a text takes every write");
    }
    let word = match engine {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    };
    write!(
        text,
        "  {disagreement}\nonce more: cargo xtask model --seed {seed} --database {word}"
    )
    .expect("invariant: a text takes every write");
    text
}
