"""Make the passages of salvaged pages cover their text again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from .. import recall_markers
from ..analyzer import stems
from .findings import SalvageReport

CutPassages = Callable[[str], Sequence[tuple[int, int, str | None]]]
"""Cuts a text into passages: `(start, end, speaker)` of each."""


def normalise_passages(db: sqlite3.Connection, cut: CutPassages, report: SalvageReport) -> None:
    """Keep passages that fit their page, and cut new ones from text that is in none."""
    count = 0
    for (session,) in db.execute("SELECT DISTINCT session FROM page ORDER BY session").fetchall():
        for page, text, uncovered in uncovered_stretches(db, session, drop=True):
            new = [(s + first, s + last, who) for s, end in uncovered for first, last, who in cut(text[s:end])]
            if new:
                _insert_passages(db, page, text, new)
                count += len(new)
    if count:
        report.notes.append(f"{count} passages were lost and are cut again from the text of their pages.")


def _insert_passages(db: sqlite3.Connection, page: int, text: str, new: Sequence[tuple[int, int, str | None]]) -> None:
    """All passages of the page get new numbers, as these rise along the text; the page is then embedded again."""
    kept = db.execute('SELECT start, "end", speaker FROM passage WHERE page = ?', (page,)).fetchall()
    db.execute("DELETE FROM embedding WHERE passage IN (SELECT seq FROM passage WHERE page = ?)", (page,))
    db.execute("DELETE FROM passage WHERE page = ?", (page,))
    db.executemany(
        'INSERT INTO passage (page, start, "end", speaker, stems) VALUES (?, ?, ?, ?, ?)',
        [
            (page, start, end, speaker, " ".join(stems(text[start:end])))
            for start, end, speaker in sorted([*kept, *new], key=lambda one: one[:2])
        ],
    )


def uncovered_stretches(
    db: sqlite3.Connection, session: int, *, drop: bool = False
) -> list[tuple[int, str, list[tuple[int, int]]]]:
    """`(page, text, [(start, end), …])` of each page of a session: text in no passage, unless blank or recalled.

    With `drop`, passages that do not fit are deleted first.
    """
    pages = db.execute("SELECT seq, text FROM page WHERE session = ? ORDER BY part", (session,)).fetchall()
    recalled_spans = recall_markers.recalled_spans("".join(text for _, text in pages))
    found, offset = [], 0
    for page, text in pages:
        covered = [(start - offset, end - offset) for start, end in recalled_spans]
        last = 0
        for seq, start, end in db.execute(
            'SELECT seq, start, "end" FROM passage WHERE page = ? ORDER BY start', (page,)
        ).fetchall():
            if last <= start < end <= len(text):
                covered.append((start, end))
                last = end
            elif drop:
                db.execute("DELETE FROM passage WHERE seq = ?", (seq,))
        uncovered, at = [], 0
        for start, end in [*sorted(covered), (len(text), len(text))]:
            if text[at : max(at, start)].strip():
                uncovered.append((at, start))
            at = max(at, end)
        found.append((page, text, uncovered))
        offset += len(text)
    return found
