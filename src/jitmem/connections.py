"""HTTP clients for the OpenAI protocol, one for each process and each event loop, with connections kept alive.

An idle connection that is used from a second `asyncio.run` fails with "Event loop is closed" after the request was
sent and paid; one that is used after a fork mixes up the replies of both processes.
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
"""Name and password for HTTP basic authentication."""


class Connections(DefaultHttpxClient):
    """For sync calls from any thread: delegates to one client for each process."""

    def __init__(self, login: Login = None) -> None:
        super().__init__(verify=_certificates())
        self._lock = threading.Lock()
        self._login = login
        self._inner: dict[int, DefaultHttpxClient] = {}  # by process
        weakref.finalize(self, _close_client_of_process, self._inner)

    def secrets(self) -> list[str]:
        """Values to redact from errors."""
        return _secrets(self._login)

    def send(self, request: Any, **options: Any) -> Any:
        with self._lock:
            client = self._inner.get(os.getpid())
            if client is None:
                client = self._inner[os.getpid()] = DefaultHttpxClient(**_client_options(self._login))
        response = client.send(request, **options)
        if options.get("stream") and response.is_success:
            return response
        response.read()
        return _redact_response(response, self._login)

    def close(self) -> None:
        with self._lock:
            _close_client_of_process(self._inner)


class AsyncConnections(DefaultAsyncHttpxClient):
    """For async calls from any event loop: delegates to one client for each loop, closed when the loop ends.

    It is a client, not a transport, because httpx reads proxies from the environment only without a transport.
    """

    def __init__(self, login: Login = None) -> None:
        super().__init__(verify=_certificates())
        self._lock = threading.Lock()
        self._login = login
        self._inner: _ByLoop = {}
        weakref.finalize(self, _close_in_their_loops, self._inner).atexit = False

    def secrets(self) -> list[str]:
        """Values to redact from errors."""
        return _secrets(self._login)

    async def send(self, request: Any, **options: Any) -> Any:
        response = await (await self._of_this_loop()).send(request, **options)
        if options.get("stream") and response.is_success:
            return response
        await response.aread()
        return _redact_response(response, self._login)

    async def aclose(self) -> None:
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
            client = DefaultAsyncHttpxClient(**_client_options(self._login))
            closing = _close_at_the_end(client)
            self._inner[loop] = client, closing
        await anext(closing)
        return client


_ByLoop = dict[asyncio.AbstractEventLoop, tuple[DefaultAsyncHttpxClient, AsyncGenerator[None, None]]]


def _close_client_of_process(inner: dict[int, DefaultHttpxClient]) -> None:
    client = inner.pop(os.getpid(), None)
    if client is not None:
        client.close()


def _close_in_their_loops(inner: _ByLoop) -> None:
    for loop, (_, closing) in inner.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(loop.create_task, closing.aclose())


async def _close_at_the_end(client: DefaultAsyncHttpxClient) -> AsyncGenerator[None, None]:
    """A started async generator is finalised before its event loop is closed (`shutdown_asyncgens`)."""
    try:
        yield
    finally:
        await client.aclose()


def _client_options(login: Login) -> dict[str, Any]:
    """`OPENAI_PROXY` is read here: langchain-openai refuses it when clients are passed in."""
    return {"verify": _certificates(), "proxy": os.environ.get("OPENAI_PROXY") or None, "auth": login}


def _redact_response(response: Any, login: Login) -> Any:
    """The response; if an error of the server repeats the key or password, one with these redacted.

    Redaction happens here because the client passes its error to every callback and trace.
    """
    content = original = response.content
    _, _, sent = response.request.headers.get("authorization", "").partition(" ")
    for secret in (secret for secret in (sent, *_secrets(login)) if len(secret) >= MIN_SECRET_CHARS):
        content = content.replace(secret.encode(), b"***")
    if content == original or (response.is_success and _is_answer(original)):
        return response
    plain = ("content-encoding", "content-length", "transfer-encoding")
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in plain]
    return type(response)(response.status_code, headers=headers, content=content, request=response.request)


def _is_answer(content: bytes) -> bool:
    """Whether it is a reply of the protocol: its text is the model's and is not redacted."""
    try:
        body = json.loads(content)
    except ValueError:
        return False
    return isinstance(body, dict) and any(isinstance(body.get(name), list) for name in ("choices", "data", "output"))


def _secrets(login: Login) -> list[str]:
    """The password in plain text, as quoted in a URL, and as sent in the header."""
    if login is None:
        return []
    return [login[1], quote(login[1], safe=""), b64encode(":".join(login).encode()).decode()]


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """Loaded once: it takes 24 ms, and there is a client for each loop."""
    # openai 3 uses httpx2, openai 2 used httpx; the context must come from the same package.
    made: ssl.SSLContext = import_module(
        DefaultHttpxClient.__mro__[1].__module__.partition(".")[0]
    ).create_ssl_context()
    return made
