//! What the answers of a walk prove: whether, at one instant, these were exactly the living customers.
//!
//! Nothing says in which order the server lists customers, and pages shift while customers come and
//! go, so rows can't be counted. What can be ordered is time. Every answer has an [`Interval`] on one
//! counter, and the server made it at some instant within. An answer that shows a customer alive (a
//! row of the list, a detail answered 200) is a *sighting* of it. For a list answer *j* let **C(j)** be
//! the customers that are in *j* itself, and those with one sighting that was received before *j* was
//! sent (`received ≤ sent(j)`) and one that was sent after *j* was received (`sent ≥ received(j)`).
//!
//! **Theorem.** If `|C(j)| = totalCount(j)`, then C(j) is the set of living customers at the instant of *j*.
//!
//! 1. A customer in *j* lived at *j*'s instant: *j* was made from that state and shows it (H2).
//! 2. A customer sighted before and after *j* lived before and after that instant (H2), so it lived
//!    at it: nobody comes back from the dead (H3).
//! 3. So C(j) ⊆ living(j), and all of them are among those that the list counts (H4).
//! 4. `totalCount(j)` is the number of living customers at that same instant (H1).
//! 5. A finite set with a subset of its own size is that subset: C(j) = living(j). ∎
//!
//! It leans on four things that the API's documentation suggests and does not promise:
//!
//! - **H1** the total is exact, and of the very state that the page was cut from;
//! - **H2** an answer is made after its request was sent: no cache, no lagging replica;
//! - **H3** a deleted id is never given out or revived again;
//! - **H4** whoever answers a detail request with 200 is in the list and its count, too.
//!
//! `|C(j)| > totalCount(j)` can't be while all four hold: that is a [`Verdict::Contradiction`]. The
//! order of pages, their overlap in flight and their number are assumed nowhere, and a sighting that
//! was lost can only leave a true thing unproved.
//!
//! Of a customer's sightings only two numbers matter to any *j*: the earliest `received` and the
//! latest `sent`. Both only ever improve, whatever the order in which answers are recorded; so a
//! ledger may be replayed in any order, and an answer recorded twice is recorded once.
//!
//! This file reads no clock and no database, and does not know where row numbers come from.

use std::cmp::Reverse;

use roaring::RoaringBitmap;

use crate::customer::Interval;

/// Answers that are weighed as *j* at the same time, at most. Of those that a walk asks for alone
/// only the last few can still be proved: each that shows somebody new puts those before it out of
/// reach.
pub const CANDIDATES_MAX: usize = 6;

/// Everything that a walk saw, as far as it can matter to a proof. About 16 bytes a row number, so
/// row numbers should be dense, as those of the mirror are.
#[derive(Clone, Debug)]
pub struct Evidence {
    spans: Vec<Span>,
    candidates: Vec<Candidate>,
}

/// Whether the totals of the list's answers are known to count all customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Totals {
    /// They do, as far as the documentation goes (H1).
    Meant,
    /// The number may be one of something else; nothing can be proved by it.
    Unproved,
}

/// What the evidence amounts to.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Proved.
    Complete(Complete),
    /// Not proved, or not yet. What the newest candidate lacks; none where there is no candidate.
    Open(Option<Lacking>),
    /// More customers are proved alive at one instant than the server counted there: one of H1 to
    /// H4 does not hold, and nothing that this walk proves is worth anything.
    Contradiction {
        /// The answer that counted.
        as_of: Interval,
        /// How many are proved alive at its instant.
        proved: u64,
        /// How many it counted.
        total: u64,
    },
}

/// A proved walk.
#[derive(Clone, Debug, PartialEq)]
pub struct Complete {
    /// The interval of the proving answer *j*: the state described is of an instant within.
    pub as_of: Interval,
    /// C(j): exactly the customers that lived at that instant.
    pub living: RoaringBitmap,
    /// Sighted wholly before *j*, and not alive at its instant: these are gone, by H3 for good.
    /// Nobody who was first sighted beside or after *j* can be among them.
    pub departed: RoaringBitmap,
    /// Sighted wholly after *j*, whether they lived at its instant or came later.
    pub seen_after: RoaringBitmap,
}

/// How far the newest candidate *j* is from a proof.
#[derive(Clone, Debug, PartialEq)]
pub struct Lacking {
    /// The interval of *j*.
    pub candidate: Interval,
    /// The size of C(j).
    pub proved: u64,
    /// What *j* counted.
    pub total: u64,
    /// Sighted before *j*, not in *j*, and not yet sighted after it. Each sighting of one of these
    /// from now on adds it to C(j).
    pub unseen_after: RoaringBitmap,
}

impl Lacking {
    /// Whether later sightings alone can still prove *j*. Where they can't, some customer that *j*
    /// counted had not been sighted before it, and only a later answer can serve as *j*.
    pub fn is_within_reach(&self) -> bool {
        self.proved + self.unseen_after.len() >= self.total
    }
}

/// Which of these answers were alone in flight: received before any of the others was sent, or sent
/// after it was received. So a ledger says which of its answers are to be weighed as *j*. In the
/// order in which they were received.
pub fn alone(received_in_order: &[Interval]) -> Vec<bool> {
    let mut alone = Vec::with_capacity(received_in_order.len());
    let mut received_before = 0;
    for answer in received_in_order {
        alone.push(received_before <= answer.sent);
        received_before = answer.received;
    }
    let mut sent_after = u64::MAX;
    for (answer, alone) in received_in_order.iter().zip(&mut alone).rev() {
        *alone &= sent_after >= answer.received;
        sent_after = sent_after.min(answer.sent);
    }
    alone
}

impl Evidence {
    /// No answer yet, but customers that earlier runs sighted: before whatever this walk will see.
    pub fn new(known_before: &RoaringBitmap) -> Self {
        let mut evidence = Self {
            spans: Vec::new(),
            candidates: Vec::new(),
        };
        for row in known_before {
            evidence.span(row).first_received = 0;
        }
        evidence
    }

    /// A list answer that showed these rows. One that a cache gave (it may be of any age, against
    /// H2) must not be recorded here.
    pub fn listed(&mut self, interval: Interval, rows: &RoaringBitmap) {
        for row in rows {
            self.sighted(interval, row);
        }
    }

    /// A list answer as [`listed`](Self::listed), which is also to be weighed as *j*. One that was
    /// alone in flight serves best: what overlaps with *j* is neither before nor after it.
    pub fn probed(&mut self, interval: Interval, total: u64, rows: &RoaringBitmap) {
        self.listed(interval, rows);
        if self
            .candidates
            .iter()
            .any(|known| known.interval == interval)
        {
            return;
        }
        if self.candidates.len() == CANDIDATES_MAX {
            self.drop_least_useful();
        }
        let around = self.rows_where(|span| span.is_around(interval));
        self.candidates.push(Candidate {
            interval,
            total,
            proved: around | rows,
        });
    }

    /// A customer's details, answered 200. Not to be recorded once H4 is known to be broken.
    pub fn detailed(&mut self, interval: Interval, row: u32) {
        self.sighted(interval, row);
    }

    /// What all of it proves by now. Where several candidates are proved, the latest speaks.
    pub fn verdict(&self, totals: Totals) -> Verdict {
        if totals == Totals::Unproved {
            return Verdict::Open(None);
        }
        if let Some(impossible) = self.newest(Candidate::is_impossible) {
            return Verdict::Contradiction {
                as_of: impossible.interval,
                proved: impossible.proved.len(),
                total: impossible.total,
            };
        }
        match self.newest(Candidate::is_proved) {
            Some(proved) => Verdict::Complete(self.complete(proved)),
            None => Verdict::Open(self.newest(|_| true).map(|it| self.lacking(it))),
        }
    }

    fn newest(&self, such: impl Fn(&Candidate) -> bool) -> Option<&Candidate> {
        let such = self.candidates.iter().filter(|it| such(it));
        such.max_by_key(|it| it.interval.received)
    }

    fn complete(&self, proved: &Candidate) -> Complete {
        let interval = proved.interval;
        Complete {
            as_of: interval,
            living: proved.proved.clone(),
            departed: self.rows_where(|span| span.is_before(interval)) - &proved.proved,
            seen_after: self.rows_where(|span| span.is_after(interval)),
        }
    }

    fn lacking(&self, candidate: &Candidate) -> Lacking {
        let before = self.rows_where(|span| span.is_before(candidate.interval));
        Lacking {
            candidate: candidate.interval,
            proved: candidate.proved.len(),
            total: candidate.total,
            unseen_after: before - &candidate.proved,
        }
    }

    fn sighted(&mut self, interval: Interval, row: u32) {
        let span = self.span(row);
        span.first_received = span.first_received.min(interval.received);
        span.last_sent = span.last_sent.max(interval.sent);
        let span = *span;
        for candidate in &mut self.candidates {
            if span.is_around(candidate.interval) {
                candidate.proved.insert(row);
            }
        }
    }

    fn span(&mut self, row: u32) -> &mut Span {
        let index = row as usize;
        if index >= self.spans.len() {
            self.spans.resize(index + 1, Span::UNSEEN);
        }
        &mut self.spans[index]
    }

    fn rows_where(&self, holds: impl Fn(&Span) -> bool) -> RoaringBitmap {
        (0u32..)
            .zip(&self.spans)
            .filter(|(_, span)| holds(span))
            .map(|(row, _)| row)
            .collect()
    }

    /// Makes room: goes the candidate that is furthest from what it would need to have been
    /// sighted before it, and of equals the oldest. A contradiction must not be forgotten.
    fn drop_least_useful(&mut self) {
        let least = (0..self.candidates.len()).max_by_key(|&index| {
            let candidate = &self.candidates[index];
            let out_of_reach = candidate.total.saturating_sub(self.reach(candidate));
            let age = Reverse(candidate.interval.received);
            (!candidate.is_impossible(), out_of_reach, age)
        });
        if let Some(index) = least {
            self.candidates.remove(index);
        }
    }

    /// How large C(j) can become at most.
    fn reach(&self, candidate: &Candidate) -> u64 {
        let before = self.rows_where(|span| span.is_before(candidate.interval));
        before.union_len(&candidate.proved)
    }
}

/// All that matters of one customer's sightings.
#[derive(Clone, Copy, Debug)]
struct Span {
    first_received: u64,
    last_sent: u64,
}

impl Span {
    /// Neither before nor after anything: an interval's `received` is never 0.
    const UNSEEN: Self = Self {
        first_received: u64::MAX,
        last_sent: 0,
    };

    const fn is_before(&self, interval: Interval) -> bool {
        self.first_received <= interval.sent
    }

    const fn is_after(&self, interval: Interval) -> bool {
        self.last_sent >= interval.received
    }

    const fn is_around(&self, interval: Interval) -> bool {
        self.is_before(interval) && self.is_after(interval)
    }
}

/// A list answer that may serve as *j*, and its C(j), which can only grow.
#[derive(Clone, Debug)]
struct Candidate {
    interval: Interval,
    total: u64,
    proved: RoaringBitmap,
}

impl Candidate {
    fn is_proved(&self) -> bool {
        self.proved.len() == self.total
    }

    fn is_impossible(&self) -> bool {
        self.proved.len() > self.total
    }
}

#[cfg(test)]
mod tests;
