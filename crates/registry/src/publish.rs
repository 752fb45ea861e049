//! Publishing: bytes to a staged file while they are hashed, checks, then one transaction.
//!
//! A crash before the transaction leaves at most a blob that nothing refers to.

mod questions;

use std::{collections::HashMap, io::BufReader, sync::Arc};

use bytes::Bytes;
use supercargo_blobs::{HashedBlob, StagedBlob};
use supercargo_package::{
    ArchiveLimits, ArchiveRefused, Dependency, DependencyKind, DependencyRegistry, FrameLimits,
    FramePart, FrameReader, FrameRefused, IndexEntry, ManifestLimits, PackageFacts,
    PublishMetadata, identify, read_archive, read_facts, stored_registry, warnings,
};
use supercargo_store::{NewVersion, PrincipalRow, PublishRule, Published as Stored};
use supercargo_types::{ClaimMode, CrateName, PrincipalKind, PrincipalRef};

use crate::{
    Caller, Instance,
    directory::Registry,
    refusal::{Failure, Outcome, Refusal},
    rights::{Actor, Denied, MayPublish},
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
    /// [`TooMany::Publishes`](crate::TooMany::Publishes); faults when the staging folder cannot be written.
    pub async fn start_publish(self: &Arc<Self>, right: MayPublish) -> Outcome<PublishStart> {
        self.before_publish(&right)?;
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
    /// [`TooMany::Publishes`](crate::TooMany::Publishes); faults when the staging folder cannot be written.
    pub async fn start_upload(self: &Arc<Self>, right: MayPublish) -> Outcome<PublishStart> {
        self.before_publish(&right)?;
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
        let actor = self.instance.actor_again(&self.right.actor).await?;
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
            // no database holds NUL, and nobody searches for it
            keywords: facts.keywords.join(" ").replace('\0', ""),
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
        let actor = self.actor_again(&right.actor).await?;
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

/// Whether this is one of the URLs by which manifests and lockfiles name crates.io's index.
pub fn is_crates_io(url: &str) -> bool {
    url == CRATES_IO || supercargo_upstream::crates_io_index().is_at(url)
}
