//! Those whom a proved list does not show: what was heard of them under the walk that is open, how many
//! a person has let go, and who is kept all the same.
//!
//! Who departs is decided elsewhere. What is kept here lets a run that takes up another one go on where
//! that one's departures ended, and tell those whom the server does not speak of from those that left.

use jiff::Timestamp;
use roaring::RoaringBitmap;
use rusqlite::{Connection, params};

use crate::report::RunId;

use super::row::{At, count, count_at};
use super::settle::{self, Effect, Settled, Settlement};
use super::{Error, Mirror, living};

/// What was heard under a walk of those whom it does not show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// Settled: deleted, kept as unlisted, or kept as inaccessible.
    pub decided: RoaringBitmap,
    /// Nothing came of it; they are asked again under another walk.
    pub pending: RoaringBitmap,
    /// They lived unlisted, or nobody could tell, and now are not found: missing like any other.
    pub gone: RoaringBitmap,
}

/// How [`Heard`] stands in the table.
const DECIDED: u8 = 0;
const PENDING: u8 = 1;
const GONE: u8 = 2;

impl Mirror {
    /// What was heard so far, under this walk, of those whom it does not show.
    pub fn heard(&self, walk: i64) -> Result<Heard, Error> {
        self.reading(|connection| heard(connection, walk))
    }

    /// As [`Mirror::settle`], of customers that this walk does not show. In the same transaction it is
    /// kept that they were heard, and who is inaccessible.
    pub fn settle_departures(
        &mut self,
        walk: i64,
        run: RunId,
        details: Vec<Settled>,
    ) -> Result<Vec<Effect>, Error> {
        self.writing("detail", |connection| {
            let marks: Vec<Mark> = details.iter().map(Mark::of).collect();
            let effects = settle::settle(connection, None, run, details)?;
            for mark in marks {
                note(connection, walk, mark.row, mark.state)?;
                match mark.refused_at {
                    Some(at) => inaccessible(connection, mark.row, at)?,
                    None if mark.state == DECIDED => accessible(connection, mark.row)?,
                    None => {}
                }
            }
            Ok(effects)
        })
    }

    /// These are kept though no list shows them, were asked for under this walk, and not found.
    pub fn are_gone(&mut self, walk: i64, rows: &RoaringBitmap) -> Result<(), Error> {
        self.writing("detail", |connection| {
            rows.iter()
                .try_for_each(|row| note(connection, walk, row, GONE))
        })
    }

    /// The rows of living customers that are known to be kept though a proved list does not show them:
    /// they live unlisted, or the server does not speak of them.
    pub fn off_list(&self) -> Result<RoaringBitmap, Error> {
        self.reading(|connection| {
            let inaccessible = living::rows(
                connection,
                "SELECT row FROM inaccessible JOIN kept USING (row) WHERE deleted_at IS NULL",
            )?;
            Ok(living::unlisted(connection)? | inaccessible)
        })
    }

    /// A person lets so many go under this walk, besides those that went under it already.
    pub fn release(&mut self, walk: i64, deletions: u64) -> Result<(), Error> {
        self.writing("walk-begin", |connection| {
            let released = deletions + deleted(connection, walk)?;
            connection
                .prepare_cached("UPDATE walks SET released = max(released, ?2) WHERE id = ?1")?
                .execute(params![walk, count(released)])?;
            Ok(())
        })
    }

    /// How many may still go under this walk because a person said so.
    pub fn released(&self, walk: i64) -> Result<u64, Error> {
        self.reading(|connection| {
            let released = connection
                .prepare_cached("SELECT released FROM walks WHERE id = ?1")?
                .query_row([walk], |row| count_at(row, 0))?;
            match released {
                0 => Ok(0),
                _ => Ok(released.saturating_sub(deleted(connection, walk)?)),
            }
        })
    }
}

/// Customers that were marked deleted since this walk began.
fn deleted(connection: &Connection, walk: i64) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(
            "SELECT count(*) FROM versions
             WHERE op = 'delete' AND run_id >= (SELECT run_id FROM walks WHERE id = ?1)",
        )?
        .query_row([walk], |row| count_at(row, 0))
}

fn heard(connection: &Connection, walk: i64) -> rusqlite::Result<Heard> {
    let mut heard = Heard::default();
    let mut statement =
        connection.prepare_cached("SELECT row, state FROM walk_departures WHERE walk = ?1")?;
    let mut rows = statement.query([walk])?;
    while let Some(row) = rows.next()? {
        let set = match row.get(1)? {
            DECIDED => &mut heard.decided,
            PENDING => &mut heard.pending,
            _ => &mut heard.gone,
        };
        set.insert(row.get(0)?);
    }
    Ok(heard)
}

fn note(connection: &Connection, walk: i64, row: u32, state: u8) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO walk_departures (walk, row, state) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![walk, row, state])?;
    Ok(())
}

/// What is to be kept of one who was heard.
struct Mark {
    row: u32,
    state: u8,
    /// When the server refused to speak of it.
    refused_at: Option<Timestamp>,
}

impl Mark {
    fn of(one: &Settled) -> Self {
        let (state, refused_at) = match one.outcome {
            Settlement::Found(_) | Settlement::Unlisted(_) | Settlement::Deleted { .. } => {
                (DECIDED, None)
            }
            Settlement::Inaccessible { .. } => (DECIDED, Some(one.at)),
            Settlement::FromSummary { .. }
            | Settlement::Rejected(_)
            | Settlement::Pending { .. } => (PENDING, None),
        };
        Self {
            row: one.row,
            state,
            refused_at,
        }
    }
}

fn inaccessible(connection: &Connection, row: u32, since: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO inaccessible (row, since) SELECT row, ?2 FROM kept WHERE row = ?1",
        )?
        .execute(params![row, At(since)])?;
    Ok(())
}

fn accessible(connection: &Connection, row: u32) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM inaccessible WHERE row = ?1")?
        .execute([row])?;
    Ok(())
}

/// Those whom a list shows (again) are customers like any other.
pub(super) fn listed(connection: &Connection, listed: &RoaringBitmap) -> rusqlite::Result<()> {
    let inaccessible = living::rows(connection, "SELECT row FROM inaccessible")?;
    (inaccessible & listed)
        .iter()
        .try_for_each(|row| accessible(connection, row))
}
