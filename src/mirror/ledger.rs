//! The ledger of a walk: what each list answer and each group of details showed, so that a walk
//! that was cut short can be replayed and gone on with.

use jiff::Timestamp;
use roaring::RoaringBitmap;

use crate::customer::{Interval, Rejected, Summary};
use crate::report::RunId;

/// A walk that is not ended, with all it has seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Walk {
    /// Names the walk in the mirror.
    pub id: i64,
    /// The run that began it.
    pub run: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// When its newest page was received; when it began, where there is none.
    pub last_at: Timestamp,
    /// The list's dialect.
    pub dialect: String,
    /// Rows a page, as the server has them.
    pub page_size: u32,
    /// The newest pass of which a page was taken; 1 where there is none.
    pub pass: u32,
    /// The interval counter may go on from here: no interval of the ledger reaches it.
    pub count: u64,
    /// Customers with a sighting before the walk: the living, and those that an earlier walk
    /// listed and whose details are still to be fetched.
    pub known_alive: RoaringBitmap,
    /// Its list answers, in the order in which they were received.
    pub listed: Vec<Listed>,
    /// Its details that were found. An interval stands for a group: it contains those of all in
    /// it, and so claims never more than happened.
    pub detail_sightings: Vec<(Interval, RoaringBitmap)>,
}

/// One list answer in the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The pass, from 1.
    pub pass: u32,
    /// The page, from 1.
    pub page: u32,
    /// How many pages the answer says there are.
    pub pages: u32,
    /// How many customers the answer says there are, where it says so.
    pub total: Option<u64>,
    /// When the answer was made, on the interval counter.
    pub interval: Interval,
    /// When it was received.
    pub received_at: Timestamp,
    /// The customers that it shows.
    pub rows: RoaringBitmap,
    /// A hash of the page's ids that does not depend on their order; only the caller reads it.
    pub content: u64,
}

/// A list answer as it is taken in.
#[derive(Clone, Debug, PartialEq)]
pub struct PageTaken {
    /// The run that fetched it.
    pub run: RunId,
    /// The pass, from 1.
    pub pass: u32,
    /// The page, from 1.
    pub page: u32,
    /// How many pages the answer says there are.
    pub pages: u32,
    /// How many customers the answer says there are, where it says so.
    pub total: Option<u64>,
    /// When the answer was made, on the interval counter.
    pub interval: Interval,
    /// When it was received.
    pub received_at: Timestamp,
    /// A hash of the page's ids that does not depend on their order.
    pub content: u64,
    /// Its rows, each with what it means.
    pub rows: Vec<(Summary, Verdict)>,
    /// Its rows that could not be taken.
    pub rejected: Vec<Rejected>,
}

/// What a list row means for the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not known: it gets a row number and is queued. Known after all, by a page that was taken
    /// meanwhile: it is queued as changed.
    New,
    /// Its fingerprint is another: queued.
    Changed {
        /// The customer.
        row: u32,
    },
    /// It has a tombstone: queued.
    Returned {
        /// The customer.
        row: u32,
    },
    /// As it was: seen, and nothing else is written.
    Unchanged {
        /// The customer.
        row: u32,
    },
}
