//! Whether everything that the server needs is there.

use askama::Template;

use super::AdminHead;
use crate::{Frame, Moment, UpstreamState, filters, plural};

/// Whether everything is well.
#[derive(Debug, Template)]
#[template(path = "admin_health.html")]
pub struct HealthPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: AdminHead,
    /// When the server started.
    pub started: Moment,
    /// `SQLite` or `PostgreSQL`.
    pub engine: &'static str,
    /// Whether other servers may use the same database.
    pub is_shared: bool,
    /// Whether the database answers.
    pub database: Trial,
    /// Whether crate files can be written.
    pub storage: Trial,
    /// How each upstream does, by name.
    pub upstreams: Vec<UpstreamHealthRow>,
    /// Alarms of seven days.
    pub alarms: u64,
    /// The last of them.
    pub newest_alarms: Vec<AlarmRow>,
}

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// Well; after how long, in words.
    Well(String),
    /// Not; why.
    Failed(String),
}

impl Trial {
    pub(crate) fn is_well(&self) -> bool {
        matches!(self, Self::Well(_))
    }
}

/// How an upstream does.
#[derive(Clone, Debug)]
pub struct UpstreamHealthRow {
    /// Its name.
    pub name: String,
    /// Whether it is of use.
    pub state: UpstreamState,
    /// Since when and why it fails.
    pub failing: Option<(Moment, String)>,
    /// Its index and its downloads, where it is one elsewhere.
    pub services: Vec<ServiceRow>,
    /// The registry of this server that it is.
    pub registry: Option<String>,
    /// How many registries read through it.
    pub readers: u64,
}

/// One service of an upstream.
#[derive(Clone, Debug)]
pub struct ServiceRow {
    /// `index` or `downloads`.
    pub name: &'static str,
    /// Whether it is asked, in words.
    pub circuit: &'static str,
    /// Whether it is left alone.
    pub is_open: bool,
    /// When it may be asked again.
    pub until: Option<Moment>,
    /// The last good answer, and how long it took.
    pub answered: Option<(Moment, String)>,
    /// The last failure, and when.
    pub failed: Option<(Moment, String)>,
}

/// An alarm.
#[derive(Clone, Debug)]
pub struct AlarmRow {
    /// Its place in the log.
    pub id: i64,
    /// When.
    pub at: Moment,
    /// What, as `upstream.vanished`.
    pub action: String,
    /// In words.
    pub detail: String,
    /// In which registry.
    pub registry: Option<String>,
}

impl HealthPage {
    /// What `/readyz` says.
    fn is_ready(&self) -> bool {
        self.database.is_well()
    }

    /// `2 upstreams failing`; nothing where none does.
    fn failing(&self) -> Option<String> {
        let upstreams = self.upstreams.iter();
        let failing = upstreams.filter(|upstream| upstream.state == UpstreamState::Failing);
        let failing = failing.count() as u64;
        (failing > 0).then(|| format!("{} failing", plural(failing, "upstream")))
    }

    fn database_words(&self) -> String {
        let whose = if self.is_shared {
            "; other servers may use it, too"
        } else {
            ", for this server alone"
        };
        format!("{}{whose}", self.engine)
    }

    fn entry(&self, alarm: &AlarmRow) -> String {
        let id = alarm.id.to_string();
        self.frame.links.asking("/-/admin/audit", &[("open", &id)])
    }
}
