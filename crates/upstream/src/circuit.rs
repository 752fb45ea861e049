//! The circuit breaker: whether a service of an upstream is asked at all, by how it answered before.
//!
//! An upstream that is down would otherwise cost everybody a time-out per question, hold the places of those who ask
//! others, and be met by all of them at once when it comes back.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use supercargo_types::{Clock, Random, Timestamp};
use tokio::time::Instant;

use crate::{FailureReason, UpstreamFailed};

/// Failures in a row after which a service is left alone. One alone may be an accident.
const FAILURES: u32 = 5;
/// The first pause; each probe that fails doubles it. A restart of an upstream takes seconds.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause of our own: so long after an upstream has come back nobody might know it.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause that an upstream may ask for with `Retry-After`: a slip there (a date in place of seconds) must not
/// cut everybody off from it for days.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(1);

/// Whether questions go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitState {
    /// They do.
    Closed,
    /// They do not: every one fails at once.
    Open {
        /// From then on one of them goes out, to see whether the upstream is back.
        until: Timestamp,
    },
    /// The pause is over, and one question may go out, or is under way; all others fail at once.
    HalfOpen,
}

/// How one service of an upstream does, as far as this process has seen since its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceHealth {
    /// Whether it is asked.
    pub state: CircuitState,
    /// Failures since the last good answer that say it is down.
    pub failures: u32,
    /// The first of them.
    pub failing_since: Option<Timestamp>,
    /// The last failure that said it was down, also one of long ago, [for anybody](FailureReason::for_anybody).
    pub last_failure: Option<(Timestamp, FailureReason)>,
    /// The last answer that showed it to be up; a refusal of one name is such an answer.
    pub last_success: Option<Timestamp>,
    /// How long that answer took: of a small file all of it, of a download its head.
    pub latency: Option<Duration>,
}

/// What is known of one service.
#[derive(Default)]
struct Record {
    gate: Gate,
    failures: u32,
    failing_since: Option<Timestamp>,
    last_failure: Option<(Timestamp, FailureReason)>,
    last_success: Option<Timestamp>,
    latency: Option<Duration>,
    /// How many probes there have been: each has its number.
    probes: u64,
}

#[derive(Default)]
enum Gate {
    #[default]
    Closed,
    Open {
        from: Timestamp,
        pause: Duration,
        /// How many probes failed since it opened.
        step: u32,
        /// The probe that is under way.
        probe: Option<u64>,
    },
}

pub(crate) struct Circuit {
    record: Mutex<Record>,
    clock: Clock,
    random: Random,
}

/// A question that goes out. Dropped without a verdict, it says nothing: whoever asked has hung up.
pub(crate) struct Attempt {
    circuit: Arc<Circuit>,
    probe: Option<u64>,
    start: Instant,
}

impl Circuit {
    pub(crate) fn new(clock: Clock, random: Random) -> Self {
        Self {
            record: Mutex::default(),
            clock,
            random,
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a question could go out now; it spares those who cannot the wait for their turn.
    pub(crate) fn check(&self) -> Result<(), FailureReason> {
        let now = self.clock.now();
        let record = self.record();
        match record.gate.state(now) {
            CircuitState::Closed => Ok(()),
            CircuitState::HalfOpen if !record.gate.is_probed() => Ok(()),
            CircuitState::HalfOpen | CircuitState::Open { .. } => Err(record.unavailable(now)),
        }
    }

    /// Lets a question out.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Attempt, FailureReason> {
        let now = self.clock.now();
        let mut record = self.record();
        let probe = match record.gate.state(now) {
            CircuitState::Closed => None,
            CircuitState::HalfOpen if !record.gate.is_probed() => Some(record.begin_probe()),
            CircuitState::HalfOpen | CircuitState::Open { .. } => {
                return Err(record.unavailable(now));
            }
        };
        Ok(self.attempt(probe))
    }

    /// Lets a question out whatever is known: a person wants to see for themselves.
    pub(crate) fn force(self: &Arc<Self>) -> Attempt {
        self.attempt(None)
    }

    fn attempt(self: &Arc<Self>, probe: Option<u64>) -> Attempt {
        Attempt {
            circuit: self.clone(),
            probe,
            start: Instant::now(),
        }
    }

    /// Ends the pause: there is reason to believe that the upstream is back.
    pub(crate) fn end_pause(&self) {
        if let Gate::Open { pause, .. } = &mut self.record().gate {
            *pause = Duration::ZERO;
        }
    }

    pub(crate) fn health(&self) -> ServiceHealth {
        let now = self.clock.now();
        let record = self.record();
        ServiceHealth {
            state: record.gate.state(now),
            failures: record.failures,
            failing_since: record.failing_since,
            last_failure: record.last_failure.clone(),
            last_success: record.last_success,
            latency: record.latency,
        }
    }

    /// A pause and up to a quarter more: several processes that lost an upstream together shall not come back together.
    fn with_jitter(&self, pause: Duration) -> Duration {
        let [chance] = self.random.bytes();
        pause + pause / 4 * u32::from(chance) / 256
    }
}

impl Gate {
    fn state(&self, now: Timestamp) -> CircuitState {
        match *self {
            Self::Closed => CircuitState::Closed,
            // a clock that was set back must not make the pause longer
            Self::Open { from, pause, .. } if from <= now && now < from.plus(pause) => {
                CircuitState::Open {
                    until: from.plus(pause),
                }
            }
            Self::Open { .. } => CircuitState::HalfOpen,
        }
    }

    fn is_probed(&self) -> bool {
        matches!(self, Self::Open { probe: Some(_), .. })
    }
}

impl Record {
    fn begin_probe(&mut self) -> u64 {
        self.probes += 1;
        if let Gate::Open { probe, .. } = &mut self.gate {
            *probe = Some(self.probes);
        }
        self.probes
    }

    fn unavailable(&self, now: Timestamp) -> FailureReason {
        let left = match self.gate.state(now) {
            CircuitState::Open { until } => until.since(now),
            CircuitState::Closed | CircuitState::HalfOpen => Duration::ZERO,
        };
        let (at, last) = self
            .last_failure
            .clone()
            .expect("invariant: only a failure opens a circuit");
        FailureReason::Unavailable {
            since: self.failing_since.unwrap_or(at),
            last: Box::new(last),
            // in whole seconds, as the header has it, and never "at once": then everybody would be back together
            retry_after: Duration::from_secs(left.as_secs().max(FIRST_PAUSE.as_secs())),
        }
    }

    fn answered(&mut self, now: Timestamp, latency: Duration) {
        self.gate = Gate::Closed;
        self.last_success = Some(now);
        self.latency = Some(latency);
    }

    fn succeeded(&mut self) {
        self.failures = 0;
        self.failing_since = None;
    }
}

impl Attempt {
    /// How long it has been under way.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The upstream is there, though not all of its answer yet: who waits for a probe need not wait for a large body.
    pub(crate) fn answered(&mut self) {
        let now = self.circuit.clock.now();
        let latency = self.elapsed();
        let mut record = self.circuit.record();
        record.answered(now, latency);
        if self.probe.take().is_some() {
            record.succeeded();
        }
    }

    /// It went as it should, or at least failed in a way that only somebody who is there fails in.
    pub(crate) fn succeeded(mut self) {
        let now = self.circuit.clock.now();
        let latency = self.elapsed();
        let mut record = self.circuit.record();
        record.answered(now, latency);
        record.succeeded();
        self.probe = None;
    }

    /// The body that followed an answer came whole.
    pub(crate) fn ended_well(self) {
        self.circuit.record().succeeded();
    }

    /// The verdict that lies in a result.
    pub(crate) fn settle<T>(self, answer: &Result<T, UpstreamFailed>) {
        match answer {
            Err(failed) if failed.is_down() => self.failed(failed),
            Ok(_) | Err(_) => self.succeeded(),
        }
    }

    /// The upstream is down, says this failure.
    pub(crate) fn failed(mut self, failed: &UpstreamFailed) {
        let now = self.circuit.clock.now();
        let mine = self.probe.take();
        let mut record = self.circuit.record();
        let record = &mut *record;
        record.failures = record.failures.saturating_add(1);
        record.failing_since.get_or_insert(now);
        record.last_failure = Some((now, failed.reason().for_anybody()));
        let step = match &mut record.gate {
            Gate::Closed if record.failures >= FAILURES || failed.retry_after().is_some() => 0,
            Gate::Open { step, probe, .. } if mine.is_some() && *probe == mine => {
                step.saturating_add(1)
            }
            // not often enough yet, or it went out before the others failed and says no more than they did
            Gate::Closed | Gate::Open { .. } => return,
        };
        let own = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(step).unwrap_or(u32::MAX));
        let pause = self.circuit.with_jitter(own.min(LONGEST_PAUSE));
        let asked_for = failed.retry_after().unwrap_or_default();
        let pause = pause.max(asked_for.min(LONGEST_RETRY_AFTER));
        if step == 0 {
            tracing::warn!(reason = %failed, ?pause, "an upstream is down and left alone for a while");
        }
        record.gate = Gate::Open {
            from: now,
            pause,
            step,
            probe: None,
        };
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let Some(mine) = self.probe else { return };
        if let Gate::Open { probe, .. } = &mut self.circuit.record().gate
            && *probe == Some(mine)
        {
            *probe = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    struct Scene {
        circuit: Arc<Circuit>,
        clock: Clock,
    }

    /// With chance that always says 0 in its first draws, so that pauses are whole.
    fn scene() -> Scene {
        let clock = Clock::fixed(Timestamp::from_seconds(1_000_000));
        let circuit = Circuit::new(clock.clone(), Random::Counting(Arc::default()));
        Scene {
            circuit: Arc::new(circuit),
            clock,
        }
    }

    fn timeout() -> UpstreamFailed {
        let patience = Duration::from_secs(30);
        UpstreamFailed::new("partner", FailureReason::Timeout { patience })
    }

    fn status(code: u16, retry_after: Option<u64>) -> UpstreamFailed {
        let reason = FailureReason::Status {
            status: StatusCode::from_u16(code).unwrap(),
            asked: Some("se/rd/serde".to_owned()),
            retry_after: retry_after.map(Duration::from_secs),
        };
        UpstreamFailed::new("partner", reason)
    }

    impl Scene {
        fn ask(&self, answer: &Result<(), UpstreamFailed>) {
            self.circuit.enter().ok().unwrap().settle(answer);
        }

        fn fails(&self, times: u32) {
            for _ in 0..times {
                self.ask(&Err(timeout()));
            }
        }

        fn is_closed(&self) -> bool {
            self.circuit.health().state == CircuitState::Closed
        }

        fn refused(&self) -> FailureReason {
            assert!(self.circuit.check().is_err());
            self.circuit.enter().err().unwrap()
        }

        /// Until the next question may go out, to the millisecond.
        fn pause(&self) -> Duration {
            let mut waited = Duration::ZERO;
            while self.circuit.check().is_err() {
                let step = Duration::from_millis(1);
                self.clock.advance(step);
                waited += step;
                assert!(waited < Duration::from_mins(10), "it never ends");
            }
            waited
        }
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_good_answer_between_them_does_not() {
        let scene = scene();
        scene.fails(FAILURES - 1);
        scene.ask(&Ok(()));
        scene.fails(FAILURES - 1);
        assert!(scene.is_closed());
        scene.fails(1);
        assert!(!scene.is_closed());
    }

    #[test]
    fn a_refusal_never_opens_it_and_proves_that_somebody_is_there() {
        let scene = scene();
        scene.fails(FAILURES - 1);
        for code in [400, 401, 403, 404, 451] {
            scene.ask(&Err(status(code, None)));
        }
        let garbled = UpstreamFailed::garbled("partner", "nonsense".to_owned());
        for _ in 0..100 {
            scene.ask(&Err(garbled.clone()));
            scene.ask(&Err(status(403, None)));
        }
        assert_eq!(scene.circuit.health().failures, 0);
        scene.fails(FAILURES - 1);
        assert!(scene.is_closed());
    }

    #[test]
    fn whoever_asks_meanwhile_is_told_why_since_when_and_when_to_come_back() {
        let scene = scene();
        scene.fails(1);
        scene.clock.advance(Duration::from_secs(7));
        scene.fails(FAILURES - 1);
        let FailureReason::Unavailable {
            since,
            last,
            retry_after,
        } = scene.refused()
        else {
            panic!("it is open");
        };
        assert_eq!(since, Timestamp::from_seconds(1_000_000));
        assert_eq!(&*last, timeout().reason());
        assert_eq!(retry_after, FIRST_PAUSE);
    }

    #[test]
    fn pauses_grow_up_to_a_limit_and_jitter_adds_a_quarter_at_most() {
        let scene = scene();
        scene.fails(FAILURES);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            pauses.push(scene.pause());
            scene.ask(&Err(timeout()));
        }
        let longest = LONGEST_PAUSE.as_secs();
        for (pause, least) in pauses
            .iter()
            .zip([1, 2, 4, 8, 16, longest, longest, longest])
        {
            let least = Duration::from_secs(least);
            assert!(*pause >= least && *pause <= least * 5 / 4, "{pauses:?}");
        }
        for chance in [0, 255] {
            let random = Random::Counting(Arc::new(chance.into()));
            let circuit = Circuit::new(Clock::System, random);
            let pause = circuit.with_jitter(LONGEST_PAUSE);
            assert!(pause >= LONGEST_PAUSE && pause < LONGEST_PAUSE * 5 / 4);
            assert_eq!(pause > LONGEST_PAUSE, chance == 255);
        }
    }

    #[test]
    fn one_probe_at_a_time_goes_out_and_its_success_closes_it() {
        let scene = scene();
        scene.fails(FAILURES);
        scene.pause();
        let probe = scene.circuit.enter().ok().unwrap();
        assert!(matches!(scene.refused(), FailureReason::Unavailable { .. }));
        assert_eq!(scene.circuit.health().state, CircuitState::HalfOpen);
        probe.settle(&Ok(()));
        assert!(scene.is_closed());
        let health = scene.circuit.health();
        assert_eq!((health.failures, health.failing_since), (0, None));
        assert!(health.last_failure.is_some() && health.last_success.is_some());
        // and the next outage begins with a short pause again
        scene.fails(FAILURES);
        assert!(scene.pause() < FIRST_PAUSE * 2);
    }

    #[test]
    fn a_probe_whose_asker_hangs_up_makes_room_for_the_next() {
        let scene = scene();
        scene.fails(FAILURES);
        scene.pause();
        drop(scene.circuit.enter().ok().unwrap());
        let next = scene.circuit.enter().ok().unwrap();
        assert!(scene.circuit.enter().is_err());
        next.settle(&Err::<(), _>(status(403, None)));
        assert!(scene.is_closed(), "403 comes from somebody who is there");
    }

    #[test]
    fn what_went_out_before_neither_prolongs_the_pause_nor_is_taken_for_the_probe() {
        let scene = scene();
        let before: Vec<_> = (0..20)
            .map(|_| scene.circuit.enter().ok().unwrap())
            .collect();
        scene.fails(FAILURES);
        scene.clock.advance(FIRST_PAUSE / 2);
        for late in before {
            late.settle(&Err::<(), _>(timeout()));
        }
        assert!(scene.pause() < FIRST_PAUSE);
        let probe = scene.circuit.enter().ok().unwrap();
        assert!(scene.circuit.enter().is_err());
        probe.settle(&Err::<(), _>(timeout()));
        assert!(scene.pause() >= FIRST_PAUSE * 2);
    }

    #[test]
    fn an_upstream_that_asks_for_a_pause_gets_it_up_to_a_bound() {
        for (code, asked_for, pause) in [
            (429, 7, 7),
            (503, 20, 20),
            (429, 1_000_000, LONGEST_RETRY_AFTER.as_secs()),
        ] {
            let scene = scene();
            scene.ask(&Err(status(code, Some(asked_for))));
            assert_eq!(scene.pause(), Duration::from_secs(pause), "{code}");
        }
        // without a time it is a failure like others
        let scene = scene();
        scene.ask(&Err(status(429, None)));
        assert!(scene.is_closed());
    }

    /// The attack: names of a private registry, read in the health of a public one that has the same upstream.
    #[test]
    fn nobody_learns_from_it_what_others_asked_for() {
        let scene = scene();
        for _ in 0..FAILURES {
            scene.ask(&Err(status(500, None)));
        }
        let (_, last) = scene.circuit.health().last_failure.unwrap();
        for text in [last.to_string(), scene.refused().to_string()] {
            assert!(text.contains("answers 500 Internal Server Error"), "{text}");
            assert!(!text.contains("serde"), "{text}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_lock_it() {
        let start = Timestamp::from_seconds(1_000_000);
        let gate = Gate::Open {
            from: start,
            pause: LONGEST_PAUSE,
            step: 9,
            probe: None,
        };
        let before = Timestamp::from_seconds(1);
        assert_eq!(gate.state(before), CircuitState::HalfOpen);
        assert!(matches!(gate.state(start), CircuitState::Open { .. }));
    }

    #[test]
    fn a_large_body_does_not_hold_up_those_who_wait_for_the_probe_and_counts_when_it_breaks() {
        let scene = scene();
        scene.fails(FAILURES);
        scene.pause();
        let mut probe = scene.circuit.enter().ok().unwrap();
        probe.answered();
        assert!(scene.is_closed());
        probe.failed(&timeout());
        assert_eq!(scene.circuit.health().failures, 1);
        // heads alone do not make a service well whose bodies never come
        for _ in 1..FAILURES {
            assert!(scene.is_closed());
            let mut attempt = scene.circuit.enter().ok().unwrap();
            attempt.answered();
            attempt.failed(&timeout());
        }
        assert!(!scene.is_closed());
    }

    #[test]
    fn a_person_may_look_at_any_time_and_what_they_see_counts() {
        let scene = scene();
        scene.fails(FAILURES);
        scene.circuit.force().settle(&Err::<(), _>(timeout()));
        assert!(!scene.is_closed());
        scene.circuit.end_pause();
        assert_eq!(scene.circuit.health().state, CircuitState::HalfOpen);
        scene.circuit.force().settle(&Ok(()));
        assert!(scene.is_closed());
    }
}
