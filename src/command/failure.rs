//! What ended a command before its end, ready to be printed once: what, what to do, which code.

use std::error::Error as StdError;

use serde::Serialize;

use crate::report::{Exit, in_one_line};
use crate::{api, chronicle, config, daemon, lake, mirror, sync};

/// Why a command failed.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// What happened, with its causes, in one line.
    what: String,
    /// What to do next; empty where there is nothing to advise.
    hint: String,
    #[serde(serialize_with = "as_number")]
    exit: Exit,
}

impl Failure {
    /// A failure that no module below has a name for.
    pub fn new(exit: Exit, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: hint.into(),
            exit,
        }
    }

    /// `error` with all its causes.
    pub fn of(error: &(dyn StdError + 'static), hint: String, exit: Exit) -> Self {
        let what = in_one_line(error);
        Self { what, hint, exit }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// What happened.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What to do next; empty where there is nothing to advise.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

macro_rules! from_errors_of {
    ($($module:ident),*) => {$(
        impl From<$module::Error> for Failure {
            fn from(error: $module::Error) -> Self {
                Self::of(&error, error.hint(), error.exit())
            }
        }
    )*};
}

from_errors_of!(api, chronicle, config, daemon, lake, mirror, sync);

impl From<std::io::Error> for Failure {
    /// For what the system refuses and nobody can foresee, like one more signal handler.
    fn from(error: std::io::Error) -> Self {
        Self::of(&error, String::new(), Exit::Bug)
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "what serde calls it with"
)]
fn as_number<S: serde::Serializer>(exit: &Exit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(*exit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_every_cause_once() {
        let error = config::Error::SecretUnreadable {
            path: "/run/token".into(),
            source: std::io::Error::other("no such thing"),
        };
        let failure = Failure::from(error);
        assert_eq!(
            failure.what(),
            "can't read the secret in /run/token: no such thing"
        );
        assert_eq!(failure.exit(), Exit::Config);
        assert!(!failure.hint().is_empty());
    }
}
