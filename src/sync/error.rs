//! What ends a run before its end.

use super::passes::Fault;
use crate::report::Exit;
use crate::{api, mirror};

/// Why a run could not go on. What it had committed stays, and the next run goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The API refused, failed, or said something that it must not say.
    #[error(transparent)]
    Api(#[from] api::Error),
    /// The mirror could not be read or written.
    #[error(transparent)]
    Mirror(#[from] mirror::Error),
    /// The list broke a rule that every paged list keeps.
    #[error("the list of customers can't be walked: {0}")]
    Protocol(Fault),
    /// All is done that could be, but something came in place of details that is no answer of the API.
    #[error("some details are no answer of this API: {what}")]
    StrangeDetails {
        /// What came first, for a person; the server's own words escaped and cut.
        what: String,
    },
    /// The ids asked for are not in the mirror.
    #[error("not in the mirror, or deleted: {ids}")]
    Unknown {
        /// The ids, separated by commas.
        ids: String,
    },
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Protocol(fault)
    }
}

impl Error {
    /// The exit code that says so.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Api(error) => error.exit(),
            Self::Mirror(error) => error.exit(),
            Self::Protocol(fault) => fault.exit(),
            Self::StrangeDetails { .. } => Exit::NotThisApi,
            Self::Unknown { .. } => Exit::Usage,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Api(error) => error.hint(),
            Self::Mirror(error) => error.hint(),
            Self::Protocol(fault) => fault.hint(),
            Self::StrangeDetails { .. } => {
                "everybody else is copied; something other than the billing API may be answering for \
                 these, and the next run asks for them again"
                    .to_owned()
            }
            Self::Unknown { .. } => {
                "a sync takes in customers that are new: twsync --once".to_owned()
            }
        }
    }

    /// Whether the run was told to end here and the next one simply goes on.
    pub fn is_interruption(&self) -> bool {
        self.exit() == Exit::Partial
    }
}
