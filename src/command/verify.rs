//! `twsync verify`: mirror, history and lake agree and are whole, or a list of what is wrong.

use std::fmt::Write as _;

use serde::Serialize;
use tokio::task::spawn_blocking;

use super::words::{BOLD, GREEN, RED, counted, tame};
use super::{Failure, Terminal};
use crate::config::Config;
use crate::lake::{self, Finding};
use crate::mirror::Reader;
use crate::report::Exit;

#[derive(Serialize)]
struct Answer {
    whole: bool,
    /// False where no lake is configured, and only the mirror was looked at.
    with_lake: bool,
    findings: Vec<Found>,
    /// What to do about them, in this order.
    next: Vec<&'static str>,
}

#[derive(Serialize)]
struct Found {
    place: String,
    what: String,
    #[serde(skip)]
    is_disagreement: bool,
}

pub(super) async fn run(config: Config, terminal: &Terminal) -> Result<Exit, Failure> {
    let with_lake = config.lake.path.is_some();
    let findings = spawn_blocking(move || findings(&config))
        .await
        .expect("a panic ends the process")?;
    let answer = Answer {
        whole: findings.is_empty(),
        with_lake,
        next: next(&findings),
        findings,
    };
    terminal.answer(&answer, text)?;
    Ok(if answer.whole {
        Exit::Done
    } else {
        Exit::Damaged
    })
}

fn findings(config: &Config) -> Result<Vec<Found>, Failure> {
    if config.lake.path.is_some() {
        let findings = lake::verify(&config.lake, &config.mirror.path)?;
        return Ok(findings.into_iter().map(Found::from).collect());
    }
    let faults = Reader::open(&config.mirror.path)?.snapshot()?.faults()?;
    let found = |what| Found {
        place: lake::MIRROR.to_owned(),
        what,
        is_disagreement: false,
    };
    Ok(faults.into_iter().map(found).collect())
}

/// What the lake shows of a damaged mirror is no better than the mirror: that one comes first.
fn next(findings: &[Found]) -> Vec<&'static str> {
    let of_mirror = |found: &&Found| found.place == lake::MIRROR;
    let in_mirror = findings.iter().filter(of_mirror).count();
    let mut next = Vec::new();
    if in_mirror > 0 {
        next.extend(MIRROR_FIRST);
    }
    if findings.iter().any(|found| found.is_disagreement) {
        next.push(ROWS);
    }
    if in_mirror < findings.len() {
        next.push(LAKE);
    }
    next
}

const MIRROR_FIRST: [&str; 3] = [
    "Keep a copy of the mirror as it is. Customers that another program has changed are asked for \
     again by `twsync refresh ID…`, or all customers by `twsync --once --full`: what is kept of them is then \
     what the server says. A version that ended can't be asked for.",
    "For anything else, or where that does not help, bring back a backup of the mirror.",
    "Where there is none, move mirror and lake away, the mirror with its -wal and -shm where they are \
     there (keep them: they hold the history), and run `twsync --once`: all customers are copied anew, and history begins on that day.",
];

/// The lake may be the only witness of how the history was.
const ROWS: &str = "Rows that differ stand in files that are as they were written: the lake was made of \
     another mirror, or somebody changed this one. Keep a copy of both, and hold them against a backup, \
     before anything is made anew: that takes the mirror's word.";

const LAKE: &str = "`twsync snapshot` makes anew what is damaged in the lake, and its documents.";

impl From<Finding> for Found {
    fn from(finding: Finding) -> Self {
        Self {
            place: finding.place,
            what: finding.what,
            is_disagreement: finding.is_disagreement,
        }
    }
}

fn text(answer: &Answer) -> String {
    if answer.whole && answer.with_lake {
        return format!("{GREEN}✓{GREEN:#} mirror, history and lake are whole and agree\n");
    }
    if answer.whole {
        return format!("{GREEN}✓{GREEN:#} mirror and history are whole; there is no lake\n");
    }
    let mut text = String::new();
    for Found { place, what, .. } in &answer.findings {
        let _ = writeln!(
            text,
            "{RED}✗{RED:#} {BOLD}{}{BOLD:#}: {}",
            tame(place),
            tame(what)
        );
    }
    let number = answer.findings.len() as u64;
    let _ = writeln!(text, "\n{} wrong. What to do:", counted(number, "thing"));
    for step in &answer.next {
        let _ = writeln!(text, "  - {step}");
    }
    text
}
