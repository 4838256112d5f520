//! How numbers, times and strangers' text are written for a person.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::HumanCount;
use jiff::{SignedDuration, SpanRound, Timestamp, Unit};

/// What matters most.
pub(super) const BOLD: Style = Style::new().bold();
/// What matters least.
pub(super) const DIM: Style = Style::new().dimmed();
/// Well.
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
/// Wants attention.
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
/// Not well.
pub(super) const RED: Style = AnsiColor::Red.on_default();

/// A number with separators: `1,234,567`.
pub(super) fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// A number and what it counts: `1 customer`, `2 customers`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {noun}{s}", count(number))
}

/// An instant, to the second: `2026-02-03 09:14:22Z`.
pub(super) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// How long: in two units at most, `1m 12s`, `3d 4h`; `1.4s` below ten seconds, `14ms` below one.
pub(super) fn span(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        return format!("{}ms", duration.as_millis());
    }
    if duration < Duration::from_secs(10) {
        return format!("{:.1}s", duration.as_secs_f64());
    }
    let smallest = match duration.as_secs() {
        0..3600 => Unit::Second,
        3600..86_400 => Unit::Minute,
        _ => Unit::Hour,
    };
    let rounding = SpanRound::new()
        .smallest(smallest)
        .largest(Unit::Day)
        .days_are_24_hours();
    SignedDuration::try_from(duration)
        .and_then(|duration| jiff::Span::try_from(duration)?.round(rounding))
        .map_or_else(|_| "for ever".to_owned(), |span| format!("{span:#}"))
}

/// How long before `now`: `12m ago`. What lies ahead, clocks being what they are, is just now.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    match Duration::try_from(now.duration_since(at)) {
        Ok(passed) if passed >= Duration::from_secs(1) => format!("{} ago", span(passed)),
        _ => "just now".to_owned(),
    }
}

/// Text from outside, so that it can neither steer a terminal nor turn around the line: control
/// characters and those of direction are escaped.
pub(super) fn tame(text: &str) -> String {
    let mut tame = String::with_capacity(text.len());
    for letter in text.chars() {
        let steers = letter.is_control()
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if steers {
            tame.extend(letter.escape_default());
        } else {
            tame.push(letter);
        }
    }
    tame
}

/// Rows in columns as wide as their widest cell, two spaces between them. The columns whose
/// numbers are in `right` are set to the right; cells hold plain text.
pub(super) fn table(rows: &[Vec<String>], right: &[usize]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(at, (cell, width))| {
                if right.contains(&at) {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                }
            });
        let line: Vec<String> = cells.collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short_and_honest() {
        for (milliseconds, text) in [
            (0, "0ms"),
            (144, "144ms"),
            (1440, "1.4s"),
            (12_300, "12s"),
            (72_000, "1m 12s"),
            (3_600_000, "1h"),
            (3_690_000, "1h 2m"),
            (273_600_000, "3d 4h"),
        ] {
            assert_eq!(span(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn strangers_can_not_steer_the_terminal() {
        assert_eq!(
            tame("a\u{1b}[31m\nb\u{202e}c"),
            "a\\u{1b}[31m\\nb\\u{202e}c"
        );
        assert_eq!(tame("Łódź 東京 👩‍🚀"), "Łódź 東京 👩‍🚀");
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [
            vec!["ab".into(), "1".into()],
            vec!["c".into(), "200".into()],
        ];
        assert_eq!(table(&rows, &[1]), "ab    1\nc   200\n");
    }
}
