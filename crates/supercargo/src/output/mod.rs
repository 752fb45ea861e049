//! Answers on a terminal: tables for people, JSON for machines. Nothing here asks a server.

mod report;
mod table;

pub(crate) use self::{
    report::{Rendered, Report},
    table::{Column, printable, time},
};
