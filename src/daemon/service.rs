//! What the service manager is told, if there is one: systemd's notification protocol
//! (`sd_notify(3)`).

use std::io;

use sd_notify::NotifyState;

/// Ready to serve, or again ready after a reload.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// What the daemon is at, in one line.
pub(super) fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// The settings are being read anew.
pub(super) fn reloading() {
    let since = NotifyState::monotonic_usec_now();
    tell(&since.map_or_else(
        |_| vec![NotifyState::Reloading],
        |since| vec![NotifyState::Reloading, since],
    ));
}

/// All is well.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// The end has begun.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    match sd_notify::notify(states) {
        // Without a service manager, nobody is told and nothing is wrong.
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::debug!(%error, "the service manager can't be told"),
    }
}
