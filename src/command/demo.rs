//! `twsync demo`: the whole of it on the sandbox, without credentials, in seconds.
//!
//! The first sync is dated a day back, so that there is a history of two days to look at.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::progress::Progress;
use super::words::{BOLD, DIM, GREEN, count, counted, instant, span};
use super::{Failure, Terminal, sandbox};
use crate::clock::Clock;
use crate::config::{Config, Credentials, Location, SecretSource};
use crate::daemon::cycle::{Cycled, cycle};
use crate::daemon::signals;
use crate::report::{Exit, Live, Mode, Report};
use crate::sandbox::{Change, Event, Options, Sandbox, TOKEN, World};
use crate::sync::{Job, Surroundings};

/// Written into the demo's folder: settings to look around with.
const SETTINGS: &str = "twsync.toml";

/// How they begin: the sign that the folder is a demo's.
const MARK: &str =
    "# The settings of this demo, to look around with. Its API is gone; the data is yours.\n";

/// One in so many customers sees something happen.
const CHANGED_SHARE: u32 = 80;

#[derive(Serialize)]
struct Shown {
    dir: PathBuf,
    first: Sync,
    events: BTreeMap<&'static str, u64>,
    second: Sync,
    /// A customer that changed: whose history is worth a look.
    example: Option<String>,
}

#[derive(Serialize)]
struct Sync {
    seconds: f64,
    report: Report,
}

pub(super) async fn run(customers: u32, dir: &Path, terminal: &Terminal) -> Result<Exit, Failure> {
    let stop = signals::stop()?;
    clear(dir)?;
    let world = World::new(sandbox::SEED, customers as usize);
    let serving = Sandbox::start(Options {
        world,
        ..Options::default()
    })
    .await?;
    let config = Arc::new(settings(&serving.url(), dir)?);
    write_settings(&config, dir)?;

    let a_day = SignedDuration::from_hours(24);
    let first = sync(
        &config,
        Clock::telling(move || Timestamp::now() - a_day),
        &stop,
        terminal,
    );
    let first = first.await?;
    let changes = serving
        .world()
        .churn(sandbox::SEED, (customers / CHANGED_SHARE).max(1) as usize);
    let second = sync(&config, Clock::system(), &stop, terminal).await?;
    serving.shutdown().await;

    let shown = Shown {
        dir: dir.to_owned(),
        first,
        events: tell(&changes),
        second,
        example: example(&changes),
    };
    terminal.answer(&shown, text)?;
    Ok(Exit::Done)
}

/// Makes room in the folder: what an earlier demo made goes, and whatever else is there stays. A folder
/// that is no demo's is refused.
fn clear(dir: &Path) -> Result<(), Failure> {
    fs::create_dir_all(dir).map_err(|error| refused(dir, &error))?;
    let is_demos = fs::read_to_string(dir.join(SETTINGS)).is_ok_and(|it| it.starts_with(MARK));
    let entries = fs::read_dir(dir).map_err(|error| refused(dir, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| refused(dir, &error))?;
        if !is_demos {
            let what = format!("{} is there, and not from a demo", dir.display());
            let hint = "choose another folder with --dir";
            return Err(Failure::new(Exit::CannotWrite, what, hint));
        }
        if is_made(&entry.file_name().to_string_lossy()) {
            remove(&entry).map_err(|error| refused(&entry.path(), &error))?;
        }
    }
    Ok(())
}

/// Whether a demo makes what has this name: the mirror, the lake, and what stands beside them.
fn is_made(name: &str) -> bool {
    name == "lake" || name.starts_with(".lake.") || name.starts_with("mirror.db")
}

fn remove(entry: &DirEntry) -> io::Result<()> {
    if entry.file_type()?.is_dir() {
        fs::remove_dir_all(entry.path())
    } else {
        fs::remove_file(entry.path())
    }
}

fn refused(path: &Path, error: &io::Error) -> Failure {
    let what = format!("{} can't be written: {error}", path.display());
    Failure::new(
        Exit::CannotWrite,
        what,
        "choose another folder with --dir, or look at its permissions and free space",
    )
}

fn settings(base_url: &str, dir: &Path) -> Result<Config, Failure> {
    let mut config = Config::default();
    config.api.base_url = base_url
        .parse()
        .map_err(|error| Failure::of(&error, String::new(), Exit::Bug))?;
    config.api.credentials = Some(Credentials::Bearer(SecretSource::Inline(TOKEN.into())));
    config.pace.requests_per_second = 1e6;
    config.pace.in_flight_max = 16;
    config.mirror.path = dir.join("mirror.db");
    config.lake.path = Some(dir.join("lake").into());
    Ok(config)
}

fn write_settings(config: &Config, dir: &Path) -> Result<(), Failure> {
    let settings = dir.join(SETTINGS);
    let path = |path: &Path| {
        let path = std::path::absolute(path).map_err(|error| refused(path, &error))?;
        Ok::<_, Failure>(toml::Value::from(path.display().to_string()))
    };
    let lake = config.lake.path.as_ref().and_then(Location::folder);
    let text = format!(
        "{MARK}[mirror]\npath = {}\n\n[lake]\npath = {}\n",
        path(&config.mirror.path)?,
        path(lake.unwrap_or(dir))?,
    );
    fs::write(&settings, text).map_err(|error| refused(&settings, &error))
}

async fn sync(
    config: &Arc<Config>,
    clock: Clock,
    stop: &CancellationToken,
    terminal: &Terminal,
) -> Result<Sync, Failure> {
    let around = Surroundings {
        config: Arc::clone(config),
        clock,
        live: Arc::new(Live::default()),
        stop: stop.clone(),
    };
    let began = Instant::now();
    let progress = Progress::watch(&around.live, terminal);
    let cycled = cycle(&Job::of(Mode::Sync), &around).await;
    progress.finish().await;
    match cycled {
        Cycled {
            error: Some(error), ..
        } => Err(error.into()),
        Cycled {
            report: Some(report),
            ..
        } => Ok(Sync {
            seconds: began.elapsed().as_secs_f64(),
            report,
        }),
        Cycled { .. } => Err(Failure::new(Exit::Bug, "a sync without a report", "")),
    }
}

fn tell(changes: &[Change]) -> BTreeMap<&'static str, u64> {
    let mut events = BTreeMap::new();
    for change in changes {
        let what = match change.event {
            Event::Arrived => "arrived",
            Event::Left => "left",
            Event::ChangedTier => "changed tier",
            Event::Converted => "became active",
            Event::Canceled => "canceled",
            Event::FellBehind => "fell behind with payment",
            Event::Grew => "grew",
        };
        *events.entry(what).or_insert(0) += 1;
    }
    events
}

fn example(changes: &[Change]) -> Option<String> {
    let change = changes
        .iter()
        .find(|change| change.event == Event::ChangedTier)?;
    Some(change.id.to_string())
}

fn text(shown: &Shown) -> String {
    let events: Vec<String> = shown
        .events
        .iter()
        .map(|(what, number)| format!("{} {what}", count(*number)))
        .collect();
    let (first, second) = (&shown.first.report, &shown.second.report);
    let dir = shown.dir.display();
    let mut text = format!(
        "\n{BOLD}First sync{BOLD:#}, as of yesterday: {} in {}\n{}\n\
         {BOLD}Then{BOLD:#} {}\n\n\
         {BOLD}Second sync{BOLD:#}, now: {} added, {} changed, {} deleted, in {}\n{}\n",
        counted(first.counts.added, "customer"),
        seconds(&shown.first),
        cost(first),
        events.join(", "),
        count(second.counts.added),
        count(second.counts.changed),
        count(second.counts.deleted),
        seconds(&shown.second),
        cost(second),
    );
    text += &format!(
        "{BOLD}In {dir}{BOLD:#}\n  \
         mirror.db  SQLite: customers, customer_versions, runs\n  \
         lake/      Parquet: current, snapshots by day, changes, history, daily numbers, runs\n\n\
         {BOLD}Query it{BOLD:#} {DIM}(pip install duckdb-cli, or duckdb.org){DIM:#}\n  \
         duckdb -init {dir}/lake/analytics.sql\n\n{QUERIES}\n\
         {BOLD}Look around{BOLD:#}\n  twsync -c {dir}/{SETTINGS} status\n  \
         twsync -c {dir}/{SETTINGS} verify\n"
    );
    if let Some(id) = &shown.example {
        text += &format!("  twsync -c {dir}/{SETTINGS} history {id}\n");
    }
    text
}

const QUERIES: &str = "  \
  -- customers and seats by tier
  SELECT tier_name, count(*) AS customers, sum(member_count) AS members
    FROM customers GROUP BY ALL ORDER BY customers DESC;

  -- who moved from which tier to which since yesterday
  SELECT old_tier_name AS before, tier_name AS after, count(*) AS customers
    FROM customers_changes WHERE op = 'update' AND tier_name <> old_tier_name
    GROUP BY ALL ORDER BY customers DESC;

  -- the same customers a day ago
  SELECT subscription_status, count(*) FROM customers_as_of(now() - INTERVAL 12 HOUR) GROUP BY ALL;
";

fn seconds(sync: &Sync) -> String {
    span(Duration::from_secs_f64(sync.seconds))
}

fn cost(report: &Report) -> String {
    let counts = &report.counts;
    let grade = match (report.grade, report.as_of) {
        (Some(grade), Some(at)) => format!("{GREEN}{grade}{GREEN:#}, as of {}", instant(at)),
        (Some(grade), None) => grade.to_string(),
        (None, _) => String::new(),
    };
    format!(
        "  {} of the list, {} of details; {grade}\n",
        counted(counts.list_requests, "request"),
        count(counts.detail_requests),
    )
}
