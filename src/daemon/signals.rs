//! Signals: a first one asks to stop, a second one is obeyed at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::report::Exit;

/// A token that SIGINT or SIGTERM cancels. Whatever is in flight may then be brought to its end;
/// a second signal ends the process where it stands, which loses nothing that was committed.
pub fn stop() -> io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut signals = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let told = stop.clone();
    tokio::spawn(async move {
        either(&mut signals).await;
        tracing::info!("told to stop: finishing what is in flight; once more ends it at once");
        told.cancel();
        either(&mut signals).await;
        std::process::exit(i32::from(Exit::Partial as u8));
    });
    Ok(stop)
}

/// SIGHUP, each time it comes.
pub fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

async fn either((interrupt, terminate): &mut (Signal, Signal)) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
