"""Passages of pages that were saved from a damaged file: those that fit, and new ones where words are in none."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from itertools import pairwise

from .. import recalled
from ..analyzer import stems
from .saved import Salvaged

Fill = Callable[[str], Sequence[tuple[int, int, str | None]]]
"""Cuts a text into passages: `(start, end, speaker)` of each."""


def settle_passages(db: sqlite3.Connection, fill: Fill, saved: Salvaged) -> None:
    """Passages that fit their page; where words of a page are in none, new ones."""
    cut = 0
    for (session,) in db.execute("SELECT DISTINCT session FROM page ORDER BY session").fetchall():
        for page, text, bare in bare_stretches(db, session, drop=True):
            new = [(s + first, s + last, who) for s, end in bare for first, last, who in fill(text[s:end])]
            if new:
                _put_passages(db, page, text, new)
                cut += len(new)
    if cut:
        saved.notes.append(f"{cut} passages were lost and cut anew from the text of their pages.")


def _put_passages(db: sqlite3.Connection, page: int, text: str, new: Sequence[tuple[int, int, str | None]]) -> None:
    """In the order of the page, which is that of their numbers: where there is room between those that are kept, else
    all of the page under new ones, and then their vectors are made anew."""
    kept = db.execute('SELECT start, "end", speaker, seq FROM passage WHERE page = ?', (page,)).fetchall()
    laid = sorted([*kept, *((*one, 0) for one in new)])
    numbers = _numbers(db, [seq for *_, seq in laid]) if kept else None
    if numbers is None:
        db.execute("DELETE FROM embedding WHERE passage IN (SELECT seq FROM passage WHERE page = ?)", (page,))
        db.execute("DELETE FROM passage WHERE page = ?", (page,))
    for at, (start, end, speaker, seq) in enumerate(laid):
        number = None if numbers is None else numbers[at]
        if number is None or not seq:
            db.execute(
                'INSERT INTO passage (seq, page, start, "end", speaker, stems) VALUES (?, ?, ?, ?, ?, ?)',
                (number, page, start, end, speaker, " ".join(stems(text[start:end]))),
            )


def _numbers(db: sqlite3.Connection, laid: Sequence[int]) -> list[int] | None:
    """Rising numbers for passages that have 0, each free; None where there is no room for them."""
    first = next(seq for seq in laid if seq)
    leading = next(at for at, seq in enumerate(laid) if seq)
    numbers: list[int] = []
    for at, seq in enumerate(laid):
        numbers.append(seq or (numbers[-1] + 1 if numbers else first - leading + at))
    rising = all(before < after for before, after in pairwise(numbers))
    wanted = [number for number, seq in zip(numbers, laid, strict=True) if not seq]
    taken = db.execute(f"SELECT 1 FROM passage WHERE seq IN ({','.join(map(str, wanted))})").fetchone()
    return numbers if rising and numbers[0] > 0 and taken is None else None


def bare_stretches(
    db: sqlite3.Connection, session: int, *, drop: bool = False
) -> list[tuple[int, str, list[tuple[int, int]]]]:
    """`(page, text, stretches that are in no passage)` of each page of a session: neither white space nor recalled.

    With `drop` passages that do not fit are deleted first.
    """
    pages = db.execute("SELECT seq, text FROM page WHERE session = ? ORDER BY part", (session,)).fetchall()
    marked = recalled.spans("".join(text for _, text in pages))
    found, offset = [], 0
    for page, text in pages:
        covered = [(start - offset, end - offset) for start, end in marked]
        last = 0
        for seq, start, end in db.execute(
            'SELECT seq, start, "end" FROM passage WHERE page = ? ORDER BY start', (page,)
        ):
            if last <= start < end <= len(text):
                covered.append((start, end))
                last = end
            elif drop:
                db.execute("DELETE FROM passage WHERE seq = ?", (seq,))
        bare, at = [], 0
        for start, end in [*sorted(covered), (len(text), len(text))]:
            if text[at : max(at, start)].strip():
                bare.append((at, start))
            at = max(at, end)
        found.append((page, text, bare))
        offset += len(text)
    return found
