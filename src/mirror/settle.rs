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
use super::versions::{self, Op};
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
    /// What is to be said of that.
    pub nature: Nature,
    /// Why it was queued, where it was.
    pub was_queued: Option<Reason>,
    /// It is still queued: to be asked again next run, or because the list has shown something
    /// newer after these details were asked for.
    pub still_queued: bool,
}

/// What is to be said of what settling one customer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Nothing.
    Plain,
    /// It came and went between two looks: the version before the one that was written was written with
    /// it, and is its first.
    FirstAndLast,
    /// What changed is in no row of the list.
    Hidden,
    /// Another program had changed the customer; it is again as the server says.
    Mended,
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
        let is_found = matches!(outcome, Settlement::Found(_) | Settlement::Unlisted(_));
        let is_mended = is_found && before.is_unsound();
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
            nature: match version {
                Some(Op::Delete) if before.kept.is_none() => Nature::FirstAndLast,
                Some(Op::Update) if is_hidden => Nature::Hidden,
                None if is_mended => Nature::Mended,
                _ => Nature::Plain,
            },
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
        let mut kept = self.turn(before, customer);
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
        self.write(before.kept.as_ref(), &kept)
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
        let kept = self.turn(before, customer);
        if !begins_a_version(before.kept.as_ref(), &kept) {
            return Ok(None);
        }
        self.write(before.kept.as_ref(), &kept)
    }

    /// It is gone. One that a list showed and nobody ever kept has lived all the same: it gets its
    /// first version, of when it was listed, and then its last.
    fn deleted(
        &self,
        before: &Before,
        not_before: Option<Timestamp>,
    ) -> rusqlite::Result<Option<Op>> {
        let not_before = not_before.filter(|_| before.kept.is_some());
        let last = match (&before.kept, &before.queued) {
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
                let mut kept = self.turn(before, listed.customer.clone());
                kept.changed_at = *queued_at;
                self.write(None, &kept)?;
                kept
            }
            (None, _) => return Ok(None),
        };
        let verified = last_verified(&last).max(last.changed_at);
        // Who was asked for in vain since may have been missing then.
        let queued_in_vain = before.queued.as_ref().is_some_and(|it| it.asked_in_vain);
        let in_vain =
            queued_in_vain || due::was_asked_in_vain(self.connection, before.row, verified)?;
        let seen = not_before.filter(|_| !in_vain);
        let not_before = seen.map_or(verified, |seen| seen.max(verified));
        let changed_at = versions::later(last.changed_at, before.at);
        let gone = Kept {
            changed_at,
            op: Op::Delete,
            not_before: Some(not_before),
            run: self.run,
            deleted_at: Some(changed_at),
            unlisted_since: None,
            ..last.clone()
        };
        self.write(Some(&last), &gone)
    }

    /// The customer with these fields, alive: in the version that holds, or in a new one. What another
    /// program has changed is put right where it stands: no change of the customer's is known of.
    fn turn(&self, before: &Before, customer: Customer) -> Kept {
        let queued = before.queued.as_ref();
        let absent_until = queued.map_or(self.last_complete_as_of, |queued| queued.absent_until);
        let Some(kept) = &before.kept else {
            let not_before = absent_until.filter(|_| self.first == Op::Insert);
            return Kept {
                row: before.row,
                customer,
                first_seen_at: queued.map_or(before.at, |queued| queued.queued_at),
                changed_at: before.at,
                op: self.first,
                not_before,
                run: self.run,
                detail_verified_at: None,
                unlisted_since: None,
                deleted_at: None,
                listed_fingerprint: None,
                is_sound: true,
            };
        };
        let (op, verified) = if kept.deleted_at.is_some() {
            (Op::Undelete, absent_until)
        } else if kept.is_sound && !versions::same_fields(&kept.customer, &customer) {
            (Op::Update, Some(last_verified(kept)))
        } else {
            return Kept {
                customer,
                ..kept.clone()
            };
        };
        let changed_at = versions::later(kept.changed_at, before.at);
        let not_before = verified.unwrap_or(kept.changed_at).max(kept.changed_at);
        Kept {
            customer,
            changed_at,
            op,
            not_before: Some(not_before),
            run: self.run,
            deleted_at: None,
            ..kept.clone()
        }
    }

    /// Puts the customer in the place of what was kept of it, whose version ends where a new one
    /// begins. Answers what happened to begin a new one.
    fn write(&self, before: Option<&Kept>, kept: &Kept) -> rusqlite::Result<Option<Op>> {
        let is_new_version = begins_a_version(before, kept);
        if before.is_none() {
            customers::insert(self.connection, kept)?;
        } else {
            if is_new_version {
                versions::end(self.connection, kept.row, kept.changed_at)?;
            }
            customers::update(self.connection, kept)?;
        }
        Ok(is_new_version.then_some(kept.op))
    }
}

fn begins_a_version(before: Option<&Kept>, kept: &Kept) -> bool {
    before.is_none_or(|before| before.changed_at != kept.changed_at)
}

impl Before {
    /// Whether it lives, and another program has changed what is kept of it.
    fn is_unsound(&self) -> bool {
        let kept = self.kept.as_ref();
        kept.is_some_and(|kept| kept.deleted_at.is_none() && !kept.is_sound)
    }

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
