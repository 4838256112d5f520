//! The walk: asks for what [`strategy`](super::strategy) wants next until it is proved or in vain.
//!
//! All that a walk knows can be had again from its ledger in the mirror, so one that was cut short
//! goes on as if nothing had happened; unless that was so long ago that its pages say little about
//! today. Then a new walk begins. What the old one listed is known all the same, and its queue stands.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use roaring::RoaringBitmap;

use super::certificate::{self, Evidence, Totals, Verdict};
use super::details::Places;
use super::passes::{Passes, Rules, Taken};
use super::strategy::{self, Step};
use super::{Error, Run};
use crate::api::{self, Page, Total};
use crate::config::Dialect;
use crate::customer::Interval;
use crate::mirror;
use crate::report::{Grade, Stage};

/// A walk that was cut short longer ago than this is begun anew.
const RESUMED_WITHIN: SignedDuration = SignedDuration::from_hours(1);

/// Pages of a list that are believed, at most: a hundred million customers at 100 a page.
const PAGES_MAX: u32 = 1_000_000;

/// A walk in progress.
pub(super) struct Walk {
    pub(super) id: i64,
    /// The dialect that its first page spoke.
    pub(super) dialect: Dialect,
    pub(super) passes: Passes,
    pub(super) evidence: Evidence,
    /// Whether earlier runs knew of anybody.
    pub(super) somebody_was_known: bool,
    /// All customers that the list showed in this run.
    pub(super) listed: RoaringBitmap,
    /// When those answers were received that may prove something, by their `received` count.
    pub(super) received_at: HashMap<u64, Timestamp>,
    /// The rows on the newest page 1: customers of whom the server must know.
    pub(super) just_listed: RoaringBitmap,
    /// Whether pages are now asked for one at a time.
    pub(super) alone: bool,
}

/// A walk that is over.
pub(super) struct Walked {
    pub(super) id: i64,
    pub(super) grade: Grade,
    pub(super) as_of: Option<Timestamp>,
    pub(super) verdict: Verdict,
    pub(super) listed: RoaringBitmap,
    pub(super) just_listed: RoaringBitmap,
    pub(super) passes: u32,
}

impl Run<'_> {
    /// Walks until nothing more is to be asked of the list. What can't be one is not gone on with by
    /// the next run: its ledger would say the same again, however well the server is by then.
    pub(super) async fn walk(&mut self) -> Result<Walked, Error> {
        let walked = self.walk_to_its_end().await;
        if let Err(Error::Protocol(_)) = walked {
            self.abandon_walk().await?;
        }
        walked
    }

    async fn walk_to_its_end(&mut self) -> Result<Walked, Error> {
        let mut walk = match self.open_walk.take() {
            Some(open) if self.is_fresh(&open) => self.take_up(open).await?,
            _ => self.set_out().await?,
        };
        loop {
            let verdict = walk.evidence.verdict(walk.passes.totals());
            let queued = self.proving_details().await?;
            match strategy::next(&walk.passes, &verdict, &queued) {
                Step::Alone { pass, page } => self.ask_alone(&mut walk, pass, page).await?,
                Step::Together { pass, pages } => self.ask_together(&mut walk, pass, pages).await?,
                Step::Details if self.rehearsing => return Ok(self.arrive(walk, verdict)),
                Step::Details => {
                    self.fetch_queued(Places::First, Some(&mut walk)).await?;
                    walk.passes.details_asked();
                }
                Step::Done => return Ok(self.arrive(walk, verdict)),
            }
        }
    }

    /// Ends the walk in the mirror: what it proved is decided upon, its ledger may go.
    pub(super) async fn end_walk(&mut self, walked: &Walked) -> Result<(), Error> {
        let (id, grade, as_of, at) = (walked.id, walked.grade, walked.as_of, self.clock.now());
        self.store
            .with(move |mirror| mirror.end_walk(id, grade, as_of, at))
            .await?;
        Ok(())
    }

    async fn abandon_walk(&mut self) -> Result<(), Error> {
        let at = self.clock.now();
        let abandoned = self.store.with(move |mirror| match mirror.open_walk()? {
            Some(open) => mirror.end_walk(open.id, Grade::Partial, None, at),
            None => Ok(()),
        });
        Ok(abandoned.await?)
    }

    fn is_fresh(&self, open: &mirror::Walk) -> bool {
        self.clock.now().duration_since(open.last_at) <= RESUMED_WITHIN
    }

    /// Goes on with a walk where its ledger ends.
    async fn take_up(&mut self, open: mirror::Walk) -> Result<Walk, Error> {
        self.report.grade = Some(Grade::Partial);
        self.taken_up_since = Some(open.started_at);
        let (id, begun_by, released) = (open.id, open.run, self.deletions_allowed);
        self.touched = self
            .store
            .with(move |mirror| {
                if released > 0 {
                    mirror.release(id, released)?;
                }
                mirror.written_since(begun_by)
            })
            .await?;
        let mut walk = Walk::begin(&open, self.settings.max_passes);
        if let Some(listed) = open.listed.last().filter(|_| open.known_alive.is_empty()) {
            let at_most = u64::from(listed.pages) * u64::from(walk.passes.page_size());
            self.foresee_age(listed.total.unwrap_or(at_most));
        }
        let alone = alone(&open);
        for (listed, alone) in open.listed.into_iter().zip(alone) {
            walk.take(
                &Taken {
                    pass: listed.pass,
                    page: listed.page,
                    pages: listed.pages,
                    page_size: listed.page_size,
                    total: listed.total,
                    has_next: listed.has_next,
                    alone,
                    rows: &listed.rows,
                    is_empty: false,
                    content: listed.content,
                },
                listed.interval,
                listed.received_at,
                listed.is_evidence,
            )?;
        }
        if self.details_are_sightings() {
            for (interval, rows) in &open.detail_sightings {
                for row in rows {
                    walk.evidence.detailed(*interval, row);
                }
            }
        }
        self.flight.page_size = walk.passes.page_size();
        tracing::info!(pass = open.pass, "taking up the walk that was cut short");
        Ok(walk)
    }

    /// Begins a new walk. The first page tells which dialect the server speaks, and how many rows
    /// it gives on a page.
    async fn set_out(&mut self) -> Result<Walk, Error> {
        self.live.begin(Stage::Pages, 0);
        let asked = self.flight.page_size;
        let first = match self.flight.client.list_page(1, asked).await {
            Ok(page) => page,
            Err(api::Error::NoContent { status: 204 }) if self.is_empty().await? => {
                return self.nobody().await;
            }
            Err(error) => return Err(error.into()),
        };
        let page_size = first.page_size.unwrap_or(asked);
        self.flight.page_size = page_size;
        let open = self
            .open_ledger(first.dialect, page_size, first.interval)
            .await?;
        if open.known_alive.is_empty() {
            self.foresee_age(how_many(&first, page_size));
        }
        let mut walk = Walk::begin(&open, self.settings.max_passes);
        self.take_pages(&mut walk, 1, vec![first]).await?;
        Ok(walk)
    }

    async fn is_empty(&mut self) -> Result<bool, Error> {
        let known = self
            .store
            .with(|mirror| Ok(mirror.alive_count()? + mirror.queue_len()?));
        Ok(known.await? == 0)
    }

    /// The walk over a list without content, where nobody was ever known: there are no customers.
    async fn nobody(&mut self) -> Result<Walk, Error> {
        let count = self.flight.client.count();
        let interval = Interval {
            sent: count,
            received: count + 1,
        };
        let open = self
            .open_ledger(Dialect::PageSize, self.flight.page_size, interval)
            .await?;
        let mut walk = Walk::begin(&open, self.settings.max_passes);
        let taken = Taken {
            pass: 1,
            page: 1,
            pages: 0,
            page_size: None,
            total: Some(0),
            has_next: None,
            alone: true,
            rows: &RoaringBitmap::new(),
            is_empty: true,
            content: 0,
        };
        walk.take(&taken, interval, self.clock.now(), true)?;
        Ok(walk)
    }

    async fn open_ledger(
        &mut self,
        dialect: Dialect,
        page_size: u32,
        first: Interval,
    ) -> Result<mirror::Walk, Error> {
        let dialect = match dialect {
            Dialect::Limit => LIMIT,
            Dialect::Auto | Dialect::PageSize => PAGE_SIZE,
        };
        // Until the walk arrives, it is worth no more.
        self.report.grade = Some(Grade::Partial);
        let (run, at, released) = (self.report.id, self.clock.now(), self.deletions_allowed);
        Ok(self
            .store
            .with(move |mirror| {
                mirror.begin_walk(run, at, dialect, page_size, first.sent, released)
            })
            .await?)
    }

    /// Whose details will be asked for anyway, as far as a detail proves that a customer lives.
    async fn proving_details(&mut self) -> Result<RoaringBitmap, Error> {
        if !self.details_are_sightings() {
            return Ok(RoaringBitmap::new());
        }
        Ok(self.store.with(|mirror| mirror.queued()).await?)
    }

    /// Until somebody was found to live whom a proved list does not show (H4).
    pub(super) fn details_are_sightings(&self) -> bool {
        self.memory.h4_broken_at.is_none()
    }

    fn arrive(&mut self, walk: Walk, verdict: Verdict) -> Walked {
        let mut grade = walk.passes.grade(&verdict);
        let mut as_of = None;
        match &verdict {
            Verdict::Complete(complete) => {
                as_of = walk.received_at.get(&complete.as_of.received).copied();
            }
            Verdict::Contradiction { proved, total, .. } => {
                grade = grade.min(Grade::Converged);
                let what = format!(
                    "the server counts {total} customers, but {proved} are proved to live at that \
                     instant: its count or its answers can't be relied upon"
                );
                self.report.reason.get_or_insert_with(|| what.clone());
                self.warn(what);
            }
            Verdict::Open(_) => {}
        }
        self.report.grade = Some(grade);
        self.report.as_of = as_of;
        self.report.counts.drift = walk.passes.drift();
        Walked {
            id: walk.id,
            grade,
            as_of,
            verdict,
            passes: walk.passes.number(),
            listed: walk.listed,
            just_listed: walk.just_listed,
        }
    }
}

const PAGE_SIZE: &str = "page-size";
const LIMIT: &str = "limit";

impl Walk {
    fn begin(open: &mirror::Walk, max_passes: u32) -> Self {
        let (dialect, totals) = if open.dialect == LIMIT {
            (Dialect::Limit, Totals::Unproved)
        } else {
            (Dialect::PageSize, Totals::Meant)
        };
        let rules = Rules {
            max_passes,
            pages_max: PAGES_MAX,
            page_size: open.page_size,
            totals,
        };
        Self {
            id: open.id,
            dialect,
            passes: Passes::new(rules, open.known_alive.clone()),
            evidence: Evidence::new(&open.known_alive),
            somebody_was_known: !open.known_alive.is_empty(),
            listed: RoaringBitmap::new(),
            received_at: HashMap::new(),
            just_listed: RoaringBitmap::new(),
            alone: true,
        }
    }

    /// Takes an answer into the passes and, where it is of its time, into the evidence.
    pub(super) fn take(
        &mut self,
        taken: &Taken<'_>,
        interval: Interval,
        received_at: Timestamp,
        is_evidence: bool,
    ) -> Result<(), Error> {
        let is_weighed = self.passes.taken(taken)?;
        self.listed |= taken.rows;
        if taken.page == 1 {
            self.just_listed.clone_from(taken.rows);
        }
        if !is_evidence {
            return Ok(());
        }
        match taken.total.filter(|_| is_weighed) {
            Some(total) => {
                self.received_at.insert(interval.received, received_at);
                self.evidence.probed(interval, total, taken.rows);
            }
            None => self.evidence.listed(interval, taken.rows),
        }
        Ok(())
    }
}

/// Which of a ledger's list answers were alone in flight.
fn alone(open: &mirror::Walk) -> Vec<bool> {
    let lists = open.listed.iter().map(|it| (it.interval, true));
    let details = open.detail_sightings.iter().map(|it| (it.0, false));
    let mut all: Vec<_> = lists.chain(details).collect();
    all.sort_by_key(|(interval, _)| interval.received);
    let intervals: Vec<Interval> = all.iter().map(|it| it.0).collect();
    let alone = certificate::alone(&intervals).into_iter();
    let lists = alone.zip(all).filter(|(_, (_, is_list))| *is_list);
    lists.map(|(alone, _)| alone).collect()
}

/// How many customers there are by this answer, roughly where it does not say.
fn how_many(page: &Page, page_size: u32) -> u64 {
    match page.total {
        Total::Exact(total) => total,
        Total::Items(_) => u64::from(page.pages) * u64::from(page_size),
    }
}

/// How many customers there are by this answer, in a walk that began in this dialect. The `limit`
/// dialect's `items` may yet turn out to be a total; a `totalCount` that its own page count contradicts
/// is none. Where the server changes its dialect in mid-walk, nothing says that its two counts are of
/// the same kind, and the walk goes by none of the second.
pub(super) fn total(page: &Page, dialect: Dialect) -> Option<u64> {
    match page.total {
        _ if page.dialect != dialect => None,
        Total::Exact(total) => Some(total),
        Total::Items(items) => (page.dialect == Dialect::Limit).then_some(items),
    }
}
