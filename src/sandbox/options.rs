//! How a sandbox behaves where the documentation leaves it open. The defaults are the documented
//! contract on a quick, quiet server.

use std::time::Duration;

use super::World;
use super::access::Access;
use super::limit::RateLimit;
use super::row::Casing;

/// Everything there is to choose.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port on loopback; 0 takes any that is free.
    pub port: u16,
    /// The customers.
    pub world: World,
    /// Which credentials are taken, and what they may do.
    pub access: Access,
    /// The dialect of the list.
    pub dialect: Dialect,
    /// How the keys with an `ID` in them are cased.
    pub casing: Casing,
    /// Rows on a page where the request does not say; `None`: what the dialect documents.
    pub page_size_default: Option<u32>,
    /// The largest page.
    pub page_size_max: u32,
    /// What a request for a larger page gets.
    pub oversize: Oversize,
    /// What `items` of the `limit` dialect counts.
    pub items: Items,
    /// Whether a query parameter that the dialect does not know is answered with 400. Else it is
    /// ignored, and with it the page size of a client that speaks the other dialect.
    pub strict: bool,
    /// The form of an error's JSON body.
    pub error_body: ErrorBody,
    /// Whether `GET /api/auth/v2/keypair` exists.
    pub key_pair_route: bool,
    /// Whether answers are compressed for clients that accept it.
    pub compression: bool,
    /// How long an answer takes.
    pub latency: Latency,
    /// How many requests are answered in which time; `None`: all.
    pub rate_limit: Option<RateLimit>,
    /// How many requests the log remembers; the counters never forget.
    pub log_capacity: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            world: World::new(1, 250),
            access: Access::default(),
            dialect: Dialect::default(),
            casing: Casing::default(),
            page_size_default: None,
            page_size_max: 100,
            oversize: Oversize::default(),
            items: Items::default(),
            strict: false,
            error_body: ErrorBody::default(),
            key_pair_route: true,
            compression: false,
            latency: Latency::default(),
            rate_limit: None,
            log_capacity: 10_000,
        }
    }
}

/// The two documented forms of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// `pageSize`, 20 by default, and a `pagination` envelope.
    #[default]
    PageSize,
    /// `limit`, 10 by default, `items` and `pages` at the top, `ownerUserID` in each row.
    Limit,
}

impl Dialect {
    /// The query parameter for the size of a page.
    pub(super) fn size_parameter(self) -> &'static str {
        match self {
            Self::PageSize => "pageSize",
            Self::Limit => "limit",
        }
    }

    /// Rows on a page where the request does not say.
    pub(super) fn page_size_default(self) -> u32 {
        match self {
            Self::PageSize => 20,
            Self::Limit => 10,
        }
    }
}

/// What a request for more rows than the largest page gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Oversize {
    /// 400.
    #[default]
    Refused,
    /// The largest page there is.
    Clamped,
}

/// What `items` of the `limit` dialect counts: nobody says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Items {
    /// All customers of the list.
    #[default]
    Total,
    /// The customers on this page.
    OnPage,
}

/// The form of an error's JSON body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorBody {
    /// `{"error": "what is wrong"}`
    #[default]
    Text,
    /// `{"error": {"message": …, "type": …, "code": …, "error_id": …}}`
    Object,
}

/// How long an answer takes before it is begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Latency {
    /// No time.
    #[default]
    None,
    /// Always as long.
    Fixed(Duration),
    /// By lot, in this range.
    Jittered {
        /// At least.
        from: Duration,
        /// Less than.
        to: Duration,
    },
}

impl Latency {
    /// Waits as long as this answer takes.
    pub(super) async fn pass(self) {
        let wait = match self {
            Self::None => return,
            Self::Fixed(wait) => wait,
            Self::Jittered { from, to } => from + to.saturating_sub(from).mul_f64(fastrand::f64()),
        };
        // The latency that was asked for: a client must meet it on the wire.
        tokio::time::sleep(wait).await;
    }
}
