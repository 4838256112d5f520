//! A sandbox, the copy that the real binary makes of it, and what such a copy holds.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use twsync::sandbox::{Options, Sandbox, TOKEN, World};

pub const IN_FLIGHT_MAX: u64 = 4;

/// A sandbox, and a folder that the real binary copies it into.
pub struct Copy {
    pub sandbox: Sandbox,
    pub folder: TempDir,
    /// Old details that one run may ask for.
    pub reverify_max: u32,
}

impl Copy {
    pub async fn of(world: World) -> Self {
        let sandbox = Sandbox::start(Options {
            world,
            ..Options::default()
        })
        .await
        .unwrap();
        Self {
            sandbox,
            folder: tempfile::tempdir().unwrap(),
            reverify_max: 0,
        }
    }

    pub fn mirror(&self) -> std::path::PathBuf {
        self.folder.path().join("mirror.db")
    }

    pub fn lake(&self) -> std::path::PathBuf {
        self.folder.path().join("lake")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twsync"));
        command
            .args(arguments)
            .env_clear()
            .env("TWSYNC_API__BASE_URL", self.sandbox.url())
            .env("TWSYNC_API__TOKEN", TOKEN)
            .env("TWSYNC_PACE__REQUESTS_PER_SECOND", "1e9")
            .env("TWSYNC_PACE__BURST", "1000")
            .env("TWSYNC_PACE__IN_FLIGHT_MAX", IN_FLIGHT_MAX.to_string())
            .env("TWSYNC_SYNC__REVERIFY_MAX", self.reverify_max.to_string())
            .env("TWSYNC_MIRROR__PATH", self.mirror())
            .env("TWSYNC_LAKE__PATH", self.lake())
            .stdin(Stdio::null());
        command
    }

    /// A month goes by, as far as the age of details is concerned: the program has only the real clock.
    pub fn ages(&self) {
        let base = Connection::open(self.mirror()).unwrap();
        let a_month_ago = "strftime('%Y-%m-%dT%H:%M:%f000Z', detail_verified_at, '-30 days')";
        let older = format!("UPDATE kept SET detail_verified_at = {a_month_ago}");
        assert!(base.execute(&older, []).unwrap() > 0);
    }

    /// One `--once` that is to die where `failpoints` says.
    pub async fn once(&self, arguments: &[&str], failpoints: &str) -> Output {
        let mut command = self.command(&["-qq", "--once"]);
        command.args(arguments).env("FAILPOINTS", failpoints);
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    pub async fn once_to_the_end(&self, arguments: &[&str]) {
        let output = self.once(arguments, "").await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", output.status);
    }

    /// Whether a walk stands in the mirror that is to be gone on with, and whether the newest run
    /// came to its end.
    pub fn stands(&self) -> (bool, bool) {
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

    pub fn requests(&self) -> u64 {
        self.sandbox.requests().total()
    }

    /// What the mirror and the lake hold, but for when and in which run.
    pub async fn holds(&self) -> Held {
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
pub struct Held {
    pub customers: BTreeMap<String, String>,
    pub versions: BTreeMap<String, Vec<String>>,
    pub lake: BTreeMap<String, Vec<String>>,
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
    pub fn read(mirror: &Path) -> Self {
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
pub fn sound(mirror: &Path) -> Connection {
    let base = Connection::open_with_flags(mirror, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let said: String = base
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(said, "ok");
    base
}

/// Nothing was said, nothing unwound, nothing cleared away.
pub fn was_aborted(status: ExitStatus) -> bool {
    const SIGABRT: i32 = 6;
    assert!(
        status.success() || status.signal() == Some(SIGABRT),
        "{status}"
    );
    !status.success()
}
