"""What stands before every route: hosts and origins, limits, callers, CSRF, idempotency keys, security headers."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .callers import Caller, Callers
from .error_form import error_response
from .network_access import is_loopback
from .replies import KEY_CHARS, Replies, answer_once, replay

COOKIE = "jitmem_browser"
CALLER = "jitmem_caller"
"""Where the scope of an authenticated request holds its `Caller`."""
_log = logging.getLogger("jitmem")
_SAFE = {"GET", "HEAD", "OPTIONS"}
_OPEN_BYTES = 4000
"""Of a body to a path that needs no caller: signing in."""
_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        b" base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"
        b" trusted-types 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one server; a request beyond one is answered with an error, and not begun."""

    body_bytes: int = 8_000_000
    question_chars: int = 20_000
    concurrent: int = 128
    """Requests under way; the next is answered 503."""
    request_s: float = 300.0
    """From the arrival of a request to its answer; of a stream, to its end."""


class RequestGuard:
    """Only `/v1/…` needs a caller: the inspector's files and the schema hold no memory."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        callers: Callers,
        limits: Limits,
        local: bool,
        hosts: frozenset[str],
        origins: frozenset[str],
    ) -> None:
        self._app, self._callers, self._limits = app, callers, limits
        self._local, self._hosts, self._origins = local, hosts, origins
        self._replies = Replies()
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                names = {name.lower() for name, _ in message.get("headers", [])}
                message["headers"] = [*message.get("headers", []), *(one for one in _HEADERS if one[0] not in names)]
            await send(message)

        try:
            async with asyncio.timeout(self._limits.request_s):
                await self._handle(scope, receive, send_guarded)
        except TimeoutError:
            if not started:
                seconds = f"The request took longer than {self._limits.request_s:.0f} seconds."
                late = error_response(504, "Timeout", seconds, "Ask for less, or give the question a budget.")
                await late(scope, receive, send_guarded)
        except Exception:
            _log.exception("a %s request failed", scope["method"])  # without its path: a part may be somebody's words
            if not started:
                fix = "Report it, with the trace in the server's log."
                failed = error_response(500, "ServerError", "Something unexpected went wrong.", fix)
                await failed(scope, receive, send_guarded)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key = name.decode("latin-1").lower()
            headers[key] = (
                "\0" if key in headers and key in ("host", "origin", "authorization") else value.decode("latin-1")
            )
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        refusal = self._refuse_host(headers.get("host", "")) or self._refuse_origin(headers)
        if refusal is None and (path == "/v1" or path.startswith("/v1/")):
            found = self._identify(headers, scope["method"], path)
            if isinstance(found, Caller):
                scope[CALLER] = found
            else:
                refusal = found
        key = headers.get("idempotency-key", "")
        if len(key) > KEY_CHARS:
            refusal = refusal or error_response(
                400, "BadInput", f"A key has at most {KEY_CHARS} characters.", "Send a shorter one."
            )
        body = b""
        if refusal is None and scope["method"] not in _SAFE:
            most = self._limits.body_bytes if CALLER in scope else min(_OPEN_BYTES, self._limits.body_bytes)
            read = await _read_body(headers, most, receive)
            refusal, body = _refuse_body(read, most), read or b""
        if refusal is not None:
            await refusal(scope, receive, send)
        elif scope["method"] in _SAFE:
            await self._run(self._app, scope, receive, send)
        elif key and CALLER in scope and not path.endswith("/stream"):
            place = (scope[CALLER].namespace, key)  # not by name: a user may be called as the owner is

            async def answer(scope: Scope, receive: Receive, send: Send) -> None:
                await answer_once(self._app, self._replies, place, body, scope, receive, send)

            await self._run(answer, scope, receive, send)
        else:
            await self._run(self._app, scope, replay(body, receive), send)

    async def _run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Not before the request has arrived: who sends slowly, or has no token, keeps nobody waiting."""
        if self._running >= self._limits.concurrent:
            busy = error_response(503, "Busy", "The server has as many requests as it may.", "Try again in a moment.")
            busy.headers["Retry-After"] = "1"
            await busy(scope, receive, send)
            return
        self._running += 1
        try:
            await app(scope, receive, send)
        finally:
            self._running -= 1

    def _refuse_host(self, host: str) -> JSONResponse | None:
        """A page that an attacker's name leads to this address (DNS rebinding) sends that name. Addresses have no such name."""
        name = _name_in(f"//{host}") if _is_plain(host) else ""
        if name in self._hosts or is_loopback(name) or (not self._local and _is_address(name)):
            return None
        return error_response(
            403, "UnknownHost", "This server has another name.", "Use its address, or start it with --allow-host NAME."
        )

    def _refuse_origin(self, headers: Mapping[str, str]) -> JSONResponse | None:
        origin = headers.get("origin")
        host = headers.get("host", "")
        if origin is None or origin in self._origins or origin in (f"http://{host}", f"https://{host}"):
            return None
        return error_response(
            403, "UnknownOrigin", "This origin may not call.", "Start the server with --origin URL for a page of yours."
        )

    def _identify(self, headers: Mapping[str, str], method: str, path: str) -> Caller | JSONResponse:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme:
            caller = self._callers.by_token(token.strip()) if scheme.lower() == "bearer" else None
        else:
            # A page of another port of this machine is sent the cookie; a browser says so.
            foreign = headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
            caller = None if foreign else self._callers.by_cookie(cookie_in(headers.get("cookie", "")))
            if caller is not None and method not in _SAFE and headers.get("x-csrf-token") != caller.csrf:
                return error_response(
                    403,
                    "CsrfToken",
                    "A write with a cookie needs its token.",
                    "Send X-CSRF-Token, from GET /v1/caller.",
                )
        return caller or error_response(
            401,
            "Unauthorized",
            "This request has no valid token.",
            "Send Authorization: Bearer TOKEN, or sign the browser in."
            if self._callers
            else "The owner of the server must set JITMEM_TOKEN or JITMEM_USERS.",
            {"WWW-Authenticate": "Bearer"},
        )


async def _read_body(headers: Mapping[str, str], most: int, receive: Receive) -> bytes | None:
    """None if it is larger than `most` bytes."""
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > most:
        return None
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _refuse_body(body: bytes | None, most: int) -> JSONResponse | None:
    if body is None:
        large = f"The body is larger than {most:,} bytes."
        return error_response(413, "TooLarge", large, "Send less at once: several requests.")
    if not _is_text(body):
        half = "The body is no UTF-8, or it has a half of a surrogate pair, which is no character."
        return error_response(422, "InvalidRequest", half, "Send text that UTF-8 can hold.")
    return None


def cookie_in(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _is_text(body: bytes) -> bool:
    """UTF-8 without NUL, which JSON in UTF-16 has, and no escape of half a surrogate pair. What is no JSON is its route's business."""
    try:
        body.decode()
        if b"\\ud" in body.lower():
            json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeError:
        return False
    except (ValueError, RecursionError):
        pass
    return b"\0" not in body


def _is_plain(host: str) -> bool:
    return bool(host) and not set(host) & set("/@?#\\ \0")


def _name_in(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
