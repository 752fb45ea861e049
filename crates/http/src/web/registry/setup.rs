//! `/{registry}/setup`: the lines that make cargo use a registry, with a token in them for whoever wants one.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{Request, Response, StatusCode, Uri};
use supercargo_pages::{Audience, MadeToken, Moment, Place, SetupPage, Way};
use supercargo_registry::{Failure, Instance, NewToken, Refusal, TokenRequest};
use supercargo_types::Scope;

use super::{Looking, looked_at};
use crate::{
    problem,
    web::{account, asked::Asked, errors, forms::Form, respond::page, visitor::Visitor},
};

/// What the page is asked for.
#[derive(Clone, Copy)]
struct Wanted {
    audience: Audience,
    /// `None` for the one that is recommended.
    way: Option<Way>,
}

impl Wanted {
    fn of(audience: &str, way: &str) -> Self {
        let mut audiences = Audience::ALL.into_iter();
        let audience = audiences.find(|known| known.word() == audience);
        let mut ways = [Way::Everything, Way::Named].into_iter();
        Self {
            audience: audience.unwrap_or(Audience::Person),
            way: ways.find(|known| known.word() == way),
        }
    }
}

/// What became of a form.
enum Made {
    Nothing,
    Token(Box<NewToken>),
    Refused(Arc<Refusal>),
}

pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let asked = Asked::of(&uri);
    let wanted = Wanted::of(asked.get("for"), asked.get("way"));
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        looking.setup(wanted, Made::Nothing).await
    })
    .await
}

/// Makes a token that is good for this registry alone, and shows the lines with it.
pub(in crate::web) async fn make(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let here = format!("/{name}/setup");
    let (_, form) = match account::sent(&instance, &visitor, request, &here).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let wanted = Wanted::of(form.get("for"), form.get("way"));
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let made = match looking.make_token(&form).await {
            Ok(new) => Made::Token(Box::new(new)),
            Err(Failure::Refused(refusal)) => Made::Refused(refusal),
            Err(failure) => return Err(failure),
        };
        looking.setup(wanted, made).await
    })
    .await
}

impl Looking<'_> {
    async fn make_token(&self, form: &Form) -> Result<NewToken, Failure> {
        let actor = self.instance.signed_in(self.visitor.actor.clone())?;
        let publishes = (form.get("publish") == "yes").then_some([Scope::Publish, Scope::Yank]);
        let request = TokenRequest {
            name: form.get("name").to_owned(),
            principal: None,
            scopes: Some(publishes.into_iter().flatten().collect()),
            registries: Some(vec![self.right.registry().name.clone()]),
            crates: None,
            // a number that is none is refused as one that is too small
            expires_in_days: Some(form.get("days").parse().unwrap_or(0)),
            expires_at: None,
        };
        let caller = &self.visitor.caller;
        self.instance.create_token(&actor, request, caller).await
    }

    async fn setup(&self, wanted: Wanted, made: Made) -> Result<Response<Body>, Failure> {
        let registry = self.right.registry();
        let has_upstreams = !registry.upstreams.is_empty();
        let way = match wanted.way {
            Some(way) if has_upstreams => way,
            None if has_upstreams => Way::Everything,
            _ => Way::Named,
        };
        let actor = self.visitor.actor.as_ref();
        let owner = actor.map_or_else(String::new, |actor| actor.principal().to_string());
        let what = match wanted.audience {
            Audience::Cnb => "jobs of CNB",
            Audience::Harness => "pipelines of Harness",
            Audience::Jenkins => "jobs of Jenkins",
            Audience::Docker => "image builds",
            _ => "laptop",
        };
        let (status, made, problem) = match made {
            Made::Nothing => (StatusCode::OK, None, None),
            Made::Token(new) => (StatusCode::CREATED, Some(self.made(&new)), None),
            Made::Refused(refusal) => {
                let status = problem::status_of(refusal.class());
                let sentence = errors::sentence(&refusal.to_string());
                (status, None, Some(sentence))
            }
        };
        let may_publish = self
            .instance
            .may_publish(registry.name.as_str(), self.visitor.actor.clone());
        let template = SetupPage {
            frame: self.frame("Set up a client"),
            head: self.head("setup").await?,
            audience: wanted.audience,
            way,
            has_upstreams,
            place: Place::of(self.instance.site(), &registry.name),
            may_publish: may_publish.is_ok(),
            token_name: format!("{what} of {owner}"),
            made,
            problem,
        };
        page(self.visitor, status, &template)
    }

    fn made(&self, new: &NewToken) -> MadeToken {
        let token = &new.token;
        MadeToken {
            name: token.name.clone(),
            secret: new.secret.reveal().to_owned(),
            ends: token.expires_at.map(|end| Moment::new(end, self.now)),
            publishes: token.scopes.has(Scope::Publish),
        }
    }
}
