//! What the mirror promises of one customer after another: rows, versions, what a list row or its details do to them.

mod mirror_world;

use mirror_world::{World, at, summary};
use twsync::customer::{Customer, Field, Interval, Rejected};
use twsync::mirror::{Op, Reason, Settlement, State, Verdict};
use twsync::report::Grade;

#[test]
fn a_first_look_makes_one_baseline_version_of_each_customer() {
    let mut world = World::new();
    let rows = world.list(&[(summary(1), Verdict::New), (summary(2), Verdict::New)]);
    assert_eq!(rows.len(), 2);
    assert_eq!(world.state_of(1), Some(State::Queued));

    let effect = world.found(1, summary(1).into());
    assert_eq!(effect.version, Some(Op::Baseline));
    assert_eq!(effect.was_queued, Some(Reason::New));
    assert!(!effect.still_queued);

    let history = world.history(1);
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].op, Op::Baseline);
    assert_eq!(history[0].not_before, None);
    assert_eq!(history[0].valid_to, None);
    assert_eq!(world.state_of(1), Some(State::Alive));
    assert_eq!(world.mirror.queue_len().unwrap(), 1);
}

#[test]
fn after_the_baseline_a_new_customer_is_an_insert_not_before_the_last_complete_walk() {
    let mut world = World::new();
    world.remember(|memory| {
        memory.baseline_done = true;
        memory.last_complete_as_of = Some(at(3));
    });
    world.list(&[(summary(1), Verdict::New)]);
    // A walk that ends between listing and details showed the customer: it bounds nothing.
    world
        .mirror
        .end_walk(world.walk, Grade::Complete, Some(at(50)), at(51))
        .unwrap();
    world.time = 60;
    let effect = world.settle_alone(
        world.row(1),
        1,
        Settlement::Found(Box::new(summary(1).into())),
    );
    assert_eq!(effect.version, Some(Op::Insert));
    assert_eq!(world.history(1)[0].not_before, Some(at(3)));
}

#[test]
fn only_a_declared_field_makes_a_version() {
    let mut world = World::with_customers(1);
    let mut customer = Customer::from(summary(1));
    customer.extra = Some(r#"{"beta":true}"#.to_owned());
    assert_eq!(world.found(1, customer.clone()).version, None);
    assert_eq!(world.kept(1).customer, customer);
    assert_eq!(world.history(1).len(), 1);

    customer.tier_id = Field::Value("tier".to_owned());
    let verified = world.kept(1).detail_verified_at;
    assert_eq!(world.found(1, customer.clone()).version, Some(Op::Update));
    let history = world.history(1);
    assert_eq!(history.len(), 2);
    assert_eq!(history[0].valid_to, Some(history[1].valid_from));
    assert_eq!(history[1].not_before, verified);
    assert_eq!(history[1].customer, customer);
}

#[test]
fn absent_null_and_empty_are_three_things() {
    let mut world = World::with_customers(1);
    for name in [Field::Null, Field::Value(String::new()), Field::Absent] {
        let mut customer = Customer::from(summary(1));
        customer.name = name.clone();
        customer.subscription_enabled = Field::Null;
        customer.member_count = Field::Absent;
        customer.created_at = Field::Null;
        assert_eq!(
            world.found(1, customer.clone()).version,
            Some(Op::Update),
            "{name:?}"
        );
        assert_eq!(world.kept(1).customer, customer);
        assert_eq!(world.history(1).last().unwrap().customer, customer);
    }
}

#[test]
fn text_is_kept_byte_for_byte() {
    for text in [
        "a\0b",
        "\0",
        "👩‍👩‍👧",
        "e\u{301}\u{202e}",
        "'; DROP TABLE customers; --",
        "\u{feff}\u{ffff}",
    ] {
        let mut world = World::with_customers(1);
        let mut customer = Customer::from(summary(1));
        customer.name = Field::Value(text.to_owned());
        world.found(1, customer.clone());
        assert_eq!(world.kept(1).customer, customer);
        assert_eq!(world.history(1).last().unwrap().customer, customer);
    }
}

#[test]
fn a_deleted_customer_keeps_its_last_values_and_can_come_back() {
    let mut world = World::with_customers(2);
    let seen = world.kept(1).detail_verified_at;
    let effect = world.settle(1, Settlement::Deleted { not_before: None });
    assert_eq!(effect.version, Some(Op::Delete));
    let kept = world.kept(1);
    assert_eq!(kept.customer, Customer::from(summary(1)));
    assert_eq!(kept.deleted_at, Some(kept.changed_at));
    assert_eq!(world.history(1)[1].not_before, seen);
    assert_eq!(world.state_of(1), Some(State::Deleted));
    assert_eq!(world.mirror.alive_count().unwrap(), 1);
    assert!(!world.mirror.alive().unwrap().contains(kept.row));

    assert_eq!(
        world
            .settle(1, Settlement::Deleted { not_before: None })
            .version,
        None
    );

    world.list(&[(summary(1), Verdict::Returned { row: kept.row })]);
    let effect = world.found(1, summary(1).into());
    assert_eq!(effect.version, Some(Op::Undelete));
    assert_eq!(effect.was_queued, Some(Reason::Returned));
    assert_eq!(world.kept(1).deleted_at, None);
    let history = world.history(1);
    assert_eq!(history[2].not_before, Some(history[1].valid_from));
    world.is_whole();
}

#[test]
fn a_customer_that_is_listed_and_gone_before_its_details_has_lived_all_the_same() {
    let mut world = World::new();
    world.list(&[(summary(1), Verdict::New)]);
    assert_eq!(
        world
            .settle(1, Settlement::Deleted { not_before: None })
            .version,
        Some(Op::Delete)
    );
    let ops: Vec<Op> = world.history(1).iter().map(|version| version.op).collect();
    assert_eq!(ops, [Op::Baseline, Op::Delete]);
    assert_eq!(world.mirror.queue_len().unwrap(), 0);
    world.is_whole();
}

#[test]
fn a_clock_that_is_set_back_leaves_history_in_order() {
    let mut world = World::with_customers(1);
    let first = world.history(1)[0].valid_from;
    world.time = -1000;
    let mut customer = Customer::from(summary(1));
    for count in 0..3 {
        customer.member_count = Field::Value(100 + count);
        world.found(1, customer.clone());
    }
    world.settle(
        1,
        Settlement::Deleted {
            not_before: Some(at(-5000)),
        },
    );
    assert!(world.history(1)[1].valid_from > first);
    world.is_whole();
}

#[test]
fn a_listed_customer_whose_details_fail_is_kept_as_the_list_says_and_asked_again() {
    let mut world = World::new();
    world.list(&[(summary(1), Verdict::New)]);
    let effect = world.settle(
        1,
        Settlement::FromSummary {
            why: "404".to_owned(),
        },
    );
    assert_eq!(effect.version, Some(Op::Baseline));
    assert!(effect.still_queued);
    assert_eq!(world.kept(1).detail_verified_at, None);
    let queued = &world.mirror.queue(None, 10).unwrap()[0];
    assert_eq!(
        (queued.attempts, queued.last_error.as_deref()),
        (1, Some("404"))
    );

    // The next run sees the same list row and the same failure: nothing more happens.
    let effect = world.settle(
        1,
        Settlement::Inaccessible {
            said: "403".to_owned(),
        },
    );
    assert_eq!((effect.version, effect.still_queued), (None, true));

    let mut details = Customer::from(summary(1));
    details.tier_id = Field::Value("tier".to_owned());
    assert_eq!(world.found(1, details).version, Some(Op::Update));
    assert_eq!(world.mirror.queue_len().unwrap(), 0);
    world.is_whole();
}

#[test]
fn a_changed_list_row_keeps_what_the_list_does_not_speak_of() {
    let mut world = World::with_customers(1);
    let mut details = Customer::from(summary(1));
    details.tier_id = Field::Value("tier".to_owned());
    details.subscription_enabled = Field::Value(true);
    details.owner_user_id = Field::Value("owner".to_owned());
    world.found(1, details.clone());

    let mut listed = summary(1);
    listed.member_count = Field::Value(77);
    listed.owner_user_id = Field::Absent;
    world.list(&[(listed, Verdict::Changed { row: world.row(1) })]);
    world.settle(
        1,
        Settlement::FromSummary {
            why: "500".to_owned(),
        },
    );
    details.member_count = Field::Value(77);
    assert_eq!(world.kept(1).customer, details);
}

#[test]
fn details_that_can_not_be_taken_are_kept_aside() {
    let mut world = World::new();
    world.list(&[(summary(1), Verdict::New)]);
    let raw = Rejected {
        raw: r#"{"id":1}"#.to_owned(),
        why: "id is no text".to_owned(),
    };
    for _ in 0..2 {
        world.settle(1, Settlement::Rejected(raw.clone()));
    }
    let reader = world.reader();
    let kept = reader.snapshot().unwrap().rejected(10).unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].raw.as_str(), kept[0].times), (raw.raw.as_str(), 2));
}

#[test]
fn details_asked_for_before_the_newest_list_row_do_not_stand_for_it() {
    let mut world = World::with_customers(1);
    let row = world.row(1);
    let asked = Interval {
        sent: world.count,
        received: world.count + 1,
    };
    world.count += 2;
    let mut listed = summary(1);
    listed.member_count = Field::Value(8);
    world.list(&[(listed.clone(), Verdict::Changed { row })]);

    let effect = world.settle_at(1, asked, Settlement::Found(Box::new(summary(1).into())));
    assert!(effect.still_queued, "the list has shown something newer");
    assert!(!world.found(1, listed.into()).still_queued);
}

#[test]
fn the_fingerprint_is_of_the_list_row_even_where_the_details_disagree() {
    let mut world = World::new();
    world.list(&[(summary(1), Verdict::New)]);
    let fingerprint = twsync::customer::Fingerprint::of(&summary(1));
    assert_eq!(world.known(1).unwrap().fingerprint, Some(fingerprint));
    let mut details = Customer::from(summary(1));
    details.name = Field::Value("as the details have it".to_owned());
    world.found(1, details);
    assert_eq!(world.known(1).unwrap().fingerprint, Some(fingerprint));
}

#[test]
fn an_unlisted_customer_is_listed_again() {
    let mut world = World::with_customers(2);
    world.settle(1, Settlement::Unlisted(Box::new(summary(1).into())));
    let since = world.kept(1).unlisted_since;
    assert!(since.is_some());
    world.settle(1, Settlement::Unlisted(Box::new(summary(1).into())));
    assert_eq!(world.kept(1).unlisted_since, since);
    let all = world.mirror.alive().unwrap();
    assert_eq!(world.mirror.relisted(&all).unwrap(), 1);
    assert_eq!(world.kept(1).unlisted_since, None);
}
