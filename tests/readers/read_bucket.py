"""Opens the tables of a lake in a bucket with pyarrow and Polars, from the manifest on."""

import sys

import polars
import pyarrow.dataset

from bucket import Bucket
from promise import TABLES, same

url, endpoint = sys.argv[1:3]
bucket = Bucket(url, endpoint)
OPTIONS = {
    "aws_endpoint_url": endpoint,
    "aws_region": "us-east-1",
    "aws_access_key_id": "anybody",
    "aws_secret_access_key": "anybody",
    "aws_allow_http": "true",
}

for table in [*TABLES, "runs"]:
    paths, rows = bucket.paths(table), bucket.rows(table)
    found = pyarrow.dataset.dataset(paths, filesystem=bucket.files).count_rows()
    same(found, rows, f"rows of {table}, by pyarrow")
    scan = polars.scan_parquet([f"s3://{path}" for path in paths], storage_options=OPTIONS, missing_columns="insert")
    found = scan.select(polars.len()).collect().item()
    same(found, rows, f"rows of {table}, by Polars")
