//! When something goes wrong: rules that pick requests. What goes wrong is an [`Action`].

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockWriteGuard};

use fastrand::Rng;
use uuid::Uuid;

use super::action::Action;
use super::target::Target;

/// Which requests a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Every request.
    Any,
    /// Every page of the list.
    List,
    /// This page of the list; a request that names no page asks for the first.
    Page(u64),
    /// Every customer's details.
    Detail,
    /// This customer's details.
    Customer(Uuid),
    /// The key pair's own page.
    KeyPair,
}

impl On {
    fn matches(self, target: Target) -> bool {
        match (self, target) {
            (Self::Any, _)
            | (Self::List, Target::List { .. })
            | (Self::Detail, Target::Detail { .. })
            | (Self::KeyPair, Target::KeyPair) => true,
            (Self::Page(wanted), Target::List { page }) => wanted == page.unwrap_or(1),
            (Self::Customer(wanted), Target::Detail { id }) => Some(wanted) == id,
            _ => false,
        }
    }
}

/// Which of the requests that a rule looks at it strikes.
#[derive(Clone, Debug)]
enum When {
    Always,
    Nth(u64),
    From(u64),
    Every(u64),
    Chance(f64, Arc<Mutex<Rng>>),
}

/// Lets actions happen to requests: `Rule::on(On::Page(3)).nth(1).does(Action::status(503))`.
#[derive(Clone, Debug)]
pub struct Rule {
    on: On,
    when: When,
    times: u64,
    actions: Vec<Action>,
}

impl Rule {
    /// A rule that strikes each of these requests, and does nothing yet.
    pub fn on(on: On) -> Self {
        Self {
            on,
            when: When::Always,
            times: u64::MAX,
            actions: Vec::new(),
        }
    }

    /// Strikes only request number `nth` of those it looks at, counted from 1.
    #[must_use]
    pub fn nth(self, nth: u64) -> Self {
        Self {
            when: When::Nth(nth),
            ..self
        }
    }

    /// Strikes request number `nth` of those it looks at, counted from 1, and all that follow.
    #[must_use]
    pub fn from_nth(self, nth: u64) -> Self {
        Self {
            when: When::From(nth),
            ..self
        }
    }

    /// Strikes every `n`th request of those it looks at.
    #[must_use]
    pub fn every(self, n: u64) -> Self {
        Self {
            when: When::Every(n.max(1)),
            ..self
        }
    }

    /// Strikes this share of the requests, drawn by a lot that the seed decides.
    #[must_use]
    pub fn chance(self, share: f64, seed: u64) -> Self {
        Self {
            when: When::Chance(share, Arc::new(Mutex::new(Rng::with_seed(seed)))),
            ..self
        }
    }

    /// Strikes no more often than this.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }

    /// What it does to a request; several actions happen in the order in which they are given.
    #[must_use]
    pub fn does(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }
}

/// A rule in force.
#[derive(Clone, Debug)]
pub struct Fault {
    live: Arc<Live>,
    faults: Faults,
}

impl Fault {
    /// How often it struck.
    pub fn struck(&self) -> u64 {
        self.live.struck.load(Relaxed)
    }

    /// Takes it out of force.
    pub fn lift(&self) {
        self.faults
            .write()
            .retain(|live| !Arc::ptr_eq(live, &self.live));
    }
}

/// A handle on the rules of one sandbox.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<RwLock<Vec<Arc<Live>>>>);

#[derive(Debug)]
struct Live {
    rule: Rule,
    seen: AtomicU64,
    struck: AtomicU64,
}

impl Faults {
    /// Puts a rule in force. Where several strike one request, all their actions happen, in the
    /// order in which the rules were added; of several answers the first is given.
    pub fn add(&self, rule: Rule) -> Fault {
        let live = Arc::new(Live {
            rule,
            seen: AtomicU64::new(0),
            struck: AtomicU64::new(0),
        });
        self.write().push(live.clone());
        Fault {
            live,
            faults: self.clone(),
        }
    }

    /// Takes all rules out of force.
    pub fn clear(&self) {
        self.write().clear();
    }

    /// What happens to this request.
    pub(super) fn strike(&self, target: Target) -> Vec<Action> {
        let rules = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let striking = rules.iter().filter(|live| live.strikes(target));
        striking
            .flat_map(|live| live.rule.actions.iter().cloned())
            .collect()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Arc<Live>>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// Counts the request where the rule looks at it; true where it strikes.
    fn strikes(&self, target: Target) -> bool {
        if !self.rule.on.matches(target) {
            return false;
        }
        let number = self.seen.fetch_add(1, Relaxed) + 1;
        let due = match &self.rule.when {
            When::Always => true,
            When::Nth(nth) => number == *nth,
            When::From(nth) => number >= *nth,
            When::Every(n) => number.is_multiple_of(*n),
            When::Chance(share, lot) => {
                lot.lock().unwrap_or_else(PoisonError::into_inner).f64() < *share
            }
        };
        let once_more = |struck| (struck < self.rule.times).then(|| struck + 1);
        due && self
            .struck
            .fetch_update(Relaxed, Relaxed, once_more)
            .is_ok()
    }
}
