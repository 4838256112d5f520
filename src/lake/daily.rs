//! `customers_daily`: customers and members at the end of each day, by group.
//!
//! A version counts from the day on which it began until the day before the one on which it ended.
//! So sums of differences, day by day, are all that is needed, in whatever order versions come.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use foldhash::fast::FixedState;

use crate::mirror::{Op, VersionRow};

use super::Error;
use super::calendar::Day;
use super::cell::Cell;
use super::source::Source;
use super::stage::{Stage, StagedFile};
use super::table::Table;

/// Differences between one day's end and the next.
#[derive(Default)]
pub(super) struct Daily {
    words: Words,
    differences: BTreeMap<Day, Counts>,
    newest: Option<i64>,
}

/// Tier and status by number, and the standing.
type Group = (u32, u32, Option<bool>);

/// Of each group. Numbers that are given here need no hash that nobody can foresee.
type Counts = HashMap<Group, Count, FixedState>;

#[derive(Clone, Copy, Default)]
struct Count {
    customers: i64,
    /// Wider than the column: what the server says of one customer may fill that alone.
    members: i128,
}

impl Count {
    fn add(&mut self, sign: i64, members: i64) {
        self.customers += sign;
        self.members += i128::from(sign) * i128::from(members);
    }

    /// The members, or as many as the column can say.
    fn members(&self) -> i64 {
        let most = if self.members < 0 { i64::MIN } else { i64::MAX };
        i64::try_from(self.members).unwrap_or(most)
    }
}

/// A thread that counts living customers while they are written.
pub(super) struct Counting(JoinHandle<Daily>);

impl Counting {
    /// Starts it, for all rows that `current` is given from now on.
    pub(super) fn start(current: &mut StagedFile) -> std::io::Result<Self> {
        let (sender, batches) = sync_channel::<RecordBatch>(BATCHES_WAITING);
        let counting = std::thread::Builder::new()
            .name("lake-daily".to_owned())
            .spawn(move || {
                let mut daily = Daily::default();
                for batch in batches {
                    daily.add_living(&batch);
                }
                daily
            })?;
        current.show_to(sender);
        Ok(Self(counting))
    }

    /// Waits until all are counted. `current` must be finished.
    pub(super) fn end(self) -> Daily {
        let counted = self.0.join();
        counted.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Batches that wait to be counted, at most.
const BATCHES_WAITING: usize = 6;

impl Daily {
    /// Takes a version in. One that says that the customer is gone counts nowhere.
    pub(super) fn add(&mut self, version: &VersionRow<'_>) {
        self.note(Some(version.valid_from));
        if version.op == Op::Delete {
            return;
        }
        let group = self.group(
            version.tier_name,
            version.subscription_status,
            version.subscription_enabled,
        );
        let members = version.member_count.unwrap_or_default();
        self.difference(version.valid_from, group).add(1, members);
        if let Some(valid_to) = version.valid_to {
            self.difference(valid_to, group).add(-1, members);
        }
    }

    /// Takes note that something was written at `at` that counts nowhere.
    pub(super) fn note(&mut self, at: Option<i64>) {
        self.newest = self.newest.max(at);
    }

    /// Takes in the versions that hold of these living customers, rows of `current`.
    fn add_living(&mut self, batch: &RecordBatch) {
        let column = |name| batch.column_by_name(name).expect("current has it");
        let tiers = column("tier_name").as_string::<i32>();
        let statuses = column("subscription_status").as_string::<i32>();
        let enabled = column("subscription_enabled").as_boolean();
        let members = column("member_count").as_primitive::<Int64Type>();
        let changed_at = column("changed_at").as_primitive::<TimestampMicrosecondType>();
        let texts = tiers.iter().zip(statuses);
        let figures = enabled.iter().zip(members).zip(changed_at.values());
        for ((tier, status), ((enabled, members), at)) in texts.zip(figures) {
            let group = self.group(tier, status, enabled);
            let members = members.unwrap_or_default();
            self.difference(*at, group).add(1, members);
            self.newest = self.newest.max(Some(*at));
        }
    }

    fn group(&mut self, tier: Option<&str>, status: Option<&str>, enabled: Option<bool>) -> Group {
        (self.words.number(tier), self.words.number(status), enabled)
    }

    /// Writes the table, up to the source's own day.
    pub(super) fn write(&self, stage: &mut Stage<'_>, source: &Source<'_>) -> Result<(), Error> {
        let mut file = stage.begin(Table::Daily, "all")?;
        self.rows(source.today(), |_, _, cells| file.push(cells))?;
        stage
            .finish(file, source.provenance.stamp(Table::Daily, self.newest))
            .map(drop)
    }

    /// Gives every row to `each`, from the first day until `last`: the day, the group's customers,
    /// and a cell for each column.
    pub(super) fn rows(
        &self,
        last: Day,
        mut each: impl FnMut(Day, i64, [Cell<'_>; 6]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut counts = Counts::default();
        let Some(mut day) = self.differences.keys().next().copied() else {
            return Ok(());
        };
        while day <= last {
            for (group, difference) in self.differences.get(&day).into_iter().flatten() {
                let count = counts.entry(*group).or_default();
                count.customers += difference.customers;
                count.members += difference.members;
            }
            counts.retain(|_, count| count.customers != 0);
            let mut groups: Vec<_> = counts.iter().collect();
            groups.sort_unstable_by_key(|(group, _)| self.words.of(group));
            for (group, count) in groups {
                each(day, count.customers, self.cells(day, group, *count))?;
            }
            day = day.next();
        }
        Ok(())
    }

    fn difference(&mut self, at: i64, group: Group) -> &mut Count {
        self.differences
            .entry(Day::of(at))
            .or_default()
            .entry(group)
            .or_default()
    }

    fn cells(&self, day: Day, group: &Group, count: Count) -> [Cell<'_>; 6] {
        let (tier, status, enabled) = self.words.of(group);
        [
            Cell::Day(day.0),
            Cell::text(tier),
            Cell::text(status),
            enabled.map_or(Cell::Null, Cell::Flag),
            Cell::Integer(count.customers),
            Cell::Integer(count.members()),
        ]
    }
}

/// Words by number, so that a group of a million versions costs no allocation.
#[derive(Default)]
struct Words {
    numbers: HashMap<String, u32>,
    words: Vec<String>,
}

impl Words {
    /// 0 stands for no word.
    fn number(&mut self, word: Option<&str>) -> u32 {
        let Some(word) = word else { return 0 };
        // Tiers and statuses are few, and to look at a few costs less than to hash one.
        let first = self.words.iter().take(16).position(|it| it == word);
        if let Some(number) = first.and_then(|place| u32::try_from(place + 1).ok()) {
            return number;
        }
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        self.words.push(word.to_owned());
        let number = u32::try_from(self.words.len()).expect("fewer words than customers");
        self.numbers.insert(word.to_owned(), number);
        number
    }

    fn word(&self, number: u32) -> Option<&str> {
        let place = (number as usize).checked_sub(1)?;
        self.words.get(place).map(String::as_str)
    }

    fn of(&self, (tier, status, enabled): &Group) -> (Option<&str>, Option<&str>, Option<bool>) {
        (self.word(*tier), self.word(*status), *enabled)
    }
}
