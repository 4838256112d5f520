//! The mirror: what twsync knows of every customer, in one `SQLite` file, and the only SQL of the crate.
//!
//! There is one writer, [`Mirror`], which holds a lock on the file for as long as it lives, and any
//! number of [`Reader`]s, each of which sees one instant. What is written is written in few kinds of
//! transactions, and each of them is an invariant:
//!
//! - **a page** ([`Mirror::take_pages`]): what it showed (the walk's ledger), what is to be fetched
//!   (the queue), what could not be taken (`rejected`). Customers that are as they were cost nothing.
//! - **a detail** ([`Mirror::settle`]): the customer's row, its version, its queue entry and its
//!   sighting. Many details may share a transaction; one detail is never split. Of those whom a proved
//!   list does not show ([`Mirror::settle_departures`], [`Mirror::are_gone`]), that they were heard
//!   besides.
//! - **a run** ([`Mirror::begin_run`], [`Mirror::finish_run`]) and **a walk's** begin and end, with what a
//!   person released to it ([`Mirror::release`]).
//! - **what is remembered** from run to run ([`Mirror::remember`]), and **who is asked for besides** those whom a
//!   page named ([`Mirror::enqueue`]).
//! - **who is shown again** by a proved list ([`Mirror::relisted`]), or is not ([`Mirror::not_returned`]).
//!
//! A customer has a row number from the moment it is first listed, and keeps it for ever. Sets of
//! customers are bitmaps over row numbers, so that a million of them fit in a hundred kilobytes.
//!
//! The version that holds of a customer is the customer's own row; only versions that ended have rows of
//! their own ([`versions`]). Each is sealed, so that a change by another program shows ([`seal`]).
//!
//! What is decided elsewhere: which customers are new, changed or missing, and what an answer of the
//! server means. The mirror is told; it keeps, and it keeps the history without gaps.

mod check;
mod creation;
mod customers;
mod departures;
mod due;
mod error;
mod header;
mod ids;
mod known;
mod ledger;
mod living;
mod lock;
mod memory;
mod open;
mod pages;
mod queue;
mod read;
mod rejected;
mod row;
mod rows;
mod runs;
mod seal;
mod settle;
mod time;
mod versions;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use jiff::Timestamp;
use roaring::RoaringBitmap;
use rusqlite::{Connection, TransactionBehavior};

use crate::customer::CustomerId;
use crate::report::{Grade, Report, RunId};

use ids::RowNumbers;
use lock::{Lock, beside};

pub use customers::Kept;
pub use departures::Heard;
pub use due::{Due, DueKey, Old};
pub use error::Error;
pub use known::{Known, State};
pub use ledger::{Listed, Walk};
pub use memory::Memory;
pub use pages::{PageTaken, Verdict};
pub use queue::{QueueKey, Queued, Reason};
pub use read::{Reader, Snapshot, Standing};
pub use rejected::KeptRejected;
pub use rows::{CustomerOrder, CustomerRow, Opening, Presence, VersionOrder, VersionRow};
pub use settle::{Effect, Nature, Settled, Settlement};
pub use versions::{Op, Version};

/// The one writer of a mirror. While it lives, no other process can open the mirror for writing.
pub struct Mirror {
    connection: Connection,
    /// Only reads, and outlives the writing connection: `SQLite` deletes a log whose last
    /// connection could write. With the log in place, who may only read the mirror can do so also
    /// when nobody writes.
    _keeps_log: Connection,
    path: PathBuf,
    /// Let go of after the connections are closed: fields drop in this order.
    lock: Lock,
}

impl Drop for Mirror {
    fn drop(&mut self) {
        // What can't be folded back stays in the log, where the next writer finds it.
        let _ = self.checkpoint();
    }
}

/// How long folding the log back waits for readers.
const CHECKPOINT_WAIT_MAX: Duration = Duration::from_millis(250);

/// What became of folding the write-ahead log back into the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Bytes that the log still takes on disk; 0 where all of it could be folded back.
    pub wal_bytes: u64,
    /// True where a reader in a long transaction stood in the way.
    pub blocked: bool,
}

impl Mirror {
    /// Opens the mirror at `path`, and makes it where there is none: folders 0750 and files 0640,
    /// under the umask. A mirror of an older schema is backed up beside itself, then migrated.
    pub fn open(path: &Path) -> Result<Self, Error> {
        open::writer(path)
    }

    /// An error where another program's file is at `path`, one of a newer twsync, or no database.
    /// Nothing is made or changed: for whoever is about to make things beside it.
    pub fn recognize(path: &Path) -> Result<(), Error> {
        open::recognize(path)
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Folds the write-ahead log into the mirror and cuts it to nothing. For the end of a run; a
    /// reader in a long transaction keeps the log from shrinking, which is said and no error.
    pub fn checkpoint(&mut self) -> Result<Checkpoint, Error> {
        let wal = beside(&self.path, "-wal");
        let blocked = self.reading(|connection| {
            connection.busy_timeout(CHECKPOINT_WAIT_MAX)?;
            let blocked =
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
            connection.busy_timeout(open::BUSY_MAX)?;
            blocked
        })?;
        let wal_bytes = match fs::metadata(&wal) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(Error::io(&wal, error)),
        };
        Ok(Checkpoint { wal_bytes, blocked })
    }

    /// Keeps that a run has begun. Until it is finished it stands there without an outcome. The run
    /// before may have been killed: what its versions say of it is counted now.
    pub fn begin_run(&mut self, report: &Report) -> Result<(), Error> {
        self.writing("run-begin", |connection| {
            runs::count_if_killed(connection)?;
            runs::write(connection, report)
        })
    }

    /// Keeps how a run ended and what it counted, and lets go of the pages in memory: whoever
    /// publishes next has more use for the room.
    pub fn finish_run(&mut self, report: &Report) -> Result<(), Error> {
        self.writing("run-finish", |connection| {
            rejected::trim(connection)?;
            runs::write(connection, report)
        })?;
        self.reading(|connection| connection.execute_batch("PRAGMA shrink_memory"))
    }

    /// The last `most` runs, the newest first.
    pub fn last_runs(&self, most: u32) -> Result<Vec<Report>, Error> {
        self.reading(|connection| runs::last(connection, most))
    }

    /// What is remembered from run to run.
    pub fn memory(&self) -> Result<Memory, Error> {
        self.reading(memory::read)
    }

    /// Remembers. `count` and `last_complete_as_of` never go back, and `baseline_done` never
    /// becomes false again, whatever an older value in hand says.
    pub fn remember(&mut self, memory: &Memory) -> Result<(), Error> {
        self.writing("memory", |connection| memory::write(connection, memory))
    }

    /// The walk that was begun and not ended, with its whole ledger.
    pub fn open_walk(&self) -> Result<Option<Walk>, Error> {
        self.reading(ledger::open)
    }

    /// Customers of whom a version was written by this run or one after it.
    pub fn written_since(&self, run: RunId) -> Result<RoaringBitmap, Error> {
        self.reading(|connection| versions::written_since(connection, run))
    }

    /// Begins a walk, and ends as partial one that is still open: what that one listed stays queued,
    /// and so counts as known to be alive. `count` is the interval counter now; `released` are the
    /// deletions that a person lets through.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is another noun; a struct of them would be one more"
    )]
    pub fn begin_walk(
        &mut self,
        run: RunId,
        at: Timestamp,
        dialect: &str,
        page_size: u32,
        count: u64,
        released: u64,
    ) -> Result<Walk, Error> {
        self.writing("walk-begin", |connection| {
            memory::counted(connection, count)?;
            ledger::begin(connection, run, at, dialect, page_size, released)
        })
    }

    /// Ends a walk and lets go of its ledger. In the same transaction a complete one moves the memory's
    /// `last_complete_as_of` to `as_of`, and one that has seen everybody sets `baseline_done`.
    pub fn end_walk(
        &mut self,
        walk: i64,
        grade: Grade,
        as_of: Option<Timestamp>,
        at: Timestamp,
    ) -> Result<(), Error> {
        self.writing("walk-end", |connection| {
            ledger::end(connection, walk, grade, as_of, at)
        })
    }

    /// What is known of each of these ids, in their order.
    pub fn known(&self, ids: &[CustomerId]) -> Result<Vec<Option<Known>>, Error> {
        self.reading(|connection| known::known(connection, ids))
    }

    /// Takes pages in, in one transaction: the ledger entry of each, a queue entry for each new,
    /// changed or returned customer, and the rows that could not be taken. Unchanged customers
    /// cost no write. Answers with the rows of each page.
    pub fn take_pages(
        &mut self,
        walk: i64,
        pages: Vec<PageTaken>,
    ) -> Result<Vec<RoaringBitmap>, Error> {
        self.writing("page", |connection| {
            let mut numbers = RowNumbers::load(connection)?;
            let taken = pages
                .into_iter()
                .map(|page| pages::take(connection, &mut numbers, walk, page))
                .collect::<Result<_, _>>()?;
            numbers.store(connection)?;
            Ok(taken)
        })
    }

    /// Customers that a list shows (again) are no longer unlisted. Answers how many that changed.
    pub fn relisted(&mut self, rows: &RoaringBitmap) -> Result<u64, Error> {
        self.writing("relisted", |connection| living::relisted(connection, rows))
    }

    /// Of those that are queued because a list showed them again, the ones that a proved list (`rows`)
    /// does not show are asked for no more: their tombstones stand.
    pub fn not_returned(&mut self, rows: &RoaringBitmap) -> Result<(), Error> {
        self.writing("relisted", |connection| {
            queue::not_returned(connection, rows)
        })
    }

    /// The next `most` customers whose details are to be fetched, the most urgent first, after
    /// `after`: new, returned, changed, then those that were asked for; in the same order after all
    /// of them those that were asked for in vain before.
    pub fn queue(&self, after: Option<QueueKey>, most: u32) -> Result<Vec<Queued>, Error> {
        self.reading(|connection| queue::next(connection, after, most))
    }

    /// How many customers wait in the queue.
    pub fn queue_len(&self) -> Result<u64, Error> {
        self.reading(|connection| {
            Ok(queue::lengths(connection)?
                .iter()
                .map(|(_, length)| length)
                .sum())
        })
    }

    /// Deletions that wait for somebody's decision.
    pub fn held(&self) -> Result<u64, Error> {
        self.reading(runs::held)
    }

    /// How many customers wait in the queue, by reason.
    pub fn queued_by_reason(&self) -> Result<BTreeMap<Reason, u64>, Error> {
        self.reading(|connection| Ok(queue::lengths(connection)?.into_iter().collect()))
    }

    /// The rows of all customers that wait in the queue.
    pub fn queued(&self) -> Result<RoaringBitmap, Error> {
        self.reading(living::queued)
    }

    /// Queues known customers. The reason of one that is queued already stays as it is.
    pub fn enqueue(
        &mut self,
        rows: &RoaringBitmap,
        reason: Reason,
        at: Timestamp,
    ) -> Result<(), Error> {
        self.writing("enqueue", |connection| {
            queue::put(connection, rows, reason, at)
        })
    }

    /// Living customers that are not queued and whose details are old: the next `most` after
    /// `after`, those first that have been due for longest.
    pub fn due(&self, old: Old, after: Option<DueKey>, most: u32) -> Result<Vec<Due>, Error> {
        self.reading(|connection| due::next(connection, old, after, most))
    }

    /// How many living customers are not queued and were last verified before this.
    pub fn due_len(&self, verified_before: Timestamp) -> Result<u64, Error> {
        self.reading(|connection| due::len(connection, verified_before))
    }

    /// The rows of living customers whose details never came, or came before this.
    pub fn verified_before(&self, at: Timestamp) -> Result<RoaringBitmap, Error> {
        self.reading(|connection| living::verified_before(connection, at))
    }

    /// The rows of all living customers.
    pub fn alive(&self) -> Result<RoaringBitmap, Error> {
        self.reading(living::alive)
    }

    /// The rows of all customers that are taken to live: those, and whoever a list has shown whose
    /// details are still to be fetched.
    pub fn sighted(&self) -> Result<RoaringBitmap, Error> {
        self.reading(living::sighted)
    }

    /// How many customers live.
    pub fn alive_count(&self) -> Result<u64, Error> {
        self.reading(living::alive_count)
    }

    /// The ids of these rows, in their order, queued ones included. Rows that nobody has are left out.
    pub fn ids(&self, rows: &RoaringBitmap) -> Result<Vec<(u32, CustomerId)>, Error> {
        self.reading(|connection| living::ids(connection, rows))
    }

    /// Takes in what came of asking for details, all in one transaction: for each its row, its
    /// version, its queue entry, and, where `walk` is given and it was found, its sighting.
    /// Answers with an effect each, in order.
    pub fn settle(
        &mut self,
        walk: Option<i64>,
        run: RunId,
        details: Vec<Settled>,
    ) -> Result<Vec<Effect>, Error> {
        self.writing("detail", |connection| {
            settle::settle(connection, walk, run, details)
        })
    }

    /// Asks, and says of whom where that fails.
    fn reading<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        ask(&self.connection).map_err(|error| Error::sql(&self.path, error))
    }

    /// One transaction, all or nothing. It takes the write lock before it reads, so that it never
    /// finds out in the middle that another writer was faster.
    ///
    /// After the disk has failed once, nothing more is written: what a failed `fsync` left behind
    /// can't be known, and asking again would only seem to succeed.
    fn writing<T>(
        &mut self,
        kind: &'static str,
        change: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        if !self.lock.is_sound() {
            return Err(Error::io(
                &self.path,
                io::Error::other("its disk failed before"),
            ));
        }
        let result = commit(&mut self.connection, kind, change)
            .map_err(|error| Error::sql(&self.path, error));
        if result.as_ref().is_err_and(Error::is_of_the_disk) {
            self.lock.set_sound(false);
        }
        result
    }
}

fn commit<T>(
    connection: &mut Connection,
    kind: &'static str,
    change: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = change(&transaction)?;
    fail::fail_point!(&format!("mirror::{kind}-before-commit"));
    transaction.commit()?;
    fail::fail_point!(&format!("mirror::{kind}-after-commit"));
    tracing::trace!(kind, "committed");
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Exit, Mode};

    #[test]
    fn a_full_disk_rolls_back_and_ends_with_its_own_exit_code() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mirror.db");
        let mut mirror = Mirror::open(&path).expect("a new mirror");
        let pages: u32 = mirror
            .connection
            .pragma_query_value(None, "page_count", |row| row.get(0))
            .expect("a number");
        let room = |mirror: &Mirror, pages: u32| {
            let set = mirror
                .connection
                .pragma_update(None, "max_page_count", pages);
            set.expect("it can be set");
        };
        room(&mirror, pages);

        let number_them = |mirror: &mut Mirror| {
            mirror.writing("test", |connection| {
                let mut numbers = RowNumbers::load(connection)?;
                let ids = (0..=255).map(|byte| CustomerId::from_bytes([byte; 16]));
                let rows = ids.map(|id| Ok(numbers.of(connection, id)?.row));
                let rows: Vec<u32> = rows.collect::<rusqlite::Result<_>>()?;
                numbers.store(connection)?;
                Ok(rows)
            })
        };
        let error = number_them(&mut mirror).expect_err("the disk is full");
        assert_eq!(error.exit(), Exit::CannotWrite, "{error}");
        assert!(error.to_string().contains("mirror.db"));

        room(&mirror, pages + 100);
        let rows = number_them(&mut mirror).expect("there is room again");
        assert_eq!(rows[0], 1, "what was rolled back took no row numbers");
    }

    #[test]
    fn after_the_disk_failed_nothing_is_written_and_the_next_writer_is_warned() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mirror.db");
        let mut mirror = Mirror::open(&path).expect("a new mirror");
        let failed = mirror.writing("test", |_| -> rusqlite::Result<()> {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
            Err(rusqlite::Error::SqliteFailure(code, None))
        });
        assert_eq!(failed.expect_err("fsync failed").exit(), Exit::CannotWrite);
        let report = Report::begin(RunId::new(), Mode::Sync, Timestamp::UNIX_EPOCH);
        assert_eq!(
            mirror.begin_run(&report).expect_err("it is over").exit(),
            Exit::CannotWrite
        );
        drop(mirror);
        let left = fs::read_to_string(beside(&path, ".lock")).expect("the lock's file");
        assert_eq!(left, std::process::id().to_string());
        Mirror::open(&path)
            .expect("it is whole after all")
            .begin_run(&report)
            .expect("written");
    }
}
