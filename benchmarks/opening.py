"""What a process pays before its first answer: `python benchmarks/opening.py [--passages 10000,100000] [--vs CHECKOUT]`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from figures import Figure, report
from history import History
from side_by_side import HERE, link_packages

FIRST_S, FIRST_MB = 0.5, 60.0  # the goal at 100,000 passages, for the words
_RUNS = 3  # fresh processes, of which the cheapest counts
_FILED_AT_ONCE = 500


def main(
    passages: Annotated[str, typer.Option(help="Sizes, with commas between.")] = "10000,100000",
    keep: Annotated[Path | None, typer.Option(help="Where the memories are kept, and found the next time.")] = None,
    vs: Annotated[Path | None, typer.Option(help="Another checkout, measured in the same run.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure CPU and memory of opening a memory and of the first question, in fresh processes."""
    with tempfile.TemporaryDirectory(prefix="jitmem-opening-") as place:
        checkouts = {"here": HERE.parent} | ({"there": vs.resolve()} if vs else {})
        for name, checkout in checkouts.items():
            link_packages(checkout, Path(place, name))
        found = []
        for size in map(int, passages.split(",")):
            sides = {
                name: _measure(Path(place, name), (keep or Path(place)) / f"{name}-{size}", size) for name in checkouts
            }
            found += list(_figures(size, sides))
    report(found, as_json=as_json, passages=passages)


def _figures(size: int, sides: dict[str, dict[str, float]]) -> Iterator[Figure]:
    goals = {"keyword_s": FIRST_S, "keyword_mb": FIRST_MB} if size == 100_000 else {}
    for name, (label, unit) in _MEASURED.items():
        for side, values in sides.items():
            goal = goals.get(name) if side == "here" else None
            yield Figure(f"{label}, at {size:,} passages, {side}", values[name], unit, goal)
        if len(sides) > 1:
            yield Figure("  share", sides["here"][name] / (sides["there"][name] or 1e-9), "x")


_MEASURED = {
    "open_s": ("opening, imports included", "s CPU"),
    "keyword_s": ("first search by words", "s CPU"),
    "keyword_mb": ("  memory that it takes", "MB"),
    "recall_s": ("first recall, words and vectors", "s CPU"),
    "recall_mb": ("  memory that it takes", "MB"),
    "next_ms": ("each recall after it", "ms CPU"),
    "next_keyword_ms": ("each search by words after it", "ms CPU"),
    "folder_mb": ("the truth on disk", "MB"),
}


def _measure(packages: Path, folder: Path, size: int) -> dict[str, float]:
    if not folder.exists():
        _run(packages, "fill", folder, size)
    runs = [{**_run(packages, "keyword", folder, size), **_run(packages, "recall", folder, size)} for _ in range(_RUNS)]
    best = {name: min(run[name] for run in runs) for name in runs[0]}
    return best | {"folder_mb": (folder / "truth.sqlite3").stat().st_size / 1e6}


def _run(packages: Path, task: str, folder: Path, size: int) -> dict[str, float]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(packages), str(HERE)])}
    command = [sys.executable, __file__, task, str(folder), str(size)]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def fill(folder: str, size: int) -> dict[str, float]:
    from jitmem import MemorizeOptions, Memory

    history, number = History(), 0
    with Memory.open(folder, memorize_options=MemorizeOptions(curate=False)) as memory:
        while (left := size - memory.stats()["passages"]) > 0:
            until = number + max(1, min(_FILED_AT_ONCE, left // 20))
            memory.memorize_many([history.session(one) for one in range(number, until)])
            number = until
        memory.flush()
    return {}


def ask(task: str, folder: str, size: int) -> dict[str, float]:
    """In this process, which has done nothing before."""
    asked = History().questions(min(size // 20, 400), 21)
    begun = time.process_time()
    from jitmem import Memory

    with Memory.open(folder) as memory:
        opened, before = time.process_time(), _resident_mb()
        archive = memory._runtime.archive
        search = (lambda q: archive.snapshot().keyword(q, 100)) if task == "keyword" else memory.recall
        assert search(asked[0])
        first, after = time.process_time(), _resident_mb()
        for question in asked[1:]:
            search(question)
        following = 1000 * (time.process_time() - first) / (len(asked) - 1)
    name = "next_keyword_ms" if task == "keyword" else "next_ms"
    return {"open_s": opened - begun, f"{task}_s": first - opened, f"{task}_mb": after - before, name: following}


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in ("fill", "keyword", "recall"):
        task, folder, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
        print(json.dumps(fill(folder, size) if task == "fill" else ask(task, folder, size)))
    else:
        typer.run(main)
