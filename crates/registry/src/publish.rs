//! Publishing: bytes to a staged file while they are hashed, checks, then one transaction.
//!
//! A crash before the transaction leaves at most a blob that nothing refers to.

use std::{collections::HashMap, io::BufReader, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, join_all},
};
use supercargo_blobs::{HashedBlob, StagedBlob};
use supercargo_package::{
    ArchiveLimits, ArchiveRefused, Dependency, DependencyKind, DependencyRegistry, FrameLimits,
    FramePart, FrameReader, FrameRefused, IndexEntry, ManifestLimits, PackageFacts,
    PublishMetadata, identify, parse_upstream_file, read_archive, read_facts, stored_registry,
    warnings,
};
use supercargo_store::{NewVersion, PrincipalRow, PublishRule, Published as Stored};
use supercargo_types::{
    ClaimMode, CrateName, Digest, PrincipalKind, PrincipalRef, Spelling, View, version_number,
};
use supercargo_upstream::CircuitState;

use crate::{
    Caller, Instance,
    directory::{Attached, Reads, Registry, RemoteUpstream},
    refusal::{Failure, Outcome, Refusal, from_inside},
    rights::{Actor, Denied, MayPublish},
    views::{Content, Resolved},
};

/// One name may stand in several tables of `Cargo.toml`, with another registry in each.
type DependencyKey = (String, DependencyKind, Option<String>);

fn key(dependency: &Dependency) -> DependencyKey {
    (
        dependency.name_in_toml.clone(),
        dependency.kind,
        dependency.target.clone(),
    )
}

/// What cargo sends besides the file, in bytes: crates.io's limit.
const METADATA_BYTES: u64 = 1 << 20;
/// cargo gives up a publish that is silent for 30 seconds, and would not show why it was refused.
const CERTAIN_WITHIN: Duration = Duration::from_secs(15);
/// Read at a time while a file is checked.
const READ_BUFFER: usize = 256 << 10;
/// The identity of crates.io that cargo writes and that its lockfiles carry.
pub(crate) const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";

/// A publish whose body is still coming.
pub struct PublishStart {
    instance: Arc<Instance>,
    right: MayPublish,
    /// What cargo wraps around the file; `None` where the body is the file itself.
    frame: Option<FrameReader>,
    staged: StagedBlob,
    name_checked: bool,
}

/// A version that is in the index.
#[derive(Debug)]
pub struct Published {
    /// As published.
    pub name: CrateName,
    /// As published.
    pub version: String,
    /// For `warnings.other`: the only words that reach a successful publisher.
    pub warnings: Vec<String>,
}

impl Instance {
    /// Begins a publish; the right is proved before the first byte of the body is read.
    ///
    /// # Errors
    /// Only faults: the staging folder cannot be written.
    pub async fn start_publish(self: &Arc<Self>, right: MayPublish) -> Outcome<PublishStart> {
        let limits = FrameLimits {
            metadata_bytes: METADATA_BYTES,
            crate_bytes: self.limits().crate_size,
        };
        Ok(PublishStart {
            instance: self.clone(),
            right,
            frame: Some(FrameReader::new(limits)),
            staged: self.blobs.stage().await?,
            name_checked: false,
        })
    }

    /// Begins a publish without cargo: the body is a `.crate` file, and everything is taken from the manifest in it.
    ///
    /// # Errors
    /// Only faults: the staging folder cannot be written.
    pub async fn start_upload(self: &Arc<Self>, right: MayPublish) -> Outcome<PublishStart> {
        Ok(PublishStart {
            instance: self.clone(),
            right,
            frame: None,
            staged: self.blobs.stage().await?,
            name_checked: false,
        })
    }
}

impl PublishStart {
    /// Takes the next piece of the body.
    ///
    /// # Errors
    /// As soon as something is wrong: a length over its limit, no JSON, a name this token may not write.
    pub async fn push(&mut self, piece: Bytes) -> Outcome<()> {
        let Some(frame) = &mut self.frame else {
            return self.push_file(piece).await;
        };
        let file = frame.push(piece).map_err(Refusal::from)?;
        if !self.name_checked
            && let Some(metadata) = frame.metadata()
        {
            self.right.covers(&metadata.name.canonical())?;
            self.name_checked = true;
        }
        if let Some(bytes) = file {
            self.staged.write(bytes).await?;
        }
        Ok(())
    }

    async fn push_file(&mut self, piece: Bytes) -> Outcome<()> {
        let limit = self.instance.limits().crate_size;
        let declared = self.staged.written() + piece.len() as u64;
        if declared > limit {
            return Err(Refusal::from(FrameRefused::TooLarge {
                part: FramePart::Crate,
                declared,
                limit,
            })
            .into());
        }
        Ok(self.staged.write(piece).await?)
    }

    /// The body is complete: checks it and publishes.
    ///
    /// # Errors
    /// Everything that row P8 lists, with nothing stored.
    pub async fn finish(self, caller: &Caller) -> Outcome<Published> {
        let metadata = match self.frame {
            Some(frame) => Some(frame.finish().map_err(Refusal::from)?),
            None => None,
        };
        // Proved again: a slow upload must not outlive the revocation of its token, nor a claim that was made meanwhile.
        let actor = self.instance.actor_of(&self.right.actor.hash).await?;
        let registry = self.right.registry.name.as_str();
        let right = self.instance.may_publish(registry, Some(actor))?;
        let mut hashed = self.staged.finish().await?;
        let metadata = if let Some(metadata) = metadata {
            metadata
        } else {
            let (file, metadata) = self.instance.identify(hashed).await?;
            hashed = file;
            metadata
        };
        right.covers(&metadata.name.canonical())?;
        self.instance
            .publish(&right, metadata, hashed, caller)
            .await
    }
}

impl Instance {
    async fn publish(
        self: &Arc<Self>,
        right: &MayPublish,
        metadata: PublishMetadata,
        file: HashedBlob,
        caller: &Caller,
    ) -> Outcome<Published> {
        let registry = &right.registry;
        let (file, facts) = self.check_contents(&metadata, file).await?;
        let canonical = metadata.name.canonical();
        check_allowed(registry, &metadata)?;
        self.check_free(right, &metadata).await?;
        let registries = self
            .dependency_registries(registry, &right.actor, &facts)
            .await?;
        let checked = match self.mode(registry, &canonical).await? {
            None => match self.check_served(registry, &metadata.name).await {
                Ok(()) => self.check_upstream(registry, &metadata.name).await,
                Err(failure) => Err(failure),
            },
            Some(ClaimMode::Merge) => self.check_number(registry, &metadata, file.digest()).await,
            Some(ClaimMode::Private | ClaimMode::Fork) => Ok(()),
        };
        if checked.is_err() {
            // who is told what upstream has must find it in the view, not what was known a moment before
            self.views.changed(registry.id, &canonical);
        }
        checked?;

        self.still_may(right, &metadata).await?;

        let now = self.clock().now();
        let checksum = *file.digest();
        let entry = IndexEntry::new(&facts, &checksum, now, |dependency| {
            registries.get(&key(dependency)).cloned().flatten()
        });
        let size = file.size();
        // from here to the commit nobody may take the bytes for left over
        let kept = self.keeping.read().await;
        file.put().await?;
        let new = NewVersion {
            registry_id: registry.id,
            name: metadata.name.clone(),
            version: metadata.version.clone(),
            checksum,
            size,
            entry: entry.to_line(),
            description: facts.description.clone(),
            dependencies: facts
                .dependencies
                .iter()
                .map(|dependency| dependency.package.canonical())
                .collect(),
            facts: serde_json::to_string(&facts).map_err(|error| Failure::fault(error.into()))?,
            principal_id: Some(right.actor.principal_id),
            now,
        };
        let mut audit = self.audit("version.published", Some(&right.actor), caller);
        audit.registry = Some(registry.name.to_string());
        audit.crate_name = Some(metadata.name.to_string());
        audit.version = Some(metadata.version.to_string());
        let job = audit.detail.map(|subject| format!(", {subject}"));
        audit.detail = Some(format!("checksum {checksum}{}", job.unwrap_or_default()));
        let rule = PublishRule {
            may_create: true,
            must_own: right.must_own,
        };
        let stored = self.store.publish(&new, rule, &audit).await;
        drop(kept);
        // also after a failure, which may leave open whether the version was stored
        self.views.changed(registry.id, &canonical);
        refuse_unless_stored(right, &metadata, stored?)?;
        let mut warnings = warnings(&facts);
        if let Some(verdict) = registry.rules.verdict(&canonical, &metadata.version) {
            let (state, since) = (verdict.participle(), verdict.since_when());
            warnings.push(format!(
                "`{}@{}` is published and {state} at once, as its crate is{since}: {}; ask a maintainer of registry `{}`",
                metadata.name, metadata.version, verdict.reason, registry.name
            ));
        }
        Ok(Published {
            name: metadata.name,
            version: metadata.version.to_string(),
            warnings,
        })
    }

    /// The right once more, after what can take a while: unpacking, and questions to an upstream. A publish must not outlive
    /// the revocation of its token, a new claim or list of the registry, or the registry itself, whose name a new one of
    /// other members may have by now.
    async fn still_may(&self, right: &MayPublish, metadata: &PublishMetadata) -> Outcome<()> {
        let before = &right.registry;
        let actor = self.actor_of(&right.actor.hash).await?;
        let again = self.may_publish(before.name.as_str(), Some(actor))?;
        let canonical = metadata.name.canonical();
        again.covers(&canonical)?;
        let now = &again.registry;
        if now.id != before.id || now.created_at != before.created_at {
            return Err(Denied::Hidden.into());
        }
        if now.claim(&canonical) != before.claim(&canonical) || again.must_own != right.must_own {
            return Err(Refusal::Shape(format!(
                "who may publish `{}` in registry `{}` has changed while it was published; publish again",
                metadata.name, now.name
            ))
            .into());
        }
        check_allowed(now, metadata)
    }

    /// A name that was given out as upstream's becomes hosted only by a claim, also when upstream has lost it since or is not
    /// attached any more: other bytes would come under numbers that lockfiles hold.
    async fn check_served(&self, registry: &Registry, name: &CrateName) -> Outcome<()> {
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

    /// What the manifest in a file says it is.
    async fn identify(&self, file: HashedBlob) -> Outcome<(HashedBlob, PublishMetadata)> {
        let limits = self.archive_limits();
        let identified = tokio::task::spawn_blocking(move || -> Outcome<_> {
            let reader = BufReader::with_capacity(READ_BUFFER, file.open()?);
            let (name, version) = identify(reader, &limits).map_err(refused_archive)?;
            Ok((file, PublishMetadata { name, version }))
        });
        identified
            .await
            .map_err(|error| Failure::fault(error.into()))?
    }

    fn archive_limits(&self) -> ArchiveLimits {
        ArchiveLimits {
            unpacked_bytes: self.limits().unpacked_size,
            ..ArchiveLimits::default()
        }
    }

    /// Reads the archive on the blocking pool, with its limits.
    async fn check_contents(
        &self,
        metadata: &PublishMetadata,
        file: HashedBlob,
    ) -> Outcome<(HashedBlob, PackageFacts)> {
        let limits = self.archive_limits();
        let metadata = metadata.clone();
        let checked = tokio::task::spawn_blocking(move || -> Outcome<_> {
            let reader = BufReader::with_capacity(READ_BUFFER, file.open()?);
            let archive = read_archive(reader, &metadata.name, &metadata.version, &limits)
                .map_err(refused_archive)?;
            let facts = read_facts(
                &archive,
                &metadata.name,
                &metadata.version,
                &ManifestLimits::default(),
            )
            .map_err(Refusal::from)?;
            Ok((file, facts))
        });
        checked
            .await
            .map_err(|error| Failure::fault(error.into()))?
    }

    /// A first look before anything is stored; the database decides in the end.
    async fn check_free(&self, right: &MayPublish, metadata: &PublishMetadata) -> Outcome<()> {
        let registry = &right.registry;
        let Some(hosted) = self
            .store
            .crate_row(registry.id, &metadata.name.canonical())
            .await?
        else {
            return Ok(());
        };
        if hosted.name != metadata.name {
            return Err(Refusal::Twin {
                registry: registry.name.clone(),
                existing: hosted.name,
            }
            .into());
        }
        if let Some(must) = right.must_own
            && !self.store.owns(hosted.id, must).await?
        {
            let owners = self.store.owners(hosted.id).await?;
            let owners: Vec<_> = owners.iter().map(PrincipalRow::reference).collect();
            if !owners.is_empty() {
                return Err(not_owner(registry, &right.actor, &hosted.name, &owners));
            }
        }
        match self
            .store
            .version_numbered(hosted.id, &metadata.version)
            .await?
        {
            Some((existing, is_deleted)) => {
                Err(number_taken(registry, metadata, existing.to_string(), is_deleted).into())
            }
            None => Ok(()),
        }
    }

    /// Where both hosted and upstream's versions are served, a number that upstream has, or that was given out as one of
    /// upstream's, must not get other bytes.
    async fn check_number(
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
    async fn check_upstream(
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

    /// What stands as `registry` of each dependency in the index.
    async fn dependency_registries(
        &self,
        registry: &Registry,
        actor: &Arc<Actor>,
        facts: &PackageFacts,
    ) -> Outcome<HashMap<DependencyKey, Option<String>>> {
        let mut registries = HashMap::new();
        for dependency in &facts.dependencies {
            let stands = match &dependency.registry {
                DependencyRegistry::Url(url) if !is_crates_io(url) => {
                    self.named_registry(registry, actor, dependency, url)?
                }
                DependencyRegistry::CratesIo | DependencyRegistry::Url(_) => {
                    let mode = self.mode(registry, &dependency.package.canonical()).await?;
                    if mode == Some(ClaimMode::Private) {
                        return Err(Refusal::ForgottenRegistry {
                            dependency: dependency.package.to_string(),
                            requirement: dependency.requirement.clone(),
                            registry: registry.name.clone(),
                            in_cargo: registry.name.in_cargo(),
                        }
                        .into());
                    }
                    Some(CRATES_IO.to_owned())
                }
            };
            registries.insert(key(dependency), stands);
        }
        Ok(registries)
    }

    /// A dependency that names an index URL: this registry, another one of this server, or somebody else's.
    fn named_registry(
        &self,
        registry: &Registry,
        actor: &Arc<Actor>,
        dependency: &Dependency,
        url: &str,
    ) -> Outcome<Option<String>> {
        match self.site().recognise(url) {
            Some((name, _)) if name == registry.name => Ok(None),
            // Hidden and unknown alike: a publish must not tell which registries exist.
            Some((name, _)) => match self.may_read(name.as_str(), Some(actor.clone())) {
                Ok(right) => Ok(Some(stored_registry(right.registry.id))),
                Err(_) => Err(Refusal::UnknownDependencyRegistry {
                    dependency: dependency.name_in_toml.clone(),
                    registry: name,
                }
                .into()),
            },
            None => Ok(Some(url.to_owned())),
        }
    }
}

fn refused_archive(refused: ArchiveRefused) -> Failure {
    if refused.is_fault() {
        Failure::fault(refused.into())
    } else {
        Refusal::from(refused).into()
    }
}

fn refuse_unless_stored(
    right: &MayPublish,
    metadata: &PublishMetadata,
    stored: Stored,
) -> Outcome<()> {
    let registry = right.registry.name.clone();
    let name = metadata.name.clone();
    match stored {
        Stored::New { .. } | Stored::Version { .. } => Ok(()),
        Stored::Duplicate {
            existing_version,
            existing_is_deleted,
            ..
        } => {
            let existing = existing_version.to_string();
            Err(number_taken(&right.registry, metadata, existing, existing_is_deleted).into())
        }
        Stored::Twin { existing } => Err(Refusal::Twin { registry, existing }.into()),
        Stored::NotOwner { owners } => {
            Err(not_owner(&right.registry, &right.actor, &name, &owners))
        }
        Stored::MayNotCreate => Err(Failure::fault(anyhow::anyhow!(
            "a publish that may create was told that it may not"
        ))),
    }
}

pub(crate) fn not_owner(
    registry: &Registry,
    actor: &Actor,
    name: &CrateName,
    owners: &[PrincipalRef],
) -> Failure {
    // nobody can make jobs an owner, so nobody is told to ask for that
    if actor.principal.kind == PrincipalKind::Job {
        return Refusal::NotOfJobs {
            registry: registry.name.clone(),
            name: name.clone(),
            principal: actor.principal.to_string(),
        }
        .into();
    }
    let owners: Vec<_> = owners.iter().map(|owner| format!("`{owner}`")).collect();
    Refusal::NotOwner {
        registry: registry.name.clone(),
        in_cargo: registry.name.in_cargo(),
        name: name.clone(),
        principal: actor.principal.to_string(),
        owners: owners.join(", "),
    }
    .into()
}

/// What the registry's patterns keep out is not taken in either.
fn check_allowed(registry: &Registry, metadata: &PublishMetadata) -> Outcome<()> {
    let canonical = metadata.name.canonical();
    match registry.rules.pattern(&canonical, &metadata.version) {
        Some(verdict) => Err(Refusal::Barred {
            registry: registry.name.clone(),
            name: metadata.name.clone(),
            version: metadata.version.to_string(),
            reason: verdict.reason,
        }
        .into()),
        None => Ok(()),
    }
}

fn number_taken(
    registry: &Registry,
    metadata: &PublishMetadata,
    existing: String,
    is_deleted: bool,
) -> Refusal {
    let (registry, name) = (registry.name.clone(), metadata.name.clone());
    let version = metadata.version.to_string();
    if is_deleted {
        Refusal::NumberDeleted {
            registry,
            name,
            version,
            existing,
        }
    } else {
        Refusal::VersionExists {
            registry,
            name,
            version,
            existing,
        }
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

/// Whether this is one of the URLs by which manifests and lockfiles name crates.io's index.
pub fn is_crates_io(url: &str) -> bool {
    url == CRATES_IO || supercargo_upstream::crates_io_index().is_at(url)
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
