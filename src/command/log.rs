//! The log: lines on stderr, for a person or for a program that collects them.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use indicatif::MultiProgress;
use jiff::Timestamp;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use super::stderr::Stderr;
use super::{Failure, Terminal};
use crate::cli::{Format, Global, Task};
use crate::report::Exit;

/// The variable that outranks `-v` and `-q` with a filter of `tracing`'s syntax.
const VARIABLE: &str = "TWSYNC_LOG";

/// Begins to log. Without `-v` or `-q` a person who watches sees progress and warnings, a log file
/// and the daemon also what was done.
pub fn init(global: &Global, task: &Task, terminal: &Terminal) -> Result<(), Failure> {
    let steps = i32::from(global.verbose) - i32::from(global.quiet);
    let usual = || EnvFilter::new(filter(steps, is_chatty(task, terminal)));
    // An empty variable is one that is not set, as everywhere.
    let said = std::env::var(VARIABLE).ok().filter(|said| !said.is_empty());
    let (filter, refused) = match said.map(|said| (EnvFilter::try_new(&said), said)) {
        None => (usual(), Ok(())),
        Some((Ok(filter), _)) => (filter, Ok(())),
        Some((Err(error), said)) => {
            let what = format!("environment variable {VARIABLE}: {said:?}: {error}");
            let hint = "a filter looks like twsync=debug";
            (usual(), Err(Failure::new(Exit::Config, what, hint)))
        }
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(Utc)
        // A log that can't be written has nowhere to say so.
        .log_internal_errors(false)
        .with_writer(BesideBars(terminal.bars().clone()));
    match global.log_format {
        Format::Json => builder.json().flatten_event(true).init(),
        Format::Text => builder
            .with_ansi(AutoStream::choice(&io::stderr()) != ColorChoice::Never)
            .with_target(false)
            .compact()
            .init(),
    }
    // Only now there is a log to say it in.
    refused
}

fn is_chatty(task: &Task, terminal: &Terminal) -> bool {
    matches!(task, Task::Daemon) || !terminal.is_watched()
}

/// Libraries speak up only when something is wrong: at their lower levels they would tell what
/// goes over the wire.
fn filter(steps: i32, chatty: bool) -> &'static str {
    match steps + i32::from(chatty) {
        ..=-1 => "error",
        0 => "warn",
        1 => "warn,twsync=info",
        2 => "warn,twsync=debug",
        _ => "warn,twsync=trace",
    }
}

/// Time of day and date, UTC, to the millisecond.
struct Utc;

impl FormatTime for Utc {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(
            writer,
            "{}",
            Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        )
    }
}

/// Stderr, with the progress bars out of the way while a line is written.
struct BesideBars(MultiProgress);

impl Write for &BesideBars {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| Stderr.write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        Stderr.flush()
    }
}

impl<'a> MakeWriter<'a> for BesideBars {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_v_tells_more_and_each_q_less() {
        assert_eq!(filter(0, true), "warn,twsync=info");
        assert_eq!(filter(0, false), "warn");
        assert_eq!(filter(1, false), "warn,twsync=info");
        assert_eq!(filter(2, true), "warn,twsync=trace");
        assert_eq!(filter(-2, true), "error");
        assert_eq!(filter(-1, true), "warn");
    }
}
