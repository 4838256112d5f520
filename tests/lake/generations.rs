//! One consistent generation at any time, and what did not change stays the same file.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use twsync::lake;
use twsync::report::{Exit, Outcome};

use crate::world::{World, customers, id, manifest, parts, tables, with_members};

fn inode(path: &Path) -> u64 {
    fs::metadata(path).expect("a file").ino()
}

fn inodes(lake: &Path) -> Vec<u64> {
    let mut inodes: Vec<u64> = tables(lake)
        .keys()
        .map(|path| inode(&lake.join(path)))
        .collect();
    inodes.sort_unstable();
    inodes
}

#[test]
fn an_unchanged_mirror_makes_the_same_files_again() {
    let mut world = World::new();
    world.find(&customers(0..500));
    world.publish();
    let before = (tables(&world.lake()), inodes(&world.lake()));
    let again = world.publish();
    assert_eq!(before.0, tables(&world.lake()));
    assert_eq!(
        before.1,
        inodes(&world.lake()),
        "they are the same files on disk"
    );
    assert_eq!(again.files, again.files_kept);
}

#[test]
fn generations_are_told_apart_and_sort_by_when_they_were_made() {
    let mut world = World::new();
    world.find(&customers(0..5));
    let first = world.publish().generation;
    world.run(Vec::new());
    let second = world.publish().generation;
    assert!(first < second, "{first} and {second}");
    let said = manifest(&world.lake())["generation"].clone();
    assert_eq!(said, second);
    let version = uuid::Uuid::parse_str(&second)
        .expect("a UUID")
        .get_version_num();
    assert_eq!(version, 7);
}

#[test]
fn a_run_that_changes_nothing_leaves_all_but_the_runs_alone() {
    let mut world = World::new();
    world.find(&customers(0..50));
    world.publish();
    let before = tables(&world.lake());
    world.run(Vec::new());
    world.publish();
    let after = tables(&world.lake());
    for (path, contents) in &before {
        if !path.starts_with("runs") {
            assert_eq!(after.get(path), Some(contents), "{}", path.display());
        }
    }
}

#[test]
fn a_lost_lake_is_made_again_byte_for_byte() {
    let mut world = World::new();
    world.at("2026-01-30T10:00:00Z").find(&customers(0..300));
    world.publish();
    world
        .at("2026-01-31T10:00:00Z")
        .find(&[with_members(7, 99)]);
    world.publish();
    world.at("2026-02-01T10:00:00Z").lose(&[id(8), id(9)]);
    world.publish();
    world.at("2026-02-01T22:00:00Z").find(&customers(300..310));
    world.publish();
    let kept = tables(&world.lake());
    let made = world.with_lake("another", |world, lake| {
        world.publish();
        tables(lake)
    });
    let names =
        |tables: &std::collections::BTreeMap<_, _>| tables.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&kept), names(&made));
    assert_eq!(kept, made);
}

#[test]
fn past_days_and_months_stay_the_same_files() {
    let mut world = World::new();
    world.at("2026-01-30T10:00:00Z").find(&customers(0..100));
    world.publish();
    world
        .at("2026-02-02T10:00:00Z")
        .find(&[with_members(3, 77)]);
    world.publish();
    let lake = world.lake();
    let past: Vec<_> = tables(&lake)
        .into_keys()
        .filter(|path| path.to_string_lossy().contains("2026-01"))
        .map(|path| (inode(&lake.join(&path)), path))
        .collect();
    assert_eq!(past.len(), 2, "a day's snapshot and a month's changes");
    world
        .at("2026-02-03T10:00:00Z")
        .find(&[with_members(4, 78)]);
    world.publish();
    for (before, path) in past {
        assert_eq!(before, inode(&lake.join(&path)), "{}", path.display());
    }
    assert_eq!(
        parts(&lake, "customers_snapshot"),
        ["2026-01-30", "2026-02-02", "2026-02-03"]
    );
    assert_eq!(
        parts(&lake, "customers_changes"),
        [
            "2026-01",
            "2026-02-02T10-00-00.000000",
            "2026-02-03T10-00-00.000000"
        ]
    );
    assert_eq!(parts(&lake, "customers_history"), ["2026-02", "open"]);
    assert_eq!(world.verify(), []);
}

#[test]
fn a_change_late_on_a_day_is_in_that_days_snapshot() {
    let mut world = World::new();
    world.at("2026-02-03T10:00:00Z").find(&customers(0..10));
    world.publish();
    world.at("2026-02-03T23:59:50Z").find(&customers(10..12));
    world.publish();
    let manifest = manifest(&world.lake());
    let rows = |day: &str| {
        let files = manifest["files"].as_array().expect("files");
        let file = files
            .iter()
            .find(|file| file["table"] == "customers_snapshot" && file["part"] == day);
        file.and_then(|file| file["rows"].as_u64())
    };
    assert_eq!(rows("2026-02-03"), Some(12));
    assert_eq!(rows("2026-02-04"), Some(12));
    assert_eq!(world.verify(), []);
}

#[test]
fn a_clock_that_was_set_back_loses_nothing() {
    let mut world = World::new();
    world.at("2026-01-20T10:00:00Z").find(&customers(0..10));
    world.publish();
    world
        .at("2026-02-02T10:00:00Z")
        .find(&[with_members(3, 77)]);
    world.publish();
    world.at("2026-01-25T10:00:00Z").find(&customers(10..15));
    world
        .at("2026-02-02T11:00:00Z")
        .find(&[with_members(4, 78)]);
    world.publish();
    let days = ["2026-01-20", "2026-01-25", "2026-02-02"];
    assert_eq!(parts(&world.lake(), "customers_snapshot"), days);
    assert_eq!(world.verify(), []);
}

#[test]
fn a_run_that_was_killed_is_published_as_far_as_it_came() {
    let mut world = World::new();
    world.at("2026-02-01T10:00:00Z").find(&customers(0..10));
    world.publish();
    world.at("2026-02-03T10:00:00Z");
    world.killed_run(&customers(10..15));
    world.at("2026-02-05T10:00:00Z").publish();
    let days = ["2026-02-01", "2026-02-03"];
    assert_eq!(
        parts(&world.lake(), "customers_snapshot"),
        days,
        "the state is of that day"
    );
    assert_eq!(world.verify(), []);
}

#[test]
fn days_without_a_lake_are_made_up_for_from_the_versions() {
    let mut world = World::new();
    world.at("2026-01-10T10:00:00Z").find(&customers(0..10));
    world.at("2026-01-11T10:00:00Z").lose(&[id(3)]);
    world.at("2026-01-12T10:00:00Z").find(&customers(10..15));
    world.publish();
    let days = ["2026-01-10", "2026-01-11", "2026-01-12"];
    assert_eq!(parts(&world.lake(), "customers_snapshot"), days);
    assert_eq!(world.verify(), []);
}

/// The days of a lake that is made of the mirror alone.
fn days_made_anew(world: &mut World) -> Vec<String> {
    world.with_lake("anew", |world, lake| {
        world.publish();
        assert_eq!(world.verify(), []);
        parts(lake, "customers_snapshot")
    })
}

#[test]
fn a_day_has_a_snapshot_however_its_only_run_ended() {
    for outcome in [Outcome::Held, Outcome::Partial, Outcome::Failed] {
        let mut world = World::new();
        world.at("2026-02-01T10:00:00Z").find(&customers(0..10));
        world.publish();
        world.at("2026-02-03T10:00:00Z").run_in_vain(outcome);
        world.publish();
        world.at("2026-02-05T10:00:00Z").run(Vec::new());
        world.publish();
        let days = ["2026-02-01", "2026-02-03", "2026-02-05"];
        assert_eq!(
            parts(&world.lake(), "customers_snapshot"),
            days,
            "{outcome:?}"
        );
        assert_eq!(days_made_anew(&mut world), days, "{outcome:?}");
    }
}

#[test]
fn the_days_of_killed_runs_are_the_same_published_along_the_way_and_made_anew() {
    let mut world = World::new();
    world.at("2026-02-01T10:00:00Z").find(&customers(0..10));
    world.publish();
    world.at("2026-02-03T10:00:00Z");
    world.killed_run(&customers(10..15));
    world.publish();
    // Over three days, and seen on each.
    world.at("2026-02-05T23:00:00Z");
    world.killed_run(&customers(15..16));
    world.publish();
    world.at("2026-02-06T10:00:00Z").goes_on(&customers(16..17));
    world.publish();
    world.at("2026-02-07T10:00:00Z").goes_on(&customers(17..18));
    world.publish();
    // Before it wrote anything.
    world.at("2026-02-08T10:00:00Z").killed_run(&[]);
    world.publish();
    world
        .at("2026-02-10T10:00:00Z")
        .find(&[with_members(16, 99)]);
    world.publish();
    let days = ["01", "03", "05", "06", "07", "08", "10"].map(|day| format!("2026-02-{day}"));
    assert_eq!(parts(&world.lake(), "customers_snapshot"), days);
    assert_eq!(world.verify(), []);
    assert_eq!(days_made_anew(&mut world), days);
}

#[test]
fn what_happens_at_midnight_is_of_the_day_that_begins() {
    let mut world = World::new();
    world.at("2026-02-01T10:00:00Z").find(&customers(0..10));
    // A run looks a second after it began.
    world
        .at("2026-02-01T23:59:59Z")
        .find(&[with_members(3, 77), customers(10..11).remove(0)]);
    world.at("2026-02-02T23:59:59Z").lose(&[id(4)]);
    world.publish();
    let manifest = manifest(&world.lake());
    let files = manifest["files"].as_array().expect("files").iter();
    let days = files.filter(|file| file["table"] == "customers_snapshot");
    let rows: Vec<(&str, u64)> = days
        .map(|file| {
            let part = file["part"].as_str().expect("a part");
            (part, file["rows"].as_u64().expect("a number"))
        })
        .collect();
    let expected = [("2026-02-01", 10), ("2026-02-02", 11), ("2026-02-03", 10)];
    assert_eq!(rows, expected);
    assert_eq!(world.verify(), []);
}

#[test]
fn old_days_are_thinned_to_one_a_month() {
    let mut world = World::new();
    world.settings.keep_daily = std::time::Duration::from_hours(24 * 10);
    world.at("2026-01-10T10:00:00Z").find(&customers(0..3));
    for day in ["2026-01-20", "2026-01-31", "2026-02-02", "2026-02-20"] {
        world.at(&format!("{day}T10:00:00Z")).run(Vec::new());
        world.publish();
    }
    let days = ["2026-01-31", "2026-02-02", "2026-02-20"];
    assert_eq!(parts(&world.lake(), "customers_snapshot"), days);
}

#[test]
fn another_encoding_of_ids_rewrites_everything() {
    let mut world = World::new();
    world.at("2026-01-10T10:00:00Z").find(&customers(0..10));
    world.publish();
    world
        .at("2026-01-11T10:00:00Z")
        .find(&[with_members(3, 77)]);
    world.write_native_ids();
    let published = world.publish();
    assert_eq!(published.files_kept, 0);
    assert_eq!(parts(&world.lake(), "customers_snapshot").len(), 2);
    assert_eq!(world.verify(), []);
}

#[test]
fn an_empty_mirror_makes_a_lake_with_every_table() {
    let world = World::new();
    let published = world.publish();
    assert_eq!((published.customers, published.files), (0, 6));
    assert_eq!(world.verify(), []);
}

#[test]
fn what_is_not_of_a_lake_is_left_alone() {
    let mut world = World::new();
    world.find(&customers(0..3));
    fs::create_dir(world.lake()).expect("a folder");
    fs::write(world.lake().join("notes.txt"), "mine").expect("a file");
    let error = world
        .try_publish()
        .expect_err("the folder holds something else");
    assert_eq!(error.exit(), Exit::Damaged);
    let notes = fs::read_to_string(world.lake().join("notes.txt"));
    assert_eq!(notes.expect("the file is there"), "mine");

    fs::remove_file(world.lake().join("notes.txt")).expect("the file can be removed");
    world.publish();
    let stray = world.lake().join("current/mine.parquet");
    fs::write(&stray, "mine").expect("a file");
    let error = world
        .try_publish()
        .expect_err("a table's folder holds something else");
    assert_eq!(error.exit(), Exit::Damaged);
    assert!(stray.exists());
}

#[test]
fn a_lake_of_another_mirror_is_left_alone() {
    let mut world = World::new();
    world.find(&customers(0..30));
    world.publish();
    let mut younger = World::new();
    younger.find(&customers(0..3));
    younger.settings.path = Some(world.lake().into());
    let error = younger.try_publish().expect_err("it would lose history");
    assert_eq!(error.exit(), Exit::Damaged);
    assert_eq!(world.verify(), []);
}

#[test]
fn no_customers_after_many_is_published_where_all_were_deleted() {
    let mut world = World::new();
    world.find(&customers(0..3));
    world.publish();
    world.lose(&[id(0), id(1), id(2)]);
    assert_eq!(world.publish().customers, 0);
}

#[test]
fn no_customers_after_many_is_held_where_nothing_says_that_they_were_deleted() {
    let world = World::new();
    world.publish();
    let path = world.lake().join("manifest.json");
    let text = fs::read_to_string(&path).expect("a manifest");
    let many = text.replace("\"customers\": 0", "\"customers\": 3");
    assert_ne!(text, many);
    fs::write(&path, &many).expect("the manifest can be changed");
    let error = world
        .try_publish()
        .expect_err("three customers are gone without a word");
    assert_eq!(error.exit(), Exit::Held);
    let kept = fs::read_to_string(&path).expect("a manifest");
    assert_eq!(kept, many, "the lake was left alone");
}

#[test]
fn a_lake_that_cannot_be_written_is_said_before_anything_is_asked_for() {
    let world = World::new();
    lake::check(&world.settings).expect("the place can be made");
    fs::write(world.lake(), "a file, not a folder").expect("a file");
    let error = lake::check(&world.settings).expect_err("a file is in the way");
    assert_eq!(error.exit(), Exit::CannotWrite);
    assert!(error.hint().contains("permissions"), "{}", error.hint());
}

#[test]
fn a_lake_of_a_newer_program_is_left_alone() {
    let world = World::new();
    world.publish();
    let path = world.lake().join("manifest.json");
    let text = fs::read_to_string(&path).expect("a manifest");
    let newer = text.replace("\"schema_version\": 1", "\"schema_version\": 2");
    fs::write(&path, newer).expect("the manifest can be changed");
    let error = world.try_publish().expect_err("it can't be understood");
    assert_eq!(error.exit(), Exit::Damaged);
}

#[test]
fn a_second_publisher_is_turned_away() {
    let mut world = World::new();
    world.find(&customers(0..3));
    let lock = fs::File::create(world.folder().join(".lake.lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let error = world.try_publish().expect_err("somebody else publishes");
    assert_eq!(error.exit(), Exit::Partial);
}

#[test]
fn a_lake_behind_a_link_is_exchanged_and_the_link_stays() {
    let mut world = World::new();
    world.find(&customers(0..3));
    let real = world.folder().join("real");
    fs::create_dir(&real).expect("a folder");
    std::os::unix::fs::symlink(&real, world.lake()).expect("a link");
    world.publish();
    world.find(&[with_members(1, 5)]);
    world.publish();
    assert!(world.lake().is_symlink());
    assert!(real.join("manifest.json").exists());
}

/// One file is added in each generation, so a month's files say which one it is; a reader that saw
/// a mixture would count what was never published.
#[test]
fn a_reader_sees_one_generation_whenever_it_looks() {
    let mut world = World::new();
    world.find(&customers(0..40));
    world.publish();
    let done = AtomicBool::new(false);
    let lake = world.lake();
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let names: BTreeSet<_> = fs::read_dir(lake.join("customers_changes/month=2026-02"))
                    .expect("the lake is always there")
                    .map(|entry| entry.expect("an entry").file_name())
                    .collect();
                seen.push(names);
            }
            seen
        });
        for round in 0..20 {
            world.find(&[with_members(1, 1000 + round)]);
            world.publish();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().expect("the reader never failed")
    });
    let mut generations = seen;
    generations.dedup();
    assert!(
        generations.len() > 2,
        "the reader looked while generations changed"
    );
    for (before, after) in generations.iter().zip(&generations[1..]) {
        assert!(before.is_subset(after) && before.len() < after.len());
    }
}

#[test]
fn whichever_file_is_lost_is_made_again() {
    let mut world = World::new();
    world.live_through_months();
    let kept = tables(&world.lake());
    let made_of_versions = kept.keys().filter(|path| {
        let tables = ["customers_changes", "customers_history", "customers_daily"];
        tables.iter().any(|table| path.starts_with(table))
    });
    for lost in made_of_versions {
        fs::remove_file(world.lake().join(lost)).expect("a file can go");
        world.publish();
        assert!(tables(&world.lake()) == kept, "{}", lost.display());
        assert_eq!(world.verify(), [], "{}", lost.display());
    }
}
