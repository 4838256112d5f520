//! What ends a run: one variant an outcome, with its exit code and the way out.
//!
//! What concerns a single customer is no error but an [`Answer`](super::Answer).

use jiff::Timestamp;

use crate::config;
use crate::report::Exit;

/// A cause from below, carried along and never repeated in the text above it.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why the client can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server can't be reached, or kept failing until the retries were spent.
    #[error("the API can't be reached, or keeps failing: {what}")]
    Unavailable {
        /// What happened last, for a person.
        what: String,
        /// What the transport says of it.
        #[source]
        source: Option<Cause>,
    },
    /// So were a hundred requests in a row: it is about none of them alone.
    #[error("the API can't be reached, or keeps failing, a hundred requests in a row: {what}")]
    Storm {
        /// What happened last, for a person.
        what: String,
        /// What the transport says of it.
        #[source]
        source: Option<Cause>,
    },
    /// The server answers, but not as documented.
    #[error("the server does not speak this API: {what}")]
    NotThisApi {
        /// What is not as documented, for a person; the server's own words escaped and cut.
        what: String,
    },
    /// The list answered without a page. Never taken as "no customers" here.
    #[error("the list of customers answered {status}, and no page with it")]
    NoContent {
        /// 204 or 404.
        status: u16,
    },
    /// The credentials were refused, or do not suffice.
    #[error("the API refused the credentials: {said}")]
    Refused {
        /// 401 or 403.
        status: u16,
        /// The status and the server's own words, escaped and cut.
        said: String,
    },
    /// The server wants to be left alone for longer than a run sits out.
    #[error("the API asked for no request before {until}")]
    AskedToWait {
        /// When it may be asked again, by the wall clock.
        until: Timestamp,
    },
    /// As many requests as were allowed have gone over the wire.
    #[error("the budget of requests is spent")]
    BudgetSpent,
    /// The run was told to stop.
    #[error("stopped before the next request")]
    Stopped,
    /// There are no credentials, or they can't be read.
    #[error(transparent)]
    Credentials(#[from] config::Error),
    /// The settings can't be used to speak to the API.
    #[error("{what}")]
    Settings {
        /// What is wrong with which setting, for a person; never a secret.
        what: String,
        /// What the operating system says of it.
        #[source]
        source: Option<Cause>,
    },
}

impl Error {
    /// What the process says when this ends a run.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Unavailable { .. } | Self::Storm { .. } => Exit::Unavailable,
            Self::NotThisApi { .. } | Self::NoContent { .. } => Exit::NotThisApi,
            Self::Refused { .. } => Exit::Refused,
            Self::AskedToWait { .. } | Self::BudgetSpent | Self::Stopped => Exit::Partial,
            Self::Credentials(error) => error.exit(),
            Self::Settings { .. } => Exit::Config,
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> String {
        match self {
            Self::Unavailable { .. } | Self::Storm { .. } => {
                "Check the network and `api.base_url`, or try again later: nothing is lost."
            }
            Self::NotThisApi { .. } | Self::NoContent { .. } => {
                "Check `api.base_url` and `api.dialect`; something other than the billing API may be answering."
            }
            Self::Refused { status: 401, .. } => {
                "The credentials are missing, wrong or expired: renew them, then run again."
            }
            Self::Refused { .. } => {
                "The credentials need the billing_admin role, or their quota is spent."
            }
            Self::AskedToWait { .. } => {
                "Run it again after that; a sooner run would keep to it too."
            }
            Self::BudgetSpent | Self::Stopped => "Run it again: it goes on where it stopped.",
            Self::Credentials(error) => return error.hint(),
            Self::Settings { .. } => "Correct the `[api]` section or its environment variables.",
        }
        .to_owned()
    }

    /// The same, where it was the last of a hundred in a row.
    pub(super) fn of_a_storm(self) -> Self {
        match self {
            Self::Unavailable { what, source } => Self::Storm { what, source },
            other => other,
        }
    }

    /// The settings are wrong, and no cause from below says more.
    pub(super) fn settings(what: impl Into<String>) -> Self {
        Self::Settings {
            what: what.into(),
            source: None,
        }
    }

    /// The server answered otherwise than documented.
    pub(super) fn not_this_api(what: impl Into<String>) -> Self {
        Self::NotThisApi { what: what.into() }
    }
}
