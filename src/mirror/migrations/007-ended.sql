-- The version that holds of a customer is the customer's own row, and only those that ended have rows
-- of their own. A backfill writes each customer once and not twice, and what is published after few
-- changes is read without a join. What tells a row that another program has changed is its seal.

ALTER TABLE kept ADD COLUMN op TEXT NOT NULL DEFAULT 'baseline'
    CHECK (op IN ('baseline', 'insert', 'update', 'delete', 'undelete'));
ALTER TABLE kept ADD COLUMN not_before TEXT CHECK (not_before <= changed_at);
ALTER TABLE kept ADD COLUMN run_id TEXT NOT NULL DEFAULT '';
ALTER TABLE kept ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
UPDATE kept SET (op, not_before, run_id) =
    (SELECT op, not_before, run_id FROM versions WHERE row = kept.row AND valid_to IS NULL);
UPDATE kept SET seal = seal_of(name, tier_name, tier_id, subscription_status, subscription_enabled,
    member_count, created_at, owner_user_id, extra, absent, op, changed_at, not_before, run_id);

CREATE TABLE ended (
    row INTEGER NOT NULL REFERENCES kept (row),
    valid_from TEXT NOT NULL,
    valid_to TEXT NOT NULL CHECK (valid_to > valid_from),
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
    seal INTEGER NOT NULL,
    PRIMARY KEY (row, valid_from)
) WITHOUT ROWID;
INSERT INTO ended
SELECT row, valid_from, valid_to, not_before, op, run_id, name, tier_name, tier_id,
    subscription_status, subscription_enabled, member_count, created_at, owner_user_id, extra, absent,
    seal_of(name, tier_name, tier_id, subscription_status, subscription_enabled, member_count,
        created_at, owner_user_id, extra, absent, op, valid_from, not_before, run_id)
FROM versions WHERE valid_to IS NOT NULL;

DROP VIEW customer_versions;
DROP TABLE versions;

CREATE INDEX kept_in_time ON kept (changed_at);
CREATE INDEX ended_in_time ON ended (valid_from);

-- Both parts have columns of the same kinds, so that a query of the view is one of each part.
CREATE VIEW versions AS
SELECT row, id, changed_at AS valid_from, CAST(NULL AS TEXT) AS valid_to, not_before, op, run_id,
    name, tier_name, tier_id, subscription_status, subscription_enabled, member_count, created_at,
    owner_user_id, extra, absent, seal
FROM kept
UNION ALL
SELECT ended.row, kept.id, ended.valid_from, ended.valid_to, ended.not_before, ended.op, ended.run_id,
    ended.name, ended.tier_name, ended.tier_id, ended.subscription_status, ended.subscription_enabled,
    ended.member_count, ended.created_at, ended.owner_user_id, ended.extra, ended.absent, ended.seal
FROM ended CROSS JOIN kept ON kept.row = ended.row;

CREATE VIEW customer_versions AS
SELECT
    versions.id AS customer_id,
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
FROM versions JOIN ids ON ids.id = versions.id AND ids.row = versions.row;
