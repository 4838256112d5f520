#!/usr/bin/env python3
"""Measures what twsync claims of its speed and memory, each as a ratio within one run.

    benches/measure.py backfill | quiet | paced | million | snapshot | generation | bucket | year | all

Needs: release builds (cargo build --release --examples, then cargo build --release), wrk, and the
Python packages duckdb for snapshot and year, boto3 and moto[server] for bucket.
The sandbox runs as a process of its own; wrk and twsync ask it for the same URLs, one after the
other, with as many connections.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONNECTIONS = 32
TOKEN = "sandbox-token"


def built(path):
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return str(target / "release" / path)


def binary():
    return built("twsync")


def bare_loop(url, pages):
    """What a reqwest loop reaches that only parses: the floor under any client built on it."""
    said = subprocess.run(
        [built("examples/bare_loop"), url, TOKEN, str(pages), str(CONNECTIONS)],
        check=True, capture_output=True, text=True).stdout
    return json.loads(said)


@contextlib.contextmanager
def sandbox(customers):
    """A sandbox of its own process; gives its base URL."""
    process = subprocess.Popen(
        [binary(), "--output", "json", "sandbox", "--port", "0", "--customers", str(customers)],
        stdout=subprocess.PIPE, text=True)
    try:
        said = ""
        while not said.endswith("}\n"):
            said += process.stdout.readline()
        yield json.loads(said)["base_url"]
    finally:
        process.terminate()
        process.wait()


def settings(url, folder, rate):
    """The environment of a twsync that asks this sandbox."""
    return {
        "PATH": os.environ["PATH"],
        "TWSYNC_API__BASE_URL": url,
        "TWSYNC_API__TOKEN": TOKEN,
        "TWSYNC_PACE__REQUESTS_PER_SECOND": str(rate),
        "TWSYNC_PACE__BURST": "10" if rate < 1e6 else "1000",
        "TWSYNC_PACE__IN_FLIGHT_MAX": str(CONNECTIONS),
        "TWSYNC_SYNC__REVERIFY_MAX": "0",
        "TWSYNC_MIRROR__PATH": f"{folder}/mirror.db",
        "TWSYNC_LAKE__PATH": f"{folder}/lake",
    }


def once(environment, *arguments):
    """One run: its report, its seconds from start to exit, its peak memory in MiB."""
    with tempfile.TemporaryFile("w+") as out:
        began = time.monotonic()
        process = subprocess.Popen(
            [binary(), "-q", "--output", "json", "--once", *arguments], env=environment, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    if process.returncode != 0:
        sys.exit(f"twsync --once ended with {process.returncode}: {text}")
    return json.loads(text)["run"], seconds, usage.ru_maxrss / 1024


def requests(run):
    counts = run["counts"]
    return counts["list_requests"] + counts["detail_requests"] + counts["retries"]


def wrk(url, paths, seconds=8):
    """What wrk reaches on these paths, in requests a second."""
    origin = re.match(r"https?://[^/]+", url).group(0)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        listed = ",\n".join(json.dumps(url[len(origin):] + path) for path in paths)
        script.write(
            f"local paths = {{{listed}}}\nlocal at = 0\n"
            f'wrk.headers["Authorization"] = "Bearer {TOKEN}"\n'
            "request = function()\n  at = at % #paths + 1\n  return wrk.format('GET', paths[at])\nend\n")
        script.flush()
        said = subprocess.run(
            ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", script.name, origin],
            check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said:
        sys.exit(f"wrk got errors:\n{said}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1))


def list_paths(pages):
    return [f"/admin/customers?page={page}&pageSize=100" for page in range(1, pages + 1)]


def ids(url, pages):
    """Every customer's id, as the list shows them."""
    for path in list_paths(pages):
        request = urllib.request.Request(url + path, headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request) as answer:
            yield from (customer["id"] for customer in json.load(answer)["customers"])


def say(name, ratio, bound, better, **figures):
    kept = ratio >= bound if better == "more" else ratio <= bound
    shown = "  ".join(f"{key} {value:,.2f}" for key, value in figures.items())
    sign = "≥" if better == "more" else "≤"
    print(f"{'ok  ' if kept else 'MISS'} {name}: {ratio:.3f} (wanted {sign} {bound:.3g})   {shown}", flush=True)


def backfill(customers=20_000):
    """The first run over everything, against wrk on the same URLs."""
    pages = customers // 100
    with sandbox(customers) as url, tempfile.TemporaryDirectory() as folder:
        paths = list_paths(pages) + [f"/admin/customer/{one}" for one in ids(url, pages)]
        reached = wrk(url, paths)
        bare = bare_loop(url, pages)["requests_per_second"]
        report, seconds, peak = once(settings(url, folder, 1e9))
        rate = requests(report) / seconds
        say("backfill, requests a second ÷ wrk's", rate / reached, 0.35, "more",
            ours=rate, wrk=reached, seconds=seconds)
        say("backfill, requests a second ÷ a bare loop's", rate / bare, 0.35 / 0.62, "more", bare=bare)
        say("backfill, peak memory in MB", peak * 1.048576, 60, "less")


def quiet(customers=100_000):
    """A run that finds nothing new, against wrk on the list's pages."""
    pages = customers // 100
    with sandbox(customers) as url, tempfile.TemporaryDirectory() as folder:
        environment = settings(url, folder, 1e9)
        once(environment)
        reached = wrk(url, list_paths(pages))
        report, seconds, peak = once(environment | {"TWSYNC_LAKE__PATH": ""})
        rate = requests(report) / seconds
        bare = bare_loop(url, pages)["pages_per_second"]
        say("nothing new, pages a second ÷ a bare loop's", rate / bare, 0.5 / 0.62, "more", bare=bare)
        say("nothing new, pages a second ÷ wrk's", rate / reached, 0.5, "more",
            ours=rate, wrk=reached, seconds=seconds, peak_MiB=peak)


def paced(customers=2_000, rate=200.0):
    """Under a rate limit: how much longer than requests ÷ rate."""
    with sandbox(customers) as url, tempfile.TemporaryDirectory() as folder:
        report, seconds, _ = once(settings(url, folder, rate))
        ideal = requests(report) / rate
        say("paced, seconds ÷ (requests ÷ rate)", seconds / ideal, 1.01, "less",
            seconds=seconds, requests=requests(report))


def million(customers=1_000_000):
    """The first run over a million customers: its peak memory."""
    with sandbox(customers) as url, tempfile.TemporaryDirectory() as folder:
        report, seconds, peak = once(settings(url, folder, 1e9))
        say("a million customers, peak memory in MB", peak * 1.048576, 120, "less",
            seconds=seconds, requests=requests(report))


def published(environment):
    """A generation from the mirror as it is: its seconds, its processor seconds, its peak memory in MiB."""
    began = time.monotonic()
    process = subprocess.Popen([binary(), "-q", "snapshot"], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        sys.exit("twsync snapshot failed")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def copied(base, folder):
    """DuckDB's COPY of its table `rows`, on two threads: its seconds, its processor seconds."""
    began, before = time.monotonic(), os.times()
    base.execute(f"COPY rows TO '{folder}/duckdb.parquet' (FORMAT parquet, COMPRESSION zstd)")
    after = os.times()
    return time.monotonic() - began, after.user + after.system - before.user - before.system


def middle(values):
    return sorted(values)[len(values) // 2]


def snapshot(customers=1_000_000):
    """Mirror to published Parquet, against DuckDB's COPY of the same rows from a table of its own."""
    import duckdb

    with sandbox(customers) as url, tempfile.TemporaryDirectory() as folder:
        environment = settings(url, folder, 1e9)
        once(environment)
        shutil.rmtree(f"{folder}/lake")
        whole, whole_processor, peak = published(environment)
        [file] = pathlib.Path(folder, "lake", "customers_snapshot").glob("*/*.parquet")
        base = duckdb.connect(f"{folder}/table.duckdb")
        base.execute("SET threads = 2")
        base.execute(f"CREATE TABLE rows AS SELECT * FROM read_parquet('{file}', hive_partitioning = false)")
        # Of a generation in which nothing else is new, only the snapshot is written.
        rounds = [(published(environment), copied(base, folder)) for _ in range(5)]
        ours, theirs = middle([one[0] for one, _ in rounds]), middle([other[0] for _, other in rounds])
        say("the snapshot table alone, seconds ÷ DuckDB's", ours / theirs, 1.5, "less", ours=ours, duckdb=theirs)
        ours, theirs = middle([one[1] for one, _ in rounds]), middle([other[1] for _, other in rounds])
        say("the same in processor seconds", ours / theirs, 1.5, "less", ours=ours, duckdb=theirs)
        theirs = middle([other[0] for _, other in rounds])
        say("a whole first generation, seconds ÷ DuckDB's COPY of the snapshot alone", whole / theirs, 1.5, "less",
            ours=whole, duckdb=theirs, processor=whole_processor)
        say("its peak memory in MB", peak * 1.048576, 150, "less")
        say("snapshot, bytes ÷ DuckDB's", file.stat().st_size / os.stat(f"{folder}/duckdb.parquet").st_size,
            1.0, "less", bytes=file.stat().st_size)


def bucket(customers=1_000_000):
    """A first generation of a million customers into a bucket, of a server that speaks S3: its peak memory."""
    with sandbox(customers) as url, tempfile.TemporaryDirectory() as folder:
        environment = settings(url, folder, 1e9)
        once(environment | {"TWSYNC_LAKE__PATH": ""})
        storage = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/readers/storage.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            address = next(line.strip() for line in storage.stdout if line.startswith("http"))
            # It says each request on a line, and stands still where nobody reads them.
            threading.Thread(target=storage.stdout.read, daemon=True).start()
            seconds, _, peak = published(environment | {
                "TWSYNC_LAKE__PATH": "s3://customers/lake",
                "AWS_ACCESS_KEY_ID": "anybody", "AWS_SECRET_ACCESS_KEY": "anybody", "AWS_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true"})
        finally:
            storage.stdin.close()
            storage.wait()
        say("a first generation into a bucket, peak memory in MB", peak * 1.048576, 150, "less", seconds=seconds)


def days(folder, customers, count, each=lambda day: None):
    """So many days in the life of a world, 1 % of it changing each day: what each took."""
    process = subprocess.Popen(
        [built("examples/year"), folder, str(customers), str(count)], stdout=subprocess.PIPE, text=True)
    took = []
    for line in process.stdout:
        took.append(json.loads(line))
        each(took[-1]["day"])
    if process.wait():
        sys.exit(f"the days ended with {process.returncode}")
    return took


def touch(mirror):
    """One customer's details were verified again, and nothing else: of the tables only the snapshot is another."""
    with contextlib.closing(sqlite3.connect(mirror)) as base, base:
        base.execute("UPDATE kept SET detail_verified_at = strftime('%Y-%m-%dT%H:%M:%f000Z') WHERE row = 1")


def generation(customers=1_000_000):
    """A generation after 1 % of the customers changed, against one that writes the snapshot file alone."""
    with tempfile.TemporaryDirectory() as folder:
        def keep(day):
            if day == 0:
                shutil.copytree(f"{folder}/lake", f"{folder}/before", copy_function=os.link)

        days(folder, customers, 2, keep)
        environment = settings("http://127.0.0.1:1", folder, 1.0)
        rounds = []
        for _ in range(5):
            shutil.rmtree(f"{folder}/lake")
            shutil.copytree(f"{folder}/before", f"{folder}/lake", copy_function=os.link)
            changed = published(environment)
            touch(f"{folder}/mirror.db")
            rounds.append((changed, published(environment)))
        for place, what in enumerate(("seconds", "processor seconds")):
            changed, alone = (middle([one[which][place] for one in rounds]) for which in (0, 1))
            say(f"a generation after 1 % changed, {what} ÷ the snapshot file's alone", changed / alone, 1.3, "less",
                changed=changed, alone=alone)
        say("its peak memory in MB", max(one[0][2] for one in rounds) * 1.048576, 150, "less")


AS_OF = "SELECT tier_name, count(*) FROM customers_as_of((SELECT max(date) - 180 FROM customers_daily)) GROUP BY ALL"
YEAR_CHART = """
    SELECT date, tier_name, sum(customers) FROM customers_daily
    WHERE date > (SELECT max(date) FROM customers_daily) - INTERVAL 1 YEAR GROUP BY ALL ORDER BY ALL"""


def year(customers=100_000, count=365):
    """A year of daily runs: bytes of each table, the history's against DuckDB's, two queries' times."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        took = days(folder, customers, count)[-2]
        lake = pathlib.Path(folder, "lake")
        files = json.loads((lake / "manifest.json").read_text())["files"]
        bytes_of = {}
        for file in files:
            if file["table"] != "current":
                bytes_of[file["table"]] = bytes_of.get(file["table"], 0) + file["bytes"]
        for table, size in bytes_of.items():
            rows = sum(file["rows"] for file in files if file["table"] == table)
            print(f"     {table}: {size:,} bytes, {rows:,} rows")
        base = duckdb.connect()
        base.execute((lake / "analytics.sql").read_text())
        base.execute(
            f"COPY (FROM customers_history) TO '{folder}/duckdb.parquet' (FORMAT parquet, COMPRESSION zstd)")
        theirs = os.stat(f"{folder}/duckdb.parquet").st_size
        say("a year's customers_history, bytes ÷ DuckDB's", bytes_of["customers_history"] / theirs, 1.2, "less",
            last_generation_seconds=took["publish_seconds"])
        for name, query in (("as of half a year ago", AS_OF), ("a year's chart", YEAR_CHART)):
            times = []
            for _ in range(9):
                began = time.monotonic()
                base.execute(query).fetchall()
                times.append(time.monotonic() - began)
            print(f"     {name}: {sorted(times)[4] * 1000:.1f} ms in DuckDB (median of 9)", flush=True)


MEASUREMENTS = {
    it.__name__: it for it in (backfill, quiet, paced, million, snapshot, generation, bucket, year)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=[*MEASUREMENTS, "all"])
    what = parser.parse_args().what
    for name, measurement in MEASUREMENTS.items():
        if what in (name, "all"):
            measurement()


if __name__ == "__main__":
    main()
