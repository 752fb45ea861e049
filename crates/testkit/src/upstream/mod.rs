//! A registry that does as it is told: a sparse index with its downloads, a log of requests, faults and a gate.
//!
//! It knows nothing of the server under test. Crates are looked up by lower-cased name, as in cargo's index.

mod answer;
mod cargo_home;
mod dead_end;
mod fault;
mod state;
mod tls;

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use axum::serve::ListenerExt as _;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

pub use cargo_home::KeptCrate;
pub use dead_end::DeadEnd;
pub use fault::Fault;
use state::Shared;
pub use state::{LoggedRequest, Validators};

use tls::Tls;

use crate::{Authority, Package, wait::eventually};

/// The running registry. It stops when dropped.
pub struct FakeUpstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
    tls: Option<Tls>,
    dead_end: Option<DeadEnd>,
}

impl FakeUpstream {
    /// Starts an empty one on a free port of 127.0.0.1.
    pub fn start() -> Self {
        Self::start_as(None)
    }

    /// The same over TLS, with HTTP/2 for those who offer it, and a certificate of this authority for 127.0.0.1.
    pub fn start_tls(authority: &Authority) -> Self {
        Self::start_as(Some(Tls::new(authority)))
    }

    fn start_as(tls: Option<Tls>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port of 127.0.0.1 is free");
        let address = listener
            .local_addr()
            .expect("invariant: it is bound to an address");
        let mut upstream = Self {
            address,
            shared: Arc::new(Shared::new(&base(address, tls.as_ref()))),
            runtime: None,
            tls,
            dead_end: None,
        };
        upstream.serve(listener);
        upstream
    }

    /// Starts one that has every crates.io package of a `Cargo.lock`, out of what cargo downloaded to build that project:
    /// the real index files, and the real bytes of the locked versions.
    ///
    /// # Errors
    /// Names what is missing and the command that brings it.
    pub fn from_cargo_home(lockfile: &Path) -> anyhow::Result<Self> {
        let crates = KeptCrate::of_lockfile(lockfile)?;
        let upstream = Self::start();
        for found in crates {
            for line in found.index_lines {
                upstream.publish_line(&found.name, &line);
            }
            for (version, bytes) in found.versions {
                upstream.replace_bytes(&found.name, &version, bytes);
            }
        }
        Ok(upstream)
    }

    fn serve(&mut self, listener: TcpListener) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("fake upstream")
            .enable_all()
            .build()
            .expect("a thread can be started");
        listener
            .set_nonblocking(true)
            .expect("invariant: a socket can be set non-blocking");
        let routes = answer::routes(Arc::clone(&self.shared));
        let (shared, tls) = (Arc::clone(&self.shared), self.tls.clone());
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener)
                .expect("invariant: the listener is non-blocking")
                // without it small answers wait for the client's delayed acknowledgement
                .tap_io(move |stream| {
                    shared.connections.fetch_add(1, Ordering::SeqCst);
                    stream.set_nodelay(true).unwrap_or_default();
                });
            match tls {
                Some(tls) => axum::serve(tls.over(listener), routes).await,
                None => axum::serve(listener, routes).await,
            }
            .expect("invariant: axum::serve only ends with its runtime");
        });
        self.runtime = Some(runtime);
    }

    /// Ends all connections; from then on they are refused.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // On a thread of its own, since a runtime refuses to wait for another one. Waited for: when this returns, the
            // port is closed.
            thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(10)))
                .join()
                .expect("invariant: ending a runtime does not panic on a plain thread");
        }
    }

    /// Ends all connections; from then on attempts to connect go unanswered, as with a host that drops packets.
    pub async fn go_dark(&mut self) {
        self.stop();
        self.dead_end = Some(DeadEnd::at(self.address).await);
    }

    /// Listens again, on the same port and with the same crates, after [`stop`](Self::stop) or [`go_dark`](Self::go_dark).
    pub fn start_again(&mut self) {
        assert!(self.runtime.is_none(), "the fake upstream is running");
        self.dead_end = None;
        let listener = TcpListener::bind(self.address)
            .unwrap_or_else(|error| panic!("cannot listen on {} again: {error}", self.address));
        self.serve(listener);
    }

    /// `http://127.0.0.1:PORT`, or with `https`.
    pub fn url(&self) -> String {
        base(self.address, self.tls.as_ref())
    }

    /// `sparse+http://127.0.0.1:PORT/index/`, or with `https`.
    pub fn index_url(&self) -> String {
        format!("sparse+{}/index/", self.url())
    }

    /// Adds a version: its index line and its bytes.
    pub fn publish(&self, package: &Package) {
        self.publish_line(package.name(), &package.index_line().to_string());
        self.replace_bytes(package.name(), package.version(), package.crate_bytes());
    }

    /// Adds a line to the index file of `name`, as it is, sound or not.
    pub fn publish_line(&self, name: &str, line: &str) {
        self.shared.change(|state| state.add_line(name, line));
    }

    /// The same version with another package: other line, other bytes.
    pub fn republish(&self, package: &Package) {
        let line = package.index_line().to_string();
        self.shared
            .change(|state| state.replace_line(package.name(), package.version(), &line));
        self.replace_bytes(package.name(), package.version(), package.crate_bytes());
    }

    /// These bytes under that version, whatever its line says.
    pub fn replace_bytes(&self, name: &str, version: &str, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        self.shared
            .change(|state| state.put_bytes(name, version, bytes));
    }

    /// Sets `yanked` in the line of a version.
    pub fn yank(&self, name: &str, version: &str, yanked: bool) {
        self.shared.change(|state| {
            state.edit_line(name, version, |line| line["yanked"] = json!(yanked));
        });
    }

    /// Takes a whole crate away: 404 for its index file and its downloads.
    pub fn remove(&self, name: &str) {
        self.shared.change(|state| state.remove(name));
    }

    /// Takes one version away.
    pub fn remove_version(&self, name: &str, version: &str) {
        self.shared
            .change(|state| state.remove_version(name, version));
    }

    /// Names of all crates, as they stand in paths.
    pub fn crate_names(&self) -> Vec<String> {
        self.shared.read(state::State::names)
    }

    /// Which validators index files carry, and whether they are heeded. Both, to begin with.
    pub fn validators(&self, validators: Validators) {
        self.shared.change(|state| state.validators = validators);
    }

    /// Whether index files are compressed for those who ask. Not, to begin with.
    pub fn gzip(&self, on: bool) {
        self.shared.change(|state| state.gzip = on);
    }

    /// Sets a field of `config.json`, such as `dl` with markers (downloads answer where it says, while that is on this
    /// server) or `api`.
    pub fn config(&self, field: &str, value: impl Into<Value>) {
        let value = value.into();
        self.shared.change(|state| state.set_config(field, value));
    }

    /// Demands exactly this `Authorization`, and says `auth-required`.
    pub fn auth(&self, authorization: &str) {
        self.shared.change(|state| {
            state.authorization = Some(authorization.to_owned());
            state.set_config("auth-required", json!(true));
        });
    }

    /// From now on, requests whose path starts with `prefix` fail so. The longest prefix that fits wins.
    pub fn fault(&self, prefix: &str, fault: Fault) {
        self.shared.change(|state| state.set_fault(prefix, fault));
    }

    /// The same for the next `times` requests only.
    pub fn fault_times(&self, prefix: &str, fault: Fault, times: usize) {
        self.shared
            .change(|state| state.set_fault_times(prefix, fault, times));
    }

    /// No more faults; those that hang get no answer still.
    pub fn heal(&self) {
        self.shared.change(state::State::clear_faults);
    }

    /// Requests whose path starts with `prefix` wait from now on, until [`release`](Self::release).
    pub fn hold(&self, prefix: &str) {
        self.shared.gate.send_replace(Some(prefix.to_owned()));
    }

    /// Lets go all that wait.
    pub fn release(&self) {
        self.shared.gate.send_replace(None);
    }

    /// How many requests wait at the gate.
    pub fn held(&self) -> usize {
        self.shared.held()
    }

    /// Waits until at least `count` requests wait at the gate.
    pub async fn wait_until_held(&self, count: usize) {
        eventually(&format!("{count} requests at the upstream's gate"), || {
            let reached = self.held() >= count;
            async move { reached }
        })
        .await;
    }

    /// All requests, in the order in which they came.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.shared.read(|state| state.log.clone())
    }

    /// Those whose path starts with `prefix`.
    pub fn requests_to(&self, prefix: &str) -> Vec<LoggedRequest> {
        let mut requests = self.requests();
        requests.retain(|request| request.path.starts_with(prefix));
        requests
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many bytes of [`Fault::Huge`] have been made so far: what was read, and what waits in the buffers of sockets.
    pub fn made(&self) -> usize {
        self.shared.made()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.change(|state| state.log.clear());
    }
}

fn base(address: SocketAddr, tls: Option<&Tls>) -> String {
    let scheme = if tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{address}")
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        self.stop();
    }
}

impl LoggedRequest {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// A header's text; `None` also where it is not text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
