//! How a mirror is opened: whose file it is, then who may write, then which schema it has.
//!
//! A new mirror is made under another name and put in place whole, so that a file under the
//! mirror's own name always says in its header whose it is; one that is not ours is never touched,
//! not even by `SQLite`'s own recovery.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::header::Header;
use super::lock::{Lock, beside};
use super::{Error, Mirror, read, seal};

/// What brings an empty database to the newest schema, a step a schema.
const MIGRATIONS: [&str; SCHEMA as usize] = [
    include_str!("migrations/001-promised.sql"),
    include_str!("migrations/002-walk-and-queue.sql"),
    include_str!("migrations/003-ids.sql"),
    include_str!("migrations/004-asked-in-vain.sql"),
    include_str!("migrations/005-departures.sql"),
    include_str!("migrations/006-ends.sql"),
    include_str!("migrations/007-ended.sql"),
];

/// The newest schema that this program knows.
pub(super) const SCHEMA: u32 = 7;

/// How long a statement waits for another program's lock.
pub(super) const BUSY_MAX: Duration = Duration::from_secs(10);

/// The log is folded back when it has grown to this many pages (32 MiB): a backfill then rewrites
/// the pages of its indexes once for many transactions, not once for each few.
const WAL_PAGES: u32 = 8192;

/// Pages that the writer keeps in memory, in KiB: the inner pages of the indexes of a million
/// customers, and what a page of the list touches.
const CACHE_KIB: i32 = 16 << 10;

/// Where `SQLite` keeps what is not in the file itself yet: behind the file's name.
const LOGS: [&str; 2] = ["-wal", "-journal"];

/// More statements than the crate has, so that none is ever compiled twice.
const STATEMENTS: usize = 128;

/// Opens the mirror at `path` as its one writer, and makes it where there is none.
pub(super) fn writer(path: &Path) -> Result<Mirror, Error> {
    make_folder(path)?;
    belongs(path)?;
    let mut lock = Lock::take(path)?;
    if !belongs(path)? {
        refuse_log(path)?;
        create(path)?;
    }
    let mut connection = connect(path)?;
    if !lock.is_sound() {
        look_for_damage(path, &connection)?;
        lock.set_sound(true);
    }
    migrate(path, &mut connection)?;
    let keeps_log = read::connect(path, false).map_err(|error| Error::sql(path, error))?;
    Ok(Mirror {
        connection,
        _keeps_log: keeps_log,
        path: path.to_owned(),
        lock,
    })
}

/// Prepares a connection that reads for what this crate's statements expect.
pub(super) fn settle_in(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    seal::install(connection)?;
    connection.busy_timeout(BUSY_MAX)
}

/// An error where something else than a mirror of ours is at `path`. Nothing is made or changed.
pub(super) fn recognize(path: &Path) -> Result<(), Error> {
    belongs(path).map(|_| ())
}

/// Whether there is a mirror of ours; an error where there is something else.
fn belongs(path: &Path) -> Result<bool, Error> {
    let Some(header) = Header::read(path)? else {
        return Ok(false);
    };
    header.must_be_ours(path)?;
    Ok(true)
}

fn make_folder(path: &Path) -> Result<(), Error> {
    let Some(folder) = folder(path) else {
        return Ok(());
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(folder)
        .map_err(|error| Error::io(folder, error))
}

fn folder(path: &Path) -> Option<&Path> {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
}

/// An error where the log of a mirror that is not there any more still is: `SQLite` would take it for
/// the new one's, and mix what it says into it. An empty one says nothing.
/// <https://www.sqlite.org/howtocorrupt.html>, "Mispairing database files and hot journals".
fn refuse_log(path: &Path) -> Result<(), Error> {
    let is_log = |path: &PathBuf| fs::metadata(path).is_ok_and(|there| there.len() > 0);
    let mut logs = LOGS.iter().map(|suffix| beside(path, suffix));
    logs.find(is_log).map_or(Ok(()), |log| {
        Err(Error::LeftLog {
            path: path.to_owned(),
            log,
        })
    })
}

/// Makes an empty mirror beside `path` and renames it into place.
fn create(path: &Path) -> Result<(), Error> {
    let unfinished = beside(path, ".new");
    let io = |error| Error::io(&unfinished, error);
    let sql = |error| Error::sql(&unfinished, error);
    new_file(&unfinished).map_err(io)?;
    let mut connection = Connection::open(&unfinished).map_err(sql)?;
    seal::install(&connection).map_err(sql)?;
    to_latest(&unfinished, &mut connection)?;
    connection.close().map_err(|(_, error)| sql(error))?;
    fail::fail_point!("mirror::create-before-rename");
    File::open(&unfinished)
        .and_then(|file| file.sync_all())
        .map_err(io)?;
    put_in_place(&unfinished, path)
}

/// An empty file that none but its owner can write and its group can read. A leftover goes.
fn new_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o640)
        .open(path)?;
    Ok(())
}

fn put_in_place(finished: &Path, path: &Path) -> Result<(), Error> {
    fs::rename(finished, path).map_err(|error| Error::io(path, error))?;
    let folder = folder(path).unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Error::io(folder, error))
}

fn connect(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| Error::sql(path, error))?;
    // Where the file can't be written, SQLite falls back to reading without a word.
    if connection
        .is_readonly(MAIN_DB)
        .map_err(|error| Error::sql(path, error))?
    {
        return Err(Error::io(path, io::ErrorKind::PermissionDenied.into()));
    }
    prepare(&connection).map_err(|error| Error::sql(path, error))?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    settle_in(connection)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)
}

/// After a writer that did not end well: a failed disk shows here, not in the middle of a run.
fn look_for_damage(path: &Path, connection: &Connection) -> Result<(), Error> {
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| Error::sql(path, error))?;
    if found == "ok" {
        return Ok(());
    }
    Err(Error::Damaged {
        path: path.to_owned(),
        what: found,
    })
}

/// Brings an older schema up to date, after having put a copy of the mirror aside.
fn migrate(path: &Path, connection: &mut Connection) -> Result<(), Error> {
    let schema = schema(connection).map_err(|error| Error::sql(path, error))?;
    if schema > SCHEMA {
        return Err(Error::Newer {
            path: path.to_owned(),
            found: schema,
            known: SCHEMA,
        });
    }
    if schema == SCHEMA {
        return Ok(());
    }
    back_up(connection, path, schema)?;
    fail::fail_point!("mirror::migration-before-commit");
    to_latest(path, connection)?;
    fail::fail_point!("mirror::migration-after-commit");
    Ok(())
}

/// The schema that a database has, its log included.
pub(super) fn schema(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn to_latest(path: &Path, connection: &mut Connection) -> Result<(), Error> {
    connection.set_transaction_behavior(rusqlite::TransactionBehavior::Immediate);
    Migrations::new(MIGRATIONS.map(M::up).to_vec())
        .to_latest(connection)
        .map_err(|error| match error {
            // What an older schema could hold and this one can't was put there by nobody of ours.
            rusqlite_migration::Error::RusqliteError { err, .. } if breaks_a_rule(&err) => {
                Error::Damaged {
                    path: path.to_owned(),
                    what: err.to_string(),
                }
            }
            rusqlite_migration::Error::RusqliteError { err, .. } => Error::sql(path, err),
            other => Error::Damaged {
                path: path.to_owned(),
                what: other.to_string(),
            },
        })
}

fn breaks_a_rule(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

/// Copies the mirror to `<mirror>.schema-<schema>`, whole or not at all.
fn back_up(connection: &Connection, path: &Path, schema: u32) -> Result<(), Error> {
    let backup = beside(path, &format!(".schema-{schema}"));
    let unfinished = beside(&backup, ".new");
    new_file(&unfinished).map_err(|error| Error::io(&unfinished, error))?;
    connection
        .backup(MAIN_DB, &unfinished, None)
        .map_err(|error| Error::sql(&unfinished, error))?;
    put_in_place(&unfinished, &backup)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_another_programs_lock_without_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let mirror = writer(&folder.path().join("mirror.db")).expect("a new mirror");
        let wait = mirror
            .connection
            .pragma_query_value(None, "busy_timeout", |row| row.get(0));
        assert_eq!(wait, Ok(10_000), "milliseconds");
    }
    #[test]
    fn the_log_is_written_ahead_and_synced_before_it_is_folded_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let mirror = writer(&folder.path().join("mirror.db")).expect("a new mirror");
        let pragma = |name| {
            let value = mirror.connection.pragma_query_value(None, name, |row| {
                let value: rusqlite::types::Value = row.get(0)?;
                Ok(format!("{value:?}"))
            });
            value.expect("a value")
        };
        assert_eq!(pragma("journal_mode"), "Text(\"wal\")");
        assert_eq!(pragma("synchronous"), "Integer(1)", "normal");
        assert_eq!(pragma("foreign_keys"), "Integer(1)");
    }
}
