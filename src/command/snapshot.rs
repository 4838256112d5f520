//! `twsync snapshot`: a generation of the lake from the mirror as it is.

use std::sync::Arc;

use serde::Serialize;
use tokio::task::spawn_blocking;

use super::progress::Progress;
use super::words::{counted, instant, tame};
use super::{Failure, Terminal};
use crate::clock::Clock;
use crate::config::Config;
use crate::lake::{self, Published};
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
}

pub(super) async fn run(config: Config, terminal: &Terminal) -> Result<Exit, Failure> {
    let path = config.lake.path.as_ref().map(ToString::to_string);
    let live = Arc::new(Live::default());
    let progress = Progress::watch(&live, terminal);
    let work = spawn_blocking(move || {
        let (settings, mirror) = (&config.lake, &config.mirror.path);
        lake::publish(settings, mirror, None, &Clock::system(), &live)
    });
    let published = work.await.expect("a panic ends the process");
    progress.finish().await;
    let answer = Answer::of(published?, path.unwrap_or_default());
    terminal.answer(&answer, text)?;
    Ok(Exit::Done)
}

impl Answer {
    fn of(published: Published, lake: String) -> Self {
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
        }
    }
}

fn text(answer: &Answer) -> String {
    format!(
        "Published {} as of {} to {}\n  {}, {} of {} files new\n",
        counted(answer.customers, "customer"),
        instant(answer.state_at),
        tame(&answer.lake),
        indicatif::HumanBytes(answer.bytes),
        answer.files.saturating_sub(answer.files_kept),
        answer.files,
    )
}
