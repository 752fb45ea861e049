//! Whether key and storage are those of the database. Replicas must share both, and a single server that lost one should say
//! so at once, not when somebody asks for what is gone.

use std::path::Path;

use supercargo_registry::SecretKey;
use supercargo_store::Store;
use supercargo_types::Random;

use super::{error::StartError, files};
use crate::configuration::SecretKeyFile;

const KEY_FINGERPRINT: &str = "secret_key_fingerprint";
const STORAGE_ID: &str = "storage_id";

/// The first start says which key it is; every later one must have the same.
pub(super) async fn check_key(
    store: &Store,
    key: &SecretKey,
    file: &SecretKeyFile,
) -> Result<(), StartError> {
    let own = key.fingerprint();
    if store.meta_once(KEY_FINGERPRINT, &own).await? == own {
        return Ok(());
    }
    let path = match file {
        SecretKeyFile::Given(given) => given.value.clone(),
        SecretKeyFile::InDataFolder(path) => path.clone(),
    };
    Err(StartError::OtherKey { path })
}

/// The first start gives the storage an id; every later one must find it there. A folder without one is given one only while
/// the database knows none: it may be an empty folder in the place of a disk that is not mounted.
pub(super) async fn check_storage(
    store: &Store,
    folder: &Path,
    random: &Random,
) -> Result<(), StartError> {
    let found = match store.meta(STORAGE_ID).await? {
        Some(_) => files::storage_id(folder)?,
        None => Some(files::make_storage_id(folder, random)?),
    };
    let expected = match &found {
        Some(found) => store.meta_once(STORAGE_ID, found).await?,
        None => store.meta(STORAGE_ID).await?.unwrap_or_default(),
    };
    if found.as_ref() == Some(&expected) {
        return Ok(());
    }
    Err(StartError::OtherStorage {
        folder: folder.to_owned(),
        state: match found {
            Some(_) => "says otherwise",
            None => "is missing",
        },
        expected,
    })
}
