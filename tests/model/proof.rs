//! What a walk may believe: the real certificate, the same by its definition, and rules that look
//! as good and are wrong.

use std::marker::PhantomData;

use roaring::RoaringBitmap;
use twsync::customer::Interval;
use twsync::sync::certificate::{Complete, Evidence, Lacking, Totals, Verdict};

use super::server::Page;
use super::traffic::{Answer, Exchange, Request};

/// Something that takes answers in and says at some point that it has seen everybody.
pub(crate) trait Proof: Sized {
    /// Nothing seen but what earlier runs saw.
    fn new(known_before: &RoaringBitmap) -> Self;

    /// An answer has come.
    fn record(&mut self, exchange: &Exchange);

    fn verdict(&self) -> Verdict;

    /// A walk goes on that was cut short: `known_before` as at its start, `known_now` with all that
    /// it has seen since.
    fn resume(
        known_before: &RoaringBitmap,
        _known_now: &RoaringBitmap,
        ledger: &[Exchange],
    ) -> Self {
        replay(known_before, ledger)
    }
}

fn replay<P: Proof>(known_before: &RoaringBitmap, ledger: &[Exchange]) -> P {
    let mut proof = P::new(known_before);
    for exchange in ledger {
        proof.record(exchange);
    }
    proof
}

impl Proof for Evidence {
    fn new(known_before: &RoaringBitmap) -> Self {
        Self::new(known_before)
    }

    fn record(&mut self, exchange: &Exchange) {
        let interval = exchange.interval;
        match (&exchange.answer, exchange.request) {
            (Answer::Listed(page), Request::List { weighed: true, .. }) => {
                self.probed(interval, page.total, &page.rows);
            }
            (Answer::Listed(page), _) => self.listed(interval, &page.rows),
            (Answer::Detailed { found: true }, Request::Detail { id }) => {
                self.detailed(interval, id);
            }
            (Answer::Detailed { .. }, _) => {}
        }
    }

    fn verdict(&self) -> Verdict {
        self.verdict(Totals::Meant)
    }
}

/// When a sighting counts as before, and when as after an answer.
pub(crate) trait Rule {
    fn is_before(sighting: Interval, answer: Interval) -> bool {
        sighting.received <= answer.sent
    }

    fn is_after(sighting: Interval, answer: Interval) -> bool {
        sighting.sent >= answer.received
    }
}

/// The rule as it should be.
#[derive(Debug)]
pub(crate) struct Honest;
impl Rule for Honest {}

/// Mutant: `<` in place of `≤`, on both sides.
#[derive(Debug)]
pub(crate) struct Strict;
impl Rule for Strict {
    fn is_before(sighting: Interval, answer: Interval) -> bool {
        sighting.received < answer.sent
    }

    fn is_after(sighting: Interval, answer: Interval) -> bool {
        sighting.sent > answer.received
    }
}

/// Mutant: a sighting counts from when it was sent, not from when it was received.
#[derive(Debug)]
pub(crate) struct BeforeBySent;
impl Rule for BeforeBySent {
    fn is_before(sighting: Interval, answer: Interval) -> bool {
        sighting.sent < answer.sent
    }
}

/// Mutant: a sighting counts as after if it was received after.
#[derive(Debug)]
pub(crate) struct AfterByReceived;
impl Rule for AfterByReceived {
    fn is_after(sighting: Interval, answer: Interval) -> bool {
        sighting.received > answer.received
    }
}

/// C(j), word by word as it is defined: slow, and obviously so.
#[derive(Debug)]
pub(crate) struct ByDefinition<R> {
    known_before: RoaringBitmap,
    sightings: Vec<(Interval, RoaringBitmap)>,
    candidates: Vec<(Interval, u64, RoaringBitmap)>,
    rule: PhantomData<R>,
}

impl<R: Rule> ByDefinition<R> {
    fn before(&self, j: Interval) -> RoaringBitmap {
        let sightings = self.sightings.iter().filter(|it| R::is_before(it.0, j));
        sightings.fold(self.known_before.clone(), |all, it| all | &it.1)
    }

    fn after(&self, j: Interval) -> RoaringBitmap {
        let sightings = self.sightings.iter().filter(|it| R::is_after(it.0, j));
        sightings.fold(RoaringBitmap::new(), |all, it| all | &it.1)
    }
}

impl<R: Rule> Proof for ByDefinition<R> {
    fn new(known_before: &RoaringBitmap) -> Self {
        Self {
            known_before: known_before.clone(),
            sightings: Vec::new(),
            candidates: Vec::new(),
            rule: PhantomData,
        }
    }

    fn record(&mut self, exchange: &Exchange) {
        let interval = exchange.interval;
        match (&exchange.answer, exchange.request) {
            (Answer::Listed(page), Request::List { weighed, .. }) => {
                self.sightings.push((interval, page.rows.clone()));
                if weighed {
                    let candidate = (interval, page.total, page.rows.clone());
                    self.candidates.push(candidate);
                }
            }
            (Answer::Detailed { found: true }, Request::Detail { id }) => {
                self.sightings.push((interval, [id].into()));
            }
            _ => {}
        }
    }

    fn verdict(&self) -> Verdict {
        let mut newest = None;
        let mut complete = None;
        let mut contradiction = None;
        let mut candidates: Vec<_> = self.candidates.iter().collect();
        candidates.sort_by_key(|(interval, ..)| interval.received);
        for (as_of, total, rows) in candidates {
            let (as_of, total) = (*as_of, *total);
            let (before, seen_after) = (self.before(as_of), self.after(as_of));
            let living = (&before & &seen_after) | rows;
            let proved = living.len();
            if proved > total {
                contradiction = Some(Verdict::Contradiction {
                    as_of,
                    proved,
                    total,
                });
            }
            newest = Some(Lacking {
                candidate: as_of,
                proved,
                total,
                unseen_after: &before - &living,
            });
            if proved == total {
                complete = Some(Complete {
                    as_of,
                    departed: before - &living,
                    living,
                    seen_after,
                });
            }
        }
        let proved = complete.map(Verdict::Complete);
        contradiction.or(proved).unwrap_or(Verdict::Open(newest))
    }
}

/// The rule that everybody would write: all pages of a pass, no customer twice, as many as the
/// newest total says. Its claim is of some instant between the pass's first and last page.
#[derive(Debug)]
pub(crate) struct Naive {
    pass: u32,
    pages: Vec<(u32, Interval, Page)>,
    complete: Option<Complete>,
}

impl Naive {
    fn claim(&self) -> Option<Complete> {
        let (_, _, newest) = self.pages.last()?;
        let all: RoaringBitmap = self
            .pages
            .iter()
            .flat_map(|(.., page)| &page.rows)
            .collect();
        let rows: u64 = self.pages.iter().map(|(.., page)| page.rows.len()).sum();
        let is_whole = (1..=newest.pages).all(|page| self.pages.iter().any(|it| it.0 == page));
        let intervals = || self.pages.iter().map(|it| it.1);
        (is_whole && rows == all.len() && rows == newest.total).then_some(Complete {
            as_of: Interval {
                sent: intervals().map(|it| it.sent).min()?,
                received: intervals().map(|it| it.received).max()?,
            },
            living: all,
            departed: RoaringBitmap::new(),
            seen_after: RoaringBitmap::new(),
        })
    }
}

impl Proof for Naive {
    fn new(_known_before: &RoaringBitmap) -> Self {
        Self {
            pass: 0,
            pages: Vec::new(),
            complete: None,
        }
    }

    fn record(&mut self, exchange: &Exchange) {
        let (Answer::Listed(listed), Request::List { pass, page, .. }) =
            (&exchange.answer, exchange.request)
        else {
            return;
        };
        if pass > self.pass {
            self.pages.clear();
        }
        self.pass = pass;
        self.pages.push((page, exchange.interval, listed.clone()));
        self.complete = self.complete.take().or_else(|| self.claim());
    }

    fn verdict(&self) -> Verdict {
        self.complete
            .clone()
            .map_or(Verdict::Open(None), Verdict::Complete)
    }
}

/// What goes wrong when a walk that was cut short is taken up again.
pub(crate) trait Amnesia {
    fn resume(
        known_before: &RoaringBitmap,
        known_now: &RoaringBitmap,
        ledger: &[Exchange],
    ) -> Evidence;
}

/// Mutant: the walk forgets what it had seen.
#[derive(Debug)]
pub(crate) struct ForgetsAll;
impl Amnesia for ForgetsAll {
    fn resume(before: &RoaringBitmap, _now: &RoaringBitmap, _ledger: &[Exchange]) -> Evidence {
        Evidence::new(before)
    }
}

/// Mutant: what the walk had seen is taken for what was known before it.
#[derive(Debug)]
pub(crate) struct TakesSeenForKnown;
impl Amnesia for TakesSeenForKnown {
    fn resume(_before: &RoaringBitmap, now: &RoaringBitmap, ledger: &[Exchange]) -> Evidence {
        replay(now, ledger)
    }
}

/// Mutant: the walk knows what it had seen, but no longer when; it takes all of it for seen just
/// now.
#[derive(Debug)]
pub(crate) struct ForgetsWhen;
impl Amnesia for ForgetsWhen {
    fn resume(before: &RoaringBitmap, _now: &RoaringBitmap, ledger: &[Exchange]) -> Evidence {
        let mut evidence: Evidence = replay(before, ledger);
        let now = ledger.iter().map(|it| it.interval.received).max();
        for exchange in ledger {
            if let Answer::Listed(page) = &exchange.answer {
                let sent = now.unwrap_or(0);
                let received = sent + 1;
                evidence.listed(Interval { sent, received }, &page.rows);
            }
        }
        evidence
    }
}

/// The real certificate, taken up again in a wrong way.
#[derive(Debug)]
pub(crate) struct Resumed<A>(Evidence, PhantomData<A>);

impl<A: Amnesia> Proof for Resumed<A> {
    fn new(known_before: &RoaringBitmap) -> Self {
        Self(Evidence::new(known_before), PhantomData)
    }

    fn record(&mut self, exchange: &Exchange) {
        self.0.record(exchange);
    }

    fn verdict(&self) -> Verdict {
        Proof::verdict(&self.0)
    }

    fn resume(before: &RoaringBitmap, now: &RoaringBitmap, ledger: &[Exchange]) -> Self {
        Self(A::resume(before, now, ledger), PhantomData)
    }
}
