//! Killed anywhere, it goes on: at every boundary the process dies, is started again, and what it
//! then holds is what a run that nobody cut would hold, for hardly a request more.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use twsync::sandbox::{Action, Latency, On, Options, Place, Rule, Sandbox, TOKEN, World};

const IN_FLIGHT_MAX: u64 = 4;

/// Every point at which the process may be made to die.
const POINTS: [&str; 27] = [
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
    "mirror::enqueue-before-commit",
    "mirror::enqueue-after-commit",
    "mirror::walk-end-before-commit",
    "mirror::walk-end-after-commit",
    "mirror::run-finish-before-commit",
    "mirror::run-finish-after-commit",
    "sync::answered",
    "lake-written",
    "lake-fsync",
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

    fn lake(&self) -> std::path::PathBuf {
        self.folder.path().join("lake")
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
            .env("TWSYNC_LAKE__PATH", self.lake())
            .stdin(Stdio::null());
        command
    }

    /// One `--once` that is to die where `failpoints` says.
    async fn once(&self, arguments: &[&str], failpoints: &str) -> Output {
        let mut command = self.command(&["-qq", "--once"]);
        command.args(arguments).env("FAILPOINTS", failpoints);
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    async fn once_to_the_end(&self, arguments: &[&str]) {
        let output = self.once(arguments, "").await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", output.status);
    }

    /// Whether a walk stands in the mirror that is to be gone on with, and whether the newest run
    /// came to its end.
    fn stands(&self) -> (bool, bool) {
        if !self.mirror().exists() {
            return (false, false);
        }
        let stands = "SELECT EXISTS (SELECT * FROM walks WHERE ended_at IS NULL),
                             EXISTS (SELECT * FROM runs WHERE id = (SELECT max(id) FROM runs)
                                     AND outcome IS NOT NULL)";
        sound(&self.mirror())
            .query_row(stands, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
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
        assert_runs_add_up(&self.mirror());
        Held {
            lake: tables(&self.lake()),
            ..Held::read(&self.mirror())
        }
    }
}

/// Customers, versions and the tables of the lake, in a form that two runs at different times have
/// in common.
#[derive(Debug, PartialEq)]
struct Held {
    customers: BTreeMap<String, String>,
    versions: BTreeMap<String, Vec<String>>,
    lake: BTreeMap<String, Vec<String>>,
}

/// What differs between two copies of the same world: when something was found, and by which run.
const WHEN_AND_BY_WHOM: [&str; 8] = [
    "first_seen_at",
    "changed_at",
    "detail_verified_at",
    "unlisted_since",
    "valid_from",
    "valid_to",
    "not_before",
    "run_id",
];

/// What every table of the lake holds, row by row, as its manifest has it; but for [`WHEN_AND_BY_WHOM`],
/// and for `runs`, of which there are more where one was killed. The day is today's for all.
fn tables(lake: &Path) -> BTreeMap<String, Vec<String>> {
    let manifest = std::fs::read(lake.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in manifest["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        let table = path.split('/').next().unwrap();
        if table != "runs" {
            let rows = tables.entry(table.to_owned()).or_default();
            rows.extend(rows_of(&lake.join(path)));
        }
    }
    for rows in tables.values_mut() {
        rows.sort();
    }
    assert_eq!(tables.len(), 5, "{:?}", tables.keys());
    tables
}

fn rows_of(file: &Path) -> Vec<String> {
    let reader = SerializedFileReader::try_from(file).unwrap();
    let rows = reader.get_row_iter(None).unwrap().map(Result::unwrap);
    rows.map(|row| {
        let columns = row.get_column_iter();
        let alike = columns.filter(|(name, _)| !WHEN_AND_BY_WHOM.contains(&name.as_str()));
        let alike: Vec<String> = alike
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        alike.join("; ")
    })
    .collect()
}

/// What the runs say of themselves, killed or not, is what their versions say.
fn assert_runs_add_up(mirror: &Path) {
    let wrong = "SELECT count(*) FROM runs WHERE (added, changed, deleted, undeleted) <> (
        SELECT count(*) FILTER (WHERE op IN ('baseline', 'insert')),
            count(*) FILTER (WHERE op = 'update'), count(*) FILTER (WHERE op = 'delete'),
            count(*) FILTER (WHERE op = 'undelete')
        FROM customer_versions WHERE run_id = runs.id)";
    let wrong = sound(mirror).query_row(wrong, [], |row| row.get(0));
    assert_eq!(
        wrong,
        Ok(0),
        "runs that count otherwise than their versions"
    );
}

const FIELDS: &str = "json_array(name, tier_name, tier_id, subscription_status, \
    subscription_enabled, member_count, created_at, owner_user_id, extra)";

impl Held {
    fn read(mirror: &Path) -> Self {
        let base = sound(mirror);
        let mut held = Self {
            customers: BTreeMap::new(),
            versions: BTreeMap::new(),
            lake: BTreeMap::new(),
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

/// Which run is to die.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Dying {
    /// The first.
    First,
    /// A second, after the world has changed.
    Later,
    /// The same, and it asks for everybody's details.
    Full,
}

impl Dying {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::First | Self::Later => &[],
            Self::Full => &["--full"],
        }
    }

    /// A copy that stands where this run is to begin.
    async fn stage(self) -> Copy {
        let copy = Copy::of(world()).await;
        if self != Self::First {
            copy.once_to_the_end(&[]).await;
            let world = copy.sandbox.world();
            world.churn(5, 20);
            world.change_hidden(world.listed_ids()[60]);
        }
        copy
    }
}

/// What a run that nobody cut short leaves, and how many requests it takes.
async fn undisturbed(dying: Dying) -> (Held, u64) {
    let copy = dying.stage().await;
    let before = copy.requests();
    copy.once_to_the_end(dying.arguments()).await;
    (copy.holds().await, copy.requests() - before)
}

/// Nothing was said, nothing unwound, nothing cleared away.
fn was_aborted(status: ExitStatus) -> bool {
    const SIGABRT: i32 = 6;
    assert!(
        status.success() || status.signal() == Some(SIGABRT),
        "{status}"
    );
    !status.success()
}

/// Dies at `point` after it has passed it so often, goes on, and holds what it should. Answers
/// whether it died.
async fn dies_and_goes_on(point: &str, passed: u32, dying: Dying, whole: &(Held, u64)) -> bool {
    let copy = dying.stage().await;
    let before = copy.requests();
    let action = match passed {
        0 => "panic(abort)".to_owned(),
        passed => format!("{passed}*off->panic(abort)"),
    };
    let at = format!("{point}={action}");
    let died = was_aborted(copy.once(dying.arguments(), &at).await.status);
    let (walk_is_open, run_has_ended) = copy.stands();
    if died {
        copy.once_to_the_end(dying.arguments()).await;
    }
    let place = format!("{dying:?}, dead at {point}, passed {passed} times");
    assert_eq!(copy.holds().await, whole.0, "{place}");
    let spent = copy.requests() - before;
    let anew = match dying {
        _ if !died || walk_is_open => 0,
        // It died after its end, in publishing: who asks for everybody's details now is given them.
        Dying::Full if run_has_ended => whole.1,
        // A new run is a new look, which costs its two pages.
        _ => 2,
    };
    let most = whole.1 + IN_FLIGHT_MAX + anew;
    assert!(spent <= most, "{place}: {spent} requests, and not {most}");
    died
}

async fn every_point(dying: Dying, passed: &[u32], least: u32) {
    let whole = undisturbed(dying).await;
    let mut died_at = 0;
    for point in POINTS {
        for passed in passed {
            if !dies_and_goes_on(point, *passed, dying, &whole).await {
                break;
            }
            died_at += 1;
        }
    }
    assert!(died_at >= least, "only {died_at} of the deaths happened");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_that_dies_anywhere_is_taken_up() {
    every_point(Dying::First, &[0, 1, 7], 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_run_that_dies_anywhere_is_taken_up() {
    every_point(Dying::Later, &[0, 1, 7], 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_run_that_dies_anywhere_is_taken_up() {
    every_point(Dying::Full, &[0], 20).await;
}

/// The point that only a lake in a bucket comes to: `tests/objects/races.rs` has it die there.
const OF_BUCKETS: &str = "lake-sent";

/// A point that the source has and this file does not is one that nobody ever died at.
#[test]
fn no_point_of_the_source_is_missing_here() {
    let mut points = BTreeSet::new();
    for file in sources(Path::new("src")) {
        let text = std::fs::read_to_string(file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let named = code.split("fail_point!(\"").skip(1);
        points.extend(named.map(|rest| rest.split('"').next().unwrap().to_owned()));
        // The mirror's commits are named by their kind.
        for rest in code.split("self.writing(\"").skip(1) {
            let kind = rest.split('"').next().unwrap();
            points.insert(format!("mirror::{kind}-before-commit"));
            points.insert(format!("mirror::{kind}-after-commit"));
        }
    }
    let here = POINTS.iter().chain([&OF_BUCKETS]);
    let here: BTreeSet<String> = here.map(ToString::to_string).collect();
    assert_eq!(points, here);
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path());
    let files = entries.flat_map(|path| {
        if path.is_dir() {
            sources(&path)
        } else {
            vec![path]
        }
    });
    files
        .filter(|path| path.extension().is_some_and(|it| it == "rs"))
        .collect()
}

/// It is kept at once, not when the last answer has come that is still in the air.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_asked_for_is_kept_to_by_a_run_after_one_that_was_killed() {
    let copy = Copy::of(world()).await;
    let ids = copy.sandbox.world().listed_ids();
    let faults = copy.sandbox.faults();
    faults.add(Rule::on(On::Customer(ids[60])).does(Action::hang()));
    faults.add(Rule::on(On::Customer(ids[61])).does(Action::throttled(Some("3600"))));
    let mut command = copy.command(&["-qq", "--once"]);
    command
        .env("TWSYNC_API__REQUEST_TIMEOUT", "1h")
        .env("FAILPOINTS", "mirror::memory-after-commit=panic(abort)");
    let mut child = tokio::process::Command::from(command).spawn().unwrap();
    let died = tokio::time::timeout(Duration::from_mins(1), child.wait()).await;
    assert!(was_aborted(died.expect("it waits for an answer").unwrap()));

    let before = copy.requests();
    let output = copy.once(&[], "").await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert_eq!(copy.requests(), before, "{said}");
}

/// A walk that has seen everybody has, though its run dies before it can say anything else.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_after_a_first_run_that_died_at_its_end_is_an_arrival() {
    let copy = Copy::of(world()).await;
    let died = copy
        .once(&[], "mirror::walk-end-after-commit=panic(abort)")
        .await;
    assert!(was_aborted(died.status));
    copy.sandbox.world().insert(Place::Tail);
    copy.once_to_the_end(&[]).await;
    let ops =
        "SELECT group_concat(DISTINCT op) FROM (SELECT op FROM customer_versions ORDER BY op)";
    let ops: String = sound(&copy.mirror())
        .query_row(ops, [], |row| row.get(0))
        .unwrap();
    assert_eq!(ops, "baseline,insert");
}

/// Many may have left since the last run that came to its end.
const RELEASED: [&str; 2] = ["--allow-deletions", "1000"];

/// At any moment of its life, which may be while it publishes.
#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_at_any_moment_of_later_runs_loses_nothing() {
    let copy = Copy::of(World::new(31, 300)).await;
    copy.once_to_the_end(&[]).await;
    let world = copy.sandbox.world();
    world.churn(1, 5);
    let began = Instant::now();
    copy.once_to_the_end(&[]).await;
    let whole_life = began.elapsed();

    let mut random = fastrand::Rng::with_seed(4);
    let (mut killed, mut killed_publishing) = (0, 0);
    for round in 0..40 {
        world.churn(2 + round, 5);
        let command = copy.command(&["-qq", "--once", RELEASED[0], RELEASED[1]]);
        let mut child = tokio::process::Command::from(command).spawn().unwrap();
        tokio::select! {
            // Not to wait for anything: the moment is to be any.
            () = tokio::time::sleep(whole_life.mul_f64(random.f64())) => {
                child.kill().await.unwrap();
                killed += 1;
                killed_publishing += u32::from(copy.stands().1);
            }
            status = child.wait() => assert!(status.unwrap().success()),
        }
        sound(&copy.mirror());
        if copy.lake().join("manifest.json").exists() {
            let status = tokio::process::Command::from(copy.command(&["-qq", "verify"])).status();
            assert!(
                status.await.unwrap().success(),
                "a lake of another time than the mirror"
            );
        }
    }
    assert!(
        killed >= 10 && killed_publishing >= 1,
        "killed {killed} times, and {killed_publishing} times while it was publishing"
    );
    // One ends what the last death left, and speaks of that time; the next looks anew.
    copy.once_to_the_end(&RELEASED).await;
    copy.once_to_the_end(&RELEASED).await;
    let held = copy.holds().await;
    let mut living = 0;
    world.each(|customer| {
        living += 1;
        assert!(held.customers.contains_key(&customer.id.to_string()));
    });
    let kept = "SELECT count(*) FROM customers WHERE deleted_at IS NULL";
    let kept: i64 = sound(&copy.mirror())
        .query_row(kept, [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, living);
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
