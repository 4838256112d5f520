//! What the mirror keeps for twsync itself: row numbers, the queue, the ledger of a walk, memory, runs.

mod mirror_world;

use jiff::{SignedDuration, Timestamp};
use mirror_world::{World, at, id, summary};
use roaring::RoaringBitmap;
use twsync::customer::{Customer, CustomerId, Field, Interval};
use twsync::mirror::{
    Due, Error, Memory, Mirror, Old, Reader, Reason, Settled, Settlement, State, Verdict,
};
use twsync::report::{Exit, Grade};

#[test]
fn row_numbers_are_given_once() {
    let mut world = World::new();
    world.list(&[(summary(9), Verdict::New)]);
    let gone = world.row(9);
    world.settle(9, Settlement::Deleted { not_before: None });

    let path = world.path();
    world.reopen();
    let rows = world.list(&[(summary(1), Verdict::New), (summary(2), Verdict::New)]);
    assert!(
        !rows.contains(gone),
        "{} gives {gone} again",
        path.display()
    );
    // Two pages in flight that both show a customer for the first time, or one page that shows it twice.
    let again = world.list(&[(summary(1), Verdict::New), (summary(1), Verdict::New)]);
    assert_eq!(again.iter().collect::<Vec<_>>(), [rows.min().unwrap()]);
    assert_eq!(world.known(1).unwrap().state, State::Queued);
    let queued = world.mirror.queue(None, 9).unwrap();
    assert!(
        queued.iter().all(|it| it.key.reason == Reason::New),
        "{queued:?}"
    );
}

/// One of whom the server does not speak stays known for that until something decides it.
#[test]
fn what_comes_to_nothing_takes_nobody_off_those_whom_the_server_does_not_speak_of() {
    let mut world = World::with_customers(1);
    let row = world.row(1);
    let mut hear = |outcome: Settlement| {
        let settled = Settled {
            row,
            id: id(1),
            interval: world.interval(),
            at: world.now(),
            is_sighting: false,
            outcome,
        };
        let (walk, run) = (world.walk, world.run);
        world
            .mirror
            .settle_departures(walk, run, vec![settled])
            .unwrap();
        world.mirror.off_list().unwrap().contains(row)
    };
    let failed = Settlement::Pending {
        why: "status 500".to_owned(),
    };
    assert!(!hear(failed.clone()), "nobody refused to speak of it");
    assert!(hear(Settlement::Inaccessible {
        said: "status 403".to_owned()
    }));
    assert!(hear(failed));
    let found = Box::new(Customer::from(summary(1)));
    assert!(!hear(Settlement::Found(found)));
}

#[test]
fn the_queue_goes_from_new_to_asked_for_and_pages_through() {
    let mut world = World::with_customers(4);
    let rows: Vec<u32> = (1..=4).map(|number| world.row(number)).collect();
    world
        .mirror
        .enqueue(&RoaringBitmap::from_iter(&rows[0..1]), Reason::Full, at(1))
        .unwrap();
    world
        .mirror
        .enqueue(
            &RoaringBitmap::from_iter(&rows[0..2]),
            Reason::Refresh,
            at(1),
        )
        .unwrap();
    world.list(&[
        (summary(4), Verdict::Changed { row: rows[3] }),
        (summary(5), Verdict::New),
    ]);
    let new = world.row(5);

    let mut seen = Vec::new();
    let mut after = None;
    while let Some(next) = world.mirror.queue(after, 1).unwrap().pop() {
        after = Some(next.key);
        seen.push((next.key.reason, next.key.row));
    }
    assert_eq!(
        seen,
        [
            (Reason::New, new),
            (Reason::Changed, rows[3]),
            (Reason::Refresh, rows[1]),
            (Reason::Full, rows[0]),
        ]
    );
    let mut all: Vec<(u32, CustomerId)> = (1..=5)
        .map(|number| (world.row(number), id(number)))
        .collect();
    all.sort_unstable();
    assert_eq!(world.mirror.ids(&(0..1000).collect()).unwrap(), all);
}

/// All that is due before this, read one by one; details may be so many seconds old.
fn all_due(world: &World, before: Timestamp, max_age: i64) -> Vec<CustomerId> {
    let old = Old {
        before,
        max_age: SignedDuration::from_secs(max_age),
    };
    let mut all: Vec<Due> = Vec::new();
    loop {
        let after = all.last().map(|due| due.key);
        match world.mirror.due(old, after, 1).unwrap().pop() {
            Some(due) => all.push(due),
            None => return all.into_iter().map(|due| due.id).collect(),
        }
    }
}

/// They come behind all that have been due for longer, and before those that will be due later.
#[test]
fn who_was_asked_in_vain_is_due_from_then_on() {
    let mut world = World::with_customers(4);
    let vain = Settlement::Pending {
        why: "no answer".to_owned(),
    };
    let verified = |world: &World, number| world.kept(number).detail_verified_at.unwrap();
    world.settle(1, vain);
    let asked_at = at(world.time);
    let before = at(world.time + 1);
    let since_2 = asked_at.duration_since(verified(&world, 2)).as_secs();
    let since_3 = asked_at.duration_since(verified(&world, 3)).as_secs();
    assert!(since_3 < since_2, "3 was verified after 2");
    // So old that 2 has been due for longer than since 1 was asked for, and 3 has not.
    assert_eq!(
        all_due(&world, before, since_2 - 1),
        [id(2), id(1), id(3), id(4)]
    );
    assert_eq!(
        all_due(&world, before, 1_000_000),
        [id(1), id(2), id(3), id(4)]
    );
    assert_eq!(
        world.mirror.due_len(before).unwrap(),
        4,
        "how old it is stays true"
    );
    assert_eq!(
        all_due(&world, asked_at, 1)[..],
        [id(2), id(3), id(4)],
        "it had its turn"
    );
    world.found(1, summary(1).into());
    let before = at(world.time + 1);
    assert_eq!(all_due(&world, before, 1), [id(2), id(3), id(4), id(1)]);
}

#[test]
fn what_is_due_comes_oldest_first_and_leaves_out_the_queued_and_the_dead() {
    let mut world = World::with_customers(5);
    world.found(1, summary(1).into());
    world
        .mirror
        .enqueue(&RoaringBitmap::from([world.row(2)]), Reason::Refresh, at(1))
        .unwrap();
    world.settle(3, Settlement::Deleted { not_before: None });
    let before = at(world.time + 1);

    assert_eq!(all_due(&world, before, 9), [id(4), id(5), id(1)]);
    assert_eq!(world.mirror.due_len(before).unwrap(), 3);
    let reader = world.reader();
    let standing = reader.snapshot().unwrap().standing().unwrap();
    let oldest = world.kept(2).detail_verified_at;
    assert_eq!(standing.oldest_verified_at, oldest);
    let oldest = world.kept(4).detail_verified_at.unwrap();
    assert_eq!(all_due(&world, oldest, 9), []);
}

#[test]
fn an_unchanged_page_writes_only_its_ledger_entry() {
    let mut world = World::with_customers(3);
    let before = world.dump("customers") + &world.dump("versions") + &world.dump("detail_queue");
    let rows: Vec<_> = (1..=3)
        .map(|number| {
            (
                summary(number),
                Verdict::Unchanged {
                    row: world.row(number),
                },
            )
        })
        .collect();
    let seen = world.list(&rows);
    assert_eq!(seen.len(), 3);
    let after = world.dump("customers") + &world.dump("versions") + &world.dump("detail_queue");
    assert_eq!(before, after);
}

#[test]
fn a_walk_that_was_cut_short_comes_back_whole() {
    let mut world = World::with_customers(2);
    world.list(&[(summary(3), Verdict::New)]);
    world.found(3, summary(3).into());
    let open = world.mirror.open_walk().unwrap().expect("it is open");
    world.reopen();
    assert_eq!(world.mirror.open_walk().unwrap(), Some(open.clone()));
    assert_eq!(open.listed.len(), 2);
    assert_eq!(Some(open.last_at), world.kept(3).detail_verified_at);
    assert!(
        open.listed
            .is_sorted_by_key(|listed| listed.interval.received)
    );
    assert!(open.count > open.listed[1].interval.received);
    assert_eq!(open.detail_sightings.len(), 3);
    let (interval, rows) = &open.detail_sightings[2];
    assert!(interval.sent > open.listed[1].interval.received);
    assert_eq!(rows, &RoaringBitmap::from([world.row(3)]));

    // A new walk in its place knows whom the old one saw, fetched or not.
    world.list(&[(summary(4), Verdict::New)]);
    let walk = world
        .mirror
        .begin_walk(world.run, at(90), "limit", 50, 0, 0)
        .unwrap();
    assert_ne!(walk.id, open.id);
    assert_eq!(walk.known_alive.len(), 4);
    assert!(walk.count >= open.count, "the counter never goes back");
    assert_eq!(world.mirror.open_walk().unwrap(), Some(walk.clone()));

    world
        .mirror
        .end_walk(walk.id, Grade::Complete, Some(at(91)), at(92))
        .unwrap();
    assert_eq!(world.mirror.open_walk().unwrap(), None);
    assert_eq!(
        world.mirror.memory().unwrap().last_complete_as_of,
        Some(at(91))
    );
    assert_eq!(world.dump("walk_lists") + &world.dump("walk_details"), "");
}

#[test]
fn a_group_of_details_claims_no_more_than_each_of_them() {
    let mut world = World::with_customers(3);
    let walk = world.walk;
    let detail = |world: &World, number: u32, sent: u64, outcome| twsync::mirror::Settled {
        row: world.row(number),
        id: id(number),
        interval: Interval {
            sent,
            received: sent + 5,
        },
        at: at(70),
        is_sighting: true,
        outcome,
    };
    let group = vec![
        detail(
            &world,
            1,
            1004,
            Settlement::Found(Box::new(summary(1).into())),
        ),
        detail(
            &world,
            2,
            1001,
            Settlement::Found(Box::new(summary(2).into())),
        ),
        detail(
            &world,
            3,
            1020,
            Settlement::Pending {
                why: "no answer".to_owned(),
            },
        ),
    ];
    world.mirror.settle(Some(walk), world.run, group).unwrap();
    let open = world.mirror.open_walk().unwrap().unwrap();
    let (interval, rows) = open.detail_sightings.last().unwrap();
    assert_eq!(
        *interval,
        Interval {
            sent: 1001,
            received: 1009
        }
    );
    assert_eq!(rows, &RoaringBitmap::from([world.row(1), world.row(2)]));
    assert!(world.mirror.memory().unwrap().count > 1025);
}

#[test]
fn what_is_remembered_survives_and_does_not_go_back() {
    let mut world = World::new();
    let memory = Memory {
        requests_per_second: Some(2.5),
        not_before: Some(at(100)),
        h3_broken_at: Some(at(1)),
        h4_broken_at: None,
        baseline_done: true,
        last_complete_as_of: Some(at(9)),
        count: 5_000,
    };
    world.mirror.remember(&memory).unwrap();
    world.reopen();
    assert_eq!(world.mirror.memory().unwrap(), memory);
    world.mirror.remember(&Memory::default()).unwrap();
    let kept = Memory {
        baseline_done: true,
        last_complete_as_of: Some(at(9)),
        count: 5_000,
        ..Memory::default()
    };
    assert_eq!(world.mirror.memory().unwrap(), kept);
}

#[test]
fn runs_are_kept_from_their_beginning() {
    let mut world = World::new();
    let mut report = world.report.clone();
    assert_eq!(
        world.mirror.last_runs(9).unwrap(),
        std::slice::from_ref(&report)
    );
    report.finished_at = Some(at(8));
    report.outcome = Some(twsync::report::Outcome::Held);
    report.grade = Some(Grade::Complete);
    report.as_of = Some(at(7));
    report.reason = Some("6 are missing".to_owned());
    report.counts.held = 6;
    report.counts.rejected = u64::MAX >> 1;
    world.mirror.finish_run(&report).unwrap();
    assert_eq!(world.mirror.last_runs(9).unwrap(), [report]);
    let reader = world.reader();
    assert_eq!(reader.snapshot().unwrap().standing().unwrap().held, 6);
}

#[test]
fn a_second_writer_hears_who_holds_the_mirror() {
    let world = World::new();
    let Err(error) = Mirror::open(&world.path()) else {
        panic!("two writers");
    };
    assert!(matches!(error, Error::Held { pid: Some(pid), .. } if pid == std::process::id()));
    assert_eq!(error.exit(), Exit::Partial);
    assert!(error.to_string().contains(&std::process::id().to_string()));
}

#[test]
fn a_snapshot_is_of_one_instant() {
    let mut world = World::with_customers(1);
    let reader = world.reader();
    let snapshot = reader.snapshot().unwrap();
    world.settle(1, Settlement::Deleted { not_before: None });
    assert_eq!(snapshot.standing().unwrap().alive, 1);
    assert_eq!(
        snapshot.customer(id(1)).unwrap().unwrap().deleted_at,
        None::<Timestamp>
    );
    assert!(world.mirror.checkpoint().unwrap().wal_bytes > 0);
    drop(snapshot);
    let checkpoint = world.mirror.checkpoint().unwrap();
    assert_eq!((checkpoint.wal_bytes, checkpoint.blocked), (0, false));
    assert_eq!(
        Reader::open(&world.path())
            .unwrap()
            .snapshot()
            .unwrap()
            .standing()
            .unwrap()
            .deleted,
        1
    );
}

#[test]
fn a_page_is_looked_up_in_its_own_order() {
    let mut world = World::with_customers(3);
    world.settle(2, Settlement::Deleted { not_before: None });
    let mut listed = summary(4);
    listed.owner_user_id = Field::Value("owner".to_owned());
    world.list(&[(listed, Verdict::New)]);
    let ids = [id(4), id(99), id(3), id(2), id(4), id(1)];
    let known = world.mirror.known(&ids).unwrap();
    let states: Vec<_> = known
        .iter()
        .map(|it| it.as_ref().map(|known| known.state))
        .collect();
    let (alive, deleted, queued) = (
        Some(State::Alive),
        Some(State::Deleted),
        Some(State::Queued),
    );
    assert_eq!(states, [queued, None, alive, deleted, queued, alive]);
    assert_eq!(
        known[0].as_ref().unwrap().owner_user_id.as_deref(),
        Some("owner")
    );
    assert_eq!(world.mirror.known(&[]).unwrap(), []);
}

/// No list counts it: were it taken for sighted, it could stand for one that a list counts and that
/// nobody has seen.
#[test]
fn who_lives_unlisted_is_not_known_to_a_walk() {
    let mut world = World::with_customers(3);
    let (row, unlisted) = (
        world.row(2),
        Settlement::Unlisted(Box::new(summary(2).into())),
    );
    world.settle(2, unlisted);
    let walk = world
        .mirror
        .begin_walk(world.run, at(9), "page-size", 100, 1000, 0)
        .unwrap();
    assert_eq!(
        (walk.known_alive.len(), walk.known_alive.contains(row)),
        (2, false)
    );
}

#[test]
fn a_customer_that_leaves_before_it_was_ever_kept_leaves_what_the_list_said() {
    let mut world = World::with_customers(1);
    world.list(&[(summary(2), Verdict::New)]);
    world.settle(2, Settlement::Deleted { not_before: None });
    assert_eq!(world.kept(2).customer, Customer::from(summary(2)));
}
