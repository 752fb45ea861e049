//! Single facts about the whole installation.

use supercargo_types::Timestamp;

use crate::{
    Change, Store, StoreError, engine::Transaction, query::query, registries,
    statements::statements,
};

const BASE: &str = "base";

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

/// Has everybody else who holds a fact wait until the end of the transaction. What the fact says does not matter.
pub(crate) async fn hold(transaction: &mut Transaction, key: &str) -> Result<(), StoreError> {
    let hold = query(UPSERT_META).bind(key).bind("held");
    transaction.execute(hold).await.map(drop)
}

impl Store {
    /// What is known under a key.
    pub async fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        let row = self.row(query(SELECT_META).bind(key)).await?;
        row.map(|row| row.text("value")).transpose()
    }

    /// Writes a fact unless it stands there, and says what stands there then: of many who try at once, one value wins.
    pub async fn meta_once(&self, key: &str, value: &str) -> Result<String, StoreError> {
        let mut transaction = self.write().await?;
        insert_once(&mut transaction, key, value).await?;
        transaction.commit().await?;
        let stands = self.meta(key).await?;
        stands.ok_or_else(|| StoreError::Inconsistent(format!("the fact `{key}` was just there")))
    }

    /// Writes down under which public URL this installation answers. Under another one than the last time, every registry
    /// counts as changed, for the URL stands in index files.
    pub async fn note_base(&self, base: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        let known = transaction
            .row(query(SELECT_META).bind(BASE))
            .await?
            .map(|row| row.text("value"))
            .transpose()?;
        if known.as_deref() == Some(base) {
            return Ok(());
        }
        transaction
            .execute(query(UPSERT_META).bind(BASE).bind(base))
            .await?;
        registries::touch_all(&mut transaction, now).await?;
        transaction.tell(Change::Settings);
        transaction.commit().await
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
