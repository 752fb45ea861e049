//! The ways in which an upstream fails.

use std::time::Duration;

use supercargo_testkit::{FakeUpstream, Fault, Package};

use crate::scene::index_file;

/// More than any index file of a real registry.
const HUGE: u64 = 200 << 20;
/// What an upstream may ask for in a test that waits for its end.
const PAUSE: u64 = 2;

/// A row of the table.
pub(crate) struct Case {
    /// What the upstream does.
    pub(crate) does: &'static str,
    /// With index files.
    pub(crate) index: Trick,
    /// With crate files; where it is `None`, the index files are enough to make them fail.
    pub(crate) file: Option<Trick>,
    /// What comes of a crate file before its failure is known.
    pub(crate) comes: Comes,
}

/// How much comes of a crate file that fails. Its clients get all of that but for the last 64 KiB, if there is time
/// before the failure is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comes {
    Nothing,
    /// A part of it, or as much as it is long.
    OfIt,
    /// More than that, however short it is.
    Much,
}

/// How it is done.
#[derive(Clone, Debug)]
pub(crate) enum Trick {
    Fault(Fault),
    /// The same, with compressed index files.
    Compressed(Fault),
    /// A redirect to another registry that has the same.
    Elsewhere,
    /// Nobody takes the connection.
    Dark,
    /// Another package under the same number.
    Republish,
}

pub(crate) fn cases() -> Vec<Case> {
    let case = |does, index, file, comes| Case {
        does,
        index,
        file,
        comes,
    };
    let both = |does, fault: Fault, comes| {
        let trick = Trick::Fault(fault);
        case(does, trick.clone(), Some(trick), comes)
    };
    let index = |does, trick, comes| case(does, trick, None, comes);
    let answers = |does, fault| both(does, fault, Comes::Nothing);
    let drip = Fault::SlowDrip(1, Duration::from_millis(300));
    vec![
        answers("answers 500", Fault::Status(500)),
        answers(
            "answers 503 with `Retry-After: 2`",
            Fault::RetryAfter(503, PAUSE),
        ),
        answers("answers 429", Fault::Status(429)),
        answers("answers 401", Fault::Status(401)),
        answers("answers 403", Fault::Status(403)),
        answers("answers 451", Fault::Status(451)),
        case(
            "takes no connection (its packets are dropped)",
            Trick::Dark,
            Some(Trick::Dark),
            Comes::Nothing,
        ),
        answers("takes the question and never answers", Fault::Hang),
        both("stops in the middle of the body", Fault::Stall, Comes::OfIt),
        both(
            "resets the connection in the middle of the body",
            Fault::Reset,
            Comes::OfIt,
        ),
        answers("drips, a byte every 0.3 s", drip),
        both(
            "sends half, as if it were all",
            Fault::Truncated,
            Comes::OfIt,
        ),
        case(
            "sends a damaged byte (index files compressed)",
            Trick::Compressed(Fault::Corrupted),
            Some(Trick::Fault(Fault::Corrupted)),
            Comes::OfIt,
        ),
        index(
            "lists another checksum than that of the bytes",
            Trick::Fault(Fault::WrongChecksum),
            Comes::OfIt,
        ),
        index(
            "has another name inside an entry",
            Trick::Fault(Fault::WrongName),
            Comes::Nothing,
        ),
        answers("answers 200 and an HTML page", Fault::Html),
        both("sends 200 MB", Fault::Huge(HUGE), Comes::Much),
        both(
            "sends a gzip bomb of 200 MB",
            Fault::GzipBomb(HUGE),
            Comes::Much,
        ),
        answers("redirects in a loop", Fault::RedirectLoop),
        case(
            "redirects to another origin",
            Trick::Elsewhere,
            Some(Trick::Elsewhere),
            Comes::Nothing,
        ),
        index(
            "lists and sends other bytes under the same version",
            Trick::Republish,
            Comes::Nothing,
        ),
    ]
}

impl Trick {
    /// Plays it on all that the upstream has of a crate below `prefix`, which is the index or the downloads; `there` is the
    /// other registry.
    pub(crate) async fn play(
        &self,
        upstream: &mut FakeUpstream,
        there: &FakeUpstream,
        prefix: &str,
        package: &Package,
    ) {
        let name = package.name();
        let path = match prefix {
            INDEX => index_file(name),
            _ => format!("{DOWNLOADS}{name}/{}/download", package.version()),
        };
        match self {
            Self::Fault(fault) => upstream.fault(&path, fault.clone()),
            Self::Compressed(fault) => {
                upstream.gzip(true);
                upstream.fault(&path, fault.clone());
            }
            Self::Elsewhere => {
                let to = format!("{}{path}", there.url());
                upstream.fault(&path, Fault::Redirect(to));
            }
            Self::Dark => upstream.go_dark().await,
            Self::Republish => {
                upstream.republish(&package.clone().file("CHANGED", "other bytes"));
            }
        }
    }

    /// Ends it.
    pub(crate) fn end(&self, upstream: &mut FakeUpstream, package: &Package) {
        match self {
            Self::Fault(_) | Self::Compressed(_) | Self::Elsewhere => upstream.heal(),
            Self::Dark => upstream.start_again(),
            Self::Republish => upstream.republish(package),
        }
    }
}

pub(crate) const INDEX: &str = "/index/";
pub(crate) const DOWNLOADS: &str = "/dl/";
