//! `/-/account`: where somebody is signed in, who they are elsewhere, and their password.

use std::sync::Arc;

use axum::{body::Body, extract::State};
use http::{Request, Response, StatusCode};
use supercargo_pages::{AccountPage, IdentityRow, Moment, Section, SessionRow, browser};
use supercargo_registry::{
    Browser, Denied, Failure, Identity, IdentityRequest, Instance, Password, Refusal, RefusalClass,
    Session, SignedIn,
};
use supercargo_types::Timestamp;

use super::{
    errors,
    forms::Form,
    respond::{page, see_other},
    sign_in,
    visitor::{self, Visitor},
};

const PAGE: &str = "/-/account";
/// Sessions that are shown. Whoever has more can end all but one.
const SESSIONS: u32 = 100;

/// `GET /-/account`.
pub(super) async fn show(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
) -> Response<Body> {
    let Some(browser) = visitor.browser.clone() else {
        return errors::answer(&instance, &visitor, Denied::SignIn);
    };
    let done = match visitor.here.split_once('?').map(|(_, query)| query) {
        Some("done=password") => {
            Some("Your password is changed, and you are signed out everywhere else.")
        }
        Some("done=linked") => Some("The identity is linked. You can sign in with it from now on."),
        _ => None,
    };
    let told = Told {
        done: done.map(str::to_owned),
        ..Told::default()
    };
    answer(&instance, &visitor, &browser, StatusCode::OK, told).await
}

/// What came of a form of the page.
#[derive(Default)]
struct Told {
    done: Option<String>,
    /// Of the password that was to be another.
    problem: Option<String>,
    /// Of the identity that was to be linked.
    link_problem: Option<String>,
}

fn status(refusal: &Refusal) -> StatusCode {
    match refusal.class() {
        RefusalClass::TooMany => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

async fn answer(
    instance: &Instance,
    visitor: &Visitor,
    browser: &Browser,
    status: StatusCode,
    told: Told,
) -> Response<Body> {
    let made = async {
        let mut template = template(instance, visitor, browser).await?;
        template.done = told.done;
        template.problem = told.problem;
        template.link_problem = told.link_problem;
        page(visitor, status, &template)
    };
    match made.await {
        Ok(answer) => answer,
        Err(failure) => errors::answer(instance, visitor, failure),
    }
}

fn signed_in(instance: &Instance, browser: &Browser) -> Result<SignedIn, Denied> {
    instance.signed_in(Some(browser.actor().clone()))
}

async fn template(
    instance: &Instance,
    visitor: &Visitor,
    of: &Browser,
) -> Result<AccountPage, Failure> {
    let actor = signed_in(instance, of)?;
    let account = instance.own_account(&actor).await?;
    let (sessions, _) = instance.list_sessions(&actor, None, SESSIONS, None).await?;
    let identities = instance.own_identities(of).await?;
    let now = instance.clock().now();
    let mut frame = visitor.frame("Account");
    frame.section = Section::Account;
    frame.last_step("Account");
    let mut rows: Vec<_> = sessions
        .into_iter()
        .map(|session| session_row(session, now))
        .collect();
    // by their ids they come in the order in which they were made
    rows.reverse();
    Ok(AccountPage {
        frame,
        name: account.name.to_string(),
        email: account.email,
        role: account.instance_role.to_string(),
        has_password: account.has_password,
        sessions: rows,
        identities: identities
            .into_iter()
            .map(|identity| identity_row(identity, now))
            .collect(),
        provider: instance.sign_on().map(|settings| settings.label.clone()),
        done: None,
        problem: None,
        link_problem: None,
    })
}

pub(super) fn session_row(session: Session, now: Timestamp) -> SessionRow {
    let user_agent = session.user_agent.unwrap_or_default();
    SessionRow {
        id: session.id,
        browser: browser(&user_agent),
        user_agent,
        address: session.address.unwrap_or_default(),
        with: match (session.issuer, session.token_id) {
            (Some(issuer), _) => issuer,
            (None, Some(token)) => format!("with token {token}"),
            (None, None) => "with the password".to_owned(),
        },
        created: Moment::new(session.created_at, now),
        used: Moment::new(session.last_used_at, now),
        is_current: session.current,
    }
}

pub(super) fn identity_row(identity: Identity, now: Timestamp) -> IdentityRow {
    IdentityRow {
        issuer: identity.issuer,
        subject: identity.subject,
        email: identity.email,
        linked: Moment::new(identity.linked_at, now),
        used: identity.last_used_at.map(|used| Moment::new(used, now)),
    }
}

/// A form of a page, with the session in which it was sent.
pub(super) async fn sent(
    instance: &Instance,
    visitor: &Visitor,
    request: Request<Body>,
    page: &str,
) -> Result<(Browser, Form), Response<Body>> {
    if visitor.browser.is_none() {
        // its page is the way back: a form is never sent once more by a redirect
        let to = visitor.links.sign_in(page);
        return Err(see_other(visitor, &to));
    }
    let (parts, body) = request.into_parts();
    let form = Form::read(body).await;
    let form = form.map_err(|failure| errors::answer(instance, visitor, failure))?;
    match visitor.sent(instance, &parts.headers, &form) {
        Ok(browser) => Ok((browser, form)),
        Err(not_ours) => Err(errors::not_ours(instance, visitor, not_ours)),
    }
}

fn back(instance: &Instance, visitor: &Visitor, done: Result<(), Failure>) -> Response<Body> {
    match done {
        Ok(()) => see_other(visitor, &visitor.links.to(PAGE)),
        Err(failure) => errors::answer(instance, visitor, failure),
    }
}

/// `POST /-/account/sessions/end`: one of them.
pub(super) async fn end_session(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (browser, form) = match sent(&instance, &visitor, request, PAGE).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let end = async {
        let actor = signed_in(&instance, &browser)?;
        let id = form.get("id");
        instance.end_session(&actor, id, &visitor.caller).await
    };
    back(&instance, &visitor, end.await)
}

/// `POST /-/account/sessions/end-others`: all but this one.
pub(super) async fn end_others(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (browser, _) = match sent(&instance, &visitor, request, PAGE).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let end = async {
        let actor = signed_in(&instance, &browser)?;
        let ended = instance.end_sessions(&actor, None, &visitor.caller).await;
        ended.map(drop)
    };
    back(&instance, &visitor, end.await)
}

/// `POST /-/account/identities/link`: off to the provider, and back with an identity.
pub(super) async fn link(
    State(instance): State<Arc<Instance>>,
    mut visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (browser, form) = match sent(&instance, &visitor, request, PAGE).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let to = format!("{PAGE}?done=linked");
    let password = Password::new(form.get("current"));
    let link = Some((&browser, &password));
    let refusal = match sign_in::leave(&instance, &mut visitor, link, &to).await {
        Ok(answer) => return answer,
        Err(Failure::Refused(refusal)) => refusal,
        Err(failure) => return errors::answer(&instance, &visitor, failure),
    };
    if !matches!(*refusal, Refusal::WrongPassword) && refusal.class() != RefusalClass::TooMany {
        return errors::answer(&instance, &visitor, Failure::Refused(refusal));
    }
    let told = Told {
        link_problem: Some(errors::sentence(&refusal.to_string())),
        ..Told::default()
    };
    answer(&instance, &visitor, &browser, status(&refusal), told).await
}

/// `POST /-/account/identities/unlink`.
pub(super) async fn unlink(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (browser, form) = match sent(&instance, &visitor, request, PAGE).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let identity = IdentityRequest {
        issuer: form.get("issuer").to_owned(),
        subject: form.get("subject").to_owned(),
    };
    let unlink = instance.unlink_own_identity(&browser, &identity, &visitor.caller);
    let done = unlink.await;
    back(&instance, &visitor, done)
}

/// `POST /-/account/password`.
pub(super) async fn change_password(
    State(instance): State<Arc<Instance>>,
    mut visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (browser, form) = match sent(&instance, &visitor, request, PAGE).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let changed = async {
        if form.get("new") != form.get("again") {
            let text = "the new password is not the same both times".to_owned();
            return Err(Refusal::PasswordShape(text).into());
        }
        let actor = signed_in(&instance, &browser)?;
        let [current, new] = ["current", "new"].map(|field| Password::new(form.get(field)));
        instance
            .change_password(&actor, &current, &new, &visitor.caller)
            .await
    };
    let refusal = match changed.await {
        Ok(secret) => {
            // in place of one that was renewed with this very request
            visitor.cookies = secret
                .and_then(|secret| visitor::session_cookie(&instance, &browser, &secret))
                .into_iter()
                .collect();
            let to = format!("{PAGE}?done=password");
            return see_other(&visitor, &visitor.links.to(&to));
        }
        Err(Failure::Refused(refusal)) => refusal,
        Err(failure) => return errors::answer(&instance, &visitor, failure),
    };
    let told = Told {
        problem: Some(errors::sentence(&refusal.to_string())),
        ..Told::default()
    };
    answer(&instance, &visitor, &browser, status(&refusal), told).await
}
