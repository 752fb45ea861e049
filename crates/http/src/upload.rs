//! Uploads: a body that streams into a publish, with bounds on its size and on our patience.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt as _;
use http::{HeaderMap, header};
use supercargo_registry::{Failure, PublishStart, Refusal};

/// Patience between two pieces of an upload: cargo itself gives up after this long.
const PIECE_WITHIN: Duration = Duration::from_secs(30);
/// For a whole upload: 64 MiB at 110 KB a second. Patience between pieces alone would let a client that drips byte by byte
/// hold its connection and its staged file for days.
const UPLOAD_WITHIN: Duration = Duration::from_mins(10);
/// What a client that was refused may still send before its connection is closed.
const LET_OUT_BYTES: usize = 128 << 20;
const LET_OUT_WITHIN: Duration = Duration::from_secs(10);
/// Takes a whole body into a publish.
///
/// # Errors
/// As soon as something is wrong with it; the client still gets to read the reason.
pub(crate) async fn receive(publish: &mut PublishStart, body: Body) -> Result<(), Failure> {
    let mut body = body.into_data_stream();
    let taken = tokio::time::timeout(UPLOAD_WITHIN, take_in(publish, &mut body)).await;
    let late = || {
        Err(shape(
            "the upload took more than 10 minutes; publish again over a faster connection",
        ))
    };
    let outcome = taken.unwrap_or_else(|_| late());
    if outcome.is_err() {
        tokio::spawn(let_out(body));
    }
    outcome
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
pub(crate) fn let_go(headers: &HeaderMap, body: Body) {
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

fn shape(text: &str) -> Failure {
    Refusal::Shape(text.to_owned()).into()
}
