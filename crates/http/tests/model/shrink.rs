//! Shortens a sequence that disagrees: steps are left out in ever smaller runs, then each is made simpler.

use std::time::Duration;

use crate::{
    driver::{self, Disagreement},
    operation::{Deed, Look, Operation, Person, Step},
    world::{Engine, Packages, World},
};

/// Attempts, each of which is a run of the sequence on a fresh server.
const ATTEMPTS: usize = 400;

/// A sequence with the disagreement that it ends in.
pub(crate) struct Found {
    pub(crate) steps: Vec<Step>,
    pub(crate) disagreement: Disagreement,
}

/// The shortest sequence found that disagrees, on a server of its own; `None` where a fresh server agrees.
pub(crate) async fn shrink(engine: Engine, packages: &Packages, steps: &[Step]) -> Option<Found> {
    let mut attempts = ATTEMPTS;
    let mut best = attempt(engine, packages, steps.to_vec()).await?;
    let mut length = best.steps.len();
    while length > 0 {
        let mut from = 0;
        while from < best.steps.len() && attempts > 0 {
            attempts -= 1;
            let mut shorter = best.steps.clone();
            shorter.drain(from..(from + length).min(best.steps.len()));
            match attempt(engine, packages, shorter).await {
                Some(found) => best = found,
                None => from += length,
            }
        }
        length /= 2;
    }
    let mut at = 0;
    while at < best.steps.len() && attempts > 0 {
        let mut is_simpler = false;
        for steps in simpler(&best.steps, at) {
            attempts = attempts.saturating_sub(1);
            if let Some(found) = attempt(engine, packages, steps).await {
                best = found;
                is_simpler = true;
                break;
            }
        }
        // a simpler step may become simpler still
        at += usize::from(!is_simpler);
    }
    Some(best)
}

/// What comes after the disagreement is cut off.
async fn attempt(engine: Engine, packages: &Packages, mut steps: Vec<Step>) -> Option<Found> {
    let mut world = World::start(engine).await;
    let result = driver::run(&mut world, packages, &steps).await;
    world.stop().await;
    let disagreement = result.err()?;
    steps.truncate(disagreement.step + 1);
    Some(Found {
        steps,
        disagreement,
    })
}

/// The same sequence with one step made simpler, in several ways.
fn simpler(steps: &[Step], at: usize) -> Vec<Vec<Step>> {
    let step = &steps[at];
    let mut ways = Vec::new();
    if step.look != Look::Status {
        ways.push(Step {
            look: Look::Status,
            ..step.clone()
        });
    }
    if let Operation::In(place, Deed::Publish(by, bytes)) = step.operation
        && by != Person::Mia
    {
        ways.push(Step {
            operation: Operation::In(place, Deed::Publish(Person::Mia, bytes)),
            look: Look::Status,
        });
    }
    // what only passes time is told as such
    let nothing = Operation::Wait(Duration::ZERO);
    if step.operation != nothing {
        ways.push(Step {
            operation: nothing,
            look: step.look,
        });
    }
    ways.into_iter()
        .map(|simple| {
            let mut steps = steps.to_vec();
            steps[at] = simple;
            steps
        })
        .collect()
}
