"""pyarrow: schema with its metadata, hive partitions as a dataset, footers."""

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet

from promise import DAY, FLAG, INSTANT, INTEGER, TABLES, TEXT, lake_of_arguments, same

lake = lake_of_arguments()

KINDS = {
    TEXT: pa.string(),
    INTEGER: pa.int64(),
    FLAG: pa.bool_(),
    INSTANT: pa.timestamp("us", tz="UTC"),
    DAY: pa.date32(),
    "UUID": pa.uuid(),
}


def check_schemas():
    for table in TABLES:
        for entry in lake.files(table):
            schema = pa.parquet.read_schema(lake.folder / entry["path"])
            expected = {name: KINDS[kind] for name, kind in lake.columns(table, "UUID").items()}
            found = {field.name: field.type for field in schema}
            same(found, expected, f"columns of {entry['path']}")
            for field in schema:
                described = field.metadata[b"description"].decode()
                same(bool(described), True, f"description of {field.name}")
                same(b"unit" in field.metadata, True, f"unit of {field.name}")
                same(b"api_name" in field.metadata, True, f"API's name of {field.name}")


def check_footers():
    for entry in lake.manifest["files"]:
        metadata = pa.parquet.read_metadata(lake.folder / entry["path"])
        same(metadata.num_rows, entry["rows"], f"rows of {entry['path']}")
        same(b"twsync.schema_version" in metadata.metadata, True, f"schema version of {entry['path']}")


def check_partitions():
    for table in ("customers_snapshot", "customers_changes"):
        dataset = pa.dataset.dataset(lake.folder / table, partitioning="hive")
        same(dataset.count_rows(), lake.rows(table), f"rows of {table}")
    days = pa.dataset.dataset(lake.folder / "customers_snapshot", partitioning="hive")
    found = set(days.to_table(columns=["snapshot_date"]).column(0).to_pylist())
    expected = {entry["part"] for entry in lake.files("customers_snapshot") if entry["rows"]}
    same(found, expected, "days with a snapshot")


check_schemas()
check_footers()
check_partitions()
