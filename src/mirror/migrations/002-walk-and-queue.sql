-- The tables that are twsync's own: what it remembers, the ledger of a walk, what is to be fetched.

CREATE TABLE memory (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    requests_per_second REAL,
    not_before TEXT,
    h3_broken_at TEXT,
    h4_broken_at TEXT,
    baseline_done INTEGER NOT NULL DEFAULT 0,
    last_complete_as_of TEXT,
    count INTEGER NOT NULL DEFAULT 0,
    next_row INTEGER NOT NULL
);
-- Rows that an older schema holds keep their numbers.
INSERT INTO memory (one, next_row) SELECT 1, coalesce(max(row), 0) + 1 FROM customers;

-- The walk that is open, and the last one that ended, which keeps its line and no ledger.
CREATE TABLE walks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL,
    started_at TEXT NOT NULL,
    dialect TEXT NOT NULL,
    page_size INTEGER NOT NULL,
    known_alive BLOB NOT NULL,
    ended_at TEXT,
    grade TEXT,
    as_of TEXT
);
CREATE UNIQUE INDEX walks_open ON walks (ended_at IS NULL) WHERE ended_at IS NULL;

CREATE TABLE walk_lists (
    walk INTEGER NOT NULL REFERENCES walks (id),
    received INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    pass INTEGER NOT NULL,
    page INTEGER NOT NULL,
    pages INTEGER NOT NULL,
    total INTEGER,
    received_at TEXT NOT NULL,
    content INTEGER NOT NULL,
    is_evidence INTEGER NOT NULL, -- 0: a cache answered
    page_size INTEGER,
    has_next INTEGER,
    rows BLOB NOT NULL,
    PRIMARY KEY (walk, received)
) WITHOUT ROWID;

CREATE TABLE walk_details (
    walk INTEGER NOT NULL REFERENCES walks (id),
    number INTEGER PRIMARY KEY,
    sent INTEGER NOT NULL,
    received INTEGER NOT NULL,
    rows BLOB NOT NULL
);

-- The fields are those of the list row that queued the customer; `listed` and `fingerprint` are
-- NULL, and all fields absent, where no list row did.
CREATE TABLE detail_queue (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
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
CREATE INDEX detail_queue_order ON detail_queue (reason, row);
