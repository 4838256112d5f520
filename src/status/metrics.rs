//! The numbers for Prometheus, in the `OpenMetrics` text form. Names are promises.
//!
//! Nothing is counted here: the mirror's runs are the counters, so that they go on where they were
//! after a restart. They are summed up anew for each answer, by [`Totals`].

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;

use super::overview::Overview;
use crate::report::{Grade, Live, Outcome, Report, Stage};

/// The content type of what [`text`] gives.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = [(&'static str, &'static str); 1];
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;
type Counters = Family<Labels, Counter>;

/// What all runs counted together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Ended runs by outcome.
    runs: BTreeMap<&'static str, u64>,
    /// Requests that went over the wire, by kind.
    requests: BTreeMap<&'static str, u64>,
    throttled: u64,
    /// What happened to customers, by what it was.
    changes: BTreeMap<&'static str, u64>,
}

impl Totals {
    pub(super) fn of(runs: &[Report]) -> Self {
        let mut totals = Self {
            runs: OUTCOMES.map(|outcome| (outcome.as_str(), 0)).into(),
            ..Self::default()
        };
        for run in runs {
            if let Some(outcome) = run.outcome {
                *totals.runs.entry(outcome.as_str()).or_default() += 1;
            }
            let counts = run.counts;
            totals.throttled += counts.throttled;
            for (kind, number) in [
                ("list", counts.list_requests),
                ("detail", counts.detail_requests),
                ("retry", counts.retries),
            ] {
                *totals.requests.entry(kind).or_default() += number;
            }
            for (what, number) in [
                ("added", counts.added),
                ("changed", counts.changed),
                ("deleted", counts.deleted),
                ("undeleted", counts.undeleted),
            ] {
                *totals.changes.entry(what).or_default() += number;
            }
        }
        totals
    }
}

const OUTCOMES: [Outcome; 4] = [
    Outcome::Done,
    Outcome::Held,
    Outcome::Partial,
    Outcome::Failed,
];
const GRADES: [Grade; 3] = [Grade::Partial, Grade::Converged, Grade::Complete];
/// The words of the overview's queue: a gauge that nobody waits for is 0, and does not go away.
const REASONS: [&str; 5] = ["new", "returned", "changed", "refresh", "full"];
const STAGES: [(Stage, &str); 4] = [
    (Stage::Idle, "idle"),
    (Stage::Pages, "pages"),
    (Stage::Details, "details"),
    (Stage::Publishing, "publishing"),
];

/// The whole answer. Without an overview, where the mirror can't be read, it says so.
pub(super) fn text(
    mirror: Option<(&Overview, &Totals)>,
    live: &Live,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("twsync");
    process(&mut registry, mirror.is_some(), live);
    if let Some((overview, totals)) = mirror {
        freshness(&mut registry, overview);
        stock(&mut registry, overview);
        last_run(&mut registry, overview);
        sums(&mut registry, totals);
    }
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn process(registry: &mut Registry, readable: bool, live: &Live) {
    let build = Gauges::default();
    build
        .get_or_create(&[("version", env!("CARGO_PKG_VERSION"))])
        .set(1.0);
    registry.register("build_info", "The program that answers", build);
    gauge(
        registry,
        "mirror_readable",
        "1 where there is a mirror and it can be read, else 0",
        u64::from(readable) as f64,
    );
    let (stage, done, total, requests) = live.read();
    let stages = STAGES.map(|(it, word)| ("stage", word, f64::from(u8::from(it == stage))));
    gauges(registry, "stage", "1 for what the daemon is at", stages);
    for (name, help, number) in [
        (
            "stage_steps_done",
            "Pages or details of this stage that are done",
            done,
        ),
        (
            "stage_steps",
            "Pages or details of this stage in all; 0 where not known yet",
            total,
        ),
        (
            "process_requests",
            "Requests to the API since this process began",
            requests,
        ),
    ] {
        gauge(registry, name, help, number as f64);
    }
}

fn freshness(registry: &mut Registry, overview: &Overview) {
    let ready = f64::from(u8::from(!overview.stale));
    gauge(
        registry,
        "ready",
        "1 where the data is as fresh as the schedule promises",
        ready,
    );
    for (name, help, at) in [
        (
            "as_of_timestamp_seconds",
            "The instant that the data speaks of",
            overview.as_of,
        ),
        (
            "last_complete_timestamp_seconds",
            "The instant of the newest proved list",
            overview.complete_as_of,
        ),
        (
            "oldest_detail_timestamp_seconds",
            "When the details verified longest ago were verified",
            overview.details.oldest_verified_at,
        ),
        (
            "next_run_timestamp_seconds",
            "The next scheduled time",
            overview.next_run_at,
        ),
    ] {
        if let Some(at) = at {
            gauge(registry, name, help, seconds(at));
        }
    }
    let grades = GRADES.map(|it| {
        let is = overview.grade == Some(it);
        ("grade", it.as_str(), f64::from(u8::from(is)))
    });
    gauges(
        registry,
        "grade",
        "1 for the grade of the data as it is",
        grades,
    );
    let wanted = overview.details.max_age_seconds as f64;
    gauge(
        registry,
        "detail_age_max_seconds",
        "The age that details should not exceed",
        wanted,
    );
    if let Some(seconds) = overview.details.attainable_age_seconds {
        let help = "The age of details that schedule and rate can hold at best";
        gauge(
            registry,
            "detail_age_attainable_seconds",
            help,
            seconds as f64,
        );
    }
}

fn stock(registry: &mut Registry, overview: &Overview) {
    let customers = overview.customers;
    let states = [
        ("state", "active", customers.active as f64),
        ("state", "deleted", customers.deleted as f64),
        ("state", "unlisted", customers.unlisted as f64),
        ("state", "unverified", customers.unverified as f64),
    ];
    let help = "Customers in the mirror; unlisted and unverified ones are among the active";
    gauges(registry, "customers", help, states);
    let queued = REASONS.map(|reason| {
        let length = overview.queue.get(reason).copied().unwrap_or(0);
        ("reason", reason, length as f64)
    });
    let missing = ("reason", "missing", overview.undecided() as f64);
    let queued = queued.into_iter().chain([missing]);
    let help = "Customers whose details are to be fetched; missing are those whom the list does not \
                show, and of whom nothing decides yet";
    gauges(registry, "queue_length", help, queued);
    for (name, help, number) in [
        ("held_deletions", "Deletions on hold", overview.held as f64),
        (
            "rejected_rows",
            "Rows kept aside that could not be taken",
            overview.customers.rejected_rows as f64,
        ),
        (
            "versions",
            "Versions of all customers",
            overview.customers.versions as f64,
        ),
        (
            "request_rate_per_second",
            "The rate of requests in force",
            overview.pace.requests_per_second,
        ),
        (
            "request_rate_ceiling_per_second",
            "The rate of requests that is never exceeded",
            overview.pace.ceiling_per_second,
        ),
    ] {
        gauge(registry, name, help, number);
    }
}

fn last_run(registry: &mut Registry, overview: &Overview) {
    let Some(run) = overview.last_ended() else {
        return;
    };
    let Some(finished) = run.finished_at else {
        return;
    };
    let took = finished.duration_since(run.started_at).as_secs_f64();
    for (name, help, number) in [
        (
            "last_run_start_timestamp_seconds",
            "When the last ended run began",
            seconds(run.started_at),
        ),
        (
            "last_run_end_timestamp_seconds",
            "When the last run ended",
            seconds(finished),
        ),
        (
            "last_run_duration_seconds",
            "How long the last ended run took",
            took,
        ),
    ] {
        gauge(registry, name, help, number);
    }
    let outcomes = OUTCOMES.map(|it| {
        let is = run.outcome == Some(it);
        ("outcome", it.as_str(), f64::from(u8::from(is)))
    });
    gauges(
        registry,
        "last_run_outcome",
        "1 for how the last run ended",
        outcomes,
    );
}

fn sums(registry: &mut Registry, totals: &Totals) {
    counters(registry, "runs", "Ended runs", "outcome", &totals.runs);
    let help = "Requests that went over the wire";
    counters(registry, "requests", help, "kind", &totals.requests);
    let help = "What happened to customers";
    counters(
        registry,
        "customer_changes",
        help,
        "change",
        &totals.changes,
    );
    let throttled = Counter::<u64>::default();
    throttled.inc_by(totals.throttled);
    registry.register("throttled", "Answers with status 429", throttled);
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Gauge::<f64, AtomicU64>::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn gauges(
    registry: &mut Registry,
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = (&'static str, &'static str, f64)>,
) {
    let family = Gauges::default();
    for (label, word, value) in values {
        family.get_or_create(&[(label, word)]).set(value);
    }
    registry.register(name, help, family);
}

fn counters(
    registry: &mut Registry,
    name: &str,
    help: &str,
    label: &'static str,
    values: &BTreeMap<&'static str, u64>,
) {
    let family = Counters::default();
    for (word, value) in values {
        family.get_or_create(&[(label, *word)]).inc_by(*value);
    }
    registry.register(name, help, family);
}

fn seconds(at: Timestamp) -> f64 {
    at.as_microsecond() as f64 / 1e6
}
