"""The keyword postings: which terms the passages of a page have, as rows beside the page."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from ..analyzer import Analyzer, base_stems, title_key
from ..times import format_time
from .database import Connection

_ROWS_AT_ONCE = 4000  # SQLite takes some 32,000 values in one statement


@dataclass(frozen=True, slots=True)
class PageTerms:
    """A page as it is indexed. `passages` are `(speaker, stems)` in page order, by the analyzer that the rows are made with."""

    page: int
    id: str
    title: str
    time: datetime | None
    passages: Sequence[tuple[str | None, Sequence[str]]]


def insert_postings(
    db: Connection, namespace: int, pages: Sequence[PageTerms], analyzer: Analyzer
) -> list[tuple[Any, ...]]:
    """In the transaction that writes the pages of the namespace; the rows of `indexed_page`."""
    indexed = [indexed_row(page, analyzer) for page in pages]
    _insert_rows(db, "indexed_page", indexed)
    _insert_rows(db, "posting", [(namespace, *row) for page in pages for row in posting_rows(page, analyzer)])
    return indexed


def indexed_row(page: PageTerms, analyzer: Analyzer) -> tuple[Any, ...]:
    speakers = list(dict.fromkeys(speaker for speaker, _ in page.passages if speaker))
    return (
        page.page,
        page.id,
        title_key(page.title),
        json.dumps(speakers, ensure_ascii=False),
        " ".join(_context(page, analyzer)),
        np.array([len(own) for _, own in page.passages], "<u4").tobytes(),
        analyzer.name,
    )


def posting_rows(page: PageTerms, analyzer: Analyzer) -> Iterator[tuple[str, int, int, int, bytes]]:
    """`(term, page, passages, context, positions)` of each term, as table `posting` has them."""
    found: dict[str, array[int]] = {}
    for position, (_, own) in enumerate(page.passages):
        for term in own:
            found.setdefault(term, array("I")).append(position)
    context = Counter(_context(page, analyzer))
    for term in sorted(found.keys() | context.keys()):
        positions = np.array(found.get(term, ()), "<u4")
        passages = len(page.passages) if context[term] else len(set(found[term]))
        yield term, page.page, passages, context[term], positions.tobytes()


def _context(page: PageTerms, analyzer: Analyzer) -> list[str]:
    """The stems of date and title."""
    return [*base_stems(format_time(page.time)), *analyzer.stems(page.title)]


def _insert_rows(db: Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[first : first + _ROWS_AT_ONCE]
        places = f"({', '.join('?' * len(some[0]))})"
        db.executemany(
            f"INSERT INTO {table} VALUES {', '.join([places] * len(some))}", [[one for row in some for one in row]]
        )
