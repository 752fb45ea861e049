//! `/-/login/device`: where a person approves that a program logs in, or refuses.
//!
//! Anybody can send a link to this page. So it never decides by itself, and says from where and by which program it was asked.

use std::sync::Arc;

use axum::{body::Body, extract::State};
use http::{Request, Response, StatusCode, Uri};
use supercargo_pages::{DevicePage, DeviceStep, DeviceWish, Moment, Section};
use supercargo_registry::{
    Denied, Failure, Instance, RefusalClass, SignedIn, WaitingLogin, own_path,
};

use super::{
    asked::Asked,
    errors,
    forms::{Form, NotOurs},
    respond::{page, see_other},
    visitor::Visitor,
};

const PAGE: &str = "/-/login/device";

/// `GET /-/login/device`: the code to type, or what it stands for.
pub(super) async fn show(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let code = Asked::of(&uri).get("code").to_owned();
    let made = async {
        let person = signed_in(&instance, &visitor)?;
        if code.is_empty() {
            let step = DeviceStep::Code {
                typed: String::new(),
                problem: None,
            };
            return answer(&visitor, StatusCode::OK, step);
        }
        let login = instance.waiting_device_login(&person, &code).await?;
        let wish = wish(&instance, &person, login).await?;
        answer(&visitor, StatusCode::OK, DeviceStep::Decide(Box::new(wish)))
    };
    match made.await {
        Ok(answer) => answer,
        Err(failure) => again(&instance, &visitor, &code, failure),
    }
}

/// `POST /-/login/device`: the person's decision.
pub(super) async fn decide(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let form = match Form::read(body).await {
        Ok(form) => form,
        Err(failure) => return errors::answer(&instance, &visitor, failure),
    };
    if visitor.browser.is_none() {
        // the form is never sent once more by a redirect: the page is shown again
        let query = [("code", form.get("code"))];
        let page = visitor.links.asking(PAGE, &query);
        let here = page.strip_prefix(instance.site().path_prefix());
        let here = own_path(here.unwrap_or(PAGE));
        return see_other(&visitor, &visitor.links.sign_in(here));
    }
    if let Err(not_ours) = visitor.sent(&instance, &parts.headers, &form) {
        return errors::not_ours(&instance, &visitor, not_ours);
    }
    let approved = match form.get("decision") {
        "approve" => true,
        "refuse" => false,
        _ => return errors::not_ours(&instance, &visitor, NotOurs::Token),
    };
    let code = form.get("code");
    let decided = async {
        let person = signed_in(&instance, &visitor)?;
        instance
            .decide_device_login(&person, code, approved, &visitor.caller)
            .await?;
        answer(&visitor, StatusCode::OK, DeviceStep::Decided { approved })
    };
    match decided.await {
        Ok(answer) => answer,
        Err(failure) => again(&instance, &visitor, code, failure),
    }
}

fn signed_in(instance: &Instance, visitor: &Visitor) -> Result<SignedIn, Denied> {
    instance.signed_in(visitor.actor.clone())
}

async fn wish(
    instance: &Instance,
    person: &SignedIn,
    login: WaitingLogin,
) -> Result<DeviceWish, Failure> {
    // what the person could not make is shown all the same: to be refused
    let (could, problem) = match instance.what_could(person, &login.token).await {
        Ok(could) => (could, None),
        Err(Failure::Refused(refusal)) => {
            let scopes = login.token.scopes.map(|scopes| scopes.to_string());
            let asked = format!("asks for: {}", scopes.unwrap_or_default());
            (vec![asked], Some(errors::sentence(&refusal.to_string())))
        }
        Err(failure) => return Err(failure),
    };
    let now = instance.clock().now();
    let unknown = || "unknown".to_owned();
    Ok(DeviceWish {
        code: login.user_code,
        program: login.program.unwrap_or_else(unknown),
        address: login.address.unwrap_or_else(unknown),
        asked: Moment::new(login.asked_at, now),
        name: login.token.name,
        could,
        ends: login.token.expires_at.map(|end| Moment::new(end, now)),
        problem,
    })
}

/// The page once more, with what is wrong with the code.
fn again(instance: &Instance, visitor: &Visitor, code: &str, failure: Failure) -> Response<Body> {
    let Failure::Refused(refusal) = &failure else {
        return errors::answer(instance, visitor, failure);
    };
    let status = match refusal.class() {
        RefusalClass::TooMany => StatusCode::TOO_MANY_REQUESTS,
        RefusalClass::NotFound => StatusCode::NOT_FOUND,
        RefusalClass::Conflict => StatusCode::CONFLICT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let step = DeviceStep::Code {
        typed: code.chars().take(32).collect(),
        problem: Some(errors::sentence(&refusal.to_string())),
    };
    answer(visitor, status, step)
        .unwrap_or_else(|failure| errors::answer(instance, visitor, failure))
}

fn answer(
    visitor: &Visitor,
    status: StatusCode,
    step: DeviceStep,
) -> Result<Response<Body>, Failure> {
    let mut frame = visitor.frame("Log in a program");
    frame.section = Section::Account;
    frame.last_step("Log in a program");
    page(visitor, status, &DevicePage { frame, step })
}
