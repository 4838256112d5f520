//! Files that were written before a column was added: kept, read by name, and null there.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use sha2::{Digest as _, Sha256};

use crate::python::{ends_well, script};
use crate::readers::python;
use crate::world::{World, manifest, tables, with_members};

/// The field that is taken for the newest, and its twin in `customers_changes`.
const NEWEST: [&str; 2] = ["owner_user_id", "old_owner_user_id"];

/// A file of each kind that is kept for good.
const CLOSED: [&str; 3] = [
    "customers_snapshot/snapshot_date=2026-01-30/",
    "customers_changes/month=2025-12/",
    "customers_history/2026-01-",
];

fn world() -> World {
    let mut world = World::new();
    world.live_through_months();
    world
}

/// Writes the files whose paths begin so anew, with what `change` makes of their rows.
fn rewrite(lake: &Path, beginning: &str, change: impl Fn(&RecordBatch) -> RecordBatch) {
    let mut manifest = manifest(lake);
    let files = manifest["files"].as_array_mut().expect("files").iter_mut();
    let begins = |path: &str| path.starts_with(beginning);
    let mut entries: Vec<_> = files
        .filter(|file| file["path"].as_str().is_some_and(begins))
        .collect();
    assert!(!entries.is_empty(), "no file {beginning}");
    for entry in &mut entries {
        let path = lake.join(entry["path"].as_str().expect("a path"));
        let contents = rewritten(&path, &change);
        entry["bytes"] = contents.len().into();
        let digest = Sha256::digest(&contents);
        let digits: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        entry["sha256"] = digits.concat().into();
        fs::remove_file(&path).expect("the file can be removed");
        fs::write(&path, contents).expect("a file");
    }
    let text = serde_json::to_string(&manifest).expect("JSON");
    fs::write(lake.join("manifest.json"), text).expect("a manifest");
}

fn rewritten(path: &Path, change: impl Fn(&RecordBatch) -> RecordBatch) -> Vec<u8> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).expect("a file"));
    let builder = builder.expect("Parquet");
    let pairs = builder.metadata().file_metadata().key_value_metadata();
    let mut pairs = pairs.cloned().unwrap_or_default();
    pairs.retain(|pair| pair.key != "ARROW:schema");
    let properties = WriterProperties::builder().set_key_value_metadata(Some(pairs));
    let schema = change(&RecordBatch::new_empty(builder.schema().clone())).schema();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties.build()))
        .expect("a file can be begun");
    for batch in builder.build().expect("rows") {
        let batch = change(&batch.expect("a batch"));
        writer.write(&batch).expect("rows are written");
    }
    writer.into_inner().expect("a file is ended")
}

fn without_newest(batch: &RecordBatch) -> RecordBatch {
    let schema = batch.schema();
    let fields = schema.fields().iter().enumerate();
    let kept: Vec<usize> = fields
        .filter(|(_, field)| !NEWEST.contains(&field.name().as_str()))
        .map(|(place, _)| place)
        .collect();
    assert!(kept.len() < schema.fields().len(), "it had the column");
    batch.project(&kept).expect("fewer columns")
}

/// The same with a member more for everybody.
fn with_a_member_more(batch: &RecordBatch) -> RecordBatch {
    let place = batch.schema().index_of("member_count").expect("a column");
    let mut columns = batch.columns().to_vec();
    let more = |count: i64| count + 1;
    let counts = columns[place]
        .as_primitive::<Int64Type>()
        .unary::<_, Int64Type>(more);
    columns[place] = Arc::new(counts) as ArrayRef;
    RecordBatch::try_new(batch.schema(), columns).expect("the same columns")
}

#[test]
fn what_an_older_file_lacks_is_no_fault() {
    let mut world = world();
    for closed in CLOSED {
        rewrite(&world.lake(), closed, without_newest);
    }
    assert_eq!(world.verify(), []);
    world
        .at("2026-02-04T10:00:00Z")
        .find(&[with_members(7, 98)]);
    let before = tables(&world.lake());
    world.publish();
    let after = tables(&world.lake());
    for (path, contents) in before {
        let is_closed = CLOSED
            .iter()
            .any(|it| path.to_string_lossy().starts_with(it));
        if is_closed {
            let is_kept = after.get(&path) == Some(&contents);
            assert!(is_kept, "{} was made anew", path.display());
        }
    }
    assert_eq!(world.verify(), []);
}

#[test]
fn what_an_older_file_has_is_held_against_the_mirror() {
    for closed in CLOSED {
        let world = world();
        rewrite(&world.lake(), closed, |batch| {
            with_a_member_more(&without_newest(batch))
        });
        let findings = world.verify();
        let [finding] = &findings[..] else {
            panic!("{closed}: {findings:?}");
        };
        assert!(finding.place.starts_with(closed), "{finding}");
        assert!(finding.place.ends_with(" row 1"), "{finding}");
        let what = " differs from the mirror in member_count";
        assert!(finding.what.ends_with(what), "{finding}");
    }
}

#[test]
fn a_file_without_a_column_that_was_always_there_is_a_fault() {
    let world = world();
    let day = CLOSED[0];
    rewrite(&world.lake(), day, |batch| {
        let place = batch.schema().index_of("changed_at").expect("a column");
        let mut batch = batch.clone();
        batch.remove_column(place);
        batch
    });
    let findings = world.verify();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].place.starts_with(day), "{findings:?}");
    assert!(findings[0].what.contains("changed_at"), "{findings:?}");
}

#[test]
fn duckdb_shows_null_where_an_older_file_lacks_a_column() {
    let Some(python) = python() else { return };
    let world = world();
    rewrite(&world.lake(), CLOSED[0], without_newest);
    rewrite(&world.lake(), "customers_changes/", without_newest);
    let reader = script(&python, "read_duckdb_older.py")
        .arg(world.lake())
        .spawn();
    ends_well(reader.expect("python starts"));
}
