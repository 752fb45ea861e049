//! Whom we ask, and what we show them: the guard, redirects, credentials.

use std::{collections::VecDeque, net::IpAddr};

use supercargo_testkit::{FakeUpstream, Fault, Package};
use supercargo_upstream::{FailureKind, FailureReason, Lookup};

use super::{
    every_fault::{download, partner, word},
    *,
};

fn strict() -> UpstreamClient {
    UpstreamClient::new(ClientSettings::default()).unwrap()
}

#[tokio::test]
async fn private_addresses_are_refused_unless_allowed() {
    let server = Server::start(|_| text("line\n")).await;
    let failed = ask(&strict(), &server.upstream(), None).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "upstream `partner` resolves to a private address (127.0.0.1); an administrator can allow it with `upstream.allow_addresses`"
    );
    assert_eq!(failed.kind(), FailureKind::BadGateway);
    assert!(server.asked().is_empty());
    assert!(ask(&client(), &server.upstream(), None).await.is_ok());
}

#[tokio::test]
async fn a_name_with_a_private_address_is_refused_at_the_moment_of_connecting() {
    let server = Server::start(|_| text("line\n")).await;
    let named = Server {
        base: server.base.replace("127.0.0.1", "localhost"),
        log: server.log.clone(),
    };
    let failed = ask(&strict(), &named.upstream(), None).await.unwrap_err();
    assert!(
        matches!(failed.reason(), FailureReason::Private(_)),
        "{failed}"
    );
    assert!(server.asked().is_empty());
    let by_name = UpstreamClient::new(ClientSettings {
        allow: vec!["localhost".parse().unwrap()],
        ..ClientSettings::default()
    });
    assert!(
        ask(&by_name.unwrap(), &named.upstream(), None)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn presets_are_exempt() {
    let server = Server::start(|_| text("line\n")).await;
    let upstream = Upstream {
        also: Vec::new(),
        is_preset: true,
        ..server.upstream()
    };
    assert!(ask(&strict(), &upstream, None).await.is_ok());
}

#[tokio::test]
async fn every_hop_passes_the_guard() {
    // allowed by name, so that the address behind it is not
    let inner = Server::start(|_| text("secret of the inner network")).await;
    let to = inner.base.clone();
    let outer = Server::start(move |_| redirect(&to)).await;
    let by_name = UpstreamClient::new(ClientSettings {
        allow: vec!["localhost".parse().unwrap()],
        ..ClientSettings::default()
    })
    .unwrap();
    let named = Server {
        base: outer.base.replace("127.0.0.1", "localhost"),
        log: outer.log.clone(),
    };
    let failed = ask(&by_name, &named.upstream(), None).await.unwrap_err();
    assert!(
        matches!(failed.reason(), FailureReason::Private(_)),
        "{failed}"
    );
    assert_eq!(outer.asked().len(), 1);
    assert!(inner.asked().is_empty());
}

#[tokio::test]
async fn credentials_are_sent_as_they_were_given() {
    let basic = UpstreamAuth::Basic {
        username: "us".to_owned(),
        secret: secret("pass"),
    };
    for (auth, header) in [
        (UpstreamAuth::None, None),
        (UpstreamAuth::Token(secret("abc")), Some("abc")),
        (UpstreamAuth::Bearer(secret("abc")), Some("Bearer abc")),
        (basic, Some("Basic dXM6cGFzcw==")),
    ] {
        let server = Server::start(|asked| {
            let host = asked.header("host").unwrap();
            text(format!(r#"{{"dl":"http://{host}/dl"}}"#))
        })
        .await;
        let upstream = server.with(auth);
        ask(&client(), &upstream, None).await.unwrap();
        fetch(&client(), &upstream).await.unwrap();
        let asked = server.asked();
        assert_eq!(asked.len(), 3);
        for asked in asked {
            assert_eq!(asked.header("authorization"), header, "{}", asked.path);
        }
    }
}

#[tokio::test]
async fn credentials_that_no_header_can_carry_are_refused() {
    let server = Server::start(|_| text("line\n")).await;
    let upstream = server.with(UpstreamAuth::Token(secret("a\nb")));
    let failed = ask(&client(), &upstream, None).await.unwrap_err();
    assert!(
        matches!(failed.reason(), FailureReason::Refused(_)),
        "{failed}"
    );
    assert!(!failed.to_string().contains("a\nb"));
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn downloads_from_another_origin_see_no_credentials() {
    let files = Server::start(|_| text("bytes")).await;
    let dl = files.base.clone();
    let index =
        Server::start(move |_| text(format!(r#"{{"dl":"{dl}","auth-required":true}}"#))).await;
    let upstream = index.with(UpstreamAuth::Bearer(secret("abc")));
    assert_eq!(fetch(&client(), &upstream).await.unwrap(), b"bytes");
    assert_eq!(index.asked()[0].header("authorization"), Some("Bearer abc"));
    assert_eq!(files.asked()[0].header("authorization"), None);
}

#[tokio::test]
async fn redirects_within_an_origin_keep_credentials_and_others_lose_them_for_good() {
    let home = Arc::new(Mutex::new(String::new()));
    let back = home.clone();
    let stranger =
        Server::start(move |_| redirect(&format!("{}/back", back.lock().unwrap()))).await;
    let away = stranger.base.clone();
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/index/se/rd/serde" => redirect("/within"),
        "/within" => redirect(&away),
        _ => text("line\n"),
    })
    .await;
    (*home.lock().unwrap()).clone_from(&server.base);
    let upstream = server.with(UpstreamAuth::Token(secret("abc")));
    assert!(ask(&client(), &upstream, None).await.is_ok());
    let shown: Vec<_> = server
        .asked()
        .iter()
        .map(|asked| (asked.path.clone(), asked.header("authorization").is_some()))
        .collect();
    assert_eq!(
        shown,
        [
            ("/index/se/rd/serde".to_owned(), true),
            ("/within".to_owned(), true),
            ("/back".to_owned(), false)
        ]
    );
    assert_eq!(stranger.asked()[0].header("authorization"), None);
}

#[tokio::test]
async fn loops_and_senseless_redirects_end() {
    let server = Server::start(|asked| redirect(&asked.path)).await;
    let failed = ask(&client(), &server.upstream(), None).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "upstream `partner` redirects more than 5 times"
    );
    assert_eq!(server.asked().len(), 6);
    for location in [
        "ftp://registry.example/",
        "file:///etc/passwd",
        "http://u:p@registry.example/",
    ] {
        let server = Server::start(move |_| redirect(location)).await;
        let failed = ask(&client(), &server.upstream(), None).await.unwrap_err();
        assert!(
            matches!(failed.reason(), FailureReason::Refused(_)),
            "{failed}"
        );
    }
    for bad in [status(302), redirect("http://[")] {
        let bad = Arc::new(Mutex::new(Some(bad)));
        let server = Server::start(move |_| bad.lock().unwrap().take().unwrap()).await;
        let failed = ask(&client(), &server.upstream(), None).await.unwrap_err();
        assert!(
            matches!(failed.reason(), FailureReason::Garbled(_)),
            "{failed}"
        );
    }
}

#[tokio::test]
async fn every_kind_of_redirect_is_followed() {
    for code in [301, 302, 303, 307, 308] {
        let server = Server::start(move |asked| match asked.path.as_str() {
            "/there" => text("line\n"),
            _ => with(status(code), "location", "../../../there"),
        })
        .await;
        assert!(
            ask(&client(), &server.upstream(), None).await.is_ok(),
            "{code}"
        );
    }
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// A client that asks a name server of whoever owns the names, and may go to 127.0.0.1 and nowhere else on this machine.
fn told(answers: &[&[&str]]) -> (UpstreamClient, Arc<Mutex<VecDeque<Vec<IpAddr>>>>) {
    let answers: VecDeque<_> = answers.iter().map(|answer| addresses(answer)).collect();
    let answers = Arc::new(Mutex::new(answers));
    let client = UpstreamClient::new(ClientSettings {
        allow: vec!["127.0.0.1".parse().unwrap()],
        lookup: Lookup::Scripted(answers.clone()),
        ..ClientSettings::default()
    });
    (client.unwrap(), answers)
}

/// A server on 127.0.0.1 that closes each connection, and a witness at the same port of 127.0.0.2.
async fn server_and_witness() -> (Server, std::net::TcpListener, u16) {
    let server = Server::start(|_| with(text("line\n"), "connection", "close")).await;
    let port: u16 = server.base.rsplit(':').next().unwrap().parse().unwrap();
    let witness = std::net::TcpListener::bind(("127.0.0.2", port)).unwrap();
    witness.set_nonblocking(true).unwrap();
    (server, witness, port)
}

fn named(port: u16) -> Upstream {
    partner(&format!("sparse+http://rebind.example:{port}/index/"))
}

/// What the tests below rely on.
#[tokio::test]
async fn the_witness_sees_whoever_is_allowed_to_come() {
    let (_server, witness, port) = server_and_witness().await;
    let answers = VecDeque::from([addresses(&["127.0.0.2"])]);
    let client = UpstreamClient::new(ClientSettings {
        lookup: Lookup::Scripted(Arc::new(Mutex::new(answers))),
        timeout: Duration::from_millis(300),
        ..settings()
    });
    let failed = ask(&client.unwrap(), &named(port), None).await.unwrap_err();
    assert_eq!(word(&failed), "timeout");
    assert!(witness.accept().is_ok());
}

/// DNS rebinding: the owner of a name answers with an address that is allowed, and then with one that is not.
#[tokio::test]
async fn a_name_whose_address_changes_is_judged_again_with_each_connection() {
    let (server, witness, port) = server_and_witness().await;
    let (client, _) = told(&[&["127.0.0.1"], &["127.0.0.2"]]);
    assert!(ask(&client, &named(port), None).await.is_ok());
    let failed = ask(&client, &named(port), None).await.unwrap_err();
    let private = FailureReason::Private("127.0.0.2".parse().unwrap());
    assert_eq!(*failed.reason(), private, "{failed}");
    assert_eq!(server.asked().len(), 1);
    assert!(witness.accept().is_err(), "nobody came there");
}

/// Time of check, time of use: were the name asked once to judge it and once to connect, the second answer would win.
#[tokio::test]
async fn the_address_that_was_judged_is_the_one_that_is_connected_to() {
    let (server, witness, port) = server_and_witness().await;
    let (client, left) = told(&[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.2"]]);
    assert!(ask(&client, &named(port), None).await.is_ok());
    assert_eq!(left.lock().unwrap().len(), 2, "one look-up, one connection");
    assert_eq!(server.asked().len(), 1);
    assert!(witness.accept().is_err(), "nobody came there");
}

#[tokio::test]
async fn of_several_addresses_only_those_that_are_allowed_are_tried() {
    let (server, witness, port) = server_and_witness().await;
    let (client, _) = told(&[&["127.0.0.2", "169.254.169.254", "::1", "127.0.0.1"]]);
    for _ in 0..3 {
        assert!(ask(&client, &named(port), None).await.is_ok());
    }
    assert_eq!(server.asked().len(), 3);
    assert!(witness.accept().is_err(), "nobody came there");
    // dead, and with nothing but the forbidden beside it
    drop(server);
    let (client, _) = told(&[&["127.0.0.2", "::ffff:127.0.0.2"]]);
    let failed = ask(&client, &named(port), None).await.unwrap_err();
    assert_eq!(word(&failed), "private");
    assert!(witness.accept().is_err(), "nobody came there");
}

/// IPv4 in the clothes of IPv6: mapped, compatible, NAT64, 6to4, Teredo.
#[tokio::test]
async fn addresses_that_hold_a_private_one_are_private_wherever_they_come_from() {
    let (client, _) = told(&[]);
    for address in [
        "::ffff:127.0.0.2",
        "::ffff:10.0.0.1",
        "::ffff:0:10.0.0.1",
        "::10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::10.0.0.1",
        "2002:a00:1::",
        "2001:0:a00:1::",
    ] {
        let (by_name, _) = told(&[&[address]]);
        for (client, upstream) in [
            (&client, partner(&format!("sparse+http://[{address}]/"))),
            (&by_name, named(80)),
        ] {
            let failed = ask(client, &upstream, None).await.unwrap_err();
            assert_eq!(word(&failed), "private", "{address}");
        }
    }
}

/// An upstream's own `config.json` and its redirects choose where a download goes to.
#[tokio::test]
async fn downloads_pass_the_guard_too() {
    let (server, witness, port) = server_and_witness().await;
    drop(server);
    let fake = FakeUpstream::start();
    fake.publish(&Package::new("serde", "1.0.0"));
    let upstream = partner(&fake.index_url());
    for dl in [
        format!("http://127.0.0.2:{port}/dl"),
        format!("http://rebind.example:{port}/dl"),
        format!("http://[::ffff:127.0.0.2]:{port}/dl"),
        format!("http://0x7f000002:{port}/dl"),
        "http://169.254.169.254/latest/meta-data/{crate}".to_owned(),
        "http://[64:ff9b::a9fe:a9fe]/{crate}".to_owned(),
    ] {
        for is_redirected in [false, true] {
            let (client, _) = told(&[&["127.0.0.2"]]);
            if is_redirected {
                fake.config("dl", format!("{}/dl", fake.url()));
                fake.fault("/dl/", Fault::Redirect(dl.clone()));
            } else {
                fake.config("dl", dl.clone());
            }
            let failed = download(&client, &upstream).await.unwrap_err();
            assert_eq!(word(&failed), "private", "{dl}");
        }
    }
    assert!(witness.accept().is_err(), "nobody came there");
}

/// R2: whatever an upstream's answers say, only the origin of its index sees what was given for it.
#[tokio::test]
async fn no_redirect_and_no_foreign_dl_carries_credentials_away() {
    let stranger = FakeUpstream::start();
    let package = Package::new("serde", "1.0.0");
    stranger.publish(&package);
    for auth in [
        UpstreamAuth::Token(secret("abc")),
        UpstreamAuth::Bearer(secret("abc")),
        UpstreamAuth::Basic {
            username: "us".to_owned(),
            secret: secret("abc"),
        },
    ] {
        for path in [
            "/index/se/rd/serde",
            "/index/config.json",
            "/dl/serde/1.0.0/download",
        ] {
            let home = FakeUpstream::start();
            home.publish(&package);
            home.fault(path, Fault::Redirect(format!("{}{path}", stranger.url())));
            let upstream = Upstream {
                auth: auth.clone(),
                ..partner(&home.index_url())
            };
            let client = client();
            ask(&client, &upstream, None).await.unwrap();
            download(&client, &upstream).await.unwrap();
            assert!(!stranger.requests_to(path).is_empty(), "{path}");
            for request in home.requests() {
                assert!(
                    request.header("authorization").is_some(),
                    "{}",
                    request.path
                );
            }
        }
        // another port, another scheme and another name of the same machine are other origins
        for dl in [
            format!("{}/dl", stranger.url()),
            format!("{}/dl", stranger.url().replace("127.0.0.1", "localhost")),
        ] {
            let home = FakeUpstream::start();
            home.publish(&package);
            home.config("dl", dl);
            home.config("auth-required", true);
            let upstream = Upstream {
                auth: auth.clone(),
                ..partner(&home.index_url())
            };
            let by_name = UpstreamClient::new(ClientSettings {
                allow: vec!["localhost".parse().unwrap(), "127.0.0.1".parse().unwrap()],
                ..settings()
            });
            download(&by_name.unwrap(), &upstream).await.unwrap();
        }
    }
    assert!(stranger.requests_to("/dl/").len() > 6);
    for request in stranger.requests() {
        for name in ["authorization", "cookie", "referer", "proxy-authorization"] {
            assert_eq!(request.header(name), None, "{name}: {}", request.path);
        }
    }
}
