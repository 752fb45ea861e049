//! How a name is resolved: claims and hosted crates first, then the upstream, then nobody.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use supercargo_package::{edit_upstream_line, parse_upstream_file, render_line};
use supercargo_store::{HostedCrate, LedgerRow};
use supercargo_types::{CanonicalName, ClaimMode, Spelling, Timestamp, View};
use supercargo_upstream::UpstreamFailed;

use super::{CachedView, Content, IndexFile, Listing, Origin, Resolved, listing::Line};
use crate::{
    Caller, Instance,
    directory::{Attached, Registry},
    refusal::{Failure, Outcome, Refusal},
};

/// Views of hosted crates change only through writes, which move the generation on.
const UNTIL_CHANGED: Timestamp = Timestamp::from_micros(i64::MAX);

/// Where a view of a name gets its lines.
enum Source {
    Hosted,
    Upstream,
    Nobody,
}

fn source(mode: Option<ClaimMode>, view: View) -> Source {
    match (mode, view) {
        (Some(ClaimMode::Private), View::Mirror) | (None, View::Hosted) => Source::Nobody,
        // `merge` cannot be claimed yet; were it in a database of a later version, upstream's bytes must not mix in here
        (Some(_), View::Hosted | View::Index) => Source::Hosted,
        (Some(ClaimMode::Fork | ClaimMode::Merge), View::Mirror)
        | (None, View::Index | View::Mirror) => Source::Upstream,
    }
}

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
        let hosted = self.store.crate_row(registry.id, name).await?;
        Ok(hosted.map(|_| ClaimMode::Private))
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
    let mode = instance.mode(registry, &canonical).await?;
    let settled = |resolved| CachedView {
        resolved,
        source: None,
        generation,
        fresh_until: UNTIL_CHANGED,
    };
    match source(mode, view) {
        Source::Nobody => Ok(settled(Resolved::Absent)),
        Source::Hosted => {
            let hosted = instance.store.hosted(registry.id, &canonical).await?;
            // a twin's spelling is a question about a crate that is not there
            let hosted = hosted.filter(|hosted| hosted.name.spelling() == *name);
            let listing = match hosted {
                Some(hosted) => hosted_listing(instance, registry, view, &hosted)?,
                None => None,
            };
            Ok(settled(listing.map_or(Resolved::Absent, |listing| {
                Resolved::Found(Arc::new(listing))
            })))
        }
        Source::Upstream => match registry
            .upstream
            .as_ref()
            .filter(|attached| attached.takes(&canonical))
        {
            Some(attached) => {
                from_upstream(
                    instance, registry, attached, view, name, generation, previous,
                )
                .await
            }
            None => Ok(settled(Resolved::Absent)),
        },
    }
}

fn hosted_listing(
    instance: &Instance,
    registry: &Registry,
    view: View,
    hosted: &HostedCrate,
) -> Outcome<Option<Listing>> {
    let directory = instance.directory();
    let site = instance.site();
    let url_of = |id: i64| {
        directory
            .registry_name(id)
            .map(|name| site.index_url(name, View::Index))
    };
    // In the hosted view `null` would mean the hosted crates alone.
    let own = (view == View::Hosted).then(|| site.index_url(&registry.name, View::Index));
    let mut lines = Vec::with_capacity(hosted.versions.len());
    for version in hosted
        .versions
        .iter()
        .filter(|version| version.deleted_at.is_none())
    {
        let text = render_line(&version.entry, version.yanked, own.as_deref(), &url_of)
            .map_err(|corrupt| Failure::fault(corrupt.into()))?;
        lines.push(Line {
            text: Cow::Owned(text),
            name: hosted.name.to_string(),
            version: version.version.to_string(),
            checksum: Some(version.checksum),
            origin: Origin::Hosted,
            // the version's own row is its ledger
            ledgered: true,
        });
    }
    Ok(
        (!lines.is_empty())
            .then(|| Listing::new(lines, hosted.changed_at.max(registry.changed_at))),
    )
}

async fn from_upstream(
    instance: &Arc<Instance>,
    registry: &Arc<Registry>,
    attached: &Attached,
    view: View,
    name: &Spelling,
    generation: u64,
    previous: Option<Arc<CachedView>>,
) -> Outcome<CachedView> {
    let entry = instance.upstream_entry(&attached.upstream, name).await?;
    let made = |resolved, source| CachedView {
        resolved,
        source,
        generation,
        fresh_until: entry.fresh_until,
    };
    let file = match &entry.content {
        Content::NotThere => return Ok(made(Resolved::Absent, None)),
        Content::Found(file) => file.clone(),
    };
    if let Some(previous) = previous
        && previous
            .source
            .as_ref()
            .is_some_and(|source| Arc::ptr_eq(source, &file))
    {
        return Ok(made(previous.resolved.clone(), Some(file)));
    }
    let mut ledger = instance.store.ledger(registry.id, view, name).await?;
    for row in &mut ledger {
        // what upstream lists otherwise and we do not have cannot be served: held, as what a person should look at
        if !lists(&file, row) && !instance.blobs.contains(&row.checksum).await? {
            row.line = held(name, &row.line);
        }
    }
    let (listing, changed) = upstream_listing(registry, attached, name, &file, ledger)?;
    for version in changed {
        instance
            .alarm_changed_bytes(registry, attached, name, &version)
            .await;
    }
    Ok(made(Resolved::Found(Arc::new(listing)), Some(file)))
}

/// Whether a file has the checksum that was served before.
fn lists(file: &IndexFile, row: &LedgerRow) -> bool {
    let checksum = row.checksum.hex();
    file.body
        .windows(checksum.len())
        .any(|window| window == checksum.as_bytes())
}

/// The line with its version held: lockfiles name it on, new resolutions go elsewhere.
fn held(name: &Spelling, line: &str) -> String {
    match parse_upstream_file(name, line.as_bytes()).as_deref() {
        Ok([line]) => edit_upstream_line(line, Some(true), &|_| false).into_owned(),
        _ => line.to_owned(),
    }
}

/// Upstream's lines verbatim but for what has to be edited, and the versions whose bytes it changed.
fn upstream_listing(
    registry: &Registry,
    attached: &Attached,
    name: &Spelling,
    file: &IndexFile,
    ledger: Vec<LedgerRow>,
) -> Outcome<(Listing, Vec<String>)> {
    let upstream = &attached.upstream;
    let lines = parse_upstream_file(name, &file.body).map_err(|garbled| {
        Refusal::Upstream(UpstreamFailed::garbled(&upstream.name, garbled.to_string()))
    })?;
    let mut ledger: HashMap<String, LedgerRow> = ledger
        .into_iter()
        .map(|row| (row.version.clone(), row))
        .collect();
    let is_ours = |url: &str| upstream.is_at(url);
    let mut changed = Vec::new();
    let lines = lines
        .iter()
        .map(|line| {
            // A name that its upstream has lost is held: lockfiles build on, new resolutions go elsewhere.
            let yanked = file.gone.then_some(true);
            let row = ledger.remove(&line.version);
            let ledgered = row.is_some();
            let (text, checksum) = match row {
                Some(row) if line.checksum != Some(row.checksum) => {
                    changed.push(line.version.clone());
                    (Cow::Owned(row.line), Some(row.checksum))
                }
                _ => (edit_upstream_line(line, yanked, &is_ours), line.checksum),
            };
            Line {
                text,
                name: line.name.clone(),
                version: line.version.clone(),
                checksum,
                origin: Origin::Upstream,
                ledgered,
            }
        })
        .collect();
    Ok((
        Listing::new(lines, file.changed_at.max(registry.changed_at)),
        changed,
    ))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_modes_and_views() {
        let cell = |mode, view| match source(mode, view) {
            Source::Hosted => "hosted",
            Source::Upstream => "upstream",
            Source::Nobody => "404",
        };
        let row = |mode| {
            View::ALL
                .iter()
                .map(|&view| cell(mode, view))
                .collect::<Vec<_>>()
        };
        // index, mirror, hosted
        assert_eq!(row(Some(ClaimMode::Private)), ["hosted", "404", "hosted"]);
        assert_eq!(row(Some(ClaimMode::Fork)), ["hosted", "upstream", "hosted"]);
        assert_eq!(row(None), ["upstream", "upstream", "404"]);
    }
}
