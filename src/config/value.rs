//! Values: how one is read from a file, a variable or a flag, and how it is written back.
//!
//! A file knows types, a variable knows only text. Whatever is written here can be read again.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil;
use jiff::tz::TimeZone;
use toml::de::DeValue;
use url::Url;

/// A value as it was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Raw<'a> {
    /// From the environment or a flag: text that may stand for any type.
    Plain(&'a str),
    /// A string of the file.
    Text(&'a str),
    /// A whole number of the file.
    Whole(i64),
    /// A number of the file.
    Real(f64),
    /// `true` or `false` in the file.
    Switch(bool),
    /// Anything else of the file, by the name of its type.
    Other(&'static str),
}

/// Why a value was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// What it should have been: "`value` is not …".
    pub wanted: String,
    /// True where the value may hold a secret and must not be repeated.
    pub hide: bool,
}

impl From<&str> for Wrong {
    fn from(wanted: &str) -> Self {
        wanted.to_owned().into()
    }
}

impl From<String> for Wrong {
    fn from(wanted: String) -> Self {
        Self {
            wanted,
            hide: false,
        }
    }
}

impl<'a> Raw<'a> {
    /// What a file says.
    pub(super) fn of(value: &'a DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or(Self::Other("a number of more than 63 bits"), Self::Whole),
            DeValue::Float(number) => number
                .as_str()
                .parse()
                .map_or(Self::Other("a number"), Self::Real),
            DeValue::Boolean(it) => Self::Switch(*it),
            DeValue::Datetime(_) => Self::Other("a date"),
            DeValue::Array(_) => Self::Other("an array"),
            DeValue::Table(_) => Self::Other("a table"),
        }
    }

    /// The value, for a person who is to find it again.
    pub(super) fn shown(self) -> String {
        match self {
            Self::Plain(text) | Self::Text(text) => quote(text),
            Self::Whole(number) => number.to_string(),
            Self::Real(number) => number.to_string(),
            Self::Switch(it) => it.to_string(),
            Self::Other(kind) => kind.to_owned(),
        }
    }

    /// Text of any content.
    pub(super) fn text(self) -> Result<&'a str, Wrong> {
        match self {
            Self::Plain(text) | Self::Text(text) => Ok(text),
            _ => Err("a string".into()),
        }
    }

    /// Text that is not empty and holds no NUL: a path.
    pub(super) fn path(self) -> Result<&'a str, Wrong> {
        self.text()
            .ok()
            .filter(|text| !text.is_empty() && !text.contains('\0'))
            .ok_or_else(|| "a path".into())
    }

    /// Text, or none where it is empty.
    pub(super) fn optional(self) -> Option<Self> {
        let empty = self.text().is_ok_and(str::is_empty);
        (!empty).then_some(self)
    }

    /// A whole number within `range`.
    pub(super) fn whole<T>(self, range: RangeInclusive<T>) -> Result<T, Wrong>
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        match self {
            Self::Whole(number) => Some(number),
            Self::Plain(text) => text.trim().parse().ok(),
            _ => None,
        }
        .and_then(|number: i64| T::try_from(number).ok())
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("a whole number from {} to {}", range.start(), range.end()).into())
    }

    /// A number within `range`.
    pub(super) fn real(self, range: RangeInclusive<f64>) -> Result<f64, Wrong> {
        match self {
            Self::Real(number) => Some(number),
            Self::Whole(number) => i32::try_from(number).ok().map(f64::from),
            Self::Plain(text) => text.trim().parse().ok(),
            _ => None,
        }
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("a number from {} to {}", range.start(), range.end()).into())
    }

    /// `true` or `false`.
    pub(super) fn switch(self) -> Result<bool, Wrong> {
        match self {
            Self::Switch(it) => Ok(it),
            Self::Plain("true") => Ok(true),
            Self::Plain("false") => Ok(false),
            _ => Err("true or false".into()),
        }
    }

    /// A duration within `range`.
    pub(super) fn duration(self, range: RangeInclusive<Duration>) -> Result<Duration, Wrong> {
        self.text()
            .ok()
            .and_then(|text| humantime::parse_duration(text.trim()).ok())
            .filter(|duration| range.contains(duration))
            .ok_or_else(|| {
                let [least, most] = [range.start(), range.end()].map(|it| show_duration(*it));
                format!("a duration from {least} to {most}, written like \"30s\", \"5m\" or \"7d\"")
                    .into()
            })
    }

    /// A number of bytes within `range`.
    pub(super) fn bytes(self, range: RangeInclusive<u64>) -> Result<u64, Wrong> {
        self.text()
            .ok()
            .and_then(|text| text.trim().parse::<bytesize::ByteSize>().ok())
            .map(|size| size.as_u64())
            .filter(|size| range.contains(size))
            .ok_or_else(|| {
                let [least, most] = [range.start(), range.end()].map(|it| show_bytes(*it));
                format!("a size from {least} to {most}, written like \"8MiB\"").into()
            })
    }

    /// The URL of a proxy.
    pub(super) fn proxy(self) -> Result<Url, Wrong> {
        const WANTED: &str = "an http:// or https:// URL of a proxy";
        let url = self.plain_url(WANTED)?;
        match url.scheme() {
            "http" | "https" => Ok(url),
            _ => Err(WANTED.into()),
        }
    }

    /// A URL of scheme, host, port and path alone, and without a slash at its end.
    pub(super) fn plain_url(self, wanted: &'static str) -> Result<Url, Wrong> {
        let text = self.text().map_err(|_| Wrong::from(wanted))?.trim();
        let wrong = || Wrong {
            wanted: wanted.to_owned(),
            // Whatever does not parse may still hold a password.
            hide: text.contains('@'),
        };
        let mut url = Url::parse(text).map_err(|_| wrong())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Wrong {
                wanted: format!("{wanted} without a user name or password"),
                hide: true,
            });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("{wanted} without ? or #").into());
        }
        if url.host().is_none() {
            return Err(wrong());
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(url)
    }

    /// An IANA time zone.
    pub(super) fn zone(self) -> Result<TimeZone, Wrong> {
        let wanted = "an IANA time zone like \"UTC\" or \"America/New_York\"";
        let name = self.text().map_err(|_| Wrong::from(wanted))?;
        TimeZone::get(name.trim()).map_err(|_| wanted.into())
    }

    /// A cron pattern.
    pub(super) fn cron(self) -> Result<Cron, Wrong> {
        cron(self.text().map_err(|_| Wrong::from(CRON_WANTED))?)
    }
}

const CRON_WANTED: &str = "six cron fields (second minute hour day month weekday), \
                           like \"0 0 * * * *\" for every full hour";

/// `text` as a cron pattern of six fields that has a next time.
pub(super) fn cron(text: &str) -> Result<Cron, Wrong> {
    let parser = CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Disallowed)
        .build();
    let cron = parser.parse(text.trim()).map_err(|error| {
        let said = error.to_string();
        Wrong::from(format!("{CRON_WANTED}; {}", said.trim_end_matches('.')))
    })?;
    // A pattern without a year that ever matches does so within any eight years: leap days.
    let some_day = civil::date(2023, 1, 1).at(0, 0, 0, 0);
    let next = some_day
        .to_zoned(TimeZone::UTC)
        .ok()
        .and_then(|start| cron.find_next_occurrence(&start, true).ok());
    match next {
        Some(_) => Ok(cron),
        None => Err("a time that ever comes".into()),
    }
}

/// `text` as a TOML string, without any character that would move a terminal: the library leaves
/// those of U+0080 to U+009F as they are.
pub(super) fn quote(text: &str) -> String {
    if !text.contains(char::is_control) {
        return toml::Value::from(text).to_string();
    }
    let letters = text.chars().map(|letter| match letter {
        '"' | '\\' => format!("\\{letter}"),
        letter if letter.is_control() => format!("\\u{:04X}", u32::from(letter)),
        letter => letter.to_string(),
    });
    format!("\"{}\"", letters.collect::<String>())
}

/// A number so that TOML reads a float again.
pub(super) fn show_real(number: f64) -> String {
    toml::Value::from(number).to_string()
}

/// A duration in the largest unit that holds it in whole numbers: 400 days are `400d`.
pub(super) fn show_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let units = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
    ];
    for (unit, length) in units {
        if milliseconds >= length && milliseconds.is_multiple_of(length) {
            return format!("{}{unit}", milliseconds / length);
        }
    }
    match milliseconds {
        0 => "0s".to_owned(),
        _ => format!("{milliseconds}ms"),
    }
}

/// A size in the largest unit that holds it in whole numbers.
pub(super) fn show_bytes(bytes: u64) -> String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if bytes >= 1 << shift && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: RangeInclusive<Duration> = Duration::ZERO..=Duration::MAX;

    #[test]
    fn what_is_written_is_read_again() {
        for seconds in [0, 1, 59, 60, 3600, 5400, 86_400, 34_560_000] {
            let duration = Duration::from_secs(seconds);
            let text = show_duration(duration);
            assert_eq!(Raw::Text(&text).duration(ANY), Ok(duration), "{text}");
        }
        for bytes in [1, 1000, 1024, 8 << 20, 3 << 30, (8 << 20) + 1] {
            let text = show_bytes(bytes);
            assert_eq!(Raw::Text(&text).bytes(0..=u64::MAX), Ok(bytes), "{text}");
        }
        assert_eq!(show_duration(Duration::from_hours(9600)), "400d");
        assert_eq!(show_bytes(8 << 20), "8MiB");
        assert_eq!(show_real(10.0), "10.0");
    }

    #[test]
    fn a_pattern_that_never_comes_is_refused() {
        for good in ["0 0 * * * *", "0 0 0 29 2 *", "*/5 * * * * MON-FRI"] {
            assert!(cron(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "0 * * * *",
            "0 0 0 30 2 *",
            "0 0 25 * * *",
            "60 * * * * *",
            "0 0 0 1 1 * 2020",
            "every hour",
        ] {
            assert!(cron(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_keep_to_their_range() {
        assert_eq!(Raw::Whole(100).whole(1..=100_u32), Ok(100));
        assert_eq!(Raw::Plain(" 7 ").whole(1..=100_u32), Ok(7));
        for bad in [
            Raw::Whole(0),
            Raw::Whole(101),
            Raw::Whole(-1),
            Raw::Whole(i64::MAX),
            Raw::Text("7"),
            Raw::Real(7.0),
            Raw::Plain("7.5"),
            Raw::Switch(true),
        ] {
            assert!(bad.whole(1..=100_u32).is_err(), "{bad:?}");
        }
        assert_eq!(Raw::Whole(3).real(0.0..=10.0), Ok(3.0));
        for bad in [
            Raw::Real(f64::NAN),
            Raw::Real(f64::INFINITY),
            Raw::Real(-0.1),
            Raw::Plain("nan"),
        ] {
            assert!(bad.real(0.0..=10.0).is_err(), "{bad:?}");
        }
    }
}
