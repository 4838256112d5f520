//! Readers: one instant of the mirror, for the lake, the status page and the commands that only look.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use roaring::RoaringBitmap;
use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::customer::CustomerId;
use crate::report::Report;

use super::header::Header;
use super::open::{self, SCHEMA};
use super::row::{count_at, time_at};
use super::{
    CustomerOrder, CustomerRow, Error, Kept, KeptRejected, Known, Memory, Opening, Presence,
    Reason, Version, VersionOrder, VersionRow, check, customers, due, known, living, memory, queue,
    rejected, rows, runs, versions,
};

/// A read-only connection to a mirror. It works while a [`Mirror`](super::Mirror) writes.
pub struct Reader {
    connection: Connection,
    path: PathBuf,
}

impl Reader {
    /// Opens the mirror at `path` for reading; [`Error::NoMirror`] where there is none yet.
    ///
    /// It takes part in the memory that the mirror's connections share in a file beside it, and so
    /// needs to write that file. The mirror itself it never writes.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::connected(path, |path| connect(path, false))
    }

    /// As [`Self::open`], and writes not a byte to any file. For a process that will open no
    /// [`Mirror`](super::Mirror) at this path, as that would find the shared memory read-only.
    ///
    /// A copy of a mirror that lacks the files beside it can't be read so; it is opened as by
    /// [`Self::open`].
    pub fn open_without_trace(path: &Path) -> Result<Self, Error> {
        Self::connected(path, |path| {
            connect(path, true).or_else(|_| connect(path, false))
        })
    }

    fn connected(
        path: &Path,
        connect: impl FnOnce(&Path) -> rusqlite::Result<Connection>,
    ) -> Result<Self, Error> {
        let Some(header) = Header::read(path)? else {
            return Err(Error::NoMirror {
                path: path.to_owned(),
            });
        };
        header.must_be_ours(path)?;
        let sql = |error| Error::sql(path, error);
        let connection = connect(path).map_err(sql)?;
        let path = path.to_owned();
        match open::schema(&connection).map_err(|error| Error::sql(&path, error))? {
            SCHEMA => Ok(Self { connection, path }),
            found if found > SCHEMA => Err(Error::Newer {
                path,
                found,
                known: SCHEMA,
            }),
            found => Err(Error::Older {
                path,
                found,
                known: SCHEMA,
            }),
        }
    }

    /// Copies the mirror, as it is now, into a new file: to try out there what is not to be done here.
    pub fn copy_to(&self, copy: &Path) -> Result<(), Error> {
        let all_in_one_step = |to: &mut Connection| {
            let backup = Backup::new(&self.connection, to)?;
            backup.step(-1)
        };
        Connection::open(copy)
            .and_then(|mut to| all_in_one_step(&mut to))
            .map_err(|error| Error::sql(copy, error))?;
        Ok(())
    }

    /// The mirror as it is now. While the snapshot lives, the mirror's log can't be folded back.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, Error> {
        let begin = || {
            let transaction =
                Transaction::new_unchecked(&self.connection, TransactionBehavior::Deferred)?;
            // A deferred transaction takes its instant with its first look.
            open::schema(&transaction)?;
            Ok(transaction)
        };
        let transaction = begin().map_err(|error| Error::sql(&self.path, error))?;
        Ok(Snapshot {
            transaction,
            path: &self.path,
        })
    }
}

/// Connects and looks once, so that what stands in the way of reading shows here.
///
/// With `readonly_shm`, `SQLite` builds its index of the log in memory of its own:
/// <https://www.sqlite.org/wal.html#read_only_databases>.
pub(super) fn connect(path: &Path, readonly_shm: bool) -> rusqlite::Result<Connection> {
    let connection = if readonly_shm {
        let absolute =
            std::path::absolute(path).map_err(|_| rusqlite::Error::InvalidPath(path.to_owned()))?;
        let mut url = url::Url::from_file_path(&absolute)
            .map_err(|()| rusqlite::Error::InvalidPath(absolute))?;
        url.set_query(Some("readonly_shm=1"));
        Connection::open_with_flags(url.as_str(), READ | OpenFlags::SQLITE_OPEN_URI)?
    } else {
        Connection::open_with_flags(path, READ)?
    };
    open::settle_in(&connection)?;
    open::schema(&connection)?;
    Ok(connection)
}

const READ: OpenFlags = OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// One instant of a mirror: all its methods speak of the same moment.
pub struct Snapshot<'reader> {
    transaction: Transaction<'reader>,
    path: &'reader Path,
}

/// How the mirror stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Customers that live.
    pub alive: u64,
    /// Tombstones.
    pub deleted: u64,
    /// Of the living, those that a proved list does not show.
    pub unlisted: u64,
    /// Of the living, those whose details were never fetched.
    pub unverified: u64,
    /// Versions of all customers.
    pub versions: u64,
    /// Rows that could not be taken.
    pub rejected: u64,
    /// How many customers wait for their details, by reason; reasons without any are left out.
    pub queued: Vec<(Reason, u64)>,
    /// Deletions that wait for somebody's decision.
    pub held: u64,
    /// When the details of the living customer that was verified longest ago were verified.
    pub oldest_verified_at: Option<Timestamp>,
    /// When the newest version began. Where the clock was set back, later than any run ended.
    pub newest_version_at: Option<Timestamp>,
    /// Details that all runs asked for again only because they were old.
    pub reverified: u64,
    /// Of those, how many had changed without a trace in the list.
    pub reverified_changed: u64,
}

impl Snapshot<'_> {
    /// Gives every customer to `each`, tombstones included, and stops at its first error.
    pub fn customers<E: From<Error>>(
        &self,
        order: CustomerOrder,
        each: impl FnMut(&CustomerRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        rows::customers(&self.transaction, self.path, order, each)
    }

    /// Gives every customer to `each` together with how the version that holds of it began, by
    /// `created_at` (those without first), then `id`.
    pub fn latest<E: From<Error>>(
        &self,
        each: impl FnMut(&CustomerRow<'_>, &Opening<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        rows::latest(&self.transaction, self.path, each)
    }

    /// Gives every version that ended to `each`, by the customer's row number, then `valid_from`.
    pub fn ended<E: From<Error>>(
        &self,
        each: impl FnMut(&VersionRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        rows::ended(&self.transaction, self.path, each)
    }

    /// Gives every version to `each`, and stops at its first error.
    pub fn versions<E: From<Error>>(
        &self,
        order: VersionOrder,
        each: impl FnMut(&VersionRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        rows::versions(&self.transaction, self.path, order, each)
    }

    /// Gives every version to `each`, by the customer's row number, then `valid_from`, together with
    /// what the customer's row says now beyond its versions.
    pub fn versions_with_presence<E: From<Error>>(
        &self,
        each: impl FnMut(&VersionRow<'_>, Presence) -> Result<(), E>,
    ) -> Result<(), E> {
        rows::versions_with_presence(&self.transaction, self.path, each)
    }

    /// Gives every version with `valid_from` in `[from, until)` together with the one before it of
    /// the same customer, ordered by `valid_from` and row number.
    pub fn changes<E: From<Error>>(
        &self,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
        each: impl FnMut(&VersionRow<'_>, Option<&VersionRow<'_>>) -> Result<(), E>,
    ) -> Result<(), E> {
        rows::changes(&self.transaction, self.path, (from, until), each)
    }

    /// The days in UTC on which a version begins, in the form `YYYY-MM-DD`.
    pub fn days_of_versions(&self) -> Result<Vec<String>, Error> {
        self.ask(versions::days)
    }

    /// All runs, the oldest first.
    pub fn runs(&self) -> Result<Vec<Report>, Error> {
        self.ask(runs::all)
    }

    /// The last `most` runs, the newest first.
    pub fn last_runs(&self, most: u32) -> Result<Vec<Report>, Error> {
        self.ask(|connection| runs::last(connection, most))
    }

    /// How the mirror stands.
    pub fn standing(&self) -> Result<Standing, Error> {
        self.ask(standing)
    }

    /// What is remembered from run to run.
    pub fn memory(&self) -> Result<Memory, Error> {
        self.ask(memory::read)
    }

    /// One customer.
    pub fn customer(&self, id: CustomerId) -> Result<Option<Kept>, Error> {
        self.ask(|connection| {
            let known = known::known(connection, &[id])?.pop().flatten();
            known.map_or(Ok(None), |known| customers::read(connection, known.row, id))
        })
    }

    /// One customer's versions, the oldest first; empty where it is not known.
    pub fn history(&self, id: CustomerId) -> Result<Vec<Version>, Error> {
        self.ask(|connection| versions::of(connection, id))
    }

    /// The last `most` rows that could not be taken, the newest first.
    pub fn rejected(&self, most: u32) -> Result<Vec<KeptRejected>, Error> {
        self.ask(|connection| rejected::last(connection, most))
    }

    /// What is known of each of these ids, in their order.
    pub fn known(&self, ids: &[CustomerId]) -> Result<Vec<Option<Known>>, Error> {
        self.ask(|connection| known::known(connection, ids))
    }

    /// The rows of all living customers.
    pub fn alive(&self) -> Result<RoaringBitmap, Error> {
        self.ask(living::alive)
    }

    /// How many living customers are not queued and were last verified before `verified_before`.
    pub fn due_len(&self, verified_before: Timestamp) -> Result<u64, Error> {
        self.ask(|connection| due::len(connection, verified_before))
    }

    /// What is wrong with the mirror: pages that contradict each other, histories with gaps or
    /// overlaps, versions that another program has changed. Empty where it is whole.
    pub fn faults(&self) -> Result<Vec<String>, Error> {
        self.ask(check::faults)
    }

    fn ask<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        ask(&self.transaction).map_err(|error| Error::sql(self.path, error))
    }
}

fn standing(connection: &Connection) -> rusqlite::Result<Standing> {
    let count = |sql| {
        connection
            .prepare_cached(sql)?
            .query_row([], |row| count_at(row, 0))
    };
    Ok(Standing {
        alive: living::alive_count(connection)?,
        deleted: count("SELECT count(*) FROM kept WHERE deleted_at IS NOT NULL")?,
        unlisted: count("SELECT count(*) FROM kept WHERE unlisted_since IS NOT NULL")?,
        unverified: count(
            "SELECT count(*) FROM kept
             WHERE deleted_at IS NULL AND detail_verified_at IS NULL",
        )?,
        versions: count("SELECT (SELECT count(*) FROM kept) + (SELECT count(*) FROM ended)")?,
        rejected: count("SELECT count(*) FROM rejected")?,
        queued: queue::lengths(connection)?,
        held: runs::held(connection)?,
        oldest_verified_at: due::oldest_verified_at(connection)?,
        newest_version_at: connection
            .prepare_cached("SELECT max(changed_at) FROM kept")?
            .query_row([], |row| time_at(row, 0))?,
        reverified: count("SELECT coalesce(sum(reverified), 0) FROM runs")?,
        reverified_changed: count("SELECT coalesce(sum(reverified_changed), 0) FROM runs")?,
    })
}
