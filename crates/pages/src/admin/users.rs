//! Users: the list, one of them, and the form for a new one.

use askama::Template;

use super::{
    AdminHead,
    accounts::{AccountLine, Losses, Owned, RoleLine},
};
use crate::{Frame, IdentityRow, Moment, Pager, SessionRow, TokenRow, Wrongs, filters};

/// All users, or some.
#[derive(Debug, Template)]
#[template(path = "admin_users.html")]
pub struct UsersPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: AdminHead,
    /// By name.
    pub users: Vec<AccountLine>,
    /// What is looked for in names and addresses.
    pub text: String,
    /// Only those with this role; empty for all.
    pub role: String,
    /// Which of [`super::accounts::ACCOUNT_STATES`].
    pub state: String,
    /// The pages before and after this one.
    pub pager: Pager,
    /// What went well.
    pub done: Option<&'static str>,
}

impl UsersPage {
    fn is_narrowed(&self) -> bool {
        !(self.text.is_empty() && self.role.is_empty() && self.state.is_empty())
    }
}

/// What is filled in for a new user.
#[derive(Clone, Debug, Default)]
pub struct UserDraft {
    /// Its name.
    pub name: String,
    /// Where it can be written to.
    pub email: String,
    /// What it is on the instance.
    pub role: String,
}

/// The form for a new user.
#[derive(Debug, Template)]
#[template(path = "admin_user_new.html")]
pub struct NewUserPage {
    /// Around it.
    pub frame: Frame,
    /// What is filled in.
    pub draft: UserDraft,
    /// What people call the provider, where there is one.
    pub provider: Option<String>,
    /// What is wrong with it.
    pub wrongs: Wrongs,
}

/// A form of the page of a user that came back, with what is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct UserProblem {
    /// Which: `edit`, `password`, `state`, `delete`, `link`, or empty for none.
    pub form: &'static str,
    /// What is wrong with it.
    pub wrongs: Wrongs,
}

/// A user, with all that it has.
#[derive(Debug, Template)]
#[template(path = "admin_user.html")]
pub struct UserPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: AdminHead,
    /// Its name.
    pub name: String,
    /// Where it can be written to.
    pub email: Option<String>,
    /// What it is on the instance.
    pub role: String,
    /// Whether that is who looks.
    pub is_self: bool,
    /// Whether nothing of it works.
    pub is_disabled: bool,
    /// Whether it can sign in with a password.
    pub has_password: bool,
    /// When it was made.
    pub created: Moment,
    /// When one of its tokens or browsers was used last.
    pub seen: Option<Moment>,
    /// By registry.
    pub roles: Vec<RoleLine>,
    /// By name.
    pub teams: Vec<String>,
    /// What it owns.
    pub owned: Owned,
    /// Those that are not revoked; the newest first.
    pub tokens: Vec<TokenRow>,
    /// How many there are in all.
    pub tokens_total: u64,
    /// Where it is signed in; the newest first.
    pub sessions: Vec<SessionRow>,
    /// How many there are in all.
    pub sessions_total: u64,
    /// Who it is at providers.
    pub identities: Vec<IdentityRow>,
    /// The issuer of the provider, where there is one.
    pub issuer: Option<String>,
    /// What is filled in of the e-mail address and the role.
    pub draft: UserDraft,
    /// What is filled in of an identity to be linked: its issuer and its subject.
    pub link: (String, String),
    /// What is wrong with a form that came back.
    pub problem: UserProblem,
    /// What went well.
    pub done: Option<&'static str>,
}

impl UserPage {
    /// What is wrong with a field of a form.
    fn wrong(&self, form: &str, field: &str) -> Option<&str> {
        (self.problem.form == form)
            .then(|| self.problem.wrongs.of(field))
            .flatten()
    }

    /// What is wrong with a form as a whole.
    fn whole(&self, form: &str) -> Option<String> {
        (self.problem.form == form)
            .then(|| self.problem.wrongs.whole())
            .flatten()
    }

    fn at(&self, part: &str) -> String {
        self.frame.links.of_administered("users", &self.name, part)
    }

    /// What it did, in the audit log.
    fn deeds(&self) -> String {
        let query = [("who", self.name.as_str())];
        self.frame.links.asking("/-/admin/audit", &query)
    }

    /// How it signs in, in words.
    fn ways_in(&self) -> String {
        let password = self.has_password.then(|| "with a password".to_owned());
        let identities = self.identities.len() as u64;
        let identities = (identities > 0)
            .then(|| format!("with {}", crate::plural(identities, "linked account")));
        let ways: Vec<_> = password.into_iter().chain(identities).collect();
        match ways.as_slice() {
            [] if self.tokens_total > 0 => "signs in with a token alone".to_owned(),
            [] => "has no way to sign in".to_owned(),
            ways => format!("signs in {}", ways.join(" or ")),
        }
    }

    /// What else lets nobody in once it is disabled.
    fn ways_shut(&self) -> Vec<String> {
        let tokens = match self.tokens_total {
            0 => None,
            1 => Some("not their token".to_owned()),
            many => Some(format!("none of {}", crate::plural(many, "token"))),
        };
        let sessions = match self.sessions_total {
            0 => None,
            1 => Some("not the browser in which they are signed in".to_owned()),
            many => Some(format!("none of {}", crate::plural(many, "browser"))),
        };
        tokens.into_iter().chain(sessions).collect()
    }

    /// What goes with it, in sentences.
    fn losses(&self) -> Vec<String> {
        let direct = self.roles.iter().filter(|role| role.team.is_none()).count();
        let losses = Losses {
            tokens: self.tokens_total,
            sessions: self.sessions_total,
            roles: direct as u64,
            teams: self.teams.len() as u64,
            owned: self.owned,
        };
        losses.in_words()
    }
}
