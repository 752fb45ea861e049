//! The audit log, as instance admins read all of it and a registry's admins what concerns that one.

use askama::Template;

use super::AdminHead;
use crate::{Frame, Links, Moment, RegistryHead, Tab, Wrongs, browser, filters};

/// What is done, as entries call it; offered while somebody types. Others are taken as well.
const ACTIONS: [&str; 48] = [
    "account.changed",
    "account.created",
    "account.deleted",
    "attempts.denied",
    "audit.trimmed",
    "cache.evicted",
    "claim.created",
    "claim.deleted",
    "crate.deleted",
    "crate.pinned",
    "crate.released",
    "crate.restored",
    "device_login.approved",
    "device_login.denied",
    "identity.linked",
    "identity.unlinked",
    "instance.started",
    "ledger.overridden",
    "member.removed",
    "member.set",
    "owner.added",
    "owner.removed",
    "password.changed",
    "quarantine.lifted",
    "quarantine.set",
    "registry.changed",
    "registry.created",
    "registry.deleted",
    "registry.restored",
    "session.ended",
    "sign_in.denied",
    "sign_in.done",
    "sign_in.limited",
    "team.deleted",
    "team.member_added",
    "team.member_removed",
    "token.created",
    "token.exchanged",
    "token.revoked",
    "upstream.bytes_changed",
    "upstream.changed",
    "upstream.created",
    "upstream.vanished",
    "upstream.wrong_bytes",
    "version.deleted",
    "version.published",
    "version.restored",
    "version.yanked",
];

/// How things end: as an address says it, and the words.
const OUTCOMES: [(&str, &str); 4] = [
    ("", "any"),
    ("done", "done"),
    ("denied", "refused"),
    ("alarm", "alarm"),
];

/// The whole log.
#[derive(Debug, Template)]
#[template(path = "admin_audit.html")]
pub struct AdminAuditPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: AdminHead,
    /// The log.
    pub log: AuditLog,
}

/// What the log says of one registry.
#[derive(Debug, Template)]
#[template(path = "registry_activity.html")]
pub struct RegistryActivityPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// The log.
    pub log: AuditLog,
}

/// The log: what is asked for, and a page of it.
#[derive(Debug)]
pub struct AuditLog {
    /// The address of the page, below BASE.
    pub path: String,
    /// What is asked for.
    pub asked: AuditAsked,
    /// Registries to choose from; nothing on the page of one.
    pub registries: Vec<String>,
    /// What is wrong with what is asked for.
    pub wrongs: Wrongs,
    /// The newest first.
    pub entries: Vec<AuditRow>,
    /// How many there are, and whether there are more than were counted.
    pub total: (u64, bool),
    /// Where the list goes on, by the id of an entry.
    pub older: Option<i64>,
    /// How long entries are kept, in a sentence.
    pub kept: String,
}

/// What is asked for, as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditAsked {
    /// Only of this registry.
    pub registry: String,
    /// Only by this principal.
    pub who: String,
    /// Only this action.
    pub action: String,
    /// `done`, `denied` or `alarm`; empty for all.
    pub outcome: String,
    /// Only this crate; `name` or `name@version`.
    pub krate: String,
    /// Only from this day on: `2026-11-20`.
    pub from: String,
    /// Only up to the end of this day.
    pub to: String,
    /// Downloads, which have a log of their own.
    pub downloads: bool,
    /// Entries from before this one.
    pub before: String,
    /// The entry of which everything is shown.
    pub open: Option<i64>,
}

/// An entry of the log.
#[derive(Clone, Debug)]
pub struct AuditRow {
    /// Its place in the log.
    pub id: i64,
    /// When.
    pub at: Moment,
    /// What, as `version.published`.
    pub action: String,
    /// `done`, `denied` or `alarm`.
    pub outcome: &'static str,
    /// Who, as `alice` or `service:ci`.
    pub principal: Option<String>,
    /// With which token or session.
    pub token: Option<String>,
    /// From which address.
    pub address: Option<String>,
    /// With which program.
    pub agent: Option<String>,
    /// In which registry.
    pub registry: Option<String>,
    /// Which crate.
    pub krate: Option<String>,
    /// Which version.
    pub version: Option<String>,
    /// More, in words.
    pub detail: Option<String>,
    /// The request that caused it.
    pub request: Option<String>,
}

impl AuditAsked {
    /// As an address says it; what is empty is left out by whoever makes the address.
    pub fn pairs(&self) -> [(&'static str, &str); 8] {
        [
            ("registry", &self.registry),
            ("who", &self.who),
            ("action", &self.action),
            ("outcome", &self.outcome),
            ("crate", &self.krate),
            ("from", &self.from),
            ("to", &self.to),
            ("downloads", if self.downloads { "on" } else { "" }),
        ]
    }

    /// Whether anything is asked for but the newest entries.
    pub fn is_narrowed(&self) -> bool {
        let [pairs @ .., _downloads] = self.pairs();
        pairs.iter().any(|(_, value)| !value.is_empty())
    }
}

impl AuditLog {
    fn address(&self, links: &Links, more: &[(&str, &str)]) -> String {
        let mut pairs = self.asked.pairs().to_vec();
        for (key, value) in more {
            pairs.retain(|(known, _)| known != key);
            pairs.push((key, value));
        }
        links.asking(&self.path, &pairs)
    }

    /// Everything that is asked for, as a file.
    fn file(&self, links: &Links, format: &str) -> String {
        let mut pairs = self.asked.pairs().to_vec();
        pairs.push(("format", format));
        links.asking(&format!("{}/export", self.path), &pairs)
    }

    /// What is done and denied, or downloads: each without what says nothing of the other.
    fn kinds(&self, links: &Links) -> [Tab; 2] {
        let tab = |words, downloads: bool| Tab {
            words,
            count: None,
            address: {
                let narrowed = [
                    ("action", ""),
                    ("outcome", ""),
                    ("downloads", if downloads { "on" } else { "" }),
                ];
                self.address(links, &narrowed)
            },
            is_here: self.asked.downloads == downloads,
        };
        [tab("Changes and refusals", false), tab("Downloads", true)]
    }

    fn older(&self, links: &Links) -> Option<String> {
        let before = self.older?.to_string();
        Some(self.address(links, &[("before", &before)]))
    }

    fn newest(&self, links: &Links) -> Option<String> {
        (!self.asked.before.is_empty()).then(|| self.address(links, &[]))
    }

    fn cleared(&self, links: &Links) -> String {
        let downloads = if self.asked.downloads { "on" } else { "" };
        links.asking(&self.path, &[("downloads", downloads)])
    }

    fn is_open(&self, row: &AuditRow) -> bool {
        self.asked.open == Some(row.id)
    }

    /// The same page with this entry opened, or closed.
    fn toggled(&self, links: &Links, row: &AuditRow) -> String {
        let id = if self.is_open(row) {
            String::new()
        } else {
            row.id.to_string()
        };
        let more = [("before", self.asked.before.as_str()), ("open", &id)];
        format!("{}#entry-{}", self.address(links, &more), row.id)
    }

    /// The page that begins with this entry, whatever comes after it: to be sent to somebody.
    fn permanent(&self, links: &Links, row: &AuditRow) -> String {
        let id = row.id.to_string();
        let downloads = if self.asked.downloads { "on" } else { "" };
        links.asking(&self.path, &[("downloads", downloads), ("open", &id)])
    }

    /// The same with one thing more asked for.
    fn only(&self, links: &Links, key: &str, value: &str) -> String {
        self.address(links, &[(key, value)])
    }

    fn total_words(&self) -> String {
        let (total, is_more) = self.total;
        let words = crate::count(total);
        match (total, is_more) {
            (_, true) => format!("more than {words} entries"),
            (1, _) => "1 entry".to_owned(),
            _ => format!("{words} entries"),
        }
    }
}

impl AuditRow {
    /// `2026-11-20`.
    fn day(&self) -> &str {
        self.at.day()
    }

    /// `12:38:07`.
    fn time(&self) -> &str {
        &self.at.machine[11..19]
    }

    fn who(&self) -> &str {
        match (&self.principal, &self.address) {
            (Some(principal), _) => principal,
            (None, Some(_)) => "nobody",
            // what happens by itself
            (None, None) => "supercargo",
        }
    }

    fn who_icon(&self) -> &'static str {
        match self.who() {
            "supercargo" => "gear",
            who if who.starts_with("service:") => "gear",
            who if who.starts_with("job:") => "ci",
            who if who.starts_with("team:") => "people",
            _ => "person",
        }
    }

    /// `session`, or the beginning of a token's id.
    fn with(&self) -> Option<String> {
        let token = self.token.as_deref()?;
        Some(match token.strip_prefix("session:") {
            Some(_) => "session".to_owned(),
            None if token.chars().count() > 10 => {
                let beginning: String = token.chars().take(8).collect();
                format!("{beginning}…")
            }
            None => token.to_owned(),
        })
    }

    fn outcome_words(&self) -> &'static str {
        match self.outcome {
            "denied" => "refused",
            "alarm" => "alarm",
            _ => "done",
        }
    }

    fn outcome_icon(&self) -> &'static str {
        match self.outcome {
            "denied" => "blocked",
            "alarm" => "warn",
            _ => "check",
        }
    }

    /// The program in a word or two; the whole text stands in the opened entry.
    fn program(&self) -> Option<String> {
        let agent = self.agent.as_deref()?;
        if agent.starts_with("Mozilla/") {
            return Some(browser(agent));
        }
        let first = agent.split_whitespace().next().unwrap_or(agent);
        Some(first.replacen('/', " ", 1).chars().take(24).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Section, Theme};

    fn row(id: i64) -> AuditRow {
        let at = supercargo_types::Timestamp::from_seconds(1_800_000_000);
        AuditRow {
            id,
            at: Moment::new(at, at),
            action: "version.published".to_owned(),
            outcome: "denied",
            principal: Some("service:ci".to_owned()),
            token: Some("0190aaaa-bbbb".to_owned()),
            address: Some("192.0.2.1".to_owned()),
            agent: Some("cargo/1.91.0 (x)".to_owned()),
            registry: Some("acme".to_owned()),
            krate: Some("<b>".to_owned()),
            version: Some("1.0.0".to_owned()),
            detail: Some("\"><script>alert(1)</script>".to_owned()),
            request: None,
        }
    }

    fn log() -> AuditLog {
        AuditLog {
            path: "/-/admin/audit".to_owned(),
            asked: AuditAsked {
                who: "alice".to_owned(),
                krate: "a b".to_owned(),
                before: "9".to_owned(),
                open: Some(7),
                ..AuditAsked::default()
            },
            registries: Vec::new(),
            wrongs: Wrongs::default(),
            entries: vec![row(8), row(7)],
            total: (2, false),
            older: Some(7),
            kept: String::new(),
        }
    }

    #[test]
    fn every_link_keeps_what_is_asked_for() {
        let (log, links) = (log(), Links::new("/p"));
        let asked = "/p/-/admin/audit?who=alice&crate=a+b";
        assert_eq!(log.older(&links), Some(format!("{asked}&before=7")));
        assert_eq!(log.newest(&links).as_deref(), Some(asked));
        assert_eq!(
            log.toggled(&links, &row(8)),
            format!("{asked}&before=9&open=8#entry-8")
        );
        assert_eq!(
            log.toggled(&links, &row(7)),
            format!("{asked}&before=9#entry-7"),
            "closes it"
        );
        assert_eq!(
            log.only(&links, "who", "bob"),
            "/p/-/admin/audit?crate=a+b&who=bob"
        );
        assert_eq!(
            log.file(&links, "csv"),
            "/p/-/admin/audit/export?who=alice&crate=a+b&format=csv"
        );
        assert_eq!(log.permanent(&links, &row(7)), "/p/-/admin/audit?open=7");
        assert_eq!(
            log.kinds(&links)[1].address,
            format!("{asked}&downloads=on")
        );
        assert_eq!(log.cleared(&links), "/p/-/admin/audit");
    }

    #[test]
    fn an_entry_in_a_few_words() {
        let mut row = row(1);
        assert_eq!((row.day(), row.time()), ("2027-01-15", "08:00:00"));
        assert_eq!((row.who(), row.who_icon()), ("service:ci", "gear"));
        assert_eq!(row.with().as_deref(), Some("0190aaaa…"));
        assert_eq!(row.program().as_deref(), Some("cargo 1.91.0"));
        row.token = Some("session:0190aaaa-bbbb".to_owned());
        assert_eq!(row.with().as_deref(), Some("session"));
        row.principal = None;
        assert_eq!(row.who(), "nobody");
        row.address = None;
        assert_eq!(row.who(), "supercargo");
    }

    /// Issue 6, "safe".
    #[test]
    fn nothing_that_a_stranger_wrote_runs() {
        let frame = Frame {
            title: String::new(),
            links: Links::new(""),
            nonce: String::new(),
            theme: Theme::System,
            person: None,
            here: String::new(),
            crumbs: Vec::new(),
            section: Section::Administration,
            query: String::new(),
            has_search: false,
        };
        let page = AdminAuditPage {
            frame,
            head: AdminHead { part: "audit" },
            log: log(),
        };
        let html = page.render().unwrap();
        assert!(
            !html.contains("<script>") && !html.contains("<b>1"),
            "{html}"
        );
        assert!(html.contains("&#60;script&#62;"), "{html}");
        assert!(html.contains("id=\"entry-7\""), "{html}");
        assert_eq!(html.matches("class=\"detail\"").count(), 1, "{html}");
    }
}
