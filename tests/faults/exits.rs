//! Each way in which the program ends has a number of its own, which scripts and timers go by.

use std::fs;

use twsync::mirror::Mirror;
use twsync::sandbox::{Action, On, Rule};

use crate::program::Said;
use crate::shell::{Shell, ended};

/// A run in a fresh folder whose server does this to the list.
async fn against(action: Action) -> Said {
    let shell = Shell::of(12).await;
    shell.fault(Rule::on(On::List).does(action));
    let mut command = shell.command(&["--once", "--output", "json"]);
    command.env("TWSYNC_PACE__RETRIES_MAX", "0");
    ended(command).await
}

/// Ended so, with the number in the answer too, and a way out.
#[track_caller]
fn ends(said: Said, exit: i32) {
    let said = said.exits(exit);
    let last = said.stdout.lines().last().unwrap_or_default();
    assert!(!last.is_empty(), "nothing is answered");
    let answer = said.json();
    let error = &answer["error"];
    assert_eq!(error["exit"], exit, "{answer}");
    assert_ne!(error["hint"], "", "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_is_to_blame_for_has_numbers_of_its_own() {
    for (action, exit) in [
        (Action::html(), 65),
        (Action::redirect("/"), 65),
        (Action::status(503), 69),
        (Action::close(), 69),
        (Action::throttled(Some("86400")), 75),
        (Action::status(401), 77),
        (Action::status(403), 77),
    ] {
        ends(against(action).await, exit);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_this_machine_is_to_blame_for_has_numbers_of_its_own() {
    let shell = Shell::of(12).await;
    let once = &["--once", "--output", "json"];
    shell.run(&["--onec"]).await.exits(2).says("Usage");
    shell.run(&["--once", "--page", "3"]).await.exits(2);

    let mut misspelt = shell.command(once);
    misspelt.env("TWSYNC_API__PAGE_SISE", "9");
    ends(ended(misspelt).await, 78);

    let mut nowhere = shell.command(once);
    nowhere.env("TWSYNC_MIRROR__PATH", "/proc/mirror.db");
    ends(ended(nowhere).await, 73);

    let mut buggy = shell.command(once);
    buggy.env("FAILPOINTS", "sync::answered=panic");
    ended(buggy).await.exits(1).says("please report it");

    fs::write(shell.path("other.db"), "Dear diary").unwrap();
    let mut foreign = shell.command(once);
    foreign.env("TWSYNC_MIRROR__PATH", "other.db");
    ends(ended(foreign).await, 74);

    let held = Mirror::open(&shell.path("mirror.db")).unwrap();
    ends(shell.run(once).await, 75);
    drop(held);

    shell.run(once).await.exits(0);
    for id in shell.sandbox.world().listed_ids().into_iter().take(9) {
        shell.sandbox.world().delete(id);
    }
    let held = shell.run(once).await.exits(76).json();
    assert_eq!(held["run"]["counts"]["held"], 9, "{held}");
}
