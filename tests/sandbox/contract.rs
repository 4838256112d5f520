//! What the two endpoints answer when all is well.

use std::collections::HashMap;

use serde_json::{Value, json};
use twsync::sandbox::{Casing, Dialect, Field, Items, Options, Order, Oversize, World};

use super::front::{Front, ids, keys};

const SUMMARY: [&str; 6] = [
    "createdAt",
    "id",
    "memberCount",
    "name",
    "subscriptionStatus",
    "tierName",
];

fn with(dialect: Dialect, customers: usize) -> Options {
    Options {
        dialect,
        world: World::new(3, customers),
        ..Options::default()
    }
}

#[tokio::test]
async fn the_list_answers_twenty_summaries_and_the_documented_envelope() {
    let front = Front::start(with(Dialect::PageSize, 342)).await;
    let page = front.json("/admin/customers").await;
    assert_eq!(keys(&page), ["customers", "pagination"]);
    assert_eq!(
        page["pagination"],
        json!({"page": 1, "pageSize": 20, "totalCount": 342, "totalPages": 18,
               "hasNext": true, "hasPrev": false})
    );
    let rows = page["customers"].as_array().expect("an array");
    assert_eq!(rows.len(), 20);
    let full = rows
        .iter()
        .find(|row| keys(row).len() == 6)
        .expect("most rows have all fields");
    assert_eq!(keys(full), SUMMARY);
}

#[tokio::test]
async fn the_last_page_is_short_and_says_that_it_is_the_last() {
    let front = Front::start(with(Dialect::PageSize, 342)).await;
    let page = front.json("/admin/customers?page=18").await;
    assert_eq!(ids(&page).len(), 2);
    assert_eq!(page["pagination"]["hasNext"], false);
    assert_eq!(page["pagination"]["hasPrev"], true);
}

#[tokio::test]
async fn a_page_past_the_end_is_empty() {
    let front = Front::start(with(Dialect::PageSize, 342)).await;
    for page in ["19", "1000000", "18446744073709551615"] {
        let answer = front.json(&format!("/admin/customers?page={page}")).await;
        assert!(ids(&answer).is_empty());
        assert_eq!(answer["pagination"]["totalCount"], 342);
        assert_eq!(answer["pagination"]["hasNext"], false);
    }
}

#[tokio::test]
async fn an_empty_world_has_no_pages() {
    let front = Front::start(with(Dialect::PageSize, 0)).await;
    let page = front.json("/admin/customers").await;
    assert_eq!(
        page,
        json!({"customers": [], "pagination": {"page": 1, "pageSize": 20, "totalCount": 0,
               "totalPages": 0, "hasNext": false, "hasPrev": false}})
    );
}

#[tokio::test]
async fn every_order_shows_every_customer_once_on_any_page_size() {
    for order in [Order::CreatedAscending, Order::CreatedDescending, Order::Id] {
        let front = Front::start(with(Dialect::PageSize, 257)).await;
        front.sandbox.world().set_order(order);
        for size in [1, 7, 100] {
            let walk = front.walk(&format!("pageSize={size}")).await;
            let listed = front.sandbox.world().listed_ids();
            assert!(
                walk.iter()
                    .eq(&listed.iter().map(ToString::to_string).collect::<Vec<_>>())
            );
            assert_eq!(walk.len(), 257);
        }
    }
}

#[tokio::test]
async fn the_orders_are_what_they_are_called() {
    let world = World::new(3, 300);
    let created = |world: &World| -> Vec<_> {
        let ids = world.listed_ids();
        ids.iter()
            .map(|id| world.get(*id).expect("listed").created_at)
            .collect()
    };
    assert!(created(&world).is_sorted());
    world.set_order(Order::CreatedDescending);
    assert!(created(&world).iter().rev().is_sorted());
    world.set_order(Order::Id);
    assert!(world.listed_ids().is_sorted());
}

#[tokio::test]
async fn an_unstable_list_shows_each_request_another_order_of_the_same_customers() {
    let front = Front::start(with(Dialect::PageSize, 97)).await;
    front.sandbox.world().set_order(Order::Unstable);
    let (mut first, mut second) = (
        ids(&front.json("/admin/customers?pageSize=100").await),
        ids(&front.json("/admin/customers?pageSize=100").await),
    );
    assert_ne!(first, second);
    first.sort();
    second.sort();
    assert_eq!(first, second);
    first.dedup();
    assert_eq!(first.len(), 97);
}

#[tokio::test]
async fn the_limit_dialect_has_its_own_parameter_default_envelope_and_owner() {
    let front = Front::start(with(Dialect::Limit, 342)).await;
    let page = front.json("/admin/customers").await;
    assert_eq!(keys(&page), ["customers", "items", "pages"]);
    assert_eq!((&page["items"], &page["pages"]), (&json!(342), &json!(35)));
    assert_eq!(ids(&page).len(), 10);
    let row = &page["customers"][0];
    let id = row["id"].as_str().expect("an id");
    let details = front.json(&format!("/admin/customer/{id}")).await;
    assert_eq!(row["ownerUserID"], details["ownerUserID"]);

    let page = front.json("/admin/customers?limit=100&page=4").await;
    assert_eq!(ids(&page).len(), 42);
    assert_eq!(page["pages"], 4);
}

#[tokio::test]
async fn items_may_count_the_page_instead_of_the_list() {
    let front = Front::start(Options {
        items: Items::OnPage,
        ..with(Dialect::Limit, 25)
    })
    .await;
    let page = front.json("/admin/customers?page=3").await;
    assert_eq!((&page["items"], &page["pages"]), (&json!(5), &json!(3)));
}

#[tokio::test]
async fn a_size_parameter_of_the_other_dialect_is_ignored() {
    let front = Front::start(with(Dialect::PageSize, 342)).await;
    let page = front.json("/admin/customers?limit=100").await;
    assert_eq!(page["pagination"]["pageSize"], 20);
    front
        .sandbox
        .change(|options| options.dialect = Dialect::Limit);
    assert_eq!(
        ids(&front.json("/admin/customers?pageSize=100").await).len(),
        10
    );
}

#[tokio::test]
async fn a_server_may_have_another_default_and_a_smaller_maximum() {
    let options = Options {
        page_size_default: Some(15),
        page_size_max: 50,
        oversize: Oversize::Clamped,
        ..with(Dialect::PageSize, 342)
    };
    let front = Front::start(options).await;
    assert_eq!(
        front.json("/admin/customers").await["pagination"]["pageSize"],
        15
    );
    let page = front.json("/admin/customers?pageSize=100").await;
    assert_eq!(page["pagination"]["pageSize"], 50);
    assert_eq!(ids(&page).len(), 50);
}

#[tokio::test]
async fn filters_by_tier_and_status_hold_for_rows_and_totals() {
    let front = Front::start(with(Dialect::PageSize, 500)).await;
    let all = front.sandbox.world().customers();
    let of = |tier: Option<&str>, status: Option<&str>| {
        let is = |field: &Field<String>, wanted: Option<&str>| {
            wanted.is_none_or(|wanted| *field == Field::text(wanted))
        };
        let admitted = all.iter().filter(|customer| {
            is(&customer.tier_name, tier) && is(&customer.subscription_status, status)
        });
        admitted.count()
    };
    let count = async |query: &str| {
        let page = front
            .json(&format!("/admin/customers?pageSize=100&{query}"))
            .await;
        let total = page["pagination"]["totalCount"].as_u64().expect("a total");
        assert_eq!(ids(&page).len() as u64, total.min(100), "{query}");
        usize::try_from(total).expect("small")
    };
    assert_eq!(count("tierName=pro").await, of(Some("pro"), None));
    assert_eq!(
        count("tierName=Adversary%20Pro").await,
        of(Some("Adversary Pro"), None)
    );
    for status in ["active", "past_due", "canceled", "unpaid"] {
        assert!(of(None, Some(status)) > 0);
        assert_eq!(
            count(&format!("status={status}")).await,
            of(None, Some(status))
        );
    }
    assert_eq!(
        count("status=active&tierName=pro").await,
        of(Some("pro"), Some("active"))
    );
    assert_eq!(count("tierName=nobody").await, 0);
}

#[tokio::test]
async fn list_and_details_say_what_the_world_says_byte_for_byte() {
    for world in [World::new(3, 400), World::hostile(3, 110)] {
        let customers: HashMap<_, _> = world
            .customers()
            .into_iter()
            .map(|one| (one.id.to_string(), one))
            .collect();
        let front = Front::start(Options {
            world,
            ..Options::default()
        })
        .await;
        for page in 1..=customers.len().div_ceil(100) {
            let page = front
                .json(&format!("/admin/customers?pageSize=100&page={page}"))
                .await;
            for row in page["customers"].as_array().expect("an array") {
                let customer = &customers[row["id"].as_str().expect("an id")];
                assert_eq!(*row, customer.summary());
            }
        }
        for (id, customer) in customers.iter().take(120) {
            let details = front.json(&format!("/admin/customer/{id}")).await;
            assert_eq!(details, customer.details());
        }
    }
}

#[tokio::test]
async fn details_have_the_nine_documented_fields_with_their_types() {
    let front = Front::start(with(Dialect::PageSize, 1)).await;
    let customer = front.sandbox.world().customers().remove(0);
    let id = customer.id.to_string();
    let details = front.json(&format!("/admin/customer/{id}")).await;
    assert_eq!(
        keys(&details),
        [
            "createdAt",
            "id",
            "memberCount",
            "name",
            "ownerUserID",
            "subscriptionEnabled",
            "subscriptionStatus",
            "tierID",
            "tierName"
        ]
    );
    assert!(details["subscriptionEnabled"].is_boolean() && details["memberCount"].is_u64());
    assert!(details["createdAt"].as_str().expect("text").ends_with('Z'));
    let upper = front
        .json(&format!("/admin/customer/{}", id.to_uppercase()))
        .await;
    assert_eq!(upper, details);
}

#[tokio::test]
async fn keys_may_be_cased_as_the_platforms_other_clients_have_them() {
    let options = Options {
        casing: Casing::Camel,
        ..with(Dialect::Limit, 1)
    };
    let front = Front::start(options).await;
    let id = front.sandbox.world().listed_ids()[0];
    let details = front.json(&format!("/admin/customer/{id}")).await;
    let row = &front.json("/admin/customers").await["customers"][0];
    assert!(details["tierId"].is_string() && details["ownerUserId"].is_string());
    assert_eq!(details["tierID"], Value::Null);
    assert_eq!(row["ownerUserId"], details["ownerUserId"]);
}

#[tokio::test]
async fn fields_may_be_null_empty_absent_or_unknown() {
    let front = Front::start(with(Dialect::PageSize, 1)).await;
    let world = front.sandbox.world();
    let id = world.listed_ids()[0];
    world.change(id, |customer| {
        customer.tier_name = Field::Null;
        customer.name = Field::Absent;
        customer.subscription_status = Field::text("");
        customer.member_count = Field::Null;
        customer
            .extra
            .insert("gcid".into(), json!({"nested": ["}", 1]}));
    });
    let row = &front.json("/admin/customers").await["customers"][0];
    let expected = world.get(id).expect("alive");
    assert_eq!(*row, expected.summary());
    assert_eq!(
        keys(row),
        [
            "createdAt",
            "gcid",
            "id",
            "memberCount",
            "subscriptionStatus",
            "tierName"
        ]
    );
    assert_eq!(
        (&row["tierName"], &row["subscriptionStatus"]),
        (&Value::Null, &json!(""))
    );
}
