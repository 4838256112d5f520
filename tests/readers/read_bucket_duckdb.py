"""Opens a lake in a bucket with DuckDB, by the lake's own `analytics.sql`.

It reads by DuckDB's extension for the bucket's cloud where that is installed (requirements-extensions.txt), else through
pyarrow's S3: the extensions can't be installed without DuckDB's own site. Azure's endpoint ends in the account, and
behind it stands the account's key.
"""

import json
import pathlib
import sys
import sysconfig

import duckdb

from promise import TABLES, same

url, endpoint, *account_key = sys.argv[1:]
scheme = url.partition(":")[0]
PARTITIONS = {"customers_snapshot": {"snapshot_date": "DATE"}, "customers_changes": {"month": "VARCHAR"}}
EXTENSIONS = {"s3": "httpfs", "gs": "httpfs", "az": "azure"}


def secret():
    if scheme == "az":
        account = endpoint.rpartition("/")[2]
        said = {"AccountName": account, "AccountKey": account_key[0], "BlobEndpoint": endpoint}
        said = ";".join(f"{name}={value}" for name, value in said.items())
        return f"TYPE azure, CONNECTION_STRING 'DefaultEndpointsProtocol=http;{said}'"
    kind = {"s3": "s3", "gs": "gcs"}[scheme]
    address = endpoint.removeprefix("http://")
    return f"""TYPE {kind}, KEY_ID 'anybody', SECRET 'anybody', REGION 'us-east-1', USE_SSL false,
        URL_STYLE 'path', ENDPOINT '{address}'"""


def connect():
    connection = duckdb.connect()
    folder = pathlib.Path(sysconfig.get_path("purelib"), "duckdb_ext/extensions")
    connection.execute(f"SET extension_directory = '{folder}'")
    connection.execute("SET autoinstall_known_extensions = false")
    try:
        connection.execute(f"LOAD {EXTENSIONS[scheme]}")
    except duckdb.Error:
        from fsspec.implementations.arrow import ArrowFSWrapper

        from bucket import storage

        connection.register_filesystem(ArrowFSWrapper(storage(endpoint)))
        return connection, "fsspec"
    connection.execute(f"CREATE SECRET ({secret()})")
    return connection, EXTENSIONS[scheme]


def view_of(table):
    return "customers" if table == "current" else table


connection, by = connect()


def one(query):
    return connection.execute(query).fetchone()[0]


manifest = json.loads(one(f"SELECT content FROM read_text('{url}/manifest.json')"))
connection.execute(one(f"SELECT content FROM read_text('{url}/analytics.sql')"))

for table, columns in TABLES.items():
    found = connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {view_of(table)})").fetchall()
    same(dict(found), {**columns, **PARTITIONS.get(table, {})}, f"columns of {view_of(table)}, by {by}")
for table in [*TABLES, "runs"]:
    rows = sum(entry["rows"] for entry in manifest["files"] if entry["table"] == table)
    same(one(f"SELECT count(*) FROM {view_of(table)}"), rows, f"rows of {view_of(table)}, by {by}")
commented = one("SELECT count(*) FROM duckdb_views() WHERE comment IS NOT NULL AND NOT internal")
same(commented, 1 + len(TABLES), "views with a comment")
same(one("SELECT count(*) FROM customers_as_of(now())"), manifest["customers"], f"customers as of now, by {by}")
# DuckDB's threads let go of Python's files in their own time: they must be at their end before Python is at its own.
connection.close()
print(f"DuckDB {duckdb.__version__} read {url} by {by}")
