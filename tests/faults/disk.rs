//! Disks that are full, read-only, forbidden, failing, or two where one was expected.

use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

use crate::shell::{Shell, ended};

/// The same command with files of this many KiB at most: then writing fails, as on a full disk.
fn with_room(command: &Command, kib: u32) -> Command {
    let mut limited = Command::new("bash");
    limited
        .arg("-c")
        .arg(format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\""))
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().unwrap())
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("PATH", "/usr/bin:/bin")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    limited
}

/// True where the test named so was done again where it may mount, and passed there; this one has
/// nothing more to do. The mounts go with the process, whatever becomes of it.
///
/// Where a machine permits nobody to mount, that is said, and the tests with a limit on the size of
/// files have to do.
fn is_done_where_it_may_mount(test: &str) -> bool {
    if std::env::var_os(MAY_MOUNT).is_some() {
        return false;
    }
    let namespace = |program: &OsStr| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--mount"]).arg(program);
        unshare
    };
    if !namespace("true".as_ref())
        .status()
        .is_ok_and(|it| it.success())
    {
        println!("{test}: SKIPPED, nobody may mount here; files of limited size stand in");
        return true;
    }
    let mut again = namespace(std::env::current_exe().unwrap().as_os_str());
    again
        .args(["--exact", test, "--nocapture"])
        .env(MAY_MOUNT, "1");
    println!("{test}: on a filesystem of its own");
    assert!(again.status().unwrap().success());
    true
}

const MAY_MOUNT: &str = "MAY_MOUNT";

/// Makes the shell's folder a disk of this many KiB, or changes its size.
fn disk_of(shell: &Shell, kib: u64) {
    let folder = shell.path("");
    let is_mounted =
        fs::metadata(&folder).unwrap().dev() != fs::metadata(folder.join("..")).unwrap().dev();
    let change = if is_mounted { "remount," } else { "" };
    mount(shell, &format!("{change}size={kib}k"));
}

fn mount(shell: &Shell, options: &str) {
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]);
    assert!(mount.arg(shell.path("")).status().unwrap().success());
}

/// KiB that are taken on the disk that this is on.
fn taken(path: &Path) -> u64 {
    let disk = rustix::fs::statvfs(path).unwrap();
    (disk.f_blocks - disk.f_bfree) * disk.f_frsize / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filesystem_that_is_full_while_the_mirror_writes_loses_nothing() {
    if is_done_where_it_may_mount(
        "disk::a_filesystem_that_is_full_while_the_mirror_writes_loses_nothing",
    ) {
        return;
    }
    let shell = Shell::of(600).await;
    disk_of(&shell, 1200);
    let said = shell.once().await.exits(73).says("mirror.db");
    said.says("nothing that was committed is lost");
    let committed = shell.number("SELECT count(*) FROM customers");
    assert!((1..600).contains(&committed), "{committed} customers");
    // As long as there is no room, it says so, and does no harm.
    shell.once().await.exits(73).says("mirror.db");
    let asked = shell.sandbox.requests().detail();
    disk_of(&shell, 64 << 10);
    shell.once().await.exits(0);
    shell.is_whole().await;
    let again = shell.sandbox.requests().detail() - asked;
    assert!(
        again <= 600 - committed.unsigned_abs(),
        "{again} asked again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filesystem_that_is_full_while_the_lake_stages_keeps_the_last_generation() {
    if is_done_where_it_may_mount(
        "disk::a_filesystem_that_is_full_while_the_lake_stages_keeps_the_last_generation",
    ) {
        return;
    }
    let shell = Shell::of(1200).await;
    disk_of(&shell, 64 << 10);
    shell.once().await.exits(0);
    for id in shell.sandbox.world().listed_ids() {
        shell.sandbox.world().set_tier(id, "Enterprise");
    }
    let mut mirror_only = shell.command(&["--once"]);
    mirror_only.env("TWSYNC_LAKE__PATH", "");
    ended(mirror_only).await.exits(0);
    let (generation, names) = (shell.generation(), shell.names());
    for room in [0, 16, 64] {
        disk_of(&shell, taken(&shell.path("")) + room);
        let said = shell.run(&["snapshot"]).await.exits(73).says("lake");
        said.says("the last generation is still there");
        assert_eq!(shell.generation(), generation);
        assert_eq!(shell.names(), names, "no staging is left");
    }
    disk_of(&shell, 64 << 10);
    shell.run(&["snapshot"]).await.exits(0);
    assert_ne!(shell.generation(), generation);
    shell.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filesystem_that_is_read_only_is_named_at_start() {
    if is_done_where_it_may_mount("disk::a_filesystem_that_is_read_only_is_named_at_start") {
        return;
    }
    let shell = Shell::of(20).await;
    disk_of(&shell, 64 << 10);
    shell.once().await.exits(0);
    let (generation, asked) = (shell.generation(), shell.sandbox.requests().total());
    mount(&shell, "remount,ro");
    let elsewhere = tempfile::tempdir().unwrap();
    let mut lake_only = shell.command(&["--once"]);
    lake_only.env("TWSYNC_MIRROR__PATH", elsewhere.path().join("mirror.db"));
    ended(lake_only).await.exits(73).says("for the lake");
    let mut mirror_only = shell.command(&["--once"]);
    mirror_only.env("TWSYNC_LAKE__PATH", "");
    ended(mirror_only).await.exits(73).says("mirror.db");
    assert_eq!(shell.sandbox.requests().total(), asked);
    mount(&shell, "remount,rw");
    assert_eq!(shell.generation(), generation);
    shell.once().await.exits(0);
    shell.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_while_the_mirror_writes_rolls_back_and_goes_on_when_there_is_room() {
    let shell = Shell::of(600).await;
    let full = with_room(&shell.command(&["--once"]), 1400);
    let said = ended(full).await.exits(73);
    let said = said.says("mirror.db");
    said.says("nothing that was committed is lost");
    let committed = shell.number("SELECT count(*) FROM customers");
    assert!((1..600).contains(&committed), "{committed} customers");
    let asked = shell.sandbox.requests().detail();
    shell.once().await.exits(0);
    shell.is_whole().await;
    let again = shell.sandbox.requests().detail() - asked;
    assert!(
        again <= 600 - u64::try_from(committed).unwrap(),
        "{again} asked again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_while_the_lake_stages_keeps_the_last_generation() {
    let shell = Shell::of(1).await;
    shell.once().await.exits(0);
    let (generation, names) = (shell.generation(), shell.names());
    // Each customer brings a little that can't be compressed, and all of it stands in one file.
    for _ in 0..1200 {
        shell.sandbox.world().insert(twsync::sandbox::Place::Tail);
    }
    let mut mirror_only = shell.command(&["--once"]);
    mirror_only.env("TWSYNC_LAKE__PATH", "");
    ended(mirror_only).await.exits(0);
    let full = with_room(&shell.command(&["snapshot"]), 40);
    let said = ended(full).await.exits(73);
    said.says("the last generation is still there");
    assert_eq!(shell.generation(), generation);
    assert_eq!(shell.names(), names, "no staging is left");
    shell.run(&["snapshot"]).await.exits(0);
    shell.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_lake_could_not_be_written_says_so_in_its_row() {
    let shell = Shell::of(3).await;
    let mut command = shell.command(&["--once"]);
    command.env("FAILPOINTS", "lake-fsync=return");
    ended(command).await.exits(73);
    let said = "SELECT count(*) FROM runs WHERE reason LIKE '%lake%'";
    assert_eq!(shell.number(said), 1);
    shell.once().await.exits(0);
    shell.is_whole().await;
}

/// Runs where mirror and lake can't be, before anything is asked for.
async fn is_said_at_start(variable: &str, path: &str, named: &str) {
    let shell = Shell::of(3).await;
    for arguments in [&["--once"][..], &[]] {
        let mut command = shell.command(arguments);
        command.env(variable, path);
        let said = ended(command).await.exits(73).says(named);
        assert!(said.stderr.contains("permission") || said.stderr.contains("set lake.path"));
    }
    assert_eq!(shell.sandbox.requests().total(), 0);
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
    let shell = Shell::of(3).await;
    shell.once().await.exits(0);
    forbid(&shell.path("")).unwrap();
    let requests = shell.sandbox.requests().total();
    let (mut command, _program) = shell.as_nobody(&["--once"]);
    command.env("TWSYNC_LAKE__PATH", "");
    let said = ended(command).await.exits(73);
    said.says("mirror.db");
    assert_eq!(shell.sandbox.requests().total(), requests);
    fs::set_permissions(shell.path(""), fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_fsync_of_the_lake_is_not_tried_again() {
    let shell = Shell::of(20).await;
    shell.once().await.exits(0);
    let (generation, names) = (shell.generation(), shell.names());
    shell.sandbox.world().churn(3, 5);
    let mut command = shell.command(&["--once"]);
    // Once only: a second try would seem to succeed.
    command.env("FAILPOINTS", "lake-fsync=1*return");
    ended(command)
        .await
        .exits(73)
        .says("the last generation is still there");
    assert_eq!((shell.generation(), shell.names()), (generation, names));
    shell.once().await.exits(0);
    shell.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_is_a_filesystem_of_its_own_is_said_at_start() {
    // A mount point: what is staged beside it is on another filesystem.
    is_said_at_start("TWSYNC_LAKE__PATH", "/proc", "mount point").await;
}
