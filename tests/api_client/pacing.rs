//! Pace, budget, stop: what every request waits for, and what ends the waiting.

use std::time::Instant;

use futures::future::join_all;
use twsync::api::Answer;
use twsync::report::Exit;

use super::server::{Reply, SOON, Server, details_of, empty_page, say};
use super::*;

#[tokio::test]
async fn a_retry_after_is_kept_to_by_everyone() {
    let server = Server::start(|nth, request| match nth {
        1 => say(429, "retry-after: 1", ""),
        _ => details_of(request),
    });
    let client = Setup::with(&server).client();
    let first = tokio::spawn({
        let client = client.clone();
        async move { client.customer(id(1)).await }
    });
    while client.tally().throttled == 0 {
        tokio::task::yield_now().await;
    }
    client.customer(id(2)).await.expect("details");
    first.await.expect("no panic").expect("details");
    let log = server.log();
    assert_eq!(log.len(), 3);
    for later in &log[1..] {
        assert!(later.at - log[0].at >= Duration::from_secs(1), "too soon");
    }
    assert_eq!((client.tally().throttled, client.tally().retries), (1, 1));
}

#[tokio::test]
async fn a_429_halves_the_rate_and_the_next_run_remembers() {
    let server = Server::start(|nth, _| match nth {
        1 => say(429, "", ""),
        _ => empty_page(),
    });
    let mut setup = Setup::with(&server);
    setup.pace.requests_per_second = 1_000.0;
    let client = setup.client();
    assert_eq!(client.pace_memory(), PaceMemory::default());
    first_page(&client).await.expect("a page");
    assert!((client.requests_per_second() - 500.0).abs() < 1e-6);
    setup.memory = client.pace_memory();
    assert!((setup.client().requests_per_second() - 500.0).abs() < 1e-6);
}

#[tokio::test]
async fn a_wait_too_long_ends_the_run_and_the_next_one_keeps_to_it() {
    let server = Server::start(|_, _| say(503, "retry-after: 1500", ""));
    let mut setup = Setup::with(&server);
    let client = setup.client();
    let until = noon() + Duration::from_mins(25);
    for _ in 0..2 {
        let error = first_page(&client).await.expect_err("too long");
        assert_eq!(error.exit(), Exit::Partial);
        let Error::AskedToWait { until: said } = error else {
            panic!("another error: {error}")
        };
        assert!((said.duration_since(until)).abs() < jiff::SignedDuration::from_secs(5));
    }
    setup.memory = client.pace_memory();
    let error = setup.client().customer(id(1)).await;
    assert!(matches!(error, Err(Error::AskedToWait { .. })));
    assert_eq!(server.log().len(), 1);
}

#[tokio::test]
async fn a_wait_too_long_is_what_counts_even_where_no_retry_is_left() {
    let server = Server::start(|_, _| say(429, "retry-after: 1500", ""));
    let mut setup = Setup::with(&server);
    setup.pace.retries_max = 0;
    let error = setup.client().customer(id(1)).await;
    assert!(matches!(error, Err(Error::AskedToWait { .. })));
}

#[tokio::test]
async fn a_remembered_instant_that_has_passed_holds_nobody() {
    let server = Server::start(|_, _| empty_page());
    let mut setup = Setup::with(&server);
    setup.memory.not_before = Some(noon() - Duration::from_secs(1));
    let client = setup.client();
    within(SOON, first_page(&client)).await.expect("a page");
}

#[tokio::test]
async fn the_budget_is_never_exceeded_by_a_single_request() {
    let server = Server::start(|_, request| details_of(request));
    let mut setup = Setup::with(&server);
    setup.limits.requests_max = Some(5);
    let client = setup.client();
    let asked = join_all((0..40).map(|nth| client.customer(id(nth)))).await;
    let spent = asked
        .iter()
        .filter(|it| matches!(it, Err(Error::BudgetSpent)));
    assert_eq!((server.log().len(), spent.count()), (5, 35));
}

#[tokio::test]
async fn retries_count_against_the_budget() {
    let server = Server::start(|_, _| say(503, "", ""));
    let mut setup = Setup::with(&server);
    setup.limits.requests_max = Some(2);
    let client = setup.client();
    let error = first_page(&client).await.expect_err("no page");
    assert!(matches!(error, Error::BudgetSpent), "{error}");
    assert_eq!(error.exit(), Exit::Partial);
    assert_eq!((server.log().len(), client.tally().retries), (2, 1));
}

#[tokio::test]
async fn a_request_is_retried_as_often_as_the_settings_say() {
    let server = Server::start(|_, _| say(502, "x-error: down", ""));
    let mut setup = Setup::with(&server);
    setup.pace.retries_max = 2;
    let client = setup.client();
    let error = first_page(&client).await.expect_err("down");
    assert_eq!(error.exit(), Exit::Unavailable);
    assert!(
        error.to_string().contains("“down”, after 2 retries"),
        "{error}"
    );
    assert_eq!(server.log().len(), 3);
}

#[tokio::test]
async fn a_storm_ends_the_run_when_nothing_is_answered_any_more() {
    let server = Server::start(|_, _| say(500, "", ""));
    let mut setup = Setup::with(&server);
    setup.pace.retries_max = 1;
    let client = setup.client();
    let asked = join_all((0..120).map(|nth| client.customer(id(nth)))).await;
    let ended = asked
        .iter()
        .filter(|it| matches!(it, Err(Error::Storm { .. })));
    let failed = asked
        .iter()
        .flatten()
        .filter(|it| matches!(it.answer, Answer::Failed(_)));
    // A hundred in a row; up to there each may be the only one that fails.
    assert_eq!((ended.count(), failed.count()), (21, 99));
    assert_eq!(client.tally().retries, 100);
}

#[tokio::test]
async fn answers_earn_retries_back() {
    let server = Server::start(|nth, _| match nth % 2 {
        1 => Reply::Last(Vec::new()),
        _ => empty_page(),
    });
    let client = Setup::with(&server).client();
    for _ in 0..120 {
        first_page(&client).await.expect("a page");
    }
    assert_eq!(client.tally().retries, 120);
}

#[tokio::test]
async fn refusals_spend_retries_too() {
    let server = Server::start(|nth, _| match nth % 2 {
        1 => empty_page(),
        _ => say(401, "", ""),
    });
    let client = Setup::with(&server).client();
    for _ in 0..200 {
        if let Err(error) = first_page(&client).await {
            assert_eq!(error.exit(), Exit::Refused);
            assert_eq!(
                client.tally().retries,
                133,
                "a hundred, and those earned back"
            );
            return;
        }
    }
    panic!("it went on for ever");
}

#[tokio::test]
async fn stop_ends_a_wait_at_once_and_sends_nothing_more() {
    let server = Server::start(|_, _| say(429, "retry-after: 60", ""));
    let setup = Setup::with(&server);
    let client = setup.client();
    let waiting = (0..3).map(|nth| {
        tokio::spawn({
            let client = client.clone();
            async move { client.customer(id(nth)).await }
        })
    });
    let waiting: Vec<_> = waiting.collect();
    while client.tally().throttled == 0 {
        tokio::task::yield_now().await;
    }
    setup.stop.cancel();
    for ended in within(SOON, join_all(waiting)).await {
        assert!(matches!(ended.expect("no panic"), Err(Error::Stopped)));
    }
    let sent = server.log().len();
    assert!(matches!(first_page(&client).await, Err(Error::Stopped)));
    assert_eq!(server.log().len(), sent);
}

#[tokio::test]
async fn what_is_in_flight_when_stop_comes_is_finished() {
    let stop = CancellationToken::new();
    let during = stop.clone();
    let server = Server::start(move |_, _| {
        during.cancel();
        empty_page()
    });
    let mut setup = Setup::with(&server);
    setup.stop = stop;
    first_page(&setup.client())
        .await
        .expect("the page that was under way");
}

#[tokio::test]
async fn the_rate_holds_over_the_wire() {
    let server = Server::start(|_, request| details_of(request));
    let mut setup = Setup::with(&server);
    (setup.pace.requests_per_second, setup.pace.burst) = (50.0, 2);
    let client = setup.client();
    let begun = Instant::now();
    join_all((0..22).map(|nth| client.customer(id(nth)))).await;
    assert!(
        begun.elapsed() >= Duration::from_millis(400),
        "20 after the burst, at 50 a second"
    );
    assert_eq!(server.log().len(), 22);
}
