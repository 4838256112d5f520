//! What Arrow and Parquet are told of a table: its schema, its encodings, its order.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::config::UuidEncoding;

use super::column::{Column, Kind, Packing};
use super::table::Table;

/// Rows of a row group: `DuckDB`'s own number, so that its threads find even work.
pub(super) const ROW_GROUP_ROWS: usize = 122_880;

/// zstd's level: past it, files shrink by a percent and take twice as long.
const ZSTD_LEVEL: i32 = 3;

/// zstd's level for UUIDs: past it, repetitions are searched that are none, in three times the time,
/// and what is found makes the column 3 % larger.
const ZSTD_LEVEL_OF_RANDOM: i32 = 1;

/// The share of absent ids that a bloom filter lets through. With 0.01 the filter of a full row group
/// takes twice the room, as its size is a power of two: 4 % of a file instead of 2 %.
const BLOOM_FALSE_POSITIVES: f64 = 0.02;

/// A table as Arrow and Parquet see it, under one encoding of ids.
pub(super) struct Shape {
    /// The table.
    pub(super) table: Table,
    /// Its columns.
    pub(super) columns: Vec<Column>,
    /// Its Arrow schema: types, nullability, and what is to be known of each column.
    pub(super) schema: SchemaRef,
    /// How its ids are written.
    pub(super) encoding: UuidEncoding,
}

impl Shape {
    /// The shape of `table`.
    pub(super) fn new(table: Table, encoding: UuidEncoding) -> Self {
        let columns = table.columns();
        let fields: Vec<Field> = columns
            .iter()
            .map(|column| field(column, encoding))
            .collect();
        Self {
            table,
            columns,
            schema: Arc::new(Schema::new(fields)),
            encoding,
        }
    }

    /// How Parquet is to write it.
    pub(super) fn properties(&self) -> WriterProperties {
        let mut properties = WriterProperties::builder()
            .set_compression(zstd(ZSTD_LEVEL))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_dictionary_enabled(false)
            .set_sorting_columns(Some(self.sorting()));
        for column in &self.columns {
            let path = ColumnPath::from(column.name());
            properties = match column.packing {
                Packing::Dictionary => properties.set_column_dictionary_enabled(path, true),
                Packing::Lengths => {
                    properties.set_column_encoding(path, Encoding::DELTA_LENGTH_BYTE_ARRAY)
                }
                Packing::Random => properties
                    .set_column_encoding(path.clone(), self.encoding_of_random(column))
                    .set_column_compression(path, zstd(ZSTD_LEVEL_OF_RANDOM)),
                Packing::Deltas => {
                    properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
                }
                Packing::Plain => properties.set_column_encoding(path, Encoding::PLAIN),
            };
        }
        if self.columns.iter().any(|column| column.name() == "id") {
            properties = properties
                .set_column_bloom_filter_fpp(ColumnPath::from("id"), BLOOM_FALSE_POSITIVES)
                .set_column_bloom_filter_max_ndv(ColumnPath::from("id"), ROW_GROUP_ROWS as u64);
        }
        properties.build()
    }

    /// Native ids are of one length: there are no lengths to pack.
    fn encoding_of_random(&self, column: &Column) -> Encoding {
        match (column.kind, self.encoding) {
            (Kind::Id, UuidEncoding::Native) => Encoding::PLAIN,
            _ => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        }
    }

    fn sorting(&self) -> Vec<SortingColumn> {
        let place = |name: &str| {
            self.columns
                .iter()
                .position(|column| column.name() == name)
                .expect("a table is sorted by columns of its own")
        };
        self.table
            .order()
            .iter()
            .map(|name| SortingColumn {
                column_idx: i32::try_from(place(name)).expect("a table has few columns"),
                descending: false,
                nulls_first: true,
            })
            .collect()
    }
}

fn zstd(level: i32) -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(level).expect("zstd has this level"))
}

/// The Arrow field of a column. Its metadata travel in the file, under `ARROW:schema`.
fn field(column: &Column, encoding: UuidEncoding) -> Field {
    let mut metadata = HashMap::from([
        ("description".to_owned(), column.description()),
        ("unit".to_owned(), column.unit.words().to_owned()),
        (
            "api_name".to_owned(),
            column.api_name().unwrap_or("none").to_owned(),
        ),
    ]);
    let data_type = match (column.kind, encoding) {
        (Kind::Id, UuidEncoding::Native) => {
            metadata.insert("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned());
            DataType::FixedSizeBinary(16)
        }
        (Kind::Id, UuidEncoding::String) | (Kind::Text, _) => DataType::Utf8,
        (Kind::Integer, _) => DataType::Int64,
        (Kind::Flag, _) => DataType::Boolean,
        (Kind::Instant, _) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        (Kind::Day, _) => DataType::Date32,
    };
    Field::new(column.name(), data_type, !column.required).with_metadata(metadata)
}
