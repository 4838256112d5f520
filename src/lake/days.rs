//! Which days have a snapshot.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::mirror::Snapshot;
use crate::report::Report;

use super::Error;
use super::calendar::Day;
use super::manifest::Manifest;
use super::table::Table;

/// Past days that are to have a snapshot: those that the mirror's state was ever of, so that a
/// generation was of them if one was published then, and those that have one; thinned to one a month
/// where they are more than `daily_for` days before `today`.
///
/// It is not asked whether one was published: what the mirror alone makes and what was published along
/// the way have the same days. So a run counts however it ended, and one that was killed by what it
/// wrote.
pub(super) fn wanted(
    mirror: &Snapshot<'_>,
    runs: &[Report],
    previous: Option<&Manifest>,
    today: Day,
    daily_for: i32,
) -> Result<BTreeSet<Day>, Error> {
    let written = mirror.days_of_versions()?;
    let of_versions = written.iter().filter_map(|day| Day::parse(day));
    let of_lake = previous.into_iter().flat_map(of_lake);
    let days = of_runs(runs).chain(of_versions).chain(of_lake);
    let past = days.filter(|day| *day < today).collect();
    Ok(thin(&past, Day(today.0.saturating_sub(daily_for))))
}

/// Days that are missing in the snapshots of a generation, of which the newest run is the last of
/// `runs`: its own day, and past ones on which a run before that one began or ended. A mirror that went
/// on may have written on other days what the generation could not know.
pub(super) fn missing(
    mirror: &Snapshot<'_>,
    runs: &[Report],
    manifest: &Manifest,
) -> Result<BTreeSet<Day>, Error> {
    let today = Day::at(manifest.state_at);
    let mut expected = BTreeSet::from([today]);
    // A generation of an older program does not say which days it keeps.
    if let (Some(daily_for), Some((_, before))) = (manifest.daily_for_days, runs.split_last()) {
        let wanted = wanted(mirror, runs, Some(manifest), today, daily_for)?;
        expected.extend(of_runs(before).filter(|day| wanted.contains(day)));
    }
    let there: BTreeSet<Day> = of_lake(manifest).collect();
    Ok(expected.difference(&there).copied().collect())
}

/// A span of time in whole days.
pub(super) fn whole_days(span: Duration) -> i32 {
    i32::try_from(span.as_secs() / 86_400).unwrap_or(i32::MAX)
}

/// The days on which runs began and ended.
fn of_runs(runs: &[Report]) -> impl Iterator<Item = Day> {
    let instants = runs
        .iter()
        .flat_map(|run| [Some(run.started_at), run.finished_at]);
    instants.flatten().map(Day::at)
}

/// The days that have a snapshot in a generation.
fn of_lake(manifest: &Manifest) -> impl Iterator<Item = Day> {
    let entries = manifest.of(Table::Snapshot);
    entries.filter_map(|entry| Day::parse(&entry.part))
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
