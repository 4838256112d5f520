//! `runs`: every run, one row each.

use jiff::Timestamp;

use crate::report::{Count, Counts, Report};

use super::Error;
use super::cell::Cell;
use super::source::Source;
use super::stage::Stage;
use super::table::Table;

/// Writes the table.
pub(super) fn write(stage: &mut Stage<'_>, source: &Source<'_>) -> Result<(), Error> {
    let mut runs: Vec<&Report> = source.provenance.runs().iter().collect();
    runs.sort_by_key(|run| (run.started_at, run.id));
    let mut file = stage.begin(Table::Runs, "all")?;
    for run in &runs {
        file.push(cells(run))?;
    }
    let newest = runs.last().map(|run| run.started_at.as_microsecond());
    stage
        .finish(file, source.provenance.stamp(Table::Runs, newest))
        .map(drop)
}

/// A cell for each column.
pub(super) fn cells(run: &Report) -> impl Iterator<Item = Cell<'_>> {
    let instant = |at: Option<Timestamp>| Cell::instant(at.map(Timestamp::as_microsecond));
    [
        Cell::Id(run.id.0.into_bytes()),
        instant(Some(run.started_at)),
        instant(run.finished_at),
        Cell::Text(run.mode.as_str()),
        Cell::text(run.outcome.map(crate::report::Outcome::as_str)),
        Cell::text(run.grade.map(crate::report::Grade::as_str)),
        instant(run.as_of),
        Cell::text(run.reason.as_deref()),
    ]
    .into_iter()
    .chain(counts(run.counts))
}

/// A cell for each count, in the order of the table's columns.
fn counts<'run>(mut counts: Counts) -> impl Iterator<Item = Cell<'run>> {
    let number = move |(_, of): Count| i64::try_from(*of(&mut counts)).unwrap_or(i64::MAX);
    Counts::ALL.into_iter().map(number).map(Cell::Integer)
}
