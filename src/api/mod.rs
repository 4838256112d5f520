//! The only client of the API.

mod answer;
mod error;

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config;
use crate::customer::CustomerId;
use crate::report::Live;

pub use answer::{Answer, Details, Filter, KeyPair, Limits, Page, Tally, Total};
pub use error::Error;

/// What the pacing remembers from one run to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PaceMemory {
    /// The rate in force, where it is below the ceiling.
    pub requests_per_second: Option<f64>,
    /// The instant before which the server wants no request.
    pub not_before: Option<Timestamp>,
}

/// Speaks to the API. Cheap to clone; all clones share one pace, one budget and one tally.
#[derive(Clone)]
pub struct Client(Arc<()>);

impl Client {
    /// A client that has sent nothing yet.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is another module's noun; a struct of them would be one more"
    )]
    pub fn new(
        api: &config::Api,
        pace: &config::Pace,
        memory: PaceMemory,
        limits: Limits,
        clock: Clock,
        live: Arc<Live>,
        stop: CancellationToken,
    ) -> Result<Client, Error> {
        let _ = (api, pace, memory, limits, clock, live, stop);
        Ok(Client(Arc::new(())))
    }

    /// One page of the list, from 1.
    pub async fn list_page(
        &self,
        page: u32,
        page_size: u32,
        filter: &Filter,
    ) -> Result<Page, Error> {
        let _ = (page, page_size, filter);
        Err(Error::Stopped)
    }

    /// One customer's details.
    pub async fn customer(&self, id: CustomerId) -> Result<Details, Error> {
        let _ = id;
        Err(Error::Stopped)
    }

    /// What the platform says of the key pair in use.
    pub async fn key_pair(&self) -> Option<KeyPair> {
        None
    }

    /// What has gone over the wire so far.
    pub fn tally(&self) -> Tally {
        Tally::default()
    }

    /// What the next run's pacing is to start from.
    pub fn pace_memory(&self) -> PaceMemory {
        PaceMemory::default()
    }

    /// The counter of intervals: the next number it gives out.
    pub fn count(&self) -> u64 {
        0
    }

    /// The rate in force.
    pub fn requests_per_second(&self) -> f64 {
        0.0
    }
}
