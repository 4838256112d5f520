//! `twsync plan`: what a sync would do now. The walk is real, what it finds is written into a copy
//! of the mirror that is thrown away.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::progress::Progress;
use super::words::{BOLD, DIM, YELLOW, count, counted, instant, span, table};
use super::{Failure, Terminal};
use crate::clock::Clock;
use crate::config::Config;
use crate::daemon::signals;
use crate::mirror::{self, Mirror, Reader};
use crate::report::{Exit, Grade, Live};
use crate::sync::{self, Forecast, Surroundings};

pub(super) async fn run(config: Config, terminal: &Terminal) -> Result<Exit, Failure> {
    config.credentials()?;
    let (copy, folder) = copy(&config.mirror.path)?;
    let around = Surroundings {
        config: Arc::new(config),
        clock: Clock::system(),
        live: Arc::new(Live::default()),
        stop: signals::stop()?,
    };
    let progress = Progress::watch(&around.live, terminal);
    let forecast = sync::rehearse(&around, copy).await;
    progress.finish().await;
    drop(folder);
    terminal.answer(&forecast?, text)?;
    Ok(Exit::Done)
}

/// The mirror's copy, and the folder that it goes with.
fn copy(path: &Path) -> Result<(Mirror, TempDir), Failure> {
    let folder = tempfile::tempdir().map_err(|error| {
        let hint = "set TMPDIR to a folder with room for a copy of the mirror".to_owned();
        Failure::of(&error, hint, Exit::CannotWrite)
    })?;
    let copy = folder.path().join("mirror.db");
    match Reader::open_without_trace(path) {
        Ok(reader) => reader.copy_to(&copy)?,
        Err(mirror::Error::NoMirror { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    Ok((Mirror::open(&copy)?, folder))
}

fn text(forecast: &Forecast) -> String {
    let rows = [
        ("new", forecast.added),
        ("changed", forecast.changed),
        ("back again", forecast.returned),
        ("missing from the list", forecast.missing),
        ("details to fetch", forecast.detail_requests),
        ("  of them only for their age", forecast.reverify),
        ("list requests", forecast.list_requests),
    ];
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|(what, number)| vec![(*what).to_owned(), count(*number)])
        .collect();
    let requests = counted(forecast.detail_requests + forecast.list_requests, "request");
    let mut text = format!(
        "{BOLD}A sync now would find{BOLD:#}\n\n{}\n",
        table(&rows, &[1])
    );
    text += &format!(
        "{requests}, about {} at {:.1} a second\n",
        span(forecast.duration),
        forecast.requests_per_second
    );
    text += &match (forecast.grade, forecast.as_of) {
        (Grade::Complete, Some(at)) => {
            format!(
                "{DIM}the walk proved the list complete, as of {}{DIM:#}\n",
                instant(at)
            )
        }
        _ => format!(
            "{DIM}the walk alone proves nothing here, so nobody counts as missing; the details may{DIM:#}\n"
        ),
    };
    if forecast.held > 0 {
        text += &format!(
            "{YELLOW}{} would be held back{YELLOW:#}: to let them go, \
             twsync --once --allow-deletions {}\n",
            counted(forecast.held, "deletion"),
            forecast.held
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_forecast_reads_at_a_glance() {
        let forecast = Forecast {
            grade: Grade::Complete,
            as_of: "2026-11-01T12:00:00Z".parse().ok(),
            added: 12,
            changed: 1_204,
            returned: 0,
            missing: 40,
            held: 40,
            reverify: 100,
            detail_requests: 1_316,
            list_requests: 101,
            requests_per_second: 10.0,
            duration: Duration::from_millis(141_700),
        };
        insta::assert_snapshot!(anstream::adapter::strip_str(&text(&forecast)).to_string());
    }
}
