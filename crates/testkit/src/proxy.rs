//! A reverse proxy such as companies put in front: it speaks HTTP/1.1, may strip a path, and says whom it speaks for.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    body::Body,
    extract::{ConnectInfo, State},
    response::Response,
};
use http::{HeaderName, Request, StatusCode, header};
use tokio::net::TcpListener;

use crate::wait::locked;

/// The running proxy. It stops with the runtime of the test.
pub struct ReverseProxy {
    address: SocketAddr,
    way: Arc<Way>,
}

/// A request that a proxy has passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Method and path as the client asked.
    pub line: String,
    /// What the server answered.
    pub status: StatusCode,
}

struct Way {
    prefix: String,
    strips: bool,
    http: reqwest::Client,
    target: Mutex<String>,
    carried: Mutex<Vec<Carried>>,
}

/// They are about one connection (RFC 9110, 7.6.1), so a proxy takes them off.
const HOP_BY_HOP: [HeaderName; 4] = [
    header::CONNECTION,
    header::UPGRADE,
    header::TRANSFER_ENCODING,
    HeaderName::from_static("http2-settings"),
];
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

impl ReverseProxy {
    /// Listens on a free port, for addresses below a prefix such as `/crates`, which it may strip. Nothing is behind it
    /// until [`forward_to`](Self::forward_to).
    ///
    /// # Panics
    /// When no port is free.
    #[expect(
        clippy::disallowed_methods,
        reason = "only ever connects to servers that a test has started"
    )]
    pub async fn start(prefix: &str, strips: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("a bound port is known");
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_gzip()
            .no_proxy()
            .http1_only()
            .build()
            .expect("invariant: this configuration is sound");
        let way = Arc::new(Way {
            prefix: prefix.to_owned(),
            strips,
            http,
            target: Mutex::default(),
            carried: Mutex::default(),
        });
        let service = axum::Router::new()
            .fallback(carry)
            .with_state(Arc::clone(&way))
            .into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { address, way }
    }

    /// What is behind it: `http://127.0.0.1:PORT`.
    pub fn forward_to(&self, server: &str) {
        server.clone_into(&mut locked(&self.way.target));
    }

    /// `http://127.0.0.1:PORT/crates`: the public URL of what is behind it.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.way.prefix)
    }

    /// What it has passed on so far.
    pub fn carried(&self) -> Vec<Carried> {
        locked(&self.way.carried).clone()
    }
}

async fn carry(
    State(way): State<Arc<Way>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request<Body>,
) -> Response {
    let whole = request.uri().to_string();
    let line = format!("{} {whole}", request.method());
    let response = match whole.strip_prefix(&way.prefix) {
        Some(rest) => {
            let path = if way.strips { rest } else { &whole };
            let url = format!("{}{path}", locked(&way.target));
            pass_on(&way.http, &url, client, request).await
        }
        None => plain(StatusCode::NOT_FOUND, "the proxy has nothing here"),
    };
    let status = response.status();
    locked(&way.carried).push(Carried { line, status });
    response
}

async fn pass_on(
    http: &reqwest::Client,
    url: &str,
    client: SocketAddr,
    request: Request<Body>,
) -> Response {
    let (mut parts, body) = request.into_parts();
    for name in HOP_BY_HOP {
        parts.headers.remove(name);
    }
    // as the usual settings do: what the client said, and behind it the address that was seen
    let told = parts
        .headers
        .get(&FORWARDED_FOR)
        .and_then(|value| value.to_str().ok());
    let chain = told.map_or(String::new(), |told| format!("{told}, ")) + &client.ip().to_string();
    parts.headers.insert(
        FORWARDED_FOR,
        chain.parse().expect("invariant: a chain of header texts"),
    );
    let sent = http
        .request(parts.method, url)
        .headers(parts.headers)
        .body(reqwest::Body::wrap_stream(body.into_data_stream()))
        .send()
        .await;
    match sent {
        Ok(answer) => {
            let mut response = http::Response::from(answer).map(Body::new);
            for name in HOP_BY_HOP {
                response.headers_mut().remove(name);
            }
            response
        }
        Err(error) => plain(StatusCode::BAD_GATEWAY, &error.to_string()),
    }
}

fn plain(status: StatusCode, text: &str) -> Response {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = status;
    response
}
