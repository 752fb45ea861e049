//! One running Supercargo: its database, blobs and upstreams, and the copies it holds in memory.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use supercargo_blobs::Blobs;
use supercargo_identity::{IssuerSettings, Issuers};
use supercargo_store::{AuditEntry, AuditOutcome, Store, StoreError};
use supercargo_types::{Clock, Random, Site};
use supercargo_upstream::{ClientSettings, UpstreamClient};

use crate::{
    archives::Archives,
    audit::{self, Denials, Readers},
    browsers::{Browsers, SessionSettings},
    cache::{self, CacheUse},
    copies::Copies,
    device_logins::DeviceLogins,
    directory::Directory,
    download::Fetches,
    downloads::DownloadCounts,
    exchange, feed,
    jobs::{JobKind, Jobs},
    limits::RateLimits,
    passwords::Passwords,
    pins::Pins,
    refusal::Outcome,
    rights::Actor,
    search,
    secrets::Secrets,
    sessions::Sessions,
    settings::{AuditSettings, Caller, Limits, Rates, Settings, UpstreamSettings},
    sign_on::SignOns,
    views::{ReadAhead, UpstreamIndex, Views},
};

/// How often counts and last uses go to the database.
const BATCH_EVERY: Duration = Duration::from_secs(1);

/// Everything the use cases share. Made once, passed as `Arc`.
pub struct Instance {
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) upstream: UpstreamClient,
    pub(crate) upstream_index: UpstreamIndex,
    pub(crate) views: Views,
    pub(crate) read_ahead: ReadAhead,
    pub(crate) pins: Pins,
    pub(crate) cache: CacheUse,
    pub(crate) fetches: Fetches,
    pub(crate) download_counts: DownloadCounts,
    pub(crate) readers: Readers,
    pub(crate) denials: Denials,
    pub(crate) archives: Archives,
    pub(crate) sessions: Sessions,
    pub(crate) browsers: Browsers,
    pub(crate) secrets: Secrets,
    pub(crate) issuers: Issuers,
    pub(crate) rate_limits: RateLimits,
    pub(crate) passwords: Passwords,
    pub(crate) device_logins: DeviceLogins,
    /// Pages that search for strangers now.
    pub(crate) searches: tokio::sync::Semaphore,
    /// Tokens of jobs that are looked at now.
    pub(crate) exchanges: tokio::sync::Semaphore,
    /// People whom a provider is asked about now.
    pub(crate) sign_ons: SignOns,
    pub(crate) directory: ArcSwap<Directory>,
    pub(crate) directory_turn: tokio::sync::Mutex<()>,
    /// Read while bytes are stored and it is not written down yet who needs them; written while bytes are dropped that
    /// nobody needs. Other processes on the same database are not held off by it: what they store at the very moment at
    /// which the last use of the same bytes is purged here could be lost.
    pub(crate) keeping: tokio::sync::RwLock<()>,
    pub(crate) copies: Copies,
    pub(crate) jobs: Jobs,
    people: AtomicU64,
    settings: Settings,
}

impl Instance {
    /// Loads the settings from the database, and starts the batch writer and what listens for changes of other processes.
    ///
    /// # Errors
    /// When the database cannot be read, a secret does not decrypt, or an allowed address makes no sense.
    pub async fn open(store: Store, blobs: Blobs, settings: Settings) -> anyhow::Result<Arc<Self>> {
        let allow = settings
            .upstream
            .allow_addresses
            .iter()
            .map(|text| text.parse())
            .collect::<Result<Vec<_>, _>>()?;
        let upstream = UpstreamClient::new(ClientSettings {
            timeout: settings.upstream.timeout,
            allow,
            clock: settings.clock.clone(),
            ..ClientSettings::default()
        })?;
        let issuers = Issuers::new(
            upstream.clone(),
            settings.clock.clone(),
            settings.random.clone(),
            IssuerSettings::default(),
        );
        let secrets = Secrets::new(&settings.secret_key);
        let copies = Copies::new(store.is_shared(), Instant::now());
        store
            .note_base(settings.site.base(), settings.clock.now())
            .await?;
        let directory = Directory::build(store.directory().await?, &secrets)?;
        let instance = Arc::new(Self {
            store,
            blobs,
            upstream,
            upstream_index: UpstreamIndex::new(),
            views: Views::new(),
            read_ahead: ReadAhead::new(),
            pins: Pins::default(),
            cache: CacheUse::default(),
            fetches: Fetches::default(),
            download_counts: DownloadCounts::default(),
            readers: Readers::default(),
            denials: Denials::default(),
            archives: Archives::new(),
            sessions: Sessions::new(),
            browsers: Browsers::new(&settings.secret_key),
            secrets,
            issuers,
            rate_limits: RateLimits::new(&settings.rates),
            passwords: Passwords::new(),
            device_logins: DeviceLogins::new(),
            searches: tokio::sync::Semaphore::new(search::PAGES_OF_STRANGERS),
            exchanges: tokio::sync::Semaphore::new(exchange::AT_ONCE),
            sign_ons: SignOns::new(),
            directory: ArcSwap::from_pointee(directory),
            directory_turn: tokio::sync::Mutex::default(),
            keeping: tokio::sync::RwLock::default(),
            copies,
            jobs: Jobs::new(settings.clock.now()),
            people: AtomicU64::new(0),
            settings,
        });
        tokio::spawn(write_batches(Arc::downgrade(&instance)));
        tokio::spawn(write_readers(Arc::downgrade(&instance)));
        tokio::spawn(describe_earlier(Arc::downgrade(&instance)));
        tokio::spawn(audit::keep_tidy(Arc::downgrade(&instance)));
        if let Some(limit) = instance.upstream_settings().cache_size {
            tokio::spawn(cache::keep_within(Arc::downgrade(&instance), limit));
        }
        if instance.store.is_shared() {
            let feed = instance.store.feed();
            tokio::spawn(feed::follow(Arc::downgrade(&instance), feed));
        }
        Ok(instance)
    }

    /// Our own URLs.
    pub fn site(&self) -> &Site {
        &self.settings.site
    }

    /// Where the time comes from.
    pub fn clock(&self) -> &Clock {
        &self.settings.clock
    }

    /// The limits on what is sent.
    pub fn limits(&self) -> Limits {
        self.settings.limits
    }

    pub(crate) fn rates(&self) -> &Rates {
        &self.settings.rates
    }

    pub(crate) fn random(&self) -> &Random {
        &self.settings.random
    }

    /// How long logs are kept.
    pub fn audit_settings(&self) -> &AuditSettings {
        &self.settings.audit
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn session_settings(&self) -> SessionSettings {
        self.settings.sessions
    }

    pub(crate) fn upstream_settings(&self) -> &UpstreamSettings {
        &self.settings.upstream
    }

    /// Moves on with every change of people, memberships and tokens.
    pub(crate) fn people_generation(&self) -> u64 {
        self.people.load(Ordering::SeqCst)
    }

    /// After any change of people, memberships or tokens, before it is answered.
    pub(crate) fn people_changed(&self) {
        self.people.fetch_add(1, Ordering::SeqCst);
        self.sessions.forget();
        self.browsers.forget();
    }

    /// Writes settings, and has them in memory before anybody hears of it: also after a failure, which may leave open
    /// whether the write took place.
    pub(crate) async fn write_settings<T>(
        &self,
        write: impl Future<Output = Result<T, StoreError>>,
    ) -> Outcome<T> {
        let written = write.await;
        self.reload_directory().await?;
        Ok(written?)
    }

    /// Writes people, memberships or tokens, and forgets what memory holds of them before anybody hears of it.
    pub(crate) async fn write_people<T>(
        &self,
        write: impl Future<Output = Result<T, StoreError>>,
    ) -> Outcome<T> {
        let written = write.await;
        self.people_changed();
        Ok(written?)
    }

    /// Whether the database answers: readiness.
    ///
    /// # Errors
    /// With the reason when it does not.
    pub async fn ready(&self) -> anyhow::Result<()> {
        self.store.ping().await?;
        Ok(())
    }

    /// Writes what is still in memory; the last thing before the program ends.
    pub async fn close(&self) {
        self.fetches.store_proven().await;
        self.upstream_index.flush(self).await;
        self.write_pins().await;
        self.write_uses().await;
        self.write_download_counts().await;
        self.write_readers().await;
        self.write_last_denials().await;
        self.write_descriptions().await;
        self.write_cache_use().await;
    }

    pub(crate) async fn write_uses(&self) {
        self.write_session_uses().await;
        let used = self.sessions.take_used();
        if used.is_empty() {
            return;
        }
        let failed = self.store.touch_tokens(&used).await.err();
        self.noted(
            JobKind::Batches,
            "last uses of tokens",
            used.len(),
            failed
                .as_ref()
                .map(|_| "last uses of tokens were not written"),
        );
        if let Some(error) = failed {
            tracing::warn!(%error, "last uses of tokens were not written");
        }
    }

    /// Notes for whoever looks after the server what came of writing so many of something: nothing is written where it
    /// failed.
    pub(crate) fn noted(
        &self,
        job: JobKind,
        what: &'static str,
        number: usize,
        failed: Option<&'static str>,
    ) {
        match failed {
            None => self.jobs.did(job, what, number as u64),
            Some(sentence) => self.jobs.failed(job, self.clock().now(), sentence),
        }
    }

    /// Tells people that something is wrong: a row in the audit log that asks for a person.
    pub(crate) async fn alarm(&self, mut alarm: AuditEntry) {
        alarm.outcome = AuditOutcome::Alarm;
        if let Err(error) = self.store.add_audit(&alarm).await {
            tracing::error!(%error, "an alarm was not written to the audit log");
        }
    }

    /// A row for the audit log about what an actor did.
    pub(crate) fn audit(&self, action: &str, actor: Option<&Actor>, caller: &Caller) -> AuditEntry {
        AuditEntry {
            at: self.clock().now(),
            action: action.to_owned(),
            outcome: AuditOutcome::Done,
            principal: actor.map(|actor| actor.principal.to_string()),
            token_id: actor.map(|actor| actor.token_id.clone()),
            address: caller.address.clone(),
            user_agent: caller.user_agent.clone(),
            registry: None,
            crate_name: None,
            version: None,
            detail: actor.and_then(|actor| actor.subject.clone()),
            request_id: caller.request_id.clone(),
        }
    }
}

/// Each second, until the instance is gone.
async fn write_batches(instance: std::sync::Weak<Instance>) {
    let mut tick = tokio::time::interval(BATCH_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(instance) = instance.upgrade() else {
            return;
        };
        instance
            .jobs
            .begin(JobKind::Batches, instance.clock().now());
        instance.upstream_index.flush(&instance).await;
        instance.write_pins().await;
        instance.write_uses().await;
        instance.write_download_counts().await;
        instance.write_denials().await;
        instance.write_descriptions().await;
        instance.write_cache_use().await;
        instance.jobs.end(JobKind::Batches, instance.clock().now());
    }
}

/// Looks into the files that came before keywords were read, a few each second, until there are no more or the instance is gone.
async fn describe_earlier(instance: std::sync::Weak<Instance>) {
    let mut tick = tokio::time::interval(BATCH_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(instance) = instance.upgrade() else {
            return;
        };
        if instance.describe_earlier().await {
            return;
        }
    }
}

/// Each second as well, beside the others: a flood of downloads makes long batches, for which neither pins nor index files
/// wait.
async fn write_readers(instance: std::sync::Weak<Instance>) {
    let mut tick = tokio::time::interval(BATCH_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(instance) = instance.upgrade() else {
            return;
        };
        instance
            .jobs
            .begin(JobKind::Readers, instance.clock().now());
        instance.write_readers().await;
        instance.jobs.end(JobKind::Readers, instance.clock().now());
    }
}
