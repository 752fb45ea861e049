//! `/-/admin/audit`: the log with filters, page by page and as a file. The page of a registry's activity is made of the same.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, extract::State};
use http::{Response, StatusCode, Uri};
use supercargo_pages::{
    AdminAuditPage, AdminHead, AuditAsked, AuditLog, AuditRow, Frame, Moment, Section, Wrongs,
    plural,
};
use supercargo_registry::{
    AuditItem, AuditQuery, AuditSettings, Failure, Instance, MayAudit, Refusal,
};
use supercargo_types::{RegistryName, Spelling, Timestamp};

use super::super::{
    asked::Asked,
    errors,
    respond::{file, page},
    visitor::Visitor,
};
use crate::api::audit::export::{self, Format};

/// Entries on a page.
const PAGE: u32 = 50;
/// Registries that are offered while somebody types; the field takes every name.
const OFFERED: usize = 500;
/// As the log of downloads is asked for.
const DOWNLOADED: &str = "version.downloaded";
const DAY: Duration = Duration::from_hours(24);
/// More entries than this are not counted.
const COUNTED: u64 = 100_000;

/// `GET /-/admin/audit`.
pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let made = async {
        let right = instance.may_audit(None, visitor.actor.clone())?;
        let (status, log) = log(&instance, &visitor, &right, &uri, None).await?;
        let template = AdminAuditPage {
            frame: frame(&visitor, "Audit log"),
            head: AdminHead { part: "audit" },
            log,
        };
        page(&visitor, status, &template)
    };
    let made = made.await;
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

/// `GET /-/admin/audit/export`.
pub(in crate::web) async fn export(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let made = async {
        let right = instance.may_audit(None, visitor.actor.clone())?;
        as_file(&instance, &visitor, right, &uri, None).await
    };
    let made = made.await;
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

/// Around a page of the administration.
pub(super) fn frame(visitor: &Visitor, title: &str) -> Frame {
    let mut frame = visitor.frame(format!("{title} · administration"));
    frame.section = Section::Administration;
    frame.step("Administration", frame.links.to("/-/admin"));
    frame.last_step(title);
    frame
}

/// A page of the log, or what is wrong with what is asked for; with its status.
pub(in crate::web) async fn log(
    instance: &Instance,
    visitor: &Visitor,
    right: &MayAudit,
    uri: &Uri,
    registry: Option<&RegistryName>,
) -> Result<(StatusCode, AuditLog), Failure> {
    let asked = asked(&Asked::of(uri));
    let (query, mut wrongs) = query(&asked, registry);
    let before = asked.before.parse().ok();
    if before.is_none() && !asked.before.is_empty() {
        wrongs.put_whole("That is no page of the log. Begin with the newest entries.");
    }
    let mut log = AuditLog {
        path: path(registry),
        registries: offered(instance, visitor, registry),
        kept: kept(instance.audit_settings(), asked.downloads),
        asked,
        wrongs,
        entries: Vec::new(),
        total: (0, false),
        older: None,
    };
    if !log.wrongs.is_empty() {
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, log));
    }
    let mut items = instance.audit_page(right, &query, PAGE, before).await?;
    if let Some(open) = log.asked.open
        && !items.iter().any(|item| item.id == open)
    {
        // a link to one entry: the page begins with it
        let begins = open.saturating_add(1);
        items = instance
            .audit_page(right, &query, PAGE, Some(begins))
            .await?;
        log.asked.before = begins.to_string();
    }
    let total = instance.audit_total(right, &query).await?;
    let is_full = items.len() == usize::try_from(PAGE).unwrap_or(usize::MAX);
    let now = instance.clock().now();
    log.older = items.last().filter(|_| is_full).map(|item| item.id);
    log.total = (total, total >= COUNTED);
    log.entries = items.into_iter().map(|item| row(item, now)).collect();
    Ok((StatusCode::OK, log))
}

/// All that is asked for.
pub(in crate::web) async fn as_file(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    right: MayAudit,
    uri: &Uri,
    registry: Option<&RegistryName>,
) -> Result<Response<Body>, Failure> {
    let pairs = Asked::of(uri);
    let (query, wrongs) = query(&asked(&pairs), registry);
    if let Some(wrong) = wrongs.first() {
        return Err(Refusal::Shape(wrong.to_owned()).into());
    }
    let format: Format = pairs.get("format").parse().map_err(Refusal::Shape)?;
    let whole = export::whole(instance.clone(), right, query, format).await?;
    Ok(file(visitor, whole))
}

fn asked(asked: &Asked) -> AuditAsked {
    let text = |key: &str| asked.get(key).to_owned();
    AuditAsked {
        registry: text("registry"),
        who: text("who"),
        action: text("action"),
        outcome: text("outcome"),
        krate: text("crate"),
        from: text("from"),
        to: text("to"),
        downloads: asked.get("downloads") == "on",
        before: text("before"),
        open: asked.get("open").parse().ok(),
    }
}

/// What is asked for, field by field, so that all that is wrong is told at once.
fn query(asked: &AuditAsked, registry: Option<&RegistryName>) -> (AuditQuery, Wrongs) {
    let mut wrongs = Wrongs::default();
    let mut query = AuditQuery {
        registry: registry.cloned(),
        ..AuditQuery::default()
    };
    if registry.is_none() {
        let wrong = "Write the name of a registry, as in `acme`.";
        query.registry = read(&mut wrongs, "registry", &asked.registry, wrong, |text| {
            text.parse().ok()
        });
    }
    let wrong = "Write one name, as in `alice`, `team:core` or `service:ci`.";
    query.principal = read(&mut wrongs, "who", &asked.who, wrong, |text| {
        let is_name = !text
            .chars()
            .any(|letter| letter.is_whitespace() || letter.is_control());
        is_name.then(|| text.to_owned())
    });
    if asked.downloads {
        query.action = Some(DOWNLOADED.to_owned());
    } else {
        let wrong = "Write it as entries have it, as in `version.published`.";
        query.action = read(&mut wrongs, "action", &asked.action, wrong, |text| {
            let is_plain = |letter: char| letter.is_ascii_graphic() || letter == ' ';
            text.chars().all(is_plain).then(|| text.to_owned())
        });
        let wrong = "Choose one of the list.";
        query.outcome = read(&mut wrongs, "outcome", &asked.outcome, wrong, |text| {
            text.parse().ok()
        });
    }
    let (name, version) = match asked.krate.split_once('@') {
        Some((name, version)) => (name.trim(), version.trim()),
        None => (asked.krate.as_str(), ""),
    };
    let wrong = "Write a crate as in `serde`, or one version of it as in `serde@1.0.2`.";
    if name.is_empty() && !version.is_empty() {
        wrongs.put("crate", wrong);
    }
    let name: Option<Spelling> = read(&mut wrongs, "crate", name, wrong, |text| text.parse().ok());
    query.crate_name = name.map(|name| name.canonical());
    query.version = read(&mut wrongs, "crate", version, wrong, |text| {
        let is_plain = text.chars().all(|letter| letter.is_ascii_graphic());
        is_plain.then(|| text.to_owned())
    });
    let wrong = "Write a day as in `2026-11-20`.";
    query.from = read(&mut wrongs, "from", &asked.from, wrong, day);
    // the day is meant whole
    let to = read(&mut wrongs, "to", &asked.to, wrong, day);
    query.to = to.map(|to| to.plus(DAY));
    if let (Some(from), Some(to)) = (query.from, query.to)
        && from >= to
    {
        wrongs.put("to", "This day is before the first one.");
    }
    (query, wrongs)
}

/// A field that is filled in and makes sense, or none.
fn read<T>(
    wrongs: &mut Wrongs,
    field: &'static str,
    text: &str,
    wrong: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    let parsed = parse(text);
    if parsed.is_none() {
        wrongs.put(field, wrong);
    }
    parsed
}

fn day(text: &str) -> Option<Timestamp> {
    Timestamp::from_rfc3339(&format!("{text}T00:00:00Z"))
}

fn path(registry: Option<&RegistryName>) -> String {
    match registry {
        Some(name) => format!("/{name}/activity"),
        None => "/-/admin/audit".to_owned(),
    }
}

fn offered(instance: &Instance, visitor: &Visitor, registry: Option<&RegistryName>) -> Vec<String> {
    if registry.is_some() {
        return Vec::new();
    }
    let visible = instance.visible_registries(visitor.actor.as_ref());
    let names = visible.iter().take(OFFERED);
    names
        .map(|right| right.registry().name.to_string())
        .collect()
}

fn kept(settings: &AuditSettings, downloads: bool) -> String {
    let kept = if downloads {
        settings.keep_downloads
    } else {
        settings.keep
    };
    let what = if downloads { "Downloads" } else { "Entries" };
    match kept {
        Some(kept) => {
            let days = plural(kept.as_secs() / DAY.as_secs(), "day");
            format!("{what} are kept for {days}.")
        }
        None => format!("{what} are kept for ever."),
    }
}

fn row(item: AuditItem, now: Timestamp) -> AuditRow {
    AuditRow {
        id: item.id,
        at: Moment::new(item.at, now),
        action: item.action,
        outcome: item.outcome,
        principal: item.principal,
        token: item.token_id,
        address: item.address,
        agent: item.user_agent,
        registry: item.registry,
        krate: item.crate_name,
        version: item.version,
        detail: item.detail,
        request: item.request_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (AuditQuery, Wrongs) {
        let uri: Uri = format!("/-/admin/audit?{text}").parse().unwrap();
        query(&asked(&Asked::of(&uri)), None)
    }

    #[test]
    fn days_are_meant_whole_and_a_version_follows_its_crate() {
        let (query, wrongs) = of("from=2026-11-18&to=2026-11-18&crate=My_Crate%401.0.0");
        assert!(wrongs.is_empty());
        let (from, to) = (query.from.unwrap(), query.to.unwrap());
        assert_eq!(from.pubtime(), "2026-11-18T00:00:00Z");
        assert_eq!(to.pubtime(), "2026-11-19T00:00:00Z");
        assert_eq!(query.crate_name.unwrap().as_str(), "my-crate");
        assert_eq!(query.version.as_deref(), Some("1.0.0"));
    }

    #[test]
    fn downloads_are_asked_for_by_their_own_action_alone() {
        let (query, _) = of("downloads=on&action=token.created&outcome=denied&who=service:ci");
        assert_eq!(query.action.as_deref(), Some(DOWNLOADED));
        assert_eq!(query.outcome, None);
        assert_eq!(query.principal.as_deref(), Some("service:ci"));
    }

    #[test]
    fn every_wrong_field_is_told_at_once() {
        let (_, wrongs) = of(
            "registry=No+Name&who=a+b&action=%C3%A4&outcome=failed&crate=a/b&from=soon&to=2026-02-30",
        );
        for field in [
            "registry", "who", "action", "outcome", "crate", "from", "to",
        ] {
            assert!(wrongs.of(field).is_some(), "{field}");
        }
        for alone in [
            "crate=%401.0.0",
            "crate=serde%40%00",
            "from=2026-11-20&to=2026-11-19",
        ] {
            let (_, wrongs) = of(alone);
            assert!(!wrongs.is_empty(), "{alone}");
        }
    }
}
