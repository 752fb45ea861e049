//! Service accounts: the list, and one of them with its tokens.

use askama::Template;

use super::{
    AdminHead,
    accounts::{AccountLine, Losses, Owned, RoleLine},
};
use crate::{Frame, Moment, Pager, TokenRow, Wrongs, filters};

/// Service accounts of the whole server, or of one registry, and the form for a new one.
#[derive(Debug, Template)]
#[template(path = "admin_service_accounts.html")]
pub struct ServiceAccountsPage {
    /// Around it.
    pub frame: Frame,
    /// Above it, for instance admins.
    pub head: Option<AdminHead>,
    /// The registry whose service accounts they are; none: all of them.
    pub of: Option<String>,
    /// By name.
    pub accounts: Vec<AccountLine>,
    /// What is looked for in names.
    pub text: String,
    /// Which of [`super::accounts::ACCOUNT_STATES`].
    pub state: String,
    /// The pages before and after this one.
    pub pager: Pager,
    /// Registries to choose from for a new one, where they are not too many.
    pub choices: Vec<String>,
    /// The name of a new one, and the registry that it shall belong to, as they are filled in.
    pub draft: (String, String),
    /// What is wrong with that.
    pub wrongs: Wrongs,
    /// What went well.
    pub done: Option<&'static str>,
}

impl ServiceAccountsPage {
    fn is_narrowed(&self) -> bool {
        !(self.text.is_empty() && self.state.is_empty())
    }

    /// The page without anything narrowed.
    fn plain(&self) -> String {
        let of = self.of.as_deref().unwrap_or_default();
        self.frame
            .links
            .asking("/-/admin/service-accounts", &[("registry", of)])
    }
}

/// A service account.
#[derive(Debug, Template)]
#[template(path = "admin_service_account.html")]
pub struct ServiceAccountPage {
    /// Around it.
    pub frame: Frame,
    /// Above it, for instance admins.
    pub head: Option<AdminHead>,
    /// Its name, without the kind.
    pub name: String,
    /// The registry that it belongs to; none: the whole server.
    pub registry: Option<String>,
    /// Whether nothing of it works.
    pub is_disabled: bool,
    /// When it was made.
    pub created: Moment,
    /// When one of its tokens was used last.
    pub seen: Option<Moment>,
    /// By registry.
    pub roles: Vec<RoleLine>,
    /// What it owns.
    pub owned: Owned,
    /// Those that are not revoked; the newest first.
    pub tokens: Vec<TokenRow>,
    /// How many there are in all.
    pub tokens_total: u64,
    /// What is wrong with the form that deletes it.
    pub wrongs: Wrongs,
    /// What went well.
    pub done: Option<&'static str>,
}

impl ServiceAccountPage {
    fn at(&self, part: &str) -> String {
        self.frame
            .links
            .of_administered("service-accounts", &self.name, part)
    }

    /// What it did, in the audit log.
    fn deeds(&self) -> String {
        let who = format!("service:{}", self.name);
        self.frame.links.asking("/-/admin/audit", &[("who", &who)])
    }

    /// What goes with it, in sentences.
    fn losses(&self) -> Vec<String> {
        let losses = Losses {
            tokens: self.tokens_total,
            roles: self.roles.len() as u64,
            owned: self.owned,
            ..Losses::default()
        };
        losses.in_words()
    }
}
