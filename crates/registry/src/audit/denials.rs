//! What was tried and denied: entries of the audit log that nothing was done for.
//!
//! They wait in memory for the batch of the next second. Anyone can be denied something as often as they like, so each source
//! gets so many entries a minute, and then one that says how many more there were.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard},
};

use supercargo_store::{AuditEntry, AuditOutcome};
use supercargo_types::Timestamp;

use crate::{Actor, Caller, Instance, jobs::JobKind};

/// The action of an entry that stands for several.
const SEVERAL: &str = "attempts.denied";
/// Entries a minute of one principal.
const OF_PRINCIPAL: u64 = 60;
/// Entries a minute of one address without a token that we know.
const OF_ADDRESS: u64 = 5;
/// Entries a minute of all such addresses, and as many that stand for several: somebody with many addresses would otherwise
/// fill the disk. It bounds what strangers can write to some hundred thousand entries a day, about 80 MB.
const OF_STRANGERS: usize = 100;
/// Such addresses that are told apart within a minute. Attempts from further ones are counted together. Principals are always
/// told apart: there are as many as were made, and a flood from outside must not hide what one of them tries.
const ADDRESSES: usize = 4096;
/// Entries that wait for the database. Over it they are dropped, and the log says how many.
const WAITING: usize = 8192;
/// Of a name that somebody sent, in characters: none is longer.
const LONGEST: usize = 64;
/// Of a reason in words, which may repeat what somebody sent.
const LONGEST_REASON: usize = 400;
const SECONDS: i64 = 60;

/// Something that was tried and denied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// What would have been done, as `version.published`.
    pub action: String,
    /// In which registry, as it was asked for.
    pub registry: Option<String>,
    /// With which crate, as it was asked for.
    pub crate_name: Option<String>,
    /// With which version, as it was asked for.
    pub version: Option<String>,
    /// The stable code of the reason.
    pub reason: &'static str,
    /// The reason in words, where they say more.
    pub sentence: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Source {
    Principal(String),
    /// Of IPv6, the network: whoever has one address there has all of them.
    Address(Option<IpAddr>),
}

impl Source {
    fn of(entry: &AuditEntry) -> Self {
        if let Some(principal) = &entry.principal {
            return Self::Principal(principal.clone());
        }
        let address = entry.address.as_deref();
        Self::Address(address.and_then(|text| text.parse().ok()).map(network))
    }
}

/// What an address stands for: whoever has one of an IPv6 network has all of them.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Attempts that the database does not know of yet.
#[derive(Default)]
pub(crate) struct Denials {
    state: Mutex<State>,
    /// Held while a batch is written, so that whoever reads after that sees what was in it.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    waiting: Vec<AuditEntry>,
    /// Since the epoch.
    minute: i64,
    /// How many attempts each source made in this minute, and how many of them have no entry.
    sources: HashMap<Source, (u64, u64)>,
    /// How many of the sources are addresses, and how many entries those got.
    addresses: usize,
    of_strangers: usize,
    /// Attempts from addresses that are not told apart.
    further: u64,
    lost: u64,
}

impl State {
    fn note(&mut self, entry: AuditEntry) {
        self.turn(entry.at);
        let source = Source::of(&entry);
        let is_stranger = matches!(source, Source::Address(_));
        if is_stranger && !self.sources.contains_key(&source) {
            if self.addresses == ADDRESSES {
                self.further += 1;
                return;
            }
            self.addresses += 1;
        }
        let (made, without) = self.sources.entry(source).or_default();
        *made += 1;
        let is_told = if is_stranger {
            *made <= OF_ADDRESS && self.of_strangers < OF_STRANGERS
        } else {
            *made <= OF_PRINCIPAL
        };
        if is_told {
            self.of_strangers += usize::from(is_stranger);
            self.push(entry);
        } else {
            *without += 1;
        }
    }

    /// Another minute: what had no entry of its own is told now.
    fn turn(&mut self, now: Timestamp) {
        let minute = now.as_seconds().div_euclid(SECONDS);
        if minute != self.minute {
            self.end_minute(now);
            self.minute = minute;
        }
    }

    fn end_minute(&mut self, now: Timestamp) {
        let mut further = std::mem::take(&mut self.further);
        let mut strangers = 0;
        for (source, (_, without)) in std::mem::take(&mut self.sources) {
            if without == 0 {
                continue;
            }
            let mut entry = several(
                now,
                &format!("{without} more denied attempts within a minute"),
            );
            match source {
                Source::Principal(principal) => entry.principal = Some(principal),
                Source::Address(_) if strangers == OF_STRANGERS => {
                    further += without;
                    continue;
                }
                Source::Address(address) => {
                    strangers += 1;
                    entry.address = address.map(|address| match address {
                        IpAddr::V6(network) => format!("{network}/64"),
                        v4 @ IpAddr::V4(_) => v4.to_string(),
                    });
                }
            }
            self.push(entry);
        }
        if further > 0 {
            let detail =
                format!("{further} more denied attempts from other addresses within a minute");
            self.push(several(now, &detail));
        }
        (self.addresses, self.of_strangers) = (0, 0);
    }

    fn push(&mut self, entry: AuditEntry) {
        if self.waiting.len() < WAITING {
            self.waiting.push(entry);
        } else {
            self.lost += 1;
        }
    }
}

fn several(at: Timestamp, detail: &str) -> AuditEntry {
    AuditEntry {
        at,
        action: SEVERAL.to_owned(),
        outcome: AuditOutcome::Denied,
        principal: None,
        token_id: None,
        address: None,
        user_agent: None,
        registry: None,
        crate_name: None,
        version: None,
        detail: Some(detail.to_owned()),
        request_id: None,
    }
}

/// Of a text that somebody sent, what can be kept: NUL cannot be stored and would spoil the whole batch, and a long text would
/// make an entry as large as its sender likes.
fn kept(text: &str, longest: usize) -> String {
    let printed = |character: char| {
        if character.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            character
        }
    };
    text.chars().take(longest).map(printed).collect()
}

impl Denials {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("invariant: nobody panics with this lock")
    }
}

impl Instance {
    /// Remembers for the audit log that somebody was denied something.
    pub fn note_denied(&self, attempt: &Attempt, actor: Option<&Actor>, caller: &Caller) {
        let mut entry = self.audit(&attempt.action, actor, caller);
        entry.outcome = AuditOutcome::Denied;
        let name = |text: &Option<String>| text.as_deref().map(|text| kept(text, LONGEST));
        entry.registry = name(&attempt.registry);
        entry.crate_name = name(&attempt.crate_name);
        entry.version = name(&attempt.version);
        let reason = match &attempt.sentence {
            Some(sentence) => format!("{}: {sentence}", attempt.reason),
            None => attempt.reason.to_owned(),
        };
        entry.detail = Some(match entry.detail {
            Some(subject) => kept(&format!("{subject}: {reason}"), LONGEST_REASON),
            None => kept(&reason, LONGEST_REASON),
        });
        self.denials.state().note(entry);
    }

    /// Remembers an entry whose number is bounded where it is made.
    pub(crate) fn note_bounded(&self, entry: AuditEntry) {
        self.denials.state().push(entry);
    }

    /// Writes what was denied since the last time; what cannot be written now is tried again.
    pub(crate) async fn write_denials(&self) {
        let _turn = self.denials.writing.lock().await;
        let (batch, lost) = {
            let mut state = self.denials.state();
            state.turn(self.clock().now());
            let lost = std::mem::take(&mut state.lost);
            (std::mem::take(&mut state.waiting), lost)
        };
        if lost > 0 {
            tracing::warn!(
                attempts = lost,
                "more is denied than can be written down; these attempts are not in the audit log"
            );
        }
        if batch.is_empty() {
            return;
        }
        let written = self.store.add_audits(&batch).await;
        let failed = written
            .is_err()
            .then_some("denied attempts were not written to the audit log");
        self.noted(JobKind::Batches, "denied attempts", batch.len(), failed);
        if let Err(error) = written {
            tracing::warn!(%error, attempts = batch.len(), "denied attempts were not written to the audit log; trying again");
            let mut state = self.denials.state();
            for entry in batch {
                state.push(entry);
            }
        }
    }

    /// The last of this process: also what the minute under way would have told at its end.
    pub(crate) async fn write_last_denials(&self) {
        let now = self.clock().now();
        self.denials.state().end_minute(now);
        self.write_denials().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(second: i64, principal: Option<&str>, address: &str) -> AuditEntry {
        let mut entry = several(Timestamp::from_seconds(second), "not-allowed");
        entry.action = "version.published".to_owned();
        entry.principal = principal.map(str::to_owned);
        entry.address = Some(address.to_owned());
        entry
    }

    fn told(state: &mut State) -> Vec<String> {
        let told = |entry: AuditEntry| {
            let who = entry.principal.or(entry.address).unwrap_or_default();
            format!("{} {who}: {}", entry.action, entry.detail.unwrap())
        };
        let mut told: Vec<_> = std::mem::take(&mut state.waiting)
            .into_iter()
            .map(told)
            .collect();
        told.sort();
        told.dedup();
        told
    }

    #[test]
    fn one_source_gets_so_many_entries_a_minute_and_one_for_the_rest() {
        let mut state = State::default();
        for second in 0..70 {
            state.note(attempt(600 + second / 2, Some("alice"), "192.0.2.1"));
        }
        for last in 0..9 {
            state.note(attempt(640, None, &format!("2001:db8::{last}")));
        }
        state.note(attempt(641, None, "192.0.2.9"));
        let in_full = state.waiting.len();
        assert_eq!(in_full, 60 + 5 + 1, "alice, one network, one address");
        state.turn(Timestamp::from_seconds(659));
        assert_eq!(state.waiting.len(), in_full, "the minute is not over");
        state.turn(Timestamp::from_seconds(660));
        insta::assert_snapshot!(told(&mut state).join("\n"), @"
        attempts.denied 2001:db8::/64: 4 more denied attempts within a minute
        attempts.denied alice: 10 more denied attempts within a minute
        version.published 192.0.2.9: not-allowed
        version.published 2001:db8::0: not-allowed
        version.published 2001:db8::1: not-allowed
        version.published 2001:db8::2: not-allowed
        version.published 2001:db8::3: not-allowed
        version.published 2001:db8::4: not-allowed
        version.published alice: not-allowed
        ");
        state.note(attempt(661, None, "192.0.2.9"));
        assert_eq!(state.waiting.len(), 1, "another minute, another chance");
    }

    #[test]
    fn strangers_with_many_addresses_write_little_and_hide_nobody() {
        let mut state = State::default();
        for address in 0..=u16::MAX {
            let [high, low] = address.to_be_bytes();
            for _ in 0..3 {
                state.note(attempt(600, None, &format!("198.51.{high}.{low}")));
            }
        }
        assert_eq!(state.waiting.len(), OF_STRANGERS);
        state.note(attempt(601, Some("alice"), "192.0.2.1"));
        assert_eq!(state.waiting.len(), OF_STRANGERS + 1, "alice is seen");
        state.turn(Timestamp::from_seconds(660));
        assert_eq!(state.waiting.len(), 2 * OF_STRANGERS + 2);
        assert!(state.sources.is_empty());
        let several = state.waiting.iter().filter(|entry| entry.action == SEVERAL);
        let sum: usize = several
            .map(|entry| {
                let detail = entry.detail.as_deref().unwrap();
                detail.split(' ').next().unwrap().parse::<usize>().unwrap()
            })
            .sum();
        assert_eq!(sum + OF_STRANGERS, 3 * 65_536, "each is counted");
    }

    #[test]
    fn what_somebody_sent_is_kept_short_and_without_control_characters() {
        assert_eq!(kept("a\0b\u{1b}[2J", LONGEST), "a\u{fffd}b\u{fffd}[2J");
        assert_eq!(kept(&"ä".repeat(1000), LONGEST), "ä".repeat(64));
    }
}
