"""The files and threads of a run that can be resumed: a log that survives a kill, a lock, calls side by side."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object in a file; `BadInput` for a file that is none."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise BadInput(f"{path}: cannot be read as JSON ({error}).") from error


def write_json(path: Path, value: Any) -> None:
    """Written whole or not at all: a reader never sees half a file."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n", encoding="utf-8")
    draft.replace(path)


def claim_folder(path: Path, what: str, record: Mapping[str, Any], parts: Collection[str] | None = None) -> None:
    """Record in the file at `path` what its folder holds. `BadInput` where another record is there already: it names
    those of the `parts` (all) that differ."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, record)
        return
    known, wanted = read_json(path), json.loads(json.dumps(record, default=str))
    changes = [
        f"another {part}" if isinstance(old, dict) and isinstance(new, dict) else f"{part}={old!r:.80}, not {new!r:.80}"
        for part in parts or {**wanted, **known}
        if (old := known.get(part)) != (new := wanted.get(part))
    ]
    if changes:
        raise BadInput(f"{path.parent} holds {what} with {', '.join(changes)}; choose another folder.")


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
