//! Who is marked deleted, and who is kept: nobody leaves the mirror by a mistake of the server's. Who
//! waits for a person's decision is in `holds.rs`.

mod support;

use jiff::SignedDuration;
use support::{Copying, releasing, within};
use twsync::report::{Exit, Grade};
use twsync::sandbox::{Action, On, Place, Rule, Target};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[tokio::test(flavor = "multi_thread")]
async fn who_left_is_confirmed_and_keeps_its_last_values() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    let gone = copying.world().listed_ids()[17];
    copying.world().delete(gone);
    copying.later(SignedDuration::from_hours(1));
    let ran = copying.run().await.ok();
    assert_eq!((ran.lists, ran.report.counts.deleted), (3, 1));
    assert_eq!(ran.warnings, [""; 0], "no assumption is broken");
    // The departed one, and a canary that shows that the server still answers.
    assert_eq!(ran.details - ran.report.counts.reverified, 2);
    copying.assert_mirror_equals_world();
    let kept = format!("SELECT name FROM customers WHERE id = '{gone}' AND deleted_at IS NOT NULL");
    assert!(copying.text(&kept).is_some());
    let interval = format!(
        "SELECT not_before || ' to ' || valid_from FROM customer_versions \
         WHERE customer_id = '{gone}' AND op = 'delete' AND valid_to IS NULL"
    );
    assert_eq!(
        copying.text(&interval).unwrap(),
        "2026-11-01T12:00:00.000000Z to 2026-11-01T13:00:00.000000Z"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_not_decided_by_a_cache() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    copying.world().delete(copying.world().listed_ids()[3]);
    let stale = Rule::on(On::Detail).does(Action::add_header("age", "50"));
    let fault = copying.sandbox.faults().add(stale);
    let ran = copying.run().await.ok();
    assert_eq!(
        (ran.report.counts.deleted, ran.report.counts.unlisted),
        (0, 0)
    );
    fault.lift();
    assert_eq!(copying.run().await.ok().report.counts.deleted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_counts_canaries_and_retries_too() {
    let mut ended = 0;
    for most in 1..=12 {
        let copying = Copying::of(120).await;
        copying.run().await.ok();
        for id in copying.world().listed_ids().into_iter().take(2) {
            copying.world().delete(id);
        }
        let busy = Rule::on(On::Any).times(3).does(Action::status(503));
        copying.fault(busy);
        let job = within(most);
        let ran = copying.run_job(job).await;
        let sent = ran.lists + ran.details;
        assert!(sent <= most, "{sent} requests instead of {most}");
        match ran.error {
            Some(_) => assert_eq!(sent, most, "the budget is there to be spent"),
            None => ended += 1,
        }
        copying.run().await.ok();
        copying.assert_mirror_equals_world();
    }
    assert!(
        ended > 2,
        "most of these budgets are too small, and not all"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_is_a_new_version_and_a_broken_assumption() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    let id = copying.world().listed_ids()[3];
    copying.world().delete(id);
    copying.run().await.ok();
    copying.world().undelete(id);
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.counts.undeleted, 1);
    assert!(
        ran.warnings
            .iter()
            .any(|warning| warning.contains("came back")),
        "{:?}",
        ran.warnings
    );
    let ops = format!(
        "SELECT group_concat(op) FROM (SELECT op FROM customer_versions \
         WHERE customer_id = '{id}' ORDER BY valid_from)"
    );
    assert_eq!(copying.text(&ops).unwrap(), "baseline,delete,undelete");
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lives_unlisted_is_kept_and_details_prove_nothing_from_then_on() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    let id = copying.world().listed_ids()[3];
    copying.world().unlist(id);
    let ran = copying.run().await.ok();
    assert_eq!(
        (ran.report.counts.unlisted, ran.report.counts.deleted),
        (1, 0)
    );
    let since = format!("SELECT unlisted_since FROM customers WHERE id = '{id}'");
    assert!(copying.text(&since).is_some());
    copying.assert_mirror_equals_world();
    let foreseen = copying.rehearse().await;
    assert_eq!(foreseen.detail_requests, copying.run().await.ok().details);
}

/// The intervals in which customers went, as their last versions have them.
const WENT: &str = "SELECT group_concat(DISTINCT not_before || ' to ' || valid_from) \
                    FROM customer_versions WHERE op = 'delete'";

#[tokio::test(flavor = "multi_thread")]
async fn who_left_went_after_the_last_proof_that_showed_it() {
    let mut copying = Copying::of(250).await;
    copying.config.sync.reverify_max = 0;
    copying.run().await.ok();
    copying.later(HOUR);
    copying.run().await.ok();
    copying.later(HOUR);
    copying.world().delete(copying.world().listed_ids()[17]);
    copying.run().await.ok();
    // Its details came at 12:00; at 13:00 the list still showed it.
    assert_eq!(
        copying.text(WENT).unwrap(),
        "2026-11-01T13:00:00.000000Z to 2026-11-01T14:00:00.000000Z"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_held_back_went_after_it_was_last_seen() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    copying.later(HOUR);
    for id in copying.world().listed_ids().into_iter().take(9) {
        copying.world().delete(id);
    }
    for _ in 0..2 {
        copying.run().await.ok();
        copying.later(HOUR);
    }
    let released = releasing(9);
    let ran = copying.run_job(released).await.ok();
    assert_eq!(ran.report.counts.deleted, 9);
    // Its details came at 12:00; at 13:00 the list was proved to be without it.
    assert_eq!(
        copying.text(WENT).unwrap(),
        "2026-11-01T12:00:00.000000Z to 2026-11-01T15:00:00.000000Z"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_pending_is_counted_and_went_after_it_was_last_seen() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    copying.later(HOUR);
    copying.world().delete(copying.world().listed_ids()[17]);
    let odd = copying.fault(Rule::on(On::Detail).does(Action::status(418)));
    let ran = copying.run().await;
    assert_eq!(
        (ran.report.counts.deleted, ran.report.counts.pending),
        (0, 1)
    );
    odd.lift();
    copying.later(HOUR);
    assert_eq!(copying.run().await.ok().report.counts.deleted, 1);
    assert_eq!(
        copying.text(WENT).unwrap(),
        "2026-11-01T12:00:00.000000Z to 2026-11-01T14:00:00.000000Z"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_listed_and_left_before_its_details_came_is_no_customer_of_a_proved_copy() {
    let copying = Copying::of(60).await;
    let cut = within(11);
    copying.run_job(cut).await;
    copying.later(2 * HOUR);
    let gone = copying.world().listed_ids()[50];
    copying.world().delete(gone);
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    let (queued, canary) = (50, 1);
    assert_eq!(ran.details, queued + canary, "nobody twice");
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn departures_get_on_under_a_small_budget() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    for id in copying.world().listed_ids().into_iter().take(4) {
        copying.world().delete(id);
    }
    let small = within(4);
    for _ in 0..4 {
        copying.run_job(small.clone()).await;
    }
    let gone = "SELECT count(*) FROM customers WHERE deleted_at IS NOT NULL";
    assert_eq!(copying.number(gone), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_for_whom_the_credentials_do_not_do_is_kept_and_stops_nobody() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    let (secret, gone) = (
        copying.world().listed_ids()[3],
        copying.world().listed_ids()[4],
    );
    copying.world().unlist(secret);
    copying.world().delete(gone);
    let refused = copying.fault(Rule::on(On::Customer(secret)).does(Action::status(401)));
    let counts = copying.run().await.ok().report.counts;
    assert_eq!((counts.inaccessible, counts.deleted), (1, 1));
    let kept =
        format!("SELECT count(*) FROM customers WHERE id = '{secret}' AND deleted_at IS NULL");
    assert_eq!(copying.number(&kept), 1);

    refused.lift();
    copying.world().delete(secret);
    assert_eq!(copying.run().await.ok().report.counts.deleted, 1);
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_stop_doing_end_the_run_and_mark_nobody() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    copying.world().delete(copying.world().listed_ids()[3]);
    let refused = copying.fault(Rule::on(On::Detail).does(Action::status(401)));
    let ran = copying.run().await;
    assert_eq!(ran.error.expect("no end").exit(), Exit::Refused);
    let counts = ran.report.counts;
    assert_eq!((counts.inaccessible, counts.deleted), (0, 0));
    refused.lift();
    assert_eq!(copying.run().await.ok().report.counts.deleted, 1);
}

/// The order of what there is to fetch is the same whether the list has one page or many.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_new_or_changed_is_asked_for_before_who_is_missing() {
    for customers in [60, 250] {
        let copying = Copying::of(customers).await;
        copying.run().await.ok();
        let ids = copying.world().listed_ids();
        copying.world().delete(ids[3]);
        copying.world().set_tier(ids[50], "Another tier");
        let new = copying.world().insert(Place::Tail);
        let arrivals = copying.arrivals();
        copying.run().await.ok();
        let asked_at = |id| {
            let asked = arrivals.all().into_iter();
            let mut asked = asked.map(|(target, _)| target);
            asked.position(|target| target == Target::Detail { id: Some(id) })
        };
        let missing = asked_at(ids[3]).expect("it was asked for");
        assert!(asked_at(new).expect("new") < missing);
        assert!(asked_at(ids[50]).expect("changed") < missing);
    }
}

/// Else they would be first in every run, and leave nothing of a small budget.
#[tokio::test(flavor = "multi_thread")]
async fn those_whose_details_never_come_do_not_keep_the_missing_from_being_asked_for() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    let ids = copying.world().listed_ids();
    for id in &ids[10..20] {
        copying.world().set_tier(*id, "Another tier");
        copying.world().ghost(*id);
    }
    copying.run().await.ok();
    copying.world().delete(ids[3]);
    let (pages, canary) = (3, 1);
    let small = within(pages + 1 + canary);
    let ran = copying.run_job(small).await;
    assert_eq!(ran.report.counts.deleted, 1);
    let again = copying.run().await.ok();
    assert_eq!(again.report.counts.pending, 10);
    assert_eq!(again.details, 10, "they may answer one day");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_behind_brings_nobody_back_to_life() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    let gone = copying.world().listed_ids()[3];
    copying.world().delete(gone);
    copying.run().await.ok();
    copying.world().ghost(gone);
    let ran = copying.run().await.ok();
    assert_eq!(
        (ran.report.counts.undeleted, ran.report.counts.pending),
        (0, 1)
    );
    assert_eq!(ran.warnings, [""; 0]);
    let deleted = format!("SELECT deleted_at FROM customers WHERE id = '{gone}'");
    assert!(copying.text(&deleted).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_listed_again_comes_back_only_with_its_details() {
    let forbidden = || Action::status(403);
    let odd = || Action::raw(200, "application/json", r#"{"name":"no id"}"#);
    for (answer, inaccessible) in [(forbidden(), 1), (odd(), 0)] {
        let copying = Copying::of(120).await;
        copying.run().await.ok();
        let gone = copying.world().listed_ids()[3];
        copying.world().delete(gone);
        copying.run().await.ok();
        copying.world().undelete(gone);
        let fault = copying.fault(Rule::on(On::Customer(gone)).does(answer));
        for _ in 0..2 {
            let ran = copying.run().await.ok();
            let counts = ran.report.counts;
            assert_eq!((counts.undeleted, counts.pending), (0, 1));
            assert_eq!(counts.inaccessible, inaccessible);
            let deleted = format!("SELECT deleted_at FROM customers WHERE id = '{gone}'");
            assert!(copying.text(&deleted).is_some());
        }
        fault.lift();
        assert_eq!(copying.run().await.ok().report.counts.undeleted, 1);
        copying.assert_mirror_equals_world();
    }
}

/// One version when it was listed, one when it had left: both are counted.
#[tokio::test(flavor = "multi_thread")]
async fn who_came_and_went_between_two_looks_is_counted_as_both() {
    let copying = Copying::of(60).await;
    let cut = within(11);
    copying.run_job(cut).await;
    copying.later(2 * HOUR);
    copying.world().delete(copying.world().listed_ids()[50]);
    let counts = copying.run().await.ok().report.counts;
    assert_eq!((counts.added, counts.deleted), (50, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_without_details_is_no_canary() {
    let copying = Copying::of(250).await;
    let ids = copying.world().listed_ids();
    copying.world().ghost(ids[0]);
    copying.run().await.ok();
    copying.world().delete(ids[17]);
    assert_eq!(copying.run().await.ok().report.counts.deleted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_is_one_whom_page_1_shows_now() {
    let mut copying = Copying::of(250).await;
    copying.config.sync.reverify_max = 0;
    copying.run().await.ok();
    for _ in 0..100 {
        copying.world().insert(Place::Head);
    }
    copying.run().await.ok();
    let ids = copying.world().listed_ids();
    copying.world().delete(ids[200]);
    let arrivals = copying.arrivals();
    assert_eq!(copying.run().await.ok().details, 2);
    let asked = arrivals.all().into_iter().map(|(target, _)| target);
    let on_page_1 =
        |target| matches!(target, Target::Detail { id: Some(id) } if ids[..100].contains(&id));
    assert_eq!(asked.filter(|target| on_page_1(*target)).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_is_missing_and_whose_details_are_odd_is_kept_and_the_odd_answer_too() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    let gone = copying.world().listed_ids()[3];
    copying.world().delete(gone);
    let odd = Action::raw(200, "application/json", r#"{"name":"no id"}"#);
    let odd = copying.fault(Rule::on(On::Customer(gone)).does(odd));
    let counts = copying.run().await.ok().report.counts;
    assert_eq!((counts.rejected, counts.deleted), (1, 0));
    odd.lift();
    assert_eq!(copying.run().await.ok().report.counts.deleted, 1);
    copying.assert_mirror_equals_world();
}

/// Whoever looks into the queue reads why nothing came, in the words of the last time.
#[tokio::test(flavor = "multi_thread")]
async fn why_nothing_came_of_one_who_is_missing_is_kept() {
    let copying = Copying::of(120).await;
    let gone = copying.world().listed_ids()[3];
    let never = copying.fault(Rule::on(On::Customer(gone)).does(Action::status(418)));
    copying.run().await.ok();
    never.lift();
    copying.world().delete(gone);
    copying.fault(Rule::on(On::Customer(gone)).does(Action::status(451)));
    assert_eq!(copying.run().await.ok().report.counts.deleted, 0);
    let why = copying.text("SELECT last_error FROM detail_queue").unwrap();
    assert!(why.contains("451"), "{why}");
}
