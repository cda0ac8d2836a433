"""Check the rows: sessions, pages and passages, what waits, memory items, vectors and their marks."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from ..analyzer import ANALYZER
from ..truth.dedup_key import session_key
from ..truth.embeddings import LACKING, vector_label
from ..truth.term_rebuild import wrong_pages
from .findings import FIX, RESUME, SALVAGE, Finding, ReadOnlyTruth, duration, find, many, some
from .normalise import uncovered_stretches
from .repairs import (
    OLDER,
    VECTOR_TABLES,
    bad_vectors,
    former_vectors,
    marks_ahead,
    models,
    wrong_sketches,
    wrong_stems,
)

_WAITING_H = 1.0  # after which a person should look at what waits

# -- sessions ----------------------------------------------------------------------------------------------


def pages(look: ReadOnlyTruth) -> Iterator[Finding]:
    """The text of each page against its hash, and that of each session against its own."""
    wrong = [
        page_id
        for page_id, text, digest in look.each("SELECT id, text, sha256 FROM page NOT INDEXED ORDER BY seq")
        if sha256(text.encode("utf-8", "surrogateescape")).hexdigest() != digest
    ]
    yield from find("damage", "sessions", wrong, "page", ": not the text that was filed.", SALVAGE)
    gaps, changed, strange = [], [], []
    for n, session_id, time, content, space in look.rows(
        "SELECT n, id, time, content, namespace FROM session WHERE filed_at IS NOT NULL ORDER BY n"
    ):
        rows = look.rows("SELECT part, parts, text, namespace FROM page WHERE session = ? ORDER BY part", n)
        if [row[0] for row in rows] != list(range(1, rows[0][1] + 1 if rows else 2)) or len({r[1] for r in rows}) > 1:
            gaps.append(session_id)
        elif _hash(time, "".join(row[2] for row in rows)) != content:
            changed.append(session_id)
        if any(row[3] != space for row in rows):
            strange.append(session_id)
    for ids, what in (
        (gaps, " lacking pages, or with some twice."),
        (changed, " not as accepted: the text or the time has changed."),
        (strange, " with pages in another namespace."),
    ):
        yield from find("damage", "sessions", ids, "session", what, SALVAGE)


def passages(look: ReadOnlyTruth) -> Iterator[Finding]:
    """In range, in order, and covering the text; text in no passage is never found."""
    bad = look.column(
        'SELECT DISTINCT page.id FROM passage JOIN page ON page.seq = passage.page WHERE start < 0 OR start >= "end"'
        ' OR "end" > length(text) UNION'
        ' SELECT page.id FROM (SELECT page, start, lag("end") OVER (PARTITION BY page ORDER BY seq) AS before'
        " FROM passage) AS p JOIN page ON page.seq = p.page WHERE start < before"
    )
    yield from find("damage", "sessions", bad, "page", " with passages out of range or out of order.", SALVAGE)
    sessions = look.column("SELECT DISTINCT session FROM page ORDER BY session")
    stretches = (one for session in sessions for one in uncovered_stretches(look.db, session))
    bare = ",".join(str(page) for page, _, uncovered in stretches if uncovered)
    if bare and not bad:
        ids = look.column(f"SELECT id FROM page WHERE seq IN ({bare})")
        what = " with words that are in no passage: they cannot be found."
        yield from find("damage", "sessions", ids, "page", what, SALVAGE)


def change_log(look: ReadOnlyTruth) -> Iterator[Finding]:
    """A row for each page: indexes only read pages in the log."""
    missing = look.column(
        "SELECT id FROM page WHERE seq NOT IN (SELECT ref FROM change WHERE kind = 'page' AND op = 'put') ORDER BY seq"
    )
    what = " that the change log lacks: no search finds them."
    yield from find("attention", "sessions", missing, "page", what, f"{FIX} adds the rows.", "change log")


def numbers(look: ReadOnlyTruth) -> Iterator[Finding]:
    """Every change and proposal has its number in its namespace, and none is above what the namespace has counted."""
    wrong = [
        f"{table} {n}"
        for table, counter in (("change", "head"), ("proposal", "proposals"))
        for n in look.column(
            f"SELECT n FROM {table} JOIN namespace ON id = namespace WHERE number < 1 OR number > {counter} ORDER BY n"
        )
    ]
    what = " without a right number in its namespace: searches do not see it."
    yield from find("attention", "sessions", wrong, "row", what, f"{FIX} gives it one.", "numbers")


def journal(look: ReadOnlyTruth) -> Iterator[Finding]:
    """Sessions that were accepted and not filed, and pages from which no items were extracted yet."""
    waiting = look.rows("SELECT id, accepted_at, payload FROM session WHERE filed_at IS NULL ORDER BY n")
    empty = [row[0] for row in waiting if row[2] is None]
    yield from find("damage", "journal", empty, "session", " wait without a text.", SALVAGE)
    yield from _find_waiting(look, [(row[0], row[1]) for row in waiting], "session", "to be filed")
    rows = look.rows(
        "SELECT page.id, filed_at FROM uncurated JOIN page ON page.seq = uncurated.page"
        " JOIN session ON session.n = page.session ORDER BY page.seq"
    )
    yield from _find_waiting(look, rows, "page", "for memory items to be drawn from it")


def erasures(look: ReadOnlyTruth) -> Iterator[Finding]:
    """What was forgotten and may still lie in a file."""
    rows = look.rows("SELECT n, at FROM erasure WHERE state != 'erased' ORDER BY n")
    long = max((look.hours_since(at) for _, at in rows), default=0.0) >= _WAITING_H
    what = " not finished: what was forgotten may still lie in a file."
    act = "memory.admin.purge(), or `jitmem purge`, finishes it, and says what is in the way."
    ids = [row[0] for row in rows]
    yield from find("attention" if long else "note", "erasures", ids, "erasure", what, act)


def stem_rows(look: ReadOnlyTruth) -> Iterator[Finding]:
    older = look.column(f"SELECT id FROM page WHERE {OLDER}")
    what = " with stems of an older analyzer; they are written again when the memory is opened to be written."
    yield from find("note", "indexes", older, "page", what, f"{FIX} writes them.", "stems")
    wrong = [] if older else [f"{table} {number}" for table, number, _ in wrong_stems(look.db)]
    what = " with stems that are not those of the text."
    yield from find("attention", "indexes", wrong, "row", what, f"{FIX} rewrites them.", "stems")


def posting_rows(look: ReadOnlyTruth) -> Iterator[Finding]:
    """What the keyword search reads against what the passages give."""
    if not look.column("SELECT 1 FROM page WHERE analyzer != ? LIMIT 1", ANALYZER):
        what = " with keyword postings that are not those of its passages."
        act = f"{FIX} rewrites them."
        yield from find("attention", "indexes", list(wrong_pages(look.db)), "page", what, act, "postings")


# -- items -------------------------------------------------------------------------------------------------


def versions(look: ReadOnlyTruth) -> Iterator[Finding]:
    """From the first to the newest, each with its row in the change log, except those that were forgotten."""
    gaps = look.column(
        "SELECT item.id FROM item LEFT JOIN item_version ON item_version.item = item.seq GROUP BY item.seq"
        " HAVING count(item_version.n) = 0 OR count(item_version.n) != 1 + max(item_version.version) -"
        " min(item_version.version) AND item.seq NOT IN (SELECT ref FROM change WHERE kind = 'item' AND op = 'forget')"
    )
    yield from find("damage", "items", gaps, "item", " with versions missing.", SALVAGE)
    newer = look.column(
        "SELECT item.id FROM item JOIN item_version ON item_version.item = item.seq GROUP BY item.seq"
        " HAVING max(item_version.version) != item.version"
    )
    what = " whose newest version is not the one that counts."
    yield from find("attention", "items", newer, "item", what, f"{FIX} corrects the number.", "newest versions")
    missing = look.column(
        "SELECT item.id FROM item_version JOIN item ON item.seq = item_version.item LEFT JOIN change"
        " ON change.n = item_version.n AND change.kind = 'item' AND change.ref = item_version.item"
        " AND change.namespace = item.namespace WHERE change.n IS NULL"
    )
    yield from find("damage", "items", missing, "version", " of items that the change log lacks.", SALVAGE)


def sketches(look: ReadOnlyTruth) -> Iterator[Finding]:
    """The sketch by which duplicates are detected, against the content of the item."""
    wrong = list(wrong_sketches(look.db))
    fixable = [item_id for _, item_id, _, taken in wrong if not taken]
    what = " whose sketch is not that of its content: a duplicate would not be detected."
    yield from find("attention", "items", fixable, "item", what, f"{FIX} rewrites it.", "sketches")
    double = [item_id for _, item_id, _, taken in wrong if taken]
    act = "You: delete one of the two (`jitmem delete ID`)."
    yield from find("attention", "items", double, "item", " saying the same as another.", act)


# -- vectors -----------------------------------------------------------------------------------------------


def vectors(look: ReadOnlyTruth) -> Iterator[Finding]:
    for table in VECTOR_TABLES:
        found = [bad_vectors(look.db, table, vector_label(*one)) for one in models(look.db).items()]
        if count := sum(map(len, found)):
            what = f"{many(count, 'vector')} of table {table} cannot be what the model gave."
            act = f"{FIX} removes them; they are embedded again, which a paid model charges for."
            yield Finding("attention", "indexes", what, act, count, fix="vectors")
    if former := former_vectors(look.db):
        what = f"Vectors of {many(len(former), 'former generation')}."
        names = some(name for _, name in former)
        yield Finding("attention", "indexes", what, f"{FIX} removes them.", len(former), names, "vectors")


def marks(look: ReadOnlyTruth) -> Iterator[Finding]:
    """How far each index claims to have read, against what is there; and what is still to be embedded."""
    for mark, _, missing in marks_ahead(look.db):
        why = f"{many(missing, 'page or item')} before it without vectors" if missing else "its number was never used"
        what = f"The mark {mark!r} is ahead of the truth: {why}."
        act = f"{FIX} lowers it; what is missing is embedded at the next search."
        yield Finding("attention", "indexes", what, act, missing or 1, fix="vectors")
    for model, generation in models(look.db).items():
        left = 0
        for space in look.column("SELECT id FROM namespace"):
            label = vector_label(model, generation)
            pages = f"SELECT count(*) FROM page, (SELECT ? AS label) WHERE namespace = ? AND seq > ? AND {LACKING}"
            for done in look.column("SELECT n FROM mark WHERE name = ?", f"embedded:{space}:{label}"):
                left += look.column(pages, label, space, done)[0]
        if left:
            what = f"{many(left, 'page')} without vectors of {model} yet."
            act = "No action needed: the next search, or Memory.flush(), embeds them."
            yield Finding("note", "indexes", what, act, left)


def _find_waiting(look: ReadOnlyTruth, rows: list[tuple[str, str]], thing: str, what: str) -> Iterator[Finding]:
    if not rows:
        return
    hours = max(look.hours_since(since or "") for _, since in rows)
    long = hours >= _WAITING_H
    verb, oldest = "waits" if len(rows) == 1 else "wait", f", the oldest for {duration(hours)}" if long else ""
    sentence = f"{many(len(rows), thing)} {verb} {what}{oldest}."
    ids = some(row[0] for row in rows)
    yield Finding("attention" if long else "note", "journal", sentence, RESUME, len(rows), ids)


def _hash(time: str | None, text: str) -> str:
    try:
        return session_key(time, text)
    except UnicodeEncodeError:
        return ""
