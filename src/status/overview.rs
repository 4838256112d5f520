//! The overview: everything that is worth knowing of a mirror at one instant, as a value.
//!
//! It is read from the mirror alone, whether a daemon runs or not. As JSON it is a promise:
//! fields are added, none is renamed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::config::Config;
use crate::mirror::{Error, Memory, Reader, Reason, Standing};
use crate::report::{Grade, Outcome, Report};
use crate::sync::freshness::Capacity;

/// Runs that are shown.
const RUNS_SHOWN: u32 = 10;

/// How the copy stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overview {
    /// When this was read.
    pub now: Timestamp,
    /// The database file.
    pub mirror: String,
    /// The lake's folder; none where there is none.
    pub lake: Option<String>,
    /// True where the data is older than two runs should let it become, or was never whole.
    pub stale: bool,
    /// The grade of the newest walk.
    pub grade: Option<Grade>,
    /// The instant of the newest walk that was proved complete.
    pub complete_as_of: Option<Timestamp>,
    /// When the newest run that ended well did so.
    pub last_good_run_at: Option<Timestamp>,
    /// The next scheduled time, if a daemon runs.
    pub next_run_at: Option<Timestamp>,
    /// How many customers there are.
    pub customers: Customers,
    /// How old their details are.
    pub details: Details,
    /// How many customers wait for their details, by reason.
    pub queue: BTreeMap<&'static str, u64>,
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
}

/// What the server lets through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pace {
    /// The rate in force.
    pub requests_per_second: f64,
    /// The server asked for no request before this.
    pub not_before: Option<Timestamp>,
}

impl Overview {
    /// How the mirror of these settings stands at `now`.
    pub fn read(config: &Config, now: Timestamp) -> Result<Self, Error> {
        let reader = Reader::open(&config.mirror.path)?;
        let snapshot = reader.snapshot()?;
        let standing = snapshot.standing()?;
        let memory = snapshot.memory()?;
        let runs = snapshot.last_runs(RUNS_SHOWN)?;
        let overdue = snapshot.due_len(before(now, config.sync.max_detail_age))?;
        let good = runs.iter().find(|run| is_good(run));
        let last_good_run_at = good.and_then(|run| run.finished_at);
        let pace = Pace {
            requests_per_second: memory
                .requests_per_second
                .unwrap_or(config.pace.requests_per_second),
            not_before: memory.not_before.filter(|until| *until > now),
        };
        Ok(Self {
            now,
            mirror: config.mirror.path.display().to_string(),
            lake: config
                .lake
                .path
                .as_ref()
                .map(|path| path.display().to_string()),
            stale: is_stale(config, &memory, last_good_run_at, now),
            grade: runs.iter().find_map(|run| run.grade),
            complete_as_of: memory.last_complete_as_of,
            last_good_run_at,
            next_run_at: config.schedule.next(now),
            details: Details {
                oldest_verified_at: standing.oldest_verified_at,
                max_age_seconds: config.sync.max_detail_age.as_secs(),
                attainable_age_seconds: attainable_age(config, standing.alive, &pace, now),
                overdue,
            },
            queue: standing
                .queued
                .iter()
                .map(|(why, number)| (word(*why), *number))
                .collect(),
            held: standing.held,
            pace,
            deleted_came_back_at: memory.h3_broken_at,
            unlisted_seen_at: memory.h4_broken_at,
            customers: Customers::from(standing),
            runs,
        })
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

fn before(now: Timestamp, age: Duration) -> Timestamp {
    let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
    now.saturating_sub(age)
        .expect("a signed duration saturates")
}

fn is_good(run: &Report) -> bool {
    matches!(run.outcome, Some(Outcome::Done | Outcome::Held)) && run.grade.is_some()
}

/// A run may be missed or fail once without a word; two in a row are worth an alarm.
fn is_stale(
    config: &Config,
    memory: &Memory,
    last_good: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    let interval = config.schedule.interval(now).unwrap_or_default();
    let too_old = before(now, 2 * interval + Duration::from_mins(10));
    !memory.baseline_done || last_good.is_none_or(|at| at < too_old)
}

fn attainable_age(config: &Config, active: u64, pace: &Pace, now: Timestamp) -> Option<u64> {
    let capacity = Capacity {
        active,
        pages: active.div_ceil(u64::from(config.api.page_size)),
        run_interval: config.schedule.interval(now)?,
        requests_per_second: pace.requests_per_second,
        reverify_max: config.sync.reverify_max,
    };
    capacity.attainable_age().map(|age| age.as_secs())
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
