//! Indexes as the server answers them, after resolution: resolved once, then served from memory.
//!
//! A view is never invalidated by key. It carries what it was made under: the registry's settings (in its key) and the
//! generation of the crate's name. Whoever changes a name moves its generation on before answering, so a view that was
//! resolved before, or a resolution that began before, is not served to anybody who asks afterwards.

mod flights;
mod listing;
mod read_ahead;
mod resolve;
mod upstream_index;

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use moka::sync::Cache;
use supercargo_types::{CanonicalName, Spelling, Timestamp, View};

pub use listing::Listing;
pub(crate) use listing::{Listed, Origin};
pub(crate) use read_ahead::ReadAhead;
pub(crate) use resolve::CHANGED;
pub(crate) use upstream_index::{Content, IndexFile, UpstreamIndex};

use crate::{
    Instance,
    directory::Registry,
    nesting::Bar,
    refusal::{Outcome, Refusal},
    rights::MayRead,
};
use flights::Flights;
use read_ahead::News;

/// For what views hold in memory, in bytes; the least recently used goes first.
const VIEW_MEMORY: u64 = 128 << 20;
/// What a view costs besides its bytes: key, validators, map entry.
const VIEW_OVERHEAD: usize = 512;
/// Names that fall into one slot share a generation: too many slots waste memory, too few resolve now and then in vain.
const GENERATION_SLOTS: usize = 4096;
/// How often a name is resolved anew because something changed inside while it was.
const TRIES: usize = 4;

/// What a name is in a view.
#[derive(Clone, Debug)]
pub enum Resolved {
    /// An index file.
    Found(Arc<Listing>),
    /// Exactly 404.
    Absent,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct ViewKey {
    registry: i64,
    /// When the registry's settings last changed: other settings, other key.
    settings: Timestamp,
    view: View,
    name: Spelling,
}

#[derive(Clone)]
pub(crate) struct CachedView {
    resolved: Resolved,
    /// When what it says changed last, also where it says that nobody has it.
    changed_at: Timestamp,
    /// What this was made from, to see that a revalidation changed nothing.
    source: Option<Source>,
    /// Where else on this server it was learned, what was asked in vain among it.
    inside: Vec<Inside>,
    /// A registry that reads through this one looks no further.
    ends_search: bool,
    /// Upstreams may be asked for the name.
    asks_upstream: bool,
    /// For the first client that gets this.
    news: Option<Arc<News>>,
    generation: u64,
    fresh_until: Timestamp,
}

impl CachedView {
    /// Whether upstreams may be asked for the name in this view.
    pub(crate) fn asks_upstream(&self) -> bool {
        self.asks_upstream
    }

    /// One of its versions.
    pub(crate) fn listed(&self, version: &str) -> Option<&Listed> {
        match &self.resolved {
            Resolved::Found(listing) => listing.version(version),
            Resolved::Absent => None,
        }
    }

    pub(crate) fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// Whether a registry that reads through this one looks no further for the name.
    pub(crate) fn ends_search(&self) -> bool {
        self.ends_search
    }
}

/// What upstream's lines of a view were made from.
#[derive(Clone)]
enum Source {
    /// A file from elsewhere.
    File(Arc<IndexFile>),
    /// A view of another registry of this server.
    Listing(Arc<Listing>),
}

impl Source {
    fn body(&self) -> &[u8] {
        match self {
            Self::File(file) => &file.body,
            Self::Listing(listing) => listing.body(),
        }
    }

    fn changed_at(&self) -> Timestamp {
        match self {
            Self::File(file) => file.changed_at,
            Self::Listing(listing) => listing.last_modified(),
        }
    }

    /// Its upstream does not have it any more.
    fn is_gone(&self) -> bool {
        match self {
            Self::File(file) => file.gone,
            Self::Listing(_) => false,
        }
    }

    /// What another registry of this server knows of its versions.
    fn listed(&self) -> HashMap<&str, &Listed> {
        match self {
            Self::File(_) => HashMap::new(),
            Self::Listing(listing) => {
                let versions = listing.versions().iter();
                versions
                    .map(|listed| (listed.version.as_str(), listed))
                    .collect()
            }
        }
    }
}

/// The same content, not one that looks the same.
impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(one), Self::File(other)) => Arc::ptr_eq(one, other),
            (Self::Listing(one), Self::Listing(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

/// A name's state in another registry of this server, as it was when a view was made from it.
#[derive(Clone, Copy)]
struct Inside {
    registry: i64,
    settings: Timestamp,
    generation: u64,
}

pub(crate) struct Views {
    cache: Cache<ViewKey, Arc<CachedView>>,
    flights: Flights<(ViewKey, u64), Outcome<Arc<CachedView>>>,
    generations: Box<[AtomicU64]>,
}

impl Views {
    pub(crate) fn new() -> Self {
        let weigh = |_: &ViewKey, cached: &Arc<CachedView>| {
            let bytes = match &cached.resolved {
                Resolved::Found(listing) => listing.memory(),
                Resolved::Absent => 0,
            };
            u32::try_from(bytes + VIEW_OVERHEAD).unwrap_or(u32::MAX)
        };
        Self {
            cache: Cache::builder()
                .max_capacity(VIEW_MEMORY)
                .weigher(weigh)
                .build(),
            flights: Flights::default(),
            generations: (0..GENERATION_SLOTS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn slot(&self, registry: i64, name: &str) -> &AtomicU64 {
        // FNV-1a over the folded name: twins share a slot, and nothing is allocated on the way of every request
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let start = registry
            .to_le_bytes()
            .into_iter()
            .fold(0xcbf2_9ce4_8422_2325, mix);
        let hash = name.bytes().fold(start, |hash, byte| {
            let folded = if byte == b'_' { b'-' } else { byte };
            mix(hash, folded.to_ascii_lowercase())
        });
        let slots = self.generations.len() as u64;
        let index = usize::try_from(hash % slots).expect("invariant: below the number of slots");
        &self.generations[index]
    }

    fn generation(&self, registry: i64, name: &Spelling) -> u64 {
        self.slot(registry, name.as_str()).load(Ordering::SeqCst)
    }

    /// Nothing that was made before this is served after it.
    pub(crate) fn all_changed(&self) {
        for generation in &self.generations {
            generation.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// After a write that concerns a name, before it is answered.
    pub(crate) fn changed(&self, registry: i64, name: &CanonicalName) {
        self.slot(registry, name.as_str())
            .fetch_add(1, Ordering::SeqCst);
    }
}

impl Instance {
    /// An index file, from memory where it is fresh there.
    ///
    /// # Errors
    /// [`Refusal::Upstream`](crate::Refusal::Upstream) when an upstream fails and there is no last good copy.
    pub async fn view(
        self: &Arc<Self>,
        right: &MayRead,
        view: View,
        name: &Spelling,
    ) -> Outcome<Resolved> {
        let cached = self.cached_view(&right.registry, view, name).await?;
        Ok(cached.resolved.clone())
    }

    /// The same for a client of the index, which counts for how well the cache of its upstream serves.
    ///
    /// # Errors
    /// As [`Self::view`].
    pub async fn index_file(
        self: &Arc<Self>,
        right: &MayRead,
        view: View,
        name: &Spelling,
    ) -> Outcome<Resolved> {
        let (cached, is_mine) = self.found_view(&right.registry, view, name).await?;
        // what was resolved for this client is counted where the upstream's file was found
        if !is_mine && let Some(Source::File(file)) = &cached.source {
            file.count_hit();
        }
        if let Some(news) = &cached.news {
            self.read_ahead(&right.registry, view, news);
        }
        Ok(cached.resolved.clone())
    }

    pub(crate) async fn cached_view(
        self: &Arc<Self>,
        registry: &Arc<Registry>,
        view: View,
        name: &Spelling,
    ) -> Outcome<Arc<CachedView>> {
        let (cached, _) = self.found_view(registry, view, name).await?;
        Ok(cached)
    }

    /// From memory, or resolved; true when it was resolved for this call.
    async fn found_view(
        self: &Arc<Self>,
        registry: &Arc<Registry>,
        view: View,
        name: &Spelling,
    ) -> Outcome<(Arc<CachedView>, bool)> {
        let key = ViewKey {
            registry: registry.id,
            settings: registry.changed_at,
            view,
            name: name.clone(),
        };
        for _ in 0..TRIES {
            let generation = self.views.generation(registry.id, name);
            let cached = self.views.cache.get(&key);
            if let Some(cached) = &cached
                && cached.generation == generation
                && self.clock().now() < cached.fresh_until
                && self.stands_inside(registry, &cached.inside, name)
            {
                return Ok((cached.clone(), false));
            }
            let previous = cached.filter(|cached| cached.generation == generation);
            // boxed: what is not in memory must not make the way of what is any longer
            let filled = self.filled_view(registry, key.clone(), generation, previous);
            let (filled, is_mine) = Box::pin(filled).await?;
            // A flight that began before something changed inside knows nothing of it, and whoever joined it may have asked
            // after: a crate that was claimed there meanwhile must not come from a stranger.
            if self.stands_inside(registry, &filled.inside, name) {
                return Ok((filled, is_mine));
            }
        }
        Err(Refusal::Changing {
            registry: registry.name.clone(),
            name: name.to_string(),
        }
        .into())
    }

    async fn filled_view(
        self: &Arc<Self>,
        registry: &Arc<Registry>,
        key: ViewKey,
        generation: u64,
        previous: Option<Arc<CachedView>>,
    ) -> Outcome<(Arc<CachedView>, bool)> {
        let (instance, registry) = (self.clone(), registry.clone());
        let mut is_mine = false;
        let fill = self.views.flights.join((key.clone(), generation), || {
            is_mine = true;
            async move {
                let (view, name) = (key.view, &key.name);
                let fresh =
                    resolve::resolve(&instance, &registry, view, name, generation, previous)
                        .await?;
                let fresh = Arc::new(fresh);
                // Discarded when the name has moved on meanwhile: it must not outlive the answer to those who asked before.
                if instance.views.generation(registry.id, &key.name) == generation {
                    instance.views.cache.insert(key, fresh.clone());
                }
                Ok(fresh)
            }
        });
        fill.await.map(|cached| (cached, is_mine))
    }

    /// Whether the registries that a view was learned from are as they were.
    fn stands_inside(&self, registry: &Registry, inside: &[Inside], name: &Spelling) -> bool {
        if inside.is_empty() {
            return true;
        }
        let directory = self.directory();
        // whom it is shown to may have changed, and that moves no view on
        directory.bar(registry.id).is_none()
            && inside.iter().all(|inside| {
                let registry = directory.registry_by_id(inside.registry);
                registry.is_some_and(|registry| registry.changed_at == inside.settings)
                    && self.views.generation(inside.registry, name) == inside.generation
            })
    }

    /// A registry of this server that another one reads through.
    ///
    /// # Errors
    /// [`Refusal::NestingBarred`] where that must not be: checked here again, whatever was checked when it was attached.
    pub(crate) fn inner_registry(&self, outer: &Registry, inner: i64) -> Outcome<Arc<Registry>> {
        let directory = self.directory();
        let barred = |bar: &Bar| {
            tracing::warn!(registry = %outer.name, reason = %bar, "a registry does not read through others");
            Refusal::NestingBarred {
                registry: outer.name.clone(),
                reason: bar.for_readers().to_owned(),
            }
        };
        if let Some(bar) = directory.bar(outer.id) {
            return Err(barred(bar).into());
        }
        let registry = directory.registry_by_id(inner).cloned();
        Ok(registry.ok_or_else(|| barred(&Bar::Missing))?)
    }
}
