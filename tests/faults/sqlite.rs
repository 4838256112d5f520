//! The mirror's file: read by others, locked by others, damaged, older, newer, or not ours at all.

use std::fs;
use std::time::Duration;

use rusqlite::Connection;

use crate::shell::{Shell, ended};
use crate::support::Copying;

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_in_a_long_transaction_stops_no_writer_and_the_growing_log_is_said() {
    let shell = Shell::of(120).await;
    shell.once().await.exits(0);
    let reader = shell.sql();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM customers;")
        .unwrap();
    for id in shell.sandbox.world().listed_ids() {
        shell.sandbox.world().set_tier(id, "Enterprise");
    }
    let said = shell.once().await.exits(0);
    said.says("a program reads the mirror in a long transaction");
    shell.is_whole().await;
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    let said = shell.once().await.exits(0);
    assert!(!said.stderr.contains("long transaction"), "{}", said.stderr);
    let log = fs::metadata(shell.path("mirror.db-wal"));
    assert_eq!(log.map_or(0, |log| log.len()), 0, "folded back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_is_locked_for_a_moment_is_waited_for() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    let theirs = Connection::open(copying.mirror_path()).unwrap();
    theirs.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Nothing tells from outside that SQLite waits for a lock: long enough that it must have begun to.
    let release = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        theirs.execute_batch("COMMIT").unwrap();
    };
    let (ran, ()) = tokio::join!(copying.run(), release);
    ran.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_mirror_is_kept_and_the_way_to_a_new_one_told() {
    let shell = Shell::of(250).await;
    shell.once().await.exits(0);
    let mut bytes = fs::read(shell.path("mirror.db")).unwrap();
    // Every page but the first, which says whose file it is.
    bytes[4096..].fill(0xa5);
    fs::write(shell.path("mirror.db"), &bytes).unwrap();
    let generation = shell.generation();
    let said = shell.once().await.exits(74).says("damaged");
    let said = said.says("move mirror.db away");
    said.says("builds a new mirror");
    assert!(
        fs::read(shell.path("mirror.db")).unwrap() == bytes,
        "kept as it is"
    );
    assert_eq!(shell.generation(), generation, "the last good lake stays");
    // The way that was told leads somewhere.
    fs::rename(shell.path("mirror.db"), shell.path("kept.db")).unwrap();
    fs::rename(shell.path("lake"), shell.path("kept")).unwrap();
    shell.once().await.exits(0);
    shell.is_whole().await;
}

const FIRST_SCHEMA: &str = include_str!("../../src/mirror/migrations/001-promised.sql");

/// Puts a mirror of the first schema in place.
fn older(shell: &Shell) {
    let older = Connection::open(shell.path("mirror.db")).unwrap();
    older.execute_batch(FIRST_SCHEMA).unwrap();
    older.pragma_update(None, "user_version", 1).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_dies_is_done_again() {
    for point in [
        "mirror::migration-before-commit",
        "mirror::migration-after-commit",
    ] {
        let shell = Shell::of(20).await;
        older(&shell);
        let mut dies = shell.command(&["--once"]);
        dies.env("FAILPOINTS", format!("{point}=panic"));
        ended(dies).await.exits(1);
        shell.once().await.exits(0);
        shell.is_whole().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_schema_is_backed_up_and_migrated() {
    let shell = Shell::of(20).await;
    older(&shell);
    shell.once().await.exits(0);
    shell.is_whole().await;
    let backup = Connection::open(shell.path("mirror.db.schema-1")).unwrap();
    let schema: u32 = backup
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(schema, 1);
}

/// A run against this file, which must end so, say so and change nothing.
async fn is_left_untouched(make: impl FnOnce(&Shell), words: &str) {
    let shell = Shell::of(3).await;
    make(&shell);
    let before = (fs::read(shell.path("mirror.db")).unwrap(), shell.names());
    let id = shell.sandbox.world().listed_ids()[0].to_string();
    for arguments in [
        &["--once"][..],
        &["refresh", &id],
        &["status"],
        &["snapshot"],
        &["verify"],
        &[],
    ] {
        shell.run(arguments).await.exits(74).says(words);
    }
    let after = (fs::read(shell.path("mirror.db")).unwrap(), shell.names());
    assert_eq!(after.1, before.1, "nothing is made beside it");
    assert!(after.0 == before.0);
    assert_eq!(shell.sandbox.requests().total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_left_untouched() {
    let newer = |shell: &Shell| {
        drop(twsync::mirror::Mirror::open(&shell.path("mirror.db")).unwrap());
        let mirror = Connection::open(shell.path("mirror.db")).unwrap();
        mirror.pragma_update(None, "user_version", 999).unwrap();
    };
    is_left_untouched(newer, "use the newer twsync").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_programs_database_is_left_untouched() {
    let theirs = |shell: &Shell| {
        let theirs = Connection::open(shell.path("mirror.db")).unwrap();
        theirs
            .execute_batch("CREATE TABLE customers (id); INSERT INTO customers VALUES (1);")
            .unwrap();
    };
    is_left_untouched(theirs, "database of another program").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_database_is_left_untouched() {
    let diary = |shell: &Shell| fs::write(shell.path("mirror.db"), "Dear diary").unwrap();
    is_left_untouched(diary, "not that of a database").await;
}
