//! A run that was cut short is taken up by the next: what is asked again, what is proved all the same,
//! and when a new walk is begun instead.

mod support;

use std::time::Duration;

use jiff::SignedDuration;
use support::{Copying, within};
use twsync::report::{Exit, Grade, Mode, Outcome};
use twsync::sandbox::{Action, On, Order, Place, Rule, Target};
use twsync::sync::Job;
use uuid::Uuid;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_kept_to_the_request_and_the_next_run_goes_on() {
    let copying = Copying::of(250).await;
    let mut asked = 0;
    for _ in 0..5 {
        let job = within(60);
        let ran = copying.run_job(job).await;
        asked += ran.lists + ran.details;
        match ran.error {
            Some(error) => {
                assert_eq!(error.exit(), Exit::Partial);
                assert_eq!(ran.lists + ran.details, 60);
                assert_eq!(ran.report.outcome, Some(Outcome::Partial));
            }
            None => assert_eq!(ran.report.grade, Some(Grade::Complete)),
        }
    }
    assert_eq!(asked, 4 + 250, "nothing was asked twice");
    copying.assert_mirror_equals_world();
    assert_eq!(
        copying.number("SELECT count(*) FROM customer_versions WHERE op = 'baseline'"),
        250
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_cut_short_and_the_one_that_takes_it_up_count_together_what_there_is() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    for id in copying.world().listed_ids().into_iter().take(20) {
        copying.world().set_tier(id, "Another tier");
    }
    for _ in 0..10 {
        copying.world().insert(Place::Tail);
    }
    let (mut added, mut changed, mut runs) = (0, 0, 0);
    let unchanged = loop {
        runs += 1;
        let job = within(20);
        let ran = copying.run_job(job).await;
        added += ran.report.counts.added;
        changed += ran.report.counts.changed;
        if ran.error.is_none() {
            break ran.report.counts.unchanged;
        }
    };
    assert_eq!(runs, 2, "the second takes up the walk of the first");
    assert_eq!((added, changed, unchanged), (10, 20, 230));
}

#[tokio::test(flavor = "multi_thread")]
async fn full_that_was_cut_short_asks_for_the_rest_and_for_nobody_twice() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    let mut details = 0;
    for _ in 0..4 {
        let job = Job {
            requests_max: Some(50),
            ..Job::of(Mode::Full)
        };
        let ran = copying.run_job(job).await;
        details += ran.details;
        if ran.error.is_none() {
            break;
        }
    }
    assert_eq!(details, 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cache_answers_proves_nothing_and_neither_after_a_restart() {
    let copying = Copying::of(250).await;
    let stale = Rule::on(On::List)
        .times(3)
        .does(Action::add_header("age", "7"));
    copying.sandbox.faults().add(stale);
    let job = within(10);
    let cut = copying.run_job(job).await;
    assert!(
        cut.warnings.iter().any(|warning| warning.contains("cache")),
        "{:?}",
        cut.warnings
    );
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    assert!(
        cut.lists + ran.lists >= 3 + 3,
        "a pass of a cache's and one that counts"
    );
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_walk_is_begun_anew_and_its_queue_stands() {
    let copying = Copying::of(250).await;
    let job = within(100);
    copying.run_job(job).await;
    copying.later(HOUR + HOUR);
    let ran = copying.run().await.ok();
    assert_eq!(ran.details - ran.report.counts.reverified, 250 - 96);
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    copying.assert_mirror_equals_world();
}

/// What counts is when it was cut short, not how long its details had been taking until then.
#[tokio::test(flavor = "multi_thread")]
async fn a_walk_whose_details_took_hours_is_taken_up_like_any_other() {
    let copying = Copying::of(250).await;
    let hands = copying.hands.clone();
    let slow = Action::before(move |_| hands.pass(Duration::from_mins(2)));
    let slow = copying.fault(Rule::on(On::Detail).does(slow));
    let job = within(4 + 200);
    copying.run_job(job).await;
    slow.lift();
    copying.later(HOUR / 2);
    let ran = copying.run().await.ok();
    assert_eq!((ran.lists, ran.details), (0, 50));
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    copying.assert_mirror_equals_world();
}

/// What there is to ask again is no reason to walk the list again.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_cut_short_after_its_walk_is_taken_up_there() {
    let mut copying = Copying::of(250).await;
    copying.config.sync.max_detail_age = Duration::from_hours(24);
    copying.run().await.ok();
    copying.later(48 * HOUR);
    let job = within(100);
    let (mut lists, mut details) = (0, 0);
    for _ in 0..3 {
        let ran = copying.run_job(job.clone()).await;
        lists += ran.lists;
        details += ran.details;
    }
    assert_eq!((lists, details), (3, 250));
}

/// Who lives unlisted is asked for in each run, and so are those whose departure was not decided: but
/// once, however often the run is cut.
#[tokio::test(flavor = "multi_thread")]
async fn those_whom_the_list_does_not_show_are_asked_for_once_by_all_that_take_up_a_run() {
    let (mut copying, ids) = with_eight_unlisted().await;
    copying.config.sync.max_detail_age = Duration::from_hours(1);
    copying.later(2 * HOUR);
    // One unlisted has left, one is odd; of those listed until now three are gone, in three ways.
    copying.world().delete(ids[3]);
    copying.fault(Rule::on(On::Customer(ids[5])).does(Action::status(418)));
    for id in &ids[10..13] {
        copying.world().delete(*id);
    }
    copying.fault(Rule::on(On::Customer(ids[11])).does(Action::status(418)));
    copying.fault(Rule::on(On::Customer(ids[12])).does(Action::status(403)));

    let arrivals = copying.arrivals();
    let (mut deleted, mut runs) = (0, 0);
    let last = loop {
        runs += 1;
        let ran = copying.run_job(within(7)).await;
        deleted += ran.report.counts.deleted;
        if ran.error.is_none() {
            break ran;
        }
        assert!(runs < 100, "it never ends");
    };
    assert!(runs > 3, "cut {runs} times");
    assert_eq!(deleted, 2);
    assert_eq!(last.report.counts.pending, 2, "one unlisted, one missing");
    let asked = |id| {
        let all = arrivals.all().into_iter();
        all.filter(|(target, _)| *target == Target::Detail { id: Some(id) })
            .count()
    };
    for (at, id) in ids.iter().enumerate() {
        let most = match at {
            // Not found: once as unlisted, once as missing.
            3 => 2,
            // The first who is listed is everybody's canary.
            8 => continue,
            _ => 1,
        };
        assert!(asked(*id) <= most, "{at} was asked {} times", asked(*id));
    }
    let gone = "SELECT count(*) FROM customers WHERE deleted_at IS NOT NULL";
    assert_eq!(copying.number(gone), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_knows_whom_the_run_that_was_cut_has_heard() {
    let (copying, ids) = with_eight_unlisted().await;
    // Rows are numbered as customers were first listed, and asked for in that order.
    copying.world().delete(ids[0]);
    let cut = copying.run_job(within(3 + 5)).await;
    assert!(cut.error.is_some() && (1..8).contains(&cut.details));
    let told = copying.rehearse().await;
    assert_eq!(told.missing, 1);
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.counts.deleted, 1);
    assert_eq!(told.detail_requests, ran.details);
}

#[tokio::test(flavor = "multi_thread")]
async fn full_comes_to_its_end_though_the_list_never_does() {
    let mut copying = Copying::ordered(250, Order::Unstable).await;
    copying.config.sync.max_passes = 1;
    copying.run().await.ok();
    let job = Job {
        requests_max: Some(100),
        ..Job::of(Mode::Full)
    };
    let mut runs = 0;
    while copying.run_job(job.clone()).await.error.is_some() {
        runs += 1;
        assert!(runs < 10, "it never ends");
    }
}

/// Those a person asked for by name wait their turn: they don't spend what departures need.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_asked_for_by_name_and_not_reached_comes_after_those_who_are_missing() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    let ids = copying.world().listed_ids();
    let named = Job {
        ids: ids[10..30]
            .iter()
            .map(|id| id.to_string().parse().unwrap())
            .collect(),
        requests_max: Some(1),
        ..Job::of(Mode::Refresh)
    };
    assert!(copying.run_job(named).await.error.is_some());
    copying.world().delete(ids[0]);
    let (pages, the_missing_one_and_the_canary) = (3, 2);
    let ran = copying
        .run_job(within(pages + the_missing_one_and_the_canary))
        .await;
    assert_eq!((ran.details, ran.report.counts.deleted), (2, 1));
    assert_eq!(copying.run().await.ok().details, 19);
}

/// A copy of 250 customers, of whom the first eight live unlisted, and it is known; and everybody's ids.
async fn with_eight_unlisted() -> (Copying, Vec<Uuid>) {
    let mut copying = Copying::of(250).await;
    copying.config.pace.in_flight_max = 3;
    copying.config.sync.deletions_max = 20;
    copying.run().await.ok();
    let ids = copying.world().listed_ids();
    for id in &ids[..8] {
        copying.world().unlist(*id);
    }
    assert_eq!(copying.run().await.ok().report.counts.unlisted, 8);
    (copying, ids)
}
