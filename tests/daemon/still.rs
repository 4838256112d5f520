//! The daemon in this process, on a clock that stands still: what it does with hours costs no hours.
//!
//! Its heart beats once a real second, whatever its clock says; that is what these tests wait for.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use twsync::daemon;
use twsync::report::{Exit, Live};
use twsync::sandbox::{Action, On, Rule};

use crate::Manager;
use crate::support::Copying;

const SOCKET: &str = "NOTIFY_SOCKET";
const IS_MANAGED: &str = "TEST_IS_MANAGED";

/// The service manager of this process; none where the test named so was done again, and passed, in
/// a process that has one.
fn manager(test: &str) -> Option<Manager> {
    if std::env::var_os(IS_MANAGED).is_some() {
        let address = std::env::var_os(SOCKET).expect("set together");
        return Some(Manager::at(address.as_ref()));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut again = Command::new(std::env::current_exe().expect("this test"));
    again
        .args(["--exact", test, "--nocapture"])
        .env(SOCKET, folder.path().join("notify"))
        .env(IS_MANAGED, "1");
    assert!(again.status().expect("run").success());
    None
}

/// Starts the daemon on an hourly schedule; its first run is at once.
fn start(copying: &mut Copying) -> JoinHandle<Result<Exit, daemon::Error>> {
    copying.config.schedule.cron = "0 0 * * * *".parse().expect("a pattern");
    copying.config.lake.path = None;
    let config = copying.config.clone();
    let load = Box::new(move || Ok(config.clone()));
    let (clock, stop) = (copying.clock(), copying.stop.clone());
    tokio::spawn(daemon::run(load, clock, Arc::new(Live::default()), stop))
}

async fn stop(copying: &Copying, daemon: JoinHandle<Result<Exit, daemon::Error>>) {
    copying.stop.cancel();
    let ended = daemon.await.expect("no panic");
    assert_eq!(ended.expect("no error"), Exit::Done);
}

/// Holds the first page of the first run until the test lets go.
fn hold(copying: &Copying) -> CancellationToken {
    let go_on = CancellationToken::new();
    let held = Rule::on(On::Page(1)).times(1);
    copying.fault(held.does(Action::hold(go_on.clone())));
    go_on
}

/// When each run began and ended, in order.
fn runs(copying: &Copying) -> Vec<(Timestamp, Timestamp)> {
    let mirror = copying.sql();
    let mut query = mirror
        .prepare("SELECT started_at, finished_at FROM runs ORDER BY started_at")
        .expect("the promised columns");
    let at = |text: String| -> Timestamp { text.parse().expect("RFC 3339") };
    let rows = query.query_map([], |row| Ok((at(row.get(0)?), at(row.get(1)?))));
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_vouches_for_a_run_that_hangs() {
    let Some(mut manager) = manager("still::nobody_vouches_for_a_run_that_hangs") else {
        return;
    };
    let mut copying = Copying::of(20).await;
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let page = free.local_addr().expect("bound");
    drop(free);
    copying.config.status.listen = Some(page);
    let go_on = hold(&copying);
    let daemon = start(&mut copying);
    manager.hears("STATUS=syncing").await;
    copying.sandbox.requests().reached(1).await;
    for _ in 0..2 {
        manager.hears("WATCHDOG=1").await;
    }
    // Longer than any setting lets a run be silent.
    copying.hands.pass(Duration::from_hours(1));
    let beats = Instant::now() + Duration::from_millis(3500);
    let mut vouched = 0;
    while timeout_at(beats, manager.hears("WATCHDOG=1")).await.is_ok() {
        vouched += 1;
    }
    // One may have been on its way when the hour passed.
    assert!(vouched <= 1, "{vouched} times in the time of three beats");
    assert_eq!(copying.requests(), (1, 0), "it hangs");
    assert!(health(page).await.starts_with("HTTP/1.1 200 "), "it lives");
    go_on.cancel();
    manager.hears("STATUS=next run at").await;
    manager.hears("WATCHDOG=1").await;
    stop(&copying, daemon).await;
}

/// What the status page answers on whether the daemon is alive.
async fn health(page: std::net::SocketAddr) -> String {
    let mut connection = TcpStream::connect(page).await.expect("it listens");
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {page}\r\nconnection: close\r\n\r\n");
    let sent = connection.write_all(request.as_bytes()).await;
    sent.expect("it reads");
    let mut answer = String::new();
    let heard = connection.read_to_string(&mut answer).await;
    heard.expect("it answers");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn it_runs_on_its_schedule_one_run_at_a_time() {
    let Some(mut manager) = manager("still::it_runs_on_its_schedule_one_run_at_a_time") else {
        return;
    };
    let mut copying = Copying::of(20).await;
    copying.config.status.listen = None;
    let daemon = start(&mut copying);
    manager.hears("STATUS=syncing").await;
    manager
        .hears("STATUS=next run at 2026-11-01T13:00:00Z")
        .await;
    for next in ["14", "15", "16"] {
        copying.later(SignedDuration::from_hours(1));
        manager.hears("STATUS=syncing").await;
        let said = format!("STATUS=next run at 2026-11-01T{next}:00:00Z");
        manager.hears(&said).await;
    }
    stop(&copying, daemon).await;
    let runs = runs(&copying);
    let hours = runs
        .iter()
        .map(|(began, _)| began.strftime("%H").to_string());
    assert_eq!(hours.collect::<Vec<_>>(), ["12", "13", "14", "15"]);
    for pair in runs.windows(2) {
        assert!(pair[0].1 <= pair[1].0, "a run ends before the next begins");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_comes_during_a_run_is_served_once_after_it() {
    let test = "still::a_time_that_comes_during_a_run_is_served_once_after_it";
    let Some(mut manager) = manager(test) else {
        return;
    };
    let mut copying = Copying::of(20).await;
    copying.config.status.listen = None;
    let go_on = hold(&copying);
    let daemon = start(&mut copying);
    manager.hears("STATUS=syncing").await;
    copying.sandbox.requests().reached(1).await;
    // Three times come and go while the run is held, and its heart goes on beating.
    copying.later(SignedDuration::from_hours(3));
    for _ in 0..3 {
        manager.hears("WATCHDOG=1").await;
    }
    assert_eq!(copying.requests(), (1, 0), "one run, and it is held");
    go_on.cancel();
    manager.hears("STATUS=next run at").await;
    manager.hears("STATUS=syncing").await;
    manager
        .hears("STATUS=next run at 2026-11-01T16:00:00Z")
        .await;
    for _ in 0..2 {
        manager.hears("WATCHDOG=1").await;
    }
    stop(&copying, daemon).await;
    assert_eq!(runs(&copying).len(), 2, "three times, one run afterwards");
}
