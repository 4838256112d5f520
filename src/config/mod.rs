//! Settings: what there is to set, in which unit, and what holds where nothing is said.
//!
//! A [`Config`] that [`load`] gave is valid: whoever holds one need not check it again. This is
//! the only place that reads settings, from files or from the environment; what the settings are used
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
mod schedule;
mod settings;
mod value;

use std::path::PathBuf;
use std::time::Duration;

pub use base_url::{BaseUrl, NoBaseUrl};
pub use credentials::{Credentials, SecretSource};
pub use error::{Error, Origin};
pub use load::{Entry, Settings, Sources, load};
pub use location::{Cloud, Location};
pub use schedule::{Gap, Schedule};

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
