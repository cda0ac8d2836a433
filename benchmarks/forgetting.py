"""What it costs to forget one page of many, bytes included: `python benchmarks/forgetting.py [--sessions 1000] [--json]`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from figures import Figure, report
from history import TURNS, History

from jitmem import Memory
from jitmem.stores.forgetting import choose
from jitmem.stores.forgetting.forget import forget
from jitmem.stores.forgetting.needles import Finder, Needles, united

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
        parts, namespace = memory._runtime, memory._runtime.archive.pages.namespace
        yield Figure("transaction", _cpu_seconds(lambda: forget(namespace, choose.pages(pages[:1]))), "s")
        eraser = parts.eraser
        yield Figure("VACUUM and checkpoint", _cpu_seconds(eraser._compact), "s")
        yield Figure("taking Chroma's folder away", _cpu_seconds(lambda: eraser._vectors.renew(parts.database)), "s")
        pieces = united([own for *_, own in eraser._open()])
        yield Figure("scan of every file", _cpu_seconds(lambda: eraser._scanned(pieces)), "s")
        eraser.finish()
        yield Figure("next flush, which makes Chroma's anew", _cpu_seconds(memory.flush), "s")
        began = time.perf_counter()
        yield Figure("forget(page_id=…) whole", _cpu_seconds(lambda: memory.forget(page_id=pages[1])), "s")
        yield Figure("the same by the wall clock", time.perf_counter() - began, "s")
        memory.flush()
        many = pages[4 : 4 + len(pages) // 10]
        yield Figure(f"forget of {len(many)} pages at once", _cpu_seconds(lambda: memory.forget(page_id=many)), "s")
        memory.flush()
        yield Figure("forget(everything=True)", _cpu_seconds(lambda: memory.forget(everything=True)), "s")
    yield Figure("speed of the scan", _scan_speed(), "MB/s")
    yield Figure("turns a session", TURNS, "")


def _cpu_seconds(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _scan_speed() -> float:
    """Bytes by chance, 1,000 pieces of each length."""
    rng = np.random.default_rng(1)
    needles = Needles()
    for _ in range(1000):
        needles.text(rng.bytes(12).hex()[:15])
        needles.text(rng.bytes(16).hex())
        needles.vector(rng.normal(size=16).astype("<f4").tobytes())
    finder, noise = Finder(needles.pieces()), rng.bytes(64_000_000)
    return 64 / min(_cpu_seconds(lambda: finder.in_bytes([noise])) for _ in range(3))


if __name__ == "__main__":
    typer.run(main)
