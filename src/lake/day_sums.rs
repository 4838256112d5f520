//! What the rows of each day's snapshot add up to, so that all days can be compared with the mirror in
//! one reading of its versions.
//!
//! A row's hash is a number, and a day's rows are the sum of theirs: where one row differs, is missing
//! or too many, the sums differ. A version adds to the sums of all days at whose end it held, which is
//! two differences between one day and the next. Memory holds a number a day.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::mirror::{Op, VersionRow};

use super::calendar::Day;
use super::cell::Cell;

/// The sum of the hashes of rows. Sums of more rows than there can be wrap around.
pub(super) type Sum = u128;

/// The hash of a row of these cells.
pub(super) fn hash<'row>(cells: impl IntoIterator<Item = Cell<'row>>) -> Sum {
    let mut bytes = Vec::with_capacity(256);
    cells.into_iter().for_each(|cell| cell.write(&mut bytes));
    let digest = Sha256::digest(&bytes);
    let (head, _) = digest
        .split_first_chunk()
        .expect("a digest is longer than a number");
    Sum::from_le_bytes(*head)
}

/// Differences between one day's sum and the next.
#[derive(Default)]
pub(super) struct DaySums(BTreeMap<Day, Sum>);

impl DaySums {
    /// Adds a version, whose row in the snapshots has this hash. One that says that the customer is
    /// gone has none.
    pub(super) fn add(&mut self, version: &VersionRow<'_>, hash: Sum) {
        if version.op == Op::Delete {
            return;
        }
        let from = self.0.entry(Day::of(version.valid_from)).or_default();
        *from = from.wrapping_add(hash);
        if let Some(valid_to) = version.valid_to {
            let until = self.0.entry(Day::of(valid_to)).or_default();
            *until = until.wrapping_sub(hash);
        }
    }

    /// What the rows of this day's snapshot should add up to.
    pub(super) fn of(&self, day: Day) -> Sum {
        let until = self.0.range(..=day).map(|(_, difference)| *difference);
        until.fold(0, Sum::wrapping_add)
    }
}
