//! `/{registry}/trusted-publishers`: whose CI jobs a registry trusts, and what their pipelines have to say.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{Request, Response, StatusCode, Uri};
use supercargo_pages::{
    Moment, Place, RuleDraft, RuleFormPage, RulePage, RuleRow, System, TrustedPublishersPage, Way,
    Wrongs,
};
use supercargo_registry::{Failure, Instance, Publisher, PublisherEdit, PublisherRequest, Refusal};
use supercargo_types::{NamePattern, Scope, Scopes};

use super::{Looking, looked_at, members::read};
use crate::{
    problem,
    web::{
        account,
        asked::Asked,
        errors,
        forms::Form,
        respond::{page, see_other},
        visitor::Visitor,
    },
};

/// Patterns and claims in a form, above what a rule can have: the use case says how many that is.
const LINES: usize = 200;

/// `GET /{registry}/trusted-publishers`.
pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let admin = instance.may_administer(&name, visitor.actor.clone())?;
        let rules = instance.publishers(&admin).await?;
        let template = TrustedPublishersPage {
            frame: looking.frame("CI jobs"),
            head: looking.head("trusted-publishers").await?,
            rules: rules.into_iter().map(|rule| looking.rule(rule)).collect(),
            done: (Asked::of(&uri).get("done") == "deleted")
                .then_some("The rule is deleted, and the tokens of its jobs have ended."),
        };
        page(visitor, StatusCode::OK, &template)
    })
    .await
}

/// `GET /{registry}/trusted-publishers/new`.
pub(in crate::web) async fn offer(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        instance.may_administer(&name, visitor.actor.clone())?;
        let preset = match Asked::of(&uri).get("for") {
            "" => "github",
            other => System::of(other).word,
        };
        let draft = RuleDraft {
            preset: preset.to_owned(),
            ..RuleDraft::default()
        };
        looking
            .rule_form(StatusCode::OK, draft, None, Wrongs::default())
            .await
    })
    .await
}

/// `POST /{registry}/trusted-publishers/new`.
pub(in crate::web) async fn make(
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
        let draft = draft(&form);
        let mut wrongs = Wrongs::default();
        let rule_name = read(&form, "name", &mut wrongs);
        let wanted = Wanted::of(&draft, &mut wrongs);
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        if let (Some(rule_name), Some(wanted), true) = (rule_name, wanted, wrongs.is_empty()) {
            let request = PublisherRequest {
                name: rule_name,
                preset: draft.preset.parse().ok(),
                issuer: wanted.issuer,
                audience: wanted.audience,
                claims: wanted.claims,
                scopes: Some(wanted.scopes),
                crates: wanted.crates,
            };
            let made = instance.create_publisher(&admin, request, &visitor.caller);
            match made.await {
                Ok(made) => return Ok(looking.to_rule(made.name.as_str(), "trusted")),
                Err(Failure::Refused(refusal)) => {
                    status = tell(&refusal, &draft, &mut wrongs);
                }
                Err(failure) => return Err(failure),
            }
        }
        looking.rule_form(status, draft, None, wrongs).await
    })
    .await
}

/// `GET /{registry}/trusted-publishers/rules/{publisher}`.
pub(in crate::web) async fn one(
    State(instance): State<Arc<Instance>>,
    Path((name, publisher)): Path<(String, String)>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let admin = instance.may_administer(&name, visitor.actor.clone())?;
        let rule = instance.publisher(&admin, &publisher).await?;
        let done = match Asked::of(&uri).get("done") {
            "trusted" => {
                Some("These jobs are trusted, as of now. Here is what their pipeline has to say.")
            }
            "changed" => Some("The rule is changed, as of now."),
            _ => None,
        };
        looking
            .rule_page(StatusCode::OK, rule, Wrongs::default(), done)
            .await
    })
    .await
}

/// `GET /{registry}/trusted-publishers/rules/{publisher}/edit`.
pub(in crate::web) async fn ask_to_edit(
    State(instance): State<Arc<Instance>>,
    Path((name, publisher)): Path<(String, String)>,
    visitor: Visitor,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let admin = instance.may_administer(&name, visitor.actor.clone())?;
        let rule = instance.publisher(&admin, &publisher).await?;
        let draft = looking.draft_of(&rule);
        let wrongs = Wrongs::default();
        looking
            .rule_form(StatusCode::OK, draft, Some(publisher.clone()), wrongs)
            .await
    })
    .await
}

/// `POST /{registry}/trusted-publishers/rules/{publisher}/edit`.
pub(in crate::web) async fn edit(
    State(instance): State<Arc<Instance>>,
    Path((name, publisher)): Path<(String, String)>,
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
        let rule = instance.publisher(&admin, &publisher).await?;
        let draft = RuleDraft {
            // of another system it would be another rule
            preset: rule.preset.clone(),
            ..draft(&form)
        };
        let mut wrongs = Wrongs::default();
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        if let Some(wanted) = Wanted::of(&draft, &mut wrongs) {
            let public = System::of(&draft.preset).issuer.map(str::to_owned);
            let edit = PublisherEdit {
                preset: None,
                issuer: Some(wanted.issuer.or(public)),
                audience: Some(wanted.audience),
                claims: Some(wanted.claims),
                scopes: Some(wanted.scopes),
                crates: Some(wanted.crates),
            };
            let changed = instance.edit_publisher(&admin, &publisher, &edit, &visitor.caller);
            match changed.await {
                Ok(_) => return Ok(looking.to_rule(&publisher, "changed")),
                Err(Failure::Refused(refusal)) => {
                    status = tell(&refusal, &draft, &mut wrongs);
                }
                Err(failure) => return Err(failure),
            }
        }
        looking
            .rule_form(status, draft, Some(publisher.clone()), wrongs)
            .await
    })
    .await
}

/// `POST /{registry}/trusted-publishers/rules/{publisher}/delete`.
pub(in crate::web) async fn delete(
    State(instance): State<Arc<Instance>>,
    Path((name, publisher)): Path<(String, String)>,
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
        let rule = instance.publisher(&admin, &publisher).await?;
        if form.get("confirm").trim() != rule.name.as_str() {
            let mut wrongs = Wrongs::default();
            wrongs.put("confirm", format!("Type `{}`, exactly.", rule.name));
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return looking.rule_page(status, rule, wrongs, None).await;
        }
        instance
            .delete_publisher(&admin, &publisher, &visitor.caller)
            .await?;
        let path = format!("/{name}/trusted-publishers");
        let to = visitor.links.asking(&path, &[("done", "deleted")]);
        Ok(see_other(visitor, &to))
    })
    .await
}

async fn sent(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    name: &str,
    request: Request<Body>,
) -> Result<Form, Response<Body>> {
    let here = format!("/{name}/trusted-publishers");
    let sent = account::sent(instance, visitor, request, &here).await;
    sent.map(|(_, form)| form)
}

fn draft(form: &Form) -> RuleDraft {
    let text = |field: &str| form.get(field).trim().to_owned();
    RuleDraft {
        name: text("name"),
        preset: System::of(form.get("preset")).word.to_owned(),
        issuer: text("issuer"),
        audience: text("audience"),
        identity: text("identity"),
        reference: text("reference"),
        environment: text("environment"),
        claims: form.get("claims").to_owned(),
        publish: form.get("publish") == "yes",
        yank: form.get("yank") == "yes",
        crates: form.get("crates").to_owned(),
    }
}

/// What a form asks for, once each field could be read.
struct Wanted {
    issuer: Option<String>,
    audience: Option<String>,
    claims: BTreeMap<String, String>,
    scopes: Scopes,
    crates: Option<Vec<NamePattern>>,
}

impl Wanted {
    fn of(draft: &RuleDraft, wrongs: &mut Wrongs) -> Option<Self> {
        let system = System::of(&draft.preset);
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let mut claims = BTreeMap::new();
        for (claim, pattern) in [
            (Some(system.identity), &draft.identity),
            (system.reference, &draft.reference),
            (system.environment, &draft.environment),
        ] {
            if let (Some(claim), Some(pattern)) = (claim, given(pattern)) {
                claims.insert(claim.to_owned(), pattern);
            }
        }
        let lines = draft.claims.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty()).take(LINES) {
            let pair = line.split_once('=');
            let Some((claim, pattern)) = pair.map(|(a, b)| (a.trim(), b.trim())) else {
                let line: String = line.chars().take(80).collect();
                let sentence = format!(
                    "Write `{line}` as a claim and a pattern, as in `ref_protected = true`."
                );
                wrongs.put("claims", sentence);
                continue;
            };
            if claims
                .insert(claim.to_owned(), pattern.to_owned())
                .is_some()
            {
                let claim: String = claim.chars().take(80).collect();
                wrongs.put("claims", format!("`{claim}` stands in this form twice."));
            }
        }
        let mut patterns = Vec::new();
        let words = draft.crates.split([',', ' ', '\t', '\r', '\n']);
        for word in words.filter(|word| !word.is_empty()).take(LINES) {
            match word.parse::<NamePattern>() {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => wrongs.put("crates", errors::sentence(&error.to_string())),
            }
        }
        let optional = [
            draft.publish.then_some(Scope::Publish),
            draft.yank.then_some(Scope::Yank),
        ];
        let scopes = [Scope::Read]
            .into_iter()
            .chain(optional.into_iter().flatten());
        wrongs.is_empty().then(|| Self {
            issuer: given(&draft.issuer),
            audience: given(&draft.audience),
            claims,
            scopes: scopes.collect(),
            crates: (!patterns.is_empty()).then_some(patterns),
        })
    }
}

/// Puts what a use case refuses beside the field that it is about: it writes the field in front, as in `` `claims.ref`: … ``.
fn tell(refusal: &Refusal, draft: &RuleDraft, wrongs: &mut Wrongs) -> StatusCode {
    let system = System::of(&draft.preset);
    let text = refusal.to_string();
    let found = match refusal {
        Refusal::PublisherTaken { .. } => Some(("name", text.as_str())),
        _ => text.strip_prefix('`').and_then(|rest| {
            let (field, what) = rest.split_once("`: ")?;
            let field = match field {
                "name" => "name",
                "issuer" => "issuer",
                "audience" => "audience",
                "scopes" => "scopes",
                "crates" => "crates",
                // it says that none of them tells whose jobs are meant
                "claims" => "identity",
                field => system.field(field.strip_prefix("claims.")?),
            };
            Some((field, what))
        }),
    };
    match found {
        Some((field, what)) => wrongs.put(field, errors::sentence(what)),
        None => wrongs.put_whole(errors::sentence(&text)),
    }
    problem::status_of(refusal.class())
}

impl Looking<'_> {
    fn to_rule(&self, rule: &str, done: &str) -> Response<Body> {
        let path = format!("/{}/trusted-publishers/rules/{rule}", self.name());
        let to = self.visitor.links.asking(&path, &[("done", done)]);
        see_other(self.visitor, &to)
    }

    fn rule(&self, rule: Publisher) -> RuleRow {
        let patterns = |list: Vec<NamePattern>| list.iter().map(ToString::to_string).collect();
        let system = System::of(&rule.preset);
        let fields = ["identity", "reference", "environment"];
        let mut claims: Vec<_> = rule.claims.into_iter().collect();
        // whose jobs they are stands first
        claims.sort_by_key(|(claim, _)| {
            let field = system.field(claim);
            let place = fields.iter().position(|known| *known == field);
            place.unwrap_or(fields.len())
        });
        RuleRow {
            name: rule.name.to_string(),
            system,
            issuer: rule.issuer,
            audience: rule.audience,
            claims,
            scopes: rule.scopes.iter().map(Scope::as_str).collect(),
            crates: rule.crates.map(patterns),
            principal: rule.principal.to_string(),
            made: Moment::new(rule.created_at, self.now),
            changed: Moment::new(rule.changed_at, self.now),
            used: rule.last_used_at.map(|used| Moment::new(used, self.now)),
        }
    }

    /// For whom tokens are made if a rule says nothing.
    fn own_audience(&self) -> String {
        let place = Place::of(self.instance.site(), &self.right.registry().name);
        place.audience().to_owned()
    }

    fn draft_of(&self, rule: &Publisher) -> RuleDraft {
        let system = System::of(&rule.preset);
        let mut draft = RuleDraft {
            name: rule.name.to_string(),
            preset: system.word.to_owned(),
            publish: rule.scopes.has(Scope::Publish),
            yank: rule.scopes.has(Scope::Yank),
            ..RuleDraft::default()
        };
        // what is as it would be by itself is left to be so
        if system.issuer != Some(rule.issuer.as_str()) {
            rule.issuer.clone_into(&mut draft.issuer);
        }
        if rule.audience != self.own_audience() {
            rule.audience.clone_into(&mut draft.audience);
        }
        let mut others = Vec::new();
        for (claim, pattern) in &rule.claims {
            match system.field(claim) {
                "identity" => draft.identity.clone_from(pattern),
                "reference" => draft.reference.clone_from(pattern),
                "environment" => draft.environment.clone_from(pattern),
                _ => others.push(format!("{claim} = {pattern}")),
            }
        }
        draft.claims = others.join("\n");
        let crates = rule.crates.iter().flatten();
        let crates: Vec<_> = crates.map(ToString::to_string).collect();
        draft.crates = crates.join("\n");
        draft
    }

    async fn rule_form(
        &self,
        status: StatusCode,
        draft: RuleDraft,
        editing: Option<String>,
        wrongs: Wrongs,
    ) -> Result<Response<Body>, Failure> {
        let title = editing.as_ref().map_or_else(
            || "Trust CI jobs".to_owned(),
            |name| format!("Change {name}"),
        );
        let template = RuleFormPage {
            frame: self.below("CI jobs", "trusted-publishers", &title),
            head: self.head("trusted-publishers").await?,
            audience: self.own_audience(),
            draft,
            editing,
            wrongs,
        };
        page(self.visitor, status, &template)
    }

    async fn rule_page(
        &self,
        status: StatusCode,
        rule: Publisher,
        wrongs: Wrongs,
        done: Option<&'static str>,
    ) -> Result<Response<Body>, Failure> {
        let registry = self.right.registry();
        let way = if registry.upstreams.is_empty() {
            Way::Named
        } else {
            Way::Everything
        };
        let template = RulePage {
            frame: self.below("CI jobs", "trusted-publishers", rule.name.as_str()),
            head: self.head("trusted-publishers").await?,
            place: Place::of(self.instance.site(), &registry.name),
            rule: self.rule(rule),
            way,
            wrongs,
            done,
        };
        page(self.visitor, status, &template)
    }
}
