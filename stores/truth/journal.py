"""The ingestion journal: a session is accepted, thought about without any lock, and filed in one transaction."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time as clock
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import accumulate, pairwise
from typing import Any

from ..analyzer import Analyzer
from ..errors import UnknownRecord
from ..records import new_id
from ..times import local_clock, order_key, parse_iso_time
from .database import Connection, log_changes, read_back
from .dedup_key import session_key
from .embeddings import FilingVectors
from .namespace import Namespace
from .postings import PageTerms, insert_postings

# Gives no number where there is such a session already, or no namespace.
INSERT_SESSION = """
    INSERT INTO session (namespace, id, content, time, metadata, payload, accepted_at, leased_by, leased_until)
    SELECT space.id, :id, :content, :time, :metadata, :payload, :accepted_at, :leased_by, :leased_until
    FROM namespace AS space WHERE name = :name AND {current} AND NOT EXISTS (
        SELECT 1 FROM session AS known WHERE known.namespace = space.id AND (known.id = :id OR known.content = :content))
    RETURNING n
"""
_END_WAITING = """
    UPDATE session SET filed_at = :now, payload = NULL WHERE n = :n AND filed_at IS NULL AND {current}
    RETURNING namespace, json_extract(metadata, '$._continues')
"""
LEASE_S = float(os.environ.get("JITMEM_LEASE_S", "300"))
"""How long a process has a session for itself; it renews the lease while it is at work."""
ABANDONED = "CASE WHEN leased_until IS NULL THEN accepted_at < :accepted ELSE leased_until < :now END"
"""Of a session, with the values of `abandonment`: its lease has ended, or it waits for as long without one."""
_PAGES_AT_ONCE = 1000  # SQLite takes some 32,000 values in one statement


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A session in the journal. `page_ids` is empty until it is filed; `text` and `turns` are empty after."""

    n: int
    session_id: str
    time: datetime | None
    metadata: Mapping[str, Any]
    text: str = ""
    turns: Sequence[tuple[int, int, str]] = ()
    page_ids: tuple[str, ...] = ()
    fresh: bool = field(default=False, compare=False)
    embedded: bool = field(default=False, compare=False)
    """Whether its vectors were filed with it."""


@dataclass(frozen=True, slots=True)
class PassageDraft:
    """A passage before it has a place: a span of its page, its speaker and its stems."""

    start: int
    end: int
    speaker: str | None
    stems: Sequence[str]


@dataclass(frozen=True, slots=True)
class PageDraft:
    text: str
    header: str
    memo: str
    title: str
    passages: Sequence[PassageDraft]


class Journal:
    """The sessions of one namespace. Every method is one transaction; thread- and process-safe."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self._next_look = 0.0
        self.filed: dict[tuple[int, int], tuple[Any, ...]] = {}
        """By namespace and number of its change a page that was filed here, as `read_indexed` takes it, until an index has it."""

    def accept(
        self,
        *,
        session_id: str | None,
        text: str,
        turns: Sequence[tuple[int, int, str]],
        time: datetime | None,
        metadata: Mapping[str, Any],
        update: bool = False,
        leased: bool = False,
    ) -> JournalEntry:
        """Put a session into the journal, durable when this returns; one that is there already comes back. With `leased`
        the caller files it next, and no other process takes it meanwhile.

        Known by its id or by its content (text and time). Other content under a known id: a new version, or `SessionConflict`.
        """
        stamp = time.isoformat() if time else None
        content = session_key(stamp, text)
        leased_by, leased_until = lease() if leased else (None, None)
        values = {
            "name": self.namespace.name,
            "id": session_id or f"s-{content[:12]}",
            "content": content,
            "time": stamp,
            "metadata": json.dumps(dict(metadata), ensure_ascii=False),
            "payload": json.dumps({"text": text, "turns": turns}, ensure_ascii=False),
            "accepted_at": _now(),
            "leased_by": leased_by,
            "leased_until": leased_until,
        }
        database, rows = self.namespace.database, list[Any]()
        if not database.read_only:
            rows = database.write_once(INSERT_SESSION, values)
            if not rows and not database.fetch("SELECT 1 FROM namespace WHERE name = :name", values):
                with database.write() as db:
                    self.namespace.enter(db)
                    rows = db.execute(INSERT_SESSION.format(current="true"), values).fetchall()
        if rows:
            return make_entry(rows[0][0], values)
        from .known_sessions import accept_known

        return accept_known(self, session_id, values, text, turns, time, metadata, update)

    def entry(self, n: int) -> JournalEntry:
        """A session of this namespace by its place in the journal."""
        for entry, _, standing in self.load_entries("session.n = :n", n=n):
            if standing:
                return entry
        raise UnknownRecord(f"No session number {n} in the journal of this namespace.")

    def waiting(self) -> list[JournalEntry]:
        """Sessions that were accepted and not yet filed, oldest first."""
        return [entry for entry, _, standing in self.load_entries("filed_at IS NULL") if standing]

    def has_abandoned(self) -> bool:
        """Whether a session waits that no process files any more; False between two looks."""
        if clock.monotonic() < self._next_look:
            return False
        self._next_look = clock.monotonic() + LEASE_S / 4
        own = "namespace = (SELECT id FROM namespace WHERE name = :name)"
        query = f"SELECT EXISTS (SELECT 1 FROM session WHERE {own} AND filed_at IS NULL AND {ABANDONED})"
        named = {"name": self.namespace.name, **abandonment()}
        return bool(self.namespace.database.fetch(query, named)[0][0])

    def file(
        self,
        accepted: JournalEntry,
        pages: Sequence[PageDraft],
        *,
        cause: str = "memorizer",
        curate: bool = False,
        vectors: FilingVectors | None = None,
    ) -> JournalEntry:
        """Pages, memos, passages, change log and journal in one transaction; what is filed already stays.

        With `curate` it is noted that memories are still to be drawn from the pages. `UnknownRecord` for a session
        that was forgotten since it was accepted.
        """
        database = self.namespace.database
        with database.write_after(_END_WAITING, {"n": accepted.n, "now": _now()}) as (db, rows):
            if rows:
                ((space, continues),) = rows
                n, before = accepted.n, 0
                if continues:
                    from .session_growth import join_growth

                    n, before = join_growth(db, space, n, continues, [page.text for page in pages])
                entry = replace(accepted, n=n, text="", turns=[], fresh=True)
                indexed, passages = _insert_pages(db, space, entry, pages, database.analyzer, before, curate=curate)
                numbers = [row[0] for row in indexed]
                embedded = bool(vectors and vectors(db, space, numbers, passages))
                last = log_changes(db, space, "page", numbers, "put", cause).number
            elif not db.execute("SELECT 1 FROM session WHERE n = ?", (accepted.n,)).fetchone():
                raise UnknownRecord(f"Session {accepted.session_id!r} was forgotten while it was being filed.")
            else:
                found = db.execute("SELECT id FROM page WHERE session = ? ORDER BY part", (accepted.n,))
                return replace(accepted, text="", turns=[], page_ids=tuple(page_id for (page_id,) in found))
        self.filed |= {(space, number): row for number, row in enumerate(indexed, start=last - len(indexed) + 1)}
        return replace(entry, page_ids=tuple(row[1] for row in indexed), embedded=embedded)

    def uncurated_pages(self) -> list[tuple[int, str]]:
        """`(number of the session, page id)` of the pages from which memories are still to be drawn, oldest first."""
        return self.namespace.database.fetch(
            "SELECT page.session, page.id FROM uncurated JOIN standing_page AS page ON page.seq = uncurated.page"
            " WHERE page.namespace = (SELECT id FROM namespace WHERE name = ?)"
            " ORDER BY page.session, page.part",
            (self.namespace.name,),
        )

    def mark_curated(self, db: Connection, page_ids: Sequence[str]) -> None:
        """Memories were drawn from the pages; in the transaction that writes them."""
        db.execute(
            "DELETE FROM uncurated WHERE page IN (SELECT seq FROM page WHERE id IN (SELECT value FROM json_each(?)))",
            (json.dumps(list(page_ids)),),
        )

    def load_entries(self, condition: str, **values: Any) -> list[tuple[JournalEntry, str, bool]]:
        """Sessions of this namespace, oldest first, each with the hash of its content, and whether it may be read: what
        is hidden by its age may not."""
        rows = self.namespace.database.fetch(
            "SELECT session.n, session.id, time, metadata, payload, content, page.id,"
            " EXISTS (SELECT 1 FROM standing_session AS standing WHERE standing.n = session.n)"
            " FROM session LEFT JOIN page ON page.session = session.n"
            f" WHERE session.namespace = (SELECT id FROM namespace WHERE name = :name) AND {condition}"
            " ORDER BY session.n, page.part",
            {"name": self.namespace.name, **values},
        )
        found: dict[int, list[Any]] = {}
        for row in rows:
            found.setdefault(row[0], []).append(row)
        return [_entry(rows) for rows in found.values()]


def make_entry(n: int, row: Mapping[str, Any]) -> JournalEntry:
    """Of a row that was written with these values."""
    fields = ("id", "time", "metadata", "payload", "content")
    return _entry([(n, *(row[field] for field in fields), None, True)])[0]


@read_back("A session in the journal")
def _entry(rows: Sequence[Any]) -> tuple[JournalEntry, str, bool]:
    n, session_id, time, metadata, payload, content, _, standing = rows[0]
    history: dict[str, Any] = json.loads(payload) if payload else {"text": "", "turns": []}
    accepted = JournalEntry(
        n=n,
        session_id=named["session"] if (named := json.loads(metadata).get("_continues")) else session_id,
        time=parse_iso_time(time),
        metadata=json.loads(metadata),
        text=history["text"],
        turns=[(start, end, speaker) for start, end, speaker in history["turns"]],
        page_ids=tuple(row[6] for row in rows if row[6] is not None),
    )
    return accepted, content, bool(standing)


def _insert_pages(
    db: Connection,
    namespace: int,
    accepted: JournalEntry,
    pages: Sequence[PageDraft],
    analyzer: Analyzer,
    before: int = 0,
    *,
    curate: bool,
) -> tuple[list[tuple[Any, ...]], list[int]]:
    """Each kind of row in one statement, or a few for many pages, in page order; the pages as `read_indexed` takes them,
    and the numbers of their passages."""
    ids = [new_id() for _ in pages]
    time_key = order_key(local_clock(accepted.time)) if accepted.time else None
    seqs: list[int] = []
    for first in range(0, len(pages), _PAGES_AT_ONCE):
        some = pages[first : first + _PAGES_AT_ONCE]
        values: list[Any] = []
        for part, page in enumerate(some, start=first + 1):
            digest = hashlib.sha256(page.text.encode()).hexdigest()
            values += (ids[part - 1], namespace, accepted.n, before + part, before + len(pages), page.text, digest)
            values += (page.header, page.memo, page.title, time_key, analyzer.name)
        row = f"({', '.join('?' * 12)})"
        seqs += [
            seq
            for (seq,) in db.execute(
                "INSERT INTO page (id, namespace, session, part, parts, text, sha256, header, memo, title, time_key,"
                f" analyzer) VALUES {', '.join([row] * len(some))} RETURNING seq",
                values,
            ).fetchall()
        ]
    numbers = sorted(seqs)
    fields = [f"json_extract(value, '$[{at}]')" for at in range(5)]
    columns = ", ".join([*(f"CAST({field} AS BIGINT)" for field in fields[:3]), *fields[3:]])
    passages = [
        (seq, p.start, p.end, p.speaker, " ".join(p.stems))
        for seq, page in zip(numbers, pages, strict=True)
        for p in page.passages
    ]
    rows = db.execute(
        f'INSERT INTO passage (page, start, "end", speaker, stems) SELECT {columns} FROM json_each(?) ORDER BY key'
        " RETURNING seq",
        (json.dumps(passages, ensure_ascii=False),),
    ).fetchall()
    filed = sorted(seq for (seq,) in rows)
    indexed = [
        PageTerms(seq, page_id, page.title, accepted.time, [(p.speaker, p.stems) for p in page.passages])
        for seq, page_id, page in zip(numbers, ids, pages, strict=True)
    ]
    if curate:
        db.executemany("INSERT INTO uncurated (page) SELECT value FROM json_each(?)", [(json.dumps(numbers),)])
    ends = [0, *accumulate(len(page.passages) for page in pages)]
    spans = [(filed[first], filed[end - 1], False) if end > first else (0, 0, False) for first, end in pairwise(ends)]
    stored = insert_postings(db, namespace, indexed, analyzer)
    return [(*row, *span) for row, span in zip(stored, spans, strict=True)], filed


def lease() -> tuple[str, float]:
    """Of this process, from now: its name, and the end in seconds since 1970."""
    return f"{socket.gethostname()}:{os.getpid()}", clock.time() + LEASE_S


def abandonment() -> dict[str, Any]:
    """The values of `ABANDONED`, as of now."""
    now = clock.time()
    return {"now": now, "accepted": datetime.fromtimestamp(now - LEASE_S, UTC).isoformat()}


def _now() -> str:
    return datetime.now(UTC).isoformat()
