//! The process among others: a second one, signals, a closed terminal, a watchdog.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::sync::Notify;
use twsync::mirror::Mirror;
use twsync::report::Exit;
use twsync::sandbox::{Action, On, Rule};

use crate::daemon::Daemon;
use crate::program::{Ended, Program, in_time};

/// What "within seconds" may mean at most.
const SECONDS: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_mirror_is_told_who_holds_it() {
    let program = Program::of(3).await;
    let held = Mirror::open(&program.mirror()).unwrap();
    let us = format!("PID {}", std::process::id());
    for arguments in [
        &["--once"][..],
        &["refresh", "00000000-0000-4000-8000-000000000000"],
        &[],
    ] {
        program.run(arguments).await.with(Exit::Partial).says(&us);
    }
    assert_eq!(program.sandbox.requests().total(), 0);
    drop(held);
    program.once().await.with(Exit::Done);
}

/// Stops a run while page 2 and a few more are in the air, and lets them land.
async fn stops_in_good_order(signal: Signal) {
    let program = Program::of(450).await;
    let landing = Arc::new(Notify::new());
    program.fault(Rule::on(On::Page(3)).does(Action::hold(Arc::clone(&landing))));
    let mut once = Daemon::start(program.command(&["--once"]));
    program.reached(5).await;
    once.signal(signal);
    once.said("told to stop").await;
    let told = Instant::now();
    landing.notify_one();
    once.ended().await.with(Exit::Partial);
    assert!(told.elapsed() < SECONDS);
    assert_eq!(
        program.sandbox.requests().total(),
        5,
        "nothing more was asked"
    );
    assert_eq!(
        program.number("SELECT count(*) FROM walk_lists"),
        5,
        "all of it was committed"
    );
    let outcome = "SELECT count(*) FROM runs WHERE outcome = 'partial' AND finished_at IS NOT NULL";
    assert_eq!(program.number(outcome), 1);
    program.once().await.with(Exit::Done);
    program.is_whole().await;
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
async fn a_second_signal_is_obeyed_at_once() {
    let program = Program::of(120).await;
    program.fault(Rule::on(On::Page(2)).does(Action::hang()));
    let mut once = Daemon::start(program.command(&["--once"]));
    program.reached(2).await;
    once.signal(Signal::TERM);
    once.said("told to stop").await;
    let told = Instant::now();
    once.signal(Signal::TERM);
    once.ended().await.with(Exit::Partial);
    assert!(
        told.elapsed() < Duration::from_secs(2),
        "{:?}",
        told.elapsed()
    );
    program.sandbox.faults().clear();
    program.once().await.with(Exit::Done);
    program.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_told_to_stop_ends_well() {
    let program = Program::of(20).await;
    let mut daemon = Daemon::start(program.command(&[]));
    daemon.said("run ended").await;
    let told = Instant::now();
    daemon.ends().await.with(Exit::Done);
    assert!(told.elapsed() < SECONDS);
    program.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_reads_the_settings_anew() {
    let program = Program::of(3).await;
    let mut daemon = Daemon::start(program.command(&[]));
    daemon.said("waiting").await;
    daemon.signal(Signal::HUP);
    daemon.said("settings read anew").await;
    daemon.ends().await.with(Exit::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_stdout_never_stalls_it() {
    let program = Program::of(120).await;
    for arguments in [
        &["--once"][..],
        &["--once", "--output", "json"],
        &["status"],
    ] {
        let mut command = program.command(arguments);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().await.unwrap().code(), Some(0), "{arguments:?}");
    }
    program.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_log_never_stalls_it() {
    let program = Program::of(120).await;
    let mut child = program.command(&["--once", "-vvv"]).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
    program.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_during_a_run_starts_no_second_one_beside_it() {
    let program = Program::of(3).await;
    let landing = Arc::new(Notify::new());
    let held = Action::hold(Arc::clone(&landing));
    program.fault(Rule::on(On::Page(1)).nth(1).does(held));
    // The service manager's socket shows the daemon's beats, and with them the ticks.
    let socket = program.folder.path().join("notify");
    let notify = tokio::net::UnixDatagram::bind(&socket).unwrap();
    let mut command = program.command(&[]);
    command
        .env("TWSYNC_SCHEDULE__CRON", "* * * * * *")
        .env("NOTIFY_SOCKET", &socket);
    let mut daemon = Daemon::start(command);
    program.reached(1).await;
    let mut beats = 0;
    while beats < 2 {
        let mut said = [0; 256];
        let length = in_time(notify.recv(&mut said)).await.unwrap();
        beats += u32::from(said[..length].starts_with(b"WATCHDOG=1"));
    }
    assert_eq!(program.sandbox.requests().total(), 1, "one run at a time");
    landing.notify_one();
    daemon.said("run ended").await;
    // What came meanwhile is one run.
    program.reached(4 + 1 + 1).await;
    daemon.ends().await.with(Exit::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_anywhere_ends_the_process() {
    for point in ["sync::answered", "lake-staging"] {
        let program = Program::of(20).await;
        let mut command = program.command(&[]);
        command.env("FAILPOINTS", format!("{point}=panic"));
        let ended = Daemon::start(command).ended().await.with(Exit::Bug);
        ended.says("this is a bug in twsync");
        let ended = Ended::of(program.command(&["--once"])).await;
        ended.with(Exit::Done);
        program.is_whole().await;
    }
}
