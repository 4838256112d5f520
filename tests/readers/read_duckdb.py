"""DuckDB: globs, partitions, types, analytics.sql and its macro, the data dictionary in comments."""

import datetime
import pathlib

import duckdb

from promise import DAY, GLOBS, TABLES, lake_of_arguments, same

lake = lake_of_arguments()


def columns(connection, relation):
    described = connection.execute(f"DESCRIBE FROM {relation}").fetchall()
    return {name: kind for name, kind, *_ in described}


def check_globs():
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table in GLOBS:
        source = f"read_parquet('{lake.glob(table)}')"
        rows = connection.execute(f"SELECT count(*) FROM {source}").fetchone()[0]
        same(rows, lake.rows(table), f"rows of {table}")
    for table, partition in (("customers_snapshot", "snapshot_date"), ("customers_changes", "month")):
        source = f"read_parquet('{lake.glob(table)}', hive_partitioning = true)"
        found = columns(connection, source)
        kind = DAY if partition == "snapshot_date" else found[partition]
        expected = lake.columns(table, "UUID") | {partition: kind}
        same(found, expected, f"columns of {table}")


def check_instants():
    """A session in another zone must see the same instants."""
    source = f"read_parquet('{lake.glob('current')}')"
    found = set()
    for zone in ("UTC", "Asia/Kolkata"):
        connection = duckdb.connect()
        connection.execute(f"SET TimeZone = '{zone}'")
        found.add(connection.execute(f"SELECT min(epoch_us(created_at)) FROM {source}").fetchone()[0])
    same(len(found), 1, "instants of two sessions")
    day = duckdb.execute(
        f"SELECT count(*) FROM {source} WHERE created_date <> make_timestamp(epoch_us(created_at))::DATE"
    )
    same(day.fetchone()[0], 0, "created_date is another day than created_at")


def check_script():
    connection = duckdb.connect()
    connection.execute((lake.folder / "analytics.sql").read_text())
    same(connection.execute("SELECT current_setting('TimeZone')").fetchone()[0], "UTC", "session's zone")
    for table, _ in TABLES.items():
        view = "customers" if table == "current" else table
        rows = connection.execute(f"SELECT count(*) FROM {view}").fetchone()[0]
        same(rows, lake.rows(table), f"rows of view {view}")
        found = columns(connection, view)
        partition = {"customers_snapshot": {"snapshot_date": "DATE"}, "customers_changes": {"month": "VARCHAR"}}
        same(found, lake.columns(table, "UUID") | partition.get(table, {}), f"columns of view {view}")
        bare = connection.execute(
            f"SELECT column_name FROM duckdb_columns() WHERE table_name = '{view}' AND comment IS NULL"
        )
        same(bare.fetchall(), [], f"columns of {view} without a comment")
        comment = connection.execute(f"SELECT comment FROM duckdb_views() WHERE view_name = '{view}'")
        same(bool(comment.fetchone()[0]), True, f"comment of view {view}")
    check_as_of(connection)


def check_as_of(connection):
    """At the end of each day that has a snapshot, the macro has the snapshot's customers."""
    for entry in lake.files("customers_snapshot"):
        end = datetime.date.fromisoformat(entry["part"]) + datetime.timedelta(days=1)
        query = f"SELECT count(*) FROM customers_as_of(TIMESTAMPTZ '{end} 00:00:00+00' - INTERVAL 1 microsecond)"
        same(connection.execute(query).fetchone()[0], entry["rows"], f"customers as of {entry['part']}")
    for (instant,) in connection.execute("SELECT DISTINCT valid_from FROM customers_history ORDER BY ALL").fetchall():
        twice, beginning = connection.execute(
            """
            SELECT count(*) - count(DISTINCT id), count(*) FILTER (valid_from = ?) FROM customers_as_of(?::TIMESTAMPTZ)
            """,
            [instant, instant],
        ).fetchone()
        same(twice, 0, f"customers that are there twice as of {instant}, when versions begin and end")
        begun = "SELECT count(*) FROM customers_history WHERE valid_from = ? AND op <> 'delete'"
        same(beginning, connection.execute(begun, [instant]).fetchone()[0], f"versions that begin at {instant}")
    differing = connection.execute(
        """
        SELECT count(*) FROM (
            SELECT id, name, tier_id, member_count FROM customers
            EXCEPT SELECT id, name, tier_id, member_count FROM customers_as_of(now()))
        """
    )
    same(differing.fetchone()[0], 0, "customers who differ from customers_as_of(now())")


def check_copy():
    """Told where it is, a copy of the lake works from anywhere."""
    connection = duckdb.connect()
    script = (lake.folder / "analytics.sql").read_text()
    connection.execute(script)
    elsewhere = pathlib.Path(lake.folder).parent / "copy of the lake's"
    elsewhere.symlink_to(lake.folder)
    quoted = str(elsewhere).replace("'", "''")
    connection.execute(f"SET VARIABLE lake = '{quoted}'")
    rows = connection.execute("SELECT count(*), min(filename) FROM read_parquet(getvariable('lake') || '/current/*.parquet', filename = true)")
    same(str(elsewhere) in rows.fetchone()[1], True, "files of the copy")
    same(connection.execute("SELECT count(*) FROM customers").fetchone()[0], lake.rows("current"), "rows of the copy")


def check_filter_by_id():
    """The bloom filter and the statistics must not hide what is there."""
    source = f"read_parquet('{lake.glob('current')}')"
    ids = duckdb.execute(f"SELECT id FROM {source} USING SAMPLE 20").fetchall()
    for (one,) in ids:
        found = duckdb.execute(f"SELECT count(*) FROM {source} WHERE id = ?", [one]).fetchone()[0]
        same(found, 1, f"rows of {one}")


check_globs()
check_instants()
check_script()
check_copy()
check_filter_by_id()
