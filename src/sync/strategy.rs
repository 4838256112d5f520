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
//! | nobody known before, or all details wanted | a pass; page 1 alone again is *j*; the details come after it | P + 1 |
//! | new customers on m more pages, at the head or the tail | these one by one, of which the last is *j*; all others; those before *j* again | P + m |
//! | the same, and page 1 is all new | page 2 may have been looked at in vain, and is then one of those before *j* | P + m + 1 |
//! | new customers anywhere | a pass; another, whose page 1 is *j* | 2P |
//!
//! So a pass begins with pages that are asked for alone, and each of them may turn out to be *j*:
//! page 1, then the ends of the list, where arrivals are wont to be, for as long as they go on. The
//! last that showed somebody new is the first that can be proved. Looking one page further costs
//! nothing: what comes after *j* need not be asked for again. So the last page is looked at even where
//! nobody seems to be new, for the total may hide as many arrivals as there were departures; and where
//! only the whole pass will tell whether the number in the answers is a total. All other
//! pages follow at the same time. Then the next pass begins, again with page 1, and first of all asks
//! for what the pass before had asked for before its *j*; if that is the proof, it ends there, and if
//! not, it goes on as any other. So no page is ever asked for in vain, and two passes prove a list
//! that nobody changes, whatever its order.
//!
//! Values in, a value out: whoever walks calls [`next`] after all answers of the step before have
//! been taken into the [`Passes`] and the evidence, and it may forget everything in between. A walk
//! that was cut short therefore goes on where it stood.

use roaring::RoaringBitmap;

use super::certificate::Verdict;
use super::passes::{Page, Pass, Passes};

/// One page at a time is asked for up to so many, or up to one in [`LOOKS_SHARE`] of all, whichever
/// is more. Asking for all pages at once is faster then, though it needs another pass.
const LOOKS: u32 = 8;
const LOOKS_SHARE: u32 = 10;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask for one page while nothing else is in flight: the answer is to be weighed as *j*.
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
        // Where the last page says that there is more, the count that it is proved by may be capped.
        let look = pass.past_the_end().map(|page| alone(pass, page));
        return look.unwrap_or(Step::Done);
    }
    if !pass.has_begun() {
        return begin(pass.number());
    }
    if details_suffice(passes, verdict, queued) {
        return Step::Details;
    }
    if pass.is_complete() && is_settled(passes, verdict) {
        return Step::Done;
    }
    if pass.is_complete() || pass.were_details_asked() || pass.number() > passes.rules().max_passes
    {
        return begin_another(passes, queued);
    }
    let again = passes.wanted_again();
    if !again.is_empty() {
        return together(pass, again);
    }
    match worth_a_look(passes, verdict, queued) {
        Some(page) => alone(pass, page),
        None => spread(pass),
    }
}

fn begin(pass: u32) -> Step {
    Step::Alone { pass, page: 1 }
}

fn alone(pass: &Pass, page: u32) -> Step {
    let pass = pass.number();
    Step::Alone { pass, page }
}

fn together(pass: &Pass, pages: Vec<u32>) -> Step {
    let pass = pass.number();
    Step::Together { pass, pages }
}

/// All pages that the pass still lacks, and only then one past the end, if the last one says so.
fn spread(pass: &Pass) -> Step {
    let pages = pass.remaining();
    match pass.past_the_end() {
        Some(page) if pages.is_empty() => alone(pass, page),
        _ => together(pass, pages),
    }
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

/// Whether a further pass would be in vain: two agree, and the count is none, void, or another.
fn is_settled(passes: &Passes, verdict: &Verdict) -> bool {
    let seen = passes.current().seen();
    passes.agree() && (is_void(verdict) || passes.total() != Some(seen))
}

/// Whether page 1 has just been asked for again, and the details that are to be fetched anyway hold
/// every sighting that it lacks. They never stand in for the first pass, for what the list says is
/// wanted for itself; who was not seen by the rest of a pass has no details to give; and what did not
/// come once is not waited for again.
fn details_suffice(passes: &Passes, verdict: &Verdict, queued: &RoaringBitmap) -> bool {
    let Verdict::Open(Some(lacking)) = verdict else {
        return false;
    };
    passes.has_complete_pass_before()
        && passes.current().taken() == 1
        && !passes.were_details_asked()
        && lacking.is_within_reach()
        && lacking.unseen_after.is_subset(queued)
}

/// The page that is to be asked for alone before all others: it may hold somebody new. Not where no
/// proof is to be had by it, and not where so many are new, or so many pages were looked at, that it
/// is faster to ask for all others at once.
fn worth_a_look(passes: &Passes, verdict: &Verdict, queued: &RoaringBitmap) -> Option<u32> {
    let pass = passes.current();
    let details_will_do = passes.known().is_subset(queued);
    if is_void(verdict) || details_will_do || was_looked_enough(pass) {
        return None;
    }
    let deficit = passes.deficit()?;
    let rows_within_reach = u64::from(pages_worth_a_look(pass)) * u64::from(passes.page_size());
    if deficit > rows_within_reach {
        return None;
    }
    where_arrivals_go_on(pass, |page| {
        page.is_all_fresh() || (deficit > 0 && page.fresh > 0)
    })
}

/// Nothing can be proved any more; what is left is to see whether passes agree.
fn is_void(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Contradiction { .. })
}

/// So many rows as fill the pages worth a look can touch one page more, the look at one end of the
/// list may have been in vain, and there is page 1.
fn was_looked_enough(pass: &Pass) -> bool {
    pass.taken() > pages_worth_a_look(pass) + 3
}

fn pages_worth_a_look(pass: &Pass) -> u32 {
    LOOKS.max(pass.pages() / LOOKS_SHARE)
}

/// The next page from the head or the tail, all before it being such that arrivals may go on: for as
/// long as pages are all new, or hold somebody new while the total says that there are more. Page 2
/// only if page 1 was all new: a list that shows the newest first is new to the end of a page before
/// it is new on the next.
fn where_arrivals_go_on(pass: &Pass, on: impl Fn(&Page) -> bool) -> Option<u32> {
    let page_1_is_new = pass.page(1).is_some_and(Page::is_all_fresh);
    let head = || frontier(pass, 2..=pass.pages(), &on);
    let tail = || frontier(pass, (2..=pass.pages()).rev(), &on);
    page_1_is_new.then(head).flatten().or_else(tail)
}

/// The first page that was not taken, if arrivals go on over all before it.
fn frontier(
    pass: &Pass,
    mut pages: impl Iterator<Item = u32>,
    on: impl Fn(&Page) -> bool,
) -> Option<u32> {
    let end = pages.find(|page| !pass.page(*page).is_some_and(&on))?;
    pass.page(end).is_none().then_some(end)
}

#[cfg(test)]
mod tests;
