//! The cookies that prove something. Each is for this host and this server's path alone, and no script reads it.

use http::{HeaderMap, HeaderValue};
use supercargo_types::Site;

use super::visitor;

/// What a cookie is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The secret of a session.
    Session,
    /// What a form carries that is sent before anybody is signed in.
    Form,
    /// A sign-in with a provider that was begun.
    SignOn,
}

impl Cookie {
    /// `__Host-` has browsers refuse what another host of the same domain sets under this name, or what came unencrypted. It
    /// is for cookies of a whole host.
    fn name(self, site: &Site) -> &'static str {
        let is_whole_host = is_encrypted(site) && site.path_prefix().is_empty();
        match (self, is_whole_host) {
            (Self::Session, true) => "__Host-supercargo",
            (Self::Session, false) => "supercargo-session",
            (Self::Form, true) => "__Host-supercargo-form",
            (Self::Form, false) => "supercargo-form",
            (Self::SignOn, true) => "__Host-supercargo-sign-on",
            (Self::SignOn, false) => "supercargo-sign-on",
        }
    }

    /// What the browser has; nothing where it has two of the name, for one of them was put there by somebody else.
    pub(crate) fn read(self, headers: &HeaderMap, site: &Site) -> Option<String> {
        let mut found = visitor::cookies(headers, self.name(site));
        let value = found.next()?;
        found.next().is_none().then(|| value.to_owned())
    }

    /// Keeps a value for so many seconds, or for as long as the browser runs.
    pub(crate) fn set(self, site: &Site, value: &str, seconds: Option<u64>) -> Option<HeaderValue> {
        let name = self.name(site);
        let path = match site.path_prefix() {
            "" => "/",
            prefix => prefix,
        };
        let secure = if is_encrypted(site) { "; Secure" } else { "" };
        let age = seconds.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
        // Lax: people come back from their provider, and from a link, signed in as they were
        let text = format!("{name}={value}; Path={path}{age}; HttpOnly; SameSite=Lax{secure}");
        text.parse().ok()
    }

    /// Takes it away.
    pub(crate) fn remove(self, site: &Site) -> Option<HeaderValue> {
        self.set(site, "", Some(0))
    }
}

fn is_encrypted(site: &Site) -> bool {
    site.base().starts_with("https:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(base: &str) -> String {
        let site = Site::new(base, &[]).unwrap();
        let header = Cookie::Session.set(&site, "x", Some(60)).unwrap();
        header.to_str().unwrap().to_owned()
    }

    /// I7 (cookie attributes).
    #[test]
    fn a_cookie_is_for_this_server_alone() {
        insta::assert_snapshot!(
            ["https://crates.acme.example", "https://acme.example/crates", "http://127.0.0.1:22746"]
                .map(set)
                .join("\n"),
            @"
        __Host-supercargo=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure
        supercargo-session=x; Path=/crates; Max-Age=60; HttpOnly; SameSite=Lax; Secure
        supercargo-session=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax
        "
        );
    }

    #[test]
    fn of_two_cookies_with_one_name_none_is_believed() {
        let site = Site::new("http://127.0.0.1:22746", &[]).unwrap();
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(http::header::COOKIE, value.parse().unwrap());
            Cookie::Session.read(&headers, &site)
        };
        assert_eq!(read("a=b; supercargo-session=x").as_deref(), Some("x"));
        assert_eq!(read("supercargo-session=x; supercargo-session=y"), None);
        assert_eq!(read("supercargo-sessions=x; xsupercargo-session=y"), None);
    }
}
