//! `runs`: every run, one row each.

use jiff::Timestamp;

use crate::report::{Count, Counts, Report};

use super::Error;
use super::cell::Cell;
use super::rows::Held;
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

/// What the lake's row of a run tells of when it was shown.
pub(super) struct Shown {
    /// The run.
    pub(super) id: [u8; 16],
    /// Whether the run had ended by then.
    pub(super) had_ended: bool,
    /// Why it did not end as `done`, as far as that was known by then.
    pub(super) reason: Option<String>,
}

impl Shown {
    /// Out of a row's cells; none where the row has no id.
    pub(super) fn of(cells: &[Held<'_>]) -> Option<Self> {
        let [Some(Cell::Id(id)), _, finished_at, _, _, _, _, reason, ..] = cells else {
            return None;
        };
        let reason = match reason {
            Some(Cell::Text(reason)) => Some((*reason).to_owned()),
            _ => None,
        };
        Some(Self {
            id: *id,
            had_ended: !matches!(finished_at, None | Some(Cell::Null)),
            reason,
        })
    }

    /// The run's row as it was then, by what the mirror says of the run now.
    pub(super) fn expected(self, run: &Report) -> Report {
        if !self.had_ended && run.finished_at.is_some() {
            return Report::begin(run.id, run.mode, run.started_at);
        }
        if !self.had_ended {
            let counts = Counts {
                added: 0,
                changed: 0,
                deleted: 0,
                undeleted: 0,
                ..run.counts
            };
            return Report {
                counts,
                ..run.clone()
            };
        }
        let said = self.reason.as_deref();
        // Where publishing failed, the run's row tells why, before what it told the lake.
        let told_since = run.reason.as_deref().is_some_and(|now| {
            said.is_none_or(|said| now.strip_suffix(said).is_some_and(|it| it.ends_with("; ")))
        });
        Report {
            reason: if told_since {
                self.reason
            } else {
                run.reason.clone()
            },
            ..run.clone()
        }
    }
}

/// A cell for each count, in the order of the table's columns.
fn counts<'run>(mut counts: Counts) -> impl Iterator<Item = Cell<'run>> {
    let number = move |(_, of): Count| i64::try_from(*of(&mut counts)).unwrap_or(i64::MAX);
    Counts::ALL.into_iter().map(number).map(Cell::Integer)
}
