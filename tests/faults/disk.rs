//! Disks that are full, read-only, forbidden, failing, or two where one was expected.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fs, io};

use tokio::process::Command;
use twsync::report::Exit;

use crate::program::{Ended, Program};

/// The same command with files of this many KiB at most: then writing fails, as on a full disk.
fn with_room(command: &Command, kib: u32) -> Command {
    let inner = command.as_std();
    let mut limited = Command::new("bash");
    limited
        .arg("-c")
        .arg(format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\""))
        .arg(inner.get_program())
        .args(inner.get_args())
        .current_dir(inner.get_current_dir().unwrap())
        .envs(
            inner
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("PATH", "/usr/bin:/bin");
    limited
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_while_the_mirror_writes_rolls_back_and_goes_on_when_there_is_room() {
    let program = Program::of(600).await;
    let full = with_room(&program.command(&["--once"]), 1400);
    let ended = Ended::of(full).await.with(Exit::CannotWrite);
    let ended = ended.says(&program.mirror().display().to_string());
    ended.says("nothing that was committed is lost");
    let committed = program.number("SELECT count(*) FROM customers");
    assert!((1..600).contains(&committed), "{committed} customers");
    let asked = program.sandbox.requests().detail();
    program.once().await.with(Exit::Done);
    program.is_whole().await;
    let again = program.sandbox.requests().detail() - asked;
    assert!(
        again <= 600 - u64::try_from(committed).unwrap(),
        "{again} asked again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_while_the_lake_stages_keeps_the_last_generation() {
    let program = Program::of(1).await;
    program.once().await.with(Exit::Done);
    let (generation, names) = (program.generation(), program.names());
    // Each customer brings a little that can't be compressed, and all of it stands in one file.
    for _ in 0..1200 {
        program.sandbox.world().insert(twsync::sandbox::Place::Tail);
    }
    let mut mirror_only = program.command(&["--once"]);
    mirror_only.env("TWSYNC_LAKE__PATH", "");
    Ended::of(mirror_only).await.with(Exit::Done);
    let full = with_room(&program.command(&["snapshot"]), 40);
    let ended = Ended::of(full).await.with(Exit::CannotWrite);
    ended.says("the last generation is still there");
    assert_eq!(program.generation(), generation);
    assert_eq!(program.names(), names, "no staging is left");
    program.run(&["snapshot"]).await.with(Exit::Done);
    program.is_whole().await;
}

/// Runs where mirror and lake can't be, before anything is asked for.
async fn is_said_at_start(variable: &str, path: &str, named: &str) {
    let program = Program::of(3).await;
    for arguments in [&["--once"][..], &[]] {
        let mut command = program.command(arguments);
        command.env(variable, path);
        let ended = Ended::of(command).await.with(Exit::CannotWrite).says(named);
        assert!(ended.stderr.contains("permission") || ended.stderr.contains("set lake.path"));
    }
    assert_eq!(program.sandbox.requests().total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_where_the_mirror_can_not_be_is_named_at_start() {
    // Where nobody may write, root included.
    is_said_at_start(
        "TWSYNC_MIRROR__PATH",
        "/proc/twsync/mirror.db",
        "/proc/twsync",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_where_the_lake_can_not_be_is_named_at_start() {
    is_said_at_start("TWSYNC_LAKE__PATH", "/proc/twsync/lake", "/proc/twsync").await;
}

/// Makes all that is below a folder readable to everybody and writable to nobody.
fn forbid(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            forbid(&path)?;
        }
        let mode = if path.is_dir() { 0o555 } else { 0o444 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o555))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_may_not_be_written_is_named_at_start() {
    let program = Program::of(3).await;
    program.once().await.with(Exit::Done);
    forbid(program.folder.path()).unwrap();
    let requests = program.sandbox.requests().total();
    // Permissions don't hold root back: where the tests run as root, nobody runs the program.
    let copy = tempfile::tempdir().unwrap();
    let binary = copy.path().join("twsync");
    fs::copy(env!("CARGO_BIN_EXE_twsync"), &binary).unwrap();
    fs::set_permissions(copy.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let as_is = program.command(&["--once"]);
    let mut command = Command::new(binary);
    let variables = as_is.as_std().get_envs();
    command
        .arg("--once")
        .env_clear()
        .envs(variables.filter_map(|(name, value)| Some((name, value?))));
    command.env("TWSYNC_LAKE__PATH", "");
    if rustix::process::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    let ended = Ended::of(command).await.with(Exit::CannotWrite);
    ended.says(&program.mirror().display().to_string());
    assert_eq!(program.sandbox.requests().total(), requests);
    fs::set_permissions(program.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_fsync_of_the_lake_is_not_tried_again() {
    let program = Program::of(20).await;
    program.once().await.with(Exit::Done);
    let (generation, names) = (program.generation(), program.names());
    program.sandbox.world().churn(3, 5);
    let mut command = program.command(&["--once"]);
    // Once only: a second try would seem to succeed.
    command.env("FAILPOINTS", "lake-fsync=1*return");
    Ended::of(command)
        .await
        .with(Exit::CannotWrite)
        .says("the last generation is still there");
    assert_eq!((program.generation(), program.names()), (generation, names));
    program.once().await.with(Exit::Done);
    program.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_is_a_filesystem_of_its_own_is_said_at_start() {
    // A mount point: what is staged beside it is on another filesystem.
    is_said_at_start("TWSYNC_LAKE__PATH", "/proc", "mount point").await;
}
