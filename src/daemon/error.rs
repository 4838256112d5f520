//! What ends a cycle before its end, and with it perhaps the daemon.

use crate::report::Exit;
use crate::{config, lake, mirror, sync};

/// Why a cycle, or the daemon, could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings do not do.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The mirror could not be opened, read or written.
    #[error(transparent)]
    Mirror(#[from] mirror::Error),
    /// The run ended before its end.
    #[error(transparent)]
    Sync(#[from] sync::Error),
    /// The lake could not be published; the mirror is as the run left it.
    #[error(transparent)]
    Lake(#[from] lake::Error),
    /// The system refuses what every process may have: signals, a heartbeat.
    #[error("the daemon can't be set up: {what}")]
    SetUp {
        /// What was refused.
        what: &'static str,
        /// The words of whoever refused it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// The exit code that says so.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(error) => error.exit(),
            Self::Mirror(error) => error.exit(),
            Self::Sync(error) => error.exit(),
            Self::Lake(error) => error.exit(),
            Self::SetUp { .. } => Exit::Bug,
        }
    }

    /// What to do next, in one line; empty where there is nothing to advise.
    pub fn hint(&self) -> String {
        match self {
            Self::Config(error) => error.hint(),
            Self::Mirror(error) => error.hint(),
            Self::Sync(error) => error.hint(),
            Self::Lake(error) => error.hint(),
            Self::SetUp { .. } => String::new(),
        }
    }

    pub(super) fn set_up<E>(what: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |source| Self::SetUp {
            what,
            source: source.into(),
        }
    }
}
