"""A TCP proxy that answers later: as far from the server as a network would be. It counts round trips.

`python benchmarks/slow_proxy.py HOST PORT DELAY_MS` prints the port that it listens on, and after each line on its standard
input how many round trips there were so far: how often a client sent something after the server had answered.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue

_CHUNK = 1 << 20


class SlowProxy:
    """The whole delay is on the way back. What arrives together leaves together, in order, each chunk `delay_ms` after it
    came: a long answer waits once."""

    def __init__(self, host: str, port: int, delay_ms: float) -> None:
        self.round_trips = 0
        self._target = (host, port)
        self._delay_s = delay_ms / 1000
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(self._target)
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answered = threading.Event()
            answered.set()
            due: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
            for pump, args in (
                (self._send, (client, server, answered)),
                (self._read, (server, due, answered)),
                (self._answer, (client, due)),
            ):
                threading.Thread(target=pump, args=args, daemon=True).start()

    def _send(self, client: socket.socket, server: socket.socket, answered: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(_CHUNK):
                if answered.is_set():
                    answered.clear()
                    with self._lock:
                        self.round_trips += 1
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _read(self, server: socket.socket, due: SimpleQueue[tuple[float, bytes]], answered: threading.Event) -> None:
        data = b"-"
        while data:
            try:
                data = server.recv(_CHUNK)
            except OSError:
                data = b""
            answered.set()
            due.put((time.perf_counter() + self._delay_s, data))

    def _answer(self, client: socket.socket, due: SimpleQueue[tuple[float, bytes]]) -> None:
        with suppress(OSError), client:
            while True:
                at, data = due.get()
                if (left := at - time.perf_counter()) > 0:
                    time.sleep(left)
                if not data:
                    return
                client.sendall(data)


class ProxyProcess:
    """A `SlowProxy` in a process of its own, so that its work is not the client's."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = self._number()

    def round_trips(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._number()

    def _number(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


@contextmanager
def slow_proxy(host: str, port: int, delay_ms: float) -> Iterator[ProxyProcess]:
    command = [sys.executable, __file__, host, str(port), str(delay_ms)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield ProxyProcess(process)
        finally:
            process.kill()


if __name__ == "__main__":
    proxy = SlowProxy(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
    print(proxy.port, flush=True)
    for _ in sys.stdin:
        print(proxy.round_trips, flush=True)
