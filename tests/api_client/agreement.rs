//! Two readings of one documentation: what the sandbox says is what the client understands.

use std::collections::BTreeMap;

use futures::future::join_all;
use twsync::api::{Answer, Total};
use twsync::config::Dialect;
use twsync::customer::{Customer, Field, Summary};
use twsync::sandbox::{self, Casing, Options, Sandbox, TOKEN, World};

use super::*;

fn client_of(sandbox: &Sandbox) -> Client {
    let api = config::Api {
        base_url: sandbox.url().parse().expect("a URL"),
        credentials: Some(config::Credentials::Bearer(inline(TOKEN))),
        ..config::Api::default()
    };
    let pace = config::Pace {
        requests_per_second: f64::INFINITY,
        ..config::Pace::default()
    };
    let (memory, limits, live) = Default::default();
    let stop = CancellationToken::new();
    Client::new(&api, &pace, memory, limits, Clock::system(), live, stop).expect("a client")
}

/// The sandbox's field, in the words of the client.
fn field<T, U>(field: sandbox::Field<T>, value: impl Fn(T) -> U) -> Field<U> {
    match field {
        sandbox::Field::Absent => Field::Absent,
        sandbox::Field::Null => Field::Null,
        sandbox::Field::Value(it) => Field::Value(value(it)),
    }
}

/// The sandbox's customer, in the words of the client.
fn expected(customer: sandbox::Customer) -> Customer {
    let extra = serde_json::Value::Object(customer.extra.clone());
    Customer {
        id: CustomerId::from_bytes(*customer.id.as_bytes()),
        name: field(customer.name, String::from),
        tier_name: field(customer.tier_name, String::from),
        tier_id: field(customer.tier_id, String::from),
        subscription_status: field(customer.subscription_status, String::from),
        subscription_enabled: field(customer.subscription_enabled, bool::from),
        member_count: field(customer.member_count, i64::from),
        created_at: Field::Value(customer.created_at),
        owner_user_id: field(customer.owner_user_id, |owner| owner.to_string()),
        extra: (!customer.extra.is_empty()).then(|| extra.to_string()),
    }
}

/// What the list can say of it.
fn listed(customer: &Customer, dialect: Dialect) -> Customer {
    Customer {
        tier_id: Field::Absent,
        subscription_enabled: Field::Absent,
        owner_user_id: match dialect {
            Dialect::Limit => customer.owner_user_id.clone(),
            Dialect::Auto | Dialect::PageSize => Field::Absent,
        },
        ..customer.clone()
    }
}

async fn walk(client: &Client) -> Vec<Summary> {
    let (mut rows, mut number) = (Vec::new(), 1);
    loop {
        let page = client.list_page(number, 100).await;
        let page = page.expect("a page");
        assert!(page.rejected.is_empty(), "{:?}", page.rejected);
        let (Total::Exact(total) | Total::Items(total)) = page.total;
        assert_eq!(total, 250);
        rows.extend(page.rows);
        if number == page.pages {
            return rows;
        }
        number += 1;
    }
}

#[tokio::test]
async fn every_customer_is_understood_in_list_and_details() {
    for (dialect, spoken) in [
        (sandbox::Dialect::PageSize, Dialect::PageSize),
        (sandbox::Dialect::Limit, Dialect::Limit),
    ] {
        for casing in [Casing::Documented, Casing::Camel] {
            let options = Options {
                world: World::hostile(7, 250),
                dialect,
                casing,
                compression: casing == Casing::Camel,
                ..Options::default()
            };
            let sandbox = Sandbox::start(options).await.expect("a sandbox");
            let world = sandbox.world().customers();
            let world: BTreeMap<_, _> =
                world.into_iter().map(expected).map(|c| (c.id, c)).collect();

            let client = client_of(&sandbox);
            let rows = walk(&client).await;
            let rows: BTreeMap<_, _> = rows.into_iter().map(|row| (row.id, row.into())).collect();
            let shown: BTreeMap<_, _> = world
                .iter()
                .map(|(id, c)| (*id, listed(c, spoken)))
                .collect();
            assert_eq!(rows, shown);

            for details in join_all(world.keys().map(|id| client.customer(*id))).await {
                let details = details.expect("details");
                let Answer::Found(customer) = details.answer else {
                    panic!("not found: {:?}", details.answer)
                };
                assert_eq!(*customer, world[&details.id]);
            }
            assert_eq!(
                sandbox.requests().not_get() + sandbox.requests().elsewhere(),
                0
            );
            assert_eq!(client.tally().list_requests, 3);
        }
    }
}

#[tokio::test]
async fn who_is_not_there_is_not_found() {
    let sandbox = Sandbox::start(Options::default()).await.expect("a sandbox");
    let answer = client_of(&sandbox)
        .customer(id(9))
        .await
        .expect("an answer")
        .answer;
    assert_eq!(answer, Answer::NotFound);
}

#[tokio::test]
async fn a_strict_server_is_understood_too() {
    for dialect in [sandbox::Dialect::PageSize, sandbox::Dialect::Limit] {
        let options = Options {
            dialect,
            strict: true,
            ..Options::default()
        };
        let sandbox = Sandbox::start(options).await.expect("a sandbox");
        assert_eq!(walk(&client_of(&sandbox)).await.len(), 250);
    }
}
