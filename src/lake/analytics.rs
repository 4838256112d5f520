//! `analytics.sql`: the lake as views, for `duckdb -init`.

use std::fmt::Write;
use std::path::Path;

use super::manifest::{Entry, Manifest};
use super::table::Table;

/// The script for the generation of `manifest`, in the folder `lake`.
pub(super) fn text(lake: &Path, manifest: &Manifest) -> String {
    let mut sql = head(lake, manifest);
    for table in Table::ALL {
        sql.push_str(&view(table, manifest));
    }
    sql.push_str(AS_OF);
    sql
}

fn head(lake: &Path, manifest: &Manifest) -> String {
    format!(
        "-- The lake as views: duckdb -init {path}/analytics.sql\n\
         -- Generation {generation}, made at {instant}, of the state at {state_at}.\n\
         -- The views name this generation's files: once a newer one is published they fail, and never\n\
         -- mix the two. Then start again, or: .read {path}/analytics.sql\n\
         \n\
         SET TimeZone = 'UTC';\n\
         \n\
         -- Where the lake is. Where it was copied or moved, say so here.\n\
         SET VARIABLE lake = {quoted};\n",
        path = one_line(&lake.display().to_string()),
        generation = manifest.generation,
        instant = manifest.instant,
        state_at = manifest.state_at,
        quoted = literal(&lake.display().to_string()),
    )
}

fn view(table: Table, manifest: &Manifest) -> String {
    let name = table.view();
    let files: Vec<String> = pinned(table, manifest)
        .iter()
        .map(|path| {
            format!(
                "    getvariable('lake') || {}",
                literal(&format!("/{path}"))
            )
        })
        .collect();
    let mut sql = format!(
        "\nCREATE OR REPLACE VIEW {name} AS\n  SELECT * FROM read_parquet([\n{files}\n  ]{options});\n",
        files = files.join(",\n"),
        options = options(table),
    );
    comment(&mut sql, "VIEW", name, table.meaning());
    for column in table.columns() {
        let target = format!("{name}.{}", column.name());
        comment(&mut sql, "COLUMN", &target, &column.description());
    }
    sql
}

/// Files whose names stand for their contents. That of the latest state does not; but the same file
/// stands under such a name among the snapshots.
fn pinned(table: Table, manifest: &Manifest) -> Vec<&str> {
    match (table, manifest.of(Table::Current).next()) {
        (Table::Current, Some(current)) => {
            let same = |entry: &&Entry| entry.sha256 == current.sha256;
            manifest
                .of(Table::Snapshot)
                .find(same)
                .map(Entry::path)
                .into_iter()
                .collect()
        }
        _ => manifest.of(table).map(Entry::path).collect(),
    }
}

/// Partitions' columns have their types said, so that no reader has to guess.
fn options(table: Table) -> String {
    match table.partition() {
        None => ", union_by_name = true, hive_partitioning = false".to_owned(),
        Some(column) => format!(
            ", union_by_name = true, hive_partitioning = true, hive_types = {{'{column}': {}}}",
            if column == "snapshot_date" {
                "DATE"
            } else {
                "VARCHAR"
            },
        ),
    }
}

fn comment(sql: &mut String, kind: &str, target: &str, text: &str) {
    writeln!(sql, "COMMENT ON {kind} {target} IS {};", literal(text))
        .expect("a string takes all text");
}

/// What a customer's row was at any instant since twsync first looked.
const AS_OF: &str = "
-- FROM customers_as_of('2026-02-03 12:00:00+00')
CREATE OR REPLACE MACRO customers_as_of(ts) AS TABLE
  SELECT * FROM customers_history
  WHERE valid_from <= ts::TIMESTAMPTZ
    AND (valid_to IS NULL OR valid_to > ts::TIMESTAMPTZ)
    AND op <> 'delete';
COMMENT ON MACRO TABLE customers_as_of IS 'The customers as twsync knew them at an instant.';
";

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A line break in the lake's path must not end a comment.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}
