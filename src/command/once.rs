//! `twsync --once` and `twsync refresh`: one cycle, with progress, and a summary at its end.

use std::sync::Arc;

use super::progress::Progress;
use super::summary::{self, Summary};
use super::{Failure, Terminal};
use crate::cli::Once;
use crate::clock::Clock;
use crate::config::Config;
use crate::customer::CustomerId;
use crate::daemon::cycle::{self, cycle};
use crate::daemon::signals;
use crate::report::{Exit, Live, Mode};
use crate::sync::{Job, Surroundings};

/// One run, as the command line wants it.
pub(super) async fn run(once: &Once, config: Config, terminal: &Terminal) -> Result<Exit, Failure> {
    let job = Job {
        requests_max: once.max_requests,
        deletions_allowed: once.allow_deletions.unwrap_or(0),
        ..Job::of(if once.full { Mode::Full } else { Mode::Sync })
    };
    answer(&job, config, terminal).await
}

/// These customers' details, now.
pub(super) async fn refresh(
    ids: Vec<CustomerId>,
    config: Config,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let job = Job {
        ids,
        ..Job::of(Mode::Refresh)
    };
    answer(&job, config, terminal).await
}

async fn answer(job: &Job, config: Config, terminal: &Terminal) -> Result<Exit, Failure> {
    cycle::check(&config).await?;
    let config = Arc::new(config);
    let around = Surroundings {
        config: Arc::clone(&config),
        clock: Clock::system(),
        live: Arc::new(Live::default()),
        stop: signals::stop()?,
    };
    let progress = Progress::watch(&around.live, terminal);
    let cycled = cycle(job, &around).await;
    progress.finish().await;
    if cycled.report.is_some() {
        terminal.answer(&Summary::of(&cycled, &config), summary::text)?;
    }
    match cycled.error {
        Some(error) => Err(Failure::from(error)),
        None => Ok(cycled.exit()),
    }
}
