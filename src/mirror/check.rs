//! Whether the mirror is whole: what must always hold, asked of every row.

use rusqlite::Connection;

/// So many customers of whom something is wrong are named; the others are counted.
const NAMED_MAX: usize = 5;

/// What must not be, and the customers of whom it is so: their ids, once for each case.
const RULES: [(&str, &str); 7] = [
    (
        "customers without exactly one open version",
        "SELECT id FROM kept WHERE 1 <>
            (SELECT count(*) FROM versions WHERE row = kept.row AND valid_to IS NULL)",
    ),
    (
        "versions that do not end where the next one begins",
        "SELECT kept.id FROM (
            SELECT row, valid_to, lead(valid_from) OVER (PARTITION BY row ORDER BY valid_from) AS next
            FROM versions) AS version LEFT JOIN kept USING (row) WHERE valid_to IS NOT next",
    ),
    (
        "customers whose first version is not a first one, or a later one is",
        "SELECT kept.id FROM (
            SELECT row, op, row_number() OVER (PARTITION BY row ORDER BY valid_from) AS number
            FROM versions) AS version LEFT JOIN kept USING (row) WHERE (number = 1) <> (op IN ('baseline', 'insert'))",
    ),
    (
        "customers that differ from their open version",
        "SELECT kept.id FROM kept JOIN versions USING (row)
         WHERE valid_to IS NULL AND (
            (kept.name, kept.tier_name, kept.tier_id,
             kept.subscription_status, kept.created_at, kept.owner_user_id)
            IS NOT
            (versions.name, versions.tier_name, versions.tier_id,
             versions.subscription_status, versions.created_at, versions.owner_user_id)
            OR kept.subscription_enabled IS NOT versions.subscription_enabled
            OR kept.member_count IS NOT versions.member_count
            OR kept.absent <> versions.absent
            OR kept.changed_at <> valid_from)",
    ),
    (
        "customers that are deleted and whose open version is not, or the other way round",
        "SELECT kept.id FROM kept JOIN versions USING (row)
         WHERE valid_to IS NULL AND (deleted_at IS NOT NULL) <> (op = 'delete')",
    ),
    (
        "customers, kept or queued, under an id that is not theirs",
        "SELECT held.id FROM (SELECT row, id FROM kept UNION ALL SELECT row, id FROM detail_queue) AS held
         LEFT JOIN ids USING (id) WHERE ids.row IS NOT held.row",
    ),
    (
        "row numbers that would be given twice",
        "SELECT NULL AS id FROM memory WHERE next_row <= max(
            (SELECT coalesce(max(row), 0) FROM ids),
            (SELECT coalesce(max(row), 0) FROM kept))",
    ),
];

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
