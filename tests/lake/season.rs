//! A season in the life of a small world, copied by real runs over real HTTP: the lake that the
//! cookbook is tried on. It is the same every time: the world has a seed, the clock stands still, and
//! one request is in the air at a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use twsync::clock::Clock;
use twsync::config::{Config, Credentials, SecretSource};
use twsync::daemon::cycle::cycle;
use twsync::report::{Exit, Live, Mode};
use twsync::sandbox::{Options, Sandbox, TOKEN, World};
use twsync::sync::{Job, Surroundings};

const CUSTOMERS: usize = 240;
const RUNS: u64 = 19;
/// Some days, and not at the same minute: hours that began are not hours that passed.
const BETWEEN_RUNS: SignedDuration = SignedDuration::from_mins(5 * 24 * 60 + 40);
const CHANGES_A_RUN: usize = 15;

/// Three months from the end of 2025 on, in `folder`. Answers with the lake's folder.
pub(crate) async fn season(folder: &Path) -> PathBuf {
    let world = World::new(4, CUSTOMERS);
    let options = Options {
        world: world.clone(),
        ..Options::default()
    };
    let sandbox = Sandbox::start(options).await.expect("a server");
    let (clock, hands) = Clock::still("2025-12-30T10:00:00Z".parse::<Timestamp>().expect("a time"));
    let around = Surroundings {
        config: Arc::new(settings(&sandbox.url(), folder)),
        clock,
        live: Arc::new(Live::default()),
        stop: CancellationToken::new(),
    };
    for run in 0..RUNS {
        let cycled = cycle(&Job::of(Mode::Sync), &around).await;
        assert_eq!(cycled.exit(), Exit::Done, "{:?}", cycled.error);
        world.churn(run, CHANGES_A_RUN);
        hands.set(BETWEEN_RUNS);
    }
    folder.join("lake")
}

fn settings(url: &str, folder: &Path) -> Config {
    let mut config = Config::default();
    config.api.base_url = url.parse().expect("a server has an address");
    config.api.credentials = Some(Credentials::Bearer(SecretSource::Inline(TOKEN.into())));
    config.pace.requests_per_second = 1e9;
    config.pace.burst = 1_000_000;
    config.pace.in_flight_max = 1;
    config.mirror.path = folder.join("mirror.db");
    config.lake.path = Some(folder.join("lake").into());
    config
}
