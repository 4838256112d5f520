//! The daemon: one cycle after another, when they are due, until it is told to stop.
//!
//! All of it is one task with one loop: there is never more than one cycle, because there is one
//! place that starts them. What is due comes from `schedule.rs`, how a cycle goes from `cycle.rs`.
//!
//! A first cycle that fails for a reason that only its owner can mend ends the daemon, since
//! someone is there who just started it. Later on the daemon outlives every failure: it says so,
//! keeps serving its status, and tries again when the schedule says so, or sooner where that helps.

pub mod cycle;
mod error;
mod heartbeat;
mod pages;
mod schedule;
mod service;
pub mod signals;
mod watchdog;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{self, Config};
use crate::mirror::{Mirror, Reader};
use crate::report::{Exit, Grade, Live, Mode, Outcome, in_one_line};
use crate::sync::{Job, Surroundings};
use crate::{api, mirror, sync};

use cycle::{Cycled, cycle};
pub use error::Error;
use heartbeat::Heartbeat;
use pages::Pages;
use schedule::Schedule;
use watchdog::Watchdog;

/// When to try again where another process holds the mirror: a `refresh` takes seconds.
const RETRY_HELD: Duration = Duration::from_secs(30);

/// When to try again where the API, or a bucket, could not be reached, so that a short outage does not cost a
/// whole interval.
const RETRY_UNAVAILABLE: Duration = Duration::from_mins(5);

/// Reads the settings anew.
pub type Load = Box<dyn Fn() -> Result<Config, config::Error> + Send>;

/// Runs until `stop` is cancelled. `load` is asked at the start and on each SIGHUP.
pub async fn run(
    load: Load,
    clock: Clock,
    live: Arc<Live>,
    stop: CancellationToken,
) -> Result<Exit, Error> {
    let told_to_stop = stop.clone();
    let mut daemon = Daemon::new(load, clock, live, stop).await?;
    let mut hangups = signals::hangups().map_err(Error::set_up("signals"))?;
    let mut heartbeat = Heartbeat::start().await?;
    daemon.serve_pages().await;
    service::ready("waiting for the schedule");
    let ended = loop {
        tokio::select! {
            () = told_to_stop.cancelled() => break daemon.finish().await,
            _ = hangups.recv() => daemon.reload().await,
            cycled = daemon.cycled() => if let Err(error) = daemon.conclude(cycled) {
                break Err(error);
            },
            beat = heartbeat.beat() => match beat {
                Ok(()) => daemon.beat(),
                Err(error) => break Err(error),
            },
        }
    };
    heartbeat.stop().await;
    ended
}

struct Daemon {
    load: Load,
    config: Arc<Config>,
    clock: Clock,
    live: Arc<Live>,
    stop: CancellationToken,
    schedule: Schedule,
    watchdog: Watchdog,
    pages: Pages,
    /// The cycle under way.
    running: Option<JoinHandle<Cycled>>,
    /// When to run besides the schedule: at the start, and where a cycle is worth repeating.
    also_at: Option<Timestamp>,
    has_run: bool,
}

impl Daemon {
    /// Whatever can be found wrong before the first cycle is found here.
    async fn new(
        load: Load,
        clock: Clock,
        live: Arc<Live>,
        stop: CancellationToken,
    ) -> Result<Self, Error> {
        let config = Arc::new(load()?);
        cycle::check(&config).await?;
        let now = clock.now();
        let last_run = last_run(&config)?;
        Ok(Self {
            schedule: Schedule::new(config.schedule.clone(), last_run, now),
            watchdog: Watchdog::new(&config, clock.elapsed()),
            pages: Pages::default(),
            also_at: config.schedule.run_at_start.then_some(now),
            load,
            config,
            clock,
            live,
            stop,
            running: None,
            has_run: false,
        })
    }

    fn beat(&mut self) {
        let reading = self.running.as_ref().map(|_| self.live.read());
        if self.watchdog.is_content(reading, self.clock.elapsed()) {
            service::alive();
        }
        let now = self.clock.now();
        let is_due = self.schedule.due(now).is_some() || self.also_at.is_some_and(|at| at <= now);
        if is_due && self.running.is_none() {
            self.start(now);
        }
    }

    fn start(&mut self, now: Timestamp) {
        self.schedule.serve(now);
        self.also_at = None;
        let around = Surroundings {
            config: Arc::clone(&self.config),
            clock: self.clock.clone(),
            live: Arc::clone(&self.live),
            stop: self.stop.clone(),
        };
        service::status("syncing");
        tracing::info!("run begins");
        let cycle = async move { cycle(&Job::of(Mode::Sync), &around).await };
        self.running = Some(tokio::spawn(cycle));
    }

    /// The cycle under way, when it is over; never where there is none. Dropped and called again,
    /// it goes on waiting.
    async fn cycled(&mut self) -> Cycled {
        match &mut self.running {
            Some(running) => {
                let cycled = running.await;
                self.running = None;
                cycled.expect("a panic ends the process, and nobody aborts this task")
            }
            None => std::future::pending().await,
        }
    }

    /// Says how a cycle went and when the next one is. An error ends the daemon.
    fn conclude(&mut self, cycled: Cycled) -> Result<(), Error> {
        let now = self.clock.now();
        say(&cycled);
        self.also_at = retry_at(&cycled, now);
        let is_first = !std::mem::replace(&mut self.has_run, true);
        match cycled.error {
            Some(error) if is_first && wants_its_owner(&error) => return Err(error),
            Some(error) => complain(&error),
            None => {}
        }
        let upcoming = self.schedule.upcoming();
        let next = upcoming.into_iter().chain(self.also_at).min();
        let next = next.map_or_else(|| "never".to_owned(), |at| at.to_string());
        service::status(&format!("next run at {next}"));
        tracing::info!(%next, "waiting");
        Ok(())
    }

    async fn serve_pages(&mut self) {
        self.pages
            .serve(&self.config, &self.clock, &self.live)
            .await;
    }

    async fn reload(&mut self) {
        service::reloading();
        match (self.load)() {
            Ok(config) => {
                self.schedule.change(config.schedule.clone());
                self.watchdog = Watchdog::new(&config, self.clock.elapsed());
                self.config = Arc::new(config);
                self.serve_pages().await;
                tracing::info!("settings read anew; a run under way keeps its own");
            }
            Err(error) => {
                let (what, hint) = (in_one_line(&error), error.hint());
                tracing::error!(hint, "{what}; the old settings stay");
            }
        }
        service::ready("settings read anew");
    }

    /// Waits for the cycle under way, which has been told to stop.
    async fn finish(&mut self) -> Result<Exit, Error> {
        service::stopping();
        if self.running.is_some() {
            let cycled = self.cycled().await;
            say(&cycled);
            // That it was stopped is no news.
            let error = cycled.error.filter(|error| error.exit() != Exit::Partial);
            error.iter().for_each(complain);
        }
        self.pages.end().await;
        tracing::info!("stopped");
        Ok(Exit::Done)
    }
}

/// When the last run began. Opens the mirror for writing, so that a mirror that can't be had is
/// found out at once; one that another process holds may be had in a moment, and is read.
fn last_run(config: &Config) -> Result<Option<Timestamp>, mirror::Error> {
    let path = &config.mirror.path;
    let runs = match Mirror::open(path) {
        Ok(mirror) => mirror.last_runs(1)?,
        Err(mirror::Error::Held { .. }) => Reader::open(path)?.snapshot()?.last_runs(1)?,
        Err(error) => return Err(error),
    };
    Ok(runs.first().map(|run| run.started_at))
}

/// Where a cycle is worth repeating before the schedule says so: when.
fn retry_at(cycled: &Cycled, now: Timestamp) -> Option<Timestamp> {
    match cycled.error.as_ref()? {
        Error::Mirror(mirror::Error::Held { .. }) => Some(now + RETRY_HELD),
        Error::Sync(sync::Error::Api(api::Error::AskedToWait { until })) => Some(*until),
        error if is_out_of_reach(error) => Some(now + RETRY_UNAVAILABLE),
        _ => None,
    }
}

/// True where the API, or the lake's bucket, could not be reached.
fn is_out_of_reach(error: &Error) -> bool {
    match error {
        Error::Lake(error) => error.may_pass(),
        error => error.exit() == Exit::Unavailable,
    }
}

/// True for what does not mend itself.
fn wants_its_owner(error: &Error) -> bool {
    !is_out_of_reach(error)
        && matches!(
            error.exit(),
            Exit::Config | Exit::Refused | Exit::Damaged | Exit::CannotWrite | Exit::Bug
        )
}

/// One line on a cycle, where the log is kept.
fn say(cycled: &Cycled) {
    if let Some(report) = &cycled.report {
        let counts = &report.counts;
        tracing::info!(
            run = %report.id,
            grade = report.grade.map(Grade::as_str),
            outcome = report.outcome.map(Outcome::as_str),
            added = counts.added,
            changed = counts.changed,
            deleted = counts.deleted,
            held = counts.held,
            requests = counts.list_requests + counts.detail_requests,
            published = cycled.published.is_some(),
            "run ended"
        );
    }
}

/// Says why a cycle ended before its end. What goes on by itself is a warning.
fn complain(error: &Error) {
    let (what, hint) = (in_one_line(error), error.hint());
    if error.exit() == Exit::Partial {
        tracing::warn!(hint, "{what}");
    } else {
        tracing::error!(hint, "{what}");
    }
}
