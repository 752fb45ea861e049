//! Decisions: which source a name has, and which versions are kept back, with the reason.
//!
//! Pure: everything that a decision rests on comes in as an argument, so that each can be tested as the table it is.

mod names;
mod rules;

pub use names::{Hosting, Sources, claimed, mode, sources};
pub use rules::{NameQuarantine, Quarantine, Rules, Verdict};
