//! What the program does by itself, over and over: when it last did so on this server, and what came of it. Held in memory,
//! for whoever looks after the server; nothing depends on it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use supercargo_types::Timestamp;

use crate::{Instance, rights::MayAdministerInstance};

/// Something that is done again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobKind {
    /// Writes what waits in memory for the database.
    Batches,
    /// Writes who downloaded what.
    Readers,
    /// Removes what is older than the settings say.
    Tidying,
    /// Keeps cached files within their limit.
    CacheLimit,
    /// Hears what other servers change.
    Changes,
}

/// How a job does, on this server and since its start.
#[derive(Clone, Debug)]
pub struct Job {
    /// Which.
    pub kind: JobKind,
    /// How often it begins; `None` for what goes on all the time.
    pub every: Option<Duration>,
    /// Whether it is needed here, as things are set.
    pub is_wanted: bool,
    /// How often it has run.
    pub runs: u64,
    /// When it began last, and how long that took, where it has ended.
    pub last: Option<(Timestamp, Option<Duration>)>,
    /// The last run that had something to do: when it ended, and what it did.
    pub work: Option<(Timestamp, Vec<(&'static str, u64)>)>,
    /// All that it did.
    pub totals: Vec<(&'static str, u64)>,
    /// What failed last, in a sentence, and when.
    pub failure: Option<(Timestamp, &'static str)>,
    /// Whether something failed in the last run.
    pub is_failing: bool,
}

#[derive(Clone, Debug, Default)]
struct Note {
    runs: u64,
    began: Option<Timestamp>,
    took: Option<Duration>,
    /// What the run under way did.
    under_way: BTreeMap<&'static str, u64>,
    has_failed: bool,
    is_failing: bool,
    work: Option<(Timestamp, BTreeMap<&'static str, u64>)>,
    totals: BTreeMap<&'static str, u64>,
    failure: Option<(Timestamp, &'static str)>,
}

/// What memory holds of the jobs.
pub(crate) struct Jobs {
    started_at: Timestamp,
    notes: Mutex<BTreeMap<JobKind, Note>>,
}

impl Jobs {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            started_at: now,
            notes: Mutex::default(),
        }
    }

    fn notes(&self) -> MutexGuard<'_, BTreeMap<JobKind, Note>> {
        self.notes
            .lock()
            .expect("invariant: nobody panics with this lock")
    }

    /// When the server started.
    pub(crate) fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// A run begins.
    pub(crate) fn begin(&self, kind: JobKind, now: Timestamp) {
        let mut notes = self.notes();
        let note = notes.entry(kind).or_default();
        note.began = Some(now);
        note.took = None;
        note.has_failed = false;
    }

    /// It has done something: what, as a heading for the number, such as `pins`.
    pub(crate) fn did(&self, kind: JobKind, what: &'static str, number: u64) {
        if number > 0 {
            let mut notes = self.notes();
            let note = notes.entry(kind).or_default();
            *note.under_way.entry(what).or_default() += number;
        }
    }

    /// Something of it failed: what, in a sentence. The log has the reason, which may be about what this must not tell.
    pub(crate) fn failed(&self, kind: JobKind, now: Timestamp, what: &'static str) {
        let mut notes = self.notes();
        let note = notes.entry(kind).or_default();
        note.failure = Some((now, what));
        note.has_failed = true;
    }

    /// The run ends.
    pub(crate) fn end(&self, kind: JobKind, now: Timestamp) {
        let mut notes = self.notes();
        let note = notes.entry(kind).or_default();
        note.runs += 1;
        note.took = note.began.map(|began| now.since(began));
        note.is_failing = note.has_failed;
        let done = std::mem::take(&mut note.under_way);
        if done.is_empty() {
            return;
        }
        for (what, number) in &done {
            *note.totals.entry(what).or_default() += number;
        }
        note.work = Some((now, done));
    }

    fn job(&self, kind: JobKind, every: Option<Duration>, is_wanted: bool) -> Job {
        let note = self.notes().get(&kind).cloned().unwrap_or_default();
        Job {
            kind,
            every,
            is_wanted,
            runs: note.runs,
            last: note.began.map(|began| (began, note.took)),
            work: note.work.map(|(at, did)| (at, did.into_iter().collect())),
            totals: note.totals.into_iter().collect(),
            failure: note.failure,
            is_failing: note.is_failing || note.has_failed,
        }
    }
}

impl Instance {
    /// When this server started.
    pub fn started_at(&self) -> Timestamp {
        self.jobs.started_at()
    }

    /// What this server does by itself, and how that went.
    pub fn jobs(&self, _right: &MayAdministerInstance) -> Vec<Job> {
        let second = Some(Duration::from_secs(1));
        let has_limit = self.upstream_settings().cache_size.is_some();
        let job = |kind, every, is_wanted| self.jobs.job(kind, every, is_wanted);
        vec![
            job(JobKind::Batches, second, true),
            job(JobKind::Readers, second, true),
            job(JobKind::Tidying, Some(Duration::from_hours(1)), true),
            job(JobKind::CacheLimit, Some(Duration::from_mins(1)), has_limit),
            job(JobKind::Changes, None, self.store.is_shared()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_told_with_what_it_did_and_one_without_work_hides_nothing() {
        let at = Timestamp::from_seconds;
        let jobs = Jobs::new(at(0));
        let told = || jobs.job(JobKind::Batches, None, true);
        assert_eq!((told().runs, told().last), (0, None));
        jobs.begin(JobKind::Batches, at(10));
        assert_eq!(told().last, Some((at(10), None)));
        jobs.did(JobKind::Batches, "pins", 2);
        jobs.did(JobKind::Batches, "pins", 1);
        jobs.did(JobKind::Batches, "last uses", 0);
        jobs.end(JobKind::Batches, at(12));
        jobs.begin(JobKind::Batches, at(20));
        jobs.end(JobKind::Batches, at(20));
        let job = told();
        assert_eq!(job.runs, 2);
        assert_eq!(job.last, Some((at(20), Some(Duration::ZERO))));
        assert_eq!(job.work, Some((at(12), vec![("pins", 3)])));
        assert_eq!(job.totals, [("pins", 3)]);
        assert!(!job.is_failing && job.failure.is_none());
    }

    #[test]
    fn a_failure_is_told_until_a_run_goes_well_and_remembered_after_it() {
        let at = Timestamp::from_seconds;
        let jobs = Jobs::new(at(0));
        let told = || jobs.job(JobKind::Tidying, None, true);
        jobs.begin(JobKind::Tidying, at(1));
        jobs.failed(JobKind::Tidying, at(2), "nothing was removed");
        jobs.end(JobKind::Tidying, at(2));
        assert!(told().is_failing);
        jobs.begin(JobKind::Tidying, at(3));
        assert!(told().is_failing, "not known yet");
        jobs.end(JobKind::Tidying, at(4));
        assert!(!told().is_failing);
        assert_eq!(told().failure, Some((at(2), "nothing was removed")));
    }
}
