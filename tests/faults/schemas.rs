//! Mirrors of every schema that ever shipped, as they were then: `tests/fixtures/mirror-schema-*.sql`.
//!
//! They are dumps, with the tables as that version made them, and are never edited: a migration
//! that shipped has mirrors out there. A new migration brings a dump of its own, from a mirror that
//! holds something in each of its tables.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use twsync::mirror::Mirror;

use crate::shell::{Shell, ended};

/// Each schema's number and its dump, the oldest first.
fn shipped() -> Vec<(u32, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let dump = |schema| fs::read_to_string(folder.join(format!("mirror-schema-{schema}.sql")));
    let shipped: Vec<_> = (1..)
        .map_while(|schema| Some((schema, dump(schema).ok()?)))
        .collect();
    assert!(shipped.len() > 1, "only {} dumps", shipped.len());
    shipped
}

/// Puts a mirror in place as it was left then.
fn left(shell: &Shell, dump: &str) -> PathBuf {
    let path = shell.path("mirror.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch(dump)
        .unwrap();
    path
}

/// A table's rows, each with the names of its columns, in their order.
type Rows = Vec<Vec<(String, Value)>>;

fn rows_of(base: &Connection, table: &str) -> Rows {
    let mut query = base.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let names: Vec<String> = query
        .column_names()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let rows = query.query_map([], |row| {
        let cells = names.iter().enumerate();
        cells
            .map(|(at, name)| Ok((name.clone(), row.get(at)?)))
            .collect()
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// The table that holds now what `table` of an older schema held.
fn now(table: &str) -> &str {
    match table {
        "customers" => "kept",
        other => other,
    }
}

/// All that a mirror holds, table by table (all versions, where they are a view, count as one), and what
/// each thing in it was made with.
struct Content {
    schema: u32,
    tables: BTreeMap<String, Rows>,
    made_with: BTreeMap<String, Option<String>>,
}

fn content(path: &Path) -> Content {
    let base = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut query = base
        .prepare("SELECT type, name, sql FROM sqlite_master")
        .unwrap();
    let things = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let things: Vec<(String, String, Option<String>)> =
        things.unwrap().map(Result::unwrap).collect();
    let tables = things.iter().filter(|(kind, name, _)| {
        (kind == "table" && !name.starts_with("sqlite_")) || name == "versions"
    });
    let tables = tables
        .map(|(_, name, _)| (name.clone(), rows_of(&base, name)))
        .collect();
    Content {
        schema: base
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap(),
        tables,
        made_with: things
            .into_iter()
            .map(|(_, name, sql)| (name, sql))
            .collect(),
    }
}

#[test]
fn every_schema_that_shipped_is_kept() {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mirror/migrations");
    let migrations = fs::read_dir(migrations).unwrap().count();
    let shipped = shipped();
    assert_eq!(
        shipped.len(),
        migrations,
        "a migration without a mirror of its schema"
    );
    for (schema, dump) in shipped {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mirror.db");
        Connection::open(&path)
            .unwrap()
            .execute_batch(&dump)
            .unwrap();
        let kept = content(&path);
        assert_eq!(kept.schema, schema);
        for table in ["customers", "versions", "runs", "rejected"] {
            let table = if schema < 3 { table } else { now(table) };
            assert!(
                !kept.tables[table].is_empty(),
                "nothing in {table} of {schema}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_of_every_schema_that_shipped_is_backed_up_and_migrated_and_keeps_every_row() {
    let newest = tempfile::tempdir().unwrap();
    let newest = newest.path().join("mirror.db");
    drop(Mirror::open(&newest).unwrap());
    let newest = content(&newest);
    for (schema, dump) in shipped() {
        let shell = Shell::of(3).await;
        let path = left(&shell, &dump);
        let before = content(&path);
        drop(Mirror::open(&path).unwrap());
        let after = content(&path);
        assert_eq!(after.schema, newest.schema);
        assert_eq!(
            after.made_with, newest.made_with,
            "migrated is as new, from {schema}"
        );
        for (table, rows) in &before.tables {
            let kept = &after.tables[now(table)];
            assert_eq!(kept.len(), rows.len(), "{table} of {schema}");
            for before in rows {
                let is_there = |after: &Vec<_>| before.iter().all(|cell| after.contains(cell));
                assert!(kept.iter().any(is_there), "{table} lost {before:?}");
            }
        }
        let mistaken =
            "SELECT count(*) FROM runs WHERE came_to_its_end <> (outcome IN ('done', 'held'))";
        let base = Connection::open(&path).unwrap();
        let mistaken = base.query_row(mistaken, [], |row| row.get(0));
        assert_eq!(mistaken, Ok(0), "which runs of {schema} came to their end");
        let backup = shell.path(&format!("mirror.db.schema-{schema}"));
        assert_eq!(backup.exists(), schema < newest.schema);
        if backup.exists() {
            let backup = content(&backup);
            assert_eq!((backup.schema, &backup.tables), (schema, &before.tables));
        }
        shell.run(&["snapshot"]).await.exits(0);
        shell.run(&["verify"]).await.exits(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backup_is_whole_before_the_migration_begins() {
    let newest = u32::try_from(shipped().len()).unwrap();
    for (schema, dump) in shipped() {
        let shell = Shell::of(3).await;
        let path = left(&shell, &dump);
        let before = content(&path);
        let mut dies = shell.command(&["--once"]);
        dies.env("FAILPOINTS", "mirror::migration-before-commit=panic");
        let dies = ended(dies).await;
        let backup = shell.path(&format!("mirror.db.schema-{schema}"));
        if schema == newest {
            assert!(!backup.exists(), "what is as it should be needs none");
            continue;
        }
        dies.exits(1);
        assert_eq!(content(&path).schema, schema, "not migrated yet");
        assert_eq!(content(&backup).tables, before.tables);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_dies_is_done_again_and_ends_as_one_that_nobody_killed() {
    let newest = u32::try_from(shipped().len()).unwrap();
    for (schema, dump) in shipped() {
        if schema == newest {
            continue;
        }
        let shell = Shell::of(3).await;
        drop(Mirror::open(&left(&shell, &dump)).unwrap());
        let undisturbed = content(&shell.path("mirror.db"));
        for point in [
            "mirror::migration-before-commit",
            "mirror::migration-after-commit",
        ] {
            let shell = Shell::of(3).await;
            let path = left(&shell, &dump);
            let mut dies = shell.command(&["--once"]);
            dies.env("FAILPOINTS", format!("{point}=panic(abort)"));
            let died = tokio::process::Command::from(dies).status().await.unwrap();
            let place = format!("dead at {point}, from {schema}");
            assert_eq!(died.code(), None, "{place}");
            drop(Mirror::open(&path).unwrap());
            let migrated = content(&path);
            assert_eq!(migrated.schema, newest, "{place}");
            assert_eq!(migrated.made_with, undisturbed.made_with, "{place}");
            assert_eq!(migrated.tables, undisturbed.tables, "{place}");
        }
    }
}
