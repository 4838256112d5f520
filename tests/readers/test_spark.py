"""Spark: every table with its partitions, types and rows; old and new files of one table together."""

import datetime
import pathlib
import shutil

import pytest

from promise import SPARK_KINDS, TABLES

pytestmark = pytest.mark.spark

PARTITIONS = {"customers_snapshot": {"snapshot_date": "date"}, "customers_changes": {"month": "string"}}
DATED = "2020-01-0"


@pytest.fixture(scope="session")
def spark():
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    yield session
    session.stop()


def is_there(spark, folder):
    return spark.read.parquet(str(folder))


@pytest.mark.parametrize("table", [*TABLES, "runs"])
def test_every_table_is_read_whole(spark, lake, table):
    assert is_there(spark, lake.folder / table).count() == lake.rows(table)


@pytest.mark.parametrize("table", TABLES)
def test_columns_have_the_promised_types(spark, lake, table):
    found = dict(is_there(spark, lake.folder / table).dtypes)
    partition = PARTITIONS.get(table, {})
    for name in partition:
        # Spark guesses a partition's type from its folders' names; each of its guesses is fine.
        assert found.pop(name) in ("date", "string", "timestamp", "int")
    assert found == {name: SPARK_KINDS[kind] for name, kind in TABLES[table].items()}


def test_a_partition_is_a_column(spark, lake):
    days = is_there(spark, lake.folder / "customers_snapshot")
    expected = {entry["part"]: entry["rows"] for entry in lake.files("customers_snapshot") if entry["rows"]}
    found = {str(row["snapshot_date"]): row["count"] for row in days.groupBy("snapshot_date").count().collect()}
    assert found == expected
    of_first_day = days.where(f"snapshot_date = '{min(expected)}'")
    assert of_first_day.selectExpr("input_file_name()").distinct().count() == 1
    assert of_first_day.count() == expected[min(expected)]


def test_instants_and_days_are_those_of_the_other_readers(spark, lake):
    import pyarrow.parquet

    columns = ["created_at", "created_date", "first_seen_at"]
    path = lake.folder / "current" / "customers.parquet"
    expected = pyarrow.parquet.read_table(path, columns=["id", *columns]).to_pylist()
    found = is_there(spark, path).selectExpr("id", "unix_micros(created_at) AS created_at", "created_date", "unix_micros(first_seen_at) AS first_seen_at")
    found = {row["id"]: row for row in found.collect()}
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    for row in expected:
        for name in columns:
            value = row[name]
            if isinstance(value, datetime.datetime):
                value = (value - epoch) // datetime.timedelta(microseconds=1)
            assert found[row["id"]][name] == value, name


def test_a_schema_that_grew_is_merged(spark, lake, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet

    source = lake.folder / "current" / "customers.parquet"
    table = pyarrow.parquet.read_table(source)
    old, new = (tmp_path / f"snapshot_date={DATED}{day}" for day in (1, 2))
    old.mkdir()
    new.mkdir()
    shutil.copy(source, old / "a.parquet")
    emails = pa.array(["someone@example.com"] * table.num_rows)
    pyarrow.parquet.write_table(table.append_column("email", emails), new / "b.parquet")
    both = spark.read.option("mergeSchema", "true").parquet(str(tmp_path))
    counted = both.selectExpr("count(*)", "count(email)").first()
    assert tuple(counted) == (2 * table.num_rows, table.num_rows)
    assert {str(row[0]) for row in both.select("snapshot_date").distinct().collect()} == {f"{DATED}1", f"{DATED}2"}


def test_the_files_of_the_manifest_are_all_there_is(spark, lake):
    for table in [*TABLES, "runs"]:
        files = {pathlib.Path(name.removeprefix("file:")).name for name in is_there(spark, lake.folder / table).inputFiles()}
        assert files == {pathlib.Path(entry["path"]).name for entry in lake.files(table)}
