//! What the programs that analysts use make of a lake: the scripts of `tests/readers`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::world::{World, customers, id, with_members};

/// Fails where something is missing.
const HAS_ALL: &str = "import duckdb, importlib.metadata, pandas, polars, pyarrow
importlib.metadata.version('duckdb-cli')";

/// A Python that has the programs; none where there is none and nobody said that there is.
#[expect(
    clippy::print_stderr,
    reason = "a test that was left out must not look as if it had passed"
)]
pub(crate) fn python() -> Option<PathBuf> {
    if let Some(python) = std::env::var_os("READERS_PYTHON") {
        return Some(python.into());
    }
    let found = Command::new("python3")
        .args(["-c", HAS_ALL])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        eprintln!("left out: python3 lacks what tests/readers/requirements.txt names");
    }
    found.then(|| "python3".into())
}

fn start<A: AsRef<OsStr>>(python: &Path, script: &str, arguments: &[A]) -> Child {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers");
    Command::new(python)
        .arg("-B")
        .arg(folder.join(script))
        .args(arguments)
        .spawn()
        .expect("python starts")
}

fn check(script: &str, native: bool) {
    let Some(python) = python() else { return };
    let world = world(native);
    let status = start(&python, script, &[&world.lake()]).wait();
    assert!(
        status.expect("python ends").success(),
        "{script} found a fault"
    );
}

/// Several days and months, with every kind of change, and customers of whom little is known.
fn world(native: bool) -> World {
    let mut world = World::new();
    if native {
        world.write_native_ids();
    }
    world.at("2025-12-30T10:00:00Z").find(&customers(0..400));
    world
        .at("2026-01-30T10:00:00Z")
        .find(&[with_members(7, 99)]);
    world.publish();
    world.at("2026-02-02T10:00:00Z").lose(&[id(3), id(4)]);
    world.publish();
    world.at("2026-02-03T10:00:00Z").find(&customers(390..450));
    world.find(&customers(3..4));
    world.publish();
    assert_eq!(world.verify(), []);
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
    let lake = world.lake();
    let arguments = [lake.as_os_str(), stop.as_os_str(), OsStr::new(reader)];
    let mut reader = start(&python, "read_meanwhile.py", &arguments);
    let mut members = 1000;
    for _ in 0..30 {
        members += 1;
        world.find(&[with_members(1, members)]);
        world.publish();
    }
    fs::write(stop, "").expect("a file");
    assert!(
        reader.wait().expect("python ends").success(),
        "the reader found a mixture"
    );
}
