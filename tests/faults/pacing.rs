//! Servers that want to be asked less. Nobody waits in these tests: the clock does.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use twsync::api::{Client, Error, Limits, PaceMemory};
use twsync::config::{Credentials, SecretSource};
use twsync::mirror::Mirror;
use twsync::report::{Exit, Outcome};
use twsync::sandbox::{Action, KEY, On, Rule, SECRET};

use crate::promise::is_given_up;
use crate::support::Copying;

/// How long a run waits that is answered 429 once, with these headers.
async fn waits(headers: &[(&str, &str)]) -> SignedDuration {
    let copying = Copying::of(3).await;
    let began = copying.now();
    let mut rule = Rule::on(On::List).nth(1).does(Action::throttled(None));
    for (name, value) in headers {
        rule = rule.does(match *name {
            "date" => Action::set_header(name, value),
            _ => Action::add_header(name, value),
        });
    }
    copying.fault(rule);
    let ran = copying.run().await.ok();
    assert_eq!(
        (ran.report.counts.throttled, ran.report.counts.retries),
        (1, 1)
    );
    copying.assert_mirror_equals_world();
    copying.now().duration_since(began)
}

/// Never less, and no more than the pace itself adds.
#[track_caller]
fn is_about(waited: SignedDuration, wanted: i64) {
    let more = waited - seconds(wanted);
    assert!(
        !more.is_negative() && more < SignedDuration::from_millis(1),
        "{waited}"
    );
}

const fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_waits_at_least_as_long_as_was_asked() {
    let mut copying = Copying::of(120).await;
    copying.config.pace.in_flight_max = 4;
    let arrivals = copying.arrivals();
    let began = copying.now();
    let throttled = Action::throttled(Some("120"));
    copying.fault(Rule::on(On::Detail).nth(30).does(throttled));
    copying.run().await.ok();
    let (before, after): (Vec<Timestamp>, Vec<Timestamp>) =
        arrivals.times().into_iter().partition(|at| *at == began);
    assert!(
        before.len() <= 3 + 30 + 3,
        "three were in the air with it: {}",
        before.len()
    );
    assert!(after.iter().all(|at| *at >= began + seconds(120)));
    assert_eq!(before.len() + after.len(), 3 + 120 + 1);
    assert!(copying.now() < began + seconds(121), "and no longer");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_three_forms_of_a_date_are_measured_by_the_servers_clock() {
    // Two hours behind ours, as far as one can tell.
    let date = ("date", "Sun, 01 Nov 2026 10:00:00 GMT");
    for until in [
        "Sun, 01 Nov 2026 10:01:30 GMT",
        "Sunday, 01-Nov-26 10:01:30 GMT",
        "Sun Nov  1 10:01:30 2026",
    ] {
        let waited = waits(&[date, ("retry-after", until)]).await;
        is_about(waited, 90);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_a_backoff() {
    for value in [
        "0",
        "-120",
        "1.5",
        "soon",
        "",
        "Sun, 01 Nov 2020 10:00:00 GMT",
        "Sun, 42 Nov 2026 10:00:00 GMT",
    ] {
        let waited = waits(&[("retry-after", value)]).await;
        assert!(
            waited <= SignedDuration::from_millis(200),
            "{value}: {waited}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_the_longest_counts() {
    let several = ["3", "garbage", "40", "0"].map(|value| ("retry-after", value));
    is_about(waits(&several).await, 40);
    is_about(waits(&[("retry-after", "3, 40")]).await, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_too_long_ends_the_run_as_partial_and_the_next_ones_keep_to_it() {
    let copying = Copying::of(120).await;
    let asked_to_wait = Action::throttled(Some("1500"));
    copying.fault(Rule::on(On::Detail).nth(30).does(asked_to_wait));
    let ran = copying.run().await;
    assert_eq!(ran.report.outcome, Some(Outcome::Partial));
    let said = ran.failed(Exit::Partial);
    assert!(said.contains("2026-11-01T12:25:00"), "{said}");
    // Each run opens the mirror anew, as after a restart.
    for _ in 0..4 {
        copying.later(SignedDuration::from_mins(4));
        let ran = copying.run().await;
        ran.failed(Exit::Partial);
        assert_eq!((ran.lists, ran.details), (0, 0));
    }
    copying.later(SignedDuration::from_mins(5));
    copying.run().await.ok();
    assert!(copying.now() >= "2026-11-01T12:25:00Z".parse::<Timestamp>().unwrap());
    copying.assert_mirror_equals_world();
}

fn remembered(copying: &Copying) -> Option<f64> {
    let mirror = Mirror::open(&copying.mirror_path()).unwrap();
    mirror.memory().unwrap().requests_per_second
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_without_a_hint_halves_the_rate_which_is_remembered_and_slowly_regained() {
    let mut copying = Copying::of(3).await;
    (
        copying.config.pace.requests_per_second,
        copying.config.pace.burst,
    ) = (10.0, 1);
    copying.fault(Rule::on(On::List).nth(1).does(Action::throttled(None)));
    copying.run().await.ok();
    assert_eq!(remembered(&copying), Some(5.0));

    // The next run, of 100 requests, begins at 5 a second and gains half of one every ten seconds.
    for _ in 0..97 {
        copying.world().insert(twsync::sandbox::Place::Tail);
    }
    let began = copying.now();
    copying.run().await.ok();
    let took = copying.now().duration_since(began);
    assert!(took > seconds(15) && took < seconds(20), "{took}");
    assert_eq!(remembered(&copying), Some(5.5));
}

#[tokio::test(flavor = "multi_thread")]
async fn before_each_retry_there_is_a_random_wait_and_a_longer_one_each_time() {
    let mut copying = Copying::of(30).await;
    copying.config.pace.in_flight_max = 1;
    for id in copying.world().listed_ids() {
        let three = Rule::on(On::Customer(id)).times(3);
        copying.fault(three.does(Action::status(503)));
    }
    let arrivals = copying.arrivals();
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.counts.retries, 90);
    let times = arrivals.times();
    let of_details = times[times.len() - 4 * 30..].chunks(4);
    for (retry, most) in [(1, 200), (2, 600), (3, 1800)] {
        let waits = of_details.clone().map(|it| it[retry] - it[retry - 1]);
        let waits: Vec<SignedDuration> = waits.map(|it| it.try_into().unwrap()).collect();
        let most = SignedDuration::from_millis(most);
        let longest = *waits.iter().max().unwrap();
        // That thirty of them are all in the shorter half happens once in a milliard.
        assert!(longest > most / 2, "retry {retry}: {longest}");
        assert!(
            longest <= most + SignedDuration::from_millis(1),
            "{longest}"
        );
        let shortest = *waits.iter().min().unwrap();
        assert!(shortest < most / 2, "retry {retry}: {shortest}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_spends_the_runs_retries_and_ends_it() {
    let copying = Copying::of(120).await;
    let storm = copying.fault(Rule::on(On::Detail).does(Action::status(503)));
    let ran = copying.run().await;
    let said = ran.failed(Exit::Unavailable);
    assert!(said.contains("this run's retries are spent"), "{said}");
    assert!(
        ran.report.counts.retries <= 101,
        "{}",
        ran.report.counts.retries
    );
    storm.lift();
    copying.run().await.ok();
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_retried_within_its_budget() {
    is_given_up(Action::throttled(None), Exit::Unavailable).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_goes_around_the_limiter() {
    // Those of a connection that was closed are retried without any wait but the limiter's.
    for fault in [Action::status(500), Action::close()] {
        let mut copying = Copying::of(250).await;
        (
            copying.config.pace.requests_per_second,
            copying.config.pace.burst,
        ) = (10.0, 2);
        // One at a time, so that each arrives at the very moment at which it was let through.
        copying.config.pace.in_flight_max = 1;
        copying.fault(Rule::on(On::Any).every(4).times(60).does(fault));
        let arrivals = copying.arrivals();
        let ran = copying.run().await.ok();
        assert_eq!(ran.report.counts.retries, 60);
        let times = arrivals.times();
        assert_eq!(times.len(), 4 + 250 + 60);
        for (nth, at) in times.iter().enumerate() {
            let second = times[nth..].iter().take_while(|it| **it < *at + seconds(1));
            assert!(second.count() <= 2 + 10, "from request {nth} on");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn even_advice_is_asked_for_within_budget_and_pace() {
    let mut copying = Copying::of(3).await;
    let inline = |text: &str| SecretSource::Inline(text.into());
    copying.config.api.credentials = Some(Credentials::KeyPair {
        key: inline(KEY),
        secret: inline(SECRET),
    });
    let client = |requests_max, not_before| {
        Client::new(
            &copying.config.api,
            &copying.config.pace,
            PaceMemory {
                requests_per_second: None,
                not_before,
            },
            Limits {
                requests_max: Some(requests_max),
                count_from: 0,
            },
            copying.clock(),
            <_>::default(),
            CancellationToken::new(),
        )
        .unwrap()
    };
    let client_with_one = client(1, Some(copying.now() + seconds(60)));
    let began = copying.now();
    assert!(client_with_one.key_pair().await.is_some());
    assert_eq!(copying.now(), began + seconds(60));
    let page = client_with_one.list_page(1, 100).await;
    assert!(matches!(page, Err(Error::BudgetSpent)));
    assert!(client(0, None).key_pair().await.is_none());
    assert_eq!(copying.sandbox.requests().total(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_at_once_when_the_run_is_told_to_stop() {
    let copying = Copying::of(120).await;
    let (stop, wait) = (copying.stop.clone(), Action::throttled(Some("120")));
    let told = Action::after(move |_| stop.cancel());
    copying.fault(Rule::on(On::Page(2)).does(wait).does(told));
    let began = copying.now();
    let ran = tokio::time::timeout(Duration::from_secs(3), copying.run())
        .await
        .unwrap();
    ran.failed(Exit::Partial);
    assert_eq!(copying.now(), began);
}
