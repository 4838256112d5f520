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
