//! The pace: when the next request may go. Pure: values in, values out; time is an argument.
//!
//! All times are spans since some fixed start, on a clock that never goes back. The rate is
//! halved where the server says 429, and regained a twentieth of the ceiling at a time.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// Whether a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Now. It counts as gone.
    Go,
    /// Not before this much longer, to keep the rate.
    Later(Duration),
    /// Not before this much longer, because the server said so.
    Held(Duration),
}

/// A rate from which on nothing is limited: a microsecond a request is less than the gate's own
/// cost. Benches ask for it.
const UNLIMITED_FROM: f64 = 1e6;
/// The rate never falls below one request in ten seconds, or the ceiling if that is lower.
const RATE_MIN: f64 = 0.1;
/// A step of regaining the rate comes no sooner than this after the step before, or the last 429.
const REGAIN_EVERY: Duration = Duration::from_secs(10);
/// What a step regains, as a share of the ceiling.
const REGAIN_SHARE: f64 = 0.05;

/// Decides when the next request may go.
pub(super) struct Pacer {
    ceiling: f64,
    burst: NonZeroU32,
    rate: f64,
    clock: Told,
    /// None where the rate is as good as unlimited. A quota can't be changed, so that a new rate
    /// is a new limiter.
    limiter: Option<Limiter>,
    not_before: Duration,
    rate_changed_at: Duration,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Told, NoOpMiddleware<Duration>>;

impl Pacer {
    /// Starts at `remembered`, the rate that an earlier run had come to, or else at the ceiling.
    pub(super) fn new(ceiling: f64, burst: u32, remembered: Option<f64>) -> Self {
        let ceiling = ceiling.min(UNLIMITED_FROM);
        let rate = remembered.map_or(ceiling, |rate| bounded(rate, ceiling));
        let mut pacer = Self {
            ceiling,
            burst: NonZeroU32::new(burst.min(BURST_MAX)).unwrap_or(NonZeroU32::MIN),
            rate,
            clock: Told::default(),
            limiter: None,
            not_before: Duration::ZERO,
            rate_changed_at: Duration::ZERO,
        };
        pacer.limiter = pacer.limiter_at(rate);
        pacer
    }

    /// Asks for a request to go now.
    pub(super) fn ask(&self, now: Duration) -> Turn {
        if let Some(held) = self.held(now) {
            return Turn::Held(held);
        }
        let Some(limiter) = &self.limiter else {
            return Turn::Go;
        };
        self.clock.tell(now);
        match limiter.check() {
            Ok(()) => Turn::Go,
            Err(not_until) => Turn::Later(not_until.wait_time_from(now)),
        }
    }

    /// How much longer the server wants no request, if it does.
    pub(super) fn held(&self, now: Duration) -> Option<Duration> {
        self.not_before
            .checked_sub(now)
            .filter(|held| !held.is_zero())
    }

    /// The server wants no request for `wait` from now. A shorter wait never shortens a longer.
    pub(super) fn hold(&mut self, now: Duration, wait: Duration) {
        self.not_before = self.not_before.max(now.saturating_add(wait));
    }

    /// A request that had gone at `sent` was answered 429. Those that had been under way when the
    /// rate was last changed say nothing of the new one.
    pub(super) fn throttled(&mut self, now: Duration, sent: Duration) {
        if sent >= self.rate_changed_at {
            self.change_rate(now, bounded(self.rate / 2.0, self.ceiling));
        }
    }

    /// A request was answered, by anything but 429.
    pub(super) fn answered(&mut self, now: Duration) {
        let rests = now.saturating_sub(self.rate_changed_at) < REGAIN_EVERY;
        if self.rate < self.ceiling && !rests {
            let regained = self.rate + self.ceiling * REGAIN_SHARE;
            self.change_rate(now, bounded(regained, self.ceiling));
        }
    }

    /// Requests a second, as they are allowed now.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// The rate to remember for the next run: none where it is the ceiling.
    pub(super) fn reduced_rate(&self) -> Option<f64> {
        (self.rate < self.ceiling).then_some(self.rate)
    }

    fn change_rate(&mut self, now: Duration, rate: f64) {
        self.rate_changed_at = now;
        self.rate = rate;
        self.clock.tell(now);
        self.limiter = self.limiter_at(rate);
        if let Some(limiter) = &self.limiter {
            // A new limiter has its whole burst to give, which must not answer a 429.
            let _ = limiter.check_n(self.burst);
        }
    }

    fn limiter_at(&self, rate: f64) -> Option<Limiter> {
        if rate >= UNLIMITED_FROM {
            return None;
        }
        let period = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(PERIOD_MAX);
        let period = period.clamp(Duration::from_nanos(1), PERIOD_MAX);
        let quota = Quota::with_period(period).expect("the period is at least a nanosecond");
        let quota = quota.allow_burst(self.burst);
        Some(RateLimiter::direct_with_clock(quota, self.clock.clone()))
    }
}

/// The limiter counts burst times period in 64 bits of nanoseconds; these two bounds keep it there.
const PERIOD_MAX: Duration = Duration::from_hours(24);
const BURST_MAX: u32 = 100_000;

fn bounded(rate: f64, ceiling: f64) -> f64 {
    // `max` takes the other where one is not a number, as a damaged memory might have it.
    rate.max(RATE_MIN).min(ceiling)
}

/// The clock that the limiter looks at: it shows what it was told last.
#[derive(Clone, Debug, Default)]
struct Told(Arc<AtomicU64>);

impl Told {
    fn tell(&self, now: Duration) {
        let nanoseconds = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.0.store(nanoseconds, Ordering::Relaxed);
    }
}

impl Clock for Told {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// How many may go in the `span` from `from`, asked every millisecond.
    fn gone(pacer: &Pacer, from: Duration, span: Duration) -> usize {
        let milliseconds = u64::try_from(span.as_millis()).expect("a short span");
        (0..milliseconds)
            .filter(|ms| pacer.ask(from + at(*ms)) == Turn::Go)
            .count()
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let pacer = Pacer::new(10.0, 3, None);
        assert_eq!(gone(&pacer, at(0), at(1)), 1);
        assert_eq!(gone(&pacer, at(1), at(50)), 2);
        assert_eq!(gone(&pacer, at(1_000), at(10_000)), 2 + 100);
    }

    #[test]
    fn who_has_to_wait_is_told_how_long() {
        let pacer = Pacer::new(10.0, 1, None);
        assert_eq!(pacer.ask(at(0)), Turn::Go);
        assert_eq!(pacer.ask(at(30)), Turn::Later(at(70)));
        assert_eq!(pacer.ask(at(100)), Turn::Go);
    }

    #[test]
    fn everyone_waits_at_least_as_long_as_the_server_asked() {
        let mut pacer = Pacer::new(f64::INFINITY, 1, None);
        pacer.hold(at(500), SECOND * 60);
        pacer.hold(at(600), SECOND);
        assert_eq!(pacer.ask(at(600)), Turn::Held(at(59_900)));
        assert_eq!(pacer.ask(at(60_499)), Turn::Held(at(1)));
        assert_eq!(pacer.ask(at(60_500)), Turn::Go);
    }

    #[test]
    fn a_429_halves_the_rate_and_gives_no_new_burst() {
        let mut pacer = Pacer::new(10.0, 10, None);
        pacer.throttled(at(1_000), at(900));
        assert!((pacer.rate() - 5.0).abs() < 1e-9);
        assert_eq!(gone(&pacer, at(1_000), SECOND), 4);
    }

    #[test]
    fn answers_of_one_storm_halve_the_rate_once() {
        let mut pacer = Pacer::new(8.0, 8, None);
        (0..8).for_each(|nth| pacer.throttled(at(1_000 + nth), at(900 + nth)));
        assert!((pacer.rate() - 4.0).abs() < 1e-9);
        pacer.throttled(at(3_000), at(2_000));
        assert!((pacer.rate() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn the_rate_is_regained_slowly_and_never_beyond_the_ceiling() {
        let mut pacer = Pacer::new(10.0, 1, None);
        pacer.throttled(at(0), at(0));
        (0..9_999).for_each(|ms| pacer.answered(at(ms)));
        assert!((pacer.rate() - 5.0).abs() < 1e-9, "too soon");
        pacer.answered(at(10_000));
        assert!((pacer.rate() - 5.5).abs() < 1e-9);
        (2..100).for_each(|nth| pacer.answered(SECOND * 10 * nth));
        assert!((pacer.rate() - 10.0).abs() < 1e-9);
        assert_eq!(pacer.reduced_rate(), None);
    }

    #[test]
    fn an_answer_at_full_rate_takes_nothing_of_the_burst() {
        let mut pacer = Pacer::new(10.0, 5, None);
        pacer.answered(at(60_000));
        assert_eq!(gone(&pacer, at(60_000), at(10)), 5);
    }

    #[test]
    fn a_remembered_rate_holds_within_the_bounds() {
        let remembered = |rate| Pacer::new(10.0, 1, Some(rate)).rate();
        assert!((remembered(2.5) - 2.5).abs() < 1e-9);
        assert!((remembered(50.0) - 10.0).abs() < 1e-9);
        assert!((remembered(0.0) - RATE_MIN).abs() < 1e-9);
        assert!((remembered(f64::NAN) - RATE_MIN).abs() < 1e-9);
        assert_eq!(Pacer::new(10.0, 1, Some(2.5)).reduced_rate(), Some(2.5));
    }

    #[test]
    fn a_storm_never_stops_the_pace_altogether() {
        let mut pacer = Pacer::new(10.0, 1, None);
        (0..1_000).for_each(|nth| pacer.throttled(SECOND * nth, SECOND * nth));
        assert!((pacer.rate() - RATE_MIN).abs() < 1e-9);
        assert_eq!(pacer.ask(SECOND * 1_100), Turn::Go);
    }

    #[test]
    fn a_rate_without_limit_lets_all_go() {
        for rate in [1e6, f64::INFINITY] {
            let pacer = Pacer::new(rate, 1, None);
            assert!((0..10_000).all(|_| pacer.ask(at(0)) == Turn::Go));
        }
    }

    proptest! {
        /// However it is asked, and whatever the rate went through: in no span do more go than
        /// the burst and the ceiling allow, and none goes while it is held.
        #[test]
        fn the_ceiling_holds_in_every_span(
            ceiling in 0.5f64..500.0,
            burst in 1u32..20,
            steps in prop::collection::vec((0u64..400, 0u8..12), 1..400),
        ) {
            let mut pacer = Pacer::new(ceiling, burst, None);
            let (mut now, mut held_until) = (at(0), at(0));
            let mut gone: Vec<Duration> = Vec::new();
            for (pause, what) in steps {
                now += at(pause);
                match what {
                    0 => pacer.throttled(now, now),
                    1 => {
                        pacer.hold(now, at(pause * 3));
                        held_until = held_until.max(now + at(pause * 3));
                    }
                    2 => pacer.answered(now),
                    _ => if pacer.ask(now) == Turn::Go {
                        prop_assert!(now >= held_until);
                        gone.push(now);
                    }
                }
            }
            for (first, from) in gone.iter().enumerate() {
                for (last, to) in gone.iter().enumerate().skip(first) {
                    let allowed = f64::from(burst) + to.saturating_sub(*from).as_secs_f64() * ceiling;
                    prop_assert!((last - first + 1) as f64 <= allowed + 1e-3);
                }
            }
        }

        /// Whoever waits as long as it was told may go.
        #[test]
        fn what_is_promised_is_kept(rate in 0.01f64..1e5, burst in 1u32..50, asked in 1usize..80) {
            let pacer = Pacer::new(rate, burst, None);
            let mut now = SECOND;
            for _ in 0..asked {
                if let Turn::Later(wait) = pacer.ask(now) {
                    now += wait;
                    prop_assert_eq!(pacer.ask(now), Turn::Go);
                }
            }
        }
    }
}
