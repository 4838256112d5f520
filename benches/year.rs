//! A year of daily runs through the real code: a sandbox over HTTP, a run and a generation a day, a clock
//! that is set forward by a day in between. What it leaves is measured, and is a lake with a history to try things on.
//!
//!     cargo run --release --example year -- FOLDER [CUSTOMERS] [DAYS] [CHANGES_A_DAY]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use twsync::clock::Clock;
use twsync::config::{Config, Credentials, SecretSource};
use twsync::daemon::cycle::cycle;
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
    let a_day = SignedDuration::from_hours(24);
    let first = Timestamp::now() - a_day * i32::try_from(days.saturating_sub(1))?;
    let (clock, hands) = Clock::still(first);
    let around = Surroundings {
        config: Arc::new(settings(&sandbox.url(), &folder)?),
        clock,
        live: Arc::new(Live::default()),
        stop: CancellationToken::new(),
    };
    let began = Instant::now();
    for day in 0..days {
        if day > 0 {
            world.churn(day, changes);
            hands.set(a_day);
        }
        let cycled = cycle(&Job::of(Mode::Sync), &around).await;
        if cycled.exit() != Exit::Done {
            return Err(
                format!("day {day} ended as {:?}: {:?}", cycled.report, cycled.error).into(),
            );
        }
        let published = cycled.published.ok_or("nothing was published")?;
        eprintln!(
            "day {day}: {:.1} s, {} files, of which {} kept, {} bytes",
            began.elapsed().as_secs_f64(),
            published.files,
            published.files_kept,
            published.bytes
        );
    }
    sandbox.shutdown().await;
    Ok(())
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
    config.lake.path = Some(folder.join("lake"));
    Ok(config)
}
