//! Readers: one instant of the mirror, for the lake, the status page and the commands that only look.

use std::path::Path;

use jiff::Timestamp;
use roaring::RoaringBitmap;
use rusqlite::{Connection, Transaction};

use crate::customer::{Customer, CustomerId};
use crate::report::{Report, RunId};

use super::{Error, Known, Memory, Op, Reason};

/// A read-only connection to a mirror. It writes not a byte, and works while a
/// [`Mirror`](super::Mirror) writes.
pub struct Reader {
    connection: Connection,
}

impl Reader {
    /// Opens the mirror at `path` for reading; [`Error::NoMirror`] where there is none yet.
    pub fn open(path: &Path) -> Result<Self, Error> {
        unimplemented!()
    }

    /// The mirror as it is now. While the snapshot lives, the mirror's log can't be folded back.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, Error> {
        unimplemented!()
    }
}

/// One instant of a mirror: all its methods speak of the same moment.
pub struct Snapshot<'reader> {
    transaction: Transaction<'reader>,
}

/// In which order customers are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomerOrder {
    /// By row number: the fastest.
    Row,
    /// By `created_at` (those without first), then `id`.
    Creation,
}

/// In which order versions are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionOrder {
    /// By the customer's id, then `valid_from`.
    Customer,
    /// By `valid_from`, then the customer's row number.
    Time,
}

/// A customer as the mirror has it, borrowed from the row being read. Times are microseconds since
/// 1970-01-01T00:00:00Z. A field that is absent and one that is null are both `None` here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table of the same name")]
pub struct CustomerRow<'row> {
    pub id: &'row str,
    pub name: Option<&'row str>,
    pub tier_name: Option<&'row str>,
    pub tier_id: Option<&'row str>,
    pub subscription_status: Option<&'row str>,
    pub subscription_enabled: Option<bool>,
    pub member_count: Option<i64>,
    pub created_at: Option<i64>,
    pub owner_user_id: Option<&'row str>,
    pub extra: Option<&'row str>,
    pub first_seen_at: i64,
    pub changed_at: i64,
    pub detail_verified_at: Option<i64>,
    pub unlisted_since: Option<i64>,
    pub deleted_at: Option<i64>,
}

/// A version as the mirror has it, borrowed from the row being read. Times as in [`CustomerRow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table of the same name")]
pub struct VersionRow<'row> {
    pub customer_id: &'row str,
    pub name: Option<&'row str>,
    pub tier_name: Option<&'row str>,
    pub tier_id: Option<&'row str>,
    pub subscription_status: Option<&'row str>,
    pub subscription_enabled: Option<bool>,
    pub member_count: Option<i64>,
    pub created_at: Option<i64>,
    pub owner_user_id: Option<&'row str>,
    pub extra: Option<&'row str>,
    pub op: Op,
    pub valid_from: i64,
    pub valid_to: Option<i64>,
    pub not_before: Option<i64>,
    pub run_id: &'row str,
}

/// A customer with all that the mirror keeps of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its row number.
    pub row: u32,
    /// Its fields.
    pub customer: Customer,
    /// When a list first showed it.
    pub first_seen_at: Timestamp,
    /// When a declared field last changed, or it was deleted or came back.
    pub changed_at: Timestamp,
    /// When its details were last verified.
    pub detail_verified_at: Option<Timestamp>,
    /// Since when it lives though a proved list does not show it.
    pub unlisted_since: Option<Timestamp>,
    /// When it was found to be deleted.
    pub deleted_at: Option<Timestamp>,
}

/// One version of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its fields.
    pub customer: Customer,
    /// What happened.
    pub op: Op,
    /// From when on it held.
    pub valid_from: Timestamp,
    /// Until when; none while it holds.
    pub valid_to: Option<Timestamp>,
    /// When the state before was last verified: the change lies between this and `valid_from`.
    pub not_before: Option<Timestamp>,
    /// The run that saw it.
    pub run: RunId,
}

/// A row that could not be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRejected {
    /// The row as it came.
    pub raw: String,
    /// What was wrong with it.
    pub why: String,
    /// When it last came.
    pub at: Timestamp,
    /// The run that it last came to.
    pub run: RunId,
    /// How often it came.
    pub times: u64,
}

/// How the mirror stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Customers that live.
    pub alive: u64,
    /// Tombstones.
    pub deleted: u64,
    /// Of the living, those that a proved list does not show.
    pub unlisted: u64,
    /// Of the living, those whose details were never fetched.
    pub unverified: u64,
    /// Versions of all customers.
    pub versions: u64,
    /// Rows that could not be taken.
    pub rejected: u64,
    /// How many customers wait for their details, by reason; reasons without any are left out.
    pub queued: Vec<(Reason, u64)>,
    /// Deletions that the newest finished run held back.
    pub held: u64,
    /// When the details of the living customer that was verified longest ago were verified.
    pub oldest_verified_at: Option<Timestamp>,
}

impl Snapshot<'_> {
    /// Gives every customer to `each`, tombstones included, and stops at its first error.
    pub fn customers<E: From<Error>>(
        &self,
        order: CustomerOrder,
        each: impl FnMut(&CustomerRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        unimplemented!()
    }

    /// Gives every version to `each`, and stops at its first error.
    pub fn versions<E: From<Error>>(
        &self,
        order: VersionOrder,
        each: impl FnMut(&VersionRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        unimplemented!()
    }

    /// Gives every version with `valid_from` in `[from, until)` together with the one before it of
    /// the same customer, ordered by `valid_from` and row number.
    pub fn changes<E: From<Error>>(
        &self,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
        each: impl FnMut(&VersionRow<'_>, Option<&VersionRow<'_>>) -> Result<(), E>,
    ) -> Result<(), E> {
        unimplemented!()
    }

    /// All runs, the oldest first.
    pub fn runs(&self) -> Result<Vec<Report>, Error> {
        unimplemented!()
    }

    /// The last `most` runs, the newest first.
    pub fn last_runs(&self, most: u32) -> Result<Vec<Report>, Error> {
        unimplemented!()
    }

    /// How the mirror stands.
    pub fn standing(&self) -> Result<Standing, Error> {
        unimplemented!()
    }

    /// What is remembered from run to run.
    pub fn memory(&self) -> Result<Memory, Error> {
        unimplemented!()
    }

    /// One customer.
    pub fn customer(&self, id: CustomerId) -> Result<Option<Kept>, Error> {
        unimplemented!()
    }

    /// One customer's versions, the oldest first; empty where it is not known.
    pub fn history(&self, id: CustomerId) -> Result<Vec<Version>, Error> {
        unimplemented!()
    }

    /// The last `most` rows that could not be taken, the newest first.
    pub fn rejected(&self, most: u32) -> Result<Vec<KeptRejected>, Error> {
        unimplemented!()
    }

    /// What is known of each of these ids, in their order.
    pub fn known(&self, ids: &[CustomerId]) -> Result<Vec<Option<Known>>, Error> {
        unimplemented!()
    }

    /// The rows of all living customers.
    pub fn alive(&self) -> Result<RoaringBitmap, Error> {
        unimplemented!()
    }

    /// How many living customers are not queued and were last verified before `verified_before`.
    pub fn due_len(&self, verified_before: Timestamp) -> Result<u64, Error> {
        unimplemented!()
    }

    /// What is wrong with the mirror: pages that contradict each other, histories with gaps or
    /// overlaps, rows that differ from their open version. Empty where it is whole.
    pub fn faults(&self) -> Result<Vec<String>, Error> {
        unimplemented!()
    }
}
