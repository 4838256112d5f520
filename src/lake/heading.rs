//! What a manifest says of its generation as a whole, held against the mirror's runs and the files.

use std::fmt::Display;

use uuid::Uuid;

use crate::report::{Grade, Report};

use super::documents::DOCUMENTS;
use super::manifest::{MANIFEST, Manifest};
use super::table::Table;
use super::verify::Finding;

/// What is wrong; `runs` are all of the mirror's, the oldest first.
pub(super) fn faults(manifest: &Manifest, runs: &[Report]) -> Vec<Finding> {
    let rows = |table| -> u64 { manifest.of(table).map(|entry| entry.rows).sum() };
    let mut faults: Vec<Finding> = Vec::new();
    faults.extend(differs(
        "customers",
        manifest.customers,
        rows(Table::Current),
    ));
    faults.extend(differs("versions", manifest.versions, rows(Table::History)));
    faults.extend(documents(manifest));
    faults.extend(generation(manifest));
    faults.extend(proof(manifest, runs));
    faults
}

fn differs(what: &str, said: u64, found: u64) -> Option<Finding> {
    (said != found).then(|| {
        fault(format!(
            "says {said} {what}; its files have {found} rows of them"
        ))
    })
}

fn fault(what: impl Display) -> Finding {
    Finding::new(MANIFEST, what)
}

/// Every document but the manifest itself is entered in it.
fn documents(manifest: &Manifest) -> impl Iterator<Item = Finding> {
    let is_entered = |name: &str| manifest.documents.iter().any(|it| it.path == name);
    let lacking = DOCUMENTS
        .into_iter()
        .filter(move |name| *name != MANIFEST && !is_entered(name));
    lacking.map(|name| fault(format!("says nothing of {name}")))
}

/// A generation's id holds when it was made, in milliseconds.
fn generation(manifest: &Manifest) -> Option<Finding> {
    let id = Uuid::parse_str(&manifest.generation).ok();
    let made = id.and_then(|id| id.get_timestamp()).map(|at| at.to_unix());
    let (seconds, nanoseconds) = made.unwrap_or_default();
    let instant = manifest.instant;
    let same = i64::try_from(seconds) == Ok(instant.as_second())
        && i64::from(nanoseconds / 1_000_000) == i64::from(instant.subsec_millisecond());
    (!same).then(|| {
        fault(format!(
            "says that it was made at {instant}; its generation's id says otherwise"
        ))
    })
}

/// The run is one of the mirror's, and the grade and its instant are those of the newest run up to it
/// that has a grade. It may have been shown before its end, when it had none yet.
fn proof(manifest: &Manifest, runs: &[Report]) -> Option<Finding> {
    let said = manifest.run.as_deref();
    let place = runs
        .iter()
        .position(|run| Some(&*run.id.to_string()) == said);
    let (before, until) = match (said, place) {
        (None, _) => (&runs[..0], &runs[..0]),
        (Some(_), Some(place)) => (&runs[..place], &runs[..=place]),
        (Some(run), None) => {
            return Some(fault(format!(
                "names run {run}, which the mirror does not have"
            )));
        }
    };
    let is_of = |runs: &[Report]| {
        let newest = runs.iter().rev().find(|run| run.grade.is_some());
        let grade = newest.and_then(|run| run.grade);
        let as_of = newest.and_then(|run| run.as_of);
        manifest.grade.as_deref() == grade.map(Grade::as_str) && manifest.as_of == as_of
    };
    let same = is_of(until) || is_of(before);
    (!same).then(|| fault("has another grade, or another instant of it, than the mirror's runs"))
}
