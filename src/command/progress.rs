//! Progress: bars for a person who watches, a line a minute for a log, nothing for quick work.
//!
//! It only looks on. The work tells [`Live`] how far it has come and never waits for anybody here.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::{Terminal, words};
use crate::report::{Live, Stage};

/// Work that is done sooner shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);
const REDRAW: Duration = Duration::from_millis(100);
const LOG_LINE: Duration = Duration::from_mins(1);

/// Shows how far some work has come, from [`watch`](Self::watch) to [`finish`](Self::finish).
pub(super) struct Progress {
    onlooker: JoinHandle<()>,
    over: CancellationToken,
}

impl Progress {
    /// Looks on from now on.
    pub(super) fn watch(live: &Arc<Live>, terminal: &Terminal) -> Self {
        let (live, over) = (Arc::clone(live), CancellationToken::new());
        let told = over.clone();
        let bars = terminal.is_watched().then(|| terminal.bars().clone());
        let onlooker = tokio::spawn(async move {
            match bars {
                Some(bars) => draw(&live, bars, &told).await,
                None => log(&live, &told).await,
            }
        });
        Self { onlooker, over }
    }

    /// Takes away what is drawn.
    pub(super) async fn finish(self) {
        self.over.cancel();
        self.onlooker
            .await
            .expect("a panic ends the process, and nobody aborts this task");
    }
}

async fn draw(live: &Live, on: MultiProgress, over: &CancellationToken) {
    let mut bars = Bars { on, current: None };
    let mut ticks = interval_at(Instant::now() + PATIENCE, REDRAW);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while over.run_until_cancelled(ticks.tick()).await.is_some() {
        bars.draw(live);
    }
    bars.clear();
}

async fn log(live: &Live, over: &CancellationToken) {
    let mut ticks = interval_at(Instant::now() + LOG_LINE, LOG_LINE);
    while over.run_until_cancelled(ticks.tick()).await.is_some() {
        let (stage, done, total, requests) = live.read();
        if stage != Stage::Idle {
            tracing::info!(stage = name(stage), done, total, requests, "working");
        }
    }
}

/// The bar of the stage under way.
struct Bars {
    on: MultiProgress,
    current: Option<(Stage, ProgressBar)>,
}

impl Bars {
    fn draw(&mut self, live: &Live) {
        let (stage, done, total, requests) = live.read();
        let drawn = self.current.as_ref().map(|(stage, _)| *stage);
        if drawn != Some(stage) {
            self.clear();
            if stage != Stage::Idle {
                let bar = self.on.add(ProgressBar::no_length());
                bar.set_prefix(name(stage));
                self.current = Some((stage, bar));
            }
        }
        if let Some((_, bar)) = &self.current {
            bar.set_style(style(total > 0));
            if total > 0 {
                // What comes up on the way is counted before the total grows.
                bar.set_length(total.max(done));
            }
            bar.set_position(done);
            bar.set_message(words::counted(requests, "request"));
            bar.tick();
        }
    }

    fn clear(&mut self) {
        if let Some((_, bar)) = self.current.take() {
            bar.finish_and_clear();
        }
    }
}

fn style(has_total: bool) -> ProgressStyle {
    let template = if has_total {
        "{prefix:>10} {bar:30} {human_pos}/{human_len}  {per_sec}  {eta} left  {msg}"
    } else {
        "{prefix:>10} {spinner} {human_pos}  {elapsed}  {msg}"
    };
    ProgressStyle::with_template(template)
        .expect("the literals are templates")
        .progress_chars("━╸─")
}

const fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Idle => "idle",
        Stage::Pages => "pages",
        Stage::Details => "details",
        Stage::Publishing => "publishing",
    }
}
