"""Check sessions, pages and passages: the text that was filed, complete, and in the change log; and what waits."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from ..analyzer import ANALYZER
from .findings import FIX, RESUME, SALVAGE, Finding, ReadOnlyTruth, duration, find, many, some
from .normalise import content_hash
from .normalise_passages import uncovered_stretches
from .repairs import wrong_stems

_LONG_H = 1.0  # after which somebody should look at what waits


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


def duplicates(look: ReadOnlyTruth) -> Iterator[Finding]:
    """One text at two times, or under two ids."""
    known: dict[tuple[int, str], list[str]] = {}
    for session_id, space, text in look.each(
        "SELECT session.id, session.namespace, (SELECT group_concat(text, '') FROM"
        " (SELECT text FROM page WHERE session = session.n ORDER BY part)) FROM session WHERE filed_at IS NOT NULL"
    ):
        key = (space, sha256((text or "").encode("utf-8", "surrogateescape")).hexdigest())
        known.setdefault(key, []).append(session_id)
    double = [" = ".join(ids) for ids in known.values() if len(ids) > 1]
    what, act = " kept in more than one session, at other times.", "You: if they are the same, forget the later one."
    yield from find("note", "sessions", double, "text", what, act)


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
    long = max((look.hours_since(at) for _, at in rows), default=0.0) >= _LONG_H
    what = " not finished: what was forgotten may still lie in a file."
    act = "Memory.sweep(), or `jitmem sweep`, finishes it, and says what is in the way."
    ids = [row[0] for row in rows]
    yield from find("attention" if long else "note", "erasures", ids, "erasure", what, act)


def stem_rows(look: ReadOnlyTruth) -> Iterator[Finding]:
    """The stems by which passages, items and entries are found."""
    older = look.column("SELECT id FROM page WHERE analyzer != ?", ANALYZER)
    what = " with stems of an older analyzer; they are computed each time they are read."
    yield from find("note", "indexes", older, "page", what, f"{FIX} writes them.", "stems")
    wrong = [] if older else [f"{table} {number}" for table, number, _ in wrong_stems(look.db)]
    what = " with stems that are not those of the text."
    yield from find("attention", "indexes", wrong, "row", what, f"{FIX} rewrites them.", "stems")


def _find_waiting(look: ReadOnlyTruth, rows: list[tuple[str, str]], thing: str, what: str) -> Iterator[Finding]:
    if not rows:
        return
    hours = max(look.hours_since(since or "") for _, since in rows)
    long = hours >= _LONG_H
    verb, oldest = "waits" if len(rows) == 1 else "wait", f", the oldest for {duration(hours)}" if long else ""
    sentence = f"{many(len(rows), thing)} {verb} {what}{oldest}."
    ids = some(row[0] for row in rows)
    yield Finding("attention" if long else "note", "journal", sentence, RESUME, len(rows), ids)


def _hash(time: str | None, text: str) -> str:
    try:
        return content_hash(time, text)
    except UnicodeEncodeError:
        return ""
