//! One flight per key: who asks for what is already on its way waits for it instead of asking again.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex},
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};

use crate::refusal::Failure;

/// The work, to be waited for.
pub(crate) type Flight<V> = Shared<BoxFuture<'static, V>>;

pub(crate) struct Flights<K, V: Clone> {
    running: Arc<Mutex<HashMap<K, Flight<V>>>>,
}

impl<K, V: Clone> Default for Flights<K, V> {
    fn default() -> Self {
        Self {
            running: Arc::default(),
        }
    }
}

impl<K, T> Flights<K, Result<T, Failure>>
where
    K: Eq + Hash + Clone + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Joins the flight for `key`, or starts one as a task of its own, which outlives whoever started it.
    pub(crate) fn join<F>(&self, key: K, start: impl FnOnce() -> F) -> Flight<Result<T, Failure>>
    where
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let mut running = self
            .running
            .lock()
            .expect("invariant: nobody panics with this lock");
        if let Some(flight) = running.get(&key) {
            return flight.clone();
        }
        let task = tokio::spawn(start());
        let (all, landed) = (Arc::clone(&self.running), key.clone());
        let flight = async move {
            let result = match task.await {
                Ok(result) => result,
                Err(error) => Err(Failure::fault(error.into())),
            };
            all.lock()
                .expect("invariant: nobody panics with this lock")
                .remove(&landed);
            result
        }
        .boxed()
        .shared();
        running.insert(key, flight.clone());
        drop(running);
        // Somebody has to be there when it lands, also when every caller has hung up.
        tokio::spawn(flight.clone());
        flight
    }
}
