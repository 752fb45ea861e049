//! `/-/admin`: what needs a person, and how much there is.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, extract::State};
use http::{Response, StatusCode};
use supercargo_pages::{
    AdminHead, AdminTally, Links, Matter, OverviewPage, Section, bytes, count, plural,
};
use supercargo_registry::{
    AuditOutcome, AuditQuery, Checked, Failure, HealthState, Inspection, Instance,
    MayAdministerInstance,
};
use supercargo_types::{PrincipalKind, Timestamp};

use super::{
    super::{errors, respond::page, visitor::Visitor},
    storage::row,
};

/// What counts as lately.
const LATELY: Duration = Duration::from_hours(24);
/// Attempts that were denied within that time: some happen every day to whoever mistypes something.
const MANY: u64 = 20;
/// Upstreams that are named; of more, their page tells.
const NAMED: usize = 5;

/// `GET /-/admin`.
pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
) -> Response<Body> {
    let made = shown(&instance, &visitor).await;
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

async fn shown(instance: &Instance, visitor: &Visitor) -> Result<Response<Body>, Failure> {
    let right = instance.may_administer_instance(visitor.actor.clone())?;
    let now = instance.clock().now();
    let links = &visitor.links;
    let inspection = instance.inspect(&right).await?;
    let mut matters = trials(links, &inspection);
    matters.extend(upstreams(links, &inspection));
    matters.extend(jobs(instance, links, &right, now));
    matters.extend(alarms(links, &inspection));
    matters.extend(denied(instance, visitor, now).await?);
    let mut frame = visitor.frame("Administration");
    frame.section = Section::Administration;
    frame.last_step("Administration");
    let template = OverviewPage {
        head: AdminHead { part: "" },
        matters,
        tallies: tallies(instance, links, &right).await?,
        frame,
    };
    page(visitor, StatusCode::OK, &template)
}

/// The database and the disk.
fn trials(links: &Links, inspection: &Inspection) -> Vec<Matter> {
    let trials = [
        ("The database fails", &inspection.database),
        ("Crate files cannot be written", &inspection.storage),
    ];
    let matter = |(what, checked): (&str, &Checked)| match checked {
        Checked::Well(_) => None,
        Checked::Failed(reason) => Some(Matter {
            what: what.to_owned(),
            sentence: errors::sentence(reason),
            address: links.to("/-/admin/health"),
            words: "Health",
            is_bad: true,
        }),
    };
    trials.into_iter().filter_map(matter).collect()
}

fn upstreams(links: &Links, inspection: &Inspection) -> Option<Matter> {
    let failing = inspection.upstreams.iter();
    let failing: Vec<_> = failing
        .filter(|upstream| upstream.state == HealthState::Failing)
        .map(|upstream| format!("`{}`", upstream.name))
        .collect();
    let all = failing.len();
    (all > 0).then(|| {
        let more = all.saturating_sub(NAMED);
        let and = if more > 0 {
            format!(" and {}", plural(more as u64, "other"))
        } else {
            String::new()
        };
        let named = failing[..all.min(NAMED)].join(", ");
        Matter {
            what: format!("{} failing", plural(all as u64, "upstream")),
            sentence: format!(
                "{named}{and}: what is cached is still given out, and nothing new is fetched."
            ),
            address: links.to("/-/admin/health"),
            words: "Why, and since when",
            is_bad: true,
        }
    })
}

fn jobs(
    instance: &Instance,
    links: &Links,
    right: &MayAdministerInstance,
    now: Timestamp,
) -> Vec<Matter> {
    let jobs = instance.jobs(right).into_iter().map(|job| row(job, now));
    let failing = jobs.filter(|job| job.is_failing);
    let matter = |job: supercargo_pages::JobRow| Matter {
        what: format!("{} fails", job.name),
        sentence: job.failure.map_or_else(
            || "The log of the server has the reason.".to_owned(),
            |(_, what)| {
                let told = errors::sentence(what);
                format!("{told} The log of the server has the reason.")
            },
        ),
        address: links.to("/-/admin/storage"),
        words: "Jobs",
        is_bad: true,
    };
    failing.map(matter).collect()
}

fn alarms(links: &Links, inspection: &Inspection) -> Option<Matter> {
    (inspection.alarms > 0).then(|| Matter {
        what: format!("{} in seven days", plural(inspection.alarms, "alarm")),
        sentence: "An upstream has sent bytes that it did not promise, changed what it gave out, or lost a crate."
            .to_owned(),
        address: links.asking("/-/admin/audit", &[("outcome", "alarm")]),
        words: "Read them",
        is_bad: true,
    })
}

async fn denied(
    instance: &Instance,
    visitor: &Visitor,
    now: Timestamp,
) -> Result<Option<Matter>, Failure> {
    let right = instance.may_audit(None, visitor.actor.clone())?;
    let query = AuditQuery {
        outcome: Some(AuditOutcome::Denied),
        from: Some(now.minus(LATELY)),
        ..AuditQuery::default()
    };
    let denied = instance.audit_total(&right, &query).await?;
    Ok((denied >= MANY).then(|| Matter {
        what: format!("{} since yesterday", plural(denied, "refusal")),
        sentence:
            "That may be a mistyped setting of a job, or somebody who tries tokens and passwords."
                .to_owned(),
        address: visitor
            .links
            .asking("/-/admin/audit", &[("outcome", "denied")]),
        words: "Who, and what",
        is_bad: false,
    }))
}

async fn tallies(
    instance: &Instance,
    links: &Links,
    right: &MayAdministerInstance,
) -> Result<Vec<AdminTally>, Failure> {
    let storage = instance.storage(right).await?;
    let (_, users) = instance
        .list_principals(right, PrincipalKind::User, 1, None)
        .await?;
    let (_, services) = instance
        .list_principals(right, PrincipalKind::Service, 1, None)
        .await?;
    let (_, teams) = instance.list_teams(right, 1, None).await?;
    let crates = storage.registries.iter().map(|registry| registry.crates);
    let tally = |number: String, words, path: &str| AdminTally {
        number,
        words,
        address: links.to(path),
    };
    Ok(vec![
        tally(count(storage.registries.len() as u64), "registries", "/"),
        tally(count(crates.sum()), "hosted crates", "/"),
        tally(count(users), "users", "/-/admin/users"),
        tally(count(teams), "teams", "/-/admin/teams"),
        tally(
            count(services),
            "service accounts",
            "/-/admin/service-accounts",
        ),
        tally(bytes(storage.hosted.bytes), "hosted", "/-/admin/storage"),
        tally(bytes(storage.cached.bytes), "cached", "/-/admin/storage"),
    ])
}
