//! The one look back of the forward flow: which of these ids are known, and with which fingerprint.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::customer::{CustomerId, Fingerprint};

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

/// Point lookups through one cached statement: a hundred ids in fewer microseconds than one bulk
/// statement over `json_each` takes (measured on 100,000 customers).
pub(super) fn known(
    connection: &Connection,
    ids: &[CustomerId],
) -> rusqlite::Result<Vec<Option<Known>>> {
    let mut kept = connection.prepare_cached(
        "SELECT customers.row, coalesce(fingerprint, listed_fingerprint),
                customers.owner_user_id, deleted_at IS NOT NULL
         FROM customers LEFT JOIN detail_queue ON detail_queue.row = customers.row
         WHERE customers.id = ?1",
    )?;
    let mut queued = connection
        .prepare_cached("SELECT row, fingerprint, owner_user_id FROM detail_queue WHERE id = ?1")?;
    let mut find = |id: &CustomerId| {
        let found = kept.query_row([id], |row| {
            let state = if row.get(3)? {
                State::Deleted
            } else {
                State::Alive
            };
            read(row, state)
        });
        match found.optional()? {
            Some(known) => Ok(Some(known)),
            None => queued
                .query_row([id], |row| read(row, State::Queued))
                .optional(),
        }
    };
    ids.iter().map(&mut find).collect()
}

fn read(row: &Row<'_>, state: State) -> rusqlite::Result<Known> {
    Ok(Known {
        row: row.get(0)?,
        fingerprint: row.get::<_, Option<i64>>(1)?.map(Fingerprint),
        owner_user_id: row.get(2)?,
        state,
    })
}
