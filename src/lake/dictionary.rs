//! `README.md`: what is in the lake, table by table and column by column, for whoever finds it.

use std::fmt::Write;

use crate::config::Location;

use super::column::{Column, Source};
use super::manifest::Manifest;
use super::table::Table;

/// The data dictionary. It names no file and no instant: it changes when the tables do.
pub(super) fn text(lake: &Location, manifest: &Manifest) -> String {
    let reading = match lake {
        Location::Folder(_) => OF_FOLDER,
        Location::Bucket(_) => OF_BUCKET,
    };
    let mut text = format!(
        "{INTRODUCTION}\n{reading}\n{PROMISES}\nIds are written as {}.\n",
        if manifest.uuid_encoding == "native" {
            "Parquet's UUID type (`tier_id` and `owner_user_id`, which the API may fill with \
             anything, are text)"
        } else {
            "text, in lower case"
        }
    );
    for table in Table::ALL {
        text.push_str(&section(lake, table));
    }
    text
}

fn section(lake: &Location, table: Table) -> String {
    let mut text = format!("\n## {}\n\n{}\n\n", path(lake, table), table.meaning());
    if let Some(partition) = table.partition() {
        writeln!(
            text,
            "`{}` stands in the folders' names, not in the files.\n",
            partition.name(),
        )
        .expect("a string takes all text");
    }
    writeln!(
        text,
        "One row for each: `{}`. Sorted by `{}`.\n",
        table.key().join("`, `"),
        table.order().join("`, `"),
    )
    .expect("a string takes all text");
    text.push_str("| column | type | null | API | unit | meaning |\n|---|---|---|---|---|---|\n");
    for column in table.columns().iter().chain(&table.partition()) {
        text.push_str(&row(column));
    }
    text
}

fn row(column: &Column) -> String {
    let api = match column.source {
        Source::Listed(name) => format!("`{name}`"),
        Source::Details(name) => format!("`{name}` (details only)"),
        Source::Own => "none".to_owned(),
    };
    format!(
        "| `{}` | {} | {} | {api} | {} | {} |\n",
        column.name(),
        column.kind.sql(),
        if column.required { "never" } else { "possible" },
        column.unit.words(),
        column.meaning(),
    )
}

fn path(lake: &Location, table: Table) -> String {
    match (table, lake) {
        (Table::Current, Location::Folder(_)) => "current/customers.parquet".to_owned(),
        (other, _) => match other.partition() {
            Some(column) => format!("{}/{}=…/", other.folder(), column.name()),
            None => format!("{}/", other.folder()),
        },
    }
}

const INTRODUCTION: &str = "# Customers

Made by twsync from the ThreatWinds billing API; replaced as a whole whenever it is published. Write
nothing in here.

- `manifest.json` says which generation this is, of which instant, how much was proved of it
  (`grade`), and names every file with its rows, size and SHA-256. `run`, `grade` and `as_of` of a
  file are those of the run in which its newest row came about; those at the top are the newest.
- `analytics.sql` opens all tables as views: `duckdb -init analytics.sql`.
- `datapackage.json` describes the tables to machines.
";

const OF_FOLDER: &str = "\
All tables of a generation are of the same instant. A file's name is made of its contents: a query
that runs while a new generation is published reads the files that it opened, or fails because one is
gone; then run it again. A pattern over folders of days or months (`*/*.parquet`) lists one folder after
the other: at the very moment when a generation takes another's place, it may list some before that and
some after, which makes a difference where two folders are new at once, as when a day or a month begins.
For a query that must never meet that, take the files' names from `manifest.json`, as `analytics.sql`
does: one generation, or an error.
";

const OF_BUCKET: &str = "\
All tables of a generation are of the same instant. **Take the files' names from `manifest.json`**, as
`analytics.sql` does, and never from a listing: the bucket also holds the files of the generation
before, and a listing of a table's folder shows both, customers twice. No file is ever
written twice, and what a manifest names stays until the generation after the next is published;
a query that takes longer fails because a file is gone. Then run it again from the manifest on.
Where an engine lists folders itself (a Hive table of Trino or Athena), filter by the names:
`WHERE \"$path\" IN (…)`.
";

const PROMISES: &str = "\
A past day's, a past month's file never changes, unless a change of that time came to light later.
Of `customers_history`, the file of the versions that still hold has those with op 'delete' last,
sorted among themselves. Columns may be added, between those that are there too, and a file that was
written before lacks them: read files by the columns' names (`union_by_name` or its like). None is
renamed, dropped or given another type.

Each file's own metadata name the schema's version, the program, and the run in which the file's
newest row came about, with that run's grade; the run that published is in `manifest.json`.

Fields of the API that twsync does not know are not here; the mirror keeps them.
";
