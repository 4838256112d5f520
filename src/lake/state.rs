//! `current` and `customers_snapshot`: the living customers, now and at the end of each day.
//!
//! Today's snapshot is `current` under a second name. A past day's file is kept from generation to
//! generation; where it is missing, or a change of that day came in after it was made, it
//! is made anew from the versions.

use std::collections::BTreeSet;

use crate::mirror::{CustomerOrder, CustomerRow, Op, VersionOrder, VersionRow};

use super::Error;
use super::calendar::Day;
use super::cell::Cell;
use super::fields::{Fields, id_bytes};
use super::history::History;
use super::manifest::Entry;
use super::sorter::{Key, Sorter};
use super::source::Source;
use super::stage::{Stage, StagedFile};
use super::table::Table;

/// Writes `current`, and shows it as the snapshot of the source's own day. On the way `history`,
/// where there is one to be written, is given every version that still holds.
pub(super) fn write_current(
    stage: &mut Stage<'_>,
    source: &Source<'_>,
    history: Option<&mut History>,
) -> Result<Entry, Error> {
    let mut current = Current {
        file: stage.begin(Table::Current, "all")?,
        newest: None,
    };
    match history {
        None => source.mirror.customers(CustomerOrder::Creation, |row| {
            source.live.advance(1);
            current.push(row)
        })?,
        Some(history) => source.mirror.latest(|row, version| {
            source.live.advance(1);
            history.push(version)?;
            current.push(row)
        })?,
    }
    let stamp = source.provenance.stamp(Table::Current, current.newest);
    let entry = stage.finish(current.file, stamp)?;
    stage.show_also(&entry, Table::Snapshot, &source.today().to_string())?;
    Ok(entry)
}

/// `current` in the making.
struct Current {
    file: StagedFile,
    newest: Option<i64>,
}

impl Current {
    fn push(&mut self, row: &CustomerRow<'_>) -> Result<(), Error> {
        self.newest = self.newest.max(Some(touched_at(row)));
        if row.deleted_at.is_some() {
            return Ok(());
        }
        self.file.push(State::from(row).cells(Cell::Text(row.id)))
    }
}

/// Keeps the files of these past days, and makes those that can't be kept.
pub(super) fn write_past_days(
    stage: &mut Stage<'_>,
    source: &Source<'_>,
    days: &BTreeSet<Day>,
    overtaken: Option<Day>,
) -> Result<(), Error> {
    let mut seen = None;
    for day in days {
        if overtaken != Some(*day) && stage.keep(Table::Snapshot, &day.to_string())? {
            continue;
        }
        let seen = match &mut seen {
            Some(seen) => seen,
            none => none.insert(Sightings::read(source)?),
        };
        rebuild(stage, source, *day, seen)?;
    }
    Ok(())
}

/// Makes a past day's file from the versions that held when the day ended.
fn rebuild(
    stage: &mut Stage<'_>,
    source: &Source<'_>,
    day: Day,
    sightings: &Sightings,
) -> Result<(), Error> {
    let end = day.next().start();
    let mut sorter = Sorter::new(stage.root());
    let mut newest = None;
    let mut sightings = sightings.0.iter().peekable();
    source.mirror.versions(VersionOrder::Customer, |version| {
        source.live.advance(1);
        if version.valid_from >= end {
            return Ok(());
        }
        newest = newest.max(Some(version.valid_from));
        let held = version.valid_to.is_none_or(|valid_to| valid_to >= end);
        if !held || version.op == Op::Delete {
            return Ok(());
        }
        let id = id_bytes(version.customer_id);
        while sightings.next_if(|it| it.id < id).is_some() {}
        let sighting = sightings.peek().filter(|it| it.id == id);
        let key = Key {
            first: version.created_at,
            id,
            ..Key::default()
        };
        let customer = State::at(version, sighting.copied(), end);
        sorter.push(key, customer.cells(Cell::Id(id)))
    })?;
    let mut file = stage.begin(Table::Snapshot, &day.to_string())?;
    sorter.drain(|_, cells| file.push(cells))?;
    let stamp = source.provenance.stamp(Table::Snapshot, newest);
    stage.finish(file, stamp).map(drop)
}

/// The last instant at which anything that the tables show of a customer was written.
pub(super) fn touched_at(row: &CustomerRow<'_>) -> i64 {
    [row.detail_verified_at, row.unlisted_since, row.deleted_at]
        .into_iter()
        .flatten()
        .fold(row.changed_at, i64::max)
}

/// A living customer's row, apart from the id.
pub(super) struct State<'row> {
    fields: Fields<'row>,
    first_seen_at: i64,
    changed_at: i64,
    detail_verified_at: Option<i64>,
    unlisted_since: Option<i64>,
}

impl<'row> From<&CustomerRow<'row>> for State<'row> {
    fn from(row: &CustomerRow<'row>) -> Self {
        Self {
            fields: row.into(),
            first_seen_at: row.first_seen_at,
            changed_at: row.changed_at,
            detail_verified_at: row.detail_verified_at,
            unlisted_since: row.unlisted_since,
        }
    }
}

impl<'row> State<'row> {
    /// What is known of a customer as it was just before `end`. Its details, where it has any, were
    /// verified when the version began; of all later times only the last is known.
    fn at(version: &VersionRow<'row>, sighting: Option<&Sighting>, end: i64) -> Self {
        let before_end = |at: &i64| *at < end;
        let has_details = version.tier_id.is_some() || version.subscription_enabled.is_some();
        let verified_at = sighting
            .and_then(|it| it.detail_verified_at)
            .filter(before_end)
            .or_else(|| has_details.then_some(version.valid_from));
        Self {
            fields: version.into(),
            first_seen_at: sighting.map_or(version.valid_from, |it| it.first_seen_at),
            changed_at: version.valid_from,
            detail_verified_at: verified_at,
            unlisted_since: sighting.and_then(|it| it.unlisted_since).filter(before_end),
        }
    }

    /// A cell for each column, `id` for the first.
    pub(super) fn cells(&self, id: Cell<'row>) -> impl Iterator<Item = Cell<'row>> + use<'row> {
        [id].into_iter().chain(self.fields.cells()).chain([
            Cell::Instant(self.first_seen_at),
            Cell::Instant(self.changed_at),
            Cell::instant(self.detail_verified_at),
            Cell::instant(self.unlisted_since),
        ])
    }
}

/// What of a customer its versions do not say, by id: some sixty bytes a customer.
struct Sightings(Vec<Sighting>);

struct Sighting {
    id: [u8; 16],
    first_seen_at: i64,
    detail_verified_at: Option<i64>,
    unlisted_since: Option<i64>,
}

impl Sightings {
    fn read(source: &Source<'_>) -> Result<Self, Error> {
        let mut all = Vec::new();
        source.mirror.customers(CustomerOrder::Row, |row| {
            all.push(Sighting {
                id: id_bytes(row.id),
                first_seen_at: row.first_seen_at,
                detail_verified_at: row.detail_verified_at,
                unlisted_since: row.unlisted_since,
            });
            Ok::<_, Error>(())
        })?;
        all.sort_unstable_by_key(|it| it.id);
        Ok(Self(all))
    }
}
