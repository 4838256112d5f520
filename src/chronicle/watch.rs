//! How well the customers were watched: the runs behind the figures, week by week.

use super::calendar::{Period, week};
use crate::report::{Grade, Mode, Outcome, Report};
use crate::status::{saw_everybody, speaks_of};

/// The runs of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Watch {
    /// The last weeks, the oldest first; the same as those of the history.
    pub(super) weeks: Vec<WeekOfRuns>,
    /// The longest time between two looks at every customer, in microseconds, and when it began.
    pub(super) longest_gap: Option<(i64, i64)>,
}

/// One week's runs. A refresh of named customers is no look at all of them, and not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct WeekOfRuns {
    /// Its Monday.
    pub(super) start: i64,
    pub(super) complete: u64,
    pub(super) converged: u64,
    /// Stopped before their end, killed, or without proof.
    pub(super) partial: u64,
    pub(super) failed: u64,
}

impl WeekOfRuns {
    fn take(&mut self, run: &Report) {
        let place = match (run.outcome, run.grade) {
            (Some(Outcome::Failed), _) => &mut self.failed,
            (Some(Outcome::Done | Outcome::Held), Some(Grade::Complete)) => &mut self.complete,
            (Some(Outcome::Done | Outcome::Held), Some(Grade::Converged)) => &mut self.converged,
            _ => &mut self.partial,
        };
        *place += 1;
    }
}

/// From the end of the first run that saw everybody to the end of the last run that heard the
/// server; none where no run saw everybody yet.
pub(super) fn period(runs: &[Report]) -> Option<Period> {
    let ended = |run: &Report| run.finished_at.map(jiff::Timestamp::as_microsecond);
    let since = runs
        .iter()
        .filter(|run| saw_everybody(run))
        .find_map(ended)?;
    let heard = |run: &&Report| run.counts.pages > 0 || run.counts.detail_requests > 0;
    let until = runs.iter().filter(heard).filter_map(ended).max();
    Some(Period {
        since,
        until: until.unwrap_or(since).max(since),
    })
}

impl Watch {
    /// `runs` are the oldest first.
    pub(super) fn of(runs: &[Report], period: Period) -> Self {
        let mut weeks: Vec<WeekOfRuns> = period
            .weeks()
            .into_iter()
            .map(|start| WeekOfRuns {
                start,
                ..WeekOfRuns::default()
            })
            .collect();
        for run in runs.iter().filter(|run| run.mode != Mode::Refresh) {
            let start = week(run.started_at.as_microsecond());
            if let Ok(found) = weeks.binary_search_by_key(&start, |it| it.start) {
                weeks[found].take(run);
            }
        }
        let first = weeks.first().map_or(period.since, |week| week.start);
        Self {
            weeks,
            longest_gap: longest_gap(runs, first),
        }
    }
}

fn longest_gap(runs: &[Report], first: i64) -> Option<(i64, i64)> {
    let looks: Vec<i64> = runs
        .iter()
        .filter(|run| saw_everybody(run))
        .map(|run| speaks_of(run).as_microsecond())
        .filter(|at| *at >= first)
        .collect();
    let gaps = looks.windows(2).map(|pair| (pair[1] - pair[0], pair[0]));
    gaps.max_by_key(|(gap, _)| *gap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::RunId;
    use jiff::Timestamp;

    fn run(hour: i64, outcome: Option<Outcome>, grade: Option<Grade>) -> Report {
        let at = |minutes| {
            let monday: Timestamp = "2025-11-24T00:00:00Z".parse().expect("a time");
            monday + jiff::SignedDuration::from_mins(hour * 60 + minutes)
        };
        let mut report = Report::begin(RunId::new(), Mode::Sync, at(0));
        report.outcome = outcome;
        report.grade = grade;
        report.finished_at = outcome.map(|_| at(10));
        report.as_of = (grade == Some(Grade::Complete)).then(|| at(1));
        report.counts.pages = u64::from(grade.is_some());
        report
    }

    const DONE: Option<Outcome> = Some(Outcome::Done);
    const FAILED: Option<Outcome> = Some(Outcome::Failed);
    const COMPLETE: Option<Grade> = Some(Grade::Complete);
    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn it_begins_when_everybody_was_seen_and_ends_with_what_was_last_heard() {
        let runs = [
            run(0, Some(Outcome::Partial), Some(Grade::Partial)),
            run(1, DONE, COMPLETE),
            run(2, DONE, COMPLETE),
            run(3, FAILED, None),
            run(4, None, None),
        ];
        let told = period(&runs).expect("there was a good run");
        assert_eq!(told.until - told.since, HOUR);
        assert_eq!(period(&runs[..1]), None);
    }

    #[test]
    fn every_walk_has_its_place_and_the_longest_gap_is_between_looks() {
        let runs = [
            run(0, DONE, COMPLETE),
            run(1, FAILED, COMPLETE),
            run(2, Some(Outcome::Held), COMPLETE),
            run(3, None, None),
            run(4, DONE, Some(Grade::Partial)),
            run(9, DONE, Some(Grade::Converged)),
            run(10, DONE, COMPLETE),
        ];
        let watch = Watch::of(&runs, period(&runs).expect("there was a good run"));
        let week = watch.weeks[0];
        assert_eq!((week.complete, week.converged), (3, 1));
        assert_eq!((week.partial, week.failed), (2, 1));
        let (gap, began) = watch.longest_gap.expect("there were several looks");
        // From what the third run proved to the beginning of the converged one.
        assert_eq!(gap, 7 * HOUR - 60_000_000);
        assert_eq!(began, speaks_of(&runs[2]).as_microsecond());
    }

    #[test]
    fn a_refresh_is_no_look() {
        let mut refresh = run(1, DONE, None);
        refresh.mode = Mode::Refresh;
        let runs = [run(0, DONE, COMPLETE), refresh];
        let watch = Watch::of(&runs, period(&runs).expect("there was a good run"));
        assert_eq!(watch.weeks[0].partial, 0);
        assert_eq!(watch.longest_gap, None);
    }
}
