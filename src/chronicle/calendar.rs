//! The period that is told of, cut into instants and weeks. All of it in UTC, in microseconds since
//! 1970-01-01T00:00:00Z, as the mirror hands its times out.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// UTC as computers keep it has no leap seconds.
pub(super) const DAY: i64 = 86_400_000_000;
pub(super) const WEEK: i64 = 7 * DAY;
/// 1970 began on a Thursday; its week on the Monday before.
const FIRST_MONDAY: i64 = -3 * DAY;
/// Points of a curve, at most, give or take its two ends.
const SAMPLES_MAX: i64 = 120;
/// Weeks that are told of, at most: a year, and the one under way.
const WEEKS_MAX: i64 = 53;

/// From the end of the first look at every customer to the newest look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) since: i64,
    pub(super) until: i64,
}

impl Period {
    /// The instants at which a curve is looked at: both ends, and midnights between them, a day or
    /// some whole weeks apart.
    pub(super) fn samples(self) -> Vec<i64> {
        let days = (self.until - self.since) / DAY;
        let (step, origin) = if days <= SAMPLES_MAX {
            (DAY, 0)
        } else {
            let weeks = (days + 7 * SAMPLES_MAX - 1) / (7 * SAMPLES_MAX);
            (weeks * WEEK, FIRST_MONDAY)
        };
        let mut instants = vec![self.since];
        let mut next = floor(self.since, step, origin) + step;
        while next < self.until {
            instants.push(next);
            next += step;
        }
        if self.until > self.since {
            instants.push(self.until);
        }
        instants
    }

    /// The Mondays on which the last weeks began, the one under way included.
    pub(super) fn weeks(self) -> Vec<i64> {
        let last = week(self.until);
        let first = week(self.since).max(last - (WEEKS_MAX - 1) * WEEK);
        let count = (last - first) / WEEK;
        (0..=count).map(|number| first + number * WEEK).collect()
    }
}

/// The Monday on which the week of an instant began.
pub(super) fn week(at: i64) -> i64 {
    floor(at, WEEK, FIRST_MONDAY)
}

/// The day of an instant.
pub(super) fn date(at: i64) -> Date {
    instant(at).to_zoned(TimeZone::UTC).date()
}

/// The instant as a time.
pub(super) fn instant(at: i64) -> Timestamp {
    let bounds = (
        Timestamp::MIN.as_microsecond(),
        Timestamp::MAX.as_microsecond(),
    );
    Timestamp::from_microsecond(at.clamp(bounds.0, bounds.1)).expect("it is within the bounds")
}

/// Where to set ticks between two instants, at most seven of them, and what to write there: months,
/// or weeks where there are few months.
pub(super) fn ticks(from: i64, until: i64) -> Vec<(i64, String)> {
    let months: Vec<i64> = (from.div_euclid(DAY) + 1..=until.div_euclid(DAY))
        .map(|day| day * DAY)
        .filter(|at| date(*at).day() == 1)
        .collect();
    if months.len() >= 3 {
        let every = [1, 2, 3, 6, 12, 24, 60, 120]
            .into_iter()
            .find(|every| months.len() <= 7 * every)
            .unwrap_or(months.len());
        let kept = months.into_iter().filter(|at| {
            let date = date(*at);
            let number = usize::try_from(date.year()).unwrap_or(0) * 12
                + usize::try_from(date.month()).unwrap_or(1)
                - 1;
            number.is_multiple_of(every)
        });
        return kept.map(|at| (at, month(at))).collect();
    }
    let days = ((until - from) / DAY).max(1);
    let every = (days + 5) / 6 * DAY;
    let mut at = floor(from, DAY, 0) + DAY;
    let mut ticks = Vec::new();
    while at <= until {
        ticks.push((at, date(at).strftime("%-d %b").to_string()));
        at += every;
    }
    ticks
}

/// A month's name; with its year where the year begins.
fn month(at: i64) -> String {
    let date = date(at);
    let form = if date.month() == 1 { "%Y" } else { "%b" };
    date.strftime(form).to_string()
}

fn floor(at: i64, step: i64, origin: i64) -> i64 {
    (at - origin).div_euclid(step) * step + origin
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        let at: Timestamp = text.parse().expect("a time");
        at.as_microsecond()
    }

    fn days(from: &str, count: i64) -> Period {
        let since = at(from);
        Period {
            since,
            until: since + count * DAY,
        }
    }

    #[test]
    fn a_week_begins_on_monday_at_midnight() {
        let monday = at("2026-11-23T00:00:00Z");
        assert_eq!(week(monday), monday);
        assert_eq!(week(monday - 1), monday - WEEK);
        assert_eq!(week(at("2026-11-29T23:59:59Z")), monday);
        assert_eq!(week(at("1969-12-30T12:00:00Z")), at("1969-12-29T00:00:00Z"));
    }

    #[test]
    fn samples_ascend_from_end_to_end_and_stay_few() {
        for count in [0, 1, 2, 119, 120, 121, 400, 840, 841, 3650, 20_000] {
            let period = days("2024-02-28T13:37:00Z", count);
            let samples = period.samples();
            assert_eq!(samples.first(), Some(&period.since));
            assert_eq!(samples.last(), Some(&period.until));
            assert!(samples.is_sorted_by(|one, next| one < next), "{count} days");
            assert!(samples.len() <= 123, "{count} days: {}", samples.len());
        }
    }

    #[test]
    fn a_day_apart_they_are_midnights() {
        let samples = days("2026-03-01T10:00:00Z", 2).samples();
        let wanted = [
            "2026-03-01T10:00:00Z",
            "2026-03-02T00:00:00Z",
            "2026-03-03T00:00:00Z",
            "2026-03-03T10:00:00Z",
        ];
        assert_eq!(samples, wanted.map(at));
    }

    #[test]
    fn a_year_is_the_most_that_is_told_by_weeks() {
        let few = days("2026-11-17T10:00:00Z", 6).weeks();
        assert_eq!(
            few,
            [at("2026-11-16T00:00:00Z"), at("2026-11-23T00:00:00Z")]
        );
        let many = days("2020-01-01T00:00:00Z", 2000);
        assert_eq!(many.weeks().len(), 53);
        assert_eq!(many.weeks().last(), Some(&week(many.until)));
    }

    #[test]
    fn ticks_are_few_and_within() {
        for count in [1, 6, 30, 70, 95, 365, 366, 1000, 5000, 40_000] {
            let period = days("2024-02-28T13:37:00Z", count);
            let ticks = ticks(period.since, period.until);
            assert!((1..=8).contains(&ticks.len()), "{count} days: {ticks:?}");
            assert!(
                ticks
                    .iter()
                    .all(|(at, _)| (period.since..=period.until).contains(at))
            );
        }
    }
}
