//! `customers_history` and `customers_daily`: all versions, in one pass over them.
//!
//! Versions that ended in a month that is over never change again: a file for each such month. The
//! open ones are in one file, which is made anew whenever anything changed.

use std::collections::BTreeMap;

use crate::mirror::{VersionOrder, VersionRow};

use super::Error;
use super::calendar::Day;
use super::cell::Cell;
use super::daily::Daily;
use super::fields::{Fields, id_bytes};
use super::previous::Previous;
use super::sorter::{Key, Sorter};
use super::source::Source;
use super::stage::{Stage, StagedFile};
use super::table::Table;

/// The part of the versions that still hold.
const OPEN: &str = "open";

/// The sorter's group of the versions that still hold: after all months.
const OPEN_GROUP: u32 = u32::MAX;

/// Writes both tables, and keeps what `previous` already has.
pub(super) fn write(
    stage: &mut Stage<'_>,
    source: &Source<'_>,
    previous: Option<&Previous>,
) -> Result<(), Error> {
    let from = match previous {
        Some(previous) if keep_all(stage, source, previous)? => return Ok(()),
        Some(previous) => keep_closed_months(stage, previous)?,
        None => None,
    };
    write_from(stage, source, from)
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

/// Writes the versions that ended since `from`, and those that still hold.
fn write_from(stage: &mut Stage<'_>, source: &Source<'_>, from: Option<Day>) -> Result<(), Error> {
    let first = from.map_or(i64::MIN, Day::start);
    let mut daily = Daily::default();
    let mut newest = BTreeMap::from([(OPEN_GROUP, i64::MIN)]);
    let mut sorter = Sorter::new(stage.root());
    source.mirror.versions(VersionOrder::Row, |version| {
        source.live.advance(1);
        daily.add(version);
        if version.valid_to.is_some_and(|valid_to| valid_to < first) {
            return Ok(());
        }
        let group = group_of(version);
        let touched = version.valid_to.unwrap_or(version.valid_from);
        let group_newest = newest.entry(group).or_insert(touched);
        *group_newest = touched.max(*group_newest);
        sorter.push(key(version, group), cells(version))
    })?;
    write_groups(stage, source, sorter, &newest)?;
    daily.write(stage, source)
}

/// One file a group; the file of the open versions is there even if there are none.
fn write_groups(
    stage: &mut Stage<'_>,
    source: &Source<'_>,
    sorter: Sorter,
    newest: &BTreeMap<u32, i64>,
) -> Result<(), Error> {
    let finish = |stage: &mut Stage<'_>, group: u32, file: StagedFile| {
        let newest = newest.get(&group).copied().filter(|it| *it > i64::MIN);
        stage
            .finish(file, source.provenance.stamp(Table::History, newest))
            .map(drop)
    };
    let mut open: Option<(u32, StagedFile)> = None;
    sorter.drain(|key, cells| {
        if open.as_ref().is_none_or(|(group, _)| *group != key.group) {
            if let Some((group, file)) = open.take() {
                finish(stage, group, file)?;
            }
            open = Some((key.group, stage.begin(Table::History, &part_of(key.group))?));
        }
        let (_, file) = open.as_mut().expect("a file was begun for this very row");
        file.push(cells)
    })?;
    match open {
        Some((OPEN_GROUP, file)) => finish(stage, OPEN_GROUP, file),
        other => {
            if let Some((group, file)) = other {
                finish(stage, group, file)?;
            }
            let empty = stage.begin(Table::History, OPEN)?;
            finish(stage, OPEN_GROUP, empty)
        }
    }
}

/// The month in which a version ended, as the number of its first day; or the open ones' group.
pub(super) fn group_of(version: &VersionRow<'_>) -> u32 {
    version.valid_to.map_or(OPEN_GROUP, |valid_to| {
        let month = Day::of(valid_to).month_start();
        u32::try_from(month.0).expect("twsync made no version before 1970")
    })
}

fn part_of(group: u32) -> String {
    i32::try_from(group).map_or_else(|_open| OPEN.to_owned(), |first| Day(first).month())
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
        .chain([
            Cell::Text(version.op.as_str()),
            Cell::Instant(version.valid_from),
            Cell::instant(version.valid_to),
            Cell::Flag(version.valid_to.is_none()),
            Cell::instant(version.not_before),
            Cell::Id(id_bytes(version.run_id)),
        ])
}
