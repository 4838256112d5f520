//! Where the lake is, and how one generation takes another's place in one step.
//!
//! A generation is staged in a hidden folder beside the lake, on the same filesystem, and the two
//! folders are exchanged. The one that was replaced stays there, as `.<lake>.previous`, until the
//! next takes its place: a reader that has opened one of its folders and not yet listed it would
//! find the folder empty if it were removed at once, and believe that. What both have is on disk
//! once.
//!
//! This file knows folders and names; what is in the files it does not know.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::Error;

/// A lake's place. While it lives, no other process publishes there.
pub(super) struct Place {
    lake: PathBuf,
    lock: File,
}

impl Drop for Place {
    /// Let go of by name: a child that this process is just starting may hold a copy of the file for
    /// a moment, and with it the lock.
    fn drop(&mut self) {
        // Where this fails, closing the file does it.
        let _ = self.lock.unlock();
    }
}

impl Place {
    /// Takes the place for publishing, and clears away what a killed process left beside the lake.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let lake = resolve(path)?;
        make_folder(parent(&lake))?;
        refuse_mount_point(&lake)?;
        let place = Self {
            lock: lock(&lake)?,
            lake,
        };
        place.recover()?;
        Ok(place)
    }

    /// The lake's folder, links resolved. It need not be there yet.
    pub(super) fn lake(&self) -> &Path {
        &self.lake
    }

    /// A new, empty folder beside the lake.
    pub(super) fn stage(&self, generation: &str) -> Result<PathBuf, Error> {
        let path = sibling(&self.lake, &format!("staging-{generation}"));
        make_folder(&path)?;
        Ok(path)
    }

    /// Puts the folder `staged` where the lake is, in one step. What was there stays beside the
    /// lake until this is called again.
    pub(super) fn exchange(&self, staged: &Path) -> Result<(), Error> {
        fail::fail_point!("lake-before-exchange");
        let previous = self.previous();
        remove(&previous)?;
        self.swap(staged, &previous)
            .map_err(Error::io(&self.lake))?;
        sync_folder(parent(&self.lake))?;
        fail::fail_point!("lake-after-exchange");
        Ok(())
    }

    fn swap(&self, staged: &Path, previous: &Path) -> io::Result<()> {
        if is_absent_or_empty(&self.lake)? {
            return fs::rename(staged, &self.lake);
        }
        match renameat_with(CWD, staged, CWD, &self.lake, RenameFlags::EXCHANGE) {
            Ok(()) => fs::rename(staged, previous),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                tracing::warn!(
                    lake = %self.lake.display(),
                    "this filesystem can't exchange two folders in one step: for a moment there is \
                     no lake, and a reader in that moment fails"
                );
                self.swap_in_two_steps(staged, previous)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A process killed between the two steps leaves the lake under the name of the previous one,
    /// beside what is staged, where [`Self::recover`] finds it.
    fn swap_in_two_steps(&self, staged: &Path, previous: &Path) -> io::Result<()> {
        fs::rename(&self.lake, previous)?;
        fs::rename(staged, &self.lake)
    }

    fn previous(&self) -> PathBuf {
        sibling(&self.lake, "previous")
    }

    /// Puts back a lake that was caught between two renames, and removes what was staged. A lake
    /// that is gone with nothing staged was taken away by its owner, and stays gone.
    fn recover(&self) -> Result<(), Error> {
        let (previous, orphans) = (self.previous(), self.orphans()?);
        let gone = is_absent_or_empty(&self.lake).map_err(Error::io(&self.lake))?;
        if gone && !orphans.is_empty() && previous.exists() {
            fs::rename(&previous, &self.lake).map_err(Error::io(&self.lake))?;
        }
        orphans.iter().try_for_each(|path| remove(path))
    }

    /// What killed processes have staged.
    fn orphans(&self) -> Result<Vec<PathBuf>, Error> {
        let folder = parent(&self.lake);
        let prefix = name_of(&sibling(&self.lake, "staging-"));
        let mut orphans = Vec::new();
        for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
            let path = entry.map_err(Error::io(folder))?.path();
            let name = name_of(&path);
            if name
                .as_encoded_bytes()
                .starts_with(prefix.as_encoded_bytes())
            {
                orphans.push(path);
            }
        }
        Ok(orphans)
    }
}

fn remove(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(folder)(error)),
        _ => Ok(()),
    }
}

/// Makes a folder, and those above it, where it is not there: 0750, under the umask.
pub(super) fn make_folder(path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(path)
        .map_err(Error::io(path))
}

/// Begins a file that must not be there yet: 0640, under the umask.
pub(super) fn make_file(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o640)
        .open(path)
        .map_err(Error::io(path))
}

/// Waits until a folder's own entries are on disk. Never retried: what a failed fsync says is lost.
pub(super) fn sync_folder(path: &Path) -> Result<(), Error> {
    fail::fail_point!("lake-fsync", |_| Err(Error::io(path)(io::Error::other(
        "a failpoint"
    ))));
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::io(path))
}

/// True where nothing is at `path`, or an empty folder.
pub(super) fn is_absent_or_empty(path: &Path) -> io::Result<bool> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// An absolute path without links at its end: the folder that a link points to is exchanged, not
/// the link.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, Error> {
    match fs::canonicalize(path) {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            std::path::absolute(path).map_err(Error::io(path))
        }
        Err(error) => Err(Error::io(path)(error)),
    }
}

/// An error where `lake` is there and is the root of a filesystem: nothing can be staged beside it.
pub(super) fn refuse_mount_point(lake: &Path) -> Result<(), Error> {
    let Ok(there) = fs::metadata(lake) else {
        return Ok(());
    };
    let parent = parent(lake);
    let beside = fs::metadata(parent).map_err(Error::io(parent))?;
    if there.dev() == beside.dev() {
        return Ok(());
    }
    Err(Error::MountPoint {
        path: lake.to_owned(),
    })
}

fn lock(lake: &Path) -> Result<File, Error> {
    let path = sibling(lake, "lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o640)
        .open(&path)
        .map_err(Error::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Held {
            path: lake.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(Error::io(&path)(error)),
    }
}

fn parent(lake: &Path) -> &Path {
    lake.parent().unwrap_or(lake)
}

/// A hidden name beside the lake: `.<the lake's name>.<suffix>`.
fn sibling(lake: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(name_of(lake));
    name.push(".");
    name.push(suffix);
    lake.with_file_name(name)
}

fn name_of(path: &Path) -> OsString {
    path.file_name().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_folders_can_not_be_exchanged_two_renames_do_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::open(&folder.path().join("lake")).expect("a place");
        let staged = place.stage("2").expect("a stage");
        fs::write(staged.join("new"), "").expect("written");
        fs::create_dir(place.lake()).expect("made");
        fs::write(place.lake().join("old"), "").expect("written");
        let previous = place.previous();
        let swapped = place.swap_in_two_steps(&staged, &previous);
        swapped.expect("renamed");
        assert!(place.lake().join("new").exists() && previous.join("old").exists());
        assert!(!staged.exists());
    }
}
