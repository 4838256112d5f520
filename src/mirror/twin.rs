//! A second connection that stands at the instant of a snapshot, so that two threads read one state.

use std::path::PathBuf;

use rusqlite::{Connection, ffi};

use super::{Creation, Error, LivingVersion, VersionRow, rows};

/// How often two connections may begin at different instants: each time somebody wrote in between,
/// in the moment that two statements take.
const TRIES: usize = 16;

/// A second connection at the instant of a [`Snapshot`](super::Snapshot).
pub struct Twin {
    connection: Connection,
    path: PathBuf,
}

impl Twin {
    /// `connection` must stand at the snapshot's instant.
    pub(super) const fn new(connection: Connection, path: PathBuf) -> Self {
        Self { connection, path }
    }

    /// Gives the version that holds of each living customer to `each`, in the order of `creation`.
    pub fn living<E: From<Error>>(
        &self,
        creation: &Creation,
        each: impl FnMut(&LivingVersion<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        rows::living(&self.connection, &self.path, creation, each)
    }

    /// Gives every other version to `each`, by the customer's row number, then `valid_from`: those
    /// that ended, and those that say that a customer is gone.
    pub fn past<E: From<Error>>(
        &self,
        each: impl FnMut(&VersionRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        rows::past(&self.connection, &self.path, each)
    }
}

/// Begins a transaction with `begin_first`, and one on `second` at the same instant. Where others
/// wrote in between again and again, the mirror is busy.
pub(super) fn begin_together<T>(
    second: &Connection,
    begin_first: impl Fn() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    for _ in 0..TRIES {
        let before = data_version(second)?;
        let first = begin_first()?;
        second.execute_batch("BEGIN")?;
        // Unchanged, it says that nobody committed since it was asked before:
        // <https://www.sqlite.org/pragma.html#pragma_data_version>. It is also the first look, with
        // which a transaction takes its instant.
        if data_version(second)? == before {
            return Ok(first);
        }
        second.execute_batch("ROLLBACK")?;
    }
    let busy = ffi::Error::new(ffi::SQLITE_BUSY_SNAPSHOT);
    let what = "it is written to without a pause".to_owned();
    Err(rusqlite::Error::SqliteFailure(busy, Some(what)))
}

fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "data_version", |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use rusqlite::ErrorCode;

    use super::*;

    #[test]
    fn who_writes_between_the_two_makes_them_begin_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let connect = || Connection::open(folder.path().join("mirror.db")).expect("a database");
        let [first, second, writer] = [connect(), connect(), connect()];
        writer
            .execute_batch("PRAGMA journal_mode = wal; CREATE TABLE kept (row INTEGER)")
            .expect("a table");
        let count = |connection: &Connection| -> u32 {
            let count = connection.query_row("SELECT count(*) FROM kept", [], |row| row.get(0));
            count.expect("a number")
        };
        for writes in [0, 1, 3, u32::MAX] {
            let left = Cell::new(writes);
            let begin_first = || {
                if !first.is_autocommit() {
                    first.execute_batch("ROLLBACK")?;
                }
                first.execute_batch("BEGIN")?;
                let seen = count(&first);
                if left.get() > 0 {
                    left.set(left.get() - 1);
                    writer.execute_batch("INSERT INTO kept VALUES (1)")?;
                }
                Ok(seen)
            };
            let begun = begin_together(&second, begin_first);
            assert_eq!(second.is_autocommit(), begun.is_err());
            if writes == u32::MAX {
                let busy = begun.map_err(|error| error.sqlite_error_code());
                assert_eq!(busy, Err(Some(ErrorCode::DatabaseBusy)));
            } else {
                let seen = begun.expect("nobody writes any more");
                writer
                    .execute_batch("INSERT INTO kept VALUES (1)")
                    .expect("it writes meanwhile");
                assert_eq!(count(&second), seen, "{writes} writes");
                second.execute_batch("ROLLBACK").expect("it is over");
            }
        }
    }
}
