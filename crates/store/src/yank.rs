//! Yanking, and taking it back.

use semver::Version;
use supercargo_types::{CanonicalName, PrincipalRef, Timestamp, version_number};

use crate::{
    AuditEntry, Change, Store, StoreError, audit, owners, publish, query::query,
    statements::statements,
};

/// A flag to be set or cleared.
#[derive(Clone, Debug)]
pub struct YankChange {
    /// Where.
    pub registry_id: i64,
    /// Which crate, in any spelling.
    pub name: CanonicalName,
    /// Which version; build metadata is ignored, for the number is unique.
    pub version: Version,
    /// What it is to be.
    pub yanked: bool,
    /// Who must own the crate, by itself or through a team; none: anyone may.
    pub must_own: Option<i64>,
    /// When.
    pub now: Timestamp,
}

/// What became of a version's flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Yanked {
    /// It is another now.
    Changed,
    /// It was so already: no error.
    Same,
    /// There is no such crate.
    NoCrate,
    /// The crate has no such version, or only its tombstone.
    NoVersion,
    /// The crate belongs to others.
    NotOwner {
        /// To them.
        owners: Vec<PrincipalRef>,
    },
}

statements! {
    SET_YANKED = "
        UPDATE versions SET yanked = $3
        WHERE crate_id = $1 AND number = $2 AND deleted_at IS NULL AND yanked <> $3";
    IS_THERE = "
        SELECT id FROM versions WHERE crate_id = $1 AND number = $2 AND deleted_at IS NULL";
}

impl Store {
    /// Sets or clears a version's flag, or says why not; then nothing has changed.
    pub async fn set_yanked(
        &self,
        change: &YankChange,
        audit_entry: &AuditEntry,
    ) -> Result<Yanked, StoreError> {
        let name = change.name.as_str();
        let mut transaction = self.write().await?;
        let found = publish::find_crate(&mut transaction, change.registry_id, name).await?;
        let Some(found) = found else {
            return Ok(Yanked::NoCrate);
        };
        if let Some(principal_id) = change.must_own
            && !owners::is_owner(&mut transaction, found.id, principal_id).await?
        {
            let owners = owners::references(&mut transaction, found.id).await?;
            return Ok(Yanked::NotOwner { owners });
        }
        let number = version_number(&change.version);
        let set = query(SET_YANKED)
            .bind(found.id)
            .bind(number.as_str())
            .bind(change.yanked);
        if transaction.execute(set).await? == 0 {
            let is_there = query(IS_THERE).bind(found.id).bind(number.as_str());
            return Ok(match transaction.row(is_there).await? {
                Some(_) => Yanked::Same,
                None => Yanked::NoVersion,
            });
        }
        publish::touch(&mut transaction, found.id, change.now).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::Name {
            registry_id: change.registry_id,
            canonical: change.name.clone(),
        });
        transaction.commit().await?;
        Ok(Yanked::Changed)
    }
}
