//! A census: how many there are of each name, at each of some instants.

use std::collections::HashMap;

/// Different names that are counted apart; what comes after them is counted together, so that no
/// data can make a page of any size.
const NAMES_MAX: usize = 500;

/// Letters of a name that are shown.
const LETTERS_MAX: usize = 40;

/// Names as numbers, in the order of their first mention.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<String, usize>,
    names: Vec<String>,
}

impl Names {
    /// The number of a name.
    pub(super) fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        if self.names.len() >= NAMES_MAX {
            return NAMES_MAX;
        }
        let number = self.names.len();
        self.names.push(short(name));
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// The name of a number, as it is shown: a long one ends in an ellipsis.
    pub(super) fn name(&self, number: usize) -> &str {
        self.names.get(number).map_or("all others", String::as_str)
    }
}

fn short(name: &str) -> String {
    match name.char_indices().nth(LETTERS_MAX) {
        None => name.to_owned(),
        Some((end, _)) => format!("{}…", &name[..end]),
    }
}

/// Counts spans of time at instants.
#[derive(Debug)]
pub(super) struct Census {
    /// Ascending.
    instants: Vec<i64>,
    /// By number, then by instant: by how much there are more than at the instant before.
    changes: Vec<Vec<i64>>,
}

impl Census {
    pub(super) const fn at(instants: Vec<i64>) -> Self {
        Self {
            instants,
            changes: Vec::new(),
        }
    }

    /// Somebody goes by this number from `from` until just before `until`, or until further
    /// notice.
    pub(super) fn add(&mut self, number: usize, from: i64, until: Option<i64>) {
        if self.changes.len() <= number {
            let empty = vec![0; self.instants.len()];
            self.changes.resize(number + 1, empty);
        }
        let changes = &mut self.changes[number];
        let reaches = |bound: i64| self.instants.partition_point(|instant| *instant < bound);
        if let Some(change) = changes.get_mut(reaches(from)) {
            *change += 1;
        }
        if let Some(change) = until.and_then(|until| changes.get_mut(reaches(until))) {
            *change -= 1;
        }
    }

    /// How many there were, by number, then by instant.
    pub(super) fn counts(&self) -> Vec<Vec<u64>> {
        let sums = |changes: &Vec<i64>| {
            let mut sum = 0;
            let counts = changes.iter().map(|change| {
                sum += change;
                u64::try_from(sum).unwrap_or(0)
            });
            counts.collect()
        };
        self.changes.iter().map(sums).collect()
    }

    /// The instants.
    pub(super) fn instants(&self) -> &[i64] {
        &self.instants
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_holds_from_its_first_instant_to_just_before_its_last() {
        let mut census = Census::at(vec![10, 20, 30]);
        census.add(0, 10, Some(20));
        census.add(1, 11, Some(31));
        census.add(2, 20, None);
        census.add(3, 31, None);
        census.add(4, 12, Some(18));
        let wanted: [&[u64]; 5] = [&[1, 0, 0], &[0, 1, 1], &[0, 1, 1], &[0, 0, 0], &[0, 0, 0]];
        assert_eq!(census.counts(), wanted);
    }

    #[test]
    fn spans_add_up() {
        let mut census = Census::at(vec![0, 1, 2]);
        census.add(0, -5, None);
        census.add(0, 1, None);
        census.add(0, -5, Some(2));
        assert_eq!(census.counts(), [[2, 3, 2]]);
    }

    #[test]
    fn names_are_bounded() {
        let mut names = Names::default();
        let first = names.number("Free");
        for number in 0..2 * NAMES_MAX {
            names.number(&format!("made up {number}"));
        }
        let (late, later) = (names.number("late"), names.number("later"));
        assert_eq!(names.number("Free"), first);
        assert_eq!((late, late), (later, NAMES_MAX));
        assert_eq!(names.name(late), "all others");
    }

    #[test]
    fn long_names_are_cut_between_letters_and_still_counted_apart() {
        let mut names = Names::default();
        let (one, other) = ("é".repeat(99), "é".repeat(100));
        let (one, other) = (names.number(&one), names.number(&other));
        assert_ne!(one, other);
        assert_eq!(names.name(one), format!("{}…", "é".repeat(LETTERS_MAX)));
    }
}
