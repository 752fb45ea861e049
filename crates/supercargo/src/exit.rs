//! How the program ends, for scripts.

use std::process::ExitCode;

/// What an exit code says. Codes never change once they are released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked for is done.
    Done,
    /// It is not, and it will not be by asking again.
    Failed,
    /// It cannot be asked for like this; nothing was sent.
    Usage,
    /// Somebody else may, perhaps.
    NotAllowed,
    /// It may work later.
    NoAnswer,
}

impl Exit {
    /// All of them, in the order of their codes.
    pub(crate) const ALL: [Self; 5] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::NotAllowed,
        Self::NoAnswer,
    ];

    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotAllowed => 3,
            Self::NoAnswer => 4,
        }
    }

    /// In a sentence.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "it is done",
            Self::Failed => {
                "it is not done: the server refused it, a test failed, or a file cannot be read or written"
            }
            Self::Usage => "this cannot be typed: nothing was sent; `--help` says what can",
            Self::NotAllowed => {
                "it is not allowed: sign in, ask somebody for the right, or a rule of the registry keeps it back"
            }
            Self::NoAnswer => {
                "no answer for now: the server cannot be reached, or it or an upstream is too busy; try again later"
            }
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
