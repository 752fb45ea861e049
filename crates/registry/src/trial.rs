//! An instance for tests of this room: with a database and blobs in a folder, and no upstream.

use std::{path::Path, sync::Arc, time::Duration};

use supercargo_blobs::{Blobs, MemoryLimits};
use supercargo_store::{DatabaseUrl, Store};
use supercargo_types::{Clock, Random, Site};

use crate::{
    AuditSettings, Instance, Limits, Rates, SecretKey, SessionSettings, Settings, UpstreamSettings,
};

/// One that has just been opened: nothing is in it.
pub(crate) async fn instance(folder: &Path) -> Arc<Instance> {
    let database = DatabaseUrl::Sqlite(folder.join("database"));
    let settings = Settings {
        site: Site::new("http://localhost", &[]).unwrap(),
        upstream: UpstreamSettings {
            freshness: Duration::ZERO,
            stale_while_revalidate: Duration::ZERO,
            negative: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            timeout: Duration::from_secs(1),
            allow_addresses: Vec::new(),
            read_ahead: false,
            cache_size: None,
        },
        limits: Limits {
            crate_size: 1,
            unpacked_size: 1,
        },
        rates: Rates::default(),
        audit: AuditSettings::default(),
        sessions: SessionSettings::default(),
        sign_on: None,
        secret_key: SecretKey::new([7; 32]),
        clock: Clock::default(),
        random: Random::System,
        configured: Vec::new(),
    };
    let blobs = Blobs::open(folder.join("blobs"), MemoryLimits::default());
    let store = Store::open(&database).await.unwrap();
    Instance::open(store, blobs.await.unwrap(), settings)
        .await
        .unwrap()
}
