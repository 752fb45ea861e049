//! A rule of a registry: whose jobs it trusts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ClaimPattern, IssuerUrl, Preset, jwt::Claims};

/// Of one rule.
const CLAIMS: usize = 32;
/// In characters, of a claim's name and of an audience.
const LENGTH: usize = 255;

/// Jobs whose tokens have these claims, from this issuer, for this audience. Valid by construction.
///
/// In JSON it is a [`PublisherDraft`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "PublisherDraft", try_from = "PublisherDraft")]
pub struct TrustedPublisher {
    preset: Preset,
    issuer: IssuerUrl,
    audience: String,
    claims: BTreeMap<String, ClaimPattern>,
}

/// A rule as somebody writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublisherDraft {
    /// What is known of the issuer's claims; `custom` where it is missing.
    #[serde(default)]
    pub preset: Preset,
    /// Exactly as in the `iss` of its tokens. May be missing where the preset has a public service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Whom its tokens must be made for: best the public URL of this server, or of the registry.
    pub audience: String,
    /// What a token must say, all of it: names of claims and patterns, such as `"repository": "acme/app"`.
    pub claims: BTreeMap<String, String>,
}

/// A rule that would let in nobody, or everybody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {what}")]
pub struct InvalidPublisher {
    field: String,
    what: String,
}

impl InvalidPublisher {
    fn new(field: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            what: what.into(),
        }
    }

    /// The field, as in `claims.ref`.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong with it, and what would be right.
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl TrustedPublisher {
    /// What is known of its claims.
    pub fn preset(&self) -> Preset {
        self.preset
    }

    /// Who signs.
    pub fn issuer(&self) -> &IssuerUrl {
        &self.issuer
    }

    /// Whom tokens must be made for.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// What they must say.
    pub fn claims(&self) -> &BTreeMap<String, ClaimPattern> {
        &self.claims
    }

    /// The constraints that a token does not meet.
    pub(crate) fn unmet<'a>(
        &'a self,
        claims: &Claims,
    ) -> impl Iterator<Item = (&'a String, &'a ClaimPattern)> {
        let wrong = |(name, pattern): &(&String, &ClaimPattern)| {
            !claims.get(name).is_some_and(|value| covers(pattern, value))
        };
        self.claims.iter().filter(wrong)
    }
}

/// Numbers and booleans are compared as they stand in JSON, and of a list one entry is enough.
fn covers(pattern: &ClaimPattern, value: &Value) -> bool {
    match value {
        Value::String(text) => pattern.covers(text),
        Value::Bool(_) | Value::Number(_) => pattern.covers(&value.to_string()),
        Value::Array(several) => several
            .iter()
            .filter_map(Value::as_str)
            .any(|text| pattern.covers(text)),
        Value::Object(_) | Value::Null => false,
    }
}

impl TryFrom<PublisherDraft> for TrustedPublisher {
    type Error = InvalidPublisher;

    fn try_from(draft: PublisherDraft) -> Result<Self, Self::Error> {
        let preset = draft.preset;
        let example = preset.example();
        let issuer = draft.issuer.as_deref().or(preset.issuer()).ok_or_else(|| {
            InvalidPublisher::new(
                "issuer",
                "is missing; write the `iss` of its tokens, as in `https://ci.acme.example`",
            )
        })?;
        let issuer: IssuerUrl = issuer.parse().map_err(|error: crate::InvalidIssuer| {
            InvalidPublisher::new("issuer", error.to_string())
        })?;
        let audience = draft.audience;
        let length = audience.chars().count();
        if length == 0 || length > LENGTH || !audience.chars().all(|c| c.is_ascii_graphic()) {
            return Err(InvalidPublisher::new(
                "audience",
                "has 1 to 255 characters without blanks; write whom jobs request their tokens for, as in `https://crates.acme.example`",
            ));
        }
        if audience.contains('*') {
            return Err(InvalidPublisher::new(
                "audience",
                "is no pattern: a token that was made for somebody else could be used here; write one text, as in `https://crates.acme.example`",
            ));
        }
        if draft.claims.len() > CLAIMS {
            return Err(InvalidPublisher::new("claims", "has more than 32 entries"));
        }
        let mut claims = BTreeMap::new();
        for (name, text) in draft.claims {
            let pattern = constraint(preset, &name, &text)?;
            claims.insert(name, pattern);
        }
        // otherwise everybody's job at that issuer could publish
        if !claims
            .iter()
            .any(|(name, pattern)| preset.identifies(name, pattern))
        {
            return Err(InvalidPublisher::new(
                "claims",
                format!(
                    "does not say whose jobs are meant, so that everybody's at that issuer would be; name the owner without `*`, as in `{example}`"
                ),
            ));
        }
        Ok(Self {
            preset,
            issuer,
            audience,
            claims,
        })
    }
}

fn constraint(preset: Preset, name: &str, text: &str) -> Result<ClaimPattern, InvalidPublisher> {
    let length = name.chars().count();
    if length == 0 || length > LENGTH || !name.chars().all(|c| c.is_ascii_graphic()) {
        return Err(InvalidPublisher::new(
            "claims",
            format!(
                "the name of a claim has 1 to 255 characters without blanks, as in `{}`",
                preset.example()
            ),
        ));
    }
    let field = format!("claims.{name}");
    let what = match name {
        "iss" => Some("stands in `issuer`, once for the whole rule"),
        "aud" => Some("stands in `audience`, once for the whole rule"),
        "exp" | "iat" | "nbf" | "jti" => Some("is different in each token, and looked at anyway"),
        _ => None,
    };
    if let Some(what) = what {
        return Err(InvalidPublisher::new(field, what));
    }
    let pattern: ClaimPattern = text.parse().map_err(|error: crate::InvalidClaimPattern| {
        InvalidPublisher::new(field.clone(), error.to_string())
    })?;
    match preset.mistake(name, &pattern) {
        Some(what) => Err(InvalidPublisher::new(field, what)),
        None => Ok(pattern),
    }
}

impl From<TrustedPublisher> for PublisherDraft {
    fn from(rule: TrustedPublisher) -> Self {
        let text = |(name, pattern): (String, ClaimPattern)| (name, pattern.as_str().to_owned());
        Self {
            preset: rule.preset,
            issuer: Some(rule.issuer.as_str().to_owned()),
            audience: rule.audience,
            claims: rule.claims.into_iter().map(text).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(preset: Preset, claims: &[(&str, &str)]) -> PublisherDraft {
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        PublisherDraft {
            preset,
            issuer: (preset == Preset::Custom).then(|| "https://ci.acme.example".to_owned()),
            audience: "https://crates.acme.example".to_owned(),
            claims: claims.iter().map(own).collect(),
        }
    }

    fn refusal(draft: PublisherDraft) -> String {
        TrustedPublisher::try_from(draft).unwrap_err().to_string()
    }

    fn is_sound(preset: Preset, claims: &[(&str, &str)]) -> bool {
        TrustedPublisher::try_from(draft(preset, claims)).is_ok()
    }

    /// I6. Everybody's job at a public issuer gets a token for whatever audience it names.
    #[test]
    fn a_rule_says_whose_jobs_it_means() {
        for (preset, claims) in [
            (Preset::GitHub, &[("repository", "acme/app")][..]),
            (Preset::GitHub, &[("repository", "acme/*")]),
            (Preset::GitHub, &[("repository_id", "74")]),
            (
                Preset::GitHub,
                &[("repository_owner_id", "65"), ("ref", "refs/heads/*")],
            ),
            (
                Preset::GitHub,
                &[("sub", "repo:acme/app:ref:refs/heads/main")],
            ),
            (
                Preset::GitHub,
                &[("sub", "repo:acme/*:environment:release")],
            ),
            (Preset::GitHub, &[("sub", "repo:acme@1/app@2:*")]),
            (Preset::GitLab, &[("project_path", "acme/**")]),
            (Preset::GitLab, &[("namespace_path", "acme")]),
            (Preset::GitLab, &[("sub", "project_path:acme/**")]),
            (Preset::Custom, &[("sub", "system:serviceaccount:ci:*")]),
            (Preset::Custom, &[("organization_slug", "acme")]),
        ] {
            assert!(is_sound(preset, claims), "{preset} {claims:?}");
        }
        for (preset, claims) in [
            (Preset::GitHub, &[][..]),
            (Preset::GitHub, &[("ref", "refs/heads/main")]),
            (Preset::GitHub, &[("environment", "release")]),
            (Preset::GitHub, &[("repository", "*")]),
            (Preset::GitHub, &[("repository", "**")]),
            (Preset::GitHub, &[("repository", "*/app")]),
            (Preset::GitHub, &[("repository", "acme*/app")]),
            (Preset::GitHub, &[("repository", "/*")]),
            (Preset::GitHub, &[("repository_id", "7*")]),
            (Preset::GitHub, &[("repository_owner", "acme*")]),
            (Preset::GitHub, &[("sub", "repo:*")]),
            (Preset::GitHub, &[("sub", "repo:acme*/app:**")]),
            (Preset::GitHub, &[("sub", "repo:/**")]),
            (
                Preset::GitHub,
                &[("workflow_ref", "acme/app/.github/workflows/x.yml@*")],
            ),
            (
                Preset::GitHub,
                &[("job_workflow_ref", "acme/app/.github/workflows/x.yml@x")],
            ),
            (Preset::GitLab, &[("namespace_path", "acme**")]),
            (Preset::GitLab, &[("ref_protected", "true")]),
            (Preset::Custom, &[("sub", "*")]),
            (Preset::Custom, &[("environment", "release")]),
        ] {
            assert!(!is_sound(preset, claims), "{preset} {claims:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_said_with_what_is_right() {
        let github = |claims| draft(Preset::GitHub, claims);
        insta::assert_snapshot!(refusal(github(&[("repository", "*/app")])), @r#"`claims`: does not say whose jobs are meant, so that everybody's at that issuer would be; name the owner without `*`, as in `"repository": "acme/app"`"#);
        insta::assert_snapshot!(refusal(github(&[("repository", "acme/app"), ("ref", "main")])), @"`claims.ref`: GitHub writes whole names there, as in `refs/heads/main` or `refs/tags/v*`");
        insta::assert_snapshot!(refusal(draft(Preset::GitLab, &[("project_path", "acme/app"), ("ref", "refs/heads/main")])), @"`claims.ref`: GitLab writes `main` there; use `ref_path` for `refs/heads/main`");
        insta::assert_snapshot!(refusal(draft(Preset::GitLab, &[("repository", "acme/app")])), @"`claims.repository`: GitLab calls it `project_path`");
        insta::assert_snapshot!(refusal(github(&[("aud", "x")])), @"`claims.aud`: stands in `audience`, once for the whole rule");
        insta::assert_snapshot!(refusal(github(&[("repository", "")])), @"`claims.repository`: a pattern over a claim has 1 to 512 characters and no control characters, as in `acme/app` or `refs/tags/*`");
        let custom = || draft(Preset::Custom, &[("sub", "acme:app")]);
        insta::assert_snapshot!(refusal(PublisherDraft { issuer: None, ..custom() }), @"`issuer`: is missing; write the `iss` of its tokens, as in `https://ci.acme.example`");
        insta::assert_snapshot!(refusal(PublisherDraft { issuer: Some("ci.acme.example".to_owned()), ..custom() }), @"`issuer`: it does not start with `https://`; write the issuer exactly as it stands in the `iss` of its tokens, as in `https://gitlab.acme.example`");
        insta::assert_snapshot!(refusal(PublisherDraft { audience: String::new(), ..custom() }), @"`audience`: has 1 to 255 characters without blanks; write whom jobs request their tokens for, as in `https://crates.acme.example`");
        insta::assert_snapshot!(refusal(PublisherDraft { audience: "https://*".to_owned(), ..custom() }), @"`audience`: is no pattern: a token that was made for somebody else could be used here; write one text, as in `https://crates.acme.example`");
    }

    #[test]
    fn a_rule_goes_through_json_and_back() {
        let json = r#"{"preset":"github","audience":"https://crates.acme.example","claims":{"repository":"acme/*","ref":"refs/tags/v*"}}"#;
        let rule: TrustedPublisher = serde_json::from_str(json).unwrap();
        assert_eq!(rule.issuer().as_str(), Preset::GitHub.issuer().unwrap());
        let again = serde_json::to_string(&rule).unwrap();
        assert_eq!(
            serde_json::from_str::<TrustedPublisher>(&again).unwrap(),
            rule
        );
        let everybody = json.replace("acme/*", "*");
        assert!(serde_json::from_str::<TrustedPublisher>(&everybody).is_err());
        let unknown = json.replace("audience", "audiences");
        assert!(serde_json::from_str::<TrustedPublisher>(&unknown).is_err());
    }
}
