//! The management API described, as OpenAPI 3.1: the document at `/api/v1/openapi.json`, and what it says of the query.
//!
//! Each handler says itself what it takes and answers (`#[utoipa::path]`), and `routes!` makes a route of that, so that nothing
//! can be reached that is not described. What is the same for many is added here.

mod schemas;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use axum::{
    Extension,
    body::Body,
    extract::{MatchedPath, State},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header, request::Parts};
use serde_json::{Value, json};
use supercargo_registry::Instance;
use supercargo_types::{
    AccountName, CrateName, Digest, NamePattern, PrincipalRef, PublisherName, RegistryName, Site,
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Info, License, OpenApi, Paths, RefOr, Required, Server,
        path::{Operation, ParameterBuilder, ParameterIn, PathItem},
        schema::{ObjectBuilder, Schema, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
        tag::TagBuilder,
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    described::{ErrorItem, Errors, FAILURES, failure, refused},
    shape::{Answer, Asked, Problem},
};
use crate::problem;

/// Where the management API is.
pub(super) const PREFIX: &str = "/api/v1";
/// As `Authorization` is called in the document.
const TOKEN: &str = "token";
/// What operations are about, in the order in which people read of them.
const TAGS: &[(&str, &str)] = &[
    ("me", "Who asks, and signing in"),
    ("registries", "Registries and their members"),
    ("upstreams", "What registries read through"),
    (
        "claims",
        "How a registry treats a name against its upstreams",
    ),
    ("crates", "Crates and their versions"),
    ("quarantines", "What people held or blocked"),
    ("cache", "What is stored of upstreams"),
    ("trusted-publishers", "Whose CI jobs get a token"),
    ("users", "People"),
    ("service-accounts", "Accounts of machines"),
    ("teams", "Several users under one name"),
    ("tokens", "Secrets that stand for somebody"),
    ("sessions", "Browsers that are signed in"),
    ("audit", "Who did what, and who has what"),
    ("description", "This document"),
];

/// What stands in braces in an address, what it is, and its shape.
type PathParameter = (&'static str, &'static str, fn() -> RefOr<Schema>);
const PATH_PARAMETERS: &[PathParameter] = &[
    ("registry", "A registry.", RegistryName::schema),
    ("crate", "A crate, in any spelling.", CrateName::schema),
    ("version", "A version, with its build metadata.", version),
    ("upstream", "An upstream.", || word("crates-io")),
    (
        "pattern",
        "A crate's name, or a glob over names.",
        NamePattern::schema,
    ),
    (
        "principal",
        "A user, a team or a service account.",
        PrincipalRef::schema,
    ),
    ("publisher", "A trusted publisher.", PublisherName::schema),
    ("user", "A user.", AccountName::schema),
    ("account", "A service account.", AccountName::schema),
    ("team", "A team, without `team:`.", AccountName::schema),
    ("id", "Its `id`, as lists have it.", || {
        word("01939d7c-9d5b-7c7a-9d3b-5f2f0a6f0a11")
    }),
];

fn version() -> RefOr<Schema> {
    word("1.0.0")
}

fn word(example: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .examples([example])
        .into()
}

/// What an operation takes of the query.
struct Query {
    parameters: Vec<String>,
    /// Whether it is for whoever comes.
    is_open: bool,
}

/// The document, and what handlers look up in it.
pub(crate) struct Description {
    document: Value,
    bytes: Bytes,
    etag: HeaderValue,
    queries: HashMap<(Method, String), Query>,
}

impl Description {
    /// Completes what the handlers say of themselves.
    pub(super) fn of(operations: OpenApi, site: &Site) -> Self {
        let license = License::builder()
            .name(env!("CARGO_PKG_LICENSE"))
            .identifier(Some(env!("CARGO_PKG_LICENSE")));
        let info = Info::builder()
            .title("Supercargo")
            .version(env!("CARGO_PKG_VERSION"))
            .description(Some(include_str!("description.md")))
            .license(Some(license.build()));
        let mut document = OpenApi::new(info.build(), Paths::new()).nest(PREFIX, operations);
        document.servers = Some(vec![Server::new(site.base())]);
        let tag = |(name, description): &(&str, &str)| {
            TagBuilder::new()
                .name(*name)
                .description(Some(*description))
                .build()
        };
        document.tags = Some(TAGS.iter().map(tag).collect());
        let components = document.components.get_or_insert_default();
        for (name, schema) in [
            (Errors::name(), Errors::schema()),
            (ErrorItem::name(), ErrorItem::schema()),
        ] {
            components.schemas.insert(name.into_owned(), schema);
        }
        for (_, name, description) in FAILURES {
            let response = failure(description).into();
            components.responses.insert((*name).to_owned(), response);
        }
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "With `Bearer` before it, or as cargo sends it, alone.",
            ))
            .build();
        components
            .security_schemes
            .insert(TOKEN.to_owned(), SecurityScheme::Http(bearer).into());
        let mut queries = HashMap::new();
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in operations_of(item) {
                complete(path, operation);
                queries.insert((method, path.clone()), Query::of(operation));
            }
        }
        let mut document = json!(document);
        schemas::tell_requests_from_answers(&mut document);
        let bytes = document.to_string();
        let etag = format!("\"{}\"", Digest::of(bytes.as_bytes()));
        Self {
            document,
            bytes: bytes.into(),
            etag: etag.parse().expect("invariant: a digest is plain text"),
            queries,
        }
    }

    /// The document.
    pub(crate) fn document(&self) -> &Value {
        &self.document
    }

    fn query(&self, parts: &Parts) -> Option<&Query> {
        let path = parts.extensions.get::<MatchedPath>()?.as_str().to_owned();
        let method = match &parts.method {
            &Method::HEAD => Method::GET,
            method => method.clone(),
        };
        self.queries.get(&(method, path))
    }
}

impl Query {
    fn of(operation: &Operation) -> Self {
        let parameters = operation.parameters.iter().flatten();
        let asked = parameters.filter_map(|parameter| match parameter {
            RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => {
                Some(parameter.name.clone())
            }
            _ => None,
        });
        let mut requirements = operation.security.iter().flatten();
        Self {
            parameters: asked.collect(),
            is_open: requirements.all(|requirement| *requirement == SecurityRequirement::default()),
        }
    }
}

/// Refuses what an operation does not take. Where a stranger may do some things, the handler sees to it, after it has asked which.
pub(super) fn check_query(
    instance: &Instance,
    parts: &Parts,
    is_signed_in: bool,
) -> Result<(), Problem> {
    let Some(description) = parts.extensions.get::<Arc<Description>>() else {
        return Ok(());
    };
    let Some(query) = description.query(parts) else {
        return Ok(());
    };
    if is_signed_in || query.is_open {
        let known: Vec<_> = query.parameters.iter().map(String::as_str).collect();
        Asked::of(instance, &parts.uri, &known)?;
    }
    Ok(())
}

/// The operations of an address, with their methods.
pub(crate) fn operations_of(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let operations = [
        (Method::GET, &mut item.get),
        (Method::POST, &mut item.post),
        (Method::PUT, &mut item.put),
        (Method::PATCH, &mut item.patch),
        (Method::DELETE, &mut item.delete),
    ];
    operations
        .into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn complete(path: &str, operation: &mut Operation) {
    name(operation);
    let in_path = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path: Vec<_> = in_path.map(path_parameter).collect();
    let parameters = operation.parameters.get_or_insert_default();
    let asks_for = parameters.iter().any(|parameter| match parameter {
        RefOr::T(parameter) => !["limit", "cursor"].contains(&parameter.name.as_str()),
        RefOr::Ref(_) => false,
    });
    let names_others = asks_for || !in_path.is_empty() || operation.request_body.is_some();
    parameters.splice(0..0, in_path);
    let requirements = operation
        .security
        .get_or_insert_with(|| vec![SecurityRequirement::new(TOKEN, [] as [&str; 0])]);
    let takes_tokens = requirements
        .iter()
        .any(|requirement| *requirement != SecurityRequirement::default());
    let mut common = vec![422, 500];
    if takes_tokens {
        common.push(403);
    }
    if takes_tokens || operation.request_body.is_some() {
        // a bad token is refused even where none is needed
        common.extend([401, 429]);
    }
    if names_others {
        common.push(404);
    }
    if operation.request_body.is_some() {
        common.push(413);
    }
    let responses = &mut operation.responses.responses;
    for (status, response) in common.into_iter().map(refused) {
        responses.entry(status).or_insert(response);
    }
}

/// A name of its own: what it is about, and what the handler is called.
fn name(operation: &mut Operation) {
    let tag = operation.tags.iter().flatten().next();
    let handler = operation.operation_id.as_deref().unwrap_or_default();
    operation.operation_id = tag.map(|tag| format!("{tag}.{handler}"));
}

fn path_parameter(name: &str) -> RefOr<utoipa::openapi::path::Parameter> {
    let known = PATH_PARAMETERS.iter().find(|(known, ..)| *known == name);
    let parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True);
    let parameter = match known {
        Some((_, description, schema)) => parameter
            .description(Some(*description))
            .schema(Some(schema())),
        None => parameter.schema(Some(word(name))),
    };
    parameter.build().into()
}

pub(super) fn router() -> OpenApiRouter<Arc<Instance>> {
    OpenApiRouter::new().routes(routes!(show))
}

/// The management API, as OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "description",
    security(()),
    responses(
        (status = 200, description = "The document.", body = utoipa::openapi::Object),
        (status = 304, description = "It is as `If-None-Match` has it."),
    ),
)]
async fn show(
    State(instance): State<Arc<Instance>>,
    Extension(description): Extension<Arc<Description>>,
    uri: Uri,
    headers: HeaderMap,
) -> Answer {
    Asked::of(&instance, &uri, &[])?;
    let is_same = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .any(|value| *value == description.etag);
    let mut response = if is_same {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        problem::json_bytes(StatusCode::OK, description.bytes.clone())
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, description.etag.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}
