-- Customers that are not queued and whose details were asked for because they were old, and did not
-- come: when that was. A line that is older than the customer's own verification says nothing more.

CREATE TABLE asked_in_vain (
    row INTEGER PRIMARY KEY REFERENCES kept (row),
    at TEXT NOT NULL
);
CREATE INDEX asked_in_vain_order ON asked_in_vain (at, row);
