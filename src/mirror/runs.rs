//! The runs: one row each, from their first moment on, with all that they counted.

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, Row, ToSql, params_from_iter};

use crate::report::{Counts, Report};

use super::row::{At, count, count_at, time_at};

const COLUMNS: [&str; 9] = [
    "id",
    "started_at",
    "finished_at",
    "mode",
    "outcome",
    "grade",
    "as_of",
    "reason",
    "came_to_its_end",
];

/// Keeps a run as it is now, in place of what was kept of it before.
pub(super) fn write(connection: &Connection, report: &Report) -> rusqlite::Result<()> {
    let mut counts = report.counts;
    let numbers = Counts::ALL.map(|(_, of)| count(*of(&mut counts)));
    let [started, finished, as_of] =
        [Some(report.started_at), report.finished_at, report.as_of].map(|at| at.map(At));
    let head: [&dyn ToSql; COLUMNS.len()] = [
        &report.id,
        &started,
        &finished,
        &report.mode,
        &report.outcome,
        &report.grade,
        &as_of,
        &report.reason,
        &report.came_to_its_end,
    ];
    let values: Vec<ToSqlOutput<'_>> = head
        .into_iter()
        .chain(numbers.iter().map(|number| number as &dyn ToSql))
        .map(ToSql::to_sql)
        .collect::<Result<_, _>>()?;
    let marks = vec!["?"; values.len()].join(", ");
    connection
        .prepare_cached(&format!(
            "INSERT OR REPLACE INTO runs ({}) VALUES ({marks})",
            columns()
        ))?
        .execute(params_from_iter(values))?;
    Ok(())
}

/// A run that was killed could not say what it had counted. Where the newest is one, what it added,
/// changed, deleted and brought back is read off its versions; its requests are known to nobody.
pub(super) fn count_if_killed(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE runs SET (added, changed, deleted, undeleted) =
                (SELECT count(*) FILTER (WHERE op IN ('baseline', 'insert')),
                        count(*) FILTER (WHERE op = 'update'),
                        count(*) FILTER (WHERE op = 'delete'),
                        count(*) FILTER (WHERE op = 'undelete')
                 FROM versions WHERE run_id = runs.id)
             WHERE id = (SELECT max(id) FROM runs) AND outcome IS NULL",
        )?
        .execute([])?;
    Ok(())
}

/// The last `most` runs, the newest first.
pub(super) fn last(connection: &Connection, most: u32) -> rusqlite::Result<Vec<Report>> {
    connection
        .prepare_cached(&format!(
            "SELECT {} FROM runs ORDER BY id DESC LIMIT ?",
            columns()
        ))?
        .query_map([most], read)?
        .collect()
}

/// All runs, the oldest first.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Report>> {
    connection
        .prepare_cached(&format!("SELECT {} FROM runs ORDER BY id", columns()))?
        .query_map([], read)?
        .collect()
}

/// Deletions that wait for somebody's decision: those that the newest run to decide on them under a
/// proof held back; or all, while the newest list is suddenly empty and proves nothing.
pub(super) fn held(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(
            "SELECT coalesce(
                (SELECT nullif(held, 0) FROM
                    (SELECT held, grade FROM runs WHERE came_to_its_end ORDER BY id DESC LIMIT 1)
                 WHERE grade <> 'complete'),
                (SELECT held FROM runs
                 WHERE mode <> 'refresh' AND grade = 'complete' AND (held > 0 OR came_to_its_end)
                 ORDER BY id DESC LIMIT 1),
                0)",
        )?
        .query_row([], |row| count_at(row, 0))
}

fn columns() -> String {
    let names: Vec<&str> = COLUMNS
        .into_iter()
        .chain(Counts::ALL.map(|(name, _)| name))
        .collect();
    names.join(", ")
}

fn read(row: &Row<'_>) -> rusqlite::Result<Report> {
    let mut counts = Counts::default();
    for (index, (_, of)) in Counts::ALL.into_iter().enumerate() {
        *of(&mut counts) = count_at(row, COLUMNS.len() + index)?;
    }
    Ok(Report {
        id: row.get(0)?,
        started_at: row.get::<_, At>(1)?.0,
        finished_at: time_at(row, 2)?,
        mode: row.get(3)?,
        outcome: row.get(4)?,
        grade: row.get(5)?,
        as_of: time_at(row, 6)?,
        reason: row.get(7)?,
        came_to_its_end: row.get(8)?,
        counts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_of_a_report_has_its_column() {
        let value = serde_json::to_value(Counts::default()).expect("counts are numbers");
        let mut fields: Vec<_> = value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        let mut columns = Counts::ALL.map(|(name, _)| name.to_owned()).to_vec();
        fields.sort();
        columns.sort();
        assert_eq!(columns, fields);
    }
}
