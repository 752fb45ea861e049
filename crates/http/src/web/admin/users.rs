//! `/-/admin/users`: who there is, what one of them has, and what becomes of them.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{Request, Response, StatusCode, Uri};
use supercargo_pages::{UserDraft, UserPage, UserProblem, UsersPage, Wrongs};
use supercargo_registry::{
    AccountEdit, AccountQuery, Failure, IdentityRequest, Instance, Outcome, Password, Principal,
    Refusal, SignedIn, check_email,
};
use supercargo_types::{AccountName, InstanceRole, PrincipalKind, PrincipalRef};

use super::{
    Looking, PAGE, SHOWN, answered, disabled, done, head, line, owned, refused, roles, whole, wrong,
};
use crate::web::{
    account, asked::Asked, errors, forms::Form, respond::page, tokens, visitor::Visitor,
};

const LIST: &str = "/-/admin/users";
pub(super) const TAB: (&str, &str) = ("Users", LIST);

/// What went well, by the word that stands in the address.
fn said(word: &str) -> Option<&'static str> {
    Some(match word {
        "made" => "The account is made.",
        "saved" => "The changes are saved.",
        "password" => "The password is set. They are signed out everywhere.",
        "no-password" => "The password is removed. They are signed out everywhere.",
        "disabled" => "The account is disabled, as of now.",
        "enabled" => "The account is enabled, as of now.",
        "revoked" => "The token is revoked, as of now.",
        "ended" => "They are signed out there, as of now.",
        "linked" => "The identity is linked. Whoever has it can sign in with it from now on.",
        "unlinked" => "The identity is unlinked, and what was begun with it has ended.",
        "deleted" => "The account is deleted for ever.",
        _ => return None,
    })
}

/// The address of a user's page, to come back to.
fn here(name: &str) -> String {
    supercargo_pages::Links::new("").administered("users", name)
}

/// `GET /-/admin/users`.
pub(in crate::web) async fn list(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let asked = Asked::of(&uri);
    let made = async {
        let looking = Looking::new(&instance, &visitor)?;
        let query = AccountQuery {
            text: asked.get("q").to_owned(),
            instance_role: asked.get("role").parse().ok(),
            disabled: disabled(asked.get("state")),
        };
        let per_page = u64::from(PAGE);
        let skipped = asked.skipped(per_page);
        let found = instance.find_users(&looking.right, &query, PAGE, skipped);
        let (users, total) = found.await?;
        let users = users.into_iter();
        let role = query.instance_role.map(InstanceRole::as_str);
        let state = query
            .disabled
            .map(|disabled| if disabled { "disabled" } else { "active" });
        let template = UsersPage {
            frame: looking.frame_of_list(),
            head: head("users"),
            users: users.map(|found| line(found, looking.now)).collect(),
            text: query.text,
            role: role.unwrap_or_default().to_owned(),
            state: state.unwrap_or_default().to_owned(),
            pager: asked.pager(&visitor.links, LIST, per_page, total),
            done: said(asked.get("done")),
        };
        page(&visitor, StatusCode::OK, &template)
    };
    answered(&instance, &visitor, made.await)
}

pub(super) fn draft(form: &Form) -> UserDraft {
    let text = |field: &str| form.get(field).trim().to_owned();
    UserDraft {
        name: text("name"),
        email: text("email"),
        role: text("role"),
    }
}

/// A field's value; what is wrong with it is said beside it.
pub(super) fn read<T: std::str::FromStr<Err: std::fmt::Display>>(
    text: &str,
    field: &'static str,
    wrongs: &mut Wrongs,
) -> Option<T> {
    let read = text.parse();
    read.map_err(|error: T::Err| wrongs.put(field, errors::sentence(&error.to_string())))
        .ok()
}

/// Nothing for an empty one.
pub(super) fn email(draft: &UserDraft, wrongs: &mut Wrongs) -> Option<String> {
    let email = Some(draft.email.clone()).filter(|email| !email.is_empty())?;
    if let Err(refusal) = check_email(&email) {
        wrongs.put("email", errors::sentence(&refusal.to_string()));
    }
    Some(email)
}

/// `GET /-/admin/users/{user}`.
pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let asked = Asked::of(&uri);
    let made = async {
        let looking = Looking::new(&instance, &visitor)?;
        let mut template = looking.user(&name).await?;
        template.done = said(asked.get("done"));
        page(&visitor, StatusCode::OK, &template)
    };
    answered(&instance, &visitor, made.await)
}

/// `POST /-/admin/users/{user}`: another e-mail address, another role.
pub(in crate::web) async fn edit(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (looking, form) = match Looking::sent(&instance, &visitor, request, &here(&name)).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let draft = draft(&form);
    let mut wrongs = Wrongs::default();
    let email = email(&draft, &mut wrongs);
    let role: Option<InstanceRole> = read(&draft.role, "role", &mut wrongs);
    let problem = if wrongs.is_empty() {
        let changed = looking.change(&name, email, role).await;
        match changed.map_err(refused) {
            Ok(()) => {
                let to = visitor.links.administered("users", &name);
                return done(&visitor, &to, "saved");
            }
            Err(Ok((status, sentence, _))) => (status, whole(sentence)),
            Err(Err(failure)) => return errors::answer(&instance, &visitor, failure),
        }
    } else {
        (StatusCode::UNPROCESSABLE_ENTITY, wrongs)
    };
    let made = async {
        let mut template = looking.user(&name).await?;
        template.draft = draft;
        template.problem = UserProblem {
            form: "edit",
            wrongs: problem.1,
        };
        page(&visitor, problem.0, &template)
    };
    answered(&instance, &visitor, made.await)
}

/// `POST /-/admin/users/{user}/password`: another one, or none.
pub(in crate::web) async fn set_password(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (looking, form) = match Looking::sent(&instance, &visitor, request, &here(&name)).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let removes = form.get("do") == "remove";
    let edit = AccountEdit {
        password: Some((!removes).then(|| Password::new(form.get("password")))),
        ..AccountEdit::default()
    };
    let change = instance.change_user(&looking.right, &name, edit, &visitor.caller);
    let changed = change.await.map(drop);
    let word = if removes { "no-password" } else { "password" };
    let beside = |refusal: &Refusal| match refusal {
        Refusal::PasswordShape(_) => Some("password"),
        _ => None,
    };
    looking.came(&name, "password", beside, changed, word).await
}

/// `POST /-/admin/users/{user}/state`: disabled, or enabled again.
pub(in crate::web) async fn disable(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (looking, form) = match Looking::sent(&instance, &visitor, request, &here(&name)).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    // what is neither changes nothing
    let disabled = match form.get("disabled") {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    };
    let edit = AccountEdit {
        disabled,
        ..AccountEdit::default()
    };
    let change = instance.change_user(&looking.right, &name, edit, &visitor.caller);
    let changed = change.await.map(drop);
    let word = match disabled {
        Some(true) => "disabled",
        Some(false) => "enabled",
        None => "",
    };
    looking.came(&name, "state", |_| None, changed, word).await
}

/// `POST /-/admin/users/{user}/delete`.
pub(in crate::web) async fn delete(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (looking, form) = match Looking::sent(&instance, &visitor, request, &here(&name)).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let confirm = Some(form.get("confirm").trim());
    let delete = instance.delete_user(&looking.right, &name, confirm, &visitor.caller);
    let deleted = delete.await;
    if deleted.is_ok() {
        return done(&visitor, &visitor.links.to(LIST), "deleted");
    }
    let beside = |refusal: &Refusal| match refusal {
        Refusal::ConfirmAccount { .. } => Some("confirm"),
        _ => None,
    };
    looking.came(&name, "delete", beside, deleted, "").await
}

/// `POST /-/admin/users/{user}/tokens/revoke`.
pub(in crate::web) async fn revoke_token(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (looking, form) = match Looking::sent(&instance, &visitor, request, &here(&name)).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let revoke = async {
        let id = form.get("id");
        let actor = looking.signed_in()?;
        instance.revoke_token(&actor, id, &visitor.caller).await
    };
    looking.back(&name, revoke.await, "revoked")
}

/// `POST /-/admin/users/{user}/sessions/end`: one of them, or all.
pub(in crate::web) async fn end_sessions(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (looking, form) = match Looking::sent(&instance, &visitor, request, &here(&name)).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let end = async {
        let actor = looking.signed_in()?;
        if form.get("all") == "yes" {
            let user = known(&name)?;
            let end = instance.end_sessions(&actor, Some(&user), &visitor.caller);
            return end.await.map(drop);
        }
        let id = form.get("id");
        instance.end_session(&actor, id, &visitor.caller).await
    };
    looking.back(&name, end.await, "ended")
}

fn identity(form: &Form) -> IdentityRequest {
    IdentityRequest {
        issuer: form.get("issuer").trim().to_owned(),
        subject: form.get("subject").trim().to_owned(),
    }
}

/// `POST /-/admin/users/{user}/identities/link`.
pub(in crate::web) async fn link(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (looking, form) = match Looking::sent(&instance, &visitor, request, &here(&name)).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let wish = identity(&form);
    let mut wrongs = Wrongs::default();
    for (field, refusal) in wish.wrongs() {
        wrongs.put(field, errors::sentence(&refusal.to_string()));
    }
    let (status, wrongs) = if wrongs.is_empty() {
        let linked = async {
            let user = known(&name)?;
            let link = instance.link_identity(&looking.right, &user, wish.clone(), &visitor.caller);
            link.await
        };
        match linked.await.map_err(refused) {
            Ok(_) => return looking.back(&name, Ok(()), "linked"),
            Err(Ok((status, sentence, _))) => (status, whole(sentence)),
            Err(Err(failure)) => return errors::answer(&instance, &visitor, failure),
        }
    } else {
        (StatusCode::UNPROCESSABLE_ENTITY, wrongs)
    };
    let made = async {
        let mut template = looking.user(&name).await?;
        template.link = (wish.issuer, wish.subject);
        template.problem = UserProblem {
            form: "link",
            wrongs,
        };
        page(&visitor, status, &template)
    };
    answered(&instance, &visitor, made.await)
}

/// `POST /-/admin/users/{user}/identities/unlink`.
pub(in crate::web) async fn unlink(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (looking, form) = match Looking::sent(&instance, &visitor, request, &here(&name)).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let identity = identity(&form);
    let unlink = async {
        let user = known(&name)?;
        let unlink = instance.unlink_identity(&looking.right, &user, &identity, &visitor.caller);
        unlink.await
    };
    looking.back(&name, unlink.await, "unlinked")
}

/// What no account is called is nobody's.
fn known(name: &str) -> Result<AccountName, Refusal> {
    let unknown = |_| Refusal::NoAccount(name.chars().take(80).collect());
    name.parse().map_err(unknown)
}

impl Looking<'_> {
    fn frame_of_list(&self) -> supercargo_pages::Frame {
        super::frame(self.visitor, None, "Users")
    }

    pub(super) fn signed_in(&self) -> Result<SignedIn, Failure> {
        let actor = self.visitor.actor.clone();
        Ok(self.instance.signed_in(actor)?)
    }

    /// What is another than it was.
    async fn change(
        &self,
        name: &str,
        email: Option<String>,
        role: Option<InstanceRole>,
    ) -> Outcome<()> {
        let account = self.instance.user_account(&self.right, name).await?;
        let edit = AccountEdit {
            email: (account.email != email).then_some(email),
            instance_role: role.filter(|role| *role != account.instance_role),
            ..AccountEdit::default()
        };
        let caller = &self.visitor.caller;
        let change = self.instance.change_user(&self.right, name, edit, caller);
        change.await.map(drop)
    }

    /// Back to the page of a user, where that went well.
    fn back(&self, name: &str, came: Result<(), Failure>, word: &str) -> Response<Body> {
        match came {
            Ok(()) => done(
                self.visitor,
                &self.visitor.links.administered("users", name),
                word,
            ),
            Err(failure) => errors::answer(self.instance, self.visitor, failure),
        }
    }

    /// What became of a form of the page of a user; `beside` names the field that a refusal is about.
    async fn came(
        &self,
        name: &str,
        form: &'static str,
        beside: impl Fn(&Refusal) -> Option<&'static str>,
        came: Result<(), Failure>,
        word: &str,
    ) -> Response<Body> {
        let (status, sentence, refusal) = match came.map_err(refused) {
            Ok(()) => return self.back(name, Ok(()), word),
            Err(Ok(refused)) => refused,
            Err(Err(failure)) => return self.back(name, Err(failure), word),
        };
        let wrongs = match beside(&refusal) {
            Some(field) => wrong(field, sentence),
            None => whole(sentence),
        };
        let made = async {
            let mut template = self.user(name).await?;
            template.problem = UserProblem { form, wrongs };
            page(self.visitor, status, &template)
        };
        answered(self.instance, self.visitor, made.await)
    }

    /// The page of a user.
    async fn user(&self, name: &str) -> Result<UserPage, Failure> {
        let Self {
            instance,
            right,
            now,
            ..
        } = self;
        let account: Principal = instance.user_account(right, name).await?;
        let reference = PrincipalRef {
            kind: PrincipalKind::User,
            name: account.name.clone(),
        };
        let standing = instance.account_standing(right, &reference).await?;
        let actor = self.signed_in()?;
        let tokens = instance.list_tokens(&actor, Some(&reference), SHOWN, None);
        let (tokens, tokens_total) = tokens.await?;
        let sessions = instance.list_sessions(&actor, Some(&account.name), SHOWN, None);
        let (sessions, sessions_total) = sessions.await?;
        let identities = instance.identities(right, &account.name).await?;
        let issuer = instance.sign_on();
        let issuer = issuer.map(|settings| settings.provider.issuer.to_string());
        let tokens = tokens.into_iter().rev();
        let sessions = sessions.into_iter().rev();
        let identities = identities.into_iter();
        let name = account.name.to_string();
        Ok(UserPage {
            frame: self.frame(TAB, &name),
            head: head("users"),
            is_self: actor.actor().principal() == &reference,
            is_disabled: account.disabled,
            has_password: account.has_password,
            created: self.moment(account.created_at),
            seen: standing.seen_at.map(|seen| self.moment(seen)),
            roles: roles(&standing),
            teams: standing.teams.iter().map(ToString::to_string).collect(),
            owned: owned(&standing),
            tokens: tokens.map(|token| tokens::row(token, *now)).collect(),
            tokens_total,
            sessions: sessions
                .map(|session| account::session_row(session, *now))
                .collect(),
            sessions_total,
            identities: identities
                .map(|identity| account::identity_row(identity, *now))
                .collect(),
            link: (issuer.clone().unwrap_or_default(), String::new()),
            issuer,
            draft: UserDraft {
                name: name.clone(),
                email: account.email.clone().unwrap_or_default(),
                role: account.instance_role.to_string(),
            },
            name,
            email: account.email,
            role: account.instance_role.to_string(),
            problem: UserProblem::default(),
            done: None,
        })
    }
}
