//! A time as the mirror writes it: `2026-02-03T09:14:22.000000Z`, always this wide, so that the order
//! of the text is the order in time, for `SQLite` and for whoever queries it.
//!
//! A snapshot reads six million of these, at a small part of what a general parser takes: of the wide
//! form everything but which days there are is done here.

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

const WIDTH: usize = "2026-02-03T09:14:22.000000Z".len();

/// The text. What is finer than a microsecond is cut off.
pub(super) fn text(at: Timestamp) -> String {
    let micros = at.as_microsecond();
    let whole =
        Timestamp::from_microsecond(micros).expect("the microseconds of a timestamp are in range");
    let at = Offset::UTC.to_datetime(whole);
    let Ok(year) = u32::try_from(at.year()) else {
        return format!("{whole:.6}");
    };
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let mut put = |places: Range<usize>, mut number: u32| {
        for place in places.rev() {
            text[place] = b'0' + u8::try_from(number % 10).expect("a digit");
            number /= 10;
        }
    };
    put(0..4, year);
    for (place, two) in [
        (5, at.month()),
        (8, at.day()),
        (11, at.hour()),
        (14, at.minute()),
        (17, at.second()),
    ] {
        put(place..place + 2, two.unsigned_abs().into());
    }
    let micros = micros.rem_euclid(1_000_000);
    put(20..26, u32::try_from(micros).expect("less than a second"));
    str::from_utf8(&text).expect("digits").to_owned()
}

/// The time that a text of [`text`] tells; none where it is anything else.
pub(super) fn parse(text: &[u8]) -> Option<Timestamp> {
    let Ok(text) = <&[u8; WIDTH]>::try_from(text) else {
        // Years before 0 are wider. They sort wrong, and are still kept as they came.
        return std::str::from_utf8(text).ok()?.parse().ok();
    };
    let mut all_digits = true;
    let mut number = |places: &[u8]| {
        places.iter().fold(0, |number, byte| {
            let digit = byte.wrapping_sub(b'0');
            all_digits &= digit < 10;
            number * 10 + i32::from(digit)
        })
    };
    let (year, month, day) = (
        number(&text[..4]),
        number(&text[5..7]),
        number(&text[8..10]),
    );
    let (hour, minute, second) = (
        number(&text[11..13]),
        number(&text[14..16]),
        number(&text[17..19]),
    );
    let micros = number(&text[20..26]);
    let separators = [
        text[4], text[7], text[10], text[13], text[16], text[19], text[26],
    ];
    if !all_digits || separators != *b"--T::.Z" || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let of_day = hour * 3600 + minute * 60 + second;
    let seconds = i64::from(days(year, month, day)?) * 86_400 + i64::from(of_day);
    Timestamp::new(seconds, micros * 1000).ok()
}

/// Days since 1970-01-01; none where there is no such day.
fn days(year: i32, month: i32, day: i32) -> Option<i32> {
    Date::new(
        year.try_into().ok()?,
        month.try_into().ok()?,
        day.try_into().ok()?,
    )
    .ok()?;
    // Years from March to February have the day that some lack at their end.
    let march = (month + 9) % 12;
    let year = year - i32::from(month < 3);
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + (march * 153 + 2) / 5 + day - 1 - FROM_YEAR_0)
}

/// Days from 0000-03-01 until 1970-01-01.
const FROM_YEAR_0: i32 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_comes_back_to_the_microsecond_and_sorts_as_text() {
        let mut last = String::new();
        for micros in [
            -62_135_596_800_000_000,
            -1,
            0,
            1,
            1_709_209_799_000_009,
            1_770_110_062_000_000,
            253_402_207_199_999_999,
        ] {
            let at = Timestamp::from_microsecond(micros).expect("in range");
            let written = text(at);
            assert_eq!(written, format!("{at:.6}"));
            assert_eq!(written.len(), WIDTH);
            assert_eq!(parse(written.as_bytes()), Some(at));
            assert!(written > last);
            last = written;
        }
    }

    #[test]
    fn what_is_finer_than_a_microsecond_is_cut_off() {
        for nanos in [-1_500, -1, 1_999] {
            let at = Timestamp::from_nanosecond(nanos).expect("in range");
            let whole = Timestamp::from_microsecond(at.as_microsecond()).expect("in range");
            assert_eq!(text(at), format!("{whole:.6}"));
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for wrong in [
            "",
            "2026-02-30T09:14:22.000000Z",
            "2026-02-03 09:14:22.000000Z",
            "2026-02-03T09:14:22.00000aZ",
            "2026-02-03T24:14:22.000000Z",
            "2026-00-03T09:14:22.000000Z",
        ] {
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let first = Date::new(0, 1, 1).expect("a day");
        let mut day = first;
        let mut number = -719_528;
        while let Ok(next) = day.tomorrow() {
            let found = days(day.year().into(), day.month().into(), day.day().into());
            assert_eq!(found, Some(number), "{day}");
            (day, number) = (next, number + 1);
        }
    }
}
