//! The commands of `supercargo`: each once for people and once with `--json`, errors, exit codes, and where secrets go.

mod crates;
mod people;
mod programs;
mod refusals;
mod terminal;
