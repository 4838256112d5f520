//! Details that are no answer of this API, though its list is one: a page for people, a redirect, a body
//! without end.
//!
//! They are a matter of the customer that was asked for, as long as the server gives others' as it
//! should. Here is kept whether it does.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::answer::Answer;

/// What came in place of somebody's details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// The first that came, for a person; the server's own words escaped and cut.
    pub what: String,
    /// Nobody's details have been answered as this API answers.
    pub are_all: bool,
}

/// Keeps the first stranger, and whether anybody's details were answered.
#[derive(Default)]
pub(super) struct Strangers {
    first: OnceLock<String>,
    somebody_was_answered: AtomicBool,
}

impl Strangers {
    /// One came. It is that customer's failure.
    pub(super) fn came(&self, what: String) -> Answer {
        self.first.get_or_init(|| what.clone());
        Answer::Failed(what)
    }

    /// What came of any customer. Only what nobody but this API says counts as its answer.
    pub(super) fn heard(&self, answer: &Answer) {
        if matches!(answer, Answer::Found(_) | Answer::NotFound) {
            self.somebody_was_answered.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn seen(&self) -> Option<Stranger> {
        Some(Stranger {
            what: self.first.get()?.clone(),
            are_all: !self.somebody_was_answered.load(Ordering::Relaxed),
        })
    }
}
