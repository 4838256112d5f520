//! One run: walk the list until it is proved, fetch what is new, changed or old, decide who is gone.
//!
//! There is one path. A first run, a backfill, a tick of the daemon and a run that takes up one
//! that was killed all go through [`run`]; the mirror knows where it stands. What is decided is
//! decided by pure functions ([`certificate`], [`strategy`], [`plan`], [`departures`],
//! [`freshness`]): values in, values out. This module carries it out.
//!
//! It knows no SQL, no JSON and no wall clock but the one it is handed.

mod age;
pub mod certificate;
mod depart;
pub mod departures;
mod details;
mod error;
mod flight;
pub mod freshness;
mod pages;
pub mod passes;
mod plan;
mod rehearsal;
mod round;
mod store;
pub mod strategy;
mod walk;

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use roaring::RoaringBitmap;
use tokio_util::sync::CancellationToken;

use crate::api::{Client, Limits, PaceMemory};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::customer::CustomerId;
use crate::mirror::{Memory, Mirror, Reason, State};
use crate::report::{Grade, Live, Mode, Outcome, Report, RunId, in_one_line};

use details::Places;
pub use error::Error;
use flight::Flight;
pub use rehearsal::{Forecast, rehearse};
use store::Store;
use walk::Walked;

/// What a run is asked to do.
#[derive(Clone, Debug)]
pub struct Job {
    /// An ordinary run, everyone's details again, or only the details of `ids`.
    pub mode: Mode,
    /// Requests that may go over the wire, retries counted. None: no budget.
    pub requests_max: Option<u64>,
    /// Deletions that a hold is to let through, also by the run that takes this one up.
    pub deletions_allowed: u64,
    /// Whose details to ask for, where the mode is [`Mode::Refresh`].
    pub ids: Vec<CustomerId>,
}

impl Job {
    /// A run in this mode, with no budget and nothing released.
    pub const fn of(mode: Mode) -> Self {
        Self {
            mode,
            requests_max: None,
            deletions_allowed: 0,
            ids: Vec::new(),
        }
    }
}

/// What surrounds a run: settings, time, an onlooker, and the word to stop.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The settings.
    pub config: Arc<Config>,
    /// The wall clock.
    pub clock: Clock,
    /// How far the run is, for whoever looks on.
    pub live: Arc<Live>,
    /// Cancelled, nothing more is asked; what is in the air is taken in.
    pub stop: CancellationToken,
}

/// What came of a run.
pub struct Ran {
    /// The mirror, back to who lent it.
    pub mirror: Mirror,
    /// What the run did and proved.
    pub report: Report,
    /// What a person should know of, though the run went on.
    pub warnings: Vec<String>,
    /// What ended it before its end.
    pub error: Option<Error>,
}

/// Does one run. However it ends, what it committed stays, its row in `runs` says how it ended and
/// why, and the next run goes on from there.
pub async fn run(job: &Job, around: &Surroundings, mirror: Mirror) -> Ran {
    let mut store = Store::new(mirror);
    let report = Report::begin(next_id(&mut store).await, job.mode, around.clock.now());
    let (mut report, warnings, mut result) = match Run::begin(job, around, &mut store, report).await
    {
        Ok(mut run) => {
            let result = run.story(job).await;
            let remembered = run.remember().await;
            (run.report, run.warnings, result.and(remembered))
        }
        Err((report, error)) => (report, Vec::new(), Err(error)),
    };
    report.finished_at = Some(around.clock.now());
    report.outcome = Some(outcome(&report, result.as_ref().err()));
    if let Err(error) = &result {
        report.ended_by(in_one_line(error));
    }
    let finished = report.clone();
    if let Err(error) = store.with(move |mirror| mirror.finish_run(&finished)).await {
        result = result.and(Err(error.into()));
    }
    Ran {
        mirror: store.into_mirror(),
        report,
        warnings,
        error: result.err(),
    }
}

/// A run in progress.
struct Run<'a> {
    store: &'a mut Store,
    flight: Flight,
    settings: config::Sync,
    /// From each scheduled run to the next.
    gaps: Vec<config::Gap>,
    clock: Clock,
    live: Arc<Live>,
    memory: Memory,
    report: Report,
    warnings: Vec<String>,
    /// Deletions that a person lets through.
    deletions_allowed: u64,
    /// The walk to be taken up, until [`Run::walk`] takes it.
    open_walk: Option<crate::mirror::Walk>,
    /// When the walk began that this run takes up.
    taken_up_since: Option<Timestamp>,
    /// Customers of whom this run wrote a version, or one that was cut short and that it took up.
    touched: RoaringBitmap,
    /// Customers whose details this run has asked for in vain: their next chance is the next run.
    in_vain: RoaringBitmap,
    /// Customers whose details came in this run.
    verified: RoaringBitmap,
    /// Missing customers of whom the server said nothing that decides: asked again next run.
    missing_pending: u64,
    /// No details are asked for: this run is only to tell what it would do.
    rehearsing: bool,
}

impl<'a> Run<'a> {
    /// The whole story.
    async fn story(&mut self, job: &Job) -> Result<(), Error> {
        if job.mode == Mode::Refresh {
            return self.refresh(&job.ids).await;
        }
        self.foresee_age_of_the_known().await?;
        let walked = self.walk().await?;
        self.fetch_listed(&walked).await?;
        self.depart(&walked).await?;
        if job.mode == Mode::Full {
            self.queue_everyone().await?;
        }
        self.fetch_queued(Places::First, None).await?;
        self.fetch_due().await?;
        self.fetch_again().await?;
        self.end_walk(&walked).await?;
        self.conclude(&walked);
        self.face_alien()
    }

    async fn begin(
        job: &Job,
        around: &Surroundings,
        store: &'a mut Store,
        report: Report,
    ) -> Result<Self, (Report, Error)> {
        let begun = report.clone();
        let stood = store.with(move |mirror| {
            mirror.begin_run(&begun)?;
            Ok((mirror.memory()?, mirror.open_walk()?))
        });
        let (memory, open_walk) = match stood.await {
            Ok(stood) => stood,
            Err(error) => return Err((report, error.into())),
        };
        let client = Client::new(
            &around.config.api,
            &around.config.pace,
            PaceMemory {
                requests_per_second: memory.requests_per_second,
                not_before: memory.not_before,
            },
            Limits {
                requests_max: job.requests_max,
                count_from: memory.count,
            },
            around.clock.clone(),
            Arc::clone(&around.live),
            around.stop.clone(),
        );
        let client = match client {
            Ok(client) => client,
            Err(error) => return Err((report, error.into())),
        };
        let flight = Flight {
            client,
            page_size: around.config.api.page_size,
            in_flight_max: around.config.pace.in_flight_max as usize,
        };
        Ok(Self {
            store,
            flight,
            settings: around.config.sync,
            gaps: around.config.schedule.gaps(around.clock.now()),
            clock: around.clock.clone(),
            live: Arc::clone(&around.live),
            memory,
            report,
            warnings: Vec::new(),
            deletions_allowed: job.deletions_allowed,
            open_walk,
            taken_up_since: None,
            touched: RoaringBitmap::new(),
            in_vain: RoaringBitmap::new(),
            verified: RoaringBitmap::new(),
            missing_pending: 0,
            rehearsing: false,
        })
    }

    /// The details of these customers, and nothing else.
    async fn refresh(&mut self, ids: &[CustomerId]) -> Result<(), Error> {
        let mut named = HashSet::new();
        let ids: Vec<CustomerId> = ids.iter().copied().filter(|id| named.insert(*id)).collect();
        let (wanted, at) = (ids.clone(), self.clock.now());
        let known = self.store.with(move |mirror| mirror.known(&wanted)).await?;
        let unknown: Vec<String> = ids
            .iter()
            .zip(&known)
            .filter(|(_, known)| known.as_ref().is_none_or(|it| it.state == State::Deleted))
            .map(|(id, _)| id.to_string())
            .collect();
        if !unknown.is_empty() {
            return Err(Error::Unknown {
                ids: unknown.join(", "),
            });
        }
        let rows: RoaringBitmap = known.iter().flatten().map(|known| known.row).collect();
        let asked = rows.clone();
        self.store
            .with(move |mirror| mirror.enqueue(&rows, Reason::Refresh, at))
            .await?;
        self.fetch_named(
            known
                .iter()
                .flatten()
                .map(|known| known.row)
                .zip(ids.iter().copied()),
        )
        .await?;
        let left = self.store.with(|mirror| mirror.queued()).await? & asked;
        if !left.is_empty() {
            let what = format!(
                "the details of {} of {} could not be had",
                left.len(),
                ids.len()
            );
            self.report.reason = Some(what);
        }
        self.face_alien()
    }

    /// Queues every living customer whose details have not come in this run, nor, where it takes up
    /// one for everyone that was cut short, since that began.
    async fn queue_everyone(&mut self) -> Result<(), Error> {
        let (this, at) = (self.report.id, self.clock.now());
        let verified = self.verified.clone();
        self.store
            .with(move |mirror| {
                let everyone = match age::full_since(mirror, this)? {
                    Some(since) => mirror.verified_before(since)?,
                    None => mirror.alive()?,
                };
                mirror.enqueue(&(everyone - verified), Reason::Full, at)
            })
            .await?;
        Ok(())
    }

    /// What can only be said at the end of a run that nothing cut short.
    fn conclude(&mut self, walked: &Walked) {
        self.report.came_to_its_end = true;
        self.report.counts.unchanged = (&walked.listed - &self.touched).len();
        if walked.grade == Grade::Partial {
            self.report.ended_by(format!(
                "the list kept changing: {} passes did not agree, and nothing was proved",
                walked.passes
            ));
        }
    }

    /// Keeps what the next run is to know, and what the client counted.
    async fn remember(&mut self) -> Result<(), Error> {
        let tally = self.flight.client.tally();
        self.report.counts.list_requests = tally.list_requests;
        self.report.counts.detail_requests = tally.detail_requests;
        self.report.counts.retries = tally.retries;
        self.report.counts.throttled = tally.throttled;
        let pace = self.flight.client.pace_memory();
        self.memory.requests_per_second = pace.requests_per_second;
        self.memory.not_before = pace.not_before;
        self.memory.count = self.flight.client.count();
        let memory = self.memory.clone();
        let pending = self.store.with(move |mirror| {
            mirror.remember(&memory)?;
            mirror.queue_len()
        });
        self.report.counts.pending = pending.await? + self.missing_pending;
        Ok(())
    }

    /// Says something that a person should know, once.
    fn warn(&mut self, what: String) {
        if !self.warnings.contains(&what) {
            tracing::warn!("{what}");
            self.warnings.push(what);
        }
    }
}

/// Runs are told apart and put in order by their ids, whatever the clock says. A mirror that can't be
/// read says so as soon as the run begins.
async fn next_id(store: &mut Store) -> RunId {
    let newest = store.with(|mirror| mirror.last_runs(1)).await;
    let newest = newest.unwrap_or_default();
    RunId::after(newest.first().map(|run| run.id))
}

/// How a run ended, from what it knows at its end.
fn outcome(report: &Report, error: Option<&Error>) -> Outcome {
    match error {
        Some(error) if error.is_interruption() => Outcome::Partial,
        Some(_) => Outcome::Failed,
        None if report.counts.held > 0 => Outcome::Held,
        None if report.grade == Some(Grade::Partial) => Outcome::Partial,
        None if report.mode == Mode::Refresh && report.reason.is_some() => Outcome::Partial,
        None => Outcome::Done,
    }
}
