//! The lake by the real binary and by the machine's own clock: what a run has published is what the
//! mirror makes at any later time, and what is damaged is found, named and mended.

mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use program::Program;
use rusqlite::Connection;
use serde_json::Value;
use twsync::lake::table::Table;
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
        let mut files = manifest["files"].as_array().expect("files").iter();
        let path = files.rfind(|file| file["table"] == table);
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

/// The paths of a table's files.
fn paths(program: &Program, table: &str) -> Vec<PathBuf> {
    let of_table = |path: &String| path.starts_with(&format!("{table}/"));
    let paths = hashes(program).into_keys().filter(of_table);
    paths.map(|path| lake(program).join(path)).collect()
}

fn flip_a_bit(path: &Path) {
    let mut bytes = fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("written");
}

/// A copy of two days, with a file in every table.
async fn of_two_days() -> Program {
    let program = Program::new();
    let demo = ["demo", "--dir", "data", "--customers", "60"];
    program.run(&demo).await.exits(0);
    let settings = fs::read_to_string(program.path("data/twsync.toml")).expect("settings");
    program.file(&settings)
}

#[tokio::test]
async fn a_demo_takes_only_its_own_away() {
    let program = Program::new().file("[mirror]\npath = \"mirror.db\"\n");
    fs::write(program.path("mirror.db"), "years of history").expect("a file");
    let demo = ["demo", "--customers", "20", "--dir"];
    let said = program.run(&[&demo[..], &["."]].concat()).await.exits(73);
    assert!(said.stderr.contains("not from a demo"), "{}", said.stderr);
    let kept = fs::read_to_string(program.path("mirror.db")).expect("it is there");
    assert_eq!(kept, "years of history");

    let folder = "a \"demo\" of mine";
    let demo = [&demo[..], &[folder]].concat();
    program.run(&demo).await.exits(0);
    let notes = program.path(folder).join("lake-notes.txt");
    fs::write(&notes, "mine").expect("a file");
    program.run(&demo).await.exits(0);
    assert!(notes.exists(), "what is no demo's stays");
    let settings = format!("{folder}/twsync.toml");
    program.run(&["-c", &settings, "verify"]).await.exits(0);
}

#[tokio::test]
async fn whatever_is_damaged_is_mended_as_verify_advises() {
    let program = of_two_days().await;
    let whole = hashes(&program);
    for table in Table::ALL {
        let path = paths(&program, table.folder()).swap_remove(0);
        flip_a_bit(&path);
        let name = path.strip_prefix(lake(&program)).expect("below it");
        let name = name.to_str().expect("text");
        let said = program.run(&["verify"]).await.exits(74);
        assert!(said.stdout.contains(name), "{}", said.stdout);
        assert!(said.stdout.contains("`twsync snapshot`"), "{}", said.stdout);
        let mended = program.run(&["snapshot"]).await.exits(0);
        let line = format!("mended {name}: ");
        assert!(mended.stdout.contains(&line), "{}", mended.stdout);
        let past_day = table == Table::Snapshot;
        let told = mended.stdout.contains("detail_verified_at");
        assert_eq!(told, past_day, "{}", mended.stdout);
        program.run(&["verify"]).await.exits(0);
    }
    let without_past_day = |mut hashes: BTreeMap<String, String>| {
        let day = hashes.keys().find(|path| path.contains("snapshot_date"));
        let day = day.expect("a past day").clone();
        hashes.remove(&day);
        hashes
    };
    assert_eq!(
        without_past_day(hashes(&program)),
        without_past_day(whole),
        "all else is as it was, byte for byte"
    );
}

#[tokio::test]
async fn documents_and_the_manifest_are_verified_too() {
    let (_sandbox, program) = published().await;
    let path = |name: &str| lake(&program).join(name);
    let rewrite = |name: &str, from: &str, to: &str| {
        let text = fs::read_to_string(path(name)).expect("a text");
        assert!(text.contains(from), "{name} has no {from}");
        fs::write(path(name), text.replacen(from, to, 1)).expect("written");
    };
    let said = manifest(&program);
    let run = said["run"].as_str().expect("a run");
    let other_run = run.replace(&run[..8], "00000000");
    let customers = format!("\"customers\": {}", said["customers"]);
    let damages = [
        ("analytics.sql", "customers", "customerz"),
        ("README.md", "customers", ""),
        ("datapackage.json", "0", "1"),
        ("manifest.json", "\"complete\"", "\"partial\""),
        ("manifest.json", "\"as_of\": \"2", "\"as_of\": \"1"),
        ("manifest.json", &customers, "\"customers\": 4"),
        ("manifest.json", run, &other_run),
        ("manifest.json", "\"instant\": \"2", "\"instant\": \"1"),
    ];
    for (name, from, to) in damages {
        rewrite(name, from, to);
        let found = program.run(&["verify", "--output", "json"]).await.exits(74);
        let found = found.json();
        let findings = found["findings"].as_array().expect("findings");
        assert!(
            findings.iter().any(|it| it["place"] == name),
            "{findings:?}"
        );
        program.run(&["snapshot"]).await.exits(0);
        program.run(&["verify"]).await.exits(0);
    }
}

#[tokio::test]
async fn a_missing_document_is_found_and_written_again() {
    let (_sandbox, program) = published().await;
    for name in ["analytics.sql", "README.md", "datapackage.json"] {
        fs::remove_file(lake(&program).join(name)).expect("removed");
        let said = program.run(&["verify"]).await.exits(74);
        assert!(said.stdout.contains(name), "{}", said.stdout);
        program.run(&["snapshot"]).await.exits(0);
        program.run(&["verify"]).await.exits(0);
    }
}

#[tokio::test]
async fn each_file_in_the_manifest_says_of_which_run_it_is() {
    let (_sandbox, program) = published().await;
    let manifest = manifest(&program);
    for file in manifest["files"].as_array().expect("files") {
        let said = footer(&lake(&program).join(file["path"].as_str().expect("a path")));
        for key in ["run", "grade", "as_of"] {
            assert_eq!(file[key], said[&format!("twsync.{key}")], "{file}");
        }
    }
    // Of the first run, though the second has published it.
    let files = manifest["files"].as_array().expect("files").iter();
    let runs: BTreeSet<&str> = files.filter_map(|file| file["run"].as_str()).collect();
    assert_eq!(runs.len(), 2, "{runs:?}");
    let text = fs::read_to_string(lake(&program).join("manifest.json")).expect("a manifest");
    let first = runs.first().expect("two");
    let forged = text.replacen(first, &first.replace(&first[..8], "00000000"), 1);
    fs::write(lake(&program).join("manifest.json"), forged).expect("written");
    program.run(&["verify"]).await.exits(74);
    program.run(&["snapshot"]).await.exits(0);
    program.run(&["verify"]).await.exits(0);
}

#[tokio::test]
async fn the_daily_numbers_are_of_the_run_that_saw_a_customer_go() {
    let (sandbox, program) = published().await;
    let world = sandbox.world();
    world.delete(world.listed_ids()[0]);
    program.run(&["--once"]).await.exits(0);
    let manifest = manifest(&program);
    let files = manifest["files"].as_array().expect("files").iter();
    let daily: Vec<&Value> = files
        .filter(|file| file["table"] == "customers_daily")
        .map(|file| &file["run"])
        .collect();
    assert_eq!(daily, [&manifest["run"]]);
}

#[tokio::test]
async fn customers_changed_behind_the_mirrors_back_are_named_and_can_be_asked_for_again() {
    let (_sandbox, program) = published().await;
    let change = |rows: &str| {
        let mirror = Connection::open(program.path("data/mirror.db")).expect("a mirror");
        let sql = format!("UPDATE kept SET member_count = member_count + 1 WHERE row IN ({rows})");
        mirror.execute(&sql, []).expect("changed");
        let sql = format!("SELECT id FROM kept WHERE row IN ({rows}) ORDER BY id");
        let mut statement = mirror.prepare(&sql).expect("SQL");
        let ids = statement.query_map([], |row| row.get(0)).expect("ids");
        ids.collect::<Result<Vec<String>, _>>().expect("ids")
    };
    let of_mirror = |said: &Value, place: &str| {
        let findings = said["findings"].as_array().expect("findings").iter();
        let mut findings =
            findings.filter(|it| it["place"].as_str().expect("text").starts_with(place));
        findings.next().expect("a finding")["what"]
            .as_str()
            .expect("text")
            .to_owned()
    };
    let ids = change("5, 6, 7");
    let said = program
        .run(&["verify", "--output", "json"])
        .await
        .exits(74)
        .json();
    let named = format!(
        "3 versions that another program has changed: {}",
        ids.join(", ")
    );
    assert_eq!(of_mirror(&said, "mirror"), named);
    let row = of_mirror(&said, "current/");
    assert!(ids.iter().any(|id| row.starts_with(id)), "{row}");

    let mut refresh = vec!["refresh"];
    refresh.extend(ids.iter().map(String::as_str));
    let mirror = Connection::open(program.path("data/mirror.db")).expect("a mirror");
    let versions = || {
        let count = "SELECT count(*) FROM customer_versions";
        mirror.query_row(count, [], |row| row.get::<_, i64>(0))
    };
    let before = versions();
    let mended = program.run(&refresh).await.exits(0);
    let word = "another program had changed customers in the mirror";
    assert!(mended.stderr.contains(word), "{}", mended.stderr);
    assert_eq!(versions(), before, "no change is made up");
    program.run(&["verify"]).await.exits(0);

    let ids = change("1, 2, 3, 4, 5, 6, 7");
    let said = program.run(&["verify"]).await.exits(74);
    let named = format!("{} … and 2 more\n", ids[..5].join(", "));
    assert!(said.stdout.contains(&named), "{}", said.stdout);
    program.run(&["--once", "--full"]).await.exits(0);
    program.run(&["verify"]).await.exits(0);
}

#[tokio::test]
async fn customers_that_seem_to_have_been_verified_in_the_future_are_named() {
    let (_sandbox, program) = published().await;
    for column in ["detail_verified_at", "unlisted_since"] {
        let mirror = Connection::open(program.path("data/mirror.db")).expect("a mirror");
        let change = format!(
            "UPDATE kept SET {column} = '2099-01-01T00:00:00.000000Z' WHERE deleted_at IS NULL"
        );
        let changed = mirror.execute(&change, []).expect("changed");
        drop(mirror);
        let said = program.run(&["verify"]).await.exits(74);
        let named = format!("{changed} customers that were looked at later than any run lasted: ");
        assert!(said.stdout.contains(&named), "{}", said.stdout);
        program.run(&["--once", "--full"]).await.exits(0);
        program.run(&["verify"]).await.exits(0);
    }
}

#[tokio::test]
async fn where_lake_and_mirror_differ_the_lake_is_not_simply_called_damaged() {
    let (_sandbox, program) = published().await;
    let advice = "somebody changed this one. Keep a copy of both";
    flip_a_bit(&paths(&program, "current")[0]);
    let said = program.run(&["verify"]).await.exits(74);
    assert!(!said.stdout.contains(advice), "{}", said.stdout);
    program.run(&["snapshot"]).await.exits(0);

    let mirror = Connection::open(program.path("data/mirror.db")).expect("a mirror");
    let change = "UPDATE kept SET name = 'Somebody' WHERE row = 5";
    assert_eq!(mirror.execute(change, []), Ok(1));
    let said = program.run(&["verify"]).await.exits(74);
    assert!(said.stdout.contains("in name"), "{}", said.stdout);
    let (keep, make) = (
        said.stdout.find(advice),
        said.stdout.find("`twsync snapshot`"),
    );
    assert!(keep.is_some() && keep < make, "{}", said.stdout);
}
