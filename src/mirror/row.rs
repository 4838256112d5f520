//! How values become columns and columns values: one form for a customer's fields in every table
//! that holds them.
//!
//! A text is kept byte for byte, a NUL inside it included. `SQLite`'s own `length()` and most of
//! its text functions stop at a NUL; `length(CAST(name AS BLOB))` does not.

use jiff::Timestamp;
use roaring::RoaringBitmap;
use rusqlite::Row;
use rusqlite::types::{
    FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, Value, ValueRef,
};

use crate::customer::{Customer, CustomerId, Field};
use crate::report::{Grade, Mode, Outcome, RunId};

use super::{Op, Reason, time};

/// The columns that hold a customer's fields, in the order of [`fields`] and [`customer`].
macro_rules! field_columns {
    () => {
        "name, tier_name, tier_id, subscription_status, subscription_enabled, \
         member_count, created_at, owner_user_id, extra, absent"
    };
}
pub(super) use field_columns;

/// How many columns that is.
pub(super) const FIELDS: usize = 10;

/// A customer's fields, to be bound to [`field_columns`].
pub(super) fn fields(customer: &Customer) -> [ToSqlOutput<'_>; FIELDS] {
    let mut absent = Absent(0);
    let created_at = absent.note(6, &customer.created_at);
    [
        text(absent.note(0, &customer.name)),
        text(absent.note(1, &customer.tier_name)),
        text(absent.note(2, &customer.tier_id)),
        text(absent.note(3, &customer.subscription_status)),
        integer(
            absent
                .note(4, &customer.subscription_enabled)
                .map(|it| i64::from(*it)),
        ),
        integer(absent.note(5, &customer.member_count).copied()),
        created_at.map_or(NULL, |at| ToSqlOutput::Owned(Value::Text(time::text(*at)))),
        text(absent.note(7, &customer.owner_user_id)),
        text(customer.extra.as_ref()),
        // The last, when all fields have been noted.
        integer(Some(absent.0)),
    ]
}

/// The customer whose fields stand in `row` from column `first` on.
pub(super) fn customer(row: &Row<'_>, first: usize, id: CustomerId) -> rusqlite::Result<Customer> {
    let absent = Absent(row.get(first + 9)?);
    Ok(Customer {
        id,
        name: absent.field(0, row.get(first)?),
        tier_name: absent.field(1, row.get(first + 1)?),
        tier_id: absent.field(2, row.get(first + 2)?),
        subscription_status: absent.field(3, row.get(first + 3)?),
        subscription_enabled: absent.field(4, row.get(first + 4)?),
        member_count: absent.field(5, row.get(first + 5)?),
        created_at: absent.field(6, row.get::<_, Option<At>>(first + 6)?.map(|at| at.0)),
        owner_user_id: absent.field(7, row.get(first + 7)?),
        extra: row.get(first + 8)?,
    })
}

/// Which fields are absent, a bit each.
struct Absent(i64);

impl Absent {
    fn note<'f, T>(&mut self, bit: u8, field: &'f Field<T>) -> Option<&'f T> {
        self.0 |= i64::from(field.is_absent()) << bit;
        field.value()
    }

    fn field<T>(&self, bit: u8, value: Option<T>) -> Field<T> {
        match value {
            Some(value) => Field::Value(value),
            None if self.0 >> bit & 1 == 1 => Field::Absent,
            None => Field::Null,
        }
    }
}

const NULL: ToSqlOutput<'static> = ToSqlOutput::Owned(Value::Null);

fn text(text: Option<&String>) -> ToSqlOutput<'_> {
    text.map_or(NULL, |text| {
        ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))
    })
}

fn integer(number: Option<i64>) -> ToSqlOutput<'static> {
    number.map_or(NULL, |number| ToSqlOutput::Owned(Value::Integer(number)))
}

/// A time in its column.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At(pub Timestamp);

impl ToSql for At {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(Value::Text(time::text(self.0))))
    }
}

impl FromSql for At {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let at = time::parse(value.as_bytes()?);
        at.map(Self).ok_or(FromSqlError::InvalidType)
    }
}

/// A set of row numbers in its column.
pub(super) struct RowSet(pub RoaringBitmap);

impl ToSql for RowSet {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let mut bytes = Vec::with_capacity(self.0.serialized_size());
        self.0
            .serialize_into(&mut bytes)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        Ok(ToSqlOutput::Owned(Value::Blob(bytes)))
    }
}

impl FromSql for RowSet {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        RoaringBitmap::deserialize_from(value.as_blob()?)
            .map(Self)
            .map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

/// A count in its column. What is beyond 2^63 is kept as 2^63 - 1.
pub(super) fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The count in column `index`; a negative one is damage.
pub(super) fn count_at(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(index)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, number))
}

/// The time in column `index`, if there is one.
pub(super) fn time_at(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<At>>(index)?.map(|at| at.0))
}

/// The text in column `index`, borrowed; what is no text is damage.
pub(super) fn text_at<'row>(
    row: &'row Row<'_>,
    index: usize,
) -> rusqlite::Result<Option<&'row str>> {
    row.get_ref(index)?.as_str_or_null().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
    })
}

/// The microseconds of the time in column `index`, if there is one.
pub(super) fn micros_at(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<i64>> {
    Ok(time_at(row, index)?.map(Timestamp::as_microsecond))
}

impl ToSql for CustomerId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(Value::Text(self.to_string())))
    }
}

impl FromSql for CustomerId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(FromSqlError::other)
    }
}

impl ToSql for RunId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(Value::Text(self.to_string())))
    }
}

impl FromSql for RunId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        uuid::Uuid::try_parse(value.as_str()?)
            .map(Self)
            .map_err(FromSqlError::other)
    }
}

/// A word of a closed list, written with `as_str` and read back by looking it up.
macro_rules! word {
    ($type:ident: $($variant:ident),+) => {
        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.as_str().as_bytes())))
            }
        }
        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let word = value.as_str()?;
                [$(Self::$variant),+]
                    .into_iter()
                    .find(|it| it.as_str() == word)
                    .ok_or(FromSqlError::InvalidType)
            }
        }
    };
}
word!(Grade: Partial, Converged, Complete);
word!(Mode: Sync, Full, Refresh);
word!(Outcome: Done, Held, Partial, Failed);
word!(Op: Baseline, Insert, Update, Delete, Undelete);

impl ToSql for Reason {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(Value::Integer(i64::from(*self as u8))))
    }
}

impl FromSql for Reason {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        Self::ALL
            .into_iter()
            .find(|it| i64::from(*it as u8) == number)
            .ok_or(FromSqlError::OutOfRange(number))
    }
}
