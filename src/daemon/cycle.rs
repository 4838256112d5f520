//! One cycle: a run, then a generation of the lake. `--once` does one, the daemon one after another.
//!
//! The mirror is held from before the run until after the lake is published, and let go between
//! cycles, so that `twsync refresh` finds it free.

use std::path::PathBuf;

use tokio::task::spawn_blocking;

use super::Error;
use crate::api;
use crate::config::Config;
use crate::lake::{self, Published};
use crate::mirror::{self, Mirror};
use crate::report::{Exit, Mode, Outcome, Report, Stage, in_one_line};
use crate::sync::{self, Job, Ran, Surroundings};

/// What came of a cycle.
#[derive(Debug, Default)]
pub struct Cycled {
    /// What the run says of itself; none where the mirror could not be opened.
    pub report: Option<Report>,
    /// What a person should know of, though the run went on.
    pub warnings: Vec<String>,
    /// The generation that was published, if one was.
    pub published: Option<Published>,
    /// What ended it before its end.
    pub error: Option<Error>,
}

impl Cycled {
    /// The exit code that says how it ended.
    pub fn exit(&self) -> Exit {
        let outcome = self.report.as_ref().and_then(|report| report.outcome);
        match (&self.error, outcome) {
            (Some(error), _) => error.exit(),
            (None, Some(Outcome::Held)) => Exit::Held,
            (None, Some(Outcome::Partial)) => Exit::Partial,
            (None, _) => Exit::Done,
        }
    }

    fn failed(error: impl Into<Error>) -> Self {
        Self {
            error: Some(error.into()),
            ..Self::default()
        }
    }
}

/// Looks for whatever can be found wrong before anything is asked for: credentials, and the place of
/// the lake. Of the mirror, opening it says all there is to say; only that it is nobody else's comes
/// first, for then nothing is made anywhere.
pub async fn check(config: &Config) -> Result<(), Error> {
    config.credentials()?;
    let mirror = config.mirror.path.clone();
    blocking(move || Mirror::recognize(&mirror)).await?;
    if config.lake.path.is_none() {
        return Ok(());
    }
    let lake = config.lake.clone();
    match blocking(move || lake::check(&lake)).await {
        // Who publishes holds the mirror too, and the mirror knows who that is.
        Err(lake::Error::Held { .. }) | Ok(()) => Ok(()),
        // What the API has to tell is not to be had again; a network that is down may be up by then.
        Err(error) if error.may_pass() => {
            let error = in_one_line(&error);
            tracing::warn!(error, "the run goes on; publishing may fail at its end");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Does one run and publishes what it brought.
pub async fn cycle(job: &Job, around: &Surroundings) -> Cycled {
    let mirror = match open(around.config.mirror.path.clone()).await {
        Ok(mirror) => mirror,
        Err(error) => return Cycled::failed(error),
    };
    let ran = sync::run(job, around, mirror).await;
    let may_publish = may_publish(&ran, around);
    let Ran {
        mirror,
        report,
        warnings,
        error,
    } = ran;
    let (mirror, published) = if may_publish {
        publish(mirror, &report, around).await
    } else {
        (mirror, Ok(None))
    };
    let closed = close(mirror).await;
    let may_stop_short = around.config.lake.path.is_some();
    around.live.begin(Stage::Idle, 0);
    let (published, unpublished) = match published {
        Ok(published) => (published, None),
        Err(error) => (None, Some(error)),
    };
    // Told to stop between the run and its publishing: the next one publishes, and this one says so.
    let stopped = may_stop_short && published.is_none() && around.stop.is_cancelled();
    let error = error
        .or_else(|| stopped.then(|| api::Error::Stopped.into()))
        .map(Error::from);
    Cycled {
        report: Some(report),
        warnings,
        published,
        error: error.or(unpublished).or(closed.err()),
    }
}

/// What a run brought is right under every grade, so it is published, unless the run failed or was
/// told to stop, or the first look at all customers was cut short: then the last generation stays.
fn may_publish(ran: &Ran, around: &Surroundings) -> bool {
    let went_on = ran.error.as_ref().is_none_or(sync::Error::is_interruption);
    let looked_at_all = ran.error.is_none() && ran.report.mode != Mode::Refresh;
    let is_whole = || looked_at_all || ran.mirror.memory().is_ok_and(|memory| memory.baseline_done);
    let wanted = around.config.lake.path.is_some();
    wanted && went_on && !around.stop.is_cancelled() && is_whole()
}

async fn open(path: PathBuf) -> Result<Mirror, mirror::Error> {
    blocking(move || Mirror::open(&path)).await
}

async fn publish(
    mirror: Mirror,
    report: &Report,
    around: &Surroundings,
) -> (Mirror, Result<Option<Published>, Error>) {
    let (report, around) = (report.clone(), around.clone());
    blocking(move || {
        let mut mirror = mirror;
        let lake = &around.config.lake;
        let published = lake::publish(
            lake,
            mirror.path(),
            Some(&report),
            &around.clock,
            &around.live,
        );
        if let Err(error) = &published {
            let mut said = report;
            said.ended_by(in_one_line(error));
            // Where the mirror can't be written either, the error itself is all that can be said.
            let _ = mirror.finish_run(&said);
        }
        (mirror, published.map(Some).map_err(Error::from))
    })
    .await
}

async fn close(mut mirror: Mirror) -> Result<(), Error> {
    blocking(move || {
        let checkpoint = mirror.checkpoint()?;
        if checkpoint.blocked {
            tracing::warn!(
                wal_bytes = checkpoint.wal_bytes,
                "a program reads the mirror in a long transaction: its log grows until that ends"
            );
        }
        Ok(())
    })
    .await
}

/// `work` on a thread where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work)
        .await
        .expect("a panic ends the process, and nobody aborts this task")
}
