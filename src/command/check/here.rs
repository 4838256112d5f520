//! What can be looked at without asking the API: settings, credentials, mirror, lake, clock.

use std::path::Path;

use indicatif::HumanBytes;
use jiff::Timestamp;
use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};
use rustix::io::Errno;

use super::super::Failure;
use super::super::words::{counted, instant};
use super::Line;
use crate::config::{self, Config, Credentials, Location, Origin, Settings};
use crate::lake;
use crate::mirror::{self, Mirror, Reader};
use crate::report::Exit;

/// Less free space than this is said; a run that fills the disk loses nothing, but stops.
const FREE_BYTES_MIN: u64 = 1 << 30;

/// Looks at all of it, whatever comes of one. It may take its time where the lake is in a bucket.
pub(super) fn look(settings: &Settings) -> Vec<Line> {
    let config = &settings.config;
    let mut lines = vec![sources(settings), credentials(config), mirror(config)];
    lines.extend(lake(&config.lake));
    lines.push(clock(config));
    lines
}

fn sources(settings: &Settings) -> Line {
    let entries = settings.entries();
    let elsewhere = |origin: &Origin| !matches!(origin, Origin::Default | Origin::File { .. });
    let overrides = entries
        .iter()
        .filter(|entry| elsewhere(&entry.origin))
        .count();
    let file = settings.file.as_ref();
    let file = file.map_or_else(|| "no file".to_owned(), |path| path.display().to_string());
    let said = format!(
        "{file}; {} from elsewhere",
        counted(overrides as u64, "setting")
    );
    Line::good("settings", said)
}

fn credentials(config: &Config) -> Line {
    match config.credentials() {
        Ok(Credentials::Bearer(_)) => Line::good("credentials", "a bearer token"),
        Ok(Credentials::KeyPair { .. }) => Line::good("credentials", "a key and its secret"),
        Err(error) => Line::wrong("credentials", &error.into()),
    }
}

fn mirror(config: &Config) -> Line {
    let path = &config.mirror.path;
    let said = match Reader::open(path) {
        Err(mirror::Error::NoMirror { .. }) => return place("mirror", path),
        Err(error @ mirror::Error::Older { .. }) => {
            let hint = "the next run backs it up and migrates it";
            return Line::warning("mirror", error.to_string(), hint);
        }
        Err(error) => return Line::wrong("mirror", &error.into()),
        Ok(_) => Mirror::open(path),
    };
    match said {
        Ok(_) => place("mirror", path),
        Err(error @ mirror::Error::Held { .. }) => {
            let hint = "all is well if that is the daemon";
            Line::warning("mirror", error.to_string(), hint)
        }
        Err(error) => Line::wrong("mirror", &error.into()),
    }
}

fn lake(settings: &config::Lake) -> Option<Line> {
    let looked_at = match settings.path.as_ref()? {
        Location::Folder(path) => lake::recognize(settings).map(|()| place("lake", path)),
        Location::Bucket(url) => lake::check(settings).map(|()| {
            let said = format!("{url}; it can be listed, read and written");
            Line::good("lake", said)
        }),
    };
    Some(looked_at.unwrap_or_else(|error| Line::wrong("lake", &error.into())))
}

/// Whether there is room and the right to write where `path` is, or will be.
fn place(what: &'static str, path: &Path) -> Line {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = absolute.ancestors().skip(1).find(|folder| folder.exists());
    let folder = folder.unwrap_or(Path::new("/"));
    let refused = |error: Errno| {
        let said = format!("{} can't be written: {error}", folder.display());
        let hint = format!("let this user write there, or set {what}.path elsewhere");
        Line::wrong(what, &Failure::new(Exit::CannotWrite, said, hint))
    };
    if let Err(error) = access(folder, Access::WRITE_OK | Access::EXEC_OK) {
        return refused(error);
    }
    let free = match statvfs(folder) {
        Ok(disk) if disk.f_flag.contains(StatVfsMountFlags::RDONLY) => {
            return refused(Errno::ROFS);
        }
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => return refused(error),
    };
    let made = if absolute.exists() {
        ""
    } else {
        ", made by the first run"
    };
    let said = format!("{}{made}; {} free", path.display(), HumanBytes(free));
    if free < FREE_BYTES_MIN {
        return Line::warning(what, said, "make room: a full disk stops every run");
    }
    Line::good(what, said)
}

/// A clock that is behind its own past would date changes before their causes.
fn clock(config: &Config) -> Line {
    let now = Timestamp::now();
    let last = Reader::open(&config.mirror.path)
        .and_then(|reader| reader.snapshot()?.last_runs(1))
        .ok()
        .and_then(|runs| Some(runs.first()?.started_at));
    match last {
        Some(last) if last > now => Line::warning(
            "clock",
            format!(
                "it is {}, and the last run was at {}",
                instant(now),
                instant(last)
            ),
            "set the clock, and let the system keep it (NTP)",
        ),
        _ => Line::good("clock", instant(now)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_is_looked_for_above() {
        let folder = tempfile::tempdir().expect("a folder");
        let line = place("mirror", &folder.path().join("a/b/mirror.db"));
        assert_ne!(line.state, State::Wrong, "{}", line.said);
        assert!(!folder.path().join("a").exists(), "a check writes nothing");
    }
}
