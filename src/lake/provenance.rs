//! Which run a file's content is of.
//!
//! A file's footer names the run in which its newest row came about, not the run that happened to
//! write the file: so a file is the same, byte for byte, as often as it is made from the same rows,
//! and a run that changed nothing leaves every file of the tables alone. The run that published is
//! in the manifest.

use serde::{Deserialize, Serialize};

use crate::report::Report;

use super::calendar::instant;
use super::table::{SCHEMA_VERSION, Table};

/// What stands in a file's own metadata beside its rows: keys and values, in order.
pub(super) type Stamp = Vec<(String, String)>;

/// The program, with its version.
pub(super) const GENERATOR: &str = concat!("twsync ", env!("CARGO_PKG_VERSION"));

/// The run in which a file's newest row came about, as the file's footer tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// The run.
    pub(super) run: Option<String>,
    /// What its walk proved.
    pub(super) grade: Option<String>,
    /// The instant that the grade speaks of.
    pub(super) as_of: Option<String>,
}

impl Origin {
    /// Out of a footer's keys and values.
    pub(super) fn of<'stamp>(
        stamp: impl IntoIterator<Item = (&'stamp str, Option<&'stamp str>)>,
    ) -> Self {
        let mut origin = Self::default();
        for (key, value) in stamp {
            let value = value.map(str::to_owned);
            match key {
                RUN => origin.run = value,
                GRADE => origin.grade = value,
                AS_OF => origin.as_of = value,
                _ => {}
            }
        }
        origin
    }
}

const RUN: &str = "twsync.run";
const GRADE: &str = "twsync.grade";
const AS_OF: &str = "twsync.as_of";

/// Tells runs by the instants in which they wrote.
pub(super) struct Provenance {
    /// All runs, the oldest first.
    runs: Vec<Report>,
}

impl Provenance {
    /// `runs`: all of them, the oldest first.
    pub(super) fn new(runs: Vec<Report>) -> Self {
        Self { runs }
    }

    /// All runs, the oldest first.
    pub(super) fn runs(&self) -> &[Report] {
        &self.runs
    }

    /// The newest run that has a grade.
    pub(super) fn newest_graded(&self) -> Option<&Report> {
        self.runs.iter().rev().find(|run| run.grade.is_some())
    }

    /// The footer of a file of `table` whose newest row is of `newest`, in microseconds.
    pub(super) fn stamp(&self, table: Table, newest: Option<i64>) -> Stamp {
        let mut stamp = vec![
            ("twsync.generator".to_owned(), GENERATOR.to_owned()),
            (
                "twsync.schema_version".to_owned(),
                SCHEMA_VERSION.to_string(),
            ),
            ("twsync.table".to_owned(), columns_of(table).to_owned()),
        ];
        if let Some(run) = newest.and_then(|newest| self.run_of(newest)) {
            stamp.push((RUN.to_owned(), run.id.to_string()));
            if let Some(grade) = run.grade {
                stamp.push((GRADE.to_owned(), grade.as_str().to_owned()));
            }
            if let Some(as_of) = run.as_of {
                stamp.push((AS_OF.to_owned(), as_of.to_string()));
            }
        }
        stamp
    }

    /// Runs never overlap: the one that wrote at an instant is the last that had begun by then.
    fn run_of(&self, microseconds: i64) -> Option<&Report> {
        let at = instant(microseconds);
        self.runs.iter().rev().find(|run| run.started_at <= at)
    }
}

/// Today's snapshot is the very file of the latest state, so both go by one name.
const fn columns_of(table: Table) -> &'static str {
    match table {
        Table::Snapshot => Table::Current.view(),
        other => other.view(),
    }
}
