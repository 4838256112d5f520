//! `customers_history` and `customers_daily`: all versions, each read once.
//!
//! Versions that ended in a month that is over never change again: a file for each such month. The
//! open ones are in one file, which is made anew whenever anything changed. Those of living
//! customers come in while `current` is written, row by row, so that reading the customers and
//! encoding their fields is done once for both. Those that say that a customer is gone come last,
//! in row groups of their own.

use std::collections::BTreeMap;

use crate::mirror::{CustomerRow, Op, Opening, VersionRow};

use super::Error;
use super::calendar::Day;
use super::cell::Cell;
use super::daily::{Counting, Daily};
use super::fields::{Fields, id_bytes};
use super::previous::Previous;
use super::sorter::{Key, Sorter};
use super::source::Source;
use super::stage::{SecondFile, Stage, StagedFile};
use super::table::Table;

/// The part of the versions that still hold.
const OPEN: &str = "open";

/// The sorter's group of the living customers' versions that still hold: after all months.
const LIVING_GROUP: u32 = u32::MAX - 1;

/// The sorter's group of the versions that say that a customer is gone: at the end of the same file.
const GONE_GROUP: u32 = u32::MAX;

/// Both tables in the making.
pub(super) struct History {
    open: SecondFile,
    gone: Sorter,
    living: Counting,
    newest: Option<i64>,
    /// The first day of the months that are to be written; none for all.
    from: Option<Day>,
}

impl History {
    /// Begins both tables with what `previous` already has; none where that is all of them. `current`
    /// is the file of the living customers, in which there is none yet.
    pub(super) fn begin(
        stage: &mut Stage<'_>,
        source: &Source<'_>,
        previous: Option<&Previous>,
        current: &mut StagedFile,
    ) -> Result<Option<Self>, Error> {
        let from = match previous {
            Some(previous) if keep_all(stage, source, previous)? => return Ok(None),
            Some(previous) => keep_closed_months(stage, previous)?,
            None => None,
        };
        Ok(Some(Self {
            open: stage.begin_second(Table::History, OPEN, current)?,
            gone: Sorter::new(stage.root()),
            living: Counting::start(current).map_err(Error::io(stage.root()))?,
            newest: None,
            from,
        }))
    }

    /// Takes in the version that holds of the living customer that was just put into `current`.
    pub(super) fn push_living(
        &mut self,
        row: &CustomerRow<'_>,
        opening: &Opening<'_>,
    ) -> Result<(), Error> {
        self.newest = self.newest.max(Some(row.changed_at));
        let validity = (row.changed_at, None);
        let run_id = Cell::Text(opening.run_id);
        self.open
            .push(own_cells(opening.op, validity, opening.not_before, run_id))
    }

    /// Takes in the version that says that a customer is gone.
    pub(super) fn push_gone(&mut self, version: &VersionRow<'_>) -> Result<(), Error> {
        self.newest = self.newest.max(Some(version.valid_from));
        self.gone.push(key(version, GONE_GROUP), cells(version))
    }

    /// Ends both tables, with the versions that do not hold any more. `current` must be finished.
    pub(super) fn finish(
        mut self,
        stage: &mut Stage<'_>,
        source: &Source<'_>,
    ) -> Result<(), Error> {
        let stamp = source.provenance.stamp(Table::History, self.newest);
        let open = &mut self.open;
        self.gone.drain(|_, cells| open.push_alone(cells))?;
        stage.finish_second(self.open, stamp)?;
        let mut daily = self.living.end();
        daily.note(self.newest);
        write_ended(stage, source, self.from, &mut daily)?;
        daily.write(stage, source)
    }
}

/// Where no version was added, both tables are as they were; but a new day adds to
/// `customers_daily`.
fn keep_all(
    stage: &mut Stage<'_>,
    source: &Source<'_>,
    previous: &Previous,
) -> Result<bool, Error> {
    let unchanged =
        previous.manifest.versions == source.standing.versions && previous.day() == source.today();
    if !unchanged {
        return Ok(false);
    }
    for table in [Table::History, Table::Daily] {
        for entry in previous.manifest.of(table) {
            if !stage.keep(table, &entry.part)? {
                stage.forget(Table::History)?;
                stage.forget(Table::Daily)?;
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Keeps the months that were over when `previous` was made; answers the first day of the rest.
fn keep_closed_months(stage: &mut Stage<'_>, previous: &Previous) -> Result<Option<Day>, Error> {
    let first = previous.day().month_start();
    for entry in previous.manifest.of(Table::History) {
        let closed = entry.part != OPEN && entry.part < first.month();
        if closed && !stage.keep(Table::History, &entry.part)? {
            stage.forget(Table::History)?;
            return Ok(None);
        }
    }
    Ok(Some(first))
}

/// Writes the versions that ended since `from`, one file a month.
fn write_ended(
    stage: &mut Stage<'_>,
    source: &Source<'_>,
    from: Option<Day>,
    daily: &mut Daily,
) -> Result<(), Error> {
    let first = from.map_or(i64::MIN, Day::start);
    let mut newest: BTreeMap<u32, i64> = BTreeMap::new();
    let mut sorter = Sorter::new(stage.root());
    source.mirror.ended(|version| {
        source.live.advance(1);
        daily.add(version);
        let ended = version.valid_to.unwrap_or(i64::MIN);
        if ended < first {
            return Ok(());
        }
        let group = group_of(version);
        let of_group = newest.entry(group).or_insert(ended);
        *of_group = ended.max(*of_group);
        sorter.push(key(version, group), cells(version))
    })?;
    let finish = |stage: &mut Stage<'_>, open: Option<(u32, StagedFile)>| {
        let Some((group, file)) = open else {
            return Ok(());
        };
        let newest = newest.get(&group).copied();
        let stamp = source.provenance.stamp(Table::History, newest);
        stage.finish(file, stamp).map(drop)
    };
    let mut open: Option<(u32, StagedFile)> = None;
    sorter.drain(|key, cells| {
        if open.as_ref().is_none_or(|(group, _)| *group != key.group) {
            finish(stage, open.take())?;
            open = Some((key.group, stage.begin(Table::History, &part_of(key.group))?));
        }
        let (_, file) = open.as_mut().expect("a file was begun for this very row");
        file.push(cells)
    })?;
    finish(stage, open)
}

/// The month in which a version ended, as the number of its first day; or one of the open ones' groups.
pub(super) fn group_of(version: &VersionRow<'_>) -> u32 {
    match version.valid_to {
        Some(valid_to) => {
            let month = Day::of(valid_to).month_start();
            u32::try_from(month.0).expect("twsync made no version before 1970")
        }
        None if version.op == Op::Delete => GONE_GROUP,
        None => LIVING_GROUP,
    }
}

fn part_of(group: u32) -> String {
    let first = i32::try_from(group).expect("a month's first day is the group");
    Day(first).month()
}

/// Where a version stands among all.
pub(super) fn key(version: &VersionRow<'_>, group: u32) -> Key {
    Key {
        group,
        first: version.created_at,
        id: id_bytes(version.customer_id),
        second: version.valid_from,
    }
}

/// A cell for each column of `customers_history`.
pub(super) fn cells<'row>(
    version: &VersionRow<'row>,
) -> impl Iterator<Item = Cell<'row>> + use<'row> {
    let validity = (version.valid_from, version.valid_to);
    let run_id = Cell::Id(id_bytes(version.run_id));
    [Cell::Id(id_bytes(version.customer_id))]
        .into_iter()
        .chain(Fields::from(version).cells())
        .chain(own_cells(version.op, validity, version.not_before, run_id))
}

/// A cell for each column of `customers_history` that `current` lacks, `run_id` for the last.
fn own_cells(
    op: Op,
    (valid_from, valid_to): (i64, Option<i64>),
    not_before: Option<i64>,
    run_id: Cell<'_>,
) -> [Cell<'_>; 6] {
    [
        Cell::Text(op.as_str()),
        Cell::Instant(valid_from),
        Cell::instant(valid_to),
        Cell::Flag(valid_to.is_none()),
        Cell::instant(not_before),
        run_id,
    ]
}
