//! Connections over real sockets: limits, TLS, HTTP/2, the end.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use supercargo_testkit::Authority;
use tempfile::TempDir;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        self, ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use super::*;
use crate::{PairFiles, Renewal};

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
    listening_with(None, limits).await
}

async fn listening_with(tls: Option<Tls>, limits: Limits) -> Listening {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (shutdown, ended) = oneshot::channel();
    let answer = |_, _| async { Response::new(Body::from("yes")) };
    let task = tokio::spawn(listen(listener, tls, limits, answer, async {
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

async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    stream.write_all(REQUEST).await.unwrap();
    answered(stream).await;
}

async fn answered(stream: &mut (impl AsyncRead + Unpin)) {
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
    let server = tokio::spawn(listen(
        listener,
        None,
        limits,
        answer,
        std::future::pending(),
    ));
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

/// A server with a certificate of an authority, in a folder.
struct Secured {
    authority: Authority,
    folder: TempDir,
    renewal: Renewal,
    server: Listening,
}

async fn secured(limits: Limits) -> Secured {
    let (authority, folder) = (Authority::new(), TempDir::new().unwrap());
    authority.issue(folder.path(), "first");
    let (tls, renewal) = Tls::open(pair(folder.path())).unwrap();
    Secured {
        authority,
        folder,
        renewal,
        server: listening_with(Some(tls), limits).await,
    }
}

fn pair(folder: &Path) -> PairFiles {
    let [certificate, key] = Authority::pair(folder);
    PairFiles { certificate, key }
}

const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

impl Secured {
    async fn connect(&self) -> TlsStream<TcpStream> {
        self.connect_with(BOTH, &["http/1.1"]).await
    }

    /// A client that speaks these versions of TLS, and of HTTP, and trusts the root alone.
    async fn connect_with(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        http: &[&str],
    ) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap();
        roots.add(root).unwrap();
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_protocol_versions(versions)
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
        config.alpn_protocols = http.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let shaken = timeout(BOUND, connector.connect(name, self.server.connect().await));
        shaken.await.unwrap().unwrap()
    }
}

fn certificate(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    let (_, session) = stream.get_ref();
    session.peer_certificates().unwrap()[0].to_vec()
}

/// Row P15. cargo on Windows speaks TLS 1.2 at most.
#[tokio::test]
async fn both_versions_of_tls_and_of_http_are_spoken() {
    let secured = secured(Limits::default()).await;
    for (version, expected) in [
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let mut stream = secured.connect_with(&[version], &["http/1.1"]).await;
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(expected));
        assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
        ask(&mut stream).await;
        // a client that knows no ALPN speaks HTTP/1.1
        let mut stream = secured.connect_with(&[version], &[]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), None);
        ask(&mut stream).await;

        let offer = ["http/1.1", "h2"];
        let mut stream = secured.connect_with(&[version], &offer).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        stream
            .write_all(&[PREFACE, &get(1)].concat())
            .await
            .unwrap();
        let frames = frames_until(&mut stream, |frame| frame.kind == DATA).await;
        assert_eq!(frames.last().unwrap().payload, b"yes");
    }
    secured.server.ends().await;
}

#[tokio::test]
async fn new_connections_get_the_new_certificate_and_open_ones_go_on() {
    let mut secured = secured(Limits::default()).await;
    let mut open = secured.connect().await;
    ask(&mut open).await;
    secured.authority.issue(secured.folder.path(), "second");
    assert!(secured.renewal.look().unwrap());
    let mut new = secured.connect().await;
    assert_ne!(certificate(&new), certificate(&open));
    ask(&mut new).await;
    ask(&mut open).await;

    let [_, key] = Authority::pair(secured.folder.path());
    std::fs::write(key, "no key").unwrap();
    secured.renewal.look().unwrap_err();
    let mut another = secured.connect().await;
    assert_eq!(certificate(&another), certificate(&new));
    ask(&mut another).await;
    secured.server.ends().await;
}

#[tokio::test]
async fn plain_http_on_a_tls_port_is_told_so() {
    let secured = secured(Limits::default()).await;
    for start in [REQUEST, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = secured.server.connect().await;
        stream.write_all(start).await.unwrap();
        let mut answer = String::new();
        let closed = timeout(BOUND, stream.read_to_string(&mut answer)).await;
        closed.unwrap().unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
            "{answer}"
        );
        assert!(
            answer.ends_with("write `https://` instead of `http://`\n"),
            "{answer}"
        );
    }
    secured.server.ends().await;
}

/// Handshakes in slow motion would otherwise use up the places of everybody.
#[tokio::test]
async fn a_handshake_in_slow_motion_gives_its_place_back() {
    let secured = secured(Limits {
        handshake_within: Duration::from_secs(1),
        connections: 1,
        ..Limits::default()
    })
    .await;
    for start in [&b""[..], b"\x16\x03\x01\x02\x00\x01\x00"] {
        let mut slow = secured.server.connect().await;
        slow.write_all(start).await.unwrap();
        let closed = timeout(BOUND, slow.read(&mut [0; 1])).await;
        assert!(closed.is_ok(), "{:?} is still open", start.escape_ascii());
    }
    // there is one place, and it is free again
    ask(&mut secured.connect().await).await;
    secured.server.ends().await;
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_asked_over_tls_is_closed() {
    let secured = secured(Limits {
        headers_within: Duration::from_millis(100),
        ..Limits::default()
    })
    .await;
    let mut silent = secured.connect().await;
    let closed = timeout(BOUND, silent.read(&mut [0; 1])).await;
    assert!(closed.is_ok(), "it is still open");
    secured.server.ends().await;
}

#[tokio::test]
async fn the_end_does_not_wait_for_handshakes_but_for_requests() {
    let secured = secured(Limits {
        handshake_within: Duration::from_mins(10),
        ..Limits::default()
    })
    .await;
    let mut shaking = secured.server.connect().await;
    shaking.write_all(b"\x16").await.unwrap();
    let mut idle = secured.connect().await;
    ask(&mut idle).await;
    secured.server.ends().await;
    let closed = timeout(BOUND, shaking.read(&mut [0; 1])).await;
    assert!(closed.is_ok(), "it is still open");
    let closed = timeout(BOUND, idle.read(&mut [0; 1])).await;
    assert_eq!(closed.unwrap().unwrap(), 0);
}

/// What cargo sends on `http://`, word for word. The offer may be left unanswered (RFC 7540, 3.2), and the connection stays.
#[tokio::test]
async fn an_offer_of_http_2_in_plain_text_is_left_alone() {
    let server = listening(Limits::default()).await;
    let mut stream = server.connect().await;
    for _ in 0..2 {
        stream
            .write_all(
                b"GET /acme/index/config.json HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: cargo 1.95.0\r\n\
                Accept-Encoding: deflate, gzip\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\naccept: text/plain\r\ncargo-protocol: version=1\r\n\r\n",
            )
            .await
            .unwrap();
        answered(&mut stream).await;
        stream
            .write_all(
                b"PUT /acme/api/v1/crates/new HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n\
                Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\nbody",
            )
            .await
            .unwrap();
        answered(&mut stream).await;
    }
    server.ends().await;
}

/// The preface of a client and its empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
const DATA: u8 = 0;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;

/// A frame of HTTP/2 (RFC 9113, 4.1).
struct Frame {
    kind: u8,
    flags: u8,
    payload: Vec<u8>,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [length[1], length[2], length[3], kind, flags];
    [&head, &stream.to_be_bytes()[..], payload].concat()
}

/// `GET /` as a whole request: HEADERS with the ends of stream and headers.
fn get(stream: u32) -> Vec<u8> {
    frame(1, 0x5, stream, b"\x82\x87\x84\x01\x01a")
}

/// Reads frames up to and with the first that is wanted.
async fn frames_until(
    stream: &mut (impl AsyncRead + Unpin),
    wanted: impl Fn(&Frame) -> bool,
) -> Vec<Frame> {
    let mut frames = Vec::new();
    loop {
        let mut head = [0; 9];
        let read = timeout(BOUND, stream.read_exact(&mut head)).await;
        read.unwrap()
            .expect("closed before the frame that was waited for");
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).await.unwrap();
        let frame = Frame {
            kind: head[3],
            flags: head[4],
            payload,
        };
        let found = wanted(&frame);
        frames.push(frame);
        if found {
            return frames;
        }
    }
}

#[tokio::test]
async fn http_2_is_told_its_limits() {
    let server = listening(Limits::default()).await;
    let mut stream = server.connect().await;
    stream
        .write_all(&[PREFACE, &get(1)].concat())
        .await
        .unwrap();
    let frames = frames_until(&mut stream, |frame| frame.kind == DATA).await;
    let settings = frames
        .iter()
        .find(|frame| (frame.kind, frame.flags) == (SETTINGS, 0));
    let settings: Vec<_> = settings
        .unwrap()
        .payload
        .chunks(6)
        .map(|setting| {
            let value = setting[2..].try_into().unwrap();
            (setting[1], u32::from_be_bytes(value))
        })
        .collect();
    // RFC 9113, 6.5.2
    assert!(settings.contains(&(3, STREAMS)), "{settings:?}");
    assert!(settings.contains(&(6, HEADER_BYTES)), "{settings:?}");
    // it would not answer the farewell
    drop(stream);
    server.ends().await;
}

/// CVE-2023-44487: streams that are opened and reset at once never count as open.
#[tokio::test]
async fn a_client_that_resets_streams_by_the_thousand_is_sent_away() {
    let server = listening(Limits::default()).await;
    let mut stream = server.connect().await;
    let cancel = 8_u32.to_be_bytes();
    let attack = (0..1_000).map(|number| 2 * number + 1);
    let attack = attack.flat_map(|id| [get(id), frame(3, 0, id, &cancel)].concat());
    let attack: Vec<u8> = PREFACE.iter().copied().chain(attack).collect();
    stream.write_all(&attack).await.unwrap();
    let frames = frames_until(&mut stream, |frame| frame.kind == GO_AWAY).await;
    let code = &frames.last().unwrap().payload[4..8];
    assert_eq!(code, 11_u32.to_be_bytes(), "ENHANCE_YOUR_CALM");
    ask(&mut server.connect().await).await;
    server.ends().await;
}
