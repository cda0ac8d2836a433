"""The pages of one namespace, and the change log that the indexes read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .analyzer import ANALYZER
from .errors import UnknownRecord
from .namespace import Namespace, one_of
from .read_back import read_back, verify_text
from .records import Page
from .times import Span, order_key

_PAGE = """
    SELECT page.id, session.id, page.text, page.header, page.memo, session.time, session.metadata,
           page.part, page.parts, namespace.name, page.sha256
    FROM standing_page AS page JOIN session ON session.n = page.session JOIN namespace ON namespace.id = page.namespace
"""


@dataclass(frozen=True, slots=True)
class PageRow:
    """A page as the indexes read it."""

    seq: int
    id: str
    title: str
    time: datetime | None
    analyzer: str
    passages: list[tuple[int, int, int, str | None, str]] = field(default_factory=list)
    """`(seq, start, end, speaker, stems)` in page order."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What an index over the pages of a namespace must have read to be up to date."""

    namespaces: tuple[int, ...]
    """That may be read."""
    last: int
    """The newest change in them."""
    erased: int
    """The newest change by which something is gone or hidden."""


class Pages:
    """Reading only, each method from one committed state; thread- and process-safe.

    What is shared with the namespace is read as its own, but where `own` is asked for.
    """

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace

    def page(self, page_id: str) -> Page:
        """`UnknownRecord` for an id that this namespace does not hold."""
        with self.namespace.database.read() as db:
            readable = one_of(self.namespace.readable(db))
            row = db.execute(f"{_PAGE} WHERE page.namespace {readable} AND page.id = ?", (page_id,)).fetchone()
            if row is None:
                count = db.execute(f"SELECT count(*) FROM standing_page WHERE namespace {readable}").fetchone()[0]
                raise UnknownRecord(f"No page {page_id!r}; this memory holds {count} pages.")
        return _page(row)

    def pages(
        self,
        *,
        session_id: str | None = None,
        within: Span | None = None,
        first_id: str | None = None,
        last_id: str | None = None,
        newest: int | None = None,
        limit: int | None = None,
        offset: int = 0,
        own: bool = False,
    ) -> list[Page]:
        """In the order their sessions were accepted. `within` leaves out pages without a time; `newest` keeps
        the last so many; ids bound a range, both ends included."""
        conditions: list[str] = []
        values: list[str | float] = []
        if session_id is not None:
            conditions.append("session.id = ?")
            values.append(session_id)
        if within is not None:
            conditions.append("page.time_key >= ? AND page.time_key < ?")
            values.extend(order_key(bound) for bound in within)
        if first_id is not None:
            conditions.append("page.id >= ?")
            values.append(first_id)
        if last_id is not None:
            conditions.append("page.id <= ?")
            values.append(last_id)
        down = "DESC" if newest is not None else ""
        count = newest if newest is not None else -1 if limit is None else limit
        with self.namespace.database.read() as db:
            readable = [self.namespace.number(db)] if own else self.namespace.readable(db)
            conditions.insert(0, f"page.namespace {one_of(readable)}")
            rows = db.execute(
                f"{_PAGE} WHERE {' AND '.join(conditions)} ORDER BY page.session {down}, page.part {down}"
                " LIMIT ? OFFSET ?",
                (*values, count, offset),
            ).fetchall()
        pages = [_page(row) for row in rows]
        return pages[::-1] if newest is not None else pages

    def standing(self, page_ids: Iterable[str]) -> tuple[str, ...]:
        """Those of some ids that are of pages which may be read, in the order given."""
        wanted = list(page_ids)
        with self.namespace.database.read() as db:
            readable = one_of(self.namespace.readable(db))
            rows = db.execute(
                f"SELECT id FROM standing_page WHERE +namespace {readable} AND id IN (SELECT value FROM json_each(?))",
                (json.dumps(wanted),),
            ).fetchall()
        here = {page_id for (page_id,) in rows}
        return tuple(page_id for page_id in wanted if page_id in here)

    def page_by_seq(self, seq: int) -> Page:
        """A page by its place in the truth."""
        with self.namespace.database.read() as db:
            readable = one_of(self.namespace.readable(db))
            row = db.execute(f"{_PAGE} WHERE +page.namespace {readable} AND page.seq = ?", (seq,)).fetchone()
        if row is None:
            raise UnknownRecord(f"No page with sequence number {seq} in this namespace.")
        return _page(row)

    def stems(self, page_id: str) -> list[str] | None:
        """The stems of a page's passages as they were filed; None where an older analyzer made them."""
        with self.namespace.database.read() as db:
            readable = one_of(self.namespace.readable(db))
            rows = db.execute(
                "SELECT stems FROM passage JOIN standing_page AS page ON page.seq = passage.page"
                f" WHERE page.id = ? AND +page.namespace {readable} AND analyzer = ?",
                (page_id, ANALYZER),
            ).fetchall()
        return [stem for (stems,) in rows for stem in stems.split()] if rows else None

    def counts(self) -> dict[str, int]:
        """Sessions, waiting sessions, pages, passages and characters of this namespace alone."""
        with self.namespace.database.read() as db:
            namespace = self.namespace.number(db)
            sessions, waiting = db.execute(
                "SELECT count(*), count(*) - count(filed_at) FROM standing_session WHERE namespace = ?", (namespace,)
            ).fetchone()
            pages, characters = db.execute(
                "SELECT count(*), coalesce(sum(length(text)), 0) FROM standing_page WHERE namespace = ?", (namespace,)
            ).fetchone()
            passages = db.execute(
                "SELECT count(*) FROM standing_page AS page JOIN passage ON passage.page = page.seq WHERE namespace = ?",
                (namespace,),
            ).fetchone()[0]
        return {
            "sessions": sessions,
            "waiting": waiting,
            "pages": pages,
            "passages": passages,
            "characters": characters,
        }

    def extent(self) -> Extent:
        """What there is to read."""
        with self.namespace.database.read() as db:
            namespaces = self.namespace.readable(db)
            last = erased = 0
            for number in namespaces:  # one by one, so that each is found at the end of an index
                last = max(last, _newest(db, "change_namespace", number))
                erased = max(erased, _newest(db, "change_erased", number))
        return Extent(namespaces, last, erased)

    def changed_pages(self, after: int, limit: int) -> tuple[int, list[PageRow]]:
        """The next changes after a mark: the new mark, and the pages they put that still stand, oldest first."""
        with self.namespace.database.read() as db:
            readable = one_of(self.namespace.readable(db))
            changes = db.execute(
                f"SELECT n, kind, ref FROM change WHERE namespace {readable} AND n > ? ORDER BY n LIMIT ?",
                (after, limit),
            ).fetchall()
            rows = [row for _, kind, seq in changes if kind == "page" for row in _page_rows(db, seq)]
        return (changes[-1][0] if changes else after), rows

    def next_expiry(self) -> float | None:
        """When the next page is hidden by its age, in seconds since 1970; None where no rule says so."""
        with self.namespace.database.read() as db:
            readable = one_of(self.namespace.readable(db))
            due = [
                datetime.fromisoformat(oldest[0]).timestamp() + age
                for number, age in db.execute(
                    f"SELECT namespace, age_s FROM retention WHERE kind = 'page' AND namespace {readable}"
                ).fetchall()
                if (
                    oldest := db.execute(
                        "SELECT accepted_at FROM session WHERE namespace = ?"
                        " AND accepted_at > strftime('%Y-%m-%dT%H:%M:%f', 'now', '-' || ? || ' seconds')"
                        " ORDER BY accepted_at LIMIT 1",
                        (number, age),
                    ).fetchone()
                )
            ]
        return min(due, default=None)

    def number(self) -> int:
        """The namespace as a number, which is all that a derived index learns of it; 0 while it is empty."""
        with self.namespace.database.read() as db:
            return self.namespace.number(db)

    def numbers(self) -> tuple[int, ...]:
        """All that may be read, as numbers."""
        with self.namespace.database.read() as db:
            return self.namespace.readable(db)


def _newest(db: sqlite3.Connection, index: str, namespace: int) -> int:
    """The newest change of a namespace that stands in an index."""
    condition = " AND op IN ('forget', 'retain')" if index == "change_erased" else ""
    found = db.execute(
        f"SELECT max(n) FROM change INDEXED BY {index} WHERE namespace = ?{condition}", (namespace,)
    ).fetchone()
    return found[0] or 0


def _page_rows(db: sqlite3.Connection, seq: int) -> Iterator[PageRow]:
    row = db.execute(
        "SELECT page.seq, page.id, title, session.time, analyzer"
        " FROM standing_page AS page JOIN session ON session.n = page.session WHERE page.seq = ?",
        (seq,),
    ).fetchone()
    if row is not None:
        passages = db.execute(
            'SELECT seq, start, "end", speaker, stems FROM passage WHERE page = ? ORDER BY seq', (seq,)
        ).fetchall()
        yield PageRow(row[0], row[1], row[2], _time(row[3]), row[4], passages)


@read_back("A page")
def _page(row: Any) -> Page:
    page_id, session_id, text, header, memo, time, metadata, part, parts, namespace, digest = row
    return Page(
        id=page_id,
        session_id=session_id,
        text=verify_text(page_id, text, digest),
        header=header,
        memo=memo,
        time=_time(time),
        metadata=json.loads(metadata),
        part=part,
        parts=parts,
        namespace=namespace,
    )


@read_back("The time of a session")
def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
