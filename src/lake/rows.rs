//! The rows of a table read back, file after file, as cells.
//!
//! Columns are found by name: a file that was written before a column was added lacks it.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type, Schema, TimestampMicrosecondType};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::{ParquetError, Result};
use uuid::Uuid;

use super::cell::Cell;
use super::column::{Column, Kind};
use super::manifest::Entry;

/// Rows of a table, in the order of its files.
pub(super) struct Rows {
    lake: PathBuf,
    columns: Vec<Column>,
    files: std::vec::IntoIter<Entry>,
    file: Option<OpenFile>,
}

/// What a row holds in one column; none where its file lacks the column.
pub(super) type Held<'row> = Option<Cell<'row>>;

/// Where a row stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The file, from the lake's folder on.
    pub(super) path: String,
    /// The row in it, counted from 1.
    pub(super) row: u64,
}

struct OpenFile {
    position: Position,
    /// Where each column stands in the file; none where the file lacks it.
    places: Vec<Option<usize>>,
    batches: ParquetRecordBatchReader,
    batch: RecordBatch,
    next: usize,
}

impl Rows {
    /// These columns of the rows of `files`.
    pub(super) fn new(lake: &Path, columns: Vec<Column>, files: Vec<Entry>) -> Self {
        Self {
            lake: lake.to_owned(),
            columns,
            files: files.into_iter(),
            file: None,
        }
    }

    /// Goes to the next row and gives what it holds to `look`; none at the end.
    pub(super) fn next<T>(
        &mut self,
        look: impl FnOnce(&Position, &[Held<'_>]) -> T,
    ) -> Result<Option<T>> {
        while !self.file.as_ref().is_some_and(OpenFile::has_next) {
            if !self.read_on()? {
                return Ok(None);
            }
        }
        let file = self.file.as_mut().expect("a file with a next row is open");
        let row = file.next;
        file.next += 1;
        file.position.row += 1;
        let cells = self
            .columns
            .iter()
            .zip(&file.places)
            .map(|(column, place)| {
                let values = place.map(|place| file.batch.column(place));
                values.map(|it| cell(column.kind, it, row)).transpose()
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Some(look(&file.position, &cells)))
    }

    /// Reads the next batch, or opens the next file; false after the last.
    fn read_on(&mut self) -> Result<bool> {
        if let Some(file) = &mut self.file
            && let Some(batch) = file.batches.next()
        {
            file.batch = batch?;
            file.next = 0;
            return Ok(true);
        }
        let Some(entry) = self.files.next() else {
            return Ok(false);
        };
        self.file = Some(OpenFile::open(&self.lake, &self.columns, entry.path)?);
        Ok(true)
    }
}

impl OpenFile {
    fn open(lake: &Path, columns: &[Column], path: String) -> Result<Self> {
        let builder = reader(lake, &path)?;
        Ok(Self {
            places: places(builder.schema(), columns)?,
            batch: RecordBatch::new_empty(builder.schema().clone()),
            batches: builder.build()?,
            next: 0,
            position: Position { path, row: 0 },
        })
    }

    fn has_next(&self) -> bool {
        self.next < self.batch.num_rows()
    }
}

/// Which of these columns a file has.
pub(super) fn has(lake: &Path, columns: &[Column], entry: &Entry) -> Result<Vec<bool>> {
    let found = places(reader(lake, &entry.path)?.schema(), columns)?;
    Ok(found.iter().map(Option::is_some).collect())
}

fn reader(lake: &Path, path: &str) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    ParquetRecordBatchReaderBuilder::try_new(File::open(lake.join(path))?)
}

/// Where each of these columns stands. Only what may be null can have been added later.
fn places(schema: &Schema, columns: &[Column]) -> Result<Vec<Option<usize>>> {
    let place = |column: &Column| {
        let name = column.name();
        match schema.column_with_name(&name) {
            Some((place, _)) => Ok(Some(place)),
            None if column.required => {
                Err(ParquetError::General(format!("it has no column {name}")))
            }
            None => Ok(None),
        }
    };
    columns.iter().map(place).collect()
}

fn cell(kind: Kind, values: &ArrayRef, row: usize) -> Result<Cell<'_>> {
    if values.is_null(row) {
        return Ok(Cell::Null);
    }
    let other = || ParquetError::General(format!("a column of type {}", values.data_type()));
    Ok(match kind {
        Kind::Id => Cell::Id(id(values, row)?),
        Kind::Text => Cell::Text(values.as_string_opt::<i32>().ok_or_else(other)?.value(row)),
        Kind::Integer => {
            let values = values.as_primitive_opt::<Int64Type>();
            Cell::Integer(values.ok_or_else(other)?.value(row))
        }
        Kind::Flag => Cell::Flag(values.as_boolean_opt().ok_or_else(other)?.value(row)),
        Kind::Instant => {
            let values = values.as_primitive_opt::<TimestampMicrosecondType>();
            Cell::Instant(values.ok_or_else(other)?.value(row))
        }
        Kind::Day => {
            let values = values.as_primitive_opt::<Date32Type>();
            Cell::Day(values.ok_or_else(other)?.value(row))
        }
    })
}

fn id(values: &ArrayRef, row: usize) -> Result<[u8; 16]> {
    let uuid = if let Some(values) = values.as_string_opt::<i32>() {
        Uuid::try_parse(values.value(row))
    } else if let Some(values) = values.as_fixed_size_binary_opt() {
        Uuid::from_slice(values.value(row))
    } else {
        return Err(ParquetError::General(format!(
            "ids of type {}",
            values.data_type()
        )));
    };
    uuid.map(Uuid::into_bytes)
        .map_err(|error| ParquetError::External(Box::new(error)))
}
