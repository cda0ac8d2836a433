"""Replies to writes, by idempotency key: a request that is sent again gets the reply of the first."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .error_form import error_response

Place = tuple[str | None, str]
KEY_CHARS = 255


@dataclass(slots=True)
class Reply:
    """What was sent for a key; empty while the first request runs."""

    fingerprint: bytes
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Replies:
    """The newest replies of this process, by the namespace of the caller (none: the owner) and key. For one event loop."""

    def __init__(self, most: int = 1000, most_bytes: int = 16_000_000) -> None:
        self._replies: OrderedDict[Place, Reply] = OrderedDict()
        self._most, self._most_bytes, self._bytes = most, most_bytes, 0

    def get(self, key: Place) -> Reply | None:
        return self._replies.get(key)

    def begin(self, key: Place, fingerprint: bytes) -> Reply:
        reply = self._replies[key] = Reply(fingerprint)
        return reply

    def end(self, key: Place, reply: Reply) -> None:
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


async def answer_once(
    app: ASGIApp, replies: Replies, place: Place, body: bytes, scope: Scope, receive: Receive, send: Send
) -> None:
    """Run a request, or send the reply that its key got before; a request that runs is waited for."""
    about = f"{scope['method']} {scope['path']}?".encode() + scope["query_string"] + b"\n" + body
    fingerprint = hashlib.sha256(about).digest()
    while (reply := replies.get(place)) is not None:
        if reply.fingerprint != fingerprint:
            again = "This idempotency key was used for another request."
            await error_response(409, "KeyReused", again, "Use a new key for each request.")(scope, receive, send)
            return
        await reply.done.wait()
        if reply.status:
            headers = [*reply.headers, (b"idempotency-replayed", b"true")]
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            await send({"type": "http.response.body", "body": reply.body})
            return
    made, status = replies.begin(place, fingerprint), 0

    async def record(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status, made.headers = message["status"], list(message["headers"])
        else:
            made.body += message.get("body", b"")
            made.status = 0 if message.get("more_body", False) else status  # a reply that was cut off is none
        await send(message)

    try:
        await app(scope, replay(body, receive), record)
    finally:
        replies.end(place, made)


def replay(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read, then what comes: the end of the connection."""
    sent = False

    async def receive_again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
