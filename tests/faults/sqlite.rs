//! The mirror's file: read by others, locked by others, damaged, older, newer, or not ours at all.

use std::fs;
use std::time::Duration;

use rusqlite::Connection;
use twsync::report::Exit;

use crate::program::Program;
use crate::support::Copying;

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_in_a_long_transaction_stops_no_writer_and_the_growing_log_is_said() {
    let program = Program::of(120).await;
    program.once().await.with(Exit::Done);
    let reader = program.sql();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM customers;")
        .unwrap();
    for id in program.sandbox.world().listed_ids() {
        program.sandbox.world().set_tier(id, "Enterprise");
    }
    let ended = program.once().await.with(Exit::Done);
    ended.says("a program reads the mirror in a long transaction");
    program.is_whole().await;
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    let ended = program.once().await.with(Exit::Done);
    assert!(
        !ended.stderr.contains("long transaction"),
        "{}",
        ended.stderr
    );
    let log = fs::metadata(program.folder.path().join("mirror.db-wal"));
    assert_eq!(log.map_or(0, |log| log.len()), 0, "folded back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_is_locked_for_a_moment_is_waited_for() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    let theirs = Connection::open(copying.mirror_path()).unwrap();
    theirs.execute_batch("BEGIN IMMEDIATE").unwrap();
    let release = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        theirs.execute_batch("COMMIT").unwrap();
    };
    let (ran, ()) = tokio::join!(copying.run(), release);
    ran.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_mirror_is_kept_and_the_way_to_a_new_one_told() {
    let program = Program::of(250).await;
    program.once().await.with(Exit::Done);
    let mut bytes = fs::read(program.mirror()).unwrap();
    // Every page but the first, which says whose file it is.
    bytes[4096..].fill(0xa5);
    fs::write(program.mirror(), &bytes).unwrap();
    let generation = program.generation();
    let ended = program.once().await.with(Exit::Damaged).says("damaged");
    let ended = ended.says(&format!("move {} away", program.mirror().display()));
    ended.says("builds a new mirror");
    assert!(
        fs::read(program.mirror()).unwrap() == bytes,
        "kept as it is"
    );
    assert_eq!(program.generation(), generation, "the last good lake stays");
    // The way that was told leads somewhere.
    fs::rename(program.mirror(), program.folder.path().join("kept.db")).unwrap();
    fs::rename(program.lake(), program.folder.path().join("kept")).unwrap();
    program.once().await.with(Exit::Done);
    program.is_whole().await;
}

const FIRST_SCHEMA: &str = include_str!("../../src/mirror/migrations/001-promised.sql");

#[tokio::test(flavor = "multi_thread")]
async fn an_older_schema_is_backed_up_and_migrated() {
    let program = Program::of(20).await;
    let older = Connection::open(program.mirror()).unwrap();
    older.execute_batch(FIRST_SCHEMA).unwrap();
    older.pragma_update(None, "user_version", 1).unwrap();
    drop(older);
    program.once().await.with(Exit::Done);
    program.is_whole().await;
    let backup = Connection::open(program.folder.path().join("mirror.db.schema-1")).unwrap();
    let schema: u32 = backup
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(schema, 1);
}

/// A run against this file, which must end so, say so and change nothing.
async fn is_left_untouched(make: impl FnOnce(&Program), words: &str) {
    let program = Program::of(3).await;
    make(&program);
    let before = fs::read(program.mirror()).unwrap();
    for arguments in [
        &["--once"][..],
        &["status"],
        &["snapshot"],
        &["verify"],
        &[],
    ] {
        program.run(arguments).await.with(Exit::Damaged).says(words);
    }
    assert!(fs::read(program.mirror()).unwrap() == before);
    assert_eq!(program.sandbox.requests().total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_left_untouched() {
    let newer = |program: &Program| {
        drop(twsync::mirror::Mirror::open(&program.mirror()).unwrap());
        let mirror = Connection::open(program.mirror()).unwrap();
        mirror.pragma_update(None, "user_version", 999).unwrap();
    };
    is_left_untouched(newer, "use the newer twsync").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_programs_database_is_left_untouched() {
    let theirs = |program: &Program| {
        let theirs = Connection::open(program.mirror()).unwrap();
        theirs
            .execute_batch("CREATE TABLE customers (id); INSERT INTO customers VALUES (1);")
            .unwrap();
    };
    is_left_untouched(theirs, "database of another program").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_database_is_left_untouched() {
    let diary = |program: &Program| fs::write(program.mirror(), "Dear diary").unwrap();
    is_left_untouched(diary, "not that of a database").await;
}
