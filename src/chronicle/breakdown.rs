//! How many customers there were of each kind, over time.

use super::census::{Census, Names};

/// Living customers at some instants, by one of their fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Breakdown {
    /// Ascending; the last is the end of the period.
    pub(super) instants: Vec<i64>,
    /// The largest at the end first.
    pub(super) groups: Vec<Group>,
}

/// The customers with one value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    /// One for each instant.
    pub(super) counts: Vec<u64>,
}

impl Breakdown {
    /// All groups together, one for each instant.
    pub(super) fn totals(&self) -> Vec<u64> {
        let at = |index: usize| self.groups.iter().map(|group| group.counts[index]).sum();
        (0..self.instants.len()).map(at).collect()
    }

    /// The largest `most` groups, and all others as one where there are more.
    pub(super) fn condensed(&self, most: usize) -> Vec<Group> {
        if self.groups.len() <= most + 1 {
            return self.groups.clone();
        }
        let (kept, rest) = self.groups.split_at(most);
        let at = |index: usize| rest.iter().map(|group| group.counts[index]).sum();
        let others = Group {
            name: format!("{} others", rest.len()),
            counts: (0..self.instants.len()).map(at).collect(),
        };
        kept.iter().cloned().chain([others]).collect()
    }
}

/// What a census found, the largest group first.
pub(super) fn breakdown(census: &Census, names: &Names) -> Breakdown {
    let mut groups: Vec<Group> = census
        .counts()
        .into_iter()
        .enumerate()
        .filter(|(_, counts)| counts.iter().any(|count| *count > 0))
        .map(|(number, counts)| Group {
            name: names.name(number).to_owned(),
            counts,
        })
        .collect();
    let size = |group: &Group| {
        let at_the_end = group.counts.last().copied().unwrap_or(0);
        (at_the_end, group.counts.iter().sum::<u64>())
    };
    groups.sort_by(|one, other| size(other).cmp(&size(one)).then(one.name.cmp(&other.name)));
    Breakdown {
        instants: census.instants().to_vec(),
        groups,
    }
}
