//! A figure of the page: what it shows in a sentence, a plot, its legend, and the same as a table.

use super::breakdown::{Breakdown, Group};
use super::calendar::{date, instant};
use super::plot::{self, LEFT_OVER, Series};
use crate::status::{count, date as day, machine, share, signed};

/// Fewer weeks are told in numbers: a bar or two show nothing that these don't.
const BARS_FROM: usize = 4;
/// Groups that have a colour of their own.
const GROUPS_MAX: usize = 5;

/// A figure.
pub(super) struct Figure {
    /// What links and labels call it.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// What it shows, in a sentence or two.
    pub(super) finding: String,
    /// The inside of an SVG element; none where there is too little to draw.
    pub(super) svg: Option<String>,
    /// What stands in the legend's columns.
    pub(super) legend_head: Vec<&'static str>,
    pub(super) legend: Vec<Entry>,
    pub(super) table: Table,
}

/// One line of a legend.
pub(super) struct Entry {
    /// As the style sheet knows it.
    pub(super) color: String,
    pub(super) name: String,
    pub(super) numbers: Vec<String>,
}

/// The numbers behind a plot.
pub(super) struct Table {
    /// The first column's, then a series each.
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<TableRow>,
}

/// The numbers of an instant or a week.
pub(super) struct TableRow {
    pub(super) day: String,
    /// The instant for programs.
    pub(super) at: String,
    pub(super) numbers: Vec<String>,
}

/// A series of numbers, one a week.
pub(super) struct Weekly {
    pub(super) name: &'static str,
    pub(super) color: usize,
    /// Drawn from zero downwards.
    pub(super) down: bool,
    pub(super) values: Vec<u64>,
}

/// The living customers over time, by a field; `curves` where there is enough of time to draw.
pub(super) fn over_time(
    id: &'static str,
    title: &'static str,
    finding: String,
    breakdown: &Breakdown,
    curves: bool,
) -> Figure {
    let groups = breakdown.condensed(GROUPS_MAX);
    let colors: Vec<usize> = (0..groups.len()).map(place).collect();
    let series: Vec<Series<'_>> = groups
        .iter()
        .zip(&colors)
        .map(|(group, color)| Series {
            color: *color,
            values: &group.counts,
        })
        .collect();
    let totals = breakdown.totals();
    let all = totals.last().copied().unwrap_or(0);
    let entry = |(group, color): (&Group, &usize)| Entry {
        color: plot::color(*color),
        name: group.name.clone(),
        numbers: standing(&group.counts, all),
    };
    Figure {
        id,
        title,
        finding,
        svg: curves.then(|| plot::areas(&breakdown.instants, &series)),
        legend_head: vec!["Now", "Share", "Change"],
        legend: groups.iter().zip(&colors).rev().map(entry).collect(),
        table: over_time_table(breakdown, &groups, &totals),
    }
}

/// How many there are now, which share that is, and by how much they became more.
fn standing(counts: &[u64], all: u64) -> Vec<String> {
    let (first, last) = ends(counts);
    vec![
        count(last),
        share(last, all).unwrap_or_default(),
        signed(difference(first, last)),
    ]
}

/// From the first to the last of some counts.
pub(super) fn ends(counts: &[u64]) -> (u64, u64) {
    let first = counts.first().copied().unwrap_or(0);
    (first, counts.last().copied().unwrap_or(first))
}

/// By how much the second is more.
pub(super) fn difference(first: u64, last: u64) -> i64 {
    let of = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    of(last) - of(first)
}

fn place(index: usize) -> usize {
    index.min(LEFT_OVER)
}

fn over_time_table(breakdown: &Breakdown, groups: &[Group], totals: &[u64]) -> Table {
    let names = groups.iter().map(|group| group.name.clone());
    let head = ["At".to_owned()].into_iter().chain(names);
    let row = |(index, at): (usize, &i64)| {
        let numbers = groups.iter().map(|group| group.counts[index]);
        TableRow {
            day: day(date(*at)),
            at: machine(instant(*at)),
            numbers: numbers.chain([totals[index]]).map(count).collect(),
        }
    };
    Table {
        head: head.chain(["All".to_owned()]).collect(),
        rows: breakdown
            .instants
            .iter()
            .enumerate()
            .rev()
            .map(row)
            .collect(),
    }
}

/// Something that is counted by the week; drawn where there are enough weeks of it.
pub(super) fn by_week(
    id: &'static str,
    title: &'static str,
    finding: String,
    weeks: &[i64],
    series: &[Weekly],
) -> Figure {
    let drawn = |down: bool| -> Vec<Series<'_>> {
        let these = series.iter().filter(|it| it.down == down);
        these
            .map(|it| Series {
                color: it.color,
                values: &it.values,
            })
            .collect()
    };
    Figure {
        id,
        title,
        finding,
        svg: (weeks.len() >= BARS_FROM).then(|| plot::bars(weeks, &drawn(false), &drawn(true))),
        legend_head: vec!["In all"],
        legend: series
            .iter()
            .map(|it| Entry {
                color: plot::color(it.color),
                name: it.name.to_owned(),
                numbers: vec![count(it.values.iter().sum())],
            })
            .collect(),
        table: by_week_table(weeks, series),
    }
}

fn by_week_table(weeks: &[i64], series: &[Weekly]) -> Table {
    let names = series.iter().map(|it| it.name.to_owned());
    let row = |(index, start): (usize, &i64)| TableRow {
        day: day(date(*start)),
        at: machine(instant(*start)),
        numbers: series.iter().map(|it| count(it.values[index])).collect(),
    };
    Table {
        head: ["Week of".to_owned()].into_iter().chain(names).collect(),
        rows: weeks.iter().enumerate().rev().map(row).collect(),
    }
}
