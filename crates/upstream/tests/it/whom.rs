//! Whom we ask, and what we show them: the guard, redirects, credentials.

use supercargo_upstream::{FailureKind, FailureReason};

use super::*;

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
