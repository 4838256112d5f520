//! The gate that every single attempt passes: stop, budget, pace, in this order.
//!
//! It sleeps, the [`Pacer`] decides. One at a time waits for its turn and the rest queue behind
//! it, first come, first served.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::PaceMemory;
use super::error::Error;
use super::pace::{Pacer, Turn};
use super::retry_after::WAIT_MAX;
use crate::clock::Clock;
use crate::config;

/// How long an answer that is still in the air may take once the run is to stop.
const GRACE: Duration = Duration::from_secs(4);

/// Lets attempts through.
pub(super) struct Gate {
    pacer: Mutex<Pacer>,
    /// Held by whoever waits for the pacer.
    turn: tokio::sync::Mutex<()>,
    /// The pacer's time is counted from here, by the clock's elapsed time.
    started: Duration,
    passed: AtomicU64,
    requests_max: u64,
    wait_max: Duration,
    clock: Clock,
    stop: CancellationToken,
}

impl Gate {
    /// Goes on as an earlier run remembered it.
    pub(super) fn new(
        pace: &config::Pace,
        memory: PaceMemory,
        requests_max: Option<u64>,
        clock: Clock,
        stop: CancellationToken,
    ) -> Self {
        let mut pacer = Pacer::new(
            pace.requests_per_second,
            pace.burst,
            memory.requests_per_second,
        );
        if let Some(not_before) = memory.not_before {
            let wait = not_before.duration_since(clock.now());
            let wait = Duration::try_from(wait).unwrap_or_default();
            pacer.hold(Duration::ZERO, wait.min(WAIT_MAX));
        }
        Self {
            pacer: Mutex::new(pacer),
            turn: tokio::sync::Mutex::new(()),
            started: clock.elapsed(),
            passed: AtomicU64::new(0),
            requests_max: requests_max.unwrap_or(u64::MAX),
            wait_max: pace.wait_max,
            clock,
            stop,
        }
    }

    /// Waits until one attempt may go, and counts it against the budget. Returns when it went, for
    /// [`throttled`](Self::throttled).
    pub(super) async fn pass(&self) -> Result<Duration, Error> {
        // Whoever holds it lets go when told to stop, and so do all behind it, one after another.
        let _turn = self.turn.lock().await;
        loop {
            if self.stop.is_cancelled() {
                return Err(Error::Stopped);
            }
            // Only the holder of the turn counts up, so that nobody slips in between.
            if self.passed.load(Ordering::Relaxed) >= self.requests_max {
                return Err(Error::BudgetSpent);
            }
            let now = self.now();
            let turn = self.pacer().ask(now);
            match turn {
                Turn::Go => {
                    self.passed.fetch_add(1, Ordering::Relaxed);
                    return Ok(now);
                }
                Turn::Held(wait) if wait > self.wait_max => return Err(self.asked_to_wait(wait)),
                Turn::Held(wait) | Turn::Later(wait) => self.rest(wait).await?,
            }
        }
    }

    /// Waits this long, unless the run is told to stop.
    pub(super) async fn rest(&self, wait: Duration) -> Result<(), Error> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Error::Stopped),
            () = self.clock.rest(wait) => Ok(()),
        }
    }

    /// Ends when what is still in the air is not waited for any longer.
    pub(super) async fn late(&self) {
        self.stop.cancelled().await;
        // By the process's own clock, not the story's: one that stands still must not cut off an answer.
        Clock::system().rest(GRACE).await;
    }

    /// The server wants no request for this long: everyone waits. An error where that is longer
    /// than a run sits out.
    pub(super) fn hold(&self, wait: Duration) -> Result<(), Error> {
        self.pacer().hold(self.now(), wait);
        if wait > self.wait_max {
            return Err(self.asked_to_wait(wait));
        }
        Ok(())
    }

    /// An attempt that passed at `sent` was answered 429.
    pub(super) fn throttled(&self, sent: Duration) {
        self.pacer().throttled(self.now(), sent);
    }

    /// An attempt was answered, by anything but 429.
    pub(super) fn answered(&self) {
        self.pacer().answered(self.now());
    }

    /// How many more may pass.
    pub(super) fn left(&self) -> u64 {
        let passed = self.passed.load(Ordering::Relaxed);
        self.requests_max.saturating_sub(passed)
    }

    /// Requests a second, as they are allowed now.
    pub(super) fn rate(&self) -> f64 {
        self.pacer().rate()
    }

    /// What the next run is to start from.
    pub(super) fn memory(&self) -> PaceMemory {
        let pacer = self.pacer();
        PaceMemory {
            requests_per_second: pacer.reduced_rate(),
            not_before: pacer.held(self.now()).map(|held| self.at(held)),
        }
    }

    fn asked_to_wait(&self, wait: Duration) -> Error {
        Error::AskedToWait {
            until: self.at(wait),
        }
    }

    /// When `wait` will be over, by the wall clock.
    fn at(&self, wait: Duration) -> Timestamp {
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        self.clock.now().checked_add(wait).unwrap_or(Timestamp::MAX)
    }

    fn now(&self) -> Duration {
        self.clock.elapsed().saturating_sub(self.started)
    }

    /// A panic while the pacer was held leaves it as good as any: its fields bear no invariant
    /// between them.
    fn pacer(&self) -> MutexGuard<'_, Pacer> {
        self.pacer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
