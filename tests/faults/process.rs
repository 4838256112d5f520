//! The process: told to stop, with nobody to read what it says, or broken.

use std::io::pipe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::sync::Notify;
use twsync::sandbox::{Action, On, Rule};

use crate::shell::{Shell, ended};

/// Stops a run while pages are in the air, and lets them land.
async fn stops_in_good_order(signal: Signal) {
    let shell = Shell::of(450).await;
    let landing = Arc::new(Notify::new());
    shell.fault(Rule::on(On::Page(3)).does(Action::hold(Arc::clone(&landing))));
    let mut once = shell.start(&["--once"]);
    let requests = shell.sandbox.requests();
    requests.reached(5).await;
    once.signal(signal);
    once.says("told to stop").await;
    let told = Instant::now();
    landing.notify_one();
    once.ends().await.exits(75);
    assert!(
        told.elapsed() < Duration::from_secs(5),
        "out within seconds"
    );
    assert_eq!(requests.total(), 5, "nothing more was asked");
    let committed = shell.number("SELECT count(*) FROM walk_lists");
    assert_eq!(committed, 5, "all that was in flight");
    let outcome = "SELECT count(*) FROM runs WHERE outcome = 'partial' AND finished_at IS NOT NULL";
    assert_eq!(shell.number(outcome), 1);
    shell.once().await.exits(0);
    shell.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_asks_nothing_more_and_commits_what_is_in_flight() {
    stops_in_good_order(Signal::TERM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigint_asks_nothing_more_and_commits_what_is_in_flight() {
    stops_in_good_order(Signal::INT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_stdout_never_stalls_a_run() {
    let shell = Shell::of(120).await;
    for arguments in [&["--once"][..], &["--once", "--output", "json"]] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut command = shell.command(arguments);
        command.stdout(writer);
        ended(command).await.exits(0);
    }
    shell.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_log_never_stalls_a_run() {
    let shell = Shell::of(120).await;
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut command = shell.command(&["--once", "-vvv"]);
    command.stderr(writer);
    ended(command).await.exits(0);
    shell.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_anywhere_leaves_no_half_living_daemon() {
    for point in ["sync::answered", "lake-staging"] {
        let shell = Shell::of(20).await;
        let mut command = shell.command(&[]);
        command.env("FAILPOINTS", format!("{point}=panic"));
        ended(command)
            .await
            .exits(1)
            .says("this is a bug in twsync");
        shell.once().await.exits(0);
        shell.is_whole().await;
    }
}
