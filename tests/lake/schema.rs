//! The promise that columns may be added and nothing else: what each version of the schema had is
//! written down in `schema/`, and held against the files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use twsync::lake::column::Column;
use twsync::lake::table::{SCHEMA_VERSION, Table};
use twsync::report::Counts;

use crate::world::{World, customers, manifest};

/// Type and nullability of each column, by table and name.
type Columns = BTreeMap<String, String>;

/// The columns of the files that are written now.
fn written() -> Columns {
    let mut world = World::new();
    world.find(&customers(0..3));
    world.publish();
    let manifest = manifest(&world.lake());
    assert_eq!(manifest["schema_version"], SCHEMA_VERSION);
    let files = manifest["files"].as_array().expect("files");
    let mut columns = Columns::new();
    for file in files {
        let table = file["table"].as_str().expect("a table");
        let path = world.lake().join(file["path"].as_str().expect("a path"));
        let file = File::open(path).expect("a file");
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
        for field in builder.schema().fields() {
            let null = if field.is_nullable() {
                "null"
            } else {
                "never null"
            };
            let kind = format!("{}, {null}", field.data_type());
            columns.insert(format!("{table}.{}", field.name()), kind);
        }
    }
    columns
}

#[test]
fn the_counts_of_a_run_stand_under_their_names() {
    let names: Vec<_> = Table::Runs.columns().iter().map(Column::name).collect();
    let counts = Counts::ALL.map(|(name, _)| name.to_owned());
    assert!(names.ends_with(&counts), "{names:?}");
}

fn record(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/lake/schema/{version}.txt"))
}

/// The columns as they were written down for a version.
fn recorded(version: u32) -> Columns {
    let path = record(version);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; it should hold:\n{}",
            path.display(),
            text(&written())
        )
    });
    text.lines()
        .map(|line| line.split_once(": ").expect("a column and its type"))
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect()
}

fn text(columns: &Columns) -> String {
    let lines = columns
        .iter()
        .map(|(name, kind)| format!("{name}: {kind}\n"));
    lines.collect()
}

#[test]
fn the_schema_is_the_one_that_its_version_stands_for() {
    let (found, promised) = (text(&written()), text(&recorded(SCHEMA_VERSION)));
    assert_eq!(
        found, promised,
        "a column more is a schema version more, with a record of its own; records that are there never change"
    );
}

#[test]
fn no_version_drops_a_column_or_changes_its_type() {
    let versions: Vec<Columns> = (1..=SCHEMA_VERSION).map(recorded).collect();
    let last = written();
    for (version, columns) in (1..).zip(&versions) {
        for (name, kind) in columns {
            assert_eq!(last.get(name), Some(kind), "{name} of version {version}");
        }
    }
    for (older, newer) in versions.iter().zip(versions.iter().skip(1)) {
        let added: Vec<&String> = newer
            .keys()
            .filter(|name| !older.contains_key(*name))
            .collect();
        assert!(!added.is_empty(), "a version without a column more");
        for name in added {
            assert!(
                newer[name].ends_with(", null"),
                "{name} is new, and old files lack it"
            );
        }
    }
    for table in Table::ALL {
        let of_table = format!("{}.", table.folder());
        assert!(last.keys().any(|name| name.starts_with(&of_table)));
    }
}
