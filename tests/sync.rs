//! What a run promises: the mirror equals the world, at the price that was said, and it knows it. What
//! becomes of one that was cut short is in `resume.rs`.

mod support;

use std::time::Duration;

use jiff::SignedDuration;
use support::{Copying, within};
use twsync::report::{Grade, Mode, Outcome};
use twsync::sandbox::{Action, Items, On, Options, Order, Place, Rule, Target, World};
use twsync::sync::Job;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_copies_everyone_for_one_page_more_than_there_are() {
    let copying = Copying::of(250).await;
    let ran = copying.run().await.ok();
    copying.assert_mirror_equals_world();
    assert_eq!((ran.lists, ran.details), (4, 250));
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    assert_eq!(ran.report.outcome, Some(Outcome::Done));
    assert_eq!(ran.report.counts.added, 250);
    assert_eq!(
        copying.number("SELECT count(*) FROM customer_versions WHERE op = 'baseline'"),
        250
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_total_that_is_capped_proves_nothing_wherever_the_walk_is_cut() {
    for cut in 1..5 {
        let copying = Copying::of(250).await;
        let capped = Rule::on(On::List)
            .does(Action::total(serde_json::json!(200)))
            .does(Action::pages(serde_json::json!(2)))
            .does(Action::has_next(true));
        copying.sandbox.faults().add(capped);
        let job = within(cut);
        copying.run_job(job).await;
        let ran = copying.run().await;
        assert_ne!(ran.report.grade, Some(Grade::Complete), "cut after {cut}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn full_is_full_though_one_customer_never_answers() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    copying.world().ghost(copying.world().listed_ids()[3]);
    for _ in 0..2 {
        let ran = copying.run_job(Job::of(Mode::Full)).await.ok();
        assert_eq!(ran.details, 120);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_the_run_then_does_and_writes_not_a_byte() {
    let copying = Copying::of(1_500).await;
    copying.run().await.ok();
    copying.world().churn(3, 60);
    let before = std::fs::read(copying.mirror_path()).unwrap();
    let forecast = copying.rehearse().await;
    assert_eq!(std::fs::read(copying.mirror_path()).unwrap(), before);
    let ran = copying.run().await.ok();
    let counts = ran.report.counts;
    assert_eq!(
        (forecast.added, forecast.changed, forecast.missing),
        (counts.added, counts.changed, counts.deleted)
    );
    assert_eq!(forecast.detail_requests, ran.details);
    // The details that a run asks for meanwhile may show what the plan has to ask the list for.
    let spared = forecast.list_requests - ran.lists;
    assert!(spared <= 1, "{} and {}", forecast.list_requests, ran.lists);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_without_details_is_kept_as_the_list_shows_it() {
    let copying = Copying::of(120).await;
    let id = copying.world().listed_ids()[3];
    copying.world().ghost(id);
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.counts.pending, 1);
    assert_eq!(copying.number("SELECT count(*) FROM customers"), 120);
    let verified = format!("SELECT detail_verified_at FROM customers WHERE id = '{id}'");
    assert_eq!(copying.text(&verified), None);
    let again = copying.run().await.ok();
    assert_eq!(again.details, 1, "it is asked for again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_the_list_is_fetched_and_kept_as_a_version() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    let id = copying.world().listed_ids()[40];
    copying.world().set_tier(id, "Adversary Pro");
    let ran = copying.run().await.ok();
    assert_eq!((ran.details, ran.report.counts.changed), (1, 1));
    copying.assert_mirror_equals_world();
    let versions = format!("SELECT count(*) FROM customer_versions WHERE customer_id = '{id}'");
    assert_eq!(copying.number(&versions), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_the_list_hides_is_found_within_the_age() {
    let mut copying = Copying::of(120).await;
    copying.config.sync.max_detail_age = Duration::from_hours(24);
    copying.run().await.ok();
    copying
        .world()
        .change_hidden(copying.world().listed_ids()[40]);
    let mut found = 0;
    for _ in 0..25 {
        copying.later(HOUR);
        let ran = copying.run().await.ok();
        assert!(
            ran.details <= 10,
            "the load is even, not {} at once",
            ran.details
        );
        found += ran.report.counts.reverified_changed;
    }
    assert_eq!(found, 1);
    copying.assert_mirror_equals_world();
}

/// More than are read from the mirror at a time.
#[tokio::test(flavor = "multi_thread")]
async fn all_whose_age_is_over_are_asked_for_again_however_many_there_are() {
    let mut copying = Copying::of(1_100).await;
    copying.config.sync.max_detail_age = Duration::from_hours(24);
    copying.config.sync.reverify_max = 5_000;
    copying.run().await.ok();
    copying.later(48 * HOUR);
    let ran = copying.run().await.ok();
    assert_eq!((ran.details, ran.report.counts.reverified), (1_100, 1_100));
}

/// More of them than a run may ask for, and each run would begin with them for ever.
#[tokio::test(flavor = "multi_thread")]
async fn those_whose_details_never_come_keep_nobody_else_from_being_asked_for() {
    let mut copying = Copying::of(60).await;
    copying.config.sync.max_detail_age = Duration::from_hours(24);
    copying.config.sync.reverify_max = 5;
    copying.run().await.ok();
    let ids = copying.world().listed_ids();
    for id in ids.iter().take(8) {
        copying.world().ghost(*id);
    }
    let arrivals = copying.arrivals();
    for hour in 0..72 {
        copying.later(HOUR);
        if hour == 36 {
            copying.world().change_hidden(ids[50]);
        }
        let ran = copying.run().await.ok();
        assert!(ran.details <= 5, "{} at once", ran.details);
    }
    let oldest = "SELECT (julianday('2026-11-04T12:00:00Z') - min(julianday(detail_verified_at))) * 24 \
                  FROM kept WHERE row > 8";
    let hours: f64 = copying
        .sql()
        .query_row(oldest, [], |row| row.get(0))
        .unwrap();
    assert!(hours < 25.5, "not asked for in {hours} hours");
    let again = |id: &uuid::Uuid| {
        let asked = arrivals.all().into_iter().map(|(target, _)| target);
        asked
            .filter(|target| *target == Target::Detail { id: Some(*id) })
            .count()
    };
    for id in ids.iter().take(8) {
        assert!(
            again(id) >= 3,
            "it may answer one day, and was asked {} times",
            again(id)
        );
    }
    let changed = "SELECT count(*) FROM customer_versions WHERE op = 'update'";
    assert_eq!(copying.number(changed), 1);
}

/// Until a walk has seen all customers, nobody knows of one who is new whether it was there before.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_missed_by_a_first_look_that_proved_nothing_is_no_arrival() {
    let mut copying = Copying::ordered(250, Order::Unstable).await;
    copying.config.sync.max_passes = 1;
    let first = copying.run().await.ok();
    assert_eq!(first.report.grade, Some(Grade::Partial));
    assert!(first.report.counts.added < 250, "somebody was missed");
    copying.world().set_order(Order::CreatedAscending);
    copying.config.sync.max_passes = 4;
    let second = copying.run().await.ok();
    assert_eq!(second.report.grade, Some(Grade::Complete));
    copying.world().insert(Place::Tail);
    copying.run().await.ok();
    let of = |op| {
        copying.number(&format!(
            "SELECT count(*) FROM customer_versions WHERE op = '{op}'"
        ))
    };
    assert_eq!((of("baseline"), of("insert")), (250, 1));
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_age_that_cannot_be_held_is_said_at_the_start_and_as_soon_as_anybody_is_known() {
    let mut copying = Copying::of(250).await;
    copying.config.sync.max_detail_age = Duration::from_hours(48);
    for (reverify_max, said) in [
        (5, Some("a bound of 2days 2h")),
        (6, None),
        (0, Some("no bound")),
    ] {
        copying.config.sync.reverify_max = reverify_max;
        let ran = copying.run().await.ok();
        let warned = ran
            .warnings
            .iter()
            .find(|warning| warning.contains("max_detail_age"));
        assert_eq!(warned.is_some(), said.is_some(), "{warned:?}");
        let holds = |said| warned.is_some_and(|warned: &String| warned.contains(said));
        assert!(said.is_none_or(holds), "{warned:?}");
    }
    // The first run was cut short, and nobody is known yet when the next takes it up.
    let mut copying = Copying::of(250).await;
    copying.config.sync.reverify_max = 1;
    for _ in 0..2 {
        let job = within(4);
        copying.run_job(job).await.warned("max_detail_age");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn full_asks_for_nobody_twice() {
    let copying = Copying::of(250).await;
    assert_eq!(copying.run_job(Job::of(Mode::Full)).await.ok().details, 250);
    for id in copying.world().listed_ids().into_iter().take(40) {
        copying.world().set_tier(id, "Another tier");
    }
    assert_eq!(copying.run_job(Job::of(Mode::Full)).await.ok().details, 250);
    copying.assert_mirror_equals_world();
}

/// Each of them costs retries, and those are bounded; the others need none.
#[tokio::test(flavor = "multi_thread")]
async fn many_whose_details_fail_for_good_stop_nobody_else() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    let ids = copying.world().listed_ids();
    for id in &ids[..40] {
        copying.world().set_tier(*id, "Another tier");
    }
    for id in &ids[..30] {
        copying.fault(Rule::on(On::Customer(*id)).does(Action::status(500)));
    }
    for _ in 0..2 {
        let ran = copying.run().await.ok();
        assert_eq!(ran.report.counts.pending, 30);
        assert_eq!(ran.report.outcome, Some(Outcome::Done));
    }
    let kept = "SELECT count(*) FROM customers WHERE tier_name = 'Another tier'";
    assert_eq!(copying.number(kept), 40);
}

/// Not though they are so many that all the others together could be no storm.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_and_more_that_always_fail_are_pending_and_no_storm() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    let ids = copying.world().listed_ids();
    let mut failing = Vec::new();
    for some in ids[..150].chunks(75) {
        for id in some {
            copying.world().set_tier(*id, "Another tier");
            failing.push(copying.fault(Rule::on(On::Customer(*id)).does(Action::status(500))));
        }
        copying.run().await.ok();
    }
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.outcome, Some(Outcome::Done));
    assert_eq!(ran.report.counts.pending, 150);
    ran.warned("still fail");
}

/// A change that the next list shows all the same was only seen early.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_list_cannot_show_counts_as_hidden_by_it() {
    let mut copying = Copying::of(60).await;
    copying.config.sync.max_detail_age = Duration::from_hours(24);
    copying.run().await.ok();
    copying.later(48 * HOUR);
    let (world, id) = (copying.world(), copying.world().listed_ids()[7]);
    let meanwhile = Action::before(move |_| {
        world.set_tier(id, "Another tier");
    });
    copying.fault(Rule::on(On::Customer(id)).does(meanwhile));
    let counts = copying.run().await.ok().report.counts;
    assert_eq!(
        (counts.changed, counts.reverified, counts.reverified_changed),
        (1, 60, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_counts_nobody_twice() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    copying.later(13 * 24 * HOUR);
    for id in copying.world().listed_ids().into_iter().take(40) {
        copying.world().set_tier(id, "Another tier");
    }
    let forecast = copying.rehearse().await;
    assert_eq!(
        (
            forecast.detail_requests,
            forecast.changed,
            forecast.reverify
        ),
        (120, 40, 80)
    );
    assert_eq!(copying.run().await.ok().details, 120);
}

/// The even load is so many of those whom the run then knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_knows_that_whoever_comes_makes_the_load_larger() {
    let mut copying = Copying::of(120).await;
    copying.config.sync.max_detail_age = Duration::from_hours(12);
    copying.run().await.ok();
    copying.later(HOUR);
    for _ in 0..240 {
        copying.world().insert(Place::Tail);
    }
    let forecast = copying.rehearse().await;
    assert_eq!((forecast.added, forecast.reverify), (240, 30));
    assert_eq!(copying.run().await.ok().details, forecast.detail_requests);
}

/// One of the assumptions is broken, nobody knows which: it is told as that, and decides nothing.
#[tokio::test(flavor = "multi_thread")]
async fn more_who_are_proved_to_live_than_are_counted_are_told_as_what_they_are() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    copying.world().delete(copying.world().listed_ids()[3]);
    let short = copying.fault(Rule::on(On::List).does(Action::total_off_by(-1)));
    let ran = copying.run().await.ok();
    let words = "the server counts 248 customers, but 249 are proved to live at that instant";
    ran.warned(words);
    let why = copying.text("SELECT reason FROM runs ORDER BY id DESC LIMIT 1");
    assert!(why.is_some_and(|why| why.contains(words)));
    assert_eq!(ran.report.grade, Some(Grade::Converged));
    assert_eq!((ran.report.as_of, ran.report.counts.deleted), (None, 0));
    short.lift();
    assert_eq!(copying.run().await.ok().report.counts.deleted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn full_asks_for_everyone_again() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    copying
        .world()
        .change_hidden(copying.world().listed_ids()[7]);
    let ran = copying.run_job(Job::of(Mode::Full)).await.ok();
    assert_eq!(
        (ran.lists, ran.details, ran.report.counts.changed),
        (2, 120, 1)
    );
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_dialect_is_found_out_and_its_items_proved_to_be_a_total() {
    let world = World::new(5, 250);
    let copying = Copying::of_limit(world, Items::Total).await;
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    copying.assert_mirror_equals_world();
    let ran = copying.run().await.ok();
    assert_eq!((ran.report.grade, ran.lists), (Some(Grade::Complete), 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_items_counts_a_page_nothing_is_ever_proved_and_nobody_deleted() {
    let copying = Copying::of_limit(World::new(5, 250), Items::OnPage).await;
    assert_eq!(
        copying.run().await.ok().report.grade,
        Some(Grade::Converged)
    );
    copying.world().delete(copying.world().listed_ids()[9]);
    let ran = copying.run().await.ok();
    assert_eq!(
        (ran.report.grade, ran.report.counts.deleted),
        (Some(Grade::Converged), 0)
    );
    assert_eq!(
        copying.number("SELECT count(*) FROM customers WHERE deleted_at IS NULL"),
        250
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_in_no_order_is_copied_all_the_same() {
    let copying = Copying::ordered(250, Order::Unstable).await;
    let ran = copying.run().await;
    assert!(ran.report.grade.is_some());
    if ran.report.grade == Some(Grade::Complete) {
        copying.assert_mirror_equals_world();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_customers_is_copied_too() {
    let copying = Copying::of(0).await;
    let ran = copying.run().await.ok();
    assert_eq!((ran.lists, ran.report.grade), (1, Some(Grade::Complete)));
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_are_kept_byte_for_byte() {
    let world = World::hostile(5, 150);
    let copying = Copying::from(Options {
        world,
        ..Options::default()
    })
    .await;
    copying.run().await.ok();
    copying.assert_mirror_equals_world();
}
