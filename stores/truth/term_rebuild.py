"""Make the terms and keyword postings of a memory again, where another analyzer made those on file or there are none; no
text is embedded again."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence

from ..analyzer import Analyzer
from ..times import parse_iso_time
from .database import Connection, Database, terms_mark
from .dedup_key import dedup_key
from .postings import PageTerms, indexed_row, insert_postings, posting_rows
from .row_deletion import delete_postings

_PAGES_AT_ONCE = 200  # in one transaction: others may write in between
_PAGES = "FROM page JOIN session ON session.n = page.session"
_log = logging.getLogger("jitmem")


def rebuild_terms(database: Database) -> int:
    """How many rows were written. A batch is one transaction, and the mark that all is done comes in the last one: a
    process that is killed has only to begin again, and a page with terms of this analyzer is not read twice."""
    rows, last = 0, 0
    while True:
        with database.write() as db:
            pages = _find_older(db, database.analyzer, last)
            if not pages:
                rows += _rebuild_entries(db, database.analyzer) + _rebuild_items(db, database.analyzer)
                db.execute("DELETE FROM mark WHERE name LIKE 'terms:%'")
                db.execute("INSERT INTO mark VALUES (?, 1)", (terms_mark(database.analyzer),))
                break
            _rebuild_pages(db, pages, database.analyzer)
            rows, last = rows + len(pages), pages[-1][1]
    if rows:
        _log.info("%s: the index terms of %d rows were made again by %s.", database.path, rows, database.analyzer.name)
    return rows


def index_pages(db: Connection, analyzer: Analyzer) -> int:
    """Write the keyword postings of every page that has none, inside a write transaction; how many pages that were."""
    missing = "NOT EXISTS (SELECT 1 FROM indexed_page WHERE indexed_page.page = page.seq)"
    pages = db.execute(f"SELECT page.namespace, page.seq {_PAGES} WHERE {missing} ORDER BY 1, 2").fetchall()
    for first in range(0, len(pages), _PAGES_AT_ONCE):
        _rebuild_pages(db, pages[first : first + _PAGES_AT_ONCE], analyzer, are_indexed=False)
    return len(pages)


def rebuild_postings(db: Connection) -> int:
    """Delete all postings and write them again from the passages, without language packages; how many pages that were."""
    db.execute("DELETE FROM posting")
    db.execute("DELETE FROM indexed_page")
    return index_pages(db, Analyzer())


def read_terms(db: Connection, seq: int) -> PageTerms:
    """What is to be indexed of a page, from the stems on file."""
    page_id, title, stamp = db.execute(
        "SELECT page.id, title, session.time FROM page JOIN session ON session.n = page.session WHERE page.seq = ?",
        (seq,),
    ).fetchone()
    time = parse_iso_time(stamp)
    rows = db.execute("SELECT speaker, stems FROM passage WHERE page = ? ORDER BY seq", (seq,)).fetchall()
    return PageTerms(seq, page_id, title, time, [(speaker, own.split()) for speaker, own in rows])


def wrong_pages(db: Connection) -> Iterator[str]:
    """The ids of the pages whose rows are not those that their passages give, and `page N` for rows of no page."""
    analyzer = Analyzer()
    stored: Counter[int] = Counter()  # by page a sum over its rows, in whatever order they are read
    for namespace, term, page, *row in db.execute("SELECT * FROM posting NOT INDEXED"):
        stored[page] += hash((namespace, term, page, *row))
    for row in db.execute("SELECT * FROM indexed_page"):
        stored[row[0]] += hash(tuple(row))
    pages = f"SELECT page.namespace, page.seq, page.id {_PAGES} ORDER BY page.seq"
    for namespace, seq, page_id in db.execute(pages).fetchall():
        terms = read_terms(db, seq)
        right = sum(hash((namespace, *row)) for row in posting_rows(terms, analyzer))
        if stored.pop(seq, 0) != right + hash(indexed_row(terms, analyzer)):
            yield page_id
    yield from (f"page {page}" for page in sorted(stored))


def _find_older(db: Connection, analyzer: Analyzer, after: int) -> list[tuple[int, int]]:
    """`(namespace, page)` of the next pages with terms or postings of another analyzer, or without postings."""
    return db.execute(
        f"SELECT page.namespace, page.seq {_PAGES} LEFT JOIN indexed_page ON indexed_page.page = page.seq"
        " WHERE page.seq > ?2 AND (page.analyzer != ?1 OR coalesce(indexed_page.analyzer, '') != ?1) ORDER BY page.seq LIMIT ?3",
        (analyzer.name, after, _PAGES_AT_ONCE),
    ).fetchall()


def _rebuild_pages(
    db: Connection, pages: Sequence[tuple[int, int]], analyzer: Analyzer, *, are_indexed: bool = True
) -> None:
    """Write the postings of some pages, and the stems of those of them that another analyzer read.

    `are_indexed`: they may have postings, which go. In one long transaction PostgreSQL knows no size of the table that it
    fills, and would read all of it for each page that has none.
    """
    by_namespace: dict[int, list[PageTerms]] = {}
    for namespace, seq in pages:
        if are_indexed:
            delete_postings(db, namespace, seq)
        _rebuild_stems(db, seq, analyzer)
        by_namespace.setdefault(namespace, []).append(read_terms(db, seq))
    for namespace, terms in by_namespace.items():
        insert_postings(db, namespace, terms, analyzer)


def _rebuild_stems(db: Connection, seq: int, analyzer: Analyzer) -> None:
    found = db.execute(
        "SELECT text, session.time FROM page JOIN session ON session.n = page.session"
        " WHERE page.seq = ? AND analyzer != ?",
        (seq, analyzer.name),
    ).fetchall()
    for text, stamp in found:
        time = parse_iso_time(stamp)
        passages = db.execute('SELECT seq, start, "end" FROM passage WHERE page = ?', (seq,)).fetchall()
        terms = [(" ".join(analyzer.passage_stems(text[start:end], time)), passage) for passage, start, end in passages]
        db.executemany("UPDATE passage SET stems = ? WHERE seq = ?", terms)
        db.execute("UPDATE page SET analyzer = ? WHERE seq = ?", (analyzer.name, seq))


def _rebuild_entries(db: Connection, analyzer: Analyzer) -> int:
    rows = db.execute("SELECT n, text FROM entry_text WHERE analyzer != ?", (analyzer.name,)).fetchall()
    terms = [(" ".join(analyzer.stems(text)), analyzer.name, n) for n, text in rows]
    db.executemany("UPDATE entry_text SET stems = ?, analyzer = ? WHERE n = ?", terms)
    return len(rows)


def _rebuild_items(db: Connection, analyzer: Analyzer) -> int:
    """Every version; and the keys by which duplicates are known, which are made of words as well."""
    rows = db.execute("SELECT n, content FROM item_version WHERE content IS NOT NULL").fetchall()
    db.executemany(
        "UPDATE item_version SET stems = ? WHERE n = ?", [(" ".join(analyzer.stems(text)), n) for n, text in rows]
    )
    standing = db.execute(
        "SELECT item.seq, kind, content, time FROM item JOIN item_version ON item_version.item = item.seq"
        " AND item_version.version = item.version WHERE sketch IS NOT NULL AND content IS NOT NULL"
    ).fetchall()
    for seq, kind, content, time in standing:
        key = dedup_key(kind, content, parse_iso_time(time))
        # Two items that say the same by now stay two: nothing is deleted here.
        same = (
            "SELECT 1 FROM item AS one WHERE one.namespace = item.namespace AND one.kind = item.kind AND one.sketch = ?"
        )
        db.execute(f"UPDATE item SET sketch = ? WHERE seq = ? AND NOT EXISTS ({same})", (key, seq, key))
    return len(rows)
