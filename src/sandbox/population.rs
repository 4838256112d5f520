//! Customers out of a seed, spread as a real billing system spreads them.
//!
//! The same seed makes the same customers; nothing here reads a clock.

use fastrand::Rng;
use uuid::Uuid;

use super::customer::Field;
use super::row::{Name, Row, Standing};
use super::vocabulary::{Vocabulary, Word};

/// 2023-08-01T00:00:00Z, in microseconds: no customer of a fresh world is older.
const FIRST: i64 = 1_690_848_000_000_000;
/// Three years, in microseconds: the youngest customer of a fresh world was created then.
const SPAN: f64 = 3.0 * 365.0 * 86_400.0 * 1e6;

/// Tier names and how many in a thousand have them. The platform writes them in any case.
const TIERS: [(&str, u16); 8] = [
    ("Free", 560),
    ("pro", 230),
    ("Pro", 30),
    ("Enterprise", 90),
    ("Adversary Pro", 50),
    ("starter", 30),
    ("", 3),
    ("Légacy 🦕", 2),
];

/// Stripe's statuses and how many in a thousand have them; the filter documents the first four.
const STATUSES: [(&str, u16); 8] = [
    ("active", 780),
    ("past_due", 40),
    ("canceled", 60),
    ("unpaid", 15),
    ("trialing", 70),
    ("incomplete", 12),
    ("incomplete_expired", 8),
    ("paused", 10),
];

/// What names a population gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// Believable ones, with a hostile one now and then.
    Ordinary,
    /// Only hostile ones, one kind after the other.
    Hostile,
}

/// Makes one customer after the other.
#[derive(Debug)]
pub(super) struct Population {
    random: Rng,
    naming: Naming,
    tiers: Vec<(Word, Word, u16)>,
    statuses: Vec<(Word, Field<bool>, u16)>,
    made: u64,
}

impl Population {
    /// The population of `seed`.
    pub(super) fn new(seed: u64, naming: Naming, words: &mut Vocabulary) -> Self {
        let mut tiers: Vec<_> = TIERS
            .iter()
            .map(|(name, share)| {
                (
                    words.word(Field::text(*name)),
                    words.word(tier_id(name)),
                    *share,
                )
            })
            .collect();
        let (null, absent) = (words.word(Field::Null), words.word(Field::Absent));
        tiers.push((null, null, 3));
        tiers.push((absent, absent, 2));
        let mut statuses: Vec<_> = STATUSES
            .iter()
            .map(|(name, share)| (words.word(Field::text(*name)), enabled(name), *share))
            .collect();
        statuses.push((null, Field::Null, 3));
        statuses.push((absent, Field::Absent, 2));
        Self {
            random: Rng::with_seed(seed),
            naming,
            tiers,
            statuses,
            made: 0,
        }
    }

    /// Customer number `index` of `of`: the higher the number, the later created, and the more
    /// of them in a month the later it is.
    pub(super) fn nth(&mut self, index: usize, of: usize) -> Row {
        let share = (index as f64 + self.random.f64()) / of.max(1) as f64;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a share of three years fits an i64"
        )]
        let age = (SPAN * share.powf(0.6)) as i64;
        let unit = if self.random.u8(..4) == 0 {
            1_000
        } else {
            1_000_000
        };
        self.customer((FIRST + age) / unit * unit)
    }

    /// A customer created at this instant, in microseconds since 1970.
    pub(super) fn customer(&mut self, created_at: i64) -> Row {
        let tier = self.random.u16(..1000);
        let (tier, tier_id) = pick(&self.tiers, tier);
        let status = self.random.u16(..1003);
        let (status, enabled) = pick(&self.statuses, status);
        let name = self.random.u64(..);
        self.made += 1;
        Row {
            id: self.uuid(),
            name: match self.naming {
                Naming::Ordinary => Name::Made(name),
                Naming::Hostile => Name::Hostile(self.made),
            },
            created_at,
            owner: Field::Value(self.uuid()),
            members: Field::Value(self.members()),
            tier,
            tier_id,
            status,
            enabled,
            standing: Standing::Alive,
            extra: None,
        }
    }

    fn uuid(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.random.u128(..).to_be_bytes()).into_uuid()
    }

    /// Many small teams, few large ones; some accounts have nobody left.
    fn members(&mut self) -> u32 {
        match self.random.u8(..100) {
            0 => 0,
            1..=60 => self.random.u32(1..6),
            61..=90 => self.random.u32(5..40),
            91..=98 => self.random.u32(40..250),
            _ => self.random.u32(250..5000),
        }
    }
}

/// The id that goes with a tier's name: made from its letters, the same in every world.
pub(super) fn tier_id(name: &str) -> Field<String> {
    let seed = name.bytes().fold(0xe1f2_a3b4_u64, |sum, byte| {
        sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte)
    });
    let bytes = Rng::with_seed(seed).u128(..).to_be_bytes();
    Field::Value(
        uuid::Builder::from_random_bytes(bytes)
            .into_uuid()
            .to_string(),
    )
}

/// Whether a subscription of this status is in good standing.
pub(super) fn enabled(status: &str) -> Field<bool> {
    Field::Value(matches!(status, "active" | "trialing" | "past_due"))
}

fn pick<A: Copy, B: Copy>(shares: &[(A, B, u16)], mut draw: u16) -> (A, B) {
    for (first, second, share) in shares {
        if draw < *share {
            return (*first, *second);
        }
        draw -= share;
    }
    let (first, second, _) = shares[0];
    (first, second)
}
