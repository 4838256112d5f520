//! Details that are no answer of this API, though the list is one: whose matter they are.

use twsync::report::{Exit, Grade, Outcome};
use twsync::sandbox::{Action, Encoding, On, Options, Rule, Sandbox};

use crate::promise::few;
use crate::shell::Shell;
use crate::support::Copying;

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
