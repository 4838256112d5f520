//! Plots, as the inside of an SVG element: shapes in the page's light colours, which its style sheet
//! exchanges for others where it is dark. Without a style sheet they are what they should be.
//!
//! Everything is drawn on a canvas four times as fine as it is shown, for the backend knows whole
//! numbers only.

use plotters::coord::Shift;
use plotters::coord::combinators::{BindKeyPoints, WithKeyPoints};
use plotters::coord::types::RangedCoordi64;
use plotters::prelude::*;

use super::calendar::{WEEK, ticks};
use crate::status::count;

/// The width of every plot.
pub(super) const WIDTH: u32 = 2240;
/// The height of every plot.
pub(super) const HEIGHT: u32 = 1120;

/// The colours of series, by place; the style sheet knows them by these values.
pub(super) const SERIES: [RGBColor; 7] = [
    RGBColor(0x35, 0x67, 0xA8),
    RGBColor(0xE0, 0x8A, 0x2E),
    RGBColor(0x3E, 0x9B, 0x76),
    RGBColor(0xB6, 0x50, 0x7F),
    RGBColor(0x8E, 0x79, 0xC9),
    RGBColor(0x9A, 0xA3, 0xAD),
    RGBColor(0xB3, 0x32, 0x2B),
];
/// The place of what is left over.
pub(super) const LEFT_OVER: usize = 5;
const LINE: RGBColor = RGBColor(0xE1, 0xE3, 0xE6);
const AXIS: RGBColor = RGBColor(0x9B, 0xA1, 0xA8);
const TEXT: RGBColor = RGBColor(0x5B, 0x63, 0x6D);
const PAPER: RGBColor = RGBColor(0xFC, 0xFC, 0xFA);

/// The size of text, in the backend's own measure: 13 pixels where a plot has its full width.
const TEXT_SIZE: f64 = 64.0;
const BELOW: u32 = 110;
const LEFT: u32 = 230;
const MARGIN: u32 = 44;

/// One series: its colour's place in [`SERIES`], and a value for each instant.
pub(super) struct Series<'v> {
    pub(super) color: usize,
    pub(super) values: &'v [u64],
}

/// The colour as the page writes it.
pub(super) fn color(place: usize) -> String {
    let RGBColor(red, green, blue) = SERIES[place];
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// Series upon each other, the first at the bottom, over instants that ascend.
pub(super) fn areas(instants: &[i64], series: &[Series<'_>]) -> String {
    let (from, until) = ends(instants);
    let tops = stacked(instants.len(), series);
    let most = tops.last().map_or(0, |top| largest(top));
    draw((from, until), (0, most), |chart| {
        let mut below = vec![0; instants.len()];
        for (top, series) in tops.iter().zip(series) {
            let there = instants
                .iter()
                .zip(top)
                .map(|(at, value)| (*at, height(*value)));
            let back = instants
                .iter()
                .zip(&below)
                .map(|(at, value)| (*at, height(*value)));
            let outline: Vec<_> = there.clone().chain(back.rev()).collect();
            chart.draw_series([Polygon::new(outline, SERIES[series.color].filled())])?;
            let edge: Vec<_> = there.collect();
            chart.draw_series([PathElement::new(edge, PAPER.stroke_width(5))])?;
            below.clone_from(top);
        }
        Ok(())
    })
}

/// A bar a week, `up` upon each other from zero upwards, `down` from zero downwards. `weeks` are
/// the instants at which they begin.
pub(super) fn bars(weeks: &[i64], up: &[Series<'_>], down: &[Series<'_>]) -> String {
    let (from, last) = ends(weeks);
    let (above, under) = (stacked(weeks.len(), up), stacked(weeks.len(), down));
    let most = |tops: &[Vec<u64>]| tops.last().map_or(0, |top| largest(top));
    let range = (most(&under), most(&above));
    draw((from, last + WEEK), range, |chart| {
        for (tops, series, sign) in [(&above, up, 1), (&under, down, -1)] {
            let mut below = vec![0; weeks.len()];
            for (top, series) in tops.iter().zip(series) {
                let style = SERIES[series.color].filled();
                let bars = weeks.iter().zip(top.iter().zip(&below));
                let bars = bars.filter(|(_, (top, below))| top > below);
                chart.draw_series(bars.map(|(start, (top, below))| {
                    let (left, right) = (start + WEEK / 8, start + WEEK - WEEK / 8);
                    let (top, below) = (sign * height(*top), sign * height(*below));
                    Rectangle::new([(left, below), (right, top)], style)
                }))?;
                below.clone_from(top);
            }
        }
        Ok(())
    })
}

type Chart<'a> = ChartContext<
    'a,
    SVGBackend<'a>,
    Cartesian2d<WithKeyPoints<RangedCoordi64>, WithKeyPoints<RangedCoordi64>>,
>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

/// Draws axes over a time and a range of counts (how far down, how far up), and on them `content`.
fn draw(
    period: (i64, i64),
    range: (u64, u64),
    content: impl for<'a> FnOnce(&mut Chart<'a>) -> Drawn<'a>,
) -> String {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        axes(&area, period, range, content).expect("a string takes every drawing");
    }
    inside(&svg).to_owned()
}

fn axes<'a>(
    area: &DrawingArea<SVGBackend<'a>, Shift>,
    (from, until): (i64, i64),
    (down, up): (u64, u64),
    content: impl FnOnce(&mut Chart<'a>) -> Drawn<'a>,
) -> Drawn<'a> {
    let times = ticks(from, until);
    let step = step(down.saturating_add(up));
    let (lowest, highest) = (down.div_ceil(step), up.div_ceil(step).max(1));
    let heights: Vec<i64> = (-height(lowest)..=height(highest))
        .map(|times| times.saturating_mul(height(step)))
        .collect();
    let x = (from..until).with_key_points(times.iter().map(|(at, _)| *at).collect());
    let y = (heights[0]..heights[heights.len() - 1]).with_key_points(heights.clone());
    let mut chart = ChartBuilder::on(area)
        .margin_top(MARGIN)
        .margin_right(MARGIN)
        .x_label_area_size(BELOW)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(LINE.stroke_width(4))
        .light_line_style(TRANSPARENT)
        .axis_style(TRANSPARENT)
        .set_all_tick_mark_size(12)
        .label_style(("sans-serif", TEXT_SIZE).into_font().color(&TEXT))
        .x_label_formatter(&|at| {
            let found = times.iter().find(|(tick, _)| tick == at);
            found.map(|(_, name)| name.clone()).unwrap_or_default()
        })
        // What goes down is counted, too: it has no sign.
        .y_label_formatter(&|height| count(height.unsigned_abs()))
        .draw()?;
    content(&mut chart)?;
    let zero = vec![(from, 0), (until, 0)];
    chart.draw_series([PathElement::new(zero, AXIS.stroke_width(5))])?;
    drop(chart);
    area.present()
}

/// What is within the outermost element, which the page writes itself.
fn inside(svg: &str) -> &str {
    let body = svg.split_once('>').map_or("", |(_, body)| body);
    body.trim().trim_end_matches("</svg>").trim_end()
}

/// The distance of lines on an axis up to `most`: 1, 2 or 5 and noughts, so that there are six
/// at most.
fn step(most: u64) -> u64 {
    let mut power: u64 = 1;
    loop {
        for digit in [1, 2, 5] {
            let step = power.saturating_mul(digit);
            if most.div_ceil(step) <= 6 {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// By series, the sum up to it.
fn stacked(length: usize, series: &[Series<'_>]) -> Vec<Vec<u64>> {
    let mut sums = vec![0; length];
    let mut tops = Vec::with_capacity(series.len());
    for series in series {
        for (sum, value) in sums.iter_mut().zip(series.values) {
            *sum += value;
        }
        tops.push(sums.clone());
    }
    tops
}

fn largest(values: &[u64]) -> u64 {
    values.iter().copied().max().unwrap_or(0)
}

fn ends(instants: &[i64]) -> (i64, i64) {
    let first = instants.first().copied().unwrap_or(0);
    (first, instants.last().copied().unwrap_or(first))
}

/// A count as a height. Nobody has as many customers as would not fit.
fn height(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chronicle::calendar::DAY;

    #[test]
    fn axes_have_few_round_lines() {
        for (most, wanted) in [
            (0, 1),
            (6, 1),
            (7, 2),
            (26, 5),
            (1003, 200),
            (7_400_000, 2_000_000),
        ] {
            assert_eq!(step(most), wanted, "{most}");
        }
        assert!(step(u64::MAX) > 0);
    }

    #[test]
    fn a_stack_is_drawn_from_the_bottom_in_its_colours() {
        let instants = [0, DAY, 2 * DAY];
        let svg = areas(
            &instants,
            &[
                Series {
                    color: 0,
                    values: &[10, 10, 10],
                },
                Series {
                    color: 1,
                    values: &[0, 5, 10],
                },
            ],
        );
        assert_eq!(svg.matches("<polygon").count(), 2);
        let (first, second) = (svg.find(&color(0)), svg.find(&color(1)));
        assert!(first.is_some() && first < second);
        assert!(!svg.contains("<svg") && !svg.contains("</svg"));
    }

    #[test]
    fn weeks_without_anything_have_no_bar() {
        let weeks = [0, WEEK, 2 * WEEK];
        let up = Series {
            color: 0,
            values: &[3, 0, 1],
        };
        let down = Series {
            color: 1,
            values: &[0, 0, 2],
        };
        let svg = bars(&weeks, &[up], &[down]);
        assert_eq!(svg.matches(&format!("fill=\"{}\"", color(0))).count(), 2);
        assert_eq!(svg.matches(&format!("fill=\"{}\"", color(1))).count(), 1);
        assert!(svg.contains(">\n2\n</text>") && !svg.contains(">\n-2\n"));
    }

    #[test]
    fn nothing_at_all_is_a_plot_without_shapes() {
        assert!(!areas(&[0, DAY], &[]).contains("<polygon"));
        assert!(!bars(&[0], &[], &[]).contains("<rect"));
    }

    #[test]
    fn the_style_sheet_knows_every_colour() {
        let css = include_str!("chronicle.css");
        let drawn = SERIES.iter().chain([&LINE, &AXIS, &PAPER]);
        for RGBColor(red, green, blue) in drawn {
            let name = format!("#{red:02X}{green:02X}{blue:02X}");
            assert!(css.contains(&name), "{name}");
        }
    }
}
