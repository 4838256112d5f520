//! What publishing leaves in a bucket.

use serde_json::Value;
use twsync::customer::{Customer, Field};
use twsync::lake;
use twsync::report::Exit;

use crate::storage::{BUCKET, Storage, location, named};
use crate::world::{World, customers, id, tables, with_members};

const DOCUMENTS: [&str; 4] = [
    "README.md",
    "analytics.sql",
    "datapackage.json",
    "manifest.json",
];

fn world(storage: &Storage) -> World {
    let mut world = World::new();
    storage.hosts(&mut world);
    world
}

/// Tables' files that are in the bucket.
fn parquet(storage: &Storage) -> Vec<String> {
    let names = storage.objects().into_keys();
    names.filter(|name| name.ends_with(".parquet")).collect()
}

#[test]
fn the_first_publishing_puts_all_files_and_the_manifest_after_them() {
    for storage in Storage::of_each_cloud() {
        let mut world = world(&storage);
        world.at("2026-01-30T10:00:00Z").find(&customers(0..40));
        let published = world.publish();
        assert_eq!((published.customers, published.files_kept), (40, 0));

        let manifest = storage.manifest();
        let mut expected = named(&manifest);
        expected.extend(DOCUMENTS.map(str::to_owned));
        expected.sort();
        assert_eq!(storage.objects().into_keys().collect::<Vec<_>>(), expected);
        let puts = storage.puts();
        let of_manifest = puts.iter().position(|name| name == "manifest.json");
        let files = named(&manifest);
        assert_eq!(of_manifest, Some(files.len()), "{puts:?}");
        assert_eq!(
            puts.len(),
            files.len() + DOCUMENTS.len(),
            "each once: {puts:?}"
        );
        assert_eq!(world.verify(), []);
        let left = std::fs::read_dir(world.folder()).expect("a folder");
        let left = left.map(|entry| entry.expect("an entry").file_name());
        assert!(
            left.into_iter()
                .all(|name| !name.to_string_lossy().contains("staging"))
        );
    }
}

#[test]
fn a_bucket_holds_the_same_rows_as_a_folder() {
    let Some(storage) = Storage::start() else {
        return;
    };
    let mut world = world(&storage);
    world.at("2025-12-30T10:00:00Z").find(&customers(0..40));
    world.publish();
    world.at("2026-02-03T10:00:00Z").lose(&[id(3)]);
    world.publish();
    let mut sent: Vec<Vec<u8>> = storage
        .objects()
        .into_iter()
        .filter(|(name, _)| named(&storage.manifest()).contains(name))
        .map(|(_, bytes)| bytes)
        .collect();
    let mut made: Vec<Vec<u8>> = world
        .with_lake("folder", |world, folder| {
            world.publish();
            tables(folder)
        })
        .into_values()
        .collect();
    sent.sort();
    made.sort();
    assert!(sent == made, "the same files, byte for byte");
}

#[test]
fn what_is_as_it_was_is_not_sent_again() {
    let Some(storage) = Storage::start() else {
        return;
    };
    let mut world = world(&storage);
    world.at("2025-12-30T10:00:00Z").find(&customers(0..40));
    world
        .at("2026-01-30T10:00:00Z")
        .find(&[with_members(1, 99)]);
    world.publish();
    world
        .at("2026-02-02T10:00:00Z")
        .find(&[with_members(2, 99)]);
    world.publish();
    let before = storage.objects();
    storage.requests();

    let published = world.publish();
    assert_eq!(published.files, published.files_kept);
    let mut puts = storage.puts();
    puts.sort();
    assert_eq!(puts, DOCUMENTS, "nothing was new");

    world
        .at("2026-02-02T11:00:00Z")
        .find(&[with_members(3, 99)]);
    let published = world.publish();
    let puts: Vec<String> = storage.puts();
    let files: Vec<_> = puts
        .iter()
        .filter(|name| name.ends_with(".parquet"))
        .collect();
    assert_eq!(files.len() as u64, published.files - published.files_kept);
    assert!(
        files.iter().all(|name| !before.contains_key(*name)),
        "no file is written twice"
    );
    let closed = |name: &&String| name.contains("2025-12-30") || name.contains("2026-01");
    assert_eq!(
        files.iter().copied().find(closed),
        None,
        "closed months and past days stay"
    );
    assert_eq!(world.verify(), []);
}

#[test]
fn files_go_when_the_last_two_generations_do_not_name_them() {
    for storage in Storage::of_each_cloud() {
        let mut world = world(&storage);
        world.find(&customers(0..40));
        let mut before: Vec<String> = Vec::new();
        for members in 50..54 {
            world.find(&[with_members(1, members)]);
            world.publish();
            let now = named(&storage.manifest());
            let mut expected: Vec<String> = before.iter().chain(&now).cloned().collect();
            expected.sort();
            expected.dedup();
            assert_eq!(parquet(&storage), expected);
            before = now;
        }
    }
}

#[test]
fn what_is_missing_or_cut_short_in_the_bucket_is_made_anew() {
    let Some(storage) = Storage::start() else {
        return;
    };
    let mut world = world(&storage);
    world.at("2026-01-30T10:00:00Z").find(&customers(0..40));
    world.publish();
    world.at("2026-02-03T10:00:00Z").find(&[with_members(1, 9)]);
    world.publish();
    let files = named(&storage.manifest());
    let past = files
        .iter()
        .find(|name| name.contains("2026-01-30"))
        .expect("a past day");
    let history = files
        .iter()
        .find(|name| name.contains("open-"))
        .expect("open versions");
    storage.remove(&format!("lake/{past}"));
    storage.put(&format!("lake/{history}"), b"short");
    let findings: Vec<String> = world.verify().iter().map(ToString::to_string).collect();
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings.iter().any(|it| it.contains(past)), "{findings:?}");
    assert!(
        findings.iter().any(|it| it.contains(history)),
        "{findings:?}"
    );

    world.publish();
    assert_eq!(world.verify(), []);
}

/// So many customers with names that hardly anything can make shorter: thirty MiB of a thousand.
fn with_long_names(count: u64) -> Vec<Customer> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut random = fastrand::Rng::with_seed(1);
    let mut long = customers(0..count);
    let mut name = vec![0; 40 << 10];
    for customer in &mut long {
        random.fill(&mut name);
        for letter in &mut name {
            *letter = LETTERS[usize::from(*letter % 64)];
        }
        customer.name = Field::Value(String::from_utf8(name.clone()).expect("ASCII"));
    }
    long
}

#[test]
fn large_files_are_sent_in_parts() {
    for storage in Storage::of_each_cloud() {
        let mut world = world(&storage);
        world.find(&with_long_names(400));
        world.publish();
        let requests = storage.requests();
        let parts = |name: &str| {
            let of = |it: &&String| it.starts_with("PUT ") && it.contains(name);
            requests.iter().filter(of).count()
        };
        assert_eq!(parts("current/customers-"), 3, "{requests:?}");
        assert_eq!(parts("runs/"), 1);
        assert_eq!(world.verify(), []);
    }
}

#[test]
fn the_parts_of_a_file_that_is_refused_are_taken_back() {
    let Some(storage) = Storage::start() else {
        return;
    };
    let mut world = world(&storage);
    // More parts than are in flight at a time: what became of the first is known before the last is sent.
    world.find(&with_long_names(1_000));
    storage.order("refuse lake/current/customers-");
    world.try_publish().expect_err("it is refused");
    let taken_back = |it: &String| it.starts_with("DELETE current/customers-");
    let requests = storage.requests();
    assert!(requests.iter().any(taken_back), "{requests:?}");
}

#[test]
fn what_is_not_of_a_lake_is_left_alone() {
    let Some(storage) = Storage::start() else {
        return;
    };
    let mut world = world(&storage);
    world.find(&customers(0..3));
    storage.put("lake/runs/part-0.parquet", b"somebody's");
    let error = world.try_publish().expect_err("it is somebody's place");
    assert_eq!(
        error.to_string(),
        format!(
            "s3://{BUCKET}/lake holds what is not of a lake: runs/part-0.parquet, but no manifest.json"
        )
    );
    assert_eq!(storage.objects().len(), 1);
    storage.remove("lake/runs/part-0.parquet");

    // What a console shows as an empty folder is no object of anybody's.
    storage.order("folder lake");
    // Beside it there may be anything, and what comes into it later stays.
    storage.put("lake-2/other", b"somebody's");
    world.publish();
    storage.put("lake/runs/part-0.parquet", b"somebody's");
    world.publish();
    world.publish();
    assert_eq!(
        storage
            .objects()
            .get("runs/part-0.parquet")
            .map(Vec::as_slice),
        Some(&b"somebody's"[..])
    );
}

#[test]
fn a_manifest_that_is_too_long_to_be_one_is_not_read() {
    let Some(storage) = Storage::start() else {
        return;
    };
    let mut world = world(&storage);
    world.find(&customers(0..3));
    storage.put("lake/manifest.json", &vec![b' '; (64 << 20) + 1]);
    let error = world.try_publish().expect_err("it is none of ours");
    assert!(error.to_string().contains("too long"), "{error}");
}

/// The manifest that is there, changed.
fn tamper(storage: &Storage, change: impl FnOnce(&mut Value)) {
    let mut manifest = storage.manifest();
    change(&mut manifest);
    storage.put("lake/manifest.json", manifest.to_string().as_bytes());
}

#[test]
fn a_manifest_that_names_a_place_outside_of_the_lake_makes_nothing_there() {
    let Some(storage) = Storage::start() else {
        return;
    };
    let mut world = world(&storage);
    world.find(&customers(0..3));
    world.publish();
    let outside = world.folder().join("outside.parquet");
    let place = outside.to_str().expect("a name in UTF-8").to_owned();
    storage.put(&format!("lake/{place}"), b"somebody's");
    let whole = storage.manifest();
    for list in ["files", "documents"] {
        storage.put("lake/manifest.json", whole.to_string().as_bytes());
        tamper(&storage, |manifest| {
            manifest[list][0]["path"] = place.clone().into();
        });
        let mirror = world.folder().join("mirror.db");
        for error in [
            lake::verify(&world.settings, &mirror).expect_err("it is no manifest of a lake"),
            world.try_publish().expect_err("nor is it to be followed"),
        ] {
            assert_eq!(error.exit(), Exit::Damaged);
            assert!(error.to_string().contains("outside.parquet"), "{error}");
        }
        assert!(!outside.exists(), "{list}");
    }
}

#[test]
fn a_manifest_of_the_end_of_time_is_held_against_the_mirror_all_the_same() {
    let Some(storage) = Storage::start() else {
        return;
    };
    let mut world = world(&storage);
    world.find(&customers(0..3));
    world.publish();
    tamper(&storage, |manifest| {
        manifest["state_at"] = jiff::Timestamp::MAX.to_string().into();
    });
    assert_ne!(world.verify(), []);
    world.publish();
    assert_eq!(world.verify(), []);
}

#[test]
fn every_object_says_what_it_is() {
    for storage in Storage::of_each_cloud() {
        let mut world = world(&storage);
        world.find(&customers(0..3));
        world.publish();
        for (name, media_type) in storage.media_types() {
            let expected = match name.rsplit_once('.').expect("an ending").1 {
                "parquet" => "application/vnd.apache.parquet",
                "json" => "application/json",
                "md" => "text/markdown; charset=utf-8",
                _ => "text/plain; charset=utf-8",
            };
            assert_eq!(media_type, expected, "{name}");
        }
    }
}

#[test]
fn a_lake_may_be_at_the_top_of_its_bucket() {
    for storage in Storage::of_each_cloud() {
        let mut world = world(&storage);
        world.settings.path = Some(location(&storage.place("")));
        world.find(&customers(0..3));
        world.publish();
        world.find(&[with_members(1, 99)]);
        world.publish();
        assert_eq!(world.verify(), []);
        let objects = storage.objects();
        assert!(
            objects.contains_key("manifest.json"),
            "{:?}",
            objects.keys()
        );
    }
}
