"""Who is at work in a truth: the processes that hold SQLite's locks on it, where the system tells."""

from __future__ import annotations

import os
from pathlib import Path

_LOCKS = Path("/proc/locks")
_BYTES = range(120, 128)  # of the -shm file: writer, checkpointer, recovery, and five marks of readers


def holders(truth: Path) -> list[int]:
    """Process ids, in order; `[]` where the system does not tell."""
    try:
        inode = os.stat(truth.with_name(truth.name + "-shm")).st_ino
        lines = _LOCKS.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    found = set()
    for line in lines:  # 1: POSIX  ADVISORY  READ 4711 08:01:123456 124 124
        parts = [part for part in line.split() if part != "->"]
        if len(parts) < 8 or not parts[5].endswith(f":{inode}") or not parts[6].isdecimal():
            continue
        if int(parts[6]) in _BYTES and int(parts[4]) > 0:
            found.add(int(parts[4]))
    return sorted(found)


def named(processes: list[int]) -> str:
    """`process 4711`, `processes 4711 and 4712`, `another process`."""
    if not processes:
        return "another process"
    if processes == [os.getpid()]:
        return "this process itself"
    each = [f"{process} (this one)" if process == os.getpid() else str(process) for process in processes]
    return f"process{'es' if len(each) > 1 else ''} {' and '.join(each)}"
