//! The page that says how cargo is set up: its very lines are pasted, by a person into an empty home and by CI systems into
//! jobs, and cargo runs. Rows I4 and P16.

#![expect(
    clippy::unwrap_used,
    reason = "tests: a panic is how a test says that something is wrong"
)]

mod jobs;
mod pasted;
mod people;
mod scene;
