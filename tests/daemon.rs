//! The daemon, by the real binary: when it runs, how it stops, what it tells its service manager,
//! and what it outlives.

mod program;
#[path = "daemon/still.rs"]
mod still;
mod support;

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use program::{Program, Running, Said};
use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use twsync::sandbox::{Action, On, Options, Rule, Sandbox, World};

const EVERY_SECOND: &str = "* * * * * *";
const NEVER_SOON: &str = "0 0 0 29 2 *";

async fn sandbox() -> Sandbox {
    let world = World::new(5, 120);
    let options = Options {
        world,
        ..Options::default()
    };
    Sandbox::start(options).await.expect("a port")
}

/// A daemon that runs at its start, and then on this schedule.
fn daemon(sandbox: &Sandbox, cron: &str) -> Program {
    Program::against(sandbox)
        .env("TWSYNC_SCHEDULE__CRON", cron)
        .env("TWSYNC_STATUS__LISTEN", "")
}

async fn stop(running: Running) -> Said {
    running.signal(Signal::TERM);
    running.ends().await.exits(0)
}

/// When each run began and ended, in order.
fn runs(program: &Program) -> Vec<(Timestamp, Option<Timestamp>)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let mirror = Connection::open_with_flags(program.path("data/mirror.db"), flags).expect("there");
    let mut query = mirror
        .prepare("SELECT started_at, finished_at FROM runs ORDER BY started_at")
        .expect("the promised columns");
    let at = |text: String| -> Timestamp { text.parse().expect("RFC 3339") };
    let rows = query.query_map([], |row| {
        Ok((at(row.get(0)?), row.get::<_, Option<String>>(1)?.map(at)))
    });
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

#[tokio::test]
async fn it_runs_at_its_start_publishes_and_stops_when_told() {
    let sandbox = sandbox().await;
    let program = daemon(&sandbox, NEVER_SOON);
    let mut running = program.start(&[]);
    let line = running.says("run ended").await;
    assert!(line.contains("grade=\"complete\""), "{line}");
    running.says("waiting").await;
    stop(running).await;
    assert_eq!(runs(&program).len(), 1);
    assert!(program.path("data/lake/current/customers.parquet").exists());
    program.run(&["verify"]).await.exits(0);
}

#[tokio::test]
async fn it_serves_its_status_while_it_waits() {
    let sandbox = sandbox().await;
    let program = daemon(&sandbox, NEVER_SOON).env("TWSYNC_STATUS__LISTEN", "127.0.0.1:0");
    let mut running = program.start(&[]);
    let line = running.says("status page at").await;
    let address = line
        .split("http://")
        .nth(1)
        .expect("an address")
        .trim_end_matches('/');
    running.says("waiting").await;
    for path in ["healthz", "readyz", "metrics", "api/status", ""] {
        let mut connection = TcpStream::connect(address).await.expect("it listens");
        let request =
            format!("GET /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        connection
            .write_all(request.as_bytes())
            .await
            .expect("it reads");
        let mut answer = String::new();
        connection
            .read_to_string(&mut answer)
            .await
            .expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 200 "), "/{path}: {answer}");
    }
    stop(running).await;
}

#[tokio::test]
async fn it_can_be_told_not_to_run_at_its_start() {
    let sandbox = sandbox().await;
    let program = daemon(&sandbox, NEVER_SOON).env("TWSYNC_SCHEDULE__RUN_AT_START", "false");
    let mut manager = Manager::new(&program);
    let program = program.env("NOTIFY_SOCKET", &manager.address);
    let running = program.start(&[]);
    manager.hears("WATCHDOG=1").await;
    manager.hears("WATCHDOG=1").await;
    stop(running).await;
    assert_eq!(sandbox.requests().total(), 0);
}

#[tokio::test]
async fn it_runs_on_its_schedule_one_run_at_a_time() {
    let sandbox = sandbox().await;
    let program = daemon(&sandbox, EVERY_SECOND);
    let mut running = program.start(&[]);
    for _ in 0..4 {
        running.says("run ended").await;
    }
    stop(running).await;
    let runs = runs(&program);
    assert!(runs.len() >= 4);
    for pair in runs.windows(2) {
        let ended = pair[0].1.expect("a run ends before the next begins");
        assert!(ended <= pair[1].0, "{ended} and {}", pair[1].0);
    }
}

#[tokio::test]
async fn a_time_that_comes_during_a_run_is_served_once_after_it() {
    let sandbox = sandbox().await;
    let program = daemon(&sandbox, EVERY_SECOND);
    let go_on = CancellationToken::new();
    let hold = Rule::on(On::Page(1))
        .times(1)
        .does(Action::hold(go_on.clone()));
    sandbox.faults().add(hold);
    let mut manager = Manager::new(&program);
    let program = program.env("NOTIFY_SOCKET", &manager.address);
    let mut running = program.start(&[]);
    running.says("run begins").await;
    // Its heart goes on beating while the run is held, for longer than three times are apart.
    for _ in 0..5 {
        manager.hears("WATCHDOG=1").await;
    }
    assert_eq!(sandbox.requests().total(), 1, "one run, and it is held");
    go_on.cancel();
    running.says("run ended").await;
    assert_eq!(running.heard("run begins"), 1, "never two at once");
    running.says("run begins").await;
    stop(running).await;
}

#[tokio::test]
async fn a_run_under_way_ends_cleanly_and_the_next_daemon_goes_on() {
    let sandbox = sandbox().await;
    let program = daemon(&sandbox, NEVER_SOON);
    let go_on = CancellationToken::new();
    let hold = Rule::on(On::Detail)
        .nth(50)
        .does(Action::hold(go_on.clone()));
    sandbox.faults().add(hold);
    let mut running = program.start(&[]);
    sandbox.requests().reached(54).await;
    running.signal(Signal::TERM);
    running.says("told to stop").await;
    go_on.cancel();
    let told = Instant::now();
    running.ends().await.exits(0);
    assert!(
        told.elapsed() < Duration::from_secs(5),
        "out within seconds"
    );
    let mut running = program.start(&[]);
    running.says("run ended").await;
    stop(running).await;
    assert_eq!(sandbox.requests().detail(), 120, "no details twice");
}

#[tokio::test]
async fn what_only_its_owner_can_mend_ends_it_at_the_start() {
    let sandbox = sandbox().await;
    let wrong = daemon(&sandbox, NEVER_SOON).env("TWSYNC_API__TOKEN", "wrong");
    let said = wrong.start(&[]).ends().await.exits(77);
    assert!(
        said.stderr.contains("refused the credentials"),
        "{}",
        said.stderr
    );
    let nowhere = daemon(&sandbox, NEVER_SOON).env("TWSYNC_MIRROR__PATH", "/proc/mirror.db");
    nowhere.start(&[]).ends().await.exits(73);
    let none = Program::new();
    none.start(&[]).ends().await.exits(78);
}

#[tokio::test]
async fn it_outlives_a_server_that_fails_later() {
    let sandbox = sandbox().await;
    let program = daemon(&sandbox, EVERY_SECOND);
    let mut running = program.start(&[]);
    running.says("run ended").await;
    let refusing = sandbox
        .faults()
        .add(Rule::on(On::Any).does(Action::status(401)));
    running.says("refused the credentials").await;
    refusing.lift();
    let line = running.says("outcome=\"done\"").await;
    assert!(line.contains("grade=\"complete\""), "{line}");
    stop(running).await;
}

#[tokio::test]
async fn it_waits_for_a_mirror_that_another_process_holds() {
    let sandbox = sandbox().await;
    let program = daemon(&sandbox, EVERY_SECOND);
    let mut running = program.start(&[]);
    running.says("waiting").await;
    let mirror = loop {
        // Between two runs the mirror is free.
        if let Ok(mirror) = twsync::mirror::Mirror::open(&program.path("data/mirror.db")) {
            break mirror;
        }
    };
    let line = running.says("is held by").await;
    assert!(line.contains(&std::process::id().to_string()), "{line}");
    drop(mirror);
    running.says("run ended").await;
    stop(running).await;
}

#[tokio::test]
async fn it_waits_for_a_mirror_that_is_held_when_it_starts() {
    let sandbox = sandbox().await;
    let program = daemon(&sandbox, EVERY_SECOND);
    program.run(&["--once"]).await.exits(0);
    let mirror = twsync::mirror::Mirror::open(&program.path("data/mirror.db"));
    let mirror = mirror.expect("it is free");
    let mut running = program.start(&[]);
    running.says("is held by").await;
    drop(mirror);
    running.says("run ended").await;
    stop(running).await;
}

#[tokio::test]
async fn an_empty_filter_of_the_log_is_none() {
    let sandbox = sandbox().await;
    let program = daemon(&sandbox, NEVER_SOON).env("TWSYNC_LOG", "");
    let mut running = program.start(&[]);
    running.says("waiting").await;
    stop(running).await;
}

#[tokio::test]
async fn settings_are_read_anew_on_sighup_and_bad_ones_are_not_taken() {
    let sandbox = sandbox().await;
    let program = Program::against(&sandbox);
    let file = |cron: &str| format!("[schedule]\ncron = \"{cron}\"\n[status]\nlisten = \"\"\n");
    let program = program.file(&file(NEVER_SOON));
    let mut running = program.start(&[]);
    running.says("waiting").await;

    std::fs::write(program.path("twsync.toml"), file("every day")).expect("written");
    running.signal(Signal::HUP);
    let line = running.says("the old settings stay").await;
    assert!(line.contains("twsync.toml:2"), "{line}");

    std::fs::write(program.path("twsync.toml"), file(EVERY_SECOND)).expect("written");
    running.signal(Signal::HUP);
    running.says("settings read anew").await;
    running.says("run ended").await;
    stop(running).await;
}

#[tokio::test]
async fn the_service_manager_is_told_what_it_is_at() {
    let sandbox = sandbox().await;
    let program = daemon(&sandbox, NEVER_SOON);
    let mut manager = Manager::new(&program);
    let program = program.env("NOTIFY_SOCKET", &manager.address);
    let mut running = program.start(&[]);
    manager.hears("READY=1").await;
    manager.hears("STATUS=syncing").await;
    manager.hears("STATUS=next run at").await;
    manager.hears("WATCHDOG=1").await;
    running.says("waiting").await;
    running.signal(Signal::HUP);
    manager.hears("RELOADING=1").await;
    manager.hears("READY=1").await;
    running.signal(Signal::TERM);
    manager.hears("STOPPING=1").await;
    running.ends().await.exits(0);
}

/// A service manager that only listens.
struct Manager {
    socket: tokio::net::UnixDatagram,
    address: String,
}

impl Manager {
    fn new(program: &Program) -> Self {
        Self::at(&program.path("notify"))
    }

    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).expect("bound");
        socket.set_nonblocking(true).expect("set");
        Self {
            socket: tokio::net::UnixDatagram::from_std(socket).expect("registered"),
            address: path.to_str().expect("UTF-8").to_owned(),
        }
    }

    /// Waits until it is told this; not for ever, though it goes on hearing heartbeats.
    async fn hears(&mut self, what: &str) {
        let heard = async {
            let mut message = [0; 4096];
            loop {
                let length = self.socket.recv(&mut message).await.expect("received");
                if String::from_utf8_lossy(&message[..length]).contains(what) {
                    return;
                }
            }
        };
        let in_time = tokio::time::timeout(Duration::from_mins(1), heard).await;
        in_time.unwrap_or_else(|_| panic!("a minute, and no {what}"));
    }
}
