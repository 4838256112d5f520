//! What the mirror costs alone, without requests and without a lake: listing and settling a backfill,
//! looking up a page, streaming everything out. It prints processor time, which others on the machine
//! don't lengthen, and how long a page's look-up took.
//!
//!     mirror [CUSTOMERS]        # a million, if nothing is said
//!
//! With `SCATTERED` in the environment the times of creation are in no order, as ids are.
#![allow(
    clippy::unwrap_used,
    reason = "what goes wrong here is to be seen, not survived"
)]

#[path = "../tests/mirror_world/mod.rs"]
mod mirror_world;

use std::time::{Duration, Instant};

use mirror_world::{World, at, id, summary};
use twsync::customer::{Customer, Field, Interval, Summary};
use twsync::mirror::{CustomerOrder, Error, Settled, Settlement, Verdict, VersionOrder};

fn main() {
    let customers = std::env::args().nth(1).map(|number| number.parse());
    let customers = customers.unwrap_or(Ok(1_000_000)).unwrap();
    let mut world = backfilled(customers);
    look_up_pages(&world, customers);
    verify_some(&mut world, customers);
    stream_out(&world);
}

/// A world whose backfill is over, and how long that took.
fn backfilled(customers: u32) -> World {
    let mut world = World::new();
    let began = Cpu::now();
    let mut listed = Duration::ZERO;
    let numbers: Vec<u32> = (1..=customers).collect();
    for group in numbers.chunks(1000) {
        let page_began = Cpu::now();
        for page in group.chunks(100) {
            let rows: Vec<_> = page
                .iter()
                .map(|number| (realistic(*number), Verdict::New))
                .collect();
            world.list(&rows);
        }
        listed += page_began.elapsed();
        let details = group.iter().map(|number| detail(*number)).collect();
        world
            .mirror
            .settle(Some(world.walk), world.run, details)
            .unwrap();
    }
    let took = began.elapsed();
    world.mirror.checkpoint().unwrap();
    println!(
        "backfill of {customers}: {took:.2?}, of which listing {listed:.2?}; the mirror takes {} MiB",
        std::fs::metadata(world.path()).unwrap().len() >> 20
    );
    world
}

/// Rows come in the order of creation, as a server may well list them; ids are in none.
fn detail(number: u32) -> Settled {
    let mut customer = Customer::from(realistic(number));
    customer.tier_id = Field::Value("0a1b2c3d-0000-4000-8000-00000000000a".to_owned());
    customer.subscription_enabled = Field::Value(true);
    customer.owner_user_id = Field::Value(id(number ^ 0x5555).to_string());
    Settled {
        row: number,
        id: id(number),
        interval: Interval {
            sent: 10_000_000,
            received: 10_000_001 + u64::from(number),
        },
        at: at(i64::from(number) / 10),
        is_sighting: true,
        outcome: Settlement::Found(Box::new(customer)),
    }
}

fn realistic(number: u32) -> Summary {
    let mut summary = summary(number);
    if std::env::var_os("SCATTERED").is_some() {
        summary.created_at = Field::Value(at(-i64::from(number.wrapping_mul(0x9e37_79b1) >> 3)));
    }
    summary
}

/// A page of known customers is looked up for every page of the list, and nothing else is when nothing is new.
fn look_up_pages(world: &World, customers: u32) {
    let listed = |page: u32, row: u32| (page * 100 + row) % customers + 1;
    let scattered = |page: u32, row: u32| (page * 7919 + row * 631) % customers + 1;
    for (order, number) in [
        ("as listed", &listed as &dyn Fn(u32, u32) -> u32),
        ("scattered", &scattered),
    ] {
        let mut took: Vec<Duration> = (0..3000)
            .map(|page| {
                let ids: Vec<_> = (0..100).map(|row| id(number(page, row))).collect();
                let began = Instant::now();
                let known = world.mirror.known(&ids).unwrap();
                let took = began.elapsed();
                assert!(known.iter().all(Option::is_some));
                took
            })
            .collect();
        took.sort_unstable();
        println!(
            "known of 100 ids among {customers}, {order}: median {:.1?}, best {:.1?}",
            took[1500], took[0]
        );
    }
}

fn verify_some(world: &mut World, customers: u32) {
    let began = Cpu::now();
    let alive = world.mirror.alive().unwrap();
    println!("alive of {}: {:.2?}", alive.len(), began.elapsed());
    let began = Cpu::now();
    let details: Vec<_> = (1..=customers).step_by(97).map(detail).collect();
    let count = details.len();
    world
        .mirror
        .settle(Some(world.walk), world.run, details)
        .unwrap();
    println!("{count} verified unchanged: {:.2?}", began.elapsed());
}

fn stream_out(world: &World) {
    let reader = world.reader();
    let snapshot = reader.snapshot().unwrap();
    for order in [CustomerOrder::Row, CustomerOrder::Creation] {
        let began = Cpu::now();
        let mut bytes = 0;
        snapshot
            .customers::<Error>(order, |row| {
                bytes += row.id.len() + row.name.map_or(0, str::len);
                Ok(())
            })
            .unwrap();
        println!(
            "customers by {order:?}: {:.2?} ({bytes} bytes; peak memory {} MiB)",
            began.elapsed(),
            peak()
        );
    }
    for order in [
        VersionOrder::Row,
        VersionOrder::Customer,
        VersionOrder::Time,
    ] {
        let began = Cpu::now();
        let mut versions = 0;
        snapshot
            .versions::<Error>(order, |_| {
                versions += 1;
                Ok(())
            })
            .unwrap();
        println!(
            "{versions} versions by {order:?}: {:.2?} (peak memory {} MiB)",
            began.elapsed(),
            peak()
        );
    }
    let began = Cpu::now();
    snapshot
        .changes::<Error>(None, None, |_, _| Ok(()))
        .unwrap();
    println!("changes: {:.2?}", began.elapsed());
    let began = Cpu::now();
    assert_eq!(snapshot.faults().unwrap(), Vec::<String>::new());
    println!("faults: {:.2?}", began.elapsed());
}

/// The processor time of this process, to 10 ms.
struct Cpu(Duration);

impl Cpu {
    fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let times = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .skip(11)
            .take(2);
        Self(Duration::from_millis(10) * times.map(|it| it.parse::<u32>().unwrap()).sum())
    }

    fn elapsed(&self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }
}

fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        >> 10
}
