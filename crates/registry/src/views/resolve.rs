//! How a name is resolved: claims and hosted crates first, then the upstream, then nobody; and what rules and people say
//! against each version.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use supercargo_package::{edit_upstream_line, parse_upstream_file, render_line};
use supercargo_policy::sources;
use supercargo_store::{HostedCrate, LedgerRow};
use supercargo_types::{CanonicalName, ClaimMode, Spelling, Timestamp, View, version_number};
use supercargo_upstream::UpstreamFailed;

use super::{CachedView, Content, IndexFile, Listing, Origin, Resolved, listing::Line};
use crate::{
    Caller, Instance,
    directory::{Attached, Registry},
    refusal::{Failure, Outcome, Refusal},
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

pub(super) async fn resolve(
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
    let settled = |resolved| CachedView {
        resolved,
        source: None,
        generation,
        fresh_until: UNTIL_CHANGED,
    };
    // a twin's spelling is a question about a crate that is not there, and whose name must not leak
    let is_twin = mode.is_some() && row.as_ref().is_some_and(|row| row.name.spelling() != *name);
    if is_twin || !(from.hosted || from.upstream) {
        return Ok(settled(Resolved::Absent));
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
    let attached = registry.upstream.as_ref();
    let Some(attached) = attached.filter(|attached| from.upstream && attached.takes(&canonical))
    else {
        return Ok(settled(found(lines, changed_at)));
    };
    let entry = instance.upstream_entry(&attached.upstream, name).await?;
    let as_fresh = |resolved, source| CachedView {
        resolved,
        source,
        generation,
        fresh_until: entry.fresh_until,
    };
    let file = match &entry.content {
        Content::NotThere => return Ok(as_fresh(found(lines, changed_at), None)),
        Content::Found(file) => file.clone(),
    };
    if let Some(previous) = previous
        && previous
            .source
            .as_ref()
            .is_some_and(|source| Arc::ptr_eq(source, &file))
    {
        return Ok(as_fresh(previous.resolved.clone(), Some(file)));
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
        file: &file,
        taken: &taken,
    };
    lines.extend(upstreams.lines().await?);
    let changed_at = changed_at.max(file.changed_at);
    Ok(as_fresh(found(lines, changed_at), Some(file.clone())))
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
            yanked: version.yanked,
            published_at: Some(version.published_at),
            // the version's own row is its ledger
            ledgered: version.served_at.is_some(),
        });
    }
    Ok(lines)
}

/// An upstream's file on its way into a view.
struct UpstreamLines<'a> {
    instance: &'a Instance,
    registry: &'a Registry,
    attached: &'a Attached,
    view: View,
    name: &'a Spelling,
    canonical: &'a CanonicalName,
    file: &'a IndexFile,
    /// Numbers that stand for hosted bytes.
    taken: &'a HashSet<&'a str>,
}

impl<'a> UpstreamLines<'a> {
    /// Upstream's lines, verbatim but for what has to be edited.
    async fn lines(&self) -> Outcome<Vec<Line<'a>>> {
        let upstream = &self.attached.upstream;
        let parsed = parse_upstream_file(self.name, &self.file.body).map_err(|garbled| {
            Refusal::Upstream(UpstreamFailed::garbled(&upstream.name, garbled.to_string()))
        })?;
        let ledger = self.ledger().await?;
        let is_ours = |url: &str| upstream.is_at(url);
        let mut lines = Vec::with_capacity(parsed.len());
        for line in &parsed {
            if self.is_taken(&line.version) {
                continue;
            }
            let verdict = self
                .registry
                .rules
                .verdict_on(self.canonical, &line.version);
            // A name that its upstream has lost is held: lockfiles build on, new resolutions go elsewhere.
            let mut lost = self.file.gone.then_some(GONE);
            // not taken out: a file may list a version twice
            let row = ledger.get(&line.version);
            let ledgered = row.is_some();
            let (text, checksum) = match row {
                Some(row) if line.checksum != Some(row.checksum) => {
                    self.instance
                        .alarm_changed_bytes(self.registry, self.attached, self.name, &line.version)
                        .await;
                    if !self.lists(row) {
                        // what a client has got whole is about to be stored
                        self.instance.fetches.store_proven().await;
                        if !self.instance.blobs.contains(&row.checksum).await? {
                            // what upstream lists otherwise and we do not have cannot be served
                            lost = Some(CHANGED);
                        }
                    }
                    let yanked = line.yanked || verdict.is_some() || lost.is_some();
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
                origin: Origin::Upstream,
                verdict,
                lost,
                yanked: line.yanked,
                published_at: line.published_at,
                ledgered,
            });
        }
        Ok(lines)
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
        self.file
            .body
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

impl Instance {
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
