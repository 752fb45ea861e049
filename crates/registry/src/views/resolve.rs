//! How a name is resolved: claims and hosted crates first, then the upstreams in order, then nobody; and what rules and people say
//! against each version.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use supercargo_package::{edit_upstream_line, parse_upstream_file, render_line};
use supercargo_policy::{Verdict, sources};
use supercargo_store::{HostedCrate, LedgerRow};
use supercargo_types::{CanonicalName, ClaimMode, Spelling, Timestamp, View, version_number};
use supercargo_upstream::UpstreamFailed;

use super::{
    CachedView, Content, Inside, Listing, Origin, Resolved, Source, listing::Line, read_ahead::News,
};
use crate::{
    Caller, Instance,
    directory::{Attached, Reads, Registry},
    refusal::{Failure, Outcome, Refusal, from_inside},
};

/// Views of hosted crates change only through writes, which move the generation on.
const UNTIL_CHANGED: Timestamp = Timestamp::from_micros(i64::MAX);
const GONE: &str = "its upstream does not have this crate any more";
/// Why a version is held whose upstream lists other bytes now.
pub(crate) const CHANGED: &str =
    "its upstream lists other bytes than were served before, and those are not stored here";

impl Instance {
    /// How a registry treats a name: by its claim, and where none covers it, as private once it was ever hosted.
    pub(crate) async fn mode(
        &self,
        registry: &Registry,
        name: &CanonicalName,
    ) -> Outcome<Option<ClaimMode>> {
        if let Some(mode) = registry.claim(name) {
            return Ok(Some(mode));
        }
        let row = self.store.crate_row(registry.id, name).await?;
        Ok(registry.mode(name, row.as_ref()))
    }
}

/// Boxed, for a registry may read through another one of this server.
pub(super) fn resolve<'a>(
    instance: &'a Arc<Instance>,
    registry: &'a Arc<Registry>,
    view: View,
    name: &'a Spelling,
    generation: u64,
    previous: Option<Arc<CachedView>>,
) -> BoxFuture<'a, Outcome<CachedView>> {
    resolved(instance, registry, view, name, generation, previous).boxed()
}

async fn resolved(
    instance: &Arc<Instance>,
    registry: &Arc<Registry>,
    view: View,
    name: &Spelling,
    generation: u64,
    previous: Option<Arc<CachedView>>,
) -> Outcome<CachedView> {
    let canonical = name.canonical();
    let row = instance.store.crate_row(registry.id, &canonical).await?;
    let mode = registry.mode(&canonical, row.as_ref());
    let from = sources(mode, view);
    // whoever reads through this registry looks no further for a name that it has decided about
    let has_decided = mode.is_some() || row.is_some() || registry.rules.concerns(&canonical);
    let settled = |resolved, changed_at| CachedView {
        resolved,
        changed_at,
        source: None,
        inside: Vec::new(),
        ends_search: has_decided,
        asks_upstream: false,
        news: None,
        generation,
        fresh_until: UNTIL_CHANGED,
    };
    // a twin's spelling is a question about a crate that is not there, and whose name must not leak
    let is_twin = mode.is_some() && row.as_ref().is_some_and(|row| row.name.spelling() != *name);
    if is_twin || !(from.hosted || from.upstream) {
        return Ok(settled(Resolved::Absent, registry.changed_at));
    }
    // Of a name that was given back to upstream, and beside upstream's in `merge`, the numbers that stood for bytes of ours
    // must never stand for others.
    let hosted = match row {
        Some(_) if from.hosted || view == View::Index => {
            instance.store.hosted(registry.id, &canonical).await?
        }
        _ => None,
    };
    let mut lines = match &hosted {
        Some(hosted) if from.hosted => hosted_lines(instance, registry, view, hosted)?,
        _ => Vec::new(),
    };
    let hosted_at = hosted.as_ref().map(|hosted| hosted.changed_at);
    let changed_at = registry
        .changed_at
        .max(hosted_at.unwrap_or(registry.changed_at));
    if !from.upstream {
        return Ok(settled(found(lines, changed_at), changed_at));
    }
    let search = search(instance, registry, view, name, generation).await?;
    let fresh_until = search.fresh_until;
    // also of those inside that do not list it any more: a date must not go back with them
    let changed_at = changed_at.max(search.changed_at);
    let as_fresh = |resolved, changed_at, source| CachedView {
        resolved,
        changed_at,
        source,
        inside: search.inside,
        ends_search: has_decided || search.is_ended,
        asks_upstream: true,
        news: search.news,
        generation,
        fresh_until,
    };
    let Some((attached, source)) = search.found else {
        return Ok(as_fresh(found(lines, changed_at), changed_at, None));
    };
    if let Some(previous) = previous
        && previous.source.as_ref() == Some(&source)
    {
        return Ok(as_fresh(
            previous.resolved.clone(),
            previous.changed_at,
            Some(source),
        ));
    }
    let taken: HashSet<&str> = hosted
        .iter()
        .flat_map(|hosted| &hosted.versions)
        .map(|version| version.number.as_str())
        .collect();
    let upstreams = UpstreamLines {
        instance,
        registry,
        attached,
        view,
        name,
        canonical: &canonical,
        source: &source,
        taken: &taken,
    };
    lines.extend(upstreams.lines().await?);
    let changed_at = changed_at.max(source.changed_at());
    let found = found(lines, changed_at);
    Ok(as_fresh(found, changed_at, Some(source)))
}

/// What the upstreams of a registry say of a name.
struct Search<'r> {
    /// Who has it, and what.
    found: Option<(&'r Attached, Source)>,
    /// Nobody further on may be asked.
    is_ended: bool,
    /// What it was learned from within this server.
    inside: Vec<Inside>,
    /// What has just come from elsewhere.
    news: Option<Arc<News>>,
    fresh_until: Timestamp,
    /// The latest change inside, of what is listed there or not any more.
    changed_at: Timestamp,
}

/// In order, and the one that it is pinned to alone. Only a definite "not there" moves on: who fails, or has decided about
/// the name, ends it, for a stranger's crate must not stand in for the one that was meant.
async fn search<'r>(
    instance: &Arc<Instance>,
    registry: &'r Registry,
    view: View,
    name: &Spelling,
    generation: u64,
) -> Outcome<Search<'r>> {
    let canonical = name.canonical();
    let pinned = instance.pinned(registry, name).await?;
    let mut search = Search {
        found: None,
        is_ended: false,
        inside: Vec::new(),
        news: None,
        fresh_until: UNTIL_CHANGED,
        changed_at: registry.changed_at,
    };
    let mut lost = None;
    let is_meant = |attached: &&Attached| {
        pinned.is_none_or(|pinned| pinned.upstream.id == attached.upstream.id)
    };
    for attached in registry.takers(&canonical).filter(is_meant) {
        let mut is_certain = true;
        let source = match &attached.upstream.reads {
            Reads::Remote(remote) => {
                let (answered, is_mine) = instance.upstream_answer(remote, name).await?;
                answered.count(is_mine);
                search.news = instance.news(remote, name, &answered);
                let entry = answered.entry;
                is_certain = !entry.stands_in();
                search.fresh_until = search.fresh_until.min(entry.fresh_until);
                match entry.content {
                    Content::NotThere => continue,
                    Content::Found(file) => Source::File(file),
                }
            }
            Reads::Registry(id) => {
                let inner = instance
                    .inner_view(registry, *id, view, name)
                    .await
                    .map_err(|failure| {
                        from_inside(failure, &registry.name, &attached.upstream.name)
                    })?;
                search.fresh_until = search.fresh_until.min(inner.cached.fresh_until);
                search.inside.extend_from_slice(&inner.cached.inside);
                search.inside.push(inner.inside);
                search.changed_at = search.changed_at.max(inner.cached.changed_at);
                search.news.clone_from(&inner.cached.news);
                match &inner.cached.resolved {
                    Resolved::Absent if inner.cached.ends_search => {
                        search.is_ended = true;
                        return Ok(search);
                    }
                    Resolved::Absent => continue,
                    Resolved::Found(listing) => Source::Listing(listing.clone()),
                }
            }
        };
        // What an upstream has lost it does not have. Where it was never read from here, another one may have it, unless the
        // first one fails now: that it was lost before is no "not there" then.
        if source.is_gone() && pinned.is_none() && is_certain {
            lost.get_or_insert((attached, source));
            continue;
        }
        search.found = Some((attached, source));
        break;
    }
    search.found = search.found.or(lost);
    // What began before a claim or a publish ended, here or inside, is discarded, and must not leave a pin behind: nobody
    // would ask the registry that has decided since.
    let stands = instance.views.generation(registry.id, name) == generation
        && instance.stands_inside(registry, &search.inside, name);
    if let Some((attached, _)) = &search.found
        && pinned.is_none()
        && stands
    {
        let id = attached.upstream.id;
        if instance.note_pin(registry.id, name, id) != id {
            // another resolution was faster and found it elsewhere: what is served stands
            return Err(Refusal::Changing {
                registry: registry.name.clone(),
                name: name.to_string(),
            }
            .into());
        }
    }
    Ok(search)
}

fn found(lines: Vec<Line<'_>>, changed_at: Timestamp) -> Resolved {
    if lines.is_empty() {
        Resolved::Absent
    } else {
        Resolved::Found(Arc::new(Listing::new(lines, changed_at)))
    }
}

fn hosted_lines(
    instance: &Instance,
    registry: &Registry,
    view: View,
    hosted: &HostedCrate,
) -> Outcome<Vec<Line<'static>>> {
    let directory = instance.directory();
    let site = instance.site();
    let url_of = |id: i64| {
        directory
            .registry_name(id)
            .map(|name| site.index_url(name, View::Index))
    };
    // In the hosted view `null` would mean the hosted crates alone.
    let own = (view == View::Hosted).then(|| site.index_url(&registry.name, View::Index));
    let canonical = hosted.name.canonical();
    let mut lines = Vec::with_capacity(hosted.versions.len());
    for version in hosted
        .versions
        .iter()
        .filter(|version| version.deleted_at.is_none())
    {
        let verdict = registry.rules.verdict(&canonical, &version.version);
        let yanked = version.yanked || verdict.is_some();
        let text = render_line(&version.entry, yanked, own.as_deref(), &url_of)
            .map_err(|corrupt| Failure::fault(corrupt.into()))?;
        lines.push(Line {
            text: Cow::Owned(text),
            name: hosted.name.to_string(),
            version: version.version.to_string(),
            checksum: Some(version.checksum),
            origin: Origin::Hosted {
                version_id: version.id,
            },
            verdict,
            lost: None,
            changed: false,
            yanked: version.yanked,
            published_at: Some(version.published_at),
            // the version's own row is its ledger
            ledgered: version.served_at.is_some(),
        });
    }
    Ok(lines)
}

/// What an upstream has of a name, on its way into a view.
struct UpstreamLines<'a> {
    instance: &'a Instance,
    registry: &'a Registry,
    attached: &'a Attached,
    view: View,
    name: &'a Spelling,
    canonical: &'a CanonicalName,
    source: &'a Source,
    /// Numbers that stand for hosted bytes.
    taken: &'a HashSet<&'a str>,
}

impl<'a> UpstreamLines<'a> {
    /// Upstream's lines, verbatim but for what has to be edited.
    async fn lines(&self) -> Outcome<Vec<Line<'a>>> {
        let upstream = &self.attached.upstream;
        let parsed = parse_upstream_file(self.name, self.source.body()).map_err(|garbled| {
            let what = garbled.to_string();
            Refusal::Upstream(match upstream.remote() {
                // which keeps its secret out of it
                Some(remote) => remote.client.garbled(what),
                None => UpstreamFailed::garbled(&upstream.name, what),
            })
        })?;
        let inner = self.source.listed();
        let ledger = self.ledger().await?;
        let is_ours = |url: &str| self.is_ours(url);
        let mut lines = Vec::with_capacity(parsed.len());
        for line in &parsed {
            if self.is_taken(&line.version) {
                continue;
            }
            // what another registry of this server has decided holds for those who read through it
            let inner = inner.get(line.version.as_str());
            let own = self
                .registry
                .rules
                .verdict_on(self.canonical, &line.version);
            let verdict = stronger(own, inner.and_then(|listed| listed.verdict.clone()));
            // A name that its upstream has lost is held: lockfiles build on, new resolutions go elsewhere.
            let mut lost = inner.and_then(|listed| listed.lost);
            lost = lost.or(self.source.is_gone().then_some(GONE));
            let publisher_yanked = inner.map_or(line.yanked, |listed| listed.yanked);
            // not taken out: a file may list a version twice
            let row = ledger.get(&line.version);
            let ledgered = row.is_some();
            let given_by = row
                .and_then(|row| row.upstream_id)
                .filter(|id| self.registry.attached(*id).is_some());
            let (text, checksum) = match row {
                Some(row) if line.checksum != Some(row.checksum) => {
                    self.instance
                        .alarm_changed_bytes(self.registry, self.attached, self.name, &line.version)
                        .await;
                    if !self.lists(row) {
                        // what a client has got whole is about to be stored
                        self.instance.fetches.store_proven().await;
                        if !self.is_stored(row, given_by).await? {
                            // what upstream lists otherwise and we do not have cannot be served
                            lost = Some(CHANGED);
                        }
                    }
                    let yanked = publisher_yanked || verdict.is_some() || lost.is_some();
                    (self.former_line(&row.line, yanked), Some(row.checksum))
                }
                _ => {
                    let yanked = (verdict.is_some() || lost.is_some()).then_some(true);
                    let text = edit_upstream_line(line, yanked, &is_ours);
                    (text, line.checksum)
                }
            };
            lines.push(Line {
                text,
                name: line.name.clone(),
                version: line.version.clone(),
                checksum,
                origin: Origin::Upstream {
                    id: upstream.id,
                    given_by,
                },
                verdict,
                lost,
                changed: row.is_some_and(|row| line.checksum != Some(row.checksum)),
                yanked: publisher_yanked,
                published_at: line.published_at,
                ledgered,
            });
        }
        Ok(lines)
    }

    /// Whether a dependency's registry is one that this registry reads through, or itself: `null` then finds the crate here,
    /// under one identity.
    fn is_ours(&self, url: &str) -> bool {
        let named = self.instance.site().recognise(url).map(|(name, _)| name);
        let is_registry = |id: i64| {
            let directory = self.instance.directory();
            let registry = directory.registry_name(id);
            registry.is_some_and(|registry| named.as_ref() == Some(registry))
        };
        named.as_ref() == Some(&self.registry.name)
            || self
                .registry
                .upstreams
                .iter()
                .any(|attached| match &attached.upstream.reads {
                    Reads::Remote(remote) => remote.is_at(url),
                    Reads::Registry(id) => is_registry(*id),
                })
    }

    /// Whether the bytes that were given out are still here, from an upstream that delivered them.
    async fn is_stored(&self, row: &LedgerRow, given_by: Option<i64>) -> Outcome<bool> {
        let instance = self.instance;
        for by in given_by.into_iter().chain([self.attached.upstream.id]) {
            let delivered = instance.store.cached_crate(by, &row.checksum).await?;
            if delivered.is_some() {
                return Ok(instance.blobs.contains(&row.checksum).await?);
            }
        }
        Ok(false)
    }

    async fn ledger(&self) -> Outcome<HashMap<String, LedgerRow>> {
        let store = &self.instance.store;
        let rows = store.ledger(self.registry.id, self.view, self.name).await?;
        Ok(rows
            .into_iter()
            .map(|row| (row.version.clone(), row))
            .collect())
    }

    fn is_taken(&self, version: &str) -> bool {
        // what is no version cannot be held against ours, and cargo passes it by
        !self.taken.is_empty()
            && version
                .parse()
                .is_ok_and(|version| self.taken.contains(version_number(&version).as_str()))
    }

    /// Whether the file has the checksum that was served before.
    fn lists(&self, row: &LedgerRow) -> bool {
        let checksum = row.checksum.hex();
        self.source
            .body()
            .windows(checksum.len())
            .any(|window| window == checksum.as_bytes())
    }

    /// The line that was served before, yanked as it is now.
    fn former_line(&self, line: &str, yanked: bool) -> Cow<'a, str> {
        let text = match parse_upstream_file(self.name, line.as_bytes()).as_deref() {
            Ok([line]) => edit_upstream_line(line, Some(yanked), &|_| false).into_owned(),
            _ => line.to_owned(),
        };
        Cow::Owned(text)
    }
}

/// The one that counts of two decisions; among equals the first.
fn stronger(own: Option<Verdict>, inner: Option<Verdict>) -> Option<Verdict> {
    match (own, inner) {
        (Some(own), Some(inner)) if inner.action > own.action => Some(inner),
        (own, inner) => own.or(inner),
    }
}

/// What another registry of this server answers to one that reads through it.
struct Inner {
    cached: Arc<CachedView>,
    inside: Inside,
}

impl Instance {
    /// The view of a registry that another one reads through. Rights were checked on the outer one, and when it was attached.
    async fn inner_view(
        self: &Arc<Self>,
        outer: &Registry,
        inner: i64,
        view: View,
        name: &Spelling,
    ) -> Outcome<Inner> {
        let inner = self.inner_registry(outer, inner)?;
        let cached = self.cached_view(&inner, view, name).await?;
        let inside = Inside {
            registry: inner.id,
            settings: inner.changed_at,
            generation: cached.generation,
        };
        Ok(Inner { cached, inside })
    }

    /// An upstream that lists other bytes under a number that was served: the former line stays, and people are told.
    async fn alarm_changed_bytes(
        &self,
        registry: &Registry,
        attached: &Attached,
        name: &Spelling,
        version: &str,
    ) {
        let upstream = &attached.upstream.name;
        tracing::error!(registry = %registry.name, upstream, name = %name, version, "upstream lists other bytes for a version that was served before; the former ones are kept");
        let mut audit = self.audit("upstream.bytes_changed", None, &Caller::default());
        audit.registry = Some(registry.name.to_string());
        audit.crate_name = Some(name.to_string());
        audit.version = Some(version.to_owned());
        audit.detail = Some(format!(
            "upstream `{upstream}` lists another checksum than was served before"
        ));
        self.alarm(audit).await;
    }
}
