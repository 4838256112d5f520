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
}

#[derive(Serialize)]
struct Found {
    place: String,
    what: String,
}

pub(super) async fn run(config: Config, terminal: &Terminal) -> Result<Exit, Failure> {
    let with_lake = config.lake.path.is_some();
    let findings = spawn_blocking(move || findings(&config))
        .await
        .expect("a panic ends the process")?;
    let answer = Answer {
        whole: findings.is_empty(),
        with_lake,
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
        place: "mirror".to_owned(),
        what,
    };
    Ok(faults.into_iter().map(found).collect())
}

impl From<Finding> for Found {
    fn from(Finding { place, what }: Finding) -> Self {
        Self { place, what }
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
    for Found { place, what } in &answer.findings {
        let _ = writeln!(
            text,
            "{RED}✗{RED:#} {BOLD}{}{BOLD:#}: {}",
            tame(place),
            tame(what)
        );
    }
    let number = answer.findings.len() as u64;
    let _ = write!(
        text,
        "\n{} wrong. `twsync snapshot` makes the lake anew; a damaged mirror is to be moved away \
         and built anew by `twsync --once`.\n",
        counted(number, "thing")
    );
    text
}
