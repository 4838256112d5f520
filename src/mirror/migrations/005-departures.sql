-- Who departs is remembered as it is heard, so that whoever takes up a run asks for nobody twice.

-- Those whom the open walk does not show and who were asked for.
CREATE TABLE walk_departures (
    walk INTEGER NOT NULL REFERENCES walks (id),
    row INTEGER NOT NULL,
    state INTEGER NOT NULL, -- 0: decided, 1: nothing came of it, 2: not found, and to be asked for again
    PRIMARY KEY (walk, row)
) WITHOUT ROWID;

-- Deletions that a person has released to this walk.
ALTER TABLE walks ADD COLUMN released INTEGER NOT NULL DEFAULT 0;

-- Customers that a proved list did not show and of whom the server would not speak.
CREATE TABLE inaccessible (
    row INTEGER PRIMARY KEY REFERENCES kept (row),
    since TEXT NOT NULL
);

-- In the order in which they are asked for: those who were asked for in vain are a stretch of their own.
DROP INDEX detail_queue_order;
CREATE INDEX detail_queue_order ON detail_queue (attempts > 0, reason, row);
