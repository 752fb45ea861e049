//! The model check: random sequences of what several people and two upstreams do to a registry, and to another one that it
//! reads through, against the server and against a small model of the contract. Every status and every view has to agree.
//!
//! - `operation`: what can happen, and how a sequence is drawn from a seed;
//! - `contract`: what must come of it, to be checked by reading;
//! - `driver`: does it, compares, and tells the first disagreement;
//! - `shrink`: shortens a sequence that disagrees;
//! - `world`: the server, in this process.
//!
//! CONTRIBUTING.md says how to run it for longer, and how to read what it prints.

mod contract;
mod driver;
mod operation;
mod plan;
mod shrink;
mod world;

/// R2, R3, R4, R7, R8, P5, P7, P9, V2, V3.
mod the_server_agrees_with_the_contract {
    use crate::{plan, world::Engine};

    #[test]
    fn on_sqlite() {
        plan::of(120).check(Engine::Sqlite);
    }

    #[test]
    fn on_postgres() {
        plan::of(50).check(Engine::Postgres);
    }
}
