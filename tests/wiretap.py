"""A web server on this machine that keeps every request word for word, to see what leaves."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import unquote


class Wiretap(ThreadingHTTPServer):
    """Answers everything with `{}`; as a proxy it is asked for any address."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Keeping)
        self.requests: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    @property
    def text(self) -> str:
        return "\n".join(self.requests)

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()


class _Keeping(BaseHTTPRequestHandler):
    server: Wiretap

    def _keep(self) -> None:
        length = self.headers.get("Content-Length")
        body = self.rfile.read(int(length)) if length else self._chunks()
        head = f"{self.command} {unquote(self.path)}\n{self.headers}"
        assert "Content-Encoding" not in self.headers, "a compressed body would hide its words"
        self.server.requests.append(f"{head}\n{body.decode(errors='replace')}")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def _chunks(self) -> bytes:
        found = b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        return found

    def log_message(self, *args: object) -> None:
        pass


for _method in ("GET", "POST", "PUT", "PATCH", "DELETE", "CONNECT"):
    setattr(_Keeping, f"do_{_method}", _Keeping._keep)
