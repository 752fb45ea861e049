//! A job of a CI system, by the token that the system gave it.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde_json::Value;
use supercargo_types::{Digest, Timestamp};

use crate::{
    ClaimPattern, Issuers, Preset, TokenRejected, TrustedPublisher,
    jwt::{Claims, LEEWAY, Unproven},
    shown::Shown,
};

/// The longest life of a job's token: real ones live for minutes, and hours where a job may take so long. One that lives longer
/// is a password that lies in a log.
const LIFE: Duration = Duration::from_hours(24);
/// In bytes, of a `jti` and of each claim that is handed on.
const CLAIM_BYTES: usize = 2_048;

/// A job that is what its token says, and that at least one rule covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CiIdentity {
    /// The rules that cover it, by their place in what was asked; at least one.
    pub rules: Vec<usize>,
    /// What is known of its claims, by the first of them.
    pub preset: Preset,
    /// Who signed.
    pub issuer: String,
    /// Who it is, for the audit log: `github:acme/app@refs/heads/main`.
    pub subject: String,
    /// `acme/app`, where the preset knows it.
    pub repository: Option<String>,
    /// `refs/heads/main`, where the preset knows it.
    pub reference: Option<String>,
    /// The run or pipeline, where the preset knows it.
    pub run: Option<String>,
    /// Whether it may run what somebody only proposes. Such a job is given `read` alone, whatever its rule says: whoever opens a
    /// pull request would otherwise publish.
    pub is_pull_request: bool,
    /// The end of its token.
    pub expires: Timestamp,
    /// What keeps the token from being used a second time.
    pub once: SingleUse,
    /// Claims that are worth keeping.
    pub claims: BTreeMap<String, String>,
}

/// A token's name, to be stored where it must be unique, before anything is given for the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SingleUse {
    /// SHA-256 of the issuer and its `jti`.
    pub key: Digest,
    /// When it may be forgotten: the token is not taken any more.
    pub until: Timestamp,
}

/// A job that gets nothing. No sentence of it says what a rule wants: see [`Rejected::nearest`] for those who may know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Its token proves nothing, or its issuer cannot be asked.
    #[error(transparent)]
    Token(#[from] TokenRejected),
    /// Nobody trusts its issuer here, which was not asked then: else whoever sends a token chooses whom this server asks.
    #[error("no trusted publisher of this registry has the issuer `{}`", Shown(.0))]
    UnknownIssuer(String),
    /// Its life is too long.
    #[error(
        "the token lives for {} hours, and a job's may live for {}; request one with a shorter life",
        .0.as_secs() / 3_600, LIFE.as_secs() / 3_600
    )]
    LongLived(Duration),
    /// It is proven, and no rule covers it.
    #[error(
        "no trusted publisher of this registry covers this job: {job}; an administrator of the registry can add one"
    )]
    NoRule {
        /// What its token says.
        job: String,
        /// The rule that it misses least, for those who may see rules.
        nearest: NearMiss,
    },
}

/// How a job misses a rule. It shows what the rule wants, so it is for the audit log and for administrators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// The rule, by its place in what was asked.
    pub rule: usize,
    /// What it misses; at least one.
    pub unmet: Vec<Unmet>,
}

/// A claim that is not as a rule wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The claim.
    pub claim: String,
    /// What the rule wants.
    pub wanted: ClaimPattern,
    /// What the token says, if anything.
    pub found: Option<String>,
}

impl Rejected {
    /// How it misses the rule that it misses least; shows what that rule wants.
    pub fn nearest(&self) -> Option<&NearMiss> {
        match self {
            Self::NoRule { nearest, .. } => Some(nearest),
            _ => None,
        }
    }

    /// Whether the token may be good, and its issuer cannot be asked: worth another try.
    pub fn issuer_failed(&self) -> Option<&crate::IssuerFailed> {
        match self {
            Self::Token(TokenRejected::Unproven(failed)) => Some(failed),
            _ => None,
        }
    }
}

impl Issuers {
    /// Whose job sends this token, if at least one of the rules covers it.
    ///
    /// What the token says is looked at in this order: its form, its issuer, its signature, its times, its audience, its claims.
    /// Nobody is asked for keys but the issuers of the rules. The caller stores [`CiIdentity::once`] before it gives anything.
    ///
    /// # Errors
    /// Why the job gets nothing.
    pub async fn job(
        &self,
        token: &str,
        rules: &[&TrustedPublisher],
    ) -> Result<CiIdentity, Rejected> {
        let unproven = Unproven::parse(token)?;
        let issuer = unproven.issuer()?;
        let is_trusted = |rule: &&&TrustedPublisher| rule.issuer().as_str() == issuer;
        let Some(first) = rules.iter().find(is_trusted) else {
            return Err(Rejected::UnknownIssuer(issuer.to_owned()));
        };
        let issuer = first.issuer();
        let claims = self.prove(issuer, unproven).await?;
        let times = claims.times(self.now())?;
        let life = times.expires.since(times.issued);
        if life > LIFE {
            return Err(Rejected::LongLived(life));
        }
        let name = claims.required("jti")?;
        if name.len() > CLAIM_BYTES {
            return Err(TokenRejected::Malformed.into());
        }
        let once = SingleUse {
            key: Digest::of(format!("{issuer}\n{name}").as_bytes()),
            until: times.expires.plus(LEEWAY),
        };
        // a token for several could be used here by each of the others
        let audiences = claims.audiences();
        let [audience] = audiences[..] else {
            return Err(not_for_us(&audiences).into());
        };
        let candidates: Vec<_> = rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| rule.issuer() == issuer && rule.audience() == audience)
            .map(|(place, rule)| (place, *rule))
            .collect();
        if candidates.is_empty() {
            return Err(not_for_us(&audiences).into());
        }
        let covering = covering(&candidates, &claims)?;
        Ok(CiIdentity::new(covering, &claims, once, times.expires))
    }
}

fn not_for_us(audiences: &[&str]) -> TokenRejected {
    TokenRejected::Audience(audiences.iter().map(|&text| text.to_owned()).collect())
}

type Placed<'a> = (usize, &'a TrustedPublisher);

fn covering<'a>(candidates: &[Placed<'a>], claims: &Claims) -> Result<Vec<Placed<'a>>, Rejected> {
    let covering: Vec<_> = candidates
        .iter()
        .filter(|(_, rule)| rule.unmet(claims).next().is_none())
        .copied()
        .collect();
    if !covering.is_empty() {
        return Ok(covering);
    }
    let nearest = candidates
        .iter()
        .min_by_key(|(_, rule)| rule.unmet(claims).count());
    let (place, rule) = nearest.expect("invariant: there is a candidate");
    let unmet = rule.unmet(claims).map(|(claim, wanted)| Unmet {
        claim: claim.clone(),
        wanted: wanted.clone(),
        found: claims.get(claim).and_then(as_text),
    });
    Err(Rejected::NoRule {
        job: description(rule.preset(), claims),
        nearest: NearMiss {
            rule: *place,
            unmet: unmet.collect(),
        },
    })
}

/// What the token says, by which its owner sees what is wrong. Always the same claims: which ones are named must not tell what a
/// rule asks for.
pub(crate) fn description(preset: Preset, claims: &Claims) -> String {
    let parts = preset.telling().iter().map(|name| {
        let value = claims.get(name).and_then(as_text);
        match value {
            Some(text) => format!("its `{name}` is `{}`", Shown(&text)),
            None => format!("it has no `{name}`"),
        }
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn as_text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) | Value::Null => return None,
    };
    (text.len() <= CLAIM_BYTES && !text.is_empty()).then_some(text)
}

impl CiIdentity {
    fn new(
        covering: Vec<Placed<'_>>,
        claims: &Claims,
        once: SingleUse,
        expires: Timestamp,
    ) -> Self {
        let (_, rule) = covering[0];
        let preset = rule.preset();
        let text = |name: Option<&str>| claims.get(name?).and_then(as_text);
        let repository = text(preset.repository());
        let reference = text(preset.reference());
        let kept = preset.worth_keeping().iter().copied();
        let asked = rule.claims().keys().map(String::as_str);
        let kept = kept
            .chain(asked)
            .filter_map(|name| Some((name.to_owned(), text(Some(name))?)));
        Self {
            preset,
            issuer: rule.issuer().as_str().to_owned(),
            subject: subject(rule, claims, repository.as_deref(), reference.as_deref()),
            run: text(preset.run()),
            is_pull_request: covering
                .iter()
                .any(|(_, rule)| rule.preset().is_pull_request(claims)),
            expires,
            once,
            claims: kept.collect(),
            rules: covering.into_iter().map(|(place, _)| place).collect(),
            repository,
            reference,
        }
    }
}

/// `github:acme/app@refs/heads/main`; with the place of the issuer where it is not the preset's own, so that two servers with the
/// same names are two: `github(git.acme.example):acme/app@refs/heads/main`.
fn subject(
    rule: &TrustedPublisher,
    claims: &Claims,
    repository: Option<&str>,
    reference: Option<&str>,
) -> String {
    let preset = rule.preset();
    let system = if Some(rule.issuer().as_str()) == preset.issuer() {
        preset.to_string()
    } else {
        format!("{preset}({})", rule.issuer().place())
    };
    match (repository, reference) {
        (Some(repository), Some(reference)) => {
            format!("{system}:{}@{}", Shown(repository), Shown(reference))
        }
        (Some(repository), None) => format!("{system}:{}", Shown(repository)),
        _ => format!("{system}:{}", Shown(claims.text("sub").unwrap_or("?"))),
    }
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, unmet) in self.unmet.iter().enumerate() {
            if count > 0 {
                f.write_str(", ")?;
            }
            let Unmet { claim, wanted, .. } = unmet;
            write!(f, "wants `{claim}` to be `{wanted}`, ")?;
            match &unmet.found {
                Some(found) => write!(f, "which is `{}`", Shown(found))?,
                None => f.write_str("which is not there")?,
            }
        }
        Ok(())
    }
}
