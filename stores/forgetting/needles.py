"""Find erased texts and vectors in raw files by hashes of their pieces, so that what was erased need not be kept.

A piece is 16 bytes of a text, 8 of one that is shorter, or 32 of a vector. Two hashes are kept of it: one of its first 8
bytes, which is looked up in a table at every offset of a file, and a polynomial one of all, which is made only where the
first one fits. Both are modulo 2^64.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pieces = NDArray[np.uint64]
"""(pieces, 2) uint64, each once: the hash of the first 8 bytes, and that of all."""
Hashes = NDArray[np.uint64]
"""(pieces,) uint64: the latter alone."""

SHORT, TEXT, VECTOR = LENGTHS = (8, 16, 32)
"""Bytes of a piece. A text of fewer than 8 cannot be told from chance, and is not looked for."""

_BASE, _MIX = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93
_MOST = 1 << 18  # pieces of one erasure; of more, a part that is spread over all of them
_FEW = 1000  # vectors with many pieces each; each further one has a single one
_STRIDE, _FLOAT = 128, 4  # bytes of a vector from piece to piece, and of each of its numbers
_BLOCK, _READ = 1 << 17, 1 << 22  # bytes looked at in one go (they fit into the cache), and read in one go


class Needles:
    """The hashes of pieces, gathered as texts and vectors are erased."""

    def __init__(self) -> None:
        self._parts: list[Pieces] = []
        self._seen: set[str] = set()
        self._vectors = 0

    def text(self, value: str | None) -> None:
        """Every piece of a text as it is stored, end to end; the last one ends where the text does."""
        if value is None or value in self._seen:
            return
        if len(value) < 200:
            self._seen.add(value)
        raw = value.encode("utf-8", "surrogatepass")
        length = TEXT if len(raw) >= TEXT else SHORT
        if len(raw) >= length:
            self._add(raw, length, [*range(0, len(raw) - length, length), len(raw) - length])

    def vector(self, blob: bytes) -> None:
        """Pieces of a float32 vector, as it is stored and divided by its length, as HNSW has it."""
        self._vectors += 1
        for raw in (blob, normalised(blob)):
            starts = [
                next((at for at in range(first, first + _STRIDE, _FLOAT) if _telling(raw, at)), None)
                for first in range(0, len(raw), _STRIDE if self._vectors <= _FEW else len(raw))
            ]
            self._add(raw, VECTOR, [at for at in starts if at is not None])

    def pieces(self) -> Pieces:
        """All of them; at most 262,144."""
        found = united(self._parts)
        return found[:: -(-len(found) // _MOST)] if len(found) > _MOST else found

    def _add(self, raw: bytes, length: int, starts: Sequence[int]) -> None:
        data = np.frombuffer(raw, np.uint8)
        windows = _windows(data, np.array(starts, np.int64), length)
        first = windows[:, :SHORT].copy().view("<u8")[:, 0] * np.uint64(_MIX)
        self._parts.append(np.stack([first, _whole(windows)], axis=1))


class Finder:
    """Looks for pieces, of some lengths or of all."""

    def __init__(self, pieces: Pieces, lengths: Iterable[int] = LENGTHS) -> None:
        wanted = [LENGTHS.index(length) for length in lengths]
        own = pieces[np.isin(pieces[:, 1] >> np.uint64(62), np.array(wanted, np.uint64))]
        self._firsts, self._wholes = np.unique(own[:, 0]), np.unique(own[:, 1])
        self._lengths = [LENGTHS[tag] for tag in np.unique(self._wholes >> np.uint64(62)).tolist()]
        bits = min(24, max(16, len(self._firsts).bit_length() + 5))
        self._shift = np.uint64(64 - bits)
        self._table = np.zeros(1 << bits, np.bool_)
        self._table[self._slots(self._firsts)] = True

    def in_bytes(self, chunks: Iterable[bytes]) -> Hashes:
        """Which of them occur in what the chunks make together."""
        found: list[Hashes] = []
        beyond = VECTOR - 1  # bytes that a piece may reach over the end of a block
        tail = b""
        for chunk in chunks if len(self._firsts) else ():
            data = tail + chunk
            for start in range(0, len(data), _BLOCK):
                found += self._in_block(data[start : start + _BLOCK + beyond])
            tail = data[-beyond:]
        return np.unique(np.concatenate(found)) if found else np.zeros(0, np.uint64)

    def in_file(self, path: Path) -> tuple[Hashes, int]:
        """Which of them occur in a file, and how many bytes it has; one that is gone by now has none."""
        size = 0

        def read() -> Iterator[bytes]:
            nonlocal size
            try:
                with path.open("rb") as file:
                    while chunk := file.read(_READ):
                        size += len(chunk)
                        yield chunk
            except FileNotFoundError:
                return

        return self.in_bytes(read()), size

    def in_values(self, values: Iterable[bytes]) -> Hashes:
        """Which of them occur in one of the values, or where two of them meet."""
        return self.in_bytes(_joined(values))

    def _in_block(self, block: bytes) -> Iterator[Hashes]:
        likely = [place for offset in range(8) if len(place := self._beginnings(block, offset))]
        if not likely:
            return
        data, places = np.frombuffer(block, np.uint8), np.concatenate(likely)
        for length in self._lengths:
            whole = _whole(_windows(data, places[places <= len(data) - length], length))
            yield whole[_among(whole, self._wholes)]

    def _beginnings(self, block: bytes, offset: int) -> NDArray[np.int64]:
        """Where one of them may begin, of every eighth place from the offset on."""
        count = (len(block) - offset) // 8
        if count <= 0:
            return np.zeros(0, np.int64)
        firsts = np.frombuffer(block, "<u8", count, offset) * np.uint64(_MIX)
        likely = np.flatnonzero(np.take(self._table, self._slots(firsts)))
        return likely[_among(firsts[likely], self._firsts)] * 8 + offset

    def _slots(self, firsts: Hashes) -> NDArray[np.int64]:
        return (firsts >> self._shift).view(np.int64)


def united(parts: Sequence[Pieces]) -> Pieces:
    """Each piece once."""
    if not parts:
        return np.zeros((0, 2), np.uint64)
    pieces = np.concatenate(parts)
    kept: Pieces = pieces[np.unique(pieces[:, 1], return_index=True)[1]]
    return kept


def normalised(blob: bytes) -> bytes:
    """A float32 vector divided by its length, summed one by one in float32 as HNSW does it."""
    vector = np.frombuffer(blob, "<f4")
    squares = np.cumsum(vector * vector, dtype=np.float32)
    length = np.float32(squares[-1]) if len(squares) else np.float32(0)
    if not length:
        return blob
    return bytes((vector * (np.float32(1) / (np.sqrt(length) + np.float32(1e-32)))).astype("<f4").tobytes())


def _telling(raw: bytes, at: int) -> bool:
    """Whether a piece of a vector begins there that is not found everywhere: zeros are. Of 16-bit models half are."""
    end = at + VECTOR
    return end <= len(raw) and raw.count(0, at, at + SHORT) <= 5 and raw.count(0, at, end) <= 20


def _windows(data: NDArray[np.uint8], places: NDArray[np.int64], length: int) -> NDArray[np.uint8]:
    """(places, length) uint8, the bytes from each place on."""
    windows: NDArray[np.uint8] = data[places[:, None] + np.arange(length)]
    return windows


def _whole(windows: NDArray[np.uint8]) -> Hashes:
    """(windows, length) to (windows,): the sum of (byte + 1) · B^i, mixed, with the length in the two highest bits."""
    length = windows.shape[1]
    sums = np.zeros(len(windows), np.uint64)
    for at in range(length):
        sums *= np.uint64(_BASE)
        sums += windows[:, at]
        sums += np.uint64(1)  # else zeros would be nothing
    sums *= np.uint64(_MIX)
    sums >>= np.uint64(2)
    sums |= np.uint64(LENGTHS.index(length) << 62)
    return sums


def _among(values: Hashes, known: Hashes) -> NDArray[np.bool_]:
    """Whether each value is one of the known, which are sorted."""
    at = np.minimum(np.searchsorted(known, values), len(known) - 1)
    same: NDArray[np.bool_] = known[at] == values
    return same


def _joined(values: Iterable[bytes]) -> Iterator[bytes]:
    """Many values as few chunks."""
    kept: list[bytes] = []
    size = 0
    for value in values:
        kept.append(value)
        size += len(value)
        if size >= _READ:
            yield b"\0".join(kept)
            kept, size = [], 0
    yield b"\0".join(kept)
