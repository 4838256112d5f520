//! Settings that are wrong, and secrets that must never be seen, from a shell.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tokio::net::TcpListener;
use tokio::process::Command;
use twsync::report::Exit;
use twsync::sandbox::{Action, On, Rule};

use crate::daemon::Daemon;
use crate::program::{Ended, Program};

/// A run with this file of settings, which must end before anything is asked for.
async fn is_refused(file: &str) -> Ended {
    let program = Program::of(3).await;
    let path = program.folder.path().join("twsync.toml");
    fs::write(&path, file).unwrap();
    let ended = program.run(&["--config", "twsync.toml", "--once"]).await;
    assert_eq!(program.sandbox.requests().total(), 0);
    ended.with(Exit::Config)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    let ended = is_refused("[api]\n\npage_sise = 50\n").await;
    let ended = ended.says("twsync.toml:3: ").says("api.page_sise");
    ended.says("page_size");
    is_refused("[synk]\nmax_passes = 2\n").await.says("sync");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impossible_value_is_refused() {
    for file in [
        "[api]\npage_size = 101\n",
        "[api]\npage_size = \"50\"\n",
        "[pace]\nrequests_per_second = 0\n",
        "[sync]\ndeletions_max_share = 2.0\n",
    ] {
        is_refused(file).await.says("twsync.toml:2: ");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impossible_cron_or_an_unknown_zone_is_refused() {
    for file in [
        "[schedule]\ncron = \"0 * * * *\"\n",
        "[schedule]\ncron = \"0 0 0 31 2 *\"\n",
        "[schedule]\ncron = \"now\"\n",
        "[schedule]\ntimezone = \"Mars/Olympus\"\n",
    ] {
        is_refused(file).await.says("schedule.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_credentials_or_none_are_refused() {
    // A token stands in the environment of every command here.
    is_refused("[api]\nkey = \"k\"\nsecret = \"s\"\n").await;
    let program = Program::of(3).await;
    let mut command = program.command(&["--once"]);
    command.env_remove("TWSYNC_API__TOKEN");
    Ended::of(command)
        .await
        .with(Exit::Config)
        .says("TWSYNC_API__TOKEN");
    assert_eq!(program.sandbox.requests().total(), 0);
}

/// A run whose token stands in a file with this content and mode.
async fn with_token(content: &str, mode: u32) -> Ended {
    let program = Program::of(3).await;
    let path = program.folder.path().join("token");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    let mut command = program.command(&["--once"]);
    command
        .env_remove("TWSYNC_API__TOKEN")
        .env("TWSYNC_API__TOKEN_FILE", &path);
    Ended::of(command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_others_may_read_is_refused() {
    for mode in [0o644, 0o640, 0o604] {
        with_token("sandbox-token", mode)
            .await
            .with(Exit::Config)
            .says("chmod");
    }
    with_token("sandbox-token", 0o600).await.with(Exit::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_break_at_a_secrets_end_is_trimmed() {
    for content in ["sandbox-token\n", "sandbox-token\r\n"] {
        with_token(content, 0o600).await.with(Exit::Done);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_character_within_a_secret_is_refused_and_the_secret_not_shown() {
    for content in ["sandbox\ntoken", "sandbox\u{7}token", "sandbox\0token"] {
        let ended = with_token(content, 0o600).await.with(Exit::Config);
        let ended = ended.says("control character");
        assert!(!ended.stderr.contains("sandbox"), "{}", ended.stderr);
    }
}

/// A daemon that reads its settings from a file.
async fn configured(program: &Program, file: &str) -> Daemon {
    fs::write(program.folder.path().join("twsync.toml"), file).unwrap();
    let mut daemon = Daemon::start(program.command(&["--config", "twsync.toml"]));
    daemon.said("waiting").await;
    daemon
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_with_a_bad_file_keeps_the_old_settings_and_says_so() {
    let program = Program::of(3).await;
    let mut daemon = configured(&program, "[schedule]\ncron = \"0 0 0 1 1 *\"\n").await;
    fs::write(
        program.folder.path().join("twsync.toml"),
        "[schedule]\ncron = \"x\"\n",
    )
    .unwrap();
    daemon.signal(rustix::process::Signal::HUP);
    daemon.said("the old settings stay").await;
    daemon.ends().await.with(Exit::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_new_settings_up() {
    let program = Program::of(3).await;
    let mut daemon = configured(&program, "[schedule]\ncron = \"0 0 0 1 1 *\"\n").await;
    let asked = program.sandbox.requests().total();
    let file = "[schedule]\ncron = \"* * * * * *\"\n";
    fs::write(program.folder.path().join("twsync.toml"), file).unwrap();
    daemon.signal(rustix::process::Signal::HUP);
    daemon.said("settings read anew").await;
    program.reached(asked + 1).await;
    daemon.ends().await.with(Exit::Done);
}

/// Whether a file below this folder holds these bytes.
fn holds(folder: &Path, bytes: &[u8]) -> Option<std::path::PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries.into_iter().find_map(|path| {
        if path.is_dir() {
            return holds(&path, bytes);
        }
        let content = fs::read(&path).unwrap();
        let found = content.windows(bytes.len()).any(|window| window == bytes);
        found.then_some(path)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_never_seen() {
    const CANARY: &str = "canary-5e9d3c1b7a";
    let program = Program::of(20).await;
    program
        .sandbox
        .change(|options| options.access.tokens = vec![CANARY.to_owned()]);
    let command = |arguments: &[&str]| {
        let mut command = program.command(arguments);
        command
            .env("TWSYNC_API__TOKEN", CANARY)
            .env("TWSYNC_LOG", "trace");
        command
    };
    let tells_nothing = async |command: Command| {
        let ended = Ended::of(command).await;
        assert!(
            !ended.stdout.contains(CANARY) && !ended.stderr.contains(CANARY),
            "{ended:?}"
        );
        ended
    };
    let ended = tells_nothing(command(&["--once", "-vvv"]))
        .await
        .with(Exit::Done);
    assert!(
        ended.stderr.contains("TRACE") || ended.stderr.contains("DEBUG"),
        "a log to look at"
    );
    for arguments in [
        &["config", "--output", "json"][..],
        &["config"],
        &["status"],
        &["check"],
        &["plan"],
        &["verify"],
    ] {
        tells_nothing(command(arguments)).await;
    }
    // Refused, echoed by the server, and in a panic.
    program
        .sandbox
        .change(|options| options.access.tokens.clear());
    let echo = Action::set_header("x-error", &format!("who is {CANARY}?"));
    program.fault(Rule::on(On::Any).does(echo));
    let ended = tells_nothing(command(&["--once"]))
        .await
        .with(Exit::Refused);
    ended.says("who is [secret]?");
    let mut dies = command(&["--once"]);
    dies.env("FAILPOINTS", "mirror::run-begin-before-commit=panic");
    tells_nothing(dies).await.with(Exit::Bug);
    assert_eq!(holds(program.folder.path(), CANARY.as_bytes()), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_core_is_dumped() {
    let program = Program::of(3).await;
    program.fault(Rule::on(On::List).does(Action::hang()));
    let child = program.command(&["--once"]).spawn().unwrap();
    program.reached(1).await;
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id().unwrap())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(
        core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(),
        ["0", "0"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_of_the_environment_are_ignored() {
    let program = Program::of(20).await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let mut command = program.command(&["--once"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, &url).env(name.to_lowercase(), &url);
    }
    Ended::of(command).await.with(Exit::Done);
    program.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_taken_on_the_command_line() {
    let program = Program::of(3).await;
    for arguments in [
        &["--token", "canary", "--once"][..],
        &["--api.token", "canary", "--once"],
    ] {
        let ended = program.run(arguments).await;
        assert_ne!(ended.code, Some(0));
        assert_eq!(program.sandbox.requests().total(), 0);
    }
}
