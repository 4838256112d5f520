//! When a run is due: values in, a value out, no clock.
//!
//! What is due is decided from the last time that was served, never by counting ticks, so that
//! sleep, restarts and a run that took longer than planned all end in one run, not none and not
//! many.

use jiff::Timestamp;

use crate::config;

/// A schedule, and how far it has been served.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    settings: config::Schedule,
    served: Timestamp,
    /// The first scheduled time after `served`: looked up once, asked for every second.
    upcoming: Option<Timestamp>,
}

impl Schedule {
    /// The schedule, served up to `last_run`; up to `now` where nothing ever ran.
    pub(super) fn new(
        settings: config::Schedule,
        last_run: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let served = last_run.unwrap_or(now);
        Self {
            upcoming: settings.next(served),
            settings,
            served,
        }
    }

    /// The first scheduled time that has come and was not served, if there is one. However many
    /// were missed, one run serves them all.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.is_ahead_of(now) {
            self.serve(now);
        }
        self.upcoming.filter(|upcoming| *upcoming <= now)
    }

    /// All that was scheduled until `at` is served.
    pub(super) fn serve(&mut self, at: Timestamp) {
        self.served = at;
        self.upcoming = self.settings.next(at);
    }

    /// The first scheduled time that is not served.
    pub(super) fn upcoming(&self) -> Option<Timestamp> {
        self.upcoming
    }

    /// Goes on by other settings. What was served stays served.
    pub(super) fn change(&mut self, settings: config::Schedule) {
        self.upcoming = settings.next(self.served);
        self.settings = settings;
    }

    /// The clock was set back so far that what was served lies beyond what comes next. A step back
    /// within one interval is sat out, so that no time is served twice.
    fn is_ahead_of(&self, now: Timestamp) -> bool {
        let next = || self.settings.next(now);
        self.served > now && next().is_some_and(|next| self.served > next)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::tz::TimeZone;

    use super::*;

    const NEW_YORK: &str = "America/New_York";

    fn settings(pattern: &str, zone: &str) -> config::Schedule {
        config::Schedule {
            cron: pattern.parse().expect("a pattern"),
            timezone: TimeZone::get(zone).expect("a zone"),
            run_at_start: false,
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    /// All times at which a heartbeat every second would start a run, from `from` to `until`.
    fn runs(pattern: &str, zone: &str, from: &str, until: &str) -> Vec<String> {
        let (mut now, until) = (at(from), at(until));
        let settings = settings(pattern, zone);
        let mut schedule = Schedule::new(settings.clone(), None, now);
        let mut runs = Vec::new();
        while now <= until {
            if schedule.due(now).is_some() {
                schedule.serve(now);
                let local = now.to_zoned(settings.timezone.clone());
                runs.push(local.strftime("%d %H:%M:%S%:z").to_string());
            }
            now += Duration::from_secs(1);
        }
        runs
    }

    #[test]
    fn a_time_that_the_clocks_skip_is_served_once_at_the_first_valid_instant() {
        // On 2026-03-08 in New York, 02:00 to 03:00 does not exist.
        let nightly = runs(
            "0 30 2 * * *",
            NEW_YORK,
            "2026-03-07T12:00:00Z",
            "2026-03-09T12:00:00Z",
        );
        assert_eq!(nightly, ["08 03:00:00-04:00", "09 02:30:00-04:00"]);
        let hourly = runs(
            "0 0 * * * *",
            NEW_YORK,
            "2026-03-08T05:30:00Z",
            "2026-03-08T08:30:00Z",
        );
        assert_eq!(
            hourly,
            [
                "08 01:00:00-05:00",
                "08 03:00:00-04:00",
                "08 04:00:00-04:00"
            ]
        );
    }

    #[test]
    fn a_time_that_comes_twice_is_served_once() {
        // On 2026-11-01 in New York, 01:00 to 02:00 comes twice.
        let nightly = runs(
            "0 30 1 * * *",
            NEW_YORK,
            "2026-10-31T12:00:00Z",
            "2026-11-02T12:00:00Z",
        );
        assert_eq!(nightly, ["01 01:30:00-04:00", "02 01:30:00-05:00"]);
    }

    #[test]
    fn every_hour_is_every_hour_on_the_day_of_25() {
        let hourly = runs(
            "0 0 * * * *",
            NEW_YORK,
            "2026-11-01T04:30:00Z",
            "2026-11-01T07:30:00Z",
        );
        assert_eq!(
            hourly,
            [
                "01 01:00:00-04:00",
                "01 01:00:00-05:00",
                "01 02:00:00-05:00"
            ]
        );
    }

    /// Tells what is due at `now` after a run at `last_run`, hourly, in UTC.
    fn hourly(last_run: Option<&str>, now: &str) -> Option<String> {
        let mut schedule = Schedule::new(
            settings("0 0 * * * *", "UTC"),
            last_run.map(at),
            at("2026-05-01T12:34:56Z"),
        );
        schedule.due(at(now)).map(|due| due.to_string())
    }

    #[test]
    fn nothing_is_due_before_its_time_or_twice() {
        let last = Some("2026-05-01T12:00:00.3Z");
        assert_eq!(hourly(last, "2026-05-01T12:00:01Z"), None);
        assert_eq!(hourly(last, "2026-05-01T12:59:59.9Z"), None);
        let due = hourly(last, "2026-05-01T13:00:00Z");
        assert_eq!(due.as_deref(), Some("2026-05-01T13:00:00Z"));
        assert_eq!(hourly(None, "2026-05-01T12:59:59Z"), None);
        assert!(hourly(None, "2026-05-01T13:00:00Z").is_some());
    }

    #[test]
    fn what_was_missed_is_caught_up_with_once() {
        let now = at("2026-05-01T12:34:56Z");
        let long_ago = Some(at("2026-04-20T00:00:00Z"));
        let mut schedule = Schedule::new(settings("0 0 * * * *", "UTC"), long_ago, now);
        assert!(schedule.due(now).is_some());
        schedule.serve(now);
        assert_eq!(schedule.due(now), None);
        assert_eq!(schedule.due(at("2026-05-01T12:59:59Z")), None);
        assert!(schedule.due(at("2026-05-01T13:00:00Z")).is_some());
    }

    #[test]
    fn a_time_that_came_during_a_run_is_served_after_it() {
        // Begun at noon, done at half past two: two times came meanwhile, one run follows.
        let began = at("2026-05-01T12:00:00Z");
        let mut schedule = Schedule::new(settings("0 0 * * * *", "UTC"), Some(began), began);
        let ended = at("2026-05-01T14:30:00Z");
        assert!(schedule.due(ended).is_some());
        schedule.serve(ended);
        assert_eq!(schedule.due(ended), None);
    }

    #[test]
    fn a_clock_set_back_a_little_serves_nothing_twice() {
        let last = Some("2026-05-01T13:00:00.2Z");
        assert_eq!(hourly(last, "2026-05-01T12:59:58Z"), None);
        assert_eq!(hourly(last, "2026-05-01T13:00:01Z"), None);
        assert!(hourly(last, "2026-05-01T14:00:00Z").is_some());
    }

    #[test]
    fn a_clock_set_back_by_years_does_not_stop_the_schedule() {
        let now = at("2026-05-01T12:34:56Z");
        let wrong = Some(at("2031-01-01T00:00:00Z"));
        let mut schedule = Schedule::new(settings("0 0 * * * *", "UTC"), wrong, now);
        assert_eq!(schedule.due(now), None);
        assert!(schedule.due(at("2026-05-01T13:00:00Z")).is_some());
    }
}
