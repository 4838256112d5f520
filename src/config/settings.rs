//! Every setting there is: a row each, with its key, its range, and how it is shown.
//!
//! Credentials are not in this table but in [`SECRETS`]: they have three places each, and no way
//! to be shown.

use std::net::SocketAddr;
use std::time::Duration;

use super::value::{Raw, Wrong, quote, show_bytes, show_duration, show_real};
use super::{BaseUrl, Config, Dialect, Location, UuidEncoding};

/// One setting.
pub(super) struct Setting {
    /// Section and name.
    pub key: &'static str,
    /// Takes a value into the settings.
    pub take: fn(&mut Config, Raw<'_>) -> Result<(), Wrong>,
    /// The value in force, as TOML.
    pub show: fn(&Config) -> String,
}

/// One secret: its setting, the setting of a file that holds it, and its name among systemd's
/// credentials.
pub(super) struct Secret {
    /// The setting that holds the secret itself.
    pub key: &'static str,
    /// The setting that names a file.
    pub file_key: &'static str,
    /// The file in `$CREDENTIALS_DIRECTORY`.
    pub credential: &'static str,
}

/// Token, key, and the key's secret: in this order.
pub(super) const SECRETS: [Secret; 3] = [
    Secret {
        key: "api.token",
        file_key: "api.token_file",
        credential: "api-token",
    },
    Secret {
        key: "api.key",
        file_key: "api.key_file",
        credential: "api-key",
    },
    Secret {
        key: "api.secret",
        file_key: "api.secret_file",
        credential: "api-secret",
    },
];

const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const DECADE: Duration = Duration::from_hours(24 * 3650);

/// All settings but the secret ones, section by section.
pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "api.base_url",
        take: |config, raw| BaseUrl::parse(raw).map(|it| config.api.base_url = it),
        show: |config| quote(config.api.base_url.as_url().as_str()),
    },
    Setting {
        key: "api.dialect",
        take: |config, raw| choose(raw, &DIALECTS).map(|it| config.api.dialect = it),
        show: |config| name(config.api.dialect, &DIALECTS),
    },
    Setting {
        key: "api.page_size",
        take: |config, raw| raw.whole(1..=100).map(|it| config.api.page_size = it),
        show: |config| config.api.page_size.to_string(),
    },
    Setting {
        key: "api.proxy",
        take: |config, raw| {
            let url = raw.optional().map(Raw::proxy).transpose()?;
            config.api.proxy = url;
            Ok(())
        },
        show: |config| quote(config.api.proxy.as_ref().map_or("", url::Url::as_str)),
    },
    Setting {
        key: "api.connect_timeout",
        take: |config, raw| {
            raw.duration(MILLISECOND..=10 * MINUTE)
                .map(|it| config.api.connect_timeout = it)
        },
        show: |config| quote(&show_duration(config.api.connect_timeout)),
    },
    Setting {
        key: "api.request_timeout",
        take: |config, raw| {
            raw.duration(MILLISECOND..=HOUR)
                .map(|it| config.api.request_timeout = it)
        },
        show: |config| quote(&show_duration(config.api.request_timeout)),
    },
    Setting {
        key: "api.response_max",
        take: |config, raw| {
            raw.bytes(64 << 10..=1 << 30)
                .map(|it| config.api.response_max_bytes = it)
        },
        show: |config| quote(&show_bytes(config.api.response_max_bytes)),
    },
    Setting {
        key: "pace.requests_per_second",
        take: |config, raw| {
            raw.real(0.01..=1e9)
                .map(|it| config.pace.requests_per_second = it)
        },
        show: |config| show_real(config.pace.requests_per_second),
    },
    Setting {
        key: "pace.burst",
        take: |config, raw| raw.whole(1..=1000).map(|it| config.pace.burst = it),
        show: |config| config.pace.burst.to_string(),
    },
    Setting {
        key: "pace.in_flight_max",
        take: |config, raw| raw.whole(1..=100).map(|it| config.pace.in_flight_max = it),
        show: |config| config.pace.in_flight_max.to_string(),
    },
    Setting {
        key: "pace.retries_max",
        take: |config, raw| raw.whole(0..=20).map(|it| config.pace.retries_max = it),
        show: |config| config.pace.retries_max.to_string(),
    },
    Setting {
        key: "pace.wait_max",
        take: |config, raw| {
            raw.duration(Duration::ZERO..=DAY)
                .map(|it| config.pace.wait_max = it)
        },
        show: |config| quote(&show_duration(config.pace.wait_max)),
    },
    Setting {
        key: "sync.max_passes",
        take: |config, raw| raw.whole(1..=100).map(|it| config.sync.max_passes = it),
        show: |config| config.sync.max_passes.to_string(),
    },
    Setting {
        key: "sync.max_detail_age",
        take: |config, raw| {
            raw.duration(MINUTE..=DECADE)
                .map(|it| config.sync.max_detail_age = it)
        },
        show: |config| quote(&show_duration(config.sync.max_detail_age)),
    },
    Setting {
        key: "sync.reverify_max",
        take: |config, raw| {
            raw.whole(0..=1_000_000_000)
                .map(|it| config.sync.reverify_max = it)
        },
        show: |config| config.sync.reverify_max.to_string(),
    },
    Setting {
        key: "sync.deletions_max",
        take: |config, raw| {
            raw.whole(0..=1_000_000_000)
                .map(|it| config.sync.deletions_max = it)
        },
        show: |config| config.sync.deletions_max.to_string(),
    },
    Setting {
        key: "sync.deletions_max_share",
        take: |config, raw| {
            raw.real(0.0..=1.0)
                .map(|it| config.sync.deletions_max_share = it)
        },
        show: |config| show_real(config.sync.deletions_max_share),
    },
    Setting {
        key: "mirror.path",
        take: |config, raw| raw.path().map(|it| config.mirror.path = it.into()),
        show: |config| quote(&config.mirror.path.to_string_lossy()),
    },
    Setting {
        key: "lake.path",
        take: |config, raw| {
            config.lake.path = raw.optional().map(Location::parse).transpose()?;
            Ok(())
        },
        show: |config| {
            let path = config.lake.path.as_ref();
            quote(&path.map(ToString::to_string).unwrap_or_default())
        },
    },
    Setting {
        key: "lake.keep_daily",
        take: |config, raw| {
            raw.duration(DAY..=10 * DECADE)
                .map(|it| config.lake.keep_daily = it)
        },
        show: |config| quote(&show_duration(config.lake.keep_daily)),
    },
    Setting {
        key: "lake.uuid_encoding",
        take: |config, raw| choose(raw, &ENCODINGS).map(|it| config.lake.uuid_encoding = it),
        show: |config| name(config.lake.uuid_encoding, &ENCODINGS),
    },
    Setting {
        key: "schedule.cron",
        take: |config, raw| raw.cron().map(|it| config.schedule.cron = it),
        show: |config| quote(config.schedule.cron.as_str()),
    },
    Setting {
        key: "schedule.timezone",
        take: |config, raw| raw.zone().map(|it| config.schedule.timezone = it),
        show: |config| quote(config.schedule.timezone.iana_name().unwrap_or("UTC")),
    },
    Setting {
        key: "schedule.run_at_start",
        take: |config, raw| raw.switch().map(|it| config.schedule.run_at_start = it),
        show: |config| config.schedule.run_at_start.to_string(),
    },
    Setting {
        key: "status.listen",
        take: |config, raw| {
            let address = raw.optional().map(listen_address).transpose()?;
            config.status.listen = address;
            Ok(())
        },
        show: |config| {
            quote(
                &config
                    .status
                    .listen
                    .map(|it| it.to_string())
                    .unwrap_or_default(),
            )
        },
    },
];

const DIALECTS: [(&str, Dialect); 3] = [
    ("auto", Dialect::Auto),
    ("page-size", Dialect::PageSize),
    ("limit", Dialect::Limit),
];

const ENCODINGS: [(&str, UuidEncoding); 2] = [
    ("string", UuidEncoding::String),
    ("native", UuidEncoding::Native),
];

fn choose<T: Copy>(raw: Raw<'_>, choices: &[(&str, T)]) -> Result<T, Wrong> {
    let text = raw.text().unwrap_or_default();
    let choice = choices.iter().find(|(name, _)| *name == text);
    choice.map(|(_, it)| *it).ok_or_else(|| {
        let names: Vec<String> = choices.iter().map(|(name, _)| quote(name)).collect();
        format!("one of {}", names.join(", ")).into()
    })
}

fn name<T: Copy + PartialEq>(value: T, choices: &[(&str, T)]) -> String {
    let choice = choices.iter().find(|(_, it)| *it == value);
    quote(choice.map_or("", |(name, _)| name))
}

fn listen_address(raw: Raw<'_>) -> Result<SocketAddr, Wrong> {
    raw.text()
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| "an address and port like \"127.0.0.1:8686\"".into())
}

/// The names of all settings, in the order of the tables.
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.key).chain(
        SECRETS
            .iter()
            .flat_map(|secret| [secret.key, secret.file_key]),
    )
}

/// What holds where nothing is said of this setting, as TOML.
pub(super) fn default_of(key: &str) -> Option<String> {
    let setting = SETTINGS.iter().find(|setting| setting.key == key)?;
    Some((setting.show)(&Config::default()))
}

/// The names of all sections.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    keys().filter_map(|key| key.split('.').next())
}

/// The setting that was most likely meant by `key`, if any is near. A bare name, or one in the
/// wrong section, is compared with the names alone.
pub(super) fn nearest(key: &str) -> Option<&'static str> {
    let bare = key.rsplit('.').next().unwrap_or(key);
    let by_name = || {
        keys()
            .filter_map(|known| Some((distance(bare, known.rsplit('.').next()?)?, known)))
            .min()
    };
    keys()
        .filter_map(|known| Some((distance(key, known)?, known)))
        .min()
        .or_else(by_name)
        .map(|(_, known)| known)
}

/// The section that was most likely meant by `name`, if any is near.
pub(super) fn nearest_section(name: &str) -> Option<&'static str> {
    sections()
        .filter_map(|known| Some((distance(name, known)?, known)))
        .min()
        .map(|(_, known)| known)
}

/// How many slips of the finger are between the two; none if too many to mean the same.
fn distance(typed: &str, known: &str) -> Option<usize> {
    let slips = strsim::damerau_levenshtein(typed, known);
    (slips <= 2.max(known.len() / 4)).then_some(slips)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_what_was_meant() {
        for (typed, meant) in [
            ("api.page_sise", "api.page_size"),
            ("api.pagesize", "api.page_size"),
            ("page_size", "api.page_size"),
            ("sync.page_size", "api.page_size"),
            ("miror.path", "mirror.path"),
            ("api.tokenfile", "api.token_file"),
            ("schedule.time_zone", "schedule.timezone"),
            ("pace.request_per_second", "pace.requests_per_second"),
        ] {
            assert_eq!(nearest(typed), Some(meant), "{typed}");
        }
        assert_eq!(nearest("kubernetes.replicas"), None);
    }

    #[test]
    fn a_default_is_a_value_that_may_be_set() {
        let mut config = Config::default();
        for setting in SETTINGS {
            let shown = (setting.show)(&config);
            let value = toml::de::DeValue::parse(&shown).expect("TOML");
            (setting.take)(&mut config, Raw::of(value.get_ref())).expect(setting.key);
            assert_eq!((setting.show)(&config), shown, "{}", setting.key);
        }
    }
}
