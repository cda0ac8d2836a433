"""HTTP clients for models of the OpenAI protocol: connections are kept between calls, and never outlive their owner.

Which owner: a connection belongs to the event loop that opened it, and to the process. Used from a second
`asyncio.run`, an idle one fails with "Event loop is closed" after the request was sent and paid; used from both
sides of a fork, each side reads the other's answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import threading
import weakref
from base64 import b64encode
from collections.abc import AsyncGenerator
from functools import lru_cache
from importlib import import_module
from typing import Any
from urllib.parse import quote

from openai import DefaultAsyncHttpxClient, DefaultHttpxClient

from .nodes.llm.redaction import MIN_SECRET_CHARS

Login = tuple[str, str] | None
"""Name and password for a server that asks for them beside, or in place of, a key."""


class Connections(DefaultHttpxClient):
    """For sync calls from any thread: a client inside does the sending, one a process."""

    def __init__(self, login: Login = None) -> None:
        super().__init__(verify=_certificates())
        self._lock = threading.Lock()
        self._login = login
        self._inner: dict[int, DefaultHttpxClient] = {}  # by process
        weakref.finalize(self, _close_those_of_this_process, self._inner)

    def secrets(self) -> list[str]:
        """What no error may show."""
        return _secrets(self._login)

    def send(self, request: Any, **options: Any) -> Any:
        """As httpx does."""
        with self._lock:
            client = self._inner.get(os.getpid())
            if client is None:
                client = self._inner[os.getpid()] = DefaultHttpxClient(**_ours(self._login))
        response = client.send(request, **options)
        if options.get("stream") and response.is_success:
            return response
        response.read()
        return _discreet(response, self._login)

    def close(self) -> None:
        """Close every connection; the next call opens new ones."""
        with self._lock:
            _close_those_of_this_process(self._inner)


class AsyncConnections(DefaultAsyncHttpxClient):
    """For async calls from any event loop: a client inside does the sending, one a loop, closed when the loop ends.

    They are clients, not transports, since httpx reads the proxies of the environment only where it is given no
    transport.
    """

    def __init__(self, login: Login = None) -> None:
        super().__init__(verify=_certificates())
        self._lock = threading.Lock()
        self._login = login
        self._inner: _ByLoop = {}
        weakref.finalize(self, _close_in_their_loops, self._inner).atexit = False

    def secrets(self) -> list[str]:
        """What no error may show."""
        return _secrets(self._login)

    async def send(self, request: Any, **options: Any) -> Any:
        """As httpx does."""
        response = await (await self._of_this_loop()).send(request, **options)
        if options.get("stream") and response.is_success:
            return response
        await response.aread()
        return _discreet(response, self._login)

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
            client = DefaultAsyncHttpxClient(**_ours(self._login))
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


def _ours(login: Login) -> dict[str, Any]:
    """`OPENAI_PROXY` is langchain-openai's own, which it refuses beside clients that are given."""
    return {"verify": _certificates(), "proxy": os.environ.get("OPENAI_PROXY") or None, "auth": login}


def _discreet(response: Any, login: Login) -> Any:
    """The same response, or where a server repeats in an error what it was sent as a key, one without that.

    Done here, since what a client makes of it goes to every callback and trace before anybody else can look.
    """
    content = said = response.content
    _, _, sent = response.request.headers.get("authorization", "").partition(" ")
    for secret in (secret for secret in (sent, *_secrets(login)) if len(secret) >= MIN_SECRET_CHARS):
        content = content.replace(secret.encode(), b"***")
    if content == said or (response.is_success and _is_answer(said)):
        return response
    plain = ("content-encoding", "content-length", "transfer-encoding")
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in plain]
    return type(response)(response.status_code, headers=headers, content=content, request=response.request)


def _is_answer(content: bytes) -> bool:
    """Whether it has the form of the protocol; its words are then the model's, and stay as they are."""
    try:
        told = json.loads(content)
    except ValueError:
        return False
    return isinstance(told, dict) and any(isinstance(told.get(name), list) for name in ("choices", "data", "output"))


def _secrets(login: Login) -> list[str]:
    """The password as it is meant, as it stands in an address, and as it is sent."""
    if login is None:
        return []
    return [login[1], quote(login[1], safe=""), b64encode(":".join(login).encode()).decode()]


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """Read once: it is what makes a client cost 24 ms, and one a loop is many."""
    # openai 3 has httpx2 beneath, openai 2 had httpx; the context must be made by the one that is used.
    made: ssl.SSLContext = import_module(
        DefaultHttpxClient.__mro__[1].__module__.partition(".")[0]
    ).create_ssl_context()
    return made
