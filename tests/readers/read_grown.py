"""A day of an older schema beside one of a newer: read by name, the new column is null in the old."""

import pathlib
import shutil
import tempfile

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet

from promise import lake_of_arguments, same

lake = lake_of_arguments()
OLD, NEW = "snapshot_date=2020-01-01", "snapshot_date=2020-01-02"


def grow(folder):
    """The current state as two days, the second with one column more."""
    source = lake.folder / "current" / "customers.parquet"
    for day in (OLD, NEW):
        (folder / day).mkdir()
    shutil.copy(source, folder / OLD / "a.parquet")
    table = pa.parquet.read_table(source)
    emails = pa.array(["someone@example.com"] * table.num_rows)
    pa.parquet.write_table(table.append_column("email", emails), folder / NEW / "b.parquet")
    return table.num_rows


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    rows = grow(folder)
    query = f"""
        SELECT snapshot_date::VARCHAR, count(*), count(email)
        FROM read_parquet('{folder}/*/*.parquet', union_by_name = true) GROUP BY 1 ORDER BY 1"""
    expected = [("2020-01-01", rows, 0), ("2020-01-02", rows, rows)]
    same(duckdb.execute(query).fetchall(), expected, "DuckDB's rows and emails by day")
    frame = pl.scan_parquet(f"{folder}/*/*.parquet", missing_columns="insert", extra_columns="ignore").collect()
    same(frame.height, 2 * rows, "Polars' rows")
    newest = pa.parquet.read_schema(folder / NEW / "b.parquet")
    dataset = pa.dataset.dataset(folder, schema=newest, partitioning="hive")
    same(dataset.to_table(columns=["email"]).column(0).null_count, rows, "pyarrow's nulls")

