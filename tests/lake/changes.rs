//! `customers_changes` grows by a file a run, never beyond a bound, and a month that is over is one file.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::world::{World, customers, parts, tables, with_members};

const BASELINE: &str = "2026-02-01T10-00-00.000000";
const MARCH: &str = "2026-03-01T00-00-00.000000";

/// A month that begins with customers, each hour one of whom changes.
fn month_of_changes(hours: i64) -> World {
    let mut world = World::new();
    world.at("2026-02-01T10:00:00Z").find(&customers(0..5));
    for hour in 1..=hours {
        change(&mut world, hour);
    }
    world
}

fn change(world: &mut World, hour: i64) {
    let at: jiff::Timestamp = "2026-02-01T10:00:00Z".parse().expect("a time");
    world.now = at + jiff::SignedDuration::from_hours(hour);
    world.find(&[with_members(1, 1000 + hour)]);
}

fn inodes(world: &World) -> BTreeMap<PathBuf, u64> {
    let changes = tables(&world.lake())
        .into_keys()
        .filter(|path| path.starts_with("customers_changes"));
    changes
        .map(|path| {
            let inode = fs::metadata(world.lake().join(&path))
                .expect("a file")
                .ino();
            (path, inode)
        })
        .collect()
}

/// The table's files, by part.
fn files(world: &World) -> Vec<String> {
    parts(&world.lake(), "customers_changes")
}

/// The lake is as it should be, and one that is made of the mirror alone has the very same files.
#[track_caller]
fn assert_sound(world: &mut World) {
    assert_eq!(world.verify(), []);
    let kept = tables(&world.lake());
    let made = world.with_lake("another", |world, lake| {
        world.publish();
        let made = tables(lake);
        fs::remove_dir_all(lake).expect("the other lake can go");
        made
    });
    assert_eq!(
        kept.keys().collect::<Vec<_>>(),
        made.keys().collect::<Vec<_>>()
    );
    assert_eq!(kept, made);
}

#[test]
fn a_run_adds_one_file_and_leaves_the_others_alone() {
    let mut world = month_of_changes(2);
    world.publish();
    let before = inodes(&world);
    assert_eq!(before.len(), 3);
    change(&mut world, 3);
    world.publish();
    let after = inodes(&world);
    assert_eq!(after.len(), 4);
    for (path, inode) in before {
        assert_eq!(after.get(&path), Some(&inode), "{}", path.display());
    }
    world.run(Vec::new());
    world.publish();
    assert_eq!(
        inodes(&world),
        after,
        "a run without changes leaves all alone"
    );
}

#[test]
fn more_than_24_files_become_one() {
    let mut world = month_of_changes(22);
    let mut counted = Vec::new();
    for hour in 23..=50 {
        change(&mut world, hour);
        world.publish();
        counted.push(files(&world).len());
        if [24, 25, 48, 49].contains(&hour) {
            assert_sound(&mut world);
        }
    }
    // 24 runs after 23 hours; the 25th and the 49th make one file of all.
    let expected: Vec<usize> = [24].into_iter().chain(1..=24).chain([1, 2, 3]).collect();
    assert_eq!(counted, expected);
}

#[test]
fn a_month_that_is_over_is_one_file() {
    let mut world = month_of_changes(30);
    world.publish();
    assert_eq!(files(&world).len(), 7);
    world
        .at("2026-03-01T00:00:00Z")
        .find(&[with_members(2, 77)]);
    world.publish();
    assert_eq!(files(&world), ["2026-02", MARCH]);
    assert_sound(&mut world);
}

#[test]
fn a_run_over_midnight_has_a_file_in_each_month() {
    let mut world = month_of_changes(0);
    world.publish();
    world.at("2026-02-28T23:59:59.5Z").find(&customers(5..8));
    world.publish();
    assert_eq!(files(&world), ["2026-02", MARCH]);
    assert_eq!(world.verify(), []);
}

#[test]
fn a_run_that_goes_on_after_a_publishing_has_one_file() {
    let mut world = month_of_changes(0);
    world.publish();
    world.at("2026-02-02T10:00:00Z");
    world.killed_run(&customers(5..8));
    world.publish();
    let then = files(&world);
    assert_eq!(then, [BASELINE, "2026-02-02T10-00-00.000000"]);
    // Another one of whom the same run knows came in later than the lake's state.
    world.at("2026-02-02T10:00:05Z");
    world.goes_on(&customers(8..9));
    world.publish();
    assert_eq!(files(&world), then);
    assert_sound(&mut world);
}

#[test]
fn a_clock_that_was_set_back_cuts_the_files_anew() {
    let mut world = month_of_changes(3);
    world.publish();
    // It brings nothing, but its begin falls between two others.
    world.at("2026-02-01T11:00:00.5Z").run(Vec::new());
    world.publish();
    assert_eq!(world.verify(), []);
    world
        .at("2026-02-01T15:00:00Z")
        .find(&[with_members(2, 77)]);
    world.publish();
    assert_sound(&mut world);
}
