//! The lake while it is published: whoever reads sees one generation, whole, or the one before.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use twsync::config::Location;
use twsync::lake::{self, Error, Published};
use twsync::report::{Exit, Live};
use twsync::sandbox::{On, Place, Rule};

use crate::promise::run_enders;
use crate::shell::{Shell, ended};
use crate::support::Copying;

/// A copy, and the lake that is made of it.
async fn published(customers: usize) -> Copying {
    let copying = Copying::of(customers).await;
    copying.run().await.ok();
    publish(&copying).unwrap();
    copying
}

fn publish(copying: &Copying) -> Result<Published, Error> {
    let (settings, mirror) = (&copying.config.lake, copying.mirror_path());
    lake::publish(settings, &mirror, None, &copying.clock(), &Live::default())
}

fn folder(copying: &Copying) -> &Path {
    copying
        .config
        .lake
        .path
        .as_ref()
        .and_then(Location::folder)
        .unwrap()
}

fn rows(file: File) -> usize {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    reader.map(|batch| batch.unwrap().num_rows()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_in_mid_query_keeps_its_files() {
    let copying = published(120).await;
    let path = folder(&copying).join("current/customers.parquet");
    let begun = File::open(&path).unwrap();
    for _ in 0..3 {
        copying.world().insert(Place::Tail);
        copying.run().await.ok();
        publish(&copying).unwrap();
    }
    assert_eq!(rows(begun), 120);
    assert_eq!(rows(File::open(&path).unwrap()), 123);
}

/// The file of `current` and that of the day's snapshot are one file under two names: whoever sees
/// two, or a folder with two files, has seen a mixture.
#[tokio::test(flavor = "multi_thread")]
async fn a_glob_at_any_moment_sees_one_whole_generation() {
    let copying = published(20).await;
    let done = Arc::new(AtomicBool::new(false));
    let (ended, day) = (
        Arc::clone(&done),
        folder(&copying).join("customers_snapshot/snapshot_date=2026-11-01"),
    );
    let reader = std::thread::spawn(move || {
        let mut seen = BTreeSet::new();
        while !ended.load(Ordering::Relaxed) {
            let entries = fs::read_dir(&day).expect("the lake is always there");
            let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names.len(), 1, "{names:?}");
            seen.extend(names);
        }
        seen
    });
    for _ in 0..8 {
        copying.world().insert(Place::Tail);
        copying.run().await.ok();
        publish(&copying).unwrap();
    }
    done.store(true, Ordering::Relaxed);
    assert!(
        reader.join().unwrap().len() > 2,
        "it looked while generations changed"
    );
}

/// Flips bits in so many bytes of each staged file with `only` in its path, from its middle on or from `start`.
fn damage(parent: &Path, only: &str, start: Option<u64>, len: usize) {
    let staging = fs::read_dir(parent)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for folder in staging.filter(|path| path.to_string_lossy().contains(".staging-")) {
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path())
            {
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                if !path.to_string_lossy().contains(only) {
                    continue;
                }
                let options = File::options().read(true).write(true).open(&path);
                let file = options.unwrap();
                let at = start.unwrap_or(file.metadata().unwrap().len() / 2);
                let mut bytes = vec![0; len];
                // One that is still being written may be shorter.
                let read = file.read_at(&mut bytes, at).unwrap();
                bytes.truncate(read);
                for byte in &mut bytes {
                    *byte ^= 0x5a;
                }
                file.write_all_at(&bytes, at).unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_as_it_was_written_is_not_published() {
    let copying = published(120).await;
    let manifest = || fs::read_to_string(folder(&copying).join("manifest.json")).unwrap();
    let before = manifest();
    copying.world().insert(Place::Tail);
    copying.run().await.ok();
    // What opens the file may stumble over the first; of the second, a byte of a value's page, only the
    // checksum tells; and the last one is waited for, too.
    for (only, start, len) in [("", None, 64), ("", Some(4), 1), ("/runs/", Some(4), 1)] {
        let parent = copying.folder.path().to_owned();
        fail::cfg_callback("lake-written", move || damage(&parent, only, start, len)).unwrap();
        let error = publish(&copying).unwrap_err();
        fail::remove("lake-written");
        assert_eq!(error.exit(), Exit::CannotWrite);
        assert!(
            error.to_string().contains("not as it was written"),
            "{error}"
        );
        assert_eq!(manifest(), before, "the last good lake stays");
    }
    publish(&copying).unwrap();
    let findings = lake::verify(&copying.config.lake, &copying.mirror_path()).unwrap();
    assert_eq!(findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_while_files_are_written_leaves_the_last_generation_and_no_orphan() {
    let shell = Shell::of(20).await;
    shell.once().await.exits(0);
    let (generation, names) = (shell.generation(), shell.names());
    shell.sandbox.world().churn(3, 5);
    let mut dies = shell.command(&["--once"]);
    dies.env("FAILPOINTS", "lake-written=2*off->panic");
    ended(dies).await.exits(1);
    assert_eq!(shell.generation(), generation);
    assert_ne!(shell.names(), names, "it died in the middle");
    shell.once().await.exits(0);
    shell.is_whole().await;
    let hidden = |name: &String| name.starts_with(".lake.");
    let left: Vec<String> = shell.names().into_iter().filter(hidden).collect();
    assert_eq!(left, [".lake.lock", ".lake.previous"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_customers_after_many_are_a_hold_and_the_last_lake_stays() {
    let shell = Shell::of(20).await;
    shell.once().await.exits(0);
    for id in shell.sandbox.world().listed_ids() {
        shell.sandbox.world().delete(id);
    }
    shell.once().await.exits(76);
    let current = File::open(shell.path("lake/current/customers.parquet")).unwrap();
    assert_eq!(rows(current), 20);
    shell
        .run(&["--once", "--allow-deletions", "20"])
        .await
        .exits(0);
    let current = File::open(shell.path("lake/current/customers.parquet")).unwrap();
    assert_eq!(rows(current), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_leaves_the_last_good_lake() {
    let shell = Shell::of(120).await;
    shell.once().await.exits(0);
    let generation = shell.generation();
    for (action, exit) in run_enders() {
        let fault = shell.fault(Rule::on(On::List).does(action));
        let mut command = shell.command(&["--once"]);
        command.env("TWSYNC_PACE__RETRIES_MAX", "0");
        ended(command).await.exits(exit as i32);
        assert_eq!(shell.generation(), generation, "after {exit:?}");
        fault.lift();
    }
    shell.once().await.exits(0);
    assert_ne!(shell.generation(), generation);
    shell.is_whole().await;
}
