"""Overwrite what Chroma has allocated in its files and not filled yet.

chromadb 1.5.9 writes new index files for 100 vectors with whatever lay in this process's memory, such as a text that
was just deleted. It fills them when it first writes its graph, after 1,000 vectors.
"""

from __future__ import annotations

import os
from pathlib import Path


def zero_unfilled(folder: Path) -> None:
    """In each index below `folder` that counts no vector (bytes 20 to 28 of its header); nobody may write it now."""
    for header in folder.glob("*/header.bin"):
        raw = header.read_bytes()
        if len(raw) != 100 or raw[:4] != b"\1\0\0\0" or any(raw[20:28]):
            continue
        for file in (header.with_name("data_level0.bin"), header.with_name("length.bin")):
            if file.exists() and any(file.read_bytes()):
                with file.open("r+b") as opened:
                    opened.write(bytes(file.stat().st_size))
                    opened.flush()
                    os.fsync(opened.fileno())
