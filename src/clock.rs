//! Time, as an argument: what runs is handed a clock, and a test hands it one that stands still.
//!
//! A clock tells the wall clock's time, which may be set back, measures by a time that never is, and
//! is waited on. On a clock that stands still nobody waits: whoever would, makes it that much later.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// Tells the time, and lets it pass. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Kind);

#[derive(Clone)]
enum Kind {
    Running {
        tell: Arc<dyn Fn() -> Timestamp + Send + Sync>,
        since: Instant,
    },
    Still(Hands),
}

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Self {
        Self::telling(Timestamp::now)
    }

    /// A clock that says what `tell` says. Waiting on it takes as long as it takes.
    pub fn telling(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Kind::Running {
            tell: Arc::new(tell),
            since: Instant::now(),
        })
    }

    /// A clock that stands still at this instant until its hands are moved, or somebody waits on it.
    pub fn still(at: Timestamp) -> (Self, Hands) {
        let hands = Hands {
            wall_us: Arc::new(AtomicI64::new(at.as_microsecond())),
            passed_us: Arc::default(),
        };
        (Self(Kind::Still(hands.clone())), hands)
    }

    /// What time it is, in whole microseconds: that much the mirror keeps, so nobody is told more. What
    /// is made from what a run holds in memory is then the same as what is made from the mirror later.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::Running { tell, .. } => in_microseconds(tell()),
            Kind::Still(hands) => hands.now(),
        }
    }

    /// The time since some fixed moment, by a clock that nobody sets.
    pub fn elapsed(&self) -> Duration {
        match &self.0 {
            Kind::Running { since, .. } => since.elapsed(),
            Kind::Still(hands) => Duration::from_micros(hands.passed_us.load(Ordering::SeqCst)),
        }
    }

    /// Waits.
    pub async fn rest(&self, wait: Duration) {
        match &self.0 {
            // The one place where the program itself waits for time to pass.
            Kind::Running { .. } => tokio::time::sleep(wait).await,
            Kind::Still(hands) => {
                hands.pass(wait);
                // Whoever waits lets the others have their turn.
                tokio::task::yield_now().await;
            }
        }
    }
}

fn in_microseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond())
        .expect("it is nearer to 1970 than what it is cut from")
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// The hands of a clock that stands still.
#[derive(Clone, Debug)]
pub struct Hands {
    wall_us: Arc<AtomicI64>,
    passed_us: Arc<AtomicU64>,
}

impl Hands {
    /// What time it is.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.wall_us.load(Ordering::SeqCst))
            .expect("the hands are within the years of a timestamp")
    }

    /// Lets time pass, in whole microseconds, rounded up: nobody waits too short.
    pub fn pass(&self, by: Duration) {
        let us = u64::try_from(by.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX);
        self.passed_us.fetch_add(us, Ordering::SeqCst);
        let us = i64::try_from(us).unwrap_or(i64::MAX);
        self.wall_us.fetch_add(us, Ordering::SeqCst);
    }

    /// Sets the wall clock forward or back. No time passes.
    pub fn set(&self, by: SignedDuration) {
        let us = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.wall_us.fetch_add(us, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_clock_tells_more_than_the_mirror_keeps() {
        let fine: Timestamp = "2026-11-23T20:52:31.757111505Z".parse().expect("a time");
        let kept: Timestamp = "2026-11-23T20:52:31.757111Z".parse().expect("a time");
        assert_eq!(Clock::telling(move || fine).now(), kept);
        assert_eq!(Clock::still(fine).0.now(), kept);
    }

    #[tokio::test]
    async fn a_clock_that_stands_still_is_later_by_what_was_waited() {
        let start: Timestamp = "2026-11-01T12:00:00Z".parse().expect("a time");
        let (clock, hands) = Clock::still(start);
        assert_eq!((clock.now(), clock.elapsed()), (start, Duration::ZERO));
        clock.rest(Duration::from_hours(24)).await;
        hands.set(SignedDuration::from_hours(-23));
        assert_eq!(clock.now(), start + SignedDuration::from_hours(1));
        assert_eq!(clock.elapsed(), Duration::from_hours(24));
    }
}
