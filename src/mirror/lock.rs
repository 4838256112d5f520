//! One writer: a lock of the operating system on a file beside the mirror, which ends with the
//! process that holds it, however that ends.
//!
//! The file holds the holder's PID, for whoever finds it locked. A holder that ends well empties
//! it; a PID that nobody holds any more is the mark of one that did not.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Error;

pub(super) struct Lock {
    file: File,
    /// Nothing speaks against the mirror being whole. Without it the PID stays when the lock goes,
    /// and the next holder looks for damage.
    sound: bool,
}

impl Lock {
    /// Takes the lock of the mirror at `mirror`, or says who holds it.
    pub(super) fn take(mirror: &Path) -> Result<Self, Error> {
        let path = beside(mirror, ".lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o640)
            .open(&path)
            .map_err(|error| Error::io(&path, error))?;
        let locked = file.try_lock();
        let mut said = String::new();
        // What can't be read is no PID; the lock itself decides.
        let _ = Read::by_ref(&mut file).take(32).read_to_string(&mut said);
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Held {
                    path: mirror.to_owned(),
                    pid: said.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(Error::io(&path, error)),
        }
        let mut lock = Self {
            file,
            sound: said.trim().is_empty(),
        };
        lock.say(&std::process::id().to_string())
            .map_err(|error| Error::io(&path, error))?;
        Ok(lock)
    }

    /// False where the holder before did not end well: killed, or its disk failed.
    pub(super) const fn is_sound(&self) -> bool {
        self.sound
    }

    /// Says whether the mirror has been found whole, or may be damaged.
    pub(super) const fn set_sound(&mut self, sound: bool) {
        self.sound = sound;
    }

    fn say(&mut self, text: &str) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.sound {
            // Where this fails, the next holder looks for damage: slower, and no worse.
            let _ = self.say("");
        }
        // By name, and not only by closing the file: a child that this process is just starting may
        // hold a copy of it for a moment, and with it the lock.
        let _ = self.file.unlock();
    }
}

/// The file beside the mirror whose name has `suffix` after the mirror's.
pub(super) fn beside(mirror: &Path, suffix: &str) -> PathBuf {
    let mut name = mirror.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
