"""pandas: the latest state and a whole table, with instants in UTC."""

import pandas as pd

from promise import lake_of_arguments, same

lake = lake_of_arguments()

current = pd.read_parquet(lake.folder / "current" / "customers.parquet")
same(len(current), lake.rows("current"), "rows of current")
for column in ("created_at", "first_seen_at", "detail_verified_at"):
    same(str(current[column].dt.tz), "UTC", f"zone of {column}")
same(current["id"].is_unique, True, "ids of current are unique")
same(str(current["member_count"].dtype), "int64", "type of member_count")

snapshots = pd.read_parquet(lake.folder / "customers_snapshot")
same(len(snapshots), lake.rows("customers_snapshot"), "rows of customers_snapshot")
same("snapshot_date" in snapshots.columns, True, "the partition is a column")

history = pd.read_parquet(lake.folder / "customers_history")
same(int(history["is_current"].sum()), int(history["valid_to"].isna().sum()), "open versions")
