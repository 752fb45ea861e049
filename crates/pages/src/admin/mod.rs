//! What stands above every page of the administration.

use crate::{Links, Tab};

/// The pages of the administration: the last part of the address below `/-/admin/`, and the words.
const PARTS: [(&str, &str); 10] = [
    ("", "Overview"),
    ("users", "Users"),
    ("teams", "Teams"),
    ("service-accounts", "Service accounts"),
    ("sign-on", "Sign-on"),
    ("audit", "Audit log"),
    ("exposure", "Exposure"),
    ("storage", "Storage and jobs"),
    ("configuration", "Configuration"),
    ("health", "Health"),
];

/// The tabs of the administration; a field of each of its pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminHead {
    /// The last part of the page's address: `users`, `audit`; empty for the overview.
    pub part: &'static str,
}

impl AdminHead {
    pub(crate) fn parts(self, links: &Links) -> Vec<Tab> {
        let tab = |(part, words): (&str, &'static str)| Tab {
            words,
            count: None,
            address: match part {
                "" => links.to("/-/admin"),
                part => links.to(&format!("/-/admin/{part}")),
            },
            is_here: part == self.part,
        };
        PARTS.into_iter().map(tab).collect()
    }
}
