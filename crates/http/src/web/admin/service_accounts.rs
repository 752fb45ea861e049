//! `/-/admin/service-accounts`: accounts of machines, for instance admins, and for the admins of a registry those of that one.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{Request, Response, StatusCode, Uri};
use supercargo_pages::{
    Frame, Section, ServiceAccountPage, ServiceAccountsPage, TokenPlace, Wrongs,
};
use supercargo_registry::{
    AccountQuery, Denied, Failure, Instance, MayAdminister, MayAdministerInstance,
    MayManageService, NewPrincipal, Outcome, Principal, Refusal,
};
use supercargo_types::{AccountName, InstanceRole, PrincipalKind, PrincipalRef, RegistryName};

use super::{
    PAGE, SHOWN, answered, disabled, done, head, line, owned, refused, roles, whole, wrong,
};
use crate::web::{
    account,
    asked::Asked,
    errors,
    forms::Form,
    respond::page,
    tokens::{self, Owner},
    visitor::Visitor,
};

const LIST: &str = "/-/admin/service-accounts";
/// Registries that are suggested; others are typed.
const CHOICES: usize = 200;

/// What went well, by the word that stands in the address.
fn said(word: &str) -> Option<&'static str> {
    Some(match word {
        "made" => {
            "The account is made. Give it a role on a registry's page `Members`, and a token here."
        }
        "disabled" => "The account is disabled, as of now.",
        "enabled" => "The account is enabled, as of now.",
        "revoked" => "The token is revoked, as of now.",
        "deleted" => "The account is deleted for ever.",
        _ => return None,
    })
}

fn here(name: &str) -> String {
    supercargo_pages::Links::new("").administered("service-accounts", name)
}

/// Whose service accounts are listed: everybody's, or those of one registry.
enum Managed {
    All(MayAdministerInstance),
    Of(MayAdminister),
}

impl Managed {
    /// Asks for the right; `registry` may be empty.
    fn by(instance: &Instance, visitor: &Visitor, registry: &str) -> Result<Self, Denied> {
        let actor = visitor.actor.clone();
        match registry {
            "" => instance.may_administer_instance(actor).map(Self::All),
            registry => instance.may_administer(registry, actor).map(Self::Of),
        }
    }

    fn registry(&self) -> Option<&RegistryName> {
        match self {
            Self::All(_) => None,
            Self::Of(right) => Some(&right.registry().name),
        }
    }

    async fn make(
        &self,
        instance: &Instance,
        visitor: &Visitor,
        name: AccountName,
    ) -> Outcome<Principal> {
        let caller = &visitor.caller;
        match self {
            Self::All(right) => {
                let new = NewPrincipal {
                    kind: PrincipalKind::Service,
                    name,
                    email: None,
                    password: None,
                    instance_role: InstanceRole::Member,
                };
                instance.create_principal(right, new, caller).await
            }
            Self::Of(right) => instance.create_service_account(right, name, caller).await,
        }
    }
}

/// Answers a failure in a registry, where one is named: hidden and unknown ones answer alike.
fn failed(
    instance: &Instance,
    visitor: &Visitor,
    registry: &str,
    failure: impl Into<Failure>,
) -> Response<Body> {
    match registry {
        "" => errors::answer(instance, visitor, failure),
        registry => errors::in_registry(instance, visitor, registry, failure),
    }
}

/// `GET /-/admin/service-accounts`, perhaps `?registry=acme`.
pub(in crate::web) async fn list(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let asked = Asked::of(&uri);
    let registry = asked.get("registry");
    let made = async {
        let managed = Managed::by(&instance, &visitor, registry)?;
        let mut template = accounts(&instance, &visitor, &managed, &asked).await?;
        template.done = said(asked.get("done"));
        page(&visitor, StatusCode::OK, &template)
    };
    let made = made.await;
    made.unwrap_or_else(|failure| failed(&instance, &visitor, registry, failure))
}

async fn accounts(
    instance: &Instance,
    visitor: &Visitor,
    managed: &Managed,
    asked: &Asked,
) -> Result<ServiceAccountsPage, Failure> {
    let query = AccountQuery {
        text: asked.get("q").to_owned(),
        instance_role: None,
        disabled: disabled(asked.get("state")),
    };
    let per_page = u64::from(PAGE);
    let skipped = asked.skipped(per_page);
    let (found, total) = match managed {
        Managed::All(right) => {
            let find = instance.find_service_accounts(right, &query, PAGE, skipped);
            find.await?
        }
        Managed::Of(right) => {
            let find = instance.find_service_accounts_of(right, &query, PAGE, skipped);
            find.await?
        }
    };
    let now = instance.clock().now();
    let of = managed.registry().map(ToString::to_string);
    let choices = match managed {
        Managed::All(_) => instance.visible_registries(visitor.actor.as_ref()),
        Managed::Of(_) => Vec::new(),
    };
    let choices = choices.iter().take(CHOICES);
    let state = query
        .disabled
        .map(|disabled| if disabled { "disabled" } else { "active" });
    Ok(ServiceAccountsPage {
        frame: frame(visitor, of.as_deref(), None),
        head: of.is_none().then(|| head("service-accounts")),
        accounts: found.into_iter().map(|found| line(found, now)).collect(),
        text: query.text,
        state: state.unwrap_or_default().to_owned(),
        pager: asked.pager(&visitor.links, LIST, per_page, total),
        choices: choices
            .map(|right| right.registry().name.to_string())
            .collect(),
        draft: (String::new(), of.clone().unwrap_or_default()),
        of,
        wrongs: Wrongs::default(),
        done: None,
    })
}

/// What stands around the list, those of a registry below that one, or around an account.
fn frame(visitor: &Visitor, registry: Option<&str>, account: Option<&str>) -> Frame {
    let words = "Service accounts";
    if registry.is_none() && visitor.is_admin {
        return match account {
            None => super::frame(visitor, None, words),
            Some(name) => super::frame(visitor, Some((words, LIST)), name),
        };
    }
    let registry = registry.unwrap_or_default();
    let mut frame = visitor.frame(account.unwrap_or(words));
    frame.step("Registries", frame.links.home());
    frame.step(registry, frame.links.registry(registry));
    if let Some(name) = account {
        let list = frame.links.asking(LIST, &[("registry", registry)]);
        frame.step(words, list);
        frame.last_step(name);
    } else {
        frame.last_step(words);
    }
    frame
}

/// `POST /-/admin/service-accounts`: a new one, of the instance or of a registry.
pub(in crate::web) async fn make(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
    request: Request<Body>,
) -> Response<Body> {
    let (_, form) = match account::sent(&instance, &visitor, request, LIST).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    // the page that it was sent from
    let of = form.get("of");
    let [name, registry] = ["name", "registry"].map(|field| form.get(field).trim());
    let managed = match Managed::by(&instance, &visitor, of) {
        Ok(managed) => managed,
        Err(denied) => return failed(&instance, &visitor, of, denied),
    };
    let mut wrongs = Wrongs::default();
    let parsed = name.parse::<AccountName>();
    if let Err(error) = &parsed {
        wrongs.put("name", errors::sentence(&error.to_string()));
    }
    let place = Managed::by(&instance, &visitor, registry);
    if place.is_err() {
        let sentence = format!("There is no registry `{registry}` that you administer.");
        wrongs.put("registry", sentence);
    }
    let mut status = StatusCode::UNPROCESSABLE_ENTITY;
    if let (Ok(parsed), Ok(place)) = (parsed, place) {
        let made = place.make(&instance, &visitor, parsed).await;
        match made.map_err(refused) {
            Ok(account) => {
                let links = &visitor.links;
                let to = links.administered("service-accounts", account.name.as_str());
                return done(&visitor, &to, "made");
            }
            Err(Ok((refused, sentence, _))) => {
                status = refused;
                wrongs.put("name", sentence);
            }
            Err(Err(failure)) => return failed(&instance, &visitor, of, failure),
        }
    }
    let made = async {
        let asked = Asked::of(&uri);
        let mut template = accounts(&instance, &visitor, &managed, &asked).await?;
        template.draft = (name.to_owned(), registry.to_owned());
        template.wrongs = wrongs;
        page(&visitor, status, &template)
    };
    answered(&instance, &visitor, made.await)
}

/// `GET /-/admin/service-accounts/{account}`.
pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let made = async {
        let right = managed(&instance, &visitor, &name).await?;
        let mut template = account_page(&instance, &visitor, &right).await?;
        template.done = said(Asked::of(&uri).get("done"));
        page(&visitor, StatusCode::OK, &template)
    };
    answered(&instance, &visitor, made.await)
}

async fn managed(
    instance: &Instance,
    visitor: &Visitor,
    name: &str,
) -> Result<MayManageService, Failure> {
    let actor = visitor.actor.clone();
    instance.may_manage_service(name, actor).await
}

fn reference(account: &Principal) -> PrincipalRef {
    PrincipalRef {
        kind: account.kind,
        name: account.name.clone(),
    }
}

async fn account_page(
    instance: &Instance,
    visitor: &Visitor,
    right: &MayManageService,
) -> Result<ServiceAccountPage, Failure> {
    let account = instance.service_account(right);
    let standing = instance.standing_of_service(right).await?;
    let actor = instance.signed_in(visitor.actor.clone())?;
    let principal = reference(&account);
    let tokens = instance.list_tokens(&actor, Some(&principal), SHOWN, None);
    let (tokens, tokens_total) = tokens.await?;
    let tokens = tokens.into_iter().rev();
    let now = instance.clock().now();
    let moment = |at| supercargo_pages::Moment::new(at, now);
    let name = account.name.to_string();
    let registry = account.registry.map(|registry| registry.to_string());
    // of the administration for its admins, also where it belongs to a registry
    let of = registry.as_deref().filter(|_| !visitor.is_admin);
    Ok(ServiceAccountPage {
        frame: frame(visitor, of, Some(&name)),
        head: visitor.is_admin.then(|| head("service-accounts")),
        is_disabled: account.disabled,
        created: moment(account.created_at),
        seen: standing.seen_at.map(moment),
        roles: roles(&standing),
        owned: owned(&standing),
        tokens: tokens.map(|token| tokens::row(token, now)).collect(),
        tokens_total,
        wrongs: Wrongs::default(),
        done: None,
        name,
        registry,
    })
}

/// A form of the page of an account that was sent, by somebody who manages it.
async fn sent(
    instance: &Instance,
    visitor: &Visitor,
    request: Request<Body>,
    name: &str,
) -> Result<(MayManageService, Form), Response<Body>> {
    let (_, form) = account::sent(instance, visitor, request, &here(name)).await?;
    match managed(instance, visitor, name).await {
        Ok(right) => Ok((right, form)),
        Err(failure) => Err(errors::answer(instance, visitor, failure)),
    }
}

/// Back to the page of an account, where that went well.
fn back(
    instance: &Instance,
    visitor: &Visitor,
    name: &str,
    came: Result<(), Failure>,
    word: &str,
) -> Response<Body> {
    match came {
        Ok(()) => {
            let to = visitor.links.administered("service-accounts", name);
            done(visitor, &to, word)
        }
        Err(failure) => errors::answer(instance, visitor, failure),
    }
}

/// `POST /-/admin/service-accounts/{account}/state`: disabled, or enabled again.
pub(in crate::web) async fn disable(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (right, form) = match sent(&instance, &visitor, request, &name).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    // what is neither changes nothing
    let (disabled, word) = match form.get("disabled") {
        "yes" => (Some(true), "disabled"),
        "no" => (Some(false), "enabled"),
        _ => (None, ""),
    };
    let change = instance.change_service_account(&right, disabled, &visitor.caller);
    let changed = change.await.map(drop);
    back(&instance, &visitor, &name, changed, word)
}

/// `POST /-/admin/service-accounts/{account}/delete`.
pub(in crate::web) async fn delete(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (right, form) = match sent(&instance, &visitor, request, &name).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let confirm = Some(form.get("confirm").trim());
    let registry = instance.service_account(&right).registry;
    let delete = instance.delete_service_account(&right, confirm, &visitor.caller);
    let (status, sentence, refusal) = match delete.await.map_err(refused) {
        Ok(()) => {
            let registry = registry.filter(|_| !visitor.is_admin);
            let registry = registry.map_or_else(String::new, |name| name.to_string());
            let query = [("registry", registry.as_str()), ("done", "deleted")];
            return crate::web::respond::see_other(&visitor, &visitor.links.asking(LIST, &query));
        }
        Err(Ok(refused)) => refused,
        Err(Err(failure)) => return errors::answer(&instance, &visitor, failure),
    };
    let made = async {
        let mut template = account_page(&instance, &visitor, &right).await?;
        template.wrongs = match &*refusal {
            Refusal::ConfirmAccount { .. } => wrong("confirm", sentence),
            _ => whole(sentence),
        };
        page(&visitor, status, &template)
    };
    answered(&instance, &visitor, made.await)
}

/// `POST /-/admin/service-accounts/{account}/tokens/revoke`.
pub(in crate::web) async fn revoke_token(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (_, form) = match sent(&instance, &visitor, request, &name).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let revoke = async {
        let actor = instance.signed_in(visitor.actor.clone())?;
        let id = form.get("id");
        instance.revoke_token(&actor, id, &visitor.caller).await
    };
    back(&instance, &visitor, &name, revoke.await, "revoked")
}

/// Whose token the form makes.
fn owner(instance: &Instance, visitor: &Visitor, right: &MayManageService) -> Owner {
    let account = instance.service_account(right);
    let principal = reference(&account);
    let links = &visitor.links;
    let name = account.name.as_str();
    let its_page = links.administered("service-accounts", name);
    let is_of_registry = account.registry.is_some();
    let mut way = Vec::new();
    if visitor.is_admin {
        way.push(("Administration".to_owned(), links.to("/-/admin")));
        way.push(("Service accounts".to_owned(), links.to(LIST)));
    } else if let Some(registry) = &account.registry {
        way.push((registry.to_string(), links.registry(registry.as_str())));
        let list = links.asking(LIST, &[("registry", registry.as_str())]);
        way.push(("Service accounts".to_owned(), list));
    }
    way.push((name.to_owned(), its_page.clone()));
    Owner {
        place: TokenPlace {
            owner: principal.to_string(),
            is_own: false,
            form: links.of_administered("service-accounts", name, "tokens/new"),
            list: its_page,
            is_bound: is_of_registry,
        },
        principal: Some(principal),
        registry: account.registry.clone(),
        section: if visitor.is_admin {
            Section::Administration
        } else {
            Section::Registries
        },
        way,
    }
}

/// `GET /-/admin/service-accounts/{account}/tokens/new`.
pub(in crate::web) async fn offer_token(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Response<Body> {
    let made = async {
        let right = managed(&instance, &visitor, &name).await?;
        let owner = owner(&instance, &visitor, &right);
        tokens::offer_of(&instance, &visitor, &owner).await
    };
    answered(&instance, &visitor, made.await)
}

/// `POST /-/admin/service-accounts/{account}/tokens/new`: made, or only told in words.
pub(in crate::web) async fn make_token(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (right, form) = match sent(&instance, &visitor, request, &name).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let owner = owner(&instance, &visitor, &right);
    let made = tokens::make_of(&instance, &visitor, &owner, &form).await;
    answered(&instance, &visitor, made)
}
