//! What one run leaves to the next, apart from customers.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::report::RunId;

use super::row::{At, count, count_at, time_at};

/// What is remembered from run to run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// The rate that the server last bore, requests per second.
    pub requests_per_second: Option<f64>,
    /// No request may leave before this: the server asked for it.
    pub not_before: Option<Timestamp>,
    /// When a deleted id was first seen to come back.
    pub h3_broken_at: Option<Timestamp>,
    /// When a customer was first seen to live although a proved list does not show it.
    pub h4_broken_at: Option<Timestamp>,
    /// A walk that was complete or converged has seen all customers: from now on a new one is an
    /// insert.
    pub baseline_done: bool,
    /// The instant of the newest complete walk.
    pub last_complete_as_of: Option<Timestamp>,
    /// The interval counter may go on from here. Pages and details move it along by themselves.
    pub count: u64,
}

pub(super) fn read(connection: &Connection) -> rusqlite::Result<Memory> {
    connection
        .prepare_cached(
            "SELECT requests_per_second, not_before, h3_broken_at, h4_broken_at,
                    baseline_done, last_complete_as_of, count FROM memory",
        )?
        .query_row([], |row| {
            Ok(Memory {
                requests_per_second: row.get(0)?,
                not_before: time_at(row, 1)?,
                h3_broken_at: time_at(row, 2)?,
                h4_broken_at: time_at(row, 3)?,
                baseline_done: row.get(4)?,
                last_complete_as_of: time_at(row, 5)?,
                count: count_at(row, 6)?,
            })
        })
}

pub(super) fn write(connection: &Connection, memory: &Memory) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE memory SET requests_per_second = ?1, not_before = ?2, h3_broken_at = ?3,
                    h4_broken_at = ?4, baseline_done = max(baseline_done, ?5)",
        )?
        .execute(params![
            memory.requests_per_second,
            memory.not_before.map(At),
            memory.h3_broken_at.map(At),
            memory.h4_broken_at.map(At),
            memory.baseline_done,
        ])?;
    if let Some(as_of) = memory.last_complete_as_of {
        completed(connection, as_of)?;
    }
    counted(connection, memory.count)
}

/// A deleted id came back in this run: remembered once, from the first time.
pub(super) fn h3_broken(connection: &Connection, run: RunId) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE memory SET h3_broken_at =
                coalesce(h3_broken_at, (SELECT started_at FROM runs WHERE id = ?1))",
        )?
        .execute([run])?;
    Ok(())
}

/// A complete walk spoke of the instant `as_of`.
pub(super) fn completed(connection: &Connection, as_of: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE memory SET last_complete_as_of = max(coalesce(last_complete_as_of, ?1), ?1)",
        )?
        .execute([At(as_of)])?;
    Ok(())
}

/// A walk has seen all customers: from now on a new one is an arrival.
pub(super) fn baseline_done(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE memory SET baseline_done = 1")?
        .execute([])?;
    Ok(())
}

/// Every interval so far lies below `next`.
pub(super) fn counted(connection: &Connection, next: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE memory SET count = ?1 WHERE count < ?1")?
        .execute([count(next)])?;
    Ok(())
}
