//! The language that tests of the program itself are written in: the real binary, an environment
//! and a folder of its own, a sandbox to talk to, signals, and what it says while it runs.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary speaks only a part of the language"
)]
#![allow(clippy::unwrap_used, reason = "a test that can't go on is to fail")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout};
use twsync::sandbox::{Sandbox, TOKEN};

/// How the program is called: in a folder of its own, with no more of an environment than is said.
pub struct Program {
    pub folder: TempDir,
    binary: PathBuf,
    environment: Vec<(String, String)>,
}

impl Program {
    /// Without any settings.
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            binary: env!("CARGO_BIN_EXE_twsync").into(),
            environment: Vec::new(),
        }
    }

    /// Against this sandbox, as fast as it goes.
    pub fn against(sandbox: &Sandbox) -> Self {
        Self::new()
            .env("TWSYNC_API__BASE_URL", &sandbox.url())
            .env("TWSYNC_API__TOKEN", TOKEN)
            .env("TWSYNC_PACE__REQUESTS_PER_SECOND", "1e9")
            .env("TWSYNC_PACE__BURST", "1000")
    }

    /// As this build of it.
    pub fn built_at(mut self, binary: PathBuf) -> Self {
        self.binary = binary;
        self
    }

    /// With this variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this as the settings file.
    pub fn file(self, text: &str) -> Self {
        std::fs::write(self.path("twsync.toml"), text).unwrap();
        self
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub async fn run(&self, arguments: &[&str]) -> Said {
        let mut command = tokio::process::Command::from(self.command(arguments));
        Said::from(command.kill_on_drop(true).output().await.unwrap())
    }

    /// Starts it, to be watched while it runs.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::of(self.command(arguments))
    }
}

/// What the program said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            exit: output.status.code().expect("it ended by itself"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    /// Fails the test where the program ended otherwise.
    #[track_caller]
    pub fn exits(self, exit: i32) -> Self {
        assert_eq!(self.exit, exit, "{}{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test where a person is not told these words.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(
            self.stderr.contains(words),
            "no “{words}” in: {}",
            self.stderr
        );
        self
    }

    /// All of stdout, which is to be one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("one JSON document")
    }

    #[track_caller]
    pub fn assert_hides(&self, secret: &str) {
        let said = format!("{}{}", self.stdout, self.stderr);
        assert!(!said.contains(secret), "{said}");
    }
}

/// The program while it runs.
pub struct Running {
    child: Child,
    answer: Lines<BufReader<ChildStdout>>,
    log: Lines<BufReader<ChildStderr>>,
    heard: Vec<String>,
}

impl Running {
    /// Starts this.
    pub fn of(command: Command) -> Self {
        let mut command = tokio::process::Command::from(command);
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let answer = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            answer,
            log,
            heard: Vec::new(),
        }
    }

    /// Waits until the log says this, and tells the whole line.
    pub async fn says(&mut self, what: &str) -> String {
        while let Some(line) = self.log.next_line().await.unwrap() {
            self.heard.push(line.clone());
            if line.contains(what) {
                return line;
            }
        }
        panic!("it ended and never said {what:?}: {:#?}", self.heard);
    }

    /// How many lines of the log said this so far.
    pub fn heard(&self, what: &str) -> usize {
        let lines = self.heard.iter();
        lines.filter(|line| line.contains(what)).count()
    }

    /// Waits until its answer says this, and tells the whole line.
    pub async fn answers(&mut self, what: &str) -> String {
        while let Some(line) = self.answer.next_line().await.unwrap() {
            if line.contains(what) {
                return line;
            }
        }
        panic!("it ended and never answered {what:?}");
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end; what was heard before is not told again.
    pub async fn ends(mut self) -> Said {
        let (stdout, stderr) = tokio::join!(rest(&mut self.answer), rest(&mut self.log));
        let status = self.child.wait().await.unwrap();
        Said {
            exit: status.code().expect("it ended by itself"),
            stdout,
            stderr,
        }
    }
}

async fn rest<R: AsyncBufRead + Unpin>(lines: &mut Lines<R>) -> String {
    let mut rest = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        rest.push_str(&line);
        rest.push('\n');
    }
    rest
}

/// All bytes of all files under a folder.
pub fn contents(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes.extend(contents(&path));
        } else {
            bytes.extend(std::fs::read(&path).unwrap());
        }
    }
    bytes
}

/// Whether these bytes hold this text.
pub fn holds(bytes: &[u8], text: &str) -> bool {
    // Byte for letter, so that a search for text can be used: quick where windows are not.
    String::from_utf8_lossy(bytes).contains(text)
}
