//! Departures that wait for a person's decision: which do, for how long, and what is told meanwhile.

mod support;

use jiff::SignedDuration;
use support::{Copying, releasing, within};
use twsync::mirror::Mirror;
use twsync::report::{Grade, Outcome};
use twsync::sandbox::{Action, Items, On, Rule, World};
use twsync::sync::Job;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Fails the test where a person is not told in these words why departures wait.
#[track_caller]
fn told(ran: &support::Outcome, words: &str) {
    let reason = ran.report.reason.as_deref();
    assert!(reason.is_some_and(|it| it.contains(words)), "{reason:?}");
}

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
    told(&ran, "up to 5 at once go without a question");
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
    told(&ran, "nobody has decided on those");
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
    let copying = Copying::of_limit(World::new(5, 250), Items::Total).await;
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
    told(&ran, "the list is suddenly empty");
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
    assert_eq!(ran.report.reason, None);
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
    let copying = Copying::of_limit(World::new(5, 250), Items::OnPage).await;
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

/// The server won't say whether they left. They are kept, and decide nothing for others.
#[tokio::test(flavor = "multi_thread")]
async fn those_of_whom_the_server_does_not_speak_hold_nobody_else() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    let ids = copying.world().listed_ids();
    let mut secrets = Vec::new();
    for id in &ids[..4] {
        copying.world().unlist(*id);
        secrets.push(copying.fault(Rule::on(On::Customer(*id)).does(Action::status(403))));
    }
    let counts = copying.run().await.ok().report.counts;
    assert_eq!((counts.inaccessible, counts.held), (4, 0));

    for id in &ids[10..15] {
        copying.world().delete(*id);
    }
    let foreseen = copying.rehearse().await;
    assert_eq!((foreseen.missing, foreseen.held), (5, 0));
    let ran = copying.run().await.ok();
    let counts = ran.report.counts;
    assert_eq!(
        (counts.inaccessible, counts.held, counts.deleted),
        (4, 0, 5)
    );
    assert_eq!(foreseen.detail_requests, ran.details);

    // Those who turn out to have left are subject to the bounds like all others.
    for (id, secret) in ids.iter().zip(&secrets) {
        copying.world().delete(*id);
        secret.lift();
    }
    for id in &ids[20..22] {
        copying.world().delete(*id);
    }
    let counts = copying.run().await.ok().report.counts;
    assert_eq!((counts.held, counts.deleted), (6, 0));
    let counts = copying.run_job(releasing(6)).await.ok().report.counts;
    assert_eq!((counts.held, counts.deleted), (0, 6));
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_whom_the_server_did_not_speak_and_whom_the_list_shows_again_is_one_like_all() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    let ids = copying.world().listed_ids();
    copying.world().unlist(ids[0]);
    let secret = copying.fault(Rule::on(On::Customer(ids[0])).does(Action::status(403)));
    copying.run().await.ok();
    secret.lift();
    copying.world().undelete(ids[0]);
    copying.run().await.ok();
    for id in &ids[..6] {
        copying.world().delete(*id);
    }
    let foreseen = copying.rehearse().await;
    assert_eq!((foreseen.missing, foreseen.held), (6, 6));
    let counts = copying.run().await.ok().report.counts;
    assert_eq!((counts.held, counts.deleted), (6, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_lived_unlisted_and_of_whom_the_server_then_does_not_speak_holds_nobody_else() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    let ids = copying.world().listed_ids();
    copying.world().unlist(ids[0]);
    assert_eq!(copying.run().await.ok().report.counts.unlisted, 1);
    copying.fault(Rule::on(On::Customer(ids[0])).does(Action::status(403)));
    assert_eq!(copying.run().await.ok().report.counts.inaccessible, 1);
    for id in &ids[10..15] {
        copying.world().delete(*id);
    }
    let counts = copying.run().await.ok().report.counts;
    assert_eq!((counts.held, counts.deleted), (0, 5));
    assert_eq!(counts.inaccessible, 1, "it is asked for in each run");
}

/// Whoever releases need not begin the walk anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_counts_for_a_walk_that_an_earlier_run_began() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    for id in copying.world().listed_ids().into_iter().take(9) {
        copying.world().delete(id);
    }
    let cut = copying.run_job(within(2)).await.report.counts;
    assert_eq!((cut.list_requests, cut.deleted), (2, 0));
    let ran = copying.run_job(releasing(9)).await.ok();
    assert!(ran.lists < 3, "the same walk");
    assert_eq!((ran.report.counts.deleted, ran.report.counts.held), (9, 0));
}

/// What a person said holds for the whole run, of which the one that takes it up is a part.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_released_stays_released_for_the_run_that_takes_up_the_rest() {
    for (allowed, held) in [(9, 0), (5, 4)] {
        let mut copying = Copying::of(250).await;
        copying.config.pace.in_flight_max = 3;
        copying.run().await.ok();
        for id in copying.world().listed_ids().into_iter().take(9) {
            copying.world().delete(id);
        }
        assert_eq!(copying.run().await.ok().report.counts.held, 9);
        let (pages, two_and_their_canary) = (3, 3);
        let cut = Job {
            requests_max: Some(pages + two_and_their_canary),
            ..releasing(allowed)
        };
        let counts = copying.run_job(cut).await.report.counts;
        assert_eq!(counts.deleted, 2, "of {allowed}");
        let small = within(two_and_their_canary);
        let counts = copying.run_job(small).await.report.counts;
        assert_eq!(counts.deleted, 2, "of {allowed}, by the second run");
        let foreseen = copying.rehearse().await;
        assert_eq!(foreseen.held, held, "of {allowed}, foreseen");
        let ran = copying.run().await.ok();
        assert_eq!(ran.lists, 0, "the same walk");
        assert_eq!(foreseen.detail_requests, ran.details, "of {allowed}");
        assert_eq!(
            (ran.report.counts.deleted, ran.report.counts.held),
            (allowed - 4, held)
        );
        // And no longer than for that.
        let counts = copying.run().await.ok().report.counts;
        assert_eq!((counts.deleted, counts.held), (0, held));
    }
}
