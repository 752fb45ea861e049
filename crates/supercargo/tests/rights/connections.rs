//! Clients that hold a connection and send nothing, or next to nothing: each is sent away, and others are served meanwhile.
//!
//! On SQLite alone: no database has a part in it. These tests take the half minute that the server grants a client.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use supercargo_testkit::{Database, Server, ServerOptions};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{PROGRAM, assert_log_is_clean};

/// The server's patience is 30 seconds; more than twice that is none.
const BOUND: Duration = Duration::from_secs(70);

/// Sends the beginning of something and nothing more; waits until the server ends the connection, and says why that is wrong.
async fn sent_away(server: &Server, beginning: String) -> Result<(), String> {
    let address = server.url().replace("http://", "");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(beginning.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(BOUND, stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer);
    match ended {
        Err(_) => Err(format!("held for {BOUND:?}: {beginning:?}, {answer}")),
        Ok(_) if answer.contains(" 500 ") => Err(format!("{beginning:?}: {answer}")),
        Ok(_) => Ok(()),
    }
}

#[tokio::test]
async fn a_client_that_stalls_is_sent_away_while_others_are_served() {
    let mut server = Server::start(ServerOptions::new(PROGRAM).database(Database::Sqlite)).await;
    let admin = server.admin();
    admin
        .create_registry(json!({ "name": "open", "visibility": "public" }))
        .await;
    let token = server.admin_token();
    let authorized = format!("Host: x\r\nAuthorization: {token}\r\n");
    let stalls = [
        String::new(),
        "P".to_owned(),
        "PRI * HTTP/2.0\r\n\r\n".to_owned(),
        "GET /healthz HT".to_owned(),
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ".to_owned(),
        format!("POST /api/v1/registries HTTP/1.1\r\n{authorized}Content-Length: 100\r\n\r\n{{"),
        format!(
            "PUT /open/api/v1/crates/demo/owners HTTP/1.1\r\n{authorized}Content-Length: 100\r\n\r\n{{"
        ),
        format!(
            "PUT /open/api/v1/crates/new HTTP/1.1\r\n{authorized}Content-Length: 100\r\n\r\n\x10"
        ),
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
    ];
    let start = Instant::now();
    let stalled = join_all(stalls.into_iter().map(|stall| sent_away(&server, stall)));
    let meanwhile = async {
        for _ in 0..20 {
            server.anonymous().get("/healthz").await.expect(200);
        }
        start.elapsed()
    };
    let (stalled, waited) = tokio::join!(stalled, meanwhile);
    assert!(
        waited < Duration::from_secs(20),
        "others waited for {waited:?}"
    );
    let wrong: Vec<_> = stalled.into_iter().filter_map(Result::err).collect();
    assert_eq!(wrong, Vec::<String>::new());
    server.stop().await;
    assert_log_is_clean(&server.log());
}

#[tokio::test]
async fn hundreds_of_idle_connections_keep_nobody_out() {
    let mut server = Server::start(ServerOptions::new(PROGRAM).database(Database::Sqlite)).await;
    let address = server.url().replace("http://", "");
    let mut idle = Vec::new();
    for _ in 0..400 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(b"GET / HT").await.unwrap();
        idle.push(stream);
    }
    let start = Instant::now();
    server.admin().get("/api/v1/me").await.expect(200);
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    // nor do they keep the server from an orderly end
    drop(idle);
    server.stop().await;
    assert_log_is_clean(&server.log());
}
