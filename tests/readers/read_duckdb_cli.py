"""DuckDB's own program: `duckdb -init …/analytics.sql`, started in a folder that has nothing to do with the lake."""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from promise import TABLES, lake_of_arguments, same

lake = lake_of_arguments()
beside_python = pathlib.Path(sys.executable).parent / "duckdb"
program = str(beside_python) if beside_python.exists() else shutil.which("duckdb")
if program is None:
    sys.exit("there is no program duckdb: pip install duckdb-cli, or duckdb.org")


def ask(query):
    """The rows of the answer, each a dictionary."""
    script = (lake.folder / "analytics.sql").resolve()
    with tempfile.TemporaryDirectory() as elsewhere:
        said = subprocess.run(
            [program, "-init", str(script), "-json", "-c", query],
            cwd=elsewhere, check=True, capture_output=True, text=True)
    same(said.stderr.lower().count("error"), 0, f"errors of {query}: {said.stderr}")
    return json.loads(said.stdout)


VIEWS = {table: "customers" if table == "current" else table for table in [*TABLES, "runs"]}

for table, view in VIEWS.items():
    same(ask(f"SELECT count(*) AS n FROM {view}"), [{"n": lake.rows(table)}], f"rows of view {view}")
same(ask("SELECT current_setting('TimeZone') AS zone"), [{"zone": "UTC"}], "session's zone")
same(
    ask("SELECT count(*) AS n FROM customers_as_of(now())"),
    [{"n": lake.rows("current")}], "customers as of now")
bare = "SELECT view_name FROM duckdb_views() WHERE NOT internal AND comment IS NULL ORDER BY ALL"
same(ask(f"SELECT count(*) AS n FROM ({bare})"), [{"n": 0}], "views without a comment")
