//! The history of a customer: versions that follow each other without gap or overlap.
//!
//! The one that holds is the customer's own row, so that the two can't differ; the others are in
//! `ended`. The view `versions` has them all.

use jiff::{SignedDuration, Timestamp};
use roaring::RoaringBitmap;
use rusqlite::{Connection, params};

use crate::customer::{Customer, CustomerId, Field};
use crate::report::RunId;

use super::row::{At, FIELDS, customer, field_columns, time_at};

/// What a version says happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// It was there when twsync first looked.
    Baseline,
    /// It came.
    Insert,
    /// A declared field changed.
    Update,
    /// It was deleted.
    Delete,
    /// It came back after it had been deleted.
    Undelete,
}

impl Op {
    /// The word that stands in the mirror and the lake.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Undelete => "undelete",
        }
    }
}

/// One version of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its fields.
    pub customer: Customer,
    /// What happened.
    pub op: Op,
    /// From when on it held.
    pub valid_from: Timestamp,
    /// Until when; none while it holds.
    pub valid_to: Option<Timestamp>,
    /// When the state before was last verified: the change lies between this and `valid_from`.
    pub not_before: Option<Timestamp>,
    /// The run that saw it.
    pub run: RunId,
}

/// When a version begins whose change was seen at `at`, where the version before began at
/// `previous`. A clock that was set back makes it begin a microsecond after that, so that
/// history never runs backwards.
pub(super) fn later(previous: Timestamp, at: Timestamp) -> Timestamp {
    let next = previous.saturating_add(SignedDuration::from_micros(1));
    at.max(next.expect("a duration without calendar units can't fail"))
}

/// The days on which a version begins. From each the index leads to the next: no more is read.
pub(super) fn days(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    // Behind a day's last instant: a letter after the one that its times begin with.
    let days = "WITH RECURSIVE
        of_kept (day) AS (
            SELECT substr(min(changed_at), 1, 10) FROM kept
            UNION ALL
            SELECT (SELECT substr(min(changed_at), 1, 10) FROM kept WHERE changed_at > day || 'U')
            FROM of_kept WHERE day IS NOT NULL),
        of_ended (day) AS (
            SELECT substr(min(valid_from), 1, 10) FROM ended
            UNION ALL
            SELECT (SELECT substr(min(valid_from), 1, 10) FROM ended WHERE valid_from > day || 'U')
            FROM of_ended WHERE day IS NOT NULL)
        SELECT day FROM of_kept WHERE day IS NOT NULL
        UNION SELECT day FROM of_ended WHERE day IS NOT NULL";
    let mut statement = connection.prepare_cached(days)?;
    let days = statement.query_map([], |row| row.get(0))?;
    days.collect()
}

/// Puts the version that holds of a customer among those that ended, as of `at`: its row is about to
/// become the next version.
pub(super) fn end(connection: &Connection, row: u32, at: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached(concat!(
            "INSERT INTO ended (row, valid_from, valid_to, not_before, op, run_id, seal, ",
            field_columns!(),
            ") SELECT row, changed_at, ?2, not_before, op, run_id, seal, ",
            field_columns!(),
            " FROM kept WHERE row = ?1"
        ))?
        .execute(params![row, At(at)])?;
    Ok(())
}

/// The rows of which this run, or one that began after it, wrote a version.
pub(super) fn written_since(
    connection: &Connection,
    run: RunId,
) -> rusqlite::Result<RoaringBitmap> {
    connection
        .prepare_cached("SELECT row FROM versions WHERE run_id >= ?1")?
        .query_map([run], |row| row.get::<_, u32>(0))?
        .collect()
}

/// True where no declared field differs. What nobody declared does not count, nor does what is
/// finer than the mirror keeps.
pub(super) fn same_fields(one: &Customer, other: &Customer) -> bool {
    let created = |customer: &Customer| match &customer.created_at {
        Field::Absent => (0, None),
        Field::Null => (1, None),
        Field::Value(at) => (2, Some(at.as_microsecond())),
    };
    one.name == other.name
        && one.tier_name == other.tier_name
        && one.tier_id == other.tier_id
        && one.subscription_status == other.subscription_status
        && one.subscription_enabled == other.subscription_enabled
        && one.member_count == other.member_count
        && created(one) == created(other)
        && one.owner_user_id == other.owner_user_id
}

/// One customer's versions, the oldest first.
pub(super) fn of(connection: &Connection, id: CustomerId) -> rusqlite::Result<Vec<Version>> {
    connection
        .prepare_cached(concat!(
            "SELECT ",
            field_columns!(),
            ", op, valid_from, valid_to, not_before, run_id FROM versions
             WHERE row = (SELECT row FROM ids WHERE id = ?1) ORDER BY valid_from"
        ))?
        .query_map([id], |row| {
            Ok(Version {
                customer: customer(row, 0, id)?,
                op: row.get(FIELDS)?,
                valid_from: row.get::<_, At>(FIELDS + 1)?.0,
                valid_to: time_at(row, FIELDS + 2)?,
                not_before: time_at(row, FIELDS + 3)?,
                run: row.get(FIELDS + 4)?,
            })
        })?
        .collect()
}
