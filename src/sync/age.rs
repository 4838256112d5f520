//! How old details may become: what this run does about it, and whether that can be enough.
//!
//! The arithmetic is [`freshness`](super::freshness)'s; here are the numbers that it is done with.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Error, Run, freshness};
use crate::mirror::{self, Old};
use crate::report::{Mode, Report, RunId};

/// So many of the last runs are looked at for the one before.
const RUNS_LOOKED_AT: u32 = 100;

impl Run<'_> {
    /// Which details are old, and how many of them are to be asked for again in this run. Whoever was
    /// asked for by a run that this one takes up is not asked for again.
    pub(super) async fn due(&mut self) -> Result<(Old, u64), Error> {
        self.due_once(0, 0).await
    }

    /// The same, as it will be when so many have come and so many have left.
    pub(super) async fn due_once(
        &mut self,
        arrived: u64,
        departed: u64,
    ) -> Result<(Old, u64), Error> {
        let began = self.report.started_at;
        let began = self.taken_up_since.map_or(began, |since| since.min(began));
        let max_age =
            SignedDuration::try_from(self.settings.max_detail_age).expect("the settings bound it");
        let too_old = began
            .saturating_sub(max_age)
            .expect("a signed duration saturates");
        let (active, overdue, there_are, last_run) = self
            .store
            .with(move |mirror| {
                Ok((
                    mirror.alive_count()?,
                    mirror.due_len(too_old)?,
                    mirror.due_len(began)?,
                    last_run(mirror)?,
                ))
            })
            .await?;
        let due = freshness::Due {
            active: (active + arrived).saturating_sub(departed),
            overdue,
            since_last_run: last_run.map(|last| since(last, began)),
            max_detail_age: self.settings.max_detail_age,
            reverify_max: self.settings.reverify_max,
        };
        let old = Old {
            before: began,
            max_age,
        };
        Ok((old, due.count().min(there_are.saturating_sub(departed))))
    }

    /// At the start, where everybody is known by then: not by a first walk that is to be taken up.
    pub(super) async fn foresee_age_of_the_known(&mut self) -> Result<(), Error> {
        if self
            .open_walk
            .as_ref()
            .is_some_and(|walk| walk.known_alive.is_empty())
        {
            return Ok(());
        }
        let active = self.store.with(|mirror| mirror.alive_count()).await?;
        self.foresee_age(active);
        Ok(())
    }

    /// Says so where settings and pace can't keep the details of so many customers within their age,
    /// going by the schedule.
    pub(super) fn foresee_age(&mut self, active: u64) {
        if self.gaps.is_empty() {
            return;
        }
        let capacity = freshness::Capacity {
            active,
            pages: active.div_ceil(u64::from(self.flight.page_size)),
            gaps: &self.gaps,
            requests_per_second: self.flight.client.requests_per_second(),
            reverify_max: self.settings.reverify_max,
        };
        let wanted = self.settings.max_detail_age;
        if !capacity.holds(wanted) {
            let attainable = capacity.attainable_age().map_or_else(
                || "no bound at all".to_owned(),
                |age| {
                    format!(
                        "a bound of {}",
                        humantime::format_duration(whole_hours(age))
                    )
                },
            );
            self.warn(format!(
                "details can't be kept younger than sync.max_detail_age ({}): at this pace, this \
                 many runs and at most {} a run (sync.reverify_max) there is {attainable}; raise \
                 these, or max_detail_age",
                humantime::format_duration(wanted),
                self.settings.reverify_max,
            ));
        }
    }
}

/// When the last run began that came to ask for old details.
fn last_run(mirror: &mirror::Mirror) -> Result<Option<Timestamp>, mirror::Error> {
    let came_to_it = |run: &Report| run.came_to_its_end;
    let runs = mirror.last_runs(RUNS_LOOKED_AT)?;
    Ok(runs.into_iter().find(came_to_it).map(|run| run.started_at))
}

/// When the first of the runs began that were to ask for everyone's details again and of which none
/// came to its end since, nor any other but a refresh; `this` run not counted.
pub(super) fn full_since(
    mirror: &mirror::Mirror,
    this: RunId,
) -> Result<Option<Timestamp>, mirror::Error> {
    let runs = mirror.last_runs(RUNS_LOOKED_AT)?;
    let walking = runs
        .into_iter()
        .filter(|run| run.id != this && run.mode != Mode::Refresh);
    let cut_short = walking
        .take_while(|run| !run.came_to_its_end)
        .filter(|run| run.mode == Mode::Full);
    Ok(cut_short.last().map(|run| run.started_at))
}

/// From one instant to a later one; nothing where the clock was set back.
fn since(from: Timestamp, to: Timestamp) -> Duration {
    to.duration_since(from).try_into().unwrap_or_default()
}

/// Rounded up: a bound is not to promise too much.
fn whole_hours(age: Duration) -> Duration {
    let hour = Duration::from_hours(1).as_secs();
    Duration::from_secs(age.as_secs().div_ceil(hour).saturating_mul(hour))
}
