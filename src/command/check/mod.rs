//! `twsync check`: what must be right before twsync is trusted, one line each, with what to do.
//!
//! Every line is looked at, whatever the others say; the exit code is that of the first that is
//! wrong. Of the API one page is asked for. The mirror is held for a moment, as a run would hold it, and in a
//! bucket an empty object is put and removed again: nothing else says whether that is allowed. Nothing
//! else is written.

mod here;
mod server;

use std::fmt::Write as _;

use serde::Serialize;
use tokio::task::spawn_blocking;

use super::words::{BOLD, DIM, GREEN, RED, YELLOW, tame};
use super::{Failure, Terminal};
use crate::config::Settings;
use crate::report::Exit;

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
    let here = settings.clone();
    let looked = spawn_blocking(move || here::look(&here));
    let mut lines = looked.await.expect("a panic ends the process");
    if config.credentials().is_ok() {
        lines.extend(server::ask(config).await?);
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
}
