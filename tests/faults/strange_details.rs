//! Details that are no answer of this API, though the list is one: whose matter they are.

use std::time::Duration;

use jiff::SignedDuration;
use twsync::mirror::Mirror;
use twsync::report::{Exit, Grade, Mode, Outcome};
use twsync::sandbox::{Action, Encoding, On, Options, Place, Rule, Sandbox};
use twsync::sync::Job;

use crate::promise::few;
use crate::shell::Shell;
use crate::support::{Copying, releasing};

/// Where a redirect leads that nobody follows.
async fn elsewhere() -> (Sandbox, String) {
    let elsewhere = Sandbox::start(Options::default()).await.unwrap();
    let target = format!("{}/admin/customers", elsewhere.url());
    (elsewhere, target)
}

/// One customer whose details are this: all others are copied, it is kept as the list shows it, and the
/// run fails in the end. It is asked for again, and fails no other way the second time.
async fn stops_nobody(rule: impl FnOnce(Rule) -> Rule, words: &str) {
    let copying = few().await;
    let id = copying.world().listed_ids()[4];
    let fault = copying.fault(rule(Rule::on(On::Customer(id))));
    for details in [12, 1] {
        let ran = copying.run().await;
        let said = ran.failed(Exit::NotThisApi);
        assert!(said.contains(words), "{said}");
        assert_eq!(
            (ran.report.grade, ran.report.outcome),
            (Some(Grade::Complete), Some(Outcome::Failed))
        );
        assert_eq!((ran.report.counts.pending, ran.details), (1, details));
        assert_eq!(copying.living().len(), 12);
        let unverified = "SELECT id FROM customers WHERE detail_verified_at IS NULL";
        assert_eq!(copying.text(unverified), Some(id.to_string()));
    }
    fault.lift();
    assert_eq!(copying.run().await.ok().details, 1);
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_for_people_instead_of_one_customer_stops_nobody() {
    stops_nobody(|rule| rule.does(Action::html()), "text/html").await;
    stops_nobody(|rule| rule.does(Action::empty()), "empty").await;
    let marked = Action::raw(200, "application/json", b"\xEF\xBB\xBF{}");
    stops_nobody(|rule| rule.does(marked), "byte-order mark").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_of_one_customer_is_never_followed_and_stops_nobody() {
    let (elsewhere, target) = elsewhere().await;
    let location = Action::add_header("location", &target);
    stops_nobody(
        |rule| rule.does(Action::status(307)).does(location),
        &target,
    )
    .await;
    assert_eq!(elsewhere.requests().total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_of_one_customer_is_cut_and_stops_nobody() {
    stops_nobody(|rule| rule.does(Action::endless()), "larger than").await;
    let bomb = Action::bomb(Encoding::Gzip, 9 << 20);
    stops_nobody(|rule| rule.does(bomb), "larger than").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_lake_is_published_by_a_run_that_met_one() {
    let shell = Shell::of(12).await;
    shell.once().await.exits(0);
    let published = shell.generation();
    let world = shell.sandbox.world();
    let ids = world.listed_ids();
    world.set_tier(ids[4], "Enterprise");
    world.set_tier(ids[5], "Enterprise");
    let fault = shell.fault(Rule::on(On::Customer(ids[4])).does(Action::html()));
    shell.once().await.exits(65).says("text/html");
    assert_eq!(shell.generation(), published);
    let verified = format!(
        "SELECT count(*) FROM customers WHERE id = '{}' AND tier_name = 'Enterprise'",
        ids[5]
    );
    assert_eq!(shell.number(&verified), 1);
    fault.lift();
    shell.once().await.exits(0);
    shell.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_first_details_are_all_no_answer_of_this_api_is_not_this_api() {
    let (elsewhere, target) = elsewhere().await;
    let copying = few().await;
    let redirected = Rule::on(On::Detail).does(Action::status(302));
    let fault = copying.fault(redirected.does(Action::add_header("location", &target)));
    for _ in 0..2 {
        let said = copying.run().await.failed(Exit::NotThisApi);
        assert!(said.contains(&target), "{said}");
    }
    assert_eq!(elsewhere.requests().total(), 0);
    fault.lift();
    copying.run().await.ok();
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_in_a_row_that_are_no_answer_of_this_api_end_the_run() {
    let copying = Copying::of(250).await;
    let fault = copying.fault(Rule::on(On::Detail).does(Action::html()));
    let ran = copying.run().await;
    let said = ran.failed(Exit::NotThisApi);
    assert!(said.contains("text/html"), "{said}");
    let most = 100 + u64::from(copying.config.pace.in_flight_max);
    assert!(ran.details <= most, "{} details", ran.details);
    fault.lift();
    copying.run().await.ok();
    copying.assert_mirror_equals_world();
}

/// A copy of so many, one of whom has changed since, and has details from now on that are none.
async fn one_is_strange(customers: usize) -> Copying {
    let copying = Copying::of(customers).await;
    copying.run().await.ok();
    let id = copying.world().listed_ids()[20];
    copying.world().set_tier(id, "Another tier");
    copying.fault(Rule::on(On::Customer(id)).does(Action::html()));
    copying
}

#[tokio::test(flavor = "multi_thread")]
async fn full_is_full_again_after_a_run_that_failed_for_one() {
    let copying = one_is_strange(120).await;
    for _ in 0..2 {
        let ran = copying.run_job(Job::of(Mode::Full)).await;
        ran.failed(Exit::NotThisApi);
        assert_eq!(ran.details, 120);
    }
}

/// A run that came to its end has asked for what was due, whatever it failed for.
#[tokio::test(flavor = "multi_thread")]
async fn the_load_stays_even_though_every_run_fails_for_one() {
    let mut copying = one_is_strange(120).await;
    copying.config.sync.max_detail_age = Duration::from_hours(24);
    for _ in 0..12 {
        copying.later(SignedDuration::from_hours(1));
        let ran = copying.run().await;
        ran.failed(Exit::NotThisApi);
        assert_eq!(ran.details, 120 / 24 + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_a_person_released_is_none_though_the_run_failed_for_one() {
    let copying = one_is_strange(250).await;
    let ids = copying.world().listed_ids();
    for id in &ids[..9] {
        copying.world().delete(*id);
    }
    assert_eq!(copying.run().await.report.counts.held, 9);
    let ran = copying.run_job(releasing(9)).await;
    ran.failed(Exit::NotThisApi);
    assert_eq!((ran.report.counts.held, ran.report.counts.deleted), (0, 9));
    let held = Mirror::open(&copying.mirror_path()).unwrap().held();
    assert_eq!(held.unwrap(), 0);
    copying.world().delete(ids[30]);
    let counts = copying.run().await.report.counts;
    assert_eq!((counts.held, counts.deleted), (0, 1));
}

/// They are asked last, and whatever comes before them is done as in any other run.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_who_never_answered_otherwise_keep_no_list_from_being_walked() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    let ids = copying.world().listed_ids();
    for some in ids[..150].chunks(75) {
        for id in some {
            copying.world().set_tier(*id, "Another tier");
            copying.fault(Rule::on(On::Customer(*id)).does(Action::html()));
        }
        copying.run().await.failed(Exit::NotThisApi);
    }
    for _ in 0..2 {
        copying.world().insert(Place::Tail);
        let ran = copying.run().await;
        ran.failed(Exit::NotThisApi);
        assert_eq!(ran.report.counts.added, 1);
    }
}
