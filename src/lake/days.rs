//! Which days have a snapshot.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::report::{Outcome, Report};

use super::calendar::Day;
use super::previous::Previous;
use super::source::Source;
use super::table::Table;

/// Past days that are to have a snapshot: those on which a run ended, and those that have one,
/// thinned to one a month where they are older than `keep_daily`.
pub(super) fn wanted(
    source: &Source<'_>,
    previous: Option<&Previous>,
    keep_daily: Duration,
) -> BTreeSet<Day> {
    let of_runs = source.provenance.runs().iter().filter_map(ended_on);
    let of_lake = previous
        .into_iter()
        .flat_map(|previous| previous.manifest.of(Table::Snapshot))
        .filter_map(|entry| Day::parse(&entry.part));
    let today = source.today();
    let past = of_runs.chain(of_lake).filter(|day| *day < today).collect();
    let days = i32::try_from(keep_daily.as_secs() / 86_400).unwrap_or(i32::MAX);
    thin(&past, Day(today.0.saturating_sub(days)))
}

/// A run that failed published nothing.
fn ended_on(run: &Report) -> Option<Day> {
    let published = matches!(
        run.outcome,
        Some(Outcome::Done | Outcome::Held | Outcome::Partial)
    );
    run.finished_at.filter(|_| published).map(Day::at)
}

/// All days from `cutoff` on; of those before it, the last of each month.
fn thin(days: &BTreeSet<Day>, cutoff: Day) -> BTreeSet<Day> {
    let old: Vec<Day> = days.range(..cutoff).copied().collect();
    let lasts = old
        .iter()
        .zip(old.iter().skip(1).map(Some).chain([None]))
        .filter(|(day, next)| next.is_none_or(|next| next.month_start() != day.month_start()))
        .map(|(day, _)| *day);
    days.range(cutoff..).copied().chain(lasts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(texts: &[&str]) -> BTreeSet<Day> {
        texts
            .iter()
            .map(|text| Day::parse(text).expect("a day"))
            .collect()
    }

    #[test]
    fn old_days_are_thinned_to_the_last_of_each_month() {
        let all = days(&[
            "2026-01-30",
            "2026-01-31",
            "2026-02-03",
            "2026-02-10",
            "2026-02-11",
            "2026-02-12",
        ]);
        let kept = thin(&all, Day::parse("2026-02-11").expect("a day"));
        assert_eq!(
            kept,
            days(&["2026-01-31", "2026-02-10", "2026-02-11", "2026-02-12"])
        );
    }

    #[test]
    fn nothing_is_thinned_before_its_time() {
        let all = days(&["2026-01-30", "2026-01-31"]);
        assert_eq!(thin(&all, Day::parse("2026-01-30").expect("a day")), all);
    }
}
