"""DuckDB: analytics.sql of a lake below folders whose names look like partitions or patterns."""

import re

import duckdb
import pyarrow.compute
import pyarrow.parquet

from promise import TABLES, lake_of_arguments, same

PARTITIONS = {"customers_snapshot": {"snapshot_date": "DATE"}, "customers_changes": {"month": "VARCHAR"}}

lake = lake_of_arguments()
connection = duckdb.connect()
connection.execute((lake.folder / "analytics.sql").read_text())


def rows(query):
    return connection.execute(query).fetchall()


def check_columns():
    for table in TABLES:
        view = "customers" if table == "current" else table
        found = [(name, kind) for name, kind, *_ in rows(f"DESCRIBE {view}")]
        expected = lake.columns(table, "UUID") | PARTITIONS.get(table, {})
        same(found, list(expected.items()), f"columns of view {view}")
        same(rows(f"SELECT count(*) FROM {view}"), [(lake.rows(table),)], f"rows of view {view}")


def check_partitions():
    for table, column, width in (("customers_snapshot", "snapshot_date", 10), ("customers_changes", "month", 7)):
        expected = {}
        for entry in lake.files(table):
            part = entry["part"][:width]
            expected[part] = expected.get(part, 0) + entry["rows"]
        found = rows(f"SELECT {column}::VARCHAR, count(*) FROM {table} GROUP BY 1")
        same(dict(found), expected, f"rows by {column}")


def check_tiers():
    tiers = pyarrow.parquet.ParquetFile(lake.folder / "current" / "customers.parquet").read(["tier_name"])
    counts = pyarrow.compute.value_counts(tiers.column(0)).to_pylist()
    expected = {count["values"]: count["counts"] for count in counts}
    same(dict(rows("SELECT tier_name, count(*) FROM customers GROUP BY 1")), expected, "customers by tier")
    day = max(entry["part"] for entry in lake.files("customers_snapshot"))
    found = rows(f"SELECT tier_name, count(*) FROM customers_snapshot WHERE snapshot_date = '{day}' GROUP BY 1")
    same(dict(found), expected, f"customers by tier on {day}")


def check_pruning():
    """A filter by day reads that day's file and no other."""
    entries = lake.files("customers_snapshot")
    plan = rows(f"EXPLAIN ANALYZE SELECT count(name) FROM customers_snapshot WHERE snapshot_date = '{entries[0]['part']}'")
    scanned = re.findall(r"Scanning Files: (\S+)", plan[0][1])
    same(scanned, [f"1/{len(entries)}"], "files that a filter by day reads")


check_columns()
check_partitions()
check_tiers()
check_pruning()
