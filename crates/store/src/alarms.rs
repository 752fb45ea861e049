//! Alarms about upstreams, as they stand in the audit log.

use supercargo_types::{RegistryName, Timestamp};

use crate::{Store, StoreError, query::query, statements::statements};

statements! {
    // An upstream's alarms begin with its name. That it has lost a crate is told once, and meant for every registry.
    COUNT_ALARMS = "
        SELECT COUNT(*) AS total
        FROM audit
        WHERE outcome = 'alarm' AND at >= $1
            AND action IN ('upstream.wrong_bytes', 'upstream.bytes_changed', 'upstream.vanished')
            AND (CAST($2 AS TEXT) IS NULL OR registry IS NULL OR registry = $2)
            AND SUBSTR(detail, 1, LENGTH(CAST($3 AS TEXT))) = $3";
}

impl Store {
    /// How many alarms about an upstream there have been since then: in one registry, or in all of them.
    pub async fn count_alarms(
        &self,
        upstream: &str,
        registry: Option<&RegistryName>,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        let beginning = format!("upstream `{upstream}` ");
        let count = query(COUNT_ALARMS)
            .bind(since)
            .bind(registry.map(RegistryName::as_str))
            .bind(beginning.as_str());
        self.rows(count)
            .await?
            .first()
            .map_or(Ok(0), |row| row.unsigned("total"))
    }
}
