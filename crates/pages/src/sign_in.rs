//! Signing in, and what belongs to the account of who has.

use askama::Template;

use crate::{Frame, Moment, filters};

/// The page where people sign in.
#[derive(Debug, Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    /// Around it.
    pub frame: Frame,
    /// Proves that the form is ours, before there is a session.
    pub csrf: String,
    /// Where the person goes from here, below BASE.
    pub return_to: String,
    /// What people call the provider, where there is one.
    pub provider: Option<String>,
    /// The name that was typed.
    pub user: String,
    /// Why it did not go well.
    pub problem: Option<String>,
}

/// Sends the browser to the provider. A redirect would not do: after a form, browsers hold it against the Content Security
/// Policy of the page that had the form.
#[derive(Debug, Template)]
#[template(path = "leave.html")]
pub struct LeavePage {
    /// Around it.
    pub frame: Frame,
    /// What people call the provider.
    pub provider: String,
    /// Where it goes.
    pub url: String,
}

/// The page of who is signed in.
#[derive(Debug, Template)]
#[template(path = "account.html")]
pub struct AccountPage {
    /// Around it.
    pub frame: Frame,
    /// As people write it.
    pub name: String,
    /// Where they can be written to.
    pub email: Option<String>,
    /// What they are on the instance.
    pub role: String,
    /// Whether they can sign in with a password.
    pub has_password: bool,
    /// Where the person is signed in; the newest first.
    pub sessions: Vec<SessionRow>,
    /// Who they are at providers.
    pub identities: Vec<IdentityRow>,
    /// What people call the provider, where there is one.
    pub provider: Option<String>,
    /// What went well.
    pub done: Option<String>,
    /// Why their password is the old one.
    pub problem: Option<String>,
    /// Why no identity is linked.
    pub link_problem: Option<String>,
}

/// A browser that is signed in.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// Its id.
    pub id: String,
    /// In a few words: `Firefox on Linux`.
    pub browser: String,
    /// All that it says of itself.
    pub user_agent: String,
    /// From where it signed in.
    pub address: String,
    /// The provider, or that it was a password.
    pub with: String,
    /// When it signed in.
    pub created: Moment,
    /// When it was used last.
    pub used: Moment,
    /// Whether it is this one.
    pub is_current: bool,
}

/// Who somebody is at a provider.
#[derive(Clone, Debug)]
pub struct IdentityRow {
    /// The provider.
    pub issuer: String,
    /// What it calls them.
    pub subject: String,
    /// The address that it told.
    pub email: Option<String>,
    /// When it was linked.
    pub linked: Moment,
    /// When somebody signed in with it last.
    pub used: Option<Moment>,
}

/// A browser in a few words, out of what it says of itself. All of them say that they are most of the others.
pub fn browser(user_agent: &str) -> String {
    const BROWSERS: [(&str, &str); 8] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Vivaldi/", "Vivaldi"),
        ("Firefox/", "Firefox"),
        ("Chromium/", "Chromium"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let find = |list: &[(&str, &'static str)]| {
        let found = list.iter().find(|(mark, _)| user_agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ => "a browser".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_told_in_a_few_words() {
        for (agent, words) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            ("curl/8.0", "a browser"),
        ] {
            assert_eq!(browser(agent), words);
        }
    }
}
