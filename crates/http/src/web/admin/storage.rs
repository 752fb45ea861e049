//! `/-/admin/storage`: how much is stored, and what the server does by itself.

use std::sync::Arc;

use axum::{body::Body, extract::State};
use http::{Response, StatusCode, Uri};
use supercargo_pages::{
    AdminHead, CachedOfUpstream, JobRow, Moment, StoragePage, StoredRow, shares,
};
use supercargo_registry::{Failure, Instance, Job, JobKind, Storage};
use supercargo_types::Timestamp;

use super::{
    super::{asked::Asked, errors, respond::page, visitor::Visitor},
    audit::frame,
    took,
};

/// Registries on a page.
const PAGE: u64 = 50;
const PATH: &str = "/-/admin/storage";

/// `GET /-/admin/storage`.
pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let made = shown(&instance, &visitor, &Asked::of(&uri)).await;
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

async fn shown(
    instance: &Instance,
    visitor: &Visitor,
    asked: &Asked,
) -> Result<Response<Body>, Failure> {
    let right = instance.may_administer_instance(visitor.actor.clone())?;
    let now = instance.clock().now();
    let mut storage = instance.storage(&right).await?;
    let jobs = instance.jobs(&right);
    storage
        .registries
        .sort_by(|one, other| other.bytes.cmp(&one.bytes).then(one.name.cmp(&other.name)));
    let total = storage.registries.len() as u64;
    let template = StoragePage {
        frame: frame(visitor, "Storage and jobs"),
        head: AdminHead { part: "storage" },
        hosted: (storage.hosted.files, storage.hosted.bytes),
        cached: (storage.cached.files, storage.cached.bytes),
        cache_limit: storage.cache_limit,
        engine: storage.engine,
        database: storage.database_bytes,
        registries: registries(&storage, asked.skipped(PAGE)),
        pager: asked.pager(&visitor.links, PATH, PAGE, total),
        upstreams: upstreams(storage, now),
        jobs: jobs.into_iter().map(|job| row(job, now)).collect(),
        started: Moment::new(instance.started_at(), now),
    };
    page(visitor, StatusCode::OK, &template)
}

fn registries(storage: &Storage, skipped: u64) -> Vec<StoredRow> {
    let bytes: Vec<_> = storage.registries.iter().map(|one| one.bytes).collect();
    let all = storage.registries.iter().zip(shares(&bytes));
    all.skip(usize::try_from(skipped).unwrap_or(usize::MAX))
        .take(usize::try_from(PAGE).unwrap_or(usize::MAX))
        .map(|(one, share)| StoredRow {
            name: one.name.to_string(),
            crates: one.crates,
            bytes: one.bytes,
            from_upstreams: one.from_upstreams,
            share,
        })
        .collect()
}

fn upstreams(storage: Storage, now: Timestamp) -> Vec<CachedOfUpstream> {
    let mut caches = storage.upstreams;
    caches.sort_by(|one, other| {
        let by_size = other.size.bytes.cmp(&one.size.bytes);
        by_size.then(one.upstream.cmp(&other.upstream))
    });
    let bytes: Vec<_> = caches.iter().map(|cache| cache.size.bytes).collect();
    let all = caches.into_iter().zip(shares(&bytes));
    all.map(|(cache, share)| CachedOfUpstream {
        files: cache.size.files,
        bytes: cache.size.bytes,
        index_files: cache.size.index_files,
        hit_rate: cache.hit_rate().map(percent),
        oldest: cache.size.oldest.map(|oldest| Moment::new(oldest, now)),
        share,
        name: cache.upstream,
    })
    .collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is between nought and one"
)]
fn percent(rate: f64) -> u64 {
    (rate * 100.0).floor() as u64
}

/// A job's name, more about it, how often it runs, and why it is not needed where it is not.
fn words(kind: JobKind) -> [&'static str; 4] {
    match kind {
        JobKind::Batches => [
            "Writing what waits",
            "Index files, pins, last uses, counts and denied attempts, from memory to the database",
            "each second",
            "",
        ],
        JobKind::Readers => [
            "Writing who downloads what",
            "Beside the others: a flood of downloads holds nothing else up",
            "each second",
            "",
        ],
        JobKind::Tidying => [
            "Removing what is old",
            "Old downloads and entries of the log, ended sessions, spent limits",
            "each hour",
            "",
        ],
        JobKind::CacheLimit => [
            "Keeping the cache within its limit",
            "Cached files that were used least recently go, and are fetched again when somebody asks",
            "each minute, and when it is over",
            "`upstream.cache_size` is not set",
        ],
        JobKind::Changes => [
            "Hearing what other servers change",
            "Copies in memory are dropped as soon as another server has changed what they are of",
            "all the time",
            "SQLite serves this server alone",
        ],
    }
}

/// Also for the overview, which tells of those that fail.
pub(super) fn row(job: Job, now: Timestamp) -> JobRow {
    let [name, about, every, not_wanted] = words(job.kind);
    let (last, duration) = job.last.unzip();
    JobRow {
        name,
        about,
        every,
        not_wanted: (!job.is_wanted).then_some(not_wanted),
        runs: job.runs,
        last: last.map(|at| Moment::new(at, now)),
        took: duration.flatten().map(took),
        work: job.work.map(|(at, did)| (Moment::new(at, now), did)),
        failure: job.failure.map(|(at, what)| (Moment::new(at, now), what)),
        is_failing: job.is_failing,
    }
}
