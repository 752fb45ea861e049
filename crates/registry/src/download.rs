//! Downloads: hosted bytes, cached bytes, and bytes that are fetched while their clients already read.
//!
//! A fetched crate is hashed as it is stored. Whoever asks meanwhile gets it as it comes, but for the last piece, which is held
//! back until the checksum has matched: nobody ever receives a whole wrong file.

mod fetches;

use std::{io, ops::Range, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt as _, Stream, future::BoxFuture};
use supercargo_blobs::{Blob, BlobBody, Blobs};
use supercargo_store::{LedgerRow, LedgerStands};
use supercargo_types::{Action, Digest, Spelling, View};

use self::fetches::Fetched;
pub(crate) use self::fetches::Fetches;
use crate::{
    Instance,
    directory::{Reads, Registry, RemoteUpstream},
    refusal::{Failure, Outcome, Refusal, from_inside},
    rights::MayRead,
    views::{CHANGED, Content, Listed, Listing, Origin, Resolved},
};

/// An answer of an upstream that is younger is not asked for again.
const JUST_NOW: Duration = Duration::from_secs(1);

/// A `.crate` file on its way out.
pub struct Download {
    /// Its checksum; also its `ETag`.
    pub checksum: Digest,
    /// Its length in bytes, where it is known before the end.
    pub size: Option<u64>,
    /// Its bytes, or the way to them.
    pub delivered: Delivered,
}

/// What [`Delivery`] asked for.
pub enum Delivered {
    /// The bytes.
    Opened(DownloadBody),
    /// A stored file, not opened yet.
    Unopened(Unopened),
}

/// The bytes of a download.
pub enum DownloadBody {
    /// All of them, shared.
    Whole(Bytes),
    /// Piece by piece.
    Pieces(Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>),
}

/// How a download is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// At once, also while it still comes from its upstream.
    AsItComes,
    /// For a part of it, or for its size alone: a file that is not here yet is awaited, and nothing is opened.
    Unopened,
}

/// A stored file that may be read. Only [`Instance::download`] makes one, so what was proved for it travels along.
pub struct Unopened {
    blobs: Blobs,
    checksum: Digest,
    size: u64,
}

impl Unopened {
    /// In bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Opens a part of it, cut at its end.
    ///
    /// # Errors
    /// Only faults.
    pub async fn read(&self, part: Range<u64>) -> Outcome<DownloadBody> {
        let blob = self.blobs.get_range(&self.checksum, part).await?;
        let blob = blob.ok_or_else(|| {
            Failure::fault(anyhow::anyhow!(
                "the blob {} vanished while it was read",
                self.checksum
            ))
        })?;
        Ok(opened(blob))
    }
}

fn opened(blob: Blob) -> DownloadBody {
    match blob.body {
        BlobBody::Whole(bytes) => DownloadBody::Whole(bytes),
        BlobBody::Pieces(pieces) => DownloadBody::Pieces(Box::pin(pieces)),
    }
}

/// What a download is of; travels with the stream.
#[derive(Clone)]
struct Wanted {
    registry: Arc<Registry>,
    /// From which of its upstreams.
    upstream_id: i64,
    /// The registry that reads through this one, and for which it is downloaded: it has a ledger of its own.
    outer: Option<Arc<Wanted>>,
    view: View,
    name: Spelling,
    listing: Arc<Listing>,
    version: String,
    checksum: Digest,
}

impl Wanted {
    fn listed(&self) -> &Listed {
        self.listing
            .version(&self.version)
            .expect("invariant: found when the download began")
    }

    fn changed_bytes(&self) -> Refusal {
        let attached = self.registry.attached(self.upstream_id);
        let upstream = attached.map(|attached| attached.upstream.name.clone());
        Refusal::ChangedBytes {
            registry: self.registry.name.clone(),
            upstream: upstream.unwrap_or_default(),
            name: self.name.to_string(),
            version: self.version.clone(),
        }
    }
}

impl Instance {
    /// The bytes of a version, as the registry resolves it in the `index` or `mirror` view.
    ///
    /// # Errors
    /// [`Refusal::NoCrate`], [`Refusal::NoVersion`], or why its upstream could not give it.
    pub async fn download(
        self: &Arc<Self>,
        right: &MayRead,
        view: View,
        name: &Spelling,
        version: &str,
        delivery: Delivery,
    ) -> Outcome<Download> {
        let registry = &right.registry;
        self.deliver(registry, view, name, version, delivery, None)
            .await
    }

    /// Boxed, for a registry may read through another one of this server.
    fn deliver<'a>(
        self: &'a Arc<Self>,
        registry: &'a Arc<Registry>,
        view: View,
        name: &'a Spelling,
        version: &'a str,
        delivery: Delivery,
        outer: Option<Arc<Wanted>>,
    ) -> BoxFuture<'a, Outcome<Download>> {
        let delivered = self.delivered(registry, view, name, version, delivery, outer);
        delivered.boxed()
    }

    async fn delivered(
        self: &Arc<Self>,
        registry: &Arc<Registry>,
        view: View,
        name: &Spelling,
        version: &str,
        delivery: Delivery,
        outer: Option<Arc<Wanted>>,
    ) -> Outcome<Download> {
        let mut cached = self.cached_view(registry, view, name).await?;
        if cached.listed(version).is_none() && cached.asks_upstream() {
            // it may have been published a moment ago, and whoever asks has seen it elsewhere
            self.look_again(registry, view, name).await?;
            cached = self.cached_view(registry, view, name).await?;
        }
        let Resolved::Found(listing) = cached.resolved().clone() else {
            return Err(Refusal::NoCrate {
                registry: registry.name.clone(),
                name: name.to_string(),
            }
            .into());
        };
        let found = listing
            .version(version)
            .and_then(|listed| Some((listed.checksum?, listed.origin)));
        let Some((checksum, origin)) = found else {
            return Err(self.no_version(registry, view, name, version).await?);
        };
        self.check_withheld(registry, name, &listing, version)
            .await?;
        if let Some(outer) = &outer
            && outer.checksum != checksum
        {
            // The outer registry promised other bytes. They may be somewhere on this server, but not as this crate.
            return Err(outer.changed_bytes().into());
        }
        match origin {
            Origin::Hosted { version_id } => {
                if let Some(outer) = &outer {
                    self.enter_in_ledger(outer).await?;
                }
                self.note_served(&listing, version, version_id).await;
                let stored = self.stored(&checksum, delivery).await?;
                stored.ok_or_else(|| {
                    Failure::fault(anyhow::anyhow!(
                        "the blob {checksum} of {name}@{version} is missing"
                    ))
                })
            }
            Origin::Upstream { id, given_by } => {
                let attached = registry.attached(id).ok_or_else(|| {
                    Failure::fault(anyhow::anyhow!(
                        "a view of an upstream that is not attached"
                    ))
                })?;
                let wanted = Wanted {
                    registry: registry.clone(),
                    upstream_id: id,
                    outer,
                    view,
                    name: name.clone(),
                    listing,
                    version: version.to_owned(),
                    checksum,
                };
                if let Some(download) = self.delivered_before(given_by, &wanted, delivery).await? {
                    return Ok(download);
                }
                match &attached.upstream.reads {
                    Reads::Remote(remote) => self.from_upstream(remote, wanted, delivery).await,
                    Reads::Registry(_) if wanted.listed().lost == Some(CHANGED) => {
                        Err(wanted.changed_bytes().into())
                    }
                    Reads::Registry(inner) => {
                        let inner = self.inner_registry(registry, *inner)?;
                        let outer = Some(Arc::new(wanted));
                        self.deliver(&inner, view, name, version, delivery, outer)
                            .await
                            .map_err(|failure| {
                                from_inside(failure, &registry.name, &attached.upstream.name)
                            })
                    }
                }
            }
        }
    }

    /// Asks the upstreams of a name anew, unless that was done within the last moment: whoever asks for versions that do not
    /// exist must not be able to make us ask each time.
    fn look_again<'a>(
        self: &'a Arc<Self>,
        registry: &'a Registry,
        view: View,
        name: &'a Spelling,
    ) -> BoxFuture<'a, Outcome<()>> {
        async move {
            let since = self.clock().now().minus(JUST_NOW);
            for attached in self.askable(registry, name).await? {
                let is_last = match &attached.upstream.reads {
                    Reads::Remote(remote) => {
                        let entry = self.upstream_entry_since(remote, name, since).await?;
                        matches!(entry.content, Content::Found(_))
                    }
                    Reads::Registry(inner) => {
                        let inner = self.inner_registry(registry, *inner)?;
                        let looked = async {
                            let cached = self.cached_view(&inner, view, name).await?;
                            if cached.asks_upstream() {
                                self.look_again(&inner, view, name).await?;
                            }
                            let is_found = matches!(cached.resolved(), Resolved::Found(_));
                            Ok(is_found || cached.ends_search())
                        };
                        let named =
                            |failure| from_inside(failure, &registry.name, &attached.upstream.name);
                        looked.await.map_err(named)?
                    }
                };
                if is_last {
                    break;
                }
            }
            Ok(())
        }
        .boxed()
    }

    /// A version that a view does not list: never there, or deleted.
    async fn no_version(
        &self,
        registry: &Registry,
        view: View,
        name: &Spelling,
        version: &str,
    ) -> Outcome<Failure> {
        let number = version.parse().ok().filter(|_| view != View::Mirror);
        let row = self.store.crate_row(registry.id, &name.canonical()).await?;
        let row = row.filter(|row| row.name.spelling() == *name);
        if let (Some(number), Some(row)) = (number, row)
            && let Some((existing, true)) = self.store.version_numbered(row.id, &number).await?
        {
            return Ok(Refusal::VersionDeleted {
                registry: registry.name.clone(),
                name: row.name.to_string(),
                version: existing.to_string(),
            }
            .into());
        }
        Ok(Refusal::NoVersion {
            registry: registry.name.clone(),
            name: name.to_string(),
            version: version.to_owned(),
        }
        .into())
    }

    /// Refuses what is blocked, and what is held unless these bytes were given out before.
    pub(crate) async fn check_withheld(
        &self,
        registry: &Registry,
        name: &Spelling,
        listing: &Listing,
        version: &str,
    ) -> Outcome<()> {
        let listed = listing.version(version);
        let Some((listed, verdict)) = listed.and_then(|at| Some((at, at.verdict.as_ref()?))) else {
            return Ok(());
        };
        if verdict.action == Action::Hold {
            let was_served = match &listed.checksum {
                _ if listed.is_ledgered() => true,
                // a replica may have served it since this view was made, and a claim may have come in between
                Some(checksum) => {
                    let id = registry.id;
                    self.store.was_served(id, name, version, checksum).await?
                }
                None => false,
            };
            if was_served {
                return Ok(());
            }
        }
        Err(Refusal::Withheld {
            registry: registry.name.clone(),
            name: listed.name.clone(),
            version: listed.version.clone(),
            verdict: verdict.clone(),
        }
        .into())
    }

    /// Writes down that a hosted version is out: a later hold must not break the builds that have it.
    async fn note_served(&self, listing: &Listing, version: &str, version_id: i64) {
        let Some(listed) = listing.version(version).filter(|at| !at.is_ledgered()) else {
            return;
        };
        match self.store.mark_served(version_id, self.clock().now()).await {
            Ok(()) => listed.mark_ledgered(),
            // then a hold refuses what was served: safe, and no reason to refuse it now
            Err(error) => tracing::warn!(%error, "a first download was not written down"),
        }
    }

    async fn stored(&self, checksum: &Digest, delivery: Delivery) -> Outcome<Option<Download>> {
        let found = match delivery {
            Delivery::AsItComes => {
                let blob = self.blobs.get(checksum).await?;
                blob.map(|blob| (blob.size, Delivered::Opened(opened(blob))))
            }
            Delivery::Unopened => {
                let unopened = |size| Unopened {
                    blobs: self.blobs.clone(),
                    checksum: *checksum,
                    size,
                };
                let size = self.blobs.size(checksum).await?;
                size.map(|size| (size, Delivered::Unopened(unopened(size))))
            }
        };
        Ok(found.map(|(size, delivered)| Download {
            checksum: *checksum,
            size: Some(size),
            delivered,
        }))
    }

    /// Only bytes that the upstream of a version itself once delivered, or another one that is still attached and from which
    /// this registry gave them out as this version: otherwise an upstream that lists the checksum of a private crate, which
    /// stands in lockfiles, would be handed that crate.
    async fn delivered_before(
        &self,
        given_by: Option<i64>,
        wanted: &Wanted,
        delivery: Delivery,
    ) -> Outcome<Option<Download>> {
        let id = wanted.upstream_id;
        let is_elsewhere = |id: &i64| {
            let attached = wanted.registry.attached(*id);
            attached.is_some_and(|attached| attached.upstream.remote().is_some())
        };
        let others = given_by.filter(|other| *other != id);
        let mut delivered = false;
        for by in [id].into_iter().chain(others).filter(is_elsewhere) {
            delivered = delivered || self.delivered_by(by, wanted).await?;
        }
        if delivered && let Some(download) = self.stored(&wanted.checksum, delivery).await? {
            self.used_from_cache(id, given_by, &wanted.checksum);
            self.enter_in_ledger(wanted).await?;
            return Ok(Some(download));
        }
        Ok(None)
    }

    async fn from_upstream(
        self: &Arc<Self>,
        upstream: &Arc<RemoteUpstream>,
        wanted: Wanted,
        delivery: Delivery,
    ) -> Outcome<Download> {
        if wanted.listed().lost == Some(CHANGED) {
            // what its upstream has now are the other bytes
            return Err(wanted.changed_bytes().into());
        }
        match self.fetched(upstream, &wanted, delivery).await? {
            Fetched::Coming { size, body } => Ok(Download {
                checksum: wanted.checksum,
                size,
                delivered: Delivered::Opened(body),
            }),
            Fetched::Stored => {
                self.enter_in_ledger(&wanted).await?;
                let stored = self.stored(&wanted.checksum, delivery).await?;
                stored.ok_or_else(|| {
                    Failure::fault(anyhow::anyhow!("a blob vanished right after it was stored"))
                })
            }
        }
    }

    async fn delivered_by(&self, upstream_id: i64, wanted: &Wanted) -> Outcome<bool> {
        // A row in the ledger is no proof: the registry may have read through another upstream when it was written.
        if wanted.listed().is_delivered() {
            return Ok(true);
        }
        let delivered = self
            .store
            .cached_crate(upstream_id, &wanted.checksum)
            .await?
            .is_some();
        if delivered {
            wanted.listed().mark_delivered();
        }
        Ok(delivered)
    }

    /// The first checksum ever downloaded stands for ever; a replica may have been faster with another one. Of every registry
    /// that the bytes go through.
    async fn enter_in_ledger(&self, wanted: &Wanted) -> Outcome<()> {
        self.enter_in_one_ledger(wanted).await?;
        let mut next = wanted.outer.as_ref();
        while let Some(outer) = next {
            self.enter_in_one_ledger(outer).await?;
            next = outer.outer.as_ref();
        }
        Ok(())
    }

    async fn enter_in_one_ledger(&self, wanted: &Wanted) -> Outcome<()> {
        let listed = wanted.listed();
        if listed.is_ledgered() {
            return Ok(());
        }
        let line = wanted.listing.line(listed);
        let now = self.clock().now();
        let (registry, view, name) = (&wanted.registry, wanted.view, &wanted.name);
        let row = LedgerRow {
            version: wanted.version.clone(),
            checksum: wanted.checksum,
            line: line.to_owned(),
            upstream_id: Some(wanted.upstream_id),
        };
        let add = || self.store.add_ledger(registry.id, view, name, &row, now);
        let mut stands = add().await?;
        if stands == LedgerStands::PinnedElsewhere {
            self.drop_stale_pin(registry.id, name).await;
            stands = add().await?;
        }
        if stands == LedgerStands::Bytes(wanted.checksum) {
            listed.mark_ledgered();
            return Ok(());
        }
        self.views.changed(registry.id, &name.canonical());
        Err(match stands {
            LedgerStands::Bytes(_) => wanted.changed_bytes(),
            LedgerStands::PinnedElsewhere => Refusal::Changing {
                registry: registry.name.clone(),
                name: name.to_string(),
            },
        }
        .into())
    }
}
