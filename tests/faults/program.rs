//! The real program: a sandbox, a folder, and what a shell would see of `twsync`.

use std::path::PathBuf;
use std::process::Stdio;

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use tokio::process::Command;
use twsync::report::Exit;
use twsync::sandbox::{Fault, Options, Rule, Sandbox, TOKEN, World};

/// A place to run the program in.
pub(crate) struct Program {
    pub(crate) sandbox: Sandbox,
    pub(crate) folder: TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    /// With a quiet world of this many customers.
    pub(crate) async fn of(customers: usize) -> Self {
        Self::from(Options {
            world: World::new(11, customers),
            ..Options::default()
        })
        .await
    }

    pub(crate) async fn from(options: Options) -> Self {
        Self {
            sandbox: Sandbox::start(options).await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// `twsync` with nothing in its environment but what it needs to run here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twsync"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("TWSYNC_API__BASE_URL", self.sandbox.url())
            .env("TWSYNC_API__TOKEN", TOKEN)
            .env("TWSYNC_PACE__REQUESTS_PER_SECOND", "1e9")
            .env("TWSYNC_PACE__BURST", "1000")
            .env("TWSYNC_MIRROR__PATH", self.mirror())
            .env("TWSYNC_LAKE__PATH", self.lake())
            .env("TWSYNC_STATUS__LISTEN", "")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments)).await
    }

    /// `twsync --once`
    pub(crate) async fn once(&self) -> Ended {
        self.run(&["--once"]).await
    }

    pub(crate) fn fault(&self, rule: Rule) -> Fault {
        self.sandbox.faults().add(rule)
    }

    /// Waits until so many requests have come in, all told.
    pub(crate) async fn reached(&self, total: u64) {
        in_time(self.sandbox.requests().reached(total)).await;
    }

    pub(crate) fn mirror(&self) -> PathBuf {
        self.folder.path().join("mirror.db")
    }

    pub(crate) fn lake(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    /// The lake's manifest: another generation has another.
    pub(crate) fn generation(&self) -> String {
        std::fs::read_to_string(self.lake().join("manifest.json")).unwrap()
    }

    /// The mirror as anybody may read it.
    pub(crate) fn sql(&self) -> Connection {
        Connection::open_with_flags(self.mirror(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
    }

    /// One number that a query answers.
    pub(crate) fn number(&self, query: &str) -> i64 {
        self.sql().query_row(query, [], |row| row.get(0)).unwrap()
    }

    /// What stands in the folder, hidden names too.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The living customers of the mirror are as many as those of the world, and `verify` agrees.
    pub(crate) async fn is_whole(&self) {
        let living = self.number("SELECT count(*) FROM customers WHERE deleted_at IS NULL");
        assert_eq!(living, i64::try_from(self.sandbox.world().len()).unwrap());
        self.run(&["verify"]).await.with(Exit::Done);
    }
}

/// Waits for what comes within a moment, unless the program has died.
pub(crate) async fn in_time<T>(what: impl Future<Output = T>) -> T {
    let limit = std::time::Duration::from_secs(20);
    tokio::time::timeout(limit, what)
        .await
        .expect("it never comes")
}

impl Ended {
    /// Runs this to its end.
    pub(crate) async fn of(mut command: Command) -> Self {
        let output = command.output().await.unwrap();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Fails the test where the exit code is another.
    #[track_caller]
    pub(crate) fn with(self, exit: Exit) -> Self {
        assert_eq!(
            self.code,
            Some(exit as i32),
            "{}{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Fails the test where a person is not told these words.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(
            self.stderr.contains(words),
            "no “{words}” in: {}",
            self.stderr
        );
        self
    }
}
