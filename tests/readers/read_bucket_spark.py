"""Opens the tables of a lake in a bucket with Spark, from the manifest on, by Hadoop's own connector, s3a.

Spark alone reads here, the manifest too. `requirements-s3a.txt` names the package that brings the connector.
"""

import importlib.util
import json
import pathlib
import sys

from pyspark.sql import SparkSession

from promise import SPARK_KINDS, TABLES, same

url, endpoint = sys.argv[1:3]
lake = url.replace("s3://", "s3a://")
jars = pathlib.Path(importlib.util.find_spec("sagemaker_pyspark").origin).parent / "jars"
connector = [*jars.glob("hadoop-aws-*.jar"), *jars.glob("aws-java-sdk-bundle-*.jar")]
PARTITIONS = {"customers_snapshot": "snapshot_date", "customers_changes": "month"}

settings = {
    "spark.jars": ",".join(map(str, connector)),
    "spark.ui.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
    # A partition is what its folder says, and not what it looks like.
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.hadoop.fs.s3a.endpoint": endpoint,
    "spark.hadoop.fs.s3a.path.style.access": "true",
    "spark.hadoop.fs.s3a.access.key": "anybody",
    "spark.hadoop.fs.s3a.secret.key": "anybody",
}
builder = SparkSession.builder.master("local[2]")
for name, value in settings.items():
    builder = builder.config(name, value)
spark = builder.getOrCreate()

manifest = json.loads(spark.read.text(f"{lake}/manifest.json", wholetext=True).first()[0])


def entries(table):
    return [entry for entry in manifest["files"] if entry["table"] == table]


def table_of(table):
    paths = [f"{lake}/{entry['path']}" for entry in entries(table)]
    # Below which folders are partitions.
    top = f"{lake}/{table}"
    return spark.read.option("basePath", top).parquet(*paths)


for table in [*TABLES, "runs"]:
    rows = sum(entry["rows"] for entry in entries(table))
    same(table_of(table).count(), rows, f"rows of {table}, by Spark")
for table, columns in TABLES.items():
    expected = {name: SPARK_KINDS[kind] for name, kind in columns.items()}
    if table in PARTITIONS:
        expected[PARTITIONS[table]] = "string"
    same(dict(table_of(table).dtypes), expected, f"columns of {table}, by Spark")
for table, column in PARTITIONS.items():
    expected = {}
    for entry in entries(table):
        part = entry["path"].split("/")[1].removeprefix(f"{column}=")
        expected[part] = expected.get(part, 0) + entry["rows"]
    found = {row[column]: row["count"] for row in table_of(table).groupBy(column).count().collect()}
    same(found, {part: rows for part, rows in expected.items() if rows}, f"parts of {table}, by Spark")
living = table_of("customers_history").where("is_current AND op <> 'delete'").count()
same(living, manifest["customers"], "customers whose version holds, by Spark")
print(f"Spark {spark.version} read {url} by s3a")
# Its machine goes when its input ends, and not before this does, unless it is waited for.
machine = spark.sparkContext._gateway.proc
spark.stop()
machine.stdin.close()
machine.wait()
