//! What the client makes of each answer.

use twsync::api::{Answer, Total};
use twsync::config::Dialect;
use twsync::report::Exit;

use super::server::{Reply, Server, details_of, empty_page, json, say};
use super::*;

#[tokio::test]
async fn a_page_is_asked_for_as_documented() {
    let server = Server::start(|_, _| empty_page());
    let mut setup = Setup::with(&server);
    setup.limits.count_from = 41;
    let client = setup.client();
    let page = first_page(&client).await.expect("a page");
    assert_eq!(
        (page.number, page.pages, page.total),
        (1, 0, Total::Exact(0))
    );
    assert_eq!((page.interval.sent, page.interval.received), (41, 42));
    assert_eq!((client.count(), client.tally().list_requests), (43, 1));
    assert_eq!(page.received_at, noon());

    let request = &server.log()[0];
    assert_eq!(request.method, "GET");
    assert!(
        request
            .target
            .starts_with("/api/billing/v1/admin/customers?page=1&")
    );
    assert_eq!(request.headers["authorization"], "Bearer tok3n");
    assert!(request.headers["user-agent"].starts_with("twsync/"));
    for encoding in ["gzip", "zstd"] {
        assert!(request.headers["accept-encoding"].contains(encoding));
    }
}

#[tokio::test]
async fn both_size_parameters_are_sent_until_the_dialect_is_known() {
    for (envelope, dialect, parameter) in [
        (r#""items":0,"pages":0"#, Dialect::Limit, "limit"),
        (
            r#""pagination":{"totalCount":0,"totalPages":0}"#,
            Dialect::PageSize,
            "pageSize",
        ),
    ] {
        let server = Server::start(move |_, _| json(format!(r#"{{"customers":[],{envelope}}}"#)));
        let client = Setup::with(&server).client();
        assert_eq!(first_page(&client).await.expect("a page").dialect, dialect);
        first_page(&client).await.expect("a page");
        let asked: Vec<String> = server.log().iter().map(|it| it.target.clone()).collect();
        assert!(
            asked[0].ends_with("?page=1&pageSize=100&limit=100"),
            "{asked:?}"
        );
        assert!(
            asked[1].ends_with(&format!("?page=1&{parameter}=100")),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_refuses_unknown_parameters_is_asked_with_each_alone() {
    let server = Server::start(|_, request| {
        if request.target.contains("pageSize") {
            return say(400, "x-error: unknown parameter pageSize", "");
        }
        json(r#"{"customers":[],"items":0,"pages":0}"#)
    });
    let client = Setup::with(&server).client();
    let page = first_page(&client).await.expect("a page");
    assert_eq!(page.dialect, Dialect::Limit);
    assert_eq!(client.tally().list_requests, 3);
}

#[tokio::test]
async fn a_bad_request_for_another_reason_ends_with_the_servers_words() {
    let server = Server::start(|_, _| say(400, "x-error: bad page\nx-error-id: 0af3", ""));
    let mut setup = Setup::with(&server);
    setup.api.dialect = Dialect::PageSize;
    let error = first_page(&setup.client()).await.expect_err("refused");
    assert_eq!(error.exit(), Exit::NotThisApi);
    assert!(
        error.to_string().contains("“bad page” (error id 0af3)"),
        "{error}"
    );
    assert_eq!(server.log().len(), 1);
}

#[tokio::test]
async fn another_dialect_than_the_settings_say_is_not_this_api() {
    let server = Server::start(|_, _| empty_page());
    let mut setup = Setup::with(&server);
    setup.api.dialect = Dialect::Limit;
    let error = first_page(&setup.client()).await.expect_err("refused");
    assert!(matches!(error, Error::NotThisApi { .. }), "{error}");
}

#[tokio::test]
async fn what_is_no_page_ends_the_run_at_once() {
    let page = br#"{"customers":[],"pagination":{"page":2,"totalCount":0,"totalPages":0}}"#;
    let html = "content-type: text/html";
    let json = "content-type: application/json";
    for (reply, exit) in [
        (say(200, html, "<html>"), Exit::NotThisApi),
        (say(200, html, r#"{"customers":[]}"#), Exit::NotThisApi),
        (say(200, json, ""), Exit::NotThisApi),
        (say(200, json, "[]"), Exit::NotThisApi),
        (say(200, json, b"\xEF\xBB\xBF{}"), Exit::NotThisApi),
        (say(200, json, page), Exit::NotThisApi),
        (say(204, "", ""), Exit::NotThisApi),
        (say(404, "x-error: none", ""), Exit::NotThisApi),
        (say(418, "", ""), Exit::NotThisApi),
        (say(403, "x-error: no role", ""), Exit::Refused),
        (say(501, "", ""), Exit::Unavailable),
    ] {
        let told = reply.clone();
        let server = Server::start(move |_, _| told.clone());
        let mut setup = Setup::with(&server);
        setup.api.dialect = Dialect::PageSize;
        let error = first_page(&setup.client()).await.expect_err("no page");
        assert_eq!(error.exit(), exit, "of {reply:?}: {error}");
        assert!(!error.hint().is_empty());
        assert_eq!(server.log().len(), 1, "asked again after {reply:?}");
    }
}

#[tokio::test]
async fn an_empty_answer_to_the_list_says_which_it_was() {
    for status in [204, 404] {
        let server = Server::start(move |_, _| say(status, "", ""));
        let error = first_page(&Setup::with(&server).client()).await;
        assert!(matches!(error, Err(Error::NoContent { status: said }) if said == status));
    }
}

/// What comes of asking for customer 7 where the server gives this reply.
async fn answer_to(reply: Reply) -> Result<Answer, Error> {
    let server = Server::start(move |_, _| reply.clone());
    let mut setup = Setup::with(&server);
    setup.pace.retries_max = 0;
    let details = setup.client().customer(id(7)).await?;
    assert_eq!(details.id, id(7));
    Ok(details.answer)
}

#[tokio::test]
async fn a_customer_is_found_by_id() {
    let server = Server::start(|_, request| details_of(request));
    let client = Setup::with(&server).client();
    let details = client.customer(id(7)).await.expect("details");
    assert!(matches!(details.answer, Answer::Found(customer) if customer.id == id(7)));
    let path = format!("/api/billing/v1/admin/customer/{}", id(7));
    assert_eq!(server.log()[0].target, path);
    assert_eq!(client.tally().detail_requests, 1);
}

#[tokio::test]
async fn only_a_404_in_the_apis_own_form_means_that_a_customer_is_gone() {
    let own = [
        say(404, "x-error: customer not found", ""),
        say(
            404,
            "content-type: application/json",
            r#"{"error":"customer not found"}"#,
        ),
        say(404, "", r#"{"error":{"message":"customer not found"}}"#),
    ];
    for reply in own {
        assert_eq!(answer_to(reply).await.expect("an answer"), Answer::NotFound);
    }
    for reply in [
        say(404, "", ""),
        say(404, "content-type: text/html", "<h1>404</h1>"),
        say(404, "", r#"{"message":"no such route"}"#),
        say(410, "x-error: gone", ""),
        say(204, "", ""),
    ] {
        let answer = answer_to(reply).await.expect("an answer");
        assert!(matches!(answer, Answer::Failed(_)), "{answer:?}");
    }
}

#[tokio::test]
async fn what_concerns_one_customer_does_not_end_the_run() {
    let answer = answer_to(say(403, "x-error: not yours", "")).await;
    let said = "status 403, “not yours”".to_owned();
    assert_eq!(answer.expect("an answer"), Answer::Inaccessible(said));
    let answer = answer_to(json(r#"{"name":"no id"}"#))
        .await
        .expect("an answer");
    assert!(matches!(answer, Answer::Rejected(rejected) if rejected.raw == r#"{"name":"no id"}"#));
    for reply in [
        say(503, "", ""),
        say(400, "", ""),
        json("{"),
        say(501, "", ""),
    ] {
        let answer = answer_to(reply).await.expect("an answer");
        assert!(matches!(answer, Answer::Failed(_)), "{answer:?}");
    }
}

#[tokio::test]
async fn another_customers_details_end_the_run() {
    let error = answer_to(json(format!(r#"{{"id":"{}"}}"#, id(8)))).await;
    assert!(matches!(error, Err(Error::NotThisApi { .. })));
}

#[tokio::test]
async fn an_answer_from_a_cache_says_so() {
    for (age, from_cache) in [
        ("age: 0", false),
        ("age: 7", true),
        ("age: x", true),
        ("", false),
    ] {
        let server = Server::start(move |_, request| {
            let Reply::Then(bytes) = details_of(request) else {
                unreachable!("details are told in full")
            };
            let text = String::from_utf8(bytes).expect("text");
            let aged = text.replacen(
                "\r\n",
                &format!("\r\n{age}\r\n"),
                usize::from(!age.is_empty()),
            );
            Reply::Then(aged.into_bytes())
        });
        let details = Setup::with(&server).client().customer(id(1)).await;
        assert_eq!(details.expect("details").from_cache, from_cache, "{age}");
    }
}

#[tokio::test]
async fn the_servers_words_cannot_touch_a_terminal() {
    let body = r#"{"error":"\u001b[2Jyou have won\r\n"}"#;
    let server = Server::start(move |_, _| say(403, "x-error-id: \u{9b}31m", body));
    let error = first_page(&Setup::with(&server).client())
        .await
        .expect_err("refused");
    let said = error.to_string();
    assert!(said.contains(r"\u{1b}[2Jyou have won\u{d}\u{a}"), "{said}");
    assert!(!said.chars().any(char::is_control), "{said:?}");
}

#[tokio::test]
async fn a_raw_escape_in_a_header_does_not_hide_the_refusal() {
    let server = Server::start(|_, _| say(403, "x-error: \u{1b}[31mno", ""));
    let error = first_page(&Setup::with(&server).client())
        .await
        .expect_err("refused");
    assert_eq!(error.exit(), Exit::Refused);
    assert!(!error.to_string().contains('\u{1b}'));
}

#[tokio::test]
async fn advice_on_the_key_pair_is_taken_where_there_is_some() {
    let server = Server::start(|_, _| {
        json(
            r#"{"keyName":"export","verified":true,"roles":["billing_admin"],"expireAt":1800000000}"#,
        )
    });
    let mut setup = Setup::with(&server);
    assert_eq!(
        setup.client().key_pair().await,
        None,
        "a token is no key pair"
    );
    assert_eq!(server.log().len(), 0);
    setup.api.credentials = Some(key_pair());
    let advice = setup.client().key_pair().await.expect("advice");
    assert_eq!(advice.expires_at, Some(noon()));
    assert_eq!(server.log()[0].target, "/api/auth/v2/keypair");
    assert_eq!(server.log()[0].headers["api-key"], "k3y");
}

#[tokio::test]
async fn without_advice_nothing_fails() {
    for reply in [
        say(404, "", ""),
        say(500, "", ""),
        json("[]"),
        Reply::Last(vec![]),
    ] {
        let server = Server::start(move |_, _| reply.clone());
        let mut setup = Setup::with(&server);
        setup.api.credentials = Some(key_pair());
        assert_eq!(setup.client().key_pair().await, None);
    }
}
