//! What only the server can tell: one page of the list, the time, and what it knows of the key.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::super::Failure;
use super::super::words::{self, counted, instant};
use super::Line;
use crate::api::{Client, Limits, PaceMemory, Page, Total};
use crate::clock::Clock;
use crate::config::{self, Config, Credentials, Dialect};
use crate::daemon::signals;
use crate::mirror::Reader;
use crate::report::Live;

/// A key that expires sooner is said.
const EXPIRY_DAYS_MIN: i64 = 14;

/// A clock that differs more from the server's is said. The server tells whole seconds, and its
/// answer takes a while.
const SKEW_SECONDS_MAX: i64 = 30;

/// The role that the two routes ask for.
const ROLE: &str = "billing_admin";

/// What only the server can tell: one page, and what the platform says of the key.
pub(super) async fn ask(config: &Config) -> Result<Vec<Line>, Failure> {
    // Someone waits for the answer, and trying again is theirs to decide.
    let pace = config::Pace {
        retries_max: config.pace.retries_max.min(1),
        wait_max: Duration::ZERO,
        ..config.pace
    };
    let client = Client::new(
        &config.api,
        &pace,
        remembered(config),
        Limits::default(),
        Clock::system(),
        Arc::new(Live::default()),
        signals::stop()?,
    );
    let client = match client {
        Ok(client) => client,
        Err(error) => return Ok(vec![Line::wrong("api", &error.into())]),
    };
    let asked = Instant::now();
    let page = client.list_page(1, config.api.page_size);
    let page = match page.await {
        Ok(page) => page,
        Err(error) => return Ok(vec![Line::wrong("api", &error.into())]),
    };
    let took = words::span(asked.elapsed());
    let answers = format!("{} answers in {took}", config.api.base_url);
    let mut lines = vec![Line::good("api", answers), list(&page)];
    lines.extend(skew(&page));
    if matches!(config.api.credentials, Some(Credentials::KeyPair { .. })) {
        lines.push(key_pair(&client).await);
    }
    Ok(lines)
}

/// What the server asked of earlier runs holds here, too.
fn remembered(config: &Config) -> PaceMemory {
    let memory = Reader::open_without_trace(&config.mirror.path)
        .and_then(|reader| reader.snapshot()?.memory());
    // Without a mirror nothing is remembered; that one can't be read is another line's to say.
    let memory = memory.unwrap_or_default();
    PaceMemory {
        requests_per_second: memory.requests_per_second,
        not_before: memory.not_before,
    }
}

/// How far this clock is from the server's; nothing where the server tells no time, or a cache
/// tells an old one.
fn skew(page: &Page) -> Option<Line> {
    let server_time = page.server_time.filter(|_| !page.from_cache)?;
    let ahead = page.received_at.duration_since(server_time);
    let apart = words::span(ahead.unsigned_abs());
    if ahead.as_secs().abs() <= SKEW_SECONDS_MAX {
        return Some(Line::good("skew", "this clock and the server's agree"));
    }
    let which = if ahead.is_positive() {
        "ahead of"
    } else {
        "behind"
    };
    Some(Line::warning(
        "skew",
        format!("this clock is {apart} {which} the server's"),
        "let the system keep its clock (NTP): every change is dated by it",
    ))
}

fn list(page: &Page) -> Line {
    let dialect = match page.dialect {
        Dialect::Limit => "the limit dialect",
        Dialect::PageSize | Dialect::Auto => "the page-size dialect",
    };
    let pages = counted(page.pages.into(), "page");
    let customers = match page.total {
        Total::Exact(total) => format!("{} on {pages}", counted(total, "customer")),
        Total::Items(_) => format!("{pages}, without a count that proves them"),
    };
    let said = format!("{dialect}, {customers}");
    if page.from_cache {
        let hint = "a cache answers for the API: what it says is old, and proves nothing";
        return Line::warning("list", said, hint);
    }
    if !page.rejected.is_empty() {
        let rejected = counted(page.rejected.len() as u64, "row");
        return Line::warning(
            "list",
            format!("{said}; {rejected} can't be taken"),
            "they are kept aside by each run, as they came",
        );
    }
    Line::good("list", said)
}

async fn key_pair(client: &Client) -> Line {
    let Some(pair) = client.key_pair().await else {
        return Line::good("key", "the platform tells nothing about it");
    };
    let name = pair.name.unwrap_or_else(|| "without a name".to_owned());
    let now = Timestamp::now();
    if !pair.roles.is_empty() && !pair.roles.iter().any(|role| role == ROLE) {
        let said = format!("{name} does not hold the role {ROLE}");
        return Line::warning("key", said, "have the role given to it");
    }
    if pair.verified == Some(false) {
        let said = format!("{name} is not verified, the platform says");
        return Line::warning("key", said, "have it verified, or another pair made");
    }
    match pair.expires_at {
        Some(at) if at.duration_since(now).as_hours() < EXPIRY_DAYS_MIN * 24 => Line::warning(
            "key",
            format!("{name} expires at {}", instant(at)),
            "have a new pair made before that",
        ),
        Some(at) => Line::good("key", format!("{name}, until {}", instant(at))),
        None => Line::good("key", name),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::State;
    use super::*;
    use crate::customer::Interval;

    fn page(ahead: SignedDuration) -> Page {
        let server_time = Timestamp::UNIX_EPOCH;
        Page {
            number: 1,
            page_size: None,
            total: Total::Exact(0),
            pages: 0,
            has_next: None,
            rows: Vec::new(),
            rejected: Vec::new(),
            notes: 0,
            unknown_fields: Vec::new(),
            interval: Interval {
                sent: 0,
                received: 1,
            },
            received_at: server_time + ahead,
            from_cache: false,
            server_time: Some(server_time),
            dialect: Dialect::PageSize,
        }
    }

    #[test]
    fn a_clock_that_is_off_is_said() {
        let line = |seconds| skew(&page(SignedDuration::from_secs(seconds))).expect("a line");
        assert_eq!(line(2).state, State::Good);
        assert_eq!(line(-2).state, State::Good);
        assert_eq!(line(90).said, "this clock is 1m 30s ahead of the server's");
        assert_eq!(line(-90).said, "this clock is 1m 30s behind the server's");
        assert_eq!(line(-90).state, State::Warning);
    }

    #[test]
    fn a_cache_tells_no_time() {
        let cached = Page {
            from_cache: true,
            ..page(SignedDuration::from_hours(5))
        };
        assert!(skew(&cached).is_none());
    }
}
