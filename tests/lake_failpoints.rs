//! Wherever publishing ends before its time, the lake is one whole generation, and the next
//! publishing goes on from there. Only with the feature `failpoints`; a binary of its own, because
//! failpoints are the whole process's.
#![cfg(feature = "failpoints")]

#[path = "lake/world.rs"]
#[expect(dead_code, reason = "the tests of the binary `lake` use more of it")]
mod world;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fail::FailScenario;
use world::{World, customers, manifest, with_members};

fn staging_is_left(world: &World) -> bool {
    fs::read_dir(world.folder())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .any(|name| name.to_string_lossy().contains("staging"))
}

#[test]
fn what_may_not_have_reached_the_disk_is_not_published() {
    let _alone = FailScenario::setup();
    let mut world = World::new();
    world.find(&customers(0..20));
    world.publish();
    let before = manifest(&world.lake());
    world.find(&[with_members(1, 9)]);
    fail::cfg("lake-fsync", "1*return").expect("a failpoint can be set");
    world
        .try_publish()
        .expect_err("a folder could not be synced");
    assert_eq!(manifest(&world.lake()), before);
    assert!(!staging_is_left(&world));
    world.publish();
    assert_eq!(world.verify(), []);
}

#[test]
fn whatever_point_it_ends_at_the_lake_is_whole() {
    let _alone = FailScenario::setup();
    for (point, published) in [
        ("lake-staging", false),
        ("lake-before-exchange", false),
        ("lake-after-exchange", true),
    ] {
        let mut world = World::new();
        world.find(&customers(0..20));
        world.publish();
        let before = manifest(&world.lake());
        world.find(&[with_members(1, 9)]);

        fail::cfg(point, "panic").expect("a failpoint can be set");
        let ended = catch_unwind(AssertUnwindSafe(|| world.publish()));
        fail::remove(point);
        assert!(ended.is_err(), "{point} was reached");
        assert_eq!(manifest(&world.lake()) != before, published, "{point}");
        assert_eq!(world.verify(), [], "{point}");

        world.publish();
        assert_eq!(world.verify(), [], "{point}");
        assert!(!staging_is_left(&world), "{point}");
    }
}
