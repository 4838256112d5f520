//! Settings that are wrong, and secrets that must never be seen, from a shell.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Stdio;

use tokio::net::TcpListener;
use twsync::sandbox::{Action, On, Rule};

use crate::program::Said;
use crate::shell::{Shell, ended};

/// A run with this file of settings, which must end before anything is asked for.
async fn is_refused(file: &str) -> Said {
    let shell = Shell::of(3).await;
    let path = shell.path("twsync.toml");
    fs::write(&path, file).unwrap();
    let said = shell.run(&["--config", "twsync.toml", "--once"]).await;
    assert_eq!(shell.sandbox.requests().total(), 0);
    said.exits(78)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    let said = is_refused("[api]\n\npage_sise = 50\n").await;
    let said = said.says("twsync.toml:3: ").says("api.page_sise");
    said.says("page_size");
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

/// Its own paths outrank those that stand in the environment of every command here.
async fn with_paths(mirror: &str, lake: &str) -> Said {
    let shell = Shell::of(3).await;
    let mut command = shell.command(&["--once"]);
    command
        .env("TWSYNC_MIRROR__PATH", mirror)
        .env("TWSYNC_LAKE__PATH", lake);
    let said = ended(command).await;
    assert_eq!(shell.sandbox.requests().total(), 0);
    said.exits(78)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_and_a_lake_that_exclude_each_other_are_refused() {
    for (mirror, lake) in [
        ("copy", "copy"),
        ("copy/mirror.db", "copy"),
        ("mirror.db", "mirror.db/lake"),
        ("mirror.db", "."),
    ] {
        let said = with_paths(mirror, lake).await;
        let said = said.says("mirror.path").says("lake.path");
        said.says("TWSYNC_LAKE__PATH");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_with_a_slash_too_few_is_refused() {
    let said = with_paths("mirror.db", "s3:/customers/lake").await;
    said.says("lake.path")
        .says("was s3://customers/lake meant?");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_a_cursor_is_escaped_in_what_is_said_of_settings() {
    for file in [
        "[schedule]\ncron = \"0 \\u001b[2J * [a* * *\"\n",
        "[api]\n\"page\\u001b[2J\" = 9\n",
        "[schedule]\ntimezone = \"\\u001b[2J\"\n",
    ] {
        let said = is_refused(file).await.says("twsync.toml:2: ");
        assert!(!said.stderr.contains("\u{1b}[2J"), "{}", said.stderr);
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
    let shell = Shell::of(3).await;
    let mut command = shell.command(&["--once"]);
    command.env_remove("TWSYNC_API__TOKEN");
    ended(command).await.exits(78).says("TWSYNC_API__TOKEN");
    assert_eq!(shell.sandbox.requests().total(), 0);
}

/// A run whose token stands in a file with this content and mode.
async fn with_token(content: &str, mode: u32) -> Said {
    let shell = Shell::of(3).await;
    let path = shell.path("token");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    let mut command = shell.command(&["--once"]);
    command
        .env_remove("TWSYNC_API__TOKEN")
        .env("TWSYNC_API__TOKEN_FILE", &path);
    ended(command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_others_may_read_is_refused() {
    for mode in [0o644, 0o604, 0o660, 0o602] {
        with_token("sandbox-token", mode)
            .await
            .exits(78)
            .says("chmod 600");
    }
    for mode in [0o600, 0o400] {
        with_token("sandbox-token", mode).await.exits(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_the_group_may_read_is_refused_unless_it_is_roots() {
    let shell = Shell::of(3).await;
    // As systemd hands it over: in a folder of its own, root's, 0440 for the sake of an access list.
    fs::create_dir(shell.path("credentials")).unwrap();
    let path = shell.path("credentials/api-token");
    fs::write(&path, "sandbox-token\n").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o440)).unwrap();
    let command = || {
        let mut command = shell.command(&["--once"]);
        command.env_remove("TWSYNC_API__TOKEN");
        command.env("CREDENTIALS_DIRECTORY", shell.path("credentials"));
        command
    };
    if rustix::process::geteuid().is_root() {
        ended(command()).await.exits(0);
        chown(&path, Some(65_534), None).unwrap();
    }
    ended(command()).await.exits(78).says("mode 0440");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_break_at_a_secrets_end_is_trimmed() {
    for content in ["sandbox-token\n", "sandbox-token\r\n"] {
        with_token(content, 0o600).await.exits(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_character_within_a_secret_is_refused_and_the_secret_not_shown() {
    for content in ["sandbox\ntoken", "sandbox\u{7}token", "sandbox\0token"] {
        let said = with_token(content, 0o600).await.exits(78);
        let said = said.says("control character");
        assert!(!said.stderr.contains("sandbox"), "{}", said.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_core_is_dumped() {
    let shell = Shell::of(3).await;
    fs::set_permissions(shell.path(""), Permissions::from_mode(0o777)).unwrap();
    shell.fault(Rule::on(On::List).does(Action::hang()));
    let (mut command, _program) = shell.as_nobody(&["--once"]);
    let mut once = command.stderr(Stdio::null()).spawn().unwrap();
    shell.sandbox.requests().reached(1).await;
    let about = |what: &str| format!("/proc/{}/{what}", once.id());
    let limits = fs::read_to_string(about("limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(
        core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(),
        ["0", "0"]
    );
    // Where cores go to a program that limit is ignored; but what can't be dumped is root's in /proc.
    let owner = fs::metadata(about("environ")).unwrap().uid();
    once.kill().unwrap();
    once.wait().unwrap();
    assert_eq!(owner, 0, "it can be dumped");
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_of_the_environment_are_ignored() {
    let shell = Shell::of(20).await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let mut command = shell.command(&["--once"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, &url).env(name.to_lowercase(), &url);
    }
    let said = tokio::select! {
        said = ended(command) => said,
        _ = proxy.accept() => panic!("the proxy was asked"),
    };
    said.exits(0);
    shell.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_taken_on_the_command_line() {
    let shell = Shell::of(3).await;
    let canary = "c4nary5633";
    for (exit, arguments) in [
        (2, &["--once", "--token", canary][..]),
        (2, &["--once", &format!("--token={canary}")]),
        (2, &["--once", &format!("-t{canary}")]),
        (2, &["--api.token", canary, "--once"]),
        (2, &[&format!("--api-key={canary}"), "--once"]),
        (2, &["check", "--secret", canary]),
        (78, &["--once", "--set", &format!("api.token={canary}")]),
        (78, &["--once", "--set", &format!("api.tokn={canary}")]),
        (78, &[&format!("--set=api.secret={canary}"), "--once"]),
    ] {
        let said = shell.run(arguments).await.exits(exit);
        said.assert_hides(canary);
        assert_eq!(shell.sandbox.requests().total(), 0);
    }
}
