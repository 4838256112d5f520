//! What became of the customers, as figures: how many there were, who came and went, which trials
//! turned into subscriptions, who moved from tier to tier.
//!
//! A customer is wherever its newest version puts it. A change is dated by when twsync first saw
//! it, so that no figure of a past week changes later.

use std::collections::HashMap;

use super::breakdown::{Breakdown, breakdown};
use super::calendar::{Period, week};
use super::census::{Census, Names};
use crate::mirror::{Op, VersionRow};

/// The figures of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct History {
    pub(super) period: Period,
    /// Living customers by tier.
    pub(super) tiers: Breakdown,
    /// Living customers by the status of their subscription.
    pub(super) statuses: Breakdown,
    /// The last weeks, the oldest first; the last one is under way.
    pub(super) weeks: Vec<Week>,
    /// Moves between tiers in these weeks, the most frequent first.
    pub(super) moves: Vec<Move>,
}

/// What was seen to happen in one week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Week {
    /// Its Monday.
    pub(super) start: i64,
    /// Subscribers when it began: active, or behind with paying. Also in the first week, which began
    /// before the first look: then, those that this look found.
    pub(super) subscribers: u64,
    /// Customers that came, or came back.
    pub(super) arrived: u64,
    /// Customers that were deleted.
    pub(super) departed: u64,
    /// Trials that became active.
    pub(super) converted: u64,
    /// Trials that ended in any other way.
    pub(super) lapsed: u64,
    /// Subscribers whose subscription ended, the customer staying.
    pub(super) canceled: u64,
    /// Subscribers that were deleted.
    pub(super) deleted: u64,
}

impl Week {
    /// Trials that ended.
    pub(super) const fn trials_ended(&self) -> u64 {
        self.converted + self.lapsed
    }

    /// Subscribers that were lost.
    pub(super) const fn lost(&self) -> u64 {
        self.canceled + self.deleted
    }
}

/// How many customers moved from one tier to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) count: u64,
}

/// How a customer stands with its subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stance {
    /// There is no such customer, or none any more.
    Away,
    /// On trial.
    Trial,
    /// Subscribed and paying.
    Active,
    /// Subscribed, and not paying as it should, or paused.
    Behind,
    /// A customer without a subscription: it was canceled, or never begun.
    Without,
}

impl Stance {
    /// By Stripe's statuses: <https://docs.stripe.com/api/subscriptions/object>.
    fn of(version: &VersionRow<'_>) -> Self {
        if version.op == Op::Delete {
            return Self::Away;
        }
        match version.subscription_status {
            Some("trialing") => Self::Trial,
            Some("active") => Self::Active,
            Some("past_due" | "unpaid" | "paused") => Self::Behind,
            _ => Self::Without,
        }
    }

    const fn is_subscribed(self) -> bool {
        matches!(self, Self::Active | Self::Behind)
    }
}

impl Week {
    /// A customer that stood so stands otherwise now.
    fn take(&mut self, was: Stance, is: Stance) {
        match (was, is) {
            (Stance::Away, Stance::Away) => {}
            (Stance::Away, _) => self.arrived += 1,
            (_, Stance::Away) => self.departed += 1,
            _ => {}
        }
        match (was, is) {
            (Stance::Trial, Stance::Active) => self.converted += 1,
            (Stance::Trial, Stance::Trial) => {}
            (Stance::Trial, _) => self.lapsed += 1,
            (_, Stance::Away) if was.is_subscribed() => self.deleted += 1,
            (_, Stance::Without) if was.is_subscribed() => self.canceled += 1,
            _ => {}
        }
    }
}

/// Where a customer's last version left it.
struct Before {
    id: String,
    stance: Stance,
    /// The number of its tier.
    tier: usize,
}

/// Hears every version, customer by customer and each customer's in order, and then tells.
pub(super) struct Teller {
    period: Period,
    before: Before,
    tier_names: Names,
    status_names: Names,
    tiers: Census,
    statuses: Census,
    subscribers: Census,
    weeks: Vec<Week>,
    moves: HashMap<(usize, usize), u64>,
}

impl Teller {
    pub(super) fn of(period: Period) -> Self {
        let weeks = period.weeks();
        let starts = weeks.iter().map(|start| *start.max(&period.since));
        Self {
            period,
            before: Before {
                id: String::new(),
                stance: Stance::Away,
                tier: 0,
            },
            tier_names: Names::default(),
            status_names: Names::default(),
            tiers: Census::at(period.samples()),
            statuses: Census::at(period.samples()),
            subscribers: Census::at(starts.collect()),
            weeks: weeks
                .into_iter()
                .map(|start| Week {
                    start,
                    ..Week::default()
                })
                .collect(),
            moves: HashMap::new(),
        }
    }

    /// Hears the next version.
    pub(super) fn hear(&mut self, version: &VersionRow<'_>) {
        if version.customer_id != self.before.id {
            version.customer_id.clone_into(&mut self.before.id);
            self.before.stance = Stance::Away;
        }
        let is = Stance::of(version);
        let tier = self.tier_names.number(shown(version.tier_name));
        let (from, until) = (version.valid_from, version.valid_to);
        if is != Stance::Away {
            let status = self.status_names.number(shown(version.subscription_status));
            self.tiers.add(tier, from, until);
            self.statuses.add(status, from, until);
        }
        if is.is_subscribed() {
            self.subscribers.add(0, from, until);
        }
        self.date(version, is, tier);
        self.before.stance = is;
        self.before.tier = tier;
    }

    /// Enters what the version changed into its week. What was there at the first look did not
    /// come then, and what a run still under way sees is told when it has ended.
    fn date(&mut self, version: &VersionRow<'_>, is: Stance, tier: usize) {
        let seen = version.valid_from;
        if version.op == Op::Baseline || seen <= self.period.since || seen > self.period.until {
            return;
        }
        let start = week(seen);
        let found = self.weeks.binary_search_by_key(&start, |week| week.start);
        let Ok(found) = found else { return };
        let was = self.before.stance;
        self.weeks[found].take(was, is);
        if was != Stance::Away && is != Stance::Away && tier != self.before.tier {
            *self.moves.entry((self.before.tier, tier)).or_default() += 1;
        }
    }

    /// Tells what was heard.
    pub(super) fn tell(mut self) -> History {
        let subscribers = self.subscribers.counts().pop().unwrap_or_default();
        for (week, subscribers) in self.weeks.iter_mut().zip(subscribers) {
            week.subscribers = subscribers;
        }
        History {
            period: self.period,
            tiers: breakdown(&self.tiers, &self.tier_names),
            statuses: breakdown(&self.statuses, &self.status_names),
            moves: moves(&self.moves, &self.tier_names),
            weeks: self.weeks,
        }
    }
}

/// How a field's value is written: what is null or absent, and what is empty, has a word, too.
fn shown(value: Option<&str>) -> &str {
    match value {
        None => "(none)",
        Some("") => "(empty)",
        Some(value) => value,
    }
}

fn moves(counts: &HashMap<(usize, usize), u64>, names: &Names) -> Vec<Move> {
    let mut moves: Vec<Move> = counts
        .iter()
        .map(|((from, to), count)| Move {
            from: names.name(*from).to_owned(),
            to: names.name(*to).to_owned(),
            count: *count,
        })
        .collect();
    moves.sort_by(|one, other| {
        let names = |it: &Move| (it.from.clone(), it.to.clone());
        (other.count.cmp(&one.count)).then_with(|| names(one).cmp(&names(other)))
    });
    moves
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chronicle::breakdown::Group;
    use crate::chronicle::calendar::DAY;

    /// A Monday, at midnight.
    const MONDAY: i64 = 1_763_942_400_000_000;

    /// One customer's versions: when, what, tier, status. Each holds until the next.
    type Life = [(i64, Op, Option<&'static str>, &'static str)];

    fn tell(days: i64, lives: &[&Life]) -> History {
        let mut teller = Teller::of(Period {
            since: MONDAY,
            until: MONDAY + days * DAY - 1,
        });
        for (number, life) in lives.iter().enumerate() {
            let id = number.to_string();
            for (index, (at, op, tier, status)) in life.iter().enumerate() {
                teller.hear(&VersionRow {
                    customer_id: &id,
                    name: None,
                    tier_name: *tier,
                    tier_id: None,
                    subscription_status: Some(status),
                    subscription_enabled: None,
                    member_count: None,
                    created_at: None,
                    owner_user_id: None,
                    extra: None,
                    op: *op,
                    valid_from: MONDAY + at * DAY,
                    valid_to: life.get(index + 1).map(|next| MONDAY + next.0 * DAY),
                    not_before: None,
                    run_id: "",
                });
            }
        }
        teller.tell()
    }

    const FREE: Option<&str> = Some("Free");
    const PRO: Option<&str> = Some("pro");

    #[test]
    fn who_was_there_at_the_first_look_did_not_come_then() {
        let told = tell(7, &[&[(0, Op::Baseline, FREE, "active")]]);
        assert_eq!(told.weeks[0].arrived, 0);
        assert_eq!(told.weeks[0].subscribers, 1);
        assert_eq!(told.tiers.totals(), [1; 8]);
    }

    #[test]
    fn who_comes_goes_and_comes_back_is_counted_each_time() {
        let told = tell(
            14,
            &[&[
                (1, Op::Insert, FREE, "canceled"),
                (3, Op::Delete, FREE, "canceled"),
                (8, Op::Undelete, FREE, "canceled"),
            ]],
        );
        let flows: Vec<_> = told
            .weeks
            .iter()
            .map(|it| (it.arrived, it.departed))
            .collect();
        assert_eq!(flows, [(1, 1), (1, 0)]);
        assert_eq!(told.weeks[0].lost(), 0, "it had no subscription to lose");
        let living = told.tiers.totals();
        assert_eq!(&living[..10], [0, 1, 1, 0, 0, 0, 0, 0, 1, 1]);
    }

    #[test]
    fn a_trial_ends_well_or_otherwise_and_once() {
        let told = tell(
            7,
            &[
                &[
                    (0, Op::Baseline, FREE, "trialing"),
                    (1, Op::Update, FREE, "active"),
                ],
                &[
                    (0, Op::Baseline, FREE, "trialing"),
                    (1, Op::Update, FREE, "canceled"),
                ],
                &[
                    (0, Op::Baseline, FREE, "trialing"),
                    (1, Op::Delete, FREE, "trialing"),
                ],
                &[
                    (0, Op::Baseline, FREE, "trialing"),
                    (1, Op::Update, PRO, "trialing"),
                ],
                &[
                    (0, Op::Baseline, FREE, "past_due"),
                    (1, Op::Update, FREE, "active"),
                ],
            ],
        );
        let week = told.weeks[0];
        assert_eq!((week.converted, week.lapsed), (1, 2));
        assert_eq!(week.lost(), 0, "a trial is nobody's subscription");
        assert_eq!(week.subscribers, 1);
    }

    #[test]
    fn a_subscriber_is_lost_once_by_cancellation_or_by_deletion() {
        let told = tell(
            7,
            &[
                &[
                    (0, Op::Baseline, FREE, "active"),
                    (1, Op::Update, FREE, "past_due"),
                    (2, Op::Update, FREE, "canceled"),
                    (3, Op::Delete, FREE, "canceled"),
                ],
                &[
                    (0, Op::Baseline, FREE, "unpaid"),
                    (2, Op::Delete, FREE, "unpaid"),
                ],
                &[
                    (0, Op::Baseline, FREE, "paused"),
                    (2, Op::Update, FREE, "canceled"),
                ],
                &[
                    (0, Op::Baseline, FREE, "incomplete"),
                    (2, Op::Delete, FREE, "incomplete"),
                ],
            ],
        );
        let week = told.weeks[0];
        assert_eq!((week.subscribers, week.canceled, week.deleted), (3, 2, 1));
        assert_eq!(week.departed, 3);
    }

    #[test]
    fn moves_are_between_tiers_of_the_living() {
        let told = tell(
            7,
            &[
                &[
                    (0, Op::Baseline, FREE, "active"),
                    (1, Op::Update, PRO, "active"),
                ],
                &[
                    (0, Op::Baseline, FREE, "active"),
                    (2, Op::Update, PRO, "active"),
                ],
                &[
                    (0, Op::Baseline, PRO, "active"),
                    (1, Op::Update, None, "active"),
                ],
                &[
                    (0, Op::Baseline, FREE, "active"),
                    (1, Op::Delete, FREE, "active"),
                    (2, Op::Undelete, PRO, "active"),
                ],
                &[
                    (0, Op::Baseline, FREE, "active"),
                    (1, Op::Update, FREE, "paused"),
                ],
            ],
        );
        let moves: Vec<_> = told
            .moves
            .iter()
            .map(|it| (it.from.as_str(), it.to.as_str(), it.count))
            .collect();
        assert_eq!(moves, [("Free", "pro", 2), ("pro", "(none)", 1)]);
    }

    #[test]
    fn what_a_run_under_way_sees_is_told_later() {
        let told = tell(3, &[&[(4, Op::Insert, FREE, "active")]]);
        assert_eq!(told.weeks[0].arrived, 0);
        assert_eq!(told.tiers.groups, []);
    }

    #[test]
    fn groups_come_by_size_and_the_smallest_together() {
        let one = |tier| [(0, Op::Baseline, Some(tier), "active")];
        let lives = ["a", "b", "b", "c", "c", "c", "d", "", "d", "d", "d"].map(one);
        let lives: Vec<&Life> = lives.iter().map(|life| &life[..]).collect();
        let told = tell(7, &lives);
        let names = |groups: &[Group]| -> Vec<String> {
            groups.iter().map(|group| group.name.clone()).collect()
        };
        assert_eq!(names(&told.tiers.groups), ["d", "c", "b", "(empty)", "a"]);
        let few = told.tiers.condensed(2);
        assert_eq!(names(&few), ["d", "c", "3 others"]);
        assert_eq!(few[2].counts[0], 4);
        assert_eq!(
            names(&told.tiers.condensed(4)).len(),
            5,
            "nobody is alone among others"
        );
    }
}
