//! `/{registry}/members`: who may do what in a registry, and the accounts of its machines.

use std::{collections::HashMap, str::FromStr, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{Request, Response, StatusCode, Uri};
use supercargo_pages::{
    AccountsFragment, MachineRow, MemberDraft, MemberRow, MembersPage, Moment, Wrongs,
};
use supercargo_registry::{Failure, Instance, MayAdminister, Refusal};
use supercargo_types::{AccountName, PrincipalRef, Publishing, Role, Visibility};

use super::{Looking, looked_at};
use crate::{
    problem,
    web::{
        account,
        asked::Asked,
        errors,
        forms::Form,
        respond::{Policy, page, page_with, see_other},
        visitor::Visitor,
    },
};

/// Members on a page.
const PAGE: u32 = 50;
/// Accounts that are proposed; whoever means another one types more of its name.
const PROPOSED: u32 = 12;
/// Letters, before accounts are proposed: with less, nearly all would be.
const LEAST: usize = 2;
/// Accounts of machines that are shown.
const MACHINES: u32 = 100;

/// `GET /{registry}/members`.
pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let asked = Asked::of(&uri);
        let done = done(asked.get("done"), asked.get("who"));
        let told = Told {
            done,
            ..Told::default()
        };
        looking.members(&asked, StatusCode::OK, told).await
    })
    .await
}

/// What the page says after a form went well. The name comes back in the address, so it is shown only if it could be one.
fn done(word: &str, who: &str) -> Option<String> {
    let who: PrincipalRef = who.parse().ok()?;
    match word {
        "set" => Some(format!("The role of `{who}` is given, as of now.")),
        "removed" => Some(format!("`{who}` has no role here any more, as of now.")),
        "machine" => Some(format!(
            "The account `{who}` is made. It needs a token: the line for one stands below."
        )),
        _ => None,
    }
}

/// `GET /{registry}/members/accounts`: what the field for a new member proposes while somebody types.
pub(in crate::web) async fn accounts(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |_| {
        let admin = instance.may_administer(&name, visitor.actor.clone())?;
        let names = proposed(instance, &admin, Asked::of(&uri).get("q")).await?;
        page(visitor, StatusCode::OK, &AccountsFragment { names })
    })
    .await
}

async fn proposed(
    instance: &Instance,
    admin: &MayAdminister,
    text: &str,
) -> Result<Vec<String>, Failure> {
    let name = text.split_once(':').map_or(text, |(_, name)| name);
    if name.chars().count() < LEAST {
        return Ok(Vec::new());
    }
    let found = instance.find_strangers(admin, text, PROPOSED).await?;
    Ok(found.iter().map(ToString::to_string).collect())
}

/// `POST /{registry}/members`: gives a role, or another one.
pub(in crate::web) async fn set(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let form = match sent(&instance, &visitor, &name, request).await {
        Ok(form) => form,
        Err(answer) => return answer,
    };
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let admin = instance.may_administer(&name, visitor.actor.clone())?;
        let mut wrongs = Wrongs::default();
        let who: Option<PrincipalRef> = read(&form, "who", &mut wrongs);
        let role: Option<Role> = read(&form, "role", &mut wrongs);
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        if let (Some(who), Some(role)) = (who, role) {
            let set = instance.set_member(&admin, &who, role, &visitor.caller);
            match set.await {
                Ok(()) => return Ok(looking.back_to_members("set", &who, Some(role))),
                Err(Failure::Refused(refusal)) => {
                    status = problem::status_of(refusal.class());
                    wrongs.put("who", errors::sentence(&refusal.to_string()));
                }
                Err(failure) => return Err(failure),
            }
        }
        let draft = MemberDraft {
            who: form.get("who").to_owned(),
            role: form.get("role").to_owned(),
            ..MemberDraft::default()
        };
        looking.members_again(status, draft, wrongs).await
    })
    .await
}

/// `POST /{registry}/members/remove`.
pub(in crate::web) async fn remove(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let form = match sent(&instance, &visitor, &name, request).await {
        Ok(form) => form,
        Err(answer) => return answer,
    };
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let admin = instance.may_administer(&name, visitor.actor.clone())?;
        let who = form.get("who");
        let who: PrincipalRef = who
            .parse()
            .map_err(|_| Refusal::NoAccount(who.chars().take(80).collect()))?;
        instance
            .remove_member(&admin, &who, &visitor.caller)
            .await?;
        Ok(looking.back_to_members("removed", &who, None))
    })
    .await
}

/// `POST /{registry}/members/machines`: an account of a machine, with its role.
pub(in crate::web) async fn make_machine(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let form = match sent(&instance, &visitor, &name, request).await {
        Ok(form) => form,
        Err(answer) => return answer,
    };
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let admin = instance.may_administer(&name, visitor.actor.clone())?;
        let mut wrongs = Wrongs::default();
        let service: Option<AccountName> = read(&form, "service", &mut wrongs);
        let role: Option<Role> = read(&form, "service_role", &mut wrongs);
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        if let (Some(service), Some(role)) = (service, role) {
            let made = async {
                let made = instance
                    .create_service_account(&admin, service, &visitor.caller)
                    .await?;
                let who = PrincipalRef {
                    kind: made.kind,
                    name: made.name,
                };
                let set = instance.set_member(&admin, &who, role, &visitor.caller);
                set.await.map(|()| who)
            };
            match made.await {
                Ok(who) => return Ok(looking.back_to_members("machine", &who, Some(role))),
                Err(Failure::Refused(refusal)) => {
                    status = problem::status_of(refusal.class());
                    wrongs.put("service", errors::sentence(&refusal.to_string()));
                }
                Err(failure) => return Err(failure),
            }
        }
        let draft = MemberDraft {
            service: form.get("service").to_owned(),
            service_role: form.get("service_role").to_owned(),
            ..MemberDraft::default()
        };
        looking.members_again(status, draft, wrongs).await
    })
    .await
}

async fn sent(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    name: &str,
    request: Request<Body>,
) -> Result<Form, Response<Body>> {
    let here = format!("/{name}/members");
    let sent = account::sent(instance, visitor, request, &here).await;
    sent.map(|(_, form)| form)
}

/// A field, or what is wrong with it.
pub(super) fn read<T: FromStr<Err: std::fmt::Display>>(
    form: &Form,
    field: &'static str,
    wrongs: &mut Wrongs,
) -> Option<T> {
    match form.get(field).trim().parse() {
        Ok(value) => Some(value),
        Err(error) => {
            wrongs.put(field, errors::sentence(&error.to_string()));
            None
        }
    }
}

/// What came of a form.
#[derive(Default)]
struct Told {
    draft: MemberDraft,
    wrongs: Wrongs,
    done: Option<String>,
}

impl Looking<'_> {
    /// Back to the list; or to what may still be seen, for whoever took their own role: `role` is what who was changed has now.
    fn back_to_members(
        &self,
        done: &str,
        who: &PrincipalRef,
        role: Option<Role>,
    ) -> Response<Body> {
        let (name, links) = (self.name(), &self.visitor.links);
        let own = self.visitor.actor.as_ref();
        let is_own = own.is_some_and(|actor| *actor.principal() == *who);
        let visibility = self.right.registry().visibility;
        let to = if !is_own || role == Some(Role::Admin) || self.visitor.is_admin {
            let query = [("done", done), ("who", &who.to_string())];
            links.asking(&format!("/{name}/members"), &query)
        } else if role.is_some() || visibility != Visibility::Private {
            links.registry(&name)
        } else {
            links.home()
        };
        see_other(self.visitor, &to)
    }

    async fn members_again(
        &self,
        status: StatusCode,
        draft: MemberDraft,
        wrongs: Wrongs,
    ) -> Result<Response<Body>, Failure> {
        let told = Told {
            draft,
            wrongs,
            done: None,
        };
        let asked = Asked::of(&Uri::from_static("/"));
        self.members(&asked, status, told).await
    }

    async fn members(
        &self,
        asked: &Asked,
        status: StatusCode,
        told: Told,
    ) -> Result<Response<Body>, Failure> {
        let (name, instance) = (self.name(), self.instance);
        let admin = instance.may_administer(&name, self.visitor.actor.clone())?;
        let text = asked.get("q");
        let skipped = asked.skipped(PAGE.into());
        let (members, total) = instance.find_members(&admin, text, PAGE, skipped).await?;
        // whom somebody meant that is not there, or who is found beside the members
        let meant = if told.wrongs.of("who").is_some() {
            told.draft.who.trim()
        } else {
            text
        };
        let strangers = proposed(instance, &admin, meant).await?;
        let (services, services_total) = self.machines(&admin).await?;
        let own = self.visitor.actor.as_ref();
        let members = members.into_iter().map(|member| MemberRow {
            is_self: own.is_some_and(|actor| *actor.principal() == member.principal),
            kind: member.principal.kind.as_str(),
            who: member.principal.to_string(),
            role: member.role.as_str(),
            people: member.people,
            disabled: member.disabled,
        });
        let path = format!("/{name}/members");
        let template = MembersPage {
            frame: self.frame("Members"),
            head: self.head("members").await?,
            is_shared: admin.registry().publishing == Publishing::Members,
            text: text.to_owned(),
            members: members.collect(),
            pager: asked.pager(&self.visitor.links, &path, PAGE.into(), total),
            strangers,
            services,
            services_total,
            draft: told.draft,
            wrongs: told.wrongs,
            done: told.done,
        };
        let policy = Policy {
            asks: true,
            ..Policy::default()
        };
        page_with(self.visitor, status, &template, &policy)
    }

    async fn machines(&self, admin: &MayAdminister) -> Result<(Vec<MachineRow>, u64), Failure> {
        let instance = self.instance;
        let (services, total) = instance
            .list_service_accounts(admin, MACHINES, None)
            .await?;
        let roles: HashMap<PrincipalRef, Role> = if services.is_empty() {
            HashMap::new()
        } else {
            instance.members(admin).await?.into_iter().collect()
        };
        let services = services.into_iter().map(|service| {
            let who = PrincipalRef {
                kind: service.kind,
                name: service.name,
            };
            MachineRow {
                role: roles.get(&who).map(|role| role.as_str()),
                who: who.to_string(),
                made: Moment::new(service.created_at, self.now),
                used: service.last_used_at.map(|used| Moment::new(used, self.now)),
                disabled: service.disabled,
            }
        });
        Ok((services.collect(), total))
    }
}
