//! One index file as it goes out, with what a download needs to know of its versions.

use std::{
    io::Write as _,
    ops::Range,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use supercargo_policy::Verdict;
use supercargo_types::{Action, Digest, Timestamp, VersionState};

/// The bytes of an index file with its validators. Shared, never copied.
#[derive(Debug)]
pub struct Listing {
    body: Bytes,
    gzip: OnceLock<Bytes>,
    etag: Bytes,
    last_modified: Timestamp,
    last_modified_text: Bytes,
    versions: Vec<Listed>,
}

/// One line of it.
#[derive(Debug)]
pub(crate) struct Listed {
    /// As the line spells it: download templates are filled with that.
    pub(crate) name: String,
    pub(crate) version: String,
    /// `None` for a line that cargo ignores: passed on, but nothing can be downloaded by it.
    pub(crate) checksum: Option<Digest>,
    pub(crate) origin: Origin,
    /// What a person or a rule says against it.
    pub(crate) verdict: Option<Verdict>,
    /// Why it is shown as held though nothing forbids its download: its upstream has lost or changed it.
    pub(crate) lost: Option<&'static str>,
    /// Whether its upstream lists other bytes now than were served before.
    pub(crate) changed: bool,
    /// Yanked by its publisher.
    pub(crate) yanked: bool,
    /// When it was published, where that is known.
    pub(crate) published_at: Option<Timestamp>,
    line: Range<usize>,
    /// Served before, and written down as such.
    ledgered: AtomicBool,
    delivered: AtomicBool,
}

/// Where the bytes of a version come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    Hosted {
        /// Its row.
        version_id: i64,
    },
    /// An upstream of the registry, as it is attached when the bytes are asked for: its credentials change without its files.
    Upstream {
        /// Which one lists it.
        id: i64,
        /// The one that once gave the bytes that were served here, while it is attached.
        given_by: Option<i64>,
    },
}

impl Listing {
    /// Joins the lines; each ends with a newline.
    pub(crate) fn new(lines: Vec<Line<'_>>, last_modified: Timestamp) -> Self {
        let mut body = Vec::with_capacity(lines.iter().map(|line| line.text.len() + 1).sum());
        let mut versions = Vec::with_capacity(lines.len());
        for line in lines {
            let start = body.len();
            body.extend_from_slice(line.text.as_bytes());
            versions.push(Listed {
                name: line.name,
                version: line.version,
                checksum: line.checksum,
                origin: line.origin,
                verdict: line.verdict,
                lost: line.lost,
                changed: line.changed,
                yanked: line.yanked,
                published_at: line.published_at,
                line: start..body.len(),
                ledgered: AtomicBool::new(line.ledgered),
                delivered: AtomicBool::new(false),
            });
            body.push(b'\n');
        }
        // Half of a SHA-256 tells any two contents apart, and is shorter to send back.
        let etag = format!("\"{}\"", &Digest::of(&body).hex()[..32]);
        Self {
            body: body.into(),
            gzip: OnceLock::new(),
            etag: etag.into(),
            last_modified,
            last_modified_text: last_modified.http_date().into(),
            versions,
        }
    }

    /// As it is.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Compressed, when first asked for: publishing does not pay for it.
    pub fn gzip(&self) -> &Bytes {
        self.gzip.get_or_init(|| {
            let mut encoder = GzEncoder::new(
                Vec::with_capacity(self.body.len() / 4),
                Compression::default(),
            );
            let written = encoder
                .write_all(&self.body)
                .and_then(|()| encoder.finish());
            written
                .expect("invariant: writing to memory does not fail")
                .into()
        })
    }

    /// A hash of the bytes, quoted ASCII; equal on every replica.
    pub fn etag(&self) -> &Bytes {
        &self.etag
    }

    /// Grows with every change of this name's views.
    pub fn last_modified(&self) -> Timestamp {
        self.last_modified
    }

    /// The same as an HTTP date, in ASCII.
    pub fn last_modified_text(&self) -> &Bytes {
        &self.last_modified_text
    }

    pub(crate) fn versions(&self) -> &[Listed] {
        &self.versions
    }

    pub(crate) fn version(&self, version: &str) -> Option<&Listed> {
        self.versions
            .iter()
            .find(|listed| listed.version == version)
    }

    pub(crate) fn line(&self, listed: &Listed) -> &str {
        std::str::from_utf8(&self.body[listed.line.clone()]).expect("invariant: lines are text")
    }

    /// What it costs to keep, in bytes; the compressed form is about a quarter.
    pub(crate) fn memory(&self) -> usize {
        self.body.len() + self.body.len() / 4 + self.versions.len() * (size_of::<Listed>() + 16)
    }
}

impl Listed {
    /// What people see of it.
    pub(crate) fn state(&self) -> VersionState {
        let action = self.verdict.as_ref().map(|verdict| verdict.action);
        let held = self.lost.map(|_| Action::Hold);
        VersionState::of(false, action.max(held), self.yanked)
    }

    /// Why it is held or blocked.
    pub(crate) fn reason(&self) -> Option<&str> {
        let verdict = self.verdict.as_ref().map(|verdict| verdict.reason.as_str());
        verdict.or(self.lost)
    }

    pub(crate) fn is_ledgered(&self) -> bool {
        self.ledgered.load(Ordering::Relaxed)
    }

    pub(crate) fn mark_ledgered(&self) {
        self.ledgered.store(true, Ordering::Relaxed);
    }

    /// Whether its upstream is known to have delivered these bytes.
    pub(crate) fn is_delivered(&self) -> bool {
        self.delivered.load(Ordering::Relaxed)
    }

    pub(crate) fn mark_delivered(&self) {
        self.delivered.store(true, Ordering::Relaxed);
    }
}

/// What a [`Listing`] is made of.
pub(crate) struct Line<'a> {
    pub(crate) text: std::borrow::Cow<'a, str>,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) checksum: Option<Digest>,
    pub(crate) origin: Origin,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) lost: Option<&'static str>,
    pub(crate) changed: bool,
    pub(crate) yanked: bool,
    pub(crate) published_at: Option<Timestamp>,
    pub(crate) ledgered: bool,
}
