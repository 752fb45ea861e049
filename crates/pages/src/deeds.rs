//! What can be done with a crate and with a version of it: forms, each with what it would come to.

use askama::Template;

use crate::{CrateHead, Frame, Moment, Origin, Wrongs, filters};

/// What can be done with a whole crate.
#[derive(Debug, Template)]
#[template(path = "crate_settings.html")]
pub struct CrateSettingsPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: CrateHead,
    /// What was done just now.
    pub done: Option<String>,
    /// What is wrong with a form that was sent.
    pub wrongs: Wrongs,
    /// Who owns it; nothing where nobody can, because it is an upstream's.
    pub owners: Option<Owners>,
    /// To hold or block it; for who may.
    pub quarantine: Option<QuarantineDraft>,
    /// From where it is read, where there is a choice; for who may.
    pub pin: Option<PinChoice>,
    /// What its deletion would come to; for who may.
    pub removal: Option<Removal>,
    /// Whether it can be brought back.
    pub can_restore: bool,
    /// Whether its bytes can be dropped.
    pub can_purge: bool,
    /// Whether its name can be given back to the upstreams.
    pub can_release: bool,
}

impl CrateSettingsPage {
    fn action(&self, deed: &str) -> String {
        let settings = self
            .frame
            .links
            .of_crate(&self.head.registry, &self.head.name, "settings");
        format!("{settings}/{deed}")
    }

    /// As it has to be typed.
    fn what(&self) -> &str {
        &self.head.name
    }

    fn registry(&self) -> &str {
        &self.head.registry
    }

    fn kinder() -> &'static str {
        "To steer people away from some of it, yank or quarantine single versions."
    }

    fn kinder_words() -> &'static str {
        "See its versions"
    }

    fn kinder_address(&self) -> String {
        let links = &self.frame.links;
        links.of_crate(&self.head.registry, &self.head.name, "versions")
    }
}

/// What can be done with a version.
#[derive(Debug, Template)]
#[template(path = "version_settings.html")]
pub struct VersionSettingsPage {
    /// Around it.
    pub frame: Frame,
    /// Where.
    pub registry: String,
    /// As its publisher writes it.
    pub name: String,
    /// The version.
    pub version: String,
    /// What it can be used for.
    pub state: &'static str,
    /// Why it is held or blocked.
    pub reason: Option<String>,
    /// Who decided that, and when, where it was a person.
    pub decided: Option<(String, Moment)>,
    /// Where it comes from.
    pub origin: Origin,
    /// When it was published.
    pub published: Option<Moment>,
    /// By whom.
    pub publisher: Option<String>,
    /// Since when only its number is left.
    pub deleted: Option<Moment>,
    /// Since when its bytes are gone.
    pub purged: Option<Moment>,
    /// What is wrong with a form that was sent.
    pub wrongs: Wrongs,
    /// Whether it is yanked; for who may change that.
    pub yanked: Option<bool>,
    /// To hold or block it; for who may.
    pub quarantine: Option<QuarantineDraft>,
    /// What its deletion would come to; for who may.
    pub removal: Option<Removal>,
    /// Whether it can be brought back.
    pub can_restore: bool,
    /// Whether its bytes can be dropped.
    pub can_purge: bool,
    /// Whether other bytes of its upstream's can be accepted.
    pub can_accept: bool,
}

impl VersionSettingsPage {
    fn action(&self, deed: &str) -> String {
        let settings =
            self.frame
                .links
                .of_version(&self.registry, &self.name, &self.version, "settings");
        format!("{settings}/{deed}")
    }

    /// As it has to be typed.
    fn what(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    fn registry(&self) -> &str {
        &self.registry
    }

    fn kinder() -> &'static str {
        "To steer people away from it, a yank is kinder: lockfiles keep building."
    }

    fn kinder_words() -> &'static str {
        "Yank it"
    }

    fn kinder_address(&self) -> String {
        format!("{}#yank", self.action("").trim_end_matches('/'))
    }

    /// Why it is held or blocked, where that does not stand beside the form that has decided it.
    fn reason_elsewhere(&self) -> Option<&str> {
        let own = self.quarantine.as_ref();
        let is_own = own.is_some_and(|own| own.current.is_some());
        self.reason.as_deref().filter(|_| !is_own)
    }

    fn is_hosted(&self) -> bool {
        self.origin == Origin::Hosted
    }

    fn has_nothing(&self) -> bool {
        self.yanked.is_none()
            && self.quarantine.is_none()
            && self.removal.is_none()
            && !(self.can_restore || self.can_purge || self.can_accept)
    }
}

/// Who owns a crate.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    /// Whether they are teams, and as people write them.
    pub list: Vec<(bool, String)>,
    /// Whether who looks may change that.
    pub may_change: bool,
    /// Whether owners alone publish, or every member who publishes.
    pub is_for_owners: bool,
    /// What was typed.
    pub draft: String,
}

/// What somebody decided about a crate or a version.
#[derive(Clone, Debug)]
pub struct Decided {
    /// `held` or `blocked`.
    pub state: &'static str,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: String,
    /// Since when.
    pub at: Moment,
}

/// A form that holds or blocks.
#[derive(Clone, Debug, Default)]
pub struct QuarantineDraft {
    /// What stands.
    pub current: Option<Decided>,
    /// `hold` or `block`.
    pub action: String,
    /// What was typed.
    pub reason: String,
}

/// From which upstream a crate is read.
#[derive(Clone, Debug, Default)]
pub struct PinChoice {
    /// Those that may be asked for it, in order.
    pub upstreams: Vec<String>,
    /// The one that is.
    pub current: Option<String>,
}

/// What a deletion would take from people.
#[derive(Clone, Debug, Default)]
pub struct Removal {
    /// How many versions go.
    pub versions: u64,
    /// Whether the numbers below are known: not while an upstream fails that has the name as well.
    pub is_known: bool,
    /// Of thirty days.
    pub downloads: u64,
    /// Crates of the registry whose newest version needs the crate.
    pub dependents: u64,
    /// Whether there are more than were looked at.
    pub is_sample: bool,
    /// Of those, who takes what goes.
    pub takers: Vec<String>,
    /// Of those, for whom nothing else would fit.
    pub stranded: Vec<String>,
    /// Who pulled it, and when last; for admins.
    pub readers: Vec<(String, Moment)>,
    /// How many pulled it, for admins.
    pub all_readers: Option<u64>,
    /// Where all of them are listed.
    pub exposure: Option<String>,
}

impl Removal {
    /// The first few, and how many more.
    fn names(all: &[String]) -> (&[String], u64) {
        let (few, rest) = all.split_at(all.len().min(5));
        (few, rest.len() as u64)
    }
}
