//! Details: asked for in the queue's order, then those that are old, each settled as it comes.
//!
//! One customer whose details fail never stops the rest: it is kept as the list shows it, and
//! asked for again by the next run.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;

use super::certificate::Evidence;
use super::flight::{Answered, Ask, Errand};
use super::{Error, Run, freshness};
use crate::api::{Answer, Details};
use crate::customer::CustomerId;
use crate::mirror::{DueKey, Effect, Op, QueueKey, Reason, Settled, Settlement};
use crate::report::Stage;

/// Questions read from the mirror at a time.
const READ_AHEAD: u32 = 1_000;

/// Where the questions come from.
enum Source {
    /// The queue, from after this place on.
    Queue(Option<QueueKey>),
    /// Living customers last verified before an instant: so many more, from after this place on.
    Due {
        before: Timestamp,
        left: u64,
        after: Option<DueKey>,
    },
    /// There are no more than those already read.
    Read,
}

/// The errand of fetching details.
struct Fetching<'r, 'a> {
    run: &'r mut Run<'a>,
    source: Source,
    ready: VecDeque<(u32, CustomerId, Option<Reason>)>,
    /// Why those in the air were asked for.
    reasons: HashMap<u32, Option<Reason>>,
    walk: Option<i64>,
    evidence: Option<&'r mut Evidence>,
}

impl Run<'_> {
    /// Fetches all that is queued. `proving` is the walk that these details may help to prove, with
    /// what it has seen so far.
    pub(super) async fn fetch_queued(
        &mut self,
        proving: Option<(i64, &mut Evidence)>,
    ) -> Result<(), Error> {
        let queued = self.store.with(|mirror| mirror.queue_len()).await?;
        self.live.begin(Stage::Details, queued);
        let (walk, evidence) =
            proving.map_or((None, None), |(walk, seen)| (Some(walk), Some(seen)));
        self.fetch(Source::Queue(None), VecDeque::new(), walk, evidence)
            .await
    }

    /// Asks again for details that are old, as many as keep every customer's within its bound.
    pub(super) async fn fetch_due(&mut self) -> Result<(), Error> {
        let (before, left) = self.due().await?;
        if left == 0 {
            return Ok(());
        }
        self.live.begin(Stage::Details, left);
        let due = Source::Due {
            before,
            left,
            after: None,
        };
        self.fetch(due, VecDeque::new(), None, None).await
    }

    /// How many details are to be asked for again in this run, of those last verified before when.
    pub(super) async fn due(&mut self) -> Result<(Timestamp, u64), Error> {
        let began = self.report.started_at;
        let max_age = jiff::SignedDuration::try_from(self.settings.max_detail_age)
            .expect("the settings bound it");
        let too_old = began
            .saturating_sub(max_age)
            .expect("a signed duration saturates");
        let (active, overdue, last_run) = self
            .store
            .with(move |mirror| {
                let last_run = mirror.last_runs(2)?.get(1).map(|run| run.started_at);
                Ok((mirror.alive_count()?, mirror.due_len(too_old)?, last_run))
            })
            .await?;
        let due = freshness::Due {
            active,
            overdue,
            since_last_run: last_run
                .map(|last| began.duration_since(last).try_into().unwrap_or_default()),
            max_detail_age: self.settings.max_detail_age,
            reverify_max: self.settings.reverify_max,
        };
        Ok((began, due.count()))
    }

    /// Asks for these customers' details, which are queued.
    pub(super) async fn fetch_named(
        &mut self,
        customers: impl Iterator<Item = (u32, CustomerId)>,
    ) -> Result<(), Error> {
        let ready: VecDeque<_> = customers
            .map(|(row, id)| (row, id, Some(Reason::Refresh)))
            .collect();
        self.live.begin(Stage::Details, ready.len() as u64);
        self.fetch(Source::Read, ready, None, None).await
    }

    async fn fetch(
        &mut self,
        source: Source,
        ready: VecDeque<(u32, CustomerId, Option<Reason>)>,
        walk: Option<i64>,
        evidence: Option<&mut Evidence>,
    ) -> Result<(), Error> {
        let flight = self.flight.clone();
        let mut fetching = Fetching {
            run: self,
            source,
            ready,
            reasons: HashMap::new(),
            walk,
            evidence,
        };
        flight.run(&mut fetching).await
    }

    /// Commits a group of answers and counts what they did.
    pub(super) async fn settle(
        &mut self,
        walk: Option<i64>,
        settled: Vec<Settled>,
    ) -> Result<Vec<Effect>, Error> {
        let id = self.report.id;
        for one in &settled {
            match one.outcome {
                Settlement::Inaccessible { .. } => self.report.counts.inaccessible += 1,
                Settlement::Rejected(_) => self.report.counts.rejected += 1,
                _ => {}
            }
        }
        let steps = settled.len() as u64;
        let effects = self
            .store
            .with(move |mirror| mirror.settle(walk, id, settled))
            .await?;
        for effect in &effects {
            self.count(*effect);
        }
        self.live.advance(steps);
        Ok(effects)
    }

    fn count(&mut self, effect: Effect) {
        let counts = &mut self.report.counts;
        let asked_only_for_age = effect.was_queued.is_none();
        counts.reverified += u64::from(asked_only_for_age);
        if effect.version.is_some() {
            self.touched.insert(effect.row);
        }
        match effect.version {
            Some(Op::Baseline | Op::Insert) => counts.added += 1,
            Some(Op::Update) => {
                counts.changed += 1;
                counts.reverified_changed += u64::from(asked_only_for_age);
            }
            Some(Op::Delete) => counts.deleted += 1,
            Some(Op::Undelete) => {
                counts.undeleted += 1;
                self.memory
                    .h3_broken_at
                    .get_or_insert(self.report.started_at);
                self.warn("a deleted customer came back under its old id".to_owned());
            }
            None => {}
        }
    }
}

impl Fetching<'_, '_> {
    /// Reads on until there is something to ask, or nothing left.
    async fn read_ahead(&mut self) -> Result<(), Error> {
        while self.ready.is_empty() {
            match self.source {
                Source::Read => break,
                Source::Queue(after) => self.read_queue(after).await?,
                Source::Due {
                    before,
                    left,
                    after,
                } => self.read_due(before, left, after).await?,
            }
        }
        Ok(())
    }

    async fn read_queue(&mut self, after: Option<QueueKey>) -> Result<(), Error> {
        let queued = self
            .run
            .store
            .with(move |mirror| mirror.queue(after, READ_AHEAD))
            .await?;
        self.source = match queued.last() {
            Some(last) => Source::Queue(Some(last.key)),
            None => Source::Read,
        };
        // Who is missing is asked under a proof only, and not here.
        let to_ask = queued
            .into_iter()
            .filter(|queued| queued.key.reason != Reason::Missing);
        self.ready
            .extend(to_ask.map(|queued| (queued.key.row, queued.id, Some(queued.key.reason))));
        Ok(())
    }

    async fn read_due(
        &mut self,
        before: Timestamp,
        left: u64,
        after: Option<DueKey>,
    ) -> Result<(), Error> {
        let most = u32::try_from(left).unwrap_or(READ_AHEAD).min(READ_AHEAD);
        let due = self
            .run
            .store
            .with(move |mirror| mirror.due(before, after, most))
            .await?;
        let left = left - due.len() as u64;
        self.source = match due.last() {
            Some(last) if left > 0 => Source::Due {
                before,
                left,
                after: Some(last.key),
            },
            _ => Source::Read,
        };
        self.ready
            .extend(due.into_iter().map(|due| (due.key.row, due.id, None)));
        Ok(())
    }
}

impl Errand for Fetching<'_, '_> {
    async fn next(&mut self) -> Result<Option<Ask>, Error> {
        if self.ready.is_empty() {
            self.read_ahead().await?;
        }
        Ok(self.ready.pop_front().map(|(row, id, reason)| {
            self.reasons.insert(row, reason);
            Ask::Customer(row, id)
        }))
    }

    async fn settle(&mut self, answers: Vec<Answered>) -> Result<(), Error> {
        let mut settled = Vec::with_capacity(answers.len());
        for answer in answers {
            let Answered::Customer(row, details) = answer else {
                continue;
            };
            let reason = self.reasons.remove(&row).flatten();
            let alive = matches!(details.answer, Answer::Found(_)) && !details.from_cache;
            if let Some(evidence) = self.evidence.as_deref_mut().filter(|_| alive) {
                evidence.detailed(details.interval, row);
            }
            settled.push(settlement(row, details, reason));
        }
        self.run.settle(self.walk, settled).await?;
        Ok(())
    }
}

/// What an answer means for a customer that is not missing.
fn settlement(row: u32, details: Details, reason: Option<Reason>) -> Settled {
    let listed = matches!(
        reason,
        Some(Reason::New | Reason::Returned | Reason::Changed)
    );
    let kept = |why: String| {
        if listed {
            Settlement::FromSummary { why }
        } else {
            Settlement::Pending { why }
        }
    };
    let outcome = match details.answer {
        Answer::Found(customer) => Settlement::Found(customer),
        Answer::Rejected(rejected) => Settlement::Rejected(rejected),
        Answer::Inaccessible(said) => Settlement::Inaccessible { said },
        Answer::NotFound => kept("listed, but its details answer 404".to_owned()),
        Answer::Failed(why) => kept(why),
    };
    Settled {
        row,
        id: details.id,
        interval: details.interval,
        at: details.received_at,
        outcome,
    }
}
