//! Trusted publishers: rules of a registry about whose CI jobs get a token there, and what those may do.
//!
//! Each has an account of its own, `job:{registry}.{name}`, that comes and goes with it. What a rule may say is decided in
//! `supercargo_identity`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use supercargo_identity::{Preset, PublisherDraft, TrustedPublisher};
use supercargo_store::{
    AuditEntry, MOST_PUBLISHERS, PublisherCreated, PublisherRow, PublisherRule,
};
use supercargo_types::{
    NamePattern, PrincipalRef, PublisherName, RegistryName, Scope, Scopes, Timestamp,
};
use utoipa::ToSchema;

use crate::{
    Caller, Instance,
    directory::Registry,
    refusal::{Outcome, Refusal},
    rights::MayAdminister,
};

/// Of one rule.
const PATTERNS: usize = 100;
/// A change of a rule starts over when somebody else has changed it meanwhile, so many times at most.
const TRIES: usize = 5;
/// What a job can be allowed. Everything else is a person's to decide.
const SCOPES: [Scope; 3] = [Scope::Read, Scope::Publish, Scope::Yank];

/// A rule to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublisherRequest {
    /// Its name.
    pub name: PublisherName,
    /// What is known of the issuer's claims.
    pub preset: Option<Preset>,
    /// The `iss` of tokens; may be missing where the preset has a public service.
    pub issuer: Option<String>,
    /// The `aud` of tokens; by default the registry's URL without its scheme.
    pub audience: Option<String>,
    /// What tokens must say.
    pub claims: BTreeMap<String, String>,
    /// Default `read`.
    pub scopes: Option<Scopes>,
    /// The crates that jobs may write, whoever owns them; null is what everybody who publishes there may.
    pub crates: Option<Vec<NamePattern>>,
}

/// What can be changed of one; what is absent stays.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublisherEdit {
    /// Another preset.
    pub preset: Option<Preset>,
    /// Another issuer; null is the preset's.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub issuer: Option<Option<String>>,
    /// Another audience; null is the default.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub audience: Option<Option<String>>,
    /// Other claims, all of them.
    pub claims: Option<BTreeMap<String, String>>,
    /// Other scopes.
    pub scopes: Option<Scopes>,
    /// Other crates; null takes the patterns away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<NamePattern>>)]
    pub crates: Option<Option<Vec<NamePattern>>>,
}

/// Tells a field that is null from one that is absent.
pub(crate) fn given<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A rule as it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Publisher {
    /// Unique in its registry.
    pub name: PublisherName,
    /// `github`, `gitlab` or `custom`.
    pub preset: String,
    /// The `iss` of tokens.
    pub issuer: String,
    /// The `aud` of tokens.
    pub audience: String,
    /// What tokens must say.
    pub claims: BTreeMap<String, String>,
    /// What jobs may do.
    pub scopes: Scopes,
    /// The crates that they may write.
    pub crates: Option<Vec<NamePattern>>,
    /// Whom its jobs are here, as in the audit log.
    pub principal: PrincipalRef,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub changed_at: Timestamp,
    /// When a job got a token by it last.
    pub last_used_at: Option<Timestamp>,
}

impl From<PublisherRow> for Publisher {
    fn from(row: PublisherRow) -> Self {
        Self {
            name: row.name,
            preset: row.rule.preset,
            issuer: row.rule.issuer,
            audience: row.rule.audience,
            claims: row.rule.claims,
            scopes: row.rule.scopes,
            crates: row.rule.crates,
            principal: row.principal,
            created_at: row.created_at,
            changed_at: row.changed_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// What a rule says, once it is known to be sound.
fn sound(
    draft: PublisherDraft,
    scopes: Scopes,
    crates: Option<Vec<NamePattern>>,
) -> Result<PublisherRule, Refusal> {
    if let Some(scope) = scopes.iter().find(|scope| !SCOPES.contains(scope)) {
        return Err(shape(format!(
            "`scopes`: a job has `read`, `publish` and `yank` at most, not `{scope}`; leave that to people"
        )));
    }
    match crates.as_deref().map(<[NamePattern]>::len) {
        Some(0) => {
            return Err(shape(
                "`crates`: names none; leave it out for what everybody who publishes may write"
                    .to_owned(),
            ));
        }
        Some(count) if count > PATTERNS => {
            return Err(shape(format!(
                "`crates`: has more than {PATTERNS} patterns"
            )));
        }
        _ => {}
    }
    let rule = TrustedPublisher::try_from(draft).map_err(|invalid| shape(invalid.to_string()))?;
    let draft = PublisherDraft::from(rule);
    Ok(PublisherRule {
        preset: draft.preset.to_string(),
        issuer: draft.issuer.unwrap_or_default(),
        audience: draft.audience,
        claims: draft.claims,
        scopes,
        crates,
    })
}

fn shape(text: String) -> Refusal {
    Refusal::PublisherShape(text)
}

/// The row as the identity room has it; `None` where a later version does not find it sound any more.
pub(crate) fn trusted(rule: &PublisherRule) -> Option<TrustedPublisher> {
    let draft = PublisherDraft {
        preset: rule.preset.parse().ok()?,
        issuer: Some(rule.issuer.clone()),
        audience: rule.audience.clone(),
        claims: rule.claims.clone(),
    };
    draft.try_into().ok()
}

impl PublisherEdit {
    /// The rule with these changes.
    fn applied_to(
        &self,
        before: &PublisherRule,
        audience: String,
    ) -> Result<PublisherRule, Refusal> {
        let preset = before.preset.parse().unwrap_or_default();
        let kept = |text: &String| Some(text.clone());
        let draft = PublisherDraft {
            preset: self.preset.unwrap_or(preset),
            issuer: self.issuer.clone().unwrap_or(kept(&before.issuer)),
            audience: match &self.audience {
                None => before.audience.clone(),
                Some(other) => other.clone().unwrap_or(audience),
            },
            claims: self.claims.clone().unwrap_or(before.claims.clone()),
        };
        let scopes = self.scopes.unwrap_or(before.scopes);
        let crates = self.crates.clone().unwrap_or(before.crates.clone());
        sound(draft, scopes, crates)
    }
}

impl Instance {
    /// As the action for GitHub that crates.io has asks for it: the registry's URL without its scheme.
    fn default_audience(&self, registry: &RegistryName) -> String {
        let url = self.site().api_url(registry);
        match url.split_once("://") {
            Some((_, place)) => place.to_owned(),
            None => url,
        }
    }

    fn audit_publisher(
        &self,
        action: &str,
        right: &MayAdminister,
        name: &PublisherName,
        rule: Option<&PublisherRule>,
        caller: &Caller,
    ) -> AuditEntry {
        let mut audit = self.audit(action, Some(&right.actor), caller);
        audit.registry = Some(right.registry.name.to_string());
        audit.detail = Some(match rule {
            None => name.to_string(),
            Some(rule) => {
                let claims = rule
                    .claims
                    .iter()
                    .map(|(claim, pattern)| format!(", {claim} = {pattern}"));
                let claims: String = claims.collect();
                format!(
                    "{name}: {} for {}{claims}: {}",
                    rule.issuer, rule.audience, rule.scopes
                )
            }
        });
        audit
    }

    /// Makes a rule; it holds when this returns.
    ///
    /// # Errors
    /// [`Refusal::PublisherShape`], [`Refusal::PublisherTaken`].
    pub async fn create_publisher(
        &self,
        right: &MayAdminister,
        request: PublisherRequest,
        caller: &Caller,
    ) -> Outcome<Publisher> {
        let registry = &right.registry;
        let draft = PublisherDraft {
            preset: request.preset.unwrap_or_default(),
            issuer: request.issuer,
            audience: request
                .audience
                .unwrap_or_else(|| self.default_audience(&registry.name)),
            claims: request.claims,
        };
        let rule = sound(
            draft,
            request.scopes.unwrap_or(Scopes::READ),
            request.crates,
        )?;
        let name = request.name;
        let jobs = name.jobs(&registry.name).map_err(|_| {
            shape(format!(
                "`name`: together with `{}` it is too long for an account; choose a shorter one",
                registry.name
            ))
        })?;
        let now = self.clock().now();
        let audit = self.audit_publisher(
            "trusted_publisher.created",
            right,
            &name,
            Some(&rule),
            caller,
        );
        let write = self
            .store
            .create_publisher(registry.id, &name, &jobs, &rule, now, &audit);
        match self.write_people(write).await? {
            PublisherCreated::Done => Ok(self.publisher_row(registry, name.as_str()).await?.into()),
            PublisherCreated::Taken => Err(Refusal::PublisherTaken {
                registry: registry.name.clone(),
                name: name.to_string(),
            }
            .into()),
            PublisherCreated::Full => Err(shape(format!(
                "a registry has {MOST_PUBLISHERS} trusted publishers at most; delete one, or let one cover more jobs"
            ))
            .into()),
        }
    }

    /// The rules of a registry, by name.
    ///
    /// # Errors
    /// Only faults.
    pub async fn publishers(&self, right: &MayAdminister) -> Outcome<Vec<Publisher>> {
        let rows = self.store.publishers(right.registry.id).await?;
        Ok(rows.into_iter().map(Publisher::from).collect())
    }

    /// One rule.
    ///
    /// # Errors
    /// [`Refusal::NoPublisher`].
    pub async fn publisher(&self, right: &MayAdminister, name: &str) -> Outcome<Publisher> {
        Ok(self.publisher_row(&right.registry, name).await?.into())
    }

    /// Changes a rule. Tokens that jobs have by it end when this returns: they were given for what it said before.
    ///
    /// # Errors
    /// [`Refusal::NoPublisher`], [`Refusal::PublisherShape`].
    pub async fn edit_publisher(
        &self,
        right: &MayAdminister,
        name: &str,
        edit: &PublisherEdit,
        caller: &Caller,
    ) -> Outcome<Publisher> {
        let registry = &right.registry;
        for _ in 0..TRIES {
            let before = self.publisher_row(registry, name).await?;
            let rule = edit.applied_to(&before.rule, self.default_audience(&registry.name))?;
            let now = self.clock().now();
            let audit = self.audit_publisher(
                "trusted_publisher.changed",
                right,
                &before.name,
                Some(&rule),
                caller,
            );
            let write = self
                .store
                .change_publisher(registry.id, &before, &rule, now, &audit);
            if self.write_people(write).await? {
                return Ok(self.publisher_row(registry, name).await?.into());
            }
        }
        Err(
            shape("others change this trusted publisher at this moment; try again".to_owned())
                .into(),
        )
    }

    /// Deletes a rule. Tokens that jobs have by it end when this returns.
    ///
    /// # Errors
    /// [`Refusal::NoPublisher`].
    pub async fn delete_publisher(
        &self,
        right: &MayAdminister,
        name: &str,
        caller: &Caller,
    ) -> Outcome<()> {
        let registry = &right.registry;
        let unknown = || no_publisher(registry, name);
        let parsed: PublisherName = name.parse().map_err(|_| unknown())?;
        let audit = self.audit_publisher("trusted_publisher.deleted", right, &parsed, None, caller);
        let now = self.clock().now();
        let write = self
            .store
            .delete_publisher(registry.id, &parsed, now, &audit);
        if self.write_people(write).await? {
            Ok(())
        } else {
            Err(unknown().into())
        }
    }

    async fn publisher_row(&self, registry: &Registry, name: &str) -> Outcome<PublisherRow> {
        let rows = self.store.publishers(registry.id).await?;
        let found = rows.into_iter().find(|row| row.name.as_str() == name);
        Ok(found.ok_or_else(|| no_publisher(registry, name))?)
    }
}

fn no_publisher(registry: &Registry, name: &str) -> Refusal {
    Refusal::NoPublisher {
        registry: registry.name.clone(),
        name: name.chars().take(64).collect(),
    }
}
