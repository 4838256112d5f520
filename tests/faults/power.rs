//! What has reached the disk, and when: the program's own calls of fsync, noted while it runs, and
//! made to fail.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::Said;
use crate::shell::{Shell, ended};

/// A file or folder of which the program asked that it be on disk.
struct Sync {
    done: bool,
    inode: u64,
    /// What it was called at that moment.
    name: String,
}

/// Runs the program; those of its fsyncs fail that are of a file with `fails` in its name.
async fn watched(shell: &Shell, fails: &str) -> (Said, Vec<Sync>) {
    let folder = tempfile::tempdir().unwrap();
    let (library, log) = (folder.path().join("fsync.so"), folder.path().join("log"));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/fsync.c");
    // The compiler that builds SQLite.
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(source);
    assert!(cc.status().unwrap().success());
    let mut command = shell.command(&["--once"]);
    command
        .env("LD_PRELOAD", &library)
        .env("FSYNC_LOG", &log)
        .env("FSYNC_FAILS", fails);
    let said = ended(command).await;
    let log = fs::read_to_string(&log).unwrap();
    (said, log.lines().map(sync).collect())
}

fn sync(line: &str) -> Sync {
    let mut words = line.splitn(3, ' ');
    let mut word = || words.next().unwrap();
    Sync {
        done: word() == "done",
        inode: word().parse().unwrap(),
        name: word().to_owned(),
    }
}

/// The files and folders of a tree, itself included, by inode.
fn tree(path: &Path, found: &mut Vec<(u64, PathBuf)>) {
    found.push((fs::metadata(path).unwrap().ino(), path.to_owned()));
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            tree(&entry.unwrap().path(), found);
        }
    }
}

fn lake(shell: &Shell) -> Vec<(u64, PathBuf)> {
    let mut found = Vec::new();
    tree(&shell.path("lake"), &mut found);
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_generation_is_on_disk_before_it_takes_its_place() {
    let shell = Shell::of(20).await;
    let mut known = BTreeSet::new();
    for _ in 0..2 {
        shell.sandbox.world().churn(3, 5);
        let (said, syncs) = watched(&shell, "").await;
        said.exits(0);
        let new: Vec<_> = lake(&shell).into_iter().collect();
        let new: Vec<_> = new.iter().filter(|(ino, _)| !known.contains(ino)).collect();
        assert!(new.iter().any(|(_, path)| path.ends_with("manifest.json")));
        assert!(
            new.iter()
                .any(|(_, path)| path.to_string_lossy().contains(".parquet"))
        );
        let mut last = 0;
        for (inode, path) in new {
            let staged = |sync: &Sync| {
                sync.done && sync.inode == *inode && sync.name.contains("/.lake.staging-")
            };
            let at = syncs.iter().rposition(staged);
            last = last.max(at.unwrap_or_else(|| panic!("{} was not", path.display())));
        }
        let beside = fs::metadata(shell.path("")).unwrap().ino();
        let exchanged = syncs.iter().rposition(|sync| sync.inode == beside);
        assert!(
            exchanged > Some(last),
            "then the folder that names the lake"
        );
        known.extend(lake(&shell).into_iter().map(|(inode, _)| inode));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_mirror_is_on_disk_before_its_name_is_and_before_a_lake_is_made_of_it() {
    let shell = Shell::of(20).await;
    let (said, syncs) = watched(&shell, "").await;
    said.exits(0);
    let beside = fs::metadata(shell.path("")).unwrap().ino();
    // SQLite waits for the folder too, where it removes a journal: before that.
    let made = syncs
        .iter()
        .rposition(|sync| sync.name.ends_with("/mirror.db.new"));
    let after = &syncs[made.expect("it is made under another name")..];
    let other = |sync: &Sync| sync.inode != beside && !sync.name.ends_with("/mirror.db.new");
    let next = after.iter().position(other).unwrap();
    let named = after
        .iter()
        .position(|sync| sync.inode == beside && sync.done);
    assert!(named.is_some_and(|named| named < next), "{named:?}, {next}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_the_mirror_is_on_disk_before_what_it_says_is_folded_back() {
    let shell = Shell::of(20).await;
    let (said, syncs) = watched(&shell, "").await;
    said.exits(0);
    let of = |name: &str| syncs.iter().rposition(|sync| sync.name.ends_with(name));
    let (log, mirror) = (of("/mirror.db-wal"), of("/mirror.db"));
    assert!(log.is_some() && log < mirror, "{log:?} and {mirror:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_fsync_of_any_file_of_the_lake_is_not_tried_again() {
    for name in [".parquet", "/manifest.json", "/current"] {
        let shell = Shell::of(20).await;
        shell.once().await.exits(0);
        let (generation, names) = (shell.generation(), shell.names());
        shell.sandbox.world().churn(3, 5);
        let (said, syncs) = watched(&shell, name).await;
        said.exits(73).says("the last generation is still there");
        let failed = syncs.iter().filter(|sync| !sync.done);
        assert_eq!(failed.count(), 1, "{name}");
        assert_eq!((shell.generation(), shell.names()), (generation, names));
        shell.once().await.exits(0);
        shell.is_whole().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_fsync_of_the_mirror_ends_the_run_and_loses_nothing() {
    let shell = Shell::of(20).await;
    shell.once().await.exits(0);
    shell.sandbox.world().churn(3, 5);
    let (said, syncs) = watched(&shell, "/mirror.db-wal").await;
    said.exits(73).says("mirror.db");
    assert!(syncs.iter().any(|sync| !sync.done));
    shell.once().await.exits(0);
    shell.is_whole().await;
}
