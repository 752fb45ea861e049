//! `/-/login` and `/-/logout`: signing in with a password, a token or a provider, and signing out.
//!
//! Before anybody is signed in there is no session that a form could be held against. So its hidden field is held against a
//! cookie of chance, which comes with the page: otherwise another site could sign a browser in as somebody else, and read
//! what the person then does.

use std::sync::Arc;

use axum::{body::Body, extract::State};
use http::{Request, Response, StatusCode, header, request::Parts};
use supercargo_pages::{LeavePage, LoginPage, Section};
use supercargo_registry::{
    Denied, Failure, Instance, NewSession, Password, Refusal, RefusalClass, SignOnDone,
};
use supercargo_types::{Digest, Random, TokenSecret};

use super::{
    cookies::Cookie,
    errors,
    forms::{self, Form},
    respond::{page, see_other},
    visitor::Visitor,
};

/// In seconds: as long as a person may take with the provider.
const SIGN_ON: u64 = 600;
/// Of a name that is shown again, in characters.
const USER: usize = 64;

/// What the page shows again when it did not go well.
#[derive(Default)]
struct Tried {
    user: String,
    problem: Option<String>,
}

/// `GET /-/login`.
pub(super) async fn show(
    State(instance): State<Arc<Instance>>,
    mut visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let return_to = return_to(parts.uri.query());
    if visitor.browser.is_some() {
        return see_other(&visitor, &visitor.links.to(&return_to));
    }
    login(
        &instance,
        &mut visitor,
        &parts,
        &return_to,
        Tried::default(),
        StatusCode::OK,
    )
}

fn return_to(query: Option<&str>) -> String {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut named = pairs.filter(|(name, _)| name == "return_to");
    let text = named
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned());
    supercargo_registry::own_path(&text).to_owned()
}

fn login(
    instance: &Instance,
    visitor: &mut Visitor,
    parts: &Parts,
    return_to: &str,
    tried: Tried,
    status: StatusCode,
) -> Response<Body> {
    let site = instance.site();
    let chance = match Cookie::Form.read(&parts.headers, site) {
        Some(chance) if chance.parse::<Digest>().is_ok() => chance,
        _ => {
            let chance = Digest::from_bytes(Random::System.bytes()).hex();
            visitor
                .cookies
                .extend(Cookie::Form.set(site, &chance, None));
            chance
        }
    };
    let mut frame = visitor.frame("Sign in");
    frame.section = Section::Account;
    frame.last_step("Sign in");
    let template = LoginPage {
        frame,
        csrf: forms::token(chance.as_bytes()),
        return_to: return_to.to_owned(),
        provider: instance.sign_on().map(|settings| settings.label.clone()),
        user: tried.user,
        problem: tried.problem,
    };
    let answer = page(visitor, status, &template);
    answer.unwrap_or_else(|failure| errors::answer(instance, visitor, failure))
}

/// A form of the page, if it is that.
async fn sent(
    instance: &Instance,
    visitor: &mut Visitor,
    request: Request<Body>,
) -> Result<(Parts, Form), Response<Body>> {
    let (parts, body) = request.into_parts();
    let form = Form::read(body).await;
    let form = form.map_err(|failure| errors::answer(instance, visitor, failure))?;
    let chance = Cookie::Form.read(&parts.headers, instance.site());
    let checked = form.check(
        &parts.headers,
        instance.site(),
        chance.as_deref().unwrap_or_default().as_bytes(),
    );
    match checked {
        Ok(()) if chance.is_some() => Ok((parts, form)),
        checked => {
            let not_ours = checked.err().unwrap_or(forms::NotOurs::Token);
            Err(errors::not_ours(instance, visitor, not_ours))
        }
    }
}

/// `POST /-/login`: with a password, or a token in its place.
pub(super) async fn with_password(
    State(instance): State<Arc<Instance>>,
    mut visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, form) = match sent(&instance, &mut visitor, request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let return_to = supercargo_registry::own_path(form.get("return_to"));
    let user = form.get("user").trim();
    let begun = async {
        if let Ok(secret) = form.get("password").trim().parse::<TokenSecret>() {
            return instance
                .begin_session_by_token(user, &secret, &visitor.caller)
                .await;
        }
        let password = Password::new(form.get("password"));
        let known = instance
            .check_password(user, &password, &visitor.caller)
            .await?;
        instance.begin_session(&known, &visitor.caller).await
    };
    let failure = match begun.await {
        Ok(session) => return signed_in(&instance, visitor, &session, return_to).await,
        Err(failure) => failure,
    };
    let (status, problem) = match &failure {
        Failure::Denied(Denied::BadPassword) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "The name or the password is wrong.".to_owned(),
        ),
        // about a token, which tells nothing of accounts
        Failure::Denied(denied @ (Denied::BadToken(_) | Denied::Right(_))) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            errors::sentence(&denied.sentence(None)),
        ),
        Failure::Refused(refusal) if refusal.class() == RefusalClass::TooMany => (
            StatusCode::TOO_MANY_REQUESTS,
            errors::sentence(&refusal.to_string()),
        ),
        _ => return errors::answer(&instance, &visitor, failure),
    };
    let tried = Tried {
        user: user.chars().take(USER).collect(),
        problem: Some(problem),
    };
    let mut answer = login(&instance, &mut visitor, &parts, return_to, tried, status);
    if let Failure::Refused(refusal) = &failure
        && let Some(pause) = refusal.retry_after()
    {
        let seconds = pause.as_secs().max(1);
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

/// Hands the browser its session, and sends it on. One that it had before ends with that.
async fn signed_in(
    instance: &Instance,
    mut visitor: Visitor,
    session: &NewSession,
    return_to: &str,
) -> Response<Body> {
    if let Some(former) = visitor.browser.take()
        && let Err(failure) = instance.sign_out(&former, &visitor.caller).await
    {
        return errors::answer(instance, &visitor, failure);
    }
    let site = instance.site();
    let left = session.expires_at.since(instance.clock().now()).as_secs();
    visitor.cookies = [
        Cookie::Session.set(site, session.secret.reveal(), Some(left)),
        Cookie::Form.remove(site),
        Cookie::SignOn.remove(site),
    ]
    .into_iter()
    .flatten()
    .collect();
    see_other(&visitor, &visitor.links.to(return_to))
}

/// `POST /-/login/sign-on`: off to the provider.
pub(super) async fn with_provider(
    State(instance): State<Arc<Instance>>,
    mut visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, form) = match sent(&instance, &mut visitor, request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let return_to = supercargo_registry::own_path(form.get("return_to"));
    match leave(&instance, &mut visitor, None, return_to).await {
        Ok(answer) => answer,
        Err(Failure::Refused(refusal)) => {
            let tried = refused(&refusal);
            login(
                &instance,
                &mut visitor,
                &parts,
                return_to,
                tried,
                StatusCode::BAD_GATEWAY,
            )
        }
        Err(failure) => errors::answer(&instance, &visitor, failure),
    }
}

fn refused(refusal: &Refusal) -> Tried {
    Tried {
        user: String::new(),
        problem: Some(errors::sentence(&refusal.to_string())),
    }
}

/// Begins to sign in with the provider, or to link an identity to who is signed in.
pub(super) async fn leave(
    instance: &Instance,
    visitor: &mut Visitor,
    link: Option<(&supercargo_registry::Browser, &Password)>,
    return_to: &str,
) -> Result<Response<Body>, Failure> {
    let begun = instance.begin_sign_on(link, return_to, &visitor.caller);
    let begun = begun.await?;
    let cookie = Cookie::SignOn.set(instance.site(), &begun.kept, Some(SIGN_ON));
    visitor.cookies.extend(cookie);
    to_provider(instance, visitor, begun.url)
}

fn to_provider(
    instance: &Instance,
    visitor: &Visitor,
    url: String,
) -> Result<Response<Body>, Failure> {
    let provider = instance.sign_on().map(|settings| settings.label.clone());
    let template = LeavePage {
        frame: visitor.frame("Sign in"),
        provider: provider.unwrap_or_default(),
        url,
    };
    page(visitor, StatusCode::OK, &template)
}

/// `GET /-/login/return`: back from the provider.
pub(super) async fn back(
    State(instance): State<Arc<Instance>>,
    mut visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let site = instance.site();
    let kept = Cookie::SignOn
        .read(&parts.headers, site)
        .unwrap_or_default();
    // whatever comes of it, it was used
    visitor.cookies.extend(Cookie::SignOn.remove(site));
    let query = parts.uri.query().unwrap_or_default();
    let browser = visitor.browser.clone();
    let done = instance
        .finish_sign_on(&kept, query, browser.as_ref(), &visitor.caller)
        .await;
    match done {
        Ok(SignOnDone::SignedIn(session, return_to)) => {
            signed_in(&instance, visitor, &session, &return_to).await
        }
        Ok(SignOnDone::Linked(return_to)) => see_other(&visitor, &visitor.links.to(&return_to)),
        Err(Failure::Refused(refusal)) if browser.is_none() => {
            let tried = refused(&refusal);
            let status = match refusal.class() {
                RefusalClass::TooMany => StatusCode::TOO_MANY_REQUESTS,
                _ => StatusCode::FORBIDDEN,
            };
            login(&instance, &mut visitor, &parts, "/", tried, status)
        }
        Err(failure) => errors::answer(&instance, &visitor, failure),
    }
}

/// `POST /-/logout`.
pub(super) async fn sign_out(
    State(instance): State<Arc<Instance>>,
    mut visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if visitor.browser.is_none() {
        return see_other(&visitor, &visitor.links.home());
    }
    let form = match Form::read(body).await {
        Ok(form) => form,
        Err(failure) => return errors::answer(&instance, &visitor, failure),
    };
    let browser = match visitor.sent(&instance, &parts.headers, &form) {
        Ok(browser) => browser,
        Err(not_ours) => return errors::not_ours(&instance, &visitor, not_ours),
    };
    if let Err(failure) = instance.sign_out(&browser, &visitor.caller).await {
        return errors::answer(&instance, &visitor, failure);
    }
    (visitor.browser, visitor.actor, visitor.csrf) = (None, None, None);
    visitor.cookies = Cookie::Session
        .remove(instance.site())
        .into_iter()
        .collect();
    let answer = match instance.sign_out_url(&browser).await {
        Some(url) => to_provider(&instance, &visitor, url),
        None => Ok(see_other(&visitor, &visitor.links.to("/-/login"))),
    };
    answer.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}
