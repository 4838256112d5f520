//! Rows of cells become Arrow batches.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, FixedSizeBinaryBuilder, Int64Builder, RecordBatch,
    StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{Fields, Schema, SchemaRef};
use uuid::Uuid;

use crate::config::UuidEncoding;

use super::cell::Cell;
use super::column::Kind;
use super::fields::id_bytes;
use super::shape::Shape;

/// Rows of a batch: few enough to stay in the processor's cache, many enough to be worth a
/// hand-over.
pub(super) const BATCH_ROWS: usize = 8192;

/// A batch in the making.
pub(super) struct Batch {
    schema: SchemaRef,
    columns: Vec<Values>,
    rows: usize,
}

impl Batch {
    /// An empty one, for the columns from the place `first` on.
    pub(super) fn new(shape: &Shape, first: usize) -> Self {
        let columns = shape.columns[first..]
            .iter()
            .map(|column| Values::new(column.kind, shape.encoding))
            .collect();
        let fields: Fields = shape.schema.fields()[first..].into();
        Self {
            schema: Arc::new(Schema::new(fields)),
            columns,
            rows: 0,
        }
    }

    /// Appends a row: a cell for each column, in order.
    pub(super) fn push<'row>(&mut self, cells: impl IntoIterator<Item = Cell<'row>>) {
        let mut columns = self.columns.iter_mut();
        // Chained iterators are several times as fast from within as from without.
        cells.into_iter().for_each(|cell| {
            let column = columns.next().expect("a row has a column for each cell");
            column.push(cell);
        });
        debug_assert!(columns.next().is_none(), "a row has a cell for each column");
        self.rows += 1;
    }

    /// How many rows it has.
    pub(super) const fn rows(&self) -> usize {
        self.rows
    }

    /// The rows so far; afterwards it is empty.
    pub(super) fn take(&mut self) -> RecordBatch {
        self.rows = 0;
        let arrays = self.columns.iter_mut().map(Values::take).collect();
        RecordBatch::try_new(self.schema.clone(), arrays)
            .expect("the arrays were built by this schema, and required columns have values")
    }
}

/// The values of one column.
enum Values {
    Text(StringBuilder),
    TextId(StringBuilder),
    NativeId(FixedSizeBinaryBuilder),
    Integer(Int64Builder),
    Flag(BooleanBuilder),
    Instant(TimestampMicrosecondBuilder),
    Day(Date32Builder),
}

impl Values {
    fn new(kind: Kind, encoding: UuidEncoding) -> Self {
        match (kind, encoding) {
            (Kind::Id, UuidEncoding::Native) => Self::NativeId(FixedSizeBinaryBuilder::new(16)),
            (Kind::Id, UuidEncoding::String) => Self::TextId(StringBuilder::new()),
            (Kind::Text, _) => Self::Text(StringBuilder::new()),
            (Kind::Integer, _) => Self::Integer(Int64Builder::new()),
            (Kind::Flag, _) => Self::Flag(BooleanBuilder::new()),
            (Kind::Instant, _) => {
                Self::Instant(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
            }
            (Kind::Day, _) => Self::Day(Date32Builder::new()),
        }
    }

    fn push(&mut self, cell: Cell<'_>) {
        match (self, cell) {
            // An id of the mirror is text in the one form that ids have.
            (Self::Text(values) | Self::TextId(values), Cell::Text(text)) => {
                values.append_value(text);
            }
            (Self::NativeId(values), Cell::Text(text)) => values
                .append_value(id_bytes(text))
                .expect("an id has as many bytes as its column"),
            (Self::Text(values) | Self::TextId(values), Cell::Null) => values.append_null(),
            (Self::TextId(values), Cell::Id(id)) => {
                let mut text = Uuid::encode_buffer();
                values.append_value(Uuid::from_bytes(id).as_hyphenated().encode_lower(&mut text));
            }
            (Self::NativeId(values), Cell::Id(id)) => values
                .append_value(id)
                .expect("an id has as many bytes as its column"),
            (Self::NativeId(values), Cell::Null) => values.append_null(),
            (Self::Integer(values), Cell::Integer(value)) => values.append_value(value),
            (Self::Integer(values), Cell::Null) => values.append_null(),
            (Self::Flag(values), Cell::Flag(value)) => values.append_value(value),
            (Self::Flag(values), Cell::Null) => values.append_null(),
            (Self::Instant(values), Cell::Instant(value)) => values.append_value(value),
            (Self::Instant(values), Cell::Null) => values.append_null(),
            (Self::Day(values), Cell::Day(value)) => values.append_value(value),
            (Self::Day(values), Cell::Null) => values.append_null(),
            (_, cell) => unreachable!("the column is of another type than {cell:?}"),
        }
    }

    fn take(&mut self) -> ArrayRef {
        match self {
            Self::Text(values) | Self::TextId(values) => Arc::new(values.finish()),
            Self::NativeId(values) => Arc::new(values.finish()),
            Self::Integer(values) => Arc::new(values.finish()),
            Self::Flag(values) => Arc::new(values.finish()),
            Self::Instant(values) => Arc::new(values.finish()),
            Self::Day(values) => Arc::new(values.finish()),
        }
    }
}
