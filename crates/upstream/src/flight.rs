//! Copies of `config.json`: asked for once by many, kept for a while, and beyond it while upstream fails.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use tokio::time::Instant;

use crate::{
    FailureReason, Upstream, UpstreamClient, UpstreamConfig, UpstreamFailed, client::Gate,
};

/// A last good copy is used this long after a failure before upstream is asked again, so that a dead upstream costs one
/// time-out and not one per download. Nothing is trusted by it: what is downloaded must match its checksum.
const LEAVE_ALONE: Duration = Duration::from_secs(30);

type Answer = Result<Arc<UpstreamConfig>, UpstreamFailed>;
type Flight = Shared<BoxFuture<'static, Answer>>;
/// The upstream's name and its index.
type Key = (String, String);

#[derive(Default)]
pub(crate) struct Configs {
    slots: Mutex<HashMap<Key, Slot>>,
}

#[derive(Default)]
struct Slot {
    kept: Option<Kept>,
    flight: Option<Flight>,
}

struct Kept {
    config: Arc<UpstreamConfig>,
    good_until: Instant,
}

impl Configs {
    fn slots(&self) -> MutexGuard<'_, HashMap<Key, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The copy that is held, or a new one; new in any case where `doubted` is the one that is held.
    pub(crate) async fn get(
        client: &UpstreamClient,
        upstream: &Upstream,
        doubted: Option<&Arc<UpstreamConfig>>,
    ) -> Answer {
        let key = (upstream.name.clone(), upstream.index.to_string());
        let flight = {
            let mut slots = client.configs().slots();
            let slot = slots.entry(key.clone()).or_default();
            if let Some(kept) = &slot.kept
                && kept.serves(doubted)
            {
                return Ok(kept.config.clone());
            }
            // one that has ended and still stands here did so by a panic
            let running = slot.flight.clone().filter(|flight| flight.peek().is_none());
            running.unwrap_or_else(|| {
                let flight = start(client.clone(), upstream.clone(), key);
                slot.flight = Some(flight.clone());
                flight
            })
        };
        flight.await
    }

    fn land(&self, key: &Key, answer: Answer, life: Duration) -> Answer {
        let mut slots = self.slots();
        let slot = slots.entry(key.clone()).or_default();
        slot.flight = None;
        match (answer, &mut slot.kept) {
            (Ok(config), kept) => {
                *kept = Some(Kept {
                    config: config.clone(),
                    good_until: Instant::now() + life,
                });
                Ok(config)
            }
            (Err(failed), Some(kept)) => {
                tracing::warn!(reason = %failed, "using the last good `config.json` of an upstream");
                kept.good_until = Instant::now() + LEAVE_ALONE;
                Ok(kept.config.clone())
            }
            (Err(failed), None) => Err(failed),
        }
    }
}

impl Kept {
    fn serves(&self, doubted: Option<&Arc<UpstreamConfig>>) -> bool {
        match doubted {
            Some(doubted) => !Arc::ptr_eq(doubted, &self.config),
            None => Instant::now() < self.good_until,
        }
    }
}

/// A task of its own: it goes on when the caller who started it hangs up.
fn start(client: UpstreamClient, upstream: Upstream, key: Key) -> Flight {
    let name = upstream.name.clone();
    let task = tokio::spawn(async move {
        let answer = client
            .fetch_config(&upstream, Gate::Heeded)
            .await
            .map(Arc::new);
        let life = client.settings().config_freshness;
        client.configs().land(&key, answer, life)
    });
    let flight = async move {
        task.await.unwrap_or_else(|_| {
            let reason =
                FailureReason::Refused("was not asked, for this server is closing down".to_owned());
            Err(UpstreamFailed::new(&name, reason))
        })
    };
    flight.boxed().shared()
}
