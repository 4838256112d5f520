//! One request, with all its attempts: through the gate, over the wire, judged, and again.
//!
//! Everything that goes over the wire goes through `Exchange::attempt`. This file knows no route
//! and reads no body.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::answer::Tally;
use super::credentials::{Credentials, Shown};
use super::error::Error;
use super::gate::Gate;
use super::retry::{Tokens, backoff};
use super::retry_after;
use super::transport::{Failure, Reply, Transport};
use super::verdict::{self, Again, Judged, Verdict};
use crate::clock::Clock;
use crate::customer::Interval;
use crate::report::Live;

const RETRIES_SPENT: &str = "and this run's retries are spent";

/// Asks, and asks again where that helps.
pub(super) struct Exchange {
    pub(super) transport: Transport,
    pub(super) credentials: Credentials,
    pub(super) gate: Gate,
    pub(super) tokens: Tokens,
    pub(super) counted: Counted,
    /// Retries of one request, at most.
    pub(super) retries_max: u32,
    pub(super) clock: Clock,
    pub(super) live: Arc<Live>,
}

/// What is being asked for, as far as the tally cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    List,
    Details,
    /// Neither: in no tally.
    Advice,
}

/// What came of a request.
pub(super) struct Arrived<T> {
    pub(super) at: Arrival,
    /// The answer, or the error to give up with: after all retries of this one request, where the
    /// credentials were refused, or where one customer's details are no answer of this API.
    pub(super) answer: Result<T, Error>,
}

/// When the last attempt of a request was made, and by whom it was answered.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) interval: Interval,
    pub(super) received_at: Timestamp,
    pub(super) from_cache: bool,
    /// What time the server says it is.
    pub(super) server_time: Option<Timestamp>,
}

/// One attempt that went over the wire.
struct Attempt {
    shown: Arc<Shown>,
    passed: Duration,
    at: Arrival,
    received: Result<Reply, Failure>,
}

impl Exchange {
    /// Asks until `particular` takes an answer, or this request's retries are spent. An error ends
    /// the run.
    pub(super) async fn ask<T>(
        &self,
        route: Route,
        url: &Url,
        particular: impl Fn(&Judged<'_>) -> Verdict<T>,
    ) -> Result<Arrived<T>, Error> {
        let mut retries = 0;
        let mut has_renewed = false;
        loop {
            let attempt = self.attempt(route, url, retries > 0 || has_renewed).await?;
            let Attempt { shown, at, .. } = attempt;
            match verdict::of(attempt.received, at.received_at, &shown, &particular) {
                Verdict::Taken(answer) => {
                    self.answered();
                    return Ok(Arrived {
                        at,
                        answer: Ok(answer),
                    });
                }
                Verdict::Ended(error) => return Err(error),
                Verdict::Alien(error) => {
                    if route != Route::Details || self.tokens.give_up() {
                        return Err(error);
                    }
                    let answer = Err(error);
                    return Ok(Arrived { at, answer });
                }
                Verdict::Unauthorized(error) => {
                    if has_renewed || !self.may_have_renewed(&shown)? || !self.tokens.spend() {
                        let answer = Err(error);
                        return Ok(Arrived { at, answer });
                    }
                    has_renewed = true;
                }
                Verdict::Again(again) => {
                    self.note(&again, attempt.passed)?;
                    let spent = if retries == self.retries_max {
                        Some(after(retries))
                    } else {
                        (!self.tokens.spend()).then(|| RETRIES_SPENT.to_owned())
                    };
                    if let Some(spent) = spent {
                        let error = again.given_up(&spent);
                        if self.tokens.give_up() {
                            return Err(error.of_a_storm());
                        }
                        let answer = Err(error);
                        return Ok(Arrived { at, answer });
                    }
                    retries += 1;
                    self.wait_for(retries, &again).await?;
                }
            }
        }
    }

    /// Asks once, and never again; for advice that nothing depends on. Beside the reply: what the server
    /// was shown, and may echo.
    pub(super) async fn ask_once(&self, url: &Url) -> Option<(Reply, Arc<Shown>)> {
        let attempt = self.attempt(Route::Advice, url, false).await.ok()?;
        let reply = attempt.received.ok()?;
        if reply.status == 429 {
            self.gate.throttled(attempt.passed);
        }
        Some((reply, attempt.shown))
    }

    /// The only way over the wire.
    async fn attempt(&self, route: Route, url: &Url, is_retry: bool) -> Result<Attempt, Error> {
        let passed = self.gate.pass().await?;
        let shown = self.credentials.look_up()?;
        self.counted.request(route, is_retry);
        self.live.request();
        let sent = self.counted.next();
        let mut received = tokio::select! {
            biased;
            received = self.transport.get(url, &shown) => received,
            () = self.gate.late() => return Err(Error::Stopped),
        };
        if let Ok(reply) = &mut received
            && shown.mask_body(&mut reply.body)
        {
            self.counted.echoed();
        }
        let headers = received.as_ref().ok().map(|reply| &reply.headers);
        let at = Arrival {
            interval: Interval {
                sent,
                received: self.counted.next(),
            },
            received_at: self.clock.now(),
            from_cache: headers.is_some_and(verdict::is_from_cache),
            server_time: headers
                .and_then(retry_after::made_at)
                .and_then(|time| time.try_into().ok()),
        };
        let status = received.as_ref().map_or(0, |reply| reply.status);
        if status == 429 {
            self.counted.throttled.fetch_add(1, Ordering::Relaxed);
        }
        tracing::debug!(method = "GET", path = url.path(), status, "attempt");
        Ok(Attempt {
            shown,
            passed,
            at,
            received,
        })
    }

    fn answered(&self) {
        self.tokens.earn();
        self.gate.answered();
        self.counted.has_answered.store(true, Ordering::Relaxed);
    }

    /// Whether a refusal is worth one more attempt with the credentials read anew: where they are
    /// others now, or where they had been good before.
    fn may_have_renewed(&self, refused: &Shown) -> Result<bool, Error> {
        let now = self.credentials.look_up()?;
        Ok(!now.is_same_as(refused) || self.counted.has_answered.load(Ordering::Relaxed))
    }

    /// Lets everyone know what the server asked for.
    fn note(&self, again: &Again, passed: Duration) -> Result<(), Error> {
        if again.throttled {
            self.gate.throttled(passed);
        }
        again.wait.map_or(Ok(()), |wait| self.gate.hold(wait))
    }

    async fn wait_for(&self, retry: u32, again: &Again) -> Result<(), Error> {
        // Where the server said how long, the gate keeps everyone waiting.
        if again.wait.is_some() || (again.at_once && retry == 1) {
            return Ok(());
        }
        self.gate.rest(backoff(retry)).await
    }
}

fn after(retries: u32) -> String {
    match retries {
        1 => "after 1 retry".to_owned(),
        _ => format!("after {retries} retries"),
    }
}

/// What the client counts.
pub(super) struct Counted {
    interval: AtomicU64,
    list_requests: AtomicU64,
    detail_requests: AtomicU64,
    retries: AtomicU64,
    throttled: AtomicU64,
    has_answered: AtomicBool,
    has_echoed: AtomicBool,
}

impl Counted {
    /// Nothing yet; intervals go on from `count_from`.
    pub(super) fn from(count_from: u64) -> Self {
        Self {
            interval: AtomicU64::new(count_from),
            list_requests: AtomicU64::new(0),
            detail_requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
            has_answered: AtomicBool::new(false),
            has_echoed: AtomicBool::new(false),
        }
    }

    /// The next number that the counter of intervals gives out.
    pub(super) fn count(&self) -> u64 {
        self.interval.load(Ordering::SeqCst)
    }

    /// So far.
    pub(super) fn tally(&self) -> Tally {
        Tally {
            list_requests: self.list_requests.load(Ordering::Relaxed),
            detail_requests: self.detail_requests.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            throttled: self.throttled.load(Ordering::Relaxed),
        }
    }

    /// A proof rests on the order of these numbers, across threads: no weaker ordering will do.
    fn next(&self) -> u64 {
        self.interval.fetch_add(1, Ordering::SeqCst)
    }

    /// An answer held the credentials. It is said once.
    fn echoed(&self) {
        if !self.has_echoed.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the server sends the credentials back in what it answers: they are kept nowhere, and \
                 stand there as [secret]; tell whoever runs it, and consider new ones"
            );
        }
    }

    fn request(&self, route: Route, is_retry: bool) {
        let counter = match route {
            Route::List | Route::Details if is_retry => &self.retries,
            Route::List => &self.list_requests,
            Route::Details => &self.detail_requests,
            Route::Advice => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
