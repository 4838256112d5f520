//! Sorts any number of rows in little memory: sorted runs go to a nameless file, then are merged.
//!
//! A sort in the mirror would cost more than all the rest of publishing. Rows are bytes here, made
//! by [`Cell::write`](super::cell::Cell::write); only the key is looked at.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use super::Error;
use super::cell::{Cell, Cells};

/// Bytes of rows that are sorted in memory at a time. Two such runs are in memory: one that is
/// filled, one that is sorted and written meanwhile.
const RUN_BYTES: usize = 8 << 20;

/// Bytes of each run that are read ahead while runs are merged.
const READ_AHEAD_BYTES: usize = 128 << 10;

/// What rows are sorted by, the first field first. The key of a row is its own: where two keys are
/// equal, the rows are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// The file that the row goes to; files come out one after the other.
    pub(super) group: u32,
    /// A first instant; rows without one come first.
    pub(super) first: Option<i64>,
    /// A UUID.
    pub(super) id: [u8; 16],
    /// A second instant.
    pub(super) second: i64,
}

/// Takes rows in any order.
pub(super) struct Sorter {
    folder: PathBuf,
    run_bytes: usize,
    rows: Rows,
    spill: Option<Spill>,
}

/// Rows in memory.
#[derive(Default)]
struct Rows {
    bytes: Vec<u8>,
    keys: Vec<(Key, Range<usize>)>,
}

/// The nameless file, and the thread that appends to it.
struct Spill {
    file: Arc<File>,
    /// The runs' places in the file.
    runs: Vec<Range<u64>>,
    writing: JoinHandle<io::Result<(Rows, u64)>>,
}

impl Sorter {
    /// An empty one, whose nameless file, if it needs one, is on the filesystem of `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            run_bytes: RUN_BYTES,
            rows: Rows::default(),
            spill: None,
        }
    }

    /// Takes a row.
    pub(super) fn push<'row>(
        &mut self,
        key: Key,
        cells: impl IntoIterator<Item = Cell<'row>>,
    ) -> Result<(), Error> {
        let start = self.rows.bytes.len();
        cells
            .into_iter()
            .for_each(|cell| cell.write(&mut self.rows.bytes));
        self.rows.keys.push((key, start..self.rows.bytes.len()));
        if self.rows.bytes.len() >= self.run_bytes {
            self.spill().map_err(Error::io(&self.folder))?;
        }
        Ok(())
    }

    /// Gives all rows to `each`, in the order of their keys.
    pub(super) fn drain(
        mut self,
        mut each: impl FnMut(&Key, Cells<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.spill.is_none() {
            self.rows.sort();
            let Rows { bytes, keys } = &self.rows;
            return keys
                .iter()
                .try_for_each(|(key, range)| each(key, Cells(&bytes[range.clone()])));
        }
        self.spill().map_err(Error::io(&self.folder))?;
        let Self { folder, spill, .. } = self;
        let spill = spill.expect("what does not fit into memory is in the file");
        let (file, runs) = spill.end().map_err(Error::io(&folder))?;
        merge(&file, &runs, &folder, each)
    }

    /// Has the rows in memory sorted and appended to the file as one run.
    fn spill(&mut self) -> io::Result<()> {
        let (file, runs, free) = match self.spill.take() {
            None => {
                let file = Arc::new(tempfile::tempfile_in(&self.folder)?);
                (file, Vec::new(), Rows::default())
            }
            Some(spill) => spill.join()?,
        };
        let rows = std::mem::replace(&mut self.rows, free);
        let output = file.clone();
        let writing = std::thread::Builder::new()
            .name("lake-sorter".to_owned())
            .spawn(move || rows.write_sorted(&output))?;
        self.spill = Some(Spill {
            file,
            runs,
            writing,
        });
        Ok(())
    }
}

impl Spill {
    /// Waits for the run that is being written; gives its memory back.
    fn join(mut self) -> io::Result<(Arc<File>, Vec<Range<u64>>, Rows)> {
        let written = self.writing.join();
        let (rows, length) = written.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let start = self.runs.last().map_or(0, |run| run.end);
        self.runs.push(start..start + length);
        Ok((self.file, self.runs, rows))
    }

    fn end(self) -> io::Result<(Arc<File>, Vec<Range<u64>>)> {
        self.join().map(|(file, runs, _)| (file, runs))
    }
}

impl Rows {
    fn sort(&mut self) {
        self.keys.sort_unstable_by_key(|(key, _)| *key);
    }

    /// Sorts the rows and appends them to the file; answers with the emptied memory and how many
    /// bytes were written.
    fn write_sorted(mut self, file: &File) -> io::Result<(Self, u64)> {
        self.sort();
        let mut output = io::BufWriter::with_capacity(READ_AHEAD_BYTES, file);
        let mut length = 0;
        for (key, range) in &self.keys {
            let head = Head {
                key: *key,
                length: range.len() as u64,
            };
            output.write_all(&head.to_bytes())?;
            output.write_all(&self.bytes[range.clone()])?;
            length += (Head::BYTES + range.len()) as u64;
        }
        output.flush()?;
        drop(output);
        self.bytes.clear();
        self.keys.clear();
        Ok((self, length))
    }
}

fn merge(
    file: &File,
    runs: &[Range<u64>],
    folder: &Path,
    mut each: impl FnMut(&Key, Cells<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let failed = || Error::io(folder);
    let mut runs: Vec<Run<'_>> = runs
        .iter()
        .map(|range| Run::new(file, range.clone()))
        .collect();
    let mut next = BinaryHeap::new();
    for (number, run) in runs.iter_mut().enumerate() {
        if run.advance().map_err(failed())? {
            next.push(Reverse((run.head.key, number)));
        }
    }
    while let Some(Reverse((key, number))) = next.pop() {
        let run = &mut runs[number];
        each(&key, Cells(run.row()))?;
        if run.advance().map_err(failed())? {
            next.push(Reverse((run.head.key, number)));
        }
    }
    Ok(())
}

/// What stands before a row's bytes in the file.
#[derive(Clone, Copy, Default)]
struct Head {
    key: Key,
    length: u64,
}

impl Head {
    const BYTES: usize = 4 + 1 + 8 + 16 + 8 + 8;

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let Key {
            group,
            first,
            id,
            second,
        } = self.key;
        bytes[..4].copy_from_slice(&group.to_le_bytes());
        bytes[4] = u8::from(first.is_some());
        bytes[5..13].copy_from_slice(&first.unwrap_or_default().to_le_bytes());
        bytes[13..29].copy_from_slice(&id);
        bytes[29..37].copy_from_slice(&second.to_le_bytes());
        bytes[37..].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut rest = bytes.as_slice();
        let group = u32::from_le_bytes(take(&mut rest));
        let [some] = take(&mut rest);
        let first = i64::from_le_bytes(take(&mut rest));
        let id = take(&mut rest);
        let second = i64::from_le_bytes(take(&mut rest));
        let key = Key {
            group,
            first: (some == 1).then_some(first),
            id,
            second,
        };
        Self {
            key,
            length: u64::from_le_bytes(take(&mut rest)),
        }
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (head, tail) = bytes.split_first_chunk().expect("a head is of fixed size");
    *bytes = tail;
    *head
}

/// One run while it is merged: its current row, and what was read ahead.
struct Run<'file> {
    file: &'file File,
    left: Range<u64>,
    ahead: Vec<u8>,
    head: Head,
    row: Range<usize>,
}

impl<'file> Run<'file> {
    fn new(file: &'file File, range: Range<u64>) -> Self {
        Self {
            file,
            left: range,
            ahead: Vec::new(),
            head: Head::default(),
            row: 0..0,
        }
    }

    /// The current row's bytes.
    fn row(&self) -> &[u8] {
        &self.ahead[self.row.clone()]
    }

    /// Goes to the next row; false where there is none.
    fn advance(&mut self) -> io::Result<bool> {
        let Some(head) = self.bytes(self.row.end, Head::BYTES)? else {
            return Ok(false);
        };
        let mut bytes = [0; Head::BYTES];
        bytes.copy_from_slice(&self.ahead[head.clone()]);
        self.head = Head::from_bytes(&bytes);
        let length = usize::try_from(self.head.length).map_err(io::Error::other)?;
        self.row = self
            .bytes(head.end, length)?
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(true)
    }

    /// Where `length` bytes from `start` on are in what was read ahead, after reading on where they
    /// are not; none at the run's end.
    fn bytes(&mut self, start: usize, length: usize) -> io::Result<Option<Range<usize>>> {
        if start + length <= self.ahead.len() {
            return Ok(Some(start..start + length));
        }
        self.ahead.drain(..start);
        let kept = self.ahead.len();
        let wanted =
            (READ_AHEAD_BYTES.max(length - kept) as u64).min(self.left.end - self.left.start);
        let wanted = usize::try_from(wanted).map_err(io::Error::other)?;
        self.ahead.resize(kept + wanted, 0);
        self.file
            .read_exact_at(&mut self.ahead[kept..], self.left.start)?;
        self.left.start += wanted as u64;
        match self.ahead.len() {
            0 => Ok(None),
            there if there < length => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(Some(0..length)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> impl Strategy<Value = Key> {
        let parts = (
            0..3_u32,
            any::<Option<i64>>(),
            any::<[u8; 16]>(),
            any::<i64>(),
        );
        parts.prop_map(|(group, first, id, second)| Key {
            group,
            first,
            id,
            second,
        })
    }

    fn sorted(rows: &[(Key, String)], run_bytes: usize) -> Vec<(Key, String)> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut sorter = Sorter::new(folder.path());
        sorter.run_bytes = run_bytes;
        for (key, text) in rows {
            let cells = [Cell::Text(text), Cell::Null, Cell::Instant(key.second)];
            sorter.push(*key, cells).expect("a row is taken");
        }
        let mut drained = Vec::new();
        sorter
            .drain(|key, cells| {
                let cells: Vec<Cell<'_>> = cells.collect();
                let [Cell::Text(text), Cell::Null, Cell::Instant(second)] = cells[..] else {
                    panic!("other cells than were pushed: {cells:?}");
                };
                assert_eq!(second, key.second);
                drained.push((*key, text.to_owned()));
                Ok(())
            })
            .expect("all rows come back");
        drained
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// From rows that fit into memory to a run for each row, and texts longer than what is
        /// read ahead.
        #[test]
        fn rows_come_back_in_the_order_of_their_keys(
            rows in proptest::collection::vec((keys(), ".{0,40}"), 0..200),
            run_bytes in prop_oneof![Just(1), 1..2000_usize, Just(RUN_BYTES)],
            long in 0..3 * READ_AHEAD_BYTES,
        ) {
            let mut rows = rows;
            if let Some((_, text)) = rows.first_mut() {
                *text = "x".repeat(long);
            }
            let mut expected = rows.clone();
            expected.sort();
            let mut found = sorted(&rows, run_bytes);
            prop_assert!(found.is_sorted_by_key(|(key, _)| *key));
            found.sort();
            prop_assert_eq!(found, expected);
        }
    }
}
