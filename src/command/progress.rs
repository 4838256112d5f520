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
    let began = Instant::now();
    let mut bars = Bars { on, current: None };
    let mut ticks = interval_at(began, REDRAW);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while over.run_until_cancelled(ticks.tick()).await.is_some() {
        let now = Instant::now();
        bars.follow(live.read().0, now);
        if now.duration_since(began) > PATIENCE {
            bars.draw(live, now);
        }
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

/// The bar of the stage under way, and since when it is.
struct Bars {
    on: MultiProgress,
    current: Option<(Stage, Instant, ProgressBar)>,
}

impl Bars {
    /// Begins a new bar where a new stage has begun; nothing is drawn yet.
    fn follow(&mut self, stage: Stage, now: Instant) {
        if self.current.as_ref().is_some_and(|(at, ..)| *at == stage) {
            return;
        }
        self.clear();
        if stage != Stage::Idle {
            let bar = ProgressBar::hidden().with_prefix(name(stage));
            self.current = Some((stage, now, bar));
        }
    }

    fn draw(&mut self, live: &Live, now: Instant) {
        let Some((_, since, bar)) = &mut self.current else {
            return;
        };
        let (_, done, total, requests) = live.read();
        // What comes up on the way is counted before the total grows.
        let total = if total > 0 { total.max(done) } else { 0 };
        bar.set_style(style(total > 0));
        bar.set_length(total);
        bar.set_position(done);
        let pace = pace(done, total, now.duration_since(*since));
        bar.set_message(format!("{pace}{}", words::counted(requests, "request")));
        if bar.is_hidden() {
            *bar = self.on.add(bar.clone());
        }
        bar.tick();
    }

    fn clear(&mut self) {
        if let Some((.., bar)) = self.current.take() {
            bar.finish_and_clear();
        }
    }
}

fn style(has_total: bool) -> ProgressStyle {
    let template = if has_total {
        "{prefix:>10} {bar:30} {human_pos}/{human_len}  {msg}"
    } else {
        "{prefix:>10} {spinner} {human_pos}  {msg}"
    };
    ProgressStyle::with_template(template)
        .expect("the literals are templates")
        .progress_chars("━╸─")
}

/// The rate since the stage began, and the time that is left at that rate; nothing while there is
/// none.
fn pace(done: u64, total: u64, elapsed: Duration) -> String {
    let rate = done as f64 / elapsed.as_secs_f64();
    if done == 0 || !rate.is_finite() {
        return String::new();
    }
    let left = Duration::try_from_secs_f64(total.saturating_sub(done) as f64 / rate);
    match left {
        Ok(left) if total > 0 => format!("{rate:.1}/s  {} left  ", words::span(left)),
        _ => format!("{rate:.1}/s  "),
    }
}

const fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Idle => "idle",
        Stage::Pages => "pages",
        Stage::Details => "details",
        Stage::Publishing => "publishing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_that_of_the_whole_stage() {
        let elapsed = Duration::from_secs(20);
        assert_eq!(pace(200, 1_000, elapsed), "10.0/s  1m 20s left  ");
        assert_eq!(pace(200, 0, elapsed), "10.0/s  ");
        assert_eq!(pace(0, 1_000, elapsed), "");
        assert_eq!(pace(5, 10, Duration::ZERO), "");
    }
}
