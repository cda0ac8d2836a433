"""Overwrite what Chroma has written without having anything to say: the memory of this process.

chromadb 1.5.9 begins an index with files for 100 vectors whose bytes nobody has set, whatever lay in the heap: texts,
prompts, keys. It fills them when it writes its graph for the first time, after 1,000 vectors.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

_HEADER = struct.Struct(
    "<iQQQQ"
)  # version, offset of the lowest level, room for so many, how many there are, bytes of each
_HEADER_BYTES, _LENGTH_BYTES = 100, 4


def blank(folder: Path) -> None:
    """Zeros for every vector that is not there, in the indexes below a folder that hold none yet.

    Only while nobody feeds them: what is written meanwhile would be overwritten.
    """
    for header in folder.glob("*/header.bin"):
        raw = header.read_bytes()
        if len(raw) != _HEADER_BYTES:
            continue
        version, _, room, count, size = _HEADER.unpack_from(raw)
        if version == 1 and count == 0:
            _zero(header.with_name("data_level0.bin"), room * size)
            _zero(header.with_name("length.bin"), room * _LENGTH_BYTES)


def _zero(file: Path, size: int) -> None:
    """A file of just this size."""
    if not file.exists() or file.stat().st_size != size or not any(file.read_bytes()):
        return
    with file.open("r+b") as opened:
        opened.write(bytes(size))
        opened.flush()
        os.fsync(opened.fileno())
