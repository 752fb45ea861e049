//! Tokens that have been seen, with what their principals may do: the hot path asks no database.
//!
//! Every copy carries the generation of people, memberships and tokens that it was read under, and is not believed under
//! another: changes are rare beside reads.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, atomic::AtomicI64},
    time::Duration,
};

use moka::sync::Cache;
use supercargo_types::{PrincipalRef, Timestamp, TokenHash, TokenSecret};

use crate::{
    Instance,
    refusal::Outcome,
    rights::{Actor, Denied},
};

/// A few hundred bytes each: 50,000 are a large company's CI.
const REMEMBERED: u64 = 50_000;
/// Well-formed tokens that are none of ours: remembered shortly, so that guessing does not reach the database each time.
const REMEMBERED_STRANGERS: u64 = 10_000;
const STRANGER_FOR: Duration = Duration::from_secs(10);
/// How exactly the last use of a token is known.
const USES_EVERY: Duration = Duration::from_secs(1);

pub(crate) struct Sessions {
    known: Cache<TokenHash, (u64, Arc<Actor>)>,
    strangers: Cache<TokenHash, u64>,
    used: Mutex<HashMap<String, Timestamp>>,
}

impl Sessions {
    pub(crate) fn new() -> Self {
        Self {
            known: Cache::new(REMEMBERED),
            strangers: Cache::builder()
                .max_capacity(REMEMBERED_STRANGERS)
                .time_to_live(STRANGER_FOR)
                .build(),
            used: Mutex::default(),
        }
    }

    /// After any change of people, memberships or tokens: frees what nobody believes any more.
    pub(crate) fn forget(&self) {
        self.known.invalidate_all();
        self.strangers.invalidate_all();
    }

    /// The last uses since the last call, for one batch into the database.
    pub(crate) fn take_used(&self) -> Vec<(String, Timestamp)> {
        std::mem::take(
            &mut *self
                .used
                .lock()
                .expect("invariant: nobody panics with this lock"),
        )
        .into_iter()
        .collect()
    }
}

impl Instance {
    /// Who a token stands for.
    ///
    /// # Errors
    /// [`Denied::BadToken`] for one that is unknown, revoked or expired; a fault when the database cannot be asked.
    pub async fn actor(&self, secret: &TokenSecret) -> Outcome<Arc<Actor>> {
        self.actor_of(&secret.hash()).await
    }

    /// The same for a token that was seen before: what it may do now, not what it could do then.
    pub(crate) async fn actor_of(&self, hash: &TokenHash) -> Outcome<Arc<Actor>> {
        self.current().await?;
        let generation = self.people_generation();
        let known = self.sessions.known.get(hash);
        let actor = match known.filter(|(under, _)| *under == generation) {
            Some((_, actor)) => actor,
            // boxed, as all that the way from memory does not need
            None => Box::pin(self.load_actor(hash, generation)).await?,
        };
        let now = self.clock().now();
        if actor.expires_at.is_some_and(|end| end <= now) {
            return Err(Denied::BadToken("this token has expired; make a new one").into());
        }
        // once a second and token: the map is for a batch each second anyway
        if now.since(actor.noted_use()) >= USES_EVERY {
            actor.note_use(now);
            let mut used = self
                .sessions
                .used
                .lock()
                .expect("invariant: nobody panics with this lock");
            used.insert(actor.token_id.clone(), now);
        }
        Ok(actor)
    }

    /// `generation` was read before: what a change between this read and the insert below makes old is never believed.
    async fn load_actor(&self, hash: &TokenHash, generation: u64) -> Outcome<Arc<Actor>> {
        const UNKNOWN: Denied =
            Denied::BadToken("this token is unknown or was revoked; make a new one");
        if self.sessions.strangers.get(hash) == Some(generation) {
            return Err(UNKNOWN.into());
        }
        let Some(row) = self.store.token_by_hash(hash).await? else {
            self.sessions.strangers.insert(*hash, generation);
            return Err(UNKNOWN.into());
        };
        let actor = Arc::new(Actor {
            token_id: row.token.id,
            principal_id: row.principal.id,
            principal: PrincipalRef {
                kind: row.principal.kind,
                name: row.principal.name,
            },
            instance_role: row.principal.instance_role,
            roles: row.roles.into_iter().collect(),
            scopes: row.token.scopes,
            registries: row.token.registries,
            crates: row.token.crates,
            expires_at: row.token.expires_at,
            subject: row.token.subject,
            noted_use: AtomicI64::new(0),
            hash: *hash,
        });
        self.sessions
            .known
            .insert(*hash, (generation, actor.clone()));
        Ok(actor)
    }
}
