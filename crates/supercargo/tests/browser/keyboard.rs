//! Without a mouse.

use supercargo_testkit::Chromium;

use crate::{acme::Acme, visitor};

#[test]
fn pages_are_used_by_keyboard_alone() {
    supercargo_testkit::run(async {
        let acme = Acme::start().await;
        let chromium = Chromium::start().await;
        let mira = visitor::tab_of(&chromium, &acme.server.base(), "mira").await;

        // the first stop leads past what every page has
        mira.go("/acme").await;
        mira.press("Tab").await;
        let first = mira.focused().await;
        assert!(first.starts_with('a') && first.contains("Skip"), "{first}");
        mira.press("Enter").await;
        assert!(
            mira.focused().await.starts_with("main#main"),
            "{}",
            mira.focused().await
        );

        // stops come in the order in which one reads: nobody has put them elsewhere
        assert_eq!(
            mira.count("css [tabindex]:not([tabindex=\"0\"]):not([tabindex=\"-1\"])")
                .await,
            0
        );
        mira.go("/acme").await;
        let mut stops = Vec::new();
        for _ in 0..24 {
            mira.press("Tab").await;
            stops.push(mira.focused().await);
        }
        let place = |wanted: &str| stops.iter().position(|stop| stop.contains(wanted));
        let [search, account, tab] =
            ["input#find", "mira: account", "Upstreams and cache"].map(place);
        assert!(
            search.is_some() && search < account && account < tab,
            "{stops:#?}"
        );

        // `/` goes to the search, from anywhere but a field
        mira.go("/acme/crates/acme-telemetry").await;
        mira.press("/").await;
        assert!(mira.focused().await.starts_with("input#find"));
        mira.type_text("acme/auth").await;
        assert_eq!(mira.value("css #find").await, "acme/auth");
        mira.fill("css #find", "acme-auth").await;
        mira.press("Enter").await;
        mira.see("text acme-auth").await;
        assert!(
            mira.path().await.starts_with("/-/search?q=acme-auth"),
            "{}",
            mira.path().await
        );

        // menus open and close, and give the focus back
        let menu = "css details.menu[open]";
        mira.focus("css summary[aria-label$=\" mira: account\"]")
            .await;
        mira.press("Enter").await;
        assert_eq!(mira.count(menu).await, 1);
        mira.press("Tab").await;
        assert!(
            mira.focused().await.contains("Account"),
            "{}",
            mira.focused().await
        );
        mira.press("Escape").await;
        assert_eq!(mira.count(menu).await, 0);
        assert!(
            mira.focused().await.contains("mira: account"),
            "{}",
            mira.focused().await
        );
        assert_eq!(mira.complaints().await, [""; 0]);
    });
}
