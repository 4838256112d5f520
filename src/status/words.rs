//! How numbers and times are written for a person.

use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, SpanRound, Timestamp, Unit};

/// A number with separators: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and what it counts: `1 customer`, `2 customers`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {noun}{s}", count(number))
}

/// A difference, with its sign: `+12`, `−3`, `±0`.
pub(crate) fn signed(difference: i64) -> String {
    let sign = match difference {
        0 => "±",
        1.. => "+",
        _ => "−",
    };
    format!("{sign}{}", count(difference.unsigned_abs()))
}

/// A part of a whole in percent: `12 %`, below ten `0.4 %`. None where there is no whole.
pub(crate) fn share(part: u64, whole: u64) -> Option<String> {
    if whole == 0 {
        return None;
    }
    let percent = part as f64 / whole as f64 * 100.0;
    Some(if percent >= 9.95 || part == 0 {
        format!("{percent:.0}\u{202f}%")
    } else {
        format!("{percent:.1}\u{202f}%")
    })
}

/// An instant for a person, to the minute: `3 Feb 2026, 09:14 UTC`.
pub(crate) fn instant(at: Timestamp) -> String {
    at.strftime("%-d %b %Y, %H:%M UTC").to_string()
}

/// A day: `3 Feb 2026`.
pub(crate) fn date(day: Date) -> String {
    day.strftime("%-d %b %Y").to_string()
}

/// An instant for a program, to the second: `2026-02-03T09:14:22Z`.
pub(crate) fn machine(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// How long: in two units at most, `1m 12s`, `3d 4h`; below ten seconds with a tenth, `1.4s`.
pub(crate) fn span(duration: Duration) -> String {
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
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    match Duration::try_from(now.duration_since(at)) {
        Ok(passed) if passed >= Duration::from_secs(1) => format!("{} ago", span(passed)),
        _ => "just now".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(number), text);
        }
        assert_eq!([12, 0, -3].map(signed), ["+12", "±0", "−3"]);
    }

    #[test]
    fn a_small_share_keeps_its_tenth() {
        let shares = [(1, 250), (1, 4), (0, 9), (9, 9)].map(|(part, whole)| share(part, whole));
        assert_eq!(
            shares.map(Option::unwrap),
            ["0.4\u{202f}%", "25\u{202f}%", "0\u{202f}%", "100\u{202f}%"]
        );
        assert_eq!(share(0, 0), None);
    }

    #[test]
    fn spans_are_short() {
        for (milliseconds, text) in [
            (0, "0.0s"),
            (1440, "1.4s"),
            (12_300, "12s"),
            (72_000, "1m 12s"),
            (3_600_000, "1h"),
            (3_690_000, "1h 2m"),
            (273_600_000, "3d 4h"),
        ] {
            assert_eq!(span(Duration::from_millis(milliseconds)), text);
        }
        assert_eq!(span(Duration::MAX), "for ever");
    }
}
