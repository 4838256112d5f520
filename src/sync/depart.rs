//! Those who have left: asked for one by one, and marked deleted only when all of it fits together.
//!
//! What fits together is decided in [`departures`](super::departures); here it is carried out.

use std::collections::VecDeque;

use roaring::RoaringBitmap;

use super::certificate::{Complete, Verdict};
use super::departures::{self, Fate, Heard, Ruling, Tolerance, Why};
use super::flight::{Answered, Ask, Errand};
use super::walk::Walked;
use super::{Error, Run};
use crate::api::{Answer, Details};
use crate::customer::CustomerId;
use crate::mirror::{self, Settled, Settlement};
use crate::report::Stage;

/// The errand of asking for a few customers and keeping what they answer.
struct Hearing<'r, 'a> {
    run: &'r mut Run<'a>,
    to_ask: VecDeque<Ask>,
    heard: Vec<(u32, Details)>,
}

impl Errand for Hearing<'_, '_> {
    async fn next(&mut self) -> Result<Option<Ask>, Error> {
        Ok(self.to_ask.pop_front())
    }

    async fn settle(&mut self, answers: Vec<Answered>) -> Result<(), Error> {
        self.heard
            .extend(answers.into_iter().filter_map(|answer| match answer {
                Answered::Customer(row, details) => Some((row, details)),
                Answered::Page(_) => None,
            }));
        Ok(())
    }

    /// Whoever is killed now keeps to what the server has asked for all the same.
    async fn end(&mut self) -> Result<(), Error> {
        self.run.remember().await
    }
}

impl Run<'_> {
    /// Asks for those that a complete walk shows to be gone, and marks deleted who is.
    pub(super) async fn depart(&mut self, walked: &Walked) -> Result<(), Error> {
        let mut listed = walked.listed.clone();
        let Verdict::Complete(proved) = &walked.verdict else {
            self.store
                .with(move |mirror| mirror.relisted(&listed))
                .await?;
            return self.hold_if_suddenly_empty(walked).await;
        };
        listed -= &proved.departed;
        self.store
            .with(move |mirror| {
                mirror.relisted(&listed)?;
                mirror.not_returned(&listed)
            })
            .await?;
        let canary = self.canary(walked, proved).await?;
        let id = walked.id;
        let heard = self.store.with(move |mirror| mirror.heard(id)).await?;
        let gone = self.off_list_who_are_gone(&heard, canary, id).await?;
        let suspects = self.suspects(walked, proved, &gone).await?;
        self.still_pending(&heard).await?;
        let suspects: Vec<_> = suspects
            .into_iter()
            .filter(|(row, _)| !heard.decided.contains(*row) && !heard.pending.contains(*row))
            .collect();
        self.live.begin(Stage::Details, suspects.len() as u64);
        let mut waiting = &suspects[..];
        while let Some(few) = self.next_few(&mut waiting) {
            let heard = self.hear(few).await?;
            self.decide(heard, canary, walked.id).await?;
        }
        Ok(())
    }

    /// So many as are heard at once.
    fn next_few<'w, T>(&self, waiting: &mut &'w [T]) -> Option<&'w [T]> {
        let (few, rest) = waiting.split_at(self.heard_at_once().min(waiting.len()));
        *waiting = rest;
        (!few.is_empty()).then_some(few)
    }

    /// So many at a time that they and their canary are no more than may be in flight, or than the
    /// budget leaves: what they answered is committed only together.
    pub(super) fn heard_at_once(&self) -> usize {
        let left = self.flight.client.requests_left();
        let together = usize::try_from(left).unwrap_or(usize::MAX);
        let together = together.min(self.flight.in_flight_max);
        together.saturating_sub(1).max(1)
    }

    /// A list that is empty, and was not before, is a hold whatever it proves.
    async fn hold_if_suddenly_empty(&mut self, walked: &Walked) -> Result<(), Error> {
        let held = self.suddenly_missing(walked).await?;
        if held > 0 {
            self.hold(held, &describe(Why::SuddenlyEmpty));
        }
        Ok(())
    }

    /// How many are missing from a list that is suddenly empty; nobody from any other.
    pub(super) async fn suddenly_missing(&mut self, walked: &Walked) -> Result<u64, Error> {
        if !walked.listed.is_empty() {
            return Ok(0);
        }
        Ok(self.store.with(|mirror| mirror.alive_count()).await?)
    }

    /// Asks for those who are known to be kept though no list shows them, as far as a run that this one
    /// takes up has not heard them, and keeps what they answer. Those who are not found are missing now
    /// like any other, and subject to the same bounds.
    async fn off_list_who_are_gone(
        &mut self,
        heard: &mirror::Heard,
        canary: Option<(u32, CustomerId)>,
        walk: i64,
    ) -> Result<RoaringBitmap, Error> {
        let known = &heard.decided | &heard.pending | &heard.gone;
        let off_list = self
            .store
            .with(move |mirror| {
                let unheard = mirror.off_list()? - known;
                mirror.ids(&unheard)
            })
            .await?;
        let mut gone = heard.gone.clone();
        let mut waiting = &off_list[..];
        while let Some(few) = self.next_few(&mut waiting) {
            let heard = self.hear(few).await?;
            let (not_found, others): (Vec<_>, Vec<_>) = heard
                .into_iter()
                .partition(|(_, details)| heard_of(details) == Heard::NotFound);
            let not_found: RoaringBitmap = not_found.into_iter().map(|(row, _)| row).collect();
            gone |= &not_found;
            if !not_found.is_empty() {
                self.store
                    .with(move |mirror| mirror.are_gone(walk, &not_found))
                    .await?;
            }
            self.decide(others, canary, walk).await?;
        }
        Ok(gone)
    }

    /// Of whom the run that this one takes up heard nothing that decides: asked again next run.
    async fn still_pending(&mut self, heard: &mirror::Heard) -> Result<(), Error> {
        let queued = self.store.with(|mirror| mirror.queued()).await?;
        self.missing_pending += (&heard.pending - queued).len();
        Ok(())
    }

    /// Who is to be asked for: the missing, as far as they are not held back.
    async fn suspects(
        &mut self,
        walked: &Walked,
        proved: &Complete,
        gone: &RoaringBitmap,
    ) -> Result<Vec<(u32, CustomerId)>, Error> {
        let id = walked.id;
        let allowed = self.store.with(move |mirror| mirror.released(id)).await?;
        let (missing, ruling) = self.missing(walked, proved, gone, allowed).await?;
        match ruling {
            Ruling::Go => {}
            Ruling::Some { released, held } => {
                self.hold(held, &format!("{released} of them were released"));
            }
            Ruling::Hold { held, why } => self.hold(held, &describe(why)),
        }
        let released = ruling.released(&missing);
        Ok(self.store.with(move |mirror| mirror.ids(&released)).await?)
    }

    /// Who is missing, and whether they may go; also of those whom a list showed and whose details
    /// were never had. Those who are known to live unlisted, or of whom the server is known not to speak,
    /// are left out, but for the `gone` among them: they are missing in every run, and no reason to
    /// hold the others.
    pub(super) async fn missing(
        &mut self,
        walked: &Walked,
        proved: &Complete,
        gone: &RoaringBitmap,
        allowed: u64,
    ) -> Result<(RoaringBitmap, Ruling), Error> {
        let (active, off_list, was_held) = self
            .store
            .with(|mirror| Ok((mirror.sighted()?, mirror.off_list()?, mirror.held()? > 0)))
            .await?;
        let missing = (departures::missing(&active, proved) - off_list) | gone;
        let tolerance = Tolerance {
            deletions_max: self.settings.deletions_max,
            deletions_max_share: self.settings.deletions_max_share,
            allowed,
            was_held,
        };
        let ruling = tolerance.rule(missing.len(), active.len(), walked.listed.len());
        Ok((missing, ruling))
    }

    fn hold(&mut self, held: u64, why: &str) {
        self.report.counts.held = held;
        self.report.reason = Some(format!(
            "{held} customers are missing from the list, and held back: {why}"
        ));
    }

    /// A customer of whom the server must know, since its list has just shown it: one whose details came
    /// in this run, else one on page 1 who is not known to be without, else anybody whom the proof has.
    /// None where it has nobody at all.
    async fn canary(
        &mut self,
        walked: &Walked,
        proved: &Complete,
    ) -> Result<Option<(u32, CustomerId)>, Error> {
        let queued = self.store.with(|mirror| mirror.queued()).await?;
        let on_page_1 = &walked.just_listed & &proved.living;
        let best = [
            &self.verified & &proved.living,
            &on_page_1 - &queued,
            &proved.living - &queued,
            proved.living.clone(),
        ];
        let Some(row) = best.iter().find_map(RoaringBitmap::min) else {
            return Ok(None);
        };
        let one = RoaringBitmap::from_iter([row]);
        Ok(self.store.with(move |mirror| mirror.ids(&one)).await?.pop())
    }

    /// Settles what was heard of a few, after asking for the canary where one of them is not found or
    /// refused. Where the credentials are refused for the canary too, it is they that no longer do.
    async fn decide(
        &mut self,
        heard: Vec<(u32, Details)>,
        canary: Option<(u32, CustomerId)>,
        walk: i64,
    ) -> Result<(), Error> {
        let steps = heard.len() as u64;
        let is_in_doubt = heard
            .iter()
            .any(|(_, details)| matches!(heard_of(details), Heard::NotFound | Heard::Refused));
        let canary_answers = match canary {
            _ if !is_in_doubt => false,
            // The list is proved to be empty: nobody is left to ask, and who is not found has been released
            // by a person. Who is refused is kept either way.
            None => true,
            Some((row, id)) => {
                let canary = self.ask_for([Ask::Customer(row, id)].into()).await?;
                canary
                    .iter()
                    .all(|(_, details)| heard_of(details) == Heard::Found)
            }
        };
        let last_seen = self.last_seen().await?;
        let settled = heard.into_iter().map(|(row, details)| {
            let fate = departures::fate(heard_of(&details), canary_answers);
            Settled {
                row,
                id: details.id,
                interval: details.interval,
                at: details.received_at,
                is_sighting: false,
                outcome: settlement(fate, details.answer, last_seen),
            }
        });
        let settled: Vec<Settled> = settled.collect();
        let unlisted = settled
            .iter()
            .filter(|one| matches!(one.outcome, Settlement::Unlisted(_)))
            .count();
        if unlisted > 0 {
            self.report.counts.unlisted += unlisted as u64;
            self.memory
                .h4_broken_at
                .get_or_insert(self.report.started_at);
            let memory = self.memory.clone();
            self.store
                .with(move |mirror| mirror.remember(&memory))
                .await?;
            self.warn(
                "the server knows customers that its list does not show: they are kept as unlisted"
                    .to_owned(),
            );
        }
        let pending: RoaringBitmap = settled
            .iter()
            .filter(|one| matches!(one.outcome, Settlement::Pending { .. }))
            .map(|one| one.row)
            .collect();
        let id = self.report.id;
        let commit =
            move |mirror: &mut mirror::Mirror, settled| mirror.settle_departures(walk, id, settled);
        let effects = self.settle_by(settled, commit).await?;
        // Who is queued is counted with the queue.
        let unqueued = effects.iter().filter(|effect| !effect.still_queued);
        self.missing_pending += unqueued
            .filter(|effect| pending.contains(effect.row))
            .count() as u64;
        self.live.advance(steps);
        Ok(())
    }

    /// When those who are missing now were last seen: by the complete walk before this one. Where some
    /// were held back, that walk may have missed them too, and nobody knows which.
    async fn last_seen(&mut self) -> Result<Option<jiff::Timestamp>, Error> {
        let was_held = self.store.with(|mirror| Ok(mirror.held()? > 0)).await?;
        Ok(self.memory.last_complete_as_of.filter(|_| !was_held))
    }

    async fn hear(&mut self, few: &[(u32, CustomerId)]) -> Result<Vec<(u32, Details)>, Error> {
        let few = few.iter().map(|(row, id)| Ask::Missing(*row, *id));
        self.ask_for(few.collect()).await
    }

    async fn ask_for(&mut self, to_ask: VecDeque<Ask>) -> Result<Vec<(u32, Details)>, Error> {
        let flight = self.flight.clone();
        let mut hearing = Hearing {
            run: self,
            to_ask,
            heard: Vec::new(),
        };
        flight.run(&mut hearing).await?;
        Ok(hearing.heard)
    }
}

/// What a cache answers is no word of the server's.
fn heard_of(details: &Details) -> Heard {
    match details.answer {
        _ if details.from_cache => Heard::Other,
        Answer::Found(_) => Heard::Found,
        Answer::NotFound => Heard::NotFound,
        Answer::Inaccessible(_) => Heard::Inaccessible,
        Answer::Refused(_) => Heard::Refused,
        Answer::Rejected(_) | Answer::Failed(_) => Heard::Other,
    }
}

fn settlement(fate: Fate, answer: Answer, last_seen: Option<jiff::Timestamp>) -> Settlement {
    match (fate, answer) {
        (Fate::Unlisted, Answer::Found(customer)) => Settlement::Unlisted(customer),
        (Fate::Inaccessible, Answer::Inaccessible(said) | Answer::Refused(said)) => {
            Settlement::Inaccessible { said }
        }
        (Fate::Deleted, _) => Settlement::Deleted {
            not_before: last_seen,
        },
        (_, Answer::Rejected(rejected)) => Settlement::Rejected(rejected),
        (_, Answer::Failed(why) | Answer::Refused(why)) => Settlement::Pending { why },
        _ => Settlement::Pending {
            why: "not found, but neither is a customer that was just listed".to_owned(),
        },
    }
}

fn describe(why: Why) -> String {
    match why {
        Why::TooMany { most } => format!("up to {most} at once go without a question"),
        Why::SuddenlyEmpty => "the list is suddenly empty".to_owned(),
        Why::Undecided => "nobody has decided on those who were held back before".to_owned(),
    }
}
