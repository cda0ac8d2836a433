"""Repair what is derived from other rows.

Each repair runs inside an open write transaction, returns how many rows it changed, and is idempotent. No repair
changes the text of a page or of an item.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import numpy as np

from ..analyzer import ANALYZER, Analyzer
from ..times import parse_iso_time
from ..truth.dedup_key import dedup_key
from ..truth.embeddings import ITEMS, PASSAGES, EmbeddingTable, vector_label
from ..truth.numbers import number_rows
from ..truth.term_rebuild import rebuild_postings

Repair = Callable[[sqlite3.Connection], int]

DERIVED = (  # table, its column, whose row, by which column; owners first
    ("passage", "page", "page", "seq"),
    ("uncurated", "page", "page", "seq"),
    ("indexed_page", "page", "page", "seq"),
    ("embedding", "passage", "passage", "seq"),
    ("item_embedding", "version", "item_version", "n"),
    ("entry_text", "entry", "entry", "n"),
    ("entry_embedding", "text", "entry_text", "n"),
)
"""Rows that are useless without their owner, or can be derived again: orphans are deleted."""
VECTOR_TABLES = ("embedding", "item_embedding", "entry_embedding")


def drop_orphans(db: sqlite3.Connection) -> int:
    """Delete passages, stems, vectors and notes without a page, item or entry."""
    return sum(
        db.execute(
            f"DELETE FROM {table} WHERE NOT EXISTS (SELECT 1 FROM {owner} WHERE {owner}.{key} = {table}.{column})"
        ).rowcount
        for table, column, owner, key in DERIVED
    )


def complete_log(db: sqlite3.Connection) -> int:
    """Insert a change log row for each page without one: indexes only read pages in the log."""
    added = db.execute(
        "INSERT INTO change (namespace, kind, ref, op, cause, at)"
        " SELECT namespace, 'page', seq, 'put', 'doctor', ? FROM page"
        " WHERE seq NOT IN (SELECT ref FROM change WHERE kind = 'page' AND op = 'put') ORDER BY seq",
        (datetime.now(UTC).isoformat(),),
    ).rowcount
    number_rows(db)
    return added


# -- items -------------------------------------------------------------------------------------------------


def wrong_sketches(db: sqlite3.Connection) -> Iterator[tuple[int, str, str | None, bool]]:
    """`(item, id, right sketch, whether another live item has it)` of items with a wrong sketch."""
    for seq, item_id, namespace, kind, stored, content, time in db.execute(
        "SELECT seq, id, namespace, kind, sketch, content, time FROM item JOIN item_version"
        " ON item_version.item = item.seq AND item_version.version = item.version ORDER BY seq"
    ).fetchall():
        right = None if content is None else dedup_key(kind, content, parse_iso_time(time))
        if right != stored:
            # Without the index, which may be what is damaged.
            taken = db.execute(
                "SELECT 1 FROM item NOT INDEXED WHERE namespace = ? AND kind = ? AND sketch = ? AND seq != ?",
                (namespace, kind, right, seq),
            ).fetchone()
            yield seq, item_id, right, taken is not None


def write_sketches(db: sqlite3.Connection) -> int:
    """Write the sketch of each item; of two with the same content a person decides."""
    wrong = [(right, seq) for seq, _, right, taken in wrong_sketches(db) if not taken]
    db.executemany("UPDATE item SET sketch = ? WHERE seq = ?", wrong)
    return len(wrong)


def write_newest_versions(db: sqlite3.Connection) -> int:
    return db.execute(
        "UPDATE item SET version = newest FROM (SELECT item, max(version) AS newest FROM item_version GROUP BY item)"
        " WHERE item = item.seq AND newest != item.version"
    ).rowcount


# -- stems -------------------------------------------------------------------------------------------------


OLDER = f"analyzer != '{ANALYZER}' AND analyzer NOT GLOB '{ANALYZER}+*'"
"""What is true of rows with stems of an older analyzer."""


def wrong_stems(db: sqlite3.Connection) -> Iterator[tuple[str, int, str]]:
    """`(table, number, right stems)` of passages, item versions and texts of entries with wrong stems; none where language
    packages made them, which are not here."""
    if db.execute("SELECT 1 FROM mark WHERE name GLOB 'terms:*+*'").fetchone():
        return
    analyzer = Analyzer()
    pages = "SELECT seq, text, session.time FROM page JOIN session ON session.n = page.session ORDER BY seq"
    for page, text, stamp in db.execute(pages):
        time = parse_iso_time(stamp)
        for seq, start, end, stored in db.execute(
            'SELECT seq, start, "end", stems FROM passage WHERE page = ?', (page,)
        ).fetchall():
            if (right := " ".join(analyzer.passage_stems(text[start:end], time))) != stored:
                yield "passage", seq, right
    for n, content, stored in db.execute("SELECT n, coalesce(content, ''), stems FROM item_version ORDER BY n"):
        if (right := " ".join(analyzer.stems(content))) != stored:
            yield "item_version", n, right
    for n, text, stored in db.execute("SELECT n, text, stems FROM entry_text ORDER BY n"):
        if (right := " ".join(analyzer.stems(text))) != stored:
            yield "entry_text", n, right


def write_stems(db: sqlite3.Connection) -> int:
    """The stems, and the postings that are made of them."""
    wrong = list(wrong_stems(db))
    for table, number, right in wrong:
        key = "seq" if table == "passage" else "n"
        db.execute(f"UPDATE {table} SET stems = ? WHERE {key} = ?", (right, number))
    older = sum(
        db.execute(f"UPDATE {table} SET analyzer = ? WHERE {OLDER}", (ANALYZER,)).rowcount
        for table in ("page", "entry_text")
    )
    rebuild_postings(db)
    return len(wrong) + older


# -- vectors -----------------------------------------------------------------------------------------------


def models(db: sqlite3.Connection) -> dict[str, int]:
    """Each embedding model with stored vectors, and its current generation."""
    found: dict[str, int] = {}
    for table in VECTOR_TABLES:
        for (label,) in db.execute(f"SELECT DISTINCT model FROM {table}"):
            found.setdefault(label.rpartition(" #")[0] if is_generation(label) else label, 0)
    for name, n in db.execute("SELECT name, n FROM mark WHERE name LIKE 'generation:%'"):
        found[name.partition(":")[2]] = n
    return found


def is_generation(label: str) -> bool:
    """Whether a label has a generation, such as `OpenAIEmbeddings:small #1731000000`."""
    return label.rpartition(" #")[2].isdigit() and " #" in label


def bad_vectors(db: sqlite3.Connection, table: str, of: str) -> list[int]:
    """The row numbers of vectors that cannot be right: of another dimension than most, not finite, or of another
    length while the others have length 1."""
    rows = db.execute(f"SELECT rowid, vector FROM {table} WHERE model = ? ORDER BY rowid", (of,)).fetchall()
    if not rows:
        return []
    sizes = [len(vector) for _, vector in rows]
    size = max(set(sizes), key=sizes.count)
    odd = [n for n, vector in rows if len(vector) != size or size % 4]
    even = [(n, vector) for n, vector in rows if len(vector) == size and not size % 4]
    matrix = np.frombuffer(b"".join(vector for _, vector in even), "<f4").reshape(len(even), -1)
    with np.errstate(all="ignore"):  # damaged floats overflow
        lengths = np.linalg.norm(matrix.astype(np.float64), axis=1)
    wrong = ~np.isfinite(lengths)
    off = np.abs(lengths - 1)[~wrong & (lengths != 0)]
    if len(off) and (usual := np.quantile(off, 0.95)) < 1e-3:
        wrong |= (lengths != 0) & (np.abs(lengths - 1) > max(1e-6, 20 * usual))
    return [*odd, *(n for (n, _), is_wrong in zip(even, wrong, strict=True) if is_wrong)]


def former_vectors(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """`(table, label)` of generations that are not current."""
    current = {vector_label(model, generation) for model, generation in models(db).items()}
    return [
        (table, name)
        for table in VECTOR_TABLES
        for (name,) in db.execute(f"SELECT DISTINCT model FROM {table}")
        if name not in current
    ]


def drop_vectors(db: sqlite3.Connection) -> int:
    """Delete wrong vectors and those of former generations; then lower the marks, so that what is missing is embedded
    again."""
    dropped = sum(
        db.execute(f"DELETE FROM {table} WHERE model = ?", (name,)).rowcount for table, name in former_vectors(db)
    )
    for model, generation in models(db).items():
        name = vector_label(model, generation)
        for table in VECTOR_TABLES:
            bad = bad_vectors(db, table, name)
            db.executemany(f"DELETE FROM {table} WHERE rowid = ?", [(n,) for n in bad])
            dropped += len(bad)
    return dropped + lower_marks(db)


_GAP = {  # the first page, or current version, without a vector, up to a number
    "passages": "SELECT min(page.seq), count(DISTINCT page.seq) FROM page JOIN passage ON passage.page = page.seq"
    " WHERE page.namespace = ? AND page.seq <= ?"
    " AND NOT EXISTS (SELECT 1 FROM embedding WHERE model = ? AND passage = passage.seq)",
    "items": "SELECT min(item_version.n), count(*) FROM item JOIN item_version ON item_version.item = item.seq"
    " AND item_version.version = item.version WHERE item.namespace = ? AND item_version.n <= ? AND content IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM item_embedding WHERE model = ? AND version = item_version.n)",
}
_LAST = {"passages": "page", "items": "change"}  # the table whose numbers a mark counts in


def marks_ahead(db: sqlite3.Connection) -> Iterator[tuple[str, int, int]]:
    """`(mark, highest right value, pages or versions before it that lack vectors)` of each mark that is higher than
    the vectors, or than any number that was ever used."""
    given = dict(db.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    for model, generation in models(db).items():
        for subject in (PASSAGES, ITEMS):
            for (space,) in db.execute("SELECT id FROM namespace ORDER BY id").fetchall():
                mark = progress_mark(subject, space, vector_label(model, generation))
                found = db.execute("SELECT n FROM mark WHERE name = ?", (mark,)).fetchone()
                if found is None:
                    continue
                most = min(found[0], given.get(_LAST[subject.name], 0))
                first, count = db.execute(_GAP[subject.name], (space, most, vector_label(model, generation))).fetchone()
                reached = most if first is None else first - 1
                if reached < found[0]:
                    yield mark, reached, count
    last = max(given.get("embedding", 0), given.get("item_embedding", 0))
    for mark, _ in db.execute("SELECT name, n FROM mark WHERE name LIKE 'chroma:%' AND n > ?", (last,)).fetchall():
        yield mark, 0, 0


def lower_marks(db: sqlite3.Connection) -> int:
    """Lower each mark that is ahead: what comes after it is read, or embedded, again."""
    ahead = list(marks_ahead(db))
    db.executemany("UPDATE mark SET n = ? WHERE name = ?", [(reached, mark) for mark, reached, _ in ahead])
    return len(ahead)


def progress_mark(subject: EmbeddingTable, namespace: int, of: str) -> str:
    return f"{subject.progress}:{namespace}:{of}"
