//! The customers that live: who they are, and which of them a list shows.

use jiff::Timestamp;
use roaring::RoaringBitmap;
use rusqlite::{Connection, OptionalExtension, Params};

use crate::customer::CustomerId;

use super::row::{At, count_at, time_at};
use super::{departures, queue};

/// The rows of all living customers.
pub(super) fn alive(connection: &Connection) -> rusqlite::Result<RoaringBitmap> {
    rows(
        connection,
        "SELECT row FROM kept INDEXED BY kept_alive WHERE deleted_at IS NULL",
        [],
    )
}

/// The rows of living customers whose details never came, or came before this.
pub(super) fn verified_before(
    connection: &Connection,
    at: Timestamp,
) -> rusqlite::Result<RoaringBitmap> {
    let mut statement = connection.prepare_cached(
        "SELECT row FROM kept INDEXED BY kept_alive
         WHERE deleted_at IS NULL AND coalesce(detail_verified_at < ?1, true)",
    )?;
    let rows = statement.query_map([At(at)], |row| row.get::<_, u32>(0))?;
    rows.collect()
}

/// When the newest details of these customers came.
pub(super) fn last_verified(
    connection: &Connection,
    rows: &RoaringBitmap,
) -> rusqlite::Result<Option<Timestamp>> {
    let mut statement =
        connection.prepare_cached("SELECT detail_verified_at FROM kept WHERE row = ?1")?;
    let mut newest = None;
    for row in rows {
        let verified = statement.query_row([row], |it| time_at(it, 0)).optional()?;
        newest = newest.max(verified.flatten());
    }
    Ok(newest)
}

/// The rows of all customers that have been seen alive since they were last found deleted: the
/// living, and those that a list showed and whose details are still to be fetched.
pub(super) fn sighted(connection: &Connection) -> rusqlite::Result<RoaringBitmap> {
    Ok(alive(connection)? | queue::sighted(connection)?)
}

/// Of those, the ones that a list may be expected to show: a customer that lives unlisted is counted
/// by no list, and so proves none.
pub(super) fn expected(connection: &Connection) -> rusqlite::Result<RoaringBitmap> {
    Ok(sighted(connection)? - unlisted(connection)?)
}

/// The rows of all customers whose details are to be fetched.
pub(super) fn queued(connection: &Connection) -> rusqlite::Result<RoaringBitmap> {
    rows(connection, "SELECT row FROM detail_queue", [])
}

/// The rows of living customers that a proved list does not show.
pub(super) fn unlisted(connection: &Connection) -> rusqlite::Result<RoaringBitmap> {
    rows(
        connection,
        "SELECT row FROM kept INDEXED BY kept_unlisted
         WHERE unlisted_since IS NOT NULL AND deleted_at IS NULL",
        [],
    )
}

/// Rows that a statement gives in any order. Each names the index that holds them: sorted by row, a
/// scan of the whole table would do it, at many times the pages.
pub(super) fn rows(
    connection: &Connection,
    sql: &str,
    values: impl Params,
) -> rusqlite::Result<RoaringBitmap> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(values, |row| row.get::<_, u32>(0))?;
    let mut set: RoaringBitmap = rows.collect::<Result<_, _>>()?;
    set.optimize();
    Ok(set)
}

/// How many customers live.
pub(super) fn alive_count(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT count(*) FROM kept INDEXED BY kept_alive WHERE deleted_at IS NULL")?
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

/// Of these rows, those that were unlisted or inaccessible no longer are. Answers how many were
/// unlisted.
pub(super) fn relisted(connection: &Connection, listed: &RoaringBitmap) -> rusqlite::Result<u64> {
    let unlisted = rows(
        connection,
        "SELECT row FROM kept INDEXED BY kept_unlisted WHERE unlisted_since IS NOT NULL",
        [],
    )?;
    departures::listed(connection, listed)?;
    let back = unlisted & listed;
    let mut statement =
        connection.prepare_cached("UPDATE kept SET unlisted_since = NULL WHERE row = ?1")?;
    for row in &back {
        statement.execute([row])?;
    }
    Ok(back.len())
}
