//! When each customer was created, read by two connections that go towards each other.
//!
//! Until that is known nothing can be written in its order, and there is nothing else to do but
//! counting. Keys are 32 bytes a customer, in memory. Both connections must stand at the same
//! instant.

use std::iter;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::customer::CustomerId;

use super::row::micros_at;

/// When a customer was created, its id, its row. Without a time it comes first.
pub(super) type Key = (i64, [u8; 16], u32);

/// Row numbers that are read at a time.
const ROWS: i64 = 16 << 10;

/// How often two connections may begin at different instants: each time somebody wrote in between.
const TRIES: usize = 16;

/// Keys that are about to be read, or already being read by a second connection.
#[derive(Default)]
pub(super) struct Survey(Option<Helper>);

/// The second connection's thread.
struct Helper {
    left: Arc<Left>,
    keys: JoinHandle<rusqlite::Result<Vec<Vec<Key>>>>,
}

impl Survey {
    /// Begins on a thread with `helper`, which stands at the instant of the connection that
    /// [`Self::keys`] will be given.
    pub(super) fn begin(helper: Connection) -> rusqlite::Result<Self> {
        let left = Arc::new(Left::all(&helper)?);
        let of_helper = left.clone();
        let spawned = std::thread::Builder::new()
            .name("mirror-survey".to_owned())
            .spawn(move || {
                // Each range upwards: of a file that is read downwards the system reads nothing ahead.
                let ranges = iter::from_fn(|| of_helper.take_last());
                ranges.map(|range| read(&helper, range)).collect()
            });
        // Where there can be no second thread, the first does it all.
        Ok(Self(spawned.ok().map(|keys| Helper { left, keys })))
    }

    /// The keys of all customers, in their order.
    pub(super) fn keys(self, connection: &Connection) -> rusqlite::Result<Vec<Key>> {
        let left = match &self.0 {
            Some(helper) => helper.left.clone(),
            None => Arc::new(Left::all(connection)?),
        };
        // Grown by doubling, it would for a moment take three times the room; room that is not used
        // costs nothing.
        let mut keys = Vec::new();
        let _ = keys.try_reserve_exact(left.most as usize);
        while let Some(range) = left.take_first() {
            keys.extend(read(connection, range)?);
        }
        if let Some(helper) = self.0 {
            let above = helper.keys.join();
            let above = above.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            keys.extend(above.into_iter().rev().flatten());
        }
        keys.sort_unstable();
        Ok(keys)
    }
}

/// Row numbers that nobody has begun to read.
struct Left {
    rows: Mutex<Range<i64>>,
    /// How many customers there are at most.
    most: u32,
}

impl Left {
    fn all(connection: &Connection) -> rusqlite::Result<Self> {
        let most = "SELECT coalesce(max(row), 0) FROM kept";
        let most: u32 = connection.query_row(most, [], |row| row.get(0))?;
        Ok(Self {
            rows: Mutex::new(0..i64::from(most) + 1),
            most,
        })
    }

    fn take_first(&self) -> Option<Range<i64>> {
        let mut left = self.range();
        let taken = left.start..left.end.min(left.start + ROWS);
        left.start = taken.end;
        (!taken.is_empty()).then_some(taken)
    }

    fn take_last(&self) -> Option<Range<i64>> {
        let mut left = self.range();
        let taken = left.start.max(left.end - ROWS)..left.end;
        left.end = taken.start;
        (!taken.is_empty()).then_some(taken)
    }

    fn range(&self) -> MutexGuard<'_, Range<i64>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(connection: &Connection, rows: Range<i64>) -> rusqlite::Result<Vec<Key>> {
    let mut keys = Vec::new();
    let mut statement = connection.prepare_cached(
        "SELECT created_at, id, row FROM kept WHERE row >= ?1 AND row < ?2 ORDER BY row",
    )?;
    let mut rows = statement.query([rows.start, rows.end])?;
    while let Some(row) = rows.next()? {
        let id: CustomerId = row.get(1)?;
        keys.push((
            micros_at(row, 0)?.unwrap_or(i64::MIN),
            *id.as_bytes(),
            row.get(2)?,
        ));
    }
    Ok(keys)
}

/// Begins a transaction with `begin_first`, and one on `second` at the same instant. False where others
/// wrote in between again and again; then `second` has none.
pub(super) fn begin_together<T>(
    second: &Connection,
    begin_first: impl Fn() -> rusqlite::Result<T>,
) -> rusqlite::Result<(T, bool)> {
    for _ in 0..TRIES {
        let before = data_version(second)?;
        let first = begin_first()?;
        second.execute_batch("BEGIN")?;
        // Unchanged, it says that nobody committed since it was asked before.
        if data_version(second)? == before {
            return Ok((first, true));
        }
        second.execute_batch("ROLLBACK")?;
    }
    Ok((begin_first()?, false))
}

fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "data_version", |row| row.get(0))
}
