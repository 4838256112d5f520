//! `customers_daily`: customers and members at the end of each day, by group.
//!
//! A version counts from the day on which it began until the day before the one on which it ended.
//! So sums of differences, day by day, are all that is needed, in whatever order versions come.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;

use crate::mirror::{CustomerRow, Op, VersionRow};

use super::Error;
use super::calendar::Day;
use super::cell::Cell;
use super::source::Source;
use super::stage::Stage;
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
    members: i64,
}

impl Count {
    fn add(&mut self, sign: i64, members: i64) {
        self.customers += sign;
        self.members += sign * members;
    }
}

impl Daily {
    /// Takes a version in. One that says that the customer is gone counts nowhere.
    pub(super) fn add(&mut self, version: &VersionRow<'_>) {
        self.newest = self.newest.max(Some(version.valid_from));
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

    /// Takes the version in that holds of a living customer.
    pub(super) fn add_living(&mut self, row: &CustomerRow<'_>) {
        self.newest = self.newest.max(Some(row.changed_at));
        let group = self.group(
            row.tier_name,
            row.subscription_status,
            row.subscription_enabled,
        );
        let members = row.member_count.unwrap_or_default();
        self.difference(row.changed_at, group).add(1, members);
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
            Cell::Integer(count.members),
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
