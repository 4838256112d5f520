//! How old a customer's details may become.
//!
//! Three fields of the details can change without any change in the list, so details are asked for
//! again when they are old. Spread over time: so many in each run that all come round once in
//! `max_detail_age`, and whatever is older than that besides. Whether settings and pace can hold
//! that age at all is a matter of division, done here, too.
//!
//! Numbers in, numbers out; which customers, in which order and in which words is decided elsewhere.

use std::iter;
use std::time::Duration;

use crate::config::Gap;

/// What decides how many old details one run asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Active customers.
    pub active: u64,
    /// Those of them whose details are older than `max_detail_age`, or were never asked for and
    /// are not queued anyway.
    pub overdue: u64,
    /// Since the last run that asked for old details. None: there was none.
    pub since_last_run: Option<Duration>,
    /// The age that details should not exceed.
    pub max_detail_age: Duration,
    /// Old details in one run, at most. 0: never any.
    pub reverify_max: u32,
}

impl Due {
    /// How many to ask for, the oldest first: all that are overdue, and as many more as keep the
    /// load even.
    ///
    /// The even share is rounded down, so that runs in quick succession ask for nothing; what the
    /// rounding leaves behind becomes overdue, and is asked for then.
    pub fn count(&self) -> u64 {
        let wanted = self.overdue.saturating_add(self.even_share());
        wanted.min(self.active).min(u64::from(self.reverify_max))
    }

    fn even_share(&self) -> u64 {
        let since_last_run = self.since_last_run.unwrap_or_default().as_nanos();
        let share = u128::from(self.active).saturating_mul(since_last_run)
            / self.max_detail_age.as_nanos().max(1);
        u64::try_from(share).unwrap_or(u64::MAX)
    }
}

/// What decides which age can be held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capacity<'g> {
    /// Active customers.
    pub active: u64,
    /// List requests that each run needs.
    pub pages: u64,
    /// From each run to the next, for as long as it takes until that repeats itself.
    pub gaps: &'g [Gap],
    /// The rate in force, for all requests together.
    pub requests_per_second: f64,
    /// Old details in one run, at most. 0: never any.
    pub reverify_max: u32,
}

impl Capacity<'_> {
    /// The age within which every customer's details can be asked for again, in whole runs; none
    /// where they never can.
    ///
    /// A run asks for `reverify_max` details at most, and for no more than fit between its list
    /// requests and the run after it. In turn all others come before somebody comes again. So it is
    /// the longest time from a run that asks for details to the one by which so many have been asked
    /// for since as there are customers, wherever in the schedule that begins.
    pub fn attainable_age(&self) -> Option<Duration> {
        if self.active == 0 {
            return Some(Duration::ZERO);
        }
        let in_a_round = self
            .gaps
            .iter()
            .map(|gap| self.details(gap.length).saturating_mul(gap.times.into()))
            .fold(0, u64::saturating_add);
        // Whole rounds first, then the last customers, of whom there is one at least.
        let rounds = (self.active - 1).checked_div(in_a_round)?;
        let rest = self.active - rounds * in_a_round;
        let round = self
            .gaps
            .iter()
            .map(|gap| gap.length.saturating_mul(gap.times))
            .fold(Duration::ZERO, Duration::saturating_add);
        let rounds = round.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
        Some(rounds.saturating_add(longest(self.runs(), rest)))
    }

    /// Each run's gap to the next, and how many details it asks for.
    fn runs(&self) -> impl Iterator<Item = (Duration, u64)> + Clone {
        self.gaps.iter().flat_map(|gap| {
            let run = (gap.length, self.details(gap.length));
            iter::repeat_n(run, gap.times as usize)
        })
    }

    /// Whether `max_detail_age` can be held.
    pub fn holds(&self, max_detail_age: Duration) -> bool {
        self.attainable_age()
            .is_some_and(|age| age <= max_detail_age)
    }

    /// How many details a run asks for that has so long until the next.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float becomes an integer by saturating, and what is no number becomes 0"
    )]
    fn details(&self, gap: Duration) -> u64 {
        let requests = (self.requests_per_second * gap.as_secs_f64()) as u64;
        let left = requests.saturating_sub(self.pages);
        left.min(u64::from(self.reverify_max))
    }
}

/// The longest that it takes, from a run that asks for details to a later one, until so many have
/// been asked for since; no more than all of these runs ask for in one round. Each run is its gap to
/// the next, and how many details it asks for.
fn longest(runs: impl Iterator<Item = (Duration, u64)> + Clone, details: u64) -> Duration {
    let mut ends = runs.clone().cycle();
    let seconds = runs.clone().cycle().skip(1);
    let (mut time, mut asked) = (Duration::ZERO, 0_u64);
    let mut end = ends.next();
    let mut longest = Duration::ZERO;
    for (first, second) in runs.zip(seconds) {
        // The first run's own may all have come before: those after it count.
        while asked < details
            && let Some((gap, _)) = end
        {
            time = time.saturating_add(gap);
            end = ends.next();
            asked = asked.saturating_add(end.map_or(0, |(_, details)| details));
        }
        if first.1 > 0 {
            longest = longest.max(time);
        }
        time = time.saturating_sub(first.0);
        asked = asked.saturating_sub(second.1);
    }
    longest
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// These gaps, one after the other.
    fn in_a_row(lengths: impl IntoIterator<Item = Duration>) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for length in lengths {
            Gap::once(length).follow(&mut gaps);
        }
        gaps
    }

    const HOUR: Duration = Duration::from_hours(1);
    const WEEK: Duration = Duration::from_hours(168);

    const HOURLY: Due = Due {
        active: 16_800,
        overdue: 0,
        since_last_run: Some(HOUR),
        max_detail_age: WEEK,
        reverify_max: 2000,
    };

    const CAPACITY: Capacity<'_> = Capacity {
        active: 16_800,
        pages: 168,
        gaps: &[Gap::once(HOUR)],
        requests_per_second: 10.0,
        reverify_max: 2000,
    };

    #[test]
    fn the_load_is_even() {
        assert_eq!(HOURLY.count(), 100);
        let daily = Due {
            since_last_run: Some(24 * HOUR),
            reverify_max: 5000,
            ..HOURLY
        };
        assert_eq!(daily.count(), 2400);
    }

    #[test]
    fn what_is_overdue_comes_on_top() {
        let overdue = Due {
            overdue: 7,
            ..HOURLY
        };
        assert_eq!(overdue.count(), 107);
    }

    #[test]
    fn nothing_exceeds_the_setting_or_the_customers() {
        let late = Due {
            overdue: 5000,
            ..HOURLY
        };
        assert_eq!(late.count(), 2000);
        let never = Due {
            reverify_max: 0,
            ..late
        };
        assert_eq!(never.count(), 0);
        let few = Due {
            active: 3,
            overdue: 2,
            since_last_run: Some(WEEK),
            ..HOURLY
        };
        assert_eq!(few.count(), 3);
    }

    #[test]
    fn a_first_run_and_runs_in_quick_succession_ask_for_nothing() {
        let first = Due {
            since_last_run: None,
            ..HOURLY
        };
        let again = Due {
            since_last_run: Some(Duration::from_secs(2)),
            ..HOURLY
        };
        assert_eq!((first.count(), again.count()), (0, 0));
    }

    #[test]
    fn no_setting_overflows() {
        let extreme = Due {
            active: u64::MAX,
            overdue: u64::MAX,
            since_last_run: Some(Duration::MAX),
            max_detail_age: Duration::ZERO,
            reverify_max: u32::MAX,
        };
        assert_eq!(extreme.count(), u64::from(u32::MAX));
        let extreme = Capacity {
            active: u64::MAX,
            gaps: &[Gap::once(Duration::MAX)],
            requests_per_second: f64::INFINITY,
            reverify_max: 1,
            ..CAPACITY
        };
        assert_eq!(extreme.attainable_age(), Some(Duration::MAX));
    }

    #[test]
    fn even_runs_keep_everybody_within_the_age_and_one_run() {
        for active in [1, 3, 167, 168, 169, 1000] {
            let mut ages = vec![0; active];
            for _ in 0..1000 {
                for age in &mut ages {
                    *age += 1;
                }
                ages.sort_unstable_by(|a, b| b.cmp(a));
                let overdue = ages.iter().filter(|age| **age > 168).count() as u64;
                assert!(ages[0] <= 169, "{active} customers: {} hours", ages[0]);
                let due = Due {
                    active: active as u64,
                    overdue,
                    ..HOURLY
                };
                let count = usize::try_from(due.count()).expect("as many as there are");
                ages[..count].fill(0);
            }
        }
    }

    #[test]
    fn the_bound_is_that_of_the_setting_or_of_the_pace() {
        assert_eq!(CAPACITY.attainable_age(), Some(9 * HOUR));
        let slow = Capacity {
            requests_per_second: 0.05,
            ..CAPACITY
        };
        assert_eq!(slow.attainable_age(), Some(1400 * HOUR));
        assert!(CAPACITY.holds(WEEK) && !slow.holds(WEEK));
    }

    /// From nine to five on weekdays: nine runs lie within nine hours and four nights, but also
    /// within a weekend.
    #[test]
    fn the_bound_of_an_uneven_schedule_is_that_of_its_worst_stretch() {
        let (night, weekend) = (16 * HOUR, 64 * HOUR);
        let week = [night, night, night, night, weekend];
        let gaps = in_a_row(week.into_iter().flat_map(|after| {
            let day = [HOUR; 8];
            day.into_iter().chain([after])
        }));
        let uneven = |active| Capacity {
            active,
            gaps: &gaps,
            ..CAPACITY
        };
        assert_eq!(uneven(1).attainable_age(), Some(weekend));
        assert_eq!(uneven(16_800).attainable_age(), Some(8 * HOUR + weekend));
        let week_and_a_run = 2000 * (5 * 9 + 1);
        assert_eq!(
            uneven(week_and_a_run).attainable_age(),
            Some(WEEK + weekend)
        );
    }

    /// Every day two runs a minute apart: between them there is no room, after them there is.
    #[test]
    fn runs_that_are_close_together_take_nothing_from_the_bound_of_the_others() {
        let minute = Duration::from_mins(1);
        let close = in_a_row([minute, Duration::from_mins(24 * 60 - 1)]);
        let close = |active| Capacity {
            active,
            gaps: &close,
            pages: 700,
            ..CAPACITY
        };
        assert_eq!(close(2000).attainable_age(), Some(24 * HOUR));
        assert_eq!(close(2001).attainable_age(), Some(48 * HOUR));
    }

    /// From nine to six on weekdays, each minute. A minute has room for a few, a night for many.
    #[test]
    fn the_bound_of_a_run_a_minute_sees_nights_and_weekends() {
        let minute = Duration::from_mins(1);
        let week = [15, 15, 15, 15, 63];
        let gaps = in_a_row(week.into_iter().flat_map(|hours| {
            let day = [minute; 539];
            day.into_iter().chain([hours * HOUR + minute])
        }));
        let each_minute = |active, pages| Capacity {
            active,
            pages,
            gaps: &gaps,
            ..CAPACITY
        };
        assert_eq!(
            each_minute(432, 168).attainable_age(),
            Some(63 * HOUR + minute)
        );
        assert_eq!(
            each_minute(433, 168).attainable_age(),
            Some(63 * HOUR + 2 * minute)
        );
        // Only the last run of a day has time for details.
        assert_eq!(each_minute(2000, 600).attainable_age(), Some(72 * HOUR));
        assert_eq!(each_minute(10_000, 600).attainable_age(), Some(WEEK));
    }

    /// In turn, run after run, each as many as it has room for: nobody waits longer than the bound,
    /// and somebody waits as long.
    #[test]
    fn the_bound_is_that_of_asking_for_all_in_turn() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..500 {
            let runs = random.usize(1..8);
            let length = |_| Duration::from_secs(random.u64(1..20));
            let gaps = in_a_row((0..runs).map(length));
            let capacity = Capacity {
                active: random.u64(1..40),
                pages: random.u64(0..10),
                gaps: &gaps,
                requests_per_second: 1.0,
                reverify_max: random.u32(1..12),
            };
            let Some(bound) = capacity.attainable_age() else {
                assert!(
                    gaps.iter()
                        .all(|gap| gap.length.as_secs() <= capacity.pages)
                );
                continue;
            };
            assert_eq!(in_turn(&capacity), bound, "{capacity:?}");
        }
    }

    /// The longest that anybody waits who is asked for in turn. How many the first run leaves out
    /// decides who comes last in which run; all ways are tried.
    fn in_turn(capacity: &Capacity<'_>) -> Duration {
        let mut longest = Duration::ZERO;
        for left_out in 0..capacity.active {
            let mut last_asked: VecDeque<Option<Duration>> =
                (0..capacity.active).map(|_| None).collect();
            let (mut now, mut left_out) = (Duration::ZERO, left_out);
            let week = capacity.runs().count();
            for (gap, details) in capacity.runs().cycle().take(week * 200) {
                for _ in left_out.min(details)..details {
                    if let Some(before) = last_asked.pop_front().flatten() {
                        longest = longest.max(now.saturating_sub(before));
                    }
                    last_asked.push_back(Some(now));
                }
                left_out = left_out.saturating_sub(details);
                now += gap;
            }
        }
        longest
    }

    #[test]
    fn where_there_is_no_room_for_details_no_age_is_held() {
        for capacity in [
            Capacity {
                reverify_max: 0,
                ..CAPACITY
            },
            Capacity {
                requests_per_second: 0.04,
                ..CAPACITY
            },
            Capacity {
                requests_per_second: f64::NAN,
                ..CAPACITY
            },
        ] {
            assert_eq!(capacity.attainable_age(), None);
            assert!(!capacity.holds(Duration::MAX));
        }
        let nobody = Capacity {
            active: 0,
            reverify_max: 0,
            ..CAPACITY
        };
        assert!(nobody.holds(Duration::ZERO));
    }
}
