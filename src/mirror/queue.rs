//! The queue of customers whose details are to be fetched, and those that are due to be asked again.

use jiff::Timestamp;

use crate::customer::CustomerId;

/// Why a customer's details are to be fetched. The order is the queue's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Listed for the first time.
    New = 0,
    /// Listed again after it had been marked deleted.
    Returned = 1,
    /// Listed with another fingerprint.
    Changed = 2,
    /// Not among those that a complete walk proved to live.
    Missing = 3,
    /// Somebody asked for it by name.
    Refresh = 4,
    /// All details are asked for again.
    Full = 5,
}

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueKey {
    /// Why it is queued; the most urgent first.
    pub reason: Reason,
    /// The customer's row number.
    pub row: u32,
}

/// A customer whose details are to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Its place; also says why.
    pub key: QueueKey,
    /// Whom to ask for.
    pub id: CustomerId,
    /// How often it was asked for in vain.
    pub attempts: u32,
    /// What came of it the last time.
    pub last_error: Option<String>,
}

/// A place among those that are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueKey {
    /// When its details were last verified.
    pub verified_at: Timestamp,
    /// The customer's row number.
    pub row: u32,
}

/// A customer whose details are old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its place; also says since when.
    pub key: DueKey,
    /// Whom to ask for.
    pub id: CustomerId,
}
