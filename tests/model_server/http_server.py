"""A real HTTP server that speaks the OpenAI protocol, answers jitmem's steps by fixed rules, and fails on request."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

from .fault_kinds import UNHEARD, Failure, Fault, Faults, failure_of, no_model, spoil_reply, spoil_vectors
from .step_replies import (
    CHAT,
    EMBEDDINGS,
    MODELS,
    ModelRequest,
    StepAnswers,
    completion_body,
    embeddings_body,
    reply_to,
    stream_events,
    vector_of,
)

_HARD = struct.pack("ii", 1, 0)  # SO_LINGER: closing resets the connection
_TICK_S = 0.2
_TESTS = Path(__file__).parents[1]  # where this package is found
_GARBAGE = b"<html><body><h1>It works!</h1></body></html>"


class ModelServer:
    """A model server in threads of this process, for a `with` block; the same object sets its faults.

    `rounds` is how many rounds a question takes until its answer is enough. With `models`, any other name is unknown.
    """

    def __init__(
        self,
        latency_s: float = 0.0,
        rounds: int = 1,
        port: int = 0,
        *,
        dimensions: int = 64,
        models: Sequence[str] | None = None,
    ) -> None:
        self._settings = _Settings(latency_s, rounds, dimensions, models)
        self._port = port
        self._url: str | None = None
        self._close: Callable[[], None] | None = None

    @classmethod
    def apart(
        cls,
        latency_s: float = 0.0,
        rounds: int = 1,
        port: int = 0,
        *,
        dimensions: int = 64,
        models: Sequence[str] | None = None,
    ) -> ModelServer:
        """The server in a separate process, where it takes no CPU time from the client."""
        return _ServerApart(latency_s, rounds, port, dimensions=dimensions, models=models)

    def __enter__(self) -> ModelServer:
        self._url, self._close = self._start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._close:
            self._close()
        self._url = self._close = None

    @property
    def base_url(self) -> str:
        """For `OpenAI(base_url=…)` and `OPENAI_BASE_URL`."""
        if self._url is None:
            raise RuntimeError("The server runs inside its block only: with ModelServer() as server: …")
        return f"{self._url}/v1"

    def fail(self, kind: str, times: int | None = 1, step: str | None = None, **options: Any) -> None:
        """Apply a fault (`FAULTS`) to the next `times` requests, or with None to all; optionally only to those of a step."""
        self._tell("fail", Fault(kind, times, step, options).plain())

    def forgive(self) -> None:
        """Remove all pending faults."""
        self._tell("forgive", {})

    def reset(self) -> None:
        """Remove all faults and requests, and start every question in its first round."""
        self._tell("reset", {})

    def set(self, *, latency_s: float | None = None, rounds: int | None = None) -> None:
        """From the next request on."""
        self._tell("set", {"latency_s": latency_s, "rounds": rounds})

    def requests(self) -> list[dict[str, Any]]:
        """All so far: `path`, `step`, `model`, `prompt_tokens`, `body`, `at` (seconds since the start), `connection`
        (the number of the TCP connection) and `fault` (its kind, or None)."""
        made: list[dict[str, Any]] = self._tell("requests")
        return made

    @property
    def connections(self) -> int:
        """The number of TCP connections of the requests."""
        return len({request["connection"] for request in self.requests()})

    def _start(self) -> tuple[str, Callable[[], None]]:
        server = _Server(self._port, self._settings)
        return server.url, server.stop

    def _tell(self, order: str, options: Mapping[str, Any] | None = None) -> Any:
        url = f"{self.base_url.removesuffix('/v1')}/control/{order}"
        request = urllib.request.Request(url, None if options is None else json.dumps(options).encode())
        with _straight.open(request, timeout=30) as response:
            return json.load(response)


class _ServerApart(ModelServer):
    def _start(self) -> tuple[str, Callable[[], None]]:
        settings = self._settings
        words = ["--port", self._port, "--latency", settings.latency_s, "--rounds", settings.rounds]
        words += ["--dimensions", settings.dimensions]
        words += [word for model in settings.models or () for word in ("--model", model)]
        command = [sys.executable, "-m", __package__, *map(str, words)]
        path = os.pathsep.join(filter(None, [str(_TESTS), os.environ.get("PYTHONPATH")]))
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
        )
        assert child.stdin
        assert child.stdout
        line = child.stdout.readline()
        if not line:
            child.communicate()
            raise RuntimeError(f"The model server did not start: {' '.join(command)} ended with {child.returncode}.")
        url: str = json.loads(line)["base_url"]

        def stop() -> None:
            try:
                child.communicate(timeout=10)  # closes its stdin, which ends it
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()

        return url.removesuffix("/v1"), stop


_straight = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy in the environment is not for us


@dataclass
class _Settings:
    latency_s: float
    rounds: int
    dimensions: int
    models: Sequence[str] | None


@dataclass
class _State:
    """The state shared by all connections."""

    settings: _Settings
    faults: Faults = field(default_factory=Faults)
    thinker: StepAnswers = field(default_factory=StepAnswers)
    requests: list[dict[str, Any]] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def note(self, request: ModelRequest, fault: Fault | None, connection: int) -> None:
        """Keep the request, for `requests()`."""
        self.requests.append(
            {
                "path": request.path,
                "step": request.step,
                "model": request.body.get("model"),
                "prompt_tokens": request.tokens,
                "body": request.body,
                "at": time.monotonic() - self.started,
                "connection": connection,
                "fault": fault.kind if fault else None,
            }
        )

    def obey(self, order: str, options: dict[str, Any]) -> Any:
        """Execute a control request; the result is for JSON."""
        match order:
            case "requests":
                return list(self.requests)
            case "fail":
                self.faults.add(Fault(**options))
            case "forgive":
                self.faults.clear()
            case "reset":
                self.faults.clear()
                self.thinker.forget()
                self.requests.clear()
            case "set":
                for name in ("latency_s", "rounds"):
                    if options[name] is not None:
                        setattr(self.settings, name, options[name])
            case _:
                raise ValueError(f"No order {order!r}.")
        return None


class _Server(ThreadingHTTPServer):
    """Serves in threads; `stop` ends all of them, whatever they wait for."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, port: int, settings: _Settings) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.state = _State(settings)
        self.stopped = threading.Event()
        self.numbers = count(1)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._open: dict[socket.socket, threading.Thread] = {}
        self._accepting = threading.Thread(target=self.serve_forever, args=(0.05,), name="model-server", daemon=True)
        self._accepting.start()

    def stop(self) -> None:
        """Close every connection and wait for the threads."""
        self.stopped.set()
        self.shutdown()
        self._accepting.join()
        for connection, thread in list(self._open.items()):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Handle the request in a thread that `stop` joins."""
        for connection, thread in list(self._open.items()):
            if not thread.is_alive():
                del self._open[connection]
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        self._open[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Do not shut down a connection that is to be reset."""
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_HARD)) == _HARD:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of clients that disconnected."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    """One TCP connection with its requests in sequence."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # a response leaves in one piece
    server: _Server
    _number = 0

    def do_GET(self) -> None:
        """Handled like a POST."""
        self.do_POST()

    def do_POST(self) -> None:
        """A control request, or a request to the model."""
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        if path.startswith("/control/"):
            answer = self.server.state.obey(path.removeprefix("/control/"), json.loads(raw or b"{}"))
            self._send_json(200, answer)
        else:
            self._number = self._number or next(self.server.numbers)
            self._attend(path, raw)

    def log_message(self, format: str, *args: Any) -> None:
        """No log: see `requests()`."""

    def _attend(self, path: str, raw: bytes) -> None:
        state = self.server.state
        try:
            body = json.loads(raw or b"{}")
        except ValueError:
            body = None
        request = ModelRequest(path, body if isinstance(body, dict) else {})
        fault = state.faults.take(request)
        state.note(request, fault, self._number)
        kind = fault.kind if fault else ""
        if kind == "refuse_connection":
            self.close_connection = True
        elif kind == "hang":
            self._wait(None)
            self.close_connection = True
        elif kind == "drip":
            self._drip()
        elif wrong := (fault and failure_of(fault, request)) or _objection(request, body, state.settings.models):
            after = fault.options.get("retry_after") if fault else None
            self._send_json(wrong.status, wrong.body(), {} if after is None else {"Retry-After": str(after)})
        elif not self._wait(state.settings.latency_s + (fault.options.get("seconds", 0.0) if fault else 0.0)):
            self.close_connection = True
        elif kind == "garbage" and fault:
            self._send(200, _GARBAGE, fault.options["content_type"])
        else:
            self._answer(request, kind)

    def _answer(self, request: ModelRequest, kind: str) -> None:
        settings = self.server.state.settings
        if request.path == MODELS:
            names = settings.models or ["scripted"]
            data = [{"id": name, "object": "model", "created": 0, "owned_by": "jitmem"} for name in names]
            self._send_json(200, {"object": "list", "data": data}, cut=kind.startswith("cut"))
        elif request.path == EMBEDDINGS:
            dimensions = request.body.get("dimensions") or settings.dimensions
            vectors = spoil_vectors(kind, [vector_of(text, dimensions) for text in request.inputs])
            self._send_json(200, embeddings_body(request, vectors), cut=kind.startswith("cut"))
        else:
            thought = self.server.state.thinker.think(request, settings.rounds, heard=kind not in UNHEARD)
            reply = spoil_reply(kind, reply_to(request, thought), request)
            if not request.body.get("stream"):
                self._send_json(200, completion_body(request, reply), cut=kind.startswith("cut"))
            else:
                parts = [f"data: {json.dumps(event)}\n\n".encode() for event in stream_events(request, reply)]
                self._stream([*parts, b"data: [DONE]\n\n"], kind)

    def _send_json(
        self, status: int, body: Any, headers: Mapping[str, str] | None = None, *, cut: bool = False
    ) -> None:
        self._send(status, json.dumps(body).encode(), "application/json", headers, cut=cut)

    def _send(
        self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None, *, cut: bool = False
    ) -> None:
        """Send a response; a `cut` one announces the whole body and sends half of it."""
        self._head(status, {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})})
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _HARD)
            self.close_connection = True

    def _stream(self, parts: Sequence[bytes], kind: str) -> None:
        if kind == "cut":
            return self._send(200, b"".join(parts), "text/event-stream", cut=True)
        self._head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        for part in parts[: len(parts) // 2] if kind == "cut_stream" else parts:
            self._chunk(part)
        if kind == "cut_stream":
            self.close_connection = True
        else:
            self._chunk(b"")
        return None

    def _drip(self) -> None:
        self._head(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
        self.close_connection = True
        self._chunk(b" ")
        while self._wait(_TICK_S):
            self._chunk(b" ")

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _chunk(self, part: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.wfile.flush()

    def _wait(self, seconds: float | None) -> bool:
        """Whether the client is still connected after this time; None waits until it disconnects."""
        until = None if seconds is None else time.monotonic() + seconds
        while until is None or until > time.monotonic():
            rest = _TICK_S if until is None else min(_TICK_S, until - time.monotonic())
            if self.server.stopped.wait(max(0.0, rest)) or self._gone():
                return False
        return True

    def _gone(self) -> bool:
        self.connection.settimeout(0)
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.connection.settimeout(None)


def _objection(request: ModelRequest, body: object, models: Sequence[str] | None) -> Failure | None:
    """The error of an invalid request, or None."""
    if request.path not in (CHAT, EMBEDDINGS, MODELS):
        return Failure(404, f"Unknown request URL: {request.path}.", code="unknown_url")
    if not isinstance(body, dict):
        return Failure(400, "We could not parse the JSON body of your request.")
    needed = {CHAT: ("model", "messages"), EMBEDDINGS: ("model", "input"), MODELS: ()}[request.path]
    missing = next((name for name in needed if not body.get(name)), None)
    if missing:
        return Failure(
            400, f"Missing required parameter: '{missing}'.", code="missing_required_parameter", param=missing
        )
    if needed and models and body["model"] not in models:
        return no_model(body["model"])
    return None
