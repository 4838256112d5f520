//! The ledger of a walk: what each list answer and each group of details showed, so that a walk
//! that was cut short can be replayed and gone on with.

use jiff::Timestamp;
use roaring::RoaringBitmap;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::customer::Interval;
use crate::report::{Grade, RunId};

use super::row::{At, RowSet, count, count_at};
use super::{PageTaken, due, living, memory};

/// A walk that is not ended, with all it has seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Walk {
    /// Names the walk in the mirror.
    pub id: i64,
    /// The run that began it.
    pub run: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// When the newest of what it asked for was received: pages, and details that it counts as
    /// sightings. When it began, where there is none.
    pub last_at: Timestamp,
    /// The list's dialect.
    pub dialect: String,
    /// Rows a page, as the server has them.
    pub page_size: u32,
    /// The newest pass of which a page was taken; 1 where there is none.
    pub pass: u32,
    /// The interval counter may go on from here: no interval of the ledger reaches it.
    pub count: u64,
    /// Customers with a sighting before the walk: the living but for the unlisted, and those that an
    /// earlier walk listed and whose details are still to be fetched.
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
    /// Rows a page, where the answer says it.
    pub page_size: Option<u32>,
    /// Whether there is another page, where the answer says it.
    pub has_next: Option<bool>,
    /// Whether it may prove anything: an answer that a cache gave may not.
    pub is_evidence: bool,
}

/// The walk that is open, with its whole ledger.
pub(super) fn open(connection: &Connection) -> rusqlite::Result<Option<Walk>> {
    let walk = connection
        .prepare_cached(
            "SELECT id, run_id, started_at, dialect, page_size, known_alive,
                    (SELECT count FROM memory)
             FROM walks WHERE ended_at IS NULL",
        )?
        .query_row([], head)
        .optional()?;
    let Some(mut walk) = walk else {
        return Ok(None);
    };
    walk.listed = lists(connection, walk.id)?;
    walk.detail_sightings = details(connection, walk.id)?;
    let newest_page = walk.listed.last().map(|page| page.received_at);
    let newest_details = match walk.detail_sightings.last() {
        Some((_, rows)) => living::last_verified(connection, rows)?,
        None => None,
    };
    walk.last_at = newest_page.max(newest_details).unwrap_or(walk.last_at);
    let passes = walk.listed.iter().map(|listed| listed.pass);
    walk.pass = passes.max().unwrap_or(1);
    Ok(Some(walk))
}

/// Begins a walk in place of one that is still open.
pub(super) fn begin(
    connection: &Connection,
    run: RunId,
    at: Timestamp,
    dialect: &str,
    page_size: u32,
    released: u64,
) -> rusqlite::Result<Walk> {
    if let Some(open) = open_id(connection)? {
        end(connection, open, Grade::Partial, None, at)?;
    }
    let known_alive = RowSet(living::expected(connection)?);
    connection
        .prepare_cached(
            "INSERT INTO walks (run_id, started_at, dialect, page_size, known_alive, released)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             RETURNING id, run_id, started_at, dialect, page_size, known_alive,
                       (SELECT count FROM memory)",
        )?
        .query_row(
            params![
                run,
                At(at),
                dialect,
                page_size,
                known_alive,
                count(released)
            ],
            head,
        )
}

/// Ends a walk; its line stays until the next one ends, its ledger does not.
pub(super) fn end(
    connection: &Connection,
    walk: i64,
    grade: Grade,
    as_of: Option<Timestamp>,
    at: Timestamp,
) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM walk_lists WHERE walk = ?1",
        "DELETE FROM walk_details WHERE walk = ?1",
        "DELETE FROM walk_departures WHERE walk = ?1",
        "DELETE FROM walks WHERE id < ?1 AND ended_at IS NOT NULL",
    ] {
        connection.prepare_cached(sql)?.execute([walk])?;
    }
    connection
        .prepare_cached(
            "UPDATE walks SET ended_at = ?2, grade = ?3, as_of = ?4, known_alive = x''
             WHERE id = ?1",
        )?
        .execute(params![walk, At(at), grade, as_of.map(At)])?;
    if let (Grade::Complete, Some(as_of)) = (grade, as_of) {
        memory::completed(connection, as_of)?;
    }
    if grade > Grade::Partial {
        memory::baseline_done(connection)?;
    }
    due::forget_who_answered(connection)
}

/// Enters a list answer.
pub(super) fn enter_list(
    connection: &Connection,
    walk: i64,
    page: &PageTaken,
    rows: &RoaringBitmap,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO walk_lists (walk, received, sent, pass, page, pages, total,
                                     received_at, content, is_evidence, rows,
                                     page_size, has_next)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            walk,
            count(page.interval.received),
            count(page.interval.sent),
            page.pass,
            page.page,
            page.pages,
            page.total.map(count),
            At(page.received_at),
            page.content.cast_signed(),
            page.is_evidence,
            RowSet(rows.clone()),
            page.page_size,
            page.has_next,
        ])?;
    Ok(())
}

/// Enters details that were found, under an interval that contains those of all of them.
pub(super) fn enter_details(
    connection: &Connection,
    walk: i64,
    interval: Interval,
    rows: RoaringBitmap,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO walk_details (walk, sent, received, rows) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            walk,
            count(interval.sent),
            count(interval.received),
            RowSet(rows)
        ])?;
    Ok(())
}

fn open_id(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM walks WHERE ended_at IS NULL")?
        .query_row([], |row| row.get(0))
        .optional()
}

fn head(row: &Row<'_>) -> rusqlite::Result<Walk> {
    let started_at = row.get::<_, At>(2)?.0;
    Ok(Walk {
        id: row.get(0)?,
        run: row.get(1)?,
        started_at,
        last_at: started_at,
        dialect: row.get(3)?,
        page_size: row.get(4)?,
        pass: 1,
        count: count_at(row, 6)?,
        known_alive: row.get::<_, RowSet>(5)?.0,
        listed: Vec::new(),
        detail_sightings: Vec::new(),
    })
}

fn lists(connection: &Connection, walk: i64) -> rusqlite::Result<Vec<Listed>> {
    connection
        .prepare_cached(
            "SELECT sent, received, pass, page, pages, total, received_at, content,
                    is_evidence, rows, page_size, has_next
             FROM walk_lists WHERE walk = ?1 ORDER BY received",
        )?
        .query_map([walk], |row| {
            Ok(Listed {
                interval: interval(row)?,
                pass: row.get(2)?,
                page: row.get(3)?,
                pages: row.get(4)?,
                total: row.get::<_, Option<i64>>(5)?.map(i64::cast_unsigned),
                received_at: row.get::<_, At>(6)?.0,
                content: row.get::<_, i64>(7)?.cast_unsigned(),
                is_evidence: row.get(8)?,
                rows: row.get::<_, RowSet>(9)?.0,
                page_size: row.get(10)?,
                has_next: row.get(11)?,
            })
        })?
        .collect()
}

fn details(connection: &Connection, walk: i64) -> rusqlite::Result<Vec<(Interval, RoaringBitmap)>> {
    connection
        .prepare_cached(
            "SELECT sent, received, rows FROM walk_details WHERE walk = ?1 ORDER BY number",
        )?
        .query_map([walk], |row| {
            Ok((interval(row)?, row.get::<_, RowSet>(2)?.0))
        })?
        .collect()
}

/// The interval in the first two columns.
fn interval(row: &Row<'_>) -> rusqlite::Result<Interval> {
    Ok(Interval {
        sent: count_at(row, 0)?,
        received: count_at(row, 1)?,
    })
}
