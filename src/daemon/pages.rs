//! The status pages beside the loop: served for as long as the daemon lives, and anew where the
//! settings are read anew.
//!
//! They are no reason not to sync: where they can't be served, that is said and nothing else.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::report::Live;
use crate::status::{self, Setup};

/// The pages that are served, if any.
#[derive(Default)]
pub(super) struct Pages {
    serving: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Pages {
    /// Serves them as these settings say, and no longer as earlier ones said.
    pub(super) async fn serve(&mut self, config: &Arc<Config>, clock: &Clock, live: &Arc<Live>) {
        self.end().await;
        let Some(address) = config.status.listen else {
            return;
        };
        let listener = match TcpListener::bind(address).await {
            Ok(listener) => listener,
            Err(error) => {
                let hint = "choose another status.listen, or an empty one for none";
                tracing::warn!(hint, "no status page: can't listen on {address}: {error}");
                return;
            }
        };
        let address = listener.local_addr().unwrap_or(address);
        tracing::info!("status page at http://{address}/");
        let setup = Setup {
            config: Arc::clone(config),
            clock: clock.clone(),
            live: Arc::clone(live),
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(status::serve(listener, setup, stop.clone()));
        self.serving = Some((stop, task));
    }

    /// Serves them no longer.
    pub(super) async fn end(&mut self) {
        if let Some((stop, task)) = self.serving.take() {
            stop.cancel();
            task.await
                .expect("a panic ends the process, and nobody aborts this task");
        }
    }
}
