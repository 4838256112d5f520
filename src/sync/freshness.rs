//! How old a customer's details may become.
//!
//! Three fields of the details can change without any change in the list, so details are asked for
//! again when they are old. Spread over time: so many in each run that all come round once in
//! `max_detail_age`, and whatever is older than that besides. Whether settings and pace can hold
//! that age at all is a matter of division, done here, too.
//!
//! Numbers in, numbers out; which customers, in which order and in which words is decided elsewhere.

use std::time::Duration;

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
    pub gaps: &'g [Duration],
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
    /// requests and the run after it. Where runs are now close and now far apart, it is the closest
    /// that say how many fit, and the farthest that say how long so many runs take.
    pub fn attainable_age(&self) -> Option<Duration> {
        if self.active == 0 {
            return Some(Duration::ZERO);
        }
        let details = self.details_in_a_run()?;
        let runs = self.active.checked_div(details)?;
        let runs = runs + u64::from(!self.active.is_multiple_of(details));
        Some(self.longest(runs))
    }

    /// How long so many runs in a row take, at most.
    fn longest(&self, runs: u64) -> Duration {
        let gaps = self.gaps.len();
        let rounds = u32::try_from(runs / gaps as u64).unwrap_or(u32::MAX);
        let rest = usize::try_from(runs % gaps as u64).expect("less than there are gaps");
        let from = |first| self.gaps.iter().cycle().skip(first).take(rest);
        let sum = |gaps: &mut dyn Iterator<Item = &Duration>| {
            gaps.fold(Duration::ZERO, |sum, gap| sum.saturating_add(*gap))
        };
        let longest_rest = (0..gaps).map(|first| sum(&mut from(first))).max();
        sum(&mut self.gaps.iter())
            .saturating_mul(rounds)
            .saturating_add(longest_rest.unwrap_or_default())
    }

    /// Whether `max_detail_age` can be held.
    pub fn holds(&self, max_detail_age: Duration) -> bool {
        self.attainable_age()
            .is_some_and(|age| age <= max_detail_age)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float becomes an integer by saturating, and what is no number becomes 0"
    )]
    fn details_in_a_run(&self) -> Option<u64> {
        let shortest = self.gaps.iter().min()?;
        let requests = (self.requests_per_second * shortest.as_secs_f64()) as u64;
        let left = requests.saturating_sub(self.pages);
        Some(left.min(u64::from(self.reverify_max)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        gaps: &[HOUR],
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
            gaps: &[Duration::MAX],
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
        let day = [HOUR; 8];
        let (night, weekend) = (16 * HOUR, 64 * HOUR);
        let mut gaps = Vec::new();
        for after in [night, night, night, night, weekend] {
            gaps.extend(day);
            gaps.push(after);
        }
        let uneven = |active| Capacity {
            active,
            gaps: &gaps,
            ..CAPACITY
        };
        assert_eq!(uneven(1).attainable_age(), Some(weekend));
        assert_eq!(uneven(16_800).attainable_age(), Some(8 * HOUR + weekend));
        let week_and_a_run = 2000 * (gaps.len() as u64 + 1);
        assert_eq!(
            uneven(week_and_a_run).attainable_age(),
            Some(WEEK + weekend)
        );
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
