//! Connections that fail, break off, stall or never end, and answers that are not of this API.

use std::time::Duration;

use jiff::SignedDuration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use twsync::report::{Exit, Grade, Outcome};
use twsync::sandbox::{Action, Encoding, On, Options, Rule, Sandbox};

use crate::promise::{ends_at_once, is_given_up, is_retried, is_retried_by};
use crate::support::Copying;

/// Runs against another place than the sandbox, where nobody answers; returns what was said.
async fn nobody_answers(base: &str) -> String {
    let mut copying = Copying::of(3).await;
    copying.run().await.ok();
    copying.config.api.base_url = base.parse().unwrap();
    copying.config.api.connect_timeout = Duration::from_millis(50);
    let ran = tokio::time::timeout(Duration::from_secs(20), copying.run()).await;
    let ran = ran.expect("it is given up in time");
    assert_eq!(ran.report.counts.retries, 5);
    copying.assert_mirror_equals_world();
    ran.failed(Exit::Unavailable)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_does_not_resolve_is_retried_and_then_unavailable() {
    // A label of more than 63 letters is no name: the resolver says so without asking anybody.
    let base = format!("https://{}.invalid/", "x".repeat(64));
    assert!(
        nobody_answers(&base)
            .await
            .contains("no connection could be made")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_is_retried_and_then_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert!(
        nobody_answers(&base)
            .await
            .contains("no connection could be made")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_network_is_retried_and_then_unavailable() {
    // A broadcast address: the system itself says that no connection leads there.
    let said = nobody_answers("http://127.255.255.255/").await;
    assert!(said.contains("no connection could be made"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_never_accepted_is_given_up_in_time() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    // The only place in its queue: whoever comes next waits without an answer.
    let _queued = TcpStream::connect(address).await.unwrap();
    let said = nobody_answers(&format!("http://{address}/")).await;
    assert!(said.contains("within the time limit"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_in_mid_body_is_retried() {
    is_retried(Action::reset()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_before_the_answer_is_retried() {
    is_retried(Action::close()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_shorter_than_promised_is_retried() {
    is_retried(Action::short_body()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_shorter_than_promised_is_never_parsed() {
    let copying = Copying::of(120).await;
    let stranger = r#"{"id":"00000000-0000-4000-8000-000000000000","name":"never there"}"#;
    let broken = Rule::on(On::List)
        .every(2)
        .does(Action::inject_row(stranger))
        .does(Action::short_body());
    let fault = copying.fault(broken);
    let counts = copying.run().await.ok().report.counts;
    assert!(fault.struck() > 0, "whole JSON came, and more was promised");
    assert_eq!(counts.retries, fault.struck(), "each is asked for again");
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_connection_is_replaced_at_once() {
    let mut copying = Copying::of(120).await;
    // One at a time, so that no retry is the tenth request itself.
    copying.config.pace.in_flight_max = 1;
    let began = copying.now();
    let fault = copying.fault(Rule::on(On::Detail).every(10).does(Action::close()));
    copying.run().await.ok();
    assert!(fault.struck() > 5);
    assert_eq!(copying.now(), began, "nobody backed off");
    copying.assert_mirror_equals_world();
}

/// A copy that waits for an answer no longer than a test can, and long enough for one that comes late
/// from a busy machine.
async fn impatient() -> Copying {
    let mut copying = Copying::of(120).await;
    copying.config.api.request_timeout = Duration::from_millis(600);
    copying
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_given_up_in_time_and_retried() {
    is_retried_by(&impatient().await, Action::hang()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_drips_is_given_up_in_time_and_retried() {
    let drip = Action::drip(1, Duration::from_millis(10));
    is_retried_by(&impatient().await, drip).await;
}

/// A run against a body that is larger than anybody takes in.
async fn is_cut(action: Action) {
    let said = ends_at_once(action, Exit::NotThisApi).await;
    assert!(said.contains("larger than 8388608 bytes"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_is_cut() {
    is_cut(Action::endless()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gzip_bomb_is_cut() {
    is_cut(Action::bomb(Encoding::Gzip, 9 << 20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zstd_bomb_is_cut() {
    is_cut(Action::bomb(Encoding::Zstd, 9 << 20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_never_followed_and_its_target_named() {
    let elsewhere = Sandbox::start(Options::default()).await.unwrap();
    for status in [301, 302, 303, 307, 308] {
        let target = format!("{}/admin/customers", elsewhere.url());
        let redirect = Action::status(status);
        let copying = Copying::of(120).await;
        copying.fault(
            Rule::on(On::Any)
                .does(redirect)
                .does(Action::add_header("location", &target)),
        );
        let said = copying.run().await.failed(Exit::NotThisApi);
        assert!(said.contains(&target), "{said}");
    }
    assert_eq!(elsewhere.requests().total(), 0);
    let said = ends_at_once(Action::status(302), Exit::NotThisApi).await;
    assert!(
        said.contains("302, a redirect that names no target"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_for_people_is_not_this_api() {
    let said = ends_at_once(Action::html(), Exit::NotThisApi).await;
    assert!(said.contains("text/html"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_content_type_is_not_this_api() {
    let page = r#"{"customers":[],"pagination":{"totalCount":0,"totalPages":0}}"#;
    ends_at_once(Action::raw(200, "text/plain", page), Exit::NotThisApi).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_body_is_not_this_api() {
    ends_at_once(Action::empty(), Exit::NotThisApi).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_content_is_never_no_customers() {
    let said = ends_at_once(Action::status(204), Exit::NotThisApi).await;
    assert!(said.contains("204"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_not_found_is_never_no_customers() {
    let said = ends_at_once(Action::status(404), Exit::NotThisApi).await;
    assert!(said.contains("404"), "{said}");
    let copying = Copying::of(120).await;
    copying.fault(Rule::on(On::List).does(Action::status(404)));
    copying.run().await.failed(Exit::NotThisApi);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_content_where_nobody_was_ever_known_is_no_customers() {
    let copying = Copying::of(0).await;
    copying.fault(Rule::on(On::List).does(Action::status(204)));
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.outcome, Some(Outcome::Done));
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_ends_with_the_servers_words() {
    let said = {
        let mut copying = Copying::of(120).await;
        copying.config.api.dialect = twsync::config::Dialect::PageSize;
        copying.fault(Rule::on(On::List).does(Action::status(400)));
        let ran = copying.run().await;
        assert_eq!(ran.lists, 1);
        ran.failed(Exit::NotThisApi)
    };
    let words = "“sandbox fault 400” (error id 0123456789abcdef0123456789abcdef)";
    assert!(said.contains(words), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_trouble_is_retried_and_then_unavailable() {
    for status in [408, 500, 502, 503, 504] {
        is_retried(Action::status(status)).await;
        let said = is_given_up(Action::status(status), Exit::Unavailable).await;
        assert!(said.contains(&format!("sandbox fault {status}")), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_from_a_cache_is_said_and_proves_nothing() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    let gone = copying.world().listed_ids()[7];
    copying.world().delete(gone);
    copying.later(SignedDuration::from_hours(1));
    let cache = copying.fault(Rule::on(On::List).does(Action::add_header("age", "17")));
    let ran = copying.run().await.ok();
    ran.warned("a cache answers");
    assert_eq!(ran.report.grade, Some(Grade::Converged));
    assert_eq!(
        ran.report.counts.deleted, 0,
        "nobody is gone without a proof"
    );
    cache.lift();
    assert_eq!(copying.run().await.ok().report.counts.deleted, 1);
}
