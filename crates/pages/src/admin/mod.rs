//! What stands above every page of the administration.

mod accounts;
mod audit;
mod configuration;
mod exposure;
mod health;
mod overview;
mod service_accounts;
mod sign_on;
mod storage;
mod teams;
mod users;

pub use accounts::{AccountLine, Owned, RoleLine};
pub use audit::{AdminAuditPage, AuditAsked, AuditLog, AuditRow, RegistryActivityPage};
pub use configuration::{ConfigurationPage, SettingRow, SettingSource, SettingValue};
pub use exposure::{ExposurePage, PullRow};
pub use health::{AlarmRow, HealthPage, ServiceRow, Trial, UpstreamHealthRow};
pub use overview::{AdminTally, Matter, OverviewPage};
pub use service_accounts::{ServiceAccountPage, ServiceAccountsPage};
pub use sign_on::{SignOnPage, SignOnProvider, SignOnRow};
pub use storage::{CachedOfUpstream, JobRow, StoragePage, StoredRow, shares};
pub use teams::{TeamLine, TeamPage, TeamsPage};
pub use users::{NewUserPage, UserDraft, UserPage, UserProblem, UsersPage};

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
