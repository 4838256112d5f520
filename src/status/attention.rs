//! What a person should know of how the copy stands, in sentences, the most pressing first.

use std::time::Duration;

use super::overview::Overview;
use super::words::{ago, count, counted, instant, span};
use crate::report::{Grade, Outcome};

/// The sentences; none where all is well.
pub(super) fn of(overview: &Overview) -> Vec<String> {
    let found = [
        lateness(overview),
        last_run(overview),
        hold(overview),
        pause(overview),
        grade(overview),
        bound(overview),
        broken(overview),
        unlisted(overview),
        rejected(overview),
    ];
    found.into_iter().flatten().collect()
}

fn lateness(overview: &Overview) -> Option<String> {
    if !overview.stale {
        return None;
    }
    Some(match overview.as_of {
        None => "No run has seen every customer yet: what is here may be a part.".to_owned(),
        Some(as_of) => format!(
            "The data is late: it speaks of {}, {}, and two scheduled runs have been due since.",
            instant(as_of),
            ago(as_of, overview.now)
        ),
    })
}

fn last_run(overview: &Overview) -> Option<String> {
    let run = overview.last_ended()?;
    let how = match run.outcome? {
        Outcome::Failed => "failed",
        Outcome::Partial => "stopped before its end; the next one goes on from there",
        Outcome::Done | Outcome::Held => return None,
    };
    Some(match &run.reason {
        Some(reason) => format!("The last run {how}: {reason}."),
        None => format!("The last run {how}."),
    })
}

fn hold(overview: &Overview) -> Option<String> {
    let held = overview.held;
    if held == 0 {
        return None;
    }
    let deletions = if held == 1 {
        "1 deletion is".to_owned()
    } else {
        format!("{} deletions are", count(held))
    };
    Some(if overview.grade == Some(Grade::Complete) {
        format!(
            "{deletions} on hold until somebody decides. Look into it, then release them with: \
             twsync --once --allow-deletions {held}"
        )
    } else {
        format!(
            "{deletions} on hold, and the newest list proves none of them. Look into whose list the \
             credentials show; only a complete one can release them."
        )
    })
}

fn pause(overview: &Overview) -> Option<String> {
    let until = overview.pace.not_before?;
    Some(format!(
        "The server asked to be left alone until {}.",
        instant(until)
    ))
}

fn grade(overview: &Overview) -> Option<String> {
    (overview.grade == Some(Grade::Converged)).then(|| {
        "The newest list is converged, not complete: two passes agree, but no count proves them. \
         Deletions wait for a complete one."
            .to_owned()
    })
}

fn bound(overview: &Overview) -> Option<String> {
    let details = &overview.details;
    if details.bound_holds() {
        return None;
    }
    let really = details.attainable_age_seconds.map_or_else(
        || "Schedule and pace never come round to all details".to_owned(),
        |age| {
            let age = span(Duration::from_secs(age));
            format!("Schedule and pace come round to all details in {age} at best")
        },
    );
    Some(format!(
        "{really}: raise sync.reverify_max or pace.requests_per_second, or run more often."
    ))
}

fn broken(overview: &Overview) -> Option<String> {
    overview.deleted_came_back_at.map(|at| {
        format!(
            "A deleted customer came back, first on {}: proofs rest on that not happening.",
            instant(at)
        )
    })
}

fn unlisted(overview: &Overview) -> Option<String> {
    let unlisted = overview.customers.unlisted;
    (unlisted > 0).then(|| {
        format!(
            "{} alive although the proved list does not show {}.",
            if unlisted == 1 {
                "1 customer is".to_owned()
            } else {
                format!("{} customers are", count(unlisted))
            },
            if unlisted == 1 { "it" } else { "them" },
        )
    })
}

fn rejected(overview: &Overview) -> Option<String> {
    let rejected = overview.customers.rejected_rows;
    (rejected > 0).then(|| {
        format!(
            "{} of the API could not be taken: see the mirror's table rejected.",
            counted(rejected, "row")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Mode, Report, RunId};
    use crate::status::{Customers, Details, Pace};
    use jiff::Timestamp;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    /// A copy of which there is nothing to say.
    fn healthy() -> Overview {
        let now = at("2026-02-03T09:30:00Z");
        Overview {
            version: "0.0.0",
            now,
            mirror: String::new(),
            lake: None,
            stale: false,
            attention: Vec::new(),
            grade: Some(Grade::Complete),
            as_of: Some(at("2026-02-03T09:00:00Z")),
            age_seconds: Some(1800),
            late_before: Some(at("2026-02-03T08:00:00Z")),
            complete_as_of: None,
            last_good_run_at: None,
            next_run_at: None,
            customers: Customers::default(),
            details: Details {
                max_age_seconds: 604_800,
                attainable_age_seconds: Some(7200),
                ..Details::default()
            },
            queue: std::collections::BTreeMap::new(),
            pending: 0,
            held: 0,
            pace: Pace::default(),
            deleted_came_back_at: None,
            unlisted_seen_at: None,
            runs: vec![run(Outcome::Done)],
        }
    }

    fn run(outcome: Outcome) -> Report {
        let began = at("2026-02-03T09:00:00Z");
        Report {
            finished_at: Some(began),
            outcome: Some(outcome),
            ..Report::begin(RunId(uuid::Uuid::nil()), Mode::Sync, began)
        }
    }

    #[test]
    fn a_healthy_copy_wants_nothing() {
        assert_eq!(of(&healthy()), [""; 0]);
    }

    #[test]
    fn the_most_pressing_comes_first_and_each_with_its_way_out() {
        let mut overview = healthy();
        overview.stale = true;
        overview.grade = Some(Grade::Converged);
        overview.held = 400;
        overview.customers.unlisted = 1;
        overview.customers.rejected_rows = 2;
        overview.details.attainable_age_seconds = Some(1_000_000);
        overview.pace.not_before = Some(at("2026-02-03T09:45:00Z"));
        overview.deleted_came_back_at = Some(at("2026-01-01T00:00:00Z"));
        overview.runs.insert(0, run(Outcome::Failed));
        let beginnings = [
            "The data is late: it speaks of 3 Feb 2026, 09:00 UTC, 30m ago, and",
            "The last run failed.",
            "400 deletions are on hold, and the newest list proves none of them.",
            "The server asked to be left alone until 3 Feb 2026, 09:45 UTC.",
            "The newest list is converged, not complete",
            "Schedule and pace come round to all details in 11d 14h at best: raise",
            "A deleted customer came back, first on 1 Jan 2026",
            "1 customer is alive although the proved list does not show it.",
            "2 rows of the API could not be taken: see the mirror's table rejected.",
        ];
        let said = of(&overview);
        assert_eq!(said.len(), beginnings.len(), "{said:#?}");
        for (said, beginning) in said.iter().zip(beginnings) {
            assert!(said.starts_with(beginning), "{said}");
        }
    }

    #[test]
    fn a_hold_can_be_released_where_it_is_proved() {
        let mut overview = healthy();
        overview.held = 1;
        let said = of(&overview).concat();
        assert!(said.starts_with("1 deletion is on hold until somebody decides."));
        assert!(
            said.ends_with("twsync --once --allow-deletions 1"),
            "{said}"
        );
    }

    #[test]
    fn a_run_under_way_says_nothing_of_how_the_last_one_ended() {
        let mut overview = healthy();
        overview.runs.insert(0, run(Outcome::Partial));
        overview.runs[0].finished_at = None;
        overview.runs[0].outcome = None;
        assert_eq!(of(&overview), [""; 0]);
    }
}
