//! `/-/account/tokens`: somebody's tokens, a new one told in words before it is made, and the one sight of its secret.

use std::sync::Arc;

use axum::{body::Body, extract::State};
use http::{Request, Response, StatusCode, Uri};
use supercargo_pages::{
    Moment, NewTokenPage, Section, TokenDraft, TokenMadePage, TokenPlace, TokenRow, TokensPage,
};
use supercargo_registry::{
    Denied, Failure, Instance, NewToken, Refusal, SignedIn, Token, TokenRequest,
};
use supercargo_types::{NamePattern, PrincipalRef, RegistryName, Scope, Timestamp};

use super::{
    account,
    asked::Asked,
    errors,
    forms::Form,
    respond::{Policy, page, page_with, see_other},
    visitor::Visitor,
};
use crate::problem;

const LIST: &str = "/-/account/tokens";
const NEW: &str = "/-/account/tokens/new";
/// Tokens on a page.
const PAGE: u32 = 100;
/// Registries that are offered one by one; of more, names are typed.
const CHOICES: usize = 40;
/// Days, where nobody says otherwise.
const LIFE: &str = "30";
/// Names and patterns in a form; whoever needs more has the API.
const NAMES: usize = 200;

/// Whose token a form makes.
pub(super) struct Owner {
    pub(super) place: TokenPlace,
    /// An account that who asks manages; `None` for their own.
    pub(super) principal: Option<PrincipalRef>,
    /// The only registry that it can be for.
    pub(super) registry: Option<RegistryName>,
    pub(super) section: Section,
    /// The way to the list: words and addresses.
    pub(super) way: Vec<(String, String)>,
}

impl Owner {
    fn own(visitor: &Visitor) -> Self {
        let owner = visitor.actor.as_ref();
        let links = &visitor.links;
        Self {
            place: TokenPlace {
                owner: owner.map_or_else(String::new, |actor| actor.principal().to_string()),
                is_own: true,
                form: links.to(NEW),
                list: links.to(LIST),
                is_bound: false,
            },
            principal: None,
            registry: None,
            section: Section::Account,
            way: vec![
                ("Account".to_owned(), links.to("/-/account")),
                ("Tokens".to_owned(), links.to(LIST)),
            ],
        }
    }

    fn frame(&self, visitor: &Visitor, title: &str) -> supercargo_pages::Frame {
        let mut frame = visitor.frame(title);
        frame.section = self.section;
        for (words, address) in &self.way {
            frame.step(words, address.clone());
        }
        frame.last_step(title);
        frame
    }
}

fn signed_in(instance: &Instance, visitor: &Visitor) -> Result<SignedIn, Denied> {
    instance.signed_in(visitor.actor.clone())
}

/// `GET /-/account/tokens`.
pub(super) async fn list(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let asked = Asked::of(&uri);
    let made = async {
        let actor = signed_in(&instance, &visitor)?;
        let own = visitor.actor.as_ref().map(|actor| actor.principal());
        let after = Some(asked.get("after")).filter(|after| !after.is_empty());
        let (tokens, _) = instance.list_tokens(&actor, own, PAGE, after).await?;
        let last = tokens.last().filter(|_| tokens.len() == PAGE as usize);
        let more = last.map(|last| visitor.links.asking(LIST, &[("after", &last.id)]));
        let mut frame = visitor.frame("Tokens");
        frame.section = Section::Account;
        frame.step("Account", frame.links.to("/-/account"));
        frame.last_step("Tokens");
        let now = instance.clock().now();
        let mut rows: Vec<_> = tokens.into_iter().map(|token| row(token, now)).collect();
        // by their ids they come in the order in which they were made
        rows.reverse();
        let template = TokensPage {
            frame,
            tokens: rows,
            more,
            done: (asked.get("done") == "revoked").then_some("The token is revoked, as of now."),
        };
        page(&visitor, StatusCode::OK, &template)
    };
    let made = made.await;
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

pub(super) fn row(token: Token, now: Timestamp) -> TokenRow {
    fn texts<T: ToString>(list: Option<Vec<T>>) -> Option<Vec<String>> {
        list.map(|list| list.iter().map(ToString::to_string).collect())
    }
    TokenRow {
        id: token.id,
        name: token.name,
        prefix: token.prefix,
        scopes: token
            .scopes
            .iter()
            .map(supercargo_types::Scope::as_str)
            .collect(),
        registries: texts(token.registries),
        crates: texts(token.crates),
        created: Moment::new(token.created_at, now),
        used: token.last_used_at.map(|used| Moment::new(used, now)),
        ends: token.expires_at.map(|end| Moment::new(end, now)),
        is_over: token.expires_at.is_some_and(|end| end <= now),
    }
}

/// `POST /-/account/tokens/revoke`.
pub(super) async fn revoke(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (_, form) = match account::sent(&instance, &visitor, request, LIST).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let revoked = async {
        let actor = signed_in(&instance, &visitor)?;
        let id = form.get("id");
        instance.revoke_token(&actor, id, &visitor.caller).await
    };
    match revoked.await {
        Ok(()) => see_other(
            &visitor,
            &visitor.links.asking(LIST, &[("done", "revoked")]),
        ),
        Err(failure) => errors::answer(&instance, &visitor, failure),
    }
}

/// `GET /-/account/tokens/new`: the form, with a registry chosen where the address names one.
pub(super) async fn offer(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let asked = Asked::of(&uri);
    let registry = asked.get("registry").parse::<RegistryName>().ok();
    let visible = instance.visible_registries(visitor.actor.as_ref());
    let chosen = match (&registry, visible.as_slice()) {
        (Some(name), _) => Some(name.to_string()),
        (None, [only]) => Some(only.registry().name.to_string()),
        (None, _) => None,
    };
    let mut scopes = vec![Scope::Read.to_string()];
    if registry.is_some() {
        // whoever comes from `cargo login` is about to publish, as a rule
        scopes.extend([Scope::Publish, Scope::Yank].map(|scope| scope.to_string()));
    }
    let draft = TokenDraft {
        scopes,
        registries: chosen.into_iter().collect(),
        end: LIFE.to_owned(),
        ..TokenDraft::default()
    };
    let made = offer_for(&instance, &visitor, &Owner::own(&visitor), draft, registry).await;
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

/// The form for a token of an account that who asks manages.
pub(super) async fn offer_of(
    instance: &Instance,
    visitor: &Visitor,
    owner: &Owner,
) -> Result<Response<Body>, Failure> {
    let draft = TokenDraft {
        scopes: vec![Scope::Read.to_string()],
        end: LIFE.to_owned(),
        ..TokenDraft::default()
    };
    offer_for(instance, visitor, owner, draft, None).await
}

async fn offer_for(
    instance: &Instance,
    visitor: &Visitor,
    owner: &Owner,
    mut draft: TokenDraft,
    login: Option<RegistryName>,
) -> Result<Response<Body>, Failure> {
    bind(owner, &mut draft);
    let actor = signed_in(instance, visitor)?;
    let told = told(instance, &actor, owner, &draft).await?;
    form_page(instance, visitor, owner, StatusCode::OK, draft, login, told)
}

/// A token of an account of one registry is for that one alone, whatever a form says.
fn bind(owner: &Owner, draft: &mut TokenDraft) {
    if let Some(registry) = &owner.registry {
        draft.everywhere = false;
        draft.registries = vec![registry.to_string()];
    }
}

/// `POST /-/account/tokens/new`: made, or only told in words.
pub(super) async fn make(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (_, form) = match account::sent(&instance, &visitor, request, NEW).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let made = make_of(&instance, &visitor, &Owner::own(&visitor), &form).await;
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

/// The same of an account that who asks manages: what became of a form.
pub(super) async fn make_of(
    instance: &Instance,
    visitor: &Visitor,
    owner: &Owner,
    form: &Form,
) -> Result<Response<Body>, Failure> {
    let mut draft = draft(form);
    bind(owner, &mut draft);
    let actor = signed_in(instance, visitor)?;
    let (status, told) = if form.get("do") == "create" {
        match create(instance, visitor, &actor, owner, &draft).await {
            Ok(new) => return made_page(instance, visitor, &actor, owner, new).await,
            Err(Failure::Refused(refusal)) => {
                let status = problem::status_of(refusal.class());
                let sentence = errors::sentence(&refusal.to_string());
                (status, Told::Problem(sentence))
            }
            Err(failure) => return Err(failure),
        }
    } else {
        let told = told(instance, &actor, owner, &draft).await?;
        (StatusCode::OK, told)
    };
    form_page(instance, visitor, owner, status, draft, None, told)
}

async fn create(
    instance: &Instance,
    visitor: &Visitor,
    actor: &SignedIn,
    owner: &Owner,
    draft: &TokenDraft,
) -> Result<NewToken, Failure> {
    let request = wanted(owner, draft)?;
    instance.create_token(actor, request, &visitor.caller).await
}

fn draft(form: &Form) -> TokenDraft {
    let words = |name: &str| -> Vec<String> {
        let values = form.all(name).flat_map(str::split_whitespace);
        values.take(NAMES).map(str::to_owned).collect()
    };
    TokenDraft {
        name: form.get("name").to_owned(),
        scopes: words("scope"),
        everywhere: form.get("everywhere") == "yes",
        registries: words("registry"),
        crates: form.get("crates").to_owned(),
        end: form.get("end").to_owned(),
        date: form.get("date").to_owned(),
    }
}

/// What a form asks for.
fn wanted(owner: &Owner, draft: &TokenDraft) -> Result<TokenRequest, Refusal> {
    fn each<T: std::str::FromStr<Err: std::fmt::Display>>(
        words: impl Iterator<Item = impl AsRef<str>>,
    ) -> Result<Vec<T>, Refusal> {
        let parse = |word: &str| {
            word.parse()
                .map_err(|error: T::Err| shape(error.to_string()))
        };
        words.map(|word| parse(word.as_ref())).collect()
    }
    let scopes: Vec<Scope> = each(draft.scopes.iter())?;
    let registries: Vec<RegistryName> = each(draft.registries.iter())?;
    if registries.is_empty() && !draft.everywhere {
        return Err(shape("choose a registry, or every registry".to_owned()));
    }
    let crates: Vec<NamePattern> = each(draft.crates.split_whitespace().take(NAMES))?;
    let expires_at = match draft.end.as_str() {
        "date" => {
            let end = Timestamp::from_rfc3339(&format!("{}T23:59:59Z", draft.date));
            let wrong = || shape("say on which date it ends, as in `2027-01-31`".to_owned());
            Some(end.ok_or_else(wrong)?)
        }
        _ => None,
    };
    let expires_in_days = match draft.end.as_str() {
        "date" | "never" => None,
        days => {
            let days = days.parse();
            Some(days.map_err(|_| shape("say when it ends".to_owned()))?)
        }
    };
    Ok(TokenRequest {
        name: draft.name.clone(),
        principal: owner.principal.clone(),
        scopes: Some(scopes.into_iter().collect()),
        registries: (!draft.everywhere).then_some(registries),
        crates: (!crates.is_empty()).then_some(crates),
        expires_in_days,
        expires_at,
    })
}

fn shape(text: String) -> Refusal {
    Refusal::TokenShape(text)
}

/// What stands beside the form.
enum Told {
    Could(Vec<String>),
    Problem(String),
    /// It is not clear yet for which registries it is.
    Nothing,
}

async fn told(
    instance: &Instance,
    actor: &SignedIn,
    owner: &Owner,
    draft: &TokenDraft,
) -> Result<Told, Failure> {
    if draft.registries.is_empty() && !draft.everywhere {
        return Ok(Told::Nothing);
    }
    let could = async {
        let mut request = wanted(owner, draft)?;
        if request.name.trim().is_empty() {
            // what it may do does not hang on its name
            "token".clone_into(&mut request.name);
        }
        instance.what_could(actor, &request).await
    };
    match could.await {
        Ok(could) => Ok(Told::Could(could)),
        Err(Failure::Refused(refusal)) => Ok(Told::Problem(errors::sentence(&refusal.to_string()))),
        // whoever signed in with a token that ends makes none that works for longer
        Err(Failure::Denied(Denied::Right(why))) => Ok(Told::Problem(errors::sentence(&why))),
        Err(failure) => Err(failure),
    }
}

fn form_page(
    instance: &Instance,
    visitor: &Visitor,
    owner: &Owner,
    status: StatusCode,
    draft: TokenDraft,
    login: Option<RegistryName>,
    told: Told,
) -> Result<Response<Body>, Failure> {
    let visible = instance.visible_registries(visitor.actor.as_ref());
    let names = visible.iter();
    let names = names.map(|right| right.registry().name.to_string());
    let choices = match &owner.registry {
        Some(only) => vec![only.to_string()],
        None if visible.len() > CHOICES => Vec::new(),
        None => names.collect(),
    };
    let (could, problem) = match told {
        Told::Could(could) => (could, None),
        Told::Problem(problem) => (Vec::new(), Some(problem)),
        Told::Nothing => (Vec::new(), None),
    };
    let template = NewTokenPage {
        frame: owner.frame(visitor, "New token"),
        place: owner.place.clone(),
        draft,
        choices,
        login: login.map(|name| name.in_cargo()),
        could,
        problem,
    };
    let policy = Policy {
        asks: true,
        ..Policy::default()
    };
    page_with(visitor, status, &template, &policy)
}

async fn made_page(
    instance: &Instance,
    visitor: &Visitor,
    actor: &SignedIn,
    owner: &Owner,
    new: NewToken,
) -> Result<Response<Body>, Failure> {
    let detail = instance.token(actor, &new.token.id).await?;
    let now = instance.clock().now();
    let registries = detail.token.registries.iter().flatten();
    let template = TokenMadePage {
        frame: owner.frame(visitor, "Token made"),
        place: owner.place.clone(),
        name: detail.token.name,
        secret: new.secret.reveal().to_owned(),
        can: detail.can,
        ends: detail.token.expires_at.map(|end| Moment::new(end, now)),
        places: registries
            .map(|name| (name.in_cargo(), name.token_variable()))
            .collect(),
    };
    page(visitor, StatusCode::CREATED, &template)
}
