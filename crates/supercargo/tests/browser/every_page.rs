//! Every page: with and without JavaScript, at two widths, light and dark. Issue 6, "Tests".

use supercargo_testkit::{Chromium, TabOptions};

use crate::{acme::Acme, addresses, visitor};

/// WCAG 2.2 AA as far as axe can tell, no error in the console (which is where a violation of the Content Security Policy
/// stands), nothing from elsewhere, no scrolling sideways, at most 100 KiB of markup, one heading, a title.
#[test]
fn nothing_is_wrong_with_any_page() {
    supercargo_testkit::run(async {
        let acme = Acme::start().await;
        let chromium = Chromium::start().await;
        let base = acme.server.base();
        let mira = visitor::tab_of(&chromium, &base, "mira").await;
        let mut findings = mira.survey(&addresses::of_an_admin()).await;
        let nobody = chromium.tab(&base, TabOptions::default()).await;
        let public = nobody.survey(&addresses::of_anybody()).await;
        findings.extend(public.iter().map(|found| format!("signed out: {found}")));
        assert!(
            findings.is_empty(),
            "{} findings:\n{}",
            findings.len(),
            findings.join("\n")
        );
    });
}
