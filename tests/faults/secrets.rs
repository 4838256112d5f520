//! A canary for a secret, taken through every command at the top of its voice: it is in nothing that
//! is said, served or left behind, neither as it is nor encoded.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use twsync::sandbox::{Access, Options, Sandbox, World};

use crate::program::{Program, Running, Said, contents, holds};

/// Its letters and digits look the same between percent signs; the rest would be encoded.
const LETTERS: &str = "c4nary5633e4b16";

fn canary() -> String {
    format!("{LETTERS}/+=")
}

/// All that nobody may ever see: the canary, hexadecimal, and whatever of it base64 makes the same
/// wherever it stands in a text.
fn needles() -> Vec<String> {
    let hex: Vec<String> = LETTERS.bytes().map(|byte| format!("{byte:02x}")).collect();
    let hex = hex.concat();
    let mut needles = vec![LETTERS.to_owned(), hex.to_uppercase(), hex];
    for before in 0..3 {
        let text = [&vec![b'.'; before], canary().as_bytes()].concat();
        for encoded in [
            BASE64_STANDARD_NO_PAD.encode(&text),
            BASE64_URL_SAFE_NO_PAD.encode(&text),
        ] {
            // The first and the last letters depend on what stands beside it.
            needles.push(encoded[4..encoded.len() - 4].to_owned());
        }
    }
    needles
}

#[track_caller]
fn hidden(said: &Said) {
    for needle in needles() {
        said.assert_hides(&needle);
    }
}

/// The program with a secret of one kind, against a server that takes it.
struct Keeper {
    sandbox: Sandbox,
    program: Program,
    log: &'static str,
    /// Where the secrets are.
    _secrets: TempDir,
}

impl Keeper {
    /// The names of the credentials, and how it writes its log.
    async fn of(credentials: &[&str], log: &'static str) -> Self {
        let access = Access {
            tokens: vec![canary()],
            key_pairs: vec![(canary(), canary())],
            ..Access::default()
        };
        let options = Options {
            access,
            world: World::new(7, 60),
            ..Options::default()
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        let secrets = tempfile::tempdir().unwrap();
        for name in credentials {
            let path = secrets.path().join(name);
            fs::write(&path, canary()).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        }
        let program = Program::new();
        let temporary = program.path("tmp");
        fs::create_dir(&temporary).unwrap();
        let program = program
            .env("CREDENTIALS_DIRECTORY", secrets.path().to_str().unwrap())
            .env("TMPDIR", temporary.to_str().unwrap())
            .env("TWSYNC_API__BASE_URL", &sandbox.url())
            .env("TWSYNC_PACE__REQUESTS_PER_SECOND", "1e9")
            .env("TWSYNC_LOG", "trace")
            .env("RUST_BACKTRACE", "1");
        Self {
            sandbox,
            program,
            log,
            _secrets: secrets,
        }
    }

    fn arguments<'a>(&self, arguments: &[&'a str]) -> Vec<&'a str> {
        [arguments, &["-vv", "--log-format", self.log]].concat()
    }

    async fn hides_it_in(&self, arguments: &[&str]) {
        let said = self.program.run(&self.arguments(arguments)).await.exits(0);
        hidden(&said);
    }

    /// What runs until it is told to stop.
    fn start(&self, arguments: &[&str]) -> Running {
        self.program.start(&self.arguments(arguments))
    }

    async fn stop(&self, running: Running) {
        let command = fs::read(format!("/proc/{}/cmdline", running.pid())).unwrap();
        assert!(!command.is_empty());
        running.signal(Signal::INT);
        for needle in needles() {
            assert!(!holds(&command, &needle));
            assert_eq!(running.heard(&needle), 0);
        }
        hidden(&running.ends().await.exits(0));
    }

    /// All that was left behind. What the lake's files hold compressed is what the mirror holds as it is:
    /// `verify` has proved that.
    fn left_nothing(&self) {
        let left = contents(self.program.folder.path());
        assert!(holds(&left, "SQLite format 3") && holds(&left, "PAR1"));
        for needle in needles() {
            assert!(!holds(&left, &needle), "{needle} was left behind");
        }
    }
}

/// Whatever a page answers, head and body.
async fn answer(address: &str, path: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn is_kept(credentials: &[&str], log: &'static str) {
    let keeper = Keeper::of(credentials, log).await;
    let id = keeper.sandbox.world().listed_ids()[3].to_string();
    for arguments in [
        &["check"][..],
        &["config"],
        &["config", "--output", "json"],
        &["plan"],
        &["--once"],
        &["--once", "--full", "--output", "json"],
        &["refresh", &id],
        &["history", &id],
        &["status"],
        &["status", "--output", "json"],
        &["snapshot"],
        &["verify"],
        &["report"],
        &["report", "--out", "-"],
        &["demo", "--customers", "20", "--dir", "demo"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
    ] {
        keeper.hides_it_in(arguments).await;
    }
    assert!(keeper.sandbox.requests().total() > 120, "it was let in");

    let mut sandbox = keeper.start(&["sandbox", "--port", "0", "--customers", "5"]);
    sandbox.answers("127.0.0.1").await;
    keeper.stop(sandbox).await;

    let mut daemon = keeper.start(&["--set", "status.listen=127.0.0.1:0"]);
    let line = daemon.says("status page at").await;
    let address = line.split("http://").nth(1).unwrap();
    let address = address.split('/').next().unwrap();
    daemon.says("run ended").await;
    for path in ["/", "/healthz", "/readyz", "/metrics", "/api/status", "/x"] {
        let answer = answer(address, path).await;
        for needle in needles() {
            assert!(!answer.contains(&needle), "{path}: {answer}");
        }
    }
    daemon.signal(Signal::HUP);
    daemon.says("settings read anew").await;
    keeper.stop(daemon).await;
    keeper.left_nothing();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_in_nothing_that_is_said_served_or_left_behind() {
    is_kept(&["api-token"], "text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_pair_is_in_nothing_that_is_said_served_or_left_behind() {
    is_kept(&["api-key", "api-secret"], "json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_tells_its_place_and_not_its_message() {
    let keeper = Keeper::of(&["api-token"], "text").await;
    // In the task of the run, and on a thread of its own.
    for point in ["mirror::page-before-commit", "lake-staging"] {
        let mut command = keeper.program.command(&["--once", "-vv"]);
        command.env("FAILPOINTS", format!("{point}=panic({LETTERS})"));
        let said = crate::shell::ended(command).await.exits(1);
        let said = said.says("this is a bug in twsync").says("panic at ");
        hidden(&said);
    }
    keeper.hides_it_in(&["--once"]).await;
}
