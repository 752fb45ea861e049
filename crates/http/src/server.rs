//! The listener: connections, their limits, and an orderly end.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use axum::body::Body;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use supercargo_registry::Instance;
use tokio::net::TcpListener;

use crate::App;

/// A client that has not sent its headers by then holds a connection for nothing (slowloris).
const HEADERS_WITHIN: Duration = Duration::from_secs(30);
/// Read at a time, and so the most that a request's head may have: cargo's has less than one.
const READ_BUFFER: usize = 256 << 10;
/// The most that the headers of an HTTP/2 request may have.
const HEADER_BYTES: u32 = 64 << 10;
/// Streams per HTTP/2 connection: libcurl's own limit is 100.
const STREAMS: u32 = 256;
/// What requests under way are given at the end: cargo's own patience.
const END_WITHIN: Duration = Duration::from_secs(30);
/// After an error of `accept` such as too many open files.
const BREATHE: Duration = Duration::from_millis(50);

/// Serves until `shutdown` is done, then lets requests under way finish.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    instance: Arc<Instance>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let app = App::new(instance.clone());
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(READ_BUFFER)
        .max_headers(100);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_BYTES)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
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
        let app = app.clone();
        let service = service_fn(move |request: http::Request<Incoming>| {
            let app = app.clone();
            async move { Ok::<_, Infallible>(app.answer(request.map(Body::new), Some(peer)).await) }
        });
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(END_WITHIN) => tracing::warn!("some requests were cut off at the end"),
    }
    instance.close().await;
    Ok(())
}
