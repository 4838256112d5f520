//! `customers_changes`: one row a change, by month.
//!
//! A month that is over is one file and never changes again. The files of the month that is not over
//! are those of [`stretches`](super::stretches).

use jiff::Timestamp;

use crate::mirror::VersionRow;

use super::Error;
use super::calendar::{Day, instant};
use super::cell::Cell;
use super::fields::{self, Fields, id_bytes};
use super::previous::Previous;
use super::source::Source;
use super::stage::{Stage, StagedFile};
use super::stretches::{self, Part};
use super::table::Table;

/// Writes what `previous` does not have, and keeps the rest.
pub(super) fn write(
    stage: &mut Stage<'_>,
    source: &Source<'_>,
    previous: Option<&Previous>,
) -> Result<(), Error> {
    // A run that began before the others by a clock that was set back would cut files anew.
    let previous = previous.filter(|previous| has_the_same_runs(source, previous));
    let from = match previous {
        Some(previous) => keep_finished_months(stage, source, previous)?,
        None => None,
    };
    write_months(stage, source, from)?;
    write_current_month(stage, source, previous)?;
    if !stage.has(Table::Changes) {
        let empty = stage.begin(Table::Changes, &source.today().month())?;
        stage.finish(empty, source.provenance.stamp(Table::Changes, None))?;
    }
    Ok(())
}

/// Whether the runs that had begun when `previous` was made are those that it knew.
fn has_the_same_runs(source: &Source<'_>, previous: &Previous) -> bool {
    let manifest = &previous.manifest;
    let known: u64 = manifest.of(Table::Runs).map(|entry| entry.rows).sum();
    let runs = source.provenance.runs().iter();
    let begun = runs.filter(|run| run.started_at <= manifest.state_at);
    begun.count() as u64 == known
}

/// Keeps the months to which nothing can be added any more, and answers from when on the rest is;
/// none where a month is missing, and all are to be made anew.
fn keep_finished_months(
    stage: &mut Stage<'_>,
    source: &Source<'_>,
    previous: &Previous,
) -> Result<Option<Timestamp>, Error> {
    let first_open = previous.day().month_start();
    let month = first_open.month();
    for entry in previous.manifest.of(Table::Changes) {
        let finished = entry.part < month;
        if finished && !stage.keep(Table::Changes, &entry.part)? {
            stage.forget(Table::Changes)?;
            return Ok(None);
        }
    }
    let today = source.today().month_start();
    Ok(Some(instant(first_open.min(today).start())))
}

/// Writes the changes of all months that are over, from `from` on: they come in order of time.
fn write_months(
    stage: &mut Stage<'_>,
    source: &Source<'_>,
    from: Option<Timestamp>,
) -> Result<(), Error> {
    let until = instant(source.today().month_start().start());
    let mut open: Option<Open> = None;
    source
        .mirror
        .changes(from, Some(until), |version, before| {
            source.live.advance(1);
            let month = Day::of(version.valid_from).month();
            if open.as_ref().is_none_or(|open| open.name != month) {
                close(stage, source, open.take())?;
                open = Some(Open::begin(stage, month)?);
            }
            let open = open.as_mut().expect("a file was begun for this very row");
            open.push(version, before)
        })?;
    close(stage, source, open)
}

/// Writes the files of the month that is not over, but for those that `previous` has.
fn write_current_month(
    stage: &mut Stage<'_>,
    source: &Source<'_>,
    previous: Option<&Previous>,
) -> Result<(), Error> {
    let month_start = source.today().month_start();
    let previous = previous.filter(|previous| previous.day().month_start() == month_start);
    let since = previous.map(|previous| instant(previous.manifest.state_at.as_microsecond() + 1));
    let there = match since {
        Some(since) => stretches::parts(source, month_start, Some(since))?,
        None => Vec::new(),
    };
    for part in stretches::parts(source, month_start, None)? {
        if let Some(since) = since
            && there.iter().any(|it| it.goes_on(&part))
            && !is_added_to(source, &part, since)?
            && stage.keep(Table::Changes, &part.name)?
        {
            continue;
        }
        let mut open = Open::begin(stage, part.name)?;
        source
            .mirror
            .changes(Some(part.from), part.until, |version, before| {
                source.live.advance(1);
                open.push(version, before)
            })?;
        close(stage, source, Some(open))?;
    }
    Ok(())
}

/// Whether changes came to a part since then.
fn is_added_to(source: &Source<'_>, part: &Part, since: Timestamp) -> Result<bool, Error> {
    let over = part.until.is_some_and(|until| until <= since);
    Ok(!over && stretches::first_change(source, part.from.max(since), part.until)?.is_some())
}

/// A file in the making.
struct Open {
    name: String,
    file: StagedFile,
    newest: Option<i64>,
}

impl Open {
    fn begin(stage: &mut Stage<'_>, name: String) -> Result<Self, Error> {
        Ok(Self {
            file: stage.begin(Table::Changes, &name)?,
            name,
            newest: None,
        })
    }

    fn push(
        &mut self,
        version: &VersionRow<'_>,
        before: Option<&VersionRow<'_>>,
    ) -> Result<(), Error> {
        self.newest = Some(version.valid_from);
        self.file.push(cells(version, before))
    }
}

fn close(stage: &mut Stage<'_>, source: &Source<'_>, open: Option<Open>) -> Result<(), Error> {
    let Some(open) = open else {
        return Ok(());
    };
    let stamp = source.provenance.stamp(Table::Changes, open.newest);
    stage.finish(open.file, stamp).map(drop)
}

/// A cell for each column of `customers_changes`.
pub(super) fn cells<'row>(
    version: &VersionRow<'row>,
    before: Option<&VersionRow<'row>>,
) -> impl Iterator<Item = Cell<'row>> + use<'row> {
    let old = before.map_or([Cell::Null; fields::COUNT], |it| Fields::from(it).cells());
    [
        Cell::Id(id_bytes(version.customer_id)),
        Cell::Text(version.op.as_str()),
        Cell::Instant(version.valid_from),
        Cell::instant(version.not_before),
    ]
    .into_iter()
    .chain(Fields::from(version).cells())
    .chain(old)
    .chain([Cell::Id(id_bytes(version.run_id))])
}
