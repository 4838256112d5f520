//! Publishing that is killed, overtaken, or not told how it went.
#![cfg(feature = "failpoints")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use twsync::lake::{self, Error};
use twsync::report::Exit;

use crate::storage::{Storage, named};
use crate::world::{World, customers, with_members};

/// Failpoints are the whole process's: one test at a time sets them.
static ALONE: Mutex<()> = Mutex::new(());

/// Does `work`, and does `there` when it comes to `point` for the first time: on this thread, not on
/// those of other tests.
fn at<T>(point: &str, there: impl Fn() + Send + Sync + 'static, work: impl FnOnce() -> T) -> T {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let reached = Arc::new(AtomicBool::new(false));
    let (first, me) = (reached.clone(), thread::current().id());
    let act = move || {
        if thread::current().id() == me && !first.swap(true, Ordering::Relaxed) {
            there();
        }
    };
    fail::cfg_callback(point, act).expect("a failpoint can be set");
    let done = work();
    fail::remove(point);
    assert!(reached.load(Ordering::Relaxed), "{point} was reached");
    done
}

fn dies_at(point: &str, world: &World) {
    let publish = || catch_unwind(AssertUnwindSafe(|| world.publish()));
    let ended = at(point, || panic!("killed"), publish);
    assert!(ended.is_err(), "{point}");
}

fn world(storage: &Storage) -> World {
    let mut world = World::new();
    storage.hosts(&mut world);
    world.find(&customers(0..40));
    world
}

/// Every file that the manifest names is there, as it was written.
fn assert_readable(storage: &Storage) {
    let objects = storage.objects();
    for file in storage.manifest()["files"].as_array().expect("files") {
        let name = file["path"].as_str().expect("a path");
        let bytes = objects.get(name).expect("it is there");
        let sha256 = Bytes::copy_from_slice(&Sha256::digest(bytes));
        assert_eq!(
            format!("{sha256:x}"),
            file["sha256"].as_str().expect("a digest"),
            "{name}"
        );
    }
}

#[test]
fn wherever_it_is_killed_one_whole_generation_is_there_and_the_next_cleans_up() {
    for (point, published) in [
        ("lake-sent", false),
        ("lake-before-exchange", false),
        ("lake-after-exchange", true),
    ] {
        let Some(storage) = Storage::start() else {
            return;
        };
        let mut world = world(&storage);
        world.publish();
        let before = storage.manifest();
        world.find(&[with_members(1, 99)]);
        dies_at(point, &world);
        assert_eq!(storage.manifest() != before, published, "{point}");
        assert_readable(&storage);
        assert_eq!(world.verify(), [], "{point}");

        let killed = storage.manifest();
        let objects = storage.objects().len();
        world.publish();
        assert_eq!(world.verify(), [], "{point}");
        let mut expected = named(&storage.manifest());
        expected.extend(named(&killed));
        expected.sort();
        expected.dedup();
        let mut found: Vec<String> = storage.objects().into_keys().collect();
        found.retain(|name| name.ends_with(".parquet"));
        assert_eq!(found, expected, "{point}: of {objects} objects");
        let mut left = std::fs::read_dir(world.folder()).expect("a folder");
        assert!(
            !left.any(|it| it
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .contains("staging")),
            "{point}"
        );
    }
}

#[test]
fn the_first_publishing_may_be_killed_too() {
    for storage in Storage::of_each_cloud() {
        let world = world(&storage);
        dies_at("lake-before-exchange", &world);
        assert!(!storage.objects().contains_key("manifest.json"));
        world.publish();
        assert_eq!(world.verify(), []);
        let names = storage.objects().into_keys();
        let files: Vec<String> = names.filter(|name| name.ends_with(".parquet")).collect();
        let mut expected = named(&storage.manifest());
        expected.sort();
        assert_eq!(files, expected, "orphans are gone");
    }
}

#[test]
fn what_goes_while_a_generation_is_sent_is_missed_before_the_manifest_names_it() {
    let Some(storage) = Storage::start() else {
        return;
    };
    let mut world = world(&storage);
    world.publish();
    let before = storage.manifest();
    world.find(&[with_members(1, 99)]);
    // The changes of the first run are kept as they are.
    let files = named(&before).into_iter();
    let mut kept = files.filter(|name| name.starts_with("customers_changes"));
    let kept = format!("lake/{}", kept.next().expect("a file"));

    let storage = Arc::new(Mutex::new(storage));
    let there = Arc::clone(&storage);
    let remove = move || {
        let gone = || there.lock().expect("one thread").remove(&kept);
        thread::scope(|scope| scope.spawn(gone).join()).expect("it is removed");
    };
    let error = at("lake-sent", remove, || world.try_publish());
    let error = error.expect_err("a file is gone");
    assert!(matches!(error, Error::NotAsSent { .. }), "{error:?}");
    assert_eq!(storage.lock().expect("one thread").manifest(), before);
    world.publish();
    assert_eq!(world.verify(), []);
}

#[test]
fn who_is_overtaken_says_so_and_changes_nothing() {
    for storage in Storage::of_each_cloud() {
        let mut slow = world(&storage);
        slow.publish();
        let mut quick = world(&storage);
        quick.find(&[with_members(1, 99)]);
        slow.find(&[with_members(2, 99)]);

        let other = Arc::new(Mutex::new(quick));
        let quick = Arc::clone(&other);
        let publish = move || drop(quick.lock().expect("one thread").publish());
        let error = at("lake-before-exchange", publish, || slow.try_publish());
        let error = error.expect_err("the other was quicker");
        assert!(matches!(error, Error::Overtaken { .. }), "{error:?}");
        assert_eq!(error.exit(), Exit::Partial);
        let quick = other.lock().expect("one thread");
        assert_eq!(quick.verify(), [], "the winner's generation stands");

        slow.publish();
        assert_readable(&storage);
    }
}

#[test]
fn two_first_publishings_do_not_overwrite_each_other() {
    for storage in Storage::of_each_cloud() {
        let slow = world(&storage);
        let quick = Mutex::new(world(&storage));
        let publish = move || drop(quick.lock().expect("one thread").publish());
        let error = at("lake-before-exchange", publish, || slow.try_publish());
        let error = error.expect_err("the other was quicker");
        assert!(matches!(error, Error::Overtaken { .. }), "{error:?}");
    }
}

#[test]
fn who_cleans_up_late_takes_nothing_from_the_next_generation() {
    let Some(storage) = Storage::start() else {
        return;
    };
    let slow = world(&storage);
    slow.publish();
    let mut quick = world(&storage);
    quick.find(&[with_members(1, 99)]);
    // What it has sent stays there, to be removed by the one, and to be sent again by the other.
    dies_at("lake-before-exchange", &quick);
    let quick = Mutex::new(quick);
    let publish = move || drop(quick.lock().expect("one thread").publish());
    let mine = at("lake-after-exchange", publish, || slow.publish());
    assert_ne!(storage.manifest()["generation"], mine.generation.as_str());
    assert_readable(&storage);
}

#[test]
fn an_answer_that_is_lost_is_not_a_lost_race() {
    for storage in Storage::of_each_cloud() {
        let mut world = world(&storage);
        world.publish();
        world.find(&[with_members(1, 99)]);
        // The manifest is taken, nobody says so, and the second attempt finds another than was seen.
        storage.order("lose manifest.json");
        let published = world.publish();
        assert_eq!(
            storage.manifest()["generation"],
            published.generation.as_str()
        );
        assert_eq!(world.verify(), []);
    }
}

#[test]
fn what_fails_after_the_manifest_is_left_to_the_next() {
    let Some(storage) = Storage::start() else {
        return;
    };
    let mut world = world(&storage);
    world.publish();
    world.find(&[with_members(1, 99)]);
    storage.order("refuse datapackage.json");
    let published = world.publish();
    assert_eq!(
        storage.manifest()["generation"],
        published.generation.as_str()
    );
    let package = |storage: &Storage| {
        let text = storage
            .objects()
            .remove("datapackage.json")
            .expect("it is there");
        String::from_utf8(text).expect("text")
    };
    assert!(!package(&storage).contains(&published.generation));
    storage.order("well");
    let published = world.publish();
    assert!(package(&storage).contains(&published.generation));
    assert_eq!(world.verify(), []);
}

#[test]
fn a_generation_that_is_replaced_while_it_is_verified_is_called_neither_whole_nor_damaged() {
    let Some(storage) = Storage::start() else {
        return;
    };
    let mut world = world(&storage);
    world.publish();
    let files = named(&storage.manifest());
    let file = files.first().expect("a file");
    storage.order(&format!("hold {file}"));
    let (settings, mirror) = (world.settings.clone(), world.folder().join("mirror.db"));
    let verified = thread::spawn(move || lake::verify(&settings, &mirror));
    storage.order("held");
    world.find(&[with_members(1, 99)]);
    world.publish();
    storage.order("well");
    let error = verified.join().expect("it ends");
    let error = error.expect_err("what was verified is no more what is published");
    assert!(matches!(error, Error::Held { .. }), "{error:?}");
    assert!(error.to_string().contains("s3://customers/lake"), "{error}");
    assert_eq!(world.verify(), []);
}
