//! What the figures show, in sentences. Each says which time it speaks of.

use super::breakdown::Breakdown;
use super::calendar::{WEEK, date};
use super::figure::{difference, ends};
use super::history::{History, Week};
use super::watch::{Watch, WeekOfRuns};
use crate::status::{count, counted, date as day, instant, share, signed, span};

/// Weeks that a summary looks back on, at most.
const LOOK_BACK: usize = 4;

/// The last full weeks together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Recent {
    /// How many weeks these are; 0: there is no full week yet, and all else is 0.
    pub(super) weeks: usize,
    /// What happened in them; `subscribers` are those at the beginning of the first.
    pub(super) sum: Week,
}

impl Recent {
    /// The last four of the full weeks, or as many as there are: the first week may have begun
    /// before the first look, and the last one is under way.
    pub(super) fn of(history: &History) -> Self {
        let weeks = &history.weeks;
        let full: Vec<&Week> = weeks[..weeks.len().saturating_sub(1)]
            .iter()
            .filter(|week| week.start >= history.period.since)
            .collect();
        let last = &full[full.len().saturating_sub(LOOK_BACK)..];
        let mut sum = last.first().map(|week| Week {
            start: week.start,
            subscribers: week.subscribers,
            ..Week::default()
        });
        for week in last {
            sum = sum.map(|sum| Week {
                arrived: sum.arrived + week.arrived,
                departed: sum.departed + week.departed,
                converted: sum.converted + week.converted,
                lapsed: sum.lapsed + week.lapsed,
                canceled: sum.canceled + week.canceled,
                deleted: sum.deleted + week.deleted,
                ..sum
            });
        }
        Self {
            weeks: last.len(),
            sum: sum.unwrap_or_default(),
        }
    }

    /// Which weeks these are: `four full weeks to 22 Nov 2026`.
    pub(super) fn named(&self) -> String {
        let number = ["no", "one", "two", "three", "four"][self.weeks.min(LOOK_BACK)];
        let s = if self.weeks == 1 { "" } else { "s" };
        let length = i64::try_from(self.weeks).unwrap_or(0) * WEEK;
        let last = day(date(self.sum.start + length - 1));
        format!("{number} full week{s} to {last}")
    }
}

/// How many customers there are, and which of them are most.
pub(super) fn standing(breakdown: &Breakdown, noun: &str) -> String {
    let (first, last) = ends(&breakdown.totals());
    let (Some(since), Some(until)) = (breakdown.instants.first(), breakdown.instants.last()) else {
        return String::new();
    };
    let most = breakdown.groups.first();
    let most = most.and_then(|group| {
        let part = share(group.counts.last().copied()?, last)?;
        Some(format!(
            " The largest {noun} is {}, with {part}.",
            group.name
        ))
    });
    format!(
        "{} on {}, {} since {}.{}",
        counted(last, "customer"),
        day(date(*until)),
        signed(difference(first, last)),
        day(date(*since)),
        most.unwrap_or_default(),
    )
}

/// Who came and who went.
pub(super) fn flow(recent: &Recent) -> String {
    if recent.weeks == 0 {
        return NO_FULL_WEEK.to_owned();
    }
    let sum = &recent.sum;
    format!(
        "In the {}, {} came and {} left: {}.",
        recent.named(),
        count(sum.arrived),
        count(sum.departed),
        signed(difference(sum.departed, sum.arrived)),
    )
}

/// How trials ended.
pub(super) fn trials(recent: &Recent) -> String {
    let sum = &recent.sum;
    match share(sum.converted, sum.trials_ended()) {
        _ if recent.weeks == 0 => NO_FULL_WEEK.to_owned(),
        None => format!("In the {}, no trial ended.", recent.named()),
        Some(part) => format!(
            "In the {}, {} of {} that ended became active: {part}.",
            recent.named(),
            count(sum.converted),
            counted(sum.trials_ended(), "trial"),
        ),
    }
}

/// Which subscribers were lost.
pub(super) fn churn(recent: &Recent) -> String {
    let sum = &recent.sum;
    match share(sum.lost(), sum.subscribers) {
        _ if recent.weeks == 0 => NO_FULL_WEEK.to_owned(),
        None => "There was no subscriber to lose.".to_owned(),
        Some(part) => format!(
            "In the {}, {} were lost, of whom some may have come meanwhile: as many as {part} of the \
             {} there were when they began.",
            recent.named(),
            counted(sum.lost(), "subscriber"),
            count(sum.subscribers),
        ),
    }
}

/// Who moved between tiers.
pub(super) fn moves(history: &History) -> String {
    let all = history.moves.iter().map(|it| it.count).sum();
    let weeks = counted(history.weeks.len() as u64, "week");
    match history.moves.first() {
        None => format!("Nobody was seen to move to another tier in {weeks}."),
        Some(most) => format!(
            "{} between tiers in {weeks}, most often from {} to {}.",
            counted(all, "move"),
            most.from,
            most.to
        ),
    }
}

/// How well the customers were watched.
pub(super) fn runs(watch: &Watch) -> String {
    let sum = |of: fn(&WeekOfRuns) -> u64| watch.weeks.iter().map(of).sum::<u64>();
    let complete = sum(|week| week.complete);
    let all = sum(|week| week.complete + week.converged + week.partial + week.failed);
    let proved = format!(
        "{} of {} in these weeks proved the list complete.",
        count(complete),
        counted(all, "run")
    );
    let Some((gap, began)) = watch.longest_gap else {
        return proved;
    };
    let gap = std::time::Duration::from_micros(u64::try_from(gap).unwrap_or(0));
    format!(
        "{proved} The longest time without a look at everybody was {}, from {}.",
        span(gap),
        instant(super::calendar::instant(began))
    )
}

const NO_FULL_WEEK: &str = "There is no full week to speak of yet.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chronicle::calendar::{DAY, Period};

    /// A Monday, at midnight: 24 Nov 2025.
    const MONDAY: i64 = 1_763_942_400_000_000;

    fn history(weeks: i64, since: i64) -> History {
        let empty = || Breakdown {
            instants: Vec::new(),
            groups: Vec::new(),
        };
        let week = |number: i64| Week {
            start: MONDAY + number * WEEK,
            subscribers: 200,
            arrived: 10,
            departed: 4,
            converted: 2,
            lapsed: 1,
            canceled: 3,
            deleted: 1,
        };
        History {
            period: Period {
                since,
                until: MONDAY + weeks * WEEK - DAY,
            },
            tiers: empty(),
            statuses: empty(),
            weeks: (0..weeks).map(week).collect(),
            moves: Vec::new(),
        }
    }

    #[test]
    fn only_full_weeks_are_summed_up() {
        let begun_midweek = Recent::of(&history(3, MONDAY + DAY));
        assert_eq!((begun_midweek.weeks, begun_midweek.sum.arrived), (1, 10));
        assert_eq!(begun_midweek.named(), "one full week to 7 Dec 2025");
        let long = Recent::of(&history(40, MONDAY));
        assert_eq!(
            (long.weeks, long.sum.arrived, long.sum.subscribers),
            (4, 40, 200)
        );
        let young = Recent::of(&history(1, MONDAY));
        assert_eq!(young, Recent::default());
        assert_eq!(flow(&young), NO_FULL_WEEK);
    }

    #[test]
    fn sentences_say_of_which_time_they_speak() {
        let recent = Recent::of(&history(6, MONDAY));
        assert_eq!(
            flow(&recent),
            "In the four full weeks to 28 Dec 2025, 40 came and 16 left: +24."
        );
        assert_eq!(
            trials(&recent),
            "In the four full weeks to 28 Dec 2025, 8 of 12 trials that ended became active: \
             67\u{202f}%."
        );
        assert_eq!(
            churn(&recent),
            "In the four full weeks to 28 Dec 2025, 16 subscribers were lost, of whom some may have \
             come meanwhile: as many as 8.0\u{202f}% of the 200 there were when they began."
        );
    }
}
