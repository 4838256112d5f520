//! What the status pages promise: they tell how the copy stands, to whoever may ask, and no more.

mod support;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use support::Copying;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use twsync::mirror::Mirror;
use twsync::report::{Grade, Live, Mode, Outcome, Report, RunId, Stage};
use twsync::sandbox::{Action, On, Rule};
use twsync::status::{self, Overview, Setup};

/// The pages of a copy, served.
struct Pages {
    port: u16,
    live: Arc<Live>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

/// An answer: its status, its head, its body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Pages {
    async fn of(copying: &Copying) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (live, stop) = (Arc::new(Live::default()), CancellationToken::new());
        let setup = Setup {
            config: Arc::new(copying.config.clone()),
            clock: copying.clock(),
            live: Arc::clone(&live),
        };
        Self {
            port: listener.local_addr().unwrap().port(),
            live,
            stop: stop.clone(),
            serving: tokio::spawn(status::serve(listener, setup, stop)),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &format!("localhost:{}", self.port))
            .await
    }

    async fn ask(&self, method: &str, path: &str, host: &str) -> Answer {
        let mut stream = self.connect().await;
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }
}

impl Answer {
    /// The value of a metric, a whole number, by its name and labels.
    #[track_caller]
    fn number(&self, name: &str) -> u64 {
        let line = self.body.lines().find_map(|line| {
            let rest = line.strip_prefix(name)?;
            rest.strip_prefix(' ')
        });
        let line = line.unwrap_or_else(|| panic!("no {name} in:\n{}", self.body));
        line.trim_end_matches(".0").parse().unwrap()
    }
}

/// Keeps a run that began now and ended as told.
fn keep_run(copying: &Copying, change: impl FnOnce(&mut Report)) {
    let mut mirror = Mirror::open(&copying.mirror_path()).unwrap();
    let now = copying.clock().now();
    let mut report = Report::begin(RunId::new(), Mode::Sync, now);
    report.finished_at = Some(now);
    change(&mut report);
    mirror.begin_run(&report).unwrap();
    mirror.finish_run(&report).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_run_it_is_alive_and_not_ready() {
    let copying = Copying::of(10).await;
    let pages = Pages::of(&copying).await;
    assert_eq!(pages.get("/healthz").await.status, 200);
    for path in ["/", "/readyz", "/api/status"] {
        let answer = pages.get(path).await;
        assert_eq!(answer.status, 503, "{path}");
        assert!(answer.body.contains("no mirror"), "{}", answer.body);
    }
    let metrics = pages.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert_eq!(metrics.number("twsync_mirror_readable"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_run_it_is_ready_and_says_what_was_proved() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    let pages = Pages::of(&copying).await;
    assert_eq!(pages.get("/readyz").await.status, 200);
    let page = pages.get("/").await;
    assert_eq!(page.status, 200);
    assert!(
        page.body
            .contains("Proved complete as of 1 Nov 2026, 12:00 UTC")
    );
    assert!(page.body.contains("<dd class=\"figure\">250</dd>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn data_older_than_the_last_scheduled_time_but_one_is_late() {
    let copying = Copying::of(10).await;
    copying.run().await.ok();
    let pages = Pages::of(&copying).await;
    copying.later(SignedDuration::from_mins(119));
    assert_eq!(pages.get("/readyz").await.status, 200, "one run missed");
    copying.later(SignedDuration::from_mins(2));
    let late = pages.get("/readyz").await;
    assert_eq!(late.status, 503, "two runs missed");
    assert!(late.body.starts_with("The data is late"), "{}", late.body);
    assert!(pages.get("/").await.body.contains(">Stale</h1>"));
    copying.run().await.ok();
    assert_eq!(pages.get("/readyz").await.status, 200, "a run caught up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_is_told_and_makes_nothing_late_by_itself() {
    let copying = Copying::of(10).await;
    copying.run().await.ok();
    let proved = copying.clock().now();
    copying.later(SignedDuration::from_mins(30));
    keep_run(&copying, |run| {
        run.outcome = Some(Outcome::Failed);
        run.reason = Some("the API can't be reached".to_owned());
    });
    let told = Overview::read(&copying.config, copying.clock().now()).unwrap();
    assert!(!told.stale);
    assert_eq!(told.as_of, Some(proved));
    assert_eq!(
        told.attention,
        ["The last run failed: the API can't be reached."]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_run_is_found_behind_any_number_of_failures() {
    let copying = Copying::of(10).await;
    copying.run().await.ok();
    let proved = copying.clock().now();
    for _ in 0..40 {
        keep_run(&copying, |run| run.outcome = Some(Outcome::Partial));
    }
    let told = Overview::read(&copying.config, proved).unwrap();
    assert_eq!(told.grade, Some(Grade::Complete));
    assert_eq!(told.runs.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_converged_run_speaks_of_its_beginning() {
    let copying = Copying::of(10).await;
    let began = copying.clock().now();
    keep_run(&copying, |run| {
        run.outcome = Some(Outcome::Done);
        run.grade = Some(Grade::Converged);
        run.finished_at = Some(began + SignedDuration::from_mins(9));
    });
    let told = Overview::read(&copying.config, began).unwrap();
    assert_eq!(told.as_of, Some(began));
    assert!(told.attention[0].contains("converged, not complete"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_proved_the_list_and_was_cut_short_makes_nothing_fresh() {
    let copying = Copying::of(10).await;
    let now = copying.clock().now();
    keep_run(&copying, |run| {
        run.outcome = Some(Outcome::Partial);
        run.grade = Some(Grade::Complete);
        run.as_of = Some(now);
    });
    let told = Overview::read(&copying.config, now).unwrap();
    assert!(told.stale && told.as_of.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_json_is_the_overview_that_the_command_prints() {
    let copying = Copying::of(50).await;
    copying.run().await.ok();
    let answer = Pages::of(&copying).await.get("/api/status").await;
    let json: Value = serde_json::from_str(&answer.body).unwrap();
    let told = Overview::read(&copying.config, copying.clock().now()).unwrap();
    assert_eq!(json, serde_json::to_value(&told).unwrap());
    assert_eq!(json["customers"]["active"], 50);
    assert_eq!(json["grade"], "complete");
    assert_eq!(json["runs"][0]["counts"]["added"], 50);
    let hour_on: Timestamp = "2026-11-01T13:00:00Z".parse().unwrap();
    assert_eq!(json["next_run_at"], hour_on.to_string());
}

/// One whom the list shows and one whom it does not: of neither are there details yet.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_still_to_be_asked_for_is_told_queued_or_not() {
    let copying = Copying::of(50).await;
    copying.run().await.ok();
    let ids = copying.world().listed_ids();
    copying.world().delete(ids[3]);
    copying.world().set_tier(ids[4], "Another tier");
    for id in [ids[3], ids[4]] {
        copying.fault(Rule::on(On::Customer(id)).does(Action::status(418)));
    }
    copying.run().await.ok();
    let told = Overview::read(&copying.config, copying.now()).unwrap();
    assert_eq!((told.pending, &told.queue["changed"]), (2, &1));
    let metrics = Pages::of(&copying).await.get("/metrics").await;
    let of = |reason: &str| metrics.number(&format!("twsync_queue_length{{reason=\"{reason}\"}}"));
    assert_eq!((of("changed"), of("missing"), of("new")), (1, 1, 0));
    assert_eq!((told.grade, told.held), (Some(Grade::Complete), 0));
    assert_eq!(told.as_of, Some(copying.now()));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_over_all_runs_and_each_has_help_and_type() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    let pages = Pages::of(&copying).await;
    let first = pages.get("/metrics").await;
    assert!(first.head.contains("application/openmetrics-text"));
    assert_eq!(first.number("twsync_requests_total{kind=\"list\"}"), 4);
    assert_eq!(first.number("twsync_requests_total{kind=\"detail\"}"), 250);
    assert_eq!(first.number("twsync_customers{state=\"active\"}"), 250);
    assert_eq!(first.number("twsync_grade{grade=\"complete\"}"), 1);
    assert_eq!(
        first.number("twsync_as_of_timestamp_seconds"),
        1_793_534_400
    );
    copying.run().await.ok();
    let second = pages.get("/metrics").await;
    assert_eq!(second.number("twsync_runs_total{outcome=\"done\"}"), 2);
    assert_eq!(second.number("twsync_requests_total{kind=\"list\"}"), 7);
    for line in second.body.lines().filter(|line| !line.starts_with('#')) {
        let name: String = line
            .chars()
            .take_while(|it| *it != '{' && *it != ' ')
            .collect();
        let family = name.trim_end_matches("_total");
        for kind in ["HELP", "TYPE"] {
            let wanted = format!("# {kind} {family} ");
            assert!(second.body.contains(&wanted), "no {kind} of {name}");
        }
        assert!(name.starts_with("twsync_"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_under_way_shows() {
    let copying = Copying::of(10).await;
    copying.run().await.ok();
    let pages = Pages::of(&copying).await;
    pages.live.begin(Stage::Details, 1200);
    pages.live.advance(34);
    assert!(pages.get("/").await.body.contains("34 of 1,200"));
    let metrics = pages.get("/metrics").await;
    assert_eq!(metrics.number("twsync_stage{stage=\"details\"}"), 1);
    assert_eq!(metrics.number("twsync_stage_steps_done"), 34);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_words_are_shown_and_never_run() {
    let copying = Copying::of(10).await;
    let hostile = "</style><script>alert(1)</script>\" onload='x' & <b>";
    keep_run(&copying, |run| {
        run.outcome = Some(Outcome::Failed);
        run.reason = Some(hostile.to_owned());
    });
    let page = Pages::of(&copying).await.get("/").await;
    assert!(
        page.body.contains("&#60;script&#62;alert(1)"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("<script") && !page.body.contains("<b>\""));
    assert!(!page.body.contains(hostile));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_forbids_what_a_page_could_do() {
    let copying = Copying::of(10).await;
    copying.run().await.ok();
    let pages = Pages::of(&copying).await;
    for path in [
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/status",
        "/nowhere",
    ] {
        let answer = pages.get(path).await;
        for header in [
            "content-security-policy: default-src 'none'; style-src 'unsafe-inline'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(answer.head.contains(header), "{path} lacks {header}");
        }
        assert!(!answer.head.contains("access-control"), "{path}");
    }
    assert_eq!(pages.get("/nowhere").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_sent_to_it() {
    let copying = Copying::of(10).await;
    copying.run().await.ok();
    let pages = Pages::of(&copying).await;
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        assert_eq!(
            pages.ask(method, "/", "localhost").await.status,
            405,
            "{method}"
        );
    }
    let head = pages.ask("HEAD", "/", "localhost").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_loopback_it_answers_to_no_other_name() {
    let copying = Copying::of(10).await;
    copying.run().await.ok();
    let pages = Pages::of(&copying).await;
    for path in ["/", "/api/status", "/metrics"] {
        let answer = pages.ask("GET", path, "rebound.example").await;
        assert_eq!(answer.status, 421, "{path}");
        assert!(!answer.body.contains("twsync"), "{}", answer.body);
    }
    assert_eq!(pages.ask("GET", "/", "127.0.0.1:9").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_it_is_told_to_though_a_connection_idles() {
    let copying = Copying::of(10).await;
    let pages = Pages::of(&copying).await;
    let mut idle = pages.connect().await;
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    idle.write_all(request).await.unwrap();
    idle.read_u8().await.unwrap();
    pages.stop.cancel();
    pages.serving.await.unwrap();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(TcpStream::connect(("127.0.0.1", pages.port)).await.is_err());
}
