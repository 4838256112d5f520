//! Customers in the order in which they were created, as fast as the mirror's own order allows.
//!
//! Rows lie in the order in which a list first showed them, and lists mostly follow creation, in
//! one direction or the other. So keys are sorted in memory, 32 bytes a customer, and where
//! neighbours among them are neighbours in the table, the table is scanned. Where there is no
//! such order, `SQLite` sorts whole rows, which spares fetching each from another page. Of a
//! million customers, in seconds of one processor: scanned 0.9, sorted 1.5, fetched one by one
//! in random order 2.8; an index would slow each backfill down and not spare the fetching.

use std::path::Path;

use rusqlite::{Connection, Row};

use crate::customer::CustomerId;

use super::Error;
use super::row::micros_at;
use super::rows::{customer_columns, stream};

/// When a customer was created, its id, its row. Without a time it comes first.
type Key = (i64, [u8; 16], u32);

/// Rows in order, from the first to the last: up or down the table without a gap, or a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    first: u32,
    last: u32,
}

/// With fewer rows a stretch than this on average, fetching costs more than sorting.
const STRETCH_MIN: usize = 4;

/// What is read of each customer, in the three ways in which it may be read.
pub(super) struct Select {
    sorted: &'static str,
    up: &'static str,
    down: &'static str,
}

macro_rules! select {
    ($row:literal, $($what:tt)+) => {
        Select {
            sorted: concat!("SELECT ", $($what)+, " ORDER BY created_at, id"),
            up: concat!("SELECT ", $($what)+, " WHERE ", $row, " BETWEEN ?1 AND ?2 ORDER BY ", $row),
            down: concat!(
                "SELECT ", $($what)+, " WHERE ", $row, " BETWEEN ?2 AND ?1 ORDER BY ", $row, " DESC"
            ),
        }
    };
}

/// The customer alone.
pub(super) const CUSTOMER: Select = select!("row", customer_columns!(), " FROM kept");

/// The customer, and what the version that holds of it says beyond it.
pub(super) const WITH_VERSION: Select = select!(
    "row",
    customer_columns!(),
    ", op, not_before, run_id FROM kept"
);

/// Gives every customer to `each`, by `created_at`, then `id`.
pub(super) fn customers<E: From<Error>>(
    connection: &Connection,
    path: &Path,
    select: &Select,
    mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<Result<(), E>>,
) -> Result<(), E> {
    let keys = keys(connection).map_err(|error| Error::sql(path, error))?;
    let stretches = stretches(&keys);
    let customers = keys.len();
    let few = stretches.len() <= customers / STRETCH_MIN;
    drop(keys);
    let mut given = 0;
    let mut each = |row: &Row<'_>| {
        given += 1;
        each(row)
    };
    if few {
        for Stretch { first, last } in stretches {
            let sql = if first <= last {
                select.up
            } else {
                select.down
            };
            stream(connection, path, sql, &[&first, &last], &mut each)?;
        }
    } else {
        stream(connection, path, select.sorted, &[], each)?;
    }
    if given != customers {
        let path = path.to_owned();
        let what = format!("of {customers} customers {given} have a version that holds");
        return Err(Error::Damaged { path, what }.into());
    }
    Ok(())
}

fn keys(connection: &Connection) -> rusqlite::Result<Vec<Key>> {
    // Grown by doubling, it would for a moment take three times the room. To count the customers
    // would read all of them; the highest number is no less, and room that is not used costs nothing.
    let most = "SELECT coalesce(max(row), 0) FROM kept";
    let most: u32 = connection.query_row(most, [], |row| row.get(0))?;
    let mut keys = Vec::new();
    let _ = keys.try_reserve_exact(most as usize);
    let mut statement = connection.prepare_cached("SELECT created_at, id, row FROM kept")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: CustomerId = row.get(1)?;
        keys.push((
            micros_at(row, 0)?.unwrap_or(i64::MIN),
            *id.as_bytes(),
            row.get(2)?,
        ));
    }
    keys.sort_unstable();
    Ok(keys)
}

/// Cuts rows in order of their keys into the longest stretches that lie side by side in the table.
fn stretches(keys: &[Key]) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for (_, _, row) in keys {
        match stretches.last_mut() {
            Some(stretch) if stretch.reaches(*row) => stretch.last = *row,
            _ => stretches.push(Stretch {
                first: *row,
                last: *row,
            }),
        }
    }
    stretches
}

impl Stretch {
    /// True where `row` goes on in the stretch's direction; a single row has both.
    fn reaches(self, row: u32) -> bool {
        let up = self.last >= self.first && row == self.last.wrapping_add(1);
        let down = self.last <= self.first && row == self.last.wrapping_sub(1);
        up || down
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_where_the_table_does_not_go_on() {
        let keys: Vec<Key> = [9, 8, 7, 1, 2, 3, 2, 5]
            .into_iter()
            .map(|row| (0, [0; 16], row))
            .collect();
        let cut: Vec<_> = stretches(&keys)
            .into_iter()
            .map(|it| (it.first, it.last))
            .collect();
        assert_eq!(cut, [(9, 7), (1, 3), (2, 2), (5, 5)]);
    }
}
