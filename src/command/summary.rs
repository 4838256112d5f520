//! What came of a run, for a person at a glance or as JSON: what was proved, what changed, what
//! it cost, where the data is.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::Failure;
use super::words::{self, BOLD, DIM, GREEN, YELLOW, count, counted, instant, tame};
use crate::config::Config;
use crate::daemon::cycle::Cycled;
use crate::lake::Published;
use crate::report::{Counts, Grade, Report};

/// The answer of a command that ran a cycle.
#[derive(Serialize)]
pub(super) struct Summary<'a> {
    run: Option<&'a Report>,
    warnings: &'a [String],
    mirror: String,
    lake: Option<Lake<'a>>,
    error: Option<Failure>,
}

#[derive(Serialize)]
struct Lake<'a> {
    path: String,
    /// None where nothing was published: the generation before is still there.
    generation: Option<&'a str>,
    customers: Option<u64>,
    files: Option<u64>,
    files_kept: Option<u64>,
    bytes: Option<u64>,
}

impl<'a> Summary<'a> {
    pub(super) fn of(cycled: &'a Cycled, config: &Config) -> Self {
        let path = config.lake.path.as_ref();
        let published = cycled.published.as_ref();
        let error = cycled.error.as_ref();
        Self {
            run: cycled.report.as_ref(),
            warnings: &cycled.warnings,
            mirror: config.mirror.path.display().to_string(),
            lake: path.map(|path| Lake::of(path.to_string(), published)),
            error: error.map(|error| Failure::of(error, error.hint(), error.exit())),
        }
    }
}

impl<'a> Lake<'a> {
    fn of(path: String, published: Option<&'a Published>) -> Self {
        Self {
            path,
            generation: published.map(|it| it.generation.as_str()),
            customers: published.map(|it| it.customers),
            files: published.map(|it| it.files),
            files_kept: published.map(|it| it.files_kept),
            bytes: published.map(|it| it.bytes),
        }
    }
}

/// The summary for a person; empty where there was no run.
pub(super) fn text(summary: &Summary<'_>) -> String {
    let Some(run) = summary.run else {
        return String::new();
    };
    let mut text = cost(run);
    text.push_str(&proof(run));
    // An error is printed with its way out, once, after this.
    let reason = run.reason.as_ref().filter(|_| summary.error.is_none());
    if let Some(reason) = reason {
        let _ = writeln!(text, "{DIM}{}{DIM:#}", tame(reason));
    }
    text.push('\n');
    text.push_str(&changes(&run.counts));
    text.push('\n');
    let _ = writeln!(text, "  mirror  {}", tame(&summary.mirror));
    if let Some(lake) = &summary.lake {
        let _ = writeln!(text, "  lake    {}", tame(&where_lake_is(lake)));
    }
    if run.counts.held > 0 {
        text.push_str(&decision(run.counts.held, run.grade));
    }
    text
}

fn cost(run: &Report) -> String {
    let counts = &run.counts;
    let finished = run.finished_at.unwrap_or(run.started_at);
    let took = Duration::try_from(finished.duration_since(run.started_at)).unwrap_or_default();
    let requests = counted(counts.list_requests + counts.detail_requests, "request");
    let aside: Vec<String> = [
        (counts.retries, "sent again"),
        (counts.throttled, "slowed down by the server"),
    ]
    .iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!(", {} {what}", count(*number)))
    .collect();
    let outcome = run.outcome.map_or("unfinished", |outcome| outcome.as_str());
    format!(
        "{BOLD}{}: {outcome}{BOLD:#} in {}, {requests}{}\n",
        run.mode.as_str(),
        words::span(took),
        aside.concat()
    )
}

/// The grade and its meaning.
fn proof(run: &Report) -> String {
    match (run.grade, run.as_of) {
        (Some(Grade::Complete), Some(at)) => format!(
            "{GREEN}complete{GREEN:#}: proved, these are exactly the customers of {}\n",
            instant(at)
        ),
        (Some(Grade::Complete), None) => {
            format!("{GREEN}complete{GREEN:#}: proved, these are exactly the customers\n")
        }
        (Some(Grade::Converged), _) => format!(
            "{YELLOW}converged{YELLOW:#}: two passes saw the same customers, no count proves them all\n"
        ),
        (Some(Grade::Partial), _) => {
            format!("{YELLOW}partial{YELLOW:#}: what was seen is kept, but not proved to be all\n")
        }
        (None, _) => String::new(),
    }
}

/// The four numbers that everyone asks for, and the others where they are not zero.
fn changes(counts: &Counts) -> String {
    let always = [
        ("added", counts.added),
        ("changed", counts.changed),
        ("unchanged", counts.unchanged),
        ("deleted", counts.deleted),
    ];
    let sometimes = [
        ("came back", counts.undeleted),
        ("asked again", counts.reverified),
        ("of those changed", counts.reverified_changed),
        ("unlisted", counts.unlisted),
        ("inaccessible", counts.inaccessible),
        ("still to ask for", counts.pending),
        ("rejected rows", counts.rejected),
        ("moved while listed", counts.drift),
        ("deletions held", counts.held),
    ];
    let sometimes = sometimes.into_iter().filter(|(_, number)| *number > 0);
    let rows: Vec<Vec<String>> = always
        .into_iter()
        .chain(sometimes)
        .map(|(name, number)| vec![format!("  {name}"), count(number)])
        .collect();
    words::table(&rows, &[1])
}

fn where_lake_is(lake: &Lake<'_>) -> String {
    let Lake { path, .. } = lake;
    match (lake.customers, lake.files, lake.files_kept, lake.bytes) {
        (Some(customers), Some(files), Some(kept), Some(bytes)) => format!(
            "{path} ({}, {}, {} of {files} files new)",
            counted(customers, "customer"),
            indicatif::HumanBytes(bytes),
            files.saturating_sub(kept)
        ),
        _ => format!("{path} (not published: it is as it was)"),
    }
}

fn decision(held: u64, grade: Option<Grade>) -> String {
    let are_missing = if held == 1 {
        "is missing"
    } else {
        "are missing"
    };
    let missing = format!(
        "\n{YELLOW}{} {are_missing}{YELLOW:#}",
        counted(held, "customer")
    );
    if grade == Some(Grade::Complete) {
        format!(
            "{missing}, and on hold until somebody decides. If they are meant to be gone:\n  \
             twsync --once --allow-deletions {held}\n"
        )
    } else {
        format!(
            "{missing} from a list that proves nothing: nobody is marked deleted. Look into whose \
             list the credentials show.\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::report::{Mode, Outcome, RunId};

    fn report(grade: Grade, outcome: Outcome, counts: Counts) -> Report {
        let at = |text: &str| -> Timestamp { text.parse().expect("a time") };
        Report {
            finished_at: Some(at("2026-02-03T09:15:34.4Z")),
            outcome: Some(outcome),
            grade: Some(grade),
            as_of: (grade == Grade::Complete).then(|| at("2026-02-03T09:14:22.123456Z")),
            came_to_its_end: true,
            counts,
            ..Report::begin(
                RunId(uuid::Uuid::nil()),
                Mode::Sync,
                at("2026-02-03T09:14:22Z"),
            )
        }
    }

    fn published() -> Published {
        Published {
            generation: "g".to_owned(),
            state_at: Timestamp::UNIX_EPOCH,
            customers: 12_345,
            files: 7,
            files_kept: 3,
            bytes: 4_400_000,
        }
    }

    fn shown(cycled: &Cycled) -> String {
        let config = Config::default();
        let summary = Summary::of(cycled, &config);
        anstream::adapter::strip_str(&text(&summary)).to_string()
    }

    #[test]
    fn a_quiet_run_says_little() {
        let counts = Counts {
            pages: 124,
            list_requests: 124,
            detail_requests: 15,
            added: 3,
            changed: 12,
            unchanged: 12_330,
            ..Counts::default()
        };
        let cycled = Cycled {
            report: Some(report(Grade::Complete, Outcome::Done, counts)),
            published: Some(published()),
            ..Cycled::default()
        };
        insta::assert_snapshot!(shown(&cycled));
    }

    #[test]
    fn a_troubled_run_says_what_wants_attention() {
        let counts = Counts {
            list_requests: 248,
            detail_requests: 1,
            retries: 7,
            throttled: 2,
            reverified: 40,
            reverified_changed: 1,
            undeleted: 1,
            pending: 2,
            rejected: 1,
            drift: 9,
            held: 1234,
            ..Counts::default()
        };
        let mut report = report(Grade::Converged, Outcome::Held, counts);
        report.reason = Some("1,234 of 12,345 are missing\u{1b}[2J".to_owned());
        let cycled = Cycled {
            report: Some(report),
            ..Cycled::default()
        };
        insta::assert_snapshot!(shown(&cycled));
    }

    #[test]
    fn json_holds_the_run_and_where_the_data_is() {
        let cycled = Cycled {
            report: Some(report(Grade::Partial, Outcome::Partial, Counts::default())),
            warnings: vec!["the list moved".to_owned()],
            published: Some(published()),
            ..Cycled::default()
        };
        let config = Config::default();
        insta::assert_snapshot!(
            serde_json::to_string_pretty(&Summary::of(&cycled, &config)).expect("JSON")
        );
    }
}
