//! What comes of asking for details: a customer's row, its version, its place in the queue.

use jiff::Timestamp;

use crate::customer::{Customer, CustomerId, Interval, Rejected};

use super::Reason;

/// One customer that was asked for, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The customer's row number.
    pub row: u32,
    /// The customer.
    pub id: CustomerId,
    /// When the answer was made, on the interval counter.
    pub interval: Interval,
    /// When it was received.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Settlement,
}

/// What came of asking for a customer's details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// They are here. A version is written where a declared field differs.
    Found(Box<Customer>),
    /// They are here, though a proved list does not show the customer.
    Unlisted(Box<Customer>),
    /// The list shows it, its details can't be had: kept as the queued list row says, asked again.
    FromSummary {
        /// Why its details can't be had.
        why: String,
    },
    /// Its details came and could not be taken: they are kept aside, else as [`Self::FromSummary`].
    Rejected(Rejected),
    /// The server refuses its details: as [`Self::FromSummary`].
    Inaccessible {
        /// The server's words.
        said: String,
    },
    /// It is gone: a tombstone, with the last values.
    Deleted {
        /// When it was last seen alive, where the caller knows better than the mirror's own
        /// last verification.
        not_before: Option<Timestamp>,
    },
    /// Nothing came of it; it is asked again next run.
    Pending {
        /// What happened.
        why: String,
    },
}

/// What a version says happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// It was there when twsync first looked.
    Baseline,
    /// It came.
    Insert,
    /// A declared field changed.
    Update,
    /// It was deleted.
    Delete,
    /// It came back after it had been deleted.
    Undelete,
}

impl Op {
    /// The word that stands in the mirror and the lake.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Undelete => "undelete",
        }
    }
}

/// What settling one customer did to the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The customer's row number.
    pub row: u32,
    /// The version that was written; none where no declared field changed.
    pub version: Option<Op>,
    /// Why it was queued, where it was.
    pub was_queued: Option<Reason>,
    /// It is still queued: to be asked again next run, or because the list has shown something
    /// newer after these details were asked for.
    pub still_queued: bool,
}
