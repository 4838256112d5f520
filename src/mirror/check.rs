//! Whether the mirror is whole: what must always hold, asked of every row.

use rusqlite::Connection;

use super::row::field_columns;

/// So many customers of whom something is wrong are named; the others are counted.
const NAMED_MAX: usize = 5;

/// What must not be, and the customers of whom it is so: their ids, once for each case.
const RULES: [(&str, &str); 7] = [
    (
        "versions that another program has changed",
        concat!(
            "SELECT id FROM versions WHERE seal <> seal_of(",
            field_columns!(),
            ", op, valid_from, not_before, run_id)"
        ),
    ),
    (
        "versions that do not end where the next one begins",
        "SELECT id FROM (
            SELECT id, valid_to, lead(valid_from) OVER (PARTITION BY row ORDER BY valid_from) AS next
            FROM versions) WHERE valid_to IS NOT next",
    ),
    (
        "customers whose first version is not a first one, or a later one is",
        "SELECT id FROM (
            SELECT id, op, row_number() OVER (PARTITION BY row ORDER BY valid_from) AS number
            FROM versions) WHERE (number = 1) <> (op IN ('baseline', 'insert'))",
    ),
    (
        "customers that are deleted and whose newest version is not, or the other way round",
        "SELECT id FROM kept WHERE (deleted_at IS NOT NULL) <> (op = 'delete')",
    ),
    (
        "customers, kept or queued, under an id that is not theirs",
        "SELECT held.id FROM (SELECT row, id FROM kept UNION ALL SELECT row, id FROM detail_queue) AS held
         LEFT JOIN ids USING (id) WHERE ids.row IS NOT held.row",
    ),
    (
        "customers that were looked at later than any run lasted",
        LATER_THAN_ANY_RUN,
    ),
    (
        "row numbers that would be given twice",
        "SELECT NULL AS id FROM memory WHERE next_row <= max(
            (SELECT coalesce(max(row), 0) FROM ids),
            (SELECT coalesce(max(row), 0) FROM kept))",
    ),
];

/// Customers of whom something was written after the last instant that any run knew, or now, where one
/// has no end. They would not be asked for again for as long, and a lake of an earlier instant could not
/// be held against them.
///
/// A clock that was ahead and was set back leaves such customers only where it went ahead and back again
/// within one run, or that run would have begun, or ended, later. Two days are let through: no mistake
/// about a time zone is longer than 26 hours.
const LATER_THAN_ANY_RUN: &str = "
    SELECT id FROM kept
    WHERE max(coalesce(detail_verified_at, ''), coalesce(unlisted_since, ''), coalesce(deleted_at, ''))
        > (SELECT strftime('%Y-%m-%dT%H:%M:%fZ', max(at), '+2 days') FROM (
            SELECT started_at AS at FROM runs
            UNION ALL SELECT finished_at FROM runs
            UNION ALL SELECT max(changed_at) FROM kept
            UNION ALL SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
                WHERE EXISTS (SELECT 1 FROM runs WHERE finished_at IS NULL)))";

/// What is wrong, in words for a person, who is told the first customers' ids; empty where nothing is.
pub(super) fn faults(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut faults: Vec<String> = connection
        .prepare("PRAGMA integrity_check")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    faults.retain(|line| line != "ok");
    let strangers = connection
        .prepare("PRAGMA foreign_key_check")?
        .query_map([], |_| Ok(()))?
        .count();
    if strangers > 0 {
        faults.push(format!("{strangers} rows that belong to nothing"));
    }
    for (what, sql) in RULES {
        faults.extend(Cases::of(connection, sql)?.told(what));
    }
    Ok(faults)
}

/// In how many cases a rule is broken, and by whom.
struct Cases {
    count: u64,
    customers: u64,
    named: Vec<String>,
}

impl Cases {
    fn of(connection: &Connection, sql: &str) -> rusqlite::Result<Self> {
        let mut found = Self {
            count: 0,
            customers: 0,
            named: Vec::new(),
        };
        let mut statement = connection.prepare(&format!("{sql} ORDER BY 1"))?;
        let mut rows = statement.query([])?;
        let mut last: Option<String> = None;
        while let Some(row) = rows.next()? {
            found.count += 1;
            let id: Option<String> = row.get(0)?;
            if id.is_none() || id == last {
                continue;
            }
            found.customers += 1;
            if found.named.len() < NAMED_MAX {
                found.named.extend(id.clone());
            }
            last = id;
        }
        Ok(found)
    }

    fn told(&self, what: &str) -> Option<String> {
        if self.count == 0 {
            return None;
        }
        let mut told = format!("{} {what}", self.count);
        if !self.named.is_empty() {
            told = format!("{told}: {}", self.named.join(", "));
        }
        match self.customers - self.named.len() as u64 {
            0 => {}
            more => told = format!("{told} … and {more} more"),
        }
        Some(told)
    }
}
