//! Which bytes an upstream itself has delivered. Blobs are shared by everyone; without this proof, an index line of one
//! upstream could name the checksum of a private crate and so fetch it.

use supercargo_types::{Digest, Spelling, Timestamp};

use crate::{
    Store, StoreError, query::query, statements::statements, upstreams::was_deleted_meanwhile,
};

/// A `.crate` file that came from an upstream and was verified.
#[derive(Clone, Debug)]
pub struct NewCachedCrate {
    /// Who delivered it.
    pub upstream_id: i64,
    /// Its verified SHA-256.
    pub checksum: Digest,
    /// As which crate.
    pub spelling: Spelling,
    /// As which version.
    pub version: String,
    /// Its size in bytes.
    pub size: u64,
    /// When.
    pub now: Timestamp,
}

statements! {
    SELECT_CRATE = "SELECT size FROM cached_crates WHERE upstream_id = $1 AND checksum = $2";
    INSERT_CRATE = "
        INSERT INTO cached_crates (upstream_id, checksum, spelling, version, size, stored_at)
        SELECT $1, $2, $3, $4, $5, $6
        WHERE EXISTS (SELECT 1 FROM upstreams WHERE id = $1)
        ON CONFLICT (upstream_id, checksum) DO NOTHING";
}

impl Store {
    /// The size of a file, if this upstream has delivered it.
    pub async fn cached_crate(
        &self,
        upstream_id: i64,
        checksum: &Digest,
    ) -> Result<Option<u64>, StoreError> {
        let select = query(SELECT_CRATE).bind(upstream_id).bind(checksum);
        let row = self.row(select).await?;
        row.map(|row| row.unsigned("size")).transpose()
    }

    /// Writes down that an upstream has delivered a file; a second time changes nothing. Of an upstream that was deleted while
    /// it delivered, nothing is written: the file is right all the same.
    pub async fn add_cached_crate(&self, new: &NewCachedCrate) -> Result<(), StoreError> {
        let outcome = self.try_add_cached_crate(new).await;
        if was_deleted_meanwhile(&outcome) {
            self.try_add_cached_crate(new).await
        } else {
            outcome
        }
    }

    async fn try_add_cached_crate(&self, new: &NewCachedCrate) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        let insert = query(INSERT_CRATE)
            .bind(new.upstream_id)
            .bind(&new.checksum)
            .bind(new.spelling.as_str())
            .bind(new.version.as_str())
            .bind(new.size)
            .bind(new.now);
        transaction.execute(insert).await?;
        transaction.commit().await
    }
}
