//! Connections of the status pages: few, short, and let go of when the daemon ends.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at a time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 64;
/// How long a client may take to send a request's head; also how long an idle one is kept.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long the end waits for requests under way.
const END_WAIT_MAX: Duration = Duration::from_secs(5);
/// What is waited after the system refused to accept, for want of file handles as a rule.
const REFUSED_WAIT: Duration = Duration::from_millis(500);

/// Answers on `listener` until `stop` is cancelled.
pub(super) async fn serve(listener: TcpListener, site: Router, stop: CancellationToken) {
    let (places, tasks) = (
        Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        TaskTracker::new(),
    );
    let accepting = async {
        loop {
            let place = Arc::clone(&places).acquire_owned().await;
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (site, stop) = (site.clone(), stop.clone());
                    tasks.spawn(async move {
                        converse(stream, site, stop).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "the status page could not accept a connection");
                    sleep(REFUSED_WAIT).await;
                }
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = accepting => {}
    }
    tasks.close();
    // Whoever is slower than this loses its connection with the process.
    let _ = timeout(END_WAIT_MAX, tasks.wait()).await;
}

async fn converse(stream: TcpStream, site: Router, stop: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(site));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection to the status page broke off");
    }
}
