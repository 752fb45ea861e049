//! What an attacker sends: odd paths, headers and bodies. Each gets an answer below 500 or a closed connection, nothing of
//! it is in the log as a fault or a panic, and the server goes on answering.

mod answers;
mod paths;
mod texts;
mod wire;

use std::time::Duration;

use supercargo_testkit::Server;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// More than the server's own patience with a client.
const BOUND: Duration = Duration::from_secs(50);

/// Whether the client says after its bytes that no more will come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Afterwards {
    Listen,
    HangUp,
}

/// Sends bytes on a connection of their own and reads until the server ends it.
async fn send(server: &Server, bytes: &[u8], afterwards: Afterwards) -> String {
    let address = server.url().replace("http://", "");
    let mut stream = TcpStream::connect(address).await.unwrap();
    // a server that has seen enough closes while we still write
    stream.write_all(bytes).await.unwrap_or_default();
    if afterwards == Afterwards::HangUp {
        stream.shutdown().await.unwrap_or_default();
    }
    let mut answer = Vec::new();
    let read = tokio::time::timeout(BOUND, stream.read_to_end(&mut answer)).await;
    let beginning = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
    assert!(read.is_ok(), "neither an answer nor an end: {beginning:?}");
    String::from_utf8_lossy(&answer).into_owned()
}

/// A whole request that asks for the connection to be closed.
async fn raw(server: &Server, bytes: &[u8]) -> String {
    send(server, bytes, Afterwards::Listen).await
}

/// Something that may be no whole request.
async fn raw_and_end(server: &Server, bytes: &[u8]) -> String {
    send(server, bytes, Afterwards::HangUp).await
}

/// The status of a raw answer; 0 where the connection was just closed.
fn status(answer: &str) -> u16 {
    let line = answer.lines().next().unwrap_or_default();
    line.split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .unwrap_or(0)
}

/// It still answers, and knows what it knew.
async fn assert_alive(server: &Server) {
    server.anonymous().get("/healthz").await.expect(200);
    server.admin().get("/api/v1/me").await.expect(200);
}
