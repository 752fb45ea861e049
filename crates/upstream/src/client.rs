//! The client: three questions, and what their answers may look like.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::{
    Certificate, Client, ClientBuilder, Response,
    header::{ACCEPT, ACCEPT_ENCODING, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED},
    redirect::Policy,
};
use supercargo_types::{Clock, Digest, Random, Spelling, sparse_path};
use tokio::sync::Semaphore;

use crate::{
    AllowedAddress, FailureReason, Lookup, Upstream, UpstreamConfig, UpstreamFailed,
    UpstreamHealth,
    address::{Guard, PrivateAddress},
    body::{Download, Incoming},
    document::DOCUMENTS,
    failed::Patience,
    flight::Configs,
    lanes::{AllLanes, Lanes},
    request::{Again, unexpected},
};

const CONFIG: &str = "config.json";
/// Of a `config.json`, in bytes: three short fields.
const CONFIG_BYTES: u64 = 64 << 10;
/// Of an `ETag` or a date: they are kept for every crate, so nobody shall fill the database with them.
const VALIDATOR_BYTES: usize = 512;
/// A small answer has to be whole within this many times our patience: an upstream that drips byte by byte would otherwise
/// hold up everybody who asks the same question.
pub(crate) const WHOLE_WITHIN: u32 = 4;
/// Of that time, so much is left for the answer itself when the turn comes late: otherwise a queue of ours would look like an
/// upstream that is slow.
const TURN_WITHIN: u32 = WHOLE_WITHIN - 1;
/// Finds out that a connection is dead before the next question is sent into it.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Limits and patience, for all upstreams.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// In waiting for the head of an answer, and between two pieces of its body.
    pub timeout: Duration,
    /// In connecting, if `timeout` is not less: a name, TCP and TLS. Whoever is there answers within seconds, while a host that
    /// drops packets would cost all of the patience that a slow answer deserves.
    pub connect: Duration,
    /// Beyond the public internet.
    pub allow: Vec<AllowedAddress>,
    /// Who we say we are.
    pub user_agent: String,
    /// Of an index file, in bytes, after decompression.
    pub index_bytes: u64,
    /// Of a `.crate` file, in bytes.
    pub crate_bytes: u64,
    /// How long a `config.json` is believed.
    pub config_freshness: Duration,
    /// Questions for index files and `config.json` that are under way at once; further ones wait. An anonymous reader of a
    /// public registry can make one question to an upstream per name that they invent: a flood of them must neither eat
    /// this server's sockets nor get it banned by upstream.
    pub questions: usize,
    /// Of these, for one upstream: a slow one must not take all places from the others.
    pub questions_each: usize,
    /// Downloads under way at once, to the end of their bodies; further ones wait.
    pub downloads: usize,
    /// Of these, for one upstream.
    pub downloads_each: usize,
    /// Certificate authorities in PEM that are trusted beside the system's.
    pub authorities: Vec<Vec<u8>>,
    /// When names get their addresses, and from whom.
    pub lookup: Lookup,
    /// For pauses of those who are down.
    pub clock: Clock,
    /// For the jitter in them.
    pub random: Random,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            allow: Vec::new(),
            user_agent: concat!("supercargo/", env!("CARGO_PKG_VERSION")).to_owned(),
            // the largest file of crates.io has less than 10 MB
            index_bytes: 16 << 20,
            crate_bytes: 512 << 20,
            config_freshness: Duration::from_mins(10),
            // cargo has about a hundred of each under way over one connection
            questions: 192,
            questions_each: 96,
            downloads: 128,
            downloads_each: 64,
            authorities: Vec::new(),
            lookup: Lookup::default(),
            clock: Clock::default(),
            random: Random::default(),
        }
    }
}

/// No client can be made, for example because the system has no certificates.
#[derive(Debug, thiserror::Error)]
#[error("the client for upstreams cannot be set up: {0}")]
pub struct ClientUnusable(String);

/// By what an upstream recognises the copy we hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// Goes back as it came.
    pub etag: Option<String>,
    /// Goes back as it came, where there is no `ETag`.
    pub last_modified: Option<String>,
}

/// What an upstream says about a crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexAnswer {
    /// The copy we hold is still right.
    NotModified,
    /// Definitely not there: the only answer that lets another upstream be asked.
    NotThere,
    /// Its index file.
    Found {
        /// As they are, without content encoding.
        bytes: Bytes,
        /// For the next time.
        validators: Validators,
    },
}

/// Whether a question goes to an upstream that is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Heeded,
    Ignored,
}

/// Asks other registries. One per process; clones share connections.
#[derive(Clone)]
pub struct UpstreamClient(Arc<Inner>);

struct Inner {
    guarded: Client,
    unguarded: Client,
    guard: Guard,
    configs: Configs,
    lanes: AllLanes,
    questions: Arc<Semaphore>,
    downloads: Arc<Semaphore>,
    documents: Semaphore,
    settings: ClientSettings,
}

impl UpstreamClient {
    /// # Errors
    /// When no connection could ever be made, for example without certificates.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that makes clients, with the guard"
    )]
    pub fn new(settings: ClientSettings) -> Result<Self, ClientUnusable> {
        let unusable = |error: reqwest::Error| ClientUnusable(error.to_string());
        let guard = Guard::new(&settings.allow, settings.lookup.clone());
        let mut authorities = Vec::new();
        for pem in &settings.authorities {
            authorities.extend(Certificate::from_pem_bundle(pem).map_err(unusable)?);
        }
        let connect = settings.connect.min(settings.timeout);
        // content encodings are undone by us, within limits, and redirects are followed by us, with the guard
        let builder = || -> ClientBuilder {
            Client::builder()
                .user_agent(&settings.user_agent)
                .redirect(Policy::none())
                .referer(false)
                .no_gzip()
                .tls_certs_merge(authorities.iter().cloned())
                .connect_timeout(connect)
                .http2_keep_alive_interval(KEEP_ALIVE)
                .http2_keep_alive_timeout(settings.timeout)
        };
        // A proxy would resolve names in our place, past the guard.
        let guarded = builder().no_proxy().dns_resolver(guard.clone()).build();
        let unguarded = builder().build();
        Ok(Self(Arc::new(Inner {
            guarded: guarded.map_err(unusable)?,
            unguarded: unguarded.map_err(unusable)?,
            guard,
            configs: Configs::default(),
            lanes: AllLanes::default(),
            questions: Arc::new(Semaphore::new(settings.questions)),
            downloads: Arc::new(Semaphore::new(settings.downloads)),
            documents: Semaphore::new(DOCUMENTS),
            settings,
        })))
    }

    /// What an upstream says about a crate; conditional where `known` holds validators. Whether a file makes sense is for its
    /// reader to say: see [`judge`](Self::judge).
    ///
    /// # Errors
    /// Everything that is neither a file nor a definite "not there".
    pub async fn index_file(
        &self,
        upstream: &Upstream,
        spelling: &Spelling,
        known: Option<&Validators>,
    ) -> Result<IndexAnswer, UpstreamFailed> {
        let path = sparse_path(spelling);
        let answer = self.ask_index(upstream, &path, known);
        let answer = self.question(upstream, Gate::Heeded, answer).await;
        if !matches!(answer, Ok(IndexAnswer::Found { .. })) {
            let troubles = self.lanes(upstream).index.troubles;
            troubles.note(&path, answer.as_ref().err());
        }
        answer
    }

    /// What the file of a crate was worth to its reader; [`health`](Self::health) tells of it.
    pub fn judge(&self, upstream: &Upstream, spelling: &Spelling, failed: Option<&UpstreamFailed>) {
        let troubles = self.lanes(upstream).index.troubles;
        troubles.note(&sparse_path(spelling), failed);
    }

    async fn ask_index(
        &self,
        upstream: &Upstream,
        path: &str,
        known: Option<&Validators>,
    ) -> Result<IndexAnswer, UpstreamFailed> {
        let mut headers = index_headers();
        let is_conditional = known.is_some_and(|known| known.add_to(&mut headers));
        let response = self
            .ask(upstream, upstream.index.file(path), &headers, Again::Once)
            .await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if is_conditional => return Ok(IndexAnswer::NotModified),
            StatusCode::NOT_MODIFIED => {
                return Err(
                    upstream.garbled(format!("304 for `{path}`, of which no copy was named"))
                );
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(IndexAnswer::NotThere),
            _ => return Err(unexpected(upstream, &response, path)),
        }
        let validators = Validators::of(&response);
        let limit = self.settings().index_bytes;
        let bytes = self
            .incoming(upstream, response, path, limit)
            .text()
            .await?;
        if bytes.is_empty() {
            return Err(upstream.garbled(format!("an empty file for `{path}`")));
        }
        Ok(IndexAnswer::Found { bytes, validators })
    }

    /// What an upstream says about itself: a copy that is believed for a while, and longer while upstream fails.
    ///
    /// # Errors
    /// When there is no copy, and upstream fails or sends something else.
    pub async fn config(&self, upstream: &Upstream) -> Result<Arc<UpstreamConfig>, UpstreamFailed> {
        Configs::get(self, upstream, None).await
    }

    pub(crate) async fn fetch_config(
        &self,
        upstream: &Upstream,
        gate: Gate,
    ) -> Result<UpstreamConfig, UpstreamFailed> {
        let answer = self.ask_config(upstream);
        let answer = self.question(upstream, gate, answer).await;
        let troubles = self.lanes(upstream).config;
        troubles.note(CONFIG, answer.as_ref().err());
        answer
    }

    async fn ask_config(&self, upstream: &Upstream) -> Result<UpstreamConfig, UpstreamFailed> {
        let url = upstream.index.file(CONFIG);
        let headers = index_headers();
        let response = self.ask(upstream, url, &headers, Again::Once).await?;
        if response.status() != StatusCode::OK {
            return Err(unexpected(upstream, &response, CONFIG));
        }
        let text = self
            .incoming(upstream, response, CONFIG, CONFIG_BYTES)
            .text()
            .await?;
        UpstreamConfig::parse(&text).map_err(|what| upstream.garbled(what))
    }

    /// Begins a download: `name` and `version` as upstream's own index line writes them.
    ///
    /// # Errors
    /// Before the first byte; what goes wrong later comes as the last item of the body.
    pub async fn download(
        &self,
        upstream: &Upstream,
        name: &str,
        version: &str,
        checksum: &Digest,
    ) -> Result<Download, UpstreamFailed> {
        let config = self.config(upstream).await?;
        let failed = match self
            .ask_file(upstream, &config, name, version, checksum)
            .await
        {
            Err(failed) if failed.may_have_moved() => failed,
            answer => return answer,
        };
        // the registry may have moved its files since we read its `config.json`
        match Configs::get(self, upstream, Some(&config)).await {
            Ok(current) if current != config => {
                self.ask_file(upstream, &current, name, version, checksum)
                    .await
            }
            _ => Err(failed),
        }
    }

    async fn ask_file(
        &self,
        upstream: &Upstream,
        config: &UpstreamConfig,
        name: &str,
        version: &str,
        checksum: &Digest,
    ) -> Result<Download, UpstreamFailed> {
        let url = config.download_url(name, version, checksum);
        let url = url.map_err(|what| upstream.garbled(what))?;
        let is_encrypted = url.scheme() == "https";
        let asked = format!("{name}@{version}");
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        // the bytes must hash as they are
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let answer = async {
            // not asked again: by now it could be the second one to send a large file
            let response = self.ask(upstream, url, &headers, Again::Never).await?;
            match response.status() {
                StatusCode::OK => {}
                status @ (StatusCode::NOT_FOUND | StatusCode::GONE) => {
                    let asked = Some(asked.clone());
                    return Err(upstream.failed(FailureReason::NotThere { asked, status }));
                }
                _ => return Err(unexpected(upstream, &response, &asked)),
            }
            let limit = self.settings().crate_bytes;
            let incoming = self.incoming(upstream, response, &asked, limit);
            incoming.refuse_pages()?;
            Ok(incoming)
        };
        let lane = self.lanes(upstream).files;
        let failed = |reason| upstream.failed(reason);
        lane.circuit.check().map_err(failed)?;
        let start = Instant::now();
        let turn = lane.turn(&self.0.downloads, self.times(TURN_WITHIN)).await;
        let turn = turn.map_err(failed)?;
        let ahead = if is_encrypted {
            lane.file_up().await
        } else {
            None
        };
        let mut attempt = lane.circuit.enter().map_err(failed)?;
        let answer = self.whole(upstream, start, answer).await;
        drop(ahead);
        let answer = match answer {
            Ok(incoming) => {
                lane.warmed();
                attempt.answered();
                incoming.download(turn, attempt)
            }
            Err(failed) => {
                attempt.settle(&Err::<(), _>(failed.clone()));
                Err(failed)
            }
        };
        lane.troubles.note(&asked, answer.as_ref().err());
        answer
    }

    /// Whether it answers as a registry does: reads its `config.json` anew, also while it is left alone, and says how long that
    /// took. When it does, nothing of it is left alone any longer. The place of its files is looked up, and nothing is asked
    /// there.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn test(&self, upstream: &Upstream) -> Result<Duration, UpstreamFailed> {
        let start = Instant::now();
        let config = self.fetch_config(upstream, Gate::Ignored).await?;
        let elapsed = start.elapsed();
        let lanes = self.lanes(upstream);
        if !upstream.is_preset
            && let Err(PrivateAddress(address)) = self.guard().look_up(&config.sample_url()).await
        {
            // where a download would be refused as well, but nobody should have to try that first
            let failed = upstream.failed(FailureReason::Refused(format!(
                "has its files, by `dl` in its `config.json`, at a private address ({address}); an administrator can allow it with `upstream.allow_addresses`"
            )));
            lanes.config.note(CONFIG, Some(&failed));
            return Err(failed);
        }
        lanes.files.circuit.end_pause();
        // such as refusals of credentials that were mended: the next question tells
        lanes.index.troubles.forget();
        lanes.files.troubles.forget();
        Ok(elapsed)
    }

    /// Drops what is held of an upstream that was asked and is not kept: otherwise each address that somebody tries would take
    /// memory for ever.
    pub fn forget(&self, upstream: &Upstream) {
        self.0.lanes.forget(upstream);
    }

    /// How an upstream does, as far as this process has seen.
    pub fn health(&self, upstream: &Upstream) -> UpstreamHealth {
        self.lanes(upstream).health()
    }

    /// Asks when it is its turn. Waiting for that is a part of the time that the answer has.
    async fn question<T>(
        &self,
        upstream: &Upstream,
        gate: Gate,
        answer: impl Future<Output = Result<T, UpstreamFailed>>,
    ) -> Result<T, UpstreamFailed> {
        let lane = self.lanes(upstream).index;
        let failed = |reason| upstream.failed(reason);
        if gate == Gate::Heeded {
            lane.circuit.check().map_err(failed)?;
        }
        let start = Instant::now();
        let turn = lane.turn(&self.0.questions, self.times(TURN_WITHIN)).await;
        let _turn = turn.map_err(failed)?;
        let _ahead = if upstream.index.url().scheme() == "https" {
            lane.file_up().await
        } else {
            None
        };
        let attempt = match gate {
            Gate::Heeded => lane.circuit.enter().map_err(failed)?,
            Gate::Ignored => lane.circuit.force(),
        };
        let answer = self.whole(upstream, start, answer).await;
        if !answer.as_ref().is_err_and(UpstreamFailed::is_down) {
            lane.warmed();
        }
        attempt.settle(&answer);
        answer
    }

    fn lanes(&self, upstream: &Upstream) -> Lanes {
        self.0.lanes.of(upstream, self.settings())
    }

    fn times(&self, times: u32) -> Duration {
        self.settings().timeout.saturating_mul(times)
    }

    /// Waits for an answer that is small enough to come whole in time, or for the head of a larger one.
    async fn whole<T>(
        &self,
        upstream: &Upstream,
        start: Instant,
        answer: impl Future<Output = Result<T, UpstreamFailed>>,
    ) -> Result<T, UpstreamFailed> {
        let patience = self.times(WHOLE_WITHIN);
        let left = patience.saturating_sub(start.elapsed());
        match tokio::time::timeout(left, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(upstream.failed(FailureReason::Timeout { patience })),
        }
    }

    fn incoming<'a>(
        &self,
        upstream: &'a Upstream,
        response: Response,
        asked: &'a str,
        limit: u64,
    ) -> Incoming<'a> {
        Incoming {
            upstream,
            response,
            asked,
            limit,
            patience: self.patience(),
        }
    }

    pub(crate) fn patience(&self) -> Patience {
        let ClientSettings {
            timeout, connect, ..
        } = *self.settings();
        Patience {
            connect: connect.min(timeout),
            answer: timeout,
        }
    }

    pub(crate) fn settings(&self) -> &ClientSettings {
        &self.0.settings
    }

    pub(crate) fn configs(&self) -> &Configs {
        &self.0.configs
    }

    pub(crate) fn documents(&self) -> &Semaphore {
        &self.0.documents
    }

    pub(crate) fn guard(&self) -> &Guard {
        &self.0.guard
    }

    pub(crate) fn guarded(&self) -> &Client {
        &self.0.guarded
    }

    pub(crate) fn unguarded(&self) -> &Client {
        &self.0.unguarded
    }
}

/// What cargo sends, so that servers treat us alike.
fn index_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("text/plain"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    let protocol = HeaderName::from_static("cargo-protocol");
    headers.insert(protocol, HeaderValue::from_static("version=1"));
    headers
}

impl Validators {
    fn of(response: &Response) -> Self {
        let text = |name: HeaderName| {
            let value = response.headers().get(name)?.to_str().ok()?;
            let is_usable = !value.is_empty() && value.len() <= VALIDATOR_BYTES;
            is_usable.then(|| value.to_owned())
        };
        Self {
            etag: text(ETAG),
            last_modified: text(LAST_MODIFIED),
        }
    }

    /// One of them, as cargo does: servers disagree about what both together mean. Whether there was one.
    fn add_to(&self, headers: &mut HeaderMap) -> bool {
        let (name, text) = match (&self.etag, &self.last_modified) {
            (Some(etag), _) => (IF_NONE_MATCH, etag),
            (None, Some(date)) => (IF_MODIFIED_SINCE, date),
            (None, None) => return false,
        };
        match HeaderValue::from_str(text) {
            Ok(value) => {
                headers.insert(name, value);
                true
            }
            Err(_) => false,
        }
    }
}
