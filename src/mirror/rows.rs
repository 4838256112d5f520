//! Whole tables, a row at a time: customers and versions for the lake, borrowed from the row that
//! `SQLite` stands on, so that a million of them cost no allocation each.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, ToSql};

use super::row::{micros_at, text_at};
use super::{Error, Op, creation};

/// In which order customers are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomerOrder {
    /// By row number: the fastest.
    Row,
    /// By `created_at` (those without first), then `id`.
    Creation,
}

/// In which order versions are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionOrder {
    /// By the customer's row number, then `valid_from`: the fastest.
    Row,
    /// By the customer's id, then `valid_from`.
    Customer,
    /// By `valid_from`, then the customer's row number.
    Time,
}

/// A customer as the mirror has it, borrowed from the row being read. Times are microseconds since
/// 1970-01-01T00:00:00Z. A field that is absent and one that is null are both `None` here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table of the same name")]
pub struct CustomerRow<'row> {
    pub id: &'row str,
    pub name: Option<&'row str>,
    pub tier_name: Option<&'row str>,
    pub tier_id: Option<&'row str>,
    pub subscription_status: Option<&'row str>,
    pub subscription_enabled: Option<bool>,
    pub member_count: Option<i64>,
    pub created_at: Option<i64>,
    pub owner_user_id: Option<&'row str>,
    pub extra: Option<&'row str>,
    pub first_seen_at: i64,
    pub changed_at: i64,
    pub detail_verified_at: Option<i64>,
    pub unlisted_since: Option<i64>,
    pub deleted_at: Option<i64>,
}

/// A version as the mirror has it, borrowed from the row being read. Times as in [`CustomerRow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table of the same name")]
pub struct VersionRow<'row> {
    pub customer_id: &'row str,
    pub name: Option<&'row str>,
    pub tier_name: Option<&'row str>,
    pub tier_id: Option<&'row str>,
    pub subscription_status: Option<&'row str>,
    pub subscription_enabled: Option<bool>,
    pub member_count: Option<i64>,
    pub created_at: Option<i64>,
    pub owner_user_id: Option<&'row str>,
    pub extra: Option<&'row str>,
    pub op: Op,
    pub valid_from: i64,
    pub valid_to: Option<i64>,
    pub not_before: Option<i64>,
    pub run_id: &'row str,
}

/// What the version that holds of a customer says beyond the customer's row: how it began. Times as in
/// [`CustomerRow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table of versions")]
pub struct Opening<'row> {
    pub op: Op,
    pub not_before: Option<i64>,
    pub run_id: &'row str,
}

/// What a customer's row says of it beyond its versions. Times as in [`CustomerRow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table of customers")]
pub struct Presence {
    pub first_seen_at: i64,
    pub detail_verified_at: Option<i64>,
    pub unlisted_since: Option<i64>,
}

/// The columns of a [`CustomerRow`], in order.
macro_rules! customer_columns {
    () => {
        "id, name, tier_name, tier_id, subscription_status, subscription_enabled, member_count,
         created_at, owner_user_id, extra, first_seen_at, changed_at, detail_verified_at,
         unlisted_since, deleted_at"
    };
}
pub(super) use customer_columns;
const CUSTOMER_COLUMNS: usize = 15;

/// The columns of a [`VersionRow`] without the id, of the table that goes by `$table`.
macro_rules! version_columns {
    ($table:literal) => {
        concat!(
            $table,
            ".op, ",
            $table,
            ".name, ",
            $table,
            ".tier_name, ",
            $table,
            ".tier_id, ",
            $table,
            ".subscription_status, ",
            $table,
            ".subscription_enabled, ",
            $table,
            ".member_count, ",
            $table,
            ".created_at, ",
            $table,
            ".owner_user_id, ",
            $table,
            ".extra, ",
            $table,
            ".valid_from, ",
            $table,
            ".valid_to, ",
            $table,
            ".not_before, ",
            $table,
            ".run_id"
        )
    };
}
const VERSION_COLUMNS: usize = 14;

/// Sorts after every time: they begin with a digit or a sign.
const AFTER_ALL: &str = "~";

/// Gives every customer to `each`.
pub(super) fn customers<E: From<Error>>(
    connection: &Connection,
    path: &Path,
    order: CustomerOrder,
    mut each: impl FnMut(&CustomerRow<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let each = |row: &Row<'_>| Ok(each(&CustomerRow::read(row)?));
    match order {
        CustomerOrder::Row => {
            let sql = concat!("SELECT ", customer_columns!(), " FROM kept ORDER BY row");
            stream(connection, path, sql, &[], each)
        }
        CustomerOrder::Creation => creation::customers(connection, path, &creation::CUSTOMER, each),
    }
}

/// Gives every customer to `each`, by `created_at` (those without first), then `id`, together with
/// how the version that holds of it began.
pub(super) fn latest<E: From<Error>>(
    connection: &Connection,
    path: &Path,
    mut each: impl FnMut(&CustomerRow<'_>, &Opening<'_>) -> Result<(), E>,
) -> Result<(), E> {
    creation::customers(connection, path, &creation::WITH_VERSION, |row| {
        let customer = CustomerRow::read(row)?;
        let opening = Opening::read(row, CUSTOMER_COLUMNS)?;
        Ok(each(&customer, &opening))
    })
}

/// Gives every version that ended to `each`, by the customer's row number, then `valid_from`.
pub(super) fn ended<E: From<Error>>(
    connection: &Connection,
    path: &Path,
    mut each: impl FnMut(&VersionRow<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let sql = concat!(
        "SELECT id, ",
        version_columns!("now"),
        " FROM ended AS now CROSS JOIN kept USING (row)
          ORDER BY now.row, now.valid_from"
    );
    stream(connection, path, sql, &[], |row| {
        Ok(each(&VersionRow::read(row, 1)?))
    })
}

/// Gives every version to `each`.
///
/// What is sorted by must be among the columns: so `SQLite` merges both parts of `versions`, each of which
/// is in order already.
pub(super) fn versions<E: From<Error>>(
    connection: &Connection,
    path: &Path,
    order: VersionOrder,
    mut each: impl FnMut(&VersionRow<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let sql = match order {
        VersionOrder::Row => concat!(
            "SELECT now.id, ",
            version_columns!("now"),
            ", now.row FROM versions AS now ORDER BY now.row, now.valid_from"
        ),
        VersionOrder::Customer => concat!(
            "SELECT ids.id, ",
            version_columns!("now"),
            " FROM ids CROSS JOIN versions AS now ON now.row = ids.row
              ORDER BY ids.id, now.valid_from"
        ),
        VersionOrder::Time => concat!(
            "SELECT now.id, ",
            version_columns!("now"),
            ", now.row FROM versions AS now ORDER BY now.valid_from, now.row"
        ),
    };
    stream(connection, path, sql, &[], |row| {
        Ok(each(&VersionRow::read(row, 1)?))
    })
}

/// Gives every version to `each`, with what the customer's row says beyond it.
pub(super) fn versions_with_presence<E: From<Error>>(
    connection: &Connection,
    path: &Path,
    mut each: impl FnMut(&VersionRow<'_>, Presence) -> Result<(), E>,
) -> Result<(), E> {
    let sql = concat!(
        "SELECT now.id, ",
        version_columns!("now"),
        ", first_seen_at, detail_verified_at, unlisted_since, now.row
          FROM versions AS now CROSS JOIN kept ON kept.row = now.row
          ORDER BY now.row, now.valid_from"
    );
    let first = 1 + VERSION_COLUMNS;
    stream(connection, path, sql, &[], |row| {
        let presence = Presence {
            first_seen_at: must(first, micros_at(row, first)?)?,
            detail_verified_at: micros_at(row, first + 1)?,
            unlisted_since: micros_at(row, first + 2)?,
        };
        Ok(each(&VersionRow::read(row, 1)?, presence))
    })
}

/// Gives every version that begins in `[from, until)` to `each`, with the one before it.
pub(super) fn changes<E: From<Error>>(
    connection: &Connection,
    path: &Path,
    (from, until): (Option<Timestamp>, Option<Timestamp>),
    mut each: impl FnMut(&VersionRow<'_>, Option<&VersionRow<'_>>) -> Result<(), E>,
) -> Result<(), E> {
    let sql = concat!(
        "SELECT now.id, ",
        version_columns!("now"),
        ", ",
        version_columns!("before"),
        ", now.row FROM versions AS now
          LEFT JOIN ended AS before
             ON now.op NOT IN ('baseline', 'insert')
                AND before.row = now.row AND before.valid_to = now.valid_from
          WHERE now.valid_from >= ?1 AND now.valid_from < ?2
          ORDER BY now.valid_from, now.row"
    );
    // Both ends are bounds of the index: an end that may be missing would have it read to the last.
    let text = |at: Option<Timestamp>, otherwise: &str| {
        at.map_or_else(|| otherwise.to_owned(), super::time::text)
    };
    let (from, until) = (text(from, ""), text(until, AFTER_ALL));
    let range: [&dyn ToSql; 2] = [&from, &until];
    stream(connection, path, sql, &range, |row| {
        let now = VersionRow::read(row, 1)?;
        let before = match text_at(row, 1 + VERSION_COLUMNS)? {
            Some(_) => Some(VersionRow::read(row, 1 + VERSION_COLUMNS)?),
            None => None,
        };
        Ok(each(&now, before.as_ref()))
    })
}

/// Hands row after row of a query to `each`, until it fails.
pub(super) fn stream<E: From<Error>>(
    connection: &Connection,
    path: &Path,
    sql: &str,
    values: &[&dyn ToSql],
    mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<Result<(), E>>,
) -> Result<(), E> {
    let fail = |error| Error::sql(path, error);
    let mut statement = connection.prepare_cached(sql).map_err(fail)?;
    let mut rows = statement.query(values).map_err(fail)?;
    while let Some(row) = rows.next().map_err(fail)? {
        each(row).map_err(fail)??;
    }
    Ok(())
}

impl<'row> CustomerRow<'row> {
    fn read(row: &'row Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: must(0, text_at(row, 0)?)?,
            name: text_at(row, 1)?,
            tier_name: text_at(row, 2)?,
            tier_id: text_at(row, 3)?,
            subscription_status: text_at(row, 4)?,
            subscription_enabled: row.get(5)?,
            member_count: row.get(6)?,
            created_at: micros_at(row, 7)?,
            owner_user_id: text_at(row, 8)?,
            extra: text_at(row, 9)?,
            first_seen_at: must(10, micros_at(row, 10)?)?,
            changed_at: must(11, micros_at(row, 11)?)?,
            detail_verified_at: micros_at(row, 12)?,
            unlisted_since: micros_at(row, 13)?,
            deleted_at: micros_at(row, 14)?,
        })
    }
}

impl<'row> Opening<'row> {
    fn read(row: &'row Row<'_>, first: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            op: row.get(first)?,
            not_before: micros_at(row, first + 1)?,
            run_id: must(first + 2, text_at(row, first + 2)?)?,
        })
    }
}

impl<'row> VersionRow<'row> {
    /// The version of `customer` that holds.
    pub fn that_holds(customer: &CustomerRow<'row>, opening: &Opening<'row>) -> Self {
        Self {
            customer_id: customer.id,
            name: customer.name,
            tier_name: customer.tier_name,
            tier_id: customer.tier_id,
            subscription_status: customer.subscription_status,
            subscription_enabled: customer.subscription_enabled,
            member_count: customer.member_count,
            created_at: customer.created_at,
            owner_user_id: customer.owner_user_id,
            extra: customer.extra,
            op: opening.op,
            valid_from: customer.changed_at,
            valid_to: None,
            not_before: opening.not_before,
            run_id: opening.run_id,
        }
    }

    /// The version whose columns begin at `first`; the customer's id is column 0.
    fn read(row: &'row Row<'_>, first: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            customer_id: must(0, text_at(row, 0)?)?,
            op: row.get(first)?,
            name: text_at(row, first + 1)?,
            tier_name: text_at(row, first + 2)?,
            tier_id: text_at(row, first + 3)?,
            subscription_status: text_at(row, first + 4)?,
            subscription_enabled: row.get(first + 5)?,
            member_count: row.get(first + 6)?,
            created_at: micros_at(row, first + 7)?,
            owner_user_id: text_at(row, first + 8)?,
            extra: text_at(row, first + 9)?,
            valid_from: must(first + 10, micros_at(row, first + 10)?)?,
            valid_to: micros_at(row, first + 11)?,
            not_before: micros_at(row, first + 12)?,
            run_id: must(first + 13, text_at(row, first + 13)?)?,
        })
    }
}

fn must<T>(column: usize, value: Option<T>) -> rusqlite::Result<T> {
    value.ok_or_else(|| rusqlite::Error::InvalidColumnType(column, "NULL".to_owned(), Type::Null))
}
