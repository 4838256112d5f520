-- The tables that users query. Their names and columns are promises: add, never rename or drop.
--
-- A time is RFC 3339 text in UTC with exactly six decimals, so that the order of the text is the
-- order in time. Bit n of `absent` tells a field that was missing from the API's object from one
-- that was null; both are NULL in its column.

PRAGMA application_id = 0x74777379; -- "twsy": whose file this is

CREATE TABLE customers (
    row INTEGER PRIMARY KEY, -- given when first listed, never given again
    id TEXT NOT NULL UNIQUE,
    name TEXT,
    tier_name TEXT,
    tier_id TEXT,
    subscription_status TEXT,
    subscription_enabled INTEGER CHECK (subscription_enabled IN (0, 1)),
    member_count INTEGER,
    created_at TEXT,
    owner_user_id TEXT,
    extra TEXT,
    absent INTEGER NOT NULL,
    first_seen_at TEXT NOT NULL,
    changed_at TEXT NOT NULL, -- valid_from of the open version
    detail_verified_at TEXT,
    unlisted_since TEXT,
    deleted_at TEXT,
    listed_fingerprint INTEGER -- of the list row after which the details were fetched
);
-- What is due, the oldest first; also the fastest way to all rows that live.
CREATE INDEX customers_alive ON customers (detail_verified_at) WHERE deleted_at IS NULL;
CREATE INDEX customers_deleted ON customers (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX customers_unlisted ON customers (unlisted_since) WHERE unlisted_since IS NOT NULL;

CREATE TABLE versions (
    row INTEGER NOT NULL REFERENCES customers (row),
    valid_from TEXT NOT NULL,
    valid_to TEXT CHECK (valid_to > valid_from),
    not_before TEXT CHECK (not_before <= valid_from),
    op TEXT NOT NULL CHECK (op IN ('baseline', 'insert', 'update', 'delete', 'undelete')),
    run_id TEXT NOT NULL,
    name TEXT,
    tier_name TEXT,
    tier_id TEXT,
    subscription_status TEXT,
    subscription_enabled INTEGER,
    member_count INTEGER,
    created_at TEXT,
    owner_user_id TEXT,
    extra TEXT,
    absent INTEGER NOT NULL,
    PRIMARY KEY (row, valid_from)
) WITHOUT ROWID;
CREATE UNIQUE INDEX versions_open ON versions (row) WHERE valid_to IS NULL;
CREATE INDEX versions_in_time ON versions (valid_from);

CREATE VIEW customer_versions AS
SELECT
    customers.id AS customer_id,
    versions.name,
    versions.tier_name,
    versions.tier_id,
    versions.subscription_status,
    versions.subscription_enabled,
    versions.member_count,
    versions.created_at,
    versions.owner_user_id,
    versions.extra,
    versions.op,
    versions.valid_from,
    versions.valid_to,
    versions.not_before,
    versions.run_id
FROM versions JOIN customers USING (row);

CREATE TABLE runs (
    id TEXT PRIMARY KEY NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    mode TEXT NOT NULL,
    outcome TEXT,
    grade TEXT,
    as_of TEXT,
    reason TEXT,
    pages INTEGER NOT NULL,
    list_requests INTEGER NOT NULL,
    detail_requests INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    throttled INTEGER NOT NULL,
    added INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    unchanged INTEGER NOT NULL,
    reverified INTEGER NOT NULL,
    reverified_changed INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    undeleted INTEGER NOT NULL,
    unlisted INTEGER NOT NULL,
    inaccessible INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    held INTEGER NOT NULL,
    drift INTEGER NOT NULL,
    rejected INTEGER NOT NULL
) WITHOUT ROWID;

-- One row for each different thing that came; `at` and `run_id` are of the last time that it came.
CREATE TABLE rejected (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    digest INTEGER NOT NULL UNIQUE,
    raw TEXT NOT NULL,
    why TEXT NOT NULL,
    at TEXT NOT NULL,
    run_id TEXT NOT NULL,
    first_at TEXT NOT NULL,
    times INTEGER NOT NULL
);
