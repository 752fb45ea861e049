//! `/{registry}/claims`: which names a registry claims; a claim told before it is made; its end; and the release of a name.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{Request, Response, StatusCode, Uri};
use supercargo_pages::{
    ClaimRow, ClaimsPage, DeleteClaimPage, Foretold, KeptRow, Moment, NewClaimPage,
    ReleaseNamePage, Wrongs,
};
use supercargo_registry::{Claim, ClaimForetold, Failure, Instance, MayMaintain, Refusal};
use supercargo_types::{CanonicalName, ClaimMode, CrateName, NamePattern};

use super::{Looking, looked_at};
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

/// Claims on a page.
const PAGE: u64 = 100;
/// Names that stay private and are shown.
const KEPT: u32 = 100;
/// Names that lose versions and are shown.
const NAMES: usize = 12;

/// `GET /{registry}/claims`.
pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        looking.claims(&Asked::of(&uri)).await
    })
    .await
}

/// `GET /{registry}/claims/new`: the form; and with a pattern, what it would take away.
pub(in crate::web) async fn offer(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let right = instance.may_maintain(&name, visitor.actor.clone())?;
        let asked = Asked::of(&uri);
        let is_asked = !asked.get("pattern").is_empty() || uri.query().is_some_and(is_sent);
        if is_asked {
            let (pattern, mode) = (asked.get("pattern"), asked.get("mode"));
            return looking.foretell(&right, pattern, mode).await;
        }
        let (like, mode) = (asked.get("like"), asked.get("mode"));
        let wrongs = Wrongs::default();
        let form = looking.claim_form(StatusCode::OK, like, mode, wrongs, None);
        form.await
    })
    .await
}

/// Whether the form was sent, if only with an empty field.
fn is_sent(query: &str) -> bool {
    let mut pairs = query.split('&');
    pairs.any(|pair| pair == "pattern" || pair.starts_with("pattern="))
}

/// `POST /{registry}/claims/new`.
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
        let right = instance.may_maintain(&name, visitor.actor.clone())?;
        let (pattern, mode) = (form.get("pattern"), form.get("mode"));
        let mut wrongs = Wrongs::default();
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        if let Some((pattern, mode)) = parsed(pattern, mode, &mut wrongs) {
            let claimed = instance.create_claim(&right, pattern, mode, &visitor.caller);
            match claimed.await {
                Ok(_) => return Ok(looking.back_to_claims("claimed")),
                Err(Failure::Refused(refusal)) => {
                    status = problem::status_of(refusal.class());
                    wrongs.put("pattern", errors::sentence(&refusal.to_string()));
                }
                Err(failure) => return Err(failure),
            }
        }
        looking
            .claim_form(status, pattern, mode, wrongs, None)
            .await
    })
    .await
}

/// `GET /{registry}/claims/delete`: what will happen.
pub(in crate::web) async fn ask_to_delete(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let right = instance.may_maintain(&name, visitor.actor.clone())?;
        let pattern = pattern(Asked::of(&uri).get("pattern"))?;
        let wrongs = Wrongs::default();
        looking
            .delete_claim_page(&right, &pattern, StatusCode::OK, wrongs)
            .await
    })
    .await
}

/// `POST /{registry}/claims/delete`.
pub(in crate::web) async fn delete(
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
        let right = instance.may_maintain(&name, visitor.actor.clone())?;
        let pattern = pattern(form.get("pattern"))?;
        let confirm = Some(form.get("confirm").trim());
        let deleted = instance.delete_claim(&right, &pattern, confirm, &visitor.caller);
        match deleted.await {
            Ok(()) => Ok(looking.back_to_claims("deleted")),
            Err(Failure::Refused(refusal)) if matches!(*refusal, Refusal::ConfirmClaim(_)) => {
                let status = problem::status_of(refusal.class());
                let mut wrongs = Wrongs::default();
                wrongs.put("confirm", format!("Type `{pattern}`, exactly."));
                looking
                    .delete_claim_page(&right, &pattern, status, wrongs)
                    .await
            }
            Err(failure) => Err(failure),
        }
    })
    .await
}

/// `GET /{registry}/claims/release`: what will happen.
pub(in crate::web) async fn ask_to_release(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let right = instance.may_maintain(&name, visitor.actor.clone())?;
        let kept = kept(instance, &right, Asked::of(&uri).get("crate")).await?;
        let wrongs = Wrongs::default();
        looking.release_page(&kept, StatusCode::OK, wrongs).await
    })
    .await
}

/// `POST /{registry}/claims/release`.
pub(in crate::web) async fn release(
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
        let right = instance.may_maintain(&name, visitor.actor.clone())?;
        let kept = kept(instance, &right, form.get("crate")).await?;
        let confirm = form.get("confirm").trim();
        let spelling = kept.spelling();
        let released = instance.release(&right, &spelling, confirm, &visitor.caller);
        match released.await {
            Ok(()) => Ok(looking.back_to_claims("released")),
            Err(Failure::Refused(refusal)) => {
                let status = problem::status_of(refusal.class());
                let mut wrongs = Wrongs::default();
                match &*refusal {
                    Refusal::ConfirmRelease(name) => {
                        wrongs.put("confirm", format!("Type `{name}`, exactly."));
                    }
                    refusal => wrongs.put_whole(errors::sentence(&refusal.to_string())),
                }
                looking.release_page(&kept, status, wrongs).await
            }
            Err(failure) => Err(failure),
        }
    })
    .await
}

async fn sent(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    name: &str,
    request: Request<Body>,
) -> Result<Form, Response<Body>> {
    let here = format!("/{name}/claims");
    let sent = account::sent(instance, visitor, request, &here).await;
    sent.map(|(_, form)| form)
}

fn pattern(text: &str) -> Result<NamePattern, Refusal> {
    text.trim().parse().map_err(Refusal::Pattern)
}

/// Pattern and mode, or what is wrong with each.
fn parsed(pattern: &str, mode: &str, wrongs: &mut Wrongs) -> Option<(NamePattern, ClaimMode)> {
    let pattern: Option<NamePattern> = match pattern.trim().parse() {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let error: supercargo_types::InvalidPattern = error;
            wrongs.put("pattern", errors::sentence(&error.to_string()));
            None
        }
    };
    let mode = match mode {
        "" => Some(ClaimMode::Private),
        mode => match mode.parse() {
            Ok(mode) => Some(mode),
            Err(error) => {
                let error: supercargo_types::UnknownWord = error;
                wrongs.put("mode", errors::sentence(&error.to_string()));
                None
            }
        },
    };
    pattern.zip(mode)
}

/// A name that could be released, as it was published.
async fn kept(instance: &Instance, right: &MayMaintain, name: &str) -> Result<CrateName, Failure> {
    let missing = || Refusal::NoCrate {
        registry: right.registry().name.clone(),
        name: name.chars().take(64).collect(),
    };
    let parsed: CrateName = name.parse().map_err(|_| missing())?;
    let canonical: CanonicalName = parsed.canonical();
    let (found, _) = instance.kept_names(right, Some(&canonical), 1).await?;
    let found = found.into_iter().next().ok_or_else(missing)?;
    Ok(found.name)
}

impl Looking<'_> {
    fn back_to_claims(&self, done: &str) -> Response<Body> {
        let path = format!("/{}/claims", self.name());
        let to = self.visitor.links.asking(&path, &[("done", done)]);
        see_other(self.visitor, &to)
    }

    async fn claims(&self, asked: &Asked) -> Result<Response<Body>, Failure> {
        let (name, instance) = (self.name(), self.instance);
        let maintainer = instance.may_maintain(&name, self.visitor.actor.clone());
        let mut claims = instance.claims(&self.right);
        let text = asked.get("q");
        if !text.is_empty() {
            let wanted = text.to_lowercase().replace('_', "-");
            let covered: Option<CanonicalName> = text.parse().ok();
            claims.retain(|claim| is_found(claim, &wanted, covered.as_ref()));
        }
        let (mut by, mut kept, mut kept_total) = (HashMap::new(), Vec::new(), 0);
        if let Ok(right) = &maintainer {
            by = instance.claimants(right).await?;
            let (names, total) = instance.kept_names(right, None, KEPT).await?;
            kept_total = total;
            kept = names
                .into_iter()
                .map(|kept| KeptRow {
                    name: kept.name.to_string(),
                    deleted: kept.deleted_at.map(|at| Moment::new(at, self.now)),
                    is_claimed: kept.claim.is_some(),
                })
                .collect();
        }
        let total = claims.len() as u64;
        let skipped = usize::try_from(asked.skipped(PAGE)).unwrap_or(usize::MAX);
        let shown = claims.into_iter().skip(skipped);
        let shown = shown.take(usize::try_from(PAGE).unwrap_or(usize::MAX));
        let template = ClaimsPage {
            frame: self.frame("Claims"),
            head: self.head("claims").await?,
            text: text.to_owned(),
            claims: shown
                .map(|claim| ClaimRow {
                    by: by.get(&claim.pattern).map(ToString::to_string),
                    pattern: claim.pattern.to_string(),
                    mode: claim.mode.as_str(),
                    created_at: Moment::new(claim.created_at, self.now),
                })
                .collect(),
            pager: asked.pager(&self.visitor.links, &format!("/{name}/claims"), PAGE, total),
            may_claim: maintainer.is_ok(),
            kept,
            kept_total,
            done: match asked.get("done") {
                "claimed" => Some("The claim stands, as of now."),
                "deleted" => Some("The claim is deleted, as of now."),
                "released" => Some("The name is released, as of now."),
                _ => None,
            },
        };
        page(self.visitor, StatusCode::OK, &template)
    }

    /// The second step: what a claim would take away, or the first one again with what is wrong.
    async fn foretell(
        &self,
        right: &MayMaintain,
        pattern: &str,
        mode: &str,
    ) -> Result<Response<Body>, Failure> {
        let mut wrongs = Wrongs::default();
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        let mut foretold = None;
        if let Some((pattern, mode)) = parsed(pattern, mode, &mut wrongs) {
            match self.instance.foretell_claim(right, &pattern, mode).await {
                Ok(told) => {
                    status = StatusCode::OK;
                    foretold = Some(in_words(told, &pattern, mode));
                }
                Err(Failure::Refused(refusal)) => {
                    status = problem::status_of(refusal.class());
                    wrongs.put("pattern", errors::sentence(&refusal.to_string()));
                }
                Err(failure) => return Err(failure),
            }
        }
        self.claim_form(status, pattern, mode, wrongs, foretold)
            .await
    }

    async fn claim_form(
        &self,
        status: StatusCode,
        pattern: &str,
        mode: &str,
        wrongs: Wrongs,
        foretold: Option<Foretold>,
    ) -> Result<Response<Body>, Failure> {
        let template = NewClaimPage {
            frame: self.below("Claims", "claims", "New claim"),
            head: self.head("claims").await?,
            pattern: pattern.to_owned(),
            mode: mode.to_owned(),
            wrongs,
            foretold,
        };
        page(self.visitor, status, &template)
    }

    async fn delete_claim_page(
        &self,
        right: &MayMaintain,
        pattern: &NamePattern,
        status: StatusCode,
        wrongs: Wrongs,
    ) -> Result<Response<Body>, Failure> {
        let (mode, hosted) = self.instance.hosted_under_claim(right, pattern).await?;
        let template = DeleteClaimPage {
            frame: self.below("Claims", "claims", "Delete a claim"),
            head: self.head("claims").await?,
            pattern: pattern.to_string(),
            mode: mode.as_str(),
            hosted,
            wrongs,
        };
        page(self.visitor, status, &template)
    }

    async fn release_page(
        &self,
        name: &CrateName,
        status: StatusCode,
        wrongs: Wrongs,
    ) -> Result<Response<Body>, Failure> {
        let template = ReleaseNamePage {
            frame: self.below("Claims", "claims", "Release a name"),
            head: self.head("claims").await?,
            name: name.to_string(),
            wrongs,
        };
        page(self.visitor, status, &template)
    }
}

/// A pattern that has the text in it, or covers it where it is a name.
fn is_found(claim: &Claim, text: &str, name: Option<&CanonicalName>) -> bool {
    claim.pattern.as_str().contains(text) || name.is_some_and(|name| claim.pattern.covers(name))
}

fn in_words(told: ClaimForetold, pattern: &NamePattern, mode: ClaimMode) -> Foretold {
    let others = told.names.len().saturating_sub(NAMES) as u64;
    let names = told.names.into_iter().take(NAMES);
    Foretold {
        pattern: pattern.to_string(),
        mode: mode.as_str(),
        versions: told.cached_versions,
        names: names
            .map(|(name, versions)| (name.to_string(), versions))
            .collect(),
        more: others,
        readers: told.recent_readers,
        hosted: told.hosted,
    }
}
