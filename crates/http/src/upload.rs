//! Uploads: a body that streams into a publish, with bounds on its size and on our patience.

use std::{io, time::Duration};

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::{Stream, StreamExt as _};
use http::{HeaderMap, header};
use supercargo_registry::{Failure, PublishStart, Refusal};
use tokio::sync::mpsc;

/// Patience between two pieces of an upload: cargo itself gives up after this long.
const PIECE_WITHIN: Duration = Duration::from_secs(30);
/// For a whole upload: 64 MiB at 110 KB a second. Patience between pieces alone would let a client that drips byte by byte
/// hold its connection and its staged file for days.
const UPLOAD_WITHIN: Duration = Duration::from_mins(10);
/// Pieces of a body that wait for the reader of its parts.
const PIECES: usize = 2;
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

/// The pieces of a body, for a reader of its parts: with the same patience, and taken in within bounds when the reader has gone.
pub(crate) fn pieces(body: Body) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
    let (give, take) = mpsc::channel(PIECES);
    tokio::spawn(async move {
        let mut body = body.into_data_stream();
        let pass = async {
            loop {
                let piece = match tokio::time::timeout(PIECE_WITHIN, body.next()).await {
                    Ok(Some(Ok(piece))) => Ok(piece),
                    Ok(None) => return,
                    Ok(Some(Err(_))) => Err("the upload broke off; send it again"),
                    Err(_) => Err("the upload stood still for 30 seconds; send it again"),
                };
                let is_last = piece.is_err();
                if give.send(piece.map_err(io::Error::other)).await.is_err() || is_last {
                    return;
                }
            }
        };
        // whoever reads is told, when it comes to an end, that there is no more
        let _ = tokio::time::timeout(UPLOAD_WITHIN, pass).await;
        drop(give);
        let_out(body).await;
    });
    futures_util::stream::unfold(take, async |mut take: mpsc::Receiver<io::Result<Bytes>>| {
        let piece = take.recv().await?;
        Some((piece, take))
    })
}

fn shape(text: &str) -> Failure {
    Refusal::Shape(text.to_owned()).into()
}
