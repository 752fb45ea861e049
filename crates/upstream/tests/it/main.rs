//! The client against servers on this machine that answer whatever a test wants.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a panic is the report, also in what tests share"
)]

mod again;
mod at_once;
mod breaker;
mod document;
mod downloads;
mod every_fault;
mod faults;
mod health;
mod http2;
mod index;
mod whom;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, Response, StatusCode},
};
use supercargo_types::Digest;
use supercargo_upstream::{
    ClientSettings, IndexAnswer, Secret, Upstream, UpstreamAuth, UpstreamClient, UpstreamFailed,
    Validators,
};
use tokio::net::TcpListener;

/// What a server was asked.
#[derive(Clone, Debug)]
struct Asked {
    path: String,
    headers: HeaderMap,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A server that remembers what it was asked.
struct Server {
    base: String,
    log: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    async fn start(
        answer: impl Fn(&Asked) -> Response<Body> + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::patient(move |asked| {
            let answer = answer(&asked);
            async move { answer }
        })
        .await
    }

    /// The same for answers that take their time.
    async fn patient<F>(answer: impl Fn(Asked) -> F + Clone + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response<Body>> + Send,
    {
        let log = Arc::new(Mutex::new(Vec::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let remembered = log.clone();
        let router = Router::new().fallback(move |request: Request| {
            let asked = Asked {
                path: request.uri().path().to_owned(),
                headers: request.headers().clone(),
            };
            remembered.lock().unwrap().push(asked.clone());
            answer(asked)
        });
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { base, log }
    }

    fn upstream(&self) -> Upstream {
        self.with(UpstreamAuth::None)
    }

    fn with(&self, auth: UpstreamAuth) -> Upstream {
        Upstream {
            name: "partner".to_owned(),
            index: format!("sparse+{}/index/", self.base).parse().unwrap(),
            auth,
            also: Vec::new(),
            is_preset: false,
        }
    }

    fn asked(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }

    fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }
}

/// Settings under which this machine may be asked.
fn settings() -> ClientSettings {
    ClientSettings {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        timeout: Duration::from_secs(5),
        ..ClientSettings::default()
    }
}

fn client() -> UpstreamClient {
    UpstreamClient::new(settings()).unwrap()
}

/// Little patience, for servers that exhaust it.
fn hasty() -> UpstreamClient {
    UpstreamClient::new(ClientSettings {
        timeout: Duration::from_millis(100),
        ..settings()
    })
    .unwrap()
}

fn secret(text: &str) -> Secret {
    text.to_owned().into()
}

fn status(code: u16) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}

fn with(mut response: Response<Body>, name: &'static str, value: &str) -> Response<Body> {
    response.headers_mut().insert(name, value.parse().unwrap());
    response
}

fn text(body: impl Into<Body>) -> Response<Body> {
    Response::new(body.into())
}

fn redirect(to: &str) -> Response<Body> {
    with(status(302), "location", to)
}

async fn ask(
    client: &UpstreamClient,
    upstream: &Upstream,
    known: Option<&Validators>,
) -> Result<IndexAnswer, UpstreamFailed> {
    let spelling = "serde".parse().unwrap();
    client.index_file(upstream, &spelling, known).await
}

/// Downloads `Serde` 1.0.0+b and puts it together.
async fn fetch(client: &UpstreamClient, upstream: &Upstream) -> Result<Vec<u8>, UpstreamFailed> {
    use futures_util::TryStreamExt as _;
    let checksum = Digest::from_bytes([0; 32]);
    let download = client
        .download(upstream, "Serde", "1.0.0+b", &checksum)
        .await?;
    let pieces: Vec<_> = download.body.try_collect().await?;
    let bytes = pieces.concat();
    if let Some(length) = download.length {
        assert_eq!(length, bytes.len() as u64);
    }
    Ok(bytes)
}
