//! What the fake upstream has and what it was asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::AtomicUsize, atomic::Ordering},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Version};
use serde_json::{Map, Value, json};
use supercargo_types::Digest;
use tokio::sync::watch;

use super::Fault;
use crate::wait::locked;

/// A request that came.
#[derive(Clone, Debug)]
pub struct LoggedRequest {
    /// `GET`, nearly always.
    pub method: Method,
    /// As it stood in the request line, with its query.
    pub path: String,
    /// All of them.
    pub headers: HeaderMap,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub protocol: Version,
}

/// Which validators index files carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validators {
    /// `ETag` and `Last-Modified`.
    Both,
    /// `ETag`.
    ETag,
    /// `Last-Modified`.
    LastModified,
    /// None: every answer is a 200, as with some mirrors of crates.io.
    None,
}

/// What handlers and the test share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// The prefix of paths that wait, while there is one.
    pub(super) gate: watch::Sender<Option<String>>,
    held: AtomicUsize,
    made: AtomicUsize,
    pub(super) connections: AtomicUsize,
}

pub(super) struct State {
    base: String,
    config: Map<String, Value>,
    crates: BTreeMap<String, IndexFile>,
    /// By lower-cased name and version.
    bytes: BTreeMap<(String, String), Bytes>,
    /// Where the downloads are, by the template in `config.json`: path → key of `bytes`.
    downloads: BTreeMap<String, (String, String)>,
    faults: Vec<PlannedFault>,
    pub(super) validators: Validators,
    pub(super) gzip: bool,
    pub(super) authorization: Option<String>,
    pub(super) log: Vec<LoggedRequest>,
}

struct IndexFile {
    name: String,
    lines: Vec<String>,
    /// Counts the changes of this file, for `Last-Modified`.
    revision: u32,
}

struct PlannedFault {
    prefix: String,
    fault: Fault,
    times: Option<usize>,
}

impl Shared {
    pub(super) fn new(base: &str) -> Self {
        let mut state = State {
            base: base.to_owned(),
            config: Map::new(),
            crates: BTreeMap::new(),
            bytes: BTreeMap::new(),
            downloads: BTreeMap::new(),
            faults: Vec::new(),
            validators: Validators::Both,
            gzip: false,
            authorization: None,
            log: Vec::new(),
        };
        state.set_config("dl", json!(format!("{base}/dl")));
        Self {
            state: Mutex::new(state),
            gate: watch::Sender::new(None),
            held: AtomicUsize::new(0),
            made: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
        }
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut locked(&self.state))
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&locked(&self.state))
    }

    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    pub(super) fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    pub(super) fn count_made(&self, bytes: usize) {
        self.made.fetch_add(bytes, Ordering::SeqCst);
    }

    /// Waits while the gate is closed for this path.
    pub(super) async fn pass_gate(self: &Arc<Self>, path: &str) {
        let is_open = |closed: &Option<String>| {
            closed
                .as_ref()
                .is_none_or(|prefix| !path.starts_with(prefix.as_str()))
        };
        let mut gate = self.gate.subscribe();
        if is_open(&gate.borrow()) {
            return;
        }
        // counted down also when the client hangs up and this future is dropped
        let _counted = Held::new(Arc::clone(self));
        gate.wait_for(is_open)
            .await
            .expect("invariant: the gate lives as long as this state");
    }
}

struct Held(Arc<Shared>);

impl Held {
    fn new(shared: Arc<Shared>) -> Self {
        shared.held.fetch_add(1, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::SeqCst);
    }
}

impl State {
    pub(super) fn names(&self) -> Vec<String> {
        self.crates.keys().cloned().collect()
    }

    pub(super) fn config_json(&self) -> String {
        Value::Object(self.config.clone()).to_string()
    }

    pub(super) fn set_config(&mut self, field: &str, value: Value) {
        self.config.insert(field.to_owned(), value);
        if field == "dl" {
            let keys: Vec<_> = self.bytes.keys().cloned().collect();
            self.downloads.clear();
            for (name, version) in keys {
                self.place_download(&name, &version);
            }
        }
    }

    pub(super) fn add_line(&mut self, name: &str, line: &str) {
        let file = self.file(name);
        file.lines.push(line.to_owned());
        file.revision += 1;
    }

    pub(super) fn replace_line(&mut self, name: &str, version: &str, line: &str) {
        let file = self.file(name);
        file.revision += 1;
        let old = file
            .lines
            .iter_mut()
            .find(|line| is_line_of(line, version))
            .unwrap_or_else(|| panic!("the fake upstream has no `{name}` {version} to replace"));
        line.clone_into(old);
    }

    pub(super) fn edit_line(&mut self, name: &str, version: &str, edit: impl FnOnce(&mut Value)) {
        let mut line = self
            .file(name)
            .lines
            .iter()
            .find(|line| is_line_of(line, version))
            .and_then(|line| serde_json::from_str(line).ok())
            .unwrap_or_else(|| panic!("the fake upstream has no `{name}` {version} to edit"));
        edit(&mut line);
        self.replace_line(name, version, &line.to_string());
    }

    fn file(&mut self, name: &str) -> &mut IndexFile {
        self.crates
            .entry(name.to_ascii_lowercase())
            .or_insert_with(|| IndexFile {
                name: name.to_owned(),
                lines: Vec::new(),
                revision: 0,
            })
    }

    pub(super) fn put_bytes(&mut self, name: &str, version: &str, bytes: Bytes) {
        // a crate may have bytes without a line: a hidden version that a lockfile still names
        let key = (name.to_ascii_lowercase(), version.to_owned());
        self.bytes.insert(key, bytes);
        self.place_download(name, version);
    }

    /// Cargo's rule: markers are replaced as they are; without any, `/{crate}/{version}/download` follows.
    fn place_download(&mut self, name: &str, version: &str) {
        let lower = name.to_ascii_lowercase();
        let key = (lower.clone(), version.to_owned());
        let name = self.crates.get(&lower).map_or(name, |file| &file.name);
        let template = self.config["dl"].as_str().unwrap_or_default();
        let checksum = Digest::of(&self.bytes[&key]).hex();
        let markers = [
            ("{crate}", name),
            ("{version}", version),
            ("{prefix}", &directory(name)),
            ("{lowerprefix}", &directory(&lower)),
            ("{sha256-checksum}", &checksum),
        ];
        let url = if markers.iter().any(|(marker, _)| template.contains(marker)) {
            markers
                .iter()
                .fold(template.to_owned(), |url, (marker, value)| {
                    url.replace(marker, value)
                })
        } else {
            format!("{template}/{name}/{version}/download")
        };
        if let Some(path) = url.strip_prefix(&self.base) {
            self.downloads.insert(path.to_owned(), key);
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        let name = name.to_ascii_lowercase();
        self.crates.remove(&name);
        self.bytes.retain(|(owner, _), _| *owner != name);
        self.downloads.retain(|_, (owner, _)| *owner != name);
    }

    pub(super) fn remove_version(&mut self, name: &str, version: &str) {
        let file = self.file(name);
        file.lines.retain(|line| !is_line_of(line, version));
        file.revision += 1;
        let key = (name.to_ascii_lowercase(), version.to_owned());
        self.bytes.remove(&key);
        self.downloads.retain(|_, place| *place != key);
    }

    /// The index file at a path below the index, and how often it has changed.
    pub(super) fn index_file(&self, path: &str) -> Option<(Bytes, u32)> {
        let name = path.rsplit('/').next()?;
        let file = self.crates.get(name)?;
        if path != format!("{}/{name}", directory(name)) {
            return None;
        }
        let mut text = file.lines.join("\n");
        text.push('\n');
        Some((text.into(), file.revision))
    }

    pub(super) fn download(&self, path: &str) -> Option<Bytes> {
        self.bytes.get(self.downloads.get(path)?).cloned()
    }

    pub(super) fn set_fault(&mut self, prefix: &str, fault: Fault) {
        self.plan(prefix, fault, None);
    }

    pub(super) fn set_fault_times(&mut self, prefix: &str, fault: Fault, times: usize) {
        self.plan(prefix, fault, Some(times));
    }

    fn plan(&mut self, prefix: &str, fault: Fault, times: Option<usize>) {
        self.faults.retain(|planned| planned.prefix != prefix);
        self.faults.push(PlannedFault {
            prefix: prefix.to_owned(),
            fault,
            times,
        });
    }

    pub(super) fn clear_faults(&mut self) {
        self.faults.clear();
    }

    pub(super) fn take_fault(&mut self, path: &str) -> Option<Fault> {
        let planned = self
            .faults
            .iter_mut()
            .filter(|planned| path.starts_with(&planned.prefix) && planned.times != Some(0))
            .max_by_key(|planned| planned.prefix.len())?;
        if let Some(times) = &mut planned.times {
            *times -= 1;
        }
        Some(planned.fault.clone())
    }
}

/// The folder of an index file, in the case of the name: `se/rd`, `3/f`, `2`, `1`.
fn directory(name: &str) -> String {
    match name.len() {
        length @ 1..=2 => length.to_string(),
        3 => format!("3/{}", &name[..1]),
        _ => format!("{}/{}", &name[..2], &name[2..4]),
    }
}

fn is_line_of(line: &str, version: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|line| line["vers"] == version)
}
