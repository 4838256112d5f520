//! Retries: how long to back off, and how many a run has left.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::Jitter;

/// A random time up to [`ceiling`]: full jitter, so that what failed together does not come back
/// together.
pub(super) fn backoff(retry: u32) -> Duration {
    Jitter::up_to(ceiling(retry)) + Duration::ZERO
}

/// The first retry comes soon, because most faults are short; each later one may wait three times
/// as long, because those that are not short last half a minute.
fn ceiling(retry: u32) -> Duration {
    const FIRST: Duration = Duration::from_millis(200);
    const LAST: Duration = Duration::from_secs(30);
    3u32.checked_pow(retry.saturating_sub(1))
        .and_then(|factor| FIRST.checked_mul(factor))
        .map_or(LAST, |ceiling| ceiling.min(LAST))
}

/// The retries that all requests of a run share. Each costs a token, and answers earn them back
/// slowly: now and then a fault is sat out for ever, a storm is not.
pub(super) struct Tokens {
    quarters: AtomicU32,
    /// Requests given up one after the other, with no answer to any in between.
    given_up_in_a_row: AtomicU32,
}

impl Tokens {
    const QUARTERS_MAX: u32 = 4 * 100;
    const GIVEN_UP_MAX: u32 = 100;

    /// A full bucket: a hundred retries.
    pub(super) fn full() -> Self {
        Self {
            quarters: AtomicU32::new(Self::QUARTERS_MAX),
            given_up_in_a_row: AtomicU32::new(0),
        }
    }

    /// Spends a token on a retry. False where none is left.
    pub(super) fn spend(&self) -> bool {
        self.change(|quarters| quarters.checked_sub(4))
    }

    /// A request was given up. Answers whether so many were in a row that it can't be about them:
    /// then nothing the server is asked for is answered.
    pub(super) fn give_up(&self) -> bool {
        self.given_up_in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= Self::GIVEN_UP_MAX
    }

    /// An answer came: four of them earn a token back.
    pub(super) fn earn(&self) {
        self.given_up_in_a_row.store(0, Ordering::Relaxed);
        self.change(|quarters| (quarters < Self::QUARTERS_MAX).then_some(quarters + 1));
    }

    fn change(&self, change: impl FnMut(u32) -> Option<u32>) -> bool {
        let (stored, read) = (Ordering::Relaxed, Ordering::Relaxed);
        self.quarters.fetch_update(stored, read, change).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_grows_from_a_fifth_of_a_second_to_thirty() {
        let ceilings: Vec<u128> = (1..=8).map(|retry| ceiling(retry).as_millis()).collect();
        assert_eq!(
            ceilings,
            [200, 600, 1_800, 5_400, 16_200, 30_000, 30_000, 30_000]
        );
        assert_eq!(ceiling(u32::MAX), Duration::from_secs(30));
    }

    #[test]
    fn backoff_is_spread_over_the_whole_time_up_to_the_ceiling() {
        let waits: Vec<Duration> = (0..1_000).map(|_| backoff(3)).collect();
        let ceiling = ceiling(3);
        assert!(waits.iter().all(|wait| *wait <= ceiling));
        assert!(waits.iter().any(|wait| *wait < ceiling / 4));
        assert!(waits.iter().any(|wait| *wait > ceiling * 3 / 4));
    }

    #[test]
    fn a_storm_ends_after_a_hundred_retries() {
        let tokens = Tokens::full();
        assert_eq!((0..1_000).filter(|_| tokens.spend()).count(), 100);
    }

    #[test]
    fn a_hundred_given_up_in_a_row_are_no_matter_of_theirs() {
        let tokens = Tokens::full();
        assert!((0..99).all(|_| !tokens.give_up()));
        tokens.earn();
        assert!((0..99).all(|_| !tokens.give_up()));
        assert!(tokens.give_up());
    }

    #[test]
    fn four_answers_earn_one_retry_and_never_more_than_the_bucket_holds() {
        let tokens = Tokens::full();
        (0..1_000).for_each(|_| tokens.earn());
        while tokens.spend() {}
        (0..3).for_each(|_| tokens.earn());
        assert!(!tokens.spend());
        tokens.earn();
        assert!(tokens.spend() && !tokens.spend());
    }
}
