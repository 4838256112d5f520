//! Killed anywhere, it goes on: at every boundary the process dies, is started again, and what it
//! then holds is what a run that nobody cut would hold, for hardly a request more.

mod copy;
mod kill;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use copy::{Copy, Held, IN_FLIGHT_MAX, sound, was_aborted};
use twsync::sandbox::{Action, On, Place, Rule, World};
use uuid::Uuid;

/// Every point at which the process may be made to die.
const POINTS: [&str; 27] = [
    "mirror::create-before-rename",
    "mirror::migration-before-commit",
    "mirror::migration-after-commit",
    "mirror::run-begin-before-commit",
    "mirror::run-begin-after-commit",
    "mirror::memory-before-commit",
    "mirror::memory-after-commit",
    "mirror::walk-begin-before-commit",
    "mirror::walk-begin-after-commit",
    "mirror::page-before-commit",
    "mirror::page-after-commit",
    "mirror::detail-before-commit",
    "mirror::detail-after-commit",
    "mirror::relisted-before-commit",
    "mirror::relisted-after-commit",
    "mirror::enqueue-before-commit",
    "mirror::enqueue-after-commit",
    "mirror::walk-end-before-commit",
    "mirror::walk-end-after-commit",
    "mirror::run-finish-before-commit",
    "mirror::run-finish-after-commit",
    "sync::answered",
    "lake-written",
    "lake-fsync",
    "lake-staging",
    "lake-before-exchange",
    "lake-after-exchange",
];

fn world() -> World {
    World::new(23, 130)
}

/// Which run is to die.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Dying {
    /// The first.
    First,
    /// A second, after the world has changed.
    Later,
    /// The same, and it asks for everybody's details.
    Full,
    /// The same, and everybody's details are old.
    Old,
}

impl Dying {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::First | Self::Later | Self::Old => &[],
            Self::Full => &["--full"],
        }
    }

    /// The points that this run has no occasion to come to.
    fn never(self) -> BTreeSet<&'static str> {
        let never = |point: &&str| match *point {
            // Of a mirror of an older schema: `tests/faults/schemas.rs` has it die there.
            "mirror::migration-before-commit" | "mirror::migration-after-commit" => true,
            "mirror::create-before-rename" => self != Self::First,
            "mirror::enqueue-before-commit" | "mirror::enqueue-after-commit" => self != Self::Full,
            _ => false,
        };
        POINTS.into_iter().filter(never).collect()
    }

    /// A copy that stands where this run is to begin.
    async fn stage(self) -> Copy {
        let mut copy = Copy::of(world()).await;
        if self != Self::First {
            copy.once_to_the_end(&[]).await;
            let world = copy.sandbox.world();
            world.churn(5, 20);
            world.change_hidden(world.listed_ids()[60]);
        }
        if self == Self::Old {
            copy.ages();
            copy.reverify_max = 1_000;
        }
        copy
    }
}

/// What a run that nobody cut short leaves, and how many requests it takes.
async fn undisturbed(dying: Dying) -> (Held, u64) {
    let copy = dying.stage().await;
    let before = copy.requests();
    copy.once_to_the_end(dying.arguments()).await;
    (copy.holds().await, copy.requests() - before)
}

/// Dies at `point` after it has passed it so often, goes on, and holds what it should. Answers
/// whether it died.
async fn dies_and_goes_on(point: &str, passed: u32, dying: Dying, whole: &(Held, u64)) -> bool {
    let copy = dying.stage().await;
    let before = copy.requests();
    let action = match passed {
        0 => "panic(abort)".to_owned(),
        passed => format!("{passed}*off->panic(abort)"),
    };
    let at = format!("{point}={action}");
    let died = was_aborted(copy.once(dying.arguments(), &at).await.status);
    let (walk_is_open, run_has_ended) = copy.stands();
    if died {
        copy.once_to_the_end(dying.arguments()).await;
    }
    let place = format!("{dying:?}, dead at {point}, passed {passed} times");
    assert_eq!(copy.holds().await, whole.0, "{place}");
    let spent = copy.requests() - before;
    let anew = match dying {
        _ if !died || walk_is_open => 0,
        // It died after its end, in publishing: who asks for everybody's details now is given them.
        Dying::Full if run_has_ended => whole.1,
        // A new run is a new look, which costs its two pages.
        _ => 2,
    };
    let most = whole.1 + IN_FLIGHT_MAX + anew;
    assert!(spent <= most, "{place}: {spent} requests, and not {most}");
    died
}

/// Dies at every point after it has passed it so often, where it comes there that often; the first
/// of these is 0.
async fn every_point(dying: Dying, passed: &[u32]) {
    let whole = undisturbed(dying).await;
    let mut never_came_to = BTreeSet::new();
    for point in POINTS {
        for passed in passed {
            if !dies_and_goes_on(point, *passed, dying, &whole).await {
                if *passed == 0 {
                    never_came_to.insert(point);
                }
                break;
            }
        }
    }
    assert_eq!(never_came_to, dying.never(), "{dying:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_that_dies_anywhere_is_taken_up() {
    every_point(Dying::First, &[0, 1, 7]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_run_that_dies_anywhere_is_taken_up() {
    every_point(Dying::Later, &[0, 1, 7]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_run_that_dies_anywhere_is_taken_up() {
    every_point(Dying::Full, &[0]).await;
}

/// Details that are asked for only because they are old: in no queue, and gone on with all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_dies_anywhere_while_it_asks_for_old_details_is_taken_up() {
    let (_, requests) = undisturbed(Dying::Old).await;
    assert!(requests > 120, "{requests}: everybody is asked for again");
    every_point(Dying::Old, &[0, 7, 20]).await;
}

/// The point that only a lake in a bucket comes to: `tests/objects/races.rs` has it die there.
const OF_BUCKETS: &str = "lake-sent";

/// A point that the source has and this file does not is one that nobody ever died at.
#[test]
fn no_point_of_the_source_is_missing_here() {
    let mut points = BTreeSet::new();
    for file in sources(Path::new("src")) {
        let text = std::fs::read_to_string(file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let named = code.split("fail_point!(\"").skip(1);
        points.extend(named.map(|rest| rest.split('"').next().unwrap().to_owned()));
        // The mirror's commits are named by their kind.
        for rest in code.split("self.writing(\"").skip(1) {
            let kind = rest.split('"').next().unwrap();
            points.insert(format!("mirror::{kind}-before-commit"));
            points.insert(format!("mirror::{kind}-after-commit"));
        }
    }
    let here = POINTS.iter().chain([&OF_BUCKETS]);
    let here: BTreeSet<String> = here.map(ToString::to_string).collect();
    assert_eq!(points, here);
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path());
    let files = entries.flat_map(|path| {
        if path.is_dir() {
            sources(&path)
        } else {
            vec![path]
        }
    });
    files
        .filter(|path| path.extension().is_some_and(|it| it == "rs"))
        .collect()
}

/// It is kept at once, not when the last answer has come that is still in the air.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_asked_for_is_kept_to_by_a_run_after_one_that_was_killed() {
    let copy = Copy::of(world()).await;
    let ids = copy.sandbox.world().listed_ids();
    is_kept_to_at_once(&copy, ids[60], ids[61]).await;
    // Those who are missing are heard in another way than all others, and no less at once.
    let copy = Copy::of(world()).await;
    copy.once_to_the_end(&[]).await;
    for id in &ids[60..62] {
        copy.sandbox.world().delete(*id);
    }
    is_kept_to_at_once(&copy, ids[60], ids[61]).await;
}

/// Asks for two customers: one who never answers, and one for whom the server asks to be left alone.
async fn is_kept_to_at_once(copy: &Copy, silent: Uuid, busy: Uuid) {
    let faults = copy.sandbox.faults();
    faults.add(Rule::on(On::Customer(silent)).does(Action::hang()));
    faults.add(Rule::on(On::Customer(busy)).does(Action::throttled(Some("3600"))));
    let mut command = copy.command(&["-qq", "--once"]);
    command
        .env("TWSYNC_API__REQUEST_TIMEOUT", "1h")
        .env("FAILPOINTS", "mirror::memory-after-commit=panic(abort)");
    let mut command = tokio::process::Command::from(command);
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    let died = tokio::time::timeout(Duration::from_mins(1), child.wait()).await;
    assert!(was_aborted(died.expect("it waits for an answer").unwrap()));

    let before = copy.requests();
    let output = copy.once(&[], "").await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert_eq!(copy.requests(), before, "{said}");
}

/// A person's word holds for the whole run, of which the one that takes it up is a part.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_released_is_so_still_after_a_death() {
    for point in [
        "mirror::walk-begin-after-commit",
        "mirror::page-after-commit",
        "mirror::detail-before-commit",
        "mirror::detail-after-commit",
    ] {
        let copy = Copy::of(world()).await;
        copy.once_to_the_end(&[]).await;
        let world = copy.sandbox.world();
        for id in &world.listed_ids()[60..69] {
            world.delete(*id);
        }
        assert_eq!(copy.once(&[], "").await.status.code(), Some(76), "on hold");
        let dies = format!("{point}=panic(abort)");
        let died = copy.once(&["--allow-deletions", "9"], &dies).await;
        assert!(was_aborted(died.status));
        copy.once_to_the_end(&[]).await;
        let gone = "SELECT count(*) FROM customers WHERE deleted_at IS NOT NULL";
        let gone = sound(&copy.mirror()).query_row(gone, [], |row| row.get(0));
        assert_eq!(gone, Ok(9), "dead at {point}");
    }
}

/// A walk that has seen everybody has, though its run dies before it can say anything else.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_after_a_first_run_that_died_at_its_end_is_an_arrival() {
    let copy = Copy::of(world()).await;
    let died = copy
        .once(&[], "mirror::walk-end-after-commit=panic(abort)")
        .await;
    assert!(was_aborted(died.status));
    copy.sandbox.world().insert(Place::Tail);
    copy.once_to_the_end(&[]).await;
    let ops =
        "SELECT group_concat(DISTINCT op) FROM (SELECT op FROM customer_versions ORDER BY op)";
    let ops: String = sound(&copy.mirror())
        .query_row(ops, [], |row| row.get(0))
        .unwrap();
    assert_eq!(ops, "baseline,insert");
}
