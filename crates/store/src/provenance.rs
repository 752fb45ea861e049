//! How a version came here, as the audit log has it.

use supercargo_types::{RegistryName, Timestamp};

use crate::{Store, StoreError, query::query, statements::statements};

/// The publishing of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedRow {
    /// Who, as people write it.
    pub principal: Option<String>,
    /// What the log says beside it.
    pub detail: Option<String>,
    /// How the token begins that was used, where it was one and is known still.
    pub token_prefix: Option<String>,
    /// What that token is called.
    pub token_name: Option<String>,
}

statements! {
    // by its time, for which there is an index; of all else the log has many
    SELECT_PUBLISHED = "
        SELECT a.principal, a.detail, t.prefix, t.name
        FROM audit a LEFT JOIN tokens t ON t.id = a.token_id
        WHERE a.at >= $1 AND a.at < $2 AND a.action = 'version.published'
            AND a.registry = $3 AND a.crate = $4 AND a.version = $5
        ORDER BY a.at
        LIMIT 1";
}

impl Store {
    /// The entry about the publishing of a version, written between two times; `None` where the log was tidied since.
    pub async fn published(
        &self,
        registry: &RegistryName,
        crate_name: &str,
        version: &str,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Option<PublishedRow>, StoreError> {
        let select = query(SELECT_PUBLISHED)
            .bind(from)
            .bind(to)
            .bind(registry.as_str())
            .bind(crate_name)
            .bind(version);
        let rows = self.rows(select).await?;
        let row = rows.first().map(|row| {
            Ok(PublishedRow {
                principal: row.maybe_text("principal")?,
                detail: row.maybe_text("detail")?,
                token_prefix: row.maybe_text("prefix")?,
                token_name: row.maybe_text("name")?,
            })
        });
        row.transpose()
    }
}
