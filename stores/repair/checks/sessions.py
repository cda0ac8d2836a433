"""Sessions, their pages and passages: word for word what was filed, complete, and in the change log; what waits."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from ...analyzer import ANALYZER
from ..repairs import wrong_stems
from ..settle import content_hash
from ..settle_passages import bare_stretches
from .file import SALVAGE
from .finding import FIX, RESUME, Finding, Look, lasting, many, some

_LONG_H = 1.0  # that something may wait before somebody should look


def pages(look: Look) -> Iterator[Finding]:
    """The text of each page against its hash, and of each session against its own."""
    wrong = [
        page_id
        for page_id, text, kept in look.each("SELECT id, text, sha256 FROM page NOT INDEXED ORDER BY seq")
        if sha256(text.encode("utf-8", "surrogateescape")).hexdigest() != kept
    ]
    if wrong:
        yield Finding(
            "damage",
            "sessions",
            f"{many(len(wrong), 'page')}: not the text that was filed.",
            SALVAGE,
            len(wrong),
            some(wrong),
        )
    gaps, other, strange = [], [], []
    for n, session_id, time, content, space in look.rows(
        "SELECT n, id, time, content, namespace FROM session WHERE filed_at IS NOT NULL ORDER BY n"
    ):
        rows = look.rows("SELECT seq, part, parts, text, namespace FROM page WHERE session = ? ORDER BY part", n)
        if [row[1] for row in rows] != list(range(1, rows[0][2] + 1 if rows else 2)) or len({r[2] for r in rows}) > 1:
            gaps.append(session_id)
        elif _hash(time, "".join(row[3] for row in rows)) != content:
            other.append(session_id)
        if any(row[4] != space for row in rows):
            strange.append(session_id)
    for ids, what in (
        (gaps, "lacking pages, or with some twice."),
        (other, "not as accepted: the text or the time has changed."),
        (strange, "with pages in another namespace."),
    ):
        if ids:
            yield Finding("damage", "sessions", f"{many(len(ids), 'session')} {what}", SALVAGE, len(ids), some(ids))


def passages(look: Look) -> Iterator[Finding]:
    """In range, in order, and over all that is said; what is in none is never found."""
    bad = look.rows(
        'SELECT DISTINCT page.id FROM passage JOIN page ON page.seq = passage.page WHERE start < 0 OR start >= "end"'
        ' OR "end" > length(text) UNION'
        ' SELECT page.id FROM (SELECT page, start, lag("end") OVER (PARTITION BY page ORDER BY seq) AS before'
        " FROM passage) AS p JOIN page ON page.seq = p.page WHERE start < before"
    )
    if bad:
        yield Finding(
            "damage",
            "sessions",
            f"{many(len(bad), 'page')} with passages out of range or out of order.",
            SALVAGE,
            len(bad),
            some(row[0] for row in bad),
        )
    bare = [
        page
        for (session,) in look.rows("SELECT DISTINCT session FROM page ORDER BY session")
        for page, _, stretches in bare_stretches(look.db, session)
        if stretches
    ]
    if bare and not bad:
        ids = look.rows(f"SELECT id FROM page WHERE seq IN ({','.join(map(str, bare))})")
        yield Finding(
            "damage",
            "sessions",
            f"{many(len(bare), 'page')} with words that are in no passage: they cannot be found.",
            SALVAGE,
            len(bare),
            some(row[0] for row in ids),
        )


def change_log(look: Look) -> Iterator[Finding]:
    """A row for each page: what it does not tell, no index reads."""
    silent = look.rows(
        "SELECT id FROM page WHERE seq NOT IN (SELECT ref FROM change WHERE kind = 'page' AND op = 'put') ORDER BY seq"
    )
    if silent:
        yield Finding(
            "attention",
            "sessions",
            f"{many(len(silent), 'page')} that the change log does not tell of: no search finds them.",
            f"{FIX} adds the rows.",
            len(silent),
            some(row[0] for row in silent),
            "change log",
        )


def twice(look: Look) -> Iterator[Finding]:
    """One text at two times, or under two ids."""
    known: dict[tuple[int, str], list[str]] = {}
    for session_id, space, text in look.each(
        "SELECT session.id, session.namespace, (SELECT group_concat(text, '') FROM"
        " (SELECT text FROM page WHERE session = session.n ORDER BY part)) FROM session WHERE filed_at IS NOT NULL"
    ):
        key = (space, sha256((text or "").encode("utf-8", "surrogateescape")).hexdigest())
        known.setdefault(key, []).append(session_id)
    double = [ids for ids in known.values() if len(ids) > 1]
    if double:
        yield Finding(
            "note",
            "sessions",
            f"{many(len(double), 'text')} kept in more than one session, at other times.",
            "You: if they are the same, forget the later one.",
            len(double),
            some(" = ".join(ids) for ids in double),
        )


def journal(look: Look) -> Iterator[Finding]:
    """Sessions that were accepted and not filed, and pages that no items were drawn from."""
    waiting = look.rows("SELECT id, accepted_at, payload FROM session WHERE filed_at IS NULL ORDER BY n")
    if empty := [row[0] for row in waiting if row[2] is None]:
        yield Finding(
            "damage", "journal", f"{many(len(empty), 'session')} wait without a text.", SALVAGE, len(empty), some(empty)
        )
    if waiting:
        yield _wait(look, [(row[0], row[1]) for row in waiting], "session", "to be filed")
    rows = look.rows(
        "SELECT page.id, filed_at FROM uncurated JOIN page ON page.seq = uncurated.page"
        " JOIN session ON session.n = page.session ORDER BY page.seq"
    )
    if rows:
        yield _wait(look, rows, "page", "for memory items to be drawn from it")


def erasures(look: Look) -> Iterator[Finding]:
    """What was forgotten and may still lie in a file."""
    rows = look.rows("SELECT n, at FROM erasure WHERE state != 'erased' ORDER BY n")
    if rows:
        hours = max(look.hours_since(at) for _, at in rows)
        yield Finding(
            "attention" if hours >= _LONG_H else "note",
            "erasures",
            f"{many(len(rows), 'erasure')} not finished: what was forgotten may still lie in a file.",
            "Memory.sweep(), or `jitmem sweep`, finishes it, and says who holds it up.",
            len(rows),
            some(row[0] for row in rows),
        )


def stems(look: Look) -> Iterator[Finding]:
    """The words by which passages, items and entries are found."""
    older = look.rows("SELECT id FROM page WHERE analyzer != ?", ANALYZER)
    if older:
        yield Finding(
            "note",
            "indexes",
            f"{many(len(older), 'page')} with stems of an older analyzer; they are made anew each time they are read.",
            f"{FIX} writes them.",
            len(older),
            some(row[0] for row in older),
            "stems",
        )
        return
    wrong = [f"{table} {number}" for table, number, _ in wrong_stems(look.db)]
    if wrong:
        yield Finding(
            "attention",
            "indexes",
            f"{many(len(wrong), 'row')} with stems that are not those of the text.",
            f"{FIX} writes them anew.",
            len(wrong),
            some(wrong),
            "stems",
        )


def _wait(look: Look, rows: list[tuple[str, str]], thing: str, what: str) -> Finding:
    hours = max(look.hours_since(since or "") for _, since in rows)
    long = hours >= _LONG_H
    verb = "waits" if len(rows) == 1 else "wait"
    return Finding(
        "attention" if long else "note",
        "journal",
        f"{many(len(rows), thing)} {verb} {what}{f', the oldest for {lasting(hours)}' if long else ''}.",
        RESUME,
        len(rows),
        some(row[0] for row in rows),
    )


def _hash(time: str | None, text: str) -> str:
    try:
        return content_hash(time, text)
    except UnicodeEncodeError:
        return ""
