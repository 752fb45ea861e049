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
        Ok(Some(Provenance {
            run: run.map(|(_, run)| run.to_owned()),
            token: token.filter(|_| may_audit.is_ok()),
        }))
    }
}
