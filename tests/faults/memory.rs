//! What an answer costs, whatever it claims to hold: measured at the real program, which goes on
//! living after it.

use std::fs;
use std::io::Write as _;
use std::time::Duration;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use rustix::process::Signal;
use tokio::time::timeout;
use twsync::sandbox::{Action, On, Rule};

use crate::program::Running;
use crate::shell::Shell;

const MIB: u64 = 1 << 20;

/// A daemon that has done a run of the ordinary kind.
struct Daemon {
    shell: Shell,
    running: Running,
}

/// What a process has cost so far.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// The most memory that it ever had, in bytes.
    peak: u64,
    /// Hundredths of a second of a processor's time.
    ticks: u64,
}

impl Daemon {
    async fn of(customers: usize) -> Self {
        let shell = Shell::of(customers).await;
        let mut command = shell.command(&[]);
        command
            .env("TWSYNC_SCHEDULE__CRON", "* * * * * *")
            .env("TWSYNC_LAKE__PATH", "")
            // What a person might allow for a slow machine.
            .env("TWSYNC_API__REQUEST_TIMEOUT", "5m");
        let mut running = Running::of(command);
        for _ in 0..2 {
            running.says("run ended").await;
        }
        Self { shell, running }
    }

    /// What it has cost after it was answered so, once, and the run was over.
    async fn after(&mut self, answer: Rule, says: &str) -> Cost {
        let fault = self.shell.fault(answer.times(1));
        let over = async {
            self.running.says(says).await;
            self.running.says("run ended").await;
        };
        let in_time = timeout(Duration::from_mins(1), over).await;
        in_time.expect("a minute is long enough for any answer");
        assert_eq!(fault.struck(), 1);
        self.cost()
    }

    fn cost(&self) -> Cost {
        let read = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", self.running.pid()));
        let status = read("status").unwrap();
        let peak = status.lines().find(|line| line.starts_with("VmHWM:"));
        let peak: u64 = peak
            .unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let stat = read("stat").unwrap();
        // What stands before is the program's name; user and system time are numbers 14 and 15.
        let numbers = stat.rsplit_once(')').unwrap().1.split_whitespace();
        let times = numbers.skip(11).take(2);
        Cost {
            peak: peak * 1024,
            ticks: times.map(|time| time.parse::<u64>().unwrap()).sum(),
        }
    }

    async fn stop(self) {
        self.running.signal(Signal::TERM);
        self.running.ends().await.exits(0);
    }
}

/// A page of blanks that is this large once it is decompressed, and some thousandth of that before.
fn bomb(mib: u64) -> Vec<u8> {
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
    let (mut crc, mut blanks) = (Crc::new(), Crc::new());
    let head = b"{\"customers\":[";
    let chunk = vec![b' '; usize::try_from(MIB).unwrap()];
    crc.update(head);
    blanks.update(&chunk);
    deflate.write_all(head).unwrap();
    deflate.flush().unwrap();
    let begun = deflate.get_ref().len();
    deflate.write_all(&chunk).unwrap();
    deflate.flush().unwrap();
    // After a flush the stream stands at a whole byte, and blanks copy nothing but blanks.
    let repeated = deflate.get_ref()[begun..].to_vec();
    for _ in 1..mib {
        deflate.get_mut().extend_from_slice(&repeated);
    }
    for _ in 0..mib {
        crc.combine(&blanks);
    }
    let length = u32::try_from(mib * MIB + head.len() as u64).unwrap();
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    gzip.extend(deflate.finish().unwrap());
    gzip.extend(crc.sum().to_le_bytes());
    gzip.extend(length.to_le_bytes());
    gzip
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_takes_no_more_memory_than_the_cap_explains() {
    let body = bomb(512);
    assert!((body.len() as u64) < MIB, "{} bytes", body.len());
    let mut daemon = Daemon::of(120).await;
    let before = daemon.cost();
    for on in [On::Page(2), On::Page(1)] {
        let answer = Rule::on(on)
            .does(Action::raw(200, "application/json", body.clone()))
            .does(Action::set_header("content-encoding", "gzip"));
        let after = daemon.after(answer, "larger than 8388608 bytes").await;
        let more = (after.peak - before.peak) / MIB;
        assert!(more < 64, "{more} MiB more than an ordinary run");
    }
    daemon.stop().await;
}

/// A row of an object with so many members.
fn row_of(members: usize) -> String {
    let members: Vec<String> = (0..members).map(|nth| format!("\"k{nth:06}\":0")).collect();
    format!("{{{}}}", members.join(","))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_many_members_costs_what_its_length_explains() {
    let mut daemon = Daemon::of(20).await;
    let mut before = daemon.cost();
    let mut costs = Vec::new();
    for members in [40_000, 400_000] {
        let answer = Rule::on(On::Page(1)).does(Action::inject_row(row_of(members)));
        let after = daemon.after(answer, "kept aside").await;
        costs.push((after.peak - before.peak, after.ticks - before.ticks));
        before = after;
    }
    let [(_, few_ticks), (memory, many_ticks)] = costs[..] else {
        panic!("two sizes");
    };
    // Five megabytes: what each member needs on the way is a few times its length.
    assert!(memory < 128 * MIB, "{} MiB", memory / MIB);
    // Ten times as long; were it to cost by the square, it would be a hundred times.
    let explained = 25 * few_ticks.max(10);
    assert!(many_ticks < explained, "{few_ticks} and {many_ticks}");
    daemon.stop().await;
}
