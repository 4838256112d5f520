//! What the API sent and could not be taken, kept aside as it came.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use crate::customer::Rejected;
use crate::report::RunId;

use super::row::{At, count_at};

/// A row that could not be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRejected {
    /// The row as it came.
    pub raw: String,
    /// What was wrong with it.
    pub why: String,
    /// When it last came.
    pub at: Timestamp,
    /// The run that it last came to.
    pub run: RunId,
    /// When it first came.
    pub first_at: Timestamp,
    /// How often it came.
    pub times: u64,
}

/// Most different rows to keep; beyond them, the one that first came longest ago goes.
const KEPT_MAX: u32 = 10_000;

/// Keeps a row aside. What comes again is kept once, and counted.
pub(super) fn put(
    connection: &Connection,
    run: RunId,
    at: Timestamp,
    rejected: &Rejected,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO rejected (digest, raw, why, at, run_id, first_at, times)
             VALUES (?1, ?2, ?3, ?4, ?5, ?4, 1)
             ON CONFLICT (digest) DO UPDATE SET at = excluded.at, run_id = excluded.run_id,
                                                times = times + 1",
        )?
        .execute(params![
            digest(rejected),
            rejected.raw,
            rejected.why,
            At(at),
            run
        ])?;
    Ok(())
}

/// Lets go of what is beyond the bound.
pub(super) fn trim(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM rejected WHERE number <=
                (SELECT number FROM rejected ORDER BY number DESC LIMIT 1 OFFSET ?1)",
        )?
        .execute([KEPT_MAX])?;
    Ok(())
}

/// The `most` rows that came last, the newest first.
pub(super) fn last(connection: &Connection, most: u32) -> rusqlite::Result<Vec<KeptRejected>> {
    connection
        .prepare_cached(
            "SELECT raw, why, at, run_id, first_at, times FROM rejected
             ORDER BY at DESC, number DESC LIMIT ?1",
        )?
        .query_map([most], |row| {
            Ok(KeptRejected {
                raw: row.get(0)?,
                why: row.get(1)?,
                at: row.get::<_, At>(2)?.0,
                run: row.get(3)?,
                first_at: row.get::<_, At>(4)?.0,
                times: count_at(row, 5)?,
            })
        })?
        .collect()
}

/// The first eight bytes of a SHA-256, so that no index holds rows of 64 KiB.
fn digest(rejected: &Rejected) -> i64 {
    let mut hash = Sha256::new();
    hash.update((rejected.raw.len() as u64).to_le_bytes());
    hash.update(&rejected.raw);
    hash.update(&rejected.why);
    let digest: [u8; 32] = hash.finalize().into();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    i64::from_le_bytes(first)
}
