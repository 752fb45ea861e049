//! Teams: the list, and one of them with its members.

use askama::Template;

use super::{
    AdminHead,
    accounts::{Losses, Owned, RoleLine},
};
use crate::{Frame, Moment, Pager, Wrongs, filters};

/// A team in the list.
#[derive(Clone, Debug)]
pub struct TeamLine {
    /// Its name.
    pub name: String,
    /// How many users it has.
    pub members: u64,
    /// When it was made.
    pub created: Moment,
    /// Groups of the provider that govern it.
    pub groups: Vec<String>,
}

/// All teams, or some, and the form for a new one.
#[derive(Debug, Template)]
#[template(path = "admin_teams.html")]
pub struct TeamsPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: AdminHead,
    /// By name.
    pub teams: Vec<TeamLine>,
    /// What is looked for in names.
    pub text: String,
    /// The pages before and after this one.
    pub pager: Pager,
    /// The name of a new one, as it is filled in.
    pub draft: String,
    /// What is wrong with that.
    pub wrongs: Wrongs,
    /// What went well.
    pub done: Option<&'static str>,
}

/// A team.
#[derive(Debug, Template)]
#[template(path = "admin_team.html")]
pub struct TeamPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: AdminHead,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Moment,
    /// Those of its users that are shown, by name.
    pub members: Vec<String>,
    /// How many it has.
    pub members_total: u64,
    /// What is looked for among them.
    pub text: String,
    /// The pages before and after this one.
    pub pager: Pager,
    /// Groups of the provider that govern it, and what people call the provider.
    pub groups: Vec<String>,
    /// What people call the provider; empty where there is none.
    pub provider: String,
    /// By registry.
    pub roles: Vec<RoleLine>,
    /// What it owns.
    pub owned: Owned,
    /// Who shall be a member, as it is filled in.
    pub draft: String,
    /// Users who may have been meant.
    pub near: Vec<String>,
    /// What is wrong with the form for a new member.
    pub wrongs: Wrongs,
    /// What is wrong with the form that deletes it.
    pub delete: Wrongs,
    /// What went well.
    pub done: Option<&'static str>,
}

impl TeamPage {
    fn at(&self, part: &str) -> String {
        self.frame.links.of_administered("teams", &self.name, part)
    }

    /// What goes with it, in sentences.
    fn losses(&self) -> Vec<String> {
        let losses = Losses {
            roles: self.roles.len() as u64,
            owned: self.owned,
            ..Losses::default()
        };
        losses.in_words()
    }
}
