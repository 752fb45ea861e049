//! Who may do what in a registry: its members, how they come to their roles, and its accounts of machines.

use askama::Template;

use crate::{Frame, Moment, Pager, RegistryHead, Wrongs, filters};

/// A role, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleWords {
    /// As requests say it.
    pub word: &'static str,
    /// What whoever has it may do.
    pub sentence: &'static str,
}

/// Every role, the least first.
pub const ROLES: [RoleWords; 4] = [
    RoleWords {
        word: "reader",
        sentence: "Reads the index, downloads and searches.",
    },
    RoleWords {
        word: "publisher",
        sentence: "Also publishes new crates, and publishes, yanks and shares those that it owns.",
    },
    RoleWords {
        word: "maintainer",
        sentence: "Also does that with every crate, claims and releases names, quarantines, deletes and restores.",
    },
    RoleWords {
        word: "admin",
        sentence: "Also changes settings, upstreams, members and CI jobs, purges what was deleted, and deletes the registry.",
    },
];

/// Who may do what in a registry.
#[derive(Debug, Template)]
#[template(path = "members.html")]
pub struct MembersPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// Whether every publisher publishes to every crate.
    pub is_shared: bool,
    /// What is looked for.
    pub text: String,
    /// A page of them, the strongest role first.
    pub members: Vec<MemberRow>,
    /// The pages around it.
    pub pager: Pager,
    /// Found by the same text: accounts that are no members.
    pub strangers: Vec<String>,
    /// Accounts of machines that belong to the registry.
    pub services: Vec<MachineRow>,
    /// How many there are in all.
    pub services_total: u64,
    /// The form for a new member, as it was sent.
    pub draft: MemberDraft,
    /// What is wrong with a form.
    pub wrongs: Wrongs,
    /// What went well.
    pub done: Option<String>,
}

/// A member.
#[derive(Clone, Debug)]
pub struct MemberRow {
    /// As people write it: `alice`, `team:core`.
    pub who: String,
    /// `user`, `service` or `team`.
    pub kind: &'static str,
    /// What it may do.
    pub role: &'static str,
    /// How many users a team has.
    pub people: u64,
    /// Whether it is disabled.
    pub disabled: bool,
    /// Whether it is who looks.
    pub is_self: bool,
}

impl MemberRow {
    fn icon(&self) -> &'static str {
        match self.kind {
            "team" => "people",
            "service" => "gear",
            _ => "person",
        }
    }
}

/// An account of a machine.
#[derive(Clone, Debug)]
pub struct MachineRow {
    /// As people write it: `service:ci`.
    pub who: String,
    /// Its role in the registry, if it has one.
    pub role: Option<&'static str>,
    /// When it was made.
    pub made: Moment,
    /// When one of its tokens was used last.
    pub used: Option<Moment>,
    /// Whether it is disabled.
    pub disabled: bool,
}

/// What the forms for a new member hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberDraft {
    /// Whose role it will be.
    pub who: String,
    /// Its role.
    pub role: String,
    /// The name of a new account of a machine.
    pub service: String,
    /// Its role.
    pub service_role: String,
}

impl MembersPage {
    fn hides_machines(&self) -> bool {
        (self.services.len() as u64) < self.services_total
    }

    fn token_line(&self) -> String {
        let first = self.services.first();
        let who = first.map_or("service:NAME", |machine| machine.who.as_str());
        let name = &self.head.name;
        format!("supercargo token create deploy --principal {who} --registry {name} --scope read")
    }

    fn visibility(&self) -> &'static str {
        match self.head.visibility {
            "public" => "Anybody reads this registry, member or not.",
            "internal" => "Everybody with an account reads this registry, member or not.",
            _ => "Only members read this registry.",
        }
    }

    fn path(&self, part: &str) -> String {
        let members = self.frame.links.of_registry(&self.head.name, "members");
        format!("{members}{part}")
    }
}

/// Accounts for a field that suggests them: what its script asks for.
#[derive(Debug, Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html><html lang="en"><title>Accounts</title><datalist id="accounts">{% for it in names %}<option value="{{ it }}"></option>{% endfor %}</datalist></html>"#
)]
pub struct AccountsFragment {
    /// As people write them.
    pub names: Vec<String>,
}
