//! `manifest.json`: what a generation is made of. Written last, read first.

use std::path::{Component, Path};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Error;
use super::provenance::Origin;
use super::table::{SCHEMA_VERSION, Table};

/// The manifest's name in the lake.
pub(super) const MANIFEST: &str = "manifest.json";

/// A generation: what it is of, and every file of its tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The program that made it, with its version.
    pub(super) generator: String,
    /// The version of the tables' columns.
    pub(super) schema_version: u32,
    /// The generation's id: a UUID of version 7.
    pub(super) generation: String,
    /// When it was made.
    pub(super) instant: Timestamp,
    /// The newest instant that the tables speak of: the newest run's end.
    pub(super) state_at: Timestamp,
    /// The newest run.
    pub(super) run: Option<String>,
    /// What the newest walk proved.
    pub(super) grade: Option<String>,
    /// The instant that the grade speaks of.
    pub(super) as_of: Option<Timestamp>,
    /// The newest instant of which a walk proved exactly which customers lived.
    pub(super) last_complete_as_of: Option<Timestamp>,
    /// How ids are written: `string` or `native`.
    pub(super) uuid_encoding: String,
    /// So many days back from the newest every day that the mirror knows of has its snapshot; of older
    /// ones the last of each month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) daily_for_days: Option<i32>,
    /// Living customers.
    pub(super) customers: u64,
    /// Versions of all customers; it never goes down.
    pub(super) versions: u64,
    /// What stands beside the tables, apart from the manifest itself.
    #[serde(default)]
    pub(super) documents: Vec<Document>,
    /// The tables' files, by path.
    pub(super) files: Vec<Entry>,
}

/// A document of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Document {
    /// Its name in the lake.
    pub(super) path: String,
    /// Its size.
    pub(super) bytes: u64,
    /// SHA-256 of all of it, in hexadecimal.
    pub(super) sha256: String,
    /// In a bucket, where documents are renewed after the manifest: the SHA-256 of the one that is
    /// there until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) replaces_sha256: Option<String>,
}

/// One file of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Where it is, from the lake's folder on.
    pub(super) path: String,
    /// The folder of its table.
    pub(super) table: String,
    /// Which part of the table it is: `all`, a day, a month, or `open` versions.
    pub(super) part: String,
    /// Rows in it.
    pub(super) rows: u64,
    /// Its size.
    pub(super) bytes: u64,
    /// SHA-256 of all of it, in hexadecimal.
    pub(super) sha256: String,
    /// Of which run its newest row is.
    #[serde(flatten)]
    pub(super) origin: Origin,
}

impl Entry {
    /// Where it is, from the lake's folder on.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// True where it is a file of `table`.
    pub(super) fn is_of(&self, table: Table) -> bool {
        self.table == table.folder()
    }
}

impl Manifest {
    /// What `text`, the manifest at `path`, says.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let damaged = |source: serde_json::Error| Error::Manifest {
            path: path.to_owned(),
            what: source.to_string(),
        };
        let version: SchemaVersion = serde_json::from_str(text).map_err(damaged)?;
        if version.schema_version > SCHEMA_VERSION {
            return Err(Error::Newer {
                path: path.parent().unwrap_or(path).to_owned(),
                found: version.schema_version,
                known: SCHEMA_VERSION,
            });
        }
        let manifest: Self = serde_json::from_str(text).map_err(damaged)?;
        let files = manifest.files.iter().map(|file| &file.path);
        let mut all = files.chain(manifest.documents.iter().map(|document| &document.path));
        if let Some(outside) = all.find(|path| !is_below_lake(path)) {
            return Err(Error::Manifest {
                path: path.to_owned(),
                what: format!("it names {outside:?}, which is no place in a lake"),
            });
        }
        Ok(manifest)
    }

    /// The manifest as text.
    pub(super) fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("a manifest has text for keys, so it has a form in JSON");
        text.push('\n');
        text
    }

    /// The files of `table`.
    pub(super) fn of(&self, table: Table) -> impl Iterator<Item = &Entry> {
        self.files.iter().filter(move |entry| entry.is_of(table))
    }
}

/// Whether a path that begins at the lake's folder ends below it: files are made and linked by it.
fn is_below_lake(path: &str) -> bool {
    let mut components = Path::new(path).components().peekable();
    components.peek().is_some() && components.all(|it| matches!(it, Component::Normal(_)))
}

/// What of a manifest every version of twsync understands.
#[derive(Deserialize)]
struct SchemaVersion {
    schema_version: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_must_be_below_the_lake() {
        for path in ["manifest.json", "runs/a.parquet", "a/b=c/d", "..a/b"] {
            assert!(is_below_lake(path), "{path}");
        }
        for path in ["", "/", "/etc/a", "..", "../a", "a/../../b", "a/..", "./a"] {
            assert!(!is_below_lake(path), "{path}");
        }
    }
}
