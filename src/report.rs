//! What a run says of itself: who it was, what it proved, what it counted, how it ended.
//!
//! Values only. Whoever makes a run fills a [`Report`] in; the mirror keeps it, the lake publishes
//! it, the terminal prints it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

/// One run's id: a UUID of version 7 (RFC 9562, section 5.7), so that ids sort by when runs began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RunId(pub Uuid);

impl RunId {
    /// A new id, later than all that this process made before it.
    #[expect(
        clippy::new_without_default,
        reason = "two defaults would not be equal"
    )]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// A new id that sorts behind `newest`, even where the clock was set back since.
    pub fn after(newest: Option<Self>) -> Self {
        let id = Self::new();
        match newest {
            Some(newest) if id <= newest => Self(Uuid::from_u128(newest.0.as_u128() + 1)),
            _ => id,
        }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// How much a walk proved of the list it saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Nothing is proved: passes disagree, the budget was spent, or the run was interrupted.
    Partial,
    /// Two passes saw the same customers, but no count of the server's proves them all.
    Converged,
    /// Proved: at one instant, these were exactly the living customers.
    Complete,
}

impl Grade {
    /// The word that stands in the mirror, the lake and on the terminal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Partial => "partial",
            Self::Converged => "converged",
            Self::Complete => "complete",
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a run was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The ordinary run: the list, then the details that are due.
    Sync,
    /// Every customer's details again.
    Full,
    /// The details of named customers, without a walk.
    Refresh,
}

impl Mode {
    /// The word that stands in the mirror and the lake.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Full => "full",
            Self::Refresh => "refresh",
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All that was to be done is done.
    Done,
    /// Done, but deletions wait for a decision.
    Held,
    /// Stopped before the end; the next run goes on from there.
    Partial,
    /// Ended by an error.
    Failed,
}

impl Outcome {
    /// The word that stands in the mirror and the lake.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Held => "held",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }
}

/// What the process says to whoever started it. The numbers are those of `sysexits.h` where one fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done; the grade is complete or converged.
    Done = 0,
    /// A fault of twsync itself.
    Bug = 1,
    /// The command line was misused.
    Usage = 2,
    /// The server does not speak this API.
    NotThisApi = 65,
    /// The API can't be reached, or keeps failing.
    Unavailable = 69,
    /// Mirror or lake can't be written.
    CannotWrite = 73,
    /// Mirror or lake is damaged, from another program, or from a newer version.
    Damaged = 74,
    /// Interrupted, budget spent, asked to wait too long, or another process holds the mirror.
    Partial = 75,
    /// Done, but deletions are on hold and want a decision.
    Held = 76,
    /// Credentials refused.
    Refused = 77,
    /// The configuration is wrong.
    Config = 78,
}

/// An error with all its causes, in one line.
pub fn in_one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

/// True for what would steer whoever shows it instead of being shown: control characters, what ends a line
/// or a paragraph, and invisible marks that turn the direction of text
/// (<https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters>).
pub fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
        )
}

/// What a run counted. Every field is a column of the same name in the mirror's and the lake's `runs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// List pages that were taken in.
    pub pages: u64,
    /// List requests that went over the wire, retries not counted.
    pub list_requests: u64,
    /// Detail requests that went over the wire, retries not counted.
    pub detail_requests: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Answers with status 429.
    pub throttled: u64,
    /// Customers seen for the first time.
    pub added: u64,
    /// Customers of whom a declared field changed.
    pub changed: u64,
    /// Listed customers that were as they had been.
    pub unchanged: u64,
    /// Details asked again only because they were old.
    pub reverified: u64,
    /// Of those, how many had changed without a trace in the list.
    pub reverified_changed: u64,
    /// Customers marked deleted.
    pub deleted: u64,
    /// Customers that came back after having been marked deleted.
    pub undeleted: u64,
    /// Customers that live although a proved list does not show them.
    pub unlisted: u64,
    /// Customers whose details the server refuses (401, 403).
    pub inaccessible: u64,
    /// Customers whose details are still to be asked for.
    pub pending: u64,
    /// Customers that deletion was held back for.
    pub held: u64,
    /// Rows seen to move from one page to another during the walk.
    pub drift: u64,
    /// Rows that could not be taken.
    pub rejected: u64,
}

impl Counts {
    /// Each count by name, in the order of the columns of `runs`.
    pub const ALL: [Count; 18] = [
        ("pages", |it| &mut it.pages),
        ("list_requests", |it| &mut it.list_requests),
        ("detail_requests", |it| &mut it.detail_requests),
        ("retries", |it| &mut it.retries),
        ("throttled", |it| &mut it.throttled),
        ("added", |it| &mut it.added),
        ("changed", |it| &mut it.changed),
        ("unchanged", |it| &mut it.unchanged),
        ("reverified", |it| &mut it.reverified),
        ("reverified_changed", |it| &mut it.reverified_changed),
        ("deleted", |it| &mut it.deleted),
        ("undeleted", |it| &mut it.undeleted),
        ("unlisted", |it| &mut it.unlisted),
        ("inaccessible", |it| &mut it.inaccessible),
        ("pending", |it| &mut it.pending),
        ("held", |it| &mut it.held),
        ("drift", |it| &mut it.drift),
        ("rejected", |it| &mut it.rejected),
    ];
}

/// A count: its name, and where it stands in [`Counts`].
pub type Count = (&'static str, fn(&mut Counts) -> &mut u64);

/// One run, from its first moment to its last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The run.
    pub id: RunId,
    /// What it was asked to do.
    pub mode: Mode,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; none while it runs, or where it was killed.
    pub finished_at: Option<Timestamp>,
    /// How it ended; none while it runs, or where it was killed.
    pub outcome: Option<Outcome>,
    /// What its walk proved; none where there was no walk.
    pub grade: Option<Grade>,
    /// The instant that the grade speaks of: when the proving answer was received.
    pub as_of: Option<Timestamp>,
    /// Why it did not end as `done`, in one line for a person.
    pub reason: Option<String>,
    /// Whether nothing cut it short. A run that only never came to agree with itself about the list did
    /// all that it could, and so did one that met details which are none, and one that waits for what a
    /// person has to decide. A refresh has no such end.
    pub came_to_its_end: bool,
    /// What it counted.
    pub counts: Counts,
}

impl Report {
    /// The report of a run that is about to begin.
    pub fn begin(id: RunId, mode: Mode, at: Timestamp) -> Self {
        Self {
            id,
            mode,
            started_at: at,
            finished_at: None,
            outcome: None,
            grade: None,
            as_of: None,
            reason: None,
            came_to_its_end: false,
            counts: Counts::default(),
        }
    }

    /// Says why it ended as it did, before whatever else there is to say.
    pub fn ended_by(&mut self, why: String) {
        self.reason = Some(match self.reason.take() {
            Some(else_said) => format!("{why}; {else_said}"),
            None => why,
        });
    }
}

/// What a run is at: a way to say, and how far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Stage {
    /// Not yet begun, or between stages.
    Idle = 0,
    /// Walking the list.
    Pages = 1,
    /// Fetching details.
    Details = 2,
    /// Writing the lake.
    Publishing = 3,
}

/// How far a run has come, for whoever looks on: a terminal, a log line a minute, a watchdog.
/// The run writes, others read; nobody waits for anybody.
#[derive(Debug, Default)]
pub struct Live {
    stage: AtomicU64,
    done: AtomicU64,
    total: AtomicU64,
    requests: AtomicU64,
}

impl Live {
    /// A new stage has begun, of `total` steps (0: not known yet).
    pub fn begin(&self, stage: Stage, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
        self.stage.store(stage as u64, Ordering::Relaxed);
    }

    /// How many steps this stage turned out to have.
    pub fn expect(&self, total: u64) {
        self.total.store(total, Ordering::Relaxed);
    }

    /// `steps` more steps are done.
    pub fn advance(&self, steps: u64) {
        self.done.fetch_add(steps, Ordering::Relaxed);
    }

    /// One more request went over the wire.
    pub fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// The stage, the steps done, the steps in all (0: not known), the requests so far.
    pub fn read(&self) -> (Stage, u64, u64, u64) {
        let stage = match self.stage.load(Ordering::Relaxed) {
            1 => Stage::Pages,
            2 => Stage::Details,
            3 => Stage::Publishing,
            _ => Stage::Idle,
        };
        (
            stage,
            self.done.load(Ordering::Relaxed),
            self.total.load(Ordering::Relaxed),
            self.requests.load(Ordering::Relaxed),
        )
    }
}
