"""Polars: lazy scans of globs and partitions. Native ids come as bytes."""

import polars as pl

from promise import DAY, FLAG, INSTANT, INTEGER, TABLES, TEXT, lake_of_arguments, same

lake = lake_of_arguments()

KINDS = {
    TEXT: pl.String,
    INTEGER: pl.Int64,
    FLAG: pl.Boolean,
    INSTANT: pl.Datetime("us", "UTC"),
    DAY: pl.Date,
}

for table in TABLES:
    frame = pl.scan_parquet(lake.glob(table), hive_partitioning=False).collect()
    same(frame.height, lake.rows(table), f"rows of {table}")
    for name, kind in TABLES[table].items():
        is_id = lake.native_ids and name in ("id", "run_id")
        if is_id:
            same(frame.schema[name] in (pl.Binary, pl.Object) or "uuid" in str(frame.schema[name]).lower(), True, f"type of {name}: {frame.schema[name]}")
        else:
            same(frame.schema[name], KINDS[kind], f"type of {table}.{name}")

days = pl.scan_parquet(lake.folder / "customers_snapshot", hive_partitioning=True)
found = days.select(pl.col("snapshot_date").cast(pl.String)).unique().collect()
expected = {entry["part"] for entry in lake.files("customers_snapshot") if entry["rows"]}
same(set(found.to_series().to_list()), expected, "days with a snapshot")
