//! Runs a sequence against the server and the contract, and tells the first thing on which they disagree.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde_json::json;
use supercargo_testkit::{Answer, Client, FakeUpstream, Fault, View, sparse_path};

use crate::{
    contract::{Contract, Expected, FAILURES, Line, Listing, TICK, UpstreamFails, canonical},
    operation::{
        ALLOW, BLOCK, Failing, Look, Operation, Person, Quarantine, SPELLINGS, Step, VERSIONS,
    },
    world::{Packages, World},
};

/// What the server did otherwise than the contract says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Disagreement {
    /// The step after which it showed, counted from 0; the length of the sequence for the last comparison.
    pub(crate) step: usize,
    pub(crate) text: String,
}

/// How often each kind of operation was answered with each status.
pub(crate) type Met = BTreeMap<(&'static str, u16), usize>;

/// One sequence under way.
struct Run<'a> {
    world: &'a mut World,
    packages: &'a Packages,
    registry: String,
    upstream: FakeUpstream,
    contract: Contract,
    /// The spellings that can be touched by the sequence.
    spellings: Vec<&'static str>,
    met: Met,
    /// What a client keeps of each file of a view.
    kept: BTreeMap<(View, &'static str), Kept>,
}

#[derive(Clone)]
struct Kept {
    body: Vec<u8>,
    etag: String,
    last_modified: String,
    /// The same time in order of time.
    changed_at: i64,
}

/// What was met, or the first disagreement. After it, the world is still good for another sequence.
pub(crate) async fn run(
    world: &mut World,
    packages: &Packages,
    steps: &[Step],
) -> Result<Met, Disagreement> {
    let upstream = FakeUpstream::start();
    let registry = world.registry(&upstream.index_url()).await;
    let mut run = Run {
        world,
        packages,
        registry,
        upstream,
        contract: Contract::default(),
        spellings: spellings(steps),
        met: Met::new(),
        kept: BTreeMap::new(),
    };
    for (at, step) in steps.iter().enumerate() {
        run.step(step)
            .await
            .map_err(|text| Disagreement { step: at, text })?;
    }
    run.look(Look::Downloads)
        .await
        .map_err(|text| Disagreement {
            step: steps.len(),
            text,
        })?;
    Ok(run.met)
}

impl Run<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), String> {
        self.world.advance(TICK);
        let expected = self.contract.apply(&step.operation);
        match self.perform(&step.operation).await {
            None => self.touch_upstream(&step.operation),
            Some(answer) => {
                let met = (step.operation.kind(), answer.status.as_u16());
                *self.met.entry(met).or_default() += 1;
                self.compare(&answer, &expected)?;
                if let Operation::Download(view, name, version) = step.operation {
                    self.take(view, name, version, &answer, &expected);
                }
            }
        }
        self.world.advance(self.contract.pause());
        self.look(step.look).await
    }

    /// Asks the server; `None` for what is no request.
    async fn perform(&mut self, operation: &Operation) -> Option<Answer> {
        let registry = self.registry.clone();
        let api = format!("/api/v1/registries/{registry}");
        let crates = format!("{api}/crates");
        let place = |name: &str, version: Option<&str>| match version {
            Some(version) => format!("{crates}/{name}/versions/{}", version.replace('+', "%2B")),
            None => format!("{crates}/{name}"),
        };
        let world = &*self.world;
        let answer = match operation {
            Operation::Publish(by, bytes) => {
                let frame = self.packages[bytes].frame.clone();
                world.client(*by).publish_frame(&registry, frame).await
            }
            Operation::Yank(by, name, version, yanked) => {
                let client = world.client(*by);
                client.yank(&registry, name, version, *yanked).await
            }
            Operation::Claim(by, pattern, mode) => {
                let claim = json!({ "pattern": pattern, "mode": mode });
                world
                    .client(*by)
                    .post(&format!("{api}/claims"), claim)
                    .await
            }
            Operation::Unclaim(by, pattern) => {
                let canonical = canonical(pattern);
                let path = format!("{api}/claims/{pattern}?confirm={canonical}");
                world.client(*by).delete(&path).await
            }
            Operation::Download(view, name, version) => {
                let client = world.client(Person::Rob);
                client.download(&registry, *view, name, version).await
            }
            Operation::Delete(by, name, version) => {
                world.client(*by).delete(&place(name, *version)).await
            }
            Operation::Restore(by, name, version) => {
                let path = format!("{}/restore", place(name, *version));
                empty_post(&world.client(*by), &path).await
            }
            Operation::Purge(by, name, version) => {
                let path = format!("{}?purge=true", place(name, *version));
                world.client(*by).delete(&path).await
            }
            Operation::Release(by, name) => {
                let path = format!("{crates}/{name}/release");
                world
                    .client(*by)
                    .post(&path, json!({ "confirm": name }))
                    .await
            }
            Operation::Quarantine(by, name, version, action) => {
                let action = match action {
                    Quarantine::Hold => "hold",
                    Quarantine::Block => "block",
                };
                let path = format!("{}/quarantine", place(name, *version));
                let body = json!({ "action": action, "reason": "the model says so" });
                world.client(*by).put(&path, body).await
            }
            Operation::Lift(by, name, version) => {
                let path = format!("{}/quarantine", place(name, *version));
                world.client(*by).delete(&path).await
            }
            Operation::Patterns(allow, block) => {
                let patterns = json!({ "allow": ALLOW[*allow], "block": BLOCK[*block] });
                world.client(Person::Admin).patch(&api, patterns).await
            }
            Operation::Restart => {
                self.world.restart().await;
                return None;
            }
            _ => return None,
        };
        Some(answer)
    }

    /// Makes the fake upstream what the contract's upstream is.
    fn touch_upstream(&self, operation: &Operation) {
        let name = match operation {
            Operation::Appears(bytes) => bytes.name,
            Operation::UpstreamYanks(name, ..) | Operation::Vanishes(name, _) => name,
            Operation::IndexFails(how) => {
                // each file, and not `config.json`, whose life in memory the contract does not name
                for name in SPELLINGS {
                    self.upstream.fault(&index_file(name), fault(*how));
                }
                return;
            }
            Operation::FilesFail(how) => return self.upstream.fault("/dl/", fault(*how)),
            Operation::Heals => return self.upstream.heal(),
            _ => return,
        };
        self.upstream.remove(name);
        for line in self.contract.upstreams().get(name).into_iter().flatten() {
            let packed = &self.packages[&line.1.bytes];
            let mut shown = packed.line.clone();
            shown["yanked"] = json!(line.1.yanked);
            self.upstream.publish_line(name, &shown.to_string());
            self.upstream
                .replace_bytes(name, line.0, packed.file.clone());
        }
    }

    fn compare(&self, answer: &Answer, expected: &Expected) -> Result<(), String> {
        let status = answer.status.as_u16();
        let code = answer.code().unwrap_or_default();
        let agrees = match expected {
            Expected::Silence => false,
            Expected::Done(expected) => status == *expected,
            Expected::File(bytes) => status == 200 && answer.body == self.packages[bytes].file,
            Expected::FileUnlessItFails(bytes) => {
                FAILURES.contains(&status)
                    || status == 200 && answer.body == self.packages[bytes].file
            }
            Expected::Refused(refusals) => refusals.contains(&(status, code.as_str())),
        };
        if agrees {
            return Ok(());
        }
        let got = if answer.status.is_success()
            && matches!(expected, Expected::File(_) | Expected::FileUnlessItFails(_))
        {
            "another file".to_owned()
        } else {
            answer.text()
        };
        Err(format!(
            "expected {expected}, got {status} {code}: {}",
            got.trim_end()
        ))
    }

    async fn look(&mut self, look: Look) -> Result<(), String> {
        if look != Look::Status {
            for name in self.spellings.clone() {
                for view in [View::Index, View::Mirror, View::Hosted] {
                    self.look_at(view, name)
                        .await
                        .map_err(|text| format!("{name} in view {view}: {text}"))?;
                }
            }
        }
        if look == Look::Downloads {
            for name in self.spellings.clone() {
                for view in [View::Index, View::Mirror] {
                    self.download_all(view, name).await?;
                }
            }
        }
        self.check_what_was_asked()
    }

    async fn download_all(&mut self, view: View, name: &'static str) -> Result<(), String> {
        for version in VERSIONS {
            let expected = self.contract.download(view, name, version);
            let client = self.world.client(Person::Rob);
            let answer = client.download(&self.registry, view, name, version).await;
            let met = ("download", answer.status.as_u16());
            *self.met.entry(met).or_default() += 1;
            self.compare(&answer, &expected)
                .map_err(|text| format!("download of {name}@{version} in view {view}: {text}"))?;
            self.take(view, name, version, &answer, &expected);
        }
        Ok(())
    }

    /// What somebody got has consequences.
    fn take(
        &mut self,
        view: View,
        name: &'static str,
        version: &'static str,
        answer: &Answer,
        expected: &Expected,
    ) {
        if let Expected::File(bytes) | Expected::FileUnlessItFails(bytes) = expected
            && answer.status == 200
        {
            self.contract.delivered(view, name, version, *bytes);
        }
    }

    async fn look_at(&mut self, view: View, name: &'static str) -> Result<(), String> {
        let expected = self.contract.view(view, name);
        let client = self.world.client(Person::Rob);
        let answer = client.index(&self.registry, view, name).await;
        let found = self.listing(&answer)?;
        let wanted = shown(&expected);
        if found != wanted {
            return Err(format!("expected {wanted}, got {found}"));
        }
        if answer.status != 200 {
            return Ok(());
        }
        self.check_validators(view, name, &answer).await
    }

    /// A checksum as that of the bytes that have it.
    fn bytes_of(&self, checksum: &str) -> String {
        let of = self
            .packages
            .iter()
            .find(|(_, packed)| packed.checksum == checksum);
        of.map_or_else(
            || format!("checksum {checksum}"),
            |(bytes, _)| bytes.to_string(),
        )
    }

    fn listing(&self, answer: &Answer) -> Result<Shown, String> {
        let status = answer.status.as_u16();
        if FAILURES.contains(&status) {
            return Ok(Shown::Failure);
        }
        if status != 200 {
            return Ok(Shown::Status(status));
        }
        let mut versions = BTreeMap::new();
        for line in answer.json_lines() {
            let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
            let yanked = line["yanked"].as_bool().unwrap_or_default();
            let twice = versions.insert(text("vers"), (self.bytes_of(&text("cksum")), yanked));
            if twice.is_some() {
                return Err(format!("{} is listed twice", text("vers")));
            }
        }
        Ok(Shown::Versions(versions))
    }

    /// `ETag` changes exactly when the bytes do, `Last-Modified` never goes back, and a kept copy is told to be good exactly
    /// when it is.
    async fn check_validators(
        &mut self,
        view: View,
        name: &'static str,
        answer: &Answer,
    ) -> Result<(), String> {
        let header = |name| {
            let value = answer.header(name).map(str::to_owned);
            value.ok_or_else(|| format!("there is no header `{name}`"))
        };
        let last_modified = header("last-modified")?;
        let now = Kept {
            body: answer.body.to_vec(),
            etag: header("etag")?,
            changed_at: supercargo_types::Timestamp::from_http_date(&last_modified)
                .ok_or("`last-modified` is no date")?
                .as_seconds(),
            last_modified,
        };
        let before = self.kept.insert((view, name), now.clone());
        let before = before.unwrap_or_else(|| now.clone());
        let is_same = before.body == now.body;
        if is_same != (before.etag == now.etag) {
            return Err(format!(
                "the ETag was {} and is {}, while the bytes are {}",
                before.etag,
                now.etag,
                if is_same { "the same" } else { "others" }
            ));
        }
        if now.changed_at < before.changed_at {
            return Err(format!(
                "Last-Modified goes back from {} to {}",
                before.last_modified, now.last_modified
            ));
        }
        // what cargo sends; the date alone is what old proxies send, and matters where something changed
        let mut validators = vec![("if-none-match", &before.etag)];
        if !is_same || now.changed_at > before.changed_at {
            validators.push(("if-modified-since", &before.last_modified));
        }
        for (header, value) in validators {
            let path = index_path(&self.registry, view, name);
            let client = self.world.client(Person::Rob);
            let asked = client.request(Method::GET, &path).header(header, value);
            let status = asked.send().await.status.as_u16();
            // a date may be later than that of the copy though the bytes are the same: a change that was taken back
            let may_be_whole = header == "if-modified-since" && now.changed_at > before.changed_at;
            let agrees = match status {
                304 => is_same,
                200 => !is_same || may_be_whole,
                _ => false,
            };
            if !agrees {
                return Err(format!(
                    "`{header}: {value}` of a copy that is {} is answered {status}",
                    if is_same { "good" } else { "old" }
                ));
            }
        }
        Ok(())
    }

    /// The upstream never hears of a name that is none of its business, nor of one that is fresh.
    fn check_what_was_asked(&mut self) -> Result<(), String> {
        let requests = self.upstream.requests();
        self.upstream.clear_requests();
        let asked = std::mem::take(&mut self.contract.asked);
        for request in requests {
            let name = SPELLINGS
                .iter()
                .find(|name| request.path == index_file(name));
            if let Some(name) = name
                && !asked.contains(name)
            {
                return Err(format!(
                    "upstream was asked for {}, of which it should not hear now",
                    request.path
                ));
            }
        }
        Ok(())
    }
}

/// What a view shows: bytes and `yanked` of each version, or the status of the answer.
#[derive(PartialEq, Eq)]
enum Shown {
    Versions(BTreeMap<String, (String, bool)>),
    Status(u16),
    /// Of the upstream.
    Failure,
}

/// Those of the names that the sequence speaks of, twins among them.
fn spellings(steps: &[Step]) -> Vec<&'static str> {
    let names: BTreeSet<_> = steps
        .iter()
        .filter_map(|step| step.operation.name())
        .map(canonical)
        .collect();
    let mut spellings = SPELLINGS.to_vec();
    spellings.retain(|spelling| names.contains(&canonical(spelling)));
    spellings
}

async fn empty_post(client: &Client, path: &str) -> Answer {
    client.request(Method::POST, path).send().await
}

/// A listing as the wire shows it.
fn shown(listing: &Listing) -> Shown {
    let line = |(version, line): (&&'static str, &Line)| {
        ((*version).to_owned(), (line.bytes.to_string(), line.yanked))
    };
    match listing {
        Ok(Some(lines)) => Shown::Versions(lines.iter().map(line).collect()),
        Ok(None) => Shown::Status(404),
        Err(UpstreamFails) => Shown::Failure,
    }
}

fn index_file(name: &str) -> String {
    let spelling = name.parse().expect("invariant: a sound name");
    format!("/index/{}", sparse_path(&spelling))
}

fn index_path(registry: &str, view: View, name: &str) -> String {
    match view {
        View::Index => format!("/{registry}{}", index_file(name)),
        view => format!("/{registry}/{view}{}", index_file(name)),
    }
}

fn fault(failing: Failing) -> Fault {
    match failing {
        Failing::Status(status) => Fault::Status(status),
        Failing::Garbage => Fault::Garbage,
        Failing::Page => Fault::Html,
        Failing::Broken => Fault::Reset,
        Failing::Corrupted => Fault::Corrupted,
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let versions = match self {
            Self::Status(status) => return write!(f, "{status}"),
            Self::Failure => return write!(f, "502, 503 or 504"),
            Self::Versions(versions) => versions,
        };
        let shown: Vec<_> = versions
            .values()
            .map(|(bytes, yanked)| format!("{bytes}{}", if *yanked { " (yanked)" } else { "" }))
            .collect();
        f.write_str(&shown.join(", "))
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Silence => f.write_str("no answer at all"),
            Self::Done(status) => write!(f, "{status}"),
            Self::File(bytes) => write!(f, "200 with {bytes}"),
            Self::FileUnlessItFails(bytes) => write!(f, "200 with {bytes}, or 502, 503, 504"),
            Self::Refused(refusals) => {
                let refusals: Vec<_> = refusals
                    .iter()
                    .map(|(status, code)| format!("{status} {code}").trim_end().to_owned())
                    .collect();
                f.write_str(&refusals.join(" or "))
            }
        }
    }
}
