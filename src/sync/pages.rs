//! Pages: asked for, planned row by row, committed, and taken into what the walk knows.

use std::collections::{HashSet, VecDeque};

use roaring::RoaringBitmap;

use super::details::{Places, Waiting};
use super::passes::Taken;
use super::plan::plan;
use super::round::Round;
use super::walk::{Walk, total};
use super::{Error, Run};
use crate::api::Page;
use crate::config::Dialect;
use crate::customer::{CustomerId, Summary};
use crate::mirror::{self, Mirror, PageTaken};
use crate::report::{RunId, Stage};

impl Run<'_> {
    /// Asks for one page while nothing else is in the air.
    pub(super) async fn ask_alone(
        &mut self,
        walk: &mut Walk,
        pass: u32,
        page: u32,
    ) -> Result<(), Error> {
        walk.alone = true;
        self.ask(walk, pass, VecDeque::from([page]), Waiting::nobody())
            .await
    }

    /// Asks for pages at the same time, and for the details of whom they queue. Where nobody was
    /// known before, details come later: they are worth more after the next page 1 (see
    /// [`strategy`](super::strategy)).
    pub(super) async fn ask_together(
        &mut self,
        walk: &mut Walk,
        pass: u32,
        pages: Vec<u32>,
    ) -> Result<(), Error> {
        walk.alone = false;
        self.live.begin(Stage::Pages, pages.len() as u64);
        let details = if walk.somebody_was_known && !self.rehearsing {
            Waiting::queued(Places::Fresh)
        } else {
            Waiting::nobody()
        };
        self.ask(walk, pass, pages.into(), details).await
    }

    async fn ask(
        &mut self,
        walk: &mut Walk,
        pass: u32,
        pages: VecDeque<u32>,
        details: Waiting,
    ) -> Result<(), Error> {
        let flight = self.flight.clone();
        let mut round = Round {
            run: self,
            walk: Some(walk),
            pass,
            pages,
            details,
        };
        flight.run(&mut round).await
    }

    /// Commits pages in the order in which they were received, then takes them into the walk.
    pub(super) async fn take_pages(
        &mut self,
        walk: &mut Walk,
        pass: u32,
        pages: Vec<Page>,
    ) -> Result<(), Error> {
        let of = Asked {
            walk: walk.id,
            dialect: walk.dialect,
            run: self.report.id,
            pass,
        };
        let committed = self
            .store
            .with(move |mirror| commit(mirror, of, pages))
            .await?;
        for page in committed {
            self.take_committed(walk, pass, page)?;
        }
        self.flight.page_size = walk.passes.page_size();
        Ok(())
    }

    fn take_committed(
        &mut self,
        walk: &mut Walk,
        pass: u32,
        (page, rows, content): Committed,
    ) -> Result<(), Error> {
        self.report.counts.pages += 1;
        self.report.counts.rejected += page.rejected.len() as u64;
        self.live.advance(1);
        self.remark(&page);
        let taken = Taken {
            pass,
            page: page.number,
            pages: page.pages,
            page_size: page.page_size,
            total: total(&page, walk.dialect),
            has_next: page.has_next,
            alone: walk.alone,
            rows: &rows,
            is_empty: rows.is_empty() && page.rejected.is_empty(),
            content,
        };
        walk.take(&taken, page.interval, page.received_at, !page.from_cache)
    }

    /// Says what is odd about a page, once a run.
    fn remark(&mut self, page: &Page) {
        if page.from_cache {
            self.warn("a cache answers for the API: nothing can be proved from it".to_owned());
        }
        if page.notes > 0 {
            self.warn("some values could not be read and were taken as null".to_owned());
        }
        for field in &page.unknown_fields {
            self.warn(format!(
                "the API sends a field that is not declared, kept in `extra`: {field}"
            ));
        }
        if !page.rejected.is_empty() {
            self.warn("some rows could not be taken and were kept aside, in `rejected`".to_owned());
        }
    }
}

/// By whom and what for pages were asked for.
#[derive(Clone, Copy)]
struct Asked {
    walk: i64,
    dialect: Dialect,
    run: RunId,
    pass: u32,
}

/// A page that the mirror holds, its rows, and the hash of its ids. The page's own list of rows has
/// moved into the mirror.
type Committed = (Page, RoaringBitmap, u64);

/// Commits pages, as many in one transaction as show different customers: what a page means can
/// depend on an earlier one that shows the same.
fn commit(
    mirror: &mut Mirror,
    of: Asked,
    pages: Vec<Page>,
) -> Result<Vec<Committed>, mirror::Error> {
    let mut committed = Vec::with_capacity(pages.len());
    let mut apart: Vec<Page> = Vec::new();
    let mut shown = HashSet::new();
    for page in pages {
        if page.rows.iter().any(|summary| shown.contains(&summary.id)) {
            committed.extend(commit_apart(mirror, of, std::mem::take(&mut apart))?);
            shown.clear();
        }
        shown.extend(page.rows.iter().map(|summary| summary.id));
        apart.push(page);
    }
    committed.extend(commit_apart(mirror, of, apart)?);
    Ok(committed)
}

/// Commits pages of which no two show the same customer.
fn commit_apart(
    mirror: &mut Mirror,
    of: Asked,
    mut pages: Vec<Page>,
) -> Result<Vec<Committed>, mirror::Error> {
    let mut taken = Vec::with_capacity(pages.len());
    for page in &mut pages {
        let summaries = std::mem::take(&mut page.rows);
        let ids: Vec<CustomerId> = summaries.iter().map(|summary| summary.id).collect();
        let content = content(&summaries);
        let known = mirror.known(&ids)?;
        taken.push(PageTaken {
            run: of.run,
            pass: of.pass,
            page: page.number,
            pages: page.pages,
            total: total(page, of.dialect),
            interval: page.interval,
            received_at: page.received_at,
            content,
            page_size: page.page_size,
            has_next: page.has_next,
            is_evidence: !page.from_cache,
            rows: plan(summaries, known),
            rejected: page.rejected.clone(),
        });
    }
    let contents: Vec<u64> = taken.iter().map(|page| page.content).collect();
    let rows = mirror.take_pages(of.walk, taken)?;
    let of_all = pages.into_iter().zip(rows).zip(contents);
    Ok(of_all
        .map(|((page, rows), content)| (page, rows, content))
        .collect())
}

/// Sixty-four bits that are the same for the same ids in any order: the sum of all their halves,
/// which are random enough by themselves.
fn content(rows: &[Summary]) -> u64 {
    rows.iter()
        .flat_map(|summary| summary.id.as_bytes().as_chunks::<8>().0)
        .fold(0, |sum, half| sum.wrapping_add(u64::from_be_bytes(*half)))
}
