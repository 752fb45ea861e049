//! Who looks at a page. The cookie of a session says it and nothing else: a token in a header is for programs.

use std::sync::Arc;

use axum::{body::Body, extract::FromRequestParts};
use http::{HeaderMap, HeaderValue, Response, header, request::Parts};
use supercargo_pages::{Frame, Links, Person, Section, Theme};
use supercargo_registry::{Actor, Browser, Caller, Instance, Outcome, SessionSecret, own_path};
use supercargo_types::{Random, hex};

use super::{
    cookies::Cookie,
    errors,
    forms::{self, Form, NotOurs},
    theme,
};
use crate::{
    app::{self, Peer},
    attempts,
    cargo::takes_gzip,
};

/// A browser, with or without a person who is signed in.
pub(crate) struct Visitor {
    /// The session, where somebody is signed in.
    pub(crate) browser: Option<Browser>,
    /// Who is signed in. A cookie that is none any more is nobody: the page is shown as to anyone.
    pub(crate) actor: Option<Arc<Actor>>,
    /// Proves that a form is one of ours; where somebody is signed in.
    pub(crate) csrf: Option<String>,
    /// Whether they are an instance admin.
    pub(crate) is_admin: bool,
    pub(crate) links: Links,
    /// The path and query of the page, below BASE.
    pub(crate) here: String,
    /// What the audit log calls what was asked for, where it is denied.
    pub(crate) action: &'static str,
    /// Of this one answer.
    pub(crate) nonce: String,
    pub(crate) theme: Theme,
    /// Whether pages may be sent as gzip.
    pub(crate) takes_gzip: bool,
    /// What an audit row says of where the request came from.
    pub(crate) caller: Caller,
    /// What the answer sets.
    pub(crate) cookies: Vec<HeaderValue>,
}

impl Visitor {
    /// What stands around a page of this title.
    pub(crate) fn frame(&self, title: impl Into<String>) -> Frame {
        let person = self.actor.as_ref().zip(self.csrf.as_ref());
        Frame {
            title: title.into(),
            links: self.links.clone(),
            nonce: self.nonce.clone(),
            theme: self.theme,
            person: person.map(|(actor, csrf)| Person {
                name: actor.principal().to_string(),
                csrf: csrf.clone(),
                is_admin: self.is_admin,
            }),
            here: self.here.clone(),
            crumbs: Vec::new(),
            section: Section::default(),
            query: String::new(),
            has_search: true,
        }
    }
}

impl FromRequestParts<Arc<Instance>> for Visitor {
    type Rejection = Response<Body>;

    async fn from_request_parts(
        parts: &mut Parts,
        instance: &Arc<Instance>,
    ) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<Peer>().and_then(|peer| peer.0);
        let path = parts.uri.path_and_query();
        let nonce: [u8; 16] = Random::System.bytes();
        let mut visitor = Self {
            browser: None,
            actor: None,
            csrf: None,
            is_admin: false,
            links: Links::new(instance.site().path_prefix()),
            // a path that nobody comes back to is not repeated: the answer would be as long as somebody likes
            here: own_path(path.map_or("/", |path| path.as_str())).to_owned(),
            action: attempts::action_of_page(&parts.method, parts.uri.path()),
            nonce: hex(&nonce),
            theme: theme::of(&parts.headers),
            takes_gzip: takes_gzip(&parts.headers),
            caller: app::caller(&parts.headers, peer),
            cookies: Vec::new(),
        };
        match known(instance, &parts.headers).await {
            Ok(Some(browser)) => visitor.is_signed_in(instance, browser),
            Ok(None) => {}
            Err(failure) => return Err(errors::answer(instance, &visitor, failure)),
        }
        Ok(visitor)
    }
}

/// The session that the browser shows. A cookie that is none any more is nobody's.
async fn known(instance: &Instance, headers: &HeaderMap) -> Outcome<Option<Browser>> {
    let cookie = Cookie::Session.read(headers, instance.site());
    match cookie.and_then(|text| text.parse().ok()) {
        Some(secret) => instance.browser(&secret).await,
        None => instance.current().await.map(|()| None),
    }
}

impl Visitor {
    fn is_signed_in(&mut self, instance: &Instance, browser: Browser) {
        self.actor = Some(browser.actor().clone());
        self.is_admin = instance.may_administer_instance(self.actor.clone()).is_ok();
        self.csrf = Some(forms::token(&instance.form_secret(&browser)));
        if let Some(secret) = &browser.renewed {
            self.cookies
                .extend(session_cookie(instance, &browser, secret));
        }
        self.browser = Some(browser);
    }

    /// The session in which one of our forms was sent.
    ///
    /// # Errors
    /// Where nobody is signed in, or the form may be a stranger's.
    pub(crate) fn sent(
        &self,
        instance: &Instance,
        headers: &HeaderMap,
        form: &Form,
    ) -> Result<Browser, NotOurs> {
        let browser = self.browser.as_ref().ok_or(NotOurs::Token)?;
        form.check(headers, instance.site(), &instance.form_secret(browser))?;
        Ok(browser.clone())
    }
}

/// What a session's browser has to show from now on.
pub(crate) fn session_cookie(
    instance: &Instance,
    browser: &Browser,
    secret: &SessionSecret,
) -> Option<HeaderValue> {
    let now = instance.clock().now();
    let left = browser.expires_at().since(now).as_secs();
    Cookie::Session.set(instance.site(), secret.reveal(), Some(left))
}

/// The value of a cookie. Where two have the name, the first, which has the longer path.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &'a str) -> Option<&'a str> {
    cookies(headers, name).next()
}

/// The values of all cookies of a name.
pub(crate) fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(move |pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}
