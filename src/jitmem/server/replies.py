"""Replies to writes, by idempotency key: a request that is sent again gets the reply of the first."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field


@dataclass(slots=True)
class Reply:
    """What was sent for a key; empty while the first request runs."""

    fingerprint: bytes
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Replies:
    """The newest replies of this process, by caller, namespace and key. For one event loop."""

    def __init__(self, most: int = 1000, most_bytes: int = 16_000_000) -> None:
        self._replies: OrderedDict[tuple[str, str], Reply] = OrderedDict()
        self._most, self._most_bytes, self._bytes = most, most_bytes, 0

    def get(self, key: tuple[str, str]) -> Reply | None:
        return self._replies.get(key)

    def begin(self, key: tuple[str, str], fingerprint: bytes) -> Reply:
        reply = self._replies[key] = Reply(fingerprint)
        return reply

    def end(self, key: tuple[str, str], reply: Reply) -> None:
        """Keep a reply that another try would not change; forget that of a server's failure, so that it may be tried again."""
        if reply.status == 0 or reply.status >= 500 or reply.status == 429:
            self._replies.pop(key, None)
        else:
            self._bytes += len(reply.body)
        reply.done.set()
        for old in list(self._replies):
            if len(self._replies) <= self._most and self._bytes <= self._most_bytes:
                break
            if self._replies[old].done.is_set():
                self._bytes -= len(self._replies.pop(old).body)
