//! What becomes of a fault: asked by a client of the registry, cold and warm, for the index file and for the crate file.

use std::collections::BTreeSet;

use supercargo_testkit::{Answer, Database, FakeUpstream, Package, eventually};

use crate::{
    cases::{Case, Comes, DOWNLOADS, INDEX, Trick},
    scene::{Place, Scene, index_file},
};

/// More than is held back of a file until its checksum has matched, so that its first client gets a part of it before.
const LARGE: usize = 200 << 10;

/// A row of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) does: &'static str,
    pub(crate) index_cold: String,
    pub(crate) index_warm: String,
    pub(crate) file_cold: String,
    pub(crate) file_warm: String,
    pub(crate) next: String,
    pub(crate) told: String,
    /// What a client is told who asks for the index file, or the crate file, cold.
    pub(crate) sentences: [String; 2],
}

/// What a client saw, and what there was beside it.
struct Cell {
    outcome: String,
    sentence: Option<String>,
    retry_after: Option<String>,
    /// Of the upstream, as its registry tells it: `failing`.
    health: String,
    /// What became of another crate of the same upstream.
    next: Option<[String; 2]>,
    audited: Vec<String>,
}

const NOTHING: &str = "–";
const BROKEN_OFF: &str = "broken off";
/// What the log says of that, if it came to it.
const BREAKS_OFF: &str = "a download broke off";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    IndexCold,
    IndexWarm,
    FileCold,
    LargeFileCold,
    FileWarm,
}

impl Kind {
    /// Also the name of its upstream and registry.
    fn name(self) -> &'static str {
        match self {
            Self::IndexCold => "index-cold",
            Self::IndexWarm => "index-warm",
            Self::FileCold => "file-cold",
            Self::LargeFileCold => "large-file-cold",
            Self::FileWarm => "file-warm",
        }
    }

    fn is_warm(self) -> bool {
        matches!(self, Self::IndexWarm | Self::FileWarm)
    }

    fn is_index(self) -> bool {
        matches!(self, Self::IndexCold | Self::IndexWarm)
    }
}

/// The crate that fails; each cell has bytes of its own, so that none is helped by what another has stored.
fn package(kind: Kind) -> Package {
    let package = Package::new("left-pad", "1.0.0").file("CELL", kind.name());
    match kind {
        Kind::LargeFileCold => package.ballast(LARGE),
        _ => package,
    }
}

/// What appears upstream after the crate was cached: whoever sees it has not got the copy. Its line is longer than the other
/// one, so that half of the file ends within a line.
fn news() -> Package {
    Package::new("left-pad", "1.1.0").feature("wide-characters", &[])
}

fn other(kind: Kind) -> Package {
    Package::new("other-pad", "1.0.0").file("CELL", kind.name())
}

pub(crate) async fn measure(database: Database, case: &Case) -> Row {
    let scene = Scene::start(database).await;
    let cells = futures_util::future::join_all(
        [
            Kind::IndexCold,
            Kind::IndexWarm,
            Kind::FileCold,
            Kind::LargeFileCold,
            Kind::FileWarm,
        ]
        .map(|kind| cell(&scene, case, kind)),
    )
    .await;
    eventually("nothing on its way into the store", || async {
        scene.staged() == 0
    })
    .await;
    let log = logged(&scene.server.log());
    row(case, cells, &log)
}

/// Plays the fault, looks, ends it and waits until all is well.
async fn cell(scene: &Scene, case: &Case, kind: Kind) -> Option<Cell> {
    if matches!(case.index, Trick::Republish) && !kind.is_warm() {
        // nothing was served before, so there is nothing else that the bytes could be
        return None;
    }
    let there = FakeUpstream::start();
    let mut place = scene.place(kind.name()).await;
    let (package, other) = (package(kind), other(kind));
    for upstream in [&place.upstream, &there] {
        upstream.publish(&package);
        upstream.publish(&other);
    }
    if kind.is_warm() {
        is_well(&place, &package).await;
    } else if !kind.is_index() && case.file.is_some() {
        place.index(package.name()).await.expect(200);
    }
    for upstream in [&place.upstream, &there] {
        upstream.publish(&news());
    }
    for (prefix, trick) in tricks(case, kind) {
        trick
            .play(&mut place.upstream, &there, prefix, &package)
            .await;
    }
    let mut cell = look(scene, &place, kind, &package).await;
    if !kind.is_warm() {
        cell.next = Some(look_at_next(&place, &other).await);
    }
    for (_, trick) in tricks(case, kind) {
        trick.end(&mut place.upstream, &package);
    }
    let what = format!("the end of a fault ({}, {})", case.does, kind.name());
    eventually(&what, || async {
        let listed = place.index(package.name()).await;
        listed.status == 200
            && listed.text().contains(&package.checksum().hex())
            && listed.text().contains(&news().checksum().hex())
            && gives(&place, &package).await
            && gives(&place, &other).await
    })
    .await;
    cell.audited = scene
        .audited()
        .await
        .into_iter()
        .filter(|row| row.registry == kind.name())
        .map(|row| row.text)
        .collect();
    Some(cell)
}

/// For a crate that is cached, everything fails: nothing of it must be missed.
fn tricks(case: &Case, kind: Kind) -> Vec<(&'static str, Trick)> {
    let index = (INDEX, case.index.clone());
    match (&case.file, kind) {
        // the first two are played once for both
        (Some(Trick::Dark) | None, _) | (Some(_), Kind::IndexCold | Kind::IndexWarm) => vec![index],
        (Some(file), Kind::FileCold | Kind::LargeFileCold) => vec![(DOWNLOADS, file.clone())],
        (Some(file), Kind::FileWarm) => vec![index, (DOWNLOADS, file.clone())],
    }
}

async fn is_well(place: &Place, package: &Package) {
    place.index(package.name()).await.expect(200);
    assert!(gives(place, package).await);
}

async fn gives(place: &Place, package: &Package) -> bool {
    let download = place.download(package).await;
    download.is_ok_and(|answer| answer.status == 200 && answer.body == package.crate_bytes())
}

async fn look(scene: &Scene, place: &Place, kind: Kind, package: &Package) -> Cell {
    let fetched_before = place.asked(DOWNLOADS);
    let answer = if kind.is_index() {
        Ok(place.index(package.name()).await)
    } else {
        place.download(package).await
    };
    let outcome = match &answer {
        Err(_) => BROKEN_OFF.to_owned(),
        Ok(answer) if answer.status != 200 => answer.status.as_u16().to_string(),
        Ok(answer) if kind.is_index() => index_outcome(answer, package),
        Ok(answer) => {
            assert_eq!(
                answer.body,
                package.crate_bytes(),
                "only right bytes go out"
            );
            let is_fetched = place.asked(DOWNLOADS) > fetched_before;
            let from = if is_fetched { "" } else { ", stored" };
            format!("200{from}")
        }
    };
    if !kind.is_index() {
        let checksum = package.checksum().hex();
        if outcome.starts_with("200") {
            // its first client may have it a moment before
            eventually("a stored file", || async { scene.has_stored(&checksum) }).await;
        } else {
            assert!(!scene.has_stored(&checksum), "{outcome}");
        }
    }
    let sentence = answer.as_ref().ok().filter(|answer| answer.status != 200);
    let registry = format!("/api/v1/registries/{}", place.name);
    let health = scene.admin.get(&registry).await.expect(200).json();
    Cell {
        sentence: sentence.map(|answer| said(answer, place)),
        retry_after: answer
            .ok()
            .and_then(|answer| answer.header("retry-after").map(str::to_owned)),
        health: health["health"][0]["state"].as_str().unwrap().to_owned(),
        outcome,
        next: None,
        audited: Vec::new(),
    }
}

fn index_outcome(answer: &Answer, package: &Package) -> String {
    let lines = answer.json_lines();
    let line = lines.iter().find(|line| line["vers"] == package.version());
    let is_right = line.is_some_and(|line| line["cksum"] == package.checksum().hex());
    let has_news = lines.iter().any(|line| line["vers"] == news().version());
    match (is_right, has_news) {
        (true, true) => "200",
        (true, false) => "200, the last good copy",
        (false, _) => "200, as it is listed",
    }
    .to_owned()
}

/// The words without what differs from run to run.
fn said(answer: &Answer, place: &Place) -> String {
    let host = place.upstream.url();
    let host = host.trim_start_matches("http://");
    let text = answer.text().replace(host, "registry.example");
    let text = text.replace(&format!("`{}`", place.name), "`partner`");
    steady(&text)
}

/// With `…` for each checksum, and for the place where a text of JSON ends.
pub(crate) fn steady(text: &str) -> String {
    let mut last = "";
    let words = text.split_whitespace().map(|word| {
        let bare = word.trim_end_matches([',', ')', ';']);
        let is_checksum = bare.len() == 64 && bare.chars().all(|c| c.is_ascii_hexdigit());
        let is_unsteady = is_checksum || last == "column";
        last = word;
        word.replace(bare, if is_unsteady { "…" } else { bare })
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What becomes of another crate, that nobody has asked for yet: its index file and its crate file.
async fn look_at_next(place: &Place, other: &Package) -> [String; 2] {
    assert_eq!(place.asked(&index_file(other.name())), 0);
    let index = place.index(other.name()).await.status.as_u16();
    let file = match place.download(other).await {
        Ok(answer) => answer.status.as_u16().to_string(),
        Err(_) => BROKEN_OFF.to_owned(),
    };
    [index.to_string(), file]
}

/// What the log warns of, each once.
fn logged(log: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    for line in log.lines() {
        let Some((level, rest)) = ["WARN", "ERROR"]
            .iter()
            .find_map(|level| Some((level, line.split_once(&format!(" {level} "))?.1)))
        else {
            continue;
        };
        // after the module's name, and before the fields
        let (_, text) = rest.split_once(": ").unwrap();
        let words = text
            .split(' ')
            .take_while(|word| !word.contains('='))
            .collect::<Vec<_>>();
        if text.starts_with(BREAKS_OFF) {
            continue;
        }
        found.insert(format!("{}: {}", level.to_lowercase(), words.join(" ")));
    }
    found.into_iter().collect()
}

fn row(case: &Case, cells: Vec<Option<Cell>>, log: &[String]) -> Row {
    let Ok([index_cold, index_warm, file_cold, large, file_warm]) =
        <[Option<Cell>; 5]>::try_from(cells)
    else {
        panic!("there are five cells");
    };
    let sentence = |cell: &Option<Cell>| {
        let cell = cell.as_ref();
        cell.and_then(|cell| cell.sentence.clone())
            .unwrap_or_else(|| NOTHING.to_owned())
    };
    let sentences = match case.comes {
        Comes::Much => [sentence(&index_cold), NOTHING.to_owned()],
        Comes::Nothing | Comes::OfIt => [sentence(&index_cold), sentence(&file_cold)],
    };
    let all = [&index_cold, &index_warm, &file_cold, &large, &file_warm];
    let all: Vec<_> = all.iter().filter_map(|cell| cell.as_ref()).collect();
    Row {
        does: case.does,
        index_cold: outcome(index_cold.as_ref()),
        index_warm: outcome(index_warm.as_ref()),
        file_cold: cold_file(case, file_cold.as_ref(), large.as_ref()),
        file_warm: outcome(file_warm.as_ref()),
        next: next(index_cold.as_ref(), file_cold.as_ref()),
        told: told(&all, log),
        sentences,
    }
}

fn outcome(cell: Option<&Cell>) -> String {
    let Some(cell) = cell else {
        return NOTHING.to_owned();
    };
    match &*cell.outcome {
        outcome if !cell.alarms() => outcome.to_owned(),
        // the right line, though another one is listed
        "200" => "200, the former line, and an alarm".to_owned(),
        outcome => format!("{outcome} and an alarm"),
    }
}

/// Of a file that its first client reads as it comes, whether it is refused or breaks off is a matter of time.
fn cold_file(case: &Case, small: Option<&Cell>, large: Option<&Cell>) -> String {
    let (Some(small), Some(large)) = (small, large) else {
        return NOTHING.to_owned();
    };
    assert_eq!(small.alarms(), large.alarms(), "{}", case.does);
    let is_either = |cell: &Cell| [BROKEN_OFF, "502", "504"].contains(&&*cell.outcome);
    match case.comes {
        Comes::Nothing => {
            assert_eq!(small.outcome, large.outcome, "{}", case.does);
            outcome(Some(small))
        }
        Comes::OfIt => {
            assert!(is_either(large), "{}: {}", case.does, large.outcome);
            format!(
                "{}; beyond 64 KiB it may break off instead",
                outcome(Some(small))
            )
        }
        Comes::Much => {
            assert!(is_either(small) && is_either(large), "{}", case.does);
            let alarm = if small.alarms() { ", and an alarm" } else { "" };
            format!("502, or broken off{alarm}")
        }
    }
}

impl Cell {
    fn alarms(&self) -> bool {
        self.audited.iter().any(|text| text.starts_with("alarm"))
    }
}

fn next(index: Option<&Cell>, file: Option<&Cell>) -> String {
    let next = |cell: Option<&Cell>| cell.and_then(|cell| cell.next.clone());
    let (Some(after_index), Some(after_file)) = (next(index), next(file)) else {
        return NOTHING.to_owned();
    };
    let answered = ["200", "200"].map(str::to_owned);
    if after_index == answered && after_file == answered {
        return "answered".to_owned();
    }
    let told = |what: &str, [index, file]: [String; 2]| {
        format!("after {what}: index {index}, crate {file}")
    };
    format!(
        "{}; {}",
        told("an index file", after_index),
        told("a crate file", after_file)
    )
}

fn told(cells: &[&Cell], log: &[String]) -> String {
    let mut told = Vec::new();
    told.extend(log.iter().map(|text| format!("log ({text})")));
    let audited: BTreeSet<_> = cells
        .iter()
        .flat_map(|cell| &cell.audited)
        .map(|text| text.split(' ').nth(1).unwrap_or_default().to_owned())
        .collect();
    told.extend(audited.iter().map(|action| format!("audit: `{action}`")));
    let seconds: BTreeSet<_> = cells
        .iter()
        .filter_map(|cell| cell.retry_after.as_ref())
        .collect();
    told.extend(
        seconds
            .iter()
            .map(|seconds| format!("`Retry-After: {seconds}`")),
    );
    if cells.iter().any(|cell| cell.health == "failing") {
        told.push("health: failing".to_owned());
    }
    if told.is_empty() {
        told.push(NOTHING.to_owned());
    }
    told.join("; ")
}
