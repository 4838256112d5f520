//! How it serves: connections, compression, latency, its own rate limit, a world that moves.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use twsync::sandbox::{
    Encoding, Latency, Options, Place, RateLimit, RetryAfter, Sandbox, TOKEN, World,
};

use super::front::{Front, ids, unpacked};

const LIST: &str = "/admin/customers";

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let front = Front::start(Options {
        world: World::new(2, 0),
        ..Options::default()
    })
    .await;
    let origin = front.sandbox.origin();
    let mut stream = TcpStream::connect(&origin["http://".len()..])
        .await
        .expect("it listens");
    let request = |connection: &str| {
        format!(
            "GET /api/billing/v1{LIST} HTTP/1.1\r\nhost: sandbox\r\nconnection: {connection}\r\n\
             authorization: Bearer {TOKEN}\r\n\r\n"
        )
    };
    let both = request("keep-alive") + &request("close");
    stream.write_all(both.as_bytes()).await.expect("it reads");
    let mut text = String::new();
    stream
        .read_to_string(&mut text)
        .await
        .expect("an orderly end");
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2);
}

#[tokio::test]
async fn it_stops_when_its_last_handle_is_dropped() {
    let sandbox = Sandbox::start(Options::default())
        .await
        .expect("loopback can be bound");
    let address = sandbox.origin()["http://".len()..].to_owned();
    let clone = sandbox.clone();
    drop(sandbox);
    let mut open = TcpStream::connect(&address)
        .await
        .expect("the clone keeps it");
    drop(clone);
    // Closed, or reset where the server had not taken it yet.
    assert!(matches!(open.read(&mut [0]).await, Ok(0) | Err(_)));
    assert!(
        TcpStream::connect(&address).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn a_port_can_be_asked_for() {
    let first = Sandbox::start(Options::default())
        .await
        .expect("loopback can be bound");
    let port = first
        .origin()
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok())
        .expect("a port");
    let taken = Sandbox::start(Options {
        port,
        ..Options::default()
    })
    .await;
    assert_eq!(
        taken.expect_err("taken").kind(),
        std::io::ErrorKind::AddrInUse
    );
    first.shutdown().await;
    let second = Sandbox::start(Options {
        port,
        ..Options::default()
    })
    .await
    .expect("free again");
    assert_eq!(
        second.url(),
        format!("http://127.0.0.1:{port}/api/billing/v1")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_of_one_instant_while_the_world_moves() {
    let front = Front::start(Options {
        world: World::new(2, 60),
        ..Options::default()
    })
    .await;
    let world = front.sandbox.world();
    let moving = std::thread::spawn(move || {
        for turn in 0..2_000 {
            if turn % 3 == 0 {
                world.delete(world.listed_ids()[turn % world.listed_len()]);
            } else if world.listed_len() < 90 {
                world.insert(Place::Head);
            }
        }
    });
    loop {
        let page = front.json("/admin/customers?pageSize=100").await;
        assert_eq!(page["pagination"]["totalCount"], json!(ids(&page).len()));
        if moving.is_finished() {
            break;
        }
    }
    moving.join().expect("it moved to the end");
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_ask_where_the_option_says_so() {
    let front = Front::start(Options::default()).await;
    let ask = async |accept: &str| {
        let request = front.request(LIST).header("accept-encoding", accept);
        let answer = request.send().await.expect("an answer");
        let encoding = answer.headers().get("content-encoding").cloned();
        (encoding, answer.bytes().await.expect("a body"))
    };
    let (none, plain) = ask("gzip, zstd").await;
    assert_eq!(none, None);
    front.sandbox.change(|options| options.compression = true);
    for (accept, encoding) in [
        ("gzip, zstd", Encoding::Gzip),
        ("br, gzip;q=0, zstd", Encoding::Zstd),
    ] {
        let (named, body) = ask(accept).await;
        assert_eq!(
            named.expect("an encoding"),
            format!("{encoding:?}").to_lowercase()
        );
        assert_eq!(unpacked(encoding, &body), plain);
    }
    assert_eq!(ask("br").await, (None, plain));
}

#[tokio::test]
async fn answers_take_as_long_as_the_options_say() {
    let (from, to) = (Duration::from_millis(20), Duration::from_millis(30));
    for latency in [Latency::Fixed(from), Latency::Jittered { from, to }] {
        let front = Front::start(Options {
            latency,
            ..Options::default()
        })
        .await;
        let began = Instant::now();
        front.get(LIST).await;
        assert!(began.elapsed() >= from);
    }
}

#[tokio::test]
async fn the_rate_limit_lets_so_many_through_and_says_how_long_to_wait() {
    let limit = RateLimit {
        requests: 3,
        window: Duration::from_mins(1),
        retry_after: RetryAfter::Seconds,
    };
    let front = Front::start(Options {
        rate_limit: Some(limit),
        ..Options::default()
    })
    .await;
    for _ in 0..3 {
        assert_eq!(front.status(LIST).await, 200);
    }
    let answer = front.get(LIST).await;
    assert_eq!(answer.status(), 429);
    let wait: u64 = answer.headers()["retry-after"]
        .to_str()
        .expect("text")
        .parse()
        .expect("seconds");
    assert!((50..=60).contains(&wait), "{wait}");
    front.sandbox.change(|options| {
        options.rate_limit = Some(RateLimit {
            retry_after: RetryAfter::Missing,
            ..limit
        });
    });
    assert!(!front.get(LIST).await.headers().contains_key("retry-after"));
    assert_eq!(front.sandbox.requests().status(429), 2);
}

#[test]
fn the_three_date_forms_of_retry_after_name_the_same_instant() {
    let (soon, late) = (Duration::from_secs(59), Duration::from_secs(62));
    for form in [
        RetryAfter::ImfFixdate,
        RetryAfter::Rfc850,
        RetryAfter::Asctime,
    ] {
        let text = form.text(Duration::from_millis(60_500)).expect("a date");
        let wait = httpdate::parse_http_date(&text)
            .expect(&text)
            .duration_since(std::time::SystemTime::now());
        let wait = wait.expect("to come");
        assert!(soon < wait && wait < late, "{text}");
    }
}
