//! What the mirror promises of its file: whose it is, who may write it, what happens to one that is
//! old, new, foreign or damaged, and that a reader leaves no trace.

mod mirror_world;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use mirror_world::{World, id, summary};
use rusqlite::Connection;
use tempfile::TempDir;
use twsync::mirror::{Error, Mirror, Reader, Verdict};
use twsync::report::{Exit, RunId};

const FIRST_SCHEMA: &str = include_str!("../src/mirror/migrations/001-promised.sql");

#[test]
fn a_new_mirror_is_private_to_its_owner_and_group() {
    let world = World::with_customers(1);
    let folder = world.path().parent().unwrap().to_owned();
    assert_eq!(mode(&folder) & 0o027, 0, "{:o}", mode(&folder));
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(
            mode(&path) & 0o137,
            0,
            "{} has {:o}",
            path.display(),
            mode(&path)
        );
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "mirror.db",
            "mirror.db-shm",
            "mirror.db-wal",
            "mirror.db.lock"
        ]
    );
}

#[test]
fn the_log_of_a_mirror_that_was_moved_away_is_not_taken_into_a_new_one() {
    let mut world = World::with_customers(1);
    world.list(&[(summary(2), Verdict::New)]);
    // As a killed process leaves them: the mirror, and what is only in its log yet.
    let left = TempDir::new().unwrap();
    let path = left.path().join("mirror.db");
    let log = left.path().join("mirror.db-wal");
    fs::copy(world.path().with_file_name("mirror.db-wal"), &log).unwrap();
    let before = fs::read(&log).unwrap();
    assert!(!before.is_empty(), "there is something in the log");

    let error = Mirror::open(&path).err().unwrap();
    assert!(matches!(error, Error::LeftLog { .. }), "{error}");
    assert_eq!(error.exit(), Exit::Damaged);
    assert!(error.hint().contains("mirror.db-wal"), "{}", error.hint());
    assert!(fs::read(&log).unwrap() == before, "it is as it was");
    assert!(!path.exists(), "nothing was made");

    // What its owner is told to do helps, and a log that says nothing is no reason to stop.
    fs::rename(&log, left.path().join("kept.db-wal")).unwrap();
    fs::write(&log, "").unwrap();
    Mirror::open(&path).expect("a new mirror");
}

#[test]
fn an_older_schema_is_put_aside_and_migrated() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let path = data.join("mirror.db");
    older(&path);

    let error = Reader::open(&path).err().unwrap();
    assert!(matches!(error, Error::Older { found: 1, .. }), "{error}");

    let mut world = World::within(folder);
    assert_eq!(world.row(1), 7);
    world.list(&[(summary(2), Verdict::New)]);
    let row = world.row(2);
    assert!(row > 7, "row {row} belongs to somebody else");
    let backup = data.join("mirror.db.schema-1");
    assert_eq!(mode(&backup) & 0o137, 0);
    let kept = Connection::open(&backup).unwrap();
    let rows: u32 = kept
        .query_row("SELECT count(*) FROM customers", [], |row| row.get(0))
        .unwrap();
    let schema: u32 = kept
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!((rows, schema), (1, 1));
}

#[test]
fn an_older_mirror_that_lacks_a_version_is_damaged_and_stays_as_it_was() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("mirror.db");
    older(&path);
    let version = "DELETE FROM versions";
    Connection::open(&path)
        .unwrap()
        .execute(version, [])
        .unwrap();
    let error = Mirror::open(&path).err().unwrap();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert_eq!(error.exit(), Exit::Damaged);
    let error = Reader::open(&path).err().unwrap();
    assert!(matches!(error, Error::Older { found: 1, .. }), "{error}");
}

#[test]
fn a_newer_schema_is_left_untouched() {
    untouched(
        |path| {
            older(path);
            Connection::open(path)
                .unwrap()
                .pragma_update(None, "user_version", 99)
                .unwrap();
        },
        |error| assert!(matches!(error, Error::Newer { found: 99, .. }), "{error}"),
    );
}

#[test]
fn a_newer_schema_that_is_only_in_the_log_is_noticed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("mirror.db");
    drop(Mirror::open(&path).unwrap());
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    for error in [Mirror::open(&path).err(), Reader::open(&path).err()] {
        assert!(
            matches!(error, Some(Error::Newer { found: 99, .. })),
            "{error:?}"
        );
    }
}

#[test]
fn another_programs_database_is_left_untouched() {
    untouched(
        |path| {
            let theirs = Connection::open(path).unwrap();
            theirs.execute_batch("CREATE TABLE theirs (a)").unwrap();
        },
        |error| assert!(matches!(error, Error::Foreign { .. }), "{error}"),
    );
}

#[test]
fn a_file_that_is_no_database_is_left_untouched() {
    untouched(
        |path| fs::write(path, "dear diary").unwrap(),
        |error| assert!(matches!(error, Error::Damaged { .. }), "{error}"),
    );
}

#[test]
fn damage_is_found_after_a_writer_that_did_not_end_well() {
    let world = World::with_customers(200);
    let path = world.path();
    let folder = world.close();
    let bytes = fs::read(&path).unwrap();
    let mut damaged = bytes.clone();
    let middle = damaged.len() / 2 / 4096 * 4096;
    damaged[middle..middle + 2048].fill(0xa5);
    fs::write(&path, damaged).unwrap();
    // The PID of a holder that is gone.
    fs::write(folder.path().join("data/mirror.db.lock"), "4194305").unwrap();
    for _ in 0..2 {
        let error = Mirror::open(&path)
            .err()
            .expect("it is damaged, the second time too");
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        assert_eq!(error.exit(), Exit::Damaged);
        assert!(error.hint().contains("mirror.db"));
    }
    fs::write(&path, bytes).unwrap();
    drop(Mirror::open(&path).unwrap());
    let lock = fs::read_to_string(folder.path().join("data/mirror.db.lock")).unwrap();
    assert_eq!(lock, "", "who ends well leaves no PID");
}

#[test]
fn a_place_that_can_not_be_written_is_named() {
    for path in ["/proc/twsync/mirror.db", "/dev/null/mirror.db"] {
        let error = Mirror::open(Path::new(path)).err().unwrap();
        assert_eq!(error.exit(), Exit::CannotWrite, "{error}");
        assert!(
            error.to_string().contains(path.rsplit_once('/').unwrap().0),
            "{error}"
        );
    }
}

#[test]
fn without_a_mirror_a_reader_says_so_and_makes_none() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("mirror.db");
    for error in [
        Reader::open(&path).err(),
        Reader::open_without_trace(&path).err(),
    ] {
        assert!(matches!(error, Some(Error::NoMirror { .. })), "{error:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_reader_without_a_trace_writes_not_a_byte() {
    let world = World::with_customers(3);
    let path = world.path();
    let folder = world.close();
    let before = bytes_of(&folder.path().join("data"));
    let reader = Reader::open_without_trace(&path).unwrap();
    assert_eq!(reader.snapshot().unwrap().standing().unwrap().alive, 3);
    drop(reader);
    assert_eq!(bytes_of(&folder.path().join("data")), before);
}

#[test]
fn what_was_committed_is_there_after_a_writer_that_never_closed() {
    let mut world = World::with_customers(3);
    world.list(&[(summary(4), Verdict::New)]);
    let copy = TempDir::new().unwrap();
    for name in ["mirror.db", "mirror.db-wal"] {
        fs::copy(world.path().with_file_name(name), copy.path().join(name)).unwrap();
    }
    let mirror = Mirror::open(&copy.path().join("mirror.db")).unwrap();
    assert_eq!(mirror.alive_count().unwrap(), 3);
    assert_eq!(mirror.queue_len().unwrap(), 1);
    assert_eq!(
        mirror.open_walk().unwrap(),
        world.mirror.open_walk().unwrap()
    );
}

#[test]
fn a_leftover_of_a_mirror_that_was_never_finished_is_no_hindrance() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("mirror.db");
    fs::write(folder.path().join("mirror.db.new"), "half a mirror").unwrap();
    drop(Mirror::open(&path).unwrap());
    assert!(!folder.path().join("mirror.db.new").exists());
}

/// A mirror of the first schema with one customer, in row 7.
fn older(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(FIRST_SCHEMA).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    connection
        .execute(
            "INSERT INTO customers (row, id, absent, first_seen_at, changed_at)
             VALUES (7, ?1, 0, '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z')",
            [id(1).to_string()],
        )
        .unwrap();
    connection
        .execute(
            "INSERT INTO versions (row, valid_from, op, run_id, absent)
             VALUES (7, '2026-01-01T00:00:00.000000Z', 'baseline', ?1, 0)",
            [RunId::after(None).to_string()],
        )
        .unwrap();
}

/// Makes a file, then has it opened in every way: each must fail, and nothing may change.
fn untouched(make: impl Fn(&Path), check: impl Fn(&Error)) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("mirror.db");
    make(&path);
    let before = bytes_of(folder.path());
    for error in [
        Mirror::open(&path).err(),
        Reader::open(&path).err(),
        Reader::open_without_trace(&path).err(),
    ] {
        let error = error.expect("it can't be opened");
        check(&error);
        assert_eq!(error.exit(), Exit::Damaged);
        assert!(error.to_string().contains(path.to_str().unwrap()));
    }
    assert_eq!(bytes_of(folder.path()), before);
}

/// All files of a folder: their bytes, and when they were last written.
fn bytes_of(folder: &Path) -> BTreeMap<String, (Vec<u8>, i64, i64)> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let metadata = fs::metadata(&path).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (
                name,
                (
                    fs::read(&path).unwrap(),
                    metadata.mtime(),
                    metadata.mtime_nsec(),
                ),
            )
        })
        .collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
