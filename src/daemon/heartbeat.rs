//! The heartbeat: once a second, by tokio-cron-scheduler, in UTC.
//!
//! It decides nothing. The scheduler overlaps jobs with themselves, forgets what it missed and
//! waits for the wall clock to catch up where that was set back, so what is due is the business of
//! `schedule.rs`, and a heart that stands still is started anew.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::Error;

/// Without a beat for so long, the clock was set back, and the scheduler waits for it.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// Beats about once a second.
pub(super) struct Heartbeat {
    scheduler: JobScheduler,
    beat: Arc<Notify>,
}

impl Heartbeat {
    /// Starts to beat.
    pub(super) async fn start() -> Result<Self, Error> {
        Self::try_start()
            .await
            .map_err(Error::set_up("the heartbeat"))
    }

    /// Waits for the next beat.
    pub(super) async fn beat(&mut self) -> Result<(), Error> {
        if timeout(SILENCE_MAX, self.beat.notified()).await.is_err() {
            self.stop().await;
            *self = Self::start().await?;
        }
        Ok(())
    }

    /// Beats no more.
    pub(super) async fn stop(&mut self) {
        // A scheduler that can't be stopped is one that does not run.
        let _ = self.scheduler.shutdown().await;
    }

    async fn try_start() -> Result<Self, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        let beat = Arc::new(Notify::new());
        let beating = Arc::clone(&beat);
        let job = Job::new_async("* * * * * *", move |_, _| {
            beating.notify_one();
            Box::pin(std::future::ready(()))
        })?;
        scheduler.add(job).await?;
        scheduler.start().await?;
        Ok(Self { scheduler, beat })
    }
}
