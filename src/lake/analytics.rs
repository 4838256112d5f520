//! `analytics.sql`: the lake as views, for `duckdb -init`.
//!
//! Of a folder it names the generation's files. Of a bucket it can't: whoever has fetched it has it
//! for longer than a generation stands. There it reads the manifest when it is run, once, and all
//! views name the files that stood there.

use std::fmt::Write;
use std::path::Path;

use crate::config::{Location, UuidEncoding};

use super::column::{Column, Kind};
use super::manifest::{Entry, Manifest};
use super::previous::word;
use super::table::Table;

/// The script for the lake `lake`, which now has the generation of `manifest`.
pub(super) fn text(lake: &Location, manifest: &Manifest) -> String {
    let mut sql = match lake {
        Location::Folder(path) => head(path, manifest),
        Location::Bucket(url) => head_of_bucket(url.as_str()),
    };
    for table in Table::ALL {
        let files = match lake {
            Location::Folder(_) => named(table, manifest),
            Location::Bucket(_) => format!("getvariable('{}')", variable(table)),
        };
        sql.push_str(&view(table, &files, &manifest.uuid_encoding));
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

/// It names no generation: it is the same as long as the columns are.
fn head_of_bucket(url: &str) -> String {
    let mut sql = format!(
        "-- The lake as views. Fetch this file once, then: duckdb -init analytics.sql
-- It reads {url}/manifest.json, once, and the views name the files of the generation that stood
-- there. These stay while one newer generation is published; after the next one the views
-- fail, and never mix two. Then start again, or: .read analytics.sql
--
-- A bucket that is not public wants a secret, made once:
--   CREATE PERSISTENT SECRET ({secret});

SET TimeZone = 'UTC';

-- Where the lake is. Where it was copied or moved, say so here.
SET VARIABLE lake = '{url}';

SET VARIABLE files = (
  SELECT files FROM read_json(getvariable('lake') || '/manifest.json',
    columns = {{files: 'STRUCT(\"table\" VARCHAR, path VARCHAR)[]'}}));
",
        secret = match url.split_once(':') {
            Some(("gs", _)) => "TYPE gcs, KEY_ID '…', SECRET '…'",
            Some(("az", _)) => "TYPE azure, PROVIDER credential_chain, ACCOUNT_NAME '…'",
            _ => "TYPE s3, PROVIDER credential_chain",
        },
    );
    for table in Table::ALL {
        write!(
            sql,
            "SET VARIABLE {variable} = [getvariable('lake') || '/' || file.path
  FOR file IN getvariable('files') IF file.\"table\" = '{folder}'];
",
            variable = variable(table),
            folder = table.folder(),
        )
        .expect("a string takes all text");
    }
    sql
}

fn variable(table: Table) -> String {
    format!("{}_files", table.view())
}

/// The table's files, each by its name. Signs of the lake's path that DuckDB would take for a pattern
/// stand for themselves.
fn named(table: Table, manifest: &Manifest) -> String {
    let files: Vec<String> = pinned(table, manifest)
        .iter()
        .map(|path| format!("    {}", literal(&format!("/{path}"))))
        .collect();
    format!(
        "[\n    regexp_replace(getvariable('lake'), '([*?[])', '[\\1]', 'g') || file FOR file IN [\n{}\n  ]]",
        files.join(",\n")
    )
}

/// All columns of the table, and those only, whichever of them the files have: a file that was written
/// before a column was added has null there.
fn view(table: Table, files: &str, uuid_encoding: &str) -> String {
    let name = table.view();
    let partition = table.partition();
    let columns: Vec<Column> = table.columns().into_iter().chain(partition).collect();
    let typed: Vec<String> = columns
        .iter()
        .map(|column| {
            let kind = sql_type(column.kind, uuid_encoding);
            format!("    NULL::{kind} AS {}", column.name())
        })
        .collect();
    let mut sql = format!(
        "\nCREATE OR REPLACE VIEW {name} AS\n  SELECT\n{typed}\n  WHERE false\n  UNION ALL BY NAME\n  \
         SELECT {found}\n  FROM read_parquet({files}, union_by_name = true, hive_partitioning = false{filename});\n",
        typed = typed.join(",\n"),
        found = partition.map_or("*".to_owned(), with_partition),
        filename = partition.map_or("", |_| ", filename = true"),
    );
    comment(&mut sql, "VIEW", name, table.meaning());
    for column in columns {
        let target = format!("{name}.{}", column.name());
        comment(&mut sql, "COLUMN", &target, &column.description());
    }
    sql
}

/// The columns of a file and its partition's, from the folder that the file is in. DuckDB's own
/// reckoning would also take folders above the lake, such as `env=prod`, for partitions.
fn with_partition(column: Column) -> String {
    let (name, kind) = (column.name(), column.kind.sql());
    format!(
        "* EXCLUDE (filename),\n    regexp_extract(filename, '/{name}=([^/]*)/[^/]*$', 1)::{kind} AS {name}",
    )
}

/// The type of the column in files whose ids are written so.
fn sql_type(kind: Kind, uuid_encoding: &str) -> &'static str {
    match kind {
        Kind::Id if uuid_encoding == word(UuidEncoding::Native) => "UUID",
        other => other.sql(),
    }
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
