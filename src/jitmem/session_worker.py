"""File what waits in the journals of a folder, in every namespace: a process beside those that accept sessions."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .batch import file_all
from .stores.errors import BatchIncomplete, JitmemError, ModelError
from .stores.truth.namespace import names
from .stores.truth.session_queue import release_sessions, take_sessions

if TYPE_CHECKING:
    from .runtime import MemoryRuntime
    from .stores.records import Filed

AT_ONCE = 16  # sessions that are leased together
_POLL_S, _MOST_WAIT_S = 1.0, 60.0
_LEFT_AT_ONCE = 8  # sessions of others, beside one's own
_log = logging.getLogger("jitmem")


def file_abandoned(runtime: MemoryRuntime) -> None:
    """File some sessions that no process files any more. A failure is logged: they are not the caller's, and wait on."""
    if taken := _take_abandoned(runtime):
        with _log_failure():
            file_all(runtime, taken)


async def afile_abandoned(runtime: MemoryRuntime) -> None:
    """`file_abandoned`, awaited, if it is time to look for them."""
    if await asyncio.to_thread(runtime.archive.journal.has_abandoned):
        taken = await asyncio.to_thread(_take_abandoned, runtime)
        with _log_failure():
            from .async_batch import afile_all

            await afile_all(runtime, taken)


def _take_abandoned(runtime: MemoryRuntime) -> list[int]:
    return take_sessions(runtime.namespace, _LEFT_AT_ONCE, curate=runtime.memorize_options.curate, abandoned=True)


@contextmanager
def _log_failure() -> Iterator[None]:
    try:
        yield
    except JitmemError as error:
        _log.warning("Sessions that another process left are not filed, and wait in the journal: %s", error)


def file_waiting(runtime: MemoryRuntime, report: Callable[[str, list[Filed]], None]) -> ModelError | None:
    """File the sessions that nobody has a lease on, oldest first. `report` gets the namespace, and some that were filed.

    A namespace in which a model fails is left, and its sessions wait in the journal: the error, of the last one. Those at
    which it failed are tried again when their lease ends, the others at once.
    """
    failed: ModelError | None = None
    for name in names(runtime.database):
        own = runtime if name == runtime.namespace.name else runtime.for_namespace(name)
        while taken := take_sessions(own.namespace, AT_ONCE, curate=own.memorize_options.curate):
            try:
                report(name, file_all(own, taken))
            except ModelError as error:
                if isinstance(error, BatchIncomplete):
                    report(name, [one for one in error.filed if one is not None])
                    places = zip(taken, error.filed, strict=True)
                    untried = [n for at, (n, one) in enumerate(places) if one is None and at not in error.errors]
                    release_sessions(own.namespace, untried)
                failed = error
                break
    return failed


def work(
    runtime: MemoryRuntime, report: Callable[[str, list[Filed]], None], on_failure: Callable[[ModelError], None]
) -> None:
    """`file_waiting` again and again, until the process is interrupted. After a failure it waits longer each time, up to
    a minute."""
    wait_s = _POLL_S
    while True:
        failed = file_waiting(runtime, report)
        if failed is not None:
            on_failure(failed)
        wait_s = _POLL_S if failed is None else min(_MOST_WAIT_S, 2 * wait_s)
        time.sleep(wait_s)
