//! The one value that says how the copy stands, for the pages, the probes and `twsync status`.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::attention;
use super::rhythm::Rhythm;
use crate::config::Config;
use crate::mirror::{Error, Memory, Reader, Reason, Snapshot, Standing};
use crate::report::{Grade, Outcome, Report, RunId};
use crate::sync::freshness::Capacity;

/// Runs that an overview tells of.
const RUNS_SHOWN: u32 = 20;

/// How the copy stands at one instant. Its JSON is a promise: fields are added, none goes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overview {
    /// The version of twsync that says so.
    pub version: &'static str,
    /// When it was asked.
    pub now: Timestamp,
    /// Whether the data is as fresh as the schedule promises: some run saw everybody, and it did
    /// so at the last scheduled time but one or later. A run that fails makes nothing unready by
    /// itself; that there is no good one after it does, in time.
    pub ready: bool,
    /// What wants a person's attention, a sentence each, the most pressing first. Empty: nothing.
    pub attention: Vec<String>,
    /// How old the data is, and how old it may become.
    pub freshness: Freshness,
    /// The customers in the mirror.
    pub customers: Customers,
    /// Versions of all customers.
    pub versions: u64,
    /// Rows of the API's that could not be taken, kept aside.
    pub rejected: u64,
    /// Customers whose details are to be fetched.
    pub queue: Queue,
    /// Deletions that the newest finished run held back for a decision.
    pub held: u64,
    /// How fast requests go out.
    pub pace: Pace,
    /// When runs are due.
    pub schedule: Plan,
    /// The newest run, where it has not ended: it is under way, or was cut short.
    pub unfinished: Option<Report>,
    /// The last finished runs, the newest first.
    pub last_runs: Vec<Report>,
}

/// How old the data is, and how old it may become.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Freshness {
    /// The newest run that saw everybody and ended as it should; the next three speak of it.
    pub run: Option<RunId>,
    /// What it proved: `complete` or `converged`.
    pub grade: Option<Grade>,
    /// The instant that the data speaks of. Complete: when the proving answer was received.
    /// Converged: when the run began, for all that it saw it saw later.
    pub as_of: Option<Timestamp>,
    /// Seconds from then until now.
    pub age_seconds: Option<u64>,
    /// Data of before this instant is late; none where the schedule never runs.
    pub late_before: Option<Timestamp>,
    /// The instant of the newest proved list, whatever became of the run.
    pub last_complete_as_of: Option<Timestamp>,
    /// When the details of the living customer that was verified longest ago were verified.
    pub oldest_detail_at: Option<Timestamp>,
    /// The setting: no customer's details should become older.
    pub max_detail_age_seconds: u64,
    /// What schedule and rate can hold at best; none where they can hold no age.
    pub attainable_detail_age_seconds: Option<u64>,
    /// Whether the setting can be held.
    pub max_detail_age_holds: bool,
}

/// The customers in the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Customers {
    /// Living ones.
    pub alive: u64,
    /// Tombstones.
    pub deleted: u64,
    /// Of the living, those that a proved list does not show.
    pub unlisted: u64,
    /// Of the living, those whose details were never fetched.
    pub unverified: u64,
}

/// Customers whose details are to be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Queue {
    /// All of them.
    pub length: u64,
    /// By reason: `new`, `returned`, `changed`, `missing`, `refresh`, `full`. All six are there.
    pub by_reason: BTreeMap<&'static str, u64>,
}

/// How fast requests go out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pace {
    /// The rate that the server last bore, all requests together.
    pub requests_per_second: f64,
    /// The setting, which is never exceeded.
    pub ceiling_per_second: f64,
    /// The server asked that nothing be sent before this instant, which is still to come.
    pub not_before: Option<Timestamp>,
}

/// When runs are due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The pattern: six fields, seconds first.
    pub cron: String,
    /// The time zone of the pattern.
    pub timezone: String,
    /// The next time that it names.
    pub next_run_at: Option<Timestamp>,
}

/// How the copy that `reader` sees stands at `now`.
pub fn overview(reader: &Reader, config: &Config, now: Timestamp) -> Result<Overview, Error> {
    Overview::of(&reader.snapshot()?, config, now)
}

impl Overview {
    /// How the copy stood at the instant of `snapshot`.
    pub fn of(snapshot: &Snapshot<'_>, config: &Config, now: Timestamp) -> Result<Self, Error> {
        let (standing, memory) = (snapshot.standing()?, snapshot.memory()?);
        let runs = snapshot.last_runs(RUNS_SHOWN + 1)?;
        let good = newest_good(snapshot, &runs)?;
        let rhythm = Rhythm::of(&config.schedule, now);
        let freshness = freshness(config, now, &standing, &memory, good.as_ref(), &rhythm);
        let (unfinished, last_runs) = by_end(runs);
        let mut overview = Self {
            version: env!("CARGO_PKG_VERSION"),
            now,
            ready: freshness.is_in_time(),
            attention: Vec::new(),
            freshness,
            customers: Customers {
                alive: standing.alive,
                deleted: standing.deleted,
                unlisted: standing.unlisted,
                unverified: standing.unverified,
            },
            versions: standing.versions,
            rejected: standing.rejected,
            queue: Queue::of(&standing),
            held: standing.held,
            pace: pace(config, now, &memory),
            schedule: Plan {
                cron: config.schedule.cron.clone(),
                timezone: zone_name(config),
                next_run_at: rhythm.next,
            },
            unfinished,
            last_runs,
        };
        overview.attention = attention::of(&overview, &memory);
        Ok(overview)
    }
}

impl Freshness {
    /// True where somebody saw everybody, and not too long ago.
    fn is_in_time(&self) -> bool {
        self.as_of
            .is_some_and(|as_of| self.late_before.is_none_or(|late| as_of >= late))
    }
}

impl Queue {
    fn of(standing: &Standing) -> Self {
        let mut by_reason: BTreeMap<_, _> = Reason::ALL.map(|it| (word(it), 0)).into();
        for (reason, length) in &standing.queued {
            by_reason.insert(word(*reason), *length);
        }
        Self {
            length: by_reason.values().sum(),
            by_reason,
        }
    }
}

/// True where a run saw everybody and ended as it should.
pub(crate) fn saw_everybody(run: &Report) -> bool {
    matches!(run.outcome, Some(Outcome::Done | Outcome::Held))
        && run.grade.is_some_and(|grade| grade >= Grade::Converged)
}

/// The instant that the data of a good run speaks of.
pub(crate) fn speaks_of(run: &Report) -> Timestamp {
    run.as_of.unwrap_or(run.started_at)
}

/// The newest good run. As a rule it is among the last ones; after a long time of failures all
/// runs are looked at.
fn newest_good(snapshot: &Snapshot<'_>, last: &[Report]) -> Result<Option<Report>, Error> {
    if let Some(good) = last.iter().find(|run| saw_everybody(run)) {
        return Ok(Some(good.clone()));
    }
    if last.len() <= RUNS_SHOWN as usize {
        return Ok(None);
    }
    Ok(snapshot.runs()?.into_iter().rev().find(saw_everybody))
}

/// The newest run where it has not ended, and the ended ones. Older ones without an end were
/// killed, and the run after each took over.
fn by_end(mut runs: Vec<Report>) -> (Option<Report>, Vec<Report>) {
    let newest_goes_on = runs.first().is_some_and(|run| run.finished_at.is_none());
    let unfinished = newest_goes_on.then(|| runs.remove(0));
    runs.retain(|run| run.finished_at.is_some());
    runs.truncate(RUNS_SHOWN as usize);
    (unfinished, runs)
}

fn freshness(
    config: &Config,
    now: Timestamp,
    standing: &Standing,
    memory: &Memory,
    good: Option<&Report>,
    rhythm: &Rhythm,
) -> Freshness {
    let capacity = Capacity {
        active: standing.alive,
        pages: standing
            .alive
            .div_ceil(u64::from(config.api.page_size.max(1))),
        run_interval: rhythm.interval.unwrap_or_default(),
        requests_per_second: rate(config, memory),
        reverify_max: config.sync.reverify_max,
    };
    let as_of = good.map(speaks_of);
    Freshness {
        run: good.map(|run| run.id),
        grade: good.and_then(|run| run.grade),
        as_of,
        age_seconds: as_of.map(|as_of| seconds_between(as_of, now)),
        late_before: rhythm.late_before,
        last_complete_as_of: memory.last_complete_as_of,
        oldest_detail_at: standing.oldest_verified_at,
        max_detail_age_seconds: config.sync.max_detail_age.as_secs(),
        attainable_detail_age_seconds: capacity.attainable_age().map(|age| age.as_secs()),
        max_detail_age_holds: capacity.holds(config.sync.max_detail_age),
    }
}

fn pace(config: &Config, now: Timestamp, memory: &Memory) -> Pace {
    Pace {
        requests_per_second: rate(config, memory),
        ceiling_per_second: config.pace.requests_per_second,
        not_before: memory.not_before.filter(|at| *at > now),
    }
}

/// What is remembered may be of a time when the ceiling was higher.
fn rate(config: &Config, memory: &Memory) -> f64 {
    let ceiling = config.pace.requests_per_second;
    memory
        .requests_per_second
        .map_or(ceiling, |borne| borne.min(ceiling))
}

fn zone_name(config: &Config) -> String {
    let zone = &config.schedule.timezone;
    zone.iana_name().unwrap_or("UTC").to_owned()
}

/// Clocks being what they are, what lies ahead is now.
fn seconds_between(from: Timestamp, until: Timestamp) -> u64 {
    Duration::try_from(until.duration_since(from)).map_or(0, |age| age.as_secs())
}

const fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::New => "new",
        Reason::Returned => "returned",
        Reason::Changed => "changed",
        Reason::Missing => "missing",
        Reason::Refresh => "refresh",
        Reason::Full => "full",
    }
}
