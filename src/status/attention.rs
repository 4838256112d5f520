//! What a person should know of how the copy stands, in sentences, the most pressing first.

use std::time::Duration;

use super::overview::Overview;
use super::words::{ago, count, counted, instant, span};
use crate::mirror::Memory;
use crate::report::{Grade, Outcome};

/// The sentences; none where all is well.
pub(super) fn of(overview: &Overview, memory: &Memory) -> Vec<String> {
    let found = [
        lateness(overview),
        last_run(overview),
        hold(overview),
        pause(overview),
        grade(overview),
        bound(overview),
        broken(memory),
        unlisted(overview),
        rejected(overview),
    ];
    found.into_iter().flatten().collect()
}

fn lateness(overview: &Overview) -> Option<String> {
    if overview.ready {
        return None;
    }
    Some(match overview.freshness.as_of {
        None => "No run has seen every customer yet: what is here may be a part.".to_owned(),
        Some(as_of) => format!(
            "The data is late: it speaks of {}, {}, and two scheduled runs have been due since.",
            instant(as_of),
            ago(as_of, overview.now)
        ),
    })
}

fn last_run(overview: &Overview) -> Option<String> {
    let run = overview.last_runs.first()?;
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
    (held > 0).then(|| {
        format!(
            "{} on hold: more customers are missing than the settings let go. Look into it, then \
             release them with: twsync --once --allow-deletions {held}",
            if held == 1 {
                "1 deletion is".to_owned()
            } else {
                format!("{} deletions are", count(held))
            },
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
    (overview.freshness.grade == Some(Grade::Converged)).then(|| {
        "The newest list is converged, not complete: two passes agree, but no count proves them. \
         Deletions wait for a complete one."
            .to_owned()
    })
}

fn bound(overview: &Overview) -> Option<String> {
    let freshness = &overview.freshness;
    if freshness.max_detail_age_holds {
        return None;
    }
    let wanted = span(Duration::from_secs(freshness.max_detail_age_seconds));
    Some(match freshness.attainable_detail_age_seconds {
        Some(seconds) => format!(
            "Schedule and rate can't hold sync.max_detail_age = {wanted}: at best, details become \
             {} old.",
            span(Duration::from_secs(seconds))
        ),
        None => format!(
            "Schedule and rate leave no room to ask for old details again: sync.max_detail_age = \
             {wanted} can't be held."
        ),
    })
}

fn broken(memory: &Memory) -> Option<String> {
    let returned = memory.h3_broken_at.map(|at| {
        format!(
            "A deleted customer's id was seen to come back on {}: the API does not promise to use \
             an id once.",
            instant(at)
        )
    });
    let hidden = memory.h4_broken_at.map(|at| {
        format!(
            "A customer was seen on {} that answers although the list does not show it: since \
             then details prove nothing about the list.",
            instant(at)
        )
    });
    match (returned, hidden) {
        (Some(one), Some(other)) => Some(format!("{one} {other}")),
        (one, other) => one.or(other),
    }
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
    let rejected = overview.rejected;
    (rejected > 0).then(|| {
        format!(
            "{} of the API's could not be taken; see the mirror's table `rejected`.",
            counted(rejected, "row")
        )
    })
}
