//! Into which files the changes of the month that is not over go.
//!
//! A run's changes are one file, which is never written again. When the month has more than
//! [`FILES_MAX`] files, all of them become one. Which files there are follows from the mirror alone:
//! a lake that is made anew has the same ones as a lake that has grown.

use jiff::Timestamp;

use crate::mirror;

use super::Error;
use super::calendar::{Day, instant};
use super::source::Source;

/// Files of a month that is not over, at most.
const FILES_MAX: usize = 24;

/// A file of a month's changes: all of an interval of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Its name in the manifest: the month where it holds all from the month's begin on, else when
    /// its run began. The names are in order of time.
    pub(super) name: String,
    /// The first instant.
    pub(super) from: Timestamp,
    /// The first instant that is not in it; none where it is the last.
    pub(super) until: Option<Timestamp>,
    /// How many runs' changes it holds.
    runs: usize,
}

impl Part {
    /// Whether `other` is this part too, apart from what may have been added to its end.
    pub(super) fn goes_on(&self, other: &Self) -> bool {
        (&self.name, self.runs) == (&other.name, other.runs)
    }
}

/// The files for the changes from `month_start` on, until just before `until`, in order of time.
pub(super) fn parts(
    source: &Source<'_>,
    month_start: Day,
    until: Option<Timestamp>,
) -> Result<Vec<Part>, Error> {
    let begins = begins(source, instant(month_start.start()), until)?;
    let compacted = compacted(begins.len());
    let mut parts: Vec<Part> = Vec::new();
    if compacted > 0 {
        parts.push(Part {
            name: month_start.month(),
            from: begins[0],
            until: None,
            runs: compacted,
        });
    }
    for begin in &begins[compacted..] {
        if let Some(before) = parts.last_mut() {
            before.until = Some(*begin);
        }
        parts.push(Part {
            name: begin.strftime("%Y-%m-%dT%H-%M-%S.%6f").to_string(),
            from: *begin,
            until: None,
            runs: 1,
        });
    }
    Ok(parts)
}

/// How many of so many runs' files have become one: with one file more than there may be, all.
const fn compacted(runs: usize) -> usize {
    match runs.saturating_sub(1) / FILES_MAX {
        0 => 0,
        times => times * FILES_MAX + 1,
    }
}

/// When each run began that brought changes; the month's begin for one that was under way then.
fn begins(
    source: &Source<'_>,
    month_start: Timestamp,
    until: Option<Timestamp>,
) -> Result<Vec<Timestamp>, Error> {
    let mut runs: Vec<Timestamp> = source
        .provenance
        .runs()
        .iter()
        .map(|run| run.started_at)
        .filter(|at| *at > month_start)
        .collect();
    runs.sort_unstable();
    let mut begins = Vec::new();
    let mut from = month_start;
    while let Some(first) = first_change(source, from, until)? {
        let later = runs.partition_point(|began| *began <= first);
        begins.push(later.checked_sub(1).map_or(month_start, |run| runs[run]));
        match runs.get(later) {
            Some(next) => from = *next,
            None => break,
        }
    }
    Ok(begins)
}

/// When the first change in `[from, until)` was found.
pub(super) fn first_change(
    source: &Source<'_>,
    from: Timestamp,
    until: Option<Timestamp>,
) -> Result<Option<Timestamp>, Error> {
    /// One is enough.
    enum End {
        Found(i64),
        Failed(mirror::Error),
    }
    impl From<mirror::Error> for End {
        fn from(error: mirror::Error) -> Self {
            Self::Failed(error)
        }
    }
    let looked = source.mirror.changes(Some(from), until, |version, _| {
        Err(End::Found(version.valid_from))
    });
    match looked {
        Ok(()) => Ok(None),
        Err(End::Found(at)) => Ok(Some(instant(at))),
        Err(End::Failed(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_more_files_than_there_may_be() {
        let files = |runs| runs - compacted(runs) + usize::from(compacted(runs) > 0);
        let counted: Vec<usize> = (1..=50).map(files).collect();
        assert_eq!(counted[..24], (1..=24).collect::<Vec<_>>()[..]);
        assert_eq!(counted[24..48], (1..=24).collect::<Vec<_>>()[..]);
        assert_eq!(counted[48..], [1, 2]);
    }
}
