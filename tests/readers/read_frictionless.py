"""Frictionless: `datapackage.json` is a description that its own program finds true, file by file."""

import json

import pyarrow as pa
import pyarrow.parquet
from frictionless import Package

from promise import lake_of_arguments, same

lake = lake_of_arguments()
described = json.loads((lake.folder / "datapackage.json").read_text())


def check_validity(descriptor, what):
    # It takes apart what it is given, and what two resources share it takes from both.
    descriptor = json.loads(json.dumps(descriptor))
    report = Package.from_descriptor(descriptor, basepath=str(lake.folder)).validate()
    wrong = [message for *_, message in report.flatten(["name", "message"])]
    same(wrong[:3], [], f"what is invalid of {what}")
    return sum(task.stats["rows"] for task in report.tasks)


def files_alone():
    """The same description with a resource a file: of several files of one Frictionless reads the first."""
    resources = [
        {**resource, "name": f"{resource['name']}-{number}", "path": path}
        for resource in described["resources"]
        for number, path in enumerate(resource["path"])
    ]
    return {**described, "resources": resources}


def check_keys():
    """Keys are those of a table, however many files it has, and no part of one is ever null."""
    with_key = [it for it in described["resources"] if "primaryKey" in it["schema"]]
    names = ["current", "customers-changes", "customers-history", "runs"]
    same([it["name"] for it in with_key], names, "tables whose files hold a key")
    for resource in with_key:
        key = resource["schema"]["primaryKey"]
        parts = [pa.parquet.ParquetFile(lake.folder / path).read(key) for path in resource["path"]]
        rows = pa.concat_tables(parts)
        distinct = rows.group_by(key).aggregate([]).num_rows
        same(distinct, rows.num_rows, f"distinct keys of {resource['name']}")
        fields = {field["name"]: field for field in resource["schema"]["fields"]}
        for name in key:
            same(fields[name]["constraints"]["required"], True, f"{name} of {resource['name']}")


check_validity(described, "the whole")
rows = check_validity(files_alone(), "one of its files")
same(rows, sum(entry["rows"] for entry in lake.manifest["files"]), "rows")
check_keys()
