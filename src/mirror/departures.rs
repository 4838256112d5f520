//! Those whom a proved list does not show: what was heard of them under the walk that is open, how many
//! a person has let go, and who is kept all the same.
//!
//! Who departs is decided elsewhere. What is kept here lets a run that takes up another one go on where
//! that one's departures ended, and tell those whom the server does not speak of from those that left.

use jiff::Timestamp;
use roaring::RoaringBitmap;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, params};

use crate::report::RunId;

use super::row::{At, count, count_at};
use super::settle::{self, Effect, Settled, Settlement};
use super::versions::Op;
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

/// How what was heard of one of them stands in the table.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Hearing {
    Decided = 0,
    Pending = 1,
    Gone = 2,
}

impl ToSql for Hearing {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(*self as u8))
    }
}

impl FromSql for Hearing {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_i64()? {
            0 => Ok(Self::Decided),
            1 => Ok(Self::Pending),
            2 => Ok(Self::Gone),
            other => Err(FromSqlError::OutOfRange(other)),
        }
    }
}

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
            let gone = effects.iter().filter(|it| it.version == Some(Op::Delete));
            went(connection, walk, gone.count() as u64)?;
            for mark in marks {
                note(connection, walk, mark.row, mark.hearing)?;
                match (mark.hearing, mark.refused_at) {
                    (Hearing::Decided, Some(at)) => inaccessible(connection, mark.row, at)?,
                    (Hearing::Decided, None) => accessible(connection, mark.row)?,
                    _ => {}
                }
            }
            Ok(effects)
        })
    }

    /// These are kept though no list shows them, were asked for under this walk, and not found.
    pub fn are_gone(&mut self, walk: i64, rows: &RoaringBitmap) -> Result<(), Error> {
        self.writing("detail", |connection| {
            rows.iter()
                .try_for_each(|row| note(connection, walk, row, Hearing::Gone))
        })
    }

    /// The rows of living customers that are known to be kept though a proved list does not show them:
    /// they live unlisted, or the server does not speak of them.
    pub fn off_list(&self) -> Result<RoaringBitmap, Error> {
        self.reading(|connection| {
            // From the few: without the CROSS all customers would be looked through for them.
            let inaccessible = living::rows(
                connection,
                "SELECT row FROM inaccessible CROSS JOIN kept USING (row) WHERE deleted_at IS NULL",
                [],
            )?;
            Ok(living::unlisted(connection)? | inaccessible)
        })
    }

    /// A person lets so many go under this walk: what is written of it is how many still may.
    pub fn release(&mut self, walk: i64, deletions: u64) -> Result<(), Error> {
        self.writing("walk-begin", |connection| {
            connection
                .prepare_cached("UPDATE walks SET released = max(released, ?2) WHERE id = ?1")?
                .execute(params![walk, count(deletions)])?;
            Ok(())
        })
    }

    /// How many may still go under this walk because a person said so.
    pub fn released(&self, walk: i64) -> Result<u64, Error> {
        self.reading(|connection| {
            connection
                .prepare_cached("SELECT released FROM walks WHERE id = ?1")?
                .query_row([walk], |row| count_at(row, 0))
        })
    }
}

fn heard(connection: &Connection, walk: i64) -> rusqlite::Result<Heard> {
    let mut heard = Heard::default();
    let mut statement =
        connection.prepare_cached("SELECT row, state FROM walk_departures WHERE walk = ?1")?;
    let mut rows = statement.query([walk])?;
    while let Some(row) = rows.next()? {
        let set = match row.get(1)? {
            Hearing::Decided => &mut heard.decided,
            Hearing::Pending => &mut heard.pending,
            Hearing::Gone => &mut heard.gone,
        };
        set.insert(row.get(0)?);
    }
    Ok(heard)
}

fn note(connection: &Connection, walk: i64, row: u32, hearing: Hearing) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO walk_departures (walk, row, state) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![walk, row, hearing])?;
    Ok(())
}

/// So many went under this walk: so many fewer of those that were released still may.
fn went(connection: &Connection, walk: i64, deletions: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE walks SET released = max(released - ?2, 0) WHERE id = ?1")?
        .execute(params![walk, count(deletions)])?;
    Ok(())
}

/// What is to be kept of one who was heard.
struct Mark {
    row: u32,
    hearing: Hearing,
    /// When the server refused to speak of it.
    refused_at: Option<Timestamp>,
}

impl Mark {
    fn of(one: &Settled) -> Self {
        let hearing = match one.outcome {
            Settlement::Found(_)
            | Settlement::Unlisted(_)
            | Settlement::Deleted { .. }
            | Settlement::Inaccessible { .. } => Hearing::Decided,
            Settlement::FromSummary { .. }
            | Settlement::Rejected(_)
            | Settlement::Pending { .. } => Hearing::Pending,
        };
        Self {
            row: one.row,
            hearing,
            refused_at: matches!(one.outcome, Settlement::Inaccessible { .. }).then_some(one.at),
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
    let inaccessible = living::rows(connection, "SELECT row FROM inaccessible", [])?;
    (inaccessible & listed)
        .iter()
        .try_for_each(|row| accessible(connection, row))
}
