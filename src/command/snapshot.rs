//! `twsync snapshot`: a generation of the lake from the mirror as it is.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;
use tokio::task::spawn_blocking;

use super::progress::Progress;
use super::words::{counted, instant, tame};
use super::{Failure, Terminal};
use crate::clock::Clock;
use crate::config::Config;
use crate::lake::{self, Finding, Published};
use crate::report::{Exit, Live};

#[derive(Serialize)]
struct Answer {
    lake: String,
    generation: String,
    state_at: jiff::Timestamp,
    customers: u64,
    files: u64,
    files_kept: u64,
    bytes: u64,
    /// Files of the generation before that were not as they were written.
    damaged: Vec<Damaged>,
}

#[derive(Serialize)]
struct Damaged {
    place: String,
    what: String,
}

pub(super) async fn run(config: Config, terminal: &Terminal) -> Result<Exit, Failure> {
    let path = config.lake.path.as_ref().map(ToString::to_string);
    let live = Arc::new(Live::default());
    let progress = Progress::watch(&live, terminal);
    let work = spawn_blocking(move || {
        let (settings, mirror) = (&config.lake, &config.mirror.path);
        lake::mend(settings, mirror, &Clock::system(), &live)
    });
    let published = work.await.expect("a panic ends the process");
    progress.finish().await;
    let (published, damaged) = published?;
    let answer = Answer::of(published, damaged, path.unwrap_or_default());
    terminal.answer(&answer, text)?;
    Ok(Exit::Done)
}

impl Answer {
    fn of(published: Published, damaged: Vec<Finding>, lake: String) -> Self {
        let Published {
            generation,
            state_at,
            customers,
            files,
            files_kept,
            bytes,
        } = published;
        Self {
            lake,
            generation,
            state_at,
            customers,
            files,
            files_kept,
            bytes,
            damaged: damaged.into_iter().map(Damaged::from).collect(),
        }
    }
}

impl From<Finding> for Damaged {
    fn from(Finding { place, what, .. }: Finding) -> Self {
        Self { place, what }
    }
}

fn text(answer: &Answer) -> String {
    let mut text = format!(
        "Published {} as of {} to {}\n  {}, {} of {} files new\n",
        counted(answer.customers, "customer"),
        instant(answer.state_at),
        tame(&answer.lake),
        indicatif::HumanBytes(answer.bytes),
        answer.files.saturating_sub(answer.files_kept),
        answer.files,
    );
    for Damaged { place, what } in &answer.damaged {
        let _ = writeln!(text, "  mended {}: {}", tame(place), tame(what));
    }
    let today = format!("snapshot_date={}/", answer.state_at.strftime("%Y-%m-%d"));
    let past =
        |it: &Damaged| it.place.starts_with("customers_snapshot/") && !it.place.contains(&today);
    if answer.damaged.iter().any(past) {
        text.push_str(ONLY_THE_NEWEST);
    }
    text
}

const ONLY_THE_NEWEST: &str = "  Of a past day's snapshot the mirror has all but two columns, of which it \
    keeps the newest value only:\n  detail_verified_at is there the earliest that it can have been, and \
    unlisted_since is empty if it was so later.\n";
