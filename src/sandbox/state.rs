//! The world's memory: packed rows, where each id is, and the list in its order.
//!
//! A page costs its own length; a change of the list moves a block of numbers at most. Nothing
//! here locks: that is [`World`](super::World)'s.

use std::collections::HashMap;

use uuid::Uuid;

use super::population::{Naming, Population};
use super::row::{Row, Standing};
use super::vocabulary::Vocabulary;

/// The order of the list. Nobody documents it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The oldest customer first.
    #[default]
    CreatedAscending,
    /// The newest customer first.
    CreatedDescending,
    /// By id: an arrival may stand anywhere.
    Id,
    /// Another order for every request.
    Unstable,
}

/// Where in the list an arrival is to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before everybody: on the first page.
    Head,
    /// Behind everybody: on the last page.
    Tail,
    /// Created at this instant by the wall clock; the order decides where that is.
    Now,
}

/// A row's number.
pub(super) type Slot = u32;

/// Everything a world knows.
#[derive(Debug)]
pub(super) struct State {
    pub(super) words: Vocabulary,
    pub(super) population: Population,
    rows: Vec<Row>,
    slots: HashMap<Uuid, Slot>,
    /// Who is in the list: sorted by id under [`Order::Id`], else by creation.
    list: Vec<Slot>,
    order: Order,
    alive: usize,
}

impl State {
    /// A world of this many customers.
    pub(super) fn new(seed: u64, customers: usize, naming: Naming) -> Self {
        let mut words = Vocabulary::default();
        let mut population = Population::new(seed, naming, &mut words);
        let rows: Vec<Row> = (0..customers)
            .map(|index| population.nth(index, customers))
            .collect();
        let numbers = 0..slot(rows.len());
        let slots = rows.iter().map(|row| row.id).zip(numbers.clone()).collect();
        let mut state = Self {
            words,
            population,
            rows,
            slots,
            list: numbers.collect(),
            order: Order::default(),
            alive: customers,
        };
        state.sort(Order::default());
        state
    }

    /// Puts the list into this order.
    pub(super) fn sort(&mut self, order: Order) {
        self.order = order;
        let mut list = std::mem::take(&mut self.list);
        match order {
            Order::Id => list.sort_unstable_by_key(|slot| self.row(*slot).id),
            _ => list.sort_by_key(|slot| (self.row(*slot).created_at, self.row(*slot).id)),
        }
        self.list = list;
    }

    /// Customers whose details answer.
    pub(super) fn alive(&self) -> usize {
        self.alive
    }

    /// Customers that the list shows.
    pub(super) fn listed(&self) -> usize {
        self.list.len()
    }

    /// The row of this number.
    pub(super) fn row(&self, slot: Slot) -> &Row {
        &self.rows[slot as usize]
    }

    /// The number of this customer, dead or alive.
    pub(super) fn slot(&self, id: Uuid) -> Option<Slot> {
        self.slots.get(&id).copied()
    }

    /// All rows, dead or alive, in no promised order.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    /// The list in its order. `draw` stands for the request: [`Order::Unstable`] shows every
    /// draw another order, and the same draw always the same.
    pub(super) fn list(&self, draw: u64) -> impl Iterator<Item = &Row> + Clone {
        self.window(0, self.list.len(), draw)
    }

    /// Up to `count` rows of the list from position `start`.
    pub(super) fn window(
        &self,
        start: usize,
        count: usize,
        draw: u64,
    ) -> impl Iterator<Item = &Row> + Clone {
        let listed = self.list.len();
        let shuffle = Shuffle::new(listed, draw);
        let end = start.saturating_add(count).min(listed);
        (start.min(end)..end).map(move |position| {
            let at = match self.order {
                Order::CreatedAscending | Order::Id => position,
                Order::CreatedDescending => listed - 1 - position,
                Order::Unstable => shuffle.at(position),
            };
            self.row(self.list[at])
        })
    }

    /// Takes a customer in, in the place of any earlier one with the same id.
    pub(super) fn put(&mut self, row: Row) {
        if let Some(slot) = self.slot(row.id) {
            self.replace(slot, row);
            return;
        }
        let slot = slot(self.rows.len());
        self.slots.insert(row.id, slot);
        self.alive += usize::from(row.alive());
        let listed = row.listed();
        self.rows.push(row);
        if listed {
            self.enlist(slot);
        }
    }

    /// Writes another row, of the same id, under this number.
    pub(super) fn replace(&mut self, slot: Slot, row: Row) {
        let old = self.row(slot);
        debug_assert_eq!(old.id, row.id, "a row keeps its id");
        let (was_alive, was_listed, moved) =
            (old.alive(), old.listed(), old.created_at != row.created_at);
        let (alive, listed) = (row.alive(), row.listed());
        let delist = was_listed && (!listed || moved);
        if delist {
            let at = self.list.iter().position(|one| *one == slot);
            self.list.remove(at.expect("a listed row is in the list"));
        }
        self.alive = self.alive + usize::from(alive) - usize::from(was_alive);
        self.rows[slot as usize] = row;
        if listed && (delist || !was_listed) {
            self.enlist(slot);
        }
    }

    /// Moves a customer to another standing; false where it stands there already.
    pub(super) fn stand(&mut self, slot: Slot, standing: Standing) -> bool {
        let mut row = self.row(slot).clone();
        let moves = row.standing != standing;
        row.standing = standing;
        self.replace(slot, row);
        moves
    }

    /// Makes an arrival that stands in this place of the list.
    pub(super) fn arrive(&mut self, place: Place, now: i64) -> Uuid {
        let mut row = self.population.customer(now);
        let newest_first = self.order == Order::CreatedDescending;
        let ends = self.list.first().zip(self.list.last());
        if let Some((first, last)) = ends.map(|(first, last)| (self.row(*first), self.row(*last))) {
            match (place, self.order) {
                (Place::Now, _) => {}
                (Place::Head, Order::Id) => row.id = beside(first.id, false),
                (Place::Tail, Order::Id) => row.id = beside(last.id, true),
                (Place::Head, _) if !newest_first => row.created_at = first.created_at - SECOND,
                (Place::Tail, _) if newest_first => row.created_at = first.created_at - SECOND,
                _ => row.created_at = last.created_at + SECOND,
            }
        }
        let id = row.id;
        self.put(row);
        id
    }

    /// The latest instant at which anybody in the list was created.
    pub(super) fn newest(&self) -> i64 {
        match self.order {
            Order::Id => self
                .rows
                .iter()
                .map(|row| row.created_at)
                .max()
                .unwrap_or_default(),
            _ => self
                .list
                .last()
                .map_or(0, |slot| self.row(*slot).created_at),
        }
    }

    fn enlist(&mut self, slot: Slot) {
        let row = self.row(slot);
        let at = match self.order {
            Order::Id => self.list.partition_point(|one| self.row(*one).id < row.id),
            _ => self.list.partition_point(|one| {
                let one = self.row(*one);
                (one.created_at, one.id) < (row.created_at, row.id)
            }),
        };
        self.list.insert(at, slot);
    }
}

/// A second, in microseconds.
pub(super) const SECOND: i64 = 1_000_000;

fn slot(count: usize) -> Slot {
    Slot::try_from(count).expect("fewer than 2^32 customers")
}

fn beside(id: Uuid, above: bool) -> Uuid {
    let number = id.as_u128();
    Uuid::from_u128(if above {
        number.saturating_add(1)
    } else {
        number.saturating_sub(1)
    })
}

/// An order of `of` positions that costs nothing to make: a small cipher (a Feistel network) over the
/// numbers of twice as many bits as half of them need, asked again until it gives a position.
#[derive(Clone, Copy)]
struct Shuffle {
    keys: [u64; 4],
    half_bits: u32,
    of: u64,
}

impl Shuffle {
    fn new(of: usize, draw: u64) -> Self {
        let of = of.max(1) as u64;
        let mut random = fastrand::Rng::with_seed(draw);
        Self {
            keys: std::array::from_fn(|_| random.u64(..)),
            half_bits: (u64::BITS - of.leading_zeros()).div_ceil(2),
            of,
        }
    }

    fn at(&self, position: usize) -> usize {
        let mut at = self.encipher(position as u64);
        while at >= self.of {
            at = self.encipher(at);
        }
        usize::try_from(at).expect("less than the number of positions")
    }

    fn encipher(&self, number: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (left, right) = self.keys.iter().fold(
            (number >> self.half_bits, number & mask),
            |(left, right), key| {
                let mixed = (right ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                (right, left ^ (mixed >> 32) & mask)
            },
        );
        left << self.half_bits | right
    }
}
