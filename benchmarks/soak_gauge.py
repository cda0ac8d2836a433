"""What a process holds, read from /proc: memory, file handles, threads; and what a folder holds."""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

MB = 1 << 20


class Gauge(NamedTuple):
    """MB of resident memory, open handles, threads, and MB of files."""

    memory: float = 0.0
    handles: int = 0
    threads: int = 0
    truth: float = 0.0
    wal: float = 0.0
    vectors: float = 0.0


def read_gauge(folder: Path) -> Gauge:
    """Of this process, and of the memory in the folder."""
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Gauge(
        memory=resident / MB,
        handles=len(os.listdir("/proc/self/fd")) - 1,  # the one that lists them
        threads=len(os.listdir("/proc/self/task")),
        truth=_size(folder / "truth.sqlite3"),
        wal=_size(folder / "truth.sqlite3-wal"),
        vectors=sum(_size(path) for path in (folder / "vectors").rglob("*")),
    )


def release_free_memory() -> None:
    """Give back to the system what is free, so that what is left is held."""
    gc.collect()
    with suppress(OSError, AttributeError):  # glibc's
        ctypes.CDLL(None).malloc_trim(0)


def _size(path: Path) -> float:
    with suppress(FileNotFoundError):
        if path.is_file():
            return path.stat().st_size / MB
    return 0.0
