//! Forms, and the proof that they are ours.
//!
//! A browser sends the cookie of a session along with whatever a stranger's page makes it send (cross-site request forgery).
//! So a form that changes something carries a value that only our pages have, and the browser itself must say that the
//! request comes from a page of ours.

use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use axum::body::Body;
use http::{HeaderMap, HeaderName, header};
use supercargo_registry::Failure;
use supercargo_types::{Random, Site, hex, unhex};
use url::Url;

use crate::body;

/// Forms are small; the longest holds a list of patterns.
const LONGEST: usize = 64 * 1024;
pub(crate) const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The hidden field of every form.
pub(crate) const FIELD: &str = "csrf";
/// What the value is for, so that it can be nothing else that is made of the same secret.
const PURPOSE: &[u8] = b"supercargo form v1";

/// Why a form is not believed to be one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotOurs {
    /// The browser says so, or says nothing.
    #[error("your browser did not say that this form was sent from a page of this server")]
    Origin,
    /// Its hidden field is missing, or of another session.
    #[error("this form is of another sign-in")]
    Token,
}

/// The fields that were sent.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// # Errors
    /// Where it is too long, or breaks off.
    pub(crate) async fn read(body: Body) -> Result<Self, Failure> {
        let bytes = body::whole(body, LONGEST).await?;
        Ok(Self(
            url::form_urlencoded::parse(&bytes).into_owned().collect(),
        ))
    }

    #[cfg(test)]
    pub(crate) fn of(fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter();
        Self(
            fields
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    /// The only field of a form that is checked before the rest of it is read.
    pub(crate) fn of_field(name: &str, value: String) -> Self {
        Self(vec![(name.to_owned(), value)])
    }

    /// The first field of this name; empty where there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        let mut fields = self.0.iter();
        let found = fields.find(|(found, _)| found == name);
        found.map_or("", |(_, value)| value)
    }

    /// Every field of this name, as boxes send them.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.0.iter();
        let found = fields.filter(move |(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it is one of ours, sent in the session of this secret.
    ///
    /// # Errors
    /// Where it is not.
    pub(crate) fn check(
        &self,
        headers: &HeaderMap,
        site: &Site,
        secret: &[u8],
    ) -> Result<(), NotOurs> {
        check_origin(headers, site)?;
        let sent: [u8; 64] = unhex(self.get(FIELD))
            .and_then(|sent| sent.try_into().ok())
            .ok_or(NotOurs::Token)?;
        let (mask, masked) = sent.split_at(32);
        let sent: Vec<u8> = mask.iter().zip(masked).map(|(a, b)| a ^ b).collect();
        // in a time that says nothing about where they differ
        hmac::verify(&key(secret), PURPOSE, &sent).map_err(|_| NotOurs::Token)
    }
}

/// What the forms of a session carry: an HMAC, so that the page, which extensions and screenshots may read, does not hold the
/// secret itself. It is masked anew each time, so that the length of a compressed page says nothing about it (BREACH).
pub(crate) fn token(secret: &[u8]) -> String {
    let mask: [u8; 32] = Random::System.bytes();
    let tag = hmac::sign(&key(secret), PURPOSE);
    let masked: Vec<u8> = mask.iter().zip(tag.as_ref()).map(|(a, b)| a ^ b).collect();
    hex(&mask) + &hex(&masked)
}

fn key(secret: &[u8]) -> Key {
    Key::new(HMAC_SHA256, secret)
}

/// Whether the browser says that a page of ours sent this. Every browser of today says it, with one header or the other.
///
/// # Errors
/// Where it does not.
pub(crate) fn check_origin(headers: &HeaderMap, site: &Site) -> Result<(), NotOurs> {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let is_ours = match (text(&FETCH_SITE), text(&header::ORIGIN)) {
        // `same-site` is not enough: another program on a sister domain is a stranger
        (Some(site), None) => site == "same-origin",
        (said, Some(origin)) => {
            said.is_none_or(|said| said == "same-origin")
                && Url::parse(site.base()).is_ok_and(|ours| {
                    ours.origin().is_tuple() && ours.origin().ascii_serialization() == origin
                })
        }
        (None, None) => false,
    };
    is_ours.then_some(()).ok_or(NotOurs::Origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_form_is_ours_when_the_browser_says_so() {
        let site = Site::new("https://crates.acme.example/cargo", &[]).unwrap();
        let ours = "https://crates.acme.example";
        let is_ours = |pairs: &[(HeaderName, &str)]| check_origin(&headers(pairs), &site).is_ok();
        assert!(is_ours(&[(FETCH_SITE, "same-origin")]));
        assert!(is_ours(&[(header::ORIGIN, ours)]));
        assert!(is_ours(&[
            (FETCH_SITE, "same-origin"),
            (header::ORIGIN, ours)
        ]));
        for strange in [
            &[][..],
            &[(FETCH_SITE, "cross-site")],
            &[(FETCH_SITE, "same-site")],
            &[(FETCH_SITE, "none")],
            &[(FETCH_SITE, "cross-site"), (header::ORIGIN, ours)],
            &[(FETCH_SITE, "same-origin"), (header::ORIGIN, "null")],
            &[(header::ORIGIN, "null")],
            &[(header::ORIGIN, "http://crates.acme.example")],
            &[(header::ORIGIN, "https://crates.acme.example:8443")],
            &[(header::ORIGIN, "https://crates.acme.example.evil.example")],
            &[(header::ORIGIN, "https://evil.example")],
        ] {
            assert!(!is_ours(strange), "{strange:?}");
        }
    }

    #[test]
    fn the_hidden_field_is_of_one_session() {
        let site = Site::new("http://127.0.0.1:22746", &[]).unwrap();
        let same = headers(&[(FETCH_SITE, "same-origin")]);
        let sent = |value: &str| Form(vec![(FIELD.to_owned(), value.to_owned())]);
        let of_one = token(b"one");
        assert_eq!(sent(&of_one).check(&same, &site, b"one"), Ok(()));
        // another text in every answer, and each is good
        assert_ne!(token(b"one"), of_one);
        assert_eq!(sent(&token(b"one")).check(&same, &site, b"one"), Ok(()));
        let bare = hex(hmac::sign(&key(b"one"), PURPOSE).as_ref());
        let checked = sent(&bare).check(&same, &site, b"one");
        assert_eq!(checked, Err(NotOurs::Token));
        for wrong in [&token(b"other"), "", "zz", &of_one[..62], "ä0"] {
            let checked = sent(wrong).check(&same, &site, b"one");
            assert_eq!(checked, Err(NotOurs::Token), "{wrong}");
        }
        let elsewhere = headers(&[(FETCH_SITE, "cross-site")]);
        let checked = sent(&of_one).check(&elsewhere, &site, b"one");
        assert_eq!(checked, Err(NotOurs::Origin));
    }
}
