//! The listener: connections, their limits, and an orderly end.

use std::{
    convert::Infallible, fmt::Display, io, net::IpAddr, pin::pin, sync::Arc, time::Duration,
};

use axum::body::Body;
use futures_util::FutureExt as _;
use http::{Request, Response};
use hyper::{
    body::{Body as _, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use supercargo_registry::Instance;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Notify, OwnedSemaphorePermit, Semaphore, watch},
};

use crate::{App, Tls, TrustedProxies};

/// Read at a time, and so the most that a request's head may have: cargo's has less than one.
const READ_BUFFER: usize = 256 << 10;
/// The most that the headers of an HTTP/2 request may have.
const HEADER_BYTES: u32 = 64 << 10;
/// Streams per HTTP/2 connection: libcurl's own limit is 100.
const STREAMS: u32 = 256;
/// Streams that a client may reset before we have looked at them. More is somebody who opens and resets them by the
/// thousand, so that each costs us work and none counts as open (rapid reset, CVE-2023-44487); the connection is ended.
const RESET_STREAMS: usize = 20;
/// What requests under way are given at the end: cargo's own patience.
const END_WITHIN: Duration = Duration::from_secs(30);
/// After an error of `accept` such as too many open files.
const BREATHE: Duration = Duration::from_millis(50);

/// What connections may cost.
#[derive(Clone, Copy)]
struct Limits {
    /// A client that has not finished its TLS handshake by then holds a connection for nothing, and a place among those
    /// below: a handshake in slow motion costs an attacker less than any request would.
    handshake_within: Duration,
    /// A client that has not sent its headers by then holds a connection for nothing (slowloris).
    headers_within: Duration,
    /// At once. Further ones wait in the system's queue, where they cost no memory of ours: without a bound, whoever can
    /// connect could use up all of it.
    connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_within: Duration::from_secs(10),
            headers_within: Duration::from_secs(30),
            connections: 10_000,
        }
    }
}

/// How clients get in.
#[derive(Clone, Default)]
pub struct Entrance {
    /// HTTPS alone, instead of HTTP alone.
    pub tls: Option<Tls>,
    /// Whose word on where a request came from is taken.
    pub trusted_proxies: TrustedProxies,
}

/// Serves until `shutdown` is done, then lets requests under way finish.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    instance: Arc<Instance>,
    listener: TcpListener,
    entrance: Entrance,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let app = Arc::new(App::new(instance.clone()));
    let proxies = Arc::new(entrance.trusted_proxies);
    let answer = move |request: Request<Incoming>, peer| {
        let app = app.clone();
        let client = proxies.client(peer, request.headers());
        async move {
            let request = request.map(|body| {
                if body.is_end_stream() {
                    Body::empty()
                } else {
                    Body::new(body)
                }
            });
            // on the heap, for the HTTP library moves what it is given several times before it polls it
            Box::pin(app.answer(request, Some(client))).await
        }
    };
    listen(listener, entrance.tls, Limits::default(), answer, shutdown).await;
    instance.close().await;
    Ok(())
}

/// Knows connections, and nothing of what is asked on them.
async fn listen<Answer, Answering>(
    listener: TcpListener,
    tls: Option<Tls>,
    limits: Limits,
    answer: Answer,
    shutdown: impl Future<Output = ()>,
) where
    Answer: Fn(Request<Incoming>, IpAddr) -> Answering + Clone + Send + 'static,
    Answering: Future<Output = Response<Body>> + Send + 'static,
{
    let builder = Arc::new(builder(limits));
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let (end, ending) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            let place = place.expect("invariant: nobody closes this semaphore");
            listener.accept().await.map(|accepted| (accepted, place))
        };
        let ((stream, peer), place) = tokio::select! {
            accepted = accepted => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(BREATHE).await;
                    continue;
                }
            },
            () = &mut shutdown => break,
        };
        // Without it, small answers wait up to 40 ms for the client's acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection without TCP_NODELAY");
        }
        let connection = Connection {
            builder: builder.clone(),
            answer: answer.clone(),
            peer: peer.ip().to_canonical(),
            limits,
            watcher: graceful.watcher(),
            _place: place,
        };
        match tls.clone() {
            None => tokio::spawn(connection.serve(stream)),
            Some(tls) => {
                let mut ending = ending.clone();
                tokio::spawn(async move {
                    // a handshake is no request, and the end of the program does not wait for it
                    let shaken = tokio::select! {
                        shaken = shake_hands(&tls, stream, limits.handshake_within) => shaken,
                        _ = ending.changed() => None,
                    };
                    if let Some(stream) = shaken {
                        connection.serve(stream).await;
                    }
                })
            }
        };
    }
    drop((listener, end));
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(END_WITHIN) => tracing::warn!("some requests were cut off at the end"),
    }
}

async fn shake_hands(
    tls: &Tls,
    stream: TcpStream,
    within: Duration,
) -> Option<impl AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    match tokio::time::timeout(within, tls.accept(stream)).await {
        Ok(Ok(stream)) => {
            let (_, session) = stream.get_ref();
            tracing::debug!(
                version = session
                    .protocol_version()
                    .as_ref()
                    .map(tracing::field::debug),
                http = session
                    .alpn_protocol()
                    .map(|name| name.escape_ascii().to_string()),
                "a TLS connection"
            );
            Some(stream)
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!("a TLS handshake took too long");
            None
        }
    }
}

/// A connection that was accepted, and its place among those that may be there at once.
struct Connection<Answer> {
    builder: Arc<Builder<TokioExecutor>>,
    answer: Answer,
    peer: IpAddr,
    limits: Limits,
    watcher: Watcher,
    _place: OwnedSemaphorePermit,
}

impl<Answer, Answering> Connection<Answer>
where
    Answer: Fn(Request<Incoming>, IpAddr) -> Answering + Send + 'static,
    Answering: Future<Output = Response<Body>> + Send + 'static,
{
    /// Which version of HTTP is spoken is seen by its first bytes, also where TLS has agreed on one.
    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Self {
            builder,
            answer,
            peer,
            limits,
            watcher,
            _place,
        } = self;
        let asked = Arc::new(Notify::new());
        let has_asked = asked.clone();
        let service = service_fn(move |request| {
            has_asked.notify_one();
            // no block of its own, which would have room for the future twice
            answer(request, peer).map(Ok::<_, Infallible>)
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let connection = watcher.watch(connection);
        until_its_end(connection, &asked, limits.headers_within).await;
    }
}

fn builder(limits: Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers_within)
        .max_buf_size(READ_BUFFER)
        .max_headers(100);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_BYTES)
        .max_pending_accept_reset_streams(RESET_STREAMS)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    builder
}

/// Drives a connection; one whose first request does not come is closed. hyper's own limit begins only when it knows which
/// version of HTTP is spoken, and it waits without end for the bytes that tell.
async fn until_its_end<E: Display>(
    connection: impl Future<Output = Result<(), E>>,
    asked: &Notify,
    first_within: Duration,
) {
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = asked.notified() => connection.await,
        () = tokio::time::sleep(first_within) => {
            tracing::debug!("a connection on which nothing was asked is closed");
            return;
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests;
