"""File many sessions: all into the journal in the order given, then side by side as far as that pays."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from .nodes.accept import plain
from .parts import Parts
from .stores.errors import BadInput, BatchIncomplete, ModelError, ModelUnavailable, UnknownRecord
from .stores.records import Filed, Session, Usage

Progress = Callable[[int, int], None] | None


def accept(parts: Parts, sessions: Iterable[Any]) -> list[int]:
    """Their numbers in the journal. Every session is read before the first is kept: bad input changes nothing."""
    if isinstance(sessions, str | bytes | Session | Mapping) or not isinstance(sessions, Iterable):
        raise BadInput(f"Give a list of sessions, not {type(sessions).__name__}; memorize takes one session.")
    drafts = [plain(session) for session in sessions]
    return [parts.archive.journal.accept(**draft).n for draft in drafts]


def run(parts: Parts, entries: Sequence[int], workers: int, progress: Progress) -> list[Filed]:
    """In this thread with one worker, in several with more.

    A session that a model fails at waits in the journal while the others are filed; when a model cannot be reached,
    no further one is begun. `BatchIncomplete` at the end names what is not filed. Any other error is raised at once.
    """
    batch = _Batch(len(entries), progress)

    def one(at: int) -> None:
        if not batch.stopped:
            with batch.place(at):
                batch.file(at, parts.memorizer.invoke({"journal": entries[at]}))

    if workers == 1:
        for at in range(len(entries)):
            one(at)
    else:
        with ThreadPoolExecutor(workers, thread_name_prefix="jitmem-memorize") as pool:
            futures = [pool.submit(one, at) for at in range(len(entries))]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                batch.stopped = True
                raise
    return batch.results()


async def arun(parts: Parts, entries: Sequence[int], workers: int, progress: Progress) -> list[Filed]:
    """The same, awaited; cancelled, it leaves what is not filed in the journal."""
    batch = _Batch(len(entries), progress)
    gate = asyncio.Semaphore(workers)

    async def one(at: int) -> None:
        async with gate:
            if not batch.stopped:
                with batch.place(at):
                    batch.file(at, await parts.memorizer.ainvoke({"journal": entries[at]}))

    tasks = [asyncio.ensure_future(one(at)) for at in range(len(entries))]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        batch.stopped = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    return batch.results()


def filed(output: dict[str, Any]) -> Filed:
    """From the Memorizer's output."""
    return Filed(
        output["session_id"],
        tuple(output["page_ids"]),
        output["duplicate"],
        Usage.of(output["usage"]),
        tuple(output["failures"]),
        tuple(output.get("edits") or ()),
    )


class _Batch:
    """What has become of each session so far."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.stopped = False
        self._filed: list[Filed | None] = [None] * total
        self._errors: dict[int, ModelError] = {}
        self._done = 0
        self._lock = threading.Lock()
        self._progress = progress

    def file(self, at: int, output: dict[str, Any]) -> None:
        """A session is filed: tell how many are."""
        self._filed[at] = filed(output)
        with self._lock:  # counts and tells in order, whichever thread is done
            self._done += 1
            if self._progress is not None:
                self._progress(self._done, len(self._filed))

    @contextmanager
    def place(self, at: int) -> Iterator[None]:
        """Where a `ModelError` is kept for the end: the session waits, and so do all that have not begun when nobody
        is there to be asked."""
        try:
            yield
        except UnknownRecord as error:  # forgotten since it was accepted
            failure = {"step": "accept", "error": "UnknownRecord", "message": str(error)}
            self._filed[at] = Filed("", (), duplicate=False, failures=(failure,))
        except ModelError as error:
            self._errors[at] = error
            self.stopped = self.stopped or isinstance(error, ModelUnavailable)

    def results(self) -> list[Filed]:
        """All of them, in the order of the input, or `BatchIncomplete`; the error itself for a single session."""
        if self._errors and len(self._filed) == 1:
            raise next(iter(self._errors.values()))
        if self._errors:
            waiting = self._filed.count(None)
            first = self._errors[min(self._errors)]
            raise BatchIncomplete(
                f"{waiting} of {len(self._filed)} sessions are not filed and wait in the journal; resume() or the same"
                f" call files them. The first reason: {first}",
                self._filed,
                self._errors,
            ) from first
        return [one for one in self._filed if one is not None]
