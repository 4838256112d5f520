//! `twsync report`: the chronicle of the customers, as one file for a browser, a mail or a printer.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use tempfile::Builder;

use super::words::counted;
use super::{Failure, Terminal};
use crate::chronicle;
use crate::config::Config;
use crate::mirror::Reader;
use crate::report::Exit;

#[derive(Serialize)]
struct Written {
    path: PathBuf,
    bytes: u64,
}

/// Writes it to `out`, or to stdout where that is `-`.
pub(super) fn run(out: &Path, config: &Config, terminal: &Terminal) -> Result<Exit, Failure> {
    let reader = Reader::open(&config.mirror.path)?;
    let page = chronicle::render(&reader, config, Timestamp::now())?;
    if out == Path::new("-") {
        terminal.write(page.as_bytes())?;
        return Ok(Exit::Done);
    }
    write(out, &page).map_err(|error| {
        let what = format!("can't write {}: {error}", out.display());
        Failure::new(Exit::CannotWrite, what, "say where it may be: --out FILE")
    })?;
    let written = Written {
        path: out.to_owned(),
        bytes: page.len() as u64,
    };
    terminal.answer(&written, |written| {
        let path = written.path.display();
        format!("{path}: {}\n", counted(written.bytes, "byte"))
    })?;
    Ok(Exit::Done)
}

/// Whoever opens the file meanwhile sees the old page or the new one, never a part.
fn write(out: &Path, page: &str) -> io::Result<()> {
    let folder = match out.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut file = Builder::new()
        .prefix(".twsync-report-")
        .permissions(Permissions::from_mode(0o640))
        .tempfile_in(folder)?;
    file.write_all(page.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_page_replaces_the_one_before_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("report.html");
        write(&out, "one").unwrap();
        write(&out, "other").unwrap();
        assert_eq!(fs::read_to_string(&out).unwrap(), "other");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let mode = fs::metadata(&out).unwrap().permissions().mode();
        assert_eq!(mode & 0o137, 0, "{mode:o}");
    }

    #[test]
    fn where_it_can_not_be_written_it_says_so() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write(&folder.path().join("not/there.html"), "one").is_err());
    }
}
