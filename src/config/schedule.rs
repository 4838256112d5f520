//! When to run: a pattern of times in a zone, and how far they are apart.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// `[schedule]`
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Six fields, seconds first; it has a next time.
    pub cron: croner::Cron,
    /// An IANA time zone.
    pub timezone: jiff::tz::TimeZone,
    /// Whether the daemon runs once when it starts.
    pub run_at_start: bool,
}

/// How long it is from one scheduled time to the next, so many times in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// From each to the next.
    pub length: Duration,
    /// In a row.
    pub times: u32,
}

impl Gap {
    /// One.
    pub const fn once(length: Duration) -> Self {
        Self { length, times: 1 }
    }

    /// None where `time` is before `last`, which no schedule's is.
    fn between(last: Timestamp, time: Timestamp) -> Option<Self> {
        let length = time.duration_since(last).try_into();
        length.ok().map(Self::once)
    }

    /// Puts these after those that are there already.
    pub fn follow(self, gaps: &mut Vec<Self>) {
        match gaps.last_mut() {
            Some(last) if last.length == self.length => last.times += self.times,
            _ => gaps.push(self),
        }
    }
}

impl Schedule {
    /// The first scheduled time after `at`.
    pub fn next(&self, at: Timestamp) -> Option<Timestamp> {
        let at = at.to_zoned(self.timezone.clone());
        let next = self.cron.find_next_occurrence(&at, false).ok()?;
        Some(next.timestamp())
    }

    /// The last scheduled time before `at`.
    pub fn previous(&self, at: Timestamp) -> Option<Timestamp> {
        let at = at.to_zoned(self.timezone.clone());
        let previous = self.cron.find_previous_occurrence(&at, false).ok()?;
        Some(previous.timestamp())
    }

    /// How long it is from each scheduled time to the next, in the week after the hour of `at`: one at
    /// least; none where the pattern never comes round again.
    pub fn gaps(&self, at: Timestamp) -> Vec<Gap> {
        let week = SignedDuration::from_hours(7 * 24);
        let mut gaps = Vec::new();
        let Some(first) = self.first_after_the_hour_of(at) else {
            return gaps;
        };
        // Every hour that has such times has them at the same minutes and seconds, so they are looked
        // up once: a week may have hundreds of thousands of times.
        let (within, last_within) = self.within_the_hour_of(first);
        let mut last = first;
        while last.duration_since(first) < week {
            for gap in &within {
                gap.follow(&mut gaps);
            }
            last += last_within;
            let Some(time) = self.next(last) else { break };
            if let Some(gap) = Gap::between(last, time) {
                gap.follow(&mut gaps);
            }
            last = time;
        }
        gaps
    }

    /// From the first full hour after `at` on.
    fn first_after_the_hour_of(&self, at: Timestamp) -> Option<Timestamp> {
        let last_second = Duration::from_secs(3599);
        self.next(self.hour(at) + last_second)
    }

    /// From this scheduled time to the next, and so on, as long as they are of the same hour; and how
    /// long after it the last of these is.
    fn within_the_hour_of(&self, first: Timestamp) -> (Vec<Gap>, SignedDuration) {
        let hour = self.hour(first);
        let mut within = Vec::new();
        let mut last = first;
        while let Some(time) = self.next(last).filter(|it| self.hour(*it) == hour) {
            if let Some(gap) = Gap::between(last, time) {
                gap.follow(&mut within);
            }
            last = time;
        }
        (within, last.duration_since(first))
    }

    /// When this hour of the schedule's own time began.
    fn hour(&self, at: Timestamp) -> Timestamp {
        let local = at.to_zoned(self.timezone.clone());
        let into_it = Duration::from_secs(
            u64::from(local.minute().unsigned_abs()) * 60
                + u64::from(local.second().unsigned_abs()),
        );
        Timestamp::from_second(at.as_second()).unwrap_or(at) - into_it
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            cron: super::value::cron("0 0 * * * *").expect("the literal is a pattern"),
            timezone: jiff::tz::TimeZone::UTC,
            run_at_start: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gaps_are_those_of_the_pattern_in_a_week() {
        let now: Timestamp = "2026-05-01T12:34:56Z".parse().expect("a time");
        let settings = |pattern: &str| Schedule {
            cron: pattern.parse().expect("a pattern"),
            ..Schedule::default()
        };
        let gaps = |pattern| -> Vec<Duration> {
            let gaps = settings(pattern).gaps(now);
            let each = gaps.iter().map(|gap| vec![gap.length; gap.times as usize]);
            each.flatten().collect()
        };
        assert_eq!(gaps("0 0 * * * *"), vec![Duration::from_hours(1); 168]);
        assert_eq!(gaps("0 */15 * * * *"), vec![Duration::from_mins(15); 672]);
        assert_eq!(gaps("0 0 2 * * *"), vec![Duration::from_hours(24); 7]);
        assert_eq!(gaps("0 0 2 1 * *"), [Duration::from_hours(30 * 24)]);
        assert_eq!(gaps("0 * * * * *"), vec![Duration::from_mins(1); 10_080]);
        assert_eq!(gaps("* * * * * *"), vec![Duration::from_secs(1); 604_800]);
        let kept = settings("* * * * * *").gaps(now);
        assert_eq!(kept.len(), 1, "a week of runs each second takes no room");
        assert_eq!(gaps("5,7,50 * * * * *").len(), 3 * 10_080);
        assert_eq!(
            gaps("5,7,50 29,30 2 * * *")[..7],
            [2, 43, 15, 2, 43, 86_295, 2].map(Duration::from_secs)
        );
        let office = gaps("0 * 9-17 * * 1-5");
        assert_eq!(office.len(), 5 * 540);
        let weekend = Duration::from_mins((64 - 1) * 60 + 1);
        assert_eq!(office.iter().max(), Some(&weekend));
        let office = gaps("0 0 9-17 * * 1-5");
        assert_eq!(office.len(), 45);
        assert_eq!(office.iter().max(), Some(&Duration::from_hours(64)));
    }
}
