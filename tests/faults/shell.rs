//! What a shell sees: the real program, a sandbox of its own, and the files that it leaves.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use twsync::sandbox::{Fault, Options, Rule, Sandbox, World};

use crate::program::{Program, Running, Said};

/// The program, in a folder of its own, and what it talks to.
pub(crate) struct Shell {
    pub(crate) sandbox: Sandbox,
    program: Program,
}

impl Shell {
    /// With a quiet world of this many customers.
    pub(crate) async fn of(customers: usize) -> Self {
        let options = Options {
            world: World::new(11, customers),
            ..Options::default()
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        let program = Program::against(&sandbox)
            .env("TWSYNC_MIRROR__PATH", "mirror.db")
            .env("TWSYNC_LAKE__PATH", "lake")
            .env("TWSYNC_STATUS__LISTEN", "");
        Self { sandbox, program }
    }

    /// The program with these arguments, to be changed before it runs.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.program.command(arguments)
    }

    /// The same command for somebody without privileges, whom permissions hold back as they don't hold
    /// root; and the folder in which such a one finds the program.
    pub(crate) fn as_nobody(&self, arguments: &[&str]) -> (Command, TempDir) {
        let copy = tempfile::tempdir().unwrap();
        let binary = copy.path().join("twsync");
        fs::copy(env!("CARGO_BIN_EXE_twsync"), &binary).unwrap();
        fs::set_permissions(copy.path(), Permissions::from_mode(0o755)).unwrap();
        let as_is = self.command(arguments);
        let mut command = Command::new(binary);
        let variables = as_is.get_envs();
        command
            .args(arguments)
            .current_dir(self.path(""))
            .env_clear()
            .envs(variables.filter_map(|(name, value)| Some((name, value?))))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if rustix::process::geteuid().is_root() {
            command.uid(65_534).gid(65_534);
        }
        (command, copy)
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Said {
        self.program.run(arguments).await
    }

    /// `twsync --once`
    pub(crate) async fn once(&self) -> Said {
        self.run(&["--once"]).await
    }

    /// Starts it, to be watched while it runs.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        self.program.start(arguments)
    }

    pub(crate) fn fault(&self, rule: Rule) -> Fault {
        self.sandbox.faults().add(rule)
    }

    /// A path in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.program.path(name)
    }

    /// The lake's manifest: another generation has another.
    pub(crate) fn generation(&self) -> String {
        fs::read_to_string(self.path("lake/manifest.json")).unwrap()
    }

    /// The mirror as anybody may read it.
    pub(crate) fn sql(&self) -> Connection {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        Connection::open_with_flags(self.path("mirror.db"), flags).unwrap()
    }

    /// One number that a query answers.
    pub(crate) fn number(&self, query: &str) -> i64 {
        self.sql().query_row(query, [], |row| row.get(0)).unwrap()
    }

    /// What stands in the folder, hidden names too.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("")).unwrap();
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
        self.run(&["verify"]).await.exits(0);
    }
}

/// Runs this to its end, while the sandbox goes on serving.
pub(crate) async fn ended(command: Command) -> Said {
    let mut command = tokio::process::Command::from(command);
    // Not `output`, which would give it pipes of its own and read them.
    let child = command.kill_on_drop(true).spawn().unwrap();
    Said::from(child.wait_with_output().await.unwrap())
}
