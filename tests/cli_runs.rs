//! `--once` and the commands around it, by the real binary against a sandbox: exit codes, answers,
//! signals.

mod program;

use std::time::{Duration, Instant};

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};
use program::{Program, contents, holds};
use rustix::process::Signal;
use tokio_util::sync::CancellationToken;
use twsync::mirror::Mirror;
use twsync::sandbox::{Access, Action, KEY, Latency, On, Options, Rule, SECRET, Sandbox, World};

const N: u64 = 250;

async fn sandbox() -> Sandbox {
    serve(Options::default()).await
}

async fn serve(options: Options) -> Sandbox {
    let world = World::new(3, usize::try_from(N).expect("small"));
    Sandbox::start(Options { world, ..options })
        .await
        .expect("a port")
}

#[tokio::test]
async fn one_run_copies_everything_and_the_next_asks_for_nothing_new() {
    let sandbox = sandbox().await;
    let program = Program::against(&sandbox);
    let first = program
        .run(&["--once", "--output", "json"])
        .await
        .exits(0)
        .json();
    assert_eq!(first["run"]["grade"], "complete");
    assert_eq!(first["run"]["counts"]["added"], N);
    assert_eq!(first["lake"]["customers"], N);
    assert_eq!(first["error"], serde_json::Value::Null);
    let details = sandbox.requests().detail();
    let second = program
        .run(&["--once", "--output", "json"])
        .await
        .exits(0)
        .json();
    assert_eq!(second["run"]["counts"]["unchanged"], N);
    assert_eq!(sandbox.requests().detail(), details);
    program.run(&["verify"]).await.exits(0);
}

#[tokio::test]
async fn a_summary_reads_at_a_glance() {
    let sandbox = sandbox().await;
    let said = Program::against(&sandbox).run(&["--once"]).await.exits(0);
    assert!(said.stdout.starts_with("sync: done in "), "{}", said.stdout);
    assert!(said.stdout.contains("complete: proved"), "{}", said.stdout);
    assert!(said.stdout.contains("added      250"), "{}", said.stdout);
}

#[tokio::test]
async fn every_way_to_end_has_its_exit_code() {
    let refused = sandbox().await;
    refused
        .faults()
        .add(Rule::on(On::List).does(Action::status(403)));
    Program::against(&refused).run(&["--once"]).await.exits(77);

    let other = sandbox().await;
    other.faults().add(Rule::on(On::List).does(Action::html()));
    let said = Program::against(&other).run(&["--once"]).await.exits(65);
    assert!(said.stderr.contains("api.base_url"), "{}", said.stderr);

    let failing = sandbox().await;
    failing
        .faults()
        .add(Rule::on(On::Any).does(Action::status(503)));
    let program = Program::against(&failing).env("TWSYNC_PACE__RETRIES_MAX", "0");
    let said = program.run(&["--once"]).await.exits(69);
    assert!(
        !said.stdout.contains("generation"),
        "there is none yet: {}",
        said.stdout
    );

    let good = sandbox().await;
    let program = Program::against(&good).env("TWSYNC_MIRROR__PATH", "/proc/mirror.db");
    let said = program.run(&["--once"]).await.exits(73);
    assert!(said.stderr.contains("/proc"), "{}", said.stderr);

    let program = Program::against(&good);
    std::fs::create_dir(program.path("data")).expect("made");
    std::fs::write(program.path("data/mirror.db"), "not a database").expect("written");
    program.run(&["--once"]).await.exits(74);
}

#[tokio::test]
async fn a_budget_ends_a_run_and_the_next_goes_on() {
    let sandbox = sandbox().await;
    let program = Program::against(&sandbox);
    let cut = program
        .run(&["--once", "--max-requests", "100"])
        .await
        .exits(75);
    assert!(cut.stderr.contains("budget"), "{}", cut.stderr);
    assert_eq!(sandbox.requests().total(), 100);
    program.run(&["--once"]).await.exits(0);
    assert_eq!(sandbox.requests().detail(), N, "no details twice");
}

#[tokio::test]
async fn many_deletions_wait_for_a_decision() {
    let sandbox = sandbox().await;
    let program = Program::against(&sandbox);
    program.run(&["--once"]).await.exits(0);
    for id in sandbox.world().listed_ids().into_iter().take(20) {
        sandbox.world().delete(id);
    }
    let held = program.run(&["--once"]).await.exits(76);
    assert!(
        held.stdout.contains("--allow-deletions 20"),
        "{}",
        held.stdout
    );
    let status = program.run(&["status"]).await.exits(0);
    assert!(
        status.stdout.contains("20 deletions are on hold"),
        "{}",
        status.stdout
    );
    let decided = ["--once", "--allow-deletions", "20", "--output", "json"];
    let done = program.run(&decided).await.exits(0).json();
    assert_eq!(done["run"]["counts"]["deleted"], 20);
}

#[tokio::test]
async fn who_has_no_details_yet_is_published_as_the_list_shows_it() {
    let sandbox = sandbox().await;
    let id = sandbox.world().listed_ids()[7];
    sandbox.world().ghost(id);
    let program = Program::against(&sandbox);
    program.run(&["--once"]).await.exits(0);
    let current = program.path("data/lake/current/customers.parquet");
    let reader = SerializedFileReader::try_from(&*current).expect("a file of Parquet");
    let rows = reader.get_row_iter(None).expect("rows");
    let said = |row: &Row, name: &str| {
        let mut columns = row.get_column_iter();
        columns
            .find(|(column, _)| *column == name)
            .map(|(_, value)| value.clone())
    };
    let unverified: Vec<Row> = rows
        .map(|row| row.expect("a row"))
        .filter(|row| said(row, "detail_verified_at") == Some(Field::Null))
        .collect();
    assert_eq!(unverified.len(), 1);
    assert_eq!(said(&unverified[0], "id"), Some(Field::Str(id.to_string())));
    assert_ne!(said(&unverified[0], "name"), Some(Field::Null));
}

#[tokio::test]
async fn a_second_process_is_told_who_holds_the_mirror() {
    let sandbox = sandbox().await;
    let program = Program::against(&sandbox);
    std::fs::create_dir(program.path("data")).expect("made");
    let held = Mirror::open(&program.path("data/mirror.db")).expect("free");
    let said = program.run(&["--once"]).await.exits(75);
    let pid = format!("PID {}", std::process::id());
    assert!(said.stderr.contains(&pid), "{}", said.stderr);
    assert_eq!(sandbox.requests().total(), 0);
    drop(held);
    program.run(&["--once"]).await.exits(0);
}

#[tokio::test]
async fn a_signal_ends_a_run_cleanly_and_the_next_goes_on() {
    let sandbox = serve(Options {
        latency: Latency::Fixed(Duration::from_millis(20)),
        ..Options::default()
    })
    .await;
    let program = Program::against(&sandbox);
    for (signal, so_far) in [(Signal::TERM, 60), (Signal::INT, 120)] {
        let running = program.start(&["--once"]);
        sandbox.requests().reached(so_far).await;
        running.signal(signal);
        let told = Instant::now();
        let said = running.ends().await.exits(75);
        assert!(
            told.elapsed() < Duration::from_secs(5),
            "out within seconds"
        );
        assert!(said.stdout.contains("sync: partial"), "{}", said.stdout);
    }
    program.run(&["--once"]).await.exits(0);
    assert_eq!(sandbox.requests().detail(), N, "no details twice");
    program.run(&["verify"]).await.exits(0);
}

#[tokio::test]
async fn a_second_signal_is_obeyed_at_once() {
    let sandbox = sandbox().await;
    let never = CancellationToken::new();
    sandbox
        .faults()
        .add(Rule::on(On::Detail).does(Action::hold(never)));
    let program = Program::against(&sandbox);
    let mut running = program.start(&["--once"]);
    sandbox.requests().reached(6).await;
    running.signal(Signal::TERM);
    running.says("told to stop").await;
    running.signal(Signal::TERM);
    let told = Instant::now();
    running.ends().await.exits(75);
    // The first alone would let what is in flight come for longer than this.
    assert!(told.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_panic_ends_the_process_and_tells_no_secret() {
    let sandbox = sandbox().await;
    let panic = format!(
        "mirror::page-before-commit=panic({})",
        twsync::sandbox::TOKEN
    );
    let program = Program::against(&sandbox).env("FAILPOINTS", &panic);
    let said = program.run(&["--once"]).await.exits(1);
    assert!(
        said.stderr.contains("this is a bug in twsync"),
        "{}",
        said.stderr
    );
    said.assert_hides(twsync::sandbox::TOKEN);
    let program = program.env("FAILPOINTS", "");
    program.run(&["--once"]).await.exits(0);
}

#[tokio::test]
async fn a_secret_is_in_no_log_and_no_file() {
    let canary = "canary-5633-4b16";
    let sandbox = serve(Options {
        access: Access {
            tokens: vec![canary.to_owned()],
            ..Access::default()
        },
        ..Options::default()
    })
    .await;
    let program = Program::against(&sandbox)
        .env("TWSYNC_API__TOKEN", canary)
        .env("TWSYNC_LOG", "trace");
    for arguments in [
        &["check"][..],
        &["--once"],
        &["status"],
        &["verify"],
        &["plan"],
    ] {
        program.run(arguments).await.exits(0).assert_hides(canary);
    }
    assert!(!holds(&contents(program.folder.path()), canary));
}

#[tokio::test]
async fn a_plan_leaves_every_file_as_it_was() {
    let sandbox = sandbox().await;
    let program = Program::against(&sandbox);
    program.run(&["--once"]).await.exits(0);
    sandbox.world().churn(3, 20);
    let before = contents(program.folder.path());
    let said = program.run(&["plan", "--output", "json"]).await.exits(0);
    assert!(
        said.json()["detail_requests"].as_u64() > Some(0),
        "{}",
        said.stdout
    );
    assert!(said.json()["duration_seconds"].is_f64(), "{}", said.stdout);
    assert_eq!(contents(program.folder.path()), before);
}

#[tokio::test]
async fn one_customer_can_be_asked_for_and_looked_at() {
    let sandbox = sandbox().await;
    let program = Program::against(&sandbox);
    program.run(&["--once"]).await.exits(0);
    let id = sandbox.world().listed_ids()[7];
    sandbox.world().change_hidden(id);
    let before = sandbox.requests().total();
    let id = id.to_string();
    let said = program
        .run(&["refresh", &id, &id, "--output", "json"])
        .await
        .exits(0)
        .json();
    assert_eq!(said["run"]["counts"]["changed"], 1);
    let asked = sandbox.requests().total() - before;
    assert_eq!(asked, 1, "who is named twice is asked for once");
    let history = program
        .run(&["history", &id, "--output", "json"])
        .await
        .exits(0)
        .json();
    assert_eq!(history["versions"].as_array().map(Vec::len), Some(2));
    let nobody = "00000000-5633-4b16-bbf0-5ca22ef8ea2e";
    program.run(&["refresh", nobody]).await.exits(2);
}

#[tokio::test]
async fn a_check_names_each_thing_that_is_wrong() {
    let sandbox = sandbox().await;
    let program = Program::against(&sandbox);
    let good = program
        .run(&["check", "--output", "json"])
        .await
        .exits(0)
        .json();
    assert_eq!(good["ready"], true);
    assert_eq!(sandbox.requests().list(), 1);
    assert!(!program.path("data").exists(), "a check writes nothing");
    std::fs::create_dir_all(program.path("data/lake")).expect("made");
    std::fs::write(program.path("data/lake/notes.txt"), "mine").expect("written");
    let bad = program.run(&["check"]).await.exits(74);
    let said = "holds what is not of a lake";
    assert!(bad.stdout.contains(said), "{}", bad.stdout);
    program.run(&["--once"]).await.exits(74);
    std::fs::remove_file(program.path("data/lake/notes.txt")).expect("removed");
    let program = program.env("TWSYNC_API__TOKEN", "wrong");
    let bad = program.run(&["check"]).await.exits(77);
    assert!(bad.stdout.contains("✗ api"), "{}", bad.stdout);
}

#[tokio::test]
async fn a_check_says_what_the_platform_says_of_the_key() {
    for (verified, said) in [(true, "✓ key"), (false, "is not verified")] {
        let access = Access {
            verified,
            ..Access::default()
        };
        let sandbox = serve(Options {
            access,
            ..Options::default()
        });
        let sandbox = sandbox.await;
        let program = Program::new()
            .env("TWSYNC_API__BASE_URL", &sandbox.url())
            .env("TWSYNC_API__KEY", KEY)
            .env("TWSYNC_API__SECRET", SECRET);
        let checked = program.run(&["check"]).await.exits(0);
        assert!(checked.stdout.contains(said), "{}", checked.stdout);
    }
}

#[tokio::test]
async fn the_lake_can_be_made_anew_without_a_request() {
    let sandbox = sandbox().await;
    let program = Program::against(&sandbox);
    program.run(&["--once"]).await.exits(0);
    let before = sandbox.requests().total();
    std::fs::remove_dir_all(program.path("data/lake")).expect("removed");
    let said = program.run(&["verify"]).await.exits(74);
    assert!(said.stdout.contains("twsync snapshot"), "{}", said.stdout);
    program.run(&["snapshot"]).await.exits(0);
    program.run(&["verify"]).await.exits(0);
    assert_eq!(sandbox.requests().total(), before);
}

#[tokio::test]
async fn progress_is_told_to_a_log_and_not_to_stdout() {
    let sandbox = sandbox().await;
    let program = Program::against(&sandbox);
    let said = program.run(&["--once", "--output", "json"]).await.exits(0);
    said.json();
    assert!(!said.stderr.contains('\u{1b}'), "{}", said.stderr);
}

#[tokio::test]
async fn the_sandbox_serves_until_it_is_told_to_stop() {
    let program = Program::new();
    let mut running = program.start(&["sandbox", "--port", "0", "--customers", "5", "-v"]);
    let base_url = running.answers("127.0.0.1").await;
    let base_url = base_url
        .split(&[' ', ','][..])
        .find(|word| word.starts_with("http"));
    let base_url = base_url.expect("a URL").to_owned();
    let syncing = Program::new()
        .env("TWSYNC_API__BASE_URL", &base_url)
        .env("TWSYNC_API__TOKEN", twsync::sandbox::TOKEN);
    syncing.run(&["--once"]).await.exits(0);
    let port = base_url.split(&[':', '/'][..]).nth(4).expect("a port");
    let second = program.run(&["sandbox", "--port", port]).await.exits(2);
    second.says(port).says("--port");
    running.signal(Signal::INT);
    running.ends().await.exits(0);
}
