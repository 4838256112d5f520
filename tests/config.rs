//! Settings through their front door: a file, an environment and flags in, settings or words out.

use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret as _;
use twsync::config::{Config, Credentials, Error, Origin, SecretSource, Settings, Sources, load};

/// A place for settings: a file, an environment, flags.
struct Place {
    dir: tempfile::TempDir,
    sources: Sources,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a folder"),
            sources: Sources::default(),
        }
    }

    fn file(text: &str) -> Self {
        let mut place = Self::new();
        let path = place.dir.path().join("twsync.toml");
        std::fs::write(&path, text).expect("written");
        place.sources.file = Some(path);
        place
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.sources
            .environment
            .insert(OsString::from(name), OsString::from(value));
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        self.sources.flags.push((key.to_owned(), value.to_owned()));
        self
    }

    fn credential(self, name: &str, content: &str) -> Self {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(0o400)).expect("permitted");
        let directory = self.dir.path().to_str().expect("UTF-8").to_owned();
        self.env("CREDENTIALS_DIRECTORY", &directory)
    }

    fn load(&self) -> Settings {
        load(&self.sources).expect("these settings are good")
    }

    /// What the operator reads: the message and, after an arrow, the hint. The folder is left out.
    fn refused(&self) -> String {
        let error = load(&self.sources).expect_err("these settings are bad");
        self.said(&error)
    }

    fn said(&self, error: &Error) -> String {
        let text = format!("{error} → {}", error.hint());
        text.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

fn origin(settings: &Settings, key: &str) -> String {
    let entries = settings.entries();
    let entry = entries.iter().find(|entry| entry.key == key);
    let origin = entry.expect("a known key").origin.to_string();
    origin.rsplit('/').next().unwrap_or_default().to_owned()
}

#[test]
fn the_shipped_file_says_what_holds_without_it() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/twsync.toml");
    let settings = load(&Sources {
        file: Some(shipped.clone()),
        ..Sources::default()
    })
    .expect("the shipped file is good");
    assert_eq!(
        format!("{:?}", settings.config),
        format!("{:?}", Config::default())
    );
    let text = std::fs::read_to_string(shipped).expect("read");
    for entry in settings.entries() {
        assert_ne!(
            entry.origin,
            Origin::Default,
            "{} is not in the file",
            entry.key
        );
    }
    for secret in [
        "token",
        "token_file",
        "key",
        "key_file",
        "secret",
        "secret_file",
    ] {
        assert!(
            text.contains(&format!("\n# {secret} = ")),
            "{secret} is not in the file"
        );
    }
}

#[test]
fn a_flag_outranks_the_environment_which_outranks_the_file() {
    let file = "[api]\npage_size = 10\n[pace]\nburst = 2\nretries_max = 1\n";
    let settings = Place::file(file)
        .env("TWSYNC_PACE__BURST", "3")
        .env("TWSYNC_PACE__RETRIES_MAX", "2")
        .flag("pace.retries_max", "4")
        .load();
    assert_eq!(settings.config.api.page_size, 10);
    assert_eq!(settings.config.pace.burst, 3);
    assert_eq!(settings.config.pace.retries_max, 4);
    assert_eq!(settings.config.pace.in_flight_max, 8);
    assert_eq!(origin(&settings, "api.page_size"), "twsync.toml:2");
    assert_eq!(
        origin(&settings, "pace.burst"),
        "environment variable TWSYNC_PACE__BURST"
    );
    assert_eq!(origin(&settings, "pace.retries_max"), "--set");
    assert_eq!(origin(&settings, "pace.in_flight_max"), "default");
}

#[test]
fn every_setting_can_stand_in_the_environment() {
    let shown = Place::new().load().entries();
    let place = shown.iter().fold(Place::new(), |place, entry| {
        let name = format!("TWSYNC_{}", entry.key.replace('.', "__").to_uppercase());
        let value = entry.value.as_deref().expect("not secret");
        place.env(&name, value.trim_matches('"'))
    });
    for (before, now) in shown.iter().zip(place.load().entries()) {
        assert_eq!(before.value, now.value);
        assert!(matches!(now.origin, Origin::Environment(_)), "{}", now.key);
    }
}

#[test]
fn values_have_units() {
    let config = Place::file(
        "[api]\nresponse_max = \"1GiB\"\nconnect_timeout = \"1500ms\"\n\
         [sync]\nmax_detail_age = \"2d 12h\"\n[lake]\npath = \"\"\n[status]\nlisten = \"\"\n\
         [schedule]\ntimezone = \"America/New_York\"\n[pace]\nrequests_per_second = 5\n",
    )
    .load()
    .config;
    assert_eq!(config.api.response_max_bytes, 1 << 30);
    assert_eq!(config.api.connect_timeout, Duration::from_millis(1500));
    assert_eq!(config.sync.max_detail_age, Duration::from_hours(60));
    assert_eq!(config.lake.path, None);
    assert_eq!(config.status.listen, None);
    assert_eq!(
        config.schedule.timezone.iana_name(),
        Some("America/New_York")
    );
    assert!((config.pace.requests_per_second - 5.0).abs() < f64::EPSILON);
}

#[test]
fn an_empty_section_or_file_changes_nothing() {
    for text in ["", "\n# nothing\n", "[api]\n[lake]\n"] {
        let config = Place::file(text).load().config;
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    }
}

#[test]
fn a_mistake_in_the_file_is_named_with_its_line() {
    let read = |text: &str| Place::file(text).refused();
    let all = [
        "\n[api]\n# size\npage_sise = 50\n",
        "[api]\npage_size = 500\n",
        "[api]\npage_size = \"50\"\n",
        "[api]\nbase_url = \"http://apis.threatwinds.com\"\n",
        "[api]\nbase_url = \"https://me:canary@apis.threatwinds.com\"\n",
        "[api]\ndialect = \"pagesize\"\n",
        "[api]\nresponse_max = \"8 apples\"\n",
        "[pace]\nwait_max = 300\n",
        "[pace]\nrequests_per_second = 0\n",
        "[schedule]\ncron = \"0 * * * *\"\n",
        "[schedule]\ncron = \"0 0 0 31 2 *\"\n",
        "[schedule]\ntimezone = \"Mars/Olympus\"\n",
        "[schedule]\nrun_at_start = \"yes\"\n",
        "[status]\nlisten = \"8686\"\n",
        "[mirror]\npath = \"\"\n",
        "page_size = 50\n",
        "[miror]\n",
        "[miror]\npath = \"a\"\n",
        "api = 3\n",
        "[api]\ntoken = \"canary\n",
        "[api]\npage_size = 50\npage_size = 60\n",
        "[api]\npage_size = 99999999999999999999\n",
    ]
    .map(|text| {
        let said = read(text);
        assert!(!said.contains("canary"), "{said}");
        said
    });
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_mistake_in_the_environment_is_named_by_its_variable() {
    let read = |name: &str, value: &str| Place::new().env(name, value).refused();
    let all = [
        read("TWSYNC_API__PAGE_SISE", "50"),
        read("TWSYNC_API_TOKEN", "canary"),
        read("TWSYNC_api__page_size", "50"),
        read("TWSYNC_API__PAGE_SIZE", "many"),
        read("TWSYNC_SCHEDULE__RUN_AT_START", "yes"),
        read("TWSYNC_API__TOKEN", ""),
        read("TWSYNC_API__TOKEN", "can\nary"),
        read("TWSYNC_KUBERNETES__REPLICAS", "3"),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_value_that_would_move_a_terminal_is_told_in_letters() {
    for value in ["ht\u{8c}tp", "\"\u{9b}2J", "'\u{7f}\\", "\u{1b}[2J"] {
        let words = Place::new().flag("api.base_url", value).refused();
        let moves = |letter: char| letter.is_control() && letter != '\n';
        assert!(words.contains("\\u00"), "{words}");
        assert!(!words.contains(moves), "{words:?}");
        let shown = words.split(": ").nth(2).expect("the value comes third");
        let shown = shown.split(" is not an").next().expect("what was wanted");
        let read: toml::Table = format!("value = {shown}").parse().expect(shown);
        assert_eq!(read["value"].as_str(), Some(value));
    }
}

#[test]
fn variables_that_are_not_settings_are_left_alone() {
    Place::new()
        .env("TWSYNC_LOG", "debug")
        .env("TWSYNC_CONFIG", "")
        .env("OTHER_API__PAGE_SISE", "50")
        .load();
}

#[test]
fn a_named_file_must_be_there() {
    let mut place = Place::new();
    place.sources.file = Some(place.dir.path().join("none.toml"));
    assert!(matches!(
        load(&place.sources),
        Err(Error::Unreadable { .. })
    ));
    let missing = place.dir.path().join("none.toml");
    let place = Place::new().env("TWSYNC_CONFIG", missing.to_str().expect("UTF-8"));
    assert!(matches!(
        load(&place.sources),
        Err(Error::Unreadable { .. })
    ));
}

#[test]
fn the_file_that_the_flag_names_comes_before_the_one_in_the_environment() {
    let place = Place::file("[api]\npage_size = 1\n");
    let other = place.dir.path().join("other.toml");
    std::fs::write(&other, "[api]\npage_size = 2\n").expect("written");
    let mut place = place.env("TWSYNC_CONFIG", other.to_str().expect("UTF-8"));
    assert_eq!(place.load().config.api.page_size, 1);
    place.sources.file = None;
    assert_eq!(place.load().config.api.page_size, 2);
}

#[test]
fn each_secret_may_stand_in_three_places() {
    let inline = Place::file("[api]\ntoken = \"t\\n\"\n").load();
    let Some(Credentials::Bearer(SecretSource::Inline(token))) = &inline.config.api.credentials
    else {
        panic!("a token was given")
    };
    assert_eq!(token.expose_secret(), "t");

    let place = Place::new()
        .credential("api-key", "k\n")
        .env("TWSYNC_API__SECRET_FILE", "/run/secret");
    let settings = place.load();
    let Some(Credentials::KeyPair { key, secret }) = &settings.config.api.credentials else {
        panic!("a key pair was given")
    };
    assert_eq!(key.read().expect("readable").expose_secret(), "k");
    let SecretSource::File(path) = secret else {
        panic!("a file was named")
    };
    assert_eq!(path, &PathBuf::from("/run/secret"));
    assert_eq!(
        origin(&settings, "api.key_file"),
        "systemd credential api-key"
    );
}

#[test]
fn a_secret_of_a_higher_rank_replaces_the_same_one() {
    let place = Place::file("[api]\ntoken_file = \"/nowhere\"\n").env("TWSYNC_API__TOKEN", "t");
    let settings = place.load();
    assert!(settings.config.credentials().is_ok());
    assert_eq!(
        origin(&settings, "api.token"),
        "environment variable TWSYNC_API__TOKEN"
    );
}

#[test]
fn credentials_that_do_not_fit_together_are_refused() {
    let all = [
        Place::file("[api]\ntoken = \"t\"\nkey = \"k\"\nsecret = \"s\"\n").refused(),
        Place::file("[api]\ntoken = \"t\"\n")
            .env("TWSYNC_API__SECRET", "s")
            .refused(),
        Place::new()
            .credential("api-token", "t")
            .env("TWSYNC_API__KEY", "k")
            .refused(),
        Place::file("[api]\ntoken = \"t\"\ntoken_file = \"/t\"\n").refused(),
        Place::file("[api]\nkey = \"k\"\n").refused(),
        Place::file("[api]\nsecret_file = \"/s\"\n").refused(),
        Place::new().flag("api.token", "canary").refused(),
        Place::file("[api]\ntoken = 12345\n").refused(),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn what_needs_credentials_says_how_to_give_them() {
    let asked = |place: Place| {
        let error = place.load().config.credentials().expect_err("none are set");
        place.said(&error)
    };
    let all = [
        asked(Place::new()),
        asked(Place::new().env("TWSYNC_API__TOKEN_FILE", "/nowhere/token")),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_secret_can_not_be_printed() {
    let place = Place::file("[api]\nkey = \"canary\"\nsecret = \"canary\"\n");
    let settings = place.load();
    let shown = format!("{settings:?}{:?}{:?}", settings.entries(), settings.config);
    assert!(!shown.contains("canary"), "{shown}");
}
