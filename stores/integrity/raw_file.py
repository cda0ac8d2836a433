"""Read a SQLite file page by page without SQLite, so that the rows around damage can be had.

Cells and records are decoded by `dissect.database` (the `doctor` extra), which expects a sound file. What is added here
is distrust: a broken header, lengths that do not fit, overflow chains that run in circles, a log that ends in the middle.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

from ..errors import MissingPackage
from .row_schema import Value

try:
    from dissect.database.exception import Error as DissectError
    from dissect.database.sqlite3.sqlite3 import SQLITE3_HEADER_MAGIC, Cell, SQLite3, read_record, varint
    from dissect.database.sqlite3.wal import WAL
except ImportError as error:
    raise MissingPackage(
        'Reading a damaged file needs dissect.database; install it with: pip install "jitmem[doctor]"'
    ) from error

Record = tuple[int, tuple[Value, ...]]
"""`(rowid, values)`; of an index `(0, values)`, the last of which is the rowid."""

LEAF = 0x0D
_INTERIOR, _INDEX_LEAF, _INDEX_INTERIOR = 0x05, 0x0A, 0x02
_PAGE_SIZE = 4096  # SQLite's default, and that of every memory; assumed if the header is damaged
_SIZES = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)  # bytes of serial types 0 to 9
_UNREADABLE = (DissectError, ValueError, TypeError, LookupError, EOFError, struct.error)


class RawFile(SQLite3):  # type: ignore[misc]
    """The pages of a file as of its last transaction, also that of its write-ahead log. Pages count from 1."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        size = path.stat().st_size
        self._data: mmap.mmap | bytes = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        log_page_size, self._log = _committed_pages(path.with_name(path.name + "-wal"))
        page_size = log_page_size or _page_size(self._data[:100])
        first = self._log.get(1, self._data[:100])
        self.application_id = int.from_bytes(first[68:72], "big")
        reserved = first[20] if first.startswith(SQLITE3_HEADER_MAGIC) and page_size - first[20] >= 480 else 0
        # A header that is sound: of the damaged one only these two fields matter.
        header = struct.pack(">16sHBBB79x", SQLITE3_HEADER_MAGIC, page_size & 0xFFFF | page_size >> 16, 1, 1, reserved)
        super().__init__(BytesIO(header))
        self.page_count = max(-(-size // page_size), max(self._log, default=0))
        self._chain = 0

    def close(self) -> None:
        if isinstance(self._data, mmap.mmap):
            self._data.close()
        self._file.close()

    def raw_page(self, num: int) -> bytes:
        """A page, of the first one what follows the header; zeros where the file was cut off."""
        self._chain -= 1
        if not 1 <= num <= self.page_count or self._chain < 0:
            raise ValueError(f"page {num} of {self.page_count}, or an overflow chain that does not end")
        size = self.page_size
        page = self._log.get(num) or bytes(self._data[(num - 1) * size : num * size]).ljust(size, b"\0")
        return page[100:] if num == 1 else page

    def kind(self, number: int) -> int:
        """The first byte of a page's b-tree header."""
        self._chain = 1
        return self.raw_page(number)[0]

    def is_index(self, number: int) -> bool:
        return 1 <= number <= self.page_count and self.kind(number) in (_INDEX_LEAF, _INDEX_INTERIOR)

    def tree(self, root: int) -> Iterator[int]:
        """Every page that can be reached from the root of a b-tree, in order."""
        seen: set[int] = set()
        stack = [root]
        while stack:
            number = stack.pop()
            if number in seen or not 1 <= number <= self.page_count:
                continue
            seen.add(number)
            kind = self.kind(number)
            if kind in (LEAF, _INTERIOR, _INDEX_LEAF, _INDEX_INTERIOR):
                yield number
            if kind in (_INTERIOR, _INDEX_INTERIOR):
                page, start = self._page(number)
                children = [int.from_bytes(page[at : at + 4], "big") for at in self._offsets(page, start, 12)]
                stack.extend([int.from_bytes(page[start + 8 : start + 12], "big"), *reversed(children)])

    def pages_with_rows(self, root: int) -> Iterator[int]:
        """The pages of a b-tree that hold rows: leaves, of an index also the interior ones."""
        return (number for number in self.tree(root) if self.kind(number) != _INTERIOR)

    def table_leaves(self) -> Iterator[int]:
        """Every page of the file that looks like the leaf of a table."""
        return (number for number in range(1, self.page_count + 1) if self.kind(number) == LEAF)

    def records(self, number: int) -> Iterator[Record]:
        page, start = self._page(number)
        kind = page[start]
        source = SimpleNamespace(sqlite=self, num=number, data=page[start:], header=SimpleNamespace(flags=kind))
        for offset in self._offsets(page, start, 12 if kind == _INDEX_INTERIOR else 8):
            try:
                yield self._record(Cell(source, offset))
            except _UNREADABLE:
                continue

    def _record(self, cell: Cell) -> Record:
        if cell.size > self.page_count * self.page_size:
            raise ValueError(f"{cell.size} bytes in one row")
        self._chain = cell.size // (self.usable_page_size - 4) + 1
        data = cell.data[: cell.size]
        types, values = read_record(BytesIO(data), "utf-8")
        size = varint(BytesIO(data))
        for kind, value in zip(types, values, strict=True):
            length = (kind - 12) // 2 if kind >= 12 else _SIZES[kind]
            found = len(value.encode() if isinstance(value, str) else value) if kind >= 12 else length
            if found != length or (kind >= 12 and isinstance(value, bytes) == bool(kind % 2)):
                raise ValueError("a value that is cut off, or a text that is not UTF-8")
            size += length
        if not len(data) == cell.size == size:
            raise ValueError("a row that is not as long as it says")
        plain = [int(one) if isinstance(one, int) else float(one) if isinstance(one, float) else one for one in values]
        return (cell.key or 0) - ((cell.key or 0) >> 63 << 64), tuple(plain)

    def _page(self, number: int) -> tuple[bytes, int]:
        """A whole page, with where its b-tree header begins."""
        self._chain = 1
        start = 100 if number == 1 else 0
        return bytes(start) + self.raw_page(number), start

    def _offsets(self, page: bytes, start: int, header: int) -> list[int]:
        """Where the cells of a page begin, as far as the page has room for them."""
        table = start + header
        count = min(int.from_bytes(page[start + 3 : start + 5], "big"), (self.usable_page_size - table) // 2)
        offsets = struct.unpack_from(f">{count}H", page, table)
        return [at for at in offsets if table + 2 * count <= at < self.usable_page_size]


def _page_size(header: bytes) -> int:
    size = int.from_bytes(header[16:18], "big")
    size = 65536 if size == 1 else size
    return size if header.startswith(SQLITE3_HEADER_MAGIC) and size in (512 << n for n in range(8)) else _PAGE_SIZE


def _committed_pages(log: Path) -> tuple[int, dict[int, bytes]]:
    """The page size, and the newest copy of each page in the log up to its last transaction with sound checksums.

    `dissect.database` reads the log too, but does not verify checksums: SQLite ignores a frame whose checksum is wrong.
    """
    committed: dict[int, bytes] = {}
    open_frames: dict[int, bytes] = {}
    raw = log.read_bytes() if log.exists() else b""
    try:
        wal = WAL(BytesIO(raw))
    except _UNREADABLE:  # empty, damaged, or without a transaction
        return 0, {}
    sums = _checksum(raw[:24], wal.checksum_endian, (0, 0))
    if sums != struct.unpack(">2I", raw[24:32]):
        return 0, {}
    for frame in wal.frames():
        head, data = raw[frame.offset : frame.offset + 24], frame.data
        if len(data) < wal.header.page_size or not frame.valid:
            break
        sums = _checksum(head[:8] + data, wal.checksum_endian, sums)
        if sums != struct.unpack(">2I", head[16:24]):
            break
        open_frames[frame.page_number] = data
        if frame.page_count:
            committed |= open_frames
            open_frames = {}
    return wal.header.page_size if committed else 0, committed


def _checksum(data: bytes, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    """https://sqlite.org/fileformat2.html#checksum_algorithm, continued from `sums`."""
    one, two = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for at in range(0, len(words), 2):
        one = (one + words[at] + two) & 0xFFFFFFFF
        two = (two + words[at + 1] + one) & 0xFFFFFFFF
    return one, two
