//! Departures that wait for a person's decision: which do, for how long, and what is told meanwhile.

mod support;

use jiff::SignedDuration;
use support::{Copying, releasing, within};
use twsync::mirror::Mirror;
use twsync::report::{Grade, Outcome};
use twsync::sandbox::{Action, Dialect, Items, On, Options, Rule, World};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[tokio::test(flavor = "multi_thread")]
async fn many_departures_at_once_are_held_until_somebody_says_so() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    for id in copying.world().listed_ids().into_iter().take(9) {
        copying.world().delete(id);
    }
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.outcome, Some(Outcome::Held));
    assert_eq!((ran.report.counts.held, ran.report.counts.deleted), (9, 0));
    assert_eq!(
        copying.number("SELECT count(*) FROM customers WHERE deleted_at IS NULL"),
        250
    );
    let some = releasing(4);
    let ran = copying.run_job(some).await.ok();
    assert_eq!((ran.report.counts.held, ran.report.counts.deleted), (5, 4));
    let ran = copying.run().await.ok();
    assert_eq!(
        (ran.report.outcome, ran.report.counts.deleted),
        (Some(Outcome::Held), 0),
        "few enough to go unasked by now, but nobody has decided on them"
    );
    let rest = releasing(5);
    let ran = copying.run_job(rest).await.ok();
    assert_eq!(
        (ran.report.outcome, ran.report.counts.deleted),
        (Some(Outcome::Done), 5)
    );
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_suddenly_empty_is_held_in_the_other_dialect_too() {
    let world = World::new(5, 250);
    let options = Options {
        world,
        dialect: Dialect::Limit,
        ..Options::default()
    };
    let copying = Copying::from(options).await;
    copying.run().await.ok();
    for id in copying.world().listed_ids() {
        copying.world().unlist(id);
    }
    assert_eq!(copying.rehearse().await.held, 250);
    let ran = copying.run().await.ok();
    assert_eq!(
        (ran.report.outcome, ran.report.counts.held),
        (Some(Outcome::Held), 250)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_suddenly_empty_deletes_nobody() {
    let copying = Copying::of(3).await;
    copying.run().await.ok();
    for id in copying.world().listed_ids() {
        copying.world().delete(id);
    }
    let ran = copying.run().await.ok();
    assert_eq!(
        (ran.report.outcome, ran.report.counts.held),
        (Some(Outcome::Held), 3)
    );
    assert_eq!(
        copying.number("SELECT count(*) FROM customers WHERE deleted_at IS NULL"),
        3
    );
    let all = releasing(3);
    assert_eq!(copying.run_job(all).await.ok().report.counts.deleted, 3);
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_lived_unlisted_is_marked_deleted_under_a_hold() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    let ids = copying.world().listed_ids();
    for id in &ids[..3] {
        copying.world().unlist(*id);
    }
    assert_eq!(copying.run().await.ok().report.counts.unlisted, 3);
    // As another tenant's credentials would show it.
    for id in &ids {
        copying.world().delete(*id);
    }
    let counts = copying.run().await.ok().report.counts;
    assert_eq!((counts.deleted, counts.held), (0, 120));
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_lived_unlisted_leave_within_the_same_bounds_as_all() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    let ids = copying.world().listed_ids();
    for id in &ids[..9] {
        copying.world().unlist(*id);
    }
    let released = releasing(9);
    let counts = copying.run_job(released.clone()).await.ok().report.counts;
    assert_eq!(counts.unlisted, 9);
    for id in &ids[..9] {
        copying.world().delete(*id);
    }
    let counts = copying.run().await.ok().report.counts;
    assert_eq!((counts.deleted, counts.held), (0, 9));
    let counts = copying.run_job(released).await.ok().report.counts;
    assert_eq!((counts.deleted, counts.held), (9, 0));
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_stands_whatever_becomes_of_the_runs_after_it() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    let ids = copying.world().listed_ids();
    for id in &ids[..9] {
        copying.world().delete(*id);
    }
    copying.run().await.ok();
    let some = releasing(4);
    assert_eq!(copying.run_job(some).await.ok().report.counts.held, 5);
    // One that proves nothing decides nothing.
    let stale = copying.fault(Rule::on(On::List).does(Action::add_header("age", "50")));
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.grade, Some(Grade::Converged));
    stale.lift();
    let counts = copying.run().await.ok().report.counts;
    assert_eq!((counts.deleted, counts.held), (0, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_stands_though_its_run_was_cut_short_and_both_are_told() {
    let mut copying = Copying::of(250).await;
    copying.config.sync.max_detail_age = std::time::Duration::from_hours(1);
    copying.run().await.ok();
    copying.later(2 * HOUR);
    let ids = copying.world().listed_ids();
    for id in &ids[..6] {
        copying.world().delete(*id);
    }
    let cut = within(20);
    let report = copying.run_job(cut).await.report;
    assert_eq!(
        (report.outcome, report.counts.held),
        (Some(Outcome::Partial), 6)
    );
    let reason = report.reason.expect("why it ended");
    assert!(
        reason.contains("budget") && reason.contains("held back"),
        "{reason}"
    );
    copying.world().undelete(ids[0]);
    copying.later(2 * HOUR);
    let counts = copying.run().await.ok().report.counts;
    assert_eq!((counts.deleted, counts.held), (0, 5));
}

/// What a tombstone already says is neither missing again nor a reason to hold anybody.
#[tokio::test(flavor = "multi_thread")]
async fn those_whom_a_list_that_is_behind_showed_again_hold_nobody() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    let ids = copying.world().listed_ids();
    for id in &ids[..9] {
        copying.world().delete(*id);
    }
    let released = releasing(9);
    copying.run_job(released).await.ok();
    for id in &ids[..9] {
        copying.world().ghost(*id);
    }
    assert_eq!(copying.run().await.ok().report.counts.pending, 9);
    for id in &ids[..10] {
        copying.world().delete(*id);
    }
    let ran = copying.run().await.ok();
    let counts = ran.report.counts;
    assert_eq!((counts.deleted, counts.held, counts.pending), (1, 0, 0));
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_was_empty_once_is_no_hold_any_more_where_nothing_is_ever_proved() {
    let options = Options {
        world: World::new(5, 250),
        dialect: Dialect::Limit,
        items: Items::OnPage,
        ..Options::default()
    };
    let copying = Copying::from(options).await;
    let held = || {
        Mirror::open(&copying.mirror_path())
            .unwrap()
            .held()
            .unwrap()
    };
    copying.run().await.ok();
    let ids = copying.world().listed_ids();
    for id in &ids {
        copying.world().unlist(*id);
    }
    copying.run().await.ok();
    assert_eq!(held(), 250);
    for id in &ids {
        copying.world().undelete(*id);
    }
    copying.run().await.ok();
    assert_eq!(held(), 0);
}
