//! Every way in which an upstream can fail, in each of the three things it is asked for: which failure comes of it, within
//! bounded time and memory.

use supercargo_testkit::{DeadEnd, FakeUpstream, Fault, Package};
use supercargo_upstream::FailureReason;

use super::*;

/// How long any of it may take before a test fails.
const BOUND: Duration = Duration::from_secs(30);
/// Of index and crate files here, in bytes.
const LIMIT: u32 = 1 << 20;
/// Two hundred times that and more than any index file of a real registry.
const HUGE: u64 = 200 << 20;
/// What the system may hold of a connection in its buffers, generously.
const BUFFERS: usize = 32 << 20;

fn impatient() -> UpstreamClient {
    bounded(Duration::from_millis(300))
}

fn bounded(timeout: Duration) -> UpstreamClient {
    UpstreamClient::new(ClientSettings {
        timeout,
        index_bytes: LIMIT.into(),
        crate_bytes: LIMIT.into(),
        ..settings()
    })
    .unwrap()
}

fn package() -> Package {
    Package::new("serde", "1.0.0").ballast(5_000)
}

pub(super) fn partner(index: &str) -> Upstream {
    Upstream {
        name: "partner".to_owned(),
        index: index.parse().unwrap(),
        auth: UpstreamAuth::None,
        also: Vec::new(),
        is_preset: false,
    }
}

/// The failure's variant, with its status if it has one.
pub(super) fn word(failed: &UpstreamFailed) -> String {
    let word = match failed.reason() {
        FailureReason::Unreachable { .. } => "unreachable",
        FailureReason::Timeout { .. } => "timeout",
        FailureReason::Status { status, .. } => return status.as_u16().to_string(),
        FailureReason::TooLarge { .. } => "too large",
        FailureReason::Garbled(_) => "garbled",
        FailureReason::Refused(_) => "refused",
        FailureReason::Private(_) => "private",
        FailureReason::NotThere { .. } => "file not there",
        FailureReason::Unavailable { .. } => "unavailable",
        FailureReason::Crowded { .. } => "crowded",
    };
    word.to_owned()
}

fn compared(bytes: &[u8], sound: &[u8]) -> String {
    if bytes == sound {
        "sound"
    } else {
        "other bytes"
    }
    .to_owned()
}

/// Downloads `serde` 1.0.0 and puts it together, up to the first failure.
pub(super) async fn download(
    client: &UpstreamClient,
    upstream: &Upstream,
) -> Result<Vec<u8>, UpstreamFailed> {
    use futures_util::TryStreamExt as _;
    let checksum = Digest::from_bytes([0; 32]);
    let download = client.download(upstream, "serde", "1.0.0", &checksum);
    let pieces: Vec<_> = download.await?.body.try_collect().await?;
    Ok(pieces.concat())
}

async fn index(fault: Fault, client: &UpstreamClient) -> (String, FakeUpstream) {
    let fake = FakeUpstream::start();
    fake.publish(&package());
    fake.fault("/index/se/", fault);
    let answer = ask(client, &partner(&fake.index_url()), None).await;
    let sound = format!("{}\n", package().index_line());
    let word = match answer {
        Ok(IndexAnswer::Found { bytes, .. }) => compared(&bytes, sound.as_bytes()),
        Ok(IndexAnswer::NotThere) => "not there".to_owned(),
        Ok(IndexAnswer::NotModified) => "not modified".to_owned(),
        Err(failed) => word(&failed),
    };
    (word, fake)
}

async fn config(fault: Fault, client: &UpstreamClient) -> (String, FakeUpstream) {
    let fake = FakeUpstream::start();
    fake.fault("/index/config.json", fault);
    let upstream = partner(&fake.index_url());
    let word = match client.config(&upstream).await {
        Ok(_) => "sound".to_owned(),
        Err(failed) => word(&failed),
    };
    (word, fake)
}

async fn file(fault: Fault, client: &UpstreamClient) -> (String, FakeUpstream) {
    let fake = FakeUpstream::start();
    fake.publish(&package());
    fake.fault("/dl/", fault);
    let word = match download(client, &partner(&fake.index_url())).await {
        Ok(bytes) => compared(&bytes, &package().crate_bytes()),
        Err(failed) => word(&failed),
    };
    (word, fake)
}

/// What comes of a fault in the index, in `config.json` and in a download.
async fn outcomes(fault: Fault) -> [String; 3] {
    // where it is known that nothing comes, nobody waits long for it
    let client = match fault {
        Fault::Hang | Fault::Stall | Fault::SlowDrip(..) => impatient(),
        _ => bounded(Duration::from_secs(5)),
    };
    let all = async {
        [
            index(fault.clone(), &client).await.0,
            config(fault.clone(), &client).await.0,
            file(fault.clone(), &client).await.0,
        ]
    };
    let all = tokio::time::timeout(BOUND, all).await;
    all.unwrap_or_else(|_| panic!("{fault:?} keeps us waiting"))
}

async fn check(faults: impl IntoIterator<Item = (Fault, [&str; 3])>) {
    for (fault, expected) in faults {
        assert_eq!(outcomes(fault.clone()).await, expected, "{fault:?}");
    }
}

#[tokio::test]
async fn statuses_are_told_as_they_are_and_only_404_and_410_are_absence() {
    check([
        (Fault::Status(500), ["500"; 3]),
        (Fault::RetryAfter(503, 7), ["503"; 3]),
        (Fault::RetryAfter(429, 7), ["429"; 3]),
        (Fault::Status(401), ["401"; 3]),
        (Fault::Status(403), ["403"; 3]),
        (Fault::Status(451), ["451"; 3]),
        (Fault::Status(404), ["not there", "404", "file not there"]),
        (Fault::Status(410), ["not there", "410", "file not there"]),
    ])
    .await;
}

#[tokio::test]
async fn what_takes_too_long_is_a_timeout_wherever_it_stops() {
    check([
        (Fault::Hang, ["timeout"; 3]),
        (Fault::Stall, ["timeout"; 3]),
        (
            Fault::SlowDrip(1, Duration::from_millis(50)),
            ["timeout"; 3],
        ),
    ])
    .await;
}

#[tokio::test]
async fn connections_that_end_too_early_are_an_upstream_out_of_reach() {
    check([
        (Fault::HangUp, ["unreachable"; 3]),
        (Fault::Reset, ["unreachable"; 3]),
    ])
    .await;
}

#[tokio::test]
async fn pages_redirects_without_end_and_what_is_too_large_are_seen_through() {
    check([
        (Fault::Html, ["garbled"; 3]),
        (Fault::RedirectLoop, ["refused"; 3]),
        (Fault::Huge(HUGE), ["too large"; 3]),
        // nobody unpacks a download: its bytes have to hash as they are
        (
            Fault::GzipBomb(HUGE),
            ["too large", "too large", "other bytes"],
        ),
    ])
    .await;
}

/// Lines and archives are read by those who know their checksums; here they pass as they came, and a whole answer is one.
#[tokio::test]
async fn what_only_its_reader_can_judge_comes_through_as_it_is() {
    check([
        (Fault::WrongName, ["other bytes", "sound", "other bytes"]),
        (
            Fault::WrongChecksum,
            ["other bytes", "sound", "other bytes"],
        ),
        (Fault::Truncated, ["other bytes", "garbled", "other bytes"]),
        (Fault::Garbage, ["other bytes", "garbled", "other bytes"]),
        (Fault::Empty, ["garbled", "garbled", "other bytes"]),
    ])
    .await;
    let client = bounded(Duration::from_secs(5));
    assert_eq!(index(Fault::Corrupted, &client).await.0, "other bytes");
    assert_eq!(file(Fault::Corrupted, &client).await.0, "other bytes");
}

#[tokio::test]
async fn other_bytes_under_a_version_come_with_their_line_and_no_copy_hides_them() {
    let fake = FakeUpstream::start();
    let (client, upstream) = (client(), partner(&fake.index_url()));
    for changed in [package(), package().ballast(9_000)] {
        if fake.crate_names().is_empty() {
            fake.publish(&changed);
        } else {
            fake.republish(&changed);
        }
        let Ok(IndexAnswer::Found { bytes, .. }) = ask(&client, &upstream, None).await else {
            panic!("there is a file");
        };
        assert_eq!(bytes, format!("{}\n", changed.index_line()));
        let bytes = download(&client, &upstream).await.unwrap();
        assert_eq!(bytes, changed.crate_bytes());
    }
}

#[tokio::test]
async fn of_200_megabytes_no_more_is_read_than_the_limit() {
    let client = bounded(Duration::from_secs(5));
    for fake in [
        index(Fault::Huge(HUGE), &client).await.1,
        config(Fault::Huge(HUGE), &client).await.1,
        file(Fault::Huge(HUGE), &client).await.1,
    ] {
        let made = fake.made();
        assert!(made > 64 << 10 && made < LIMIT as usize + BUFFERS, "{made}");
    }
}

#[tokio::test]
async fn a_host_that_takes_no_connection_costs_the_time_for_connecting_and_no_more() {
    let dead = DeadEnd::start().await;
    let connect = Duration::from_millis(200);
    let client = UpstreamClient::new(ClientSettings {
        connect,
        timeout: Duration::from_mins(10),
        ..settings()
    })
    .unwrap();
    // files on a host of their own, which is the dead one
    let fake = FakeUpstream::start();
    fake.config("dl", dead.url());
    let (dead, alive) = (partner(&dead.index_url()), partner(&fake.index_url()));
    let all = async {
        [
            ask(&client, &dead, None).await.unwrap_err(),
            client.config(&dead).await.unwrap_err(),
            download(&client, &alive).await.unwrap_err(),
        ]
    };
    for failed in tokio::time::timeout(BOUND, all).await.unwrap() {
        let timeout = FailureReason::Timeout { patience: connect };
        assert_eq!(*failed.reason(), timeout, "{failed}");
    }
}

#[tokio::test]
async fn a_redirect_to_another_origin_serves_index_config_and_files() {
    let there = FakeUpstream::start();
    there.publish(&package());
    for redirected in ["/index/", "/dl/"] {
        let here = FakeUpstream::start();
        let (client, upstream) = (client(), partner(&here.index_url()));
        here.publish(&package());
        there.clear_requests();
        for path in [
            "/index/se/rd/serde",
            "/index/config.json",
            "/dl/serde/1.0.0/download",
        ] {
            if path.starts_with(redirected) {
                let to = format!("{}{path}", there.url());
                here.fault(path, Fault::Redirect(to));
            }
        }
        assert!(ask(&client, &upstream, None).await.is_ok());
        let bytes = download(&client, &upstream).await.unwrap();
        assert_eq!(bytes, package().crate_bytes());
        assert!(!there.requests_to(redirected).is_empty(), "{redirected}");
    }
}

/// A failure of one name says nothing of others: after each of them a sound name is answered.
#[tokio::test]
async fn whatever_a_name_fails_by_the_next_one_is_answered() {
    let fake = FakeUpstream::start();
    fake.publish(&package());
    fake.publish(&Package::new("broken", "1.0.0"));
    let (client, upstream) = (client(), partner(&fake.index_url()));
    let bad = "broken".parse().unwrap();
    for fault in [
        Fault::Status(403),
        Fault::Html,
        Fault::Empty,
        Fault::HangUp,
        Fault::Reset,
        Fault::Status(500),
        Fault::Huge(HUGE),
    ] {
        fake.fault("/index/br/", fault.clone());
        let failed = client.index_file(&upstream, &bad, None).await;
        assert!(failed.is_err(), "{fault:?}");
        assert!(ask(&client, &upstream, None).await.is_ok(), "{fault:?}");
    }
}
