//! The overview: everything that is worth knowing of a mirror at one instant, as a value.
//!
//! It is read from the mirror and the settings alone, whether a daemon runs or not, so that
//! `twsync status` and the pages tell the very same. As JSON it is a promise: fields are added,
//! none is renamed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::attention;
use crate::config::{Config, Schedule};
use crate::mirror::{Error, Memory, Reader, Reason, Snapshot, Standing};
use crate::report::{Grade, Mode, Outcome, Report};
use crate::sync::freshness::Capacity;

/// Runs that are shown.
const RUNS_SHOWN: u32 = 20;

/// How the copy stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overview {
    /// The version of twsync that says so.
    pub version: &'static str,
    /// When this was read.
    pub now: Timestamp,
    /// The database file.
    pub mirror: String,
    /// Where the lake is; none where there is none.
    pub lake: Option<String>,
    /// True where the data is older than the schedule promises: no run saw everybody yet, or the
    /// newest that did speaks of a time before [`Self::late_before`]. A run that fails makes
    /// nothing stale by itself; that there is no good one after it does, in time.
    pub stale: bool,
    /// What wants a person's attention, a sentence each, the most pressing first.
    pub attention: Vec<String>,
    /// The grade of the newest run that saw everybody and ended as it should: complete or
    /// converged.
    pub grade: Option<Grade>,
    /// The instant that its data speaks of. Complete: when the proving answer was received.
    /// Converged: when the run began, for whatever it saw it saw later.
    pub as_of: Option<Timestamp>,
    /// Seconds from then until now.
    pub age_seconds: Option<u64>,
    /// The last scheduled time but one: data of before is late, for one run may be under way or
    /// have failed, but not two. None where the schedule never runs.
    pub late_before: Option<Timestamp>,
    /// The instant of the newest walk that was proved complete, whatever became of its run.
    pub complete_as_of: Option<Timestamp>,
    /// When the newest run that saw everybody and ended as it should did so.
    pub last_good_run_at: Option<Timestamp>,
    /// The next scheduled time, if a daemon runs.
    pub next_run_at: Option<Timestamp>,
    /// How many customers there are.
    pub customers: Customers,
    /// How old their details are.
    pub details: Details,
    /// How many customers wait for their details, by reason; reasons without any are left out.
    pub queue: BTreeMap<&'static str, u64>,
    /// Customers whose details are still to be asked for, as the newest run but a refresh that ended
    /// counted them: those who wait in the queue, and those missing from the list of whom it heard
    /// nothing that decides.
    pub pending: u64,
    /// Deletions that wait for a decision.
    pub held: u64,
    /// What the server lets through.
    pub pace: Pace,
    /// When a deleted id was first seen to come back; proofs rest on that not happening.
    pub deleted_came_back_at: Option<Timestamp>,
    /// When a customer was first seen to live that a proved list does not show.
    pub unlisted_seen_at: Option<Timestamp>,
    /// The newest runs, the newest first. One without an outcome is under way, or was killed.
    pub runs: Vec<Report>,
}

/// How many customers there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Customers {
    /// Those that live.
    pub active: u64,
    /// Those that were found deleted.
    pub deleted: u64,
    /// Of the active, those that a proved list does not show.
    pub unlisted: u64,
    /// Of the active, those whose details were never fetched.
    pub unverified: u64,
    /// Versions of all of them.
    pub versions: u64,
    /// Rows of the API that could not be taken.
    pub rejected_rows: u64,
}

/// How old details are, and may become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Details {
    /// When the details that were verified longest ago were.
    pub oldest_verified_at: Option<Timestamp>,
    /// The setting: each customer's details are to be asked again at least this often.
    pub max_age_seconds: u64,
    /// The age that schedule and pace can really hold; none where they hold none.
    pub attainable_age_seconds: Option<u64>,
    /// Details that are older than they should be.
    pub overdue: u64,
    /// Details that were asked for again only because they were old, in all runs.
    pub reverified: u64,
    /// Of those, how many had changed without a trace in the list: how often the list misses one.
    pub reverified_changed: u64,
}

/// What the server lets through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pace {
    /// The rate in force, all requests together.
    pub requests_per_second: f64,
    /// The setting, which is never exceeded.
    pub ceiling_per_second: f64,
    /// The server asked for no request before this.
    pub not_before: Option<Timestamp>,
}

impl Overview {
    /// Of those who are [`pending`](Self::pending), the ones who wait in no queue: the list does not show them,
    /// and nothing decides yet whether they are gone.
    pub fn undecided(&self) -> u64 {
        let queued: u64 = self.queue.values().sum();
        self.pending.saturating_sub(queued)
    }

    /// How the mirror of these settings stands at `now`.
    pub fn read(config: &Config, now: Timestamp) -> Result<Self, Error> {
        let reader = Reader::open(&config.mirror.path)?;
        Self::of(&reader.snapshot()?, config, now)
    }

    /// How the mirror of these settings stood at the instant of `snapshot`, looked back at from
    /// `now`.
    pub fn of(snapshot: &Snapshot<'_>, config: &Config, now: Timestamp) -> Result<Self, Error> {
        let (standing, memory) = (snapshot.standing()?, snapshot.memory()?);
        let runs = snapshot.last_runs(RUNS_SHOWN)?;
        let good = newest_good(snapshot, &runs)?;
        let as_of = good.as_ref().map(speaks_of);
        let late_before = late_before(&config.schedule, now);
        let pace = pace(config, &memory, now);
        let mut overview = Self {
            version: env!("CARGO_PKG_VERSION"),
            now,
            mirror: config.mirror.path.display().to_string(),
            lake: config.lake.path.as_ref().map(ToString::to_string),
            stale: is_stale(as_of, late_before),
            attention: Vec::new(),
            grade: good.as_ref().and_then(|run| run.grade),
            as_of,
            age_seconds: as_of.map(|as_of| seconds(now.duration_since(as_of))),
            late_before,
            complete_as_of: memory.last_complete_as_of,
            last_good_run_at: good.and_then(|run| run.finished_at),
            next_run_at: config.schedule.next(now),
            details: Details {
                oldest_verified_at: standing.oldest_verified_at,
                max_age_seconds: config.sync.max_detail_age.as_secs(),
                attainable_age_seconds: attainable_age(config, standing.alive, &pace, now),
                overdue: snapshot.due_len(before(now, config.sync.max_detail_age))?,
                reverified: standing.reverified,
                reverified_changed: standing.reverified_changed,
            },
            queue: (standing.queued.iter())
                .map(|(why, number)| (word(*why), *number))
                .collect(),
            pending: pending(&runs),
            held: standing.held,
            pace,
            deleted_came_back_at: memory.h3_broken_at,
            unlisted_seen_at: memory.h4_broken_at,
            customers: Customers::from(standing),
            runs,
        };
        overview.attention = attention::of(&overview);
        Ok(overview)
    }

    /// The newest run that has ended.
    pub fn last_ended(&self) -> Option<&Report> {
        self.runs.iter().find(|run| run.finished_at.is_some())
    }
}

impl Details {
    /// Whether the setting can be held.
    pub fn bound_holds(&self) -> bool {
        self.attainable_age_seconds
            .is_some_and(|age| age <= self.max_age_seconds)
    }
}

impl From<Standing> for Customers {
    fn from(standing: Standing) -> Self {
        Self {
            active: standing.alive,
            deleted: standing.deleted,
            unlisted: standing.unlisted,
            unverified: standing.unverified,
            versions: standing.versions,
            rejected_rows: standing.rejected,
        }
    }
}

/// True where a run saw everybody and ended as it should.
pub(crate) fn saw_everybody(run: &Report) -> bool {
    matches!(run.outcome, Some(Outcome::Done | Outcome::Held))
        && run.grade.is_some_and(|grade| grade >= Grade::Converged)
}

/// The instant that the data of such a run speaks of.
pub(crate) fn speaks_of(run: &Report) -> Timestamp {
    run.as_of.unwrap_or(run.started_at)
}

/// The newest run that saw everybody. As a rule it is among the last ones; after a long time of
/// failures all runs are looked at.
fn newest_good(snapshot: &Snapshot<'_>, last: &[Report]) -> Result<Option<Report>, Error> {
    if let Some(good) = last.iter().find(|run| saw_everybody(run)) {
        return Ok(Some(good.clone()));
    }
    if last.len() < RUNS_SHOWN as usize {
        return Ok(None);
    }
    Ok(snapshot.runs()?.into_iter().rev().find(saw_everybody))
}

/// What the newest run left to be asked for that ended, and was more than a refresh.
fn pending(last: &[Report]) -> u64 {
    let ended = |run: &&Report| run.finished_at.is_some() && run.mode != Mode::Refresh;
    last.iter().find(ended).map_or(0, |run| run.counts.pending)
}

/// The last scheduled time but one. For an even schedule, data is late when it is between one
/// and two intervals old; for one that rests at night, the night does not count.
fn late_before(schedule: &Schedule, now: Timestamp) -> Option<Timestamp> {
    schedule.previous(schedule.previous(now)?)
}

fn is_stale(as_of: Option<Timestamp>, late_before: Option<Timestamp>) -> bool {
    as_of.is_none_or(|as_of| late_before.is_some_and(|late| as_of < late))
}

/// What is remembered may be of a time when the ceiling was higher.
fn pace(config: &Config, memory: &Memory, now: Timestamp) -> Pace {
    let ceiling = config.pace.requests_per_second;
    let borne = memory.requests_per_second.unwrap_or(ceiling);
    Pace {
        requests_per_second: borne.min(ceiling),
        ceiling_per_second: ceiling,
        not_before: memory.not_before.filter(|until| *until > now),
    }
}

fn attainable_age(config: &Config, active: u64, pace: &Pace, now: Timestamp) -> Option<u64> {
    let gaps = config.schedule.gaps(now);
    let capacity = Capacity {
        active,
        pages: active.div_ceil(u64::from(config.api.page_size)),
        gaps: &gaps,
        requests_per_second: pace.requests_per_second,
        reverify_max: config.sync.reverify_max,
    };
    capacity.attainable_age().map(|age| age.as_secs())
}

fn before(now: Timestamp, age: Duration) -> Timestamp {
    let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
    now.saturating_sub(age)
        .expect("a signed duration saturates")
}

/// Clocks being what they are, what lies ahead is now.
fn seconds(age: SignedDuration) -> u64 {
    Duration::try_from(age).map_or(0, |age| age.as_secs())
}

const fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::New => "new",
        Reason::Returned => "returned",
        Reason::Changed => "changed",
        Reason::Refresh => "refresh",
        Reason::Full => "full",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use croner::parser::{CronParser, Seconds};

    fn late(pattern: &str, now: &str) -> Option<String> {
        let parser = CronParser::builder().seconds(Seconds::Required).build();
        let schedule = Schedule {
            cron: parser.parse(pattern).expect("a pattern"),
            ..Schedule::default()
        };
        let at = late_before(&schedule, now.parse().expect("a time"))?;
        Some(at.to_string())
    }

    #[test]
    fn hourly_data_is_late_after_one_to_two_hours() {
        let found = late("0 0 * * * *", "2026-05-01T12:34:56Z");
        assert_eq!(found.as_deref(), Some("2026-05-01T11:00:00Z"));
        let on_the_hour = late("0 0 * * * *", "2026-05-01T12:00:00Z");
        assert_eq!(on_the_hour.as_deref(), Some("2026-05-01T10:00:00Z"));
    }

    #[test]
    fn a_schedule_that_rests_at_the_weekend_makes_no_data_late_on_sunday() {
        let sunday = late("0 0 9-17 * * 1-5", "2026-05-03T12:00:00Z");
        assert_eq!(sunday.as_deref(), Some("2026-05-01T16:00:00Z"));
    }
}
