//! Limits that servers share: how often something was done, by SHA-256 of what it was.

use std::time::Duration;

use supercargo_types::{Digest, Rate, Timestamp};

use crate::{Store, StoreError, query::query, statements::statements};

/// One use of a limit.
#[derive(Clone, Copy, Debug)]
pub struct LimitUse {
    /// Of what. Another rate needs another key, for what is stored means nothing without it.
    pub key: Digest,
    /// How often it may be done.
    pub rate: Rate,
    /// What is not limited while this mark stands.
    pub unless: Option<Digest>,
}

/// A limit of which nothing is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReached {
    /// Its place among those that were asked for.
    pub place: usize,
    /// Until something is left again.
    pub wait: Duration,
}

statements! {
    // Decides and takes at once: of servers that ask at the same moment, as many get one as there are left.
    TAKE = "
        INSERT INTO limits (limit_key, full_at) VALUES ($1, $2)
        ON CONFLICT (limit_key) DO UPDATE SET full_at =
            CASE WHEN limits.full_at > $3 THEN limits.full_at + $4 ELSE excluded.full_at END
        WHERE limits.full_at <= $5
        RETURNING full_at";
    SELECT = "SELECT full_at FROM limits WHERE limit_key = $1";
    MARK = "
        INSERT INTO limits (limit_key, full_at) VALUES ($1, $2)
        ON CONFLICT (limit_key) DO UPDATE SET full_at = excluded.full_at";
    DELETE = "DELETE FROM limits WHERE limit_key = $1";
    PRUNE = "
        DELETE FROM limits WHERE limit_key IN (
            SELECT limit_key FROM limits WHERE full_at < $1 ORDER BY full_at LIMIT $2)";
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl Store {
    /// Takes one use of each of these limits, in their order, up to one of which nothing is left. What was taken before that
    /// stays taken: it was tried.
    ///
    /// Callers that name the same limits name them in the same order, or they could wait for each other.
    pub async fn use_limits(
        &self,
        uses: &[LimitUse],
        now: Timestamp,
    ) -> Result<Option<LimitReached>, StoreError> {
        let mut transaction = self.write().await?;
        let mut reached = None;
        for (place, wanted) in uses.iter().enumerate() {
            if let Some(mark) = &wanted.unless {
                let stands = transaction.row(query(SELECT).bind(mark)).await?;
                if let Some(row) = stands
                    && row.time("full_at")? > now
                {
                    continue;
                }
            }
            let pause = wanted.rate.pause();
            let take = query(TAKE)
                .bind(&wanted.key)
                .bind(now.plus(pause))
                .bind(now)
                .bind(micros(pause))
                .bind(now.plus(wanted.rate.room()));
            if transaction.row(take).await?.is_some() {
                continue;
            }
            let left = transaction.row(query(SELECT).bind(&wanted.key)).await?;
            let full_at = left.map(|row| row.time("full_at")).transpose()?;
            let wait = full_at.map_or(pause, |full_at| wanted.rate.wait(full_at, now));
            reached = Some(LimitReached { place, wait });
            break;
        }
        transaction.commit().await?;
        Ok(reached)
    }

    /// Whether a mark stands. It is read without waiting for those who write.
    pub async fn mark_stands(&self, mark: &Digest, now: Timestamp) -> Result<bool, StoreError> {
        let row = self.row(query(SELECT).bind(mark)).await?;
        let until = row.map(|row| row.time("full_at")).transpose()?;
        Ok(until.is_some_and(|until| until > now))
    }

    /// Gives all uses of these limits back, and lets a mark stand until some time, by which others may not hold.
    pub async fn clear_limits(
        &self,
        keys: &[Digest],
        mark: &Digest,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        for key in keys {
            transaction.execute(query(DELETE).bind(key)).await?;
        }
        let stand = query(MARK).bind(mark).bind(until);
        transaction.execute(stand).await?;
        transaction.commit().await
    }

    /// Forgets limits of which nothing is used any more, and marks that have ended: so many at most; says how many.
    pub async fn prune_limits(&self, now: Timestamp, most: u32) -> Result<u64, StoreError> {
        let mut transaction = self.write().await?;
        let pruned = transaction
            .execute(query(PRUNE).bind(now).bind(most))
            .await?;
        transaction.commit().await?;
        Ok(pruned)
    }
}
