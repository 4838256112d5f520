//! Whose details are due to be asked for again because they are old, and in which order.
//!
//! Each customer is due since some instant: since its details reached the age that they may have, or,
//! where they were asked for in vain after that, since then. In that order everybody gets a turn: who
//! never answers is asked again before long, and yet comes behind all who have been waiting for
//! longer. How old details are is another matter, and counts from the last time that they came.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};

use crate::customer::CustomerId;

use super::row::{At, count_at, time_at};

/// Which details are asked for again in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Old {
    /// Those last verified, and last asked for in vain, before this.
    pub before: Timestamp,
    /// The age from which on details are due.
    pub max_age: SignedDuration,
}

/// A place among those that are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueKey {
    /// Since when it is due, or from when on it will be.
    pub since: Timestamp,
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

/// Living customers that are not queued and whose details are old: the next `most` after `after`,
/// those first that have been due for longest.
pub(super) fn next(
    connection: &Connection,
    old: Old,
    after: Option<DueKey>,
    most: u32,
) -> rusqlite::Result<Vec<Due>> {
    let Old { before, max_age } = old;
    let mut due = read(
        connection,
        "SELECT detail_verified_at, row, id FROM kept
         WHERE deleted_at IS NULL AND detail_verified_at < ?1
           AND (detail_verified_at, row) > (?2, ?3)
           AND NOT EXISTS (SELECT 1 FROM detail_queue WHERE row = kept.row)
           AND NOT EXISTS (SELECT 1 FROM asked_in_vain
                           WHERE row = kept.row AND at > detail_verified_at)
         ORDER BY detail_verified_at, row LIMIT ?4",
        before,
        after.map(|key| (shifted(key.since, -max_age), key.row)),
        most,
    )?;
    for due in &mut due {
        due.key.since = shifted(due.key.since, max_age);
    }
    due.extend(read(
        connection,
        "SELECT at, row, id FROM asked_in_vain JOIN kept USING (row)
         WHERE deleted_at IS NULL AND at < ?1 AND at > detail_verified_at
           AND (at, row) > (?2, ?3)
           AND NOT EXISTS (SELECT 1 FROM detail_queue WHERE row = kept.row)
         ORDER BY at, row LIMIT ?4",
        before,
        after.map(|key| (key.since, key.row)),
        most,
    )?);
    due.sort_unstable_by_key(|due| due.key);
    due.truncate(most as usize);
    Ok(due)
}

fn read(
    connection: &Connection,
    sql: &str,
    before: Timestamp,
    after: Option<(Timestamp, u32)>,
    most: u32,
) -> rusqlite::Result<Vec<Due>> {
    let (at, row) = after.unwrap_or((Timestamp::MIN, 0));
    connection
        .prepare_cached(sql)?
        .query_map(params![At(before), At(at), row, most], |row| {
            let key = DueKey {
                since: row.get::<_, At>(0)?.0,
                row: row.get(1)?,
            };
            Ok(Due {
                key,
                id: row.get(2)?,
            })
        })?
        .collect()
}

fn shifted(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by)
        .expect("a duration without calendar units can't fail")
}

/// How many living customers are not queued and were last verified before `verified_before`,
/// whether they were asked for in vain since or not.
pub(super) fn len(connection: &Connection, verified_before: Timestamp) -> rusqlite::Result<u64> {
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

/// A customer's details were asked for because they were old, and did not come.
pub(super) fn asked_in_vain(
    connection: &Connection,
    row: u32,
    at: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO asked_in_vain (row, at)
             SELECT row, ?2 FROM kept WHERE row = ?1",
        )?
        .execute(params![row, At(at)])?;
    Ok(())
}

/// Whether a customer's details were asked for in vain after `verified`.
pub(super) fn was_asked_in_vain(
    connection: &Connection,
    row: u32,
    verified: Timestamp,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM asked_in_vain WHERE row = ?1 AND at > ?2)")?
        .query_row(params![row, At(verified)], |row| row.get(0))
}

/// Lets go of those that answered since, or have left.
pub(super) fn forget_who_answered(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM asked_in_vain WHERE NOT EXISTS
                (SELECT 1 FROM kept WHERE row = asked_in_vain.row
                 AND deleted_at IS NULL AND at > detail_verified_at)",
        )?
        .execute([])?;
    Ok(())
}
