//! A login that a program has begun: the person types its code, sees what is asked for, and decides.

use askama::Template;

use crate::{Frame, Moment, filters};

/// The page at which a person decides.
#[derive(Debug, Template)]
#[template(path = "device.html")]
pub struct DevicePage {
    /// Around it.
    pub frame: Frame,
    /// How far it is.
    pub step: DeviceStep,
}

/// What a person does next.
#[derive(Debug)]
pub enum DeviceStep {
    /// Types a code.
    Code {
        /// The one that was typed.
        typed: String,
        /// Why it is none.
        problem: Option<String>,
    },
    /// Decides.
    Decide(Box<DeviceWish>),
    /// Goes back to the program.
    Decided {
        /// Whether it gets its token.
        approved: bool,
    },
}

/// What a program wants, and what is known of it.
#[derive(Debug)]
pub struct DeviceWish {
    /// Eight letters that the program shows, too.
    pub code: String,
    /// What it calls itself.
    pub program: String,
    /// Where it ran when it asked.
    pub address: String,
    /// When it asked.
    pub asked: Moment,
    /// As its token would be called.
    pub name: String,
    /// What the token could do, a sentence each.
    pub could: Vec<String>,
    /// When the token would end; none: never.
    pub ends: Option<Moment>,
    /// Why it cannot be approved.
    pub problem: Option<String>,
}
