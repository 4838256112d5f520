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
//! | new customers on m pages at the head or the tail | these alone; page 1 again is *j*; the rest | P + m + 1 |
//! | new customers anywhere | a pass; another, whose page 1 is *j* | 2P |
//!
//! So page 1 is always asked for alone and begins a pass, and from the total it gives one knows how
//! many customers are still to be found: that decides how the pass goes on. A pass that finds all of
//! them early is left, for the next one to prove. Departures since the last run hide as many
//! arrivals in that number; so the last page, where arrivals may be, is looked at before the rest
//! even where nobody seems to be new, which costs nothing. Where departures and arrivals still
//! mislead, a pass more is needed, and so no pass is left unless two more may follow it.
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
    match outlook(passes, verdict, queued) {
        Outlook::Look(page) => alone(pass, page),
        Outlook::AllFound => begin_another(passes, queued),
        Outlook::Spread => spread(pass),
    }
}

fn begin(pass: u32) -> Step {
    Step::Alone { pass, page: 1 }
}

fn alone(pass: &Pass, page: u32) -> Step {
    let pass = pass.number();
    Step::Alone { pass, page }
}

/// All pages that the pass still lacks, and only then one past the end, if the last one says so.
fn spread(pass: &Pass) -> Step {
    let pages = pass.remaining();
    match pass.past_the_end() {
        Some(page) if pages.is_empty() => alone(pass, page),
        _ => Step::Together {
            pass: pass.number(),
            pages,
        },
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

/// How a pass whose page 1 is there goes on.
enum Outlook {
    /// This page alone: it may hold somebody new.
    Look(u32),
    /// Page 1 came too early to be proved, but now everybody has been seen: page 1 again.
    AllFound,
    /// All other pages.
    Spread,
}

fn outlook(passes: &Passes, verdict: &Verdict, queued: &RoaringBitmap) -> Outlook {
    let pass = passes.current();
    let details_will_do = passes.known().is_subset(queued);
    if is_void(verdict) || details_will_do || !may_be_left(passes) {
        return Outlook::Spread;
    }
    match passes.deficit() {
        None => Outlook::Spread,
        Some(deficit) if !pass.is_first_within_reach() => find(passes, deficit),
        Some(_) => make_sure(passes),
    }
}

/// Nothing can be proved any more; what is left is to see whether passes agree.
fn is_void(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Contradiction { .. })
}

/// Two whole passes prove a quiet list whatever its order, so as many must be left; and a pass that
/// went far is not thrown away. So many rows as fill the pages worth a look can touch one page more,
/// the look at one end of the list may have been in vain, and there is page 1.
fn may_be_left(passes: &Passes) -> bool {
    let pass = passes.current();
    passes.number() + 2 <= passes.rules().max_passes && pass.taken() <= pages_worth_a_look(pass) + 3
}

/// Page 1 counted more customers than were known or on it: so many are to be found. Where they are
/// too many, or not where arrivals are wont to be, all pages are asked for at once.
fn find(passes: &Passes, deficit: u64) -> Outlook {
    let pass = passes.current();
    let rows_within_reach = u64::from(pages_worth_a_look(pass)) * u64::from(passes.page_size());
    if deficit == 0 {
        return Outlook::AllFound;
    }
    if deficit > rows_within_reach {
        return Outlook::Spread;
    }
    where_arrivals_go_on(pass, |page| page.fresh > 0).map_or(Outlook::Spread, Outlook::Look)
}

/// Page 1 counted no more than were known or on it, but departures may hide arrivals. If the ends of
/// the list show somebody new, page 1 can't be proved; arrivals then go on for as long as pages are
/// all new, and end where one is not.
fn make_sure(passes: &Passes) -> Outlook {
    let pass = passes.current();
    match where_arrivals_go_on(pass, Page::is_all_fresh) {
        Some(page) => Outlook::Look(page),
        None if pass.is_surprised() => Outlook::AllFound,
        None => Outlook::Spread,
    }
}

fn pages_worth_a_look(pass: &Pass) -> u32 {
    LOOKS.max(pass.pages() / LOOKS_SHARE)
}

/// The next page from the head or the tail, all before it being such that arrivals may go on. Page 2
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
