//! The listener: connections, their limits, and an orderly end.

use std::{
    convert::Infallible, fmt::Display, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration,
};

use axum::body::Body;
use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use supercargo_registry::Instance;
use tokio::{
    net::TcpListener,
    sync::{Notify, Semaphore},
};

use crate::App;

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

/// What connections may cost.
#[derive(Clone, Copy)]
struct Limits {
    /// A client that has not sent its headers by then holds a connection for nothing (slowloris).
    headers_within: Duration,
    /// At once. Further ones wait in the system's queue, where they cost no memory of ours: without a bound, whoever can
    /// connect could use up all of it.
    connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            headers_within: Duration::from_secs(30),
            connections: 10_000,
        }
    }
}

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
    let answer = move |request: Request<Incoming>, peer| {
        let app = app.clone();
        async move { app.answer(request.map(Body::new), Some(peer)).await }
    };
    listen(listener, Limits::default(), answer, shutdown).await;
    instance.close().await;
    Ok(())
}

/// Knows connections, and nothing of what is asked on them.
async fn listen<Answer, Answering>(
    listener: TcpListener,
    limits: Limits,
    answer: Answer,
    shutdown: impl Future<Output = ()>,
) where
    Answer: Fn(Request<Incoming>, SocketAddr) -> Answering + Clone + Send + 'static,
    Answering: Future<Output = Response<Body>> + Send + 'static,
{
    let builder = builder(limits);
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
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
        let answer = answer.clone();
        let asked = Arc::new(Notify::new());
        let has_asked = asked.clone();
        let service = service_fn(move |request| {
            has_asked.notify_one();
            let answering = answer(request, peer);
            async move { Ok::<_, Infallible>(answering.await) }
        });
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            until_its_end(connection, &asked, limits.headers_within).await;
            drop(place);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(END_WITHIN) => tracing::warn!("some requests were cut off at the end"),
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
mod tests {
    use std::net::Ipv4Addr;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
        sync::oneshot,
        task::JoinHandle,
        time::timeout,
    };

    use super::*;

    /// How long a condition is waited for before a test fails.
    const BOUND: Duration = Duration::from_secs(20);
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: registry.example\r\n\r\n";

    struct Listening {
        address: SocketAddr,
        shutdown: oneshot::Sender<()>,
        task: JoinHandle<()>,
    }

    /// A server that answers `yes` to everything.
    async fn listening(limits: Limits) -> Listening {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, ended) = oneshot::channel();
        let answer = |_, _| async { Response::new(Body::from("yes")) };
        let task = tokio::spawn(listen(listener, limits, answer, async {
            ended.await.unwrap();
        }));
        Listening {
            address,
            shutdown,
            task,
        }
    }

    impl Listening {
        async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.address).await.unwrap()
        }

        async fn ends(self) {
            self.shutdown.send(()).unwrap();
            timeout(BOUND, self.task).await.unwrap().unwrap();
        }
    }

    async fn ask(stream: &mut TcpStream) {
        stream.write_all(REQUEST).await.unwrap();
        answered(stream).await;
    }

    async fn answered(stream: &mut TcpStream) {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nyes") {
            let read = timeout(BOUND, stream.read_buf(&mut answer)).await;
            assert_ne!(read.unwrap().unwrap(), 0, "closed without an answer");
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }

    #[tokio::test]
    async fn a_connection_on_which_nothing_whole_is_asked_is_closed() {
        let server = listening(Limits {
            headers_within: Duration::from_millis(100),
            ..Limits::default()
        })
        .await;
        for start in [
            // less than tells which version of HTTP is spoken
            &b""[..],
            b"P",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r",
            // HTTP/2 without a request
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost: registry.exam",
        ] {
            let mut stream = server.connect().await;
            stream.write_all(start).await.unwrap();
            let mut rest = Vec::new();
            let closed = timeout(BOUND, stream.read_to_end(&mut rest)).await;
            assert!(closed.is_ok(), "{:?} is still open", start.escape_ascii());
            assert!(!rest.starts_with(b"HTTP/1.1 200"), "nothing was asked");
        }
        server.ends().await;
    }

    #[tokio::test]
    async fn an_answer_may_take_longer_than_the_first_request() {
        let limits = Limits {
            headers_within: Duration::from_millis(100),
            ..Limits::default()
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (arrived, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let answer = {
            let (arrived, gate) = (arrived.clone(), gate.clone());
            move |_, _| {
                let (arrived, gate) = (arrived.clone(), gate.clone());
                async move {
                    arrived.notify_one();
                    gate.notified().await;
                    Response::new(Body::from("yes"))
                }
            }
        };
        let server = tokio::spawn(listen(listener, limits, answer, std::future::pending()));
        let mut patient = TcpStream::connect(address).await.unwrap();
        patient.write_all(REQUEST).await.unwrap();
        timeout(BOUND, arrived.notified()).await.unwrap();
        // came later and is closed for its silence: by then the time for a first request is over
        let mut silent = TcpStream::connect(address).await.unwrap();
        let closed = timeout(BOUND, silent.read(&mut [0; 1])).await;
        assert_eq!(closed.unwrap().unwrap(), 0);
        gate.notify_one();
        answered(&mut patient).await;
        server.abort();
    }

    #[tokio::test]
    async fn connections_beyond_the_bound_wait_until_another_one_ends() {
        let server = listening(Limits {
            connections: 1,
            ..Limits::default()
        })
        .await;
        let mut first = server.connect().await;
        ask(&mut first).await;
        let mut second = server.connect().await;
        second.write_all(REQUEST).await.unwrap();
        // as long as the second one would have needed many times over
        for _ in 0..50 {
            ask(&mut first).await;
        }
        let early = second.try_read(&mut [0; 1]).unwrap_err();
        assert_eq!(early.kind(), io::ErrorKind::WouldBlock);
        drop(first);
        answered(&mut second).await;
        server.ends().await;
    }

    #[tokio::test]
    async fn a_server_without_a_free_place_ends_in_order() {
        let server = listening(Limits {
            connections: 1,
            ..Limits::default()
        })
        .await;
        let mut only = server.connect().await;
        ask(&mut only).await;
        server.ends().await;
        let closed = timeout(BOUND, only.read(&mut [0; 1])).await;
        assert_eq!(closed.unwrap().unwrap(), 0);
    }
}
