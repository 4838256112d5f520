//! Columns that two files have in common are encoded once: one file lends them, the other copies them.
//!
//! Both files get the same rows at the same pace, so that their row groups hold the same values of
//! these columns. What is copied is what stands in the lender's file already, statistics, indexes
//! and filters included: the bytes are those that encoding a second time would have made.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use parquet::arrow::arrow_writer::ArrowColumnChunk;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::writer::SerializedRowGroupWriter;

use super::digest::Hashed;

/// The lent columns of one row group: where they are in the lender's file, and what is known of them.
type Group = Vec<ColumnCloseResult>;

/// The side that encodes.
pub(super) struct Lender {
    columns: usize,
    groups: Sender<Group>,
}

/// The side that copies.
pub(super) struct Borrower {
    /// How many of its first columns are borrowed.
    pub(super) columns: usize,
    file: File,
    groups: Receiver<Group>,
}

/// The first `columns` columns of the file at `path` are lent.
pub(super) fn lend(path: &Path, columns: usize) -> io::Result<(Lender, Borrower)> {
    let (sender, receiver) = channel();
    let lender = Lender {
        columns,
        groups: sender,
    };
    let borrower = Borrower {
        columns,
        // Opened anew: a duplicate would move the place at which the lender writes.
        file: File::open(path)?,
        groups: receiver,
    };
    Ok((lender, borrower))
}

impl Lender {
    /// What is known of the columns that are lent, before they go into the file.
    pub(super) fn known(&self, chunks: &[ArrowColumnChunk]) -> Group {
        let lent = chunks.iter().take(self.columns);
        lent.map(|chunk| chunk.close().clone()).collect()
    }

    /// Lends the row group that is now in the file, as `written`.
    pub(super) fn lend(&self, known: Group, written: &RowGroupMetaData) {
        let group = known
            .into_iter()
            .zip(written.columns())
            .map(|(known, written)| in_file(known, written))
            .collect();
        // A borrower that failed is gone; the lender's own file is as good as before.
        let _ = self.groups.send(group);
    }
}

/// The same column where it stands in the file: pages lie one behind the other.
fn in_file(mut column: ColumnCloseResult, written: &ColumnChunkMetaData) -> ColumnCloseResult {
    let mut offset = written.data_page_offset();
    for page in column
        .offset_index
        .iter_mut()
        .flat_map(|it| &mut it.page_locations)
    {
        page.offset = offset;
        offset += i64::from(page.compressed_page_size);
    }
    column.metadata = written.clone();
    column
}

impl Borrower {
    /// Copies the columns of the next row group, and waits until the lender has it in its file.
    pub(super) fn append(&self, group: &mut SerializedRowGroupWriter<'_, Hashed>) -> Result<()> {
        let lent = self.groups.recv().map_err(|_| {
            ParquetError::General("a row group that is to be copied is not written".to_owned())
        })?;
        lent.into_iter()
            .try_for_each(|column| group.append_column(&self.file, column))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use crate::config::UuidEncoding;

    use super::super::cell::Cell;
    use super::super::shape::Shape;
    use super::super::table::Table;
    use super::super::writer::FileWriter;

    /// The cells of a customer that both tables have.
    fn common<'row>(number: u32, id: &'row str, name: &'row str) -> [Cell<'row>; 10] {
        [
            Cell::Text(id),
            Cell::Text(name),
            Cell::Text(["free", "pro"][number as usize % 2]),
            Cell::Null,
            Cell::Text("active"),
            Cell::Flag(number.is_multiple_of(3)),
            Cell::Integer(i64::from(number % 40)),
            Cell::Instant(i64::from(number) * 1_000_003),
            Cell::Day(7),
            Cell::Text(id),
        ]
    }

    const OWN: [Cell<'_>; 6] = [
        Cell::Text("baseline"),
        Cell::Instant(1),
        Cell::Null,
        Cell::Flag(true),
        Cell::Null,
        Cell::Id([7; 16]),
    ];

    #[test]
    fn what_is_copied_is_byte_for_byte_what_would_have_been_encoded() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let (state, history) = (Table::Current, Table::History);
        let shape = |table| Shape::new(table, UuidEncoding::String);
        let mut first = FileWriter::create(&path("first"), &shape(state)).expect("it begins");
        let mut second =
            FileWriter::create_borrowing(&path("second"), &shape(history), &mut first, 10)
                .expect("it begins");
        let mut alone = FileWriter::create(&path("alone"), &shape(history)).expect("it begins");
        for number in 0..260_000_u32 {
            let id = Uuid::from_u128((u128::from(number) << 64) | 1).to_string();
            let name = format!("customer {}", number.wrapping_mul(2_654_435_761));
            let common = common(number, &id, &name);
            let rest = [Cell::Instant(1), Cell::Instant(2), Cell::Null, Cell::Null];
            let pushed = [
                first.push(common.into_iter().chain(rest)),
                second.push(OWN),
                alone.push(common.into_iter().chain(OWN)),
            ];
            assert!(pushed.iter().all(Result::is_ok), "{pushed:?}");
        }
        first.finish(Vec::new()).expect("it ends");
        let (written, _) = second.finish(Vec::new()).expect("it ends");
        assert_eq!(written, alone.finish(Vec::new()).expect("it ends").0);
    }
}
