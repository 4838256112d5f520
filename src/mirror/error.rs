//! What can go wrong with a mirror, one variant for each thing that its owner can do about it.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::report::Exit;

/// Why the mirror could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no mirror at this path; only readers say this.
    #[error("there is no mirror at {} yet", path.display())]
    NoMirror {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Another process is the mirror's writer.
    #[error("the mirror {} is held by {}", path.display(), holder(*pid))]
    Held {
        /// The mirror.
        path: PathBuf,
        /// The holder, where it has said who it is.
        pid: Option<u32>,
    },
    /// Another program has kept the database locked for longer than twsync waits.
    #[error("the mirror {} is locked by another program", path.display())]
    Busy {
        /// The mirror.
        path: PathBuf,
        /// `SQLite`'s words.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is a database of another program.
    #[error("{} is a database of another program", path.display())]
    Foreign {
        /// The file, untouched.
        path: PathBuf,
    },
    /// The mirror was written by a newer twsync.
    #[error("the mirror {} has schema {found}; this twsync knows schemas up to {known}", path.display())]
    Newer {
        /// The mirror, untouched.
        path: PathBuf,
        /// The schema it has.
        found: u32,
        /// The newest schema that this program knows.
        known: u32,
    },
    /// The mirror was written by an older twsync; only readers say this, the writer migrates it.
    #[error("the mirror {} has schema {found}, and is read only from schema {known} on", path.display())]
    Older {
        /// The mirror, untouched.
        path: PathBuf,
        /// The schema it has.
        found: u32,
        /// The schema that this program reads.
        known: u32,
    },
    /// The file is no database, or one whose pages contradict each other.
    #[error("the mirror {} is damaged: {what}", path.display())]
    Damaged {
        /// The mirror, kept as it is.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// There is no mirror at this path, but the log of one that was moved away without it.
    #[error("{} is the log of a mirror that is not at {} any more", log.display(), path.display())]
    LeftLog {
        /// Where the mirror would be.
        path: PathBuf,
        /// The log, untouched.
        log: PathBuf,
    },
    /// The disk is full, the file or folder may not be read or written, or the device failed.
    #[error("can't read or write {}, for the mirror", path.display())]
    CannotWrite {
        /// The mirror, or the file or folder beside it.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A statement that should not have failed: a fault of twsync itself.
    #[error("the mirror {} refused a statement", path.display())]
    Statement {
        /// The mirror.
        path: PathBuf,
        /// `SQLite`'s words.
        #[source]
        source: rusqlite::Error,
    },
}

impl Error {
    /// What the process says when it ends with this.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::NoMirror { .. } => Exit::Config,
            Self::Held { .. } | Self::Busy { .. } => Exit::Partial,
            Self::Foreign { .. }
            | Self::Newer { .. }
            | Self::Older { .. }
            | Self::Damaged { .. }
            | Self::LeftLog { .. } => Exit::Damaged,
            Self::CannotWrite { .. } => Exit::CannotWrite,
            Self::Statement { .. } => Exit::Bug,
        }
    }

    /// What to do next, in one line.
    pub fn hint(&self) -> String {
        match self {
            Self::NoMirror { .. } => {
                "run `twsync --once` first, or set mirror.path to where the mirror is".to_owned()
            }
            Self::Held { .. } => "wait for that process to end, or stop it".to_owned(),
            Self::Busy { .. } => {
                "close the program that writes to it; twsync is its only writer".to_owned()
            }
            Self::Foreign { .. } => "set mirror.path to a file of its own".to_owned(),
            Self::Newer { .. } => {
                "use the newer twsync, or go back to the backup that it made beside the mirror"
                    .to_owned()
            }
            Self::Older { .. } => {
                "run `twsync --once`, which backs it up and migrates it".to_owned()
            }
            Self::Damaged { path, .. } => {
                let path = path.display();
                format!(
                    "move {path} away, together with {path}-wal and {path}-shm where they are there (keep them: they hold the history), and run `twsync --once`, which builds a new mirror from the API"
                )
            }
            Self::LeftLog { log, .. } => format!(
                "move {} to where that mirror is now, and name it after it: it holds what was written last, and would be mixed into a new mirror",
                log.display()
            ),
            Self::CannotWrite { path, .. } => format!(
                "look at free space, permissions and health of the disk at {}; nothing that was committed is lost",
                path.display()
            ),
            Self::Statement { .. } => "this is a fault of twsync; please report it".to_owned(),
        }
    }

    /// Sorts what `SQLite` says of the mirror at `path` by what can be done about it.
    pub(super) fn sql(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Busy { path, source }
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged {
                path,
                what: source.to_string(),
            },
            Some(
                ErrorCode::DiskFull
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::CannotOpen
                | ErrorCode::SystemIoFailure,
            ) => Self::CannotWrite {
                path,
                source: Box::new(source),
            },
            _ if unreadable(&source) => Self::Damaged {
                path,
                what: source.to_string(),
            },
            _ => Self::Statement { path, source },
        }
    }

    /// True where the disk itself may have failed, so that what was written last is in doubt.
    pub(super) fn is_of_the_disk(&self) -> bool {
        let Self::CannotWrite { source, .. } = self else {
            return false;
        };
        source
            .downcast_ref::<rusqlite::Error>()
            .and_then(rusqlite::Error::sqlite_error_code)
            .is_some_and(|code| code == ErrorCode::SystemIoFailure)
    }

    /// What the system says of a file or folder.
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::CannotWrite {
            path: path.to_owned(),
            source: Box::new(source),
        }
    }
}

/// True where a column holds what twsync never writes into it.
const fn unreadable(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
    )
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(
        || "another process".to_owned(),
        |pid| format!("the process with PID {pid}"),
    )
}
