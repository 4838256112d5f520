//! The library in thirty lines: a server of its own, one run, and what the mirror holds then.
//!
//!     cargo run --example copy_sandbox

use std::error::Error;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use twsync::clock::Clock;
use twsync::config::{Config, Credentials, SecretSource};
use twsync::mirror::Mirror;
use twsync::report::{Live, Mode};
use twsync::sandbox::{Options, Sandbox, TOKEN, World};
use twsync::sync::{self, Job, Surroundings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let world = World::new(7, 1_000);
    let sandbox = Sandbox::start(Options {
        world,
        ..Options::default()
    })
    .await?;
    let folder = tempfile::tempdir()?;

    let mut config = Config::default();
    config.api.base_url = sandbox.url().parse()?;
    config.api.credentials = Some(Credentials::Bearer(SecretSource::Inline(TOKEN.into())));
    config.pace.requests_per_second = 10_000.0;
    config.pace.burst = 1_000;
    config.mirror.path = folder.path().join("mirror.db");

    let mirror = Mirror::open(&config.mirror.path)?;
    let surroundings = Surroundings {
        config: Arc::new(config),
        clock: Clock::system(),
        live: Arc::new(Live::default()),
        stop: CancellationToken::new(),
    };
    let ran = sync::run(&Job::of(Mode::Sync), &surroundings, mirror).await;
    if let Some(error) = ran.error {
        return Err(error.into());
    }
    println!(
        "{:?}: {} customers are in the mirror",
        ran.report.grade,
        ran.mirror.alive_count()?
    );
    Ok(())
}
