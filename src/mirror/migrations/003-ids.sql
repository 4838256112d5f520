-- One index of ids for all tables, and everything else by row number. Ids are random: each index of
-- them touches a page of its own for each customer, and in a backfill that was most of what was written.

-- Who has which row number, whether a list showed it, details came, or it only waits in the queue.
CREATE TABLE ids (
    id TEXT PRIMARY KEY NOT NULL,
    row INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO ids (id, row)
SELECT id, row FROM customers UNION SELECT id, row FROM detail_queue;

CREATE TABLE kept (
    row INTEGER PRIMARY KEY, -- given when first listed, never given again
    id TEXT NOT NULL,
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
INSERT INTO kept
SELECT row, id, name, tier_name, tier_id, subscription_status, subscription_enabled, member_count,
    created_at, owner_user_id, extra, absent, first_seen_at, changed_at, detail_verified_at,
    unlisted_since, deleted_at, listed_fingerprint
FROM customers;

CREATE TABLE kept_versions (
    row INTEGER NOT NULL REFERENCES kept (row),
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
INSERT INTO kept_versions
SELECT row, valid_from, valid_to, not_before, op, run_id, name, tier_name, tier_id,
    subscription_status, subscription_enabled, member_count, created_at, owner_user_id, extra, absent
FROM versions;

DROP VIEW customer_versions;
DROP TABLE versions;
DROP TABLE customers;
ALTER TABLE kept_versions RENAME TO versions;

-- What is due, the oldest first; also the fastest way to all rows that live.
CREATE INDEX kept_alive ON kept (detail_verified_at) WHERE deleted_at IS NULL;
CREATE INDEX kept_deleted ON kept (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX kept_unlisted ON kept (unlisted_since) WHERE unlisted_since IS NOT NULL;
CREATE UNIQUE INDEX versions_open ON versions (row) WHERE valid_to IS NULL;
CREATE INDEX versions_in_time ON versions (valid_from);

-- By id both are found through `ids`.
CREATE VIEW customers AS
SELECT
    kept.id,
    kept.name,
    kept.tier_name,
    kept.tier_id,
    kept.subscription_status,
    kept.subscription_enabled,
    kept.member_count,
    kept.created_at,
    kept.owner_user_id,
    kept.extra,
    kept.first_seen_at,
    kept.changed_at,
    kept.detail_verified_at,
    kept.unlisted_since,
    kept.deleted_at
FROM kept JOIN ids ON ids.id = kept.id AND ids.row = kept.row;

CREATE VIEW customer_versions AS
SELECT
    kept.id AS customer_id,
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
FROM versions
    JOIN kept ON kept.row = versions.row
    JOIN ids ON ids.id = kept.id AND ids.row = kept.row;

CREATE TABLE queue (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    reason INTEGER NOT NULL,
    queued_at TEXT NOT NULL,
    absent_until TEXT, -- the newest complete walk before that
    listed INTEGER, -- the interval counter when the list row had been received
    fingerprint INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    name TEXT,
    tier_name TEXT,
    tier_id TEXT,
    subscription_status TEXT,
    subscription_enabled INTEGER,
    member_count INTEGER,
    created_at TEXT,
    owner_user_id TEXT,
    extra TEXT,
    absent INTEGER NOT NULL
);
INSERT INTO queue
SELECT row, id, reason, queued_at, absent_until, listed, fingerprint, attempts, last_error, name,
    tier_name, tier_id, subscription_status, subscription_enabled, member_count, created_at,
    owner_user_id, extra, absent
FROM detail_queue;
DROP TABLE detail_queue;
ALTER TABLE queue RENAME TO detail_queue;
CREATE INDEX detail_queue_order ON detail_queue (reason, row);
