"""Runs every query of examples/queries.sql on a lake, through its analytics.sql, as `duckdb -init` would."""

import pathlib
import sys

import duckdb

lake = pathlib.Path(sys.argv[1])
cookbook = pathlib.Path(__file__).resolve().parents[2] / "examples" / "queries.sql"

base = duckdb.connect()
base.execute((lake / "analytics.sql").read_text())
queries = cookbook.read_text().split("-- name: ")[1:]
assert len(queries) >= 10, f"only {len(queries)} queries in the cookbook"
for query in queries:
    name, sql = query.split("\n", 1)
    rows = base.sql(sql).fetchall()
    print(f"{name}: {len(rows)} rows")
