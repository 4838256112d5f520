//! What happens to customers in the course of a day: they come, go, pay, fall behind, grow.

use fastrand::Rng;
use uuid::Uuid;

use super::customer::{Customer, Field};
use super::population::{enabled, tier_id};
use super::row::{Row, Standing};
use super::state::{SECOND, State};

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// To whom.
    pub id: Uuid,
    /// What.
    pub event: Event,
}

/// What can happen to a customer. All of it shows in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A new customer.
    Arrived,
    /// The customer was deleted.
    Left,
    /// Another tier.
    ChangedTier,
    /// A trial, or a subscription that was behind, became active.
    Converted,
    /// The subscription was canceled.
    Canceled,
    /// A payment is overdue.
    FellBehind,
    /// Members joined.
    Grew,
}

/// Lets `count` things happen to as many customers, or to all of them where there are fewer.
pub(super) fn churn(state: &mut State, seed: u64, count: usize) -> Vec<Change> {
    let mut random = Rng::with_seed(seed);
    let mut candidates = candidates(state, &mut random, count);
    let mut now = state.newest();
    let mut changes = Vec::with_capacity(count);
    while changes.len() < count {
        let draw = random.u8(..100);
        if draw < 20 {
            now += random.i64(1..600) * SECOND;
            let row = state.population.customer(now);
            changes.push(Change {
                id: row.id,
                event: Event::Arrived,
            });
            state.put(row);
            continue;
        }
        let Some(id) = candidates.pop() else { break };
        let event = if draw < 30 {
            leave(state, id);
            Event::Left
        } else {
            befall(state, id, &mut random)
        };
        changes.push(Change { id, event });
    }
    changes
}

/// Distinct customers, drawn by lot from those that are both listed and alive.
fn candidates(state: &State, random: &mut Rng, count: usize) -> Vec<Uuid> {
    let ids: Vec<Uuid> = state
        .list(0)
        .filter(|row| row.alive())
        .map(|row| row.id)
        .collect();
    random.choose_multiple(ids, count)
}

fn leave(state: &mut State, id: Uuid) {
    let slot = state.slot(id).expect("a candidate is a customer");
    state.stand(slot, Standing::Deleted);
}

fn befall(state: &mut State, id: Uuid, random: &mut Rng) -> Event {
    let slot = state.slot(id).expect("a candidate is a customer");
    let mut customer = state.row(slot).unpack(&state.words);
    let event = live(&mut customer, random);
    let row = Row::pack(&customer, Standing::Alive, &mut state.words);
    state.replace(slot, row);
    event
}

/// What happens next depends on how the subscription stands. It always changes the summary.
fn live(customer: &mut Customer, random: &mut Rng) -> Event {
    let status = match &customer.subscription_status {
        Field::Value(status) => status.clone(),
        Field::Absent | Field::Null => String::new(),
    };
    match (status.as_str(), random.u8(..100)) {
        ("active", 10..=19) => turn(customer, "past_due", Event::FellBehind),
        ("active", 20..=49) => change_tier(customer),
        ("trialing" | "past_due" | "unpaid" | "paused" | "incomplete", 0..=69) => {
            turn(customer, "active", Event::Converted)
        }
        ("active", 0..=9) | ("trialing" | "past_due" | "unpaid", _) => {
            turn(customer, "canceled", Event::Canceled)
        }
        _ => grow(customer, random),
    }
}

fn turn(customer: &mut Customer, status: &str, event: Event) -> Event {
    customer.subscription_status = Field::text(status);
    customer.subscription_enabled = enabled(status);
    event
}

fn change_tier(customer: &mut Customer) -> Event {
    let next = match &customer.tier_name {
        Field::Value(tier) if tier == "Free" => "pro",
        Field::Value(tier) if tier == "pro" => "Enterprise",
        Field::Value(tier) if tier == "Enterprise" => "Adversary Pro",
        _ => "Free",
    };
    customer.tier_name = Field::text(next);
    customer.tier_id = tier_id(next);
    Event::ChangedTier
}

fn grow(customer: &mut Customer, random: &mut Rng) -> Event {
    let members = match customer.member_count {
        Field::Value(members) => members,
        Field::Absent | Field::Null => 0,
    };
    customer.member_count = Field::Value(members.saturating_add(random.u32(1..9)));
    Event::Grew
}
