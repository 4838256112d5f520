"""DuckDB: analytics.sql where some files, and all of a table, were written before a column was added."""

import duckdb

from promise import DAY, TABLES, TEXT, lake_of_arguments, same

lake = lake_of_arguments()
connection = duckdb.connect()
connection.execute((lake.folder / "analytics.sql").read_text())


def columns(view):
    return [(name, kind) for name, kind, *_ in connection.execute(f"DESCRIBE {view}").fetchall()]


snapshot = TABLES["customers_snapshot"] | {"snapshot_date": DAY}
same(columns("customers_snapshot"), list(snapshot.items()), "columns of customers_snapshot")
changes = TABLES["customers_changes"] | {"month": TEXT}
same(columns("customers_changes"), list(changes.items()), "columns of customers_changes")
found = connection.execute(
    "SELECT snapshot_date::VARCHAR, count(*), count(owner_user_id) FROM customers_snapshot GROUP BY 1 ORDER BY 1"
).fetchall()
rows = {entry["part"]: entry["rows"] for entry in lake.files("customers_snapshot")}
expected = [(day, rows[day], 0 if day == "2026-01-30" else rows[day]) for day in sorted(rows)]
same(found, expected, "rows and owners by day")
found = connection.execute("SELECT count(*), count(owner_user_id), count(old_owner_user_id) FROM customers_changes")
same(found.fetchall(), [(lake.rows("customers_changes"), 0, 0)], "changes, and owners in them")
