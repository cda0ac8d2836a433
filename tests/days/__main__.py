"""`python -m days [TESTS]`: the tests whose outcome a clock could decide, or those that are named, on ten days.

Needs libfaketime (Debian: `apt-get install faketime`). It moves the clock of every process that a test starts, and
SQLite's as well, which no package of Python does. 2 where it is not installed, 1 where a test fails on any day.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
# Ends of years and months, leap days, days of one and two figures, and the two nights in which a clock is put.
DAYS = (
    ("2026-12-31 23:59:30", "UTC"),
    ("2027-01-01 00:10:00", "Asia/Kolkata"),
    ("2027-03-14 01:58:30", "America/St_Johns"),  # put forward at 2:00
    ("2027-11-07 01:58:30", "America/St_Johns"),  # put back at 2:00
    ("2028-02-28 23:59:00", "Asia/Kolkata"),
    ("2028-02-29 12:00:00", "America/St_Johns"),
    ("2029-03-31 02:00:00", "Europe/Lisbon"),
    ("2030-09-30 18:30:00", "Asia/Kolkata"),
    ("2032-05-08 13:56:00", "UTC"),
    ("2037-11-21 09:05:00", "America/St_Johns"),
)
DATED = (
    "days docs times retention forget items cli_items item_search base_store memory_tools middleware curate researcher"
    " split cite retriever community export import import_from backup effort erasure reference prompt_overrides"
)


def main(names: list[str]) -> int:
    """The worst that came of a day."""
    faketime = shutil.which("faketime")
    if faketime is None:
        print("libfaketime is not installed; on Debian and Ubuntu: apt-get install faketime", file=sys.stderr)
        return 2
    chosen = names or [str(TESTS / f"test_{name}.py") for name in DATED.split()]
    failed = []
    for moment, zone in DAYS:
        print(f"\n{moment} {zone}", flush=True)
        environment = {
            **os.environ,
            "TZ": zone,
            "DONT_FAKE_MONOTONIC": "1",  # a wait on a condition would never end
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": str(Path(__file__).parent / "awake"),
        }
        tests = [sys.executable, "-m", "pytest", "-n", "auto", "--dist", "worksteal", "-p", "no:cacheprovider", *chosen]
        done = subprocess.run([faketime, "-f", f"@{moment}", *tests], env=environment, check=False)
        failed += [f"{moment} {zone}"] if done.returncode else []
    print("\n" + ("Failed on: " + "; ".join(failed) if failed else f"All passed on {len(DAYS)} days."))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
