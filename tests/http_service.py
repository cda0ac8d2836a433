"""A real `jitmem serve` or `jitmem ui` in a process of its own, on a free port of the loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

OWNER = "the-owners-long-token"
USERS = {"ana": "anas-own-long-token", "ben": "bens-own-long-token"}


@dataclass
class HttpService:
    """`line` is what it printed when it began, `log` everything since."""

    url: str
    line: str
    process: subprocess.Popen[str]
    log: list[str] = field(default_factory=list)

    def client(self, token: str | None = OWNER, **options: Any) -> httpx.Client:
        made = httpx.Client(
            base_url=self.url, timeout=120, limits=httpx.Limits(max_connections=200), trust_env=False, **options
        )
        if token is not None:
            made.headers["Authorization"] = f"Bearer {token}"
        return made


@contextmanager
def http_service(folder: Path, *options: str, command: str = "serve", **settings: str) -> Iterator[HttpService]:
    ours = ("JITMEM_", "OPENAI_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    words = [command, "--memory", str(folder), "--port", "0", *options]
    script = "from jitmem.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", script, *words], env=environment | settings, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("jitmem: http://"), line + process.stderr.read()
    service = HttpService("/".join(line.split()[1].split("/")[:3]), line, process)
    reader = threading.Thread(target=lambda: service.log.extend(process.stderr or ()), daemon=True)
    reader.start()
    try:
        yield service
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        finally:
            process.kill()
            reader.join(10)
