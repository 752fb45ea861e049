//! What a request at one of Cargo's addresses would have done, for the audit log when it is denied.

use http::Method;
use supercargo_registry::Attempt;

use super::paths::{Deed, Route};
use crate::attempts::{is_read, reading};

impl Route<'_> {
    /// As the entry is called that a success writes; reads have none and share one name.
    pub(crate) fn attempt(&self, method: &Method) -> Attempt {
        let read = reading(self.registry);
        let (krate, version) = match &self.deed {
            Deed::Index(_, name) => (name.as_ref().map(ToString::to_string), None),
            Deed::OfCrate { krate, .. } | Deed::Owners(krate) => (Some(krate.clone()), None),
            Deed::Download { krate, version, .. }
            | Deed::OfVersion { krate, version, .. }
            | Deed::Yank { krate, version }
            | Deed::Unyank { krate, version } => (Some(krate.clone()), Some(version.clone())),
            Deed::Config(_)
            | Deed::Publish
            | Deed::Search
            | Deed::JobTokens
            | Deed::Me
            | Deed::Unknown => (None, None),
        };
        let action = match &self.deed {
            _ if is_read(method) => read.action,
            Deed::Publish => "version.published".to_owned(),
            Deed::Yank { .. } => "version.yanked".to_owned(),
            Deed::Unyank { .. } => "version.unyanked".to_owned(),
            Deed::JobTokens if *method == Method::POST => "token.exchanged".to_owned(),
            Deed::JobTokens if *method == Method::DELETE => "token.revoked".to_owned(),
            Deed::Owners(_) if *method == Method::PUT => "owner.added".to_owned(),
            Deed::Owners(_) if *method == Method::DELETE => "owner.removed".to_owned(),
            // an address that does not take the method
            _ => read.action,
        };
        Attempt {
            action,
            crate_name: krate,
            version,
            ..read
        }
    }
}
