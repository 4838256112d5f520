//! What the client hands back: pages, details, advice, and a tally of what they cost.
//!
//! Values only, parsed. Nothing here knows a URL, a header or a JSON key.

use jiff::Timestamp;

use crate::config::Dialect;
use crate::customer::{Customer, CustomerId, Interval, Rejected, Summary};

/// How many customers the server says there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// `totalCount`: documented to be all customers that the list would show.
    Exact(u64),
    /// A number that proves nothing: the `limit` dialect's `items`, of which nobody says whether it
    /// counts all or those of this page; or a `totalCount` that leaves some of its own pages empty.
    Items(u64),
}

/// One page of the list.
#[derive(Clone, Debug)]
pub struct Page {
    /// Which page this is, from 1: the one that was asked for.
    pub number: u32,
    /// The page size in force, where the answer says it. It may differ from the one asked for.
    pub page_size: Option<u32>,
    /// How many customers there are.
    pub total: Total,
    /// How many pages there are.
    pub pages: u32,
    /// Whether another page follows, where the dialect says it.
    pub has_next: Option<bool>,
    /// The rows that could be taken, in the order of the page.
    pub rows: Vec<Summary>,
    /// The rows that could not.
    pub rejected: Vec<Rejected>,
    /// How many values were taken as null because they made no sense.
    pub notes: u32,
    /// Names of fields that nobody declared, sorted, each once; safe to print.
    pub unknown_fields: Vec<String>,
    /// When the page was made, on the counter that orders all requests.
    pub interval: Interval,
    /// When its last byte was here, by the wall clock.
    pub received_at: Timestamp,
    /// A cache answered (`Age` above 0): the page may be older than its interval, and proves nothing.
    pub from_cache: bool,
    /// What time it was by the server's clock, in whole seconds, where it said so.
    pub server_time: Option<Timestamp>,
    /// The dialect that the answer spoke; never [`Dialect::Auto`].
    pub dialect: Dialect,
}

/// What came of asking for one customer's details.
#[derive(Clone, Debug)]
pub struct Details {
    /// The customer that was asked for.
    pub id: CustomerId,
    /// When the answer was made, on the counter that orders all requests. Where no answer came,
    /// the interval of the last attempt.
    pub interval: Interval,
    /// When the last byte of the answer was here, by the wall clock.
    pub received_at: Timestamp,
    /// A cache answered (`Age` above 0): this proves nothing about now.
    pub from_cache: bool,
    /// How many values were taken as null because they made no sense.
    pub notes: u32,
    /// What the server said.
    pub answer: Answer,
}

/// What the server said of one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The full record.
    Found(Box<Customer>),
    /// 404 in the API's own form: no customer with this id exists.
    NotFound,
    /// 403 on this one customer, with the server's words.
    Inaccessible(String),
    /// 401, with credentials that were read anew if that could help, and the server's words. Whether
    /// it is about this customer or about the credentials, only another answer tells.
    Refused(String),
    /// A record that could not be taken.
    Rejected(Rejected),
    /// Anything else, after its retries; in words for a person. To be asked again in another run.
    Failed(String),
}

/// What the platform knows of the key pair in use. Advice only: outside the documented contract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPair {
    /// The name the pair was given; safe to print.
    pub name: Option<String>,
    /// Whether the platform accepts the pair.
    pub verified: Option<bool>,
    /// The roles the pair holds; safe to print.
    pub roles: Vec<String>,
    /// When the pair stops working.
    pub expires_at: Option<Timestamp>,
}

/// What has gone over the wire since the client was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// List requests, retries not counted.
    pub list_requests: u64,
    /// Detail requests, retries not counted.
    pub detail_requests: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Answers with status 429.
    pub throttled: u64,
}

/// How much may be asked, and where the counter of intervals stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests that may go over the wire, retries included. None: as many as it takes.
    pub requests_max: Option<u64>,
    /// The first number that the counter of intervals gives out: one past all given out before.
    pub count_from: u64,
}
