//! `twsync`: the daemon, until it is told to stop.

use std::sync::Arc;

use super::Failure;
use crate::clock::Clock;
use crate::config::{Sources, load};
use crate::daemon::{self, signals};
use crate::report::{Exit, Live};

pub(super) async fn run(sources: Sources) -> Result<Exit, Failure> {
    let stop = signals::stop()?;
    let load = Box::new(move || load(&sources).map(|settings| settings.config));
    let live = Arc::new(Live::default());
    Ok(daemon::run(load, Clock::system(), live, stop).await?)
}
