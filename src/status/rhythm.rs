//! What the schedule says of time: when the next run is due, and which data is late.

use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds};
use jiff::{Timestamp, Zoned};

use crate::config;

/// A schedule, looked at from one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rhythm {
    /// The next scheduled time.
    pub(super) next: Option<Timestamp>,
    /// From the next scheduled time to the one after.
    pub(super) interval: Option<Duration>,
    /// The last scheduled time but one: data of before is late. One run may be under way, or may
    /// have failed; two may not. For an even schedule, data is late when it is between one and
    /// two intervals old; for one that rests at night, the night does not count.
    pub(super) late_before: Option<Timestamp>,
}

impl Rhythm {
    pub(super) fn of(schedule: &config::Schedule, now: Timestamp) -> Self {
        let zoned = now.to_zoned(schedule.timezone.clone());
        let cron = cron(schedule);
        let after = |at: &Zoned| cron.as_ref()?.find_next_occurrence(at, false).ok();
        let before = |at: &Zoned| cron.as_ref()?.find_previous_occurrence(at, false).ok();
        let next = after(&zoned);
        let interval = next.as_ref().and_then(|next| {
            let then = after(next)?;
            Duration::try_from(next.duration_until(&then)).ok()
        });
        let late_before = before(&zoned).and_then(|last| before(&last));
        Self {
            next: next.map(|next| next.timestamp()),
            interval,
            late_before: late_before.map(|at| at.timestamp()),
        }
    }
}

fn cron(schedule: &config::Schedule) -> Option<Cron> {
    CronParser::builder()
        .seconds(Seconds::Required)
        .build()
        .parse(&schedule.cron)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn rhythm(cron: &str, now: &str) -> Rhythm {
        let schedule = config::Schedule {
            cron: cron.to_owned(),
            timezone: TimeZone::UTC,
            run_at_start: true,
        };
        Rhythm::of(&schedule, now.parse().expect("a time"))
    }

    fn late_before(cron: &str, now: &str) -> Option<String> {
        let at = rhythm(cron, now).late_before?;
        Some(at.to_string())
    }

    #[test]
    fn hourly_data_is_late_after_one_to_two_hours() {
        let found = late_before("0 0 * * * *", "2026-05-01T12:34:56Z");
        assert_eq!(found.as_deref(), Some("2026-05-01T11:00:00Z"));
        let on_the_hour = late_before("0 0 * * * *", "2026-05-01T12:00:00Z");
        assert_eq!(on_the_hour.as_deref(), Some("2026-05-01T10:00:00Z"));
    }

    #[test]
    fn a_schedule_that_rests_at_the_weekend_makes_no_data_late_on_sunday() {
        let office = "0 0 9-17 * * 1-5";
        let sunday = late_before(office, "2026-05-03T12:00:00Z");
        assert_eq!(sunday.as_deref(), Some("2026-05-01T16:00:00Z"));
    }

    #[test]
    fn the_next_time_and_the_interval_are_those_of_the_pattern() {
        let daily = rhythm("0 30 2 * * *", "2026-05-01T12:00:00Z");
        assert_eq!(daily.next, "2026-05-02T02:30:00Z".parse().ok());
        assert_eq!(daily.interval, Some(Duration::from_hours(24)));
    }
}
