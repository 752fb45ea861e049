//! What a registry's clients see when its upstream fails, in each way in which it can: row by row what
//! `docs/upstream-failures.md` says. Rows R4, R7 and R8.

#![expect(
    clippy::unwrap_used,
    reason = "tests: a panic is how a test says that something is wrong"
)]

mod builds;
mod cases;
mod health;
mod matrix;
mod measure;
mod page;
mod scene;
