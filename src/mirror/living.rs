//! The customers that live: who they are, and whose details are due to be asked for again.

use jiff::Timestamp;
use roaring::RoaringBitmap;
use rusqlite::{Connection, OptionalExtension, params};

use crate::customer::CustomerId;

use super::row::{At, count_at, time_at};

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

/// The rows of all living customers.
pub(super) fn alive(connection: &Connection) -> rusqlite::Result<RoaringBitmap> {
    rows(
        connection,
        "SELECT row FROM kept WHERE deleted_at IS NULL ORDER BY row",
    )
}

/// The rows of all customers that have been seen alive since they were last found deleted: the
/// living, and those that a list showed and whose details are still to be fetched.
pub(super) fn sighted(connection: &Connection) -> rusqlite::Result<RoaringBitmap> {
    let queued = "SELECT row FROM detail_queue WHERE listed IS NOT NULL ORDER BY row";
    Ok(alive(connection)? | rows(connection, queued)?)
}

/// The rows of all customers whose details are to be fetched.
pub(super) fn queued(connection: &Connection) -> rusqlite::Result<RoaringBitmap> {
    rows(connection, "SELECT row FROM detail_queue ORDER BY row")
}

/// The rows of living customers that a proved list does not show.
pub(super) fn unlisted(connection: &Connection) -> rusqlite::Result<RoaringBitmap> {
    rows(
        connection,
        "SELECT row FROM kept
         WHERE unlisted_since IS NOT NULL AND deleted_at IS NULL ORDER BY row",
    )
}

fn rows(connection: &Connection, sql: &str) -> rusqlite::Result<RoaringBitmap> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| row.get::<_, u32>(0))?;
    let mut set: RoaringBitmap = rows.collect::<Result<_, _>>()?;
    set.optimize();
    Ok(set)
}

/// How many customers live.
pub(super) fn alive_count(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT count(*) FROM kept WHERE deleted_at IS NULL")?
        .query_row([], |row| count_at(row, 0))
}

/// The ids of these rows, queued ones included, in their order.
pub(super) fn ids(
    connection: &Connection,
    rows: &RoaringBitmap,
) -> rusqlite::Result<Vec<(u32, CustomerId)>> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM kept WHERE row = ?1
         UNION ALL SELECT id FROM detail_queue WHERE row = ?1 LIMIT 1",
    )?;
    let mut found = Vec::new();
    for row in rows {
        let id = statement.query_row([row], |it| it.get(0)).optional()?;
        found.extend(id.map(|id| (row, id)));
    }
    Ok(found)
}

/// Living customers that are not queued and whose details were last verified before
/// `verified_before`: the next `most` after `after`, the oldest first.
pub(super) fn due(
    connection: &Connection,
    verified_before: Timestamp,
    after: Option<DueKey>,
    most: u32,
) -> rusqlite::Result<Vec<Due>> {
    let (at, row) = after.map_or((Timestamp::MIN, 0), |key| (key.verified_at, key.row));
    connection
        .prepare_cached(
            "SELECT detail_verified_at, row, id FROM kept
             WHERE deleted_at IS NULL AND detail_verified_at < ?1
               AND (detail_verified_at, row) > (?2, ?3)
               AND NOT EXISTS (SELECT 1 FROM detail_queue WHERE row = kept.row)
             ORDER BY detail_verified_at, row LIMIT ?4",
        )?
        .query_map(params![At(verified_before), At(at), row, most], |row| {
            let key = DueKey {
                verified_at: row.get::<_, At>(0)?.0,
                row: row.get(1)?,
            };
            Ok(Due {
                key,
                id: row.get(2)?,
            })
        })?
        .collect()
}

/// How many [`due`] gives in all.
pub(super) fn due_len(
    connection: &Connection,
    verified_before: Timestamp,
) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(
            "SELECT count(*) FROM kept
             WHERE deleted_at IS NULL AND detail_verified_at < ?1
               AND NOT EXISTS (SELECT 1 FROM detail_queue WHERE row = kept.row)",
        )?
        .query_row([At(verified_before)], |row| count_at(row, 0))
}

/// When the details of the living customer that was verified longest ago were verified.
pub(super) fn oldest_verified_at(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    connection
        .prepare_cached(
            "SELECT min(detail_verified_at) FROM kept
             WHERE deleted_at IS NULL AND detail_verified_at IS NOT NULL",
        )?
        .query_row([], |row| time_at(row, 0))
}

/// Of these rows, those that were unlisted no longer are. Answers how many.
pub(super) fn relisted(connection: &Connection, listed: &RoaringBitmap) -> rusqlite::Result<u64> {
    let unlisted = rows(
        connection,
        "SELECT row FROM kept WHERE unlisted_since IS NOT NULL ORDER BY row",
    )?;
    let back = unlisted & listed;
    let mut statement =
        connection.prepare_cached("UPDATE kept SET unlisted_since = NULL WHERE row = ?1")?;
    for row in &back {
        statement.execute([row])?;
    }
    Ok(back.len())
}
