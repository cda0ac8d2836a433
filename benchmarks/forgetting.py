"""What it costs to forget one page of many, bytes included: `python benchmarks/forgetting.py [--sessions 1000] [--json]`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from figures import Figure, report
from history import TURNS, History

from jitmem import Memory
from jitmem.stores.deletion import selectors
from jitmem.stores.deletion.delete import delete

_MIB = 1 << 20


def main(
    sessions: Annotated[int, typer.Option(min=10, help="Sessions in the memory.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure each part of forgetting one page, then the whole: CPU seconds, over all threads."""
    with tempfile.TemporaryDirectory() as folder:
        figures = list(_measure(Path(folder) / "memory", sessions))
    report(figures, as_json=as_json, sessions=sessions)


def _measure(folder: Path, sessions: int) -> Iterator[Figure]:
    history = History()
    with Memory.open(folder) as memory:
        memory.memorize_many([history.session(n) for n in range(sessions)])
        memory.flush()
        yield Figure("files", _folder_bytes(folder) / _MIB, "MiB")
        yield Figure("passages", memory.stats()["passages"], "")
        pages = [page.id for page in memory.pages()]
        runtime = memory._runtime
        namespace, eraser = runtime.archive.pages.namespace, runtime.make_eraser()
        page = selectors.pages(pages[:1])
        yield Figure("deleting a page, one transaction", _cpu_seconds(lambda: delete(namespace, page)), "s")
        yield Figure("VACUUM and checkpoint", _cpu_seconds(eraser._vacuum), "s")
        removing = _cpu_seconds(lambda: eraser._vectors.discard_if_stale(runtime.database))
        yield Figure("removing Chroma's folder", removing, "s")
        eraser.finish()
        yield Figure("the next flush, which rebuilds Chroma's index", _cpu_seconds(memory.flush), "s")
        began = time.perf_counter()
        yield Figure("forget(page_id=…), all of it", _cpu_seconds(lambda: memory.forget(page_id=pages[1])), "s")
        yield Figure("the same by the wall clock", time.perf_counter() - began, "s")
        memory.flush()
        many = pages[4 : 4 + len(pages) // 10]
        yield Figure(f"forget of {len(many)} pages at once", _cpu_seconds(lambda: memory.forget(page_id=many)), "s")
        memory.flush()
        yield Figure("forget(everything=True)", _cpu_seconds(lambda: memory.forget(everything=True)), "s")
    yield Figure("turns a session", TURNS, "")


def _cpu_seconds(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    typer.run(main)
