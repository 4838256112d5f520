//! What goes wrong goes wrong for real: on the wire, in the headers, in the body.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use twsync::sandbox::{Action, Dialect, Encoding, On, Options, Place, Rule, TOKEN, World};

use super::front::{Front, ids, unpacked};

const LIST: &str = "/admin/customers";

async fn struck(action: Action) -> Front {
    let front = Front::start(Options::default()).await;
    front.sandbox.faults().add(Rule::on(On::List).does(action));
    front
}

/// All that the server sends before the connection ends, and how it ends.
async fn wire(front: &Front) -> (String, std::io::Result<usize>) {
    let origin = front.sandbox.origin();
    let mut stream = TcpStream::connect(&origin["http://".len()..])
        .await
        .expect("it listens");
    let request = format!(
        "GET /api/billing/v1{LIST} HTTP/1.1\r\nhost: sandbox\r\nconnection: close\r\n\
         authorization: Bearer {TOKEN}\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it reads");
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await;
    (String::from_utf8(bytes).expect("text"), end)
}

fn promised(head: &str) -> usize {
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    line.expect("a length").trim().parse().expect("a number")
}

#[tokio::test]
async fn a_rule_strikes_the_requests_it_names_and_no_others() {
    let front = Front::start(Options::default()).await;
    let faults = front.sandbox.faults();
    let world = front.sandbox.world().listed_ids();
    let (one, other) = (
        format!("/admin/customer/{}", world[0]),
        format!("/admin/customer/{}", world[1]),
    );
    let cases = [
        (On::Any, [true, true, true, true]),
        (On::List, [true, true, false, false]),
        (On::Page(1), [true, false, false, false]),
        (On::Page(2), [false, true, false, false]),
        (On::Detail, [false, false, true, true]),
        (On::Customer(world[1]), [false, false, false, true]),
        (On::KeyPair, [false, false, false, false]),
    ];
    for (on, expected) in cases {
        let fault = faults.add(Rule::on(on).does(Action::status(500)));
        for (path, struck) in [LIST, "/admin/customers?page=2", &one, &other]
            .iter()
            .zip(expected)
        {
            assert_eq!(front.status(path).await == 500, struck, "{on:?} {path}");
        }
        assert_eq!(
            fault.struck(),
            expected.iter().filter(|struck| **struck).count() as u64
        );
        fault.lift();
    }
    assert_eq!(front.status(LIST).await, 200);
}

#[tokio::test]
async fn a_rule_strikes_when_it_says() {
    let front = Front::start(Options::default()).await;
    let pattern = async |rule: Rule| {
        let fault = front.sandbox.faults().add(rule.does(Action::status(503)));
        let mut struck = String::new();
        for _ in 0..6 {
            struck.push(if front.status(LIST).await == 503 {
                'x'
            } else {
                '.'
            });
        }
        fault.lift();
        struck
    };
    assert_eq!(pattern(Rule::on(On::List).nth(2)).await, ".x....");
    assert_eq!(
        pattern(Rule::on(On::List).from_nth(3).times(2)).await,
        "..xx.."
    );
    assert_eq!(pattern(Rule::on(On::List).every(3)).await, "..x..x");
    assert_eq!(pattern(Rule::on(On::List).times(1)).await, "x.....");
    let lot = pattern(Rule::on(On::List).chance(0.5, 1)).await;
    assert_eq!(lot, pattern(Rule::on(On::List).chance(0.5, 1)).await);
    assert!(lot.contains('x') && lot.contains('.'), "{lot}");
}

#[tokio::test]
async fn statuses_come_in_the_apis_form_and_throttling_with_any_words() {
    let front = Front::start(Options::default()).await;
    let faults = front.sandbox.faults();
    faults.add(
        Rule::on(On::List)
            .nth(1)
            .does(Action::throttled(Some("soon"))),
    );
    faults.add(Rule::on(On::List).nth(2).does(Action::throttled(None)));
    let (worded, silent) = (front.get(LIST).await, front.get(LIST).await);
    assert_eq!(
        (worded.status().as_u16(), silent.status().as_u16()),
        (429, 429)
    );
    assert_eq!(worded.headers()["retry-after"], "soon");
    assert!(worded.headers().contains_key("x-error-id"));
    assert!(!silent.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn other_answers_take_the_place_of_the_real_one() {
    let front = Front::start(Options::default()).await;
    let faults = front.sandbox.faults();
    let ask = async |action: Action| {
        let fault = faults.add(Rule::on(On::List).does(action));
        let answer = front.get(LIST).await;
        fault.lift();
        answer
    };
    let html = ask(Action::html()).await;
    assert_eq!(
        (html.status().as_u16(), &html.headers()["content-type"]),
        (200, &"text/html; charset=utf-8".parse().expect("a value"))
    );
    let empty = ask(Action::empty()).await;
    assert_eq!(
        (
            empty.status().as_u16(),
            empty.text().await.expect("nothing").len()
        ),
        (200, 0)
    );
    assert_eq!(ask(Action::status(204)).await.status(), 204);
    let redirect = ask(Action::redirect("http://127.0.0.2/elsewhere")).await;
    assert_eq!(
        (redirect.status().as_u16(), &redirect.headers()["location"]),
        (307, &"http://127.0.0.2/elsewhere".parse().expect("a value"))
    );
    let raw = ask(Action::raw(200, "application/json", "{\"customers\": [")).await;
    assert_eq!(raw.text().await.expect("a body"), "{\"customers\": [");
}

#[tokio::test]
async fn a_list_can_lie_in_its_rows_and_its_envelope() {
    let front = Front::start(Options::default()).await;
    let faults = front.sandbox.faults();
    let ask = async |action: Action| {
        let fault = faults.add(Rule::on(On::Page(2)).does(action));
        let json = front.json("/admin/customers?page=2").await;
        fault.lift();
        json
    };
    let first = ids(&front.json(LIST).await);
    let duplicate = ask(Action::rows_of(1)).await;
    assert_eq!(
        (ids(&duplicate), &duplicate["pagination"]["page"]),
        (first, &json!(2))
    );
    assert_eq!(ask(Action::echo_page(7)).await["pagination"]["page"], 7);
    assert_eq!(
        ask(Action::total_off_by(-3)).await["pagination"]["totalCount"],
        247
    );
    assert_eq!(
        ask(Action::total(json!(-1))).await["pagination"]["totalCount"],
        -1
    );
    assert_eq!(
        ask(Action::pages(Value::Null)).await["pagination"]["totalPages"],
        Value::Null
    );
    assert_eq!(
        ask(Action::has_next(false)).await["pagination"]["hasNext"],
        false
    );
    assert_eq!(
        ask(Action::customers_null()).await["customers"],
        Value::Null
    );
    assert!(
        ask(Action::without("pagination"))
            .await
            .get("pagination")
            .is_none()
    );

    front
        .sandbox
        .change(|options| options.dialect = Dialect::Limit);
    assert_eq!(ask(Action::total(json!(5))).await["items"], 5);
    assert_eq!(ask(Action::pages(json!(6))).await["pages"], 6);
}

#[tokio::test]
async fn rows_and_bodies_need_not_be_json() {
    let front = Front::start(Options::default()).await;
    let faults = front.sandbox.faults();
    let ask = async |action: Action| {
        let fault = faults.add(Rule::on(On::List).does(action));
        let body = front.get(LIST).await.bytes().await.expect("a body");
        fault.lift();
        body
    };
    let plain = front.get(LIST).await.bytes().await.expect("a body");
    let row = r#"{"id":"\ud800","id":1e400}"#;
    let injected = ask(Action::inject_row(row)).await;
    assert!(injected.starts_with(format!("{{\"customers\":[{row},{{\"id\":").as_bytes()));
    assert_eq!(injected.len(), plain.len() + row.len() + 1);
    let id = front.sandbox.world().listed_ids()[4];
    let replaced =
        String::from_utf8(ask(Action::replace_row(id, "oops").clone()).await.into()).expect("text");
    assert!(replaced.contains(",oops,") && !replaced.contains(&id.to_string()));
    assert!(
        ask(Action::byte_order_mark())
            .await
            .starts_with(b"\xef\xbb\xbf{")
    );
    assert_eq!(ask(Action::cut(100)).await, plain[..100]);
}

#[tokio::test]
async fn details_can_name_another_customer() {
    let front = Front::start(Options::default()).await;
    let ids = front.sandbox.world().listed_ids();
    front
        .sandbox
        .faults()
        .add(Rule::on(On::Detail).does(Action::wrong_id(ids[1])));
    let details = front.json(&format!("/admin/customer/{}", ids[0])).await;
    assert_eq!(details["id"], ids[1].to_string());
}

#[tokio::test]
async fn headers_can_be_added_replaced_and_far_too_many() {
    let front = Front::start(Options::default()).await;
    let faults = front.sandbox.faults();
    let date = "Thu, 01 Jan 2015 00:00:00 GMT";
    faults.add(
        Rule::on(On::List)
            .does(Action::add_header("age", "120"))
            .does(Action::add_header("retry-after", "1"))
            .does(Action::add_header("retry-after", "2"))
            .does(Action::set_header("date", date)),
    );
    let answer = front.get(LIST).await;
    assert_eq!(
        (&answer.headers()["age"], &answer.headers()["date"]),
        (
            &"120".parse().expect("a value"),
            &date.parse().expect("a value")
        )
    );
    assert_eq!(answer.headers().get_all("retry-after").iter().count(), 2);

    faults.clear();
    assert!(front.get(LIST).await.headers().contains_key("date"));
    faults.add(
        Rule::on(On::List)
            .does(Action::filler_headers(10_000))
            .does(Action::short_body()),
    );
    let (text, _) = wire(&front).await;
    assert_eq!(text.matches("x-filler-").count(), 10_000);
}

#[tokio::test]
async fn a_connection_can_end_without_an_answer() {
    let front = struck(Action::close()).await;
    let (text, end) = wire(&front).await;
    assert_eq!((text.as_str(), end.ok()), ("", Some(0)));
    assert_eq!(front.sandbox.requests().log()[0].status, None);
}

#[tokio::test]
async fn a_connection_can_be_reset_in_mid_body() {
    let front = struck(Action::reset()).await;
    let (text, end) = wire(&front).await;
    let (head, body) = text.split_once("\r\n\r\n").expect("the head came through");
    assert_eq!(body.len(), promised(head) / 2);
    assert_eq!(
        end.expect_err("a reset").kind(),
        std::io::ErrorKind::ConnectionReset
    );
}

#[tokio::test]
async fn a_body_can_be_shorter_than_promised_and_end_in_order() {
    let front = struck(Action::short_body()).await;
    let (text, end) = wire(&front).await;
    let (head, body) = text.split_once("\r\n\r\n").expect("the head came through");
    assert_eq!(body.len() + 1, promised(head));
    assert!(end.is_ok());
    assert!(front.get(LIST).await.bytes().await.is_err());
}

#[tokio::test]
async fn a_body_can_drip() {
    let front = struck(Action::drip(1000, Duration::from_millis(5))).await;
    let began = Instant::now();
    let body = front
        .get(LIST)
        .await
        .bytes()
        .await
        .expect("all of it, at last");
    let drops = body.len().div_ceil(1000);
    assert!(
        drops > 2
            && began.elapsed() >= Duration::from_millis(5) * u32::try_from(drops).expect("few")
    );
}

#[tokio::test]
async fn a_body_can_go_on_for_ever() {
    let front = struck(Action::endless()).await;
    let mut answer = front.get(LIST).await;
    let mut read = 0;
    while read < 16 << 20 {
        read += answer
            .chunk()
            .await
            .expect("no error")
            .expect("no end")
            .len();
    }
}

#[tokio::test]
async fn a_small_body_can_be_a_bomb() {
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        let front = struck(Action::bomb(encoding, 32 << 20)).await;
        let body = front.get(LIST).await.bytes().await.expect("a body");
        assert!(body.len() < 1 << 20, "{}", body.len());
        assert_eq!(unpacked(encoding, &body).len(), 32 << 20);
    }
}

#[tokio::test]
async fn a_test_can_change_the_world_before_or_after_an_answer_is_made() {
    let front = Front::start(Options {
        world: World::new(2, 25),
        ..Options::default()
    })
    .await;
    let total = async || front.json(LIST).await["pagination"]["totalCount"].clone();
    let insert = |world: World| {
        move |_| {
            world.insert(Place::Tail);
        }
    };
    let world = front.sandbox.world();
    front.sandbox.faults().add(
        Rule::on(On::List)
            .nth(1)
            .does(Action::before(insert(world.clone()))),
    );
    assert_eq!((total().await, world.len()), (json!(26), 26));
    front.sandbox.faults().add(
        Rule::on(On::List)
            .nth(1)
            .does(Action::after(insert(world.clone()))),
    );
    assert_eq!((total().await, world.len()), (json!(26), 27));
}

#[tokio::test]
async fn a_request_can_be_held_until_the_test_lets_it_go() {
    let gate = CancellationToken::new();
    let front = struck(Action::hold(gate.clone())).await;
    let requests = front.sandbox.requests();
    let release = async {
        requests.reached(2).await;
        assert_eq!((requests.in_flight(), requests.statuses().len()), (2, 0));
        gate.cancel();
    };
    let (one, other, ()) = tokio::join!(front.get(LIST), front.get(LIST), release);
    assert_eq!((one.status().as_u16(), other.status().as_u16()), (200, 200));
    assert_eq!((requests.in_flight(), requests.in_flight_max()), (0, 2));
}

#[tokio::test]
async fn a_request_can_hang_until_the_client_gives_up() {
    let front = struck(Action::hang()).await;
    let request = front.request(LIST).timeout(Duration::from_millis(50));
    assert!(request.send().await.expect_err("no answer").is_timeout());
    front.sandbox.shutdown().await;
    assert_eq!(front.sandbox.requests().in_flight(), 0);
}
