//! The mirror: what twsync knows of every customer, in one `SQLite` file, and the only SQL of the crate.
//!
//! There is one writer, [`Mirror`], which holds a lock on the file for as long as it lives, and any
//! number of [`Reader`]s, each of which sees one instant. What is written is written in few kinds of
//! transactions, and each of them is an invariant:
//!
//! - **a page** ([`Mirror::take_pages`]): what it showed (the walk's ledger), what is to be fetched
//!   (the queue), what could not be taken (`rejected`). Customers that are as they were cost nothing.
//! - **a detail** ([`Mirror::settle`]): the customer's row, its version, its queue entry and its
//!   sighting. Many details may share a transaction; one detail is never split.
//! - **a run** ([`Mirror::begin_run`], [`Mirror::finish_run`]) and **a walk's** begin and end.
//!
//! A customer has a row number from the moment it is first listed, and keeps it for ever. Sets of
//! customers are bitmaps over row numbers, so that a million of them fit in a hundred kilobytes.
//!
//! What is decided elsewhere: which customers are new, changed or missing, and what an answer of the
//! server means. The mirror is told; it keeps, and it keeps the history without gaps.

mod error;
mod known;
mod ledger;
mod memory;
mod open;
mod queue;
mod read;
mod row;
mod runs;
mod settle;
mod time;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use roaring::RoaringBitmap;
use rusqlite::Connection;

use crate::customer::CustomerId;
use crate::report::{Grade, Report, RunId};

pub use error::Error;
pub use known::{Known, State};
pub use ledger::{Listed, PageTaken, Verdict, Walk};
pub use memory::Memory;
pub use queue::{Due, DueKey, QueueKey, Queued, Reason};
pub use read::{
    CustomerOrder, CustomerRow, Kept, KeptRejected, Reader, Snapshot, Standing, Version,
    VersionOrder, VersionRow,
};
pub use settle::{Effect, Op, Settled, Settlement};

/// The one writer of a mirror. While it lives, no other process can open the mirror for writing.
pub struct Mirror {
    connection: Connection,
    path: PathBuf,
}

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

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Folds the write-ahead log into the mirror and cuts it to nothing. For the end of a run; a
    /// reader in a long transaction keeps the log from shrinking, which is said and no error.
    pub fn checkpoint(&mut self) -> Result<Checkpoint, Error> {
        unimplemented!()
    }

    /// Keeps that a run has begun. Until it is finished it stands there without an outcome.
    pub fn begin_run(&mut self, report: &Report) -> Result<(), Error> {
        unimplemented!()
    }

    /// Keeps how a run ended and what it counted.
    pub fn finish_run(&mut self, report: &Report) -> Result<(), Error> {
        unimplemented!()
    }

    /// The last `most` runs, the newest first.
    pub fn last_runs(&self, most: u32) -> Result<Vec<Report>, Error> {
        unimplemented!()
    }

    /// What is remembered from run to run.
    pub fn memory(&self) -> Result<Memory, Error> {
        unimplemented!()
    }

    /// Remembers. `count` and `last_complete_as_of` never go back, and `baseline_done` never
    /// becomes false again, whatever an older value in hand says.
    pub fn remember(&mut self, memory: &Memory) -> Result<(), Error> {
        unimplemented!()
    }

    /// The walk that was begun and not ended, with its whole ledger.
    pub fn open_walk(&self) -> Result<Option<Walk>, Error> {
        unimplemented!()
    }

    /// Begins a walk, and ends as partial one that is still open: what that one listed stays queued,
    /// and so counts as known to be alive. `count` is the interval counter now.
    pub fn begin_walk(
        &mut self,
        run: RunId,
        at: Timestamp,
        dialect: &str,
        page_size: u32,
        count: u64,
    ) -> Result<Walk, Error> {
        unimplemented!()
    }

    /// Ends a walk and lets go of its ledger. A complete one moves the memory's
    /// `last_complete_as_of` to `as_of`, in the same transaction.
    pub fn end_walk(
        &mut self,
        walk: i64,
        grade: Grade,
        as_of: Option<Timestamp>,
        at: Timestamp,
    ) -> Result<(), Error> {
        unimplemented!()
    }

    /// What is known of each of these ids, in their order.
    pub fn known(&self, ids: &[CustomerId]) -> Result<Vec<Option<Known>>, Error> {
        known::known(&self.connection, ids)
    }

    /// Takes one page in: [`Self::take_pages`] of one.
    pub fn take_page(&mut self, walk: i64, page: PageTaken) -> Result<RoaringBitmap, Error> {
        let mut rows = self.take_pages(walk, vec![page])?;
        Ok(rows.pop().expect("one page in, one set of rows out"))
    }

    /// Takes pages in, in one transaction: the ledger entry of each, a queue entry for each new,
    /// changed or returned customer, and the rows that could not be taken. Unchanged customers
    /// cost no write. Answers with the rows of each page.
    pub fn take_pages(
        &mut self,
        walk: i64,
        pages: Vec<PageTaken>,
    ) -> Result<Vec<RoaringBitmap>, Error> {
        unimplemented!()
    }

    /// Customers that a list shows (again) are no longer unlisted. Answers how many that changed.
    pub fn relisted(&mut self, rows: &RoaringBitmap) -> Result<u64, Error> {
        unimplemented!()
    }

    /// The next `most` customers whose details are to be fetched, the most urgent first, after
    /// `after`: new, returned, changed, missing, then those that were asked for.
    pub fn queue(&self, after: Option<QueueKey>, most: u32) -> Result<Vec<Queued>, Error> {
        unimplemented!()
    }

    /// How many customers wait in the queue.
    pub fn queue_len(&self) -> Result<u64, Error> {
        unimplemented!()
    }

    /// Queues known customers. [`Reason::Missing`] replaces the reason of one that is queued
    /// already, the other reasons leave it as it is.
    pub fn enqueue(
        &mut self,
        rows: &RoaringBitmap,
        reason: Reason,
        at: Timestamp,
    ) -> Result<(), Error> {
        unimplemented!()
    }

    /// Queues customers by id, known or not, and answers with their row numbers in the order of
    /// `ids`. One that no list ever showed gets a row number and, if it is never found, no row.
    pub fn enqueue_ids(
        &mut self,
        ids: &[CustomerId],
        reason: Reason,
        at: Timestamp,
    ) -> Result<Vec<u32>, Error> {
        unimplemented!()
    }

    /// Living customers that are not queued and whose details were last verified before
    /// `verified_before`: the next `most` after `after`, the oldest first.
    pub fn due(
        &self,
        verified_before: Timestamp,
        after: Option<DueKey>,
        most: u32,
    ) -> Result<Vec<Due>, Error> {
        unimplemented!()
    }

    /// How many [`Self::due`] would give in all.
    pub fn due_len(&self, verified_before: Timestamp) -> Result<u64, Error> {
        unimplemented!()
    }

    /// When the details of the living customer that was verified longest ago were verified.
    pub fn oldest_verified_at(&self) -> Result<Option<Timestamp>, Error> {
        unimplemented!()
    }

    /// The rows of all living customers.
    pub fn alive(&self) -> Result<RoaringBitmap, Error> {
        unimplemented!()
    }

    /// How many customers live.
    pub fn alive_count(&self) -> Result<u64, Error> {
        unimplemented!()
    }

    /// The ids of these rows, in their order, queued ones included. Rows that nobody has are left out.
    pub fn ids(&self, rows: &RoaringBitmap) -> Result<Vec<(u32, CustomerId)>, Error> {
        unimplemented!()
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
        unimplemented!()
    }
}
