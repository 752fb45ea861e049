//! The exchange of a CI job's identity for a token of minutes.
//!
//! Whoever asks has no account: what they learn is what their own token says, and never which rules there are. Where a registry
//! is hidden from strangers, a job that gets nothing cannot tell it from one that is not there.

use std::{cmp::Reverse, sync::Arc, time::Duration};

use supercargo_identity::{CiIdentity, Rejected, TrustedPublisher};
use supercargo_store::{JobTokenCreated, NewJobToken, PublisherRow};
use supercargo_types::{PrincipalKind, RegistryName, Scopes, Timestamp, TokenSecret};

use crate::{
    Caller, Failure, Instance, publishers,
    refusal::{Outcome, Refusal},
    rights::{Actor, Denied, SignedIn},
    tokens,
};

/// Signatures that are looked at at once, and questions to issuers that are waited for: a flood of tokens must not become a
/// flood of either.
pub(crate) const AT_ONCE: usize = 32;
/// How long a job waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a job's token works: as long as crates.io's.
const LIFE: Duration = Duration::from_mins(30);
/// In characters, of the number of a run.
const RUN: usize = 40;

/// What a job gets.
#[derive(Debug)]
pub struct JobToken {
    /// The text.
    pub secret: TokenSecret,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A job that gets nothing.
#[derive(Clone, Debug)]
pub struct NotExchanged {
    /// What it is told.
    pub failure: Failure,
    /// What the registry's admins read in the audit log, where that is more: it may show what a rule wants.
    pub detail: Option<String>,
}

impl<E: Into<Failure>> From<E> for NotExchanged {
    fn from(failure: E) -> Self {
        Self {
            failure: failure.into(),
            detail: None,
        }
    }
}

/// A rule, as it is stored and as it is looked at.
struct Rule {
    row: PublisherRow,
    trusted: TrustedPublisher,
}

impl Instance {
    /// Gives a job a token for one registry, if one of its rules covers it. Each token of an issuer is good for one.
    ///
    /// # Errors
    /// [`Denied::Right`] with what its token says; [`Refusal::IssuerFailed`], [`Refusal::TooManyJobs`];
    /// [`TooMany::BadTokens`](crate::TooMany::BadTokens) where too many of its address are denied.
    pub async fn exchange(
        &self,
        name: &RegistryName,
        jwt: &str,
        caller: &Caller,
    ) -> Result<JobToken, NotExchanged> {
        let exchanged = Box::pin(self.try_exchange(name, jwt, caller)).await;
        exchanged.map_err(|mut not| {
            if let Failure::Denied(denied) = not.failure {
                not.failure = self.bad_identity(denied, caller);
            }
            not
        })
    }

    async fn try_exchange(
        &self,
        name: &RegistryName,
        jwt: &str,
        caller: &Caller,
    ) -> Result<JobToken, NotExchanged> {
        let turn = tokio::time::timeout(PATIENCE, self.exchanges.acquire());
        let Ok(Ok(_turn)) = turn.await else {
            return Err(Refusal::TooManyJobs.into());
        };
        // the same for every registry, those that are not there too
        let claimed = self.issuers.claimed(jwt);
        let claimed = claimed.map_err(|rejected| Denied::Right(rejected.to_string()))?;
        let registry = self.directory().registry(name.as_str()).cloned();
        let rules = match &registry {
            Some(registry) => self.rules(registry.id).await?,
            None => Vec::new(),
        };
        let trusted: Vec<_> = rules.iter().map(|rule| &rule.trusted).collect();
        let job = self.issuers.job(jwt, &trusted).await;
        let job = job.map_err(|rejected| self.reject(name, &claimed, &rejected, &rules))?;
        let registry = registry.expect("invariant: only a registry has rules");
        let row = best(&job, &rules);
        // whoever opens a pull request decides what its job runs
        let scopes = if job.is_pull_request {
            Scopes::READ
        } else {
            row.rule.scopes
        };
        let secret = TokenSecret::generate(self.random());
        let now = self.clock().now();
        let subject = subject(&job);
        let token = supercargo_store::NewToken {
            registries: Some(vec![registry.name.clone()]),
            crates: row.rule.crates.clone(),
            expires_at: Some(now.plus(LIFE)),
            now,
            subject: Some(subject.clone()),
            ..tokens::row(self, &secret, row.name.as_str(), scopes)
        };
        let mut audit = self.audit("token.exchanged", None, caller);
        audit.principal = Some(row.principal.to_string());
        audit.token_id = Some(token.id.clone());
        audit.registry = Some(registry.name.to_string());
        audit.detail = Some(format!("{subject}: {scopes}"));
        let new = NewJobToken {
            registry_id: registry.id,
            publisher: row,
            key: job.once.key,
            key_until: job.once.until,
            token: &token,
        };
        match self.store.create_job_token(&new, &audit).await? {
            JobTokenCreated::Done => Ok(JobToken {
                secret,
                expires_at: now.plus(LIFE),
            }),
            JobTokenCreated::Used => Err(Denied::Right(
                "this identity was exchanged before, and each is good for one token; request a new one"
                    .to_owned(),
            )
            .into()),
            JobTokenCreated::Gone => Err(NotExchanged {
                failure: unknown_job(name, &claimed),
                detail: Some(format!(
                    "trusted publisher `{}` was changed at this moment",
                    row.name
                )),
            }),
        }
    }

    async fn rules(&self, registry_id: i64) -> Outcome<Vec<Rule>> {
        let rows = self.store.publishers(registry_id).await?;
        let rule = |row: PublisherRow| {
            let trusted = publishers::trusted(&row.rule);
            if trusted.is_none() {
                tracing::warn!(
                    rule = %row.principal,
                    "a trusted publisher makes no sense any more and covers nobody; delete it or change it"
                );
            }
            trusted.map(|trusted| Rule { row, trusted })
        };
        Ok(rows.into_iter().filter_map(rule).collect())
    }

    /// Where strangers may know that the registry exists, they are told why; elsewhere only what the token says itself, which
    /// is the same for a registry that is not there.
    fn reject(
        &self,
        name: &RegistryName,
        claimed: &str,
        rejected: &Rejected,
        rules: &[Rule],
    ) -> NotExchanged {
        let detail = match rejected.nearest() {
            Some(missed) => {
                let rule = &rules[missed.rule].row.name;
                format!("trusted publisher `{rule}` {missed}; {claimed}")
            }
            None => format!("{rejected}; {claimed}"),
        };
        let is_known = self.may_read(name.as_str(), None).is_ok();
        let failure = match rejected.issuer_failed() {
            _ if !is_known => unknown_job(name, claimed),
            // the reason may show an address inside of a network
            Some(failed) => Refusal::IssuerFailed(format!(
                "the issuer `{}` cannot be asked for its keys now",
                failed.issuer()
            ))
            .into(),
            None => Denied::Right(rejected.to_string()).into(),
        };
        NotExchanged {
            failure,
            detail: Some(detail),
        }
    }

    /// Ends a job's token at once, with itself.
    ///
    /// # Errors
    /// [`Denied`] without a token, or with one that is not a job's of this registry.
    pub async fn end_job(
        &self,
        name: &RegistryName,
        actor: Option<Arc<Actor>>,
        caller: &Caller,
    ) -> Outcome<()> {
        let actor = actor.ok_or(Denied::SignIn)?;
        let is_jobs = actor.principal.kind == PrincipalKind::Job
            && actor.token_registries() == Some(std::slice::from_ref(name));
        if !is_jobs {
            return Err(Denied::Right(
                "here a job ends the token that it was given for this registry, and this is another one; end it with `supercargo token delete`"
                    .to_owned(),
            )
            .into());
        }
        let id = actor.token_id().to_owned();
        self.revoke_token(&SignedIn(actor), &id, caller).await
    }
}

/// The same words for a hidden registry and for one that is not there.
fn unknown_job(name: &RegistryName, claimed: &str) -> Failure {
    Denied::Right(format!(
        "no trusted publisher of registry `{name}` takes this token, or there is no such registry; what the token says: {claimed}; an administrator of the registry sees in its audit log what is missing"
    ))
    .into()
}

/// The rule with the most scopes, of several the first by name: what two rules say is never mixed, for whoever wrote one of
/// them did not mean the patterns of the other.
fn best<'a>(job: &CiIdentity, rules: &'a [Rule]) -> &'a PublisherRow {
    let covering = job.rules.iter().map(|&place| &rules[place].row);
    covering
        .min_by_key(|row| Reverse(row.rule.scopes.iter().count()))
        .expect("invariant: at least one rule covers the job")
}

/// `github:acme/app@refs/heads/main (run 4711)`.
fn subject(job: &CiIdentity) -> String {
    let mut text = job.subject.clone();
    let run = job.run.iter().flat_map(|run| run.chars());
    let run: String = run.filter(char::is_ascii_alphanumeric).take(RUN).collect();
    if !run.is_empty() {
        text = format!("{text} (run {run})");
    }
    text
}
