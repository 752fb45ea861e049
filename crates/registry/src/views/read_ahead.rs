//! Reading ahead: when a cold index file arrives for a client, the files of what it depends on are asked for before the
//! client does.
//!
//! Cargo walks a graph of dependencies level by level, and each level costs a round trip to the upstream. Whatever is asked
//! here is only asked sooner: by the rules of the resolver, for names that a client of this registry would ask for next, as
//! far as that can be told. It pins nothing, keeps nobody waiting, and what fails is forgotten.

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use moka::sync::Cache;
use supercargo_package::{Wanted, wanted_next};
use supercargo_policy::sources;
use supercargo_store::CacheKind;
use supercargo_types::{Spelling, View};
use supercargo_upstream::CircuitState;
use tokio::sync::Semaphore;

use super::{
    Content, Inside,
    upstream_index::{Answered, IndexFile},
};
use crate::{
    Instance,
    directory::{Reads, Registry, RemoteUpstream},
    refusal::Outcome,
};

/// So many levels below what a client asked for. A graph of crates.io has seldom more; a hostile one goes on for ever.
const DEPTH: u8 = 8;
/// Dependencies of one version that are followed. Few crates have more, and a hostile one may list thousands.
const WIDTH: usize = 64;
/// Dependencies that are followed from one file on, all levels together. The largest graphs of crates.io have about so many
/// crates; what is left out is followed when the client asks for it.
const STEPS: usize = 512;
/// Of index files that are gone through for that, in bytes. All those of a large project together have a quarter of it; a
/// hostile upstream may list 16 MiB under each name, which one question of a client must not make us fetch by the hundred.
const BYTES: usize = 256 << 20;
/// Files from which on dependencies are followed at the same time. A workspace asks for all of its direct dependencies at
/// once; beyond that somebody floods us with names.
const WALKS: usize = 64;
/// Questions under way to one upstream: half of the places that it has, so that clients always find one free.
const QUESTIONS_EACH: usize = 48;
/// Questions under way to all upstreams: less than half of the places that there are.
const QUESTIONS: usize = 80;
/// After so many failures, what is left of a walk is given up: an upstream that refuses us should not hear more of it.
const FAILURES: usize = 4;
/// What was followed just now, from wherever, is not followed again: the direct dependencies of a workspace share most of
/// theirs. No longer than cargo takes for one resolution, for then somebody may begin anew, after an eviction too.
const JUST_NOW: Duration = Duration::from_secs(5);
const JUST_FOLLOWED: u64 = 16_384;
/// How long, and of how many names, it is remembered that they were asked for ahead. What nobody has asked for by then was
/// asked in vain.
const UNUSED: Duration = Duration::from_mins(10);
const UNUSED_NAMES: u64 = 65_536;

const NEVER_CLOSED: &str = "invariant: nobody closes this semaphore";

/// Somebody has asked for it.
const USED: u8 = 1;
/// It came from the upstream because of us.
const FETCHED: u8 = 2;

/// What memory holds for reading ahead.
pub(crate) struct ReadAhead {
    ahead: Cache<(i64, Spelling), Arc<Ahead>>,
    followed: Cache<u64, ()>,
    own: Mutex<HashMap<i64, Arc<Semaphore>>>,
    common: Semaphore,
    walks: Arc<Semaphore>,
}

/// A name that was asked for before anybody wanted it.
struct Ahead {
    state: AtomicU8,
    /// How many walks wait for it: several may come to it at the same moment, and one of them asks.
    walks: AtomicUsize,
    /// What it depends on was not followed: that is left to whoever asks for it.
    is_last: bool,
}

/// A file that has just come from elsewhere, for whoever answers a client with what was made of it.
pub(super) struct News {
    upstream: Arc<RemoteUpstream>,
    file: Arc<IndexFile>,
    is_taken: AtomicBool,
}

/// A dependency to be followed.
struct Step {
    name: Spelling,
    wanted: Wanted,
    /// Below what a client asked for.
    depth: u8,
}

/// What is followed on behalf of a view of a registry, and of nobody else: every name is held against its claims, what it
/// hosts and where it may ask. Otherwise a stranger's crate, by naming our private crates as its dependencies, could make us
/// ask its upstream for them, and so tell which there are.
struct Walk {
    instance: Arc<Instance>,
    registry: Arc<Registry>,
    view: View,
}

/// What a walk has still to do.
struct Queue {
    next: VecDeque<Step>,
    /// How many more steps may be added.
    left: usize,
    bytes_left: usize,
    failures: usize,
}

/// What became of a name.
enum Found {
    File(Arc<RemoteUpstream>, Arc<IndexFile>),
    /// Not there: who comes next in order may have it.
    Nobody,
    /// The registry has decided about it, or it must not be asked for now: nobody else is asked either.
    Over,
}

impl ReadAhead {
    pub(crate) fn new() -> Self {
        Self {
            ahead: Cache::builder()
                .max_capacity(UNUSED_NAMES)
                .time_to_live(UNUSED)
                .build(),
            followed: Cache::builder()
                .max_capacity(JUST_FOLLOWED)
                .time_to_live(JUST_NOW)
                .build(),
            own: Mutex::default(),
            common: Semaphore::new(QUESTIONS),
            walks: Arc::new(Semaphore::new(WALKS)),
        }
    }

    fn own(&self, upstream: i64) -> Arc<Semaphore> {
        let mut own = self
            .own
            .lock()
            .expect("invariant: nobody panics with this lock");
        let places = || Arc::new(Semaphore::new(QUESTIONS_EACH));
        own.entry(upstream).or_insert_with(places).clone()
    }
}

impl Ahead {
    fn new(is_last: bool) -> Self {
        Self {
            state: AtomicU8::new(0),
            walks: AtomicUsize::new(0),
            is_last,
        }
    }
}

impl Instance {
    /// Called for each answer of an upstream that a resolution uses. It is news when its dependencies are to be followed, as
    /// soon as a client gets it.
    pub(super) fn news(
        &self,
        upstream: &Arc<RemoteUpstream>,
        name: &Spelling,
        answered: &Answered,
    ) -> Option<Arc<News>> {
        let key = (upstream.id, name.clone());
        let is_news = match self.read_ahead.ahead.remove(&key) {
            Some(ahead) => {
                if ahead.state.fetch_or(USED, Ordering::SeqCst) == FETCHED {
                    self.count(upstream.id, CacheKind::ReadAheadUsed);
                }
                ahead.is_last
            }
            None => answered.is_news,
        };
        let Content::Found(file) = &answered.entry.content else {
            return None;
        };
        (is_news && self.upstream_settings().read_ahead).then(|| {
            Arc::new(News {
                upstream: upstream.clone(),
                file: file.clone(),
                is_taken: AtomicBool::new(false),
            })
        })
    }

    /// A client is about to get what was made of it: asks for what that depends on, behind their back.
    pub(super) fn read_ahead(
        self: &Arc<Self>,
        registry: &Arc<Registry>,
        view: View,
        news: &Arc<News>,
    ) {
        if news.is_taken.load(Ordering::Relaxed) {
            return;
        }
        let Ok(turn) = self.read_ahead.walks.clone().try_acquire_owned() else {
            tracing::debug!("too much is read ahead already");
            return;
        };
        if news.is_taken.swap(true, Ordering::Relaxed) {
            return;
        }
        let walk = Walk {
            instance: self.clone(),
            registry: registry.clone(),
            view,
        };
        let news = news.clone();
        tokio::spawn(async move {
            walk.run(&news.upstream, &news.file).await;
            drop(turn);
        });
    }
}

impl Queue {
    fn new() -> Self {
        Self {
            next: VecDeque::new(),
            left: STEPS,
            bytes_left: BYTES,
            failures: 0,
        }
    }

    /// Does nothing where enough was added.
    fn push(&mut self, step: Step) {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            self.next.push_back(step);
        }
    }

    /// Whether a file of so many bytes may still be gone through; if not, this was all.
    fn may_spend(&mut self, bytes: usize) -> bool {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => self.bytes_left = left,
            None => self.give_up(),
        }
        self.left > 0
    }

    fn failed(&mut self) {
        self.failures += 1;
        if self.failures == FAILURES {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        self.next.clear();
        self.left = 0;
    }
}

impl Walk {
    /// Breadth first, as cargo does it, and no level waits for all of the one before.
    async fn run(&self, upstream: &RemoteUpstream, file: &IndexFile) {
        let mut queue = Queue::new();
        self.follow(&mut queue, 0, &Wanted::default(), (upstream, file));
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < QUESTIONS_EACH
                && let Some(step) = queue.next.pop_front()
            {
                under_way.push(self.take(step));
            }
            let Some((step, found)) = under_way.next().await else {
                return;
            };
            match found {
                Ok(Found::File(upstream, file)) if step.depth < DEPTH => {
                    self.follow(&mut queue, step.depth, &step.wanted, (&upstream, &file));
                }
                Ok(_) => {}
                Err(failure) => {
                    tracing::debug!(name = %step.name, ?failure, "not read ahead");
                    queue.failed();
                }
            }
        }
    }

    /// What somebody who wants this of a file asks for next.
    fn follow(
        &self,
        queue: &mut Queue,
        depth: u8,
        wanted: &Wanted,
        (upstream, file): (&RemoteUpstream, &IndexFile),
    ) {
        if file.gone || !queue.may_spend(file.body.len()) {
            return;
        }
        for dependency in wanted_next(&file.body, wanted, WIDTH) {
            if queue.left == 0 {
                return;
            }
            let is_elsewhere = dependency.registry.is_some_and(|url| !upstream.is_at(&url));
            let Ok(name) = dependency.package.parse::<Spelling>() else {
                continue;
            };
            if is_elsewhere || self.was_just_followed(&name, &dependency.wanted) {
                continue;
            }
            queue.push(Step {
                name,
                wanted: dependency.wanted,
                depth: depth + 1,
            });
        }
    }

    fn was_just_followed(&self, name: &Spelling, wanted: &Wanted) -> bool {
        let mut hasher = DefaultHasher::new();
        let registry = (self.registry.id, self.registry.changed_at, self.view);
        (registry, name, wanted).hash(&mut hasher);
        let followed = &self.instance.read_ahead.followed;
        !followed.entry(hasher.finish()).or_insert(()).is_fresh()
    }

    async fn take(&self, step: Step) -> (Step, Outcome<Found>) {
        if let Some(found) = self.remembered(&step.name) {
            return (step, Ok(found));
        }
        let is_last = step.depth == DEPTH;
        let found = self.find(&self.registry, &step.name, is_last, &[]).await;
        (step, found)
    }

    /// Without a look into the database: in most graphs, each name comes up several times. That this registry hosts it, or
    /// reads it elsewhere, does not show here; then a file that is known anyway is followed in vain.
    fn remembered(&self, name: &Spelling) -> Option<Found> {
        let canonical = name.canonical();
        if !sources(self.registry.claim(&canonical), self.view).upstream {
            return Some(Found::Over);
        }
        let first = self.registry.takers(&canonical).next()?;
        let remote = first.upstream.remote()?;
        match self.instance.remembered(remote, name)? {
            Content::Found(file) => Some(Found::File(remote.clone(), file)),
            Content::NotThere => None,
        }
    }

    /// As the resolver finds it (`resolve.rs`), and nothing is pinned. `outer` are the registries that read through this one.
    fn find<'a>(
        &'a self,
        registry: &'a Arc<Registry>,
        name: &'a Spelling,
        is_last: bool,
        outer: &'a [Inside],
    ) -> BoxFuture<'a, Outcome<Found>> {
        async move {
            let instance = &self.instance;
            let canonical = name.canonical();
            let inside = Inside {
                registry: registry.id,
                settings: registry.changed_at,
                generation: instance.views.generation(registry.id, name),
            };
            let inside = [outer, &[inside]].concat();
            let row = instance.store.crate_row(registry.id, &canonical).await?;
            let mode = registry.mode(&canonical, row.as_ref());
            let is_twin =
                mode.is_some() && row.as_ref().is_some_and(|row| row.name.spelling() != *name);
            if is_twin || !sources(mode, self.view).upstream {
                return Ok(Found::Over);
            }
            for attached in instance.askable(registry, name).await? {
                let found = match &attached.upstream.reads {
                    Reads::Remote(remote) => self.ask(remote, name, is_last, &inside).await?,
                    Reads::Registry(id) => {
                        let inner = instance.inner_registry(registry, *id)?;
                        self.find(&inner, name, is_last, &inside).await?
                    }
                };
                match found {
                    Found::Nobody => {}
                    // what an upstream has lost another one may have
                    Found::File(_, file) if file.gone => {}
                    found => return Ok(found),
                }
            }
            let has_decided =
                mode.is_some() || row.is_some() || registry.rules.concerns(&canonical);
            Ok(if has_decided {
                Found::Over
            } else {
                Found::Nobody
            })
        }
        .boxed()
    }

    async fn ask(
        &self,
        upstream: &Arc<RemoteUpstream>,
        name: &Spelling,
        is_last: bool,
        decided: &[Inside],
    ) -> Outcome<Found> {
        let instance = &self.instance;
        let found = |content| match content {
            Content::Found(file) => Found::File(upstream.clone(), file),
            Content::NotThere => Found::Nobody,
        };
        if let Some(content) = instance.at_hand(upstream, name).await? {
            return Ok(found(content));
        }
        let read_ahead = &instance.read_ahead;
        let own = read_ahead.own(upstream.id);
        // first a place of the upstream's own: who waits behind a slow one takes nothing away from others
        let _own = own.acquire().await.expect(NEVER_CLOSED);
        let _common = read_ahead.common.acquire().await.expect(NEVER_CLOSED);
        let health = instance.upstream.health(&upstream.client);
        // somebody may have made the name private while this waited for its turn
        instance.current().await?;
        if health.index.state != CircuitState::Closed
            || !instance.stands_inside(&self.registry, decided, name)
        {
            return Ok(Found::Over);
        }
        let key = (upstream.id, name.clone());
        let fresh = || Arc::new(Ahead::new(is_last));
        let ahead = read_ahead.ahead.entry(key.clone()).or_insert_with(fresh);
        let ahead = ahead.into_value();
        ahead.walks.fetch_add(1, Ordering::SeqCst);
        let answer = instance.upstream_answer(upstream, name).await;
        if let Ok((answered, true)) = &answer
            && (answered.is_news || matches!(answered.entry.content, Content::NotThere))
        {
            instance.count(upstream.id, CacheKind::ReadAhead);
            // a client may have come while it was under way
            if ahead.state.fetch_or(FETCHED, Ordering::SeqCst) == USED {
                instance.count(upstream.id, CacheKind::ReadAheadUsed);
            }
        }
        let is_last_walk = ahead.walks.fetch_sub(1, Ordering::SeqCst) == 1;
        if is_last_walk && ahead.state.load(Ordering::SeqCst) & FETCHED == 0 {
            // a client was faster, or there is nothing to use
            read_ahead.ahead.invalidate(&key);
        }
        let (answered, _) = answer?;
        Ok(found(answered.entry.content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str) -> Step {
        Step {
            name: name.parse().unwrap(),
            wanted: Wanted::default(),
            depth: 1,
        }
    }

    #[test]
    fn a_walk_has_an_end_in_steps_bytes_and_failures() {
        let mut queue = Queue::new();
        for _ in 0..2 * STEPS {
            queue.push(step("demo"));
        }
        assert_eq!(queue.next.len(), STEPS);
        assert!(!queue.may_spend(0), "nothing could be added");

        let mut queue = Queue::new();
        queue.push(step("demo"));
        assert!(queue.may_spend(BYTES));
        assert_eq!(queue.next.len(), 1);
        assert!(!queue.may_spend(1));
        assert!(queue.next.is_empty());

        let mut queue = Queue::new();
        queue.push(step("demo"));
        for _ in 1..FAILURES {
            queue.failed();
        }
        assert_eq!(queue.next.len(), 1);
        queue.failed();
        assert!(queue.next.is_empty() && !queue.may_spend(0));
    }
}
