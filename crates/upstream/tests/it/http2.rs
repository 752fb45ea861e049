//! TLS, and HTTP/2 where an upstream offers it.

use futures_util::future::join_all;
use http::Version;
use supercargo_testkit::{Authority, FakeUpstream, Fault, Package};

use super::{
    every_fault::{download, partner, word},
    *,
};

fn trusting(authority: &Authority) -> UpstreamClient {
    UpstreamClient::new(ClientSettings {
        authorities: vec![authority.pem().into_bytes()],
        ..settings()
    })
    .unwrap()
}

fn fake(authority: &Authority) -> FakeUpstream {
    let fake = FakeUpstream::start_tls(authority);
    fake.publish(&Package::new("serde", "1.0.0").ballast(300_000));
    fake
}

#[tokio::test]
async fn many_questions_and_downloads_share_one_connection() {
    let authority = Authority::new();
    let fake = fake(&authority);
    let (client, upstream) = (trusting(&authority), partner(&fake.index_url()));
    let bytes = download(&client, &upstream).await.unwrap();
    let names: Vec<_> = (0..300)
        .map(|number| format!("crate-{number}").parse().unwrap())
        .collect();
    let questions = names
        .iter()
        .map(|name| client.index_file(&upstream, name, None));
    let downloads = (0..20).map(|_| download(&client, &upstream));
    let (answers, files) = tokio::join!(join_all(questions), join_all(downloads));
    assert_eq!(answers, vec![Ok(IndexAnswer::NotThere); 300]);
    assert!(files.into_iter().all(|file| file.unwrap() == bytes));
    assert_eq!(fake.connections(), 1);
    let requests = fake.requests();
    assert_eq!(requests.len(), 322);
    assert!(
        requests
            .iter()
            .all(|request| request.protocol == Version::HTTP_2)
    );
}

#[tokio::test]
async fn a_cold_start_with_many_questions_needs_few_connections() {
    let authority = Authority::new();
    let fake = fake(&authority);
    let (client, upstream) = (trusting(&authority), partner(&fake.index_url()));
    let answers = join_all((0..100).map(|_| ask(&client, &upstream, None))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn a_certificate_of_nobody_we_trust_is_refused_before_anything_is_said() {
    let fake = fake(&Authority::new());
    let upstream = Upstream {
        auth: UpstreamAuth::Bearer(secret("abc")),
        ..partner(&fake.index_url())
    };
    let client = trusting(&Authority::new());
    let failed = ask(&client, &upstream, None).await.unwrap_err();
    assert_eq!(word(&failed), "unreachable");
    assert!(failed.to_string().contains("certificate"), "{failed}");
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_out_of_encryption_is_not_followed() {
    let authority = Authority::new();
    let (fake, plain) = (fake(&authority), FakeUpstream::start());
    let upstream = partner(&fake.index_url());
    fake.fault("/index/se/", Fault::Redirect(format!("{}/x", plain.url())));
    let failed = ask(&trusting(&authority), &upstream, None).await;
    assert_eq!(
        failed.unwrap_err().to_string(),
        "upstream `partner` redirects from https to http, which is not followed"
    );
    assert!(plain.requests().is_empty());
}

#[tokio::test]
async fn streams_that_are_reset_fail_alone() {
    let authority = Authority::new();
    let fake = fake(&authority);
    let (client, upstream) = (trusting(&authority), partner(&fake.index_url()));
    download(&client, &upstream).await.unwrap();
    fake.fault("/index/se/", Fault::Reset);
    let failed = ask(&client, &upstream, None).await.unwrap_err();
    assert_eq!(word(&failed), "unreachable");
    download(&client, &upstream).await.unwrap();
    assert_eq!(fake.connections(), 1);
}
