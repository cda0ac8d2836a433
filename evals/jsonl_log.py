"""The files and threads of a run that can be resumed: a log that survives a kill, a lock, calls side by side."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from ..stores.errors import BadInput


class JsonlLog:
    """A file to append to, from several threads. Opening it cuts off an incomplete last line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _truncate_torn_line(path)
        self._file = path.open("ab")
        self._lock = threading.Lock()

    def append(self, line: Mapping[str, Any]) -> None:
        """Durable when this returns."""
        data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
        with self._lock:
            self._file.write(data)
            self._file.flush()
            os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def read_log(path: Path) -> Iterator[dict[str, Any]]:
    """Every complete line; none where there is no file. `BadInput` for a line that is no JSON object."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith("\n"):
                return
            try:
                value = json.loads(line)
            except ValueError as error:
                raise BadInput(f"{path}, line {number}: no JSON ({error}).") from error
            if not isinstance(value, dict):
                raise BadInput(f"{path}, line {number}: a JSON object should stand here.")
            yield value


def _truncate_torn_line(path: Path) -> None:
    """Cut off what follows the last line end: the process died while it wrote."""
    if not path.exists() or not (size := path.stat().st_size):
        return
    with path.open("rb+") as file:
        end, found = size, -1
        while end > 0 and found < 0:
            start = max(0, end - 65536)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            end = start
        if end + found + 1 < size:
            file.truncate(end + found + 1)


@contextmanager
def exclusive_run(folder: Path) -> Iterator[None]:
    """`BadInput` while another run uses the folder."""
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise BadInput(f"{folder}: another run is at work here; wait for it, or choose another folder.") from error
    try:
        yield
    finally:
        lock.release()


def run_all(call: Callable[..., object], arguments: Iterable[tuple[Any, ...]], threads: int, name: str) -> None:
    """`call(*each)` for each of `arguments`; in this thread where `threads` is 1."""
    if threads == 1:
        for each in arguments:
            call(*each)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix=name) as pool:
        for _ in pool.map(lambda each: call(*each), arguments):  # an exception cancels the calls that have not started
            pass
