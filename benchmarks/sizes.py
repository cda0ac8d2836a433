"""What a memory of many passages costs: to open, to ask, to file one session more, in memory and on disk.

    python benchmarks/sizes.py                                          10,000 and 100,000 passages, in a folder
    python benchmarks/sizes.py --engines sqlite,postgres                the same beside PostgreSQL
    python benchmarks/sizes.py --passages 1000000 --keep big   one namespace of a million, kept for the next run
    python benchmarks/sizes.py --passages 100000 --vs ../before         beside another checkout, in turns

The history is generated and imported (bulk_history.py). Vectors are compared by the exact scan, not by Chroma. Each figure
is of a fresh process, the cheapest of three; what the server of PostgreSQL spends is counted apart.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from figures import Figure, report
from history import History
from rich.console import Console
from rich.progress import Progress
from side_by_side import HERE, link_packages

FIRST_S, FIRST_MB = 0.5, 60.0  # the goal at 100,000 passages
_RUNS = 3  # fresh processes, of which the cheapest counts
_QUESTIONS, _RESEARCHES, _SESSIONS = 40, 10, 5
_MEASURED = {
    "open_s": ("opening, imports included", "s CPU"),
    "keyword_s": ("first search by words", "s CPU"),
    "keyword_mb": ("  memory that it takes", "MB"),
    "recall_s": ("first recall, words and vectors", "s CPU"),
    "recall_mb": ("  memory that it takes", "MB"),
    "next_keyword_ms": ("each search by words after it", "ms CPU"),
    "next_recall_ms": ("each recall after it", "ms CPU"),
    "next_recall_server_ms": ("  of the server", "ms CPU"),
    "research_ms": ("each question of depth 1", "ms CPU"),
    "research_server_ms": ("  of the server", "ms CPU"),
    "session_ms": ("one session more", "ms CPU"),
    "session_server_ms": ("  of the server", "ms CPU"),
    "disk_mb": ("on disk", "MB"),
    "disk_bytes": ("  bytes a passage", "B"),
    "fill_s": ("the import that made it", "s CPU"),
    "embed_s": ("  its vectors", "s CPU"),
}


def main(
    passages: Annotated[str, typer.Option(help="Sizes, with commas between.")] = "10000,100000",
    engines: Annotated[str, typer.Option(help="sqlite, postgres, or both with a comma between.")] = "sqlite",
    keep: Annotated[Path | None, typer.Option(help="Where folders are kept, and found the next time.")] = None,
    vs: Annotated[Path | None, typer.Option(help="Another checkout, its folder measured in the same run.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure opening, asking and filing at several sizes, on one or both engines."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jitmem-sizes-")))
        progress = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
        sides = list(_sides(stack, place, keep or place, engines.split(","), vs))
        figures: list[Figure] = []
        for size in map(int, passages.split(",")):
            file = place / f"{size}.jsonl"
            measured = {}
            for side in sides:
                measured[side.name] = side.measure(size, file, progress)
                progress.console.print(
                    f"{side.name}, {size:,} passages: {json.dumps(measured[side.name])}"
                )  # it takes long
            file.unlink(missing_ok=True)
            figures += _figures(size, measured)
    report(figures, as_json=as_json)


def _figures(size: int, sides: dict[str, dict[str, float]]) -> Iterator[Figure]:
    goals = {"keyword_s": FIRST_S, "keyword_mb": FIRST_MB, "recall_s": FIRST_S, "recall_mb": FIRST_MB}
    for name, (label, unit) in _MEASURED.items():
        having = {side: values[name] for side, values in sides.items() if name in values}
        for side, value in having.items():
            goal = goals.get(name) if size == 100_000 and side != "there" else None
            yield Figure(f"{label}, at {size:,} passages, {side}", value, unit, goal)
        first, *others = having.items() if having else [("", 0.0)]
        for side, value in others:
            yield Figure(f"  {first[0]} beside {side}", first[1] / (value or 1e-9), "x")


@dataclass
class _Side:
    """An engine, or another checkout; each task is a fresh process over its packages."""

    name: str
    packages: Path
    place_of: Callable[[int], str]
    disk_bytes: Callable[[str], int]
    server_cpu: Callable[[], float] | None = None

    def measure(self, size: int, file: Path, progress: Progress) -> dict[str, float]:
        place = self.place_of(size)
        task = progress.add_task(f"{self.name}, {size:,} passages", total=5)
        best: dict[str, float] = {}
        if place.startswith("postgresql://") or not Path(place).exists():
            if not file.exists():
                _run(self.packages, "generate", str(file), size)
            best |= _run(self.packages, "fill", place, size, str(file))
        progress.advance(task)
        for _ in range(_RUNS):
            run = _run(self.packages, "keyword", place, size) | _run(self.packages, "recall", place, size)
            best |= {name: min(value, best.get(name, value)) for name, value in run.items()}
            progress.advance(task)
        for what in ("recall", "research", "session"):
            before = self.server_cpu() if self.server_cpu else 0.0
            found = _run(self.packages, what, place, size)
            if self.server_cpu:
                key, count = _OF_SERVER[what]
                best[key] = 1000 * (self.server_cpu() - before) / count
            if what != "recall":
                best |= found
        progress.remove_task(task)
        disk = self.disk_bytes(place)
        return best | {"disk_mb": disk / 1e6, "disk_bytes": disk / size}


_OF_SERVER = {
    "recall": ("next_recall_server_ms", _QUESTIONS),
    "research": ("research_server_ms", _RESEARCHES + 1),
    "session": ("session_server_ms", _SESSIONS + 1),
}


def _sides(stack: ExitStack, place: Path, keep: Path, engines: list[str], vs: Path | None) -> Iterator[_Side]:
    checkouts = {"sqlite": HERE.parent} if "sqlite" in engines else {}
    for name, checkout in (checkouts | ({"there": vs.resolve()} if vs else {})).items():
        packages = place / "packages" / name
        link_packages(checkout, packages)
        yield _Side(name, packages, lambda size, name=name: str(keep / f"{name}-{size}"), _folder_bytes)  # type: ignore[misc]
    if "postgres" in engines:
        sys.path.insert(0, str(HERE.parent / "tests"))
        from postgres_server import PostgresServer  # it lies beside the tests

        packages = place / "packages" / "postgres"
        link_packages(HERE.parent, packages)
        server = PostgresServer()
        stack.callback(server.close)
        urls: dict[int, str] = {}
        cpu = server.cpu_seconds if server.is_own else None
        yield _Side("postgres", packages, lambda size: urls.setdefault(size, server.database()), _schema_bytes, cpu)


def _folder_bytes(place: str) -> int:
    return sum(file.stat().st_size for file in Path(place).rglob("*") if file.is_file())


def _schema_bytes(place: str) -> int:
    import psycopg

    with psycopg.connect(place) as connection:
        row = connection.execute(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = 'jitmem'::regnamespace"
            " AND relkind = 'r'"
        ).fetchone()
    return int(row[0]) if row else 0


def _run(packages: Path, task: str, place: str, size: int, file: str = "") -> dict[str, float]:
    paths = os.pathsep.join([str(packages), str(HERE)])
    env = {**os.environ, "PYTHONPATH": paths, "JITMEM_CHROMA_MIN_VECTORS": str(1 << 40)}
    command = [sys.executable, __file__, task, place, str(size), file]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


# -- in a process of its own ---------------------------------------------------------------------------------


def generate(place: str, size: int, _: str) -> dict[str, float]:
    from bulk_history import write_bulk_export

    write_bulk_export(Path(place), size)
    return {}


def fill(place: str, size: int, file: str) -> dict[str, float]:
    from jitmem import Memory

    begun = time.process_time()
    with Memory.open(place) as memory:
        with Path(file).open("rb") as lines:
            memory.transfer.import_(lines)
        filed = time.process_time()
        memory.flush()
    return {"fill_s": filed - begun, "embed_s": time.process_time() - filed}


def ask(place: str, size: int, search_of: Callable[[Any], Callable[[str], object]], name: str) -> dict[str, float]:
    """In this process, which has done nothing before."""
    asked = History().questions(size // 20, _QUESTIONS)
    begun = time.process_time()
    from jitmem import Memory

    with Memory.open(place) as memory:
        opened, before = time.process_time(), _resident_mb()
        search = search_of(memory)
        assert search(asked[0])
        first, after = time.process_time(), _resident_mb()
        for question in asked[1:]:
            search(question)
        following = 1000 * (time.process_time() - first) / (len(asked) - 1)
    return {
        "open_s": opened - begun,
        f"{name}_s": first - opened,
        f"{name}_mb": after - before,
        f"next_{name}_ms": following,
    }


def keyword(place: str, size: int, _: str) -> dict[str, float]:
    return ask(place, size, lambda memory: lambda q: memory._runtime.archive.snapshot().keyword(q, 100), "keyword")


def recall(place: str, size: int, _: str) -> dict[str, float]:
    return ask(place, size, lambda memory: memory.recall, "recall")


def research(place: str, size: int, _: str) -> dict[str, float]:
    from jitmem import Memory

    asked = History().questions(size // 20, _RESEARCHES + 1)
    with Memory.open(place) as memory:
        assert memory.research(asked[0], depth=1).context
        begun = time.process_time()
        for question in asked[1:]:
            memory.research(question, depth=1)
        return {"research_ms": 1000 * (time.process_time() - begun) / _RESEARCHES}


def session(place: str, size: int, _: str) -> dict[str, float]:
    """Those that come next; a few more in the memory change no figure."""
    from jitmem import Memory

    with Memory.open(place) as memory:
        first = int(memory.stats()["sessions"])
        sessions = [History().session(first + number) for number in range(_SESSIONS + 1)]
        memory.memorize(sessions[0])
        begun = time.process_time()
        for one in sessions[1:]:
            memory.memorize(one)
        memory.flush()
        return {"session_ms": 1000 * (time.process_time() - begun) / _SESSIONS}


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


TASKS = {task.__name__: task for task in (generate, fill, keyword, recall, research, session)}

if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in TASKS:
        name, place, size, file = sys.argv[1:]
        print(json.dumps(TASKS[name](place, int(size), file)))
    else:
        typer.run(main)
