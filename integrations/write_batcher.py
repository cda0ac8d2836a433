"""Writes that wait at the same time in one event loop are made in one transaction, as one sync to disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")
_Waiting = list[tuple[T, "asyncio.Future[None]"]]


class WriteBatcher(Generic[T]):
    """`apply` gets the writes in the order of their calls, in a thread. If it fails for several, each is tried alone, so that
    an error comes to the caller whose it is."""

    def __init__(self, apply: Callable[[Sequence[T]], None]) -> None:
        self._apply = apply
        self._waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, _Waiting[T]] = WeakKeyDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    async def write(self, one: T) -> None:
        """Done when this returns."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        waiting = self._waiting.setdefault(loop, [])
        waiting.append((one, future))
        if len(waiting) == 1:
            task = loop.create_task(self._write_all(waiting))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await future

    async def _write_all(self, waiting: _Waiting[T]) -> None:
        while waiting:
            await asyncio.sleep(0)  # those that are called at once come together
            batch = list(waiting)
            errors = await asyncio.to_thread(self._try, [one for one, _ in batch])
            del waiting[: len(batch)]
            for (_, future), error in zip(batch, errors, strict=True):
                if future.done():  # cancelled
                    continue
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)

    def _try(self, batch: Sequence[T]) -> list[Exception | None]:
        try:
            self._apply(batch)
        except Exception as error:
            if len(batch) == 1:
                return [error]
            return [found for one in batch for found in self._try([one])]
        return [None] * len(batch)
