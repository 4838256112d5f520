//! The tables of the lake: which there are, and of which columns each is made.
//!
//! The one place where a column is declared. A field promoted out of the mirror's `extra` becomes a
//! new nullable column at the end of [`FIELDS`], and [`SCHEMA_VERSION`] goes up; no type ever
//! changes.

use super::column::{Column, Kind, Packing};

/// The version of all tables' columns together. It goes up when a column is added.
pub const SCHEMA_VERSION: u32 = 1;

/// A table that readers see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// The living customers, now.
    Current,
    /// The living customers at the end of each day.
    Snapshot,
    /// One row a change.
    Changes,
    /// One row a version.
    History,
    /// Customers and members by day and group.
    Daily,
    /// One row a run.
    Runs,
}

impl Table {
    /// All of them, in the order in which documents show them.
    pub const ALL: [Self; 6] = [
        Self::Current,
        Self::Snapshot,
        Self::Changes,
        Self::History,
        Self::Daily,
        Self::Runs,
    ];

    /// The table's folder in the lake.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Snapshot => "customers_snapshot",
            Self::Changes => "customers_changes",
            Self::History => "customers_history",
            Self::Daily => "customers_daily",
            Self::Runs => "runs",
        }
    }

    /// The name of the view in `analytics.sql`.
    pub const fn view(self) -> &'static str {
        match self {
            Self::Current => "customers",
            other => other.folder(),
        }
    }

    /// The table of that folder, if it is one.
    pub fn of_folder(folder: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.folder() == folder)
    }

    /// The column that stands in the folders' names and not in the files, if there is one.
    pub const fn partition(self) -> Option<Column> {
        match self {
            Self::Snapshot => Some(SNAPSHOT_DATE),
            Self::Changes => Some(MONTH),
            Self::Current | Self::History | Self::Daily | Self::Runs => None,
        }
    }

    /// What the table holds, in a sentence or two for an analyst.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Current => "The living customers in their latest state, one row each.",
            Self::Snapshot => {
                "The living customers at the end of each day (UTC), one row a customer and day; \
                 today's file shows the day so far."
            }
            Self::Changes => {
                "What changed, one row a change, with every field after and before it; rows with op \
                 'baseline' are the customers that were there when twsync first looked."
            }
            Self::History => {
                "Every version of every customer, one row a version, valid from valid_from until \
                 just before valid_to; a version with op 'delete' says that there is no such customer \
                 any more, and holds its last values."
            }
            Self::Daily => {
                "How many customers and members there were at the end of each day (UTC), by tier, \
                 status and standing; today's rows show the day so far."
            }
            Self::Runs => "Every run of twsync: what it was asked, how it ended, what it proved.",
        }
    }

    /// The columns, in the order in which they stand in the file.
    pub fn columns(self) -> Vec<Column> {
        match self {
            Self::Current | Self::Snapshot => state(),
            Self::Changes => changes(),
            Self::History => history(),
            Self::Daily => DAILY.to_vec(),
            Self::Runs => runs(),
        }
    }

    /// The columns by which the rows are sorted, ascending.
    pub const fn order(self) -> &'static [&'static str] {
        match self {
            Self::Current | Self::Snapshot => &["created_at", "id"],
            Self::History => &["created_at", "id", "valid_from"],
            Self::Changes => &["changed_at"],
            Self::Daily => &["date"],
            Self::Runs => &["started_at", "id"],
        }
    }

    /// The columns that together name one row of the table, its partition's among them where the
    /// others do not.
    pub const fn key(self) -> &'static [&'static str] {
        match self {
            Self::Current | Self::Runs => &["id"],
            Self::Snapshot => &["snapshot_date", "id"],
            Self::History => &["id", "valid_from"],
            Self::Changes => &["id", "changed_at"],
            Self::Daily => &[
                "date",
                "tier_name",
                "subscription_status",
                "subscription_enabled",
            ],
        }
    }
}

/// The customer's key, first in every table of customers.
const ID: Column = Column::listed("id", "id", Kind::Id)
    .required()
    .means("The customer's UUID, in lower case.");

/// The partition of [`Table::Snapshot`].
const SNAPSHOT_DATE: Column = Column::own("snapshot_date", Kind::Day)
    .required()
    .means("The day at whose end (UTC) the row held; today's rows show the day so far.");

/// The partition of [`Table::Changes`].
const MONTH: Column = Column::own("month", Kind::Text)
    .required()
    .means("The month (UTC) in which twsync found the change, in the form 2026-02.");

/// When the customer was created.
const CREATED_AT: Column = Column::listed("created_at", "createdAt", Kind::Instant)
    .means("When the customer was created.");

/// The fields that the API declares, apart from the key.
pub(super) const FIELDS: [Column; 9] = [
    Column::listed("name", "name", Kind::Text)
        .packed(Packing::Lengths)
        .means("The customer's display name, byte for byte as the API sent it."),
    Column::listed("tier_name", "tierName", Kind::Text)
        .means("The name of the subscription's tier; its case is the API's."),
    Column::details("tier_id", "tierID", Kind::Text).means("The UUID of the subscription's tier."),
    Column::listed("subscription_status", "subscriptionStatus", Kind::Text).means(
        "Stripe's status of the subscription, such as active, past_due, canceled, trialing.",
    ),
    Column::details("subscription_enabled", "subscriptionEnabled", Kind::Flag)
        .means("Whether the subscription is active and in good standing."),
    Column::listed("member_count", "memberCount", Kind::Integer)
        .packed(Packing::Dictionary)
        .counts("members")
        .means("How many team members the account has."),
    CREATED_AT,
    Column::listed("created_date", "createdAt", Kind::Day)
        .means("The day (UTC) on which the customer was created."),
    Column::details("owner_user_id", "ownerUserID", Kind::Text)
        .packed(Packing::Random)
        .means("The UUID of the account's owner."),
];

fn state() -> Vec<Column> {
    let mut columns = vec![ID];
    columns.extend(FIELDS);
    columns.extend([
        Column::own("first_seen_at", Kind::Instant)
            .required()
            .means("When twsync first took the customer in."),
        Column::own("changed_at", Kind::Instant)
            .required()
            .means("When twsync found the newest change of a declared field."),
        Column::own("detail_verified_at", Kind::Instant).means(
            "When the customer's details were last asked for and answered; null while only the \
             list is known. In a past day's file that had to be rebuilt from the versions: when \
             they were so at the earliest.",
        ),
        Column::own("unlisted_since", Kind::Instant).means(
            "Since when the customer is alive although a complete list does not show it; null \
             for all others.",
        ),
    ]);
    columns
}

fn history() -> Vec<Column> {
    let mut columns = vec![ID];
    columns.extend(FIELDS);
    columns.extend([
        op(),
        Column::own("valid_from", Kind::Instant)
            .required()
            .means("When twsync found the customer so: the version's first instant."),
        Column::own("valid_to", Kind::Instant)
            .means("The first instant at which the version no longer held; null while it holds."),
        Column::own("is_current", Kind::Flag)
            .required()
            .means("Whether the version still holds: valid_to is null."),
        not_before(),
        run_id(),
    ]);
    columns
}

fn changes() -> Vec<Column> {
    let mut columns = vec![
        ID,
        op(),
        Column::own("changed_at", Kind::Instant)
            .required()
            .means("When twsync found the change: it happened at that instant at the latest."),
        not_before(),
    ];
    columns.extend(FIELDS);
    columns.extend(FIELDS.map(Column::before));
    columns.push(run_id());
    columns
}

fn op() -> Column {
    Column::own("op", Kind::Text).required().means(
        "What happened: baseline (already there when twsync first looked), insert, update, \
         delete, undelete.",
    )
}

fn not_before() -> Column {
    Column::own("not_before", Kind::Instant).means(
        "When the state before was last verified: the change lies between then and the instant at \
         which it was found; null where nothing was known before.",
    )
}

fn run_id() -> Column {
    Column::own("run_id", Kind::Id)
        .packed(Packing::Dictionary)
        .required()
        .means("The run that found it.")
}

/// The columns of [`Table::Daily`].
const DAILY: [Column; 6] = [
    Column::own("date", Kind::Day)
        .required()
        .means("The day at whose end (UTC) the count holds."),
    Column::listed("tier_name", "tierName", Kind::Text).means("The tier of the customers counted."),
    Column::listed("subscription_status", "subscriptionStatus", Kind::Text)
        .means("The subscription's status of the customers counted."),
    Column::details("subscription_enabled", "subscriptionEnabled", Kind::Flag)
        .means("The standing of the customers counted."),
    Column::own("customers", Kind::Integer)
        .required()
        .counts("customers")
        .means("How many customers there were in the group."),
    Column::own("members", Kind::Integer)
        .required()
        .counts("members")
        .means("How many members they had together; an unknown count adds nothing."),
];

/// The counters of a run, each with what it counts and its meaning, in the order of
/// [`crate::report::Counts`].
const COUNTERS: [(&str, &str, &str); 18] = [
    ("pages", "pages", "List pages that were taken in."),
    (
        "list_requests",
        "requests",
        "List requests that went over the wire, retries not counted.",
    ),
    (
        "detail_requests",
        "requests",
        "Detail requests that went over the wire, retries not counted.",
    ),
    ("retries", "requests", "Requests that were sent again."),
    ("throttled", "answers", "Answers with status 429."),
    ("added", "customers", "Customers seen for the first time."),
    (
        "changed",
        "customers",
        "Customers of whom a declared field changed.",
    ),
    (
        "unchanged",
        "customers",
        "Listed customers that were as they had been.",
    ),
    (
        "reverified",
        "customers",
        "Details that were asked for again only because they were old.",
    ),
    (
        "reverified_changed",
        "customers",
        "Of those, how many had changed without a trace in the list.",
    ),
    ("deleted", "customers", "Customers marked deleted."),
    (
        "undeleted",
        "customers",
        "Customers that came back after having been marked deleted.",
    ),
    (
        "unlisted",
        "customers",
        "Customers that live although a proved list does not show them.",
    ),
    (
        "inaccessible",
        "customers",
        "Customers whose details the server refuses.",
    ),
    (
        "pending",
        "customers",
        "Customers whose details are still to be asked for.",
    ),
    (
        "held",
        "customers",
        "Customers whose deletion waits for a decision.",
    ),
    (
        "drift",
        "rows",
        "Rows seen to move from one page to another during the walk.",
    ),
    ("rejected", "rows", "Rows that could not be taken."),
];

fn runs() -> Vec<Column> {
    let mut columns = vec![
        Column::own("id", Kind::Id).required().means("The run's UUID (version 7: ids sort by when runs began)."),
        Column::own("started_at", Kind::Instant).required().means("When the run began."),
        Column::own("finished_at", Kind::Instant)
            .means("When it ended; null while it runs, or where it was killed."),
        Column::own("mode", Kind::Text)
            .required()
            .means("What it was asked to do: sync, full, refresh."),
        Column::own("outcome", Kind::Text).means(
            "How it ended: done, held (deletions wait for a decision), partial, failed; null while \
             it runs, or where it was killed.",
        ),
        Column::own("grade", Kind::Text).means(
            "How much its walk proved: complete (exactly the living customers), converged, partial; \
             null where there was no walk.",
        ),
        Column::own("as_of", Kind::Instant)
            .means("The instant that the grade speaks of; null where nothing was proved."),
        Column::own("reason", Kind::Text).means("Why it did not end as done, in one line."),
    ];
    columns.extend(COUNTERS.map(|(name, things, meaning)| {
        Column::own(name, Kind::Integer)
            .required()
            .counts(things)
            .means(meaning)
    }));
    columns
}
