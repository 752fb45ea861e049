//! What is known of CI systems: where their tokens come from, and what their claims mean.
//!
//! GitHub: "OpenID Connect reference" in its documentation of Actions. GitLab: "OpenID Connect (OIDC) authentication using ID
//! tokens" in its documentation of CI/CD. Forgejo and Gitea write the claims of GitHub.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ClaimPattern, jwt::Claims};

/// A CI system whose claims are known.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// GitHub Actions, also of a GitHub Enterprise Server, and what writes the same claims.
    GitHub,
    /// GitLab CI/CD, of any instance.
    GitLab,
    /// Anything else that signs ID tokens.
    #[default]
    Custom,
}

/// A word that is none of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a preset of a CI system; use `github`, `gitlab` or `custom`")]
pub struct UnknownPreset(String);

/// What is known of one claim that can tell whose job it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identifies {
    /// A path, whose first segment is the owner.
    ByPath,
    /// An id or the name of an owner.
    AsWhole,
    /// `sub`, which is composed differently by each system.
    BySubject,
}

impl Preset {
    /// As in JSON and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Custom => "custom",
        }
    }

    /// The issuer of its public service; every other instance has its own.
    pub const fn issuer(self) -> Option<&'static str> {
        match self {
            Self::GitHub => Some("https://token.actions.githubusercontent.com"),
            Self::GitLab => Some("https://gitlab.com"),
            Self::Custom => None,
        }
    }

    /// A constraint that is right, for the sentence about a wrong one.
    pub(crate) const fn example(self) -> &'static str {
        match self {
            Self::GitHub => r#""repository": "acme/app""#,
            Self::GitLab => r#""project_path": "acme/app""#,
            Self::Custom => r#""sub": "acme:app""#,
        }
    }

    /// Whether a constraint says whose jobs are meant: a stranger at the same issuer can get no token that matches it.
    pub(crate) fn identifies(self, claim: &str, pattern: &ClaimPattern) -> bool {
        let Some(how) = self.identity(claim) else {
            return false;
        };
        let prefix = pattern.prefix();
        match how {
            // `1*` would be every id that begins so, and `acme*` also `acme-evil`
            Identifies::AsWhole => pattern.is_exact(),
            Identifies::ByPath => pattern.is_exact() || prefix.find('/').is_some_and(|at| at > 0),
            // `repo:acme/…`, `project_path:acme/…`
            Identifies::BySubject => match self {
                Self::GitHub | Self::GitLab => {
                    let owner = prefix.split_once(':').and_then(|(_, path)| path.find('/'));
                    pattern.is_exact() || owner.is_some_and(|at| at > 0)
                }
                Self::Custom => !prefix.is_empty(),
            },
        }
    }

    /// A claim that tells a job's owner from others. The workflow is not one: a public one may be called by everybody.
    fn identity(self, claim: &str) -> Option<Identifies> {
        let how = match claim {
            "sub" => return Some(Identifies::BySubject),
            "repository" | "project_path" | "namespace_path" => Identifies::ByPath,
            "repository_id"
            | "repository_owner"
            | "repository_owner_id"
            | "project_id"
            | "namespace_id"
            | "organization_id"
            | "organization_slug" => Identifies::AsWhole,
            _ => return None,
        };
        let is_its_own = match self {
            Self::GitHub => claim.starts_with("repository"),
            Self::GitLab => claim.starts_with("project") || claim.starts_with("namespace"),
            Self::Custom => true,
        };
        is_its_own.then_some(how)
    }

    /// What is wrong with a constraint that can match nothing, though it looks right.
    pub(crate) fn mistake(self, claim: &str, pattern: &ClaimPattern) -> Option<&'static str> {
        let is_whole_ref = pattern.as_str().starts_with("refs/");
        match (self, claim) {
            (Self::GitHub, "ref") if !is_whole_ref && !pattern.prefix().is_empty() => {
                Some("GitHub writes whole names there, as in `refs/heads/main` or `refs/tags/v*`")
            }
            (Self::GitLab, "ref") if is_whole_ref => {
                Some("GitLab writes `main` there; use `ref_path` for `refs/heads/main`")
            }
            (Self::GitLab, "repository") => Some("GitLab calls it `project_path`"),
            (Self::GitHub, "project_path" | "repo") => Some("GitHub calls it `repository`"),
            _ => None,
        }
    }

    /// What a person recognises a job by.
    pub(crate) const fn telling(self) -> &'static [&'static str] {
        match self {
            Self::GitHub => &["repository", "ref", "environment", "workflow_ref"],
            Self::GitLab => &[
                "project_path",
                "ref_path",
                "environment",
                "ci_config_ref_uri",
            ],
            Self::Custom => &["sub"],
        }
    }

    /// What is handed on besides, where it is there: for the audit, and for whoever looks for the job.
    pub(crate) const fn worth_keeping(self) -> &'static [&'static str] {
        match self {
            Self::GitHub => &[
                "sub",
                "repository",
                "repository_id",
                "repository_owner",
                "repository_owner_id",
                "ref",
                "sha",
                "environment",
                "event_name",
                "workflow_ref",
                "job_workflow_ref",
                "actor",
                "actor_id",
                "run_id",
                "run_attempt",
                "runner_environment",
            ],
            Self::GitLab => &[
                "sub",
                "project_path",
                "project_id",
                "namespace_path",
                "namespace_id",
                "ref",
                "ref_path",
                "ref_type",
                "ref_protected",
                "sha",
                "environment",
                "environment_protected",
                "pipeline_source",
                "pipeline_id",
                "job_id",
                "ci_config_ref_uri",
                "user_login",
                "user_id",
                "runner_environment",
            ],
            Self::Custom => &["sub"],
        }
    }

    pub(crate) const fn repository(self) -> Option<&'static str> {
        match self {
            Self::GitHub => Some("repository"),
            Self::GitLab => Some("project_path"),
            Self::Custom => None,
        }
    }

    /// The whole name of the ref, as in `refs/heads/main`.
    pub(crate) const fn reference(self) -> Option<&'static str> {
        match self {
            Self::GitHub => Some("ref"),
            Self::GitLab => Some("ref_path"),
            Self::Custom => None,
        }
    }

    pub(crate) const fn run(self) -> Option<&'static str> {
        match self {
            Self::GitHub => Some("run_id"),
            Self::GitLab => Some("pipeline_id"),
            Self::Custom => None,
        }
    }

    /// Whether the job may run what somebody only proposes. Where that cannot be told, it is taken to.
    ///
    /// `pull_request_target`, `workflow_run` and `issue_comment` run with the ref of the main branch, so that a rule about `ref`
    /// does not keep them out, and yet are known for checking out and running what a stranger proposes.
    pub(crate) fn is_pull_request(self, claims: &Claims) -> bool {
        let has_ref = |name: &str| {
            let reference = claims.text(name).unwrap_or_default();
            ["refs/pull/", "refs/merge-requests/"]
                .iter()
                .any(|start| reference.starts_with(start))
        };
        let by_ref = has_ref("ref") || has_ref("ref_path");
        by_ref
            || match self {
                Self::GitHub => claims.text("event_name").is_none_or(is_proposal_at_github),
                Self::GitLab => claims
                    .text("pipeline_source")
                    .is_none_or(|source| is_proposal_at_gitlab(source, claims)),
                Self::Custom => {
                    claims.text("event_name").is_some_and(is_proposal_at_github)
                        || claims
                            .text("pipeline_source")
                            .is_some_and(|source| is_proposal_at_gitlab(source, claims))
                }
            }
    }
}

fn is_proposal_at_github(event: &str) -> bool {
    event.starts_with("pull_request")
        || matches!(event, "workflow_run" | "issue_comment" | "merge_group")
}

/// The pipeline below one of a merge request only says that it has a parent. On a protected ref nothing proposed runs.
fn is_proposal_at_gitlab(source: &str, claims: &Claims) -> bool {
    match source {
        "merge_request_event" | "external_pull_request_event" => true,
        "parent_pipeline" => claims.text("ref_protected") != Some("true"),
        _ => false,
    }
}

impl FromStr for Preset {
    type Err = UnknownPreset;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::GitHub, Self::GitLab, Self::Custom]
            .into_iter()
            .find(|preset| preset.as_str() == text)
            .ok_or_else(|| UnknownPreset(text.to_owned()))
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
