//! Publish, yank, owners, search and the way to a token. Success is exactly 200, with exactly the fields that cargo demands.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt as _;
use http::{HeaderMap, Request, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use supercargo_registry::{
    Caller, Failure, Instance, MayOwn, MayPublish, MayRead, MayYank, PublishStart, Refusal,
};
use supercargo_types::{RegistryName, Spelling};

use crate::{
    app::{Asking, caller},
    body, problem,
};

/// Patience between two pieces of an upload: cargo itself gives up after this long.
const PIECE_WITHIN: Duration = Duration::from_secs(30);
/// For a whole upload: 64 MiB at 110 KB a second. Patience between pieces alone would let a client that drips byte by byte
/// hold its connection and its staged file for days.
const UPLOAD_WITHIN: Duration = Duration::from_mins(10);
/// What a client that was refused may still send before its connection is closed.
const LET_OUT_BYTES: usize = 128 << 20;
const LET_OUT_WITHIN: Duration = Duration::from_secs(10);
/// Lists of owners are short.
const OWNERS_BYTES: usize = 64 << 10;
/// cargo's default for `--limit`.
const HITS: u32 = 10;

pub(super) async fn publish(
    instance: &Arc<Instance>,
    right: MayPublish,
    request: Request<Body>,
    asking: &Asking,
) -> Result<Response<Body>, Failure> {
    let caller = caller(request.headers(), asking.peer);
    let mut publish = instance.start_publish(right).await?;
    let mut body = request.into_body().into_data_stream();
    let taken = tokio::time::timeout(UPLOAD_WITHIN, take_in(&mut publish, &mut body)).await;
    let late = || {
        Err(shape(
            "the upload took more than 10 minutes; publish again over a faster connection",
        ))
    };
    if let Err(failure) = taken.unwrap_or_else(|_| late()) {
        tokio::spawn(let_out(body));
        return Err(failure);
    }
    let published = publish.finish(&caller).await?;
    Ok(ok(&json!({
        "warnings": { "invalid_categories": [], "invalid_badges": [], "other": published.warnings }
    })))
}

async fn take_in(publish: &mut PublishStart, body: &mut BodyDataStream) -> Result<(), Failure> {
    loop {
        let piece = match tokio::time::timeout(PIECE_WITHIN, body.next()).await {
            Ok(Some(Ok(piece))) => piece,
            Ok(None) => return Ok(()),
            Ok(Some(Err(_))) => return Err(shape("the upload broke off; publish again")),
            Err(_) => {
                return Err(shape(
                    "the upload stood still for 30 seconds; publish again",
                ));
            }
        };
        publish.push(piece).await?;
    }
}

/// Refuses an upload before anything of it was read.
pub(super) fn let_go(headers: &HeaderMap, body: Body) {
    // who asks first whether to send at all has not sent, and must not be told to
    if !headers.contains_key(header::EXPECT) {
        tokio::spawn(let_out(body.into_data_stream()));
    }
}

/// Takes in, within bounds, what a refused client has still on its way. Closing on it would reset the connection, and the
/// reset can overtake the answer: cargo would print `broken pipe` and not the reason (RFC 9112, 9.6).
async fn let_out(mut body: BodyDataStream) {
    let drain = async {
        let mut left = LET_OUT_BYTES;
        while let Some(Ok(piece)) = body.next().await {
            match left.checked_sub(piece.len()) {
                Some(less) => left = less,
                None => return,
            }
        }
    };
    // whichever bound it ends by, the client has had time to read
    let _ = tokio::time::timeout(LET_OUT_WITHIN, drain).await;
}

pub(super) async fn set_yanked(
    instance: &Arc<Instance>,
    right: &MayYank,
    krate: &str,
    version: &str,
    yanked: bool,
    caller: &Caller,
) -> Result<Response<Body>, Failure> {
    let name = spelling(right.registry().name.clone(), krate)?;
    instance
        .set_yanked(right, &name, version, yanked, caller)
        .await?;
    Ok(ok(&json!({ "ok": true })))
}

pub(super) async fn owners(
    instance: &Arc<Instance>,
    right: &MayRead,
    krate: &str,
) -> Result<Response<Body>, Failure> {
    let name = spelling(right.registry().name.clone(), krate)?;
    let owners = instance.owners(right, &name).await?;
    let users: Vec<_> = owners
        .iter()
        .map(|owner| json!({ "id": owner.id, "login": owner.principal, "name": owner.principal.name }))
        .collect();
    Ok(ok(&json!({ "users": users })))
}

#[derive(Deserialize)]
struct OwnersRequest {
    #[serde(alias = "owners")]
    users: Vec<String>,
}

pub(super) async fn change_owners(
    instance: &Arc<Instance>,
    right: &MayOwn,
    krate: &str,
    add: bool,
    request: Request<Body>,
    asking: &Asking,
) -> Result<Response<Body>, Failure> {
    let name = spelling(right.registry().name.clone(), krate)?;
    let caller = caller(request.headers(), asking.peer);
    let body = body::whole(request.into_body(), OWNERS_BYTES).await?;
    let asked: OwnersRequest = serde_json::from_slice(&body).map_err(|error| {
        shape(&format!(
            "owners are sent as `{{\"users\":[\"alice\"]}}`: {error}"
        ))
    })?;
    let message = if add {
        instance
            .add_owners(right, &name, &asked.users, &caller)
            .await?
    } else {
        instance
            .remove_owners(right, &name, &asked.users, &caller)
            .await?
    };
    // both fields are demanded, also for DELETE
    Ok(ok(&json!({ "ok": true, "msg": message })))
}

pub(super) async fn search(
    instance: &Arc<Instance>,
    right: &MayRead,
    query: Option<&str>,
) -> Result<Response<Body>, Failure> {
    let (mut text, mut per_page, mut page) = (String::new(), HITS, 1);
    for (key, value) in url::form_urlencoded::parse(query.unwrap_or("").as_bytes()) {
        let number = || {
            value
                .parse()
                .map_err(|_| shape(&format!("`{key}` is a number, not `{value}`")))
        };
        match key.as_ref() {
            "q" => text = value.into_owned(),
            "per_page" => per_page = number()?,
            "page" => page = number()?,
            _ => {}
        }
    }
    let found = instance.search(right, &text, per_page, page).await?;
    let crates: Vec<_> = found
        .hits
        .iter()
        .map(|hit| json!({ "name": hit.name, "max_version": hit.max_version, "description": hit.description }))
        .collect();
    Ok(ok(
        &json!({ "crates": crates, "meta": { "total": found.total } }),
    ))
}

/// Where `cargo login` sends a person. Says the same for every name, so that it tells nothing about which registries exist.
pub(super) fn me(instance: &Instance, registry: &RegistryName) -> Response<Body> {
    let base = instance.site().base();
    let cargo = registry.in_cargo();
    problem::plain(
        StatusCode::OK,
        format!(
            "A token for registry `{registry}`\n\n\
             Somebody who has a token with the scope `admin` makes one for you:\n\n    \
             supercargo --url {base} token create laptop --principal YOU --registry {registry} --scope publish --scope yank\n\n\
             Then give it to cargo, which asks for it:\n\n    \
             cargo login --registry {cargo}\n\n\
             In CI, put it into the environment instead:\n\n    \
             {variable}=scg_…\n",
            variable = registry.token_variable(),
        ),
    )
}

fn spelling(registry: RegistryName, krate: &str) -> Result<Spelling, Failure> {
    krate.parse().map_err(|_| {
        Refusal::NoCrate {
            registry,
            name: krate.chars().take(64).collect(),
        }
        .into()
    })
}

fn shape(text: &str) -> Failure {
    Refusal::Shape(text.to_owned()).into()
}

fn ok(value: &serde_json::Value) -> Response<Body> {
    let mut response = problem::json(StatusCode::OK, value);
    response
        .headers_mut()
        .remove(header::X_CONTENT_TYPE_OPTIONS);
    response
}
