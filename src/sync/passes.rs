//! The passes of one walk over the list: which pages were taken, what they say of where the list
//! ends, whether two passes agree.
//!
//! What a page proves is no concern of this file (see [`certificate`](super::certificate)), nor what
//! to ask for next (see [`strategy`](super::strategy)). It holds rows as numbers and keeps the rules
//! by which pages are believed:
//!
//! - the list ends where the newest answer says so by its page count, and where the last page does
//!   not say that there is another; a page that is short ends nothing;
//! - where the last page says that there is another, the page count decides, after one look past it;
//! - an answer with another page size than was asked for makes that size the one to ask for, and the
//!   pass begins anew;
//! - a page past the end by its own page count that shows somebody all the same makes the list's
//!   counts worthless as proof;
//! - the same customers on two pages of one pass, page after page without anybody, a page count
//!   without bounds, or a page size that will not settle are no list: a [`Fault`].
//!
//! Answers of a walk that was cut short are taken again from its ledger, in the order in which they
//! were received; the walk then stands where it stood.

use std::collections::{BTreeMap, HashMap};

use roaring::RoaringBitmap;

use super::certificate::{Totals, Verdict};
use crate::report::{Exit, Grade};

/// How often a walk adopts another page size before it calls the server unfit to be paged through.
const RESIZES_MAX: u32 = 3;

/// So many empty pages within one pass are an accident; more are a list that never ends.
const EMPTY_PAGES_MAX: u32 = 20;

/// What holds for the whole walk.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Passes over the list, at most.
    pub max_passes: u32,
    /// Pages of a list that are believed, at most.
    pub pages_max: u32,
    /// Rows to ask for on a page.
    pub page_size: u32,
    /// Whether the dialect's total is a total by definition. Where not, it is one as soon as a pass
    /// has shown it ([`items_count_all`]).
    pub totals: Totals,
}

/// One answer of the list, as far as the bookkeeping goes.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// The pass that it was asked for in.
    pub pass: u32,
    /// The page that was asked for, from 1.
    pub page: u32,
    /// How many pages the answer says there are.
    pub pages: u32,
    /// The page size in force, where the answer says it.
    pub page_size: Option<u32>,
    /// The total (or, in the `limit` dialect, `items`), where the answer says it.
    pub total: Option<u64>,
    /// Whether there is another page, where the answer says it.
    pub has_next: Option<bool>,
    /// Whether no other answer of the walk was on its way at the same time.
    pub alone: bool,
    /// The customers on the page.
    pub rows: &'a RoaringBitmap,
    /// Whether the page held nothing, not even a row that could not be taken.
    pub is_empty: bool,
    /// Sixty-four bits that are the same for the same set of ids, whatever their order.
    pub content: u64,
}

/// The server does not page through a list as one can be paged through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The page parameter seems to be ignored.
    #[error("pages {first} and {again} of one pass show the same customers")]
    RepeatedPage {
        /// The page that showed them first.
        first: u32,
        /// The page that showed them again.
        again: u32,
    },
    /// The page count is past all bounds.
    #[error("the list says it has {pages} pages; more than {most} are not believed")]
    TooManyPages {
        /// What it says.
        pages: u32,
        /// What is believed.
        most: u32,
    },
    /// Pages that are within the list by its own page count hold nobody, one after another.
    #[error("{pages} pages are empty that are within the list by its own page count")]
    EmptyPages {
        /// How many, in one pass.
        pages: u32,
    },
    /// The page size keeps changing.
    #[error("the list changed its page size again and again, last to {page_size}")]
    RestlessPageSize {
        /// The size it last said.
        page_size: u32,
    },
}

impl Fault {
    /// How the process ends for it.
    pub fn exit(&self) -> Exit {
        Exit::NotThisApi
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::RepeatedPage { .. } => {
                "the server seems to ignore the page it is asked for; set api.dialect by hand"
            }
            Self::TooManyPages { .. } | Self::EmptyPages { .. } => {
                "raise api.page_size, or ask who runs the server"
            }
            Self::RestlessPageSize { .. } => "set api.page_size to what the server gives",
        }
        .to_owned()
    }
}

/// The passes of one walk.
#[derive(Clone, Debug)]
pub struct Passes {
    rules: Rules,
    page_size: u32,
    resizes: u32,
    totals: Totals,
    known: RoaringBitmap,
    current: Pass,
    last_complete: Option<RoaringBitmap>,
    /// Pages that the pass before took before the last one that it took alone and that held
    /// somebody new.
    before_newest: Vec<u32>,
    details_asked: bool,
    drift: u64,
}

impl Passes {
    /// A walk that has asked for nothing yet; `known_before` are the customers that earlier runs
    /// know alive.
    pub fn new(rules: Rules, known_before: RoaringBitmap) -> Self {
        Self {
            page_size: rules.page_size,
            totals: rules.totals,
            rules,
            resizes: 0,
            known: known_before,
            current: Pass::begin(1),
            last_complete: None,
            before_newest: Vec::new(),
            details_asked: false,
            drift: 0,
        }
    }

    /// Takes an answer in, and says whether it is to be weighed as *j*: of those that were alone in
    /// flight page 1, and whichever shows somebody new, for it puts those before it out of reach.
    /// After an error the walk is over, and so is its right to more than the grade partial.
    pub fn taken(&mut self, taken: &Taken<'_>) -> Result<bool, Fault> {
        if taken.pages > self.rules.pages_max {
            return Err(Fault::TooManyPages {
                pages: taken.pages,
                most: self.rules.pages_max,
            });
        }
        if taken.pass > self.current.number {
            self.begin_pass(taken.pass);
        }
        let resized = self.adopt_page_size(taken)?;
        let is_new = !taken.rows.is_subset(&self.known);
        if taken.pass == self.current.number && (!resized || taken.page == 1) {
            self.drift += self.current.rows.intersection_len(taken.rows);
            self.current.take(taken, &self.known)?;
        }
        self.known |= taken.rows;
        if taken.page > taken.pages && !taken.rows.is_empty() {
            // By its own page count there should be nobody: such counts prove nothing.
            self.totals = Totals::Unproved;
        }
        let unproved = self.totals == Totals::Unproved;
        if unproved && self.current.is_complete() && self.current.items_count_all() {
            self.totals = Totals::Meant;
        }
        Ok(taken.alone && (taken.page == 1 || is_new))
    }

    /// To be called when the details of the queue have been asked for, whatever came of it.
    pub fn details_asked(&mut self) {
        self.details_asked = true;
        self.current.details_asked = true;
    }

    /// The rows to ask for on a page: the setting, or what the server made of it.
    pub fn page_size(&self) -> u32 {
        self.page_size
    }

    /// Whether this list's totals may be taken for totals.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The pass that the walk is in, from 1.
    pub fn number(&self) -> u32 {
        self.current.number
    }

    /// How many rows were seen on two pages of one pass: customers that moved while it went on.
    pub fn drift(&self) -> u64 {
        self.drift
    }

    /// Whether the last two passes that came to their end saw the same customers.
    pub fn agree(&self) -> bool {
        self.current.is_complete() && self.last_complete.as_ref() == Some(&self.current.rows)
    }

    /// What the walk is worth.
    pub fn grade(&self, verdict: &Verdict) -> Grade {
        match verdict {
            Verdict::Complete(_) => Grade::Complete,
            _ if self.agree() => Grade::Converged,
            _ => Grade::Partial,
        }
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) fn current(&self) -> &Pass {
        &self.current
    }

    /// All customers that earlier runs knew alive or that this walk's list showed.
    pub(super) fn known(&self) -> &RoaringBitmap {
        &self.known
    }

    /// Whether the details have been asked for since the walk began, or was resumed.
    pub(super) fn were_details_asked(&self) -> bool {
        self.details_asked
    }

    /// Whether some pass before this one came to its end.
    pub(super) fn has_complete_pass_before(&self) -> bool {
        self.last_complete.is_some()
    }

    /// The newest total, where totals may be taken for totals.
    pub(super) fn total(&self) -> Option<u64> {
        self.current.total.filter(|_| self.totals == Totals::Meant)
    }

    /// How many customers there are by the newest total that nobody has shown yet, should it turn out
    /// to be one; 0 also where more are known than counted. None where the answer counts nothing.
    pub(super) fn deficit(&self) -> Option<u64> {
        let known = self.known.len();
        self.current.total.map(|total| total.saturating_sub(known))
    }

    /// The pages that this pass is to take first, after page 1: the pass before took them before the
    /// page that it may be proved by, and never again.
    pub(super) fn wanted_again(&self) -> Vec<u32> {
        let pages = self.before_newest.iter().copied();
        pages
            .filter(|page| *page <= self.current.pages && self.current.page(*page).is_none())
            .collect()
    }

    fn begin_pass(&mut self, number: u32) {
        let ended = std::mem::replace(&mut self.current, Pass::begin(number));
        if ended.is_complete() {
            self.last_complete = Some(ended.rows);
        }
        self.before_newest = ended.before_newest;
    }

    /// Says whether the page size is another than before; the pass then stands at its beginning.
    fn adopt_page_size(&mut self, taken: &Taken<'_>) -> Result<bool, Fault> {
        let Some(page_size) = taken.page_size.filter(|size| *size != self.page_size) else {
            return Ok(false);
        };
        if self.resizes == RESIZES_MAX {
            return Err(Fault::RestlessPageSize { page_size });
        }
        self.resizes += 1;
        self.page_size = page_size;
        self.current = Pass::begin(self.current.number);
        Ok(true)
    }
}

/// Whether `items` of the `limit` dialect counts all customers and not the rows of a page, which its
/// documentation leaves open. `pages` are the pages of one whole pass as (`items`, rows on the page);
/// `distinct` is how many customers they show.
///
/// It does where several pages say the same number, that number is how many customers there are to
/// be seen, and some page itself has another number of rows.
pub fn items_count_all(pages: &[(u64, u64)], distinct: u64) -> bool {
    pages.len() > 1
        && pages.iter().all(|(items, _)| *items == distinct)
        && pages.iter().any(|(_, rows)| *rows != distinct)
}

/// One way through the list, from page 1 to its end, if it gets there.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    number: u32,
    pages: u32,
    total: Option<u64>,
    taken: BTreeMap<u32, Page>,
    contents: HashMap<u64, u32>,
    rows: RoaringBitmap,
    empty_pages: u32,
    /// The pages that were there when the last one was taken alone that held somebody new.
    before_newest: Vec<u32>,
    details_asked: bool,
}

/// What is remembered of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    rows: u64,
    /// How many of its customers nobody had shown before it.
    pub(super) fresh: u64,
    total: Option<u64>,
    has_next: Option<bool>,
}

impl Page {
    pub(super) fn is_all_fresh(&self) -> bool {
        self.rows > 0 && self.fresh == self.rows
    }
}

impl Pass {
    fn begin(number: u32) -> Self {
        Self {
            number,
            pages: 0,
            total: None,
            taken: BTreeMap::new(),
            contents: HashMap::new(),
            rows: RoaringBitmap::new(),
            empty_pages: 0,
            before_newest: Vec::new(),
            details_asked: false,
        }
    }

    /// Whether page 1 was taken.
    pub(super) fn has_begun(&self) -> bool {
        self.taken.contains_key(&1)
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// How many pages there are, by the newest answer.
    pub(super) fn pages(&self) -> u32 {
        self.pages
    }

    /// How many pages were taken.
    pub(super) fn taken(&self) -> u32 {
        u32::try_from(self.taken.len()).unwrap_or(u32::MAX)
    }

    /// Whether the details have been asked for since this pass began.
    pub(super) fn were_details_asked(&self) -> bool {
        self.details_asked
    }

    /// What is remembered of a page. None: it was not taken.
    pub(super) fn page(&self, page: u32) -> Option<&Page> {
        self.taken.get(&page)
    }

    /// The pages that are still to be asked for, by the page count.
    pub(super) fn remaining(&self) -> Vec<u32> {
        let all = 1..=self.pages;
        all.filter(|page| !self.taken.contains_key(page)).collect()
    }

    /// The page past the end, where the last one says that there is another, and nobody has looked.
    pub(super) fn past_the_end(&self) -> Option<u32> {
        let last = self.pages.max(1);
        let says_more = self.taken.get(&last)?.has_next == Some(true);
        (says_more && !self.taken.contains_key(&(last + 1))).then_some(last + 1)
    }

    /// Whether the pass came to its end.
    pub(super) fn is_complete(&self) -> bool {
        let pages = self.pages as usize;
        self.has_begun()
            && self.taken.len() >= pages
            && self.taken.range(..=self.pages).count() == pages
            && self.past_the_end().is_none()
    }

    /// How many customers this pass saw.
    pub(super) fn seen(&self) -> u64 {
        self.rows.len()
    }

    fn items_count_all(&self) -> bool {
        let pages = self.taken.values().filter(|page| page.rows > 0);
        let pages: Option<Vec<_>> = pages.map(|page| Some((page.total?, page.rows))).collect();
        pages.is_some_and(|pages| items_count_all(&pages, self.rows.len()))
    }

    fn take(&mut self, taken: &Taken<'_>, known: &RoaringBitmap) -> Result<(), Fault> {
        self.check_repetition(taken)?;
        self.check_emptiness(taken)?;
        let fresh = taken.rows.difference_len(known);
        if taken.alone && fresh > 0 {
            self.before_newest = self.taken.keys().copied().collect();
        }
        self.pages = taken.pages;
        self.total = taken.total;
        self.rows |= taken.rows;
        let page = Page {
            rows: taken.rows.len(),
            fresh,
            total: taken.total,
            has_next: taken.has_next,
        };
        self.taken.insert(taken.page, page);
        Ok(())
    }

    /// The last page may honestly be empty, and one in the middle by a mistake that passes.
    fn check_emptiness(&mut self, taken: &Taken<'_>) -> Result<(), Fault> {
        self.empty_pages += u32::from(taken.is_empty && taken.page < taken.pages);
        if self.empty_pages > EMPTY_PAGES_MAX {
            return Err(Fault::EmptyPages {
                pages: self.empty_pages,
            });
        }
        Ok(())
    }

    /// A page full of arrivals between two answers can honestly show the same customers on the
    /// next page, but then the list has grown.
    fn check_repetition(&mut self, taken: &Taken<'_>) -> Result<(), Fault> {
        if taken.rows.is_empty() {
            return Ok(());
        }
        let again = taken.page;
        let first = *self.contents.entry(taken.content).or_insert(again);
        let total_then = self.taken.get(&first).map(|page| page.total);
        if first != again && total_then == Some(taken.total) {
            return Err(Fault::RepeatedPage { first, again });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
