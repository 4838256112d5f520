//! The server's own rate limit, and the forms in which it may say how long to wait.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

use super::refusal::Refusal;

/// So many requests in any stretch of so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests that are answered.
    pub requests: usize,
    /// In this time.
    pub window: Duration,
    /// How the rest is told to come back.
    pub retry_after: RetryAfter,
}

/// The forms of `Retry-After` (RFC 9110, sections 5.6.7 and 10.2.3). Times are rounded up to whole
/// seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// No such header.
    Missing,
    /// `120`
    Seconds,
    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    ImfFixdate,
    /// `Sunday, 06-Nov-94 08:49:37 GMT`
    Rfc850,
    /// `Sun Nov  6 08:49:37 1994`
    Asctime,
}

impl RetryAfter {
    /// The header's text for a wait that begins now.
    pub fn text(self, wait: Duration) -> Option<String> {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let until = SystemTime::now() + Duration::from_secs(seconds);
        let date = |format| Timestamp::try_from(until).map(|at| at.strftime(format).to_string());
        match self {
            Self::Missing => None,
            Self::Seconds => Some(seconds.to_string()),
            Self::ImfFixdate => Some(httpdate::fmt_http_date(until)),
            Self::Rfc850 => date("%A, %d-%b-%y %H:%M:%S GMT").ok(),
            Self::Asctime => date("%a %b %e %H:%M:%S %Y").ok(),
        }
    }
}

/// When the last requests were let through.
#[derive(Debug, Default)]
pub(super) struct Limiter(Mutex<VecDeque<Instant>>);

impl Limiter {
    /// Lets a request through, or refuses it.
    pub(super) fn admit(&self, limit: Option<RateLimit>) -> Result<(), Refusal> {
        let Some(limit) = limit else { return Ok(()) };
        let mut passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        while passed
            .front()
            .is_some_and(|first| now.duration_since(*first) >= limit.window)
        {
            passed.pop_front();
        }
        if passed.len() < limit.requests {
            passed.push_back(now);
            return Ok(());
        }
        let wait = passed
            .front()
            .map_or(limit.window, |first| *first + limit.window - now);
        Err(Refusal::throttled(limit.retry_after.text(wait)))
    }
}
