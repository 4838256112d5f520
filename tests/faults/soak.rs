//! The daemon for as long as it is let, a run a second, while customers come and go and each fault
//! strikes one request in a hundred: what it takes stays flat, and its copy is right in the end.
//!
//! `SOAK_SECONDS` says how long, and `SOAK_PROGRAM` which build is watched; `benches/soak.py` has the
//! shipped one watched for half an hour, and shows the curves.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};
use twsync::sandbox::{Action, Encoding, Fault, On, Options, Place, Rule, World};

use crate::program::{Program, Running};
use crate::support::Copying;

const MIB: u64 = 1 << 20;
const NOBODY: uuid::Uuid = uuid::Uuid::nil();

/// Everything that an answer may suffer, and that passes.
fn faults() -> Vec<(On, Action)> {
    let statuses = [204, 400, 401, 403, 404, 408, 500, 502, 503, 504];
    let statuses = statuses.map(|status| (On::Any, Action::status(status)));
    let anywhere = [
        Action::throttled(None),
        Action::throttled(Some("1")),
        Action::throttled(Some("soon")),
        // More than this daemon sits out: the run is partial, and the next keeps to it.
        Action::throttled(Some("3")),
        Action::html(),
        Action::empty(),
        Action::raw(200, "text/plain", "{}"),
        Action::raw(200, "application/json", r#"{"customers":["#),
        Action::raw(200, "application/json", format!("[{}", "[".repeat(10_000))),
        Action::rewrite(|mut body| {
            body.insert(body.len() / 2, 0xff);
            body
        }),
        Action::redirect("http://127.0.0.1:1/"),
        Action::bomb(Encoding::Gzip, 4 << 20),
        Action::bomb(Encoding::Zstd, 4 << 20),
        Action::endless(),
        Action::byte_order_mark(),
        Action::cut(40),
        Action::add_header("age", "60"),
        Action::filler_headers(10_000),
        Action::close(),
        Action::reset(),
        Action::short_body(),
        Action::drip(16, Duration::from_millis(50)),
        Action::hang(),
        Action::wait(Duration::from_millis(300)),
    ];
    let of_the_list = [
        Action::rows_of(1),
        Action::echo_page(9),
        Action::total_off_by(1),
        Action::total_off_by(-1),
        Action::pages(json!(0)),
        Action::has_next(false),
        Action::has_next(true),
        Action::customers_null(),
        Action::without("pagination"),
        Action::edit(|json| json["pagination"]["pageSize"] = json!(7)),
        Action::edit(|json| {
            if let Some(rows) = json["customers"].as_array_mut() {
                rows.reverse();
            }
        }),
        Action::inject_row(r#"{"id":"../../etc/passwd"}"#),
        Action::inject_row(r#"{"id":1,"id":2}"#),
        Action::inject_row(format!(
            r#"{{"id":"{NOBODY}","name":"{}"}}"#,
            "x".repeat(70_000)
        )),
    ];
    let of_details = [Action::wrong_id(NOBODY), Action::without("id")];
    let all = statuses.into_iter();
    let all = all.chain(anywhere.map(|action| (On::Any, action)));
    let all = all.chain(of_the_list.map(|action| (On::List, action)));
    let all = all.chain(of_details.map(|action| (On::Detail, action)));
    all.collect()
}

/// What the daemon takes at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    second: u64,
    /// Its own: pages of the program's file come in as it gets to them, and are nobody's leak.
    memory: u64,
    descriptors: u64,
    log: u64,
    mirror: u64,
    lake: u64,
    files: u64,
}

impl Sample {
    fn of(second: u64, pid: u32, folder: &Path) -> Self {
        let size = |name: &str| fs::metadata(folder.join(name)).map_or(0, |file| file.len());
        let (lake, files) = below(&folder.join("lake"));
        Self {
            second,
            memory: status(pid, "RssAnon:") * 1024,
            descriptors: descriptors(pid),
            log: size("mirror.db-wal"),
            mirror: size("mirror.db"),
            lake,
            files,
        }
    }

    fn tell(&self) {
        let mib = |bytes: u64| format!("{}.{:02}", bytes / MIB, bytes % MIB * 100 / MIB);
        println!(
            "soak,{},{},{},{},{},{},{}",
            self.second,
            mib(self.memory),
            self.descriptors,
            mib(self.log),
            mib(self.mirror),
            mib(self.lake),
            self.files
        );
    }
}

/// A number that the kernel knows of a process.
fn status(pid: u32, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Open files. Only root may count those of a process that can't be dumped; to others the kernel
/// tells how many there is room for, which is doubled when they don't fit.
fn descriptors(pid: u32) -> u64 {
    match fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(open) => open.count() as u64,
        Err(_) => status(pid, "FDSize:"),
    }
}

/// Bytes and files below a folder. What goes away meanwhile is not there.
fn below(folder: &Path) -> (u64, u64) {
    let (mut bytes, mut files) = (0, 0);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.metadata() {
            Ok(it) if it.is_dir() => {
                let inside = below(&entry.path());
                (bytes, files) = (bytes + inside.0, files + inside.1);
            }
            Ok(it) => (bytes, files) = (bytes + it.len(), files + 1),
            Err(_) => {}
        }
    }
    (bytes, files)
}

fn seconds() -> u64 {
    std::env::var("SOAK_SECONDS").map_or(12, |seconds| seconds.parse().unwrap())
}

/// A world that changes and a server with every fault, once the daemon has seen it whole.
async fn soaked() -> (Copying, Program) {
    let copying = Copying::from(Options {
        world: World::new(7, 250),
        compression: true,
        ..Options::default()
    })
    .await;
    let path = |name: &str| copying.folder.path().join(name).display().to_string();
    let program = Program::against(&copying.sandbox)
        .env("TWSYNC_PACE__REQUESTS_PER_SECOND", "1000")
        .env("TWSYNC_API__REQUEST_TIMEOUT", "1s")
        .env("TWSYNC_API__RESPONSE_MAX", "1MiB")
        .env("TWSYNC_PACE__WAIT_MAX", "2s")
        .env("TWSYNC_MIRROR__PATH", &path("mirror.db"))
        .env("TWSYNC_LAKE__PATH", &path("lake"))
        // On a busy machine more leave between two proofs than an unattended run would believe.
        .env("TWSYNC_SYNC__DELETIONS_MAX_SHARE", "1")
        // As config/twsync.service has it.
        .env("MALLOC_ARENA_MAX", "2")
        .env("TWSYNC_SCHEDULE__CRON", "* * * * * *")
        .env("TWSYNC_STATUS__LISTEN", "127.0.0.1:0");
    let program = match std::env::var_os("SOAK_PROGRAM") {
        Some(build) => program.built_at(build.into()),
        None => program,
    };
    (copying, program)
}

/// A second's worth of life: three customers change, and every ten seconds one comes and one goes.
fn live(world: &World, second: u64) {
    let ids = world.listed_ids();
    let lot = |salt: u64| ids[usize::try_from((second * 7919 + salt) % ids.len() as u64).unwrap()];
    let tier = ["Free", "pro", "Enterprise"][usize::try_from(second % 3).unwrap()];
    for salt in [0, 83, 167] {
        world.set_tier(lot(salt), tier);
    }
    if second.is_multiple_of(10) {
        world.delete(lot(101));
        world.insert(Place::Head);
    }
}

/// Watches for so many seconds. Gives a sample a second, and how many runs ended in that time.
async fn watch(copying: &Copying, running: &mut Running, seconds: u64) -> (Vec<Sample>, usize) {
    let (mut samples, mut runs, mut told) = (Vec::new(), 0, None);
    let a_part = seconds.div_ceil(60);
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let began = Instant::now();
    while began.elapsed().as_secs() < seconds {
        tokio::select! {
            _ = running.says("run ended") => runs += 1,
            _ = ticks.tick() => {
                let second = began.elapsed().as_secs();
                live(&copying.world(), second);
                let sample = Sample::of(second, running.pid(), copying.folder.path());
                if told != Some(second / a_part) {
                    told = Some(second / a_part);
                    sample.tell();
                }
                samples.push(sample);
            }
        }
    }
    (samples, runs)
}

/// The middle one of what these samples say.
fn middle(samples: &[Sample], what: impl Fn(&Sample) -> u64) -> u64 {
    let mut said: Vec<u64> = samples.iter().map(what).collect();
    said.sort_unstable();
    said[said.len() / 2]
}

/// The last quarter takes no more than the second did, but for what there is more to keep.
fn stays_flat(samples: &[Sample], rows: u64) {
    let quarter = samples.len() / 4;
    let (early, late) = (&samples[quarter..2 * quarter], &samples[3 * quarter..]);
    let grown = |what: fn(&Sample) -> u64| {
        let (before, after) = (middle(early, what), middle(late, what));
        (after.saturating_sub(before), before)
    };
    let (memory, before) = grown(|sample| sample.memory);
    assert!(
        memory <= before / 4 + 4 * MIB,
        "{memory} bytes of memory on {before}"
    );
    // What is open comes and goes with runs; the most that was may have been at any moment before.
    let most = |samples: &[Sample]| samples.iter().map(|it| it.descriptors).max().unwrap_or(0);
    let (before, after) = (most(&samples[..3 * quarter]), most(late));
    assert!(after <= before + 8, "{after} open files on {before}");
    let (log, before) = grown(|sample| sample.log);
    assert!(log <= 2 * MIB, "{log} bytes of log on {before}");
    let (files, before) = grown(|sample| sample.files);
    // A run's changes are a file of their own, until there are more than 24 of them.
    assert!(files <= 24, "{files} files in the lake on {before}");
    let last = samples.last().unwrap();
    assert!(
        last.mirror <= MIB + 4096 * rows,
        "{} bytes of {rows} rows",
        last.mirror
    );
    assert!(
        last.lake <= MIB + 1024 * rows,
        "{} bytes of {rows} rows",
        last.lake
    );
}

/// Until the daemon has seen everything twice, without a fault in its way.
async fn settles(running: &mut Running) {
    for _ in 0..2 {
        while !running
            .says("run ended")
            .await
            .contains(r#"grade="complete""#)
        {}
    }
}

/// Files that it has open between two runs. A moment may still be within one: the least of a few is meant.
async fn open_at_rest(running: &mut Running) -> u64 {
    let mut least = u64::MAX;
    for _ in 0..3 {
        running.says("run ended").await;
        least = least.min(descriptors(running.pid()));
    }
    least
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_meets_every_fault_stays_flat_and_right() {
    let (copying, program) = soaked().await;
    let mut running = program.start(&[]);
    running.says("run ended").await;
    let open_before = open_at_rest(&mut running).await;
    let rules = faults().into_iter().zip(0..);
    let faults: Vec<Fault> = rules
        .map(|((on, action), seed)| copying.fault(Rule::on(on).chance(0.01, seed).does(action)))
        .collect();
    let (samples, runs) = watch(&copying, &mut running, seconds()).await;
    faults.iter().for_each(Fault::lift);
    settles(&mut running).await;
    let open_after = open_at_rest(&mut running).await;
    assert!(
        open_after <= open_before,
        "{open_after} open files at rest, {open_before} before all this"
    );
    running.signal(Signal::TERM);
    running.ends().await.exits(0);
    copying.assert_mirror_equals_world();
    program.run(&["verify"]).await.exits(0);
    let rows = ["customers", "customer_versions", "runs", "rejected"]
        .map(|table| copying.number(&format!("SELECT count(*) FROM {table}")));
    let [customers, versions, kept_runs, rejected] = rows;
    let struck: Vec<u64> = faults.iter().map(Fault::struck).collect();
    let requests = copying.sandbox.requests().total();
    println!(
        "{runs} runs ended, {requests} requests, {} faults",
        struck.iter().sum::<u64>()
    );
    println!(
        "kept: {customers} customers, {versions} versions, {kept_runs} runs, {rejected} rejected"
    );
    println!("of each fault: {struck:?}");
    let done = "SELECT count(*) FROM runs WHERE outcome = 'done'";
    let done = copying.number(done).unsigned_abs();
    println!("{done} runs got through");
    assert!(runs as u64 >= seconds() / 10 && done >= seconds() / 40);
    assert!(requests < 4_000 || struck.iter().all(|times| *times > 0));
    stays_flat(&samples, rows.iter().sum::<i64>().unsigned_abs());
}
