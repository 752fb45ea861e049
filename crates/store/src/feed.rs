//! What processes that serve one database tell each other: whose copies in memory are old. On a file nobody has to be told.
//!
//! On PostgreSQL a write says so in its own transaction (`NOTIFY`), so the others hear it after the commit, in the order of
//! commits, and never of what was rolled back. Whoever listens also hears itself: each second it sends a beat through the
//! database on the very connection it listens on, and a beat that comes back proves that everything committed before it was
//! sent has been heard. Silence proves nothing and is said as such.

use std::{
    collections::VecDeque,
    fmt,
    str::FromStr,
    time::{Duration, Instant},
};

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use supercargo_types::{CanonicalName, Random, Spelling};
use tokio::time::{sleep_until, timeout_at};

use crate::{
    Store,
    query::{Query, query},
};

/// Channels are a database's own.
const CHANNEL: &str = "supercargo";
const NOTIFY: &str = "SELECT pg_notify($1, $2)";
/// PostgreSQL refuses 8000 bytes and more.
const LONGEST_PAYLOAD: usize = 7_900;
/// Of one transaction; what is longer is told as a change of everything.
const MOST_PAYLOADS: usize = 16;
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// Nobody believes a copy longer than this without proof; the contract of "at once".
const SILENCE: Duration = Duration::from_secs(2);
/// Between two attempts to listen, so that a server that is away is not hammered.
const PAUSE: Duration = Duration::from_millis(200);
/// How the listening connection calls itself, for whoever looks into `pg_stat_activity`.
const APPLICATION: &str = "supercargo feed";
const BEAT: &str = "beat";

/// What is another from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A crate of a registry: its versions, their flags, or what its views promised.
    Name {
        /// In which registry.
        registry_id: i64,
        /// Which crate, in any spelling.
        canonical: CanonicalName,
    },
    /// An index file of an upstream.
    UpstreamName {
        /// Whose.
        upstream_id: i64,
        /// Which file.
        spelling: Spelling,
    },
    /// Something that [`Store::directory`] reads.
    Settings,
    /// Principals, teams, memberships or tokens: what [`Store::token_by_hash`] reads.
    People,
    /// More than can be said one by one.
    Everything,
}

/// What a [`Feed`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedEvent {
    /// Another process has changed something.
    Change(Change),
    /// Every change that was committed before this moment has been said.
    Heard(Instant),
    /// It listens from now on; changes before may have gone by unheard.
    Listening,
    /// Nothing is heard, because of this: changes may go by. Said again every two seconds for as long as it lasts.
    Lost(String),
}

/// By which a process knows what it said itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sender(u64);

/// What a transaction will say when it is committed.
pub(crate) struct Telling {
    sender: Sender,
    changes: Vec<Change>,
}

/// The changes that other processes make.
pub struct Feed(Option<Listening>);

struct Listening {
    options: PgConnectOptions,
    sender: Sender,
    /// Beats say how long after it they were sent.
    origin: Instant,
    listener: Option<PgListener>,
    said: VecDeque<FeedEvent>,
    next_beat: Instant,
    /// When silence has lasted too long.
    patience: Instant,
}

/// What happened while the feed listened.
enum Happened {
    Told(String),
    Broken(String),
    BeatIsDue,
    Silence,
}

impl Sender {
    pub(crate) fn new() -> Self {
        Self(u64::from_be_bytes(Random::System.bytes()))
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name {
                registry_id,
                canonical,
            } => write!(f, "n{registry_id}:{canonical}"),
            Self::UpstreamName {
                upstream_id,
                spelling,
            } => write!(f, "u{upstream_id}:{spelling}"),
            Self::Settings => f.write_str("settings"),
            Self::People => f.write_str("people"),
            Self::Everything => f.write_str("everything"),
        }
    }
}

impl Change {
    /// What a later version says and this one does not know is a change of everything: too much is dropped, never too little.
    fn read(text: &str) -> Self {
        fn named<T: FromStr>(text: &str) -> Option<(i64, T)> {
            let (id, name) = text.split_once(':')?;
            Some((id.parse().ok()?, name.parse().ok()?))
        }
        let known = match text {
            "settings" => Some(Self::Settings),
            "people" => Some(Self::People),
            _ => match text.split_at_checked(1) {
                Some(("n", rest)) => named(rest).map(|(registry_id, canonical)| Self::Name {
                    registry_id,
                    canonical,
                }),
                Some(("u", rest)) => {
                    named(rest).map(|(upstream_id, spelling)| Self::UpstreamName {
                        upstream_id,
                        spelling,
                    })
                }
                _ => None,
            },
        };
        known.unwrap_or(Self::Everything)
    }
}

impl Telling {
    pub(crate) fn new(sender: Sender) -> Self {
        Self {
            sender,
            changes: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, change: Change) {
        if self.changes.last() != Some(&change) {
            self.changes.push(change);
        }
    }

    pub(crate) fn statements(&self) -> impl Iterator<Item = Query<'static>> {
        let notify = |payload| query(NOTIFY).bind(CHANNEL).bind(payload);
        self.payloads().into_iter().map(notify)
    }

    /// `SENDER CHANGE CHANGE …`, as few as possible.
    fn payloads(&self) -> Vec<String> {
        let mut payloads: Vec<String> = Vec::new();
        for change in &self.changes {
            let change = change.to_string();
            match payloads.last_mut() {
                Some(last) if last.len() + 1 + change.len() <= LONGEST_PAYLOAD => {
                    last.push(' ');
                    last.push_str(&change);
                }
                _ => payloads.push(format!("{} {change}", self.sender)),
            }
        }
        if payloads.len() > MOST_PAYLOADS {
            return vec![format!("{} {}", self.sender, Change::Everything)];
        }
        payloads
    }
}

impl Store {
    /// Whether other processes may serve this database too.
    pub const fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// What other processes change from now on. It listens on a connection of its own, outside the pool, and begins with the
    /// first call of [`Feed::next`].
    pub fn feed(&self) -> Feed {
        let Self::Postgres(server) = self else {
            return Feed(None);
        };
        let now = Instant::now();
        Feed(Some(Listening {
            options: (*server.pool.connect_options())
                .clone()
                .application_name(APPLICATION),
            sender: server.sender,
            origin: now,
            listener: None,
            said: VecDeque::new(),
            next_beat: now,
            patience: now + SILENCE,
        }))
    }
}

impl Feed {
    /// What happens next. On a file nothing ever does.
    ///
    /// When a call is dropped before it answers, the feed may have to listen anew, and says so.
    pub async fn next(&mut self) -> FeedEvent {
        let Some(listening) = &mut self.0 else {
            return std::future::pending().await;
        };
        loop {
            if let Some(event) = listening.said.pop_front() {
                return event;
            }
            listening.step().await;
        }
    }
}

impl Listening {
    async fn step(&mut self) {
        // taken out, so that a call that is dropped half-way leaves no connection in an unknown state
        let Some(mut listener) = self.listener.take() else {
            return self.listen().await;
        };
        let happened = tokio::select! {
            told = listener.try_recv() => match told {
                Ok(Some(told)) => Happened::Told(told.payload().to_owned()),
                Ok(None) => Happened::Broken("the connection has ended".to_owned()),
                Err(error) => Happened::Broken(error.to_string()),
            },
            () = sleep_until(self.next_beat.into()) => Happened::BeatIsDue,
            () = sleep_until(self.patience.into()) => Happened::Silence,
        };
        let broken = match happened {
            Happened::Told(payload) => {
                self.take_in(&payload);
                None
            }
            Happened::BeatIsDue => self.beat(&mut listener).await.err(),
            Happened::Silence => Some("the database does not answer".to_owned()),
            Happened::Broken(reason) => Some(reason),
        };
        match broken {
            None => self.listener = Some(listener),
            Some(reason) => self.lose(reason),
        }
    }

    /// Tries to listen, once.
    async fn listen(&mut self) {
        let options = self.options.clone();
        let attempt = async {
            // of one connection: what the listener needs, whereas a place in the store's own pool may have to be waited for
            let pool = PgPoolOptions::new()
                .max_connections(1)
                .max_lifetime(None)
                .idle_timeout(None)
                .connect_lazy_with(options);
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.eager_reconnect(false);
            listener.listen(CHANNEL).await?;
            Ok::<_, sqlx::Error>(listener)
        };
        let reason = match timeout_at(self.patience.into(), attempt).await {
            Ok(Ok(listener)) => {
                self.listener = Some(listener);
                self.next_beat = Instant::now();
                self.patience = self.next_beat + SILENCE;
                return self.said.push_back(FeedEvent::Listening);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the database does not answer".to_owned(),
        };
        if Instant::now() >= self.patience {
            self.lose(reason);
        } else {
            sleep_until((Instant::now() + PAUSE).into()).await;
        }
    }

    fn lose(&mut self, reason: String) {
        self.listener = None;
        self.patience = Instant::now() + SILENCE;
        self.said.push_back(FeedEvent::Lost(reason));
    }

    async fn beat(&mut self, listener: &mut PgListener) -> Result<(), String> {
        let sent = Instant::now();
        self.next_beat = sent + BEAT_EVERY;
        let after = sent.duration_since(self.origin).as_micros();
        let beat = sqlx::query(NOTIFY)
            .bind(CHANNEL)
            .bind(format!("{} {BEAT} {after}", self.sender))
            .execute(listener);
        match timeout_at(self.patience.into(), beat).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the database does not answer".to_owned()),
        }
    }

    fn take_in(&mut self, payload: &str) {
        let mut words = payload.split(' ');
        let is_own = words.next() == Some(self.sender.to_string().as_str());
        let beat = payload
            .split_once(BEAT)
            .and_then(|(_, after)| after.trim().parse().ok());
        match (is_own, beat) {
            (true, Some(after)) => {
                let sent = self.origin + Duration::from_micros(after);
                self.patience = sent + SILENCE;
                self.said.push_back(FeedEvent::Heard(sent));
            }
            // what this process has changed, its memory has known since before the change was answered
            (true, None) => {}
            (false, _) => {
                let changes = words
                    .take_while(|word| *word != BEAT)
                    .map(|word| FeedEvent::Change(Change::read(word)));
                self.said.extend(changes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> Change {
        Change::Name {
            registry_id: 7,
            canonical: format!("a-crate-{number}").parse().unwrap(),
        }
    }

    fn told(changes: impl IntoIterator<Item = Change>) -> Vec<String> {
        let mut telling = Telling::new(Sender(0xab));
        for change in changes {
            telling.add(change);
        }
        telling.payloads()
    }

    #[test]
    fn what_is_told_is_read_again() {
        let upstream = Change::UpstreamName {
            upstream_id: 3,
            spelling: "foo_bar".parse().unwrap(),
        };
        let all = [
            name(1),
            upstream,
            Change::Settings,
            Change::People,
            Change::Everything,
        ];
        let payloads = told(
            all.iter()
                .flat_map(|change| [change.clone(), change.clone()]),
        );
        insta::assert_snapshot!(payloads.join("\n"), @"00000000000000ab n7:a-crate-1 u3:foo_bar settings people everything");
        let read: Vec<_> = payloads[0].split(' ').skip(1).map(Change::read).collect();
        assert_eq!(read, all);
        assert!(told([]).is_empty());
    }

    #[test]
    fn what_a_later_version_says_is_a_change_of_everything() {
        for text in [
            "",
            "n",
            "n7",
            "n7:",
            "nx:a",
            "n7:not a name",
            "é",
            "later7:x",
        ] {
            assert_eq!(Change::read(text), Change::Everything, "{text}");
        }
    }

    #[test]
    fn many_changes_are_told_in_few_payloads_and_too_many_as_one() {
        let payloads = told((0..1_000).map(name));
        assert_eq!(payloads.len(), 2);
        let words: usize = payloads
            .iter()
            .map(|text| text.split(' ').count() - 1)
            .sum();
        assert_eq!(words, 1_000);
        assert!(payloads.iter().all(|text| text.len() <= LONGEST_PAYLOAD));
        assert_eq!(told((0..9_000).map(name)), ["00000000000000ab everything"]);
    }
}
