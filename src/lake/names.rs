//! What the files of a generation are called.
//!
//! Names are made of contents, so that a name never stands for two contents: a reader that listed
//! one generation and opens another's files fails, and mixes nothing. In a folder one name is fixed
//! all the same, that of the latest state: the folders are exchanged as a whole.
//!
//! In a bucket nothing is exchanged, so no name is fixed there, and none is ever used again: a name
//! also holds a mark of the generation that the file was made for. Whoever removes what a killed
//! process left can't hit a file that another process is just about to name.

use super::table::Table;

/// Hexadecimal digits of a file's SHA-256 in its name: 64 bits, among the few files of a folder.
const CONTENT_DIGITS: usize = 16;

/// Digits of a generation's mark: the end of its id, where a UUID of version 7 is random.
const MARK_DIGITS: usize = 12;

/// How files are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// As a folder has them.
    Fixed,
    /// As a bucket has them, with this mark.
    Marked(String),
}

impl Names {
    /// With the mark of this generation.
    pub(super) fn of_generation(id: &str) -> Self {
        Self::Marked(id[id.len() - MARK_DIGITS..].to_owned())
    }

    /// Where a file of this content belongs, from the lake's top on.
    pub(super) fn path(&self, table: Table, part: &str, sha256: &str) -> String {
        let folder = table.folder();
        let content = &sha256[..CONTENT_DIGITS];
        let unique = match self {
            Self::Fixed => content.to_owned(),
            Self::Marked(mark) => format!("{content}-{mark}"),
        };
        match (table, self) {
            (Table::Current, Self::Fixed) => format!("{folder}/customers.parquet"),
            (Table::Current, Self::Marked(_)) => format!("{folder}/customers-{unique}.parquet"),
            (Table::Snapshot, _) => format!("{folder}/snapshot_date={part}/{unique}.parquet"),
            (Table::Changes, _) => {
                format!("{folder}/month={}/{part}-{unique}.parquet", &part[..7])
            }
            (Table::History | Table::Daily | Table::Runs, _) => {
                format!("{folder}/{part}-{unique}.parquet")
            }
        }
    }
}

/// Whether a bucket's object has a name that only twsync gives.
pub(super) fn is_marked(path: &str) -> bool {
    let Some((table, name)) = table_and_name(path) else {
        return false;
    };
    let mut words = name.rsplit('-');
    let is_hex = |word: Option<&str>, digits| {
        word.is_some_and(|it| it.len() == digits && it.bytes().all(|it| it.is_ascii_hexdigit()))
    };
    is_hex(words.next(), MARK_DIGITS)
        && is_hex(words.next(), CONTENT_DIGITS)
        && (table != Table::Current || words.next() == Some("customers"))
}

/// The table that a file is of, and its name without its ending: in the table's folder, or in one of
/// a partition.
fn table_and_name(path: &str) -> Option<(Table, &str)> {
    let (folder, rest) = path.split_once('/')?;
    let table = Table::of_folder(folder)?;
    let name = match table.partition() {
        None => rest,
        Some(column) => {
            let (partition, name) = rest.split_once('/')?;
            partition.strip_prefix(&column.name())?.strip_prefix('=')?;
            name
        }
    };
    let name = name.strip_suffix(".parquet")?;
    (!name.contains('/')).then_some((table, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn what_twsync_puts_in_a_bucket_it_knows_again() {
        let names = Names::of_generation("019a8f3e-7c00-7000-8000-0123456789ab");
        for (table, part) in [
            (Table::Current, "all"),
            (Table::Snapshot, "2026-11-01"),
            (Table::Changes, "2026-11"),
            (Table::Changes, "2026-11-01"),
            (Table::History, "open"),
            (Table::Daily, "all"),
            (Table::Runs, "all"),
        ] {
            let path = names.path(table, part, CONTENT);
            assert!(is_marked(&path), "{path}");
            let fixed = Names::Fixed.path(table, part, CONTENT);
            assert!(!is_marked(&fixed), "{fixed}");
        }
    }

    #[test]
    fn what_others_put_there_it_does_not_take_for_its_own() {
        for path in [
            "manifest.json",
            "runs/part-00000.parquet",
            "runs/0123456789abcdef-0123456789ab.csv",
            "orders/0123456789abcdef-0123456789ab.parquet",
            "0123456789abcdef-0123456789ab.parquet",
            "runs/0123456789abcdeg-0123456789ab.parquet",
            "runs/runs/0123456789abcdef-0123456789ab.parquet",
            "current/0123456789abcdef-0123456789ab.parquet",
            "customers_snapshot/0123456789abcdef-0123456789ab.parquet",
            "customers_snapshot/day=1/0123456789abcdef-0123456789ab.parquet",
        ] {
            assert!(!is_marked(path), "{path}");
        }
    }
}
