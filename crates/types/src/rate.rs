//! How often something may be done: so many times at once, and then so many times in a while.
//!
//! The rule is the generic cell rate algorithm. All that there is to know of somebody's use of a rate is one point in time: when
//! nothing of it is used any more. Each use moves that point on by the pause between two uses, and a use is refused when the
//! point would lie further off than all of them together.

use std::{fmt, str::FromStr, time::Duration};

use crate::Timestamp;

/// In either number of a rate. A million pauses of an hour are a century, with which times still reckon well.
const LARGEST: u32 = 1_000_000;

/// So many at once, then so many in a while: `300 then 1/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    burst: u32,
    then: u32,
    per: Period,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Period {
    Second,
    Minute,
    Hour,
}

/// The text is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a rate; write it as `300 then 1/s`, which is 300 at once and then one each second, with `m` for a minute or `h` for an hour"
)]
pub struct InvalidRate;

impl Rate {
    /// `burst` at once, and then `then` each second; both from 1 to a million.
    pub const fn each_second(burst: u32, then: u32) -> Self {
        Self::checked(burst, then, Period::Second)
    }

    /// `burst` at once, and then `then` each minute; both from 1 to a million.
    pub const fn each_minute(burst: u32, then: u32) -> Self {
        Self::checked(burst, then, Period::Minute)
    }

    const fn checked(burst: u32, then: u32, per: Period) -> Self {
        assert!(
            burst > 0 && burst <= LARGEST && then > 0 && then <= LARGEST,
            "a rate is made of numbers from 1 to a million"
        );
        Self { burst, then, per }
    }

    /// Uses that are possible at once after a long pause.
    pub const fn burst(self) -> u32 {
        self.burst
    }

    /// Uses in a [`Rate::period`], when those are used up.
    pub const fn then(self) -> u32 {
        self.then
    }

    /// `second`, `minute` or `hour`.
    pub const fn period(self) -> &'static str {
        match self.per {
            Period::Second => "second",
            Period::Minute => "minute",
            Period::Hour => "hour",
        }
    }

    /// The pause after which another use is possible when all are used up.
    pub const fn pause(self) -> Duration {
        let seconds = match self.per {
            Period::Second => 1,
            Period::Minute => 60,
            Period::Hour => 3600,
        };
        // at least a microsecond: a million uses in a second
        Duration::from_micros(seconds * 1_000_000 / self.then as u64)
    }

    /// How far off the point may lie at which nothing is used any more, so that one more use is possible.
    pub const fn room(self) -> Duration {
        self.pause().saturating_mul(self.burst - 1)
    }

    /// One more use: `full_at` is when nothing is used any more, or any past time; the new one is returned.
    ///
    /// # Errors
    /// How long to wait when all are used up.
    pub fn take(self, full_at: Timestamp, now: Timestamp) -> Result<Timestamp, Duration> {
        // a clock that was set back must not lock anybody out for longer than the rate itself does
        let furthest = now.plus(self.pause().saturating_mul(self.burst));
        let full_at = full_at.clamp(now, furthest);
        match self.wait(full_at, now) {
            Duration::ZERO => Ok(full_at.plus(self.pause())),
            wait => Err(wait),
        }
    }

    /// One use is undone.
    #[must_use]
    pub fn give_back(self, full_at: Timestamp) -> Timestamp {
        full_at.minus(self.pause())
    }

    /// How long until one more use is possible.
    pub fn wait(self, full_at: Timestamp, now: Timestamp) -> Duration {
        full_at.since(now).saturating_sub(self.room())
    }
}

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| {
            let number = text.trim().parse().ok();
            number.filter(|number| (1..=LARGEST).contains(number))
        };
        let read = || {
            let (burst, rest) = text.split_once("then")?;
            let (then, per) = rest.split_once('/')?;
            Some(Self {
                burst: number(burst)?,
                then: number(then)?,
                per: match per.trim() {
                    "s" => Period::Second,
                    "m" => Period::Minute,
                    "h" => Period::Hour,
                    _ => return None,
                },
            })
        };
        read().ok_or(InvalidRate)
    }
}

impl fmt::Display for Rate {
    /// As it is written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = match self.per {
            Period::Second => "s",
            Period::Minute => "m",
            Period::Hour => "h",
        };
        write!(f, "{} then {}/{per}", self.burst, self.then)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_795_219_200);

    #[test]
    fn a_rate_is_written_as_it_is_said() {
        for text in ["300 then 1/s", "10 then 6/m", "1 then 1000000/h"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        assert_eq!("3then 2 / m".parse(), Ok(Rate::each_minute(3, 2)));
        assert_eq!(Rate::each_minute(30, 6).pause(), Duration::from_secs(10));
        assert_eq!(Rate::each_second(5, 2).room(), Duration::from_secs(2));
        for bad in [
            "",
            "300",
            "300 then",
            "300 then 1",
            "0 then 1/s",
            "1 then 0/s",
            "1 then 1/d",
            "1000001 then 1/s",
            "1 then 1000001/s",
            "-1 then 1/s",
            "1, 1/s",
        ] {
            assert_eq!(bad.parse::<Rate>(), Err(InvalidRate), "{bad}");
        }
    }

    #[test]
    fn the_burst_is_exact_and_the_wait_is_enough() {
        let rate = Rate::each_minute(3, 6);
        let mut full_at = Timestamp::from_seconds(0);
        for _ in 0..3 {
            full_at = rate.take(full_at, START).unwrap();
        }
        let ten = Duration::from_secs(10);
        assert_eq!(rate.take(full_at, START), Err(ten));
        let almost = START.plus(ten.saturating_sub(Duration::from_micros(1)));
        assert!(rate.take(full_at, almost).is_err());
        full_at = rate.take(full_at, START.plus(ten)).unwrap();
        assert_eq!(rate.take(full_at, START.plus(ten)), Err(ten));
        full_at = rate.give_back(full_at);
        assert!(rate.take(full_at, START.plus(ten)).is_ok());
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out_for_long() {
        let rate = Rate::each_second(2, 1);
        let far = START.plus(Duration::from_hours(24));
        assert_eq!(rate.take(far, START), Err(Duration::from_secs(1)));
    }

    proptest! {
        /// Whatever is asked for when: in no span of time are more uses taken than the burst and one for each pause in it, and
        /// who waits as long as is said is not refused.
        #[test]
        fn no_span_of_time_has_more_uses_than_the_rate_says(
            burst in 1_u32..20,
            then in 1_u32..20,
            steps in prop::collection::vec(0_u64..3_000_000, 1..200),
        ) {
            let rate = Rate::each_second(burst, then);
            let (mut now, mut full_at) = (START, Timestamp::from_seconds(0));
            let mut taken: Vec<Timestamp> = Vec::new();
            for step in steps {
                now = now.plus(Duration::from_micros(step));
                match rate.take(full_at, now) {
                    Ok(next) => {
                        full_at = next;
                        taken.push(now);
                    }
                    Err(wait) => prop_assert!(rate.take(full_at, now.plus(wait)).is_ok()),
                }
            }
            for (first, from) in taken.iter().enumerate() {
                for (last, to) in taken.iter().enumerate().skip(first) {
                    let refilled = to.since(*from).as_micros() / rate.pause().as_micros();
                    let uses = (last - first + 1) as u128;
                    prop_assert!(uses <= u128::from(burst) + refilled, "{uses} uses");
                }
            }
        }
    }
}
