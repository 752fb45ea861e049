//! Answers on a terminal: tables for people, JSON for machines. Nothing here asks a server.

mod health;
mod progress;
mod report;
mod table;

pub(crate) use self::{
    progress::Progress,
    report::{Reader, Rendered, Report, Step},
    table::{Column, size, text, time},
};
pub(crate) use supercargo_types::printable;
