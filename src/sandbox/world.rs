//! The customers there are, and everything that can happen to them while the sandbox serves them.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;
use uuid::Uuid;

use super::churn::{self, Change};
use super::customer::{Customer, Field};
use super::population::{Naming, tier_id};
use super::row::{Row, Standing};
use super::state::{Order, Place, State};

/// A handle on one world: clones show the same customers. Every call is of one instant, and a
/// request is answered from one instant too.
#[derive(Clone, Debug)]
pub struct World(Arc<RwLock<State>>);

impl World {
    /// A world of this many customers, spread as in a real billing system; the same seed makes
    /// the same world.
    pub fn new(seed: u64, customers: usize) -> Self {
        Self(Arc::new(RwLock::new(State::new(
            seed,
            customers,
            Naming::Ordinary,
        ))))
    }

    /// A world in which every name is one that careless programs trip over.
    pub fn hostile(seed: u64, customers: usize) -> Self {
        Self(Arc::new(RwLock::new(State::new(
            seed,
            customers,
            Naming::Hostile,
        ))))
    }

    /// Puts the list into another order.
    pub fn set_order(&self, order: Order) {
        self.write().sort(order);
    }

    /// How many customers live: their details answer.
    pub fn len(&self) -> usize {
        self.read().alive()
    }

    /// True where nobody lives.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many customers the list shows: the exact `totalCount`.
    pub fn listed_len(&self) -> usize {
        self.read().listed()
    }

    /// The customer whose details answer under this id.
    pub fn get(&self, id: Uuid) -> Option<Customer> {
        let state = self.read();
        let row = state.row(state.slot(id)?);
        row.alive().then(|| row.unpack(&state.words))
    }

    /// Everybody who lives, in no promised order.
    pub fn customers(&self) -> Vec<Customer> {
        let mut all = Vec::with_capacity(self.len());
        self.each(|customer| all.push(customer));
        all
    }

    /// Shows everybody who lives, at one instant, without keeping them all in memory. The world
    /// stands still until the last was shown: `show` must not call it.
    pub fn each(&self, mut show: impl FnMut(Customer)) {
        let state = self.read();
        for row in state.rows().filter(|row| row.alive()) {
            show(row.unpack(&state.words));
        }
    }

    /// The ids of the list, in its order.
    pub fn listed_ids(&self) -> Vec<Uuid> {
        self.read().list(0).map(|row| row.id).collect()
    }

    /// A customer arrives; its id.
    pub fn insert(&self, place: Place) -> Uuid {
        self.write()
            .arrive(place, Timestamp::now().as_microsecond())
    }

    /// Takes this very customer in, in the place of any earlier one with its id.
    pub fn put(&self, customer: &Customer) {
        let mut state = self.write();
        let row = Row::pack(customer, Standing::Alive, &mut state.words);
        state.put(row);
    }

    /// Changes a customer in any way but its id; false where there is none.
    pub fn change(&self, id: Uuid, change: impl FnOnce(&mut Customer)) -> bool {
        let mut state = self.write();
        let state = &mut *state;
        let Some(slot) = state.slot(id) else {
            return false;
        };
        let row = state.row(slot);
        let mut customer = row.unpack(&state.words);
        change(&mut customer);
        customer.id = id;
        let row = Row::pack(&customer, row.standing, &mut state.words);
        state.replace(slot, row);
        true
    }

    /// Gives a customer another tier: its name, which the list shows, and its id.
    pub fn set_tier(&self, id: Uuid, tier: &str) -> bool {
        self.change(id, |customer| {
            customer.tier_name = Field::text(tier);
            customer.tier_id = tier_id(tier);
        })
    }

    /// Changes the three fields that only the details show, and nothing that the list shows.
    pub fn change_hidden(&self, id: Uuid) -> bool {
        self.change(id, |customer| {
            customer.tier_id = tier_id(&format!("{:?} hidden", customer.tier_id));
            customer.subscription_enabled =
                Field::Value(customer.subscription_enabled != Field::Value(true));
            let owner = match customer.owner_user_id {
                Field::Value(owner) => Uuid::from_u128(!owner.as_u128()),
                Field::Absent | Field::Null => Uuid::from_u128(!id.as_u128()),
            };
            customer.owner_user_id = Field::Value(owner);
        })
    }

    /// The customer is gone: from the list and from the details.
    pub fn delete(&self, id: Uuid) -> bool {
        self.stand(id, Standing::Deleted)
    }

    /// A customer that was deleted, unlisted or made a ghost is an ordinary one again.
    pub fn undelete(&self, id: Uuid) -> bool {
        self.stand(id, Standing::Alive)
    }

    /// The list leaves the customer out; its details still answer.
    pub fn unlist(&self, id: Uuid) -> bool {
        self.stand(id, Standing::Unlisted)
    }

    /// The list shows the customer; its details answer 404.
    pub fn ghost(&self, id: Uuid) -> bool {
        self.stand(id, Standing::Ghost)
    }

    /// Lets about as much happen to `count` customers as happens between two looks at a real
    /// billing system, each change visible in the list, no customer touched twice. The same seed
    /// does the same to the same world.
    pub fn churn(&self, seed: u64, count: usize) -> Vec<Change> {
        churn::churn(&mut self.write(), seed, count)
    }

    /// The state, to be read at one instant.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// False where there is no such customer, or it stands there already.
    fn stand(&self, id: Uuid, standing: Standing) -> bool {
        let mut state = self.write();
        state
            .slot(id)
            .is_some_and(|slot| state.stand(slot, standing))
    }
}
