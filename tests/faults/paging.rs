//! Lists that shift, repeat, contradict themselves or never end while they are walked.

use serde_json::json;
use twsync::report::{Exit, Grade, Outcome};
use twsync::sandbox::{Action, Dialect, Items, On, Options, Order, Oversize, Place, Rule, World};

use crate::support::{self, Copying};

/// A copy of a world of which everybody is known.
async fn known(customers: usize) -> Copying {
    let copying = unknown(customers).await;
    copying.run().await.ok();
    copying
}

/// A copy that has not begun. Ten customers are a page.
async fn unknown(customers: usize) -> Copying {
    let mut copying = Copying::of(customers).await;
    copying.config.api.page_size = 10;
    copying
}

/// Lets this happen to the world after page 1 was made and before any other is asked for, in the
/// first pass of the next run.
fn after_page_one(copying: &Copying, happens: impl Fn(&World) + Send + Sync + 'static) {
    let world = copying.world();
    let call = Action::after(move |_| happens(&world));
    copying.fault(Rule::on(On::Page(1)).nth(1).does(call));
}

/// The run that follows is complete, and the mirror is right.
async fn is_proved(copying: &Copying, passes: u64) {
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    assert!(ran.lists > passes, "{} list requests", ran.lists);
    copying.run().await.ok();
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_an_arrival_pushes_to_the_next_page_is_counted_once() {
    let copying = known(35).await;
    after_page_one(&copying, |world| {
        world.insert(Place::Head);
    });
    let ran = copying.run().await.ok();
    // Of the instant of page 1: the arrival came after it.
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    assert_eq!(ran.report.counts.drift, 1, "one row was on two pages");
    assert_eq!((ran.details, copying.living().len()), (0, 35));
    copying.run().await.ok();
    assert_eq!(
        copying.number("SELECT count(*) FROM customer_versions WHERE op = 'insert'"),
        1
    );
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_departure_pulls_to_the_page_before_is_noticed_and_looked_for() {
    let copying = known(35).await;
    let world = copying.world();
    let (gone, skipped) = (world.listed_ids()[5], world.listed_ids()[10]);
    after_page_one(&copying, move |world| {
        world.delete(gone);
    });
    let ran = copying.run().await.ok();
    assert!(ran.lists > 4, "one pass has not shown everybody");
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    copying.run().await.ok();
    let skipped =
        format!("SELECT count(*) FROM customers WHERE id = '{skipped}' AND deleted_at IS NULL");
    assert_eq!(copying.number(&skipped), 1);
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arrival_and_a_departure_that_leave_every_count_right_deceive_nobody() {
    let copying = known(35).await;
    let gone = copying.world().listed_ids()[5];
    after_page_one(&copying, move |world| {
        world.delete(gone);
        world.insert(Place::Tail);
    });
    is_proved(&copying, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_size_that_is_clamped_is_adopted() {
    let copying = unknown(35).await;
    copying.sandbox.change(|options| {
        options.page_size_max = 4;
        options.oversize = Oversize::Clamped;
    });
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    copying.assert_mirror_equals_world();
    let log = copying.sandbox.requests().log();
    let lists = log
        .iter()
        .filter(|entry| entry.path.ends_with("/customers"));
    let sizes: Vec<bool> = lists.map(|entry| entry.query.contains("=4")).collect();
    assert!(sizes[1..].iter().all(|is_adopted| *is_adopted), "{sizes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_size_that_changes_in_mid_walk_begins_the_pass_anew() {
    let copying = known(35).await;
    let sandbox = copying.sandbox.clone();
    let clamp = Action::after(move |_| {
        sandbox.change(|options| {
            options.page_size_max = 5;
            options.oversize = Oversize::Clamped;
        });
    });
    copying.fault(Rule::on(On::Page(1)).nth(1).does(clamp));
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    assert!(ran.lists >= 2 + 7, "{} list requests", ran.lists);
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_parameter_that_is_ignored_ends_the_run() {
    let copying = known(35).await;
    copying.fault(Rule::on(On::List).does(Action::rows_of(1)));
    let ran = copying.run().await;
    let said = ran.failed(Exit::NotThisApi);
    assert!(said.contains("show the same customers"), "{said}");
    assert_eq!(ran.report.grade, Some(Grade::Partial));
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_no_list_once_does_not_stop_the_next_run() {
    let empty = Action::edit(|json| {
        json["customers"] = json!([]);
        json["pagination"]["totalPages"] = json!(400);
        json["pagination"]["totalCount"] = json!(3999);
    });
    for (on, wrong) in [(On::Page(3), Action::rows_of(1)), (On::List, empty)] {
        let copying = known(35).await;
        let fault = copying.fault(Rule::on(on).does(wrong));
        copying.run().await.failed(Exit::NotThisApi);
        fault.lift();
        copying.world().churn(4, 3);
        let ran = copying.run().await.ok();
        assert_eq!(ran.report.grade, Some(Grade::Complete));
        copying.assert_mirror_equals_world();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echoed_page_that_differs_ends_the_run() {
    let copying = known(35).await;
    copying.fault(Rule::on(On::Page(3)).does(Action::echo_page(2)));
    let said = copying.run().await.failed(Exit::NotThisApi);
    assert!(
        said.contains("asked for page 3, it answered page 2"),
        "{said}"
    );
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_page_in_the_middle_ends_nothing() {
    let copying = unknown(35).await;
    let short = Action::edit(|json| json["customers"].as_array_mut().unwrap().truncate(3));
    copying.fault(Rule::on(On::Page(2)).nth(1).does(short));
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_page_in_the_middle_ends_nothing() {
    let copying = unknown(35).await;
    let empty = Action::edit(|json| json["customers"] = json!([]));
    copying.fault(Rule::on(On::Page(2)).nth(1).does(empty));
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_has_next_that_says_no_too_early_ends_nothing() {
    let copying = unknown(35).await;
    copying.fault(Rule::on(On::List).does(Action::has_next(false)));
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_has_next_that_never_says_no_costs_one_look_past_the_end() {
    let copying = known(35).await;
    copying.world().delete(copying.world().listed_ids()[3]);
    // Someone has left, so that one pass is not proved before its end is seen.
    copying.fault(Rule::on(On::List).does(Action::has_next(true)));
    copying.fault(Rule::on(On::List).does(Action::total_off_by(1)));
    let looks = copying.fault(Rule::on(On::Page(5)).does(Action::after(|_| {})));
    let ran = copying.run().await.ok();
    let passes = ran.lists / 4;
    assert!(
        looks.struck() > 0 && looks.struck() <= passes,
        "{} looks",
        looks.struck()
    );
    assert_eq!(copying.requests().0, copying.sandbox.requests().list());
    assert_ne!(ran.report.grade, Some(Grade::Partial));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_total_that_is_capped_or_estimated_is_never_complete() {
    for total in [10, 20, 33, 38] {
        let copying = known(35).await;
        copying.world().delete(copying.world().listed_ids()[9]);
        copying.fault(Rule::on(On::List).does(Action::edit(move |json| {
            json["pagination"]["totalCount"] = json!(total);
            json["pagination"]["totalPages"] = json!(4);
        })));
        let ran = copying.run().await.ok();
        assert_eq!(ran.report.grade, Some(Grade::Converged), "of {total}");
        assert_eq!(ran.report.counts.deleted, 0);
        assert_eq!(copying.living().len(), 35);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_total_that_is_capped_together_with_the_page_count_is_never_complete() {
    for customers in [35, 30] {
        let copying = known(customers).await;
        copying.fault(Rule::on(On::List).does(Action::edit(|json| {
            json["pagination"]["totalCount"] = json!(20);
            json["pagination"]["totalPages"] = json!(2);
        })));
        let ran = copying.run().await.ok();
        assert_eq!(ran.report.grade, Some(Grade::Converged));
        assert_eq!((ran.report.counts.held, ran.details), (0, 0));
        copying.assert_mirror_equals_world();
    }
    // The first run of all has seen nobody before.
    let copying = unknown(35).await;
    copying.fault(Rule::on(On::List).does(Action::edit(|json| {
        json["pagination"]["totalCount"] = json!(20);
        json["pagination"]["totalPages"] = json!(2);
    })));
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.grade, Some(Grade::Converged));
}

#[tokio::test(flavor = "multi_thread")]
async fn items_that_count_a_page_are_never_complete() {
    let copying = unknown(25).await;
    copying.sandbox.change(|options| {
        options.dialect = Dialect::Limit;
        options.items = Items::OnPage;
    });
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.grade, Some(Grade::Converged));
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_in_no_stable_order_is_partial_and_says_so() {
    let mut copying = unknown(95).await;
    copying.world().set_order(Order::Unstable);
    copying.config.sync.max_passes = 2;
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.grade, Some(Grade::Partial));
    assert_eq!(ran.report.outcome, Some(Outcome::Partial));
    let reason = ran.report.reason.unwrap();
    assert!(reason.contains("kept changing"), "{reason}");
    // What was seen is copied all the same, and nobody is lost in any number of such runs.
    for _ in 0..4 {
        copying.run().await.ok();
    }
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_one_customer_on_two_pages_the_later_answer_counts() {
    let copying = known(35).await;
    let world = copying.world();
    let pushed = world.listed_ids()[9];
    after_page_one(&copying, move |world| {
        world.insert(Place::Head);
        world.set_tier(pushed, "Enterprise");
    });
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.counts.changed, 1, "its details were asked for");
    let tier = format!("SELECT tier_name FROM customers WHERE id = '{pushed}'");
    assert_eq!(copying.text(&tier).as_deref(), Some("Enterprise"));
}

#[tokio::test(flavor = "multi_thread")]
async fn details_of_another_customer_than_asked_end_the_run() {
    let copying = unknown(20).await;
    let ids = copying.world().listed_ids();
    copying.fault(Rule::on(On::Customer(ids[3])).does(Action::wrong_id(ids[4])));
    let said = copying.run().await.failed(Exit::NotThisApi);
    assert!(said.contains("another's"), "{said}");
    let taken = format!("SELECT count(*) FROM customers WHERE id = '{}'", ids[3]);
    assert_eq!(copying.number(&taken), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn suddenly_no_customers_is_a_hold() {
    let copying = known(3).await;
    copying.fault(Rule::on(On::List).does(Action::edit(|json| {
        *json = json!({"customers": [], "pagination":
            {"page": 1, "pageSize": 100, "totalCount": 0, "totalPages": 0, "hasNext": false}});
    })));
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.outcome, Some(Outcome::Held));
    assert_eq!((ran.report.counts.held, ran.report.counts.deleted), (3, 0));
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_pages_than_there_can_be_end_the_run() {
    let copying = known(35).await;
    copying.fault(Rule::on(On::List).does(Action::pages(json!(4_000_000_000_u32))));
    let ran = copying.run().await;
    let said = ran.failed(Exit::NotThisApi);
    assert!(said.contains("4000000000 pages"), "{said}");
    assert_eq!(ran.report.grade, Some(Grade::Partial));
    assert_eq!(ran.lists, 1);
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_without_end_are_not_followed_for_ever() {
    let copying = known(35).await;
    // Whatever page is asked for, there are nine more behind it, and nobody on them.
    copying.fault(Rule::on(On::List).does(Action::edit(|json| {
        let page = json["pagination"]["page"].as_u64().unwrap();
        json["pagination"]["totalPages"] = json!(page + 9);
        json["pagination"]["hasNext"] = json!(true);
    })));
    let ran = copying.run().await;
    assert!(ran.lists < 200, "{} list requests", ran.lists);
    let said = ran.failed(Exit::NotThisApi);
    assert!(said.contains("empty"), "{said}");
    assert_eq!(ran.report.grade, Some(Grade::Partial));
    copying.assert_mirror_equals_world();
}

/// The other dialect's `items` may count a page: taken for the total, a hundred would be all there are.
#[tokio::test(flavor = "multi_thread")]
async fn counts_of_another_dialect_in_mid_walk_prove_nothing() {
    let upgrade = |options: &mut Options| {
        options.dialect = Dialect::Limit;
        options.items = Items::OnPage;
    };
    for page in 1..=2 {
        let within = Copying::of(250).await;
        let sandbox = within.sandbox.clone();
        let change = Action::after(move |_| sandbox.change(upgrade));
        within.fault(Rule::on(On::Page(page)).nth(1).does(change));
        let between = Copying::of(250).await;
        between.run_job(support::within(page)).await;
        between.sandbox.change(upgrade);
        for copying in [within, between] {
            let ran = copying.run().await.ok();
            assert_eq!(ran.report.grade, Some(Grade::Converged), "after {page}");
            assert_eq!(ran.report.outcome, Some(Outcome::Done), "after {page}");
            copying.assert_mirror_equals_world();
            // Where these counts are totals, a walk that knows no others proves it.
            copying
                .sandbox
                .change(|options| options.items = Items::Total);
            let ran = copying.run().await.ok();
            assert_eq!(ran.report.grade, Some(Grade::Complete), "after {page}");
        }
    }
}
