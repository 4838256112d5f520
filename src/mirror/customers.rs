//! The row of one customer in `kept`.

use jiff::Timestamp;
use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use crate::customer::{Customer, CustomerId, Fingerprint};
use crate::report::RunId;

use super::Op;
use super::row::{At, FIELDS, customer, field_columns, fields, time_at};
use super::seal::sealed_columns;

/// A customer with all that the mirror keeps of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its row number.
    pub row: u32,
    /// Its fields.
    pub customer: Customer,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When the version that holds began: a declared field changed, it was deleted, or it came back.
    pub changed_at: Timestamp,
    /// What happened then.
    pub op: Op,
    /// When the state before was last verified: the change lies between this and `changed_at`.
    pub not_before: Option<Timestamp>,
    /// The run that saw it.
    pub run: RunId,
    /// When its details were last verified.
    pub detail_verified_at: Option<Timestamp>,
    /// Since when it lives though a proved list does not show it.
    pub unlisted_since: Option<Timestamp>,
    /// When it was found to be deleted.
    pub deleted_at: Option<Timestamp>,
    /// Of the list row after which its details were fetched; none where no list row was.
    pub listed_fingerprint: Option<Fingerprint>,
    /// False where another program has changed what its version says.
    pub is_sound: bool,
}

/// The customer with this row number.
pub(super) fn read(
    connection: &Connection,
    row: u32,
    id: CustomerId,
) -> rusqlite::Result<Option<Kept>> {
    connection
        .prepare_cached(concat!(
            "SELECT ",
            field_columns!(),
            ", first_seen_at, changed_at, op, not_before, run_id, detail_verified_at,
               unlisted_since, deleted_at, listed_fingerprint, seal = seal_of(",
            sealed_columns!(),
            ") FROM kept WHERE row = ?1"
        ))?
        .query_row([row], |columns| {
            Ok(Kept {
                row,
                customer: customer(columns, 0, id)?,
                first_seen_at: columns.get::<_, At>(FIELDS)?.0,
                changed_at: columns.get::<_, At>(FIELDS + 1)?.0,
                op: columns.get(FIELDS + 2)?,
                not_before: time_at(columns, FIELDS + 3)?,
                run: columns.get(FIELDS + 4)?,
                detail_verified_at: time_at(columns, FIELDS + 5)?,
                unlisted_since: time_at(columns, FIELDS + 6)?,
                deleted_at: time_at(columns, FIELDS + 7)?,
                listed_fingerprint: columns.get::<_, Option<i64>>(FIELDS + 8)?.map(Fingerprint),
                is_sound: columns.get(FIELDS + 9)?,
            })
        })
        .optional()
}

/// The seal of what is written: the values of the sealed columns are bound first, in their order.
macro_rules! seal_of_the_first_values {
    () => {
        "seal_of(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
    };
}

/// A customer that has no row yet.
pub(super) fn insert(connection: &Connection, kept: &Kept) -> rusqlite::Result<()> {
    write(
        connection,
        kept,
        concat!(
            "INSERT INTO kept (",
            field_columns!(),
            ", op, changed_at, not_before, run_id, first_seen_at, detail_verified_at,
               unlisted_since, deleted_at, listed_fingerprint, row, id, seal)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
               ?19, ?20, ?21, ",
            seal_of_the_first_values!(),
            ")"
        ),
        &[&kept.customer.id],
    )
}

/// A customer that has a row.
pub(super) fn update(connection: &Connection, kept: &Kept) -> rusqlite::Result<()> {
    write(
        connection,
        kept,
        concat!(
            "UPDATE kept SET (",
            field_columns!(),
            ", op, changed_at, not_before, run_id, first_seen_at, detail_verified_at,
               unlisted_since, deleted_at, listed_fingerprint, seal)
             = (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ",
            seal_of_the_first_values!(),
            ") WHERE row = ?20"
        ),
        &[],
    )
}

fn write(
    connection: &Connection,
    kept: &Kept,
    sql: &str,
    id: &[&dyn ToSql],
) -> rusqlite::Result<()> {
    let fields = fields(&kept.customer);
    let rest: [&dyn ToSql; 10] = [
        &kept.op,
        &At(kept.changed_at),
        &kept.not_before.map(|at| At(at.min(kept.changed_at))),
        &kept.run,
        &At(kept.first_seen_at),
        &kept.detail_verified_at.map(At),
        &kept.unlisted_since.map(At),
        &kept.deleted_at.map(At),
        &kept.listed_fingerprint.map(|it| it.0),
        &kept.row,
    ];
    let fields = fields.iter().map(|field| field as &dyn ToSql);
    let values = fields.chain(rest).chain(id.iter().copied());
    connection
        .prepare_cached(sql)?
        .execute(params_from_iter(values))?;
    Ok(())
}
