//! Killed anywhere, it goes on: at every boundary the process dies, is started again, and what it
//! then holds is what a run that nobody cut would hold, for hardly a request more.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use twsync::sandbox::{Latency, Options, Sandbox, TOKEN, World};

const IN_FLIGHT_MAX: u64 = 4;

/// Every point at which the process may be made to die.
const POINTS: [&str; 23] = [
    "mirror::create-before-rename",
    "mirror::migration-before-commit",
    "mirror::migration-after-commit",
    "mirror::run-begin-before-commit",
    "mirror::run-begin-after-commit",
    "mirror::memory-before-commit",
    "mirror::memory-after-commit",
    "mirror::walk-begin-before-commit",
    "mirror::walk-begin-after-commit",
    "mirror::page-before-commit",
    "mirror::page-after-commit",
    "mirror::detail-before-commit",
    "mirror::detail-after-commit",
    "mirror::relisted-before-commit",
    "mirror::relisted-after-commit",
    "mirror::walk-end-before-commit",
    "mirror::walk-end-after-commit",
    "mirror::run-finish-before-commit",
    "mirror::run-finish-after-commit",
    "sync::answered",
    "lake-staging",
    "lake-before-exchange",
    "lake-after-exchange",
];

/// A sandbox, and a folder that the real binary copies it into.
struct Copy {
    sandbox: Sandbox,
    folder: TempDir,
}

impl Copy {
    async fn of(world: World) -> Self {
        let sandbox = Sandbox::start(Options {
            world,
            ..Options::default()
        })
        .await
        .unwrap();
        Self {
            sandbox,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn mirror(&self) -> std::path::PathBuf {
        self.folder.path().join("mirror.db")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twsync"));
        command
            .args(arguments)
            .env_clear()
            .env("TWSYNC_API__BASE_URL", self.sandbox.url())
            .env("TWSYNC_API__TOKEN", TOKEN)
            .env("TWSYNC_PACE__REQUESTS_PER_SECOND", "1e9")
            .env("TWSYNC_PACE__BURST", "1000")
            .env("TWSYNC_PACE__IN_FLIGHT_MAX", IN_FLIGHT_MAX.to_string())
            .env("TWSYNC_SYNC__REVERIFY_MAX", "0")
            .env("TWSYNC_MIRROR__PATH", self.mirror())
            .env("TWSYNC_LAKE__PATH", self.folder.path().join("lake"))
            .stdin(Stdio::null());
        command
    }

    /// One `--once` that is to die where `failpoints` says.
    async fn once(&self, failpoints: &str) -> Output {
        let mut command = self.command(&["-qq", "--once"]);
        command.env("FAILPOINTS", failpoints);
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    async fn once_to_the_end(&self) {
        let output = self.once("").await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", output.status);
    }

    fn requests(&self) -> u64 {
        self.sandbox.requests().total()
    }

    /// What the mirror and the lake hold, but for when and in which run.
    async fn holds(&self) -> Held {
        let mut command = self.command(&["-qq", "verify"]);
        let verified = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&verified.stdout).into_owned()
            + &String::from_utf8_lossy(&verified.stderr);
        assert!(verified.status.success(), "verify: {said}");
        Held::read(&self.mirror())
    }
}

/// Customers and versions, in a form that two runs at different times have in common.
#[derive(Debug, PartialEq)]
struct Held {
    customers: BTreeMap<String, String>,
    versions: BTreeMap<String, Vec<String>>,
}

const FIELDS: &str = "json_array(name, tier_name, tier_id, subscription_status, \
    subscription_enabled, member_count, created_at, owner_user_id, extra)";

impl Held {
    fn read(mirror: &Path) -> Self {
        let base = sound(mirror);
        let mut held = Self {
            customers: BTreeMap::new(),
            versions: BTreeMap::new(),
        };
        let customers = format!(
            "SELECT id, {FIELDS} || (deleted_at IS NULL) || (detail_verified_at IS NULL) FROM customers"
        );
        each(&base, &customers, |id, rest| {
            held.customers.insert(id, rest);
        });
        let versions = format!(
            "SELECT customer_id, op || {FIELDS} || (valid_to IS NULL) FROM customer_versions \
             ORDER BY customer_id, valid_from"
        );
        each(&base, &versions, |id, rest| {
            held.versions.entry(id).or_default().push(rest);
        });
        held
    }
}

fn each(base: &Connection, query: &str, mut take: impl FnMut(String, String)) {
    let mut statement = base.prepare(query).unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        take(row.get(0).unwrap(), row.get(1).unwrap());
    }
}

/// A mirror that SQLite finds whole.
fn sound(mirror: &Path) -> Connection {
    let base = Connection::open_with_flags(mirror, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let said: String = base
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(said, "ok");
    base
}

fn world() -> World {
    World::new(23, 130)
}

/// What happens to the world between a first run and a second.
fn change(world: &World) {
    world.churn(5, 20);
    world.change_hidden(world.listed_ids()[60]);
}

/// A first run, and where `changed` is set a second after a change, that nobody cut short.
async fn undisturbed(changed: bool) -> (Held, u64) {
    let copy = Copy::of(world()).await;
    copy.once_to_the_end().await;
    let before = copy.requests();
    if !changed {
        return (copy.holds().await, before);
    }
    change(&copy.sandbox.world());
    copy.once_to_the_end().await;
    (copy.holds().await, copy.requests() - before)
}

/// Dies at `point` after it has passed it so often, goes on, and holds what it should. Answers
/// whether it died.
async fn dies_and_goes_on(point: &str, passed: u32, changed: bool, whole: &(Held, u64)) -> bool {
    let copy = Copy::of(world()).await;
    if changed {
        copy.once_to_the_end().await;
        change(&copy.sandbox.world());
    }
    let before = copy.requests();
    let action = if passed == 0 {
        "panic".to_owned()
    } else {
        format!("{passed}*off->panic")
    };
    let died = !copy
        .once(&format!("{point}={action}"))
        .await
        .status
        .success();
    copy.once_to_the_end().await;
    assert_eq!(
        copy.holds().await,
        whole.0,
        "after dying at {point}, passed {passed} times"
    );
    let spent = copy.requests() - before;
    // Once the run's last request was answered, a new run is a new look: it costs its pages.
    let again = IN_FLIGHT_MAX + 2;
    assert!(
        spent <= whole.1 + again,
        "{point}, passed {passed} times: {spent} requests instead of {}",
        whole.1
    );
    died
}

async fn every_point(changed: bool) {
    let whole = undisturbed(changed).await;
    let mut died_at = 0;
    for point in POINTS {
        for passed in [0, 1, 7] {
            died_at += u32::from(dies_and_goes_on(point, passed, changed, &whole).await);
        }
    }
    assert!(died_at > 20, "only {died_at} of the deaths happened");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_that_dies_anywhere_is_taken_up() {
    every_point(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_run_that_dies_anywhere_is_taken_up() {
    every_point(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_at_random_loses_nothing() {
    let world = World::new(29, 400);
    let latency = Latency::Jittered {
        from: Duration::ZERO,
        to: Duration::from_millis(6),
    };
    let options = Options {
        world,
        latency,
        ..Options::default()
    };
    let copy = Copy {
        sandbox: Sandbox::start(options).await.unwrap(),
        folder: tempfile::tempdir().unwrap(),
    };
    let mut random = fastrand::Rng::with_seed(3);
    let mut kills = 0;
    loop {
        let command = copy.command(&["-qq", "--once"]);
        let mut child = tokio::process::Command::from(command).spawn().unwrap();
        let seen = copy.requests();
        // Killed after so many more requests, whatever it is doing then, or never.
        let until = seen + random.u64(..70);
        let requests = copy.sandbox.requests();
        tokio::select! {
            () = requests.reached(until) => child.kill().await.unwrap(),
            status = child.wait() => {
                assert!(status.unwrap().success());
                break;
            }
        }
        kills += 1;
        if copy.mirror().exists() {
            sound(&copy.mirror());
        }
        assert!(kills < 200, "it never gets to the end");
    }
    assert!(kills >= 3, "it was killed only {kills} times");
    let whole = copy.holds().await;
    assert_eq!(whole.customers.len(), 400);
    assert!(whole.versions.values().all(|versions| versions.len() == 1));
    let most = 400 + 5 + kills * (IN_FLIGHT_MAX + 2);
    assert!(
        copy.requests() <= most,
        "{} requests after {kills} kills",
        copy.requests()
    );
}
