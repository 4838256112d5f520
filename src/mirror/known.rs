//! The one look back of the forward flow: which of these ids are known, and with which fingerprint.

use rusqlite::Connection;

use crate::customer::{CustomerId, Fingerprint};

use super::Error;

/// What is known of a customer that a list shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The customer's row number.
    pub row: u32,
    /// Of the last list row that was taken in: the queued one where its details are still to be
    /// fetched, else the one whose details were then fetched. None where no list has shown it.
    pub fingerprint: Option<Fingerprint>,
    /// The owner as the details, or the queued list row, say it.
    pub owner_user_id: Option<String>,
    /// What the mirror holds of it.
    pub state: State,
}

/// What the mirror holds of a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A living customer.
    Alive,
    /// A tombstone.
    Deleted,
    /// A row number and a place in the queue; no customer yet.
    Queued,
}

pub(super) fn known(
    connection: &Connection,
    ids: &[CustomerId],
) -> Result<Vec<Option<Known>>, Error> {
    unimplemented!()
}
