//! The page: which figures it has and what it says of the data. The template lays it out, and
//! escapes whatever it is handed but the plots.

use std::time::Duration;

use askama::Template;

use super::calendar::{DAY, date};
use super::figure::{Figure, Weekly, by_week, difference, ends, over_time};
use super::history::{History, Move, Week};
use super::plot::{self, HEIGHT, WIDTH};
use super::sentences::{self, Recent};
use super::watch::{Watch, WeekOfRuns};
use crate::report::Grade;
use crate::status::{Overview, count, counted, date as day, instant, share, signed, span};

/// Moves between tiers that are shown one by one.
const MOVES_MAX: usize = 12;
/// The shortest history of which curves are drawn.
const CURVES_FROM: i64 = 2 * DAY;

/// The page.
#[derive(Template)]
#[template(path = "chronicle/chronicle.html")]
pub(super) struct Page<'o> {
    overview: &'o Overview,
    made: String,
    first: String,
    last: String,
    grade: &'static str,
    mood: &'static str,
    as_of: String,
    tiles: Vec<Tile>,
    over_time: [Figure; 2],
    by_week: [Figure; 3],
    runs: Figure,
    moves: Moves,
    details: String,
    /// How many versions of how many customers.
    behind: String,
    width: u32,
    height: u32,
}

/// What is shown where no run has seen every customer yet.
#[derive(Template)]
#[template(path = "chronicle/nothing.html")]
pub(super) struct Nothing<'o> {
    overview: &'o Overview,
    made: String,
}

struct Tile {
    name: &'static str,
    figure: String,
    say: String,
}

struct Moves {
    finding: String,
    color: String,
    rows: Vec<MoveRow>,
    /// How many moves there were of other kinds.
    rest: Option<String>,
}

struct MoveRow {
    from: String,
    to: String,
    count: String,
    share: String,
    /// In thousandths of the most frequent.
    width: u64,
}

impl<'o> Nothing<'o> {
    pub(super) fn of(overview: &'o Overview) -> Self {
        Self {
            overview,
            made: instant(overview.now),
        }
    }
}

impl<'o> Page<'o> {
    pub(super) fn of(overview: &'o Overview, history: &History, watch: &Watch) -> Self {
        let recent = Recent::of(history);
        let (grade, mood) = match overview.grade {
            Some(Grade::Complete) => ("complete", "good"),
            _ => ("converged", "fair"),
        };
        let (as_of, customers) = (overview.as_of, overview.customers);
        Self {
            overview,
            made: instant(overview.now),
            first: day(date(history.period.since)),
            last: day(date(history.period.until)),
            grade,
            mood,
            as_of: as_of.map(instant).unwrap_or_default(),
            tiles: tiles(overview, history, &recent),
            over_time: standing(history),
            by_week: flows(history, &recent),
            runs: runs(watch),
            moves: moves(history),
            details: details(overview),
            behind: format!(
                "{} of {}",
                counted(customers.versions, "version"),
                counted(customers.active + customers.deleted, "customer")
            ),
            width: WIDTH,
            height: HEIGHT,
        }
    }
}

fn tiles(overview: &Overview, history: &History, recent: &Recent) -> Vec<Tile> {
    let sum = &recent.sum;
    let (first, last) = ends(&history.tiers.totals());
    let since = day(date(history.period.since));
    let over = if recent.weeks == 0 {
        "no full week yet".to_owned()
    } else {
        recent.named()
    };
    let with_time = |said: String| match recent.weeks {
        0 => over.clone(),
        _ => format!("{said}; {over}"),
    };
    let unless_none = |part: Option<String>| part.unwrap_or_else(|| "–".to_owned());
    let age = overview.age_seconds.map(Duration::from_secs);
    let net = (recent.weeks > 0).then(|| signed(difference(sum.departed, sum.arrived)));
    let tile = |name, figure, say| Tile { name, figure, say };
    vec![
        tile(
            "Customers",
            count(last),
            format!("{} since {since}", signed(difference(first, last))),
        ),
        tile("Came less went", unless_none(net), over.clone()),
        tile(
            "Trials that became active",
            unless_none(share(sum.converted, sum.trials_ended())),
            with_time(format!(
                "{} of {}",
                count(sum.converted),
                count(sum.trials_ended())
            )),
        ),
        tile(
            "Subscribers lost",
            unless_none(share(sum.lost(), sum.subscribers)),
            with_time(format!(
                "{} lost, {} at first",
                count(sum.lost()),
                count(sum.subscribers)
            )),
        ),
        tile(
            "Age of the data",
            age.map(span).unwrap_or_default(),
            format!("when this page was made, {}", instant(overview.now)),
        ),
    ]
}

fn standing(history: &History) -> [Figure; 2] {
    let curves = history.period.until - history.period.since >= CURVES_FROM;
    [
        over_time(
            "tiers",
            "Customers by tier",
            sentences::standing(&history.tiers, "tier"),
            &history.tiers,
            curves,
        ),
        over_time(
            "statuses",
            "Customers by subscription status",
            sentences::standing(&history.statuses, "group"),
            &history.statuses,
            curves,
        ),
    ]
}

fn flows(history: &History, recent: &Recent) -> [Figure; 3] {
    let weeks = &history.weeks;
    let starts: Vec<i64> = weeks.iter().map(|week| week.start).collect();
    let series = |name, color, down, of: fn(&Week) -> u64| Weekly {
        name,
        color,
        down,
        values: weeks.iter().map(of).collect(),
    };
    [
        by_week(
            "flow",
            "Who came and who left, per week",
            sentences::flow(recent),
            &starts,
            &[
                series("Came, or came back", 0, false, |week| week.arrived),
                series("Left: deleted", 1, true, |week| week.departed),
            ],
        ),
        by_week(
            "trials",
            "How trials ended, per week",
            sentences::trials(recent),
            &starts,
            &[
                series("Became active", 2, false, |week| week.converted),
                series("Ended otherwise", 5, true, |week| week.lapsed),
            ],
        ),
        by_week(
            "churn",
            "Subscribers lost, per week",
            sentences::churn(recent),
            &starts,
            &[
                series("Subscription ended", 1, false, |week| week.canceled),
                series("Customer deleted", 3, false, |week| week.deleted),
            ],
        ),
    ]
}

fn runs(watch: &Watch) -> Figure {
    let starts: Vec<i64> = watch.weeks.iter().map(|week| week.start).collect();
    let series = |name, color, of: fn(&WeekOfRuns) -> u64| Weekly {
        name,
        color,
        down: false,
        values: watch.weeks.iter().map(of).collect(),
    };
    by_week(
        "runs",
        "The runs behind these figures, per week",
        sentences::runs(watch),
        &starts,
        &[
            series("Complete", 2, |week| week.complete),
            series("Converged", 0, |week| week.converged),
            series("Partial, or cut short", 1, |week| week.partial),
            series("Failed", 6, |week| week.failed),
        ],
    )
}

fn moves(history: &History) -> Moves {
    let shown = &history.moves[..history.moves.len().min(MOVES_MAX)];
    let rest: u64 = history.moves[shown.len()..].iter().map(|it| it.count).sum();
    let all: u64 = history.moves.iter().map(|it| it.count).sum();
    let most = shown.first().map_or(1, |it| it.count.max(1));
    let row = |it: &Move| MoveRow {
        from: it.from.clone(),
        to: it.to.clone(),
        count: count(it.count),
        share: share(it.count, all).unwrap_or_default(),
        width: it.count.saturating_mul(1000) / most,
    };
    Moves {
        finding: sentences::moves(history),
        color: plot::color(0),
        rows: shown.iter().map(row).collect(),
        rest: (rest > 0).then(|| count(rest)),
    }
}

/// How old details are and may become.
fn details(overview: &Overview) -> String {
    let known = &overview.details;
    let seconds = |seconds| span(Duration::from_secs(seconds));
    let oldest = known.oldest_verified_at.map_or_else(
        || "No details have been fetched yet.".to_owned(),
        |at| format!("The oldest were verified on {}.", instant(at)),
    );
    let wanted = seconds(known.max_age_seconds);
    let bound = match known.attainable_age_seconds {
        _ if known.bound_holds() => {
            format!("They are asked for again before they are {wanted} old.")
        }
        Some(attainable) => format!(
            "They should be asked for again before they are {wanted} old, but schedule and rate \
             can hold no less than {}.",
            seconds(attainable)
        ),
        None => format!(
            "They should be asked for again before they are {wanted} old, but schedule and rate \
             leave no room for it."
        ),
    };
    format!("{oldest} {bound}")
}
