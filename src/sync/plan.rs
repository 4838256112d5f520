//! What a page means for the mirror: a decision for each of its rows, from values alone.

use std::collections::HashMap;

use crate::customer::{CustomerId, Fingerprint, Summary};
use crate::mirror::{Known, State, Verdict};

/// Pairs each row of a page with what is to be done about it. `known` is aligned with `rows`.
///
/// Where a page names a customer twice, the later row counts. If the two differ, the customer's
/// details are asked for, whatever the mirror knows.
pub(super) fn plan(rows: Vec<Summary>, known: Vec<Option<Known>>) -> Vec<(Summary, Verdict)> {
    debug_assert_eq!(rows.len(), known.len());
    let mut planned: Vec<(Summary, Verdict)> = Vec::with_capacity(rows.len());
    let mut places: HashMap<CustomerId, usize> = HashMap::with_capacity(rows.len());
    for (summary, known) in rows.into_iter().zip(known) {
        let verdict = verdict(&summary, known.as_ref());
        match places.get(&summary.id) {
            None => {
                places.insert(summary.id, planned.len());
                planned.push((summary, verdict));
            }
            Some(&place) if planned[place].0 == summary => {}
            Some(&place) => planned[place] = (summary, insist(verdict)),
        }
    }
    planned
}

fn verdict(summary: &Summary, known: Option<&Known>) -> Verdict {
    let Some(known) = known else {
        return Verdict::New;
    };
    match known.state {
        State::Deleted => Verdict::Returned { row: known.row },
        State::Alive | State::Queued if says_the_same(summary, known) => {
            Verdict::Unchanged { row: known.row }
        }
        State::Alive | State::Queued => Verdict::Changed { row: known.row },
    }
}

/// The owner is compared only where the list tells it: one of the two dialects does not.
fn says_the_same(summary: &Summary, known: &Known) -> bool {
    let owner_agrees = summary.owner_user_id.is_absent()
        || summary.owner_user_id.text() == known.owner_user_id.as_deref();
    owner_agrees && known.fingerprint == Some(Fingerprint::of(summary))
}

/// A page that contradicts itself about a customer is no ground to leave it be.
fn insist(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Unchanged { row } => Verdict::Changed { row },
        other => other,
    }
}
