//! Details: asked for in the queue's order, then those that are old, each settled as it comes.
//!
//! One customer whose details fail never stops the rest: it is kept as the list shows it, and
//! asked for again by the next run.

use std::collections::{HashMap, VecDeque};

use roaring::RoaringBitmap;

use super::certificate::Verdict;
use super::flight::Ask;
use super::round::Round;
use super::store::Store;
use super::walk::{Walk, Walked};
use super::{Error, Run};
use crate::api::{self, Answer, Details};
use crate::customer::CustomerId;
use crate::mirror::{
    self, DueKey, Effect, Mirror, Nature, Old, Op, QueueKey, Reason, Settled, Settlement,
};
use crate::report::Stage;

/// Questions read from the mirror at a time.
const READ_AHEAD: u32 = 1_000;

/// Where the questions come from.
enum Source {
    /// The queue: those in these places, from after this one on.
    Queue(Places, Option<QueueKey>),
    /// Living customers whose details are old: so many more, from after this place on.
    Due {
        old: Old,
        left: u64,
        after: Option<DueKey>,
    },
    /// There are no more than those already read.
    Read,
}

/// Which places of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Places {
    /// Those that the list put there (new, returned, changed) and that were not asked for in vain
    /// before.
    Fresh,
    /// All that were not asked for in vain before.
    First,
    /// Those that were.
    Again,
}

impl Places {
    fn include(self, key: QueueKey) -> bool {
        match self {
            Self::Fresh => !key.again && key.reason < Reason::Refresh,
            Self::First => !key.again,
            Self::Again => key.again,
        }
    }
}

/// Customers whose details are to be asked for.
pub(super) struct Waiting {
    source: Source,
    /// Those in the queue who are no matter of this.
    except: RoaringBitmap,
    ready: VecDeque<(u32, CustomerId, Option<Reason>)>,
    /// Why those in the air were asked for.
    reasons: HashMap<u32, Option<Reason>>,
}

impl Run<'_> {
    /// Fetches what is queued in these places. `walk` is the one that these details may help to prove.
    pub(super) async fn fetch_queued(
        &mut self,
        places: Places,
        walk: Option<&mut Walk>,
    ) -> Result<(), Error> {
        let queued = self.store.with(|mirror| mirror.queue_len()).await?;
        self.live.begin(Stage::Details, queued);
        self.fetch(Waiting::queued(places), walk).await
    }

    /// Fetches those who were asked for in vain by earlier runs. They may be many, and never answer:
    /// that is no reason for the run to fail.
    pub(super) async fn fetch_again(&mut self) -> Result<(), Error> {
        match self.fetch_queued(Places::Again, None).await {
            Err(Error::Api(api::Error::Storm { what, .. })) => {
                self.warn(format!(
                    "those whose details never came before still fail: {what}"
                ));
                Ok(())
            }
            // For these it fails in the end.
            Err(Error::Api(api::Error::NotThisApi { .. }))
                if self.flight.client.alien().is_some() =>
            {
                Ok(())
            }
            done => done,
        }
    }

    /// Where something came that is no answer of this API, though it stopped nobody else's details,
    /// the run fails in the end.
    pub(super) fn face_alien(&self) -> Result<(), Error> {
        self.flight.client.alien().map_or(Ok(()), |what| {
            let what = what.to_owned();
            Err(Error::StrangeDetails { what })
        })
    }

    /// Fetches those whom the list showed to be new or changed, and were not asked for yet; not
    /// those whom it then proved to have left.
    pub(super) async fn fetch_listed(&mut self, walked: &Walked) -> Result<(), Error> {
        let mut waiting = Waiting::queued(Places::Fresh);
        if let Verdict::Complete(proved) = &walked.verdict {
            waiting.except.clone_from(&proved.departed);
        }
        let queued = self.store.with(|mirror| mirror.queue_len()).await?;
        self.live.begin(Stage::Details, queued);
        self.fetch(waiting, None).await
    }

    /// Asks again for details that are old, as many as keep every customer's within its bound.
    pub(super) async fn fetch_due(&mut self) -> Result<(), Error> {
        let (old, left) = self.due().await?;
        if left == 0 {
            return Ok(());
        }
        self.live.begin(Stage::Details, left);
        let due = Source::Due {
            old,
            left,
            after: None,
        };
        self.fetch(Waiting::from(due), None).await
    }

    /// Asks for these customers' details, which are queued.
    pub(super) async fn fetch_named(
        &mut self,
        customers: impl Iterator<Item = (u32, CustomerId)>,
    ) -> Result<(), Error> {
        let mut waiting = Waiting::from(Source::Read);
        waiting.ready = customers
            .map(|(row, id)| (row, id, Some(Reason::Refresh)))
            .collect();
        self.live.begin(Stage::Details, waiting.ready.len() as u64);
        self.fetch(waiting, None).await
    }

    async fn fetch(&mut self, details: Waiting, walk: Option<&mut Walk>) -> Result<(), Error> {
        let flight = self.flight.clone();
        let mut round = Round {
            run: self,
            walk,
            pass: 0,
            pages: VecDeque::new(),
            details,
        };
        flight.run(&mut round).await
    }

    /// Commits a group of answers and counts what they did.
    pub(super) async fn settle(
        &mut self,
        walk: Option<i64>,
        settled: Vec<Settled>,
    ) -> Result<Vec<Effect>, Error> {
        let id = self.report.id;
        self.settle_by(settled, move |mirror, settled| {
            mirror.settle(walk, id, settled)
        })
        .await
    }

    /// Commits a group of answers in this way and counts what they did.
    pub(super) async fn settle_by(
        &mut self,
        settled: Vec<Settled>,
        commit: impl FnOnce(&mut Mirror, Vec<Settled>) -> Result<Vec<Effect>, mirror::Error>
        + Send
        + 'static,
    ) -> Result<Vec<Effect>, Error> {
        for one in &settled {
            match one.outcome {
                Settlement::Found(_) | Settlement::Unlisted(_) => {
                    self.verified.insert(one.row);
                    continue;
                }
                Settlement::Inaccessible { .. } => self.report.counts.inaccessible += 1,
                Settlement::Rejected(_) => self.report.counts.rejected += 1,
                Settlement::FromSummary { .. } | Settlement::Pending { .. } => {}
                Settlement::Deleted { .. } => continue,
            }
            self.in_vain.insert(one.row);
        }
        let effects = self
            .store
            .with(move |mirror| commit(mirror, settled))
            .await?;
        for effect in &effects {
            self.count(*effect);
        }
        if effects.iter().any(|effect| effect.nature == Nature::Mended) {
            self.warn(
                "another program had changed customers in the mirror: they are again as the server says"
                    .to_owned(),
            );
        }
        Ok(effects)
    }

    fn count(&mut self, effect: Effect) {
        let counts = &mut self.report.counts;
        if effect.version.is_some() {
            self.touched.insert(effect.row);
        }
        counts.added += u64::from(effect.nature == Nature::FirstAndLast);
        match effect.version {
            Some(Op::Baseline | Op::Insert) => counts.added += 1,
            Some(Op::Update) => counts.changed += 1,
            Some(Op::Delete) => counts.deleted += 1,
            Some(Op::Undelete) => {
                counts.undeleted += 1;
                self.memory
                    .h3_broken_at
                    .get_or_insert(self.report.started_at);
                self.warn(
                    "a deleted customer came back under its old id: proofs rest on that not \
                     happening, so be wary of what `complete` says"
                        .to_owned(),
                );
            }
            None => {}
        }
    }
}

impl Waiting {
    /// Nobody.
    pub(super) fn nobody() -> Self {
        Self::from(Source::Read)
    }

    /// Those in these places of the queue, in its order.
    pub(super) fn queued(places: Places) -> Self {
        let before_again = QueueKey {
            again: true,
            reason: Reason::New,
            row: 0,
        };
        let after = (places == Places::Again).then_some(before_again);
        Self::from(Source::Queue(places, after))
    }

    fn from(source: Source) -> Self {
        Self {
            source,
            except: RoaringBitmap::new(),
            ready: VecDeque::new(),
            reasons: HashMap::new(),
        }
    }

    /// The next one to ask for. None: there is none now; pages that are still in the air may queue
    /// some.
    pub(super) async fn next(
        &mut self,
        store: &mut Store,
        in_vain: &RoaringBitmap,
    ) -> Result<Option<Ask>, Error> {
        if self.ready.is_empty() {
            self.read_ahead(store, in_vain).await?;
        }
        Ok(self.ready.pop_front().map(|(row, id, reason)| {
            self.reasons.insert(row, reason);
            Ask::Customer(row, id)
        }))
    }

    /// Whether one that is in the air was asked for only because its details are old.
    pub(super) fn is_only_old(&self, row: u32) -> bool {
        self.reasons.get(&row) == Some(&None)
    }

    /// What an answer means for one that was asked for here.
    pub(super) fn settlement(&mut self, row: u32, details: Details, is_sighting: bool) -> Settled {
        let reason = self.reasons.remove(&row).flatten();
        settlement(row, details, reason, is_sighting)
    }

    async fn read_ahead(
        &mut self,
        store: &mut Store,
        in_vain: &RoaringBitmap,
    ) -> Result<(), Error> {
        match self.source {
            Source::Read => Ok(()),
            Source::Queue(places, after) => self.read_queue(store, in_vain, places, after).await,
            Source::Due { old, left, after } => self.read_due(store, old, left, after).await,
        }
    }

    /// Who was asked in this run already, and did not answer, is passed over.
    async fn read_queue(
        &mut self,
        store: &mut Store,
        in_vain: &RoaringBitmap,
        places: Places,
        mut after: Option<QueueKey>,
    ) -> Result<(), Error> {
        while self.ready.is_empty() {
            let mut queued = store
                .with(move |mirror| mirror.queue(after, READ_AHEAD))
                .await?;
            queued.retain(|queued| places.include(queued.key));
            let Some(last) = queued.last() else { break };
            after = Some(last.key);
            self.source = Source::Queue(places, after);
            let to_ask = queued
                .into_iter()
                .filter(|queued| !in_vain.contains(queued.key.row))
                .filter(|queued| !self.except.contains(queued.key.row));
            self.ready
                .extend(to_ask.map(|queued| (queued.key.row, queued.id, Some(queued.key.reason))));
        }
        Ok(())
    }

    async fn read_due(
        &mut self,
        store: &mut Store,
        old: Old,
        left: u64,
        after: Option<DueKey>,
    ) -> Result<(), Error> {
        let most = u32::try_from(left).unwrap_or(READ_AHEAD).min(READ_AHEAD);
        let due = store
            .with(move |mirror| mirror.due(old, after, most))
            .await?;
        let left = left - due.len() as u64;
        self.source = match due.last() {
            Some(last) if left > 0 => Source::Due {
                old,
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

/// What an answer means for a customer that is not missing.
fn settlement(row: u32, details: Details, reason: Option<Reason>, is_sighting: bool) -> Settled {
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
        Answer::Inaccessible(said) | Answer::Refused(said) => Settlement::Inaccessible { said },
        Answer::NotFound => kept("its details answer 404".to_owned()),
        Answer::Failed(why) => kept(why),
    };
    Settled {
        row,
        id: details.id,
        interval: details.interval,
        at: details.received_at,
        is_sighting,
        outcome,
    }
}
