//! The process: told to stop, with nobody to read what it says, or broken.

use std::fs;
use std::io::{PipeReader, PipeWriter, Write, pipe};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio_util::sync::CancellationToken;
use twsync::sandbox::{Action, On, Rule};

use crate::program::Running;
use crate::shell::{Shell, ended};

/// Stops a run while pages are in the air, and lets them land.
async fn stops_in_good_order(signal: Signal) {
    let shell = Shell::of(450).await;
    let landing = CancellationToken::new();
    shell.fault(Rule::on(On::Page(3)).does(Action::hold(landing.clone())));
    let mut once = shell.start(&["--once"]);
    let requests = shell.sandbox.requests();
    requests.reached(5).await;
    once.signal(signal);
    once.says("told to stop").await;
    let told = Instant::now();
    landing.cancel();
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
async fn sigterm_ends_a_wait_that_the_server_asked_for() {
    let shell = Shell::of(3).await;
    shell.fault(Rule::on(On::List).does(Action::throttled(Some("200"))));
    let mut once = shell.start(&["--once", "-vv"]);
    once.says("status=429").await;
    once.signal(Signal::TERM);
    let told = Instant::now();
    once.ends().await.exits(75);
    assert!(
        told.elapsed() < Duration::from_secs(5),
        "out within seconds"
    );
    assert_eq!(shell.sandbox.requests().total(), 1);
}

/// Whatever asks is told to stop while the very first answer is awaited in vain.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_a_wait_for_a_first_answer_that_never_comes() {
    for (arguments, exit) in [
        (&["--once"][..], 75),
        (&["plan"], 75),
        (&["check"], 75),
        (&[], 0),
    ] {
        let shell = Shell::of(3).await;
        shell.fault(Rule::on(On::List).does(Action::hang()));
        let running = shell.start(arguments);
        shell.sandbox.requests().reached(1).await;
        running.signal(Signal::TERM);
        let told = Instant::now();
        running.ends().await.exits(exit);
        let took = told.elapsed();
        assert!(
            took < Duration::from_secs(8),
            "{arguments:?}: out within seconds, not {took:?}"
        );
        assert_eq!(shell.sandbox.requests().total(), 1, "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_goes_on_with_its_old_settings_where_new_ones_are_bad() {
    let shell = Shell::of(20).await;
    let mut command = shell.command(&[]);
    command.env("TWSYNC_SCHEDULE__CRON", "* * * * * *");
    let mut daemon = Running::of(command);
    daemon.says("run ended").await;
    fs::write(shell.path("twsync.toml"), "[api]\npage_sise = 9\n").unwrap();
    daemon.signal(Signal::HUP);
    daemon.says("the old settings stay").await;
    let asked = shell.sandbox.requests().total();
    // The first of these may have been under way.
    daemon.says("run ended").await;
    let line = daemon.says("run ended").await;
    assert!(line.contains("outcome=\"done\""), "{line}");
    assert!(shell.sandbox.requests().total() > asked);
    assert!(
        !shell.path("data").exists(),
        "where the defaults put the mirror"
    );
    daemon.signal(Signal::TERM);
    daemon.ends().await.exits(0);
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

/// Both ends of a pipe that holds as much as it can.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    let room = rustix::pipe::fcntl_setpipe_size(&writer, 4096).unwrap();
    writer.write_all(&vec![b'.'; room]).unwrap();
    (reader, writer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_never_stalls_a_run() {
    let shell = Shell::of(120).await;
    let (_reader, writer) = full_pipe();
    let mut command = shell.command(&["--once", "-vvv"]);
    command.stderr(writer);
    ended(command).await.exits(0);
    shell.is_whole().await;
    let (_reader, writer) = full_pipe();
    let mut command = shell.command(&["--once", "--set", "api.token_file=/nowhere"]);
    command.stderr(writer);
    ended(command).await.exits(78);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_keeps_no_daemon_from_being_stopped() {
    let shell = Shell::of(120).await;
    let (_reader, writer) = full_pipe();
    let mut command = shell.command(&["-vvv"]);
    command.stdout(Stdio::null()).stderr(writer);
    let mut command = tokio::process::Command::from(command);
    let mut daemon = command.kill_on_drop(true).spawn().unwrap();
    shell.sandbox.requests().reached(2).await;
    let pid = Pid::from_raw(daemon.id().unwrap().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let ended = daemon.wait().await.unwrap();
    assert_eq!(ended.code(), Some(0));
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
