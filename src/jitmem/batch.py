"""File many sessions: write all to the journal in the order given, then file them concurrently if a model is called."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from .nodes.accept import normalize_session
from .research_run import validate_count
from .runtime import MemoryRuntime
from .stores.errors import BadInput, BatchIncomplete, ModelError, ModelUnavailable, UnknownRecord
from .stores.records import Filed, Progress, Session, Usage
from .stores.truth.journal import LEASE_S


def accept(runtime: MemoryRuntime, sessions: Iterable[Any], update: bool = False) -> list[int]:
    """Write sessions to the journal, and return their numbers. All are parsed before the first is written: bad input
    changes nothing."""
    if isinstance(sessions, str | bytes | Session | Mapping) or not isinstance(sessions, Iterable):
        raise BadInput(f"Give a list of sessions, not {type(sessions).__name__}; memorize takes one session.")
    drafts = [normalize_session(session) for session in sessions]
    return [runtime.archive.journal.accept(**draft, update=update, leased=True).n for draft in drafts]


def unfinished_sessions(runtime: MemoryRuntime) -> list[int]:
    """The numbers of the sessions that are not filed, then of filed ones that are not curated."""
    journal = runtime.archive.journal
    uncurated = [n for n, _ in journal.uncurated_pages()] if runtime.memorize_options.curate else []
    return list(dict.fromkeys([*(entry.n for entry in journal.waiting()), *uncurated]))


def file_all(
    runtime: MemoryRuntime, entries: Sequence[int], concurrency: int = 8, progress: Progress | None = None
) -> list[Filed]:
    """File sessions of the journal, in several threads if a model is called; else one thread is the fastest.

    A session at which a model fails stays in the journal while the others are filed; when a model cannot be reached,
    no further session is started. `BatchIncomplete` at the end names what is not filed. Any other error is raised at
    once.
    """
    workers = count_workers(runtime, concurrency)
    batch = Batch(len(entries), progress)

    def one(at: int) -> None:
        if not batch.stopped:
            batch.renew_leases(runtime, entries)
            with batch.collect_errors(at):
                batch.add(at, runtime.memorizer.invoke({"journal": entries[at]}))

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


def count_workers(runtime: MemoryRuntime, concurrency: int) -> int:
    """How many sessions are filed at once."""
    return validate_count(concurrency) if runtime.waits_for_models else 1


def to_filed(output: Mapping[str, Any]) -> Filed:
    return Filed(
        output["session_id"],
        tuple(output["page_ids"]),
        output["duplicate"],
        Usage.of(output["usage"]),
        tuple(output["failures"]),
        tuple(output.get("edits") or ()),
    )


class Batch:
    """What has become of each session so far."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.stopped = False
        self._filed: list[Filed | None] = [None] * total
        self._errors: dict[int, ModelError] = {}
        self._done = 0
        self._lock = threading.Lock()
        self._progress = progress
        self._leased_at = time.monotonic()

    def renew_leases(self, runtime: MemoryRuntime, entries: Sequence[int]) -> None:
        """Before they end; for what is filed a lease means nothing."""
        if time.monotonic() > self._leased_at + LEASE_S / 3:
            from .stores.truth.session_queue import lease_sessions

            self._leased_at = time.monotonic()
            lease_sessions(runtime.namespace, entries)

    def add(self, at: int, output: Mapping[str, Any]) -> None:
        self._filed[at] = to_filed(output)
        with self._lock:  # so that the counts are reported in order
            self._done += 1
            if self._progress is not None:
                self._progress(self._done, len(self._filed))

    @contextmanager
    def collect_errors(self, at: int) -> Iterator[None]:
        """Collect a `ModelError` for the end; when a model cannot be reached, no further session is started."""
        try:
            yield
        except UnknownRecord as error:  # deleted since it was accepted
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
