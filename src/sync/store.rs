//! The mirror on a thread where it may block, for a story that must not.
//!
//! One owner, one call at a time, in order. A call that was begun is never given up: whoever drops
//! its future loses the mirror, so nobody races these calls against anything.

use crate::mirror::{Error, Mirror};

/// Holds the mirror between calls.
pub(super) struct Store {
    mirror: Option<Mirror>,
}

impl Store {
    pub(super) fn new(mirror: Mirror) -> Self {
        Self {
            mirror: Some(mirror),
        }
    }

    /// Does `work` with the mirror, away from the threads that answers arrive on.
    pub(super) async fn with<R: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Mirror) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let mut mirror = self
            .mirror
            .take()
            .expect("no call to the mirror was ever dropped");
        let (mirror, result) = tokio::task::spawn_blocking(move || {
            let result = work(&mut mirror);
            (mirror, result)
        })
        .await
        .expect("a panic ends the process before it gets here");
        self.mirror = Some(mirror);
        result
    }

    /// The mirror, back to who lent it.
    pub(super) fn into_mirror(self) -> Mirror {
        self.mirror.expect("no call to the mirror was ever dropped")
    }
}
