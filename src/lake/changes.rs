//! `customers_changes`: one row a change, by month.
//!
//! A month that is over is one file and never changes again. The current month is two: the days
//! before today, which is written once a day, and today.

use jiff::Timestamp;

use crate::mirror::VersionRow;

use super::Error;
use super::calendar::{Day, instant};
use super::cell::Cell;
use super::fields::{self, Fields, id_bytes};
use super::previous::Previous;
use super::source::Source;
use super::stage::{Stage, StagedFile};
use super::table::Table;

/// Writes what `previous` does not have, and keeps the rest.
pub(super) fn write(
    stage: &mut Stage<'_>,
    source: &Source<'_>,
    previous: Option<&Previous>,
) -> Result<(), Error> {
    let from = match previous {
        Some(previous) => keep_finished(stage, source, previous)?,
        None => None,
    };
    write_from(stage, source, from)?;
    if !stage.has(Table::Changes) {
        let empty = stage.begin(Table::Changes, &source.today().to_string())?;
        stage.finish(empty, source.provenance.stamp(Table::Changes, None))?;
    }
    Ok(())
}

/// Keeps the parts to which nothing can be added any more, and answers from when on the rest is;
/// none where a part is missing, and all are to be made anew.
fn keep_finished(
    stage: &mut Stage<'_>,
    source: &Source<'_>,
    previous: &Previous,
) -> Result<Option<Timestamp>, Error> {
    let same_day = previous.day() == source.today();
    let from = if same_day {
        source.today()
    } else {
        previous.day().month_start()
    };
    let (first_day, first_month) = (from.to_string(), from.month());
    for entry in previous.manifest.of(Table::Changes) {
        let finished = if same_day {
            entry.part != first_day
        } else {
            entry.part < first_month
        };
        if finished && !stage.keep(Table::Changes, &entry.part)? {
            stage.forget(Table::Changes)?;
            return Ok(None);
        }
    }
    Ok(Some(instant(from.start())))
}

/// Writes all changes since `from`, which come in order of time, into the files they belong to.
fn write_from(
    stage: &mut Stage<'_>,
    source: &Source<'_>,
    from: Option<Timestamp>,
) -> Result<(), Error> {
    let today = source.today();
    let mut open: Option<Part> = None;
    source.mirror.changes(from, None, |version, before| {
        source.live.advance(1);
        let name = part_of(Day::of(version.valid_from), today);
        if open.as_ref().is_none_or(|part| part.name != name) {
            close(stage, source, open.take())?;
            open = Some(Part {
                file: stage.begin(Table::Changes, &name)?,
                name,
                newest: version.valid_from,
            });
        }
        let part = open.as_mut().expect("a part was begun for this very row");
        part.newest = version.valid_from;
        part.file.push(cells(version, before))
    })?;
    close(stage, source, open)
}

/// A file in the making.
struct Part {
    name: String,
    file: StagedFile,
    newest: i64,
}

fn close(stage: &mut Stage<'_>, source: &Source<'_>, part: Option<Part>) -> Result<(), Error> {
    let Some(part) = part else {
        return Ok(());
    };
    let stamp = source.provenance.stamp(Table::Changes, Some(part.newest));
    stage.finish(part.file, stamp).map(drop)
}

fn part_of(day: Day, today: Day) -> String {
    if day < today {
        day.month()
    } else {
        day.to_string()
    }
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
