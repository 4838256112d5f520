"""A lake in a bucket as readers get at it: from the manifest on, through pyarrow's own S3."""

import json

from pyarrow import fs


def storage(endpoint):
    return fs.S3FileSystem(
        endpoint_override=endpoint.removeprefix("http://"),
        scheme="http",
        region="us-east-1",
        access_key="anybody",
        secret_key="anybody",
        # What is gone is gone: it is not to be asked for again.
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),
    )


class Bucket:
    """A lake's URL, the storage that it is in, and the manifest that was there."""

    def __init__(self, url, endpoint):
        self.top = url.removeprefix("s3://")
        self.files = storage(endpoint)
        with self.files.open_input_stream(f"{self.top}/manifest.json") as stream:
            self.manifest = json.loads(stream.read())

    def paths(self, table):
        return [f"{self.top}/{entry['path']}" for entry in self.entries(table)]

    def rows(self, table):
        return sum(entry["rows"] for entry in self.entries(table))

    def entries(self, table):
        return [entry for entry in self.manifest["files"] if entry["table"] == table]
