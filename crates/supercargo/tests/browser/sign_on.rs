//! Signing in with OpenID Connect, in a real browser with a provider that others wrote. Row I7.

use serde_json::json;
use supercargo_testkit::{Chromium, OidcProvider, Server, ServerOptions, Tab, TabOptions};

use crate::{acme::PROGRAM, visitor};

async fn server_and_provider() -> (Server, OidcProvider) {
    let provider = OidcProvider::start();
    let options = ServerOptions::new(PROGRAM)
        .setting("sign_on.issuer", provider.url())
        .setting("sign_on.client_id", OidcProvider::CLIENT)
        .setting("sign_on.client_secret", OidcProvider::SECRET)
        .setting("sign_on.scopes", "groups")
        .setting("sign_on.groups_claim", "groups")
        .setting("sign_on.label", "Acme");
    let server = Server::start(options).await;
    provider.serves(&server).await;
    let claims = json!({
        "preferred_username": "alice", "email": "alice@acme.example", "email_verified": true, "groups": [],
    });
    provider.knows("alice", claims).await;
    (server, provider)
}

/// From the sign-in page to the provider, through its forms, and back.
async fn through_the_provider(tab: &Tab, provider: &OidcProvider) {
    tab.click("button Sign in with Acme").await;
    // a page of ours leads there by itself
    tab.see("css input[name=login]").await;
    for _ in 0..4 {
        let path = tab.path().await;
        if !path.starts_with(provider.url()) {
            return;
        }
        if tab.count("css input[name=login]").await > 0 {
            tab.fill("css input[name=login]", "alice").await;
            tab.fill("css input[name=password]", "whatever").await;
        }
        tab.click("css form [type=submit]").await;
    }
    panic!("the provider has no end of forms: {}", tab.path().await);
}

async fn signs_in_and_out(options: TabOptions) {
    let (server, provider) = server_and_provider().await;
    let chromium = Chromium::start().await;
    let tab = chromium.tab(&server.base(), options).await;
    // to where one wanted to go
    tab.go("/-/account/tokens").await;
    assert!(
        tab.path().await.starts_with("/-/login?"),
        "{}",
        tab.path().await
    );
    if options.javascript {
        visitor::all_is_well(&tab).await;
    }
    through_the_provider(&tab, &provider).await;
    assert_eq!(tab.path().await, "/-/account/tokens");
    // the provider's own pages ask for fonts that are not there
    let mut complaints = tab.complaints().await;
    complaints.retain(|complaint| complaint.contains(&server.base()));
    assert!(complaints.is_empty(), "{complaints:#?}");
    tab.see("css summary[aria-label$=\" alice: account\"]")
        .await;
    tab.go("/-/account").await;
    assert_eq!(tab.text("css h1").await, "alice");
    if options.javascript {
        visitor::all_is_well(&tab).await;
    }
    tab.click("css summary[aria-label$=\" alice: account\"]")
        .await;
    tab.click("button Sign out").await;
    // the provider asks whether its own session is to end too
    tab.see("css [name=logout]").await;
    tab.go("/-/account").await;
    assert!(
        tab.path().await.starts_with("/-/login?"),
        "{}",
        tab.path().await
    );
}

#[test]
fn a_person_signs_in_with_the_provider_and_out_again() {
    supercargo_testkit::run(signs_in_and_out(TabOptions::default()));
}

#[test]
fn it_needs_no_javascript() {
    supercargo_testkit::run(signs_in_and_out(TabOptions {
        javascript: false,
        width: 360,
        ..TabOptions::default()
    }));
}
