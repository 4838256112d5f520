//! One Parquet file in the making: rows go in here, threads of their own encode them.
//!
//! The thread that reads the mirror builds batches and writes what the encoders made of earlier
//! ones; channels of two batches between them bound what waits. What is given twice comes
//! out byte for byte the same: nothing of the clock, the machine or the file's name goes into it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;

use super::Error;
use super::batch::{BATCH_ROWS, Batch};
use super::cell::Cell;
use super::digest::Hashed;
use super::encoder::Encoders;
use super::lending::{self, Borrower, Lender};
use super::place::make_file;
use super::provenance::Stamp;
use super::shape::{ROW_GROUP_ROWS, Shape};

/// A file that is written, closed and on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Rows in it.
    pub(super) rows: u64,
    /// Its size.
    pub(super) bytes: u64,
    /// SHA-256 of all of it, in hexadecimal.
    pub(super) sha256: String,
}

/// A file in the making.
pub(super) struct FileWriter {
    path: PathBuf,
    file: SerializedFileWriter<Hashed>,
    factory: Arc<ArrowRowGroupWriterFactory>,
    encoders: Encoders,
    batch: Batch,
    /// Where the first columns go to, if another file has them too.
    lender: Option<Lender>,
    /// Where the first columns come from, as long as they are another file's.
    borrower: Option<Borrower>,
    rows: u64,
    /// Rows of the row group in the making that the encoders have.
    group_rows: usize,
    /// Whether the encoders have a row group that is ended and not yet in the file.
    group_waits: bool,
}

impl FileWriter {
    /// Begins the file at `path`, which must not be there yet.
    pub(super) fn create(path: &Path, shape: &Shape) -> Result<Self, Error> {
        Self::begin(make_file(path)?, path, shape, None)
    }

    /// Begins the file at `path`, whose first `columns` columns are those of `lender`, in which there
    /// is no row yet. Until [`Self::stop_borrowing`] each row is pushed to both, first to `lender`,
    /// and without these columns here.
    pub(super) fn create_borrowing(
        path: &Path,
        shape: &Shape,
        lender: &mut Self,
        columns: usize,
    ) -> Result<Self, Error> {
        let (lends, borrower) =
            lending::lend(&lender.path, columns).map_err(Error::io(&lender.path))?;
        lender.lender = Some(lends);
        Self::begin(make_file(path)?, path, shape, Some(borrower))
    }

    fn begin(
        file: File,
        path: &Path,
        shape: &Shape,
        borrower: Option<Borrower>,
    ) -> Result<Self, Error> {
        let properties = Some(shape.properties());
        let (file, factory) =
            ArrowWriter::try_new(Hashed::new(file), shape.schema.clone(), properties)
                .and_then(ArrowWriter::into_serialized_writer)
                .map_err(Error::parquet(path))?;
        let factory = Arc::new(factory);
        let first = borrower.as_ref().map_or(0, |it| it.columns);
        Ok(Self {
            path: path.to_owned(),
            file,
            encoders: Encoders::start(&factory, first).map_err(Error::io(path))?,
            factory,
            batch: Batch::new(shape, first),
            lender: None,
            borrower,
            rows: 0,
            group_rows: 0,
            group_waits: false,
        })
    }

    /// Appends a row: a cell for each column, in order.
    pub(super) fn push<'row>(
        &mut self,
        cells: impl IntoIterator<Item = Cell<'row>>,
    ) -> Result<(), Error> {
        self.batch.push(cells);
        if self.batch.rows() == BATCH_ROWS {
            self.encode().map_err(|error| self.failure(error))?;
        }
        Ok(())
    }

    /// Ends the row group in the making, and takes whole rows from now on. What is borrowed must be
    /// all in the lender's file: it is finished.
    pub(super) fn stop_borrowing(&mut self, shape: &Shape) -> Result<(), Error> {
        if self.borrower.is_none() {
            return Ok(());
        }
        self.end_groups().map_err(|error| self.failure(error))?;
        self.borrower = None;
        self.encoders = Encoders::start(&self.factory, 0).map_err(Error::io(&self.path))?;
        self.batch = Batch::new(shape, 0);
        Ok(())
    }

    /// Writes what is left and the footer, and waits until all of it is on disk.
    pub(super) fn finish(mut self, stamp: Stamp) -> Result<Written, Error> {
        self.close(stamp).map_err(|error| self.failure(error))?;
        let hashed = self.file.inner_mut();
        let (bytes, sha256) = hashed.end().map_err(Error::io(&self.path))?;
        Ok(Written {
            rows: self.rows,
            bytes,
            sha256,
        })
    }

    fn close(&mut self, stamp: Stamp) -> ParquetResult<()> {
        self.end_groups()?;
        for (key, value) in stamp {
            self.file
                .append_key_value_metadata(KeyValue::new(key, value));
        }
        self.file.finish().map(drop)
    }

    /// An error of Parquet's, or of the system's beneath it: of what could not be written Parquet
    /// often keeps the words alone.
    fn failure(&mut self, error: ParquetError) -> Error {
        match self.file.inner_mut().refused() {
            Some(refused) => Error::io(&self.path)(refused),
            None => Error::parquet(&self.path)(error),
        }
    }

    /// Hands the batch to the encoders. Batches divide row groups evenly.
    fn encode(&mut self) -> ParquetResult<()> {
        let rows = self.batch.rows();
        if rows == 0 {
            return Ok(());
        }
        self.encoders.encode(&self.batch.take())?;
        self.rows += rows as u64;
        self.group_rows += rows;
        if self.group_rows == ROW_GROUP_ROWS {
            self.end_group()?;
        }
        Ok(())
    }

    /// Writes all rows so far.
    fn end_groups(&mut self) -> ParquetResult<()> {
        self.encode()?;
        if self.group_rows > 0 {
            self.end_group()?;
        }
        self.write_waiting_group()
    }

    /// Ends the row group in the making. The one before it, which the encoders have long had, is
    /// written now, while they end this one.
    fn end_group(&mut self) -> ParquetResult<()> {
        self.encoders.end_group()?;
        self.write_waiting_group()?;
        self.group_rows = 0;
        self.group_waits = true;
        Ok(())
    }

    fn write_waiting_group(&mut self) -> ParquetResult<()> {
        if !self.group_waits {
            return Ok(());
        }
        self.group_waits = false;
        let chunks = self.encoders.collect()?;
        let known = self.lender.as_ref().map(|it| it.known(&chunks));
        let mut group = self.file.next_row_group()?;
        if let Some(borrower) = &self.borrower {
            borrower.append(&mut group)?;
        }
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        let written = group.close()?;
        if let (Some(lender), Some(known)) = (&self.lender, known) {
            self.file.flush()?;
            lender.lend(known, &written);
        }
        Ok(())
    }
}

/// A row group ends where a batch does.
const _: () = assert!(ROW_GROUP_ROWS.is_multiple_of(BATCH_ROWS));

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use crate::config::UuidEncoding;

    use super::super::digest::sha256_of;
    use super::super::table::Table;
    use super::*;

    fn write(path: &Path, rows: i64) -> Written {
        let shape = Shape::new(Table::Daily, UuidEncoding::String);
        let mut writer = FileWriter::create(path, &shape).expect("a file begins");
        for row in 0..rows {
            let cells = [
                Cell::Day(1),
                Cell::Text("pro"),
                Cell::Null,
                Cell::Flag(row % 2 == 0),
                Cell::Integer(row),
                Cell::Integer(-row),
            ];
            writer.push(cells).expect("a row is taken");
        }
        let stamp = vec![("twsync.table".to_owned(), "customers_daily".to_owned())];
        writer.finish(stamp).expect("a file ends")
    }

    #[test]
    fn row_groups_are_of_the_promised_size_and_bytes_are_the_same_every_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        let written = write(&one, 130_000);
        assert_eq!(written, write(&other, 130_000));
        assert_eq!(written.sha256, sha256_of(&one).expect("the file is there"));
        let file = File::open(&one).expect("the file is there");
        let reader = SerializedFileReader::new(file).expect("it is Parquet");
        let groups = reader.metadata().row_groups().iter();
        let rows: Vec<i64> = groups
            .map(parquet::file::metadata::RowGroupMetaData::num_rows)
            .collect();
        assert_eq!(rows, [122_880, 7_120]);
    }

    #[test]
    fn a_full_disk_is_said_to_whoever_pushes_or_finishes() {
        let shape = Shape::new(Table::Daily, UuidEncoding::String);
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it");
        let writer = FileWriter::begin(full, Path::new("/dev/full"), &shape, None);
        let error = writer
            .expect("nothing was written yet")
            .finish(Vec::new())
            .expect_err("the disk is full");
        assert!(matches!(error, Error::CannotWrite { .. }), "{error:?}");
    }
}
