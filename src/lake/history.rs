//! `customers_history` and `customers_daily`: all versions, each read once.
//!
//! Versions that ended in a month that is over never change again: a file for each such month. The
//! open ones are in one file, which is made anew whenever anything changed. Those of living
//! customers are read while `current` is written, by a second connection on a thread of its own,
//! and the fields that both have are encoded once. Those that say that a customer is gone come
//! last, in row groups of their own.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use crate::mirror::{Creation, LivingVersion, Op, Twin, VersionRow};
use crate::report::Live;

use super::Error;
use super::calendar::Day;
use super::cell::Cell;
use super::daily::Daily;
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
    daily: Daily,
    past: Sorter,
    living: Sequence,
    /// The newest instant that the open ones speak of.
    newest: Option<i64>,
    /// The same of each month, by its group.
    newest_of_month: BTreeMap<u32, i64>,
    /// The first instant of the months that are to be written.
    from: i64,
}

/// Whose open versions were read, in which order, each beginning when.
#[derive(Default)]
pub(super) struct Sequence(DefaultHasher);

impl Sequence {
    /// The next customer: its row, and when its version began.
    pub(super) fn push(&mut self, row: u32, valid_from: i64) {
        self.0.write_u32(row);
        self.0.write_i64(valid_from);
    }
}

impl PartialEq for Sequence {
    fn eq(&self, other: &Self) -> bool {
        self.0.finish() == other.0.finish()
    }
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
            daily: Daily::default(),
            past: Sorter::new(stage.root()),
            living: Sequence::default(),
            newest: None,
            newest_of_month: BTreeMap::new(),
            from: from.map_or(i64::MIN, Day::start),
        }))
    }

    /// Reads all versions. Those of living customers must come to be in `current` meanwhile, on
    /// another thread, in the order of `creation`.
    pub(super) fn read(
        mut self,
        twin: &Twin,
        creation: &Creation,
        live: &Live,
    ) -> Result<Self, Error> {
        twin.living(creation, |version| {
            live.advance(1);
            self.push_living(version)
        })?;
        twin.past(|version| {
            live.advance(1);
            self.push_past(version)
        })?;
        Ok(self)
    }

    fn push_living(&mut self, version: &LivingVersion<'_>) -> Result<(), Error> {
        self.living.push(version.row, version.valid_from);
        self.daily.add_living(version);
        self.newest = self.newest.max(Some(version.valid_from));
        let run_id = Cell::Text(version.run_id);
        let (from, not_before) = (version.valid_from, version.not_before);
        self.open
            .push(own_cells(version.op, from, None, not_before, run_id))
    }

    fn push_past(&mut self, version: &VersionRow<'_>) -> Result<(), Error> {
        self.daily.add(version);
        let group = group_of(version);
        match version.valid_to {
            None => self.newest = self.newest.max(Some(version.valid_from)),
            Some(ended) if ended < self.from => return Ok(()),
            Some(ended) => {
                let newest = self.newest_of_month.entry(group).or_insert(ended);
                *newest = ended.max(*newest);
            }
        }
        self.past.push(key(version, group), cells(version))
    }

    /// Ends both tables. `current` must be finished, with these living customers in it.
    pub(super) fn finish(
        mut self,
        stage: &mut Stage<'_>,
        source: &Source<'_>,
        living: &Sequence,
    ) -> Result<(), Error> {
        if self.living != *living {
            return Err(source.mirror.contradicts_itself().into());
        }
        let mut month: Option<(u32, StagedFile)> = None;
        let newest = &self.newest_of_month;
        let end = |stage: &mut Stage<'_>, month: Option<(u32, StagedFile)>| {
            let Some((group, file)) = month else {
                return Ok(());
            };
            let newest = newest.get(&group).copied();
            let stamp = source.provenance.stamp(Table::History, newest);
            stage.finish(file, stamp).map(drop)
        };
        self.past.drain(|key, cells| {
            if key.group == GONE_GROUP {
                return self.open.push_alone(cells);
            }
            if month.as_ref().is_none_or(|(group, _)| *group != key.group) {
                end(stage, month.take())?;
                month = Some((key.group, stage.begin(Table::History, &part_of(key.group))?));
            }
            let (_, file) = month.as_mut().expect("a file was begun for this very row");
            file.push(cells)
        })?;
        end(stage, month)?;
        let stamp = source.provenance.stamp(Table::History, self.newest);
        stage.finish_second(self.open, stamp)?;
        self.daily.write(stage, source)
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
    [Cell::Id(id_bytes(version.customer_id))]
        .into_iter()
        .chain(Fields::from(version).cells())
        .chain(own_cells(
            version.op,
            version.valid_from,
            version.valid_to,
            version.not_before,
            Cell::Id(id_bytes(version.run_id)),
        ))
}

/// A cell for each column of `customers_history` that `current` lacks.
fn own_cells(
    op: Op,
    valid_from: i64,
    valid_to: Option<i64>,
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
