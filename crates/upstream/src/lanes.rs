//! What this process holds of each upstream: its circuits, and how many places it may take at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use supercargo_types::Timestamp;
use tokio::{
    sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use crate::{
    CircuitState, ClientSettings, FailureReason, ServiceHealth, Trouble, Upstream,
    circuit::Circuit, trouble::Troubles,
};

/// After an answer, so long there is a connection in the pool: less than the 90 seconds for which reqwest keeps idle ones.
const WARM: Duration = Duration::from_mins(1);
/// How long others wait for the one that goes ahead: it may have asked the one name over which an upstream ponders.
const AHEAD: Duration = Duration::from_secs(1);
const NEVER_CLOSED: &str = "invariant: nobody closes this semaphore";

/// How an upstream does. Index and files are often two hosts, of which one can fail alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamHealth {
    /// Index files and `config.json`.
    pub index: ServiceHealth,
    /// Downloads.
    pub files: ServiceHealth,
    /// What is wrong with it although it is there: its `config.json` cannot be used, or it refuses or garbles whatever it is
    /// asked for.
    pub trouble: Option<Trouble>,
}

impl UpstreamHealth {
    /// Whether everything that it serves may be asked for.
    pub fn is_well(&self) -> bool {
        let services = [&self.index, &self.files];
        services
            .iter()
            .all(|service| service.state == CircuitState::Closed)
    }

    /// Since when and why it is of no use; `None` while it is, or while nothing is known of it. For an upstream that is down
    /// this is so from the first failure on, though it is left alone only after several.
    pub fn failing(&self) -> Option<(Timestamp, &FailureReason)> {
        let down = [&self.index, &self.files].into_iter().find_map(|service| {
            let (_, reason) = service.last_failure.as_ref()?;
            Some((service.failing_since?, reason))
        });
        let trouble = self.trouble.as_ref();
        down.or_else(|| trouble.map(|trouble| (trouble.since, &trouble.reason)))
    }

    /// Whether it was ever asked, by this process.
    pub fn is_known(&self) -> bool {
        let services = [&self.index, &self.files];
        self.trouble.is_some()
            || services
                .iter()
                .any(|service| service.last_success.is_some() || service.last_failure.is_some())
    }
}

/// One service of an upstream.
#[derive(Clone)]
pub(crate) struct Lane {
    pub(crate) circuit: Arc<Circuit>,
    pub(crate) troubles: Arc<Troubles>,
    places: Arc<Semaphore>,
    answered_at: Arc<Mutex<Option<Instant>>>,
    ahead: Arc<tokio::sync::Mutex<()>>,
}

/// The services of an upstream.
#[derive(Clone)]
pub(crate) struct Lanes {
    pub(crate) index: Lane,
    pub(crate) files: Lane,
    /// Of its `config.json`.
    pub(crate) config: Arc<Troubles>,
}

/// Held while a question is under way: one of the upstream's places, and one of all.
pub(crate) struct Turn {
    _own: OwnedSemaphorePermit,
    _common: OwnedSemaphorePermit,
}

/// By the upstream's name and its index: with another index it is another upstream.
#[derive(Default)]
pub(crate) struct AllLanes(Mutex<HashMap<(String, String), Lanes>>);

impl AllLanes {
    fn lanes(&self) -> MutexGuard<'_, HashMap<(String, String), Lanes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// They are as many as administrators have named upstreams.
    pub(crate) fn of(&self, upstream: &Upstream, settings: &ClientSettings) -> Lanes {
        let key = (upstream.name.clone(), upstream.index.to_string());
        let mut lanes = self.lanes();
        let fresh = || Lanes {
            index: Lane::new(settings, settings.questions_each),
            files: Lane::new(settings, settings.downloads_each),
            config: Arc::new(Troubles::new(settings.clock.clone())),
        };
        lanes.entry(key).or_insert_with(fresh).clone()
    }

    pub(crate) fn forget(&self, upstream: &Upstream) {
        let key = (upstream.name.clone(), upstream.index.to_string());
        self.lanes().remove(&key);
    }
}

impl Lane {
    fn new(settings: &ClientSettings, places: usize) -> Self {
        let circuit = Circuit::new(settings.clock.clone(), settings.random.clone());
        Self {
            circuit: Arc::new(circuit),
            troubles: Arc::new(Troubles::new(settings.clock.clone())),
            places: Arc::new(Semaphore::new(places)),
            answered_at: Arc::default(),
            ahead: Arc::default(),
        }
    }

    /// Waits for a place of the upstream's own, and only then for one of all: who waits behind a slow upstream takes
    /// nothing away from those who ask another one.
    pub(crate) async fn turn(
        &self,
        common: &Arc<Semaphore>,
        patience: Duration,
    ) -> Result<Turn, FailureReason> {
        let both = async {
            let own = self.places.clone().acquire_owned().await;
            let common = common.clone().acquire_owned().await;
            Turn {
                _own: own.expect(NEVER_CLOSED),
                _common: common.expect(NEVER_CLOSED),
            }
        };
        tokio::time::timeout(patience, both)
            .await
            .map_err(|_| FailureReason::Crowded { patience })
    }
}

impl Lane {
    /// Where no connection is open, one question goes ahead while it holds what comes of this, and all others wait for its
    /// answer. With HTTP/2 it makes the connection that they share; together they would make one each, for a client that has
    /// not seen an upstream yet cannot know that it speaks HTTP/2.
    pub(crate) async fn file_up(&self) -> Option<OwnedMutexGuard<()>> {
        if self.is_warm() {
            return None;
        }
        let ahead = tokio::time::timeout(AHEAD, self.ahead.clone().lock_owned()).await;
        ahead.ok().filter(|_| !self.is_warm())
    }

    fn answered_at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.answered_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn is_warm(&self) -> bool {
        self.answered_at()
            .is_some_and(|answered_at| answered_at.elapsed() < WARM)
    }

    /// An answer came: there is a connection.
    pub(crate) fn warmed(&self) {
        *self.answered_at() = Some(Instant::now());
    }
}

impl Lanes {
    pub(crate) fn health(&self) -> UpstreamHealth {
        UpstreamHealth {
            index: self.index.circuit.health(),
            files: self.files.circuit.health(),
            trouble: self
                .config
                .any()
                .or_else(|| self.index.troubles.general())
                .or_else(|| self.files.troubles.general()),
        }
    }
}
