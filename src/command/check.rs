//! `twsync check`: what must be right before twsync is trusted, one line each, with what to do.
//!
//! Every line is looked at, whatever the others say; the exit code is that of the first that is
//! wrong. Nothing is written, and of the API one page is asked for.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use indicatif::HumanBytes;
use jiff::Timestamp;
use rustix::fs::{Access, access, statvfs};
use serde::Serialize;

use super::words::{self, BOLD, DIM, GREEN, RED, YELLOW, counted, instant, tame};
use super::{Failure, Terminal};
use crate::api::{Client, Filter, Limits, PaceMemory, Page, Total};
use crate::clock::Clock;
use crate::config::{self, Config, Credentials, Dialect, Origin, Settings};
use crate::daemon::signals;
use crate::mirror::{self, Mirror, Reader};
use crate::report::{Exit, Live};

/// Less free space than this is said; a run that fills the disk loses nothing, but stops.
const FREE_BYTES_MIN: u64 = 1 << 30;

/// A key that expires sooner is said.
const EXPIRY_DAYS_MIN: i64 = 14;

/// The role that the two routes ask for.
const ROLE: &str = "billing_admin";

#[derive(Serialize)]
struct Checked {
    ready: bool,
    lines: Vec<Line>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Line {
    what: &'static str,
    state: State,
    said: String,
    /// What to do; empty where all is well.
    hint: String,
    #[serde(skip)]
    exit: Exit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Good,
    Warning,
    Wrong,
}

impl Line {
    fn good(what: &'static str, said: impl Into<String>) -> Self {
        Self {
            what,
            state: State::Good,
            said: said.into(),
            hint: String::new(),
            exit: Exit::Done,
        }
    }

    fn warning(what: &'static str, said: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            state: State::Warning,
            hint: hint.into(),
            ..Self::good(what, said)
        }
    }

    fn wrong(what: &'static str, failure: &Failure) -> Self {
        Self {
            what,
            state: State::Wrong,
            said: failure.what().to_owned(),
            hint: failure.hint().to_owned(),
            exit: failure.exit(),
        }
    }
}

pub(super) async fn run(settings: Settings, terminal: &Terminal) -> Result<Exit, Failure> {
    let config = &settings.config;
    let mut lines = vec![sources(&settings), credentials(config), mirror(config)];
    lines.extend(config.lake.path.as_deref().map(|path| place("lake", path)));
    lines.push(clock(config));
    if config.credentials().is_ok() {
        lines.extend(api(config).await?);
    }
    let wrong = lines.iter().find(|line| line.state == State::Wrong);
    let exit = wrong.map_or(Exit::Done, |line| line.exit);
    let checked = Checked {
        ready: wrong.is_none(),
        lines,
    };
    terminal.answer(&checked, text)?;
    Ok(exit)
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

/// Whether there is room and the right to write where `path` is, or will be.
fn place(what: &'static str, path: &Path) -> Line {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = absolute.ancestors().skip(1).find(|folder| folder.exists());
    let folder = folder.unwrap_or(Path::new("/"));
    let refused = |error: rustix::io::Errno| {
        let said = format!("{} can't be written: {error}", folder.display());
        let hint = format!("let this user write there, or set {what}.path elsewhere");
        Line::wrong(what, &Failure::new(Exit::CannotWrite, said, hint))
    };
    if let Err(error) = access(folder, Access::WRITE_OK | Access::EXEC_OK) {
        return refused(error);
    }
    let free = match statvfs(folder) {
        Ok(disk) if disk.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) => {
            return refused(rustix::io::Errno::ROFS);
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

/// What only the server can tell: one page, and what the platform says of the key.
async fn api(config: &Config) -> Result<Vec<Line>, Failure> {
    // Someone waits for the answer, and trying again is theirs to decide.
    let pace = config::Pace {
        retries_max: 1,
        ..config.pace
    };
    let client = Client::new(
        &config.api,
        &pace,
        PaceMemory::default(),
        Limits::default(),
        Clock::system(),
        Arc::new(Live::default()),
        signals::stop()?,
    );
    let client = match client {
        Ok(client) => client,
        Err(error) => return Ok(vec![Line::wrong("api", &error.into())]),
    };
    let asked = Instant::now();
    let mut lines = match client
        .list_page(1, config.api.page_size, &Filter::default())
        .await
    {
        Ok(page) => vec![
            Line::good(
                "api",
                format!(
                    "{} answers in {}",
                    config.api.base_url,
                    words::span(asked.elapsed())
                ),
            ),
            list(&page),
        ],
        Err(error) => return Ok(vec![Line::wrong("api", &error.into())]),
    };
    if matches!(config.api.credentials, Some(Credentials::KeyPair { .. })) {
        lines.push(key_pair(&client).await);
    }
    Ok(lines)
}

fn list(page: &Page) -> Line {
    let dialect = match page.dialect {
        Dialect::Limit => "the limit dialect",
        Dialect::PageSize | Dialect::Auto => "the page-size dialect",
    };
    let pages = counted(page.pages.into(), "page");
    let customers = match page.total {
        Total::Exact(total) => format!("{} on {pages}", counted(total, "customer")),
        Total::Items(_) => format!("{pages}, without a count that proves them"),
    };
    let said = format!("{dialect}, {customers}");
    if page.from_cache {
        let hint = "a cache answers for the API: what it says is old, and proves nothing";
        return Line::warning("list", said, hint);
    }
    if !page.rejected.is_empty() {
        let rejected = counted(page.rejected.len() as u64, "row");
        return Line::warning(
            "list",
            format!("{said}; {rejected} can't be taken"),
            "they are kept aside by each run, as they came",
        );
    }
    Line::good("list", said)
}

async fn key_pair(client: &Client) -> Line {
    let Some(pair) = client.key_pair().await else {
        return Line::good("key", "the platform tells nothing about it");
    };
    let name = pair.name.unwrap_or_else(|| "without a name".to_owned());
    let now = Timestamp::now();
    if !pair.roles.is_empty() && !pair.roles.iter().any(|role| role == ROLE) {
        let said = format!("{name} does not hold the role {ROLE}");
        return Line::warning("key", said, "have the role given to it");
    }
    match pair.expires_at {
        Some(at) if at.duration_since(now).as_hours() < EXPIRY_DAYS_MIN * 24 => Line::warning(
            "key",
            format!("{name} expires at {}", instant(at)),
            "have a new pair made before that",
        ),
        Some(at) => Line::good("key", format!("{name}, until {}", instant(at))),
        None => Line::good("key", name),
    }
}

fn text(checked: &Checked) -> String {
    let mut text = String::new();
    for line in &checked.lines {
        let mark = match line.state {
            State::Good => format!("{GREEN}✓{GREEN:#}"),
            State::Warning => format!("{YELLOW}!{YELLOW:#}"),
            State::Wrong => format!("{RED}✗{RED:#}"),
        };
        let _ = writeln!(
            text,
            "{mark} {BOLD}{:<11}{BOLD:#}  {}",
            line.what,
            tame(&line.said)
        );
        if !line.hint.is_empty() {
            let _ = writeln!(text, "  {:11}  {DIM}→ {}{DIM:#}", "", tame(&line.hint));
        }
    }
    let verdict = if checked.ready {
        format!("{GREEN}ready{GREEN:#}: twsync --once")
    } else {
        format!("{RED}not ready{RED:#}")
    };
    let _ = writeln!(text, "\n{verdict}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_says_what_to_do() {
        let refused = Failure::new(
            Exit::Refused,
            "the API refused the credentials",
            "renew them",
        );
        let checked = Checked {
            ready: false,
            lines: vec![
                Line::good("settings", "twsync.toml; 1 setting from elsewhere"),
                Line::warning("lake", "data/lake; 12 MiB free", "make room"),
                Line::wrong("api", &refused),
            ],
        };
        insta::assert_snapshot!(anstream::adapter::strip_str(&text(&checked)).to_string());
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_looked_for_above() {
        let folder = tempfile::tempdir().expect("a folder");
        let line = place("mirror", &folder.path().join("a/b/mirror.db"));
        assert_ne!(line.state, State::Wrong, "{}", line.said);
        assert!(!folder.path().join("a").exists(), "a check writes nothing");
    }
}
