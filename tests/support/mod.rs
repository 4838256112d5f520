//! The language that the tests of a run are written in: a world that is served over real HTTP, a
//! twsync that copies it into a folder of its own, a clock that stands still until somebody waits.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary speaks only a part of the language"
)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OpenFlags};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use twsync::clock::{Clock, Hands};
use twsync::config::{self, Config};
use twsync::mirror::{Mirror, Reader};
use twsync::report::{Exit, Live, Mode};
use twsync::sandbox::{
    Action, Dialect, Fault, Items, On, Options, Order, Rule, Sandbox, TOKEN, Target, World,
};
use twsync::sync::{self, Job, Ran, Surroundings};

/// An ordinary run that may send so many requests.
pub fn within(requests: u64) -> Job {
    Job {
        requests_max: Some(requests),
        ..Job::of(Mode::Sync)
    }
}

/// An ordinary run to which a person has released so many deletions.
pub fn releasing(deletions: u64) -> Job {
    Job {
        deletions_allowed: deletions,
        ..Job::of(Mode::Sync)
    }
}

/// A world, its server, and a copy of it in the making.
pub struct Copying {
    pub sandbox: Sandbox,
    pub folder: TempDir,
    pub config: Config,
    /// Cancelled, the run under way stops.
    pub stop: CancellationToken,
    clock: Clock,
    pub hands: Hands,
}

impl Copying {
    /// Copies a quiet world of this many customers.
    pub async fn of(customers: usize) -> Self {
        Self::from(Options {
            world: World::new(11, customers),
            ..Options::default()
        })
        .await
    }

    /// Copies a quiet world of this many customers, listed in this order.
    pub async fn ordered(customers: usize, order: Order) -> Self {
        let world = World::new(5, customers);
        world.set_order(order);
        Self::from(Options {
            world,
            ..Options::default()
        })
        .await
    }

    /// Copies this world from a server that speaks the `limit` dialect, and whose `items` counts these.
    pub async fn of_limit(world: World, items: Items) -> Self {
        Self::from(Options {
            world,
            dialect: Dialect::Limit,
            items,
            ..Options::default()
        })
        .await
    }

    /// Copies from a sandbox with these options.
    pub async fn from(options: Options) -> Self {
        let sandbox = Sandbox::start(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.api.base_url = sandbox.url().parse().unwrap();
        let token = config::SecretSource::Inline(SecretString::from(TOKEN));
        config.api.credentials = Some(config::Credentials::Bearer(token));
        config.pace.requests_per_second = 1e9;
        config.pace.burst = 1_000_000;
        config.mirror.path = folder.path().join("mirror.db");
        config.lake.path = Some(folder.path().join("lake").into());
        let start: Timestamp = "2026-11-01T12:00:00Z".parse().unwrap();
        let (clock, hands) = Clock::still(start);
        Self {
            sandbox,
            folder,
            config,
            stop: CancellationToken::new(),
            clock,
            hands,
        }
    }

    pub fn world(&self) -> World {
        self.sandbox.world()
    }

    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// What time it is for twsync.
    pub fn now(&self) -> Timestamp {
        self.hands.now()
    }

    /// Lets time pass for twsync.
    pub fn later(&self, by: SignedDuration) {
        self.hands.set(by);
    }

    pub async fn run(&self) -> Outcome {
        self.run_job(Job::of(Mode::Sync)).await
    }

    /// Does one run in this process, from opening the mirror to closing it.
    pub async fn run_job(&self, job: Job) -> Outcome {
        let surroundings = Surroundings {
            config: Arc::new(self.config.clone()),
            clock: self.clock(),
            live: Arc::new(Live::default()),
            stop: self.stop.clone(),
        };
        let before = self.requests();
        let mirror = Mirror::open(&self.config.mirror.path).unwrap();
        let Ran {
            report,
            warnings,
            error,
            mirror,
        } = sync::run(&job, &surroundings, mirror).await;
        drop(mirror);
        let after = self.requests();
        Outcome {
            report,
            warnings,
            error,
            lists: after.0 - before.0,
            details: after.1 - before.1,
        }
    }

    /// Puts a rule in force at the server.
    pub fn fault(&self, rule: Rule) -> Fault {
        self.sandbox.faults().add(rule)
    }

    /// When each request from now on comes to the server, by twsync's clock.
    pub fn arrivals(&self) -> Arrivals {
        let arrivals = Arrivals::default();
        let (hands, noted) = (self.hands.clone(), Arc::clone(&arrivals.0));
        let note = Action::before(move |target| {
            noted.lock().unwrap().push((target, hands.now()));
        });
        self.fault(Rule::on(On::Any).does(note));
        arrivals
    }

    /// What a run would do, told over a copy of the mirror.
    pub async fn rehearse(&self) -> sync::Forecast {
        let copy = self.folder.path().join("copy.db");
        Reader::open(&self.config.mirror.path)
            .unwrap()
            .copy_to(&copy)
            .unwrap();
        let surroundings = Surroundings {
            config: Arc::new(self.config.clone()),
            clock: self.clock(),
            live: Arc::new(Live::default()),
            stop: self.stop.clone(),
        };
        sync::rehearse(&surroundings, Mirror::open(&copy).unwrap())
            .await
            .unwrap()
    }

    /// List and detail requests that the server has seen so far.
    pub fn requests(&self) -> (u64, u64) {
        (
            self.sandbox.requests().list(),
            self.sandbox.requests().detail(),
        )
    }

    pub fn mirror_path(&self) -> PathBuf {
        self.config.mirror.path.clone()
    }

    /// The mirror as anybody may read it.
    pub fn sql(&self) -> Connection {
        Connection::open_with_flags(self.mirror_path(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
    }

    /// One number that a query answers.
    pub fn number(&self, query: &str) -> i64 {
        self.sql().query_row(query, [], |row| row.get(0)).unwrap()
    }

    /// One text that a query answers; none where it is NULL.
    pub fn text(&self, query: &str) -> Option<String> {
        self.sql().query_row(query, [], |row| row.get(0)).unwrap()
    }

    /// The promise: the living customers of the mirror are those of the world, field by field.
    #[track_caller]
    pub fn assert_mirror_equals_world(&self) {
        let mut world: Vec<(String, Value)> = Vec::new();
        self.world().each(|customer| {
            world.push((customer.id.to_string(), seen(&customer.details())));
        });
        world.sort_by(|one, other| one.0.cmp(&other.0));
        let mirror = self.living();
        assert_eq!(
            mirror.len(),
            world.len(),
            "customers in the mirror, and in the world"
        );
        for (kept, real) in mirror.iter().zip(&world) {
            assert_eq!(kept, real);
        }
    }

    /// The mirror's living customers by id, in the words of the API.
    pub fn living(&self) -> Vec<(String, Value)> {
        let base = self.sql();
        let mut query = base
            .prepare(
                "SELECT id, name, tier_name, tier_id, subscription_status, subscription_enabled, \
                 member_count, created_at, owner_user_id, extra \
                 FROM customers WHERE deleted_at IS NULL ORDER BY id",
            )
            .unwrap();
        let rows = query.query_map([], |row| {
            let id: String = row.get(0)?;
            let mut fields = Map::new();
            for (at, key) in [
                (1, "name"),
                (2, "tierName"),
                (3, "tierID"),
                (4, "subscriptionStatus"),
                (8, "ownerUserID"),
            ] {
                fields.insert(key.to_owned(), json!(row.get::<_, Option<String>>(at)?));
            }
            let enabled: Option<bool> = row.get(5)?;
            fields.insert("subscriptionEnabled".to_owned(), json!(enabled));
            fields.insert(
                "memberCount".to_owned(),
                json!(row.get::<_, Option<i64>>(6)?),
            );
            fields.insert(
                "createdAt".to_owned(),
                json!(row.get::<_, Option<String>>(7)?),
            );
            if let Some(extra) = row.get::<_, Option<String>>(9)? {
                fields.insert("extra".to_owned(), serde_json::from_str(&extra).unwrap());
            }
            Ok((id, Value::Object(fields)))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }
}

/// Requests in the order in which they came, each with its time.
#[derive(Clone, Default)]
pub struct Arrivals(Arc<Mutex<Vec<(Target, Timestamp)>>>);

impl Arrivals {
    /// All of them so far.
    pub fn all(&self) -> Vec<(Target, Timestamp)> {
        self.0.lock().unwrap().clone()
    }

    /// Their times alone.
    pub fn times(&self) -> Vec<Timestamp> {
        self.all().into_iter().map(|(_, at)| at).collect()
    }
}

/// What came of a run in a test, and what it cost at the server.
pub struct Outcome {
    pub report: twsync::report::Report,
    pub warnings: Vec<String>,
    pub error: Option<sync::Error>,
    pub lists: u64,
    pub details: u64,
}

impl Outcome {
    /// Fails the test where the run failed.
    #[track_caller]
    pub fn ok(self) -> Self {
        if let Some(error) = &self.error {
            panic!("the run failed: {error}");
        }
        self
    }

    /// Fails the test where the run did not end with this exit code, loudly and with a way out.
    /// Returns all that a person is told of it.
    #[track_caller]
    pub fn failed(&self, exit: Exit) -> String {
        let Some(error) = &self.error else {
            panic!("the run did not fail");
        };
        let said = said(error);
        assert_eq!(error.exit(), exit, "{said}");
        assert!(!error.hint().is_empty(), "no way out of: {said}");
        assert_eq!(self.report.reason.as_deref(), Some(said.as_str()));
        said
    }

    /// Fails the test where nobody was told anything that holds these words.
    #[track_caller]
    pub fn warned(&self, words: &str) {
        let warnings = &self.warnings;
        let times = warnings.iter().filter(|it| it.contains(words)).count();
        assert_eq!(times, 1, "of “{words}” in {warnings:?}");
    }
}

/// An error with what lies under it, in one line.
fn said(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", said(cause)),
        None => error.to_string(),
    }
}

/// A customer's details as the mirror tells them: absent and null look the same in SQL, times have
/// six digits, what is not declared is in `extra`.
fn seen(details: &Value) -> Value {
    let declared = [
        "name",
        "tierName",
        "tierID",
        "subscriptionStatus",
        "subscriptionEnabled",
        "memberCount",
        "createdAt",
        "ownerUserID",
    ];
    let mut object = details.as_object().unwrap().clone();
    object.remove("id");
    let mut fields = Map::new();
    for key in declared {
        fields.insert(key.to_owned(), object.remove(key).unwrap_or(Value::Null));
    }
    if let Some(created) = fields["createdAt"].as_str() {
        let created: Timestamp = created.parse().unwrap();
        fields["createdAt"] = json!(format!("{created:.6}"));
    }
    if !object.is_empty() {
        fields.insert("extra".to_owned(), Value::Object(object));
    }
    Value::Object(fields)
}
