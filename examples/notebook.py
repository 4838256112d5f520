# %% [markdown]
# # Questions to a lake, in DuckDB, Polars and pandas
#
# A plain script, and cells for an editor that knows `# %%`. It runs from top to bottom on the lake of
# `twsync demo`, or on another one:
#
#     pip install duckdb pandas polars pyarrow pytz
#     python examples/notebook.py [data/lake]
#
# Each question is answered three times; take the answer in the language that you speak. `answer` prints it
# once, and stops where the three do not agree.

# %%
import json
import sys
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl

LAKE = Path(sys.argv[1] if len(sys.argv) > 1 else "twsync-demo/lake").resolve()


def answer(question, **by_tool):
    """Prints an answer, and stops where the tools disagree."""
    answers = {tool: plain(*rows_of(found)) for tool, found in by_tool.items()}
    first, *others = answers.values()
    if any(other != first for other in others):
        sys.exit(f"{question}: the tools disagree: {answers}")
    columns, rows = first
    print(f"\n{question}")
    for row in [columns, *rows[:12]]:
        print("  " + " | ".join(row))
    if len(rows) > 12:
        print(f"  … {len(rows)} rows")


def rows_of(found):
    if isinstance(found, pl.DataFrame):
        return found.columns, found.rows()
    if isinstance(found, pd.DataFrame):
        return list(found.columns), found.astype(object).itertuples(index=False)
    return found.columns, found.fetchall()


def plain(columns, rows):
    """Every tool has its own null, instant and integer; on paper they are the same."""
    return list(columns), [[text(value) for value in row] for row in rows]


def text(value):
    if value is None or value is pd.NA or value is pd.NaT:
        return "-"
    if hasattr(value, "hour"):
        midnight = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
        return f"{value:%Y-%m-%d}" if midnight else f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


# %% [markdown]
# ## Open the lake
#
# DuckDB takes the views of `analytics.sql`, which are pinned to one generation. Polars and pandas read the
# tables' folders. `LAKE` is said to the views as well, so that they also work on a copy of a lake.

# %%
duck = duckdb.connect()
duck.execute((LAKE / "analytics.sql").read_text())
duck.execute("SET VARIABLE lake = '{}'".format(str(LAKE).replace("'", "''")))


def scan(table):
    return pl.scan_parquet(LAKE / table / "**/*.parquet", hive_partitioning=False, missing_columns="insert")


def frame(table, columns=None):
    return pd.read_parquet(LAKE / table, columns=columns, dtype_backend="numpy_nullable")


manifest = json.loads((LAKE / "manifest.json").read_text())
print(f"{manifest['customers']} customers, {manifest['versions']} versions, grade {manifest['grade']}")

newest_day = scan("customers_daily").select(pl.col("date").max()).collect().item()
newest_month = newest_day.replace(day=1)

# %% [markdown]
# ## As of a date
#
# A version holds from `valid_from` until just before `valid_to`; one with op `delete` says that there is no
# such customer any more. The date here is the first of the newest month.

# %%
by_duckdb = duck.sql(f"""
    SELECT tier_name, count(*) AS customers, sum(member_count)::BIGINT AS members
    FROM customers_as_of('{newest_month}')
    GROUP BY ALL ORDER BY customers DESC, tier_name
""")

at = pl.lit(newest_month).cast(pl.Datetime("us", "UTC"))
by_polars = (
    scan("customers_history")
    .filter(pl.col("valid_from") <= at, pl.col("valid_to").is_null() | (pl.col("valid_to") > at), pl.col("op") != "delete")
    .group_by("tier_name")
    .agg(customers=pl.len(), members=pl.col("member_count").sum())
    .sort(["customers", "tier_name"], descending=[True, False], nulls_last=True)
    .collect()
)

instant = pd.Timestamp(newest_month, tz="UTC")
history = frame("customers_history")
held = (history.valid_from <= instant) & ~(history.valid_to <= instant).fillna(False) & (history.op != "delete")
by_pandas = (
    history[held]
    .groupby("tier_name", dropna=False)
    .agg(customers=("id", "size"), members=("member_count", "sum"))
    .reset_index()
    .sort_values(["customers", "tier_name"], ascending=[False, True])
)

answer(f"Tiers as of {newest_month}", duckdb=by_duckdb, polars=by_polars, pandas=by_pandas)

# %% [markdown]
# ## New customers a week
#
# Op `insert` is a customer that came while twsync looked; `baseline` was there before.

# %%
by_duckdb = duck.sql("""
    SELECT date_trunc('week', changed_at)::DATE AS week, count(*) AS arrived
    FROM customers_changes WHERE op = 'insert'
    GROUP BY ALL ORDER BY week
""")

by_polars = (
    scan("customers_changes")
    .filter(pl.col("op") == "insert")
    .group_by(week=pl.col("changed_at").dt.truncate("1w").dt.date())
    .agg(arrived=pl.len())
    .sort("week")
    .collect()
)

changes = frame("customers_changes")
arrived = changes[changes.op == "insert"].changed_at.dt.tz_localize(None)
by_pandas = arrived.dt.to_period("W-SUN").dt.start_time.dt.date.value_counts().sort_index()
by_pandas = by_pandas.rename_axis("week").reset_index(name="arrived")

answer("New customers a week", duckdb=by_duckdb, polars=by_polars, pandas=by_pandas)

# %% [markdown]
# ## Tier moves

# %%
by_duckdb = duck.sql("""
    SELECT old_tier_name AS before, tier_name AS after, count(*) AS customers
    FROM customers_changes WHERE op = 'update' AND tier_name IS DISTINCT FROM old_tier_name
    GROUP BY ALL ORDER BY customers DESC, before, after
""")

by_polars = (
    scan("customers_changes")
    .filter(pl.col("op") == "update", pl.col("tier_name").ne_missing(pl.col("old_tier_name")))
    .group_by(before="old_tier_name", after="tier_name")
    .agg(customers=pl.len())
    .sort(["customers", "before", "after"], descending=[True, False, False], nulls_last=True)
    .collect()
)

# A mark for null, as pandas takes two nulls for different.
tiers = changes[changes.op == "update"][["old_tier_name", "tier_name"]]
moved = tiers[tiers.old_tier_name.fillna("\0") != tiers.tier_name.fillna("\0")]
by_pandas = (
    moved.rename(columns={"old_tier_name": "before", "tier_name": "after"})
    .value_counts(dropna=False)
    .reset_index(name="customers")
    .sort_values(["customers", "before", "after"], ascending=[False, True, True])
)

answer("Tier moves", duckdb=by_duckdb, polars=by_polars, pandas=by_pandas)

# %% [markdown]
# ## Churn
#
# Of the customers that were there when a month began, canceled ones left out: how many were canceled or gone
# when it ended. Only whole months count.

# %%
by_duckdb = duck.sql("""
    WITH months AS (
        SELECT DISTINCT date_trunc('month', date)::DATE AS month FROM customers_daily
    ), standing AS (
        SELECT month, id
        FROM months JOIN customers_history
            ON valid_from <= month::TIMESTAMPTZ AND (valid_to IS NULL OR valid_to > month::TIMESTAMPTZ)
        WHERE op <> 'delete' AND subscription_status IS DISTINCT FROM 'canceled'
    )
    SELECT began.month, count(*) AS customers, count(*) FILTER (stayed.id IS NULL) AS lost
    FROM standing AS began
    LEFT JOIN standing AS stayed ON stayed.id = began.id AND stayed.month = began.month + INTERVAL 1 MONTH
    WHERE began.month < (SELECT max(month) FROM months)
    GROUP BY began.month ORDER BY began.month
""")

months = scan("customers_daily").select(month=pl.col("date").dt.truncate("1mo")).unique()
first = pl.col("month").cast(pl.Datetime("us", "UTC"))
standing = (
    scan("customers_history")
    .filter(pl.col("op") != "delete", pl.col("subscription_status").ne_missing("canceled"))
    .join(months, how="cross")
    .filter(pl.col("valid_from") <= first, pl.col("valid_to").is_null() | (pl.col("valid_to") > first))
    .select("month", "id")
)
stayed = standing.select("id", pl.col("month").dt.offset_by("-1mo"), stayed=True)
by_polars = (
    standing.filter(pl.col("month") < newest_month)
    .join(stayed, on=["month", "id"], how="left")
    .group_by("month")
    .agg(customers=pl.len(), lost=pl.col("stayed").is_null().sum())
    .sort("month")
    .collect()
)


def standing_at(month):
    held = (history.valid_from <= month) & ~(history.valid_to <= month).fillna(False) & (history.op != "delete")
    return set(history[held & (history.subscription_status.fillna("") != "canceled")].id)


rows = []
begins = pd.date_range(frame("customers_daily").date.min().replace(day=1), newest_month, freq="MS", tz="UTC")
for month, next_month in zip(begins[:-1], begins[1:]):
    began = standing_at(month)
    if began:
        rows.append((month, len(began), len(began - standing_at(next_month))))
by_pandas = pd.DataFrame(rows, columns=["month", "customers", "lost"])

answer("Churn a month", duckdb=by_duckdb, polars=by_polars, pandas=by_pandas)

# %% [markdown]
# ## Recurring revenue by a table of prices
#
# `customers_daily` has counted already: a year is a few thousand rows. Here at the end of each month.

# %%
PRICES = {"starter": 29, "pro": 99, "Pro": 99, "Enterprise": 499, "Adversary Pro": 899}

prices = pl.DataFrame({"tier_name": list(PRICES), "price": list(PRICES.values())})
by_duckdb = duck.sql("""
    SELECT date, sum(customers * price)::BIGINT AS dollars_a_month
    FROM customers_daily JOIN prices USING (tier_name)
    WHERE subscription_status IN ('active', 'past_due')
        AND (date = last_day(date) OR date = (SELECT max(date) FROM customers_daily))
    GROUP BY ALL ORDER BY date
""")

by_polars = (
    scan("customers_daily")
    .filter(pl.col("subscription_status").is_in(["active", "past_due"]))
    .filter((pl.col("date") == pl.col("date").dt.month_end()) | (pl.col("date") == newest_day))
    .join(prices.lazy(), on="tier_name")
    .group_by("date")
    .agg(dollars_a_month=(pl.col("customers") * pl.col("price")).sum())
    .sort("date")
    .collect()
)

daily = frame("customers_daily")
daily = daily[daily.subscription_status.isin(["active", "past_due"]) & daily.tier_name.isin(list(PRICES))]
daily = daily[pd.to_datetime(daily.date).dt.is_month_end | (daily.date == newest_day)]
by_pandas = (daily.customers * daily.tier_name.map(PRICES).astype("Int64")).groupby(daily.date).sum()
by_pandas = by_pandas.reset_index(name="dollars_a_month")

answer("Recurring revenue", duckdb=by_duckdb, polars=by_polars, pandas=by_pandas)

# %% [markdown]
# ## One customer's history
#
# The one that changed most.

# %%
COLUMNS = ["valid_from", "valid_to", "op", "tier_name", "subscription_status", "member_count"]

by_duckdb = duck.sql(f"""
    WITH busiest AS (SELECT id FROM customers_history GROUP BY id ORDER BY count(*) DESC, id LIMIT 1)
    SELECT {", ".join(COLUMNS)} FROM customers_history
    WHERE id = (SELECT id FROM busiest) ORDER BY valid_from
""")

versions = scan("customers_history")
busiest = versions.group_by("id").len().sort(["len", "id"], descending=[True, False]).head(1)
by_polars = versions.join(busiest, on="id", how="semi").sort("valid_from").select(COLUMNS).collect()

busiest = history.id.value_counts().rename_axis("id").reset_index(name="versions")
busiest = busiest.sort_values(["versions", "id"], ascending=[False, True]).id.iloc[0]
by_pandas = history[history.id == busiest].sort_values("valid_from")[COLUMNS]

answer("One customer's history", duckdb=by_duckdb, polars=by_polars, pandas=by_pandas)

# %% [markdown]
# ## Freshness
#
# Three fields can change without a trace in the list, so how old the details are is part of every number.
# Seen from the newest run's end; put now in its place to see it from today.

# %%
by_duckdb = duck.sql("""
    WITH newest AS (SELECT max(finished_at) AS ended FROM runs)
    SELECT count(*) AS customers, count(*) FILTER (detail_verified_at IS NULL) AS never_verified,
        date_sub('hour', min(detail_verified_at), (SELECT ended FROM newest)) AS oldest_hours
    FROM customers
""")

seen_from = scan("runs").select(pl.col("finished_at").max()).collect().item()
by_polars = (
    scan("current")
    .select(
        customers=pl.len(),
        never_verified=pl.col("detail_verified_at").is_null().sum(),
        oldest_hours=(pl.lit(seen_from) - pl.col("detail_verified_at").min()).dt.total_hours(),
    )
    .collect()
)

verified = frame("current").detail_verified_at
hours = (frame("runs").finished_at.max() - verified.min()) // pd.Timedelta(hours=1)
by_pandas = pd.DataFrame(
    {"customers": [len(verified)], "never_verified": [verified.isna().sum()], "oldest_hours": [hours]}
)

answer("Freshness", duckdb=by_duckdb, polars=by_polars, pandas=by_pandas)
