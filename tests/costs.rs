//! What a walk over a quiet list costs, by where in it somebody is new and whoever left.

mod support;

use std::time::Duration;

use support::{Copying, within};
use tokio_util::sync::CancellationToken;
use twsync::report::Grade;
use twsync::sandbox::{Action, Items, On, Order, Place, Rule, World};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_new_costs_a_request_a_page() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    let ran = copying.run().await.ok();
    assert_eq!((ran.lists, ran.details), (3, 0));
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    assert_eq!(
        (ran.report.counts.added, ran.report.counts.unchanged),
        (0, 250)
    );
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn arrivals_on_page_one_cost_nothing_more() {
    let copying = Copying::ordered(250, Order::CreatedDescending).await;
    copying.run().await.ok();
    for _ in 0..3 {
        copying.world().insert(Place::Head);
    }
    let ran = copying.run().await.ok();
    assert_eq!((ran.lists, ran.details), (3, 3));
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    assert_eq!(
        copying.number("SELECT count(*) FROM customer_versions WHERE op = 'insert'"),
        3
    );
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn arrivals_at_the_tail_cost_their_pages_more() {
    let copying = Copying::ordered(1_050, Order::CreatedAscending).await;
    copying.run().await.ok();
    for _ in 0..20 {
        copying.world().insert(Place::Tail);
    }
    let ran = copying.run().await.ok();
    let (pages, theirs) = (11, 1);
    assert_eq!((ran.lists, ran.details), (pages + theirs, 20));
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn arrivals_at_the_head_cost_nothing_more_once_their_details_show_that_they_live() {
    let copying = Copying::ordered(1_050, Order::CreatedDescending).await;
    copying.run().await.ok();
    for _ in 0..150 {
        copying.world().insert(Place::Head);
    }
    let ran = copying.run().await.ok();
    assert_eq!((ran.lists, ran.details), (12, 150));
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    copying.assert_mirror_equals_world();
}

/// Somebody answers whom a proved list does not show: then the server's details are no witness of
/// who is counted in its list, and what they would have spared is asked of the list itself.
#[tokio::test(flavor = "multi_thread")]
async fn details_are_no_sightings_once_somebody_lives_unlisted() {
    let copying = Copying::ordered(1_050, Order::CreatedDescending).await;
    copying.run().await.ok();
    copying.world().unlist(copying.world().listed_ids()[500]);
    copying.run().await.ok();
    for _ in 0..150 {
        copying.world().insert(Place::Head);
    }
    let ran = copying.run().await.ok();
    let the_unlisted = 1;
    assert_eq!((ran.lists, ran.details), (13, 150 + the_unlisted));
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    copying.assert_mirror_equals_world();
}

/// Ten pages of ten, in this order.
async fn ten_pages(order: Order) -> Copying {
    let mut copying = Copying::ordered(100, order).await;
    copying.config.api.page_size = 10;
    copying.config.sync.deletions_max = 10;
    copying.run().await.ok();
    copying
}

/// Where as many left, the total does not tell that somebody came, nor how many.
#[tokio::test(flavor = "multi_thread")]
async fn departures_hide_no_arrivals_and_make_none_dearer() {
    for (left, came) in [(3, 1), (3, 3), (3, 8), (4, 14), (1, 11), (10, 10), (10, 25)] {
        let copying = ten_pages(Order::CreatedAscending).await;
        for id in copying.world().listed_ids().into_iter().skip(30).take(left) {
            copying.world().delete(id);
        }
        for _ in 0..came {
            copying.world().insert(Place::Tail);
        }
        let living = 100 - left + came;
        let pages = living.div_ceil(10);
        let theirs = pages - (living - came) / 10;
        let ran = copying.run().await.ok();
        // Whose details were there meanwhile, their pages are not asked for again.
        assert!(
            ran.lists <= (pages + theirs) as u64,
            "{} list requests, where {left} left and {came} came",
            ran.lists
        );
        assert_eq!(ran.report.counts.deleted, left as u64);
        assert_eq!(ran.report.grade, Some(Grade::Complete));
        copying.assert_mirror_equals_world();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn arrivals_anywhere_cost_two_passes_at_most_whoever_left() {
    for left in [0, 3, 10] {
        let copying = ten_pages(Order::Id).await;
        for id in copying
            .world()
            .listed_ids()
            .into_iter()
            .step_by(9)
            .take(left)
        {
            copying.world().delete(id);
        }
        for _ in 0..20 {
            copying.world().insert(Place::Now);
        }
        let ran = copying.run().await.ok();
        let pages = (120 - left).div_ceil(10) as u64;
        assert!(ran.lists <= 2 * pages, "{} list requests", ran.lists);
        assert_eq!(ran.report.grade, Some(Grade::Complete));
        copying.assert_mirror_equals_world();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_that_was_cut_short_anywhere_costs_no_more() {
    for cut in 1..=15 {
        let copying = ten_pages(Order::CreatedAscending).await;
        for id in copying.world().listed_ids().into_iter().take(3) {
            copying.world().delete(id);
        }
        for _ in 0..15 {
            copying.world().insert(Place::Tail);
        }
        let job = within(cut);
        let first = copying.run_job(job).await;
        let second = copying.run().await.ok();
        let (pages, theirs) = (12, 3);
        let lists = first.lists + second.lists;
        assert!(
            lists <= pages + theirs,
            "{lists} list requests, cut after {cut}"
        );
        assert_eq!(second.report.grade, Some(Grade::Complete));
        copying.assert_mirror_equals_world();
    }
}

/// What a page of the other dialect counts is known only after a pass; it costs nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn the_other_dialect_costs_the_same() {
    for (order, place, came, more) in [
        (Order::CreatedDescending, Place::Head, 0, 0),
        (Order::CreatedDescending, Place::Head, 20, 0),
        (Order::CreatedDescending, Place::Head, 150, 1),
        (Order::CreatedAscending, Place::Tail, 20, 1),
        (Order::CreatedAscending, Place::Tail, 140, 2),
        (Order::Id, Place::Now, 20, 11),
    ] {
        let world = World::new(5, 1_050);
        world.set_order(order);
        let copying = Copying::of_limit(world, Items::Total).await;
        let ran = copying.run().await.ok();
        assert_eq!((ran.lists, ran.details), (11 + 1, 1_050));
        for _ in 0..came {
            copying.world().insert(place);
        }
        let ran = copying.run().await.ok();
        let pages = (1_050_u64 + came).div_ceil(100);
        let most = pages + more + u64::from(more > 0);
        assert!(
            ran.lists <= most,
            "{order:?}, {came} came: {} list requests, and not {most}",
            ran.lists
        );
        assert_eq!(ran.details, came);
        assert_eq!(ran.report.grade, Some(Grade::Complete));
        copying.assert_mirror_equals_world();
    }
}

/// The server answers none of them before all of them are there.
#[tokio::test(flavor = "multi_thread")]
async fn pages_are_in_flight_together_wherever_the_proof_allows_it() {
    let mut copying = Copying::of(850).await;
    // None is given up and asked for again: that would be one more.
    copying.config.api.request_timeout = Duration::from_hours(1);
    // In a first run page 1 is alone; later, where arrivals are wont to be, so is the last.
    for (alone, together) in [(1, 8), (2, 7)] {
        let all_there = CancellationToken::new();
        let wait = Action::hold(all_there.clone());
        let rule = Rule::on(On::List).from_nth(alone + 1).times(together);
        let fault = copying.fault(rule.does(wait));
        let requests = copying.sandbox.requests();
        let until = requests.total() + alone + together;
        let answer = async {
            let reached = tokio::time::timeout(Duration::from_mins(1), requests.reached(until));
            reached.await.expect("all of them in the air");
            all_there.cancel();
        };
        let (ran, ()) = tokio::join!(copying.run(), answer);
        assert_eq!(ran.ok().report.grade, Some(Grade::Complete));
        fault.lift();
    }
}
