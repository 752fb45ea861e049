//! What is known of an upstream: whether it is of use, and if not, since when and why.

use supercargo_testkit::{FakeUpstream, Fault, Package};
use supercargo_types::{Clock, Timestamp};
use supercargo_upstream::Lookup;

use super::{
    every_fault::{download, partner},
    *,
};

struct Scene {
    fake: FakeUpstream,
    client: UpstreamClient,
    clock: Clock,
    upstream: Upstream,
}

const START: i64 = 1_795_000_000;

fn scene() -> Scene {
    let clock = Clock::fixed(Timestamp::from_seconds(START));
    let fake = FakeUpstream::start();
    for name in ["serde", "other"] {
        fake.publish(&Package::new(name, "1.0.0"));
    }
    let client = UpstreamClient::new(ClientSettings {
        clock: clock.clone(),
        ..settings()
    })
    .unwrap();
    let upstream = partner(&fake.index_url());
    Scene {
        fake,
        client,
        clock,
        upstream,
    }
}

impl Scene {
    async fn index(&self, name: &str) -> Result<IndexAnswer, UpstreamFailed> {
        let name = name.parse().unwrap();
        self.client.index_file(&self.upstream, &name, None).await
    }

    /// Asks for a file and says that it makes sense, as its reader does.
    async fn believed(&self, name: &str) {
        self.index(name).await.unwrap();
        let name = name.parse().unwrap();
        self.client.judge(&self.upstream, &name, None);
    }

    /// Seconds since the start, and the sentence.
    fn failing(&self) -> Option<(i64, String)> {
        let health = self.client.health(&self.upstream);
        let (since, reason) = health.failing()?;
        let text = reason.to_string();
        let text = text.replace(&self.fake.url()["http://".len()..], "HOST");
        Some((since.as_seconds() - START, text))
    }

    fn waits(&self) {
        self.clock.advance(Duration::from_secs(1));
    }
}

fn told(seconds: i64, text: &str) -> (i64, String) {
    (seconds, text.to_owned())
}

#[tokio::test]
async fn nothing_is_known_of_an_upstream_before_it_is_asked() {
    let scene = scene();
    let health = scene.client.health(&scene.upstream);
    assert!(!health.is_known() && health.failing().is_none());
    scene.believed("serde").await;
    let health = scene.client.health(&scene.upstream);
    assert!(health.is_known() && health.failing().is_none());
}

#[tokio::test]
async fn one_that_is_down_fails_since_its_first_failure_with_the_last_reason() {
    let scene = scene();
    scene.waits();
    scene.fake.fault("/index/", Fault::Status(500));
    scene.index("serde").await.unwrap_err();
    scene.waits();
    scene.fake.fault("/index/", Fault::Status(502));
    scene.index("other").await.unwrap_err();
    let text = "answers 502 Bad Gateway";
    assert_eq!(scene.failing(), Some(told(1, text)));
    scene.fake.heal();
    scene.believed("serde").await;
    assert_eq!(scene.failing(), None);
}

#[tokio::test]
async fn one_that_refuses_whatever_it_is_asked_fails_though_it_is_not_down() {
    let scene = scene();
    scene.fake.fault("/index/", Fault::Html);
    scene.index("serde").await.unwrap_err();
    assert_eq!(scene.failing(), None, "one name is that name's matter");
    scene.waits();
    scene.index("other").await.unwrap_err();
    let text = "gives answers that make no sense";
    assert_eq!(scene.failing(), Some(told(0, text)));
    scene.fake.heal();
    scene.believed("serde").await;
    assert_eq!(scene.failing(), None);
}

#[tokio::test]
async fn one_name_that_is_refused_is_no_failure_of_its_upstream() {
    let scene = scene();
    scene.fake.fault("/index/se/", Fault::Status(451));
    for _ in 0..5 {
        scene.index("serde").await.unwrap_err();
    }
    assert_eq!(scene.failing(), None);
    assert!(scene.client.health(&scene.upstream).is_known());
}

#[tokio::test]
async fn files_that_their_reader_cannot_read_are_as_bad_as_none() {
    let scene = scene();
    for name in ["serde", "other"] {
        scene.index(name).await.unwrap();
        let name = name.parse().unwrap();
        let failed = scene.upstream.garbled("nonsense");
        scene.client.judge(&scene.upstream, &name, Some(&failed));
    }
    let text = "gives answers that make no sense";
    assert_eq!(scene.failing(), Some(told(0, text)));
    // what came is not good because it came
    scene.index("serde").await.unwrap();
    assert!(scene.failing().is_some());
    scene.believed("serde").await;
    assert_eq!(scene.failing(), None);
}

#[tokio::test]
async fn downloads_that_are_all_refused_are_a_failure_of_the_upstream() {
    let scene = scene();
    scene.fake.fault("/dl/", Fault::Status(403));
    let checksum = Digest::from_bytes([0; 32]);
    for name in ["serde", "other"] {
        let refused = scene
            .client
            .download(&scene.upstream, name, "1.0.0", &checksum);
        assert!(refused.await.is_err());
    }
    let text = "answers 403 Forbidden; an administrator should look at its credentials";
    assert_eq!(scene.failing(), Some(told(0, text)));
    scene.fake.heal();
    assert!(download(&scene.client, &scene.upstream).await.is_ok());
    assert_eq!(scene.failing(), None);
}

/// There is but one of it, so its first failure is one of the upstream.
#[tokio::test]
async fn a_wrong_config_is_told_until_it_is_right() {
    let scene = scene();
    let config = "/index/config.json";
    for (fault, text) in [
        (
            Fault::Html,
            "gives an answer that makes no sense: an HTML page for `config.json`",
        ),
        (
            Fault::Status(404),
            "answers 404 Not Found when asked for `config.json`",
        ),
    ] {
        scene.fake.fault(config, fault);
        assert!(scene.client.test(&scene.upstream).await.is_err());
        assert_eq!(scene.failing(), Some(told(0, text)));
        scene.waits();
        // the index is sound meanwhile
        scene.believed("serde").await;
        assert_eq!(scene.failing(), Some(told(0, text)));
    }
    scene.fake.heal();
    assert!(scene.client.test(&scene.upstream).await.is_ok());
    assert_eq!(scene.failing(), None);
}

/// Its index is allowed, and its files are where nobody may go: nothing is asked there, neither by a test nor by a download.
#[tokio::test]
async fn files_at_a_private_address_are_told_by_a_test_and_by_a_download() {
    let scene = scene();
    scene.fake.config("dl", "http://10.0.0.1/dl");
    let failed = scene.client.test(&scene.upstream).await.unwrap_err();
    let text = "has its files, by `dl` in its `config.json`, at a private address (10.0.0.1); an administrator can allow it with `upstream.allow_addresses`";
    assert_eq!(failed.reason().to_string(), text);
    assert_eq!(scene.failing(), Some(told(0, text)));
    assert!(download(&scene.client, &scene.upstream).await.is_err());
    let text = "resolves to a private address (10.0.0.1); an administrator can allow it with `upstream.allow_addresses`";
    assert_eq!(scene.failing(), Some(told(0, text)));
    scene.fake.config("dl", format!("{}/dl", scene.fake.url()));
    assert!(scene.client.test(&scene.upstream).await.is_ok());
    assert_eq!(scene.failing(), None);
    // nor does a copy of what was wrong stand in the way
    assert!(download(&scene.client, &scene.upstream).await.is_ok());
}

/// The same for a name that has such an address.
#[tokio::test]
async fn a_name_with_a_private_address_for_its_files_is_told_by_a_test() {
    let addresses = vec!["10.0.0.1".parse().unwrap()];
    let client = UpstreamClient::new(ClientSettings {
        lookup: Lookup::Scripted(Arc::new(Mutex::new([addresses].into()))),
        ..settings()
    })
    .unwrap();
    let fake = FakeUpstream::start();
    fake.config("dl", "http://files.example/{crate}");
    let failed = client.test(&partner(&fake.index_url())).await.unwrap_err();
    assert!(failed.to_string().contains("(10.0.0.1)"), "{failed}");
}

/// The attack: an upstream that sends back what it was sent, where everybody who may read its registry sees it.
#[tokio::test]
async fn a_reason_never_has_the_credentials() {
    let server = Server::start(|asked| {
        let sent = asked.header("authorization").unwrap_or_default();
        text(format!(
            r#"{{"dl":"https://d.example","auth-required":"{sent}"}}"#
        ))
    })
    .await;
    let client = client();
    for auth in [
        UpstreamAuth::Token(secret("open sesame")),
        UpstreamAuth::Bearer(secret("open sesame")),
    ] {
        let upstream = server.with(auth);
        let failed = client.test(&upstream).await.unwrap_err().to_string();
        let health = client.health(&upstream);
        let (_, reason) = health.failing().unwrap();
        for text in [failed, reason.to_string()] {
            assert!(text.contains("[hidden]"), "{text}");
            assert!(!text.contains("sesame"), "{text}");
        }
    }
}
