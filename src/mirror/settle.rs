//! What comes of asking for details: a customer's row, its version, its place in the queue.
//!
//! The caller says what an answer means; what is decided here is only whether it differs from what
//! is kept, and so which version is written. Compared is with the row as it stands, over the fields
//! that the API declares: a field that nobody declared is kept, and changes nothing.

use jiff::Timestamp;
use roaring::RoaringBitmap;
use rusqlite::Connection;

use crate::customer::{Customer, CustomerId, Field, Interval, Rejected};
use crate::report::RunId;

use super::customers::{self, Kept};
use super::queue::{self, Entry, Reason};
use super::versions::{self, NewVersion, Op};
use super::{due, ledger, memory, rejected};

/// One customer that was asked for, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The customer's row number.
    pub row: u32,
    /// The customer.
    pub id: CustomerId,
    /// When the answer was made, on the interval counter.
    pub interval: Interval,
    /// When it was received.
    pub at: Timestamp,
    /// Whether it proves, where it was found, that the customer lived then: a cache's answer does not.
    pub is_sighting: bool,
    /// What came of it.
    pub outcome: Settlement,
}

/// What came of asking for a customer's details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// They are here. A version is written where a declared field differs.
    Found(Box<Customer>),
    /// They are here, though a proved list does not show the customer.
    Unlisted(Box<Customer>),
    /// The list shows it, its details can't be had: kept as the queued list row says, asked again.
    FromSummary {
        /// Why its details can't be had.
        why: String,
    },
    /// Its details came and could not be taken: they are kept aside, else as [`Self::FromSummary`].
    Rejected(Rejected),
    /// The server refuses its details: as [`Self::FromSummary`].
    Inaccessible {
        /// The server's words.
        said: String,
    },
    /// It is gone: a tombstone, with the last values.
    Deleted {
        /// When it was last seen alive, where the caller knows better than the mirror's own
        /// last verification.
        not_before: Option<Timestamp>,
    },
    /// Nothing came of it; it is asked again next run.
    Pending {
        /// What happened.
        why: String,
    },
}

/// What settling one customer did to the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The customer's row number.
    pub row: u32,
    /// The version that was written; none where no declared field changed.
    pub version: Option<Op>,
    /// It came and went between two looks: the version before that was written with it, and is its
    /// first.
    pub is_first_too: bool,
    /// What changed is in no row of the list.
    pub is_hidden: bool,
    /// Why it was queued, where it was.
    pub was_queued: Option<Reason>,
    /// It is still queued: to be asked again next run, or because the list has shown something
    /// newer after these details were asked for.
    pub still_queued: bool,
}

/// Takes in what came of a group of customers, and enters those that were found as one sighting.
pub(super) fn settle(
    connection: &Connection,
    walk: Option<i64>,
    run: RunId,
    details: Vec<Settled>,
) -> rusqlite::Result<Vec<Effect>> {
    let settling = Settling::begin(connection, run)?;
    let mut sightings: Option<(Interval, RoaringBitmap)> = None;
    let mut last = 0;
    let mut effects = Vec::with_capacity(details.len());
    for detail in details {
        last = last.max(detail.interval.received);
        if detail.is_sighting && matches!(detail.outcome, Settlement::Found(_)) {
            let (of_all, rows) =
                sightings.get_or_insert_with(|| (detail.interval, RoaringBitmap::new()));
            of_all.sent = of_all.sent.min(detail.interval.sent);
            of_all.received = of_all.received.max(detail.interval.received);
            rows.insert(detail.row);
        }
        effects.push(settling.settle(detail)?);
    }
    if effects
        .iter()
        .any(|effect| effect.version == Some(Op::Undelete))
    {
        memory::h3_broken(connection, run)?;
    }
    memory::counted(connection, last + 1)?;
    if let (Some(walk), Some((interval, rows))) = (walk, sightings) {
        ledger::enter_details(connection, walk, interval, rows)?;
    }
    Ok(effects)
}

/// What holds for all details of one transaction.
struct Settling<'t> {
    connection: &'t Connection,
    run: RunId,
    /// What a customer's first version says happened.
    first: Op,
    /// The instant of the newest complete walk.
    last_complete_as_of: Option<Timestamp>,
}

/// One customer as it stands before its answer is taken in.
struct Before {
    row: u32,
    at: Timestamp,
    kept: Option<Kept>,
    queued: Option<Entry>,
}

/// A version's op and its `not_before`.
type Change = (Op, Option<Timestamp>);

impl<'t> Settling<'t> {
    fn begin(connection: &'t Connection, run: RunId) -> rusqlite::Result<Self> {
        let memory = memory::read(connection)?;
        Ok(Self {
            connection,
            run,
            first: if memory.baseline_done {
                Op::Insert
            } else {
                Op::Baseline
            },
            last_complete_as_of: memory.last_complete_as_of,
        })
    }

    /// Takes in what came of one customer: its row, its version, its queue entry.
    fn settle(&self, detail: Settled) -> rusqlite::Result<Effect> {
        let Settled {
            row,
            id,
            interval,
            at,
            outcome,
            ..
        } = detail;
        let before = Before {
            row,
            at,
            kept: customers::read(self.connection, row, id)?,
            queued: queue::entry(self.connection, row, id)?,
        };
        let was_queued = before.queued.as_ref().map(|queued| queued.reason);
        let newest = before.holds_newest(interval);
        let is_hidden = before.hides_from_the_list(&outcome);
        let (version, answered) = match outcome {
            Settlement::Found(customer) => (self.found(&before, *customer, newest, false)?, true),
            Settlement::Unlisted(customer) => (self.found(&before, *customer, newest, true)?, true),
            Settlement::Deleted { not_before } => (self.deleted(&before, not_before)?, true),
            Settlement::FromSummary { why: said } | Settlement::Inaccessible { said } => {
                (self.listed(&before, &said)?, false)
            }
            Settlement::Rejected(raw) => {
                rejected::put(self.connection, self.run, at, &raw)?;
                (self.listed(&before, &raw.why)?, false)
            }
            Settlement::Pending { why } => {
                queue::note_attempt(self.connection, row, at, &why)?;
                (None, false)
            }
        };
        if was_queued.is_some() && answered && newest {
            queue::remove(self.connection, row)?;
        }
        let still_queued = was_queued.is_some() && !(answered && newest);
        Ok(Effect {
            row,
            version,
            is_first_too: version == Some(Op::Delete) && before.kept.is_none(),
            is_hidden: is_hidden && version == Some(Op::Update),
            was_queued,
            still_queued,
        })
    }

    /// Its details are here.
    fn found(
        &self,
        before: &Before,
        customer: Customer,
        newest: bool,
        unlisted: bool,
    ) -> rusqlite::Result<Option<Op>> {
        let (mut kept, change) = self.turn(before, customer);
        kept.detail_verified_at = Some(before.at);
        if unlisted {
            kept.unlisted_since = kept.unlisted_since.or(Some(before.at));
        }
        if let Some(listed) = before
            .queued
            .as_ref()
            .and_then(|queued| queued.listed.as_ref())
            && newest
        {
            kept.listed_fingerprint = Some(listed.fingerprint);
        }
        self.write(before.kept.is_some(), &kept, change)
    }

    /// All that there is of it is what the list says, where the list said anything. Against a
    /// tombstone that proves nothing: the list may be behind.
    fn listed(&self, before: &Before, why: &str) -> rusqlite::Result<Option<Op>> {
        queue::note_attempt(self.connection, before.row, before.at, why)?;
        let Some(listed) = before
            .queued
            .as_ref()
            .and_then(|queued| queued.listed.as_ref())
        else {
            return Ok(None);
        };
        let kept = before.kept.as_ref();
        if kept.is_some_and(|kept| kept.deleted_at.is_some()) {
            return Ok(None);
        }
        let customer = with_summary(kept.map(|kept| &kept.customer), &listed.customer);
        let (kept, change) = self.turn(before, customer);
        if change.is_none() {
            return Ok(None);
        }
        self.write(before.kept.is_some(), &kept, change)
    }

    /// It is gone. One that a list showed and nobody ever kept has lived all the same: it gets its
    /// first version, of when it was listed, and then its last.
    fn deleted(
        &self,
        before: &Before,
        not_before: Option<Timestamp>,
    ) -> rusqlite::Result<Option<Op>> {
        let not_before = not_before.filter(|_| before.kept.is_some());
        let mut kept = match (&before.kept, &before.queued) {
            (Some(kept), _) if kept.deleted_at.is_some() => return Ok(None),
            (Some(kept), _) => kept.clone(),
            (
                None,
                Some(Entry {
                    listed: Some(listed),
                    queued_at,
                    ..
                }),
            ) => {
                let (mut kept, change) = self.turn(before, listed.customer.clone());
                kept.changed_at = *queued_at;
                self.write(false, &kept, change)?;
                kept
            }
            (None, _) => return Ok(None),
        };
        let verified = last_verified(&kept).max(kept.changed_at);
        // Who was asked for in vain since may have been missing then.
        let queued_in_vain = before.queued.as_ref().is_some_and(|it| it.asked_in_vain);
        let in_vain =
            queued_in_vain || due::was_asked_in_vain(self.connection, before.row, verified)?;
        let seen = not_before.filter(|_| !in_vain);
        let not_before = seen.map_or(verified, |seen| seen.max(verified));
        kept.changed_at = versions::later(kept.changed_at, before.at);
        kept.deleted_at = Some(kept.changed_at);
        kept.unlisted_since = None;
        self.write(true, &kept, Some((Op::Delete, Some(not_before))))
    }

    /// The customer with these fields, alive, and which version that makes.
    fn turn(&self, before: &Before, customer: Customer) -> (Kept, Option<Change>) {
        let queued = before.queued.as_ref();
        let absent_until = queued.map_or(self.last_complete_as_of, |queued| queued.absent_until);
        let Some(kept) = &before.kept else {
            let kept = Kept {
                row: before.row,
                customer,
                first_seen_at: queued.map_or(before.at, |queued| queued.queued_at),
                changed_at: before.at,
                detail_verified_at: None,
                unlisted_since: None,
                deleted_at: None,
                listed_fingerprint: None,
            };
            let not_before = absent_until.filter(|_| self.first == Op::Insert);
            return (kept, Some((self.first, not_before)));
        };
        let op = if kept.deleted_at.is_some() {
            Some((Op::Undelete, absent_until))
        } else if !versions::same_fields(&kept.customer, &customer) {
            Some((Op::Update, Some(last_verified(kept))))
        } else {
            None
        };
        let change =
            op.map(|(op, at)| (op, Some(at.unwrap_or(kept.changed_at).max(kept.changed_at))));
        let mut next = Kept {
            customer,
            deleted_at: None,
            ..kept.clone()
        };
        if change.is_some() {
            next.changed_at = versions::later(kept.changed_at, before.at);
        }
        (next, change)
    }

    fn write(
        &self,
        exists: bool,
        kept: &Kept,
        change: Option<Change>,
    ) -> rusqlite::Result<Option<Op>> {
        if exists {
            customers::update(self.connection, kept)?;
        } else {
            customers::insert(self.connection, kept)?;
        }
        let Some((op, not_before)) = change else {
            return Ok(None);
        };
        let version = NewVersion {
            row: kept.row,
            customer: &kept.customer,
            op,
            valid_from: kept.changed_at,
            not_before,
            run: self.run,
        };
        versions::append(self.connection, &version)?;
        Ok(Some(op))
    }
}

impl Before {
    /// Whether all that these details show of the list's own fields is what is kept of them.
    fn hides_from_the_list(&self, outcome: &Settlement) -> bool {
        let (Some(kept), Settlement::Found(found)) = (&self.kept, outcome) else {
            return false;
        };
        let kept = &kept.customer;
        kept.name == found.name
            && kept.tier_name == found.tier_name
            && kept.subscription_status == found.subscription_status
            && kept.member_count == found.member_count
            && kept.created_at == found.created_at
    }

    /// True where no list row that is queued came after this was asked for. Details that were
    /// asked for earlier may be older than it, and must not stand for it.
    fn holds_newest(&self, interval: Interval) -> bool {
        let queued = self.queued.as_ref();
        let listed = queued.and_then(|queued| queued.listed.as_ref());
        listed.is_none_or(|listed| listed.received <= interval.sent)
    }
}

fn last_verified(kept: &Kept) -> Timestamp {
    kept.detail_verified_at.unwrap_or(kept.changed_at)
}

/// What is kept, with what the list says in its place. What the list does not speak of stays.
fn with_summary(kept: Option<&Customer>, listed: &Customer) -> Customer {
    let Some(kept) = kept else {
        return listed.clone();
    };
    let owner = match &listed.owner_user_id {
        Field::Absent => &kept.owner_user_id,
        said => said,
    };
    Customer {
        tier_id: kept.tier_id.clone(),
        subscription_enabled: kept.subscription_enabled.clone(),
        owner_user_id: owner.clone(),
        extra: kept.extra.clone(),
        ..listed.clone()
    }
}
