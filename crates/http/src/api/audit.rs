//! `/audit`, `/exposure` and who pulled a version: who did what, was denied what, and has what.

pub(crate) mod export;

use std::sync::Arc;

use axum::extract::State;
use http::Uri;
use supercargo_registry::{
    AuditItem, AuditOutcome, AuditQuery, Exposure, Failure, Instance, MayAudit, Refusal,
    VersionsAsked,
};
use supercargo_types::{RegistryName, Spelling, Timestamp};
use utoipa::{
    IntoParams,
    openapi::{
        KnownFormat, Required, SchemaFormat,
        path::{Parameter, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::export::Format;
use super::described::{Page, Paged, asked};
use super::shape::{Answer, Asked, Asking, PAGED, Path, Problem, ok, page};

/// What selects entries.
const FILTERS: &[&str] = &[
    "registry",
    "principal",
    "action",
    "outcome",
    "crate",
    "version",
    "from",
    "to",
];
/// The longest text that is looked for, in characters: none in the log is longer.
const LONGEST: usize = 256;

pub(super) fn router() -> OpenApiRouter<Arc<Instance>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(exposure))
        .routes(routes!(pulls))
}

/// What selects entries, described.
struct Filters;

impl IntoParams for Filters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let word = |example: &str| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .min_length(Some(1))
                .max_length(Some(LONGEST))
                .examples([example])
        };
        let one_of = |words: &[&str]| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(words.to_vec()))
        };
        let time = || {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        };
        vec![
            asked("registry", "Only of this registry.", word("acme")),
            asked("principal", "Only by this principal.", word("service:ci")),
            asked(
                "action",
                "Only this action; that of downloads asks for them.",
                word("version.published"),
            ),
            asked(
                "outcome",
                "Only what ended so.",
                one_of(&["done", "denied", "alarm"]),
            ),
            asked("crate", "Only this crate, in any spelling.", word("serde")),
            asked("version", "Only this version.", word("1.2.3")),
            asked("from", "Only from then on.", time()),
            asked("to", "Only before then.", time()),
        ]
    }
}

/// How they are written.
struct AsFile;

impl IntoParams for AsFile {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let formats = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(["json", "jsonl", "csv"]));
        let all = "`jsonl` or `csv` for all of them, without `limit` and `cursor`.";
        vec![asked("format", all, formats)]
    }
}

/// Which versions of which crate.
struct OfCrate;

impl IntoParams for OfCrate {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let word = |example: &str| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .examples([example])
        };
        let mut name = asked("crate", "The crate, in any spelling.", word("serde"));
        name.required = Required::True;
        let versions = "Only this version, or those that fit a requirement.";
        vec![name, asked("version", versions, word("<1.0.100"))]
    }
}

fn shape(text: impl Into<String>) -> Failure {
    Refusal::Shape(text.into()).into()
}

/// Who did what, what was denied to whom, and alarms, the newest first.
///
/// With `format` all that the filters let through, as a file.
#[utoipa::path(
    get,
    path = "/audit",
    tag = "audit",
    params(Filters, Paged, AsFile),
    responses(
        (status = 200, description = "A page of them, or a file.", content(
            (Page<AuditItem> = "application/json"),
            (String = "application/jsonl"),
            (String = "text/csv"),
        )),
    ),
)]
async fn list(State(instance): State<Arc<Instance>>, uri: Uri, asking: Asking) -> Answer {
    let known = [FILTERS, PAGED, &["format"]].concat();
    // a wrong parameter is told to those only who may ask at all
    let asked = Asked::of(&instance, &uri, &known);
    let name = asked.as_ref().ok().and_then(|asked| asked.get("registry"));
    let problem = |failure: Failure| match name {
        Some(name) => Problem::in_registry(&instance, name, failure),
        None => Problem::of(&instance, failure),
    };
    let right = instance
        .may_audit(name, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = asked?;
    let query = query(&asked).map_err(|failure| Problem::of(&instance, failure))?;
    let paged = ["limit", "cursor"].map(|key| asked.get(key));
    match asked.get("format") {
        None | Some("json") => listed(&instance, &right, &query, &asked).await,
        Some(_) if paged != [None, None] => {
            let text = "an export is everything that the filters let through; leave `limit` and `cursor` out";
            Err(Problem::of(&instance, shape(text)))
        }
        Some(format) => {
            let format: Format = format
                .parse()
                .map_err(|text| Problem::of(&instance, shape(text)))?;
            export::whole(instance.clone(), right, query, format)
                .await
                .map_err(|failure| Problem::of(&instance, failure))
        }
    }
}

async fn listed(
    instance: &Instance,
    right: &MayAudit,
    query: &AuditQuery,
    asked: &Asked,
) -> Answer {
    let problem = |failure: Failure| Problem::of(instance, failure);
    let limit = asked.limit(instance)?;
    let before = match asked.get("cursor") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| {
            let text = format!(
                "`cursor` is the `next_cursor` of the page before, as in `cursor=1234`, not `{text}`"
            );
            problem(shape(text))
        })?),
    };
    let items = instance
        .audit_page(right, query, limit, before)
        .await
        .map_err(problem)?;
    let total = instance.audit_total(right, query).await.map_err(problem)?;
    Ok(page(&items, total, limit, |item: &AuditItem| {
        item.id.to_string()
    }))
}

/// A parameter that is there and makes sense, or none; what makes none is refused with an example of what does.
fn read<T>(
    asked: &Asked,
    key: &str,
    example: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Failure> {
    let Some(text) = asked.get(key) else {
        return Ok(None);
    };
    let no = || {
        let shown: String = text.escape_debug().take(LONGEST).collect();
        shape(format!("`{key}` is {example}, not `{shown}`"))
    };
    parse(text).map(Some).ok_or_else(no)
}

fn word(text: &str, is_good: fn(char) -> bool) -> Option<String> {
    let is_word = (1..=LONGEST).contains(&text.chars().count()) && text.chars().all(is_good);
    is_word.then(|| text.to_owned())
}

fn query(asked: &Asked) -> Result<AuditQuery, Failure> {
    let time = |key| {
        read(asked, key, "a time as in `2026-11-20T11:54:12Z`", |text| {
            Timestamp::from_rfc3339(text)
        })
    };
    let registry = read(asked, "registry", "a registry as in `acme`", |text| {
        text.parse::<RegistryName>().ok()
    })?;
    let crate_name = read(asked, "crate", "a crate as in `serde`", |text| {
        text.parse::<Spelling>().ok()
    })?;
    let outcome = read(asked, "outcome", "`done`, `denied` or `alarm`", |text| {
        text.parse::<AuditOutcome>().ok()
    })?;
    let principal = read(
        asked,
        "principal",
        "a user, a team or a service account as in `alice`, `team:core` or `service:ci`",
        |text| {
            word(text, |letter| {
                !letter.is_whitespace() && !letter.is_control()
            })
        },
    )?;
    let action = read(
        asked,
        "action",
        "what was done as in `version.published` or `token.revoked`",
        |text| word(text, |letter| letter.is_ascii_graphic() || letter == ' '),
    )?;
    let version = read(asked, "version", "a version as in `1.2.3`", |text| {
        word(text, |letter| letter.is_ascii_graphic())
    })?;
    let (from, to) = (time("from")?, time("to")?);
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        return Err(shape(
            "`from` is not before `to`, so that nothing is between them; `from` is the earlier one",
        ));
    }
    Ok(AuditQuery {
        registry,
        principal,
        action,
        outcome,
        crate_name: crate_name.map(|name| name.canonical()),
        version,
        from,
        to,
    })
}

/// Who pulled a crate, from which registry, and when.
#[utoipa::path(
    get,
    path = "/exposure",
    tag = "audit",
    params(OfCrate, Paged),
    responses(
        (status = 200, description = "A page of it.", body = Exposure),
    ),
)]
async fn exposure(State(instance): State<Arc<Instance>>, uri: Uri, asking: Asking) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_see_readers(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let known = ["crate", "version", "limit", "cursor"];
    let asked = Asked::of(&instance, &uri, &known)?;
    let Some(name) = asked.get("crate") else {
        return Err(problem(shape(
            "name the crate, as in `?crate=serde&version=<1.0.100`",
        )));
    };
    let name: Spelling = name
        .parse()
        .map_err(|invalid| problem(Refusal::CrateName(invalid).into()))?;
    let versions = match asked.get("version") {
        None => VersionsAsked::All,
        Some(text) => text.parse().map_err(|text: String| problem(shape(text)))?,
    };
    let limit = asked.limit(&instance)?;
    let exposure = instance
        .exposure(&right, &name, &versions, limit, asked.get("cursor"))
        .await
        .map_err(problem)?;
    Ok(ok(&exposure))
}

/// Who pulled a version from a registry, and when.
#[utoipa::path(
    get,
    path = "/registries/{registry}/crates/{crate}/versions/{version}/pulls",
    tag = "audit",
    params(Paged),
    responses(
        (status = 200, description = "A page of it.", body = Exposure),
    ),
)]
async fn pulls(
    State(instance): State<Arc<Instance>>,
    Path((registry, krate, version)): Path<(String, String, String)>,
    uri: Uri,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &registry, failure);
    let right = instance
        .may_administer(&registry, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = Asked::of(&instance, &uri, PAGED)?;
    let name: Spelling = krate
        .parse()
        .map_err(|invalid| problem(Refusal::CrateName(invalid).into()))?;
    let Ok(VersionsAsked::Exact(version)) = version.parse() else {
        let text = format!("`{version}` is not a version; write all of it, as in `1.2.3`");
        return Err(problem(shape(text)));
    };
    let limit = asked.limit(&instance)?;
    let pulls = instance
        .pulls(&right, &name, &version, limit, asked.get("cursor"))
        .await
        .map_err(problem)?;
    Ok(ok(&pulls))
}
