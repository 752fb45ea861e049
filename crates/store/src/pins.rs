//! Pins: which upstream a registry reads a name from, since it first did. Another one takes over only when a maintainer says
//! so, or when the first is detached: an upstream that begins to have a name, before or after the one that had it, must not
//! slip its bytes in.

use std::collections::HashMap;

use supercargo_types::{Spelling, Timestamp};

use crate::{
    Attachment, AuditEntry, Change, Store, StoreError, audit, engine::Transaction, query::query,
    registries, statements::statements,
};

/// A name that a registry reads from an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPin {
    /// The registry.
    pub registry_id: i64,
    /// The name, as its index file is spelt.
    pub spelling: Spelling,
    /// The upstream.
    pub upstream_id: i64,
    /// Since when.
    pub now: Timestamp,
}

statements! {
    SELECT_PIN = "SELECT upstream_id FROM pins WHERE registry_id = $1 AND spelling = $2";
    // Only to an upstream that is still attached. The update changes nothing where the pin that stands is to one that is: it
    // makes it come back on both engines. A pin that was written while its upstream was being detached does not stand.
    INSERT_PIN = "
        INSERT INTO pins (registry_id, spelling, upstream_id, pinned_at)
        SELECT $1, $2, $3, $4 FROM registry_upstreams a
        WHERE a.registry_id = $1 AND a.upstream_id = $3
        ON CONFLICT (registry_id, spelling) DO UPDATE SET upstream_id = CASE
            WHEN EXISTS (
                SELECT 1 FROM registry_upstreams b
                WHERE b.registry_id = pins.registry_id AND b.upstream_id = pins.upstream_id)
            THEN pins.upstream_id ELSE excluded.upstream_id END
        RETURNING upstream_id";
    MOVE_PIN = "
        INSERT INTO pins (registry_id, spelling, upstream_id, pinned_at)
        SELECT $1, $2, $3, $4 FROM registry_upstreams a
        WHERE a.registry_id = $1 AND a.upstream_id = $3
        ON CONFLICT (registry_id, spelling)
            DO UPDATE SET upstream_id = excluded.upstream_id, pinned_at = excluded.pinned_at";
    LIST_PINS = "SELECT spelling, upstream_id FROM pins WHERE registry_id = $1";
    DELETE_PIN = "DELETE FROM pins WHERE registry_id = $1 AND spelling = $2";
    DELETE_STALE = "
        DELETE FROM pins WHERE registry_id = $1 AND spelling = $2 AND upstream_id = $3";
}

/// Pins a name where it is not pinned yet, and returns the upstream that stands; `None` when that is not attached any more.
pub(crate) async fn insert(
    transaction: &mut Transaction,
    pin: &NewPin,
) -> Result<Option<i64>, StoreError> {
    let insert = query(INSERT_PIN)
        .bind(pin.registry_id)
        .bind(pin.spelling.as_str())
        .bind(pin.upstream_id)
        .bind(pin.now);
    let stands = transaction.row(insert).await?;
    stands.map(|row| row.integer("upstream_id")).transpose()
}

/// Drops the pins of a registry to upstreams that it does not ask for their names any more.
pub(crate) async fn drop_unused(
    transaction: &mut Transaction,
    registry_id: i64,
    upstreams: &[Attachment],
) -> Result<(), StoreError> {
    let attached: HashMap<i64, &Attachment> = upstreams
        .iter()
        .map(|attachment| (attachment.upstream_id, attachment))
        .collect();
    for row in transaction.rows(query(LIST_PINS).bind(registry_id)).await? {
        let spelling: Spelling = row.parse("spelling")?;
        let attachment = attached.get(&row.integer("upstream_id")?);
        if attachment.is_none_or(|attachment| !attachment.takes(&spelling.canonical())) {
            let delete = query(DELETE_PIN).bind(registry_id).bind(spelling.as_str());
            transaction.execute(delete).await?;
        }
    }
    Ok(())
}

impl Store {
    /// The upstream that a registry reads a name from.
    pub async fn pin(
        &self,
        registry_id: i64,
        spelling: &Spelling,
    ) -> Result<Option<i64>, StoreError> {
        let select = query(SELECT_PIN).bind(registry_id).bind(spelling.as_str());
        let row = self.row(select).await?;
        row.map(|row| row.integer("upstream_id")).transpose()
    }

    /// Pins names that are not pinned yet, all or none, and returns those that another server has pinned elsewhere meanwhile.
    pub async fn save_pins(&self, pins: &[NewPin]) -> Result<Vec<NewPin>, StoreError> {
        let outcome = self.try_save_pins(pins).await;
        match &outcome {
            // an upstream that was deleted is not attached, which the next try sees
            Err(error) if error.breaks_reference() => self.try_save_pins(pins).await,
            _ => outcome,
        }
    }

    async fn try_save_pins(&self, pins: &[NewPin]) -> Result<Vec<NewPin>, StoreError> {
        // in one order on every server: two that pin the same names would else wait for each other
        let mut pins: Vec<_> = pins.iter().collect();
        pins.sort_by(|a, b| (a.registry_id, &a.spelling).cmp(&(b.registry_id, &b.spelling)));
        let mut transaction = self.write().await?;
        let mut lost = Vec::new();
        for pin in pins {
            let stands = insert(&mut transaction, pin).await?;
            if stands.is_some_and(|upstream_id| upstream_id != pin.upstream_id) {
                lost.push(pin.clone());
            }
        }
        transaction.commit().await?;
        Ok(lost)
    }

    /// Drops a pin to an upstream that is not asked for the name any more: one that was on its way to the database while the
    /// list of upstreams changed.
    pub async fn drop_pin(
        &self,
        registry_id: i64,
        spelling: &Spelling,
        upstream_id: i64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        let delete = query(DELETE_STALE)
            .bind(registry_id)
            .bind(spelling.as_str())
            .bind(upstream_id);
        transaction.execute(delete).await?;
        transaction.commit().await
    }

    /// Reads a name from another upstream from now on, as a maintainer has decided; false when that is not attached.
    pub async fn move_pin(
        &self,
        pin: &NewPin,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let moved = query(MOVE_PIN)
            .bind(pin.registry_id)
            .bind(pin.spelling.as_str())
            .bind(pin.upstream_id)
            .bind(pin.now);
        if transaction.execute(moved).await? == 0 {
            return Ok(false);
        }
        // the views change as if a setting did: their Last-Modified has to grow
        registries::touch(&mut transaction, pin.registry_id, pin.now).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::Settings);
        transaction.commit().await?;
        Ok(true)
    }
}
