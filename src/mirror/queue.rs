//! The queue of customers whose details are to be fetched. A customer that a list showed waits here
//! with what the list said of it, until its details are there.

use jiff::Timestamp;
use roaring::RoaringBitmap;
use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use crate::customer::{Customer, CustomerId, Fingerprint, Summary};

use super::due;
use super::living;
use super::row::{At, FIELDS, count, count_at, customer, field_columns, fields, time_at};

/// Why a customer's details are to be fetched. The order is the queue's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Listed for the first time.
    New = 0,
    /// Listed again after it had been marked deleted.
    Returned = 1,
    /// Listed with another fingerprint.
    Changed = 2,
    // 3 is of those who are missing from the list. They are asked for under a proof, and never queued.
    /// Somebody asked for it by name.
    Refresh = 4,
    /// All details are asked for again.
    Full = 5,
}

impl Reason {
    /// All reasons, in the queue's order.
    pub const ALL: [Self; 5] = [
        Self::New,
        Self::Returned,
        Self::Changed,
        Self::Refresh,
        Self::Full,
    ];
}

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueKey {
    /// It was asked for before, in vain: everyone else comes first.
    pub again: bool,
    /// Why it is queued; the most urgent first.
    pub reason: Reason,
    /// The customer's row number.
    pub row: u32,
}

/// A customer whose details are to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Its place; also says why.
    pub key: QueueKey,
    /// Whom to ask for.
    pub id: CustomerId,
    /// How often it was asked for in vain.
    pub attempts: u32,
    /// What came of it the last time.
    pub last_error: Option<String>,
}

/// What the queue holds of a customer.
pub(super) struct Entry {
    pub reason: Reason,
    pub queued_at: Timestamp,
    /// The instant of the newest complete walk before that: one which did not show the customer,
    /// where it was new or had come back.
    pub absent_until: Option<Timestamp>,
    /// The list row that queued it; none where no list row did.
    pub listed: Option<ListedRow>,
    /// Its details were asked for since, and did not come.
    pub asked_in_vain: bool,
}

/// A list row in the queue.
pub(super) struct ListedRow {
    /// The interval counter when it had been received.
    pub received: u64,
    pub fingerprint: Fingerprint,
    /// What it says.
    pub customer: Customer,
}

/// Whether anything is known of the customer with this row number: it is queued, or kept.
pub(super) fn is_known(connection: &Connection, row: u32) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM kept WHERE row = ?1
             UNION ALL SELECT 1 FROM detail_queue WHERE row = ?1)",
        )?
        .query_row([row], |known| known.get(0))
}

/// Queues what a list row shows. The newest list row replaces an older one; a customer that has
/// no row in `customers` yet stays new.
pub(super) fn put_listed(
    connection: &Connection,
    row: u32,
    reason: Reason,
    at: Timestamp,
    received: u64,
    summary: Summary,
) -> rusqlite::Result<()> {
    let id = summary.id;
    let fingerprint = Fingerprint::of(&summary).0;
    let customer = Customer::from(summary);
    let head: [&dyn ToSql; 6] = [&row, &id, &reason, &At(at), &count(received), &fingerprint];
    let fields = fields(&customer);
    let values = head
        .into_iter()
        .chain(fields.iter().map(|field| field as &dyn ToSql));
    connection
        .prepare_cached(concat!(
            "INSERT INTO detail_queue (row, id, reason, queued_at, listed, fingerprint, ",
            field_columns!(),
            ", absent_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
                (SELECT last_complete_as_of FROM memory))
             ON CONFLICT (row) DO UPDATE SET
                reason = iif(reason = 0, 0, excluded.reason),
                listed = excluded.listed, fingerprint = excluded.fingerprint,
                name = excluded.name, tier_name = excluded.tier_name,
                subscription_status = excluded.subscription_status,
                member_count = excluded.member_count, created_at = excluded.created_at,
                owner_user_id = excluded.owner_user_id, extra = excluded.extra,
                absent = excluded.absent
             WHERE listed IS NULL OR listed < excluded.listed"
        ))?
        .execute(params_from_iter(values))?;
    Ok(())
}

/// Queues known customers for another reason than a list row. One that is queued already keeps its own.
pub(super) fn put(
    connection: &Connection,
    rows: &RoaringBitmap,
    reason: Reason,
    at: Timestamp,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO detail_queue (row, id, reason, queued_at, absent, absent_until)
         SELECT row, id, ?2, ?3, ?4, (SELECT last_complete_as_of FROM memory)
         FROM (SELECT row, id FROM kept WHERE row = ?1
               UNION SELECT row, id FROM detail_queue WHERE row = ?1) WHERE true
         ON CONFLICT (row) DO NOTHING",
    )?;
    for row in rows {
        statement.execute(params![row, reason, At(at), NO_FIELD])?;
    }
    Ok(())
}

/// `absent` where there was no list row.
const NO_FIELD: i64 = 0xff;

/// What the queue holds of the customer with this row number.
pub(super) fn entry(
    connection: &Connection,
    row: u32,
    id: CustomerId,
) -> rusqlite::Result<Option<Entry>> {
    connection
        .prepare_cached(concat!(
            "SELECT reason, queued_at, absent_until, listed, fingerprint, ",
            field_columns!(),
            ", attempts > 0 FROM detail_queue WHERE row = ?1"
        ))?
        .query_row([row], |row| {
            Ok(Entry {
                reason: row.get(0)?,
                queued_at: row.get::<_, At>(1)?.0,
                absent_until: time_at(row, 2)?,
                listed: listed_row(row, id)?,
                asked_in_vain: row.get(5 + FIELDS)?,
            })
        })
        .optional()
}

fn listed_row(row: &Row<'_>, id: CustomerId) -> rusqlite::Result<Option<ListedRow>> {
    let Some(received) = row.get::<_, Option<i64>>(3)? else {
        return Ok(None);
    };
    Ok(Some(ListedRow {
        received: received.cast_unsigned(),
        fingerprint: Fingerprint(row.get(4)?),
        customer: customer(row, 5, id)?,
    }))
}

/// Takes a customer out of the queue.
pub(super) fn remove(connection: &Connection, row: u32) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM detail_queue WHERE row = ?1")?
        .execute([row])?;
    Ok(())
}

/// The rows of those that a list showed. One that came back counts from when its details say so: the
/// list may have been behind.
pub(super) fn sighted(connection: &Connection) -> rusqlite::Result<RoaringBitmap> {
    let sighted = "SELECT row FROM detail_queue WHERE listed IS NOT NULL AND reason <> ?1";
    living::rows(connection, sighted, [Reason::Returned])
}

/// Whoever was listed again after it had been marked deleted, and is not among these rows, is asked for
/// no more.
pub(super) fn not_returned(
    connection: &Connection,
    listed: &RoaringBitmap,
) -> rusqlite::Result<()> {
    // Both halves of the index are named, so that it serves.
    let returned = "SELECT row FROM detail_queue WHERE (attempts > 0) IN (0, 1) AND reason = ?1";
    for row in living::rows(connection, returned, [Reason::Returned])? - listed {
        remove(connection, row)?;
    }
    Ok(())
}

/// Notes that a customer was asked for in vain: in the queue, or where it waits for its turn among
/// those whose details are old.
pub(super) fn note_attempt(
    connection: &Connection,
    row: u32,
    at: Timestamp,
    why: &str,
) -> rusqlite::Result<()> {
    let queued = connection
        .prepare_cached(
            "UPDATE detail_queue SET attempts = attempts + 1, last_error = ?2 WHERE row = ?1",
        )?
        .execute(params![row, why])?;
    if queued == 0 {
        due::asked_in_vain(connection, row, at)?;
    }
    Ok(())
}

/// The next `most` after `after`.
pub(super) fn next(
    connection: &Connection,
    after: Option<QueueKey>,
    most: u32,
) -> rusqlite::Result<Vec<Queued>> {
    let mut queued = match after {
        Some(QueueKey { again: true, .. }) => Vec::new(),
        after => in_order(connection, false, after, most)?,
    };
    let left = most - u32::try_from(queued.len()).expect("no more than were asked for");
    if left > 0 {
        let after = after.filter(|key| key.again);
        queued.extend(in_order(connection, true, after, left)?);
    }
    Ok(queued)
}

/// Each half is a range of the index; a comparison of pairs would scan from the reason's first.
const IN_ORDER: &str = "SELECT reason, row, id, attempts, last_error FROM detail_queue
     WHERE (attempts > 0) = ?4 AND reason = ?1 AND row > ?2
     UNION ALL
     SELECT reason, row, id, attempts, last_error FROM detail_queue
     WHERE (attempts > 0) = ?4 AND reason > ?1
     ORDER BY reason, row LIMIT ?3";

/// Of those that were asked for in vain, or of the others: the next `most` after `after`.
fn in_order(
    connection: &Connection,
    again: bool,
    after: Option<QueueKey>,
    most: u32,
) -> rusqlite::Result<Vec<Queued>> {
    let (reason, row) = after.map_or((-1, 0), |key| (key.reason as i64, key.row));
    connection
        .prepare_cached(IN_ORDER)?
        .query_map(params![reason, row, most, again], |row| {
            Ok(Queued {
                key: QueueKey {
                    again,
                    reason: row.get(0)?,
                    row: row.get(1)?,
                },
                id: row.get(2)?,
                attempts: row.get(3)?,
                last_error: row.get(4)?,
            })
        })?
        .collect()
}

/// How many wait, by reason.
pub(super) fn lengths(connection: &Connection) -> rusqlite::Result<Vec<(Reason, u64)>> {
    connection
        .prepare_cached(
            "SELECT reason, count(*) FROM detail_queue GROUP BY reason ORDER BY reason",
        )?
        .query_map([], |row| Ok((row.get(0)?, count_at(row, 1)?)))?
        .collect()
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::mirror::Mirror;

    /// Steps of `SQLite`'s machine that it takes to read the queue a hundred at a time, from its
    /// beginning to its end, in a mirror where so many fresh ones are followed by so many that were
    /// asked for in vain.
    fn steps(fresh: u32, in_vain: u32) -> i32 {
        let folder = tempfile::tempdir().expect("a folder");
        let mirror = Mirror::open(&folder.path().join("mirror.db")).expect("a mirror");
        let connection = &mirror.connection;
        connection
            .execute(
                "WITH RECURSIVE rows (row) AS (SELECT 1 UNION ALL SELECT row + 1 FROM rows
                                               WHERE row < ?1 + ?2)
                 INSERT INTO detail_queue (row, id, reason, queued_at, attempts, absent)
                 SELECT row, printf('00000000-0000-4000-8000-%012d', row), row % 2, '', row > ?1, 255
                 FROM rows",
                [fresh, in_vain],
            )
            .expect("rows");
        let mut after = None;
        let mut read = 0;
        loop {
            let queued = next(connection, after, 100).expect("the queue");
            let Some(last) = queued.last() else { break };
            assert!(after.is_none_or(|after| after < queued[0].key));
            after = Some(last.key);
            read += queued.len();
        }
        assert_eq!(read, (fresh + in_vain) as usize);
        let statement = connection.prepare_cached(IN_ORDER).expect("it is cached");
        statement.get_status(StatementStatus::VmStep)
    }

    #[test]
    fn to_read_the_queue_costs_its_length_whoever_was_asked_for_in_vain() {
        let fresh = steps(20_000, 0);
        for (most, steps) in [(2, steps(0, 20_000)), (2, steps(10_000, 10_000))] {
            assert!(steps < most * fresh, "{steps} and {fresh}");
        }
        let longer = steps(0, 40_000);
        assert!(longer < 3 * fresh, "{longer} and {fresh}");
    }
}
