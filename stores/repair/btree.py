"""A SQLite file read page by page without SQLite, so that what lies around a damaged page can still be had.

The format is that of https://www.sqlite.org/fileformat2.html. Nothing is written, and nothing is believed: a cell is
given only if its lengths fit the page that it lies on.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

MAGIC = b"SQLite format 3\0"
Value = int | float | str | bytes | None
Record = tuple[int, tuple[Value, ...]]
"""`(rowid, values)`; of an index `(0, values)`, the last of which is the rowid."""

_PAGE_SIZE = 4096  # SQLite's default, and every truth's; believed where the header is damaged
_LEAF, _INTERIOR, _INDEX_LEAF, _INDEX_INTERIOR = 0x0D, 0x05, 0x0A, 0x02
_SIZES = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)  # bytes of serial types 0 to 9
_MOST_COLUMNS = 100


class DamagedCell(ValueError):
    """A cell that cannot be what was written."""


class Pages:
    """The pages of a file as of its last transaction, that of its write-ahead log too. Pages count from 1."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        size = path.stat().st_size
        self._data: mmap.mmap | bytes = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        self._latest: dict[int, bytes] = {}
        self.size = _page_size(self._data[:100])
        wal = path.with_name(path.name + "-wal")
        if wal.exists():
            self._read_log(wal.read_bytes())
        reserved = self[1][20] if len(self) else 0
        self.usable = self.size - (reserved if self.size - reserved >= 480 else 0)

    def __len__(self) -> int:
        return max(-(-len(self._data) // self.size), max(self._latest, default=0))

    def __getitem__(self, number: int) -> bytes:
        """A page; zeros where the file was cut off. `DamagedCell` for a number that cannot be one."""
        if not 1 <= number <= len(self):
            raise DamagedCell(f"page {number} of {len(self)}")
        if number in self._latest:
            return self._latest[number]
        return bytes(self._data[(number - 1) * self.size : number * self.size]).ljust(self.size, b"\0")

    def close(self) -> None:
        """Let go of the file."""
        if isinstance(self._data, mmap.mmap):
            self._data.close()
        self._file.close()

    # -- trees ---------------------------------------------------------------------------------------------

    def kind(self, number: int) -> int:
        """The first byte of a page's tree header; 0 where there is no tree."""
        return self[number][_start(number)]

    def of_an_index(self, number: int) -> bool:
        """Whether a page looks like one of an index."""
        return 1 <= number <= len(self) and self.kind(number) in (_INDEX_LEAF, _INDEX_INTERIOR)

    def below(self, root: int) -> Iterator[int]:
        """The pages with rows that can still be reached from the root of a tree: leaves, of an index also the others."""
        return (number for number in self.tree(root) if self.kind(number) != _INTERIOR)

    def tree(self, root: int) -> Iterator[int]:
        """Every page that can still be reached from the root of a tree, in order."""
        seen: set[int] = set()
        stack = [root]
        while stack:
            number = stack.pop()
            if number in seen or not 1 <= number <= len(self):
                continue
            seen.add(number)
            kind = self.kind(number)
            if kind in (_LEAF, _INTERIOR, _INDEX_LEAF, _INDEX_INTERIOR):
                yield number
            if kind in (_INTERIOR, _INDEX_INTERIOR):
                page = self[number]
                children = [int.from_bytes(page[at : at + 4], "big") for at in self._cells(number, 12)]
                last = int.from_bytes(page[_start(number) + 8 : _start(number) + 12], "big")
                stack.extend([last, *reversed(children)])

    def leaves(self) -> Iterator[int]:
        """Every page of the file that looks like the leaf of a table."""
        return (number for number in range(1, len(self) + 1) if self.kind(number) == _LEAF)

    def records(self, number: int) -> Iterator[Record | None]:
        """The rows of one leaf, None for each that cannot be read."""
        kind = self.kind(number)
        for at in self._cells(number, 12 if kind == _INDEX_INTERIOR else 8):
            try:
                yield self._record(number, kind, at)
            except (DamagedCell, IndexError, struct.error, UnicodeDecodeError):
                yield None

    def _cells(self, number: int, head: int) -> Sequence[int]:
        """Where the cells of a page begin, as far as that is possible at all."""
        page, start = self[number], _start(number)
        count = int.from_bytes(page[start + 3 : start + 5], "big")
        table = start + head
        count = min(count, (self.usable - table) // 2)
        places = struct.unpack_from(f">{count}H", page, table)
        return [at for at in places if table + 2 * count <= at < self.usable]

    def _record(self, number: int, kind: int, at: int) -> Record:
        page, rowid = self[number], 0
        if kind == _INDEX_INTERIOR:
            at += 4
        length, at = _varint(page, at)
        if kind == _LEAF:
            rowid, at = _varint(page, at)
            most = self.usable - 35
        else:
            most = (self.usable - 12) * 64 // 255 - 23
        return rowid, _values(self._payload(page, at, length, most))

    def _payload(self, page: bytes, at: int, length: int, most: int) -> bytes:
        """What lies in the cell itself, then along its chain of overflow pages."""
        if length > len(self) * self.size:
            raise DamagedCell(f"{length} bytes in one row")
        here = length
        if length > most:
            least = (self.usable - 12) * 32 // 255 - 23
            here = least + (length - least) % (self.usable - 4)
            here = here if here <= most else least
        if at + here + (4 if here < length else 0) > self.usable:
            raise DamagedCell("longer than its page")
        parts, got = [page[at : at + here]], here
        following = int.from_bytes(page[at + here : at + here + 4], "big") if here < length else 0
        while got < length:
            overflow = self[following]
            piece = overflow[4 : min(self.usable, 4 + length - got)]
            parts.append(piece)
            got += len(piece)
            following = int.from_bytes(overflow[:4], "big")
        if following:
            raise DamagedCell("a chain that does not end")
        return b"".join(parts)

    # -- the write-ahead log -------------------------------------------------------------------------------

    def _read_log(self, log: bytes) -> None:
        """Every page of the transactions in the log that were committed whole; the checksums say which."""
        if len(log) < 32 or int.from_bytes(log[:4], "big") not in (0x377F0682, 0x377F0683):
            return
        order = ">" if log[3] & 1 else "<"
        size = int.from_bytes(log[8:12], "big")
        sums = _checksum(log[:24], order, (0, 0))
        if size not in (512 << n for n in range(8)) or sums != struct.unpack(">2I", log[24:32]):
            return
        self.size = size
        begun: dict[int, bytes] = {}
        for at in range(32, len(log) - 24 - size + 1, 24 + size):
            head, page = log[at : at + 24], log[at + 24 : at + 24 + size]
            sums = _checksum(page, order, _checksum(head[:8], order, sums))
            if head[8:16] != log[16:24] or struct.unpack(">2I", head[16:24]) != sums:
                return
            number, commit = struct.unpack(">2I", head[:8])
            begun[number] = page
            if commit:
                self._latest.update(begun)
                begun = {}


def _page_size(header: bytes) -> int:
    size = int.from_bytes(header[16:18], "big")
    size = 65536 if size == 1 else size
    return size if header.startswith(MAGIC) and size in (512 << n for n in range(8)) else _PAGE_SIZE


def _start(number: int) -> int:
    """Where the tree begins on a page: the first one has the header of the file before it."""
    return 100 if number == 1 else 0


def _varint(page: bytes, at: int) -> tuple[int, int]:
    """A number of 1 to 9 bytes as SQLite writes it, and where it ends."""
    value = 0
    for length in range(9):
        byte = page[at + length]
        if length == 8:
            value = value << 8 | byte
            return value - (1 << 64) if value >> 63 else value, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + length + 1
    raise DamagedCell("a number without an end")


def _values(payload: bytes) -> tuple[Value, ...]:
    head, at = _varint(payload, 0)
    if not 1 <= head <= len(payload):
        raise DamagedCell("a head longer than its row")
    kinds = []
    while at < head:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    if at != head or len(kinds) > _MOST_COLUMNS:
        raise DamagedCell("a head that does not end where it says")
    values = []
    for kind in kinds:
        value, at = _value(payload, kind, at)
        values.append(value)
    if at != len(payload):
        raise DamagedCell("a row that does not end where it says")
    return tuple(values)


def _value(payload: bytes, kind: int, at: int) -> tuple[Value, int]:
    if kind >= 12:
        end = at + (kind - 12) // 2
        if end > len(payload):
            raise DamagedCell("a value longer than its row")
        return (payload[at:end] if kind % 2 == 0 else payload[at:end].decode()), end
    if kind in (10, 11) or kind < 0:
        raise DamagedCell("a kind of value that there is none of")
    end = at + _SIZES[kind]
    if end > len(payload):
        raise DamagedCell("a value longer than its row")
    if kind == 0:
        return None, end
    if kind == 7:
        return float(struct.unpack(">d", payload[at:end])[0]), end
    return (kind - 8 if kind >= 8 else int.from_bytes(payload[at:end], "big", signed=True)), end


def _checksum(data: bytes, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    one, two = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for at in range(0, len(words), 2):
        one = (one + words[at] + two) & 0xFFFFFFFF
        two = (two + words[at + 1] + one) & 0xFFFFFFFF
    return one, two
