//! `/-/admin/exposure`: who pulled which versions of a crate. Admins of registries see their own.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::State,
};
use futures_util::stream;
use http::{HeaderValue, Response, StatusCode, Uri, header};
use supercargo_pages::{AdminHead, ExposurePage, Moment, PullRow, Wrongs};
use supercargo_registry::{
    Actor, Exposure, Failure, Instance, MaySeeReaders, Pull, Refusal, VersionsAsked,
};
use supercargo_types::{Spelling, Timestamp};

use super::{
    super::{
        asked::Asked,
        errors,
        respond::{file, page},
        visitor::Visitor,
    },
    audit::frame,
};
use crate::api::audit::export::record;

/// Readers on a page.
const PAGE: u32 = 100;
/// Readers that are taken from the database at a time, for a file.
const AT_ONCE: u32 = 500;
/// Of the name of a place in the list: a registry, a version, a principal and a repository.
const CURSOR: usize = 2000;
const COLUMNS: [&str; 8] = [
    "crate",
    "registry",
    "version",
    "principal",
    "repository",
    "first_at",
    "last_at",
    "total",
];

/// What is asked for.
struct Wanted {
    name: Spelling,
    versions: VersionsAsked,
}

/// `GET /-/admin/exposure`.
pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let made = async {
        let right = instance.may_see_readers(visitor.actor.clone())?;
        shown(&instance, &visitor, &right, &uri).await
    };
    let made = made.await;
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

async fn shown(
    instance: &Instance,
    visitor: &Visitor,
    right: &MaySeeReaders,
    uri: &Uri,
) -> Result<Response<Body>, Failure> {
    let asked = Asked::of(uri);
    let (krate, versions) = (asked.get("crate"), asked.get("version"));
    let cursor = cursor(uri);
    let mut template = ExposurePage {
        frame: frame(visitor, "Exposure"),
        head: visitor.is_admin.then_some(AdminHead { part: "exposure" }),
        krate: krate.to_owned(),
        versions: versions.to_owned(),
        wrongs: Wrongs::default(),
        pulls: Vec::new(),
        total: 0,
        is_later: cursor.is_some(),
        next: None,
    };
    if krate.is_empty() && versions.is_empty() {
        return page(visitor, StatusCode::OK, &template);
    }
    let wanted = match wanted(krate, versions) {
        Ok(wanted) => wanted,
        Err(wrongs) => {
            template.wrongs = wrongs;
            return page(visitor, StatusCode::UNPROCESSABLE_ENTITY, &template);
        }
    };
    let exposure = instance.exposure(
        right,
        &wanted.name,
        &wanted.versions,
        PAGE,
        cursor.as_deref(),
    );
    let Exposure {
        items,
        next_cursor,
        total,
    } = exposure.await?;
    let now = instance.clock().now();
    template.pulls = items.into_iter().map(|pull| row(pull, now)).collect();
    template.next = next_cursor;
    template.total = total;
    page(visitor, StatusCode::OK, &template)
}

/// `GET /-/admin/exposure/export`.
pub(in crate::web) async fn export(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let made = async {
        let right = instance.may_see_readers(visitor.actor.clone())?;
        let asked = Asked::of(&uri);
        let wanted = wanted(asked.get("crate"), asked.get("version"));
        let wanted = wanted.map_err(|wrongs| {
            let wrong = wrongs.first().unwrap_or("name a crate, as in `serde`");
            Refusal::Shape(wrong.to_owned())
        })?;
        let actor = visitor.actor.clone();
        let whole = whole(instance.clone(), actor, right, wanted).await?;
        Ok(file(&visitor, whole))
    };
    let made: Result<_, Failure> = made.await;
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

fn wanted(krate: &str, versions: &str) -> Result<Wanted, Wrongs> {
    let mut wrongs = Wrongs::default();
    let name = match krate {
        "" => {
            wrongs.put("crate", "Name the crate, as in `serde`.");
            None
        }
        name => match name.parse::<Spelling>() {
            Ok(name) => Some(name),
            Err(invalid) => {
                wrongs.put("crate", errors::sentence(&invalid.to_string()));
                None
            }
        },
    };
    let versions = match versions {
        "" => Some(VersionsAsked::All),
        text => match text.parse::<VersionsAsked>() {
            Ok(versions) => Some(versions),
            Err(text) => {
                wrongs.put("version", errors::sentence(&text));
                None
            }
        },
    };
    match (name, versions) {
        (Some(name), Some(versions)) => Ok(Wanted { name, versions }),
        _ => Err(wrongs),
    }
}

/// Longer than the words that somebody types.
fn cursor(uri: &Uri) -> Option<String> {
    let query = uri.query().unwrap_or("").as_bytes();
    let mut pairs = url::form_urlencoded::parse(query);
    let (_, text) = pairs.find(|(key, _)| key == "cursor")?;
    let cursor: String = text.chars().take(CURSOR).collect();
    (!cursor.is_empty()).then_some(cursor)
}

fn row(pull: Pull, now: Timestamp) -> PullRow {
    PullRow {
        who: pull.principal,
        repository: pull.repository,
        registry: pull.registry.to_string(),
        version: pull.version,
        first: Moment::new(pull.first_at, now),
        last: Moment::new(pull.last_at, now),
        times: pull.total,
    }
}

/// All of it as a table, as the browser takes it.
async fn whole(
    instance: Arc<Instance>,
    actor: Option<Arc<Actor>>,
    right: MaySeeReaders,
    wanted: Wanted,
) -> Result<Response<Body>, Failure> {
    let report = Report {
        instance,
        actor,
        wanted,
    };
    // what fails at once is answered as a failure
    let first = report.page(&right, None).await?;
    let mut head = Vec::new();
    record(&mut head, &COLUMNS);
    report.write(&mut head, &first.items);
    let start = (report, Some(head), first.next_cursor);
    let pieces = stream::try_unfold(start, |(report, head, cursor)| async move {
        if let Some(head) = head {
            return Ok(Some((Bytes::from(head), (report, None, cursor))));
        }
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        let page = report.page_again(&cursor).await;
        let page = page.map_err(|failure| {
            tracing::warn!(?failure, "a report of who pulled what broke off");
            axum::Error::new(std::io::Error::other("the report broke off"))
        })?;
        let mut piece = Vec::new();
        report.write(&mut piece, &page.items);
        Ok::<_, axum::Error>(Some((Bytes::from(piece), (report, None, page.next_cursor))))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    for (name, value) in [
        (
            header::CONTENT_TYPE,
            "text/csv; charset=utf-8; header=present",
        ),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"exposure.csv\"",
        ),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

struct Report {
    instance: Arc<Instance>,
    actor: Option<Arc<Actor>>,
    wanted: Wanted,
}

impl Report {
    async fn page(&self, right: &MaySeeReaders, cursor: Option<&str>) -> Result<Exposure, Failure> {
        let Wanted { name, versions } = &self.wanted;
        let page = self
            .instance
            .exposure(right, name, versions, AT_ONCE, cursor);
        page.await
    }

    /// With the right as it is by now.
    async fn page_again(&self, cursor: &str) -> Result<Exposure, Failure> {
        let right = match &self.actor {
            Some(actor) => self.instance.still_may_see_readers(actor).await?,
            None => self.instance.may_see_readers(None)?,
        };
        self.page(&right, Some(cursor)).await
    }

    fn write(&self, out: &mut Vec<u8>, pulls: &[Pull]) {
        for pull in pulls {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let cells = [
                self.wanted.name.to_string(),
                pull.registry.to_string(),
                pull.version.clone(),
                text(&pull.principal),
                text(&pull.repository),
                pull.first_at.to_string(),
                pull.last_at.to_string(),
                pull.total.to_string(),
            ];
            record(out, &cells);
        }
    }
}
