//! How times and strangers' text are written on a terminal. Numbers and spans are written there as on
//! the pages.

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;

use crate::report::steers;

pub(super) use crate::status::{ago, count, counted, span};

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

/// An instant, to the second: `2026-02-03 09:14:22Z`.
pub(super) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Text from outside, so that it can neither steer a terminal nor turn around the line: control
/// characters and those of direction are escaped.
pub(super) fn tame(text: &str) -> String {
    let mut tame = String::with_capacity(text.len());
    for letter in text.chars() {
        if steers(letter) {
            tame.extend(letter.escape_default());
        } else {
            tame.push(letter);
        }
    }
    tame
}

/// The same for a JSON document, which says afterwards exactly what it said before. What steers in
/// ASCII, JSON escapes itself; what remains there breaks its lines.
pub(super) fn tame_json(json: &str) -> String {
    let mut tame = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter > '~' && steers(letter) {
            tame.push_str(&format!("\\u{:04x}", u32::from(letter)));
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
    fn strangers_can_not_steer_the_terminal() {
        assert_eq!(
            tame("a\u{1b}[31m\nb\u{202e}c"),
            "a\\u{1b}[31m\\nb\\u{202e}c"
        );
        for mark in ['\u{61c}', '\u{2028}', '\u{2069}', '\u{feff}'] {
            let escaped = format!("a{}", mark.escape_default());
            assert_eq!(tame(&format!("a{mark}")), escaped);
        }
        assert_eq!(tame("Łódź 東京 👩‍🚀"), "Łódź 東京 👩‍🚀");
    }

    #[test]
    fn a_tame_document_says_the_same() {
        let said = serde_json::json!({"ł\u{9b}m": "\u{1b}\u{7f}\u{202e}東\n"});
        let tame = tame_json(&serde_json::to_string_pretty(&said).expect("JSON"));
        assert!(!tame.contains(|letter| steers(letter) && letter != '\n'));
        let back: serde_json::Value = serde_json::from_str(&tame).expect("JSON");
        assert_eq!(back, said);
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
