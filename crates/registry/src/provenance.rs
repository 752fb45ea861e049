//! How a version came here: who pushed it, with what, from which run.

use std::time::Duration;

use supercargo_types::Timestamp;

use crate::{Instance, refusal::Outcome, rights::MayRead};

/// The audit log is written when a publish ends, and the version says when its last byte had come.
const AFTERWARDS: Duration = Duration::from_mins(10);

/// How a version came here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The run of a CI system, where a job published it: `github:acme/app@refs/heads/main (run 4711)`. Told to those who are
    /// signed in: strangers who read a public registry need not know what private repositories are called.
    pub run: Option<String>,
    /// Where that run can be seen, where its CI system is one whose addresses are known.
    pub run_address: Option<String>,
    /// The token that was used, by its beginning and its name; told to those who may see the audit log.
    pub token: Option<(String, String)>,
}

impl Instance {
    /// How a hosted version came here, as far as the audit log still has it.
    ///
    /// # Errors
    /// Only faults.
    pub async fn provenance(
        &self,
        right: &MayRead,
        name: &str,
        version: &str,
        published_at: Timestamp,
    ) -> Outcome<Option<Provenance>> {
        let registry = &right.registry.name;
        let between = (published_at, published_at.plus(AFTERWARDS));
        let row = self.store.published(registry, name, version, between);
        let Some(row) = row.await? else {
            return Ok(None);
        };
        let may_audit = self.may_audit(Some(registry.as_str()), right.actor.clone());
        let token = row.token_prefix.zip(row.token_name);
        // as publishing writes it: the checksum, and behind that the job
        let run = row
            .detail
            .as_deref()
            .and_then(|detail| detail.split_once(", "));
        let run = run.filter(|_| right.actor.is_some());
        let run = run.map(|(_, run)| run.to_owned());
        Ok(Some(Provenance {
            run_address: run.as_deref().and_then(address),
            run,
            token: token.filter(|_| may_audit.is_ok()),
        }))
    }
}

/// Where a run can be seen: of `github:acme/app@refs/heads/main (run 4711)`, as the exchange of a token has written it. Servers of
/// a company's own are named there, by an administrator's rule, so no publisher can make the link lead elsewhere.
fn address(run: &str) -> Option<String> {
    let (subject, number) = run.strip_suffix(')')?.rsplit_once(" (run ")?;
    let (preset, host, rest) = match subject.split_once("):") {
        Some((system, rest)) => {
            let (preset, place) = system.split_once('(')?;
            (preset, place.split('/').next()?, rest)
        }
        None => match subject.split_once(':')? {
            ("github", rest) => ("github", "github.com", rest),
            (preset, rest) => (preset, "gitlab.com", rest),
        },
    };
    let (path, _) = rest.split_once('@').unwrap_or((rest, ""));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    // what a token says goes into an address only where it cannot be anything but a path
    if !is_number || path.is_empty() || !path.chars().all(is_plain) || path.contains("..") {
        return None;
    }
    match preset {
        "github" => Some(format!("https://{host}/{path}/actions/runs/{number}")),
        "gitlab" => Some(format!("https://{host}/{path}/-/pipelines/{number}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// V6: the run of a CI system, linked.
    #[test]
    fn a_run_is_where_its_job_has_proven_to_be() {
        for (run, seen) in [
            (
                "github:acme/app@refs/heads/main (run 4711)",
                "https://github.com/acme/app/actions/runs/4711",
            ),
            (
                "github(git.acme.example):acme/app@refs/heads/main (run 4711)",
                "https://git.acme.example/acme/app/actions/runs/4711",
            ),
            (
                "gitlab:acme/deep/app@main (run 9)",
                "https://gitlab.com/acme/deep/app/-/pipelines/9",
            ),
            (
                "gitlab(git.acme.example:8443):acme/app (run 9)",
                "https://git.acme.example:8443/acme/app/-/pipelines/9",
            ),
        ] {
            assert_eq!(address(run).as_deref(), Some(seen), "{run}");
        }
        for run in [
            "github:acme/app@main",
            "github:acme/app@main (run x)",
            "github:../x@main (run 1)",
            "github:a\"b@main (run 1)",
            "custom(ci.acme.example):acme/app@main (run 1)",
            "github:acme/app@refs/heads/x(evil.example):acme/app (run 1)",
            "nonsense",
        ] {
            assert_eq!(address(run), None, "{run}");
        }
    }
}
