//! Settings: what there is to set, in which unit, and what holds where nothing is said.
//!
//! A [`Config`] that [`load`] gave is valid: whoever holds one need not check it again. This is
//! the only place that reads the environment or files of settings; what the settings are used
//! for is known elsewhere.
//!
//! One setting is one row of the table in `settings.rs`: its key, how a value of it is taken,
//! how it is shown. That is why the rows are not a derived `Deserialize`: a value may stand in a
//! file, in the environment or in a flag, and each has an origin to name when it is wrong.

mod base_url;
mod credentials;
mod error;
mod load;
mod location;
mod places;
mod settings;
mod value;

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use base_url::{BaseUrl, NoBaseUrl};
pub use credentials::{Credentials, SecretSource};
pub use error::{Error, Origin};
pub use load::{Entry, Settings, Sources, load};
pub use location::{Cloud, Location};

/// All settings, a section a module.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where the API is and how to speak to it.
    pub api: Api,
    /// How fast.
    pub pace: Pace,
    /// What a run does.
    pub sync: Sync,
    /// The `SQLite` mirror.
    pub mirror: Mirror,
    /// The Parquet lake.
    pub lake: Lake,
    /// When the daemon runs.
    pub schedule: Schedule,
    /// The read-only status page.
    pub status: Status,
}

/// Which of the two documented forms the list endpoint speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Found out from the first page.
    #[default]
    Auto,
    /// `pageSize` and a `pagination` envelope.
    PageSize,
    /// `limit`, and `items` and `pages` at the top.
    Limit,
}

/// `[api]`
#[derive(Clone, Debug)]
pub struct Api {
    /// Everything before `/admin/…`.
    pub base_url: BaseUrl,
    /// The list's dialect.
    pub dialect: Dialect,
    /// Rows to ask for on a page, 1 to 100.
    pub page_size: u32,
    /// What to show the server. None where no credentials are configured: commands that need
    /// none still work.
    pub credentials: Option<Credentials>,
    /// A proxy for every request; the environment's proxy variables are never read.
    pub proxy: Option<url::Url>,
    /// Until the connection stands.
    pub connect_timeout: Duration,
    /// For one attempt from its start to the last byte of its answer.
    pub request_timeout: Duration,
    /// Most bytes of an answer, counted after decompression.
    pub response_max_bytes: u64,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            base_url: "https://apis.threatwinds.com/api/billing/v1"
                .parse()
                .expect("the literal is a URL"),
            dialect: Dialect::Auto,
            page_size: 100,
            credentials: None,
            proxy: None,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            response_max_bytes: 8 << 20,
        }
    }
}

/// `[pace]`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// The ceiling, for all requests together. A million and more: no limit.
    pub requests_per_second: f64,
    /// How many may go at once after a pause.
    pub burst: u32,
    /// Requests that are asked for and not yet committed, at most.
    pub in_flight_max: u32,
    /// Retries of one request, at most.
    pub retries_max: u32,
    /// The longest Retry-After that a run sits out.
    pub wait_max: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            requests_per_second: 10.0,
            burst: 10,
            in_flight_max: 8,
            retries_max: 5,
            wait_max: Duration::from_mins(5),
        }
    }
}

/// `[sync]`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sync {
    /// Passes over the list in one run, at most.
    pub max_passes: u32,
    /// Each customer's details are asked again at least this often.
    pub max_detail_age: Duration,
    /// Re-verifications in one run, at most; 0: never.
    pub reverify_max: u32,
    /// More missing customers than this and than the share hold all deletions.
    pub deletions_max: u64,
    /// A share of the active customers, 0 to 1.
    pub deletions_max_share: f64,
}

impl Default for Sync {
    fn default() -> Self {
        Self {
            max_passes: 4,
            max_detail_age: Duration::from_hours(168),
            reverify_max: 2000,
            deletions_max: 5,
            deletions_max_share: 0.02,
        }
    }
}

/// `[mirror]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The database file.
    pub path: PathBuf,
}

impl Default for Mirror {
    fn default() -> Self {
        Self {
            path: PathBuf::from("data/mirror.db"),
        }
    }
}

/// How ids are written in Parquet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UuidEncoding {
    /// 36 characters of text, which every reader opens.
    #[default]
    String,
    /// Parquet's UUID type, which Spark can't open.
    Native,
}

/// `[lake]`
#[derive(Clone, Debug)]
pub struct Lake {
    /// Where it is. None: no lake.
    pub path: Option<Location>,
    /// What the environment says of the bucket's cloud, where the lake is in a bucket.
    pub cloud: Cloud,
    /// Daily snapshots older than this are thinned to one a month.
    pub keep_daily: Duration,
    /// How ids are written.
    pub uuid_encoding: UuidEncoding,
}

impl Default for Lake {
    fn default() -> Self {
        Self {
            path: Some(PathBuf::from("data/lake").into()),
            cloud: Cloud::default(),
            keep_daily: Duration::from_hours(9600),
            uuid_encoding: UuidEncoding::String,
        }
    }
}

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

const LAST_SECOND_OF_AN_HOUR: Duration = Duration::from_secs(3599);

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
        let Some(first) = self.next(self.hour(at) + LAST_SECOND_OF_AN_HOUR) else {
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
            cron: value::cron("0 0 * * * *").expect("the literal is a pattern"),
            timezone: jiff::tz::TimeZone::UTC,
            run_at_start: true,
        }
    }
}

/// `[status]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Where to listen. None: off.
    pub listen: Option<std::net::SocketAddr>,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            listen: Some(([127, 0, 0, 1], 8686).into()),
        }
    }
}
