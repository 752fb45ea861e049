//! Runs a sequence against the server and the contract, and tells the first thing on which they disagree.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde_json::json;
use supercargo_testkit::{Answer, Client, FakeUpstream, Fault, View, sparse_path};

use crate::{
    contract::{
        Contract, Expected, FAILURES, Line, Listing, TICK, UpstreamFails, canonical, refused,
    },
    operation::{
        ALLOW, Attached, BLOCK, Deed, Event, Failing, LISTS, Look, Operation, Person, Place,
        Quarantine, Remote, SPELLINGS, Step, VERSIONS,
    },
    world::{Names, Packages, World},
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
    names: Names,
    elsewhere: Elsewhere,
    contract: Contract,
    /// The registries that can be touched by the sequence.
    places: &'static [Place],
    /// The spellings.
    spellings: Vec<&'static str>,
    met: Met,
    /// What a client keeps of each file of a view.
    kept: BTreeMap<(Place, View, &'static str), Kept>,
}

/// What plays the registries elsewhere.
struct Elsewhere {
    a: FakeUpstream,
    b: FakeUpstream,
}

impl Elsewhere {
    fn start() -> Self {
        Self {
            a: FakeUpstream::start(),
            b: FakeUpstream::start(),
        }
    }

    fn of(&self, remote: Remote) -> &FakeUpstream {
        match remote {
            Remote::A => &self.a,
            Remote::B => &self.b,
        }
    }
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
    let elsewhere = Elsewhere::start();
    let places = places(steps);
    let (a, b) = (elsewhere.a.index_url(), elsewhere.b.index_url());
    let names = world.registries(places, &a, &b).await;
    let forgets_absences = world.shares_its_database();
    let mut run = Run {
        world,
        packages,
        names,
        elsewhere,
        contract: Contract::new(forgets_absences),
        places,
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
        match &step.operation {
            Operation::In(place, deed) => {
                let answer = self.perform(*place, deed).await;
                let met = (deed.kind(), answer.status.as_u16());
                *self.met.entry(met).or_default() += 1;
                self.compare(&answer, &expected)?;
                if matches!(deed, Deed::Download(..)) {
                    self.take(&answer, &expected);
                }
            }
            Operation::At(remote, event) => self.touch(*remote, event),
            Operation::Restart => self.world.restart().await,
            Operation::Wait(_) => {}
        }
        self.world.advance(self.contract.pause());
        self.look(step.look).await
    }

    /// Asks the server.
    async fn perform(&self, place: Place, deed: &Deed) -> Answer {
        let registry = self.names.registry(place);
        let registry = registry.as_str();
        let api = format!("/api/v1/registries/{registry}");
        let crates = format!("{api}/crates");
        let path = |name: &str, version: Option<&str>| match version {
            Some(version) => format!("{crates}/{name}/versions/{}", version.replace('+', "%2B")),
            None => format!("{crates}/{name}"),
        };
        let by = |person: Person| self.world.client(person);
        match deed {
            Deed::Publish(person, bytes) => {
                let frame = self.packages[bytes].frame.clone();
                by(*person).publish_frame(registry, frame).await
            }
            Deed::Yank(person, name, version, yanked) => {
                by(*person).yank(registry, name, version, *yanked).await
            }
            Deed::Claim(person, pattern, mode) => {
                let claim = json!({ "pattern": pattern, "mode": mode });
                by(*person).post(&format!("{api}/claims"), claim).await
            }
            Deed::Unclaim(person, pattern) => {
                let canonical = canonical(pattern);
                let path = format!("{api}/claims/{pattern}?confirm={canonical}");
                by(*person).delete(&path).await
            }
            Deed::Download(view, name, version) => {
                let client = by(place.reader());
                client.download(registry, *view, name, version).await
            }
            Deed::Delete(person, name, version) => by(*person).delete(&path(name, *version)).await,
            Deed::Restore(person, name, version) => {
                let path = format!("{}/restore", path(name, *version));
                empty_post(&by(*person), &path).await
            }
            Deed::Purge(person, name, version) => {
                let path = format!("{}?purge=true", path(name, *version));
                by(*person).delete(&path).await
            }
            Deed::Release(person, name) => {
                let path = format!("{crates}/{name}/release");
                by(*person).post(&path, json!({ "confirm": name })).await
            }
            Deed::Quarantine(person, name, version, action) => {
                let action = match action {
                    Quarantine::Hold => "hold",
                    Quarantine::Block => "block",
                };
                let path = format!("{}/quarantine", path(name, *version));
                let body = json!({ "action": action, "reason": "the model says so" });
                by(*person).put(&path, body).await
            }
            Deed::Lift(person, name, version) => {
                let path = format!("{}/quarantine", path(name, *version));
                by(*person).delete(&path).await
            }
            Deed::Patterns(allow, block) => {
                let patterns = json!({ "allow": ALLOW[*allow], "block": BLOCK[*block] });
                by(Person::Admin).patch(&api, patterns).await
            }
            Deed::Attach(person, list) => {
                let attached = |attached: &Attached| {
                    json!({
                        "name": self.names.upstream(attached.upstream),
                        "only": attached.only,
                        "except": attached.except,
                    })
                };
                let list: Vec<_> = LISTS[*list].iter().map(attached).collect();
                by(*person).patch(&api, json!({ "upstreams": list })).await
            }
            Deed::Pin(person, name, upstream) => {
                let body = json!({ "upstream": self.names.upstream(*upstream) });
                by(*person)
                    .post(&format!("{crates}/{name}/pin"), body)
                    .await
            }
        }
    }

    /// Makes a fake upstream what the contract's is.
    fn touch(&self, remote: Remote, event: &Event) {
        let upstream = self.elsewhere.of(remote);
        match event {
            Event::IndexFails(how) => {
                // each file, and not `config.json`, whose life in memory the contract does not name
                for name in SPELLINGS {
                    upstream.fault(&index_file(name), fault(*how));
                }
            }
            Event::FilesFail(how) => upstream.fault("/dl/", fault(*how)),
            Event::Heals => upstream.heal(),
            Event::Appears(_) | Event::Yanks(..) | Event::Vanishes(..) => {}
        }
        let Some(name) = event.name() else {
            return;
        };
        upstream.remove(name);
        let lines = self.contract.crates_of(remote).get(name);
        for (version, line) in lines.into_iter().flatten() {
            let packed = &self.packages[&line.bytes];
            let mut shown = packed.line.clone();
            shown["yanked"] = json!(line.yanked);
            upstream.publish_line(name, &shown.to_string());
            upstream.replace_bytes(name, version, packed.file.clone());
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
        for place in self.places {
            let told = |text| format!("{place}: {text}");
            self.look_at_place(*place, look).await.map_err(told)?;
        }
        self.check_what_was_asked()
    }

    async fn look_at_place(&mut self, place: Place, look: Look) -> Result<(), String> {
        if look != Look::Status {
            for name in self.spellings.clone() {
                for view in [View::Index, View::Mirror, View::Hosted] {
                    self.look_at(place, view, name)
                        .await
                        .map_err(|text| format!("{name} in view {view}: {text}"))?;
                }
            }
        }
        if look == Look::Downloads {
            for name in self.spellings.clone() {
                for view in [View::Index, View::Mirror] {
                    self.download_all(place, view, name).await?;
                }
            }
        }
        Ok(())
    }

    async fn download_all(
        &mut self,
        place: Place,
        view: View,
        name: &'static str,
    ) -> Result<(), String> {
        let absent = refused(404, "");
        let mut has_missed = false;
        for version in VERSIONS {
            let expected = self.contract.download(place, view, name, version);
            if expected == absent && std::mem::replace(&mut has_missed, true) {
                // one that is not there is like another
                continue;
            }
            let client = self.world.client(place.reader());
            let registry = self.names.registry(place);
            let answer = client.download(&registry, view, name, version).await;
            let met = ("download", answer.status.as_u16());
            *self.met.entry(met).or_default() += 1;
            self.compare(&answer, &expected)
                .map_err(|text| format!("download of {name}@{version} in view {view}: {text}"))?;
            self.take(&answer, &expected);
        }
        Ok(())
    }

    /// What somebody got has consequences.
    fn take(&mut self, answer: &Answer, expected: &Expected) {
        if let Expected::File(_) | Expected::FileUnlessItFails(_) = expected
            && answer.status == 200
        {
            self.contract.delivered();
        }
    }

    async fn look_at(
        &mut self,
        place: Place,
        view: View,
        name: &'static str,
    ) -> Result<(), String> {
        let expected = self.contract.view(place, view, name);
        let client = self.world.client(place.reader());
        let answer = client.index(&self.names.registry(place), view, name).await;
        let found = self.listing(&answer)?;
        let wanted = shown(&expected);
        if found != wanted {
            return Err(format!("expected {wanted}, got {found}"));
        }
        if answer.status != 200 {
            return Ok(());
        }
        self.check_validators(place, view, name, &answer).await
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
        place: Place,
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
        let before = self.kept.insert((place, view, name), now.clone());
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
        if now.changed_at > before.changed_at || !is_same {
            validators.push(("if-modified-since", &before.last_modified));
        }
        for (header, value) in validators {
            let path = index_path(&self.names.registry(place), view, name);
            let client = self.world.client(place.reader());
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

    /// No upstream ever hears of a name that is none of its business, nor of one that is fresh.
    fn check_what_was_asked(&mut self) -> Result<(), String> {
        let asked = std::mem::take(&mut self.contract.asked);
        for remote in [Remote::A, Remote::B] {
            let upstream = self.elsewhere.of(remote);
            for request in upstream.requests() {
                let name = SPELLINGS
                    .iter()
                    .find(|name| request.path == index_file(name));
                if let Some(name) = name
                    && !asked.contains(&(remote, name))
                {
                    return Err(format!(
                        "upstream {remote:?} was asked for {}, of which it should not hear now",
                        request.path
                    ));
                }
            }
            upstream.clear_requests();
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

/// The registries that the sequence speaks of.
fn places(steps: &[Step]) -> &'static [Place] {
    if steps.iter().any(|step| step.operation.needs_shared()) {
        &[Place::Acme, Place::Shared]
    } else {
        &[Place::Acme]
    }
}

/// Those of the names that it speaks of, twins among them.
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
