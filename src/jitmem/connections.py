"""HTTP clients for models of the OpenAI protocol: connections are kept between calls, and never outlive their owner.

Which owner: a connection belongs to the event loop that opened it, and to the process. Used from a second
`asyncio.run`, an idle one fails with "Event loop is closed" after the request was sent and paid; used from both
sides of a fork, each side reads the other's answer.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import weakref
from collections.abc import AsyncGenerator
from functools import lru_cache
from importlib import import_module
from typing import Any

from openai import DefaultAsyncHttpxClient, DefaultHttpxClient


class Connections(DefaultHttpxClient):
    """For sync calls from any thread: a client inside does the sending, one a process."""

    def __init__(self) -> None:
        super().__init__(verify=_certificates())
        self._lock = threading.Lock()
        self._inner: dict[int, DefaultHttpxClient] = {}  # by process
        weakref.finalize(self, _close_those_of_this_process, self._inner)

    def send(self, request: Any, **options: Any) -> Any:
        """As httpx does."""
        with self._lock:
            client = self._inner.get(os.getpid())
            if client is None:
                client = self._inner[os.getpid()] = DefaultHttpxClient(**_ours())
        return client.send(request, **options)

    def close(self) -> None:
        """Close every connection; the next call opens new ones."""
        with self._lock:
            _close_those_of_this_process(self._inner)


class AsyncConnections(DefaultAsyncHttpxClient):
    """For async calls from any event loop: a client inside does the sending, one a loop, closed when the loop ends.

    They are clients, not transports, since httpx reads the proxies of the environment only where it is given no
    transport.
    """

    def __init__(self) -> None:
        super().__init__(verify=_certificates())
        self._lock = threading.Lock()
        self._inner: _ByLoop = {}
        weakref.finalize(self, _close_in_their_loops, self._inner).atexit = False

    async def send(self, request: Any, **options: Any) -> Any:
        """As httpx does."""
        return await (await self._of_this_loop()).send(request, **options)

    async def aclose(self) -> None:
        """Close the connections of this loop; the next call opens new ones."""
        with self._lock:
            inner = self._inner.pop(asyncio.get_running_loop(), None)
        if inner is not None:
            await inner[1].aclose()

    async def _of_this_loop(self) -> DefaultAsyncHttpxClient:
        loop = asyncio.get_running_loop()
        with self._lock:
            for ended in [one for one in self._inner if one.is_closed()]:
                del self._inner[ended]
            if loop in self._inner:
                return self._inner[loop][0]
            client = DefaultAsyncHttpxClient(**_ours())
            closing = _close_at_the_end(client)
            self._inner[loop] = client, closing
        await anext(closing)
        return client


_ByLoop = dict[asyncio.AbstractEventLoop, tuple[DefaultAsyncHttpxClient, AsyncGenerator[None, None]]]


def _close_those_of_this_process(inner: dict[int, DefaultHttpxClient]) -> None:
    client = inner.pop(os.getpid(), None)
    if client is not None:
        client.close()


def _close_in_their_loops(inner: _ByLoop) -> None:
    for loop, (_, closing) in inner.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(loop.create_task, closing.aclose())


async def _close_at_the_end(client: DefaultAsyncHttpxClient) -> AsyncGenerator[None, None]:
    """Once begun, an async generator is finished by its event loop before that is closed (`shutdown_asyncgens`)."""
    try:
        yield
    finally:
        await client.aclose()


def _ours() -> dict[str, Any]:
    """`OPENAI_PROXY` is langchain-openai's own, which it refuses beside clients that are given."""
    return {"verify": _certificates(), "proxy": os.environ.get("OPENAI_PROXY") or None}


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """Read once: it is what makes a client cost 24 ms, and one a loop is many."""
    # openai 3 has httpx2 beneath, openai 2 had httpx; the context must be made by the one that is used.
    made: ssl.SSLContext = import_module(
        DefaultHttpxClient.__mro__[1].__module__.partition(".")[0]
    ).create_ssl_context()
    return made
