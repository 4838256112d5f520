//! What the programs that analysts use make of a lake: the scripts of `tests/readers`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::python::{ends_well, python_with, script};
use crate::world::{World, customers};

const IMPORTS: &str = "import duckdb, frictionless, importlib.metadata, pandas, polars, pyarrow
importlib.metadata.version('duckdb-cli')";

/// A Python that has the programs.
pub(crate) fn python() -> Option<PathBuf> {
    python_with(IMPORTS)
}

fn check(name: &str, native: bool) {
    let Some(python) = python() else { return };
    let world = world(native);
    let reader = script(&python, name).arg(world.lake()).spawn();
    ends_well(reader.expect("python starts"));
}

fn world(native: bool) -> World {
    let mut world = World::new();
    if native {
        world.write_native_ids();
    }
    world.live_through_months();
    world
}

#[test]
fn duckdb_reads_it() {
    check("read_duckdb.py", false);
}

#[test]
fn duckdb_reads_native_ids() {
    check("read_duckdb.py", true);
}

/// Above the lake stand names like those of its columns, and patterns, one of which fits another lake.
#[test]
fn duckdb_reads_it_in_odd_folders() {
    let Some(python) = python() else { return };
    let mut world = World::new();
    world.at("2026-01-30T10:00:00Z").find(&customers(0..40));
    world.at("2026-02-03T10:00:00Z").find(&customers(40..50));
    for name in ["star i's", "st*r ?'s", "st[a]r*"] {
        let place =
            format!("tier_name=Gold/snapshot_date=2020-01-01/month=2020-01/env=prod/{name}");
        world.with_lake(&place, |world, lake| {
            world.publish();
            let reader = script(&python, "read_duckdb_odd_folder.py")
                .arg(lake)
                .spawn();
            ends_well(reader.expect("python starts"));
        });
    }
}

#[test]
fn pyarrow_reads_it() {
    check("read_pyarrow.py", false);
}

#[test]
fn pyarrow_reads_native_ids() {
    check("read_pyarrow.py", true);
}

#[test]
fn polars_reads_it() {
    check("read_polars.py", false);
}

#[test]
fn polars_reads_native_ids() {
    check("read_polars.py", true);
}

#[test]
fn pandas_reads_it() {
    check("read_pandas.py", false);
}

#[test]
fn frictionless_finds_the_description_true() {
    check("read_frictionless.py", false);
}

#[test]
fn a_schema_that_grew_is_read_by_name() {
    check("read_grown.py", false);
}

#[test]
fn duckdbs_own_program_reads_it_from_anywhere() {
    check("read_duckdb_cli.py", false);
}

#[test]
fn spark_reads_it() {
    let Some(python) = python() else { return };
    if !has_spark(&python) {
        return;
    }
    let world = world(false);
    let status = Command::new(python)
        .args(["-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .args(["-m", "spark", "tests/readers", "--lake"])
        .arg(world.lake())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(
        status.expect("python ends").success(),
        "Spark found a fault"
    );
}

/// Spark is large and needs Java: it is asked where both are there.
#[expect(
    clippy::print_stderr,
    reason = "a test that was left out must not look as if it had passed"
)]
fn has_spark(python: &Path) -> bool {
    let is_there = |program: &OsStr, arguments: &[&str]| {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let found = is_there(OsStr::new("java"), &["-version"])
        && is_there(python.as_os_str(), &["-c", "import pyspark, pytest"]);
    if !found {
        eprintln!(
            "left out: no Java, or python lacks what tests/readers/requirements-spark.txt names"
        );
    }
    found
}

#[test]
fn duckdb_reads_one_generation_while_others_are_published() {
    read_meanwhile("duckdb");
}

#[test]
fn polars_reads_one_generation_while_others_are_published() {
    read_meanwhile("polars");
}

fn read_meanwhile(reader: &str) {
    let Some(python) = python() else { return };
    let mut world = World::new();
    world.at("2026-01-30T10:00:00Z").find(&customers(0..40));
    world.at("2026-02-03T10:00:00Z").publish();
    let stop = world.folder().join("stop");
    let reader = script(&python, "read_meanwhile.py")
        .args([world.lake(), stop.clone(), reader.into()])
        .spawn();
    world.publish_thirty_times();
    fs::write(stop, "").expect("a file");
    ends_well(reader.expect("python starts"));
}
