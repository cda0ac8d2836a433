"""A history as other systems take it: sessions as lines under a date, packed into chunks, and ranked by BM25."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Plus

from ...stores.analyzer import stems
from ...stores.records import Session
from ...stores.times import format_time, parse_time


@dataclass(frozen=True, slots=True)
class Chunk:
    """Part of one session, under its date and title."""

    source: str
    text: str


def session_lines(session: Session) -> list[str]:
    """Every turn or paragraph, unaltered."""
    if session.turns is not None:
        return [f"{speaker}: {text}" for speaker, text in session.turns]
    if session.messages is not None:
        return [f"{message.type}: {message.text}" for message in session.messages]
    return [line for line in (session.text or "").split("\n") if line.strip()]


def session_title(session: Session) -> str:
    """`# 8 May 2023 13:56, title`; "" for a session without both."""
    parts = [format_time(parse_time(session.time)), str(session.metadata.get("title") or "")]
    title = ", ".join(part for part in parts if part)
    return f"# {title}" if title else ""


def session_name(session: Session, at: int) -> str:
    """The session's id, or its position in the history."""
    return session.id or f"session {at}"


def session_chunks(sessions: Iterable[Session], size: int | None = None) -> list[Chunk]:
    """One for each session; with a `size` of at most so many tokens each (4 characters a token), cut between lines, and
    a longer line at a space."""
    chunks: list[Chunk] = []
    for at, session in enumerate(sessions):
        title, lines = session_title(session), session_lines(session)
        packs = [lines] if size is None else _pack_lines(lines, max(80, 4 * size - len(title) - 1))
        for packed in packs:
            chunks.append(Chunk(session_name(session, at), "\n".join([title, *packed] if title else packed)))
    return chunks


def _pack_lines(lines: Sequence[str], room: int) -> Iterator[list[str]]:
    packed: list[str] = []
    used = 0
    for part in (piece for line in lines for piece in _split_line(line, room)):
        if packed and used + len(part) + 1 > room:
            yield packed
            packed, used = [], 0
        packed.append(part)
        used += len(part) + 1
    if packed:
        yield packed


def _split_line(line: str, room: int) -> Iterator[str]:
    while len(line) > room:
        at = line.rfind(" ", 1, room)
        at = at if at > 0 else room
        yield line[:at]
        line = line[at:].lstrip(" ")
    yield line


class BM25Ranking:
    """BM25Plus with delta 0: plain BM25 whose idf is never negative."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self.chunks = list(chunks)
        words = [stems(chunk.text) for chunk in self.chunks]
        self._engine = BM25Plus(words, delta=0) if any(words) else None

    def scores(self, question: str) -> NDArray[np.float64]:
        """(chunks,) float64, 0 for a chunk without a word of the question."""
        if self._engine is None:
            return np.zeros(len(self.chunks))
        return np.asarray(self._engine.get_scores(stems(question)), dtype=np.float64)

    def best(self, question: str, k: int | None = None) -> list[Chunk]:
        """Best first, none with a score of 0; of equals the earlier first."""
        scores = self.scores(question)
        order = np.argsort(-scores, kind="stable")
        return [self.chunks[at] for at in order if scores[at] > 0][:k]
