"""Write the keyword postings again for pages that have none, or that an older analyzer indexed."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator

from ..analyzer import ANALYZER, passage_stems
from ..times import parse_iso_time
from .database import Database
from .postings import PageTerms, indexed_row, insert_postings, posting_rows
from .row_deletion import delete_postings

_PAGES_AT_ONCE = 200


def index_pages(db: sqlite3.Connection) -> int:
    """Index every page that is not, inside a write transaction; how many that were."""
    missing = "NOT EXISTS (SELECT 1 FROM indexed_page WHERE indexed_page.page = page.seq)"
    numbers = db.execute(f"SELECT namespace, seq FROM page WHERE {missing} ORDER BY namespace, seq").fetchall()
    for first in range(0, len(numbers), _PAGES_AT_ONCE):
        by_namespace: dict[int, list[PageTerms]] = {}
        for namespace, seq in numbers[first : first + _PAGES_AT_ONCE]:
            _refresh_stems(db, seq)
            by_namespace.setdefault(namespace, []).append(read_terms(db, seq))
        for namespace, pages in by_namespace.items():
            insert_postings(db, namespace, pages)
    return len(numbers)


def rebuild_postings(db: sqlite3.Connection) -> int:
    """Delete all rows and write them again from the passages; how many pages that were."""
    db.execute("DELETE FROM posting")
    db.execute("DELETE FROM indexed_page")
    return index_pages(db)


def reindex_older(database: Database) -> None:
    """Write the stems and the rows of pages that an older analyzer indexed."""
    with database.write() as db:
        older = (
            "SELECT namespace, page.seq FROM indexed_page JOIN page ON page.seq = page WHERE indexed_page.analyzer != ?"
        )
        for namespace, seq in db.execute(older, (ANALYZER,)).fetchall():
            delete_postings(db, namespace, seq)
        index_pages(db)


def read_terms(db: sqlite3.Connection, seq: int) -> PageTerms:
    """What is to be indexed of a page, from the stems on file."""
    page_id, title, stamp = db.execute(
        "SELECT page.id, title, session.time FROM page JOIN session ON session.n = page.session WHERE page.seq = ?",
        (seq,),
    ).fetchone()
    time = parse_iso_time(stamp)
    rows = db.execute("SELECT speaker, stems FROM passage WHERE page = ? ORDER BY seq", (seq,)).fetchall()
    return PageTerms(seq, page_id, title, time, [(speaker, own.split()) for speaker, own in rows])


def _refresh_stems(db: sqlite3.Connection, seq: int) -> None:
    """Write the stems of a page again if an older analyzer made them."""
    found = db.execute(
        "SELECT text, session.time FROM page JOIN session ON session.n = page.session"
        " WHERE page.seq = ? AND analyzer != ?",
        (seq, ANALYZER),
    ).fetchall()
    for text, stamp in found:
        for n, start, end in db.execute('SELECT seq, start, "end" FROM passage WHERE page = ?', (seq,)).fetchall():
            own = " ".join(passage_stems(text[start:end], parse_iso_time(stamp)))
            db.execute("UPDATE passage SET stems = ? WHERE seq = ?", (own, n))
        db.execute("UPDATE page SET analyzer = ? WHERE seq = ?", (ANALYZER, seq))


def wrong_pages(db: sqlite3.Connection) -> Iterator[str]:
    """The ids of the pages whose rows are not those that their passages give, and `page N` for rows of no page."""
    stored: Counter[int] = Counter()  # by page a sum over its rows, in whatever order they are read
    for namespace, term, page, *row in db.execute("SELECT * FROM posting NOT INDEXED"):
        stored[page] += hash((namespace, term, page, *row))
    for row in db.execute("SELECT * FROM indexed_page"):
        stored[row[0]] += hash(tuple(row))
    for namespace, seq, page_id in db.execute("SELECT namespace, seq, id FROM page ORDER BY seq").fetchall():
        terms = read_terms(db, seq)
        right = sum(hash((namespace, *row)) for row in posting_rows(terms)) + hash(indexed_row(terms))
        if stored.pop(seq, 0) != right:
            yield page_id
    yield from (f"page {page}" for page in sorted(stored))
