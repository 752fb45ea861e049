//! What is refused behind the registry that somebody asked, retold for its readers.

use supercargo_types::RegistryName;
use supercargo_upstream::FailureKind;

use super::{Failure, Refusal};

/// What a registry that another one reads through refuses, as the readers of the outer one may hear it: under that one's
/// name, for they need not know the inner one, nor what it reads through.
pub(crate) fn from_inside(failure: Failure, outer: &RegistryName, upstream: &str) -> Failure {
    let Failure::Refused(refused) = &failure else {
        return failure;
    };
    let registry = outer.clone();
    let upstream = upstream.to_owned();
    match &**refused {
        Refusal::Withheld {
            name,
            version,
            verdict,
            ..
        } => Refusal::Withheld {
            registry,
            name: name.clone(),
            version: version.clone(),
            verdict: verdict.clone(),
        },
        Refusal::NoCrate { name, .. } => Refusal::NoCrate {
            registry,
            name: name.clone(),
        },
        Refusal::NoVersion { name, version, .. }
        | Refusal::VersionDeleted { name, version, .. } => Refusal::NoVersion {
            registry,
            name: name.clone(),
            version: version.clone(),
        },
        Refusal::Changing { name, .. } => Refusal::Changing {
            registry,
            name: name.clone(),
        },
        Refusal::ChangedBytes { name, version, .. } => Refusal::ChangedBytes {
            registry,
            upstream,
            name: name.clone(),
            version: version.clone(),
        },
        Refusal::WrongBytes {
            name,
            version,
            expected,
            found,
            ..
        } => Refusal::WrongBytes {
            upstream,
            name: name.clone(),
            version: version.clone(),
            expected: expected.clone(),
            found: found.clone(),
        },
        Refusal::Upstream(failed) => Refusal::Behind {
            upstream,
            kind: failed.kind(),
            pause: refused.retry_after(),
        },
        Refusal::Behind { kind, pause, .. } => Refusal::Behind {
            upstream,
            kind: *kind,
            pause: *pause,
        },
        // of one further in; that the outer one itself is barred is for its readers to know
        Refusal::NestingBarred { registry, .. } if registry != outer => Refusal::Behind {
            upstream,
            kind: FailureKind::Unavailable,
            pause: None,
        },
        _ => return failure,
    }
    .into()
}
