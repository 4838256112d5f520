"""What is promised of a lake: its manifest, and its columns' types in SQL's words."""

import json
import pathlib
import sys

TEXT, INTEGER, FLAG = "VARCHAR", "BIGINT", "BOOLEAN"
INSTANT, DAY = "TIMESTAMP WITH TIME ZONE", "DATE"

FIELDS = {
    "name": TEXT,
    "tier_name": TEXT,
    "tier_id": TEXT,
    "subscription_status": TEXT,
    "subscription_enabled": FLAG,
    "member_count": INTEGER,
    "created_at": INSTANT,
    "created_date": DAY,
    "owner_user_id": TEXT,
}

CURRENT = {
    "id": TEXT,
    **FIELDS,
    "first_seen_at": INSTANT,
    "changed_at": INSTANT,
    "detail_verified_at": INSTANT,
    "unlisted_since": INSTANT,
}

TABLES = {
    "current": CURRENT,
    "customers_snapshot": CURRENT,
    "customers_changes": {
        "id": TEXT,
        "op": TEXT,
        "changed_at": INSTANT,
        "not_before": INSTANT,
        **FIELDS,
        **{f"old_{name}": kind for name, kind in FIELDS.items()},
        "run_id": TEXT,
    },
    "customers_history": {
        "id": TEXT,
        **FIELDS,
        "op": TEXT,
        "valid_from": INSTANT,
        "valid_to": INSTANT,
        "is_current": FLAG,
        "not_before": INSTANT,
        "run_id": TEXT,
    },
    "customers_daily": {
        "date": DAY,
        "tier_name": TEXT,
        "subscription_status": TEXT,
        "subscription_enabled": FLAG,
        "customers": INTEGER,
        "members": INTEGER,
    },
}

GLOBS = {
    "current": "current/customers.parquet",
    "customers_snapshot": "customers_snapshot/*/*.parquet",
    "customers_changes": "customers_changes/*/*.parquet",
    "customers_history": "customers_history/*.parquet",
    "customers_daily": "customers_daily/*.parquet",
    "runs": "runs/*.parquet",
}

IDS = ("id", "run_id")

# What Spark calls these types.
SPARK_KINDS = {TEXT: "string", INTEGER: "bigint", FLAG: "boolean", INSTANT: "timestamp", DAY: "date"}


class Lake:
    """A lake's folder and what its manifest says."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.manifest = json.loads((self.folder / "manifest.json").read_text())
        self.native_ids = self.manifest["uuid_encoding"] == "native"

    def files(self, table):
        return [entry for entry in self.manifest["files"] if entry["table"] == table]

    def rows(self, table):
        return sum(entry["rows"] for entry in self.files(table))

    def glob(self, table):
        return str(self.folder / GLOBS[table])

    def columns(self, table, id_kind):
        """The columns' types; ids are of `id_kind` where they are native."""
        kind = id_kind if self.native_ids else TEXT
        return {
            name: kind if name in IDS else of_column
            for name, of_column in TABLES[table].items()
        }


def lake_of_arguments():
    return Lake(sys.argv[1])


def same(found, expected, what):
    if found != expected:
        raise SystemExit(f"{what}:\n  found    {found!r}\n  expected {expected!r}")
