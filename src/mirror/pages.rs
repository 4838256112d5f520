//! What a page of the list leaves behind: its entry in the ledger, and in the queue those customers
//! whose details it gives reason to fetch.

use jiff::Timestamp;
use roaring::RoaringBitmap;
use rusqlite::Connection;

use crate::customer::{Interval, Rejected, Summary};
use crate::report::RunId;

use super::ids::{Numbered, RowNumbers};
use super::{Reason, ledger, memory, queue, rejected};

/// A list answer as it is taken in.
#[derive(Clone, Debug, PartialEq)]
pub struct PageTaken {
    /// The run that fetched it.
    pub run: RunId,
    /// The pass, from 1.
    pub pass: u32,
    /// The page, from 1.
    pub page: u32,
    /// How many pages the answer says there are.
    pub pages: u32,
    /// How many customers the answer says there are, where it says so.
    pub total: Option<u64>,
    /// When the answer was made, on the interval counter.
    pub interval: Interval,
    /// When it was received.
    pub received_at: Timestamp,
    /// A hash of the page's ids that does not depend on their order.
    pub content: u64,
    /// Rows a page, where the answer says it.
    pub page_size: Option<u32>,
    /// Whether there is another page, where the answer says it.
    pub has_next: Option<bool>,
    /// Whether it may prove anything: an answer that a cache gave may not.
    pub is_evidence: bool,
    /// Its rows, each with what it means.
    pub rows: Vec<(Summary, Verdict)>,
    /// Its rows that could not be taken.
    pub rejected: Vec<Rejected>,
}

/// What a list row means for the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not known: it gets a row number and is queued. Known after all, by a page that was taken
    /// meanwhile: it is queued as changed.
    New,
    /// Its fingerprint is another: queued.
    Changed {
        /// The customer.
        row: u32,
    },
    /// It has a tombstone: queued.
    Returned {
        /// The customer.
        row: u32,
    },
    /// As it was: seen, and nothing else is written.
    Unchanged {
        /// The customer.
        row: u32,
    },
}

/// Takes one page in, and answers with the customers it shows.
pub(super) fn take(
    connection: &Connection,
    numbers: &mut RowNumbers,
    walk: i64,
    mut page: PageTaken,
) -> rusqlite::Result<RoaringBitmap> {
    let mut rows = RoaringBitmap::new();
    for (summary, verdict) in std::mem::take(&mut page.rows) {
        let (row, reason) = match verdict {
            Verdict::New => place(connection, numbers, &summary)?,
            Verdict::Changed { row } => (row, Some(Reason::Changed)),
            Verdict::Returned { row } => (row, Some(Reason::Returned)),
            Verdict::Unchanged { row } => (row, None),
        };
        rows.insert(row);
        if let Some(reason) = reason {
            let received = page.interval.received;
            queue::put_listed(connection, row, reason, page.received_at, received, summary)?;
        }
    }
    for row in &page.rejected {
        rejected::put(connection, page.run, page.received_at, row)?;
    }
    ledger::enter_list(connection, walk, &page, &rows)?;
    memory::counted(connection, page.interval.received + 1)?;
    Ok(rows)
}

/// The row number of a customer that was not known when the page was judged. Another page may
/// have shown it since; and one that was only asked for by name, in vain, has a number and no more.
fn place(
    connection: &Connection,
    numbers: &mut RowNumbers,
    summary: &Summary,
) -> rusqlite::Result<(u32, Option<Reason>)> {
    let Numbered { row, is_new } = numbers.of(connection, summary.id)?;
    let reason = if is_new || !queue::is_known(connection, row)? {
        Reason::New
    } else {
        Reason::Changed
    };
    Ok((row, Some(reason)))
}
