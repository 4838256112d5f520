//! Nothing that is wrong with a lake goes unseen.

use std::fs;

use jiff::SignedDuration;
use twsync::report::{Counts, Grade, Mode, Outcome, Report};

use crate::world::{World, customers, edit_manifest, id, manifest, parts, tables, with_members};

fn world() -> World {
    let mut world = World::new();
    world.at("2026-01-30T10:00:00Z").find(&customers(0..200));
    world.publish();
    world
        .at("2026-02-03T10:00:00Z")
        .find(&[with_members(7, 99)]);
    world.lose(&[id(3)]);
    world.publish();
    world
}

#[test]
fn a_published_lake_is_whole() {
    assert_eq!(world().verify(), []);
}

#[test]
fn a_flipped_bit_is_found_in_every_file() {
    let world = world();
    for (path, contents) in tables(&world.lake()) {
        let file = world.lake().join(&path);
        let mut damaged = contents.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        fs::write(&file, damaged).expect("the file can be damaged");
        let places: Vec<String> = world.verify().into_iter().map(|it| it.place).collect();
        assert!(
            places.contains(&path.to_string_lossy().into_owned()),
            "{}: {places:?}",
            path.display()
        );
        fs::write(&file, contents).expect("the file can be mended");
    }
    assert_eq!(world.verify(), []);
}

#[test]
fn a_missing_and_a_short_file_are_found_and_made_anew() {
    let world = world();
    let path = tables(&world.lake())
        .into_keys()
        .find(|path| path.starts_with("customers_snapshot"))
        .expect("a snapshot");
    let file = world.lake().join(&path);
    fs::remove_file(&file).expect("the file can be removed");
    assert_eq!(world.verify().len(), 1);
    fs::write(&file, "short").expect("a file");
    assert_eq!(world.verify().len(), 1);
    world.publish();
    assert_eq!(world.verify(), []);
}

#[test]
fn a_bit_flipped_today_is_mended_by_the_next_publishing() {
    let world = world();
    let file = world.lake().join("current/customers.parquet");
    let mut damaged = fs::read(&file).expect("the file");
    damaged[100] ^= 1;
    fs::write(&file, damaged).expect("the file can be damaged");
    assert_ne!(world.verify(), []);
    world.publish();
    assert_eq!(world.verify(), []);
}

#[test]
fn a_mirror_that_went_on_is_no_fault_of_the_lake() {
    let mut world = world();
    world.find(&customers(190..220));
    world.find(&[with_members(7, 1)]);
    world.lose(&[id(5)]);
    assert_eq!(world.verify(), []);
}

#[test]
fn a_lake_of_another_mirror_is_found_row_by_row() {
    let one = world();
    let mut other = World::new();
    other.at("2026-01-30T10:00:00Z").find(&customers(0..200));
    other
        .at("2026-02-03T10:00:00Z")
        .find(&[with_members(7, 98)]);
    other.lose(&[id(3)]);
    other.settings.path = Some(one.lake().into());
    let findings = other.verify();
    let current = findings
        .iter()
        .find(|finding| finding.place.starts_with("current/customers.parquet row"))
        .expect("the row is named");
    assert!(current.what.contains("member_count"), "{current}");
    assert!(current.what.contains(&id(7).to_string()), "{current}");
    let tables = [
        "customers_changes",
        "customers_history",
        "customers_daily",
        "runs",
    ];
    for table in tables {
        assert!(
            findings.iter().any(|it| it.place.starts_with(table)),
            "{table}: {findings:?}"
        );
    }
}

#[test]
fn a_row_of_a_past_day_is_held_against_the_mirror() {
    let one = world();
    let mut other = World::new();
    let mut all = customers(0..200);
    all[9] = with_members(9, 98);
    other.at("2026-01-30T10:00:00Z").find(&all);
    other
        .at("2026-02-03T10:00:00Z")
        .find(&[with_members(7, 99), customers(9..10).remove(0)]);
    other.lose(&[id(3)]);
    other.settings.path = Some(one.lake().into());
    let findings = other.verify();
    let past = findings
        .iter()
        .find(|it| {
            it.place
                .starts_with("customers_snapshot/snapshot_date=2026-01-30/")
        })
        .expect("the day is named");
    assert!(past.place.ends_with(" row 10"), "{past}");
    assert!(past.what.contains(&id(9).to_string()), "{past}");
    assert!(past.what.contains("member_count"), "{past}");
}

/// Takes a day's snapshot away, its file and what the manifest says of it.
fn lose_day(world: &World, day: &str) {
    edit_manifest(&world.lake(), |manifest| {
        let files = manifest["files"].as_array_mut().expect("files");
        files.retain(|file| file["table"] != "customers_snapshot" || file["part"] != day);
    });
    let folder = format!("customers_snapshot/snapshot_date={day}");
    fs::remove_dir_all(world.lake().join(folder)).expect("a day's folder");
}

#[test]
fn a_day_that_is_in_neither_the_manifest_nor_the_lake_is_missed() {
    let mut world = World::new();
    for day in ["2026-01-30", "2026-01-31", "2026-02-03"] {
        world.at(&format!("{day}T10:00:00Z")).find(&customers(0..9));
        world.publish();
    }
    // What comes later is not the lake's business.
    world.at("2026-02-07T10:00:00Z").find(&customers(0..9));
    let days = parts(&world.lake(), "customers_snapshot");
    assert_eq!(world.verify(), []);
    for day in &days {
        lose_day(&world, day);
        let found: Vec<String> = world.verify().iter().map(ToString::to_string).collect();
        assert_eq!(found, [format!("customers_snapshot: lacks {day}")]);
        world.publish();
    }
}

#[test]
fn a_day_that_was_thinned_away_is_not_missed_whatever_the_settings_say_now() {
    let mut world = World::new();
    world.settings.keep_daily = std::time::Duration::from_hours(24 * 2);
    for day in ["2026-01-30", "2026-01-31", "2026-02-01", "2026-02-10"] {
        world.at(&format!("{day}T10:00:00Z")).find(&customers(0..9));
    }
    world.publish();
    let days = ["2026-01-31", "2026-02-01", "2026-02-10"];
    assert_eq!(parts(&world.lake(), "customers_snapshot"), days);
    assert_eq!(world.verify(), []);
    world.settings.keep_daily = std::time::Duration::from_hours(24 * 400);
    assert_eq!(world.verify(), []);
    lose_day(&world, "2026-01-31");
    assert_eq!(world.verify().len(), 1);
}

#[test]
fn a_manifest_that_says_nothing_of_a_document_is_found() {
    let world = world();
    let documents = manifest(&world.lake())["documents"].clone();
    for document in documents.as_array().expect("documents") {
        let name = document["path"].as_str().expect("a path");
        edit_manifest(&world.lake(), |manifest| {
            let documents = manifest["documents"].as_array_mut().expect("documents");
            documents.retain(|it| it["path"] != name);
        });
        let found: Vec<String> = world.verify().iter().map(ToString::to_string).collect();
        assert_eq!(found, [format!("manifest.json: says nothing of {name}")]);
        world.publish();
    }
    edit_manifest(&world.lake(), |manifest| {
        manifest["documents"] = Vec::<String>::new().into();
    });
    assert_eq!(world.verify().len(), 3);
}

/// Whether the row of the newest run is named, and nothing else of the tables.
fn names_the_newest_run(world: &World, run: &Report) -> bool {
    let findings = world.verify();
    let tables = findings.iter().filter(|it| it.place != "manifest.json");
    let tables: Vec<_> = tables.collect();
    let named = |it: &&twsync::lake::Finding| {
        it.place.starts_with("runs/")
            && it.place.ends_with(" row 4")
            && it.what.contains(&run.id.to_string())
    };
    tables.len() == 1 && tables.iter().all(named)
}

#[test]
fn whatever_is_changed_in_the_newest_run_is_found_on_either_side() {
    let changes: [fn(&mut Report); 10] = [
        |run| run.mode = Mode::Full,
        |run| run.started_at -= SignedDuration::from_secs(1),
        |run| run.finished_at = run.finished_at.map(|at| at - SignedDuration::from_secs(1)),
        |run| run.outcome = Some(Outcome::Partial),
        |run| run.grade = Some(Grade::Converged),
        |run| run.as_of = run.as_of.map(|at| at - SignedDuration::from_secs(1)),
        |run| run.reason = Some("another".to_owned()),
        |run| run.counts.pages += 1,
        |run| run.counts.added += 1,
        |run| run.counts.rejected += 1,
    ];
    for (nth, change) in changes.into_iter().enumerate() {
        let mut world = world();
        let run = world.find(&customers(1..2));
        let run = Report {
            reason: Some("why".to_owned()),
            ..run
        };
        world.rewrite_run(&run);
        let mut changed = run.clone();
        change(&mut changed);
        world.publish();
        assert_eq!(world.verify(), []);
        world.rewrite_run(&changed);
        assert!(names_the_newest_run(&world, &run), "{nth} in the mirror");
        world.rewrite_run(&run);
        world.publish_showing(&changed);
        assert!(names_the_newest_run(&world, &run), "{nth} in the lake");
    }
}

#[test]
fn a_run_that_was_shown_before_its_end_is_held_against_its_beginning() {
    let mut world = world();
    world.killed_run(&customers(200..210));
    world.publish();
    let begun = world.newest_run();
    assert_eq!(world.verify(), []);
    // It goes on and ends, or was killed and is counted when the next one begins.
    let mut ended = begun.clone();
    ended.finished_at = Some(world.now);
    ended.outcome = Some(Outcome::Held);
    ended.reason = Some("why".to_owned());
    ended.counts.added = 10;
    world.rewrite_run(&ended);
    assert_eq!(world.verify(), []);
    let changes: [fn(&mut Report); 2] = [
        |run| run.mode = Mode::Full,
        |run| run.started_at -= SignedDuration::from_secs(1),
    ];
    for change in changes {
        let mut changed = ended.clone();
        change(&mut changed);
        world.rewrite_run(&changed);
        assert!(names_the_newest_run(&world, &begun), "{changed:?}");
    }
    let killed = Report {
        counts: Counts {
            added: 10,
            ..begun.counts
        },
        ..begun.clone()
    };
    world.rewrite_run(&killed);
    assert_eq!(world.verify(), []);
    let mut changed = killed;
    changed.counts.pages += 1;
    world.rewrite_run(&changed);
    assert!(names_the_newest_run(&world, &begun));
    world.rewrite_run(&ended);
    world.publish_showing(&Report {
        counts: ended.counts,
        ..begun.clone()
    });
    assert!(names_the_newest_run(&world, &begun));
}

#[test]
fn a_run_whose_publishing_failed_after_all_was_there_has_more_to_tell() {
    for reason in [None, Some("why".to_owned())] {
        let mut world = world();
        let mut run = world.find(&customers(1..2));
        run.reason = reason;
        world.rewrite_run(&run);
        world.publish_showing(&run);
        run.ended_by("the disk is full".to_owned());
        world.rewrite_run(&run);
        assert_eq!(world.verify(), []);
    }
}
