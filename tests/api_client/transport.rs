//! Connections that break, bodies that do not end, certificates that prove nothing.

use std::io::Write;
use std::net::TcpListener;
use std::time::Instant;

use twsync::report::Exit;

use super::server::{Reply, SOON, Server, empty_page, json, say};
use super::*;

/// The reply up to its last `less` bytes, and then the connection ends.
fn cut(reply: Reply, less: usize) -> Reply {
    match reply {
        Reply::Then(mut bytes) => {
            bytes.truncate(bytes.len() - less);
            Reply::Last(bytes)
        }
        other => other,
    }
}

#[tokio::test]
async fn a_broken_answer_is_asked_for_again() {
    for broken in [
        Reply::Last(Vec::new()),
        Reply::Last(b"HTTP/1.1 200 O".to_vec()),
        cut(empty_page(), 1),
        cut(empty_page(), 40),
        json(r#"{"customers":["#),
        say(
            200,
            "content-type: application/json\ncontent-encoding: gzip",
            "no gzip",
        ),
    ] {
        let told = broken.clone();
        let server = Server::start(move |nth, _| match nth {
            1 => told.clone(),
            _ => empty_page(),
        });
        let client = Setup::with(&server).client();
        let page = first_page(&client).await;
        page.unwrap_or_else(|error| panic!("after {broken:?}: {error}"));
        assert_eq!(
            (client.tally().list_requests, client.tally().retries),
            (1, 1)
        );
    }
}

#[tokio::test]
async fn json_that_stays_broken_is_not_this_api() {
    let server = Server::start(|_, _| json(r#"{"customers":["#));
    let mut setup = Setup::with(&server);
    setup.pace.retries_max = 1;
    let error = first_page(&setup.client()).await.expect_err("no page");
    assert_eq!(error.exit(), Exit::NotThisApi);
    assert_eq!(server.log().len(), 2);
}

#[tokio::test]
async fn a_connection_that_ends_before_an_answer_is_replaced_at_once() {
    let server = Server::start(|nth, _| match nth % 2 {
        1 => Reply::Last(Vec::new()),
        _ => empty_page(),
    });
    let client = Setup::with(&server).client();
    let begun = Instant::now();
    for _ in 0..20 {
        first_page(&client).await.expect("a page");
    }
    assert_eq!(client.tally().retries, 20);
    assert!(begun.elapsed() < SOON, "each has backed off");
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let server = Server::start(|_, _| empty_page());
    let mut setup = Setup::with(&server);
    setup.pace.retries_max = 1;
    let address = listener.local_addr().expect("an address");
    setup.api.base_url = format!("http://{address}/").parse().expect("a URL");
    drop(listener);
    let error = first_page(&setup.client()).await.expect_err("nobody");
    assert_eq!(error.exit(), Exit::Unavailable);
    let source = std::error::Error::source(&error).expect("a source");
    assert!(
        !error.to_string().contains(&source.to_string()),
        "said twice"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let server = Server::start(|nth, _| match nth {
        1 => Reply::Silence,
        _ => empty_page(),
    });
    let mut setup = Setup::with(&server);
    setup.api.request_timeout = Duration::from_millis(100);
    let client = setup.client();
    within(SOON, first_page(&client)).await.expect("a page");
    assert_eq!(client.tally().retries, 1);
}

/// A zstd frame (RFC 8878) of run-length blocks: four bytes for each 128 KiB.
fn bomb(blocks: u32) -> Vec<u8> {
    let mut frame = vec![0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x38];
    for block in 1..=blocks {
        let header = (128 << 10 << 3) | (1 << 1) | u32::from(block == blocks);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(b' ');
    }
    frame
}

#[tokio::test]
async fn a_body_without_end_is_cut() {
    let zstd = "content-type: application/json\ncontent-encoding: zstd";
    let endless = {
        let mut bytes = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n".to_vec();
        bytes.resize(bytes.len() + (2 << 20), b' ');
        Reply::Last(bytes)
    };
    for reply in [
        say(200, zstd, bomb(10_000)),
        say(200, "content-type: application/json", vec![b' '; 2 << 20]),
        endless,
    ] {
        let server = Server::start(move |_, _| reply.clone());
        let mut setup = Setup::with(&server);
        setup.api.response_max_bytes = 1 << 20;
        let error = first_page(&setup.client()).await.expect_err("too large");
        assert_eq!(error.exit(), Exit::NotThisApi);
        assert!(
            error.to_string().contains("larger than 1048576 bytes"),
            "{error}"
        );
        assert_eq!(server.log().len(), 1, "asked again");
    }
}

#[tokio::test]
async fn a_body_below_the_limit_is_decompressed() {
    let Reply::Then(page) = empty_page() else {
        unreachable!("a page is told in full")
    };
    let page = page
        .split(|byte| *byte == b'{')
        .next()
        .map(|head| page[head.len()..].to_vec());
    let page = page.expect("a body");
    let mut frame = vec![0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x38];
    let header = (u32::try_from(page.len()).expect("short") << 3) | 1;
    frame.extend_from_slice(&header.to_le_bytes()[..3]);
    frame.extend_from_slice(&page);
    let zstd = "content-type: application/json\ncontent-encoding: zstd";
    let server = Server::start(move |_, _| say(200, zstd, &frame));
    first_page(&Setup::with(&server).client())
        .await
        .expect("a page");
}

#[tokio::test]
async fn ten_thousand_headers_are_refused() {
    let headers = "x-more: y\n".repeat(10_000);
    let server = Server::start(move |_, _| say(200, &headers, "{}"));
    let mut setup = Setup::with(&server);
    setup.pace.retries_max = 0;
    let error = first_page(&setup.client()).await.expect_err("refused");
    assert_eq!(error.exit(), Exit::Unavailable);
}

#[tokio::test]
async fn a_configured_proxy_is_used() {
    let proxy = Server::start(|_, _| empty_page());
    let mut setup = Setup::with(&proxy);
    setup.api.proxy = Some(proxy.origin().parse().expect("a URL"));
    setup.api.base_url = "http://127.0.0.1:9/api".parse().expect("a URL");
    first_page(&setup.client())
        .await
        .expect("a page, through the proxy");
    assert!(
        proxy.log()[0]
            .target
            .starts_with("http://127.0.0.1:9/api/admin/customers?")
    );
}

/// Runs itself in a process whose environment names a proxy that is not there.
#[tokio::test]
async fn proxy_variables_are_ignored() {
    if std::env::var_os("http_proxy").is_none() {
        let status = std::process::Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "transport::proxy_variables_are_ignored"])
            .envs(["http_proxy", "all_proxy"].map(|name| (name, "http://127.0.0.1:9")))
            .env_remove("no_proxy")
            .env_remove("NO_PROXY")
            .status();
        assert!(status.expect("a process").success());
        return;
    }
    let server = Server::start(|_, _| empty_page());
    let mut setup = Setup::with(&server);
    setup.pace.retries_max = 0;
    first_page(&setup.client())
        .await
        .expect("a page, without the proxy");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_ends_the_run_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let connections = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let mut stream = stream;
            let mut tls = rustls::ServerConnection::new(self_signed()).expect("a session");
            // The client hangs up in the middle, as it should.
            let _ = tls.complete_io(&mut stream);
            let _ = stream.flush();
        }
    });
    let server = Server::start(|_, _| empty_page());
    let mut setup = Setup::with(&server);
    setup.api.base_url = format!("https://{address}/").parse().expect("a URL");
    let error = first_page(&setup.client()).await.expect_err("refused");
    assert_eq!(error.exit(), Exit::Unavailable);
    assert!(error.to_string().contains("certificate"), "{error}");
    assert_eq!(connections.load(std::sync::atomic::Ordering::SeqCst), 1);
}

/// A server's settings with a certificate for `localhost` and 127.0.0.1 that it signed itself.
fn self_signed() -> Arc<rustls::ServerConfig> {
    let certificate = include_bytes!("self_signed.crt.der").to_vec();
    let key = include_bytes!("self_signed.key.der").to_vec();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the versions of the provider")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], key.into())
        .expect("a certificate and its key");
    Arc::new(config)
}
