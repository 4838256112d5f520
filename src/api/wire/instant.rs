//! Timestamps as the API writes them: RFC 3339, with any offset and any number of digits.

use jiff::{SignedDuration, Timestamp};

/// The instant, in whole microseconds (cut, not rounded). None where the text is no RFC 3339
/// timestamp, or lies outside the years 1 to 9999 of UTC.
///
/// A second 60 is the second after 59: a leap second has no place of its own in `Timestamp`.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if !has_the_shape(bytes) {
        return None;
    }
    let at: Timestamp = if &bytes[17..19] == b"60" {
        let before: Timestamp = format!("{}59{}", &text[..17], &text[19..]).parse().ok()?;
        before.checked_add(SignedDuration::from_secs(1)).ok()?
    } else {
        text.parse().ok()?
    };
    let microseconds = i64::try_from(at.as_nanosecond().div_euclid(1000)).ok()?;
    if microseconds < YEAR_ONE_MICROSECONDS {
        return None;
    }
    Timestamp::from_microsecond(microseconds).ok()
}

/// 0001-01-01T00:00:00Z
const YEAR_ONE_MICROSECONDS: i64 = -62_135_596_800_000_000;

/// `YYYY-MM-DD?HH:MM:SS` and ASCII to the end: the parser below takes more forms than RFC 3339
/// has, and its place for the seconds must be known.
fn has_the_shape(bytes: &[u8]) -> bool {
    let pattern = b"dddd-dd-dd?dd:dd:dd";
    bytes.len() > pattern.len()
        && bytes.is_ascii()
        && bytes.iter().zip(pattern).all(|(byte, shape)| match shape {
            b'd' => byte.is_ascii_digit(),
            b'?' => matches!(byte, b'T' | b't' | b' '),
            exact => byte == exact,
        })
        && !bytes.contains(&b'[')
}

#[cfg(test)]
mod tests {
    use super::instant;

    /// What the instant reads as, or "none".
    fn check(text: &str, expected: &str) {
        let read = instant(text).map_or("none".to_owned(), |at| format!("{at:.6}"));
        assert_eq!(read, expected, "of {text:?}");
    }

    #[test]
    fn any_offset_and_any_digits_become_utc_microseconds() {
        check("2026-02-03T09:14:22Z", "2026-02-03T09:14:22.000000Z");
        check("2026-02-03T09:14:22.5Z", "2026-02-03T09:14:22.500000Z");
        check("2026-02-03T09:14:22.123Z", "2026-02-03T09:14:22.123000Z");
        check(
            "2026-02-03T09:14:22.123456789Z",
            "2026-02-03T09:14:22.123456Z",
        );
        check("2026-02-03T09:14:22+05:30", "2026-02-03T03:44:22.000000Z");
        check("2026-02-03t09:14:22-08:00", "2026-02-03T17:14:22.000000Z");
        check(
            "1969-12-31T23:59:59.9999999Z",
            "1969-12-31T23:59:59.999999Z",
        );
    }

    #[test]
    fn second_sixty_is_the_next_second() {
        check("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z");
        check("2016-12-31T23:59:60.25Z", "2017-01-01T00:00:00.250000Z");
        check("2016-12-31T18:59:60-05:00", "2017-01-01T00:00:00.000000Z");
        check("2016-12-31T23:59:61Z", "none");
    }

    #[test]
    fn the_years_one_to_9999_are_taken_and_no_others() {
        check("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z");
        check("0000-12-31T23:59:59Z", "none");
        check("0001-01-01T00:00:00+01:00", "none");
        check("9999-12-31T23:59:59-23:59", "none");
        check("-0001-01-01T00:00:00Z", "none");
    }

    #[test]
    fn garbage_is_none() {
        for garbage in [
            "",
            "soon",
            "0",
            "2026-02-03",
            "2026-02-03T09:14:22",
            "2026-02-30T09:14:22Z",
            "2026-02-03T25:14:22Z",
            "2026-02-03T09:14Z",
            "20260203T091422Z",
            "2026-02-03T09:14:22Z[UTC]",
            "2026-02-03T09:14:6０Z",
            "Tue, 03 Feb 2026 09:14:22 GMT",
        ] {
            check(garbage, "none");
        }
    }
}
