//! `twsync status`: how fresh the copy is, and how much of it is proved.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use super::words::{self, BOLD, DIM, GREEN, YELLOW, ago, count, counted, instant, tame};
use super::{Failure, Terminal};
use crate::config::Config;
use crate::report::{Exit, Grade, Report};
use crate::status::{Details, Overview};

pub(super) fn run(config: &Config, terminal: &Terminal) -> Result<Exit, Failure> {
    let overview = Overview::read(config, Timestamp::now())?;
    terminal.answer(&overview, text)?;
    Ok(Exit::Done)
}

fn text(overview: &Overview) -> String {
    let mut text = String::new();
    for (name, said) in [
        ("data", data(overview)),
        ("customers", customers(overview)),
        ("details", details(&overview.details, overview.now)),
        ("waiting", waiting(overview)),
        ("next run", next_run(overview)),
        ("mirror", tame(&overview.mirror)),
        ("lake", tame(overview.lake.as_deref().unwrap_or("none"))),
    ] {
        let _ = writeln!(text, "{BOLD}{name:<9}{BOLD:#}  {said}");
    }
    if !overview.attention.is_empty() {
        text.push('\n');
    }
    for sentence in &overview.attention {
        let _ = writeln!(text, "{YELLOW}!{YELLOW:#} {}", tame(sentence));
    }
    if !overview.runs.is_empty() {
        text.push('\n');
        text.push_str(&runs(overview));
    }
    text
}

fn data(overview: &Overview) -> String {
    let freshness = if overview.stale {
        format!("{YELLOW}stale{YELLOW:#}")
    } else {
        format!("{GREEN}fresh{GREEN:#}")
    };
    match overview.complete_as_of {
        Some(at) => format!(
            "{freshness}; proved complete as of {} ({})",
            instant(at),
            ago(at, overview.now)
        ),
        None => format!("{freshness}; never proved complete"),
    }
}

fn customers(overview: &Overview) -> String {
    let customers = &overview.customers;
    let mut said = format!("{} active", count(customers.active));
    for (number, what) in [
        (customers.deleted, "deleted"),
        (customers.unlisted, "alive but not listed"),
        (customers.unverified, "without details yet"),
    ] {
        if number > 0 {
            let _ = write!(said, ", {} {what}", count(number));
        }
    }
    let _ = write!(said, "; {}", counted(customers.versions, "version"));
    said
}

fn details(details: &Details, now: Timestamp) -> String {
    let span = |seconds| words::span(Duration::from_secs(seconds));
    let oldest = details.oldest_verified_at.map_or_else(
        || "none verified yet".to_owned(),
        |at| format!("oldest verified {}", ago(at, now)),
    );
    let attainable = details.attainable_age_seconds.map_or_else(
        || "none can be held".to_owned(),
        |age| format!("{} can be held", span(age)),
    );
    let bound = format!("{} ({attainable})", span(details.max_age_seconds));
    let overdue = match details.overdue {
        0 => String::new(),
        number => format!(", {} overdue", count(number)),
    };
    let missed = match details.reverified {
        0 => String::new(),
        asked => format!(
            "; {} of {} asked again had changed unseen by the list",
            count(details.reverified_changed),
            count(asked)
        ),
    };
    format!("{oldest}{overdue}; bound {bound}{missed}")
}

fn waiting(overview: &Overview) -> String {
    let queue = overview.queue.iter();
    let mut waiting: Vec<String> = queue
        .map(|(reason, number)| format!("{} {reason}", count(*number)))
        .collect();
    let undecided = overview.undecided();
    if undecided > 0 {
        waiting.push(format!("{} missing and undecided", count(undecided)));
    }
    if waiting.is_empty() {
        "nothing".to_owned()
    } else {
        waiting.join(", ")
    }
}

fn next_run(overview: &Overview) -> String {
    let next = overview.next_run_at.map_or_else(
        || "never".to_owned(),
        |at| format!("{}, where the daemon runs", instant(at)),
    );
    match overview.pace.not_before {
        Some(until) => format!(
            "{next}; the server asked for no request before {}",
            instant(until)
        ),
        None => next,
    }
}

fn runs(overview: &Overview) -> String {
    let head = [
        "run", "took", "outcome", "grade", "requests", "added", "changed", "deleted",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(overview.runs.iter().map(run_row));
    let table = words::table(&rows, &[1, 4, 5, 6, 7]);
    let (head, rest) = table.split_once('\n').unwrap_or((&table, ""));
    let reason = overview.runs.first().and_then(|run| run.reason.as_deref());
    let reason = reason.map(|reason| format!("{DIM}newest: {}{DIM:#}\n", tame(reason)));
    format!("{DIM}{head}{DIM:#}\n{rest}{}", reason.unwrap_or_default())
}

fn run_row(run: &Report) -> Vec<String> {
    let took = run
        .finished_at
        .map(|end| end.duration_since(run.started_at));
    let took = took.map(|took| words::span(Duration::try_from(took).unwrap_or_default()));
    let counts = &run.counts;
    vec![
        instant(run.started_at),
        took.unwrap_or_default(),
        run.outcome
            .map_or("under way, or killed", |it| it.as_str())
            .to_owned(),
        run.grade.map(Grade::as_str).unwrap_or_default().to_owned(),
        count(counts.list_requests + counts.detail_requests),
        count(counts.added),
        count(counts.changed),
        count(counts.deleted),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::report::{Counts, Mode, Outcome, RunId};
    use crate::status::{Customers, Pace};

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn report(started: &str, finished: Option<&str>, outcome: Option<Outcome>) -> Report {
        Report {
            finished_at: finished.map(at),
            outcome,
            grade: outcome.map(|_| Grade::Complete),
            counts: Counts {
                list_requests: 124,
                detail_requests: 1_200,
                added: 12,
                ..Counts::default()
            },
            ..Report::begin(RunId(uuid::Uuid::nil()), Mode::Sync, at(started))
        }
    }

    fn overview() -> Overview {
        Overview {
            version: "0.0.0",
            now: at("2026-02-03T09:30:00Z"),
            attention: Vec::new(),
            as_of: Some(at("2026-02-03T09:00:12Z")),
            age_seconds: Some(1_788),
            late_before: Some(at("2026-02-03T08:00:00Z")),
            mirror: "data/mirror.db".to_owned(),
            lake: Some("data/lake".to_owned()),
            stale: false,
            grade: Some(Grade::Complete),
            complete_as_of: Some(at("2026-02-03T09:00:12Z")),
            last_good_run_at: Some(at("2026-02-03T09:02:00Z")),
            next_run_at: Some(at("2026-02-03T10:00:00Z")),
            customers: Customers {
                active: 12_345,
                versions: 13_000,
                ..Customers::default()
            },
            details: Details {
                oldest_verified_at: Some(at("2026-01-29T06:30:00Z")),
                max_age_seconds: 604_800,
                attainable_age_seconds: Some(25_200),
                overdue: 0,
                reverified: 12_000,
                reverified_changed: 3,
            },
            queue: BTreeMap::new(),
            pending: 0,
            held: 0,
            pace: Pace::default(),
            deleted_came_back_at: None,
            unlisted_seen_at: None,
            runs: vec![report(
                "2026-02-03T09:00:00Z",
                Some("2026-02-03T09:02:00Z"),
                Some(Outcome::Done),
            )],
        }
    }

    fn shown(overview: &Overview) -> String {
        anstream::adapter::strip_str(&text(overview)).to_string()
    }

    #[test]
    fn a_healthy_copy_is_told_in_a_few_lines() {
        insta::assert_snapshot!(shown(&overview()));
    }

    #[test]
    fn whatever_wants_attention_comes_with_the_way_out() {
        let mut overview = overview();
        overview.stale = true;
        overview.complete_as_of = None;
        overview.customers = Customers {
            active: 12_345,
            deleted: 3,
            unlisted: 1,
            unverified: 40,
            versions: 13_000,
            rejected_rows: 2,
        };
        overview.queue = BTreeMap::from([("changed", 400), ("new", 40)]);
        overview.pending = 442;
        overview.held = 400;
        overview.details.attainable_age_seconds = Some(1_000_000);
        overview.details.overdue = 17;
        overview.pace.not_before = Some(at("2026-02-03T09:45:00Z"));
        overview.deleted_came_back_at = Some(at("2026-01-01T00:00:00Z"));
        let mut held = report(
            "2026-02-03T08:00:00Z",
            Some("2026-02-03T08:01:00Z"),
            Some(Outcome::Held),
        );
        held.reason = Some("400 of 12,345 are missing".to_owned());
        overview.attention = vec!["400 deletions are on hold. \u{1b}[2J".to_owned()];
        overview.runs = vec![held, report("2026-02-03T07:00:00Z", None, None)];
        insta::assert_snapshot!(shown(&overview));
    }
}
