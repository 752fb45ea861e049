//! The administration: what instance admins see and do.

pub(super) mod audit;
pub(super) mod configuration;
pub(super) mod exposure;
pub(super) mod health;
mod new_user;
pub(super) mod overview;
mod service_accounts;
mod sign_on;
pub(super) mod storage;
mod teams;
mod users;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    routing::{get, post},
};
use http::{Request, Response, StatusCode};
use supercargo_pages::{AccountLine, AdminHead, Frame, Moment, Owned, RoleLine, Section, Wrongs};
use supercargo_registry::{
    Denied, Failure, FoundAccount, Instance, MayAdministerInstance, Refusal, Standing,
};
use supercargo_types::Timestamp;

use super::{account, errors, forms::Form, respond::see_other, visitor::Visitor};
use crate::problem;

/// Accounts and teams on a page.
const PAGE: u32 = 50;
/// Tokens and browsers of one account that its page shows; whoever ends those sees the next ones.
const SHOWN: u32 = 100;

/// What becomes of accounts.
pub(super) fn accounts() -> Router<Arc<Instance>> {
    Router::new()
        .route("/-/admin/users", get(users::list))
        .route(
            "/-/admin/users/new",
            get(new_user::offer).post(new_user::make),
        )
        .route("/-/admin/users/{user}", get(users::show).post(users::edit))
        .route("/-/admin/users/{user}/password", post(users::set_password))
        .route("/-/admin/users/{user}/state", post(users::disable))
        .route("/-/admin/users/{user}/delete", post(users::delete))
        .route(
            "/-/admin/users/{user}/tokens/revoke",
            post(users::revoke_token),
        )
        .route(
            "/-/admin/users/{user}/sessions/end",
            post(users::end_sessions),
        )
        .route("/-/admin/users/{user}/identities/link", post(users::link))
        .route(
            "/-/admin/users/{user}/identities/unlink",
            post(users::unlink),
        )
        .route("/-/admin/teams", get(teams::list).post(teams::make))
        .route("/-/admin/teams/{team}", get(teams::show))
        .route("/-/admin/teams/{team}/members/add", post(teams::add))
        .route("/-/admin/teams/{team}/members/remove", post(teams::remove))
        .route("/-/admin/teams/{team}/delete", post(teams::delete))
        .route(
            "/-/admin/service-accounts",
            get(service_accounts::list).post(service_accounts::make),
        )
        .route(
            "/-/admin/service-accounts/{account}",
            get(service_accounts::show),
        )
        .route(
            "/-/admin/service-accounts/{account}/state",
            post(service_accounts::disable),
        )
        .route(
            "/-/admin/service-accounts/{account}/delete",
            post(service_accounts::delete),
        )
        .route(
            "/-/admin/service-accounts/{account}/tokens/new",
            get(service_accounts::offer_token).post(service_accounts::make_token),
        )
        .route(
            "/-/admin/service-accounts/{account}/tokens/revoke",
            post(service_accounts::revoke_token),
        )
        .route("/-/admin/sign-on", get(sign_on::show))
}

/// An instance admin at a page.
struct Looking<'a> {
    instance: &'a Arc<Instance>,
    visitor: &'a Visitor,
    right: MayAdministerInstance,
    now: Timestamp,
}

impl<'a> Looking<'a> {
    /// Asks for the right to administer the instance.
    fn new(instance: &'a Arc<Instance>, visitor: &'a Visitor) -> Result<Self, Denied> {
        let right = instance.may_administer_instance(visitor.actor.clone())?;
        Ok(Self {
            instance,
            visitor,
            right,
            now: instance.clock().now(),
        })
    }

    /// The same for a form, which has to be one of ours; `here` is its page.
    async fn sent(
        instance: &'a Arc<Instance>,
        visitor: &'a Visitor,
        request: Request<Body>,
        here: &str,
    ) -> Result<(Self, Form), Response<Body>> {
        let (_, form) = account::sent(instance, visitor, request, here).await?;
        match Self::new(instance, visitor) {
            Ok(looking) => Ok((looking, form)),
            Err(denied) => Err(errors::answer(instance, visitor, denied)),
        }
    }

    /// What stands around a page below one of the tabs: its words and its address.
    fn frame(&self, tab: (&str, &str), title: &str) -> Frame {
        frame(self.visitor, Some(tab), title)
    }

    fn moment(&self, at: Timestamp) -> Moment {
        Moment::new(at, self.now)
    }
}

/// What stands around a page of the administration.
fn frame(visitor: &Visitor, tab: Option<(&str, &str)>, title: &str) -> Frame {
    let mut frame = visitor.frame(title);
    frame.section = Section::Administration;
    frame.step("Administration", frame.links.to("/-/admin"));
    if let Some((words, address)) = tab {
        frame.step(words, frame.links.to(address));
    }
    frame.last_step(title);
    frame
}

/// Answers whatever fails.
fn answered(
    instance: &Instance,
    visitor: &Visitor,
    made: Result<Response<Body>, Failure>,
) -> Response<Body> {
    made.unwrap_or_else(|failure| errors::answer(instance, visitor, failure))
}

/// Back to a page that says what went well.
fn done(visitor: &Visitor, to: &str, word: &str) -> Response<Body> {
    see_other(visitor, &format!("{to}?done={word}"))
}

/// What a refusal says beside a form: with which status, which sentence, and of which kind it is.
///
/// # Errors
/// What is no refusal, and one that says that what the form is about is gone.
fn refused(failure: Failure) -> Result<(StatusCode, String, Arc<Refusal>), Failure> {
    match failure {
        Failure::Refused(refusal) => {
            let status = problem::status_of(refusal.class());
            Ok((status, errors::sentence(&refusal.to_string()), refusal))
        }
        failure => Err(failure),
    }
}

/// One sentence beside a field.
fn wrong(field: &'static str, sentence: impl Into<String>) -> Wrongs {
    let mut wrongs = Wrongs::default();
    wrongs.put(field, sentence);
    wrongs
}

/// One sentence above a form.
fn whole(sentence: impl Into<String>) -> Wrongs {
    let mut wrongs = Wrongs::default();
    wrongs.put_whole(sentence);
    wrongs
}

fn head(part: &'static str) -> AdminHead {
    AdminHead { part }
}

fn line(found: FoundAccount, now: Timestamp) -> AccountLine {
    let account = found.principal;
    AccountLine {
        name: account.name.to_string(),
        email: account.email,
        role: account.instance_role.to_string(),
        is_disabled: account.disabled,
        registry: account.registry.map(|name| name.to_string()),
        created: Moment::new(account.created_at, now),
        seen: found.seen_at.map(|seen| Moment::new(seen, now)),
    }
}

fn roles(standing: &Standing) -> Vec<RoleLine> {
    let roles = standing.roles.iter();
    roles
        .map(|held| RoleLine {
            registry: held.registry.to_string(),
            role: held.role.to_string(),
            team: held.team.as_ref().map(ToString::to_string),
        })
        .collect()
}

fn owned(standing: &Standing) -> Owned {
    Owned {
        crates: standing.owned,
        alone: standing.owned_alone,
    }
}

/// Of which state accounts are looked for; nothing for any.
fn disabled(state: &str) -> Option<bool> {
    match state {
        "active" => Some(false),
        "disabled" => Some(true),
        _ => None,
    }
}

/// How long something took, as people read it.
fn took(duration: Duration) -> String {
    let (seconds, millis) = (duration.as_secs_f64(), duration.as_millis());
    match millis {
        0 => "under 1 ms".to_owned(),
        1..1000 => format!("{millis} ms"),
        _ => format!("{seconds:.1} s"),
    }
}
