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
        figures = list(_measured(Path(folder) / "memory", sessions))
    report(figures, as_json=as_json, sessions=sessions)


def _measured(folder: Path, sessions: int) -> Iterator[Figure]:
    history = History()
    with Memory.open(folder) as memory:
        memory.memorize_many([history.session(n) for n in range(sessions)])
        memory.flush()
        yield Figure("files", _size(folder) / _MIB, "MiB")
        yield Figure("passages", memory.stats()["passages"], "")
        pages = [page.id for page in memory.pages()]
        parts, namespace = memory._parts, memory._parts.archive.pages.namespace
        yield Figure("transaction", _seconds(lambda: delete(namespace, selectors.pages(pages[:1]))), "s")
        eraser = parts.eraser
        yield Figure("VACUUM and checkpoint", _seconds(eraser._vacuum), "s")
        yield Figure("removing Chroma's folder", _seconds(lambda: eraser._vectors.renew(parts.database)), "s")
        eraser.finish()
        yield Figure("next flush, which rebuilds it", _seconds(memory.flush), "s")
        began = time.perf_counter()
        yield Figure("forget(page_id=…) whole", _seconds(lambda: memory.forget(page_id=pages[1])), "s")
        yield Figure("the same by the wall clock", time.perf_counter() - began, "s")
        memory.flush()
        many = pages[4 : 4 + len(pages) // 10]
        yield Figure(f"forget of {len(many)} pages at once", _seconds(lambda: memory.forget(page_id=many)), "s")
        memory.flush()
        yield Figure("forget(everything=True)", _seconds(lambda: memory.forget(everything=True)), "s")
    yield Figure("turns a session", TURNS, "")


def _seconds(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    typer.run(main)
