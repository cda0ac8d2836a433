"""Write a step once, run it in both worlds: a generator that yields what it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from langchain_core.runnables import Runnable, RunnableConfig

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wait(Generic[T]):
    """Something slow, in its two forms; the step gets its result back from `yield`."""

    now: Callable[[], T]
    later: Callable[[], Awaitable[T]]


Computation = Generator[Wait[Any], Any, T]
"""A computation that yields `Wait`s and returns a `T`; compose with `yield from`."""

NodeBody = Callable[[Any, "Runtime[Any]"], Computation[dict[str, Any]]]


def run_sync(steps: Computation[T]) -> T:
    """Run to the end in this thread."""
    result: Any = None
    failure: Exception | None = None
    while True:
        done, value = _advance(steps, result, failure)
        if done:
            return value  # type: ignore[no-any-return]
        result = failure = None
        try:
            result = value.now()
        except Exception as error:
            failure = error


async def run_async(steps: Computation[T]) -> T:
    """Run to the end without ever blocking the event loop: local work runs in a thread, waits are awaited."""
    result: Any = None
    failure: Exception | None = None
    while True:
        done, value = await asyncio.to_thread(_advance, steps, result, failure)
        if done:
            return value  # type: ignore[no-any-return]
        result = failure = None
        try:
            result = await value.later()
        except Exception as error:
            failure = error


def make_node(name: str, body: NodeBody) -> Runnable[Any, dict[str, Any]]:
    """A graph node from `body(state, runtime)`, for `invoke` and `ainvoke` alike."""
    return _Node(name, body)


class _Node(Runnable[Any, dict[str, Any]]):
    """Not a `RunnableLambda`: that inspects its function's signature and configures callbacks again at each call, though
    LangGraph has done so, and langchain-core keeps what it inspected, a closed memory included, in a cache of 256."""

    def __init__(self, name: str, body: NodeBody) -> None:
        from langgraph.runtime import get_runtime  # heavy: only a graph needs it

        self.name = name
        self._body = body
        self._runtime = get_runtime

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        return run_sync(self._body(input, self._runtime()))

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        return await run_async(self._body(input, self._runtime()))


def _advance(steps: Computation[Any], result: Any, failure: Exception | None) -> tuple[bool, Any]:
    """One stretch of local work: `(True, return value)` or `(False, what it waits for)`."""
    try:
        return False, steps.throw(failure) if failure is not None else steps.send(result)
    except StopIteration as stop:  # cannot cross a thread as an exception
        return True, stop.value
