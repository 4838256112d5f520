//! What a run would do: the walk for real, over a copy of the mirror that is thrown away.

use std::time::Duration;

use jiff::Timestamp;
use roaring::RoaringBitmap;

use super::certificate::Verdict;
use super::departures::{Ruling, Why};
use super::walk::Walked;
use super::{Error, Job, Run, Store, Surroundings};
use crate::mirror::{Mirror, Reason};
use crate::report::{Grade, Mode, Report, RunId};

/// What a run would do now.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Forecast {
    /// What the walk proved.
    pub grade: Grade,
    /// The instant that it speaks of.
    pub as_of: Option<Timestamp>,
    /// Customers that the mirror does not know.
    pub added: u64,
    /// Customers of whom the list says something new.
    pub changed: u64,
    /// Customers that came back.
    pub returned: u64,
    /// Customers that a proved list does not show.
    pub missing: u64,
    /// Of those, how many would be held back.
    pub held: u64,
    /// Details that are only old.
    pub reverify: u64,
    /// Detail requests that a run would send.
    pub detail_requests: u64,
    /// List requests that a run would send, at most: those that this walk sent. The details that a run
    /// asks for meanwhile are sightings, too, and may spare it a few.
    pub list_requests: u64,
    /// Requests a second that pace and server allow.
    pub requests_per_second: f64,
    /// How long they would take at that rate.
    #[serde(rename = "duration_seconds", serialize_with = "in_seconds")]
    pub duration: Duration,
}

/// Walks the list as a run would, and counts what it would do. `copy` is to be thrown away.
pub async fn rehearse(around: &Surroundings, copy: Mirror) -> Result<Forecast, Error> {
    let mut store = Store::new(copy);
    let report = Report::begin(RunId::new(), Mode::Sync, around.clock.now());
    let mut run = match Run::begin(&Job::of(Mode::Sync), around, &mut store, report).await {
        Ok(run) => run,
        Err((_, error)) => return Err(error),
    };
    run.rehearsing = true;
    run.forecast().await
}

impl Run<'_> {
    async fn forecast(&mut self) -> Result<Forecast, Error> {
        let walked = self.walk().await?;
        let id = walked.id;
        let heard = self.store.with(move |mirror| mirror.heard(id)).await?;
        let (missing, ruling) = self.who_would_go(&walked, &heard.gone).await?;
        let listed = walked.listed.clone();
        let (by_reason, queued, off_list) = self
            .store
            .with(move |mirror| {
                mirror.relisted(&listed)?;
                Ok((
                    mirror.queued_by_reason()?,
                    mirror.queued()?,
                    mirror.off_list()?,
                ))
            })
            .await?;
        let count = |reason| by_reason.get(&reason).copied().unwrap_or(0);
        // Who was heard by the run that would be taken up is not asked for again.
        let heard_of = &heard.decided | &heard.pending;
        let departing = ruling.released(&missing) - &heard_of;
        let off_list = (off_list - heard_of - heard.gone).len();
        let canaries = departing.len().div_ceil(self.heard_at_once() as u64);
        let waiting = (&queued - &departing).len();
        let added = count(Reason::New);
        let known_to_go = (&departing - &queued).len();
        let (_, reverify) = self.due_once(added, known_to_go).await?;
        // Who lives unlisted is found, as a rule, and needs no canary.
        let detail_requests = waiting + reverify + departing.len() + canaries + off_list;
        let tally = self.flight.client.tally();
        let requests_per_second = self.flight.client.requests_per_second();
        let requests = (detail_requests + tally.list_requests) as f64;
        Ok(Forecast {
            grade: walked.grade,
            as_of: walked.as_of,
            added,
            changed: count(Reason::Changed),
            returned: count(Reason::Returned),
            missing: missing.len(),
            held: match ruling {
                Ruling::Go => 0,
                Ruling::Some { held, .. } | Ruling::Hold { held, .. } => held,
            },
            reverify,
            detail_requests,
            list_requests: tally.list_requests,
            requests_per_second,
            duration: Duration::try_from_secs_f64(requests / requests_per_second)
                .unwrap_or(Duration::MAX),
        })
    }

    /// Who is missing, and whether they may go; also those that a person released to a run that was cut
    /// short and would be taken up.
    async fn who_would_go(
        &mut self,
        walked: &Walked,
        gone: &RoaringBitmap,
    ) -> Result<(RoaringBitmap, Ruling), Error> {
        let Verdict::Complete(proved) = &walked.verdict else {
            let (held, why) = (self.suddenly_missing(walked).await?, Why::SuddenlyEmpty);
            return Ok((RoaringBitmap::new(), Ruling::Hold { held, why }));
        };
        let id = walked.id;
        let allowed = self.store.with(move |mirror| mirror.released(id)).await?;
        self.missing(walked, proved, gone, allowed).await
    }
}

fn in_seconds<S: serde::Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(duration.as_secs_f64())
}
