//! What handlers say of themselves in the same words: pages of lists, the parameters of those, and failures.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::{
    IntoParams, IntoResponses, ToSchema,
    openapi::{
        Content, Ref, RefOr, Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        response::{Response, ResponseBuilder},
        schema::{ArrayBuilder, ObjectBuilder, Type},
    },
};

use super::shape::{LONGEST_PAGE, PAGE};

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// In the order of the list.
    pub(super) items: Vec<T>,
    /// Send it as `cursor` for what follows; null at the end.
    pub(super) next_cursor: Option<String>,
    /// How many the whole list has.
    pub(super) total: u64,
}

/// Why a request was not answered as it wanted.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of what `problem.rs` writes by hand")]
pub(super) struct Errors {
    /// One, in this version.
    #[schema(min_items = 1)]
    errors: Vec<ErrorItem>,
}

/// One reason.
#[derive(ToSchema)]
#[schema(as = Error)]
#[expect(dead_code, reason = "the shape of what `problem.rs` writes by hand")]
pub(super) struct ErrorItem {
    /// Stable, for programs.
    #[schema(pattern = "^[a-z][a-z0-9-]*$", example = "registry-name-taken")]
    code: String,
    /// A sentence for people.
    #[schema(example = "a registry named `acme` exists")]
    detail: String,
}

/// The statuses of failures, what they are called in the document, and what they mean.
pub(super) const FAILURES: &[(u16, &str, &str)] = &[
    (
        401,
        "NoToken",
        "There is no token, or one that does not count (any more).",
    ),
    (
        403,
        "NotAllowed",
        "Whoever asks may see it, and has no right to do it.",
    ),
    (
        404,
        "NotThere",
        "It is not there, or hidden from whoever asks.",
    ),
    (
        409,
        "Conflict",
        "It does not fit to what is there, as a name that is taken.",
    ),
    (413, "TooLarge", "The request is larger than its limit."),
    (
        422,
        "Wrong",
        "A shape or a value is wrong; the sentence says what would be right.",
    ),
    (
        429,
        "TooMany",
        "Too many, as tokens that are none; `Retry-After` says in how many seconds to come back.",
    ),
    (
        500,
        "Fault",
        "The server failed; its log has the reason under the id that the sentence names.",
    ),
    (
        502,
        "UpstreamBad",
        "An upstream answers with something that is of no use.",
    ),
    (
        503,
        "UpstreamDown",
        "An upstream cannot be reached; `Retry-After` says when to come back.",
    ),
    (504, "UpstreamSlow", "An upstream takes too long."),
];

/// An answer with [`Errors`].
pub(super) fn failure(description: &str) -> Response {
    ResponseBuilder::new()
        .description(description)
        .content(
            "application/json",
            Content::new(Some(Ref::from_schema_name(Errors::name()))),
        )
        .build()
}

/// One of [`FAILURES`], as an operation refers to it.
pub(super) fn refused(status: u16) -> (String, RefOr<Response>) {
    let known = FAILURES.iter().find(|(known, ..)| *known == status);
    let (_, name, _) = known.expect("invariant: what is referred to is listed");
    (status.to_string(), Ref::from_response_name(*name).into())
}

/// A parameter of the query that may be left out.
pub(super) fn asked(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

/// `label`, by which lists can be narrowed; it may stand there more than once.
pub(super) struct ByLabels;

impl IntoParams for ByLabels {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let label = ObjectBuilder::new().schema_type(Type::String);
        let labels = ParameterBuilder::new()
            .name("label")
            .parameter_in(ParameterIn::Query)
            .description(Some(
                "Only what has this label: `team=core`, or `team` with any value. Several of them all have to be there.",
            ))
            .schema(Some(ArrayBuilder::new().items(label)));
        vec![labels.build()]
    }
}

/// The parameters of every list.
pub(super) struct Paged;

impl IntoParams for Paged {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let limit = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(LONGEST_PAGE))
            .default(Some(PAGE.into()));
        let cursor = ObjectBuilder::new().schema_type(Type::String);
        vec![
            asked("limit", "How many items a page has at most.", limit),
            asked("cursor", "`next_cursor` of the page before.", cursor),
        ]
    }
}

/// The name once more, of what is deleted for good or for long.
pub(super) struct Confirm;

impl IntoParams for Confirm {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let name = ObjectBuilder::new().schema_type(Type::String);
        let mut confirm = asked(
            "confirm",
            "What is deleted, once more, as in the address.",
            name,
        );
        confirm.required = Required::True;
        vec![confirm]
    }
}

/// Whether what is deleted goes for ever.
pub(super) struct Purge;

impl IntoParams for Purge {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let flag = ObjectBuilder::new()
            .schema_type(Type::Boolean)
            .default(Some(false.into()));
        let purge = "Whether it goes for ever; it has to be deleted already.";
        vec![asked("purge", purge, flag)]
    }
}

/// Failures of what may not fit to what is there.
pub(super) struct Conflicts;

impl IntoResponses for Conflicts {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        [409].map(refused).into()
    }
}

/// Failures of what may need somebody else's answer.
pub(super) struct Upstreams;

impl IntoResponses for Upstreams {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        [502, 503, 504].map(refused).into()
    }
}

/// Failures of what may be asked too often.
pub(super) struct Limited;

impl IntoResponses for Limited {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        [429].map(refused).into()
    }
}
