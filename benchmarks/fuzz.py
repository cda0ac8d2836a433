"""Fuzz everything that a person or a model can pass, led by coverage: python benchmarks/fuzz.py --minutes 10.

Each target of `tests/fuzz/targets.py` runs in a process of its own for its share of the time. What raises an error that is
not named, takes more than 10 seconds or more than 2 GB is a finding: its input is kept, and the exit code is 1.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

TESTS = Path(__file__).parent.parent / "tests"
sys.path.insert(0, str(TESTS))

from fuzz.seeds import SEEDS  # noqa: E402  # tests are no package

_EXECUTIONS = re.compile(r"^#(\d+)\s", re.M)
_COVERAGE = re.compile(r"cov: (\d+)")
_SHARES = {"foreign_folders": 5}  # a copy of a folder each
_LIMITS = ("-timeout=10", "-rss_limit_mb=2048", "-max_len=4096")


def main(
    minutes: Annotated[float, typer.Option(help="For all targets together.")] = 10,
    only: Annotated[str | None, typer.Option(help="One target.")] = None,
    seed: Annotated[int, typer.Option(help="Of libFuzzer's random numbers.")] = 1,
    keep: Annotated[Path | None, typer.Option(help="Where inputs that fail are written.")] = None,
) -> None:
    """Fuzz, and say how often and what came of it."""
    names = [only] if only else list(SEEDS)
    folder = keep or Path(tempfile.mkdtemp(prefix="jitmem-findings-"))
    folder.mkdir(parents=True, exist_ok=True)
    total, failed = 0, []
    for name in names:
        share_s = max(1, round(60 * minutes * _SHARES.get(name, 1) / sum(_SHARES.get(one, 1) for one in names)))
        options = (f"-max_total_time={share_s}", f"-seed={seed}", f"-artifact_prefix={folder}/{name}-", *_LIMITS)
        command = [sys.executable, "-W", "ignore", "-m", "fuzz.atheris_run", name, *options]
        started = time.perf_counter()
        done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, errors="replace", check=False)
        said = done.stderr + done.stdout
        count = max(map(int, _EXECUTIONS.findall(said)), default=0)
        covered = max(map(int, _COVERAGE.findall(said)), default=0)
        total += count
        print(f"{name:16}{count:>10,} executions{covered:>7} edges{time.perf_counter() - started:>7.0f} s", flush=True)
        if done.returncode:
            failed.append(name)
            print("\n".join(said.splitlines()[-40:]))
    print(f"{total:,} executions, {len(failed)} findings{': ' + ', '.join(failed) if failed else ''}")
    if failed:
        print(f"Inputs are in {folder}")
    raise typer.Exit(bool(failed))


if __name__ == "__main__":
    typer.run(main)
