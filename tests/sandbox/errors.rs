//! What the sandbox refuses, and how it says so.

use reqwest::{Method, Response};
use serde_json::{Value, json};
use twsync::sandbox::{ErrorBody, KEY, Options, SECRET, TOKEN, Target};

use super::front::Front;

/// Every error carries both headers and the JSON body.
async fn assert_refused(answer: Response, status: u16) {
    assert_eq!(answer.status(), status);
    let header = |name: &str| {
        let value = answer
            .headers()
            .get(name)
            .unwrap_or_else(|| panic!("{name} is missing"));
        value.to_str().expect("text").to_owned()
    };
    let (said, id) = (header("x-error"), header("x-error-id"));
    assert!(!said.is_empty());
    assert!(
        id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{id}"
    );
    let body: Value = serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON");
    assert_eq!(body, json!({ "error": said }));
}

#[tokio::test]
async fn invalid_query_parameters_are_400() {
    let front = Front::start(Options::default()).await;
    for query in [
        "page=0",
        "page=-1",
        "page=two",
        "page=",
        "page=1.5",
        "pageSize=0",
        "pageSize=101",
        "pageSize=abc",
        "pageSize=99999999999",
    ] {
        assert_refused(front.get(&format!("/admin/customers?{query}")).await, 400).await;
    }
    assert_eq!(
        front
            .status("/admin/customers?pageSize=100&sort=name")
            .await,
        200
    );
}

#[tokio::test]
async fn a_strict_server_refuses_unknown_parameters() {
    let front = Front::start(Options {
        strict: true,
        ..Options::default()
    })
    .await;
    assert_refused(front.get("/admin/customers?limit=100").await, 400).await;
    assert_eq!(
        front
            .status("/admin/customers?pageSize=100&page=1&tierName=a&status=b")
            .await,
        200
    );
}

#[tokio::test]
async fn an_invalid_customer_id_is_400_and_an_unknown_one_404() {
    let front = Front::start(Options::default()).await;
    for id in [
        "1",
        "not-a-uuid",
        "a1b2c3d456334b16bbf05ca22ef8ea2e",
        "{a1b2c3d4-5633-4b16-bbf0-5ca22ef8ea2}",
        "a1b2c3d4-5633-4b16-bbf0-5ca22ef8ea2g",
    ] {
        assert_refused(front.get(&format!("/admin/customer/{id}")).await, 400).await;
    }
    let unknown = "/admin/customer/00000000-0000-4000-8000-000000000000";
    assert_refused(front.get(unknown).await, 404).await;
}

#[tokio::test]
async fn missing_invalid_or_double_credentials_are_401() {
    let front = Front::start(Options::default()).await;
    let id = front.sandbox.world().listed_ids()[0];
    for path in [
        "/admin/customers".to_owned(),
        format!("/admin/customer/{id}"),
    ] {
        let asks = [
            front.bare(&path),
            front.bare(&path).bearer_auth("another"),
            front.bare(&path).header("authorization", TOKEN),
            front
                .bare(&path)
                .header("authorization", format!("Basic {TOKEN}")),
            front.bare(&path).header("api-key", KEY),
            front.bare(&path).header("api-secret", SECRET),
            front
                .bare(&path)
                .header("api-key", KEY)
                .header("api-secret", "another"),
            front
                .request(&path)
                .header("api-key", KEY)
                .header("api-secret", SECRET),
        ];
        for ask in asks {
            assert_refused(ask.send().await.expect("an answer"), 401).await;
        }
        let pair = front
            .bare(&path)
            .header("api-key", KEY)
            .header("api-secret", SECRET);
        assert_eq!(pair.send().await.expect("an answer").status(), 200);
        assert_eq!(front.status(&path).await, 200);
    }
}

#[tokio::test]
async fn without_the_billing_admin_role_it_is_403() {
    let front = Front::start(Options::default()).await;
    front
        .sandbox
        .change(|options| options.access.roles = vec!["viewer".into()]);
    assert_refused(front.get("/admin/customers").await, 403).await;
    let unknown = "/admin/customer/00000000-0000-4000-8000-000000000000";
    assert_refused(front.get(unknown).await, 403).await;
}

#[tokio::test]
async fn credentials_can_be_changed_while_it_serves() {
    let front = Front::start(Options::default()).await;
    front
        .sandbox
        .change(|options| options.access.tokens = vec!["rotated".into()]);
    assert_refused(front.get("/admin/customers").await, 401).await;
    let ask = front.bare("/admin/customers").bearer_auth("rotated");
    assert_eq!(ask.send().await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn an_error_may_be_an_object() {
    let front = Front::start(Options {
        error_body: ErrorBody::Object,
        ..Options::default()
    })
    .await;
    let answer = front.get("/admin/customers?page=0").await;
    let id = answer.headers()["x-error-id"]
        .to_str()
        .expect("text")
        .to_owned();
    let body: Value = serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON");
    assert_eq!(body["error"]["code"], 400);
    assert_eq!(body["error"]["error_id"], id);
}

#[tokio::test]
async fn other_paths_are_a_plain_404() {
    let front = Front::start(Options::default()).await;
    for path in [
        "",
        "/",
        "/admin",
        "/admin/customers/",
        "/admin/customer/",
        "/admin/customer/a/b",
    ] {
        let answer = front.get(path).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert!(!answer.headers().contains_key("x-error"));
        assert_eq!(
            answer.headers()["content-type"],
            "text/plain; charset=utf-8"
        );
    }
    assert_eq!(front.sandbox.requests().elsewhere(), 6);
}

#[tokio::test]
async fn other_methods_are_405_and_counted() {
    let front = Front::start(Options::default()).await;
    let id = front.sandbox.world().listed_ids()[0];
    let url = format!("{}/admin/customer/{id}", front.sandbox.url());
    for method in [Method::DELETE, Method::POST, Method::PUT, Method::PATCH] {
        let ask = front.http.request(method, &url).bearer_auth(TOKEN);
        assert_refused(ask.send().await.expect("an answer"), 405).await;
    }
    assert_eq!(front.sandbox.requests().not_get(), 4);
    assert!(front.sandbox.world().get(id).is_some());
}

#[tokio::test]
async fn a_key_pair_can_ask_for_itself() {
    let front = Front::start(Options::default()).await;
    let url = format!("{}/api/auth/v2/keypair", front.sandbox.origin());
    let pair = || {
        front
            .http
            .get(&url)
            .header("api-key", KEY)
            .header("api-secret", SECRET)
    };
    let body = pair()
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("a body");
    assert_eq!(
        serde_json::from_str::<Value>(&body).expect("JSON"),
        json!({"keyName": KEY, "verified": true, "roles": ["billing_admin"],
               "expireAt": 4_102_444_800_u64})
    );
    let bearer = front
        .http
        .get(&url)
        .bearer_auth(TOKEN)
        .send()
        .await
        .expect("an answer");
    assert_refused(bearer, 401).await;
    front
        .sandbox
        .change(|options| options.key_pair_route = false);
    assert_eq!(pair().send().await.expect("an answer").status(), 404);
}

#[tokio::test]
async fn requests_are_counted_and_logged_without_their_secrets() {
    let front = Front::start(Options::default()).await;
    let id = front.sandbox.world().listed_ids()[0];
    front.get("/admin/customers?page=2").await;
    front.get("/admin/customers?page=0").await;
    front.get(&format!("/admin/customer/{id}")).await;
    let requests = front.sandbox.requests();
    assert_eq!(
        (requests.total(), requests.list(), requests.detail()),
        (3, 2, 1)
    );
    assert_eq!(requests.statuses(), [(200, 2), (400, 1)].into());
    assert_eq!((requests.in_flight(), requests.in_flight_max()), (0, 1));
    let log = requests.log();
    assert_eq!(log[0].query, "page=2");
    assert_eq!(log[0].target, Target::List { page: Some(2) });
    assert_eq!(log[1].status, Some(400));
    assert_eq!(log[2].target, Target::Detail { id: Some(id) });
    assert!(log[2].had_authorization && log[2].header_names.contains(&"authorization".to_owned()));
    assert!(!format!("{log:?}").contains(TOKEN));
}

#[tokio::test]
async fn the_log_is_bounded_and_the_counters_are_not() {
    let front = Front::start(Options {
        log_capacity: 2,
        ..Options::default()
    })
    .await;
    for page in 1..=5 {
        front.get(&format!("/admin/customers?page={page}")).await;
    }
    let requests = front.sandbox.requests();
    let pages: Vec<_> = requests
        .log()
        .into_iter()
        .map(|entry| (entry.query, entry.status))
        .collect();
    assert_eq!(
        pages,
        [
            ("page=4".to_owned(), Some(200)),
            ("page=5".to_owned(), Some(200))
        ]
    );
    assert_eq!(requests.total(), 5);
}

#[tokio::test]
async fn it_can_be_waited_for_requests_and_shut_down() {
    let front = Front::start(Options::default()).await;
    let requests = front.sandbox.requests();
    let (answer, ()) = tokio::join!(front.get("/admin/customers"), requests.reached(1));
    assert_eq!(answer.status(), 200);
    front.sandbox.shutdown().await;
    let refused = front
        .request("/admin/customers")
        .send()
        .await
        .expect_err("nobody listens");
    assert!(refused.is_connect() || refused.is_request());
}
