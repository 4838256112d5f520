//! When the daemon is alive: it moves, or stands still for no longer than it may.
//!
//! Pure; how late it is, it is told, by a clock that nobody sets. A run may be silent for as long as
//! the settings let it wait for the server, or a bucket may take to answer; beyond that it hangs, and
//! whoever watches the daemon is no longer told that all is well. Between runs the heartbeat itself is
//! the sign of life.

use std::time::Duration;

use crate::config::Config;
use crate::lake;
use crate::report::Stage;

/// What a run may take beyond its waits and its requests: a commit, a backoff, a slow disk.
const GRACE: Duration = Duration::from_mins(2);

/// What [`Live`](crate::report::Live) tells: the stage, the steps done and in all, the requests.
pub(super) type Reading = (Stage, u64, u64, u64);

/// Watches a run.
#[derive(Debug)]
pub(super) struct Watchdog {
    silence_max: Duration,
    seen: Option<Reading>,
    since: Duration,
}

impl Watchdog {
    /// Watches runs under these settings.
    pub(super) fn new(config: &Config, now: Duration) -> Self {
        Self {
            silence_max: (config.pace.wait_max + config.api.request_timeout).max(lake::SILENCE_MAX)
                + GRACE,
            seen: None,
            since: now,
        }
    }

    /// Whether all is well. `reading` is what the run under way tells; none between runs.
    pub(super) fn is_content(&mut self, reading: Option<Reading>, now: Duration) -> bool {
        if reading.is_none() || reading != self.seen {
            self.seen = reading;
            self.since = now;
        }
        now.saturating_sub(self.since) <= self.silence_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Default settings let a run wait five minutes; half a minute for an answer; two of grace.
    const SILENCE_MAX: Duration = Duration::from_secs(300 + 30 + 120);

    fn reading(done: u64) -> Reading {
        (Stage::Details, done, 100, done)
    }

    #[test]
    fn a_run_that_moves_is_alive_however_long_it_takes() {
        let mut now = Duration::ZERO;
        let mut watchdog = Watchdog::new(&Config::default(), now);
        for done in 0..10_000 {
            now += SILENCE_MAX;
            assert!(watchdog.is_content(Some(reading(done)), now));
        }
    }

    #[test]
    fn a_run_that_hangs_is_not() {
        let now = Duration::ZERO;
        let mut watchdog = Watchdog::new(&Config::default(), now);
        assert!(watchdog.is_content(Some(reading(7)), now));
        assert!(watchdog.is_content(Some(reading(7)), now + SILENCE_MAX));
        assert!(!watchdog.is_content(Some(reading(7)), now + SILENCE_MAX + Duration::from_secs(1)));
    }

    #[test]
    fn between_runs_there_is_nothing_to_wait_for() {
        let now = Duration::ZERO;
        let mut watchdog = Watchdog::new(&Config::default(), now);
        assert!(watchdog.is_content(Some(reading(7)), now));
        assert!(watchdog.is_content(None, now + 9 * SILENCE_MAX));
        assert!(watchdog.is_content(Some(reading(7)), now + 18 * SILENCE_MAX));
    }
}
