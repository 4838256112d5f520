//! `Retry-After` (RFC 9110, section 10.2.3): how long the server asks to be left alone.
//!
//! Pure. A date is measured against the answer's own `Date`, because it was made by the same
//! clock; ours may be wrong.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// The longest wait that is believed: the platform's longest quota window is a month.
pub(super) const WAIT_MAX: Duration = Duration::from_hours(31 * 24);

/// The longest wait that the headers ask for, if they ask for one that can be understood.
/// `received_at` stands in for a missing `Date`.
pub(super) fn wait(headers: &HeaderMap, received_at: Timestamp) -> Option<Duration> {
    let made_at = made_at(headers).unwrap_or_else(|| SystemTime::from(received_at));
    let values = headers.get_all(RETRY_AFTER).into_iter();
    longest(values.filter_map(|value| value.to_str().ok()), made_at)
}

/// When the answer was made, by the server's clock (RFC 9110, section 6.6.1); whole seconds.
pub(super) fn made_at(headers: &HeaderMap) -> Option<SystemTime> {
    let date = headers.get(DATE)?.to_str().ok()?;
    httpdate::parse_http_date(date).ok()
}

/// The longest of several; zero, the past and what can't be understood are no hint at all.
fn longest<'a>(values: impl Iterator<Item = &'a str>, made_at: SystemTime) -> Option<Duration> {
    values
        .filter_map(|value| match httpdate::parse_http_date(value.trim()) {
            Ok(date) => date.duration_since(made_at).ok(),
            // Lines of the same name may have been joined by a comma on their way.
            Err(_) => value.split(',').filter_map(seconds).max(),
        })
        .max()
        .filter(|wait| !wait.is_zero())
        .map(|wait| wait.min(WAIT_MAX))
}

/// Digits only: `u64` itself would take a sign.
fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim();
    let all_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than fit are a very long wait, not garbage.
    all_digits.then(|| text.parse().map_or(WAIT_MAX, Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MADE_AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn check(values: &[&str], expected: Option<u64>) {
        let made_at = httpdate::parse_http_date(MADE_AT).expect("a date");
        let wait = longest(values.iter().copied(), made_at);
        assert_eq!(wait, expected.map(Duration::from_secs), "of {values:?}");
    }

    #[test]
    fn seconds_and_all_three_forms_of_a_date_are_understood() {
        check(&["120"], Some(120));
        check(&[" 7 "], Some(7));
        check(&["Sun, 06 Nov 1994 08:50:37 GMT"], Some(60));
        check(&["Sunday, 06-Nov-94 08:50:37 GMT"], Some(60));
        check(&["Sun Nov  6 08:50:37 1994"], Some(60));
    }

    #[test]
    fn what_makes_no_sense_is_no_hint() {
        for value in [
            "0",
            "-1",
            "1.5",
            "+5",
            "",
            "soon",
            "1e3",
            "0x10",
            "٣",
            MADE_AT,
            "Sun, 06 Nov 1994 08:48:37 GMT",
            "Sun, 32 Nov 1994 08:50:37 GMT",
        ] {
            check(&[value], None);
        }
    }

    #[test]
    fn of_several_the_longest_counts() {
        check(
            &["3", "soon", "40", "Sun, 06 Nov 1994 08:49:47 GMT"],
            Some(40),
        );
        check(&["3, 40"], Some(40));
        check(&["0", "2"], Some(2));
    }

    #[test]
    fn a_wait_beyond_belief_is_cut_to_a_month() {
        check(&["99999999999999999999999999"], Some(WAIT_MAX.as_secs()));
        check(&["Fri, 31 Dec 9999 23:59:59 GMT"], Some(WAIT_MAX.as_secs()));
    }

    #[test]
    fn a_date_is_measured_by_the_servers_clock_where_it_shows_it() {
        let mut headers = HeaderMap::new();
        headers.insert(
            RETRY_AFTER,
            "Sun, 06 Nov 1994 08:49:47 GMT".parse().expect("ok"),
        );
        let ours: Timestamp = "1994-11-06T08:49:07Z".parse().expect("a timestamp");
        assert_eq!(wait(&headers, ours), Some(Duration::from_secs(40)));
        headers.insert(DATE, MADE_AT.parse().expect("ok"));
        assert_eq!(wait(&headers, ours), Some(Duration::from_secs(10)));
    }

    proptest! {
        #[test]
        fn whole_seconds_are_taken_as_they_are(seconds in 1u64..WAIT_MAX.as_secs()) {
            check(&[&seconds.to_string()], Some(seconds));
        }

        #[test]
        fn a_date_is_as_far_away_as_it_says(ahead in 1u64..WAIT_MAX.as_secs()) {
            let made_at = httpdate::parse_http_date(MADE_AT).expect("a date");
            let date = httpdate::fmt_http_date(made_at + Duration::from_secs(ahead));
            check(&[&date], Some(ahead));
        }

        #[test]
        fn nothing_makes_it_panic_wait_for_nothing_or_for_ever(
            values in prop::collection::vec("[ -~]{0,40}|[0-9.,+-]{0,30}", 0..4)
        ) {
            let made_at = httpdate::parse_http_date(MADE_AT).expect("a date");
            if let Some(wait) = longest(values.iter().map(String::as_str), made_at) {
                prop_assert!(wait > Duration::ZERO && wait <= WAIT_MAX);
            }
        }

        #[test]
        fn no_value_shortens_the_wait_of_another(one in 1u64..9999, other in "[ -~]{0,30}") {
            let made_at = httpdate::parse_http_date(MADE_AT).expect("a date");
            let both = longest([one.to_string().as_str(), &other].into_iter(), made_at);
            prop_assert!(both >= Some(Duration::from_secs(one)));
        }
    }
}
