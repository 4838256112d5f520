//! Who has left: nominated by a proved walk, confirmed one by one, held back where there are too many.
//!
//! Absence from the list only nominates. A customer is marked deleted when the server says of this
//! very one that it is not there, in the form that the API has for that, while it still answers for
//! another one that was just listed (the *canary*): a server that answers 404 to everything deletes
//! nobody. In the same way a 401 is believed to be about this very one only while the canary answers.
//! And more departures at once than settings allow, or a list that is suddenly empty, are more likely
//! somebody's mistake than true: then none is carried out until a person has said so.
//!
//! The interval that a tombstone keeps goes from when the customer was last seen to the answer that
//! confirmed its end, however long that was held back: what has been published of the time between
//! does not change.
//!
//! Decisions only: nothing is asked for here, and nothing is written.

use roaring::RoaringBitmap;

use super::certificate::Complete;

/// The customers that are alive for all the mirror knows (`active`) and that a proved walk shows to
/// be gone from the list.
///
/// Whoever arrived beside or after the proving answer is not among them, even where no list shows
/// them yet.
pub fn missing(active: &RoaringBitmap, proved: &Complete) -> RoaringBitmap {
    active & &proved.departed
}

/// How many departures are carried out without a question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// So many in one run, however few customers there are.
    pub deletions_max: u64,
    /// A share of the active customers in one run, 0 to 1.
    pub deletions_max_share: f64,
    /// A person has said that so many may go.
    pub allowed: u64,
    /// Departures are on hold since an earlier run: who is left of them waits for a person, too.
    pub was_held: bool,
}

/// What is to happen to those who are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// All may be marked deleted, once confirmed.
    Go,
    /// So many may, because a person said so; the rest wait.
    Some {
        /// May be marked deleted, once confirmed.
        released: u64,
        /// Wait.
        held: u64,
    },
    /// None.
    Hold {
        /// Wait.
        held: u64,
        /// Why.
        why: Why,
    },
}

impl Ruling {
    /// Which of those who are missing may be marked deleted, once confirmed.
    pub fn released(&self, missing: &RoaringBitmap) -> RoaringBitmap {
        match *self {
            Self::Go => missing.clone(),
            Self::Some { released, .. } => {
                let most = usize::try_from(released).unwrap_or(usize::MAX);
                missing.iter().take(most).collect()
            }
            Self::Hold { .. } => RoaringBitmap::new(),
        }
    }
}

/// Why departures are held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// More than `most` at once.
    TooMany {
        /// So many would have been carried out.
        most: u64,
    },
    /// The list is empty, and it was not before.
    SuddenlyEmpty,
    /// They were held back before, and nobody has decided on all of them.
    Undecided,
}

impl Tolerance {
    /// Rules on so many missing of so many active customers, after a walk that showed `listed`.
    ///
    /// `missing` should leave out customers that were already known to live unlisted: they are
    /// missing in every run, and must not hold the others for good.
    pub fn rule(&self, missing: u64, active: u64, listed: u64) -> Ruling {
        let Some(why) = self.objection(missing, active, listed) else {
            return Ruling::Go;
        };
        match missing.min(self.allowed) {
            0 => Ruling::Hold { held: missing, why },
            released if released == missing => Ruling::Go,
            released => Ruling::Some {
                released,
                held: missing - released,
            },
        }
    }

    fn objection(&self, missing: u64, active: u64, listed: u64) -> Option<Why> {
        let most = self.deletions_max.max(self.share_of(active));
        match missing {
            0 => None,
            _ if listed == 0 => Some(Why::SuddenlyEmpty),
            _ if missing > most => Some(Why::TooMany { most }),
            _ if self.was_held => Some(Why::Undecided),
            _ => None,
        }
    }

    /// Whole customers: more than 2 % of 149 is more than 2.98, so 3 are, and 2 are not.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count, rounded down: not negative, and no larger than the count"
    )]
    fn share_of(&self, active: u64) -> u64 {
        (active as f64 * self.deletions_max_share.clamp(0.0, 1.0)).floor() as u64
    }
}

/// What came back when a missing customer's details were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// 200: it lives.
    Found,
    /// 404, in the API's own form.
    NotFound,
    /// 403 on this customer.
    Inaccessible,
    /// 401, which may be about the credentials as well as about this customer.
    Refused,
    /// Anything else, or nothing.
    Other,
}

/// What becomes of a missing customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Marked deleted; its last values stay.
    Deleted,
    /// Kept: it lives though a proved list does not show it, so H4 is seen broken.
    Unlisted,
    /// Kept: the server won't speak of it.
    Inaccessible,
    /// Kept, and asked for again in the next run.
    Pending,
}

/// Decides one. `canary_answers`: a customer that the same walk listed has answered 200 since the
/// missing one did not.
pub const fn fate(heard: Heard, canary_answers: bool) -> Fate {
    match heard {
        Heard::Found => Fate::Unlisted,
        Heard::NotFound if canary_answers => Fate::Deleted,
        Heard::Inaccessible => Fate::Inaccessible,
        Heard::Refused if canary_answers => Fate::Inaccessible,
        Heard::NotFound | Heard::Refused | Heard::Other => Fate::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::Interval;

    const USUAL: Tolerance = Tolerance {
        deletions_max: 5,
        deletions_max_share: 0.02,
        allowed: 0,
        was_held: false,
    };

    fn rows(rows: &[u32]) -> RoaringBitmap {
        rows.iter().collect()
    }

    #[test]
    fn only_active_customers_that_the_proof_shows_gone_are_missing() {
        let proved = Complete {
            as_of: Interval {
                sent: 4,
                received: 5,
            },
            living: rows(&[1, 2]),
            departed: rows(&[3, 4]),
            seen_after: rows(&[1, 2, 6]),
        };
        let active = rows(&[1, 2, 3, 5, 6]);
        assert_eq!(missing(&active, &proved), rows(&[3]));
    }

    #[test]
    fn a_few_of_many_or_a_small_number_of_few_may_go() {
        for (missing, active) in [(0, 0), (0, 10), (5, 10), (1, 1), (20, 1000), (6, 300)] {
            assert_eq!(
                USUAL.rule(missing, active, 1),
                Ruling::Go,
                "{missing} of {active}"
            );
        }
    }

    #[test]
    fn more_than_both_bounds_hold() {
        for (missing, active, most) in [(6, 10, 5), (21, 1000, 20), (6, 299, 5), (1000, 1000, 20)] {
            let held = Ruling::Hold {
                held: missing,
                why: Why::TooMany { most },
            };
            assert_eq!(USUAL.rule(missing, active, 1), held);
        }
    }

    #[test]
    fn a_list_that_is_suddenly_empty_holds_even_one() {
        let held = Ruling::Hold {
            held: 1,
            why: Why::SuddenlyEmpty,
        };
        assert_eq!(USUAL.rule(1, 1, 0), held);
        assert_eq!(USUAL.rule(0, 0, 0), Ruling::Go, "it was empty before");
    }

    #[test]
    fn what_was_held_stays_held_until_a_person_decides() {
        let held = Tolerance {
            was_held: true,
            ..USUAL
        };
        let why = Why::Undecided;
        assert_eq!(held.rule(5, 250, 245), Ruling::Hold { held: 5, why });
        let released = Tolerance { allowed: 5, ..held };
        assert_eq!(released.rule(5, 250, 245), Ruling::Go);
        assert_eq!(held.rule(0, 250, 250), Ruling::Go, "they came back");
    }

    #[test]
    fn a_person_releases_up_to_a_number() {
        let allowing = |allowed| Tolerance { allowed, ..USUAL };
        assert_eq!(allowing(10).rule(10, 20, 10), Ruling::Go);
        assert_eq!(allowing(10).rule(10, 10, 0), Ruling::Go);
        let some = Ruling::Some {
            released: 10,
            held: 2,
        };
        assert_eq!(allowing(10).rule(12, 20, 8), some);
        assert!(matches!(
            allowing(0).rule(12, 20, 8),
            Ruling::Hold { held: 12, .. }
        ));
        assert_eq!(
            allowing(1).rule(3, 20, 17),
            Ruling::Go,
            "three needed no permission"
        );
    }

    #[test]
    fn nobody_is_deleted_without_a_404_and_a_canary() {
        assert_eq!(fate(Heard::NotFound, true), Fate::Deleted);
        assert_eq!(fate(Heard::NotFound, false), Fate::Pending);
        assert_eq!(fate(Heard::Refused, true), Fate::Inaccessible);
        assert_eq!(fate(Heard::Refused, false), Fate::Pending);
        for canary_answers in [true, false] {
            assert_eq!(fate(Heard::Found, canary_answers), Fate::Unlisted);
            assert_eq!(
                fate(Heard::Inaccessible, canary_answers),
                Fate::Inaccessible
            );
            assert_eq!(fate(Heard::Other, canary_answers), Fate::Pending);
        }
    }
}
