"""Reads while generations are published, until the file that it is given appears.

Each generation adds one version to one customer, and each run one row to `runs`. So in one generation
the newest version's number of members says how many changes there are, whatever table is asked.
A query that fails loudly is run again; one that answers must answer from one generation.
"""

import pathlib
import sys

import duckdb

from promise import GLOBS, lake_of_arguments, same

lake = lake_of_arguments()
stop = pathlib.Path(sys.argv[2])

QUERY = f"""
    SELECT count(*), max(member_count), count(DISTINCT run_id)
    FROM read_parquet('{lake.folder}/{GLOBS["customers_changes"]}')
    WHERE op = 'update'"""

connection = duckdb.connect()
answers, failures = set(), 0
while not stop.exists():
    try:
        changes, newest, runs = connection.execute(QUERY).fetchone()
        current = duckdb.connect().execute(f"SELECT count(*) FROM '{lake.glob('current')}'").fetchone()[0]
    except duckdb.Error:
        failures += 1
        continue
    same(changes, runs, "changes, of as many runs")
    same(newest or 1000, 1000 + changes, "the newest change is the last that there is")
    same(current, lake.rows("current"), "customers")
    answers.add(changes)

same(len(answers) > 2, True, f"it saw several generations ({len(answers)}, {failures} failures)")
