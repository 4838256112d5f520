//! One Parquet file in the making: rows go in here, threads of their own encode and write them.
//!
//! The thread that reads the mirror builds batches, others encode them, one more puts what they made into
//! the file; short channels between them bound what waits. What is given twice comes
//! out byte for byte the same: nothing of the clock, the machine or the file's name goes into it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;

use super::Error;
use super::assembly::{Assembly, Output};
use super::batch::{BATCH_ROWS, Batch};
use super::cell::Cell;
use super::digest::Hashed;
use super::encoder::{Encoders, Gone};
use super::lending::{self, Borrower};
use super::place::make_file;
use super::provenance::Stamp;
use super::shape::{ROW_GROUP_ROWS, Shape};

/// A file that is written.
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
    factory: Arc<ArrowRowGroupWriterFactory>,
    batch: Batch,
    work: Work,
    /// How many of the first columns are another file's.
    borrowed: usize,
    /// Who else is given every batch.
    onlooker: Option<SyncSender<RecordBatch>>,
    rows: u64,
    /// Rows of the row group in the making that the encoders have.
    group_rows: usize,
}

/// Who has the file.
enum Work {
    /// Nobody: no row was handed over since it began, or all that were are in it.
    Resting(Box<Output>),
    /// The threads that encode, and the one that writes.
    Running(Encoders, Assembly),
    /// An error took it.
    Over,
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
        let Work::Resting(output) = &mut lender.work else {
            unreachable!("the lender has no row yet");
        };
        output.lender = Some(lends);
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
        let borrowed = borrower.as_ref().map_or(0, |it| it.columns);
        Ok(Self {
            path: path.to_owned(),
            factory: Arc::new(factory),
            batch: Batch::new(shape, borrowed),
            work: Work::Resting(Box::new(Output {
                file,
                lender: None,
                borrower,
            })),
            borrowed,
            onlooker: None,
            rows: 0,
            group_rows: 0,
        })
    }

    /// Gives every batch from now on to `onlooker` as well.
    pub(super) fn show_to(&mut self, onlooker: SyncSender<RecordBatch>) {
        self.onlooker = Some(onlooker);
    }

    /// Appends a row: a cell for each column, in order.
    pub(super) fn push<'row>(
        &mut self,
        cells: impl IntoIterator<Item = Cell<'row>>,
    ) -> Result<(), Error> {
        self.batch.push(cells);
        if self.batch.rows() == BATCH_ROWS {
            self.encode()?;
        }
        Ok(())
    }

    /// Ends the row group in the making, and takes whole rows from now on. What is borrowed must be
    /// all in the lender's file: it is finished.
    pub(super) fn stop_borrowing(&mut self, shape: &Shape) -> Result<(), Error> {
        if self.borrowed == 0 {
            return Ok(());
        }
        let mut output = self.rest()?;
        output.borrower = None;
        self.work = Work::Resting(output);
        self.batch = Batch::new(shape, 0);
        self.borrowed = 0;
        Ok(())
    }

    /// Writes what is left and the footer. Beside what was written comes the file, for whoever waits until
    /// it is on disk.
    pub(super) fn finish(mut self, stamp: Stamp) -> Result<(Written, File), Error> {
        let mut output = self.rest()?;
        close(&mut output.file, stamp).map_err(|error| self.failure(&mut output, error))?;
        let hashed = output.file.inner_mut();
        let (file, bytes, sha256) = hashed.end().map_err(Error::io(&self.path))?;
        let written = Written {
            rows: self.rows,
            bytes,
            sha256,
        };
        Ok((written, file))
    }

    /// Hands the batch to the encoders. Batches divide row groups evenly.
    fn encode(&mut self) -> Result<(), Error> {
        let rows = self.batch.rows();
        if rows == 0 {
            return Ok(());
        }
        let batch = self.batch.take();
        if let Some(onlooker) = &self.onlooker {
            // One that is gone has panicked, and whoever waits for it will hear of it.
            let _ = onlooker.send(batch.clone());
        }
        self.rows += rows as u64;
        self.group_rows += rows;
        let ends = self.group_rows == ROW_GROUP_ROWS;
        if ends {
            self.group_rows = 0;
        }
        let encoders = self.encoders()?;
        let handed = encoders.encode(&batch);
        match handed.and_then(|()| if ends { encoders.end_group() } else { Ok(()) }) {
            Ok(()) => Ok(()),
            Err(Gone) => self.take_back().map(drop),
        }
    }

    /// The encoders, which are started where they rest.
    fn encoders(&mut self) -> Result<&Encoders, Error> {
        if let Work::Resting(_) = self.work
            && let Work::Resting(output) = std::mem::replace(&mut self.work, Work::Over)
        {
            let started = Encoders::start(&self.factory, self.borrowed);
            let (encoders, encoded) = started.map_err(Error::io(&self.path))?;
            let assembly = Assembly::start(*output, encoded).map_err(Error::io(&self.path))?;
            self.work = Work::Running(encoders, assembly);
        }
        match &self.work {
            Work::Running(encoders, _) => Ok(encoders),
            Work::Resting(_) | Work::Over => unreachable!("{OVER}"),
        }
    }

    /// The file, with all rows so far in it.
    fn rest(&mut self) -> Result<Box<Output>, Error> {
        self.encode()?;
        if std::mem::take(&mut self.group_rows) > 0 {
            // Where one is gone, it says why when the file is taken back.
            let _ = self.encoders()?.end_group();
        }
        self.take_back()
    }

    /// Ends the threads, and takes the file back; an error where it does not hold what it was given.
    fn take_back(&mut self) -> Result<Box<Output>, Error> {
        let (encoders, assembly) = match std::mem::replace(&mut self.work, Work::Over) {
            Work::Resting(output) => return Ok(output),
            Work::Running(encoders, assembly) => (encoders, assembly),
            Work::Over => unreachable!("{OVER}"),
        };
        let encoded = encoders.end();
        let (mut output, written) = assembly.end();
        match written.and(encoded) {
            Ok(()) => Ok(Box::new(output)),
            Err(error) => Err(self.failure(&mut output, error)),
        }
    }

    /// An error of Parquet's, or of the system's beneath it: of what could not be written Parquet
    /// often keeps the words alone.
    fn failure(&self, output: &mut Output, error: ParquetError) -> Error {
        match output.file.inner_mut().refused() {
            Some(refused) => Error::io(&self.path)(refused),
            None => Error::parquet(&self.path)(error),
        }
    }
}

const OVER: &str = "a file that failed is given no more rows";

fn close(file: &mut SerializedFileWriter<Hashed>, stamp: Stamp) -> ParquetResult<()> {
    for (key, value) in stamp {
        file.append_key_value_metadata(KeyValue::new(key, value));
    }
    file.finish().map(drop)
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
        writer.finish(stamp).expect("a file ends").0
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
