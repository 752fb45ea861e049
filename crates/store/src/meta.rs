//! Single facts about the whole installation.

use crate::{Store, StoreError, engine::Transaction, query::query, statements::statements};

statements! {
    SELECT_META = "SELECT value FROM meta WHERE key = $1";
    INSERT_META = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
    UPSERT_META = "
        INSERT INTO meta (key, value) VALUES ($1, $2)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value";
}

/// Writes a fact that must be written once; false when it stands there already.
pub(crate) async fn insert_once(
    transaction: &mut Transaction,
    key: &str,
    value: &str,
) -> Result<bool, StoreError> {
    let inserted = transaction
        .execute(query(INSERT_META).bind(key).bind(value))
        .await?;
    Ok(inserted == 1)
}

impl Store {
    /// What is known under a key.
    pub async fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        let row = self.row(query(SELECT_META).bind(key)).await?;
        row.map(|row| row.text("value")).transpose()
    }

    /// Writes a fact over what stood there.
    pub async fn set_meta(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        transaction
            .execute(query(UPSERT_META).bind(key).bind(value))
            .await?;
        transaction.commit().await
    }
}
