"""Reads while generations are published, until the file that it is given appears.

Each generation adds one version to one customer, and each run one row to `runs`. So in one generation
the newest version's number of members says how many changes there are, whatever table is asked.
A query that fails loudly is run again; one that answers must answer from one generation.
"""

import pathlib
import sys

import duckdb
import polars as pl

from promise import GLOBS, lake_of_arguments, same

lake = lake_of_arguments()
stop = pathlib.Path(sys.argv[2])


def with_duckdb():
    connection = duckdb.connect()
    changes = connection.execute(f"""
        SELECT count(*), max(member_count), count(DISTINCT run_id)
        FROM read_parquet('{lake.folder}/{GLOBS["customers_changes"]}')
        WHERE op = 'update'""").fetchone()
    return changes, connection.execute(f"SELECT count(*) FROM '{lake.glob('current')}'").fetchone()[0]


def with_polars():
    updates = pl.scan_parquet(lake.glob("customers_changes")).filter(pl.col("op") == "update")
    changes = updates.select(pl.len(), pl.col("member_count").max(), pl.col("run_id").n_unique()).collect()
    return changes.row(0), pl.scan_parquet(lake.glob("current")).select(pl.len()).collect().item()


READERS = {"duckdb": (with_duckdb, duckdb.Error), "polars": (with_polars, (pl.exceptions.PolarsError, OSError))}
read, failure = READERS[sys.argv[3]]

answers, failures = set(), 0
while not stop.exists():
    try:
        (changes, newest, runs), current = read()
    except failure:
        failures += 1
        continue
    same(changes, runs, "changes, of as many runs")
    same(newest or 1000, 1000 + changes, "the newest change is the last that there is")
    same(current, lake.rows("current"), "customers")
    answers.add(changes)

same(len(answers) > 2, True, f"it saw several generations ({len(answers)}, {failures} failures)")
