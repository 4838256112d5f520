#!/usr/bin/env python3
"""Lets the daemon run once a second against a server with every fault at 1 %, and shows the curves.

    benches/soak.py [SECONDS]        # half an hour, if nothing is said

It is the test `soak::` of `tests/faults/soak.rs`, which fails where something grows or the mirror is
not the world in the end; here it lasts longer and watches the release build, and what it saw is drawn
and kept as soak.csv in the target folder.
"""

import csv
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
CURVES = ["memory_MiB", "descriptors", "log_MiB", "mirror_MiB", "lake_MiB", "lake_files"]
BARS = " ▁▂▃▄▅▆▇█"


def watched(seconds):
    """The test's lines of figures, as they come; the rest of what it says is passed on."""
    subprocess.run(["cargo", "build", "--release", "--bin", "twsync"], cwd=ROOT, check=True)
    command = ["cargo", "test", "--test", "faults", "soak::", "--", "--nocapture"]
    program = TARGET / "release" / "twsync"
    environment = os.environ | {"SOAK_SECONDS": str(seconds), "SOAK_PROGRAM": str(program)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("soak,"):
            yield [float(figure) for figure in line.strip().split(",")[1:]]
        else:
            print(line, end="", flush=True)
    if process.wait() != 0:
        sys.exit(process.returncode)


def drawn(figures):
    """A curve in one line, from nothing to its highest."""
    highest = max(figures) or 1
    return "".join(BARS[round(figure / highest * (len(BARS) - 1))] for figure in figures)


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 1800
    samples = list(watched(seconds))
    with open(TARGET / "soak.csv", "w", newline="") as file:
        csv.writer(file).writerows([["second", *CURVES], *samples])
    for number, name in enumerate(CURVES, start=1):
        curve = [sample[number] for sample in samples]
        print(f"{name:>12} {curve[0]:8.2f} → {curve[-1]:8.2f}, at most {max(curve):8.2f}  {drawn(curve)}")


if __name__ == "__main__":
    main()
