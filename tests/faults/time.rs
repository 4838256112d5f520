//! Clocks that are set back, power that fails: what is written stays in order, and whole.

use std::fs;

use jiff::SignedDuration;
use twsync::lake;
use twsync::mirror::{Mirror, Reader};
use twsync::report::{Grade, Live, Mode, Report, RunId};
use twsync::sandbox::{Action, On, Place, Rule};

use crate::support::Copying;

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_leaves_ledger_and_history_in_order() {
    let copying = Copying::of(250).await;
    // Set back between two pages, and again between runs.
    let hands = copying.hands.clone();
    let set_back = Action::after(move |_| hands.set(SignedDuration::from_hours(-26)));
    copying.fault(Rule::on(On::Page(2)).nth(1).does(set_back));
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    let gone = copying.world().listed_ids()[3];
    for nth in 0..4 {
        copying.later(SignedDuration::from_hours(-5));
        copying
            .world()
            .set_tier(copying.world().listed_ids()[9], &format!("tier {nth}"));
        copying.world().insert(Place::Tail);
        copying.run().await.ok();
        copying.assert_mirror_equals_world();
    }
    copying.world().delete(gone);
    copying.later(SignedDuration::from_hours(-5));
    assert_eq!(copying.run().await.ok().report.counts.deleted, 1);
    copying.assert_mirror_equals_world();
    let reader = Reader::open(&copying.mirror_path()).unwrap();
    assert_eq!(reader.snapshot().unwrap().faults().unwrap(), [""; 0]);
    // The lake tells the same, and is proved to.
    let (settings, mirror) = (&copying.config.lake, copying.mirror_path());
    lake::publish(settings, &mirror, None, &copying.clock(), &Live::default()).unwrap();
    assert_eq!(lake::verify(settings, &mirror).unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_between_runs_makes_no_old_run_the_newest() {
    let copying = Copying::of(3).await;
    copying.run().await.ok();
    let mut mirror = Mirror::open(&copying.mirror_path()).unwrap();
    // As of a clock that was years ahead.
    let future = uuid::Timestamp::from_unix(uuid::NoContext, 4_000_000_000, 0);
    let future = RunId(uuid::Uuid::new_v7(future));
    mirror
        .begin_run(&Report::begin(future, Mode::Sync, copying.now()))
        .unwrap();
    drop(mirror);
    let ran = copying.run().await.ok();
    let mirror = Mirror::open(&copying.mirror_path()).unwrap();
    assert_eq!(mirror.last_runs(1).unwrap()[0].id, ran.report.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_ahead_until_it_was_set_back_in_a_run_is_no_damage() {
    let copying = Copying::of(60).await;
    let year = SignedDuration::from_hours(24 * 365);
    copying.hands.set(year);
    let hands = copying.hands.clone();
    let set_back = Action::after(move |_| hands.set(-year));
    copying.fault(Rule::on(On::Detail).nth(30).does(set_back));
    copying.run().await.ok();
    copying.run().await.ok();
    let ahead =
        "SELECT count(*) FROM kept WHERE detail_verified_at > (SELECT max(finished_at) FROM runs)";
    assert!(copying.number(ahead) > 0, "the clock was ahead");
    let reader = Reader::open(&copying.mirror_path()).unwrap();
    assert_eq!(reader.snapshot().unwrap().faults().unwrap(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_goes_on_across_a_clock_that_was_set_back() {
    let copying = Copying::of(450).await;
    let fault = copying.fault(Rule::on(On::Page(4)).does(Action::status(403)));
    assert!(copying.run().await.error.is_some());
    fault.lift();
    copying.later(SignedDuration::from_hours(-3));
    let ran = copying.run().await.ok();
    assert_eq!(ran.lists, 2, "page 4, and page 1 for the proof");
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_failure_leaves_the_mirror_whole_up_to_some_commit() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    let (path, torn) = (copying.mirror_path(), copying.folder.path().join("torn.db"));
    let at = |suffix: &str| std::path::PathBuf::from(format!("{}{suffix}", path.display()));
    // A reader keeps the log from being folded back, so that it is all there to be torn.
    let reader = copying.sql();
    reader
        .execute_batch("BEGIN; SELECT * FROM customers;")
        .unwrap();
    let base = fs::read(&path).unwrap();
    for id in copying.world().listed_ids() {
        copying.world().set_tier(id, "Enterprise");
    }
    copying.run().await.ok();
    let log = fs::read(at("-wal")).unwrap();
    assert!(log.len() > 100_000, "{} bytes of log", log.len());
    let mut changed_before = 0;
    for nth in 0..=40 {
        // What had not reached the disk is missing, or is garbage.
        let mut left = log[..log.len() * nth / 40].to_vec();
        left.extend(std::iter::repeat_n(0xa5, nth * 97));
        fs::write(&torn, &base).unwrap();
        fs::write(format!("{}-wal", torn.display()), left).unwrap();
        drop(Mirror::open(&torn).unwrap());
        let mirror = Reader::open(&torn).unwrap();
        let snapshot = mirror.snapshot().unwrap();
        assert_eq!(snapshot.faults().unwrap(), [""; 0], "cut at {nth}/40");
        let changed = snapshot.standing().unwrap().versions;
        assert!(changed >= changed_before, "a longer log holds no less");
        changed_before = changed;
    }
    let all = copying.number("SELECT count(*) FROM customer_versions");
    assert_eq!(i64::try_from(changed_before), Ok(all));
    assert!(all > 200, "{all} versions");
}
