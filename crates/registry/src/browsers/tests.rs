use std::path::Path;

use supercargo_blobs::{Blobs, MemoryLimits};
use supercargo_store::{Created, DatabaseUrl, NewPrincipal, Store};
use supercargo_types::{Clock, InstanceRole, PrincipalKind, PrincipalRef, Site};
use tempfile::TempDir;

use super::*;
use crate::{AuditSettings, Limits, Rates, SecretKey, Settings, UpstreamSettings};

const MINUTE: Duration = Duration::from_mins(1);

/// Two servers on one database: neither hears of the other, which is the worst case of a feed.
struct Scene {
    clock: Clock,
    one: Arc<Instance>,
    other: Arc<Instance>,
    _folder: TempDir,
}

async fn instance(folder: &Path, clock: &Clock) -> Arc<Instance> {
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
        clock: clock.clone(),
        random: Random::System,
        configured: Vec::new(),
    };
    let database = DatabaseUrl::Sqlite(folder.join("database"));
    let store = Store::open(&database).await.unwrap();
    let blobs = Blobs::open(folder.join("blobs"), MemoryLimits::default());
    let blobs = blobs.await.unwrap();
    Instance::open(store, blobs, settings).await.unwrap()
}

impl Scene {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Clock::fixed(Timestamp::from_seconds(1_800_000_000));
        Self {
            one: instance(folder.path(), &clock).await,
            other: instance(folder.path(), &clock).await,
            clock,
            _folder: folder,
        }
    }

    async fn sign_in(&self) -> SessionSecret {
        let new = NewPrincipal {
            kind: PrincipalKind::User,
            name: "alice".parse().unwrap(),
            email: None,
            instance_role: InstanceRole::Member,
            registry_id: None,
            password_hash: Some("x".to_owned()),
            now: self.clock.now(),
        };
        let caller = Caller::default();
        let audit = self.one.audit("account.created", None, &caller);
        let made = self.one.store.create_principal(&new, &audit).await.unwrap();
        assert!(matches!(made, Created::Done(_)));
        let account = PrincipalRef {
            kind: PrincipalKind::User,
            name: new.name,
        };
        let account = self.one.store.find_principal(&account).await.unwrap();
        let user = KnownUser {
            account: account.unwrap(),
            password_hash: "x".to_owned(),
        };
        let session = self.one.begin_session(&user, &caller).await.unwrap();
        session.secret
    }

    async fn browser(&self, secret: &SessionSecret) -> Option<Browser> {
        self.one.browser(secret).await.unwrap()
    }
}

#[test]
fn a_secret_has_one_form_and_is_not_shown_by_debug() {
    let secret = SessionSecret::generate(&Random::System);
    assert_eq!(secret.reveal().parse(), Ok(secret.clone()));
    assert!(!format!("{secret:?}").contains(secret.reveal()));
    let upper = secret.reveal().to_uppercase();
    for bad in ["", "scg_0", &upper, &secret.reveal()[1..]] {
        assert_eq!(bad.parse::<SessionSecret>(), Err(InvalidSession), "{bad}");
    }
}

/// I7 (rotation): of all requests that come with the old secret, one gets the new one.
#[tokio::test]
async fn a_secret_is_replaced_each_hour_and_the_former_one_believed_for_half_a_minute() {
    let scene = Scene::start().await;
    let first = scene.sign_in().await;
    scene.clock.advance(59 * MINUTE);
    assert!(scene.browser(&first).await.unwrap().renewed.is_none());
    // the other server holds a copy from before
    assert!(scene.other.browser(&first).await.unwrap().is_some());
    scene.clock.advance(MINUTE);
    let second = scene.browser(&first).await.unwrap();
    let form = scene.one.form_secret(&second);
    let second = second.renewed.unwrap();
    assert_ne!(second, first);
    for server in [&scene.one, &scene.other] {
        let late = server.browser(&first).await.unwrap().unwrap();
        assert!(late.renewed.is_none());
        let now = server.browser(&second).await.unwrap().unwrap();
        assert!(now.renewed.is_none());
        assert_eq!(server.form_secret(&now), form);
    }
    scene.clock.advance(FORMER_FOR);
    for server in [&scene.one, &scene.other] {
        assert!(server.browser(&first).await.unwrap().is_none());
        assert!(server.browser(&second).await.unwrap().is_some());
    }
}

/// I7 (idle): a use that only another server knows of counts.
#[tokio::test]
async fn a_browser_that_is_used_stays_signed_in_and_one_that_is_not_is_signed_out() {
    let scene = Scene::start().await;
    let mut secret = scene.sign_in().await;
    let other = scene.other.browser(&secret).await.unwrap();
    assert!(other.is_some());
    for _ in 0..3 {
        scene.clock.advance(59 * MINUTE);
        let browser = scene.browser(&secret).await.unwrap();
        if let Some(renewed) = browser.renewed {
            secret = renewed;
        }
        scene.one.write_session_uses().await;
    }
    assert!(scene.other.browser(&secret).await.unwrap().is_some());
    scene.clock.advance(120 * MINUTE);
    assert!(scene.browser(&secret).await.is_none());
    assert!(scene.other.browser(&secret).await.unwrap().is_none());
}

/// I7 (lifetime): use does not prolong it for ever.
#[tokio::test]
async fn a_session_ends_after_its_lifetime_however_much_it_is_used() {
    let scene = Scene::start().await;
    let mut secret = scene.sign_in().await;
    let mut minutes = 0;
    while let Some(browser) = scene.browser(&secret).await {
        secret = browser.renewed.unwrap_or(secret);
        scene.clock.advance(30 * MINUTE);
        minutes += 30;
        assert!(minutes <= 12 * 60, "it lives on");
    }
    assert_eq!(minutes, 12 * 60);
}

/// What is asked for again in a long request holds for a session as for a token.
#[tokio::test]
async fn somebody_who_signed_out_is_nobody_a_while_later() {
    let scene = Scene::start().await;
    let secret = scene.sign_in().await;
    let browser = scene.browser(&secret).await.unwrap();
    let actor = browser.actor();
    assert!(scene.one.actor_again(actor).await.is_ok());
    scene
        .one
        .sign_out(&browser, &Caller::default())
        .await
        .unwrap();
    assert!(scene.one.actor_again(actor).await.is_err());
}
