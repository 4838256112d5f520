//! What was asked: counters that never forget, and a log of the last requests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hyper::{HeaderMap, Method, Uri};
use jiff::Timestamp;
use tokio::sync::Notify;

use super::target::Target;

/// One request as it came in. Values of headers are not kept: they hold secrets.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The method.
    pub method: String,
    /// The path, as it stood in the request line.
    pub path: String,
    /// What followed the `?`; empty where there was none.
    pub query: String,
    /// Names of the headers, lower case, each as often as it came.
    pub header_names: Vec<String>,
    /// Whether it came with an `Authorization` header.
    pub had_authorization: bool,
    /// What was asked for.
    pub target: Target,
    /// When it came, for people.
    pub at: Timestamp,
    /// When it came, for measuring.
    pub instant: Instant,
    /// What it was answered with; `None` while it is not, and where the connection was broken off.
    pub status: Option<u16>,
}

/// A handle on the counters and the log of one sandbox.
#[derive(Clone, Debug)]
pub struct Requests(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    capacity: usize,
    total: AtomicU64,
    list: AtomicU64,
    detail: AtomicU64,
    key_pair: AtomicU64,
    elsewhere: AtomicU64,
    not_get: AtomicU64,
    in_flight: AtomicU64,
    in_flight_max: AtomicU64,
    statuses: Vec<AtomicU64>,
    ring: Mutex<Ring>,
    arrived: Notify,
}

/// The last requests. The first of them is the request number `forgotten`.
#[derive(Debug, Default)]
struct Ring {
    forgotten: u64,
    entries: VecDeque<Entry>,
}

impl Requests {
    pub(super) fn new(capacity: usize) -> Self {
        Self(Arc::new(Inner {
            capacity,
            total: AtomicU64::default(),
            list: AtomicU64::default(),
            detail: AtomicU64::default(),
            key_pair: AtomicU64::default(),
            elsewhere: AtomicU64::default(),
            not_get: AtomicU64::default(),
            in_flight: AtomicU64::default(),
            in_flight_max: AtomicU64::default(),
            statuses: (0..1000).map(|_| AtomicU64::default()).collect(),
            ring: Mutex::default(),
            arrived: Notify::new(),
        }))
    }

    /// All requests that came in.
    pub fn total(&self) -> u64 {
        self.0.total.load(Relaxed)
    }

    /// Requests for a page of the list.
    pub fn list(&self) -> u64 {
        self.0.list.load(Relaxed)
    }

    /// Requests for one customer.
    pub fn detail(&self) -> u64 {
        self.0.detail.load(Relaxed)
    }

    /// Requests for the key pair's own page.
    pub fn key_pair(&self) -> u64 {
        self.0.key_pair.load(Relaxed)
    }

    /// Requests for anything that is not there.
    pub fn elsewhere(&self) -> u64 {
        self.0.elsewhere.load(Relaxed)
    }

    /// Requests with another method than GET. There should be none.
    pub fn not_get(&self) -> u64 {
        self.0.not_get.load(Relaxed)
    }

    /// Requests that were answered with this status.
    pub fn status(&self, status: u16) -> u64 {
        self.0
            .statuses
            .get(usize::from(status))
            .map_or(0, |count| count.load(Relaxed))
    }

    /// How often each status was answered.
    pub fn statuses(&self) -> BTreeMap<u16, u64> {
        let counts = (0..).zip(self.0.statuses.iter().map(|count| count.load(Relaxed)));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// Requests being answered now.
    pub fn in_flight(&self) -> u64 {
        self.0.in_flight.load(Relaxed)
    }

    /// The most requests that were being answered at one time.
    pub fn in_flight_max(&self) -> u64 {
        self.0.in_flight_max.load(Relaxed)
    }

    /// The last requests, in the order in which they came.
    pub fn log(&self) -> Vec<Entry> {
        self.ring().entries.iter().cloned().collect()
    }

    /// Empties the log, so that what follows stands alone. Counters go on.
    pub fn forget(&self) {
        let mut ring = self.ring();
        ring.forgotten += ring.entries.len() as u64;
        ring.entries.clear();
    }

    /// Waits until so many requests have come in, all told.
    pub async fn reached(&self, total: u64) {
        loop {
            let arrival = self.0.arrived.notified();
            if self.total() >= total {
                return;
            }
            arrival.await;
        }
    }

    /// Notes a request that came in.
    pub(super) fn enter(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        target: Target,
    ) -> Visit {
        let inner = &self.0;
        let kind = match target {
            Target::List { .. } => &inner.list,
            Target::Detail { .. } => &inner.detail,
            Target::KeyPair => &inner.key_pair,
            Target::Elsewhere => &inner.elsewhere,
        };
        kind.fetch_add(1, Relaxed);
        inner
            .not_get
            .fetch_add(u64::from(method != Method::GET), Relaxed);
        let in_flight = inner.in_flight.fetch_add(1, Relaxed) + 1;
        inner.in_flight_max.fetch_max(in_flight, Relaxed);
        let number = (inner.capacity > 0).then(|| {
            let entry = entry(method, uri, headers, target);
            let mut ring = self.ring();
            if ring.entries.len() == inner.capacity {
                ring.entries.pop_front();
                ring.forgotten += 1;
            }
            ring.entries.push_back(entry);
            ring.forgotten + ring.entries.len() as u64 - 1
        });
        inner.total.fetch_add(1, Relaxed);
        inner.arrived.notify_waiters();
        Visit {
            requests: self.clone(),
            number,
        }
    }

    fn ring(&self) -> std::sync::MutexGuard<'_, Ring> {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request being answered. Dropped when its answer is made, or when nobody waits for it.
#[derive(Debug)]
pub(super) struct Visit {
    requests: Requests,
    number: Option<u64>,
}

impl Visit {
    /// Notes the answer.
    pub(super) fn answered(&self, status: u16) {
        if let Some(count) = self.requests.0.statuses.get(usize::from(status)) {
            count.fetch_add(1, Relaxed);
        }
        let Some(number) = self.number else { return };
        let mut ring = self.requests.ring();
        let position = number
            .checked_sub(ring.forgotten)
            .and_then(|at| usize::try_from(at).ok());
        if let Some(entry) = position.and_then(|at| ring.entries.get_mut(at)) {
            entry.status = Some(status);
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.requests.0.in_flight.fetch_sub(1, Relaxed);
    }
}

fn entry(method: &Method, uri: &Uri, headers: &HeaderMap, target: Target) -> Entry {
    Entry {
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        header_names: headers.iter().map(|(name, _)| name.to_string()).collect(),
        had_authorization: headers.contains_key("authorization"),
        target,
        at: Timestamp::now(),
        instant: Instant::now(),
        status: None,
    }
}
