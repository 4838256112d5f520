//! How the copy stands: one value, the [`Overview`], and the read-only pages that show it.
//!
//! The value is made from the mirror and the settings, so that `twsync status`, which runs beside
//! the daemon, tells the very same. The pages add what only the daemon knows: how far the run
//! under way has come.
//!
//! Nothing here can change anything: the mirror is opened for reading, and only GET and HEAD are
//! answered. No page runs a script, loads anything, or names a customer.

mod attention;
mod connections;
mod guard;
mod metrics;
mod overview;
mod page;
mod pages;
mod words;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::report::Live;

pub use overview::{Customers, Details, Overview, Pace};
pub(crate) use overview::{saw_everybody, speaks_of};
pub(crate) use words::{ago, count, counted, date, instant, machine, share, signed, span};

/// What the pages are made from.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The settings in force; the mirror's path is among them.
    pub config: Arc<Config>,
    /// Tells what time it is when a page is asked for.
    pub clock: Clock,
    /// How far the run under way has come.
    pub live: Arc<Live>,
}

/// Serves the pages on `listener` until `stop` is cancelled, and returns when the requests that
/// were under way are answered, or after five seconds at most.
///
/// | path | what it answers |
/// |---|---|
/// | `/` | the status page |
/// | `/healthz` | 200 as long as the process answers at all |
/// | `/readyz` | 200 where the data is as fresh as the schedule promises, else 503; see [`Overview::stale`] |
/// | `/metrics` | the `OpenMetrics` text that Prometheus reads |
/// | `/api/status` | the [`Overview`] as JSON; 503 where there is no mirror to tell of |
///
/// Where it listens on loopback, a request must name this machine as its host: a page of somebody
/// else's must not be able to read it by pointing a name of its own at 127.0.0.1.
pub async fn serve(listener: TcpListener, setup: Setup, stop: CancellationToken) {
    let loopback = listener
        .local_addr()
        .is_ok_and(|address| address.ip().is_loopback());
    let site = guard::guarded(pages::router(setup), loopback);
    connections::serve(listener, site, stop).await;
}
