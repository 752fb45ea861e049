//! Somebody in front of a browser.

use supercargo_testkit::{Chromium, Tab, TabOptions};

use crate::acme::PASSWORD;

/// Signs in on the page for it.
pub(crate) async fn sign_in(tab: &Tab, name: &str, password: &str) {
    tab.go("/-/login").await;
    tab.fill("field Name", name).await;
    tab.fill("field Password or token", password).await;
    tab.click("button Sign in").await;
    tab.see(&format!("css summary[aria-label$=\"{name}: account\"]"))
        .await;
}

/// A tab in which somebody of acme is signed in.
pub(crate) async fn tab_of(chromium: &Chromium, base: &str, name: &str) -> Tab {
    let tab = chromium.tab(base, TabOptions::default()).await;
    sign_in(&tab, name, PASSWORD).await;
    tab
}

/// That nothing is wrong with the page as it stands, and that no script complained on the way here.
pub(crate) async fn all_is_well(tab: &Tab) {
    let path = tab.path().await;
    let found = tab.inspect().await;
    assert!(found.is_empty(), "{path}: {found:#?}");
    let complaints = tab.complaints().await;
    assert!(complaints.is_empty(), "{path}: {complaints:#?}");
}
