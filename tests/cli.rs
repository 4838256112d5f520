//! The command line without a server: its words, its exit codes, and what it never says.

mod program;

use std::fs::Permissions;
use std::io::pipe;
use std::os::unix::fs::PermissionsExt as _;

use program::{Program, Said};

const COMMANDS: [&str; 13] = [
    "demo",
    "plan",
    "status",
    "history",
    "refresh",
    "snapshot",
    "verify",
    "check",
    "report",
    "config",
    "sandbox",
    "completions",
    "man",
];

#[tokio::test]
async fn help_is_short_and_names_every_exit_code() {
    let program = Program::new();
    let short = program.run(&["-h"]).await.exits(0);
    let long = program.run(&["--help"]).await.exits(0);
    for code in [0, 1, 2, 65, 69, 73, 74, 75, 76, 77, 78] {
        let line = format!("\n  {code:>2}  ");
        assert!(long.stdout.contains(&line), "{code} is not in --help");
    }
    insta::assert_snapshot!(format!("{}\n=== --help\n{}", short.stdout, long.stdout));
}

#[tokio::test]
async fn every_command_has_help() {
    let program = Program::new();
    let mut all = String::new();
    for command in COMMANDS {
        let help = program.run(&[command, "-h"]).await.exits(0).stdout;
        let own = help.split("\nGlobal options:").next().unwrap_or_default();
        all.push_str(&format!("=== {command}\n{own}\n"));
    }
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn misuse_ends_with_2() {
    let program = Program::new();
    for arguments in [
        &["--onec"][..],
        &["syncc"],
        &["--full"],
        &["--once", "status"],
        &["--once", "--max-requests", "many"],
        &["history"],
        &["history", "../../etc/passwd"],
        &["refresh", "a1b2c3d4"],
        &["sandbox", "--port", "99999"],
        &["completions", "cmd.exe"],
        &["demo", "--set", "lake.path=s3://bucket/prefix"],
        &["sandbox", "--config", "twsync.toml"],
    ] {
        let said = program.run(arguments).await.exits(2);
        assert!(said.stdout.is_empty(), "{arguments:?}: {}", said.stdout);
        assert!(said.stderr.contains("Usage") || said.stderr.contains("--help"));
    }
}

#[tokio::test]
async fn a_wrong_setting_is_an_error_and_a_way_out() {
    let program = Program::new().file("[api]\n\npage_sise = 50\n");
    let said = program.run(&["--once"]).await.exits(78);
    assert_eq!(said.stdout, "");
    insta::assert_snapshot!(said.stderr, @"
    twsync: error: twsync.toml:3: there is no setting api.page_sise
      → did you mean api.page_size?
    ");
}

#[tokio::test]
async fn an_error_is_json_where_results_are() {
    let program = Program::new().env("TWSYNC_API__PAGE_SIZE", "0");
    let said = program.run(&["status", "--output", "json"]).await.exits(78);
    let error = &said.json()["error"];
    assert_eq!(error["exit"], 78);
    assert!(
        error["what"]
            .as_str()
            .is_some_and(|what| what.contains("TWSYNC_API__PAGE_SIZE"))
    );
    assert!(
        error["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("100"))
    );
}

#[tokio::test]
async fn an_error_is_a_json_line_where_the_log_is() {
    let program = Program::new();
    let said = program
        .run(&["--once", "--log-format", "json"])
        .await
        .exits(78);
    let line: serde_json::Value = serde_json::from_str(&said.stderr).expect("one JSON line");
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["message"], "no credentials are configured");
    assert!(
        line["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("api.token_file"))
    );
}

#[tokio::test]
async fn what_needs_credentials_says_so_before_it_does_anything() {
    let program = Program::new();
    let id = "a1b2c3d4-5633-4b16-bbf0-5ca22ef8ea2e";
    for arguments in [
        &[][..],
        &["--once"],
        &["plan"],
        &["refresh", id],
        &["check"],
    ] {
        program.run(arguments).await.exits(78);
        assert!(
            !program.path("data").exists(),
            "{arguments:?} made something"
        );
    }
}

#[tokio::test]
async fn what_needs_a_mirror_says_how_to_get_one() {
    let program = Program::new();
    let id = "a1b2c3d4-5633-4b16-bbf0-5ca22ef8ea2e";
    for arguments in [
        &["status"][..],
        &["verify"],
        &["snapshot"],
        &["history", id],
    ] {
        let said = program.run(arguments).await.exits(78);
        assert!(
            said.stderr.contains("run `twsync --once` first"),
            "{}",
            said.stderr
        );
    }
}

#[tokio::test]
async fn a_log_filter_that_is_none_is_refused() {
    let program = Program::new().env("TWSYNC_LOG", "twsync=loud");
    for log_format in ["text", "json"] {
        let arguments = ["config", "--log-format", log_format];
        let said = program.run(&arguments).await.exits(78);
        assert!(said.stderr.contains("TWSYNC_LOG"), "{}", said.stderr);
    }
}

#[tokio::test]
async fn a_file_of_secrets_that_everyone_can_read_is_refused() {
    let program = Program::new().file("[api]\ntoken_file = \"token\"\n");
    std::fs::write(program.path("token"), "canary\n").expect("written");
    let mode = |mode| {
        std::fs::set_permissions(program.path("token"), Permissions::from_mode(mode))
            .expect("permitted");
    };
    mode(0o644);
    let said = program.run(&["--once"]).await.exits(78);
    assert!(said.stderr.contains("chmod 600 token"), "{}", said.stderr);
    mode(0o600);
    let said = program.run(&["config"]).await.exits(0);
    said.assert_hides("canary");
}

#[tokio::test]
async fn no_secret_is_ever_shown() {
    let canary = "canary-5633";
    // Nobody listens there.
    let nowhere = [
        ("TWSYNC_API__BASE_URL", "http://127.0.0.1:1/"),
        ("TWSYNC_PACE__RETRIES_MAX", "0"),
        ("TWSYNC_LOG", "trace"),
        ("RUST_BACKTRACE", "1"),
    ];
    let loud = |program: Program| {
        let with = |program: Program, (name, value): &(&str, &str)| program.env(name, value);
        nowhere.iter().fold(program, with)
    };
    let pair = loud(Program::new())
        .env("TWSYNC_API__KEY", canary)
        .env("TWSYNC_API__SECRET", canary);
    let token = loud(Program::new()).file(&format!("[api]\ntoken = \"{canary}\"\n"));
    let both = loud(Program::new())
        .file(&format!("[api]\ntoken = \"{canary}\"\n"))
        .env("TWSYNC_API__KEY", canary);
    let broken = loud(Program::new()).file(&format!("[api]\ntoken = \"{canary}\n"));
    let in_url = loud(Program::new()).env(
        "TWSYNC_API__BASE_URL",
        &format!("https://me:{canary}@127.0.0.1/"),
    );
    let in_proxy = loud(Program::new()).env(
        "TWSYNC_API__PROXY",
        &format!("http://me:{canary}@127.0.0.1/"),
    );
    for program in [pair, token, both, broken, in_url, in_proxy] {
        for arguments in [
            &["config", "-vv"][..],
            &["config", "--output", "json"],
            &["check"],
            &["--once", "-vv", "--log-format", "json"],
        ] {
            program.run(arguments).await.assert_hides(canary);
        }
    }
    let on_the_command_line = format!("api.token={canary}");
    let said = Program::new()
        .run(&["--set", &on_the_command_line, "config"])
        .await;
    said.exits(78).assert_hides(canary);
}

#[tokio::test]
async fn a_closed_stdout_is_no_error() {
    let program = Program::new().env("TWSYNC_API__PAGE_SIZE", "7");
    for arguments in [
        &["config"][..],
        &["man"],
        &["completions", "zsh"],
        &["--help"],
        &["config", "--output", "json"],
    ] {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let output = program
            .command(arguments)
            .stdout(writer)
            .output()
            .expect("run");
        let said = Said::from(output).exits(0);
        assert_eq!(said.stderr, "", "{arguments:?}");
    }
}

#[tokio::test]
async fn a_closed_stderr_changes_no_exit_code() {
    let program = Program::new().env("TWSYNC_LOG", "trace");
    for (arguments, exit) in [
        (&["--once"][..], 78),
        (&["status", "--log-format", "json"], 78),
        (&["--onec"], 2),
        (&["check"], 78),
    ] {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let output = program
            .command(arguments)
            .stderr(writer)
            .output()
            .expect("run");
        Said::from(output).exits(exit);
    }
}

#[tokio::test]
async fn a_full_disk_under_stdout_is_said() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("there");
    let output = Program::new()
        .command(&["man"])
        .stdout(full)
        .output()
        .expect("run");
    let said = Said::from(output).exits(73);
    assert!(said.stderr.contains("stdout"), "{}", said.stderr);
}

#[tokio::test]
async fn colors_are_for_those_who_want_them() {
    let program = Program::new();
    let plain = program.run(&["config"]).await.exits(0);
    assert!(!plain.stdout.contains('\u{1b}'));
    let painted = program.run(&["config", "--color", "always"]).await.exits(0);
    assert!(painted.stdout.contains('\u{1b}'));
}

#[tokio::test]
async fn the_man_page_has_a_section_for_each_command() {
    let page = Program::new().run(&["man"]).await.exits(0).stdout;
    for command in COMMANDS {
        let heading = format!(".SH TWSYNC {}", command.to_uppercase());
        assert!(page.contains(&heading), "{heading}");
    }
}

#[tokio::test]
async fn every_shell_gets_its_completions() {
    let program = Program::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = program.run(&["completions", shell]).await.exits(0).stdout;
        assert!(script.contains("refresh"), "{shell}");
    }
}
