//! The status page: what of an [`Overview`] is shown where, and in which words. The template lays
//! it out, and escapes whatever it is handed.

use std::time::Duration;

use askama::Template;
use jiff::Timestamp;

use super::overview::Overview;
use super::words::{ago, count, counted, instant, machine, span};
use crate::report::{Grade, Live, Outcome, Report, Stage};

/// The page.
#[derive(Template)]
#[template(path = "status/page.html")]
pub(super) struct Page<'o> {
    overview: &'o Overview,
    now: String,
    /// The page in a word.
    verdict: &'static str,
    /// The class of the verdict's colour.
    mood: &'static str,
    as_of: String,
    tiles: Vec<Tile>,
    rows: Vec<Row>,
}

/// What is shown where there is no mirror, or none that can be read.
#[derive(Template)]
#[template(path = "status/no_mirror.html")]
pub(super) struct NoMirror {
    pub(super) said: String,
    pub(super) hint: String,
}

struct Tile {
    name: &'static str,
    figure: String,
    say: String,
}

struct Row {
    began: String,
    took: String,
    mode: &'static str,
    outcome: &'static str,
    mood: &'static str,
    grade: &'static str,
    numbers: [String; 7],
    reason: String,
}

impl<'o> Page<'o> {
    pub(super) fn of(overview: &'o Overview, live: &Live) -> Self {
        let (verdict, mood) = verdict(overview);
        Self {
            overview,
            now: time(overview.now),
            verdict,
            mood,
            as_of: as_of(overview),
            tiles: vec![
                customers(overview),
                now_doing(overview, live),
                queue(overview),
                details(overview),
                pace(overview),
            ],
            rows: overview.runs.iter().map(row).collect(),
        }
    }
}

fn verdict(overview: &Overview) -> (&'static str, &'static str) {
    match (overview.stale, overview.as_of) {
        (false, _) if overview.held > 0 => ("Fresh; deletions are on hold", "fair"),
        (false, _) => ("Fresh", "good"),
        (true, Some(_)) => ("Stale", "bad"),
        (true, None) => ("Not whole yet", "bad"),
    }
}

fn as_of(overview: &Overview) -> String {
    let Some(at) = overview.as_of else {
        return "No run has seen every customer yet.".to_owned();
    };
    let how = match overview.grade {
        Some(Grade::Complete) => "Proved complete",
        _ => "Converged, not proved,",
    };
    format!("{how} as of {}, {}.", instant(at), ago(at, overview.now))
}

fn customers(overview: &Overview) -> Tile {
    let customers = overview.customers;
    Tile {
        name: "Customers",
        figure: count(customers.active),
        say: format!(
            "{} deleted, {} in all",
            count(customers.deleted),
            counted(customers.versions, "version")
        ),
    }
}

fn now_doing(overview: &Overview, live: &Live) -> Tile {
    let (stage, done, total, _) = live.read();
    let steps = match total {
        0 => String::new(),
        total => format!("{} of {}", count(done), count(total)),
    };
    let (figure, say) = match stage {
        Stage::Idle => ("Waiting".to_owned(), next_run(overview)),
        Stage::Pages => (steps_or("Pages", &steps), "pages of the list".to_owned()),
        Stage::Details => (steps_or("Details", &steps), "customers' details".to_owned()),
        Stage::Publishing => ("Publishing".to_owned(), "writing the lake".to_owned()),
    };
    Tile {
        name: "Now",
        figure,
        say,
    }
}

fn steps_or(word: &str, steps: &str) -> String {
    if steps.is_empty() { word } else { steps }.to_owned()
}

fn next_run(overview: &Overview) -> String {
    overview.next_run_at.map_or_else(
        || "nothing is scheduled".to_owned(),
        |at| format!("next run at {}", instant(at)),
    )
}

fn queue(overview: &Overview) -> Tile {
    let queue = overview.queue.iter();
    let parts: Vec<String> = queue
        .map(|(reason, length)| format!("{} {reason}", count(*length)))
        .collect();
    Tile {
        name: "Details to fetch",
        figure: count(overview.queue.values().sum()),
        say: if parts.is_empty() {
            "nobody waits".to_owned()
        } else {
            parts.join(", ")
        },
    }
}

fn details(overview: &Overview) -> Tile {
    let details = &overview.details;
    let age = |at: Timestamp| {
        let age = Duration::try_from(overview.now.duration_since(at)).unwrap_or_default();
        span(age)
    };
    let seconds = |seconds| span(Duration::from_secs(seconds));
    let wanted = seconds(details.max_age_seconds);
    let bound = match details.attainable_age_seconds {
        _ if details.bound_holds() => format!("no older than {wanted}, which holds"),
        Some(attainable) => format!("{wanted} is wanted, {} can be held", seconds(attainable)),
        None => format!("{wanted} is wanted, and can't be held"),
    };
    Tile {
        name: "Oldest details",
        figure: details.oldest_verified_at.map_or("none".to_owned(), age),
        say: match details.overdue {
            0 => bound,
            overdue => format!("{bound}; {} overdue", count(overdue)),
        },
    }
}

fn pace(overview: &Overview) -> Tile {
    let pace = overview.pace;
    Tile {
        name: "Requests per second",
        figure: format!("{:.1}", pace.requests_per_second),
        say: format!("never more than {:.1}", pace.ceiling_per_second),
    }
}

fn row(run: &Report) -> Row {
    let took = run.finished_at.map(|finished| {
        Duration::try_from(finished.duration_since(run.started_at)).unwrap_or_default()
    });
    let (outcome, mood) = match run.outcome {
        Some(Outcome::Done) => ("done", "good"),
        Some(Outcome::Held) => ("held", "fair"),
        Some(Outcome::Partial) => ("partial", "fair"),
        Some(Outcome::Failed) => ("failed", "bad"),
        None => ("not ended", "quiet"),
    };
    let counts = run.counts;
    let requests = counts.list_requests + counts.detail_requests;
    Row {
        began: time(run.started_at),
        took: took.map(span).unwrap_or_default(),
        mode: run.mode.as_str(),
        outcome,
        mood,
        grade: run.grade.map_or("", Grade::as_str),
        numbers: [
            counts.added,
            counts.changed,
            counts.deleted,
            counts.reverified,
            requests,
            counts.retries,
            counts.throttled,
        ]
        .map(count),
        reason: run.reason.clone().unwrap_or_default(),
    }
}

/// An instant as HTML: nothing of it comes from outside.
fn time(at: Timestamp) -> String {
    let (machine, person) = (machine(at), instant(at));
    format!("<time datetime=\"{machine}\">{person}</time>")
}
