"""Check the files of a graph (hnswlib's, and the names of its vectors) before Chroma reads them.

hnswlib trusts sizes and the numbers of neighbours: wrong ones lead it outside of its memory.
"""

from __future__ import annotations

import pickletools
import re
import struct
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HEADER = struct.Struct("<i6QiI3QdQ")
_NAMES = "index_metadata.pickle"
GRAPH_FILES = frozenset({"header.bin", "data_level0.bin", "length.bin", "link_lists.bin", _NAMES})
_SHAPE = (3, 4, 5, 8, 10)  # in the header: vectors, bytes of one, place of its name, first one, most neighbours
_MOST_LEVELS, _ROWS = 64, 10_000
_NAME_BYTES = 100  # of one vector, at most

# A pickle is a program. Chroma's holds numbers, names of digits and dicts of them, and no opcode that calls anything.
_NAME = b"|".join(b"X%b[0-9]{%d}" % (re.escape(bytes([digits, 0, 0, 0])), digits) for digits in range(1, 20))
_NUMBER = rb"J.{4}|K.|M.."
_DICT = rb"\}(?:\((?:(?:%b)(?:%b)|(?:%b)(?:%b))*+u)*+" % (_NAME, _NUMBER, _NUMBER, _NAME)
_KEYS = (b"dimensionality", b"total_elements_added", b"max_seq_id", b"id_to_label", b"label_to_id", b"id_to_seq_id")
_KEY = b"|".join(b"X%b%b" % (re.escape(bytes([len(key), 0, 0, 0])), key) for key in _KEYS)
_PICKLE = re.compile(rb"\x80[\x02-\x05]\}\((?:(?:%b)(?:N|%b|%b))*+u\." % (_KEY, _NUMBER, _DICT), re.DOTALL)


def find_graph_fault(folder: Path, dimension: int | None, neighbors: int) -> str | None:
    """Why the files are not those of a graph over vectors of that dimension; None for a sound graph, or none yet."""
    sizes = {name: (folder / name).stat().st_size if (folder / name).exists() else 0 for name in GRAPH_FILES}
    if not any(sizes.values()):
        return None
    if sizes["header.bin"] != _HEADER.size or dimension is None:
        return "its header has another size, or its vectors none"
    raw = (folder / "header.bin").read_bytes()
    version, offset, most, count, row, label, data, top, entry, maximum, maximum_0, m, _, _ = _HEADER.unpack(raw)
    links = maximum_0 * 4 + 4
    if (version, offset, maximum, maximum_0, m) != (1, 0, neighbors, 2 * neighbors, neighbors):
        return "its header has other numbers of neighbours"
    if (data, label, row) != (links, links + 4 * dimension, links + 4 * dimension + 8):
        return "its header has other sizes"
    if not count <= most <= 4 * count + 10_000:
        return "it has room for more vectors than it could ever hold"
    if sizes[_NAMES] > _NAME_BYTES * (most + 100) or not _is_plain(folder / _NAMES):
        return f"{_NAMES} holds more than numbers and names"
    if sizes["data_level0.bin"] not in (count * row, most * row) or sizes["length.bin"] not in (count * 4, most * 4):
        return "its vectors are cut off, or too many"
    if not count:
        return None
    if entry >= count or not 0 <= top <= _MOST_LEVELS:
        return "it begins at a vector that is not there"
    vectors: NDArray[np.uint8] = np.memmap(folder / "data_level0.bin", np.uint8, "r", shape=(count, row))
    for start in range(0, count, _ROWS):
        words = np.ascontiguousarray(vectors[start : start + _ROWS, :links]).view("<u4")
        if _leads_outside(words, count).any():
            return "it has neighbours that are not there"
    if sizes["link_lists.bin"] % 4 or sizes["link_lists.bin"] > count * 4 * (1 + _MOST_LEVELS * (maximum + 1)):
        return "its upper levels are cut off, or too many"
    return _find_level_fault(folder / "link_lists.bin", count, maximum, top, entry)


def _leads_outside(lists: NDArray[np.uint32], count: int) -> NDArray[np.bool_]:
    """Of lists of neighbours (rows, each after its length): which name a vector that is not there."""
    lengths, room = lists[:, :1] & 0xFFFF, lists.shape[1] - 1
    too_far = (np.arange(room) < lengths) & (lists[:, 1:] >= count)
    outside: NDArray[np.bool_] = (lengths[:, 0] > room) | too_far.any(axis=1)
    return outside


def _find_level_fault(file: Path, count: int, maximum: int, top: int, entry: int) -> str | None:
    """The same for the upper levels: each vector has a list for every level up to its own."""
    words, width = np.frombuffer(file.read_bytes(), "<u4"), maximum + 1
    sizes = words.tolist()
    levels, begins = np.zeros(count, np.int64), np.zeros(count, np.int64)
    at = 0
    for number in range(count):
        if at >= len(sizes):
            return "its upper levels are cut off"
        if size := sizes[at]:
            if size % (4 * width):
                return "its upper levels have lists of another size"
            levels[number], begins[number] = size // (4 * width), at + 1
        at += 1 + size // 4
    if at != len(sizes) or levels.max() != top or levels[entry] != top:
        return "its upper levels do not fit its header"
    for level in range(1, top + 1):
        lists = words[(begins[levels >= level] + (level - 1) * width)[:, None] + np.arange(width)]
        if _leads_outside(lists, count).any():
            return "it has neighbours on an upper level that are not there"
        used = np.arange(maximum) < (lists[:, :1] & 0xFFFF)
        if (levels[lists[:, 1:][used]] < level).any():
            return "it has neighbours on a level that they do not reach"
    return None


def _is_plain(names: Path) -> bool:
    return not names.exists() or _PICKLE.fullmatch(names.read_bytes()) is not None


def find_unreached(folder: Path) -> list[int]:
    """The names of the vectors that no path of neighbours reaches from where each search begins; most graphs have none.

    Only for files without a fault: the names are read as the pickle that they were checked to be.
    """
    names = folder / _NAMES
    if not names.exists() or not _is_plain(names):
        return []
    count, row, label, entry, maximum_0 = (_HEADER.unpack((folder / "header.bin").read_bytes())[at] for at in _SHAPE)
    vectors: NDArray[np.uint8] = np.memmap(folder / "data_level0.bin", np.uint8, "r", shape=(count, row))
    words = np.ascontiguousarray(vectors[:, : maximum_0 * 4 + 4]).view("<u4")
    held = np.arange(maximum_0) < (words[:, :1] & 0xFFFF)
    reached = np.zeros(count, np.bool_)
    reached[entry] = True
    newest = np.array([entry])
    while len(newest):
        before = reached.copy()
        reached[words[newest, 1:][held[newest]]] = True
        newest = np.flatnonzero(reached & ~before)
    if reached.all():
        return []
    labels = np.ascontiguousarray(vectors[~reached, label : label + 8]).view("<u8").ravel().tolist()
    known = _read_names(names.read_bytes())
    return sorted(int(known[one]) for one in labels if one in known)


def _read_names(data: bytes) -> dict[int, str]:
    """The dict `label_to_id`: its numbers and names alternate until the next key that is no number."""
    values: list[Any] = [arg for code, arg, _ in pickletools.genops(data) if code.name.startswith("BIN")]
    rest = values[values.index("label_to_id") + 1 :]
    own = list(takewhile(lambda value: isinstance(value, int) or value.isdigit(), rest))
    return dict(zip(own[::2], own[1::2], strict=True))
