//! What the programs that analysts use make of a lake in a bucket.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use crate::python::{ends_well, script};
use crate::storage::{Storage, location, named_by, python};
use crate::world::{World, customers};

fn start(script: &mut Command, storage: &Storage, stop: Option<&Path>) -> Child {
    let script = script.args([&storage.place("/lake"), &storage.url]);
    script.args(stop).spawn().expect("python starts")
}

/// This script of `tests/readers` finds no fault with a lake of many months in this storage.
fn is_read_by(python: &Path, name: &str, storage: &Storage) {
    let mut world = World::new();
    storage.hosts(&mut world);
    world.live_through_months();
    ends_well(start(&mut script(python, name), storage, None));
}

/// The same, in S3's language, where there is such a Python.
fn s3_is_read_by(python: Option<PathBuf>, name: &str) {
    if let (Some(python), Some(storage)) = (python, Storage::start()) {
        is_read_by(&python, name, &storage);
    }
}

#[test]
fn pyarrow_and_polars_read_it_from_the_manifest_on() {
    s3_is_read_by(python(), "read_bucket.py");
}

#[test]
fn duckdb_reads_it_by_the_lakes_own_script() {
    s3_is_read_by(python(), "read_bucket_duckdb.py");
}

#[test]
fn folders_above_the_lake_are_no_partitions_to_duckdb() {
    let (Some(python), Some(storage)) = (python(), Storage::start()) else {
        return;
    };
    let place = storage.place("/env=prod/tier_name=Gold/lake");
    let mut world = World::new();
    storage.hosts(&mut world);
    world.settings.path = Some(location(&place));
    world.live_through_months();
    let mut script = script(&python, "read_bucket_duckdb.py");
    let script = script.args([&place, &storage.url]);
    ends_well(script.spawn().expect("python starts"));
}

#[test]
fn duckdb_reads_it_with_its_own_extension() {
    let Some(python) = named_by("READERS_EXTENSIONS_PYTHON") else {
        return;
    };
    for storage in Storage::of_each_cloud() {
        is_read_by(&python, "read_bucket_duckdb.py", &storage);
    }
}

#[test]
fn spark_reads_it_from_the_manifest_on() {
    s3_is_read_by(named_by("READERS_S3A_PYTHON"), "read_bucket_spark.py");
}

#[test]
fn an_engine_that_lists_folders_holds_on_to_one_generation() {
    s3_is_read_by(python(), "read_bucket_listed.py");
}

#[test]
fn a_reader_sees_one_generation_while_others_are_published() {
    let (Some(python), Some(storage)) = (python(), Storage::start()) else {
        return;
    };
    let mut world = World::new();
    storage.hosts(&mut world);
    world.at("2026-01-30T10:00:00Z").find(&customers(0..40));
    world.at("2026-02-03T10:00:00Z").publish();
    let stop = world.folder().join("stop");
    let reader = start(
        &mut script(&python, "read_bucket_meanwhile.py"),
        &storage,
        Some(&stop),
    );
    world.publish_thirty_times();
    fs::write(stop, "").expect("a file");
    ends_well(reader);
}
