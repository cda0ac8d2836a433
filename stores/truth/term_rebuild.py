"""Make the terms of a memory again where another analyzer made those on file; no text is embedded again."""

from __future__ import annotations

import logging
import sqlite3

from ..analyzer import Analyzer
from ..times import parse_iso_time
from .database import Database, terms_mark
from .dedup_key import dedup_key

_PAGES_AT_ONCE = 200  # in one transaction: others may write in between
_log = logging.getLogger("jitmem")


def rebuild_terms(database: Database) -> int:
    """How many rows were written. A batch is one transaction, and the mark that all is done comes in the last one: a
    process that is killed has only to begin again, and a page with terms of this analyzer is not read twice."""
    rows = 0
    while True:
        with database.write() as db:
            if not (written := _rebuild_pages(db, database.analyzer)):
                rows += _rebuild_entries(db, database.analyzer) + _rebuild_items(db, database.analyzer)
                db.execute("DELETE FROM mark WHERE name LIKE 'terms:%'")
                db.execute("INSERT INTO mark VALUES (?, 1)", (terms_mark(database.analyzer),))
                break
            rows += written
    if rows:
        _log.info("%s: the index terms of %d rows were made again by %s.", database.path, rows, database.analyzer.name)
    return rows


def _rebuild_pages(db: sqlite3.Connection, analyzer: Analyzer) -> int:
    """The next pages; 0 when there are no more."""
    pages = db.execute(
        "SELECT seq, text, session.time FROM page JOIN session ON session.n = page.session"
        " WHERE analyzer != ? ORDER BY seq LIMIT ?",
        (analyzer.name, _PAGES_AT_ONCE),
    ).fetchall()
    for seq, text, stamp in pages:
        time = parse_iso_time(stamp)
        passages = db.execute('SELECT seq, start, "end" FROM passage WHERE page = ?', (seq,)).fetchall()
        terms = [(" ".join(analyzer.passage_stems(text[start:end], time)), passage) for passage, start, end in passages]
        db.executemany("UPDATE passage SET stems = ? WHERE seq = ?", terms)
        db.execute("UPDATE page SET analyzer = ? WHERE seq = ?", (analyzer.name, seq))
    return len(pages)


def _rebuild_entries(db: sqlite3.Connection, analyzer: Analyzer) -> int:
    rows = db.execute("SELECT n, text FROM entry_text WHERE analyzer != ?", (analyzer.name,)).fetchall()
    terms = [(" ".join(analyzer.stems(text)), analyzer.name, n) for n, text in rows]
    db.executemany("UPDATE entry_text SET stems = ?, analyzer = ? WHERE n = ?", terms)
    return len(rows)


def _rebuild_items(db: sqlite3.Connection, analyzer: Analyzer) -> int:
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
