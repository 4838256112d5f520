//! Proves that a lake is whole and says what the mirror says, or names what is wrong.
//!
//! The mirror may have gone on since the lake was published. So it is read as it stood at the
//! instant that the lake speaks of: later versions are left out, versions that ended later are
//! open, and customers that were verified since then are not compared in `current`.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::Path;

use jiff::Timestamp;

use crate::config;
use crate::mirror::{CustomerOrder, Presence, Reader, Snapshot, VersionRow};
use crate::report::Report;

use super::calendar::Day;
use super::cell::Cell;
use super::column::Column;
use super::comparison::Comparison;
use super::daily::Daily;
use super::day_sums::{self, DaySums, Sum};
use super::fields::{self, id_bytes};
use super::home::Opened;
use super::manifest::{Entry, Manifest};
use super::previous::Previous;
use super::rows::{self, Held, Position, Rows};
use super::runs::Shown;
use super::sorter::Sorter;
use super::state::{self, State, touched_at};
use super::table::Table;
use super::{Error, changes, days, heading, history, proof, runs};

/// The place of what is wrong with the mirror itself.
pub const MIRROR: &str = "mirror";

/// Something that is wrong: where, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, the row in it, or the table.
    pub place: String,
    /// What is wrong, naming customers by id and no value of theirs.
    pub what: String,
    /// Whether it is that the lake and the mirror say different things, each of which may be as it was
    /// written.
    pub is_disagreement: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl Finding {
    pub(super) fn new(place: &str, what: impl fmt::Display) -> Self {
        Self {
            place: place.to_owned(),
            what: what.to_string(),
            is_disagreement: false,
        }
    }

    /// The lake says something else than the mirror.
    pub(super) fn disagreement(place: &str, what: impl fmt::Display) -> Self {
        Self {
            is_disagreement: true,
            ..Self::new(place, what)
        }
    }

    /// A row of the lake says something else than the mirror.
    pub(super) fn at(position: &Position, what: impl fmt::Display) -> Self {
        Self::disagreement(&format!("{} row {}", position.path, position.row), what)
    }
}

/// Looks for what is wrong: files and documents that are not as the manifest says, a mirror that
/// contradicts itself, tables and a manifest that are not what the mirror makes of them. Empty where
/// all is well.
pub fn verify(settings: &config::Lake, mirror: &Path) -> Result<Vec<Finding>, Error> {
    let reader = Reader::open(mirror)?;
    let snapshot = reader.snapshot()?;
    let mut findings: Vec<Finding> = snapshot
        .faults()?
        .into_iter()
        .map(|fault| Finding::new(MIRROR, fault))
        .collect();
    let opened = Opened::now(settings)?;
    let Some(mut published) = Previous::read(opened.folder())? else {
        findings.push(Finding::new("lake", "nothing was published yet"));
        return Ok(findings);
    };
    let damaged = files(&mut published);
    let verifier = Verifier::new(&published, &snapshot);
    let compared = verifier.tables();
    let mirror_is_damaged = !findings.is_empty();
    findings.extend(damaged);
    match compared {
        Ok(found) => findings.extend(found),
        // What is wrong with it was said; it need not be readable to the end.
        Err(Error::Mirror(_)) if mirror_is_damaged => {}
        Err(error) => return Err(error),
    }
    if opened
        .manifest_now()?
        .is_none_or(|now| now != published.manifest)
    {
        let path = opened.name();
        return Err(Error::Held { path });
    }
    Ok(findings)
}

/// Every file and document against the manifest; and every row of a file that is as it was written
/// can be read.
fn files(published: &mut Previous) -> Vec<Finding> {
    let mut findings = proof::files(&published.lake, &published.manifest.files);
    published.distrust(findings.iter().map(|it| it.place.clone()));
    let (lake, manifest) = (&published.lake, &published.manifest);
    let whole = manifest.files.iter();
    let whole = whole.filter(|entry| published.trusts(entry));
    let finding = |path: &str, checked: Result<(), String>| {
        let what = checked.err()?;
        Some(Finding::new(path, what))
    };
    let unreadable: Vec<Finding> = whole
        .filter_map(|entry| finding(&entry.path, proof::rows(lake, entry)))
        .collect();
    let documents = manifest.documents.iter();
    let documents = documents.filter_map(|it| finding(&it.path, proof::document(lake, it)));
    let documents: Vec<Finding> = documents.collect();
    published.distrust(unreadable.iter().map(|it| it.place.clone()));
    findings.extend(unreadable);
    findings.extend(documents);
    findings
}

/// A published generation, and the mirror to hold it against.
struct Verifier<'a> {
    published: &'a Previous,
    mirror: &'a Snapshot<'a>,
    /// The instant that the generation speaks of, in microseconds.
    state_at: i64,
}

impl<'a> Verifier<'a> {
    fn new(published: &'a Previous, mirror: &'a Snapshot<'a>) -> Self {
        Self {
            published,
            mirror,
            state_at: published.manifest.state_at.as_microsecond(),
        }
    }

    fn manifest(&self) -> &Manifest {
        &self.published.manifest
    }

    fn tables(&self) -> Result<Vec<Finding>, Error> {
        let mut findings = heading::faults(self.manifest(), &self.mirror.runs()?);
        if self.is_whole(Table::Current) {
            findings.extend(self.current()?);
        }
        if self.is_whole(Table::Changes) {
            findings.extend(self.changes()?);
        }
        findings.extend(self.versions()?);
        findings.extend(self.missing_days()?);
        if self.is_whole(Table::Runs) {
            findings.extend(self.runs()?);
        }
        Ok(findings)
    }

    fn is_whole(&self, table: Table) -> bool {
        self.manifest()
            .of(table)
            .all(|entry| self.published.trusts(entry))
    }

    /// Begins the comparison of a table.
    fn compare<'known>(
        &self,
        table: Table,
        left_out: &'known HashSet<[u8; 16]>,
    ) -> Comparison<'known> {
        let mut files: Vec<Entry> = self.manifest().of(table).cloned().collect();
        files.sort_by(|one, other| one.part.cmp(&other.part));
        let columns = table.columns();
        let rows = Rows::new(&self.published.lake, columns.clone(), files);
        Comparison::new(table.folder(), columns, rows, left_out)
    }

    fn current(&self) -> Result<Option<Finding>, Error> {
        let moved_on = self.moved_on()?;
        let mut comparison = self.compare(Table::Current, &moved_on);
        self.mirror.customers(CustomerOrder::Creation, |row| {
            if row.deleted_at.is_none() {
                let id = Cell::Id(id_bytes(row.id));
                comparison.expect(State::from(row).cells(id));
            }
            Ok::<_, Error>(())
        })?;
        Ok(comparison.end())
    }

    /// Customers of whom the mirror knows more than the generation could.
    fn moved_on(&self) -> Result<HashSet<[u8; 16]>, Error> {
        let mut moved_on = HashSet::new();
        self.mirror.customers(CustomerOrder::Row, |row| {
            if touched_at(row) > self.state_at {
                moved_on.insert(id_bytes(row.id));
            }
            Ok::<_, Error>(())
        })?;
        Ok(moved_on)
    }

    fn changes(&self) -> Result<Option<Finding>, Error> {
        let nobody = HashSet::new();
        let mut comparison = self.compare(Table::Changes, &nobody);
        // After the last instant that there is, nothing could have come in.
        let until = Timestamp::from_microsecond(self.state_at + 1).ok();
        self.mirror.changes(None, until, |version, before| {
            comparison.expect(changes::cells(version, before));
            Ok::<_, Error>(())
        })?;
        Ok(comparison.end())
    }

    /// `customers_history`, and `customers_daily` and the days' snapshots, which follow from it.
    fn versions(&self) -> Result<Vec<Finding>, Error> {
        let mut daily = Daily::default();
        let mut sums = self.sums_of_days();
        let mut sorter = Sorter::new(&std::env::temp_dir());
        self.mirror.versions_with_presence(|version, presence| {
            let Some(version) = self.as_published(version) else {
                return Ok(());
            };
            daily.add(&version);
            for (has, sums) in &mut sums {
                let cells = provable(&version, presence).zip(has);
                let cells = cells.filter_map(|(cell, has)| has.then_some(cell));
                sums.add(&version, day_sums::hash(cells));
            }
            let group = history::group_of(&version);
            sorter.push(history::key(&version, group), history::cells(&version))
        })?;
        let mut findings = Vec::new();
        if self.is_whole(Table::History) {
            findings.extend(self.history(sorter)?);
        }
        if self.is_whole(Table::Daily) {
            findings.extend(self.daily(&daily)?);
        }
        findings.extend(self.days(&sums)?);
        Ok(findings)
    }

    fn history(&self, versions: Sorter) -> Result<Option<Finding>, Error> {
        let nobody = HashSet::new();
        let mut comparison = self.compare(Table::History, &nobody);
        versions.drain(|_, cells| {
            comparison.expect(cells);
            Ok(())
        })?;
        Ok(comparison.end())
    }

    fn daily(&self, daily: &Daily) -> Result<Option<Finding>, Error> {
        let nobody = HashSet::new();
        let mut comparison = self.compare(Table::Daily, &nobody);
        daily.rows(self.published.day(), |_, _, cells| {
            comparison.expect(cells);
            Ok(())
        })?;
        Ok(comparison.end())
    }

    /// Empty sums for each choice of [`provable_columns`] that a day's file has. There are as many as
    /// versions of the schema that added some.
    fn sums_of_days(&self) -> BTreeMap<Vec<bool>, DaySums> {
        let entries = self.manifest().of(Table::Snapshot);
        let entries = entries.filter(|entry| self.published.trusts(entry));
        // Of one that can't be read, its comparison says so.
        let choices = entries.filter_map(|entry| self.provable_in(entry).ok());
        choices.map(|has| (has, DaySums::default())).collect()
    }

    /// Which of [`provable_columns`] a day's file has.
    fn provable_in(&self, entry: &Entry) -> parquet::errors::Result<Vec<bool>> {
        rows::has(&self.published.lake, &provable_columns(), entry)
    }

    /// The days' snapshots, each by what its rows add up to.
    fn days(&self, sums: &BTreeMap<Vec<bool>, DaySums>) -> Result<Vec<Finding>, Error> {
        let mut findings = Vec::new();
        let entries = self.manifest().of(Table::Snapshot);
        for entry in entries.filter(|entry| self.published.trusts(entry)) {
            let Some(day) = Day::parse(&entry.part) else {
                findings.push(Finding::new(&entry.path, "of no day"));
                continue;
            };
            match self.adds_up(entry, day, sums) {
                Ok(true) => {}
                Ok(false) if findings.len() < DAYS_LOOKED_INTO => {
                    findings.extend(self.day(entry, day)?);
                }
                Ok(false) => {
                    let what = "other rows than the mirror has";
                    findings.push(Finding::disagreement(&entry.path, what));
                }
                Err(error) => findings.push(Finding::new(&entry.path, error)),
            }
        }
        Ok(findings)
    }

    /// Whether the rows of a day's file add up to what the mirror's do, in the columns that it has.
    fn adds_up(
        &self,
        entry: &Entry,
        day: Day,
        sums: &BTreeMap<Vec<bool>, DaySums>,
    ) -> parquet::errors::Result<bool> {
        let expected = sums.get(&self.provable_in(entry)?);
        Ok(Some(self.sum_of(entry)?) == expected.map(|sums| sums.of(day)))
    }

    /// Days that should have a snapshot and have none.
    fn missing_days(&self) -> Result<Vec<Finding>, Error> {
        let runs = self.published_runs()?;
        let missing = days::missing(self.mirror, &runs, self.manifest())?;
        let missing = missing.into_iter();
        let lacks = |day: Day| Finding::new(Table::Snapshot.folder(), format!("lacks {day}"));
        Ok(missing.map(lacks).collect())
    }

    /// What the rows of a day's file add up to.
    fn sum_of(&self, entry: &Entry) -> parquet::errors::Result<Sum> {
        let files = vec![entry.clone()];
        let mut rows = Rows::new(&self.published.lake, provable_columns(), files);
        let mut sum: Sum = 0;
        let hash =
            |_: &Position, cells: &[Held<'_>]| day_sums::hash(cells.iter().flatten().copied());
        while let Some(hash) = rows.next(hash)? {
            sum = sum.wrapping_add(hash);
        }
        Ok(sum)
    }

    /// One day's snapshot, row by row.
    fn day(&self, entry: &Entry, day: Day) -> Result<Option<Finding>, Error> {
        let end = day.next().start();
        let mut sorter = Sorter::new(&std::env::temp_dir());
        self.mirror.versions_with_presence(|version, presence| {
            match self.as_published(version) {
                Some(version) if state::held(&version, end) => {
                    sorter.push(state::key(&version), provable(&version, presence))
                }
                _ => Ok(()),
            }
        })?;
        let (columns, nobody) = (provable_columns(), HashSet::new());
        let rows = Rows::new(&self.published.lake, columns.clone(), vec![entry.clone()]);
        let mut comparison = Comparison::new(Table::Snapshot.folder(), columns, rows, &nobody);
        sorter.drain(|_, cells| {
            comparison.expect(cells);
            Ok(())
        })?;
        Ok(comparison.end())
    }

    /// The version as it was at the instant of the generation; none if it came later.
    fn as_published<'row>(&self, version: &VersionRow<'row>) -> Option<VersionRow<'row>> {
        (version.valid_from <= self.state_at).then(|| VersionRow {
            valid_to: version.valid_to.filter(|it| *it <= self.state_at),
            ..*version
        })
    }

    /// The mirror's runs up to the newest one of the generation, in the order of their ids: by a clock
    /// that was set back, a later run may look earlier.
    fn published_runs(&self) -> Result<Vec<Report>, Error> {
        let mut runs = self.mirror.runs()?;
        let newest = self.manifest().run.as_ref();
        let newest = runs
            .iter()
            .position(|run| Some(&run.id.to_string()) == newest);
        runs.truncate(newest.map_or(0, |newest| newest + 1));
        Ok(runs)
    }

    /// Runs up to the newest of the generation, which may have been shown before its end.
    ///
    /// If its row in the lake has no end, only its id, its start and its mode were known, and are held
    /// against the mirror; all else in the row must be empty, and so it must be in the mirror if the run was
    /// killed, but for what was counted of it when the next one began. If the row has an end, all of it
    /// is held against the mirror, but for a reason that the mirror has to add: publishing failed after
    /// the lake had been exchanged.
    fn runs(&self) -> Result<Option<Finding>, Error> {
        let mut expected = self.published_runs()?;
        if let Some(newest) = expected.last_mut() {
            match self.shown(newest) {
                Ok(Some(shown)) => *newest = shown.expected(newest),
                Ok(None) => {}
                Err(error) => return Ok(Some(Finding::new(Table::Runs.folder(), error))),
            }
        }
        expected.sort_by_key(|run| (run.started_at, run.id));
        let nobody = HashSet::new();
        let mut comparison = self.compare(Table::Runs, &nobody);
        for run in &expected {
            comparison.expect(runs::cells(run));
        }
        Ok(comparison.end())
    }

    /// How the lake shows a run; none where it does not.
    fn shown(&self, run: &Report) -> parquet::errors::Result<Option<Shown>> {
        let files = self.manifest().of(Table::Runs).cloned().collect();
        let mut rows = Rows::new(&self.published.lake, Table::Runs.columns(), files);
        while let Some(shown) = rows.next(|_, cells| Shown::of(cells))? {
            if let Some(shown) = shown
                && shown.id == run.id.0.into_bytes()
            {
                return Ok(Some(shown));
            }
        }
        Ok(None)
    }
}

/// Of so many days whose rows add up to something else it is said which row is the first to differ.
const DAYS_LOOKED_INTO: usize = 3;

/// How many columns of a day's snapshot the mirror can prove on any later day: the id, the fields,
/// when the customer was first seen and last changed. Of the rest it keeps the newest values only.
const PROVABLE: usize = 1 + fields::COUNT + 2;

/// These columns.
fn provable_columns() -> Vec<Column> {
    let mut columns = Table::Snapshot.columns();
    columns.truncate(PROVABLE);
    columns
}

/// A cell for each of [`provable_columns`], as it was while `version` held.
fn provable<'row>(
    version: &VersionRow<'row>,
    presence: Presence,
) -> impl Iterator<Item = Cell<'row>> + use<'row> {
    let id = Cell::Id(id_bytes(version.customer_id));
    State::at(version, presence, i64::MAX)
        .cells(id)
        .take(PROVABLE)
}
