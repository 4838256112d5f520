//! A round of requests: pages and details that may be in the air together, taken in as they come.

use std::collections::VecDeque;

use roaring::RoaringBitmap;

use super::details::Waiting;
use super::flight::{Answered, Ask, Errand};
use super::walk::Walk;
use super::{Error, Run};
use crate::api::{Answer, Details, Page};
use crate::mirror::Nature;

/// What one round asks for: pages of one pass first, then details.
pub(super) struct Round<'r, 'a> {
    pub(super) run: &'r mut Run<'a>,
    /// The walk that all of it belongs to; none once the walk is over.
    pub(super) walk: Option<&'r mut Walk>,
    /// The pass that the pages belong to.
    pub(super) pass: u32,
    pub(super) pages: VecDeque<u32>,
    pub(super) details: Waiting,
}

impl Round<'_, '_> {
    async fn take_pages(&mut self, mut pages: Vec<Page>) -> Result<(), Error> {
        let Some(walk) = self.walk.as_deref_mut() else {
            return Ok(());
        };
        pages.sort_by_key(|page| page.interval.received);
        self.run.take_pages(walk, self.pass, pages).await
    }

    async fn take_details(&mut self, answers: Vec<(u32, Details)>) -> Result<(), Error> {
        let mut settled = Vec::with_capacity(answers.len());
        let mut only_old = RoaringBitmap::new();
        for (row, details) in answers {
            let is_sighting = !details.from_cache && self.run.details_are_sightings();
            let lives = matches!(details.answer, Answer::Found(_));
            if let Some(walk) = self.walk.as_deref_mut().filter(|_| lives && is_sighting) {
                walk.evidence.detailed(details.interval, row);
            }
            if self.details.is_only_old(row) {
                only_old.insert(row);
            }
            settled.push(self.details.settlement(row, details, is_sighting));
        }
        let walk = self.walk.as_ref().map(|walk| walk.id);
        let steps = settled.len() as u64;
        let effects = self.run.settle(walk, settled).await?;
        // Beside pages it is the pages that are counted.
        if self.pass == 0 {
            self.run.live.advance(steps);
        }
        let of_old = || effects.iter().filter(|it| only_old.contains(it.row));
        let counts = &mut self.run.report.counts;
        counts.reverified_changed +=
            of_old().filter(|it| it.nature == Nature::Hidden).count() as u64;
        counts.reverified += (&only_old & &self.run.verified).len();
        Ok(())
    }
}

impl Errand for Round<'_, '_> {
    async fn next(&mut self) -> Result<Option<Ask>, Error> {
        if let Some(page) = self.pages.pop_front() {
            return Ok(Some(Ask::Page(page)));
        }
        self.details.next(self.run.store, &self.run.in_vain).await
    }

    async fn settle(&mut self, answers: Vec<Answered>) -> Result<(), Error> {
        let (mut pages, mut details) = (Vec::new(), Vec::new());
        for answer in answers {
            match answer {
                Answered::Page(page) => pages.push(page),
                Answered::Customer(row, answer) => details.push((row, answer)),
            }
        }
        if !pages.is_empty() {
            self.take_pages(pages).await?;
        }
        if !details.is_empty() {
            self.take_details(details).await?;
        }
        Ok(())
    }

    /// Whoever is killed now keeps to what the server has asked for all the same.
    async fn end(&mut self) -> Result<(), Error> {
        self.run.remember().await
    }
}
