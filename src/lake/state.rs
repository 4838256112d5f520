//! `current` and `customers_snapshot`: the living customers, now and at the end of each day.
//!
//! Today's snapshot is `current` under a second name. A past day's file is kept from generation to
//! generation; where it is missing, or a change of that day came in after it was made, it
//! is made anew from the versions.

use std::collections::BTreeSet;

use crate::mirror::{CustomerOrder, CustomerRow, Op, Presence, VersionRow};

use super::Error;
use super::calendar::Day;
use super::cell::Cell;
use super::fields::{Fields, id_bytes};
use super::history::History;
use super::sorter::{Key, Sorter};
use super::source::Source;
use super::stage::{Stage, StagedFile};
use super::table::Table;

/// `current` in the making.
pub(super) struct Current {
    pub(super) file: StagedFile,
    newest: Option<i64>,
}

impl Current {
    /// Begins it.
    pub(super) fn begin(stage: &mut Stage<'_>) -> Result<Self, Error> {
        Ok(Self {
            file: stage.begin(Table::Current, "all")?,
            newest: None,
        })
    }

    /// Writes it, and shows it as the snapshot of the source's own day. On the way `history`, where
    /// there is one to be written, is given every version that still holds.
    pub(super) fn write(
        mut self,
        stage: &mut Stage<'_>,
        source: &Source<'_>,
        history: Option<&mut History>,
    ) -> Result<(), Error> {
        match history {
            None => source.mirror.customers(CustomerOrder::Creation, |row| {
                source.live.advance(1);
                self.push(row).map(drop)
            })?,
            Some(history) => source.mirror.latest(|row, opening| {
                source.live.advance(1);
                if self.push(row)? {
                    history.push_living(row, opening)
                } else {
                    history.push_gone(&VersionRow::that_holds(row, opening))
                }
            })?,
        }
        let stamp = source.provenance.stamp(Table::Current, self.newest);
        let entry = stage.finish(self.file, stamp)?;
        stage.show_also(&entry, Table::Snapshot, &source.today().to_string())
    }

    /// Takes a customer in, if it lives; answers whether it does.
    fn push(&mut self, row: &CustomerRow<'_>) -> Result<bool, Error> {
        self.newest = self.newest.max(Some(touched_at(row)));
        let lives = row.deleted_at.is_none();
        if lives {
            self.file.push(State::from(row).cells(Cell::Text(row.id)))?;
        }
        Ok(lives)
    }
}

/// Keeps the files of these past days, and makes those that can't be kept.
pub(super) fn write_past_days(
    stage: &mut Stage<'_>,
    source: &Source<'_>,
    days: &BTreeSet<Day>,
    overtaken: Option<Day>,
) -> Result<(), Error> {
    for day in days {
        if overtaken == Some(*day) || !stage.keep(Table::Snapshot, &day.to_string())? {
            rebuild(stage, source, *day)?;
        }
    }
    Ok(())
}

/// Makes a past day's file from the versions that held when the day ended.
fn rebuild(stage: &mut Stage<'_>, source: &Source<'_>, day: Day) -> Result<(), Error> {
    let end = day.next().start();
    let mut sorter = Sorter::new(stage.root());
    let mut newest = None;
    source.mirror.versions_with_presence(|version, presence| {
        source.live.advance(1);
        if version.valid_from < end {
            newest = newest.max(Some(version.valid_from));
        }
        if !held(version, end) {
            return Ok(());
        }
        let id = Cell::Id(id_bytes(version.customer_id));
        let customer = State::at(version, presence, end);
        sorter.push(key(version), customer.cells(id))
    })?;
    let mut file = stage.begin(Table::Snapshot, &day.to_string())?;
    sorter.drain(|_, cells| file.push(cells))?;
    let stamp = source.provenance.stamp(Table::Snapshot, newest);
    stage.finish(file, stamp).map(drop)
}

/// Whether this version says that the customer lived just before `end`, and how.
pub(super) fn held(version: &VersionRow<'_>, end: i64) -> bool {
    version.valid_from < end
        && version.valid_to.is_none_or(|valid_to| valid_to >= end)
        && version.op != Op::Delete
}

/// Where the customer stands among all of a day, by a version that held then.
pub(super) fn key(version: &VersionRow<'_>) -> Key {
    Key {
        first: version.created_at,
        id: id_bytes(version.customer_id),
        ..Key::default()
    }
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
    pub(super) fn at(version: &VersionRow<'row>, presence: Presence, end: i64) -> Self {
        let before_end = |at: &i64| *at < end;
        let has_details = version.tier_id.is_some() || version.subscription_enabled.is_some();
        let verified_at = presence
            .detail_verified_at
            .filter(before_end)
            .or_else(|| has_details.then_some(version.valid_from));
        Self {
            fields: version.into(),
            first_seen_at: presence.first_seen_at,
            changed_at: version.valid_from,
            detail_verified_at: verified_at,
            unlisted_since: presence.unlisted_since.filter(before_end),
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
