//! Why there is no page.

use crate::mirror;
use crate::report::Exit;

/// Why the page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The mirror can't be read.
    #[error(transparent)]
    Mirror(#[from] mirror::Error),
    /// The page could not be put together.
    #[error("the page could not be put together")]
    Page(#[from] askama::Error),
}

impl Error {
    /// What the process says when it ends with this.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Mirror(error) => error.exit(),
            Self::Page(_) => Exit::Bug,
        }
    }

    /// What to do next, in one line.
    pub fn hint(&self) -> String {
        match self {
            Self::Mirror(error) => error.hint(),
            Self::Page(_) => "this is a fault of twsync; please report it".to_owned(),
        }
    }
}
