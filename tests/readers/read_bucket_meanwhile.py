"""Reads a lake in a bucket while generations are published, until the file that it is given appears.

Each generation adds one version to one customer, and each run one row to `runs`. So in one generation
the newest version's number of members says how many changes there are, whatever table is asked.
A failure that is loud is no mix, and the reader begins anew: a file is gone,
or goes while it is read, because two generations were published since the manifest was; or a manifest
ends too soon, because pyarrow asks for its length first, and a longer one took its place before it was read.
"""

import json
import pathlib
import sys

import pyarrow.compute as pc
import pyarrow.parquet

from bucket import Bucket
from promise import same

url, endpoint, stop = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])


def read(bucket, table, columns):
    tables = [
        pyarrow.parquet.ParquetFile(path, filesystem=bucket.files).read(columns) for path in bucket.paths(table)
    ]
    return pyarrow.concat_tables(tables)


generations, failures = set(), 0
while not stop.exists():
    try:
        bucket = Bucket(url, endpoint)
        changes = read(bucket, "customers_changes", ["op", "member_count", "run_id"])
        history = read(bucket, "customers_history", ["op", "member_count", "is_current"])
        current = read(bucket, "current", ["id", "member_count"])
        runs = read(bucket, "runs", ["id"])
    except (OSError, json.JSONDecodeError):
        failures += 1
        continue
    updates = changes.filter(pc.field("op") == "update")
    newest = max(updates["member_count"].to_pylist(), default=1000)
    same(newest, 1000 + updates.num_rows, "the newest change is the last that there is")
    same(len(set(updates["run_id"].to_pylist())), updates.num_rows, "changes, of as many runs")
    same(pc.max(current["member_count"]).as_py(), max(newest, 39) if updates.num_rows else 39, "the state is the newest")
    same(pc.sum(history["is_current"]).as_py(), current.num_rows, "versions that hold, of as many customers")
    same(runs.num_rows, bucket.rows("runs"), "runs")
    same(runs.num_rows, 1 + updates.num_rows, "one run found all, each other one a change")
    generations.add(bucket.manifest["generation"])

same(len(generations) > 2, True, f"it saw several generations ({len(generations)}, {failures} failures)")
print(f"saw {len(generations)} generations, {failures} times it failed aloud")
