//! What is asked before a name or a number is given away: the ledger, and every upstream that could have it.
//!
//! A last good copy is no answer here: what cannot be told for certain now is refused.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, join_all},
};
use supercargo_package::{PublishMetadata, parse_upstream_file};
use supercargo_types::{CrateName, Digest, Spelling, View, version_number};
use supercargo_upstream::CircuitState;

use crate::{
    Instance,
    directory::{Attached, Reads, Registry, RemoteUpstream},
    refusal::{Failure, Outcome, Refusal, from_inside},
    views::{Content, Resolved},
};

/// cargo gives up a publish that is silent for 30 seconds, and would not show why it was refused.
const CERTAIN_WITHIN: Duration = Duration::from_secs(15);

impl Instance {
    /// A name that was given out as upstream's becomes hosted only by a claim, also when upstream has lost it since or is not
    /// attached any more: other bytes would come under numbers that lockfiles hold.
    pub(super) async fn check_served(&self, registry: &Registry, name: &CrateName) -> Outcome<()> {
        for spelling in twins(name) {
            let served = self
                .store
                .ledger(registry.id, View::Index, &spelling)
                .await?;
            if !served.is_empty() {
                return Err(Refusal::NameServed {
                    registry: registry.name.clone(),
                    name: name.clone(),
                }
                .into());
            }
        }
        Ok(())
    }

    /// Where both hosted and upstream's versions are served, a number that upstream has, or that was given out as one of
    /// upstream's, must not get other bytes.
    pub(super) async fn check_number(
        self: &Arc<Self>,
        registry: &Registry,
        metadata: &PublishMetadata,
        checksum: &Digest,
    ) -> Outcome<()> {
        let spelling = metadata.name.spelling();
        let number = version_number(&metadata.version);
        let is_number = |version: &str| {
            let version = version.parse();
            version.is_ok_and(|version| version_number(&version) == number)
        };
        let (upstream, listed) = self.listed_now(registry, metadata).await?;
        let ledger = self
            .store
            .ledger(registry.id, View::Index, &spelling)
            .await?;
        // an upstream that forgets a version gives nobody its number
        let served = ledger
            .into_iter()
            .map(|row| (row.version, Some(row.checksum)));
        // the very bytes that upstream has may be hosted, too
        let other = listed
            .into_iter()
            .chain(served)
            .find(|(version, other)| is_number(version) && other.as_ref() != Some(checksum));
        match other {
            Some((existing, _)) => Err(Refusal::UpstreamHasNumber {
                registry: registry.name.clone(),
                name: metadata.name.clone(),
                version: metadata.version.to_string(),
                existing,
                upstream,
            }
            .into()),
            None => Ok(()),
        }
    }

    /// The versions that upstream lists at this moment, and which upstream: the one that the name is read from, or the first
    /// that has it. A last good copy is not good enough to give a number away.
    async fn listed_now(
        self: &Arc<Self>,
        registry: &Registry,
        metadata: &PublishMetadata,
    ) -> Outcome<(String, Vec<(String, Option<Digest>)>)> {
        let spelling = metadata.name.spelling();
        let mut asked = String::new();
        let is_pinned = self.pinned(registry, &spelling).await?.is_some();
        let mut lost = None;
        for attached in self.askable(registry, &spelling).await? {
            let upstream = &attached.upstream.name;
            asked.clone_from(upstream);
            let mut is_lost = false;
            let unsure = |reason: String| Refusal::NumberUnsure {
                name: metadata.name.clone(),
                version: metadata.version.to_string(),
                upstream: upstream.clone(),
                reason,
            };
            let question = async {
                match &attached.upstream.reads {
                    Reads::Remote(remote) => {
                        let entry = self.upstream_entry_now(remote, &spelling).await?;
                        Ok(match entry.content {
                            Content::NotThere => None,
                            Content::Found(file) => {
                                // where it was never read from here, another one may have it
                                is_lost = file.gone && !is_pinned;
                                Some(file.body.clone())
                            }
                        })
                    }
                    Reads::Registry(inner) => {
                        let inner = self.inner_registry(registry, *inner)?;
                        self.ask_behind(&inner, &spelling).await?;
                        let view = self.cached_view(&inner, View::Index, &spelling).await?;
                        Ok(match view.resolved() {
                            // decided about, with nothing to list: nobody further on is asked either
                            Resolved::Absent if view.ends_search() => Some(Bytes::new()),
                            Resolved::Absent => None,
                            Resolved::Found(listing) => Some(listing.body().clone()),
                        })
                    }
                }
            };
            let body = match tokio::time::timeout(CERTAIN_WITHIN, question).await {
                Ok(Ok(body)) => body,
                Ok(Err(failure)) => match heard(registry, attached, failure) {
                    Failure::Refused(refusal) => return Err(unsure(refusal.to_string()).into()),
                    failure => return Err(failure),
                },
                Err(_) => return Err(unsure(late(upstream)).into()),
            };
            if let Some(body) = body {
                if body.is_empty() {
                    return Ok((asked, Vec::new()));
                }
                let lines = parse_upstream_file(&spelling, &body)
                    .map_err(|garbled| unsure(garbled.to_string()))?;
                let lines = lines.into_iter();
                let listed = lines.map(|line| (line.version, line.checksum)).collect();
                if is_lost {
                    lost.get_or_insert((asked.clone(), listed));
                    continue;
                }
                return Ok((asked, listed));
            }
        }
        Ok(lost.unwrap_or((asked, Vec::new())))
    }

    /// Has the upstreams behind a registry asked at this moment, where it reads the name from them; no copy stands in for an
    /// answer.
    fn ask_behind<'a>(
        self: &'a Arc<Self>,
        registry: &'a Arc<Registry>,
        name: &'a Spelling,
    ) -> BoxFuture<'a, Outcome<()>> {
        async move {
            let view = self.cached_view(registry, View::Index, name).await?;
            if !view.asks_upstream() {
                return Ok(());
            }
            for attached in self.askable(registry, name).await? {
                let is_last = match &attached.upstream.reads {
                    Reads::Remote(remote) => {
                        let entry = self.upstream_entry_now(remote, name).await?;
                        matches!(entry.content, Content::Found(_))
                    }
                    Reads::Registry(inner) => {
                        let inner = self.inner_registry(registry, *inner)?;
                        self.ask_behind(&inner, name).await?;
                        let view = self.cached_view(&inner, View::Index, name).await?;
                        view.ends_search() || matches!(view.resolved(), Resolved::Found(_))
                    }
                };
                if is_last {
                    break;
                }
            }
            // its views were made of what was known before
            self.views.changed(registry.id, &name.canonical());
            Ok(())
        }
        .boxed()
    }

    /// A new name that no claim covers: given only when every upstream definitely does not have it, in any spelling.
    pub(super) async fn check_upstream(
        self: &Arc<Self>,
        registry: &Registry,
        name: &CrateName,
    ) -> Outcome<()> {
        let canonical = name.canonical();
        // those of this server first: a name that one of them keeps for itself is not told to others by a question
        let (inside, elsewhere): (Vec<_>, Vec<_>) = registry
            .takers(&canonical)
            .partition(|attached| attached.upstream.remote().is_none());
        for upstreams in [inside, elsewhere] {
            let questions = upstreams.iter().map(|attached| {
                let question = async move {
                    match &attached.upstream.reads {
                        Reads::Remote(remote) => self.is_free_elsewhere(remote, name).await,
                        Reads::Registry(inner) => self.is_free_inside(registry, *inner, name).await,
                    }
                };
                tokio::time::timeout(CERTAIN_WITHIN, question)
            });
            let answers = join_all(questions).await;
            for (attached, is_free) in upstreams.iter().zip(answers) {
                let unsure = |reason: String| Refusal::UpstreamUnsure {
                    name: name.clone(),
                    upstream: attached.upstream.name.clone(),
                    reason,
                };
                let is_free = is_free.map_err(|_| unsure(late(&attached.upstream.name)))?;
                match is_free {
                    Ok(true) => {}
                    Ok(false) => {
                        return Err(Refusal::UpstreamHasName {
                            registry: registry.name.clone(),
                            name: name.clone(),
                            upstream: attached.upstream.name.clone(),
                        }
                        .into());
                    }
                    Err(failure) => match heard(registry, attached, failure) {
                        Failure::Refused(refusal) => {
                            return Err(unsure(refusal.to_string()).into());
                        }
                        failure => return Err(failure),
                    },
                }
            }
        }
        Ok(())
    }

    /// Whether an upstream has no spelling of a name.
    async fn is_free_elsewhere(
        self: &Arc<Self>,
        upstream: &Arc<RemoteUpstream>,
        name: &CrateName,
    ) -> Outcome<bool> {
        let ask = async |spelling: &Spelling| {
            // asked anew: a name that was free half a minute ago may not be so now
            self.upstream_index.forget_absence(upstream.id, spelling);
            self.upstream_entry(upstream, spelling).await
        };
        let spellings = twins(name);
        // To an upstream that was down one question goes out, and the others would fail beside it; to one that answers they
        // all go out at once, for all of them have to be answered while cargo waits.
        let was_down = self.upstream.health(&upstream.client).index.state != CircuitState::Closed;
        let alone = usize::from(was_down);
        let mut answers = join_all(spellings[..alone].iter().map(&ask)).await;
        answers.extend(join_all(spellings[alone..].iter().map(&ask)).await);
        for answer in answers {
            if !matches!(answer?.content, Content::NotThere) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The same for a registry of this server: what it has decided about is not free, whether it lists anything or not.
    async fn is_free_inside(
        self: &Arc<Self>,
        registry: &Registry,
        inner: i64,
        name: &CrateName,
    ) -> Outcome<bool> {
        let inner = self.inner_registry(registry, inner)?;
        for spelling in twins(name) {
            self.forget_absence_behind(&inner, &spelling)?;
            let view = self.cached_view(&inner, View::Index, &spelling).await?;
            if view.ends_search() || matches!(view.resolved(), Resolved::Found(_)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Has the upstreams behind a registry asked anew for what they did not have: a name that was free half a minute ago may
    /// not be so now.
    fn forget_absence_behind(&self, registry: &Registry, name: &Spelling) -> Outcome<()> {
        let canonical = name.canonical();
        for attached in registry.takers(&canonical) {
            match &attached.upstream.reads {
                Reads::Remote(remote) => self.upstream_index.forget_absence(remote.id, name),
                Reads::Registry(inner) => {
                    let inner = self.inner_registry(registry, *inner)?;
                    self.forget_absence_behind(&inner, name)?;
                }
            }
        }
        self.views.changed(registry.id, &canonical);
        Ok(())
    }
}

/// A failure of an upstream, as somebody who publishes may hear it.
fn heard(registry: &Registry, attached: &Attached, failure: Failure) -> Failure {
    match attached.upstream.reads {
        Reads::Remote(_) => failure,
        Reads::Registry(_) => from_inside(failure, &registry.name, &attached.upstream.name),
    }
}

fn late(upstream: &str) -> String {
    let seconds = CERTAIN_WITHIN.as_secs();
    format!("upstream `{upstream}` did not answer within {seconds} seconds")
}

/// The spelling itself, and those with `-` or `_` throughout: what an upstream that folds names could hold.
fn twins(name: &CrateName) -> Vec<Spelling> {
    let spelling = name.spelling();
    let mut twins = vec![spelling.clone()];
    for (from, to) in [('_', "-"), ('-', "_")] {
        let twin: Spelling = spelling
            .as_str()
            .replace(from, to)
            .parse()
            .expect("invariant: a name stays one with `-` and `_` exchanged");
        if !twins.contains(&twin) {
            twins.push(twin);
        }
    }
    twins
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_uniform_spelling_is_asked_once() {
        let twins = |name: &str| {
            twins(&name.parse().unwrap())
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(twins("Foo-bar_baz"), "foo-bar_baz foo-bar-baz foo_bar_baz");
        assert_eq!(twins("foo-bar"), "foo-bar foo_bar");
        assert_eq!(twins("foo"), "foo");
    }
}
