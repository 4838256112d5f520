//! What to ask the list for next, so that a proof costs as little as it can.
//!
//! A proof needs an answer *j*, everybody sighted before it (or on it), and everybody again after
//! it (see [`certificate`](super::certificate)). Earlier runs are sightings before, details are
//! sightings after. With P pages, on a server where nothing happens meanwhile:
//!
//! | what there is | how it is proved | list requests |
//! |---|---|---|
//! | nothing new, or only departures | page 1 alone is *j*, then all other pages | P |
//! | all new customers on page 1 | the same: they are in *j* | P |
//! | nobody known before | a pass; page 1 alone again is *j*; the details come after it | P + 1 |
//! | new customers on m pages at the head or the tail | these alone; page 1 again is *j*; the rest | P + m + 1 |
//! | new customers anywhere | a pass; another, whose page 1 is *j* | 2P |
//!
//! So page 1 is always asked for alone and begins a pass, and from the total it gives one knows how
//! many customers are still to be found: that decides how the pass goes on. A pass that finds all of
//! them early is left, for the next one to prove.
//!
//! Values in, a value out: whoever walks calls [`next`] after all answers of the step before have
//! been taken into the [`Passes`] and the evidence, and it may forget everything in between. A walk
//! that was cut short therefore goes on where it stood.

use roaring::RoaringBitmap;

use super::certificate::Verdict;
use super::passes::{Pass, Passes};

/// Scouting goes as far as this many pages, or this share of all, whichever is more.
const SCOUTED_PAGES: u32 = 8;
const SCOUTED_SHARE: u32 = 10;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask for one page while nothing else is in flight. Page 1 is to be weighed as *j*.
    Alone {
        /// The pass that the answer belongs to.
        pass: u32,
        /// The page.
        page: u32,
    },
    /// Ask for these pages, in any order and at the same time.
    Together {
        /// The pass that the answers belong to.
        pass: u32,
        /// The pages; never empty.
        pages: Vec<u32>,
    },
    /// Ask for the details of all that are queued, and say so by [`Passes::details_asked`]: they
    /// are the sightings that the proof lacks.
    Details,
    /// The walk is over: proved, or all is done that may be done.
    Done,
}

/// What to do next, by what was asked so far, what it proves, and whose details are to be fetched
/// anyway.
pub fn next(passes: &Passes, verdict: &Verdict, queued: &RoaringBitmap) -> Step {
    let pass = passes.current();
    if matches!(verdict, Verdict::Complete(_)) {
        return Step::Done;
    }
    if !pass.has_begun() {
        return begin(pass.number());
    }
    if details_suffice(passes, verdict, queued) {
        return Step::Details;
    }
    if pass.details_asked() || pass.number() > passes.rules().max_passes {
        return begin_another(passes, queued);
    }
    match outlook(passes, verdict) {
        Outlook::Scout(page) => alone(pass, page),
        Outlook::AllFound => begin_another(passes, queued),
        Outlook::Spread => spread(passes, verdict, queued),
    }
}

fn begin(pass: u32) -> Step {
    Step::Alone { pass, page: 1 }
}

fn alone(pass: &Pass, page: u32) -> Step {
    let pass = pass.number();
    Step::Alone { pass, page }
}

/// Another pass, if there may be one. One page past the last pass is allowed where everybody's
/// details are to be fetched anyway: it is then *j*, and no further page is needed.
fn begin_another(passes: &Passes, queued: &RoaringBitmap) -> Step {
    let another = passes.number() + 1;
    let most = passes.rules().max_passes;
    let probe = another == most + 1 && passes.known().is_subset(queued);
    if another <= most || probe {
        begin(another)
    } else {
        Step::Done
    }
}

/// The rest of the pass; when it has come to its end, another one, unless that would be in vain.
fn spread(passes: &Passes, verdict: &Verdict, queued: &RoaringBitmap) -> Step {
    let pass = passes.current();
    let pages = pass.remaining();
    if !pages.is_empty() {
        let pass = pass.number();
        return Step::Together { pass, pages };
    }
    if let Some(page) = pass.past_the_end() {
        return alone(pass, page);
    }
    let count_agrees = passes.total() == Some(pass.seen()) && !is_void(verdict);
    if passes.agree() && !count_agrees {
        return Step::Done;
    }
    begin_another(passes, queued)
}

/// Whether the details that are to be fetched anyway hold every sighting that the proof lacks. They
/// never stand in for the first pass: what the list says is wanted for itself.
fn details_suffice(passes: &Passes, verdict: &Verdict, queued: &RoaringBitmap) -> bool {
    let Verdict::Open(Some(lacking)) = verdict else {
        return false;
    };
    passes.has_complete_pass()
        && !passes.current().details_asked()
        && lacking.is_within_reach()
        && lacking.unseen_after.is_subset(queued)
}

/// How a pass whose page 1 is there goes on.
enum Outlook {
    /// Some customers are still to be found, and this page is where to look.
    Scout(u32),
    /// Page 1 came too early to be proved, but now everybody has been seen: page 1 again.
    AllFound,
    /// All other pages.
    Spread,
}

fn outlook(passes: &Passes, verdict: &Verdict) -> Outlook {
    let pass = passes.current();
    let last_pass = pass.number() >= passes.rules().max_passes;
    if last_pass || is_void(verdict) || pass.is_first_within_reach() || !pass.somebody_was_known() {
        return Outlook::Spread;
    }
    match passes.deficit() {
        Some(0) => Outlook::AllFound,
        Some(deficit) if is_worth_scouting(passes, deficit) => {
            scout(pass).map_or(Outlook::Spread, Outlook::Scout)
        }
        Some(_) | None => Outlook::Spread,
    }
}

/// Nothing can be proved any more; what is left is to see whether passes agree.
fn is_void(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Contradiction { .. })
}

/// Scouting asks for one page at a time; so many customers that it would have to go far are found
/// faster by asking for all.
fn is_worth_scouting(passes: &Passes, deficit: u64) -> bool {
    let pass = passes.current();
    let far = SCOUTED_PAGES.max(pass.pages() / SCOUTED_SHARE);
    // As many rows as fill `far` pages can touch one page more, and one look may have been in vain.
    let scouted = pass.taken().saturating_sub(1);
    deficit <= u64::from(far) * u64::from(passes.page_size()) && scouted <= far + 1
}

/// The page to look at: the next one from the head while pages from there are new, else the next one
/// from the tail while those are.
fn scout(pass: &Pass) -> Option<u32> {
    // Page 2 only if page 1 was all new: a list that shows the newest first is new to the end of a
    // page before it is new on the next.
    let head = pass
        .is_all_fresh(1)
        .then(|| frontier(pass, 2..=pass.pages()));
    let tail = || frontier(pass, (2..=pass.pages()).rev());
    head.flatten().or_else(tail)
}

/// The first of these pages that was not taken, unless one before it had nothing new.
fn frontier(pass: &Pass, mut pages: impl Iterator<Item = u32>) -> Option<u32> {
    let end = pages.find(|page| pass.fresh(*page).is_none_or(|fresh| fresh == 0))?;
    pass.fresh(end).is_none().then_some(end)
}
