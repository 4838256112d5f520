//! Fuzzing in miniature: whatever a server, or whoever writes the settings, says, nothing panics, and
//! what is kept of it is bounded.
//!
//! What once failed is tried again first (`tests/corpus/`), and so is a corpus of bodies known to be
//! nasty, which are also what is mutated.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use secrecy::SecretString;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use twsync::api::{Answer, Client, Details, Error, Limits, PaceMemory, Page};
use twsync::clock::{Clock, Hands};
use twsync::config::{self, Credentials, SecretSource, Sources, load};
use twsync::customer::{CustomerId, Field};
use twsync::sandbox::{Action, On, Options, Rule, Sandbox, TOKEN, World};

const ID: &str = "a1b2c3d4-5633-4b16-bbf0-5ca22ef8ea2e";

/// A server that says what it is given, and whoever asks it.
struct Echo {
    runtime: Runtime,
    sandbox: Sandbox,
    body: Arc<Mutex<Vec<u8>>>,
}

impl Echo {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let options = Options {
            world: World::new(1, 1),
            ..Options::default()
        };
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        let body = Arc::<Mutex<Vec<u8>>>::default();
        let said = Arc::clone(&body);
        let echo = Action::rewrite(move |_| said.lock().unwrap().clone());
        let json = Action::raw(200, "application/json", "");
        sandbox
            .faults()
            .add(Rule::on(On::Any).does(json).does(echo));
        Self {
            runtime,
            sandbox,
            body,
        }
    }

    fn client(&self) -> (Client, Hands) {
        let token = SecretSource::Inline(SecretString::from(TOKEN));
        let api = config::Api {
            base_url: self.sandbox.url().parse().unwrap(),
            credentials: Some(Credentials::Bearer(token)),
            ..config::Api::default()
        };
        let pace = config::Pace {
            requests_per_second: 1e9,
            retries_max: 0,
            wait_max: Duration::MAX,
            ..config::Pace::default()
        };
        let (memory, limits) = (PaceMemory::default(), Limits::default());
        let (clock, hands) = Clock::still(Timestamp::from_second(1_800_000_000).unwrap());
        let stop = CancellationToken::new();
        let client = Client::new(&api, &pace, memory, limits, clock, <_>::default(), stop);
        (client.unwrap(), hands)
    }

    fn page(&self, client: &Client, body: Vec<u8>) -> Result<Page, Error> {
        *self.body.lock().unwrap() = body;
        self.runtime.block_on(client.list_page(1, 10))
    }

    fn details(&self, client: &Client, body: Vec<u8>) -> Result<Details, Error> {
        *self.body.lock().unwrap() = body;
        let asked = client.customer(ID.parse::<CustomerId>().unwrap());
        self.runtime.block_on(asked)
    }
}

/// So many random cases, after those that failed before.
fn runner(cases: u32) -> TestRunner {
    let before = FileFailurePersistence::Direct("tests/corpus/faults.txt");
    TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(before)),
        ..ProptestConfig::default()
    })
}

/// What is known to be nasty, of one kind: written by hand, or found by the fuzzer.
fn kept(kind: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/tests/corpus/{kind}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).unwrap();
    let kept: Vec<Vec<u8>> = files
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect();
    assert!(kept.len() > 10, "{kind}");
    kept
}

/// The same as texts.
fn kept_texts(kind: &str) -> Vec<String> {
    let texts = kept(kind);
    texts
        .iter()
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .collect()
}

/// Bodies that are known to be nasty.
fn corpus() -> Vec<Vec<u8>> {
    kept("bodies")
}

/// Bytes, or a body of the corpus in which some piece is another.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..8),
        "[\\[\\]{}:,\"\\\\0-9a-fu.eE+-]{0,8}".prop_map(String::into_bytes),
    ];
    let whole = prop::sample::select(corpus());
    let places = (any::<prop::sample::Index>(), any::<prop::sample::Index>());
    let mutated = (whole, places, piece).prop_map(|(mut body, (at, less), piece)| {
        let at = at.index(body.len());
        let less = less.index(body.len() - at).min(8);
        body.splice(at..at + less, piece);
        body
    });
    prop_oneof![1 => prop::collection::vec(any::<u8>(), 0..300), 4 => mutated]
}

/// What a body of this length can explain to be kept, in bytes: rows and their raw text, escaped,
/// and the names of unknown fields made printable.
const fn explained(body: usize) -> usize {
    8 * body + (64 << 10)
}

fn kept_of(page: &Page) -> usize {
    let rejected = page
        .rejected
        .iter()
        .map(|row| row.raw.len() + row.why.len());
    let extra = page
        .rows
        .iter()
        .map(|row| row.extra.as_ref().map_or(0, String::len));
    let text = |field: &Field<String>| field.text().map_or(0, str::len);
    let texts = page
        .rows
        .iter()
        .map(|row| text(&row.name) + text(&row.tier_name));
    let unknown = page.unknown_fields.iter().map(String::len);
    rejected.chain(extra).chain(texts).chain(unknown).sum()
}

#[test]
fn any_body_is_a_page_or_an_error() {
    let (echo, bodies) = (Echo::new(), corpus());
    let (client, _) = echo.client();
    let pages = bodies
        .into_iter()
        .filter(|body| echo.page(&client, body.clone()).is_ok());
    assert!(pages.count() >= 4, "some of the corpus are pages");
    let tried = runner(400).run(&any_body(), |body| {
        let length = body.len();
        if let Ok(page) = echo.page(&client, body) {
            prop_assert!(kept_of(&page) <= explained(length));
        }
        Ok(())
    });
    tried.unwrap();
}

#[test]
fn any_body_is_details_or_an_error() {
    let echo = Echo::new();
    let (client, _) = echo.client();
    for body in corpus() {
        let _ = echo.details(&client, body);
    }
    let tried = runner(400).run(&any_body(), |body| {
        let length = body.len();
        if let Ok(Details {
            answer: Answer::Rejected(rejected),
            ..
        }) = echo.details(&client, body)
        {
            prop_assert!(rejected.raw.len() + rejected.why.len() <= explained(length));
        }
        Ok(())
    });
    tried.unwrap();
}

#[test]
fn any_text_is_a_time_or_null() {
    let echo = Echo::new();
    let (client, _) = echo.client();
    let digits = "-?[0-9]{1,7}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{0,12})?\
                  (Z|z|[+-][0-9]{2}:[0-9]{2})?";
    let texts = prop_oneof![digits, any::<String>()];
    let hold = |text: String| {
        let body = json!({
            "customers": [{"id": ID, "createdAt": text}],
            "items": 1, "pages": 1,
        });
        let page = echo.page(&client, body.to_string().into_bytes()).unwrap();
        prop_assert_eq!(page.rows.len(), 1, "the row is kept");
        match page.rows[0].created_at {
            Field::Value(at) => {
                prop_assert_eq!(at.subsec_nanosecond() % 1000, 0);
                let year = at.to_zoned(jiff::tz::TimeZone::UTC).year();
                prop_assert!((1..=9999).contains(&year));
            }
            Field::Null => prop_assert_eq!(page.notes, 1),
            Field::Absent => prop_assert!(false, "it was there"),
        }
        Ok(())
    };
    for text in kept_texts("times") {
        hold(text).unwrap();
    }
    runner(400).run(&texts, hold).unwrap();
}

#[test]
fn any_retry_after_is_a_bounded_wait_or_none() {
    let echo = Echo::new();
    let month = SignedDuration::from_hours(31 * 24);
    let values = prop_oneof!["[ -~]{0,40}", "[0-9.,+ -]{0,30}", "[0-9]{1,25}"];
    let hold = |value: String| {
        let value = value.trim();
        echo.sandbox.faults().clear();
        let throttled = Action::throttled(Some(value));
        echo.sandbox.faults().add(Rule::on(On::Any).does(throttled));
        let (client, hands) = echo.client();
        prop_assert!(echo.page(&client, Vec::new()).is_err());
        if let Some(until) = client.pace_memory().not_before {
            let wait = until.duration_since(hands.now());
            prop_assert!(wait.is_positive() && wait <= month, "{}", wait);
        }
        Ok(())
    };
    // As far as a sandbox can say it: one header, of letters that are visible.
    let printable = |line: &&str| line.chars().all(|letter| (' '..='~').contains(&letter));
    for text in kept_texts("retry_after") {
        for line in text.split('\n').filter(printable) {
            hold(line.to_owned()).unwrap();
        }
    }
    runner(60).run(&values, hold).unwrap();
}

/// Settings as somebody might mistype them, or anything at all.
fn any_settings() -> impl Strategy<Value = String> {
    let shipped = include_str!("../../config/twsync.toml");
    let places = (any::<prop::sample::Index>(), any::<prop::sample::Index>());
    let mutated = (places, "[ -~\n\u{e9}]{0,12}").prop_map(move |((at, less), piece)| {
        let mut text: Vec<char> = shipped.chars().collect();
        let at = at.index(text.len());
        let less = less.index(text.len() - at).min(20);
        text.splice(at..at + less, piece.chars());
        text.into_iter().collect()
    });
    let value = prop_oneof![
        "-?[0-9.]{1,25}",
        "\"[ -!#-~]{0,20}\"",
        "(true|false|\\[\\]|\\{\\})"
    ];
    let line = (
        "[a-z]{1,8}|api|pace|sync|lake|schedule",
        "[a-z_]{1,16}|cron|path|page_size",
        value,
    );
    let written = line.prop_map(|(section, key, value)| format!("[{section}]\n{key} = {value}\n"));
    prop_oneof![any::<String>(), mutated, written]
}

#[test]
fn any_text_is_settings_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("twsync.toml");
    let secret = "[A-Za-z0-9]{16}";
    let hold = |(text, secret): (String, String)| {
        let text = text.replacen("[api]", &format!("[api]\ntoken = \"{secret}\""), 1);
        std::fs::write(&path, text).unwrap();
        let sources = Sources {
            file: Some(path.clone()),
            ..Sources::default()
        };
        if let Err(error) = load(&sources) {
            let said = format!("{error} {error:?} {}", error.hint());
            prop_assert!(!said.contains(&secret), "{}", said);
            prop_assert!(!error.hint().is_empty());
            let moves = |letter: char| letter.is_control() && letter != '\n';
            prop_assert!(!error.to_string().contains(moves), "{:?}", error);
        }
        Ok(())
    };
    for text in kept_texts("settings") {
        hold((text, "s3cretcanary".to_owned())).unwrap();
    }
    let tried = runner(1_000).run(&(any_settings(), secret), hold);
    tried.unwrap();
}
