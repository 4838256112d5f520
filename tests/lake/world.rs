//! A mirror that a test can move through time, and the lake that is made of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use twsync::clock::Clock;
use twsync::config::{self, UuidEncoding};
use twsync::customer::{Customer, CustomerId, Field, Interval, Summary};
use twsync::lake::{self, Error, Finding, Published};
use twsync::mirror::{Mirror, PageTaken, Reason, Settled, Settlement, Verdict};
use twsync::report::{Grade, Live, Mode, Outcome, Report, RunId};

/// A mirror, a lake, and the time.
pub(crate) struct World {
    folder: TempDir,
    mirror: Mirror,
    count: u64,
    /// The lake's settings.
    pub(crate) settings: config::Lake,
    /// What the clock says.
    pub(crate) now: Timestamp,
}

impl World {
    /// An empty one, at noon of 2026-02-03.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mirror = Mirror::open(&folder.path().join("mirror.db")).expect("a mirror");
        let settings = config::Lake {
            path: Some(folder.path().join("lake").into()),
            ..config::Lake::default()
        };
        Self {
            folder,
            mirror,
            count: 0,
            settings,
            now: "2026-02-03T12:00:00Z".parse().expect("a time"),
        }
    }

    /// The folder that the lake and the mirror are in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The lake's folder.
    pub(crate) fn lake(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    /// Goes to this instant.
    pub(crate) fn at(&mut self, at: &str) -> &mut Self {
        self.now = at.parse().expect("a time");
        self
    }

    /// One run, in which these details come in, a second after its start; it ends a minute after
    /// it began.
    pub(crate) fn run(&mut self, details: Vec<(CustomerId, Settlement)>) -> Report {
        self.run_to(Outcome::Done, details)
    }

    /// As [`Self::run`], and it ends so.
    fn run_to(&mut self, outcome: Outcome, details: Vec<(CustomerId, Settlement)>) -> Report {
        let mut report = self.begin(details);
        self.now += jiff::SignedDuration::from_secs(59);
        report.finished_at = Some(self.now);
        report.outcome = Some(outcome);
        report.grade = Some(Grade::Complete);
        report.as_of = Some(report.started_at);
        self.mirror.finish_run(&report).expect("a run ends");
        let mut memory = self.mirror.memory().expect("a memory");
        memory.baseline_done = true;
        memory.last_complete_as_of = report.as_of;
        self.mirror.remember(&memory).expect("it is remembered");
        report
    }

    /// A run that finds these customers, and is killed then.
    pub(crate) fn killed_run(&mut self, customers: &[Customer]) {
        self.begin(customers.iter().map(found).collect());
    }

    /// More of these come in during the newest run.
    pub(crate) fn goes_on(&mut self, customers: &[Customer]) {
        let run = self.newest_run();
        let details = customers.iter().map(found).collect();
        self.take_in(run.id, details);
    }

    /// Several days and months, with every kind of change, and customers of whom little is known.
    pub(crate) fn live_through_months(&mut self) {
        self.at("2025-12-30T10:00:00Z").find(&customers(0..400));
        self.at("2026-01-30T10:00:00Z").find(&[with_members(7, 99)]);
        self.publish();
        self.at("2026-02-02T10:00:00Z").lose(&[id(3), id(4)]);
        self.publish();
        self.at("2026-02-03T10:00:00Z").find(&customers(390..450));
        self.find(&customers(3..4));
        self.publish();
        assert_eq!(self.verify(), []);
    }

    /// Thirty generations, in each of which one customer is another.
    pub(crate) fn publish_thirty_times(&mut self) {
        for members in 1001..=1030 {
            self.find(&[with_members(1, members)]);
            self.publish();
        }
    }

    /// What the mirror keeps of the newest run.
    pub(crate) fn newest_run(&self) -> Report {
        let runs = self.mirror.last_runs(1).expect("runs");
        runs.into_iter().next().expect("there was a run")
    }

    fn begin(&mut self, details: Vec<(CustomerId, Settlement)>) -> Report {
        let report = Report::begin(RunId::new(), Mode::Sync, self.now);
        self.mirror.begin_run(&report).expect("a run begins");
        self.now += jiff::SignedDuration::from_secs(1);
        self.take_in(report.id, details);
        report
    }

    fn take_in(&mut self, run: RunId, details: Vec<(CustomerId, Settlement)>) {
        let ids: Vec<CustomerId> = details.iter().map(|(id, _)| *id).collect();
        self.list(run, &details);
        let known = self.mirror.known(&ids).expect("what is known");
        let rows: Vec<u32> = known
            .into_iter()
            .map(|it| it.expect("it was listed").row)
            .collect();
        let asked_for = rows.iter().copied().collect();
        self.mirror
            .enqueue(&asked_for, Reason::Refresh, self.now)
            .expect("they are queued");
        let settled = rows.into_iter().zip(details);
        let settled = settled
            .map(|(row, (id, outcome))| self.settled(row, id, outcome))
            .collect();
        self.mirror
            .settle(None, run, settled)
            .expect("details are taken in");
    }

    /// A page shows all that are found.
    fn list(&mut self, run: RunId, details: &[(CustomerId, Settlement)]) {
        let rows = details.iter().filter_map(|(_, outcome)| match outcome {
            Settlement::Found(customer) => Some((listed(customer), Verdict::New)),
            _ => None,
        });
        let page = PageTaken {
            run,
            pass: 1,
            page: 1,
            pages: 1,
            total: None,
            interval: self.interval(),
            received_at: self.now,
            content: 0,
            page_size: None,
            has_next: None,
            is_evidence: false,
            rows: rows.collect(),
            rejected: Vec::new(),
        };
        let walk = self
            .mirror
            .begin_walk(run, self.now, "page-size", 100, self.count, 0)
            .expect("a walk begins");
        self.mirror
            .take_pages(walk.id, vec![page])
            .expect("a page is taken in");
    }

    /// A run says this of itself from now on.
    pub(crate) fn ends(&mut self, report: &Report) {
        self.mirror.finish_run(report).expect("a run ends");
    }

    /// A run that finds these customers.
    pub(crate) fn find(&mut self, customers: &[Customer]) -> Report {
        self.run(customers.iter().map(found).collect())
    }

    /// A run that finds nothing new, and ends so.
    pub(crate) fn run_in_vain(&mut self, outcome: Outcome) -> Report {
        self.run_to(outcome, Vec::new())
    }

    /// A run that finds that these are gone.
    pub(crate) fn lose(&mut self, ids: &[CustomerId]) -> Report {
        let gone = |id: &CustomerId| (*id, Settlement::Deleted { not_before: None });
        self.run(ids.iter().map(gone).collect())
    }

    fn settled(&mut self, row: u32, id: CustomerId, outcome: Settlement) -> Settled {
        Settled {
            row,
            id,
            interval: self.interval(),
            at: self.now,
            is_sighting: true,
            outcome,
        }
    }

    fn interval(&mut self) -> Interval {
        self.count += 2;
        Interval {
            sent: self.count,
            received: self.count + 1,
        }
    }

    /// Publishes the mirror as it is.
    pub(crate) fn try_publish(&self) -> Result<Published, Error> {
        let now = self.now;
        let clock = Clock::telling(move || now);
        lake::publish(
            &self.settings,
            self.mirror.path(),
            None,
            &clock,
            &Live::default(),
        )
    }

    /// Publishes the mirror as it is, but for this run, which is shown so.
    pub(crate) fn publish_showing(&self, run: &Report) {
        let now = self.now;
        let clock = Clock::telling(move || now);
        let (settings, mirror) = (&self.settings, self.mirror.path());
        lake::publish(settings, mirror, Some(run), &clock, &Live::default())
            .expect("a generation is published");
    }

    /// What the mirror keeps of the newest run becomes this.
    pub(crate) fn rewrite_run(&mut self, run: &Report) {
        self.mirror.finish_run(run).expect("it is written");
    }

    /// Publishes the mirror as it is.
    pub(crate) fn publish(&self) -> Published {
        self.try_publish().expect("a generation is published")
    }

    /// What is wrong with the lake.
    pub(crate) fn verify(&self) -> Vec<Finding> {
        lake::verify(&self.settings, self.mirror.path()).expect("a verdict")
    }

    /// The same mirror with another lake, which is not there yet.
    pub(crate) fn with_lake<T>(&mut self, name: &str, act: impl FnOnce(&Self, &Path) -> T) -> T {
        let path = self.folder.path().join(name);
        let before = self.settings.path.replace(path.clone().into());
        let answer = act(self, &path);
        self.settings.path = before;
        answer
    }

    /// Ids as Parquet's own type from now on.
    pub(crate) fn write_native_ids(&mut self) {
        self.settings.uuid_encoding = UuidEncoding::Native;
    }
}

fn found(customer: &Customer) -> (CustomerId, Settlement) {
    let details = Settlement::Found(Box::new(customer.clone()));
    (customer.id, details)
}

/// What a list says of a customer.
fn listed(customer: &Customer) -> Summary {
    let customer = customer.clone();
    Summary {
        id: customer.id,
        name: customer.name,
        tier_name: customer.tier_name,
        subscription_status: customer.subscription_status,
        member_count: customer.member_count,
        created_at: customer.created_at,
        owner_user_id: customer.owner_user_id,
        extra: None,
    }
}

/// The customer of this number, created in this order.
pub(crate) fn customer(number: u64) -> Customer {
    let pick = usize::try_from(number).expect("a small number");
    let created = 1_700_000_000 + i64::try_from(number).expect("a small number") * 3600;
    Customer {
        id: id(number),
        name: Field::Value(format!("Customer {number} \u{202e}\u{1f600} =cmd()")),
        tier_name: Field::Value(["pro", "free", "Adversary Pro"][pick % 3].to_owned()),
        tier_id: Field::Value(format!("e1f2a3b4-5633-4b16-bbf0-00000000000{}", number % 3)),
        subscription_status: Field::Value(["active", "past_due"][pick % 2].to_owned()),
        subscription_enabled: Field::Value(number.is_multiple_of(2)),
        member_count: Field::Value(i64::try_from(number % 40).expect("a small number")),
        created_at: Field::Value(Timestamp::from_second(created).expect("a time")),
        owner_user_id: Field::Value(id(number + 500_000).to_string()),
        extra: Some(r#"{"email":"someone@example.com"}"#.to_owned()),
    }
}

/// Customers of these numbers.
pub(crate) fn customers(numbers: std::ops::Range<u64>) -> Vec<Customer> {
    numbers.map(customer).collect()
}

/// The id of the customer of this number: spread, so that order of ids is not order of creation.
pub(crate) fn id(number: u64) -> CustomerId {
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&spread.to_be_bytes());
    bytes[8..].copy_from_slice(&(number | 0x8000_0000_0000_0000).to_be_bytes());
    CustomerId::from_bytes(bytes)
}

/// A customer with another count of members.
pub(crate) fn with_members(number: u64, members: i64) -> Customer {
    Customer {
        member_count: Field::Value(members),
        ..customer(number)
    }
}

/// The manifest of a lake.
pub(crate) fn manifest(lake: &Path) -> Value {
    let text = fs::read_to_string(lake.join("manifest.json")).expect("a manifest");
    serde_json::from_str(&text).expect("a manifest in JSON")
}

/// Changes the manifest of a lake.
pub(crate) fn edit_manifest(lake: &Path, edit: impl FnOnce(&mut Value)) {
    let mut changed = manifest(lake);
    edit(&mut changed);
    let text = serde_json::to_string(&changed).expect("JSON");
    fs::write(lake.join("manifest.json"), text).expect("the manifest can be changed");
}

/// Every Parquet file of a lake, by its path from there on, with its contents.
pub(crate) fn tables(lake: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    collect(lake, lake, &mut files);
    files
}

fn collect(lake: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(lake, &path, files);
        } else if path.extension().is_some_and(|it| it == "parquet") {
            let name = path.strip_prefix(lake).expect("below the lake").to_owned();
            files.insert(name, fs::read(&path).expect("a file"));
        }
    }
}

/// The parts of one of a lake's tables, as its manifest names them.
pub(crate) fn parts(lake: &Path, table: &str) -> Vec<String> {
    let manifest = manifest(lake);
    let files = manifest["files"].as_array().expect("files").iter();
    let of_table = files.filter(|file| file["table"] == table);
    let mut parts: Vec<String> = of_table
        .map(|file| file["part"].as_str().expect("a part").to_owned())
        .collect();
    parts.sort();
    parts
}
