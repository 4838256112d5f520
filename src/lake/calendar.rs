//! Days and months in UTC, counted from 1970, as the lake cuts its tables into files.

use std::fmt;

use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};

/// Microseconds of a day. UTC as computers keep it has no leap seconds.
const DAY_MICROSECONDS: i64 = 86_400_000_000;

/// A calendar day: days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Day(pub(super) i32);

impl Day {
    /// The day of an instant, in microseconds since 1970-01-01T00:00:00Z.
    pub(super) fn of(microseconds: i64) -> Self {
        let days = microseconds.div_euclid(DAY_MICROSECONDS);
        Self(
            i32::try_from(days).expect("64 bits of microseconds are fewer days than 32 bits count"),
        )
    }

    /// The day of an instant.
    pub(super) fn at(instant: Timestamp) -> Self {
        Self::of(instant.as_microsecond())
    }

    /// The day that this text is in the form `YYYY-MM-DD`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let date: Date = text.parse().ok()?;
        let days = EPOCH.until(date).ok()?.get_days();
        Some(Self(days))
    }

    /// The first instant, in microseconds.
    pub(super) fn start(self) -> i64 {
        i64::from(self.0) * DAY_MICROSECONDS
    }

    /// The next day.
    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The first day of its month.
    pub(super) fn month_start(self) -> Self {
        Self(self.0 + 1 - i32::from(self.date().day()))
    }

    /// The month, in the form `YYYY-MM`.
    pub(super) fn month(self) -> String {
        self.date().strftime("%Y-%m").to_string()
    }

    fn date(self) -> Date {
        EPOCH
            .checked_add(self.0.days())
            .expect("instants of the mirror are in the years 1 to 9999")
    }
}

const EPOCH: Date = date(1970, 1, 1);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().fmt(f)
    }
}

/// The instant of so many microseconds since 1970-01-01T00:00:00Z.
pub(super) fn instant(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds)
        .expect("instants of the mirror are in the years 1 to 9999")
}
