//! Which days have a snapshot.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::report::Report;

use super::Error;
use super::calendar::Day;
use super::manifest::Manifest;
use super::source::Source;
use super::table::Table;

/// Past days that are to have a snapshot: those that the mirror's state was ever of, so that a
/// generation was of them if one was published then, and those that have one; thinned to one a month
/// where they are older than `keep_daily`.
///
/// It is not asked whether one was published: what the mirror alone makes and what was published along
/// the way have the same days. So a run counts however it ended, and one that was killed by what it
/// wrote.
pub(super) fn wanted(
    source: &Source<'_>,
    previous: Option<&Manifest>,
    keep_daily: Duration,
) -> Result<BTreeSet<Day>, Error> {
    let of_runs = source.provenance.runs().iter().flat_map(of_run);
    let written = source.mirror.days_of_versions()?;
    let of_versions = written.iter().filter_map(|day| Day::parse(day));
    let of_lake = previous.into_iter().flat_map(of_lake);
    let today = source.today();
    let days = of_runs.chain(of_versions).chain(of_lake);
    let past = days.filter(|day| *day < today).collect();
    let days = i32::try_from(keep_daily.as_secs() / 86_400).unwrap_or(i32::MAX);
    Ok(thin(&past, Day(today.0.saturating_sub(days))))
}

/// The days on which a run began and ended.
fn of_run(run: &Report) -> impl Iterator<Item = Day> + use<> {
    let instants = [Some(run.started_at), run.finished_at];
    instants.into_iter().flatten().map(Day::at)
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
