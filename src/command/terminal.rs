//! Where results go: stdout for them, stderr for everything else.
//!
//! Text is written with colors in it and stripped of them on its way out where nobody wants them.
//! A closed stdout is not an error: whoever closed it has seen enough.

use std::cell::Cell;
use std::io::{self, IsTerminal as _, Write};

use anstream::{AutoStream, ColorChoice};
use indicatif::MultiProgress;
use serde::Serialize;

use super::Failure;
use super::stderr::Stderr;
use super::words::{self, BOLD, RED};
use crate::cli::{Format, Global};
use crate::report::Exit;

/// The two ends of the process that a person or a program reads.
#[derive(Debug)]
pub struct Terminal {
    output: Format,
    log_format: Format,
    quiet: bool,
    bars: MultiProgress,
    answered: Cell<bool>,
}

impl Terminal {
    /// What the command line wants of it.
    pub fn new(global: &Global) -> Self {
        match global.color {
            clap::ColorChoice::Auto => ColorChoice::Auto,
            clap::ColorChoice::Always => ColorChoice::Always,
            clap::ColorChoice::Never => ColorChoice::Never,
        }
        .write_global();
        Self {
            output: global.output,
            log_format: global.log_format,
            quiet: global.quiet > 0,
            bars: MultiProgress::new(),
            answered: Cell::new(false),
        }
    }

    /// The answer of a command: for a person by `text`, for a program as one JSON document.
    pub fn answer<T: Serialize>(
        &self,
        answer: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        let mut whole = match self.output {
            Format::Text => text(answer),
            Format::Json => serde_json::to_string_pretty(answer)
                .map(|json| words::tame_json(&json))
                .map_err(|error| Failure::of(&error, String::new(), Exit::Bug))?,
        };
        if !whole.ends_with('\n') {
            whole.push('\n');
        }
        self.answered.set(true);
        self.write(whole.as_bytes())
    }

    /// Bytes to stdout as they are: for what is neither text nor JSON.
    pub fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = AutoStream::auto(io::stdout().lock());
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
                Exit::CannotWrite,
                format!("can't write to stdout: {error}"),
                "what was asked for is done; only its answer is lost",
            )),
            _ => Ok(()),
        }
    }

    /// Says why a command failed, on stderr, and as the answer where that is JSON and nothing
    /// else was answered.
    pub fn fail(&self, failure: &Failure) {
        if self.log_format == Format::Json {
            tracing::error!(hint = failure.hint(), "{}", words::tame(failure.what()));
        } else {
            let mut said = format!(
                "{BOLD}twsync: {RED}error:{RED:#}{BOLD:#} {}\n",
                words::tame(failure.what())
            );
            if !failure.hint().is_empty() {
                said.push_str(&format!("  → {}\n", words::tame(failure.hint())));
            }
            let mut colored = AutoStream::new(Vec::new(), AutoStream::choice(&io::stderr()));
            // If nobody can read it, the exit code still says it.
            let _ = colored
                .write_all(said.as_bytes())
                .and_then(|()| Stderr.write_all(&colored.into_inner()));
        }
        if self.output == Format::Json && !self.answered.get() {
            let _ = self.answer(&serde_json::json!({ "error": failure }), |_| String::new());
        }
    }

    /// True where a person watches stderr: there is progress to be shown.
    pub fn is_watched(&self) -> bool {
        !self.quiet && self.log_format == Format::Text && io::stderr().is_terminal()
    }

    /// The progress bars on stderr.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }
}
