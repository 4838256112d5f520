//! Whether the mirror is whole: what must always hold, asked of every row.

use rusqlite::Connection;

use super::row::count_at;

/// What must not be, and how to count it.
const RULES: [(&str, &str); 7] = [
    (
        "customers without exactly one open version",
        "SELECT count(*) FROM kept WHERE 1 <>
            (SELECT count(*) FROM versions WHERE row = kept.row AND valid_to IS NULL)",
    ),
    (
        "versions that do not end where the next one begins",
        "SELECT count(*) FROM (
            SELECT valid_to, lead(valid_from) OVER (PARTITION BY row ORDER BY valid_from) AS next
            FROM versions) WHERE valid_to IS NOT next",
    ),
    (
        "customers whose first version is not a first one, or a later one is",
        "SELECT count(*) FROM (
            SELECT op, row_number() OVER (PARTITION BY row ORDER BY valid_from) AS number
            FROM versions) WHERE (number = 1) <> (op IN ('baseline', 'insert'))",
    ),
    (
        "customers that differ from their open version",
        "SELECT count(*) FROM kept JOIN versions USING (row)
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
        "SELECT count(*) FROM kept JOIN versions USING (row)
         WHERE valid_to IS NULL AND (deleted_at IS NOT NULL) <> (op = 'delete')",
    ),
    (
        "customers, kept or queued, under an id that is not theirs",
        "SELECT count(*) FROM (SELECT row, id FROM kept UNION ALL SELECT row, id FROM detail_queue) AS held
         LEFT JOIN ids USING (id) WHERE ids.row IS NOT held.row",
    ),
    (
        "row numbers that would be given twice",
        "SELECT count(*) FROM memory WHERE next_row <= max(
            (SELECT coalesce(max(row), 0) FROM ids),
            (SELECT coalesce(max(row), 0) FROM kept))",
    ),
];

/// What is wrong, in words for a person; empty where nothing is.
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
        match connection.query_row(sql, [], |row| count_at(row, 0))? {
            0 => {}
            count => faults.push(format!("{count} {what}")),
        }
    }
    Ok(faults)
}
