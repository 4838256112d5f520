//! Stderr, for as long as somebody reads it.
//!
//! A pipe that nobody empties stops whoever writes to it, and neither a run nor a signal may wait for
//! a reader of the log. What finds no room in time is lost.

use std::io::{self, StderrLock, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Written to without ever waiting for long.
pub(super) struct Stderr;

/// How long the first bytes that find no room wait for some.
const PATIENCE: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};
/// The others, until somebody has read again.
const NONE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// As many bytes as a pipe takes at once where it takes any (POSIX's least `PIPE_BUF` is less, Linux's
/// is this).
const AT_ONCE: usize = 4096;

/// The last bytes found no room.
static IS_FULL: AtomicBool = AtomicBool::new(false);

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Held until they are written, so that nobody else takes the room that was found.
        let mut stderr = io::stderr().lock();
        if !has_room(&stderr)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        stderr.write(&bytes[..bytes.len().min(AT_ONCE)])
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn has_room(stderr: &StderrLock<'_>) -> io::Result<bool> {
    let patience = if IS_FULL.load(Ordering::Relaxed) {
        NONE
    } else {
        PATIENCE
    };
    let mut waited_for = [PollFd::new(stderr, PollFlags::OUT)];
    let has_room = poll(&mut waited_for, Some(&patience))? > 0;
    IS_FULL.store(!has_room, Ordering::Relaxed);
    Ok(has_room)
}
