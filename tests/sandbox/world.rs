//! The world: the same from the same seed, and changed as a test asks while it is served.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use twsync::sandbox::{Customer, Event, Field, Options, Order, Place, World};

use super::front::{Front, ids};

#[test]
fn the_same_seed_makes_the_same_world_and_another_seed_another() {
    assert_eq!(
        World::new(5, 500).customers(),
        World::new(5, 500).customers()
    );
    assert_ne!(
        World::new(5, 500).customers(),
        World::new(6, 500).customers()
    );
}

#[test]
fn a_world_holds_what_a_real_billing_system_holds() {
    let customers = World::new(1, 5_000).customers();
    let ids: HashSet<_> = customers.iter().map(|one| one.id).collect();
    assert_eq!(ids.len(), 5_000);
    let values = |field: fn(&Customer) -> &Field<String>| -> HashSet<_> {
        customers.iter().map(|one| field(one).clone()).collect()
    };
    let tiers = values(|one| &one.tier_name);
    for tier in ["Free", "pro", "Pro", "Enterprise", "Adversary Pro", ""] {
        assert!(tiers.contains(&Field::text(tier)), "{tier}");
    }
    assert!(tiers.contains(&Field::Null) && tiers.contains(&Field::Absent));
    let statuses = values(|one| &one.subscription_status);
    for status in [
        "active",
        "past_due",
        "canceled",
        "unpaid",
        "trialing",
        "incomplete",
        "incomplete_expired",
        "paused",
    ] {
        assert!(statuses.contains(&Field::text(status)), "{status}");
    }
    assert!(statuses.contains(&Field::Null) && statuses.contains(&Field::Absent));
    let years = customers
        .iter()
        .map(|one| one.created_at.to_string()[..4].to_owned());
    assert!(years.collect::<BTreeSet<_>>().len() >= 3);
    let millis = customers
        .iter()
        .filter(|one| one.created_at.subsec_nanosecond() > 0)
        .count();
    assert!(
        (1..customers.len()).contains(&millis),
        "some with milliseconds, some without"
    );
}

#[test]
fn a_hostile_world_holds_every_name_that_trips_programs() {
    let customers = World::hostile(1, 22).customers();
    let names: Vec<_> = customers
        .iter()
        .map(|one| match &one.name {
            Field::Value(name) => name.as_str(),
            Field::Null | Field::Absent => panic!("a hostile name is a name"),
        })
        .collect();
    for part in [
        "\0",
        "🚀",
        "\u{202e}",
        "\u{351}",
        "<script>",
        "=cmd",
        "DROP TABLE",
        "\n",
        "../",
    ] {
        assert!(names.iter().any(|name| name.contains(part)), "{part:?}");
    }
    assert!(names.iter().any(|name| name.len() > 4_000) && names.contains(&""));
}

#[tokio::test]
async fn an_arrival_stands_where_it_was_put_in_every_order() {
    for order in [Order::CreatedAscending, Order::CreatedDescending, Order::Id] {
        let front = Front::start(Options {
            world: World::new(2, 45),
            ..Options::default()
        })
        .await;
        let world = front.sandbox.world();
        world.set_order(order);
        let (head, tail) = (world.insert(Place::Head), world.insert(Place::Tail));
        let first = ids(&front.json("/admin/customers").await);
        let last = ids(&front.json("/admin/customers?page=3").await);
        assert_eq!(first.first(), Some(&head.to_string()), "{order:?}");
        assert_eq!(last.last(), Some(&tail.to_string()), "{order:?}");
        assert_eq!((world.len(), world.listed_len()), (47, 47));
    }
}

#[test]
fn an_arrival_of_now_is_the_newest() {
    let world = World::new(2, 45);
    let id = world.insert(Place::Now);
    assert_eq!(world.listed_ids().last(), Some(&id));
    world.set_order(Order::CreatedDescending);
    let id = world.insert(Place::Now);
    assert_eq!(world.listed_ids().first(), Some(&id));
}

#[tokio::test]
async fn list_and_details_agree_with_each_way_of_being_there() {
    let front = Front::start(Options {
        world: World::new(2, 45),
        ..Options::default()
    })
    .await;
    let world = front.sandbox.world();
    let id = world.listed_ids()[20];
    let seen = async || {
        let page = front.json("/admin/customers?pageSize=100").await;
        let listed = ids(&page).contains(&id.to_string());
        assert_eq!(page["pagination"]["totalCount"], ids(&page).len());
        let details = front.status(&format!("/admin/customer/{id}")).await;
        assert_eq!(details == 200, world.get(id).is_some());
        (listed, details.as_u16(), world.len(), world.listed_len())
    };
    assert_eq!(seen().await, (true, 200, 45, 45));
    assert!(world.delete(id) && !world.delete(id));
    assert_eq!(seen().await, (false, 404, 44, 44));
    assert!(world.undelete(id));
    assert_eq!(seen().await, (true, 200, 45, 45));
    assert!(world.unlist(id));
    assert_eq!(seen().await, (false, 200, 45, 44));
    assert!(world.ghost(id));
    assert_eq!(seen().await, (true, 404, 44, 45));
    assert!(world.undelete(id));
    assert_eq!(world.listed_ids()[20], id);
}

#[test]
fn hidden_changes_leave_the_summary_as_it_was() {
    let world = World::new(2, 300);
    for id in world.listed_ids() {
        let before = world.get(id).expect("alive");
        assert!(world.change_hidden(id));
        let after = world.get(id).expect("alive");
        assert_eq!(before.summary(), after.summary());
        assert_ne!(before.tier_id, after.tier_id);
        assert_ne!(before.subscription_enabled, after.subscription_enabled);
        assert_ne!(before.owner_user_id, after.owner_user_id);
    }
}

#[test]
fn a_change_of_the_creation_moves_a_customer_in_the_list() {
    let world = World::new(2, 30);
    let all = world.listed_ids();
    let oldest = world.get(all[0]).expect("alive").created_at;
    world.change(all[29], |one| {
        one.created_at = oldest - jiff::SignedDuration::from_secs(1);
    });
    assert_eq!(world.listed_ids()[0], all[29]);
    assert_eq!(world.listed_len(), 30);
    assert!(world.set_tier(all[3], "Gold"));
    assert_eq!(
        world.get(all[3]).expect("alive").tier_name,
        Field::text("Gold")
    );
}

#[test]
fn churn_is_told_in_full_visible_and_repeatable() {
    let (world, twin) = (World::new(2, 1_000), World::new(2, 1_000));
    let before: HashMap<_, _> = world
        .customers()
        .into_iter()
        .map(|one| (one.id, one))
        .collect();
    let changes = world.churn(9, 400);
    assert_eq!(changes, twin.churn(9, 400));
    assert_eq!(world.customers(), twin.customers());
    assert_eq!(changes.len(), 400);

    let told: BTreeMap<_, _> = changes.iter().map(|one| (one.id, one.event)).collect();
    assert_eq!(told.len(), 400, "no customer twice");
    let events: BTreeSet<_> = told.values().copied().collect();
    assert_eq!(events.len(), 7, "{events:?}");
    for (id, event) in &told {
        let now = world.get(*id).map(|one| one.summary());
        match event {
            Event::Arrived => assert!(!before.contains_key(id) && now.is_some()),
            Event::Left => assert!(before.contains_key(id) && now.is_none()),
            _ => {
                let (then, now) = (before[id].summary(), now.expect("it lives"));
                let differing: Vec<_> = (now.as_object().into_iter().flatten())
                    .filter(|(key, value)| then.get(key) != Some(value))
                    .map(|(key, _)| key.clone())
                    .collect();
                let field = match event {
                    Event::ChangedTier => "tierName",
                    Event::Grew => "memberCount",
                    _ => "subscriptionStatus",
                };
                assert_eq!(differing, [field], "{event:?}");
            }
        }
    }
    for (id, one) in &before {
        assert!(told.contains_key(id) || world.get(*id).as_ref() == Some(one));
    }
}

#[test]
fn churn_of_more_than_there_is_ends() {
    let world = World::new(2, 3);
    assert!(world.churn(1, 10_000).len() < 100);
    assert_eq!(World::new(2, 0).churn(1, 0), []);
}

#[test]
fn a_customer_can_be_put_as_it_is() {
    let (world, other) = (World::new(2, 3), World::new(8, 1));
    let guest = other.customers().remove(0);
    world.put(&guest);
    world.put(&guest);
    assert_eq!(world.get(guest.id), Some(guest));
    assert_eq!((world.len(), world.listed_len()), (4, 4));
}
