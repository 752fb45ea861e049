//! Indexes as the server answers them, after resolution: resolved once, then served from memory.
//!
//! A view is never invalidated by key. It carries what it was made under: the registry's settings (in its key) and the
//! generation of the crate's name. Whoever changes a name moves its generation on before answering, so a view that was
//! resolved before, or a resolution that began before, is not served to anybody who asks afterwards.

mod flights;
mod listing;
mod resolve;
mod upstream_index;

use std::{
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
pub(crate) use resolve::CHANGED;
pub(crate) use upstream_index::{Content, UpstreamIndex};

use crate::{Instance, refusal::Outcome, rights::MayRead};
use flights::Flights;
use upstream_index::IndexFile;

/// For what views hold in memory, in bytes; the least recently used goes first.
const VIEW_MEMORY: u64 = 128 << 20;
/// What a view costs besides its bytes: key, validators, map entry.
const VIEW_OVERHEAD: usize = 512;
/// Names that fall into one slot share a generation: too many slots waste memory, too few resolve now and then in vain.
const GENERATION_SLOTS: usize = 4096;

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
    /// The file this was made from, to see that a revalidation changed nothing.
    source: Option<Arc<IndexFile>>,
    generation: u64,
    fresh_until: Timestamp,
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
        let registry = &right.registry;
        let key = ViewKey {
            registry: registry.id,
            settings: registry.changed_at,
            view,
            name: name.clone(),
        };
        let generation = self.views.generation(registry.id, name);
        let cached = self.views.cache.get(&key);
        if let Some(cached) = &cached
            && cached.generation == generation
            && self.clock().now() < cached.fresh_until
        {
            return Ok(cached.resolved.clone());
        }
        let previous = cached.filter(|cached| cached.generation == generation);
        let (instance, registry) = (self.clone(), registry.clone());
        let fill = self
            .views
            .flights
            .join((key.clone(), generation), || async move {
                let fresh =
                    resolve::resolve(&instance, &registry, view, &key.name, generation, previous)
                        .await?;
                let fresh = Arc::new(fresh);
                // Discarded when the name has moved on meanwhile: it must not outlive the answer to those who asked before.
                if instance.views.generation(registry.id, &key.name) == generation {
                    instance.views.cache.insert(key, fresh.clone());
                }
                Ok(fresh)
            });
        fill.await.map(|cached| cached.resolved.clone())
    }
}
