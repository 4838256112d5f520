//! A year of daily runs through the real code: a sandbox over HTTP, a run and a generation a day, a clock
//! that is set forward by a day in between. What it leaves is measured, and is a lake with a history to
//! try things on. A line of JSON a day says what the day took; the last one, what a generation takes in
//! which nothing is new but `current` is written all the same: the snapshot file alone.
//!
//!     cargo run --release --example year -- FOLDER [CUSTOMERS] [DAYS] [CHANGES_A_DAY]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use twsync::clock::Clock;
use twsync::config::{self, Config, Credentials, SecretSource};
use twsync::daemon::cycle::cycle;
use twsync::lake::{self, Published};
use twsync::report::{Exit, Live, Mode};
use twsync::sandbox::{Options, Sandbox, TOKEN, World};
use twsync::sync::{Job, Surroundings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("into which folder?")?);
    let customers: usize = number(arguments.next(), 100_000)?;
    let days: u64 = number(arguments.next(), 365)?;
    let changes: usize = number(arguments.next(), customers / 100)?;
    std::fs::create_dir_all(&folder)?;

    let world = World::new(7, customers);
    let sandbox = Sandbox::start(Options {
        world: world.clone(),
        ..Options::default()
    })
    .await?;
    let first = Timestamp::now() - A_DAY * i32::try_from(days.saturating_sub(1))?;
    let (clock, hands) = Clock::still(first);
    let around = Surroundings {
        config: Arc::new(settings(&sandbox.url(), &folder)?),
        clock,
        live: Arc::new(Live::default()),
        stop: CancellationToken::new(),
    };
    let lake = config::Lake {
        path: Some(folder.join("lake").into()),
        ..config::Lake::default()
    };
    for day in 0..days {
        if day > 0 {
            world.churn(day, changes);
            hands.set(A_DAY);
        }
        let began = Instant::now();
        let cycled = cycle(&Job::of(Mode::Sync), &around).await;
        if cycled.exit() != Exit::Done {
            return Err(
                format!("day {day} ended as {:?}: {:?}", cycled.report, cycled.error).into(),
            );
        }
        let run_seconds = began.elapsed().as_secs_f64();
        say(day, run_seconds, &publish(&lake, &around)?);
    }
    say(days, 0.0, &publish(&lake, &around)?);
    sandbox.shutdown().await;
    Ok(())
}

const A_DAY: SignedDuration = SignedDuration::from_hours(24);

fn publish(lake: &config::Lake, around: &Surroundings) -> Result<(Published, f64), lake::Error> {
    let began = Instant::now();
    let mirror = &around.config.mirror.path;
    let published = lake::publish(lake, mirror, None, &around.clock, &around.live)?;
    Ok((published, began.elapsed().as_secs_f64()))
}

#[expect(clippy::print_stdout, reason = "numbers are what it is for")]
fn say(day: u64, run_seconds: f64, (published, publish_seconds): &(Published, f64)) {
    let line = json!({
        "day": day,
        "run_seconds": run_seconds,
        "publish_seconds": publish_seconds,
        "files": published.files,
        "files_kept": published.files_kept,
        "bytes": published.bytes,
    });
    println!("{line}");
}

fn number<T: FromStr>(argument: Option<String>, otherwise: T) -> Result<T, T::Err> {
    argument.map_or(Ok(otherwise), |text| text.parse())
}

fn settings(url: &str, folder: &Path) -> Result<Config, Box<dyn Error>> {
    let mut config = Config::default();
    config.api.base_url = url.parse()?;
    config.api.credentials = Some(Credentials::Bearer(SecretSource::Inline(TOKEN.into())));
    config.pace.requests_per_second = 1e9;
    config.pace.burst = 1_000_000;
    config.pace.in_flight_max = 32;
    config.sync.reverify_max = 0;
    config.mirror.path = folder.join("mirror.db");
    // Published apart from the run, so that each is timed alone.
    config.lake.path = None;
    Ok(config)
}
