//! Where generations live: in a folder, or in a bucket. All that differs between the two is here and
//! below; whoever makes a generation, or proves one, need not know which it is.
//!
//! Either way a generation is staged in a folder of this machine and checked there. A folder's is
//! then exchanged with the one before it; a bucket's files are sent up, and its manifest, which
//! names them, takes the place of the one before it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::config::{self, Location};
use crate::report::Live;

use super::Error;
use super::bucket::{Bucket, Seen};
use super::manifest::Manifest;
use super::names::Names;
use super::place::{self, Place};
use super::previous::Previous;
use super::proof;
use super::stage::Stage;
use super::verify::Finding;

/// A lake that is held for publishing.
pub(super) enum Home {
    /// In a folder.
    Folder(Place),
    /// In a bucket.
    Bucket(Box<Taken>),
}

/// A bucket that is held for publishing.
pub(super) struct Taken {
    bucket: Bucket,
    /// What was in it when it was taken.
    seen: Seen,
    /// Where a generation is staged: beside the mirror.
    place: Place,
}

impl Home {
    /// Takes the lake for publishing. A folder is held against all other processes, a bucket against
    /// those of this machine that publish the same mirror; who else publishes there is found out at
    /// the end.
    pub(super) fn open(settings: &config::Lake, mirror: &Path) -> Result<Self, Error> {
        match settings.path.as_ref().ok_or(Error::NoLake)? {
            Location::Folder(path) => Place::open(path).map(Self::Folder),
            Location::Bucket(url) => {
                let bucket = Bucket::connect(url, &settings.cloud)?;
                let place = Place::open(&beside(mirror)).map_err(|error| match error {
                    Error::Held { .. } => Error::Held {
                        path: bucket.name(),
                    },
                    other => other,
                })?;
                let seen = bucket.look()?;
                Ok(Self::Bucket(Box::new(Taken {
                    bucket,
                    seen,
                    place,
                })))
            }
        }
    }

    /// The generation that is there.
    pub(super) fn current(&self) -> Result<Option<Previous>, Error> {
        match self {
            Self::Folder(place) => Previous::read(place.lake()),
            Self::Bucket(taken) => Ok(taken.seen.previous(&taken.bucket)),
        }
    }

    /// Reads every file of `previous`, the generation that is there, so that none is kept that is not as
    /// it was written, and tells which are not. A bucket's are copied for that to where temporary
    /// files belong.
    pub(super) fn distrust_damaged(&self, previous: &mut Previous) -> Result<Vec<Finding>, Error> {
        let entries = &previous.manifest.files;
        let damaged = match self {
            Self::Folder(place) => proof::files(place.lake(), entries),
            Self::Bucket(taken) => {
                let folder = tempfile::tempdir().map_err(Error::io(&std::env::temp_dir()))?;
                taken.bucket.copy_files(folder.path(), entries)?;
                proof::files(folder.path(), entries)
            }
        };
        previous.distrust(damaged.iter().map(|finding| finding.place.clone()));
        Ok(damaged)
    }

    /// Where it is, for whoever reads it.
    pub(super) fn location(&self) -> Location {
        match self {
            Self::Folder(place) => Location::Folder(place.lake().to_owned()),
            Self::Bucket(taken) => Location::Bucket(taken.bucket.url().clone()),
        }
    }

    /// What the files of this generation are called there.
    pub(super) fn names(&self, generation: &str) -> Names {
        match self {
            Self::Folder(_) => Names::Fixed,
            Self::Bucket(_) => Names::of_generation(generation),
        }
    }

    /// A new, empty folder to stage a generation in.
    pub(super) fn stage(&self, generation: &str) -> Result<PathBuf, Error> {
        match self {
            Self::Folder(place) => place.stage(generation),
            Self::Bucket(taken) => taken.place.stage(generation),
        }
    }

    /// Puts what was staged in the place of the generation that is there.
    pub(super) fn take(
        &self,
        stage: Stage<'_>,
        manifest: &Manifest,
        live: &Live,
    ) -> Result<(), Error> {
        match self {
            Self::Folder(place) => place.exchange(&stage.seal()?),
            Self::Bucket(taken) => {
                let Taken { bucket, seen, .. } = taken.as_ref();
                bucket.publish(seen, stage.root(), manifest, live)
            }
        }
    }
}

/// An error where a generation could not take the place of what is there, by what can be read: it is no
/// lake, or a newer one, or the root of a filesystem. Nothing is written, and no bucket is asked.
pub(super) fn recognize(settings: &config::Lake) -> Result<(), Error> {
    let Location::Folder(path) = settings.path.as_ref().ok_or(Error::NoLake)? else {
        return Ok(());
    };
    let lake = place::resolve(path)?;
    place::refuse_mount_point(&lake)?;
    Previous::read(&lake).map(drop)
}

/// Whether a generation could take the place of the one that is there: it is a lake, or nothing, and
/// can be written.
pub(super) fn try_out(settings: &config::Lake) -> Result<(), Error> {
    match settings.path.as_ref().ok_or(Error::NoLake)? {
        Location::Folder(path) => {
            let place = Place::open(path)?;
            Previous::read(place.lake())?;
            let trial = place.stage("trial")?;
            std::fs::remove_dir(&trial).map_err(Error::io(&trial))
        }
        Location::Bucket(url) => {
            let bucket = Bucket::connect(url, &settings.cloud)?;
            bucket.look()?;
            bucket.try_out()
        }
    }
}

/// The folder that would be the lake if it were beside the mirror: what is staged, and the lock, are
/// named after it.
fn beside(mirror: &Path) -> PathBuf {
    let mut name: OsString = mirror.file_name().unwrap_or_default().to_owned();
    name.push(".lake");
    mirror.with_file_name(name)
}

/// A generation that is looked at, file by file, on this machine.
pub(super) enum Opened {
    /// Where it is published.
    InPlace(PathBuf),
    /// A copy of what is in a bucket.
    Copied {
        /// The bucket.
        bucket: Box<Bucket>,
        /// The copy; it is removed with this.
        folder: TempDir,
    },
}

impl Opened {
    /// The generation that is published now; a bucket's is copied to where temporary files belong.
    pub(super) fn now(settings: &config::Lake) -> Result<Self, Error> {
        match settings.path.as_ref().ok_or(Error::NoLake)? {
            Location::Folder(path) => place::resolve(path).map(Self::InPlace),
            Location::Bucket(url) => {
                let bucket = Bucket::connect(url, &settings.cloud)?;
                let folder = tempfile::tempdir().map_err(Error::io(&std::env::temp_dir()))?;
                bucket.copy_to(folder.path())?;
                Ok(Self::Copied {
                    bucket: Box::new(bucket),
                    folder,
                })
            }
        }
    }

    /// Its folder.
    pub(super) fn folder(&self) -> &Path {
        match self {
            Self::InPlace(path) => path,
            Self::Copied { folder, .. } => folder.path(),
        }
    }

    /// What is published there by now.
    pub(super) fn manifest_now(&self) -> Result<Option<Manifest>, Error> {
        match self {
            Self::InPlace(path) => Ok(Previous::read(path)?.map(|it| it.manifest)),
            Self::Copied { bucket, .. } => bucket.manifest(),
        }
    }

    /// What it is called.
    pub(super) fn name(&self) -> PathBuf {
        match self {
            Self::InPlace(path) => path.clone(),
            Self::Copied { bucket, .. } => bucket.name(),
        }
    }
}
