//! A mirror with a clock, a counter and a walk of its own, and a few words to speak to it in.
#![allow(dead_code, reason = "each test binary uses its own part of it")]
#![allow(
    unreachable_pub,
    reason = "a module that several test binaries include"
)]

use std::fmt::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use roaring::RoaringBitmap;
use rusqlite::Connection;
use tempfile::TempDir;
use twsync::customer::{Customer, CustomerId, Field, Interval, Summary};
use twsync::mirror::{
    Effect, Kept, Known, Memory, Mirror, PageTaken, Reader, Settled, Settlement, State, Verdict,
    Version,
};
use twsync::report::{Mode, Report, RunId};

/// A mirror in a folder of its own, in the middle of a run and a walk.
pub struct World {
    pub mirror: Mirror,
    pub report: Report,
    pub run: RunId,
    pub walk: i64,
    /// Seconds since the test's beginning of time; each step takes one.
    pub time: i64,
    /// The interval counter.
    pub count: u64,
    page: u32,
    folder: TempDir,
}

impl World {
    pub fn new() -> Self {
        Self::within(TempDir::new().unwrap())
    }

    /// Of the mirror in this folder, or of a new one.
    pub fn within(folder: TempDir) -> Self {
        let mut mirror = Mirror::open(&folder.path().join("data/mirror.db")).unwrap();
        let run = RunId::new();
        let report = Report::begin(run, Mode::Sync, at(0));
        mirror.begin_run(&report).unwrap();
        let walk = mirror
            .begin_walk(run, at(0), "page-size", 100, 1, 0)
            .unwrap()
            .id;
        Self {
            mirror,
            report,
            run,
            walk,
            time: 10,
            count: 1,
            page: 0,
            folder,
        }
    }

    /// With customers 1 to `customers`, listed and found.
    pub fn with_customers(customers: u32) -> Self {
        let mut world = Self::new();
        let rows: Vec<_> = (1..=customers)
            .map(|number| (summary(number), Verdict::New))
            .collect();
        world.list(&rows);
        for number in 1..=customers {
            world.found(number, summary(number).into());
        }
        world
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("data/mirror.db")
    }

    pub fn reader(&self) -> Reader {
        Reader::open(&self.path()).unwrap()
    }

    /// Closes the mirror and opens it again.
    pub fn reopen(&mut self) {
        let spare = Mirror::open(&self.folder.path().join("spare.db")).unwrap();
        drop(std::mem::replace(&mut self.mirror, spare));
        self.mirror = Mirror::open(&self.path()).unwrap();
    }

    /// Closes the mirror; its files last as long as the folder.
    pub fn close(self) -> TempDir {
        drop(self.mirror);
        self.folder
    }

    /// Takes a page in.
    pub fn list(&mut self, rows: &[(Summary, Verdict)]) -> RoaringBitmap {
        self.page += 1;
        let page = PageTaken {
            run: self.run,
            pass: 1,
            page: self.page,
            pages: 10,
            total: Some(7),
            interval: self.interval(),
            received_at: self.now(),
            content: u64::MAX - 1,
            page_size: None,
            has_next: None,
            is_evidence: true,
            rows: rows.to_vec(),
            rejected: Vec::new(),
        };
        self.mirror
            .take_pages(self.walk, vec![page])
            .unwrap()
            .remove(0)
    }

    pub fn found(&mut self, number: u32, customer: Customer) -> Effect {
        self.settle(number, Settlement::Found(Box::new(customer)))
    }

    pub fn settle(&mut self, number: u32, outcome: Settlement) -> Effect {
        let interval = self.interval();
        self.settle_at(number, interval, outcome)
    }

    pub fn settle_at(&mut self, number: u32, interval: Interval, outcome: Settlement) -> Effect {
        let detail = Settled {
            row: self.row(number),
            id: id(number),
            interval,
            at: self.now(),
            is_sighting: true,
            outcome,
        };
        self.mirror
            .settle(Some(self.walk), self.run, vec![detail])
            .unwrap()[0]
    }

    pub fn settle_alone(&mut self, row: u32, number: u32, outcome: Settlement) -> Effect {
        let interval = self.interval();
        let detail = Settled {
            row,
            id: id(number),
            interval,
            at: self.now(),
            is_sighting: true,
            outcome,
        };
        self.mirror.settle(None, self.run, vec![detail]).unwrap()[0]
    }

    pub fn remember(&mut self, change: impl FnOnce(&mut Memory)) {
        let mut memory = self.mirror.memory().unwrap();
        change(&mut memory);
        self.mirror.remember(&memory).unwrap();
    }

    pub fn known(&self, number: u32) -> Option<Known> {
        self.mirror.known(&[id(number)]).unwrap().pop().unwrap()
    }

    pub fn state_of(&self, number: u32) -> Option<State> {
        self.known(number).map(|known| known.state)
    }

    pub fn row(&self, number: u32) -> u32 {
        self.known(number).expect("it has been listed").row
    }

    pub fn kept(&self, number: u32) -> Kept {
        let reader = self.reader();
        let snapshot = reader.snapshot().unwrap();
        snapshot.customer(id(number)).unwrap().expect("it is kept")
    }

    pub fn history(&self, number: u32) -> Vec<Version> {
        self.reader()
            .snapshot()
            .unwrap()
            .history(id(number))
            .unwrap()
    }

    /// Nothing is wrong with the mirror as a whole.
    pub fn is_whole(&self) {
        assert_eq!(
            self.reader().snapshot().unwrap().faults().unwrap(),
            Vec::<String>::new()
        );
    }

    /// A table as text, a line a row.
    pub fn dump(&self, table: &str) -> String {
        let connection = Connection::open(self.path()).unwrap();
        let mut statement = connection
            .prepare(&format!("SELECT * FROM {table}"))
            .unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let mut text = String::new();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                write!(text, "{:?} ", row.get_ref(column).unwrap()).unwrap();
            }
            text.push('\n');
        }
        text
    }

    pub fn interval(&mut self) -> Interval {
        let sent = self.count;
        self.count += 2;
        Interval {
            sent,
            received: sent + 1,
        }
    }

    pub fn now(&mut self) -> Timestamp {
        self.time += 1;
        at(self.time)
    }
}

/// So many seconds after the test's beginning of time.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_770_000_000 + seconds).unwrap()
}

/// The id of the customer with this number.
pub fn id(number: u32) -> CustomerId {
    let mut bytes = [0x40; 16];
    bytes[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
    CustomerId::from_bytes(bytes)
}

/// What a list first says of the customer with this number.
pub fn summary(number: u32) -> Summary {
    Summary {
        id: id(number),
        name: Field::Value(format!("Customer {number}")),
        tier_name: Field::Value("Pro".to_owned()),
        subscription_status: Field::Value("active".to_owned()),
        member_count: Field::Value(i64::from(number)),
        created_at: Field::Value(at(-i64::from(number) * 86_400)),
        owner_user_id: Field::Absent,
        extra: None,
    }
}
