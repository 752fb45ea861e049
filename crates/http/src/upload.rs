//! Uploads: a body that streams into a publish, with bounds on its size and on our patience.

use std::{
    io, mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

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
/// In bytes, of a form before its file begins: the proof that it is ours, and the headers of two parts.
pub(crate) const BEFORE: usize = 64 << 10;
/// In bytes; a form of ours has less than one of these before its file.
const BEFORE_PIECE: usize = 4 << 10;
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

/// Hands on the pieces of a form with a file. What reads its parts keeps everything that it has not understood yet, and looks
/// through all of it again whenever more comes: a form without an end to its first part would cost memory and time without
/// bounds. So it gets one piece at a time, small ones until the file has begun, and not many of those.
pub(crate) struct Gate<S> {
    /// Nothing after an error.
    pieces: Option<Pin<Box<S>>>,
    rest: Bytes,
    before: usize,
    is_open: Arc<AtomicBool>,
    has_given: bool,
}

/// Says that the file has begun.
#[derive(Clone)]
pub(crate) struct Opener(Arc<AtomicBool>);

impl Opener {
    pub(crate) fn open(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<S: Stream<Item = io::Result<Bytes>>> Gate<S> {
    pub(crate) fn new(pieces: S) -> (Self, Opener) {
        let is_open = Arc::new(AtomicBool::new(false));
        let gate = Self {
            pieces: Some(Box::pin(pieces)),
            rest: Bytes::new(),
            before: 0,
            is_open: is_open.clone(),
            has_given: false,
        };
        (gate, Opener(is_open))
    }
}

impl<S: Stream<Item = io::Result<Bytes>>> Stream for Gate<S> {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if mem::take(&mut self.has_given) {
            // the reader looks at what it has before it is given more
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        while self.rest.is_empty() {
            let Some(pieces) = &mut self.pieces else {
                return Poll::Ready(None);
            };
            match ready!(pieces.as_mut().poll_next(context)) {
                Some(Ok(piece)) => self.rest = piece,
                end => return Poll::Ready(end),
            }
        }
        self.has_given = true;
        if self.is_open.load(Ordering::Relaxed) {
            return Poll::Ready(Some(Ok(mem::take(&mut self.rest))));
        }
        let length = self.rest.len().min(BEFORE_PIECE);
        self.before += length;
        if self.before > BEFORE {
            self.pieces = None;
            self.rest.clear();
            let error = "what stands before the file in this form is too long";
            return Poll::Ready(Some(Err(io::Error::other(error))));
        }
        Poll::Ready(Some(Ok(self.rest.split_to(length))))
    }
}

fn shape(text: &str) -> Failure {
    Refusal::Shape(text.to_owned()).into()
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn of(pieces: usize) -> impl Stream<Item = io::Result<Bytes>> {
        let piece = Bytes::from(vec![b'x'; 16 << 10]);
        stream::iter((0..pieces).map(move |_| Ok(piece.clone())))
    }

    /// P14: a form that never comes to its file ends soon.
    #[tokio::test]
    async fn what_stands_before_a_file_is_bounded_and_the_file_is_not() {
        let (gate, _) = Gate::new(of(100));
        let taken: Vec<_> = gate.collect().await;
        let (good, bad): (Vec<_>, Vec<_>) = taken.into_iter().partition(Result::is_ok);
        assert_eq!(good.len(), BEFORE / BEFORE_PIECE);
        assert!(
            good.iter()
                .flatten()
                .all(|piece| piece.len() == BEFORE_PIECE)
        );
        let [Err(error)] = &bad[..] else {
            panic!("one error, and the end: {bad:?}");
        };
        assert!(error.to_string().contains("too long"));

        let (mut gate, opener) = Gate::new(of(100));
        let first = gate.next().await.unwrap().unwrap();
        assert_eq!(first.len(), BEFORE_PIECE);
        opener.open();
        let mut rest = 0;
        while let Some(piece) = gate.next().await {
            rest += piece.unwrap().len();
        }
        assert_eq!(first.len() + rest, 100 * (16 << 10));
    }
}
