//! Servers that mean harm: to paths, terminals, pages, queries and memory.

use serde_json::json;
use twsync::report::Exit;
use twsync::sandbox::{Action, Field, On, Rule, Target};

use crate::program::Said;
use crate::promise::is_given_up;
use crate::shell::Shell;
use crate::support::Copying;

#[tokio::test(flavor = "multi_thread")]
async fn a_path_as_an_id_is_never_in_a_url_or_a_path() {
    let copying = Copying::of(20).await;
    let paths = [
        "../../../admin/customers",
        "..%2f..",
        "a/../../b",
        "C:\\x",
        "\u{0}",
    ];
    for id in paths {
        let row = json!({"id": id}).to_string();
        copying.fault(Rule::on(On::Page(1)).does(Action::inject_row(row)));
    }
    let outside = copying.folder.path().parent().unwrap().join("admin");
    let ran = copying.run().await.ok();
    assert_eq!(copying.number("SELECT count(*) FROM rejected"), 5);
    assert_eq!(ran.details, 20);
    let requests = copying.sandbox.requests();
    assert_eq!((requests.elsewhere(), requests.not_get()), (0, 0));
    for entry in requests.log() {
        assert!(
            !matches!(entry.target, Target::Detail { id: None }),
            "{}",
            entry.path
        );
    }
    assert!(!outside.exists());
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_moves_no_cursor_and_is_cut() {
    let words = format!(
        "\u{1b}[2J\u{1b}]0;owned\u{7}\r\nERROR all is lost \u{202e}{}",
        "x".repeat(9_999)
    );
    let body = json!({"error": words}).to_string();
    let copying = Copying::of(3).await;
    copying.fault(Rule::on(On::List).does(Action::raw(403, "application/json", body)));
    let said = copying.run().await.failed(Exit::Refused);
    assert!(
        !said.contains(|letter: char| letter.is_control() || letter == '\u{202e}'),
        "{said:?}"
    );
    assert!(
        said.contains(r"\u{1b}[2J") && said.contains("ERROR all is lost"),
        "{said}"
    );
    assert!(
        said.chars().count() < 500,
        "{} characters",
        said.chars().count()
    );
    let reason = copying.text("SELECT reason FROM runs").unwrap();
    assert!(!reason.contains(char::is_control), "{reason:?}");
}

/// Nothing that the program writes holds a letter that a terminal would obey, or that turns text round.
#[track_caller]
fn moves_nothing(said: &Said) {
    for line in said.stderr.lines().chain(said.stdout.lines()) {
        let moves = |letter: char| letter.is_control() || letter == '\u{202e}';
        assert!(!line.contains(moves), "{line:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_writes_nothing_that_a_terminal_obeys() {
    let hostile = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\u{9b}31m\u{202e}";
    for format in ["text", "json"] {
        let shell = Shell::of(12).await;
        let arguments = ["--once", "-vv", "--log-format", format, "--output", format];
        let body = json!({"error": format!("{hostile} no")}).to_string();
        let refused = Action::raw(403, "application/json", body);
        let fault = shell.fault(Rule::on(On::List).does(refused));
        let said = shell.run(&arguments).await.exits(77);
        moves_nothing(&said);
        assert!(said.stderr.contains("owned"), "{}", said.stderr);
        fault.lift();

        let alien = Action::raw(200, "text/\u{9b}31m", "x");
        let fault = shell.fault(Rule::on(On::List).does(alien));
        moves_nothing(&shell.run(&arguments).await.exits(65));
        fault.lift();

        let id = shell.sandbox.world().listed_ids()[0];
        shell.sandbox.world().change(id, |customer| {
            customer.name = Field::text(hostile);
            customer.extra.insert(hostile.to_owned(), json!(hostile));
        });
        let row = json!({"id": hostile, hostile: 1}).to_string();
        shell.fault(Rule::on(On::Page(1)).does(Action::inject_row(row)));
        let said = shell.run(&arguments).await.exits(0);
        moves_nothing(&said);
        assert!(said.stderr.contains("owned"), "{}", said.stderr);
        let id = id.to_string();
        for arguments in [&["status"][..], &["history", &id], &["verify"]] {
            let arguments = [arguments, &["--output", format]].concat();
            moves_nothing(&shell.run(&arguments).await.exits(0));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_name_that_moves_the_cursor_is_escaped() {
    let copying = Copying::of(3).await;
    let id = copying.world().listed_ids()[0];
    copying.world().change(id, |customer| {
        customer.extra.insert("\u{1b}[2J".to_owned(), json!(1));
    });
    let ran = copying.run().await.ok();
    ran.warned(r"\u{1b}[2J");
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_as_a_name_is_bound() {
    let copying = Copying::of(20).await;
    copying.run().await.ok();
    let id = copying.world().listed_ids()[3];
    for name in [
        "'; DROP TABLE customers; --",
        "\"; DELETE FROM versions; --",
        "?1 :name @x $y %s {}",
        "' OR '1'='1",
    ] {
        copying.world().change(id, |customer| {
            customer.name = Field::text(name);
            customer.tier_name = Field::text(name);
        });
        let ran = copying.run().await.ok();
        assert_eq!(ran.report.counts.changed, 1);
        copying.assert_mirror_equals_world();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_headers_are_refused() {
    is_given_up(Action::filler_headers(10_000), Exit::Unavailable).await;
}
