"""Runs every query of examples/queries.sql on a lake and prints what comes out.

As `duckdb -init` would: through the lake's analytics.sql, from a folder of its own.
"""

import os
import pathlib
import sys
import tempfile

import duckdb

lake = pathlib.Path(sys.argv[1]).resolve()
cookbook = pathlib.Path(__file__).resolve().parents[2] / "examples" / "queries.sql"
ROWS_SHOWN = 12


def shown(value):
    return "-" if value is None else str(value)


with tempfile.TemporaryDirectory() as elsewhere:
    os.chdir(elsewhere)
    base = duckdb.connect()
    base.execute((lake / "analytics.sql").read_text())
    for query in cookbook.read_text().split("-- name: ")[1:]:
        name, sql = query.split("\n", 1)
        answer = base.sql(sql)
        rows = answer.fetchall()
        print(f"\n{name}")
        for row in [answer.columns, *rows[:ROWS_SHOWN]]:
            print("  " + " | ".join(map(shown, row)))
        if len(rows) > ROWS_SHOWN:
            print(f"  … {len(rows)} rows")
    os.chdir("/")
