//! The chronicle: what became of the customers since twsync first looked, as one page that needs
//! nothing but itself. `twsync report` writes it to a file.
//!
//! It is told from the mirror's versions, whose times are half-open (`valid_from` belongs to a
//! version, `valid_to` to the next), and from the runs that saw them. What happened before the
//! first look is not known, and not guessed at. No customer is named.
//!
//! Figures are made by pure functions (`history`, `watch`), drawn by others (`plot`), and put into
//! sentences by the page. Nothing of it runs a script or loads anything, on screen or on paper.

mod breakdown;
mod calendar;
mod census;
mod error;
mod figure;
mod history;
mod page;
mod plot;
mod sentences;
mod watch;

use askama::Template as _;
use jiff::Timestamp;

use crate::config::Config;
use crate::mirror::{Reader, VersionOrder};
use crate::status::Overview;

use history::{History, Teller};
use page::{Nothing, Page};
use watch::Watch;

pub use error::Error;

/// The whole page as HTML, made at `now` from one instant of the mirror. Where no run has seen
/// every customer yet, it says just that.
pub fn render(reader: &Reader, config: &Config, now: Timestamp) -> Result<String, Error> {
    let snapshot = reader.snapshot()?;
    let overview = Overview::of(&snapshot, config, now)?;
    let runs = snapshot.runs()?;
    let Some(period) = watch::period(&runs) else {
        return Ok(Nothing::of(&overview).render()?);
    };
    let mut teller = Teller::of(period);
    snapshot.versions(VersionOrder::Customer, |version| {
        teller.hear(version);
        Ok::<_, Error>(())
    })?;
    let history: History = teller.tell();
    let watch = Watch::of(&runs, period);
    Ok(Page::of(&overview, &history, &watch).render()?)
}
