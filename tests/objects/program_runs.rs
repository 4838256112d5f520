//! The program itself with a lake in a bucket.

use jiff::Timestamp;
use tokio::runtime::Runtime;
use twsync::sandbox::{Options, Place, Sandbox, World};

use crate::program::{Program, Said, contents, holds};
use crate::storage::{ANYBODY, BUCKET, Storage, named};

/// A secret that must not be seen.
const CANARY: &str = "canary-canary-canary";

/// A sandbox, a storage, and the program between them.
struct Shell {
    storage: Storage,
    sandbox: Sandbox,
    program: Program,
    runtime: Runtime,
}

impl Shell {
    fn new() -> Option<Self> {
        let storage = Storage::start()?;
        let runtime = Runtime::new().expect("a runtime");
        let options = Options {
            world: World::new(11, 25),
            ..Options::default()
        };
        let sandbox = runtime.block_on(Sandbox::start(options)).expect("a port");
        let program = Program::against(&sandbox)
            .env("TWSYNC_MIRROR__PATH", "mirror.db")
            .env("TWSYNC_LAKE__PATH", &format!("s3://{BUCKET}/lake/"))
            .env("TWSYNC_STATUS__LISTEN", "");
        let mut shell = Self {
            storage,
            sandbox,
            program,
            runtime,
        };
        for (name, value) in shell.storage.environment() {
            shell = shell.env(&name, if value == ANYBODY { CANARY } else { &value });
        }
        Some(shell)
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.program = self.program.env(name, value);
        self
    }

    /// Runs it to its end; whatever it says, no secret is in it.
    fn run(&self, arguments: &[&str]) -> Said {
        let said = self.runtime.block_on(self.program.run(arguments));
        said.assert_hides(CANARY);
        assert!(!holds(&contents(self.program.folder.path()), CANARY));
        said
    }
}

#[test]
fn every_command_works_with_a_bucket() {
    let Some(shell) = Shell::new() else { return };
    let place = format!("s3://{BUCKET}/lake");
    for arguments in [
        &["check"][..],
        &["--once"],
        &["--once", "-vvv"],
        &["snapshot"],
        &["status"],
        &["config"],
    ] {
        let said = shell.run(arguments).exits(0);
        assert!(
            said.stdout.contains(&place),
            "{arguments:?}: {}",
            said.stdout
        );
    }
    let said = shell.run(&["verify"]).exits(0);
    assert!(said.stdout.contains("mirror, history and lake are whole"));
    let names = std::fs::read_dir(shell.program.folder.path()).expect("a folder");
    let names = names.map(|it| it.expect("an entry").file_name());
    let of_lake: Vec<_> = names
        .filter(|it| it.to_string_lossy().contains("lake"))
        .collect();
    assert_eq!(
        of_lake,
        [".mirror.db.lake.lock"],
        "nothing of the lake stays here"
    );
}

#[test]
fn the_daemon_publishes_there() {
    let Some(shell) = Shell::new() else { return };
    shell.runtime.block_on(async {
        let mut daemon = shell.program.start(&[]);
        daemon.says("published").await;
        daemon.signal(rustix::process::Signal::TERM);
        daemon.ends().await.exits(0);
    });
    assert_eq!(shell.storage.manifest()["customers"], 25);
}

#[test]
fn the_daemon_outlives_a_bucket_that_is_out_of_reach_and_comes_back_to_it() {
    let Some(shell) = Shell::new() else { return };
    let shell = shell
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .env("TWSYNC_SCHEDULE__CRON", "0 0 0 29 2 *");
    shell.runtime.block_on(async {
        let mut daemon = shell.program.start(&[]);
        daemon.says("can't get through to the lake").await;
        let line = daemon.says("waiting").await;
        let (_, next) = line.split_once("next=").expect("when it tries again");
        let next: Timestamp = next.trim().parse().expect("an instant");
        let wait = next.duration_since(Timestamp::now());
        assert!(wait.as_secs() <= 300, "{wait:?}");
        daemon.signal(rustix::process::Signal::TERM);
        daemon.ends().await.exits(0);
    });
}

#[test]
fn a_bucket_that_is_not_there_is_said_at_start() {
    let Some(shell) = Shell::new() else { return };
    let shell = shell.env("TWSYNC_LAKE__PATH", "s3://nobody/lake");
    for arguments in [&["--once"][..], &[]] {
        let said = shell.run(arguments).exits(73);
        said.says("s3://nobody/lake").says("make the bucket");
    }
    assert_eq!(shell.sandbox.requests().total(), 0);
    let said = shell.run(&["check"]).exits(73);
    assert!(said.stdout.contains("make the bucket"), "{}", said.stdout);
}

#[test]
fn what_a_run_brought_is_kept_where_the_bucket_is_out_of_reach() {
    let Some(shell) = Shell::new() else { return };
    shell.run(&["--once"]).exits(0);
    let before = shell.storage.manifest();
    shell.sandbox.world().insert(Place::Tail);
    let url = shell.storage.url.clone();
    let shell = shell.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    shell
        .run(&["--once"])
        .exits(73)
        .says("can't get through to the lake s3://customers/lake")
        .says("the last generation is still there");
    assert_eq!(shell.storage.manifest(), before);
    let requests = shell.sandbox.requests().detail();

    let shell = shell.env("AWS_ENDPOINT_URL", &url);
    shell.run(&["snapshot"]).exits(0);
    assert_eq!(shell.storage.manifest()["customers"], 26);
    assert_eq!(
        shell.sandbox.requests().detail(),
        requests,
        "nothing was asked again"
    );
    shell.run(&["verify"]).exits(0);
}

#[test]
fn damage_in_the_bucket_is_found_and_named() {
    let Some(shell) = Shell::new() else { return };
    shell.run(&["--once"]).exits(0);
    let names = named(&shell.storage.manifest());
    let name = names
        .iter()
        .find(|name| name.starts_with("runs/"))
        .expect("runs");
    let mut bytes = shell.storage.objects().remove(name).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    shell.storage.put(&format!("lake/{name}"), &bytes);
    shell.storage.put("lake/README.md", b"of somebody else");
    let said = shell.run(&["verify"]).exits(74);
    assert!(said.stdout.contains(name), "{}", said.stdout);
    assert!(said.stdout.contains("README.md"), "{}", said.stdout);
    let said = shell.run(&["snapshot"]).exits(0);
    assert!(said.stdout.contains(name), "{}", said.stdout);
    assert!(
        !named(&shell.storage.manifest()).contains(name),
        "a name is not used twice"
    );
    shell.run(&["verify"]).exits(0);
}
