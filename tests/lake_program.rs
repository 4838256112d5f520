//! The lake by the real binary and by the machine's own clock: what a run has published is what the
//! mirror makes at any later time, and what is damaged is found, named and mended.

mod program;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use program::Program;
use serde_json::Value;
use twsync::sandbox::{Options, Sandbox, World};

/// A copy of 40 customers and its lake, by a run and a second one in which something changed.
async fn published() -> (Sandbox, Program) {
    let world = World::new(3, 40);
    let sandbox = Sandbox::start(Options {
        world,
        ..Options::default()
    })
    .await
    .expect("a port");
    let program = Program::against(&sandbox);
    program.run(&["--once"]).await.exits(0);
    sandbox.world().churn(3, 5);
    program.run(&["--once"]).await.exits(0);
    (sandbox, program)
}

fn lake(program: &Program) -> PathBuf {
    program.path("data/lake")
}

fn manifest(program: &Program) -> Value {
    let text = fs::read_to_string(lake(program).join("manifest.json")).expect("a manifest");
    serde_json::from_str(&text).expect("JSON")
}

/// The SHA-256 of each file of a table, by its path.
fn hashes(program: &Program) -> BTreeMap<String, String> {
    let manifest = manifest(program);
    let files = manifest["files"].as_array().expect("files").iter();
    let text = |file: &Value, key: &str| file[key].as_str().expect("a text").to_owned();
    files
        .map(|file| (text(file, "path"), text(file, "sha256")))
        .collect()
}

/// What a file's footer says of twsync.
fn footer(path: &Path) -> BTreeMap<String, String> {
    let file = File::open(path).expect("a file");
    let reader = SerializedFileReader::new(file).expect("Parquet");
    let pairs = reader.metadata().file_metadata().key_value_metadata();
    let pairs = pairs.into_iter().flatten();
    pairs
        .filter(|pair| pair.key.starts_with("twsync."))
        .map(|pair| (pair.key.clone(), pair.value.clone().unwrap_or_default()))
        .collect()
}

#[tokio::test]
async fn what_a_run_published_is_made_again_byte_for_byte() {
    let (_sandbox, program) = published().await;
    let by_the_run = hashes(&program);
    let again = program.run(&["snapshot", "--output", "json"]).await;
    let again = again.exits(0).json();
    assert_eq!(again["files"], again["files_kept"], "nothing changed");
    assert_eq!(hashes(&program), by_the_run);
    for folder in ["data/lake", "data/.lake.previous"] {
        fs::remove_dir_all(program.path(folder)).expect("removed");
    }
    program.run(&["snapshot"]).await.exits(0);
    assert_eq!(hashes(&program), by_the_run);
    program.run(&["verify"]).await.exits(0);
}

#[tokio::test]
async fn every_file_says_of_which_run_it_is() {
    let (_sandbox, program) = published().await;
    let manifest = manifest(&program);
    let newest = |table: &str| {
        let files = manifest["files"].as_array().expect("files").iter();
        let path = files.filter(|file| file["table"] == table).next_back();
        let path = path.expect("a file")["path"].as_str().expect("a path");
        footer(&lake(&program).join(path))
    };
    for table in ["current", "customers_snapshot", "customers_changes", "runs"] {
        let said = newest(table);
        assert_eq!(said["twsync.schema_version"], "1", "{table}");
        assert_eq!(said["twsync.run"], manifest["run"], "{table}");
        assert_eq!(said["twsync.grade"], manifest["grade"], "{table}");
        assert_eq!(said["twsync.as_of"], manifest["as_of"], "{table}");
    }
    for table in ["customers_history", "customers_daily"] {
        assert!(newest(table).contains_key("twsync.as_of"), "{table}");
    }
}
