//! What a killed process leaves beside the lake is cleared away, and nothing is lost.

use std::fs;

use crate::world::{World, customers, tables, with_members};

fn hidden(world: &World) -> Vec<String> {
    let names = fs::read_dir(world.folder()).expect("a folder");
    let mut names: Vec<String> = names
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("text")
        })
        .filter(|name| name.starts_with(".lake.") && name != ".lake.lock")
        .collect();
    names.sort();
    names
}

#[test]
fn an_orphaned_staging_is_removed() {
    let mut world = World::new();
    world.find(&customers(0..3));
    world.publish();
    let orphan = world.folder().join(".lake.staging-killed");
    fs::create_dir_all(orphan.join("current")).expect("a folder");
    fs::write(orphan.join("current/half"), "half").expect("a file");
    assert_eq!(hidden(&world), [".lake.staging-killed"]);
    world.publish();
    assert_eq!(hidden(&world), [".lake.previous"]);
}

#[test]
fn a_lake_caught_between_two_renames_is_put_back() {
    let mut world = World::new();
    world.at("2026-02-03T10:00:00Z").find(&customers(0..3));
    world.publish();
    let before = tables(&world.lake());
    fs::rename(world.lake(), world.folder().join(".lake.previous")).expect("a rename");
    // What was to take its place has not moved yet.
    fs::create_dir(world.folder().join(".lake.staging-killed")).expect("a folder");
    world.publish();
    assert_eq!(before, tables(&world.lake()));
    assert_eq!(hidden(&world), [".lake.previous"]);
}

#[test]
fn a_lake_that_its_owner_took_away_is_not_brought_back() {
    let mut world = World::new();
    world.find(&customers(0..30));
    world.publish();
    world.publish();
    assert_eq!(hidden(&world), [".lake.previous"]);
    // As the hint says where a lake is of another mirror: that one's generations are to go.
    fs::rename(world.lake(), world.folder().join("kept")).expect("a rename");
    let mut younger = World::new();
    younger.find(&customers(0..3));
    younger.settings.path = Some(world.lake().into());
    assert_eq!(younger.publish().customers, 3);
    assert_eq!(younger.verify(), []);
}

#[test]
fn the_previous_generation_stays_for_those_who_are_listing_it() {
    let mut world = World::new();
    world.find(&customers(0..3));
    world.publish();
    let listing = fs::read_dir(world.lake().join("customers_history")).expect("a folder");
    let before = tables(&world.lake());
    world.find(&[with_members(1, 9)]);
    world.publish();
    assert_eq!(listing.count(), 1, "what was opened can be listed");
    assert_eq!(before, tables(&world.folder().join(".lake.previous")));
    world.publish();
    assert_eq!(hidden(&world), [".lake.previous"], "and one is enough");
}

#[test]
fn a_failed_publishing_leaves_the_last_generation_and_nothing_else() {
    let mut world = World::new();
    world.find(&customers(0..3));
    world.publish();
    let before = tables(&world.lake());
    world.find(&[with_members(1, 9)]);
    // The lake's own folder turns up as foreign: publishing fails after all else was possible.
    let stray = world.lake().join("stray");
    fs::write(&stray, "").expect("a file");
    world
        .try_publish()
        .expect_err("the lake holds something else");
    fs::remove_file(stray).expect("the file can be removed");
    assert_eq!(before, tables(&world.lake()));
    assert_eq!(hidden(&world), [""; 0]);
}

#[test]
fn what_can_not_be_cleared_away_is_said_before_anything_is_exchanged() {
    let mut world = World::new();
    world.find(&customers(0..3));
    world.publish();
    let before = tables(&world.lake());
    world.find(&[with_members(1, 9)]);
    // Where the generation that is replaced would stay.
    let stray = world.folder().join(".lake.previous");
    fs::write(&stray, "no folder").expect("a file");
    world.try_publish().expect_err("it is in the way");
    assert_eq!(before, tables(&world.lake()));
    fs::remove_file(stray).expect("the file can be removed");
    world.publish();
    assert_eq!(hidden(&world), [".lake.previous"]);
    assert_eq!(world.verify(), []);
}
