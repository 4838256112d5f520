//! What can go wrong with a lake, one variant for each thing that its owner can do about it.

use std::io;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;

use crate::mirror;
use crate::report::Exit;

/// Why a generation was not published, or why a lake could not be verified. The last good
/// generation stays where it was, whatever the reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings say that there is to be no lake.
    #[error("no lake is configured")]
    NoLake,
    /// The mirror could not be read.
    #[error("the mirror can't be read for the lake")]
    Mirror(#[from] mirror::Error),
    /// A file or folder of the lake, or one that serves to make or to prove it: the disk is full, it may
    /// not be read or written, or the device failed.
    #[error("can't read or write {}, for the lake", path.display())]
    CannotWrite {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// The lake's folder is the root of a filesystem, so nothing on it can stand beside the lake.
    #[error("the lake {} is a mount point: a generation can't be staged beside it on its filesystem", path.display())]
    MountPoint {
        /// The lake.
        path: PathBuf,
    },
    /// What was written is not what is read back: the disk, or memory, can't be trusted.
    #[error("{} is not as it was written: {what}", path.display())]
    NotAsWritten {
        /// The staged file.
        path: PathBuf,
        /// What differs.
        what: String,
    },
    /// A file that the generation needs is gone from a bucket, or another, before it is published.
    #[error("{} is not as it was sent: {what}", path.display())]
    NotAsSent {
        /// The file, by the bucket's URL.
        path: PathBuf,
        /// What differs.
        what: String,
    },
    /// The folder holds what twsync did not put there.
    #[error("{} holds what is not of a lake: {what}", path.display())]
    Foreign {
        /// The folder, untouched.
        path: PathBuf,
        /// The first of what does not belong there.
        what: String,
    },
    /// The manifest is there and can't be understood.
    #[error("{} can't be understood: {what}", path.display())]
    Manifest {
        /// The manifest, untouched.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The lake was written by a newer twsync.
    #[error("the lake {} has schema {found}; this twsync knows schemas up to {known}", path.display())]
    Newer {
        /// The lake, untouched.
        path: PathBuf,
        /// The schema it has.
        found: u32,
        /// The newest schema that this program knows.
        known: u32,
    },
    /// The lake knows of more versions than the mirror: another mirror made it, or a later state of
    /// this one.
    #[error("the lake {} holds {lake} versions and the mirror {mirror}: it was made from another mirror", path.display())]
    OtherMirror {
        /// The lake, untouched.
        path: PathBuf,
        /// Versions that the lake holds.
        lake: u64,
        /// Versions that the mirror holds.
        mirror: u64,
    },
    /// There were customers, now there are none, and nothing says that they were deleted.
    #[error(
        "the mirror has no living customer, the lake had {before}, and nothing says that they were deleted"
    )]
    Emptied {
        /// Customers in the lake's current generation.
        before: u64,
    },
    /// Another process is publishing.
    #[error("another process is publishing the lake {}", path.display())]
    Held {
        /// The lake.
        path: PathBuf,
    },
    /// A bucket, or the way there, refused.
    #[error("{refusal} the lake {url}: {what}")]
    Bucket {
        /// The lake.
        url: String,
        /// In which way.
        refusal: Refusal,
        /// In its own words, without any secret. Not its error, which may repeat what it was sent.
        what: String,
    },
    /// Another process published in the bucket while this one was at it.
    #[error("another process has published the lake {url} meanwhile")]
    Overtaken {
        /// The lake, as the other process left it.
        url: String,
    },
    /// The bucket overwrites what it was asked to leave alone.
    #[error("the bucket of the lake {url} overwrites an object that is there, though asked not to")]
    Unguarded {
        /// The lake.
        url: String,
    },
    /// Parquet refused what it was given: a fault of twsync itself.
    #[error("can't encode {}", path.display())]
    Encode {
        /// The staged file.
        path: PathBuf,
        /// The library's words.
        #[source]
        source: ParquetError,
    },
}

/// In which way a bucket refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such bucket.
    Missing,
    /// The credentials, or the lack of them.
    Forbidden,
    /// It does not have what is needed.
    Unable,
    /// Nobody answers, or not in a way that says more.
    Unreachable,
    /// What the environment says of the cloud.
    Settings,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is no bucket for",
            Self::Forbidden => "no access to",
            Self::Unable => "the bucket can't do what is needed for",
            Self::Unreachable => "can't get through to",
            Self::Settings => "what the environment says will not do for",
        })
    }
}

impl Refusal {
    /// What to do, where the lake is at `url`.
    fn hint(self, url: &str) -> String {
        let variables = variables(url);
        match self {
            Self::Missing => "make the bucket, or set lake.path to one that is there".to_owned(),
            Self::Forbidden => format!(
                "the credentials in the environment ({variables}…) must allow to list, get, put and delete there"
            ),
            Self::Unable => format!(
                "conditional puts must be possible, and not switched off in the environment ({variables}…)"
            ),
            Self::Unreachable => format!(
                "look at the network, and at endpoint, region and credentials in the environment ({variables}…; http:// wants {variables}ALLOW_HTTP=true); the last generation is still there"
            ),
            Self::Settings => format!("look at what begins with {variables} in the environment"),
        }
    }
}

/// What the variables of a bucket's cloud begin with.
fn variables(url: &str) -> &'static str {
    match url.split_once(':') {
        Some(("gs", _)) => "GOOGLE_",
        Some(("az", _)) => "AZURE_",
        _ => "AWS_",
    }
}

impl Error {
    /// Whether it may be otherwise in a moment, without anybody's doing.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Bucket {
                refusal: Refusal::Unreachable,
                ..
            }
        )
    }

    /// What the process says when it ends with this.
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoLake
            | Self::Bucket {
                refusal: Refusal::Settings,
                ..
            } => Exit::Config,
            Self::Mirror(source) => source.exit(),
            Self::CannotWrite { .. }
            | Self::MountPoint { .. }
            | Self::NotAsWritten { .. }
            | Self::NotAsSent { .. }
            | Self::Bucket { .. }
            | Self::Unguarded { .. } => Exit::CannotWrite,
            Self::Foreign { .. }
            | Self::Manifest { .. }
            | Self::Newer { .. }
            | Self::OtherMirror { .. } => Exit::Damaged,
            Self::Emptied { .. } => Exit::Held,
            Self::Held { .. } | Self::Overtaken { .. } => Exit::Partial,
            Self::Encode { .. } => Exit::Bug,
        }
    }

    /// What to do next, in one line.
    pub fn hint(&self) -> String {
        match self {
            Self::NoLake => "set lake.path to a folder, or to a place in a bucket".to_owned(),
            Self::Mirror(source) => source.hint(),
            Self::CannotWrite { path, .. } => format!(
                "look at free space, permissions and health of the disk at {}; the last generation is still there",
                path.display()
            ),
            Self::MountPoint { path } => format!(
                "set lake.path to a folder inside it, such as {}",
                path.join("lake").display()
            ),
            Self::NotAsWritten { .. } => {
                "look at the health of the disk and the memory; the last generation is still there"
                    .to_owned()
            }
            Self::NotAsSent { .. } => {
                "find out who else removes or writes files there, a rule of the bucket perhaps; the last generation is still what is published, and a new run sends what is missing"
                    .to_owned()
            }
            Self::Foreign { path, .. } => format!(
                "set lake.path to a folder of its own, or move what is not twsync's out of {}",
                path.display()
            ),
            Self::Manifest { path, .. } => format!(
                "move the folder of {} away; `twsync snapshot` makes a new lake from the mirror",
                path.display()
            ),
            Self::Newer { .. } => "use the newer twsync".to_owned(),
            Self::OtherMirror { path, .. } => format!(
                "move {} away (keep it: it holds the older days); `twsync snapshot` makes a new lake from the mirror",
                path.display()
            ),
            Self::Emptied { .. } => {
                "see `twsync status`; the lake keeps the last generation that had customers"
                    .to_owned()
            }
            Self::Held { .. } => "run it again when that process has ended".to_owned(),
            Self::Bucket { url, refusal, .. } => refusal.hint(url),
            Self::Overtaken { .. } => {
                "let one process alone publish there; run it again where that was an accident"
                    .to_owned()
            }
            Self::Unguarded { .. } => {
                "use a storage that keeps to If-None-Match and If-Match: without them two processes could overwrite each other"
                    .to_owned()
            }
            Self::Encode { .. } => "this is a fault of twsync; please report it".to_owned(),
        }
    }

    /// What the system says of a file or folder.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::CannotWrite {
            path: path.to_owned(),
            source,
        }
    }

    /// What Parquet says of a file: mostly what the system says of it.
    pub(super) fn parquet(path: &Path) -> impl Fn(ParquetError) -> Self {
        move |source| match source {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(source) => Self::io(path)(*source),
                Err(inner) => Self::encode(path, ParquetError::External(inner)),
            },
            source => Self::encode(path, source),
        }
    }

    fn encode(path: &Path, source: ParquetError) -> Self {
        Self::Encode {
            path: path.to_owned(),
            source,
        }
    }
}
