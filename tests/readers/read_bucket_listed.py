"""Reads a lake in a bucket as an engine does that lists a table's folder itself, like Trino.

The command that the README has for such engines is run as it stands there, on the manifest that is published. DuckDB
stands in for the engine: it lists the folder, and has each row's file in a column `"$path"`.
"""

import json
import pathlib
import re
import sys

import duckdb
import jq
from fsspec.implementations.arrow import ArrowFSWrapper

from bucket import storage
from promise import same

url, endpoint = sys.argv[1:3]
README = pathlib.Path(__file__).parents[2] / "README.md"
command = re.search(r"jq -r --arg lake \S+ '([^']+)'", README.read_text())
connection = duckdb.connect()
connection.register_filesystem(ArrowFSWrapper(storage(endpoint)))


def one(query):
    return connection.execute(query).fetchone()[0]


text = one(f"SELECT content FROM read_text('{url}/manifest.json')")
view = jq.compile(command[1], args={"lake": f"{url}/"}).input_text(text).first()
connection.execute(
    f"""CREATE VIEW history_files AS
        SELECT * EXCLUDE filename, filename AS "$path"
        FROM read_parquet('{url}/customers_history/*.parquet', filename = true)"""
)
connection.execute(view)
rows = sum(entry["rows"] for entry in json.loads(text)["files"] if entry["table"] == "customers_history")
same(one("SELECT count(*) FROM history_files") > rows, True, "the folder has files of two generations")
same(one("SELECT count(*) FROM customers_history"), rows, "versions, by the view")
print(f"{view[:60]}… holds on to {rows} versions")
connection.close()
