//! What a snapshot gives to those who read whole tables: every row once, in the order asked for.

mod mirror_world;

use mirror_world::{World, at, id, summary};
use twsync::customer::{Customer, CustomerId, Field, Summary};
use twsync::mirror::{
    CustomerOrder, Error, Op, Settlement, Snapshot, Verdict, VersionOrder, VersionRow,
};

#[test]
fn customers_come_in_order_of_creation_whatever_order_they_were_listed_in() {
    let created: [fn(i64) -> i64; 5] = [
        |row| row,                               // as created
        |row| -row,                              // the newest first
        |row| (row * 7919) % 1000,               // in no order
        |row| row / 50,                          // many at once
        |row| if row < 90 { -row } else { row }, // the newest first, then day by day
    ];
    for created in created {
        let mut customers: Vec<Summary> = (1..=100)
            .map(|number| {
                let mut customer = summary(number);
                customer.created_at = Field::Value(at(created(i64::from(number))));
                customer
            })
            .collect();
        customers[40].created_at = Field::Null;
        let world = world_of(&customers);
        customers.sort_by_key(|it| (it.created_at.value().copied(), it.id));
        let expected: Vec<CustomerId> = customers.iter().map(|it| it.id).collect();
        assert_eq!(ids(&world, CustomerOrder::Creation), expected);
        assert_eq!(
            ids(&world, CustomerOrder::Row),
            (1..=100).map(id).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_customer_row_says_what_is_kept() {
    let mut world = World::new();
    world.list(&[(summary(1), Verdict::New)]);
    let mut customer = Customer::from(summary(1));
    customer.name = Field::Value("a\0b".to_owned());
    customer.tier_name = Field::Null;
    customer.tier_id = Field::Value("tier".to_owned());
    customer.subscription_enabled = Field::Value(false);
    customer.extra = Some("{}".to_owned());
    world.found(1, customer);
    let kept = world.kept(1);
    read(&world, |snapshot| {
        snapshot.customers::<Error>(CustomerOrder::Row, |row| {
            assert_eq!(row.id, id(1).to_string());
            assert_eq!(
                (row.name, row.tier_name, row.tier_id),
                (Some("a\0b"), None, Some("tier"))
            );
            assert_eq!(row.subscription_status, Some("active"));
            assert_eq!(
                (row.subscription_enabled, row.member_count),
                (Some(false), Some(1))
            );
            assert_eq!(row.created_at, Some(at(-86_400).as_microsecond()));
            assert_eq!((row.owner_user_id, row.extra), (None, Some("{}")));
            assert_eq!(row.first_seen_at, kept.first_seen_at.as_microsecond());
            assert_eq!(row.changed_at, kept.changed_at.as_microsecond());
            assert_eq!(
                row.detail_verified_at,
                kept.detail_verified_at.map(jiff::Timestamp::as_microsecond)
            );
            assert_eq!((row.unlisted_since, row.deleted_at), (None, None));
            Ok(())
        })
    });
}

#[test]
fn versions_come_by_row_by_customer_and_by_time() {
    let world = world_with_history();
    let of = |order| {
        let mut seen = Vec::new();
        read(&world, |snapshot| {
            snapshot.versions::<Error>(order, |version| {
                seen.push((
                    version.customer_id.to_owned(),
                    version.valid_from,
                    version.op,
                ));
                Ok(())
            })
        });
        seen
    };
    let by_customer = of(VersionOrder::Customer);
    assert_eq!(by_customer.len(), 7);
    assert!(by_customer.is_sorted_by_key(|(id, from, _)| (id.clone(), *from)));
    let by_time = of(VersionOrder::Time);
    assert!(by_time.is_sorted_by_key(|(_, from, _)| *from));
    let by_row = of(VersionOrder::Row);
    assert!(by_row.is_sorted_by_key(|(id, from, _)| (row_of(&world, id), *from)));
    for mut other in [by_time, by_row] {
        other.sort_by_key(|(id, from, _)| (id.clone(), *from));
        assert_eq!(other, by_customer);
    }
}

#[test]
fn every_version_is_the_latest_of_its_customer_or_has_ended() {
    let world = world_with_history();
    let said = |version: &VersionRow<'_>| format!("{version:?}");
    let (mut all, mut latest, mut ended) = (Vec::new(), Vec::new(), Vec::new());
    read(&world, |snapshot| {
        snapshot.versions::<Error>(VersionOrder::Row, |version| {
            all.push(said(version));
            Ok(())
        })?;
        snapshot.latest::<Error>(|customer, opening| {
            latest.push(said(&VersionRow::that_holds(customer, opening)));
            Ok(())
        })?;
        snapshot.ended::<Error>(|version| {
            ended.push(said(version));
            Ok(())
        })
    });
    assert!(!ended.is_empty() && !latest.is_empty());
    let mut both = [latest, ended].concat();
    both.sort();
    all.sort();
    assert_eq!(both, all);
}

#[test]
fn a_change_comes_with_what_was_before_it() {
    let world = world_with_history();
    let mut seen = Vec::new();
    let first_change = world.history(1)[1].valid_from;
    let last_change = world.history(1)[2].valid_from;
    read(&world, |snapshot| {
        snapshot.changes::<Error>(Some(first_change), Some(last_change), |now, before| {
            let before = before.expect("it is a change");
            assert_eq!(now.customer_id, before.customer_id);
            assert_eq!(before.valid_to, Some(now.valid_from));
            seen.push((now.op, before.op, before.member_count, now.member_count));
            Ok(())
        })
    });
    assert_eq!(
        seen,
        [
            (Op::Update, Op::Baseline, Some(1), Some(50)),
            (Op::Delete, Op::Baseline, Some(2), Some(2))
        ]
    );

    let mut all = Vec::new();
    read(&world, |snapshot| {
        snapshot.changes::<Error>(None, None, |now, before| {
            all.push((now.op, before.is_some()));
            Ok(())
        })
    });
    assert_eq!(all.len(), 7);
    assert!(
        all.iter()
            .all(|(op, before)| (*op == Op::Baseline) != *before)
    );
}

#[test]
fn who_reads_can_stop() {
    #[derive(Debug, thiserror::Error)]
    enum Enough {
        #[error("enough")]
        Enough,
        #[error("the mirror")]
        Mirror(#[from] Error),
    }
    let world = World::with_customers(3);
    let reader = world.reader();
    let snapshot = reader.snapshot().unwrap();
    for order in [CustomerOrder::Row, CustomerOrder::Creation] {
        let mut seen = 0;
        let stopped = snapshot.customers(order, |_| {
            seen += 1;
            Err(Enough::Enough)
        });
        assert!(matches!(stopped, Err(Enough::Enough)));
        assert_eq!(seen, 1);
    }
}

#[test]
fn what_is_wrong_with_a_mirror_is_named() {
    for (damage, word) in [
        (
            "UPDATE ended SET valid_to = '2999-01-01T00:00:00.000000Z' WHERE row = 1",
            "end where the next one begins",
        ),
        ("DELETE FROM ended WHERE row = 1", "first"),
        (
            "UPDATE kept SET name = 'another' WHERE row = 3",
            "1 versions that another program has changed",
        ),
        (
            "UPDATE ended SET run_id = (SELECT max(id) FROM runs) || 'x' WHERE row = 2",
            "1 versions that another program has changed",
        ),
        (
            "UPDATE kept SET deleted_at = changed_at WHERE row = 1",
            "deleted",
        ),
        ("UPDATE ended SET op = 'update' WHERE row = 1", "first"),
        ("UPDATE kept SET op = 'insert' WHERE row = 1", "first"),
        ("UPDATE memory SET next_row = 2", "given twice"),
        (
            "UPDATE kept SET detail_verified_at = '2099-01-01T00:00:00.000000Z' WHERE row > 1",
            "2 customers that were looked at later",
        ),
        (
            "UPDATE kept SET unlisted_since = '2099-01-01T00:00:00.000000Z' WHERE row = 3",
            "1 customers that were looked at later",
        ),
        (
            "UPDATE kept SET deleted_at = '2099-01-01T00:00:00.000000Z' WHERE row = 2",
            "1 customers that were looked at later",
        ),
        ("DELETE FROM kept WHERE row = 1", "belong to nothing"),
        ("UPDATE ids SET row = 9 WHERE row = 2", "not theirs"),
    ] {
        let world = world_with_history();
        let outside = rusqlite::Connection::open(world.path()).unwrap();
        outside.pragma_update(None, "foreign_keys", false).unwrap();
        outside.execute(damage, []).unwrap();
        let faults = world.reader().snapshot().unwrap().faults().unwrap();
        assert!(
            faults.iter().any(|fault| fault.contains(word)),
            "{damage}: {faults:?}"
        );
    }
}

/// Customer 1 changes and comes and goes, 2 goes, 3 stays.
fn world_with_history() -> World {
    let mut world = World::with_customers(3);
    let mut changed = Customer::from(summary(1));
    changed.member_count = Field::Value(50);
    world.found(1, changed.clone());
    world.settle(2, Settlement::Deleted { not_before: None });
    world.settle(1, Settlement::Deleted { not_before: None });
    world.found(1, changed);
    world
}

fn world_of(customers: &[Summary]) -> World {
    let mut world = World::new();
    let rows: Vec<_> = customers
        .iter()
        .map(|it| (it.clone(), Verdict::New))
        .collect();
    world.list(&rows);
    for (number, customer) in (1..).zip(customers) {
        world.found(number, customer.clone().into());
    }
    world
}

fn ids(world: &World, order: CustomerOrder) -> Vec<CustomerId> {
    let mut ids = Vec::new();
    read(world, |snapshot| {
        snapshot.customers::<Error>(order, |row| {
            ids.push(row.id.parse().unwrap());
            Ok(())
        })
    });
    ids
}

fn row_of(world: &World, id: &str) -> u32 {
    world.mirror.known(&[id.parse().unwrap()]).unwrap()[0]
        .as_ref()
        .unwrap()
        .row
}

fn read(world: &World, ask: impl FnOnce(&Snapshot<'_>) -> Result<(), Error>) {
    let reader = world.reader();
    ask(&reader.snapshot().unwrap()).unwrap();
}
