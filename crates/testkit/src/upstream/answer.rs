//! How the fake upstream answers: log, gate, fault, authorization, then the right answer or what is left of it.

use std::{io, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, Method, StatusCode, header as names};
use serde_json::{Value, json};
use supercargo_types::Digest;

use super::{
    Fault, LoggedRequest, Validators, header,
    state::{self, Shared},
};
use crate::package::gzip;

const INDEX: &str = "/index/";

/// Pieces of a body that is made as it is read.
const PIECE: usize = 64 * 1024;

pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    let logged = LoggedRequest {
        method: request.method().clone(),
        path: path.clone(),
        headers: request.headers().clone(),
        protocol: request.version(),
    };
    shared.change(|state| state.log.push(logged));
    shared.pass_gate(&path).await;
    let fault = shared.change(|state| state.take_fault(&path));
    if let Some(response) = instead(&shared, fault.as_ref(), &path).await {
        return response;
    }
    if request.method() != Method::GET {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is served here");
    }
    let right = shared.read(|state| right_answer(state, &path, request.headers()));
    spoil(fault.as_ref(), right)
}

/// Faults that need no right answer.
async fn instead(shared: &Arc<Shared>, fault: Option<&Fault>, path: &str) -> Option<Response> {
    let ok = |kind: &str, body: Body| {
        let response = Response::builder().header(names::CONTENT_TYPE, kind);
        Some(response.body(body).expect(SOUND))
    };
    match fault? {
        Fault::Status(code) => Some(plain(status(*code), "the fake upstream was told to fail")),
        Fault::RetryAfter(code, seconds) => {
            let mut response = plain(status(*code), "the fake upstream was told to be busy");
            let seconds = (*seconds).into();
            response.headers_mut().insert(names::RETRY_AFTER, seconds);
            Some(response)
        }
        Fault::Delay(time) => {
            tokio::time::sleep(*time).await;
            None
        }
        Fault::Hang => std::future::pending().await,
        Fault::Html => ok(
            "text/html; charset=utf-8",
            "<!DOCTYPE html><title>Welcome</title><p>Please sign in to the network.</p>\n".into(),
        ),
        Fault::Garbage => ok(
            "text/plain",
            "this {is neither\u{0}JSON nor an archive".into(),
        ),
        Fault::Empty => ok("text/plain", Body::empty()),
        Fault::Huge(bytes) => ok("text/plain", huge(shared, *bytes)),
        Fault::GzipBomb(bytes) => {
            let response = Response::builder().header(names::CONTENT_ENCODING, "gzip");
            Some(response.body(bomb(*bytes).into()).expect(SOUND))
        }
        Fault::Redirect(to) => Some(redirect(to)),
        Fault::RedirectLoop => Some(redirect(path)),
        // hyper drops what it has not sent yet, which is all of it
        Fault::HangUp => ok("text/plain", Body::from_stream(stream::iter([broken()]))),
        Fault::Reset
        | Fault::Stall
        | Fault::WrongName
        | Fault::Truncated
        | Fault::Corrupted
        | Fault::WrongChecksum
        | Fault::SlowDrip(..) => None,
    }
}

fn redirect(to: &str) -> Response {
    let response = Response::builder()
        .status(StatusCode::FOUND)
        .header(names::LOCATION, to);
    response.body(Body::empty()).expect(SOUND)
}

const SOUND: &str = "a fault's headers are those of HTTP";

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).expect("a fault's status is one of HTTP")
}

fn plain(status: StatusCode, text: &str) -> Response {
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = status;
    response
}

/// The right answer, its body still in one piece.
struct Right {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Right {
    fn new(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(names::CONTENT_TYPE, kind.parse().expect(SOUND));
        Self {
            status,
            headers,
            body: body.into(),
        }
    }
}

fn right_answer(state: &state::State, path: &str, asked: &HeaderMap) -> Right {
    if let Some(expected) = &state.authorization
        && header(asked, "authorization") != Some(expected)
    {
        let text = "the fake upstream wants another Authorization\n";
        return Right::new(StatusCode::UNAUTHORIZED, "text/plain", text);
    }
    if path == "/index/config.json" {
        return Right::new(StatusCode::OK, "application/json", state.config_json());
    }
    if let Some(bytes) = state.download(path) {
        return Right::new(StatusCode::OK, "application/gzip", bytes);
    }
    match path
        .strip_prefix(INDEX)
        .and_then(|path| state.index_file(path))
    {
        Some((bytes, revision)) => index_file(state, bytes, revision, asked),
        None => Right::new(
            StatusCode::NOT_FOUND,
            "text/plain",
            "the fake upstream has no such thing\n",
        ),
    }
}

fn index_file(state: &state::State, bytes: Bytes, revision: u32, asked: &HeaderMap) -> Right {
    let etag = matches!(state.validators, Validators::Both | Validators::ETag)
        .then(|| format!("\"{}\"", &Digest::of(&bytes).hex()[..32]));
    let modified = matches!(
        state.validators,
        Validators::Both | Validators::LastModified
    )
    .then(|| last_modified(revision));
    // RFC 9110, 13.1.3: If-Modified-Since is ignored where If-None-Match is there
    let is_known = match (
        header(asked, "if-none-match"),
        header(asked, "if-modified-since"),
    ) {
        (Some(known), _) => etag.as_deref() == Some(known),
        (None, Some(known)) => modified.as_deref() == Some(known),
        (None, None) => false,
    };
    let mut right = if is_known {
        Right::new(StatusCode::NOT_MODIFIED, "text/plain", Bytes::new())
    } else {
        Right::new(StatusCode::OK, "text/plain", bytes)
    };
    for (name, value) in [(names::ETAG, etag), (names::LAST_MODIFIED, modified)] {
        if let Some(value) = value {
            right.headers.insert(name, value.parse().expect(SOUND));
        }
    }
    let wants_gzip = header(asked, "accept-encoding").is_some_and(|text| text.contains("gzip"));
    if state.gzip && wants_gzip && !is_known {
        right.body = gzip(&right.body).into();
        let encoding = "gzip".parse().expect(SOUND);
        right.headers.insert(names::CONTENT_ENCODING, encoding);
    }
    right
}

/// Some day, and a second more for each change; an hour is enough for every test.
fn last_modified(revision: u32) -> String {
    let (minute, second) = (revision / 60 % 60, revision % 60);
    format!("Wed, 21 Oct 2026 07:{minute:02}:{second:02} GMT")
}

/// The right answer as the fault leaves it.
fn spoil(fault: Option<&Fault>, mut right: Right) -> Response {
    let length = right.body.len();
    if let Some(Fault::WrongChecksum | Fault::WrongName) = fault {
        // of the file that is sent, not of the right one: it must not pass for that when the fault has ended
        for name in [names::ETAG, names::LAST_MODIFIED] {
            right.headers.remove(name);
        }
    }
    let body = match fault {
        Some(Fault::Reset) => {
            right.headers.insert(names::CONTENT_LENGTH, length.into());
            cut_off(right.body.slice(..length / 2))
        }
        Some(Fault::Stall) => {
            right.headers.insert(names::CONTENT_LENGTH, length.into());
            let first = stream::iter([Ok::<_, io::Error>(right.body.slice(..length / 2))]);
            Body::from_stream(first.chain(stream::pending()))
        }
        Some(Fault::Truncated) => right.body.slice(..length / 2).into(),
        Some(Fault::Corrupted) => {
            let mut bytes = right.body.to_vec();
            if let Some(byte) = bytes.get_mut(length / 2) {
                *byte ^= 1;
            }
            bytes.into()
        }
        Some(Fault::WrongChecksum) => {
            let wrong = Digest::of(b"these are not the bytes").hex();
            edited(&right.body, "cksum", &wrong).into()
        }
        Some(Fault::WrongName) => edited(&right.body, "name", "somebody-elses").into(),
        Some(Fault::SlowDrip(piece, pause)) => {
            right.headers.insert(names::CONTENT_LENGTH, length.into());
            drip(right.body, *piece, *pause)
        }
        _ => right.body.into(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = right.status;
    *response.headers_mut() = right.headers;
    response
}

/// An error in a body makes hyper close the connection; the pause before it makes hyper send what it has.
fn cut_off(bytes: Bytes) -> Body {
    let first = stream::iter([Ok(bytes)]);
    let end = stream::once(async {
        tokio::task::yield_now().await;
        broken()
    });
    Body::from_stream(first.chain(end))
}

fn broken() -> io::Result<Bytes> {
    Err(io::Error::other("the fake upstream was told to break off"))
}

fn drip(bytes: Bytes, piece: usize, pause: Duration) -> Body {
    Body::from_stream(stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let next = rest.split_to(piece.clamp(1, rest.len()));
        Some((Ok::<_, io::Error>(next), rest))
    }))
}

fn huge(shared: &Arc<Shared>, bytes: u64) -> Body {
    let block = Bytes::from(vec![b' '; PIECE]);
    let shared = Arc::clone(shared);
    Body::from_stream(stream::unfold(bytes, move |left| {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
        shared.count_made(size);
        let next =
            (size > 0).then(|| (Ok::<_, io::Error>(block.slice(..size)), left - size as u64));
        async move { next }
    }))
}

/// As many gzip members as it takes, each of a mebibyte of blanks: together they are one file (RFC 1952, 2.2).
fn bomb(bytes: u64) -> Vec<u8> {
    const MEMBER: u64 = 1 << 20;
    let member = gzip(&vec![b' '; 1 << 20]);
    let count = usize::try_from(bytes.div_ceil(MEMBER)).expect("a bomb that fits into memory");
    member.repeat(count)
}

/// All lines with another value of this field.
fn edited(index: &[u8], field: &str, value: &str) -> Vec<u8> {
    let mut changed = Vec::new();
    for line in String::from_utf8_lossy(index).lines() {
        match serde_json::from_str::<Value>(line) {
            Ok(mut entry) => {
                entry[field] = json!(value);
                changed.extend_from_slice(entry.to_string().as_bytes());
            }
            Err(_) => changed.extend_from_slice(line.as_bytes()),
        }
        changed.push(b'\n');
    }
    changed
}
