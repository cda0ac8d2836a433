"""File many sessions: all into the journal in the order given, then side by side as far as that pays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .nodes.accept import plain
from .parts import Parts
from .stores.records import Filed

Progress = Callable[[int, int], None] | None


def accept(parts: Parts, sessions: Iterable[Any]) -> list[int]:
    """Their numbers in the journal. Every session is read before the first is kept: bad input changes nothing."""
    drafts = [plain(session) for session in sessions]
    return [parts.archive.journal.accept(**draft).n for draft in drafts]


def run(parts: Parts, entries: Sequence[int], workers: int, progress: Progress) -> list[Filed]:
    """In this thread with one worker, in several with more; the first error is raised when the others are done."""
    count = _Count(len(entries), progress)
    if workers == 1:
        return [count(filed(parts.memorizer.invoke({"journal": entry}))) for entry in entries]
    with ThreadPoolExecutor(workers, thread_name_prefix="jitmem-memorize") as pool:
        return list(pool.map(lambda entry: count(filed(parts.memorizer.invoke({"journal": entry}))), entries))


async def arun(parts: Parts, entries: Sequence[int], workers: int, progress: Progress) -> list[Filed]:
    """The same, awaited."""
    count = _Count(len(entries), progress)
    gate = asyncio.Semaphore(workers)

    async def one(entry: int) -> Filed:
        async with gate:
            return count(filed(await parts.memorizer.ainvoke({"journal": entry})))

    return list(await asyncio.gather(*(one(entry) for entry in entries)))


def filed(output: dict[str, Any]) -> Filed:
    """From the Memorizer's output."""
    return Filed(output["session_id"], tuple(output["page_ids"]), output["duplicate"])


class _Count:
    """Tells how many are done."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def __call__(self, one: Filed) -> Filed:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)
        return one
