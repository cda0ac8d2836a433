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
from typing import Any

from ..analyzer import Analyzer
from ..errors import SessionConflict, UnknownRecord
from ..records import new_id
from ..times import local_clock, order_key, parse_iso_time
from .database import Connection, log_changes, read_back
from .dedup_key import session_key
from .namespace import Namespace
from .postings import PageTerms, insert_postings

# Gives no number where there is such a session already, or no namespace.
_INSERT = """
    INSERT INTO session (namespace, id, content, time, metadata, payload, accepted_at, leased_by, leased_until)
    SELECT space.id, ?, ?, ?, ?, ?, ?, ?, ? FROM namespace AS space WHERE name = ? ON CONFLICT DO NOTHING RETURNING n
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
        try:
            known, hidden = self._find_session(session_id, content)
        except SessionConflict:
            from .session_growth import accept_growth

            known, hidden = accept_growth(self, str(session_id), text, turns, time, metadata, update), set()
            if known is None:
                raise
        if known is not None:
            return known
        named = session_id or f"s-{content[:12]}"
        payload = json.dumps({"text": text, "turns": turns}, ensure_ascii=False)
        with self.namespace.database.write() as db:
            if hidden:
                from .row_deletion import delete_expired

                delete_expired(db, self.namespace.enter(db), sessions=hidden)
            plain = json.dumps(dict(metadata), ensure_ascii=False)
            values = (
                named,
                content,
                stamp,
                plain,
                payload,
                _now(),
                *(lease() if leased else (None, None)),
                self.namespace.name,
            )
            row = db.execute(_INSERT, values).fetchone()
            if row is None and not self.namespace.number(db):
                self.namespace.enter(db)
                row = db.execute(_INSERT, values).fetchone()
        if row is not None:
            return _entry([(row[0], named, stamp, plain, payload, content, None, True)])[0]
        known, _ = self._find_session(session_id, content)
        if known is None:
            raise SessionConflict(f"The id {named} made for this session is taken; give it one of its own.")
        return known

    def entry(self, n: int) -> JournalEntry:
        """A session of this namespace by its place in the journal."""
        for entry, _, standing in self._load_entries("session.n = :n", n=n):
            if standing:
                return entry
        raise UnknownRecord(f"No session number {n} in the journal of this namespace.")

    def waiting(self) -> list[JournalEntry]:
        """Sessions that were accepted and not yet filed, oldest first."""
        return [entry for entry, _, standing in self._load_entries("filed_at IS NULL") if standing]

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
        self, accepted: JournalEntry, pages: Sequence[PageDraft], *, cause: str = "memorizer", curate: bool = False
    ) -> JournalEntry:
        """Pages, memos, passages, change log and journal in one transaction; what is filed already stays.

        With `curate` it is noted that memories are still to be drawn from the pages. `UnknownRecord` for a session
        that was forgotten since it was accepted.
        """
        with self.namespace.database.write() as db:
            row = db.execute(
                "UPDATE session SET filed_at = ?, payload = NULL WHERE n = ? AND filed_at IS NULL"
                " RETURNING namespace, json_extract(metadata, '$._continues')",
                (_now(), accepted.n),
            ).fetchone()
            if row is not None:
                n, before = accepted.n, 0
                if row[1]:
                    from .session_growth import join_growth

                    n, before = join_growth(db, row[0], n, row[1], [page.text for page in pages])
                analyzer = self.namespace.database.analyzer
                ids = _insert_pages(
                    db, row[0], replace(accepted, n=n), pages, analyzer, before, cause=cause, curate=curate
                )
                return replace(accepted, n=n, text="", turns=[], page_ids=ids, fresh=True)
            if not db.execute("SELECT 1 FROM session WHERE n = ?", (accepted.n,)).fetchone():
                raise UnknownRecord(f"Session {accepted.session_id!r} was forgotten while it was being filed.")
            rows = db.execute("SELECT id FROM page WHERE session = ? ORDER BY part", (accepted.n,))
            return replace(accepted, text="", turns=[], page_ids=tuple(page_id for (page_id,) in rows))

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

    def _find_session(self, session_id: str | None, content: str) -> tuple[JournalEntry | None, set[int]]:
        """One with this id, or else with this content; and the numbers of those that are hidden by their age, and would
        stand in the way of a session that comes again."""
        named = session_id or f"s-{content[:12]}"
        found = self._load_entries("(session.id = :id OR content = :content)", id=named, content=content)
        hidden = {row.n for row, _, standing in found if not standing}
        same = [entry for entry, said, standing in found if standing and said == content]
        for entry, said, standing in found:
            if standing and entry.session_id == session_id:
                if said != content:
                    raise SessionConflict(
                        f"Session {session_id!r} is already in memory with other content. Nothing was changed: file it as"
                        " its new version (jitmem memorize --update, memorize_many(update=True)), or give it another id."
                    )
                return entry, hidden
        return (same[0] if same else None), hidden

    def _load_entries(self, condition: str, **values: Any) -> list[tuple[JournalEntry, str, bool]]:
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
    cause: str,
    curate: bool,
) -> tuple[str, ...]:
    """Each kind of row in one statement, or a few for many pages, in page order; the ids of the pages."""
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
    db.execute(
        f'INSERT INTO passage (page, start, "end", speaker, stems) SELECT {columns} FROM json_each(?) ORDER BY key',
        (json.dumps(passages, ensure_ascii=False),),
    )
    indexed = [
        PageTerms(seq, page_id, page.title, accepted.time, [(p.speaker, p.stems) for p in page.passages])
        for seq, page_id, page in zip(numbers, ids, pages, strict=True)
    ]
    insert_postings(db, namespace, indexed, analyzer)
    if curate:
        db.execute("INSERT INTO uncurated (page) SELECT value FROM json_each(?)", (json.dumps(numbers),))
    log_changes(db, namespace, "page", numbers, "put", cause)
    return tuple(ids)


def lease() -> tuple[str, float]:
    """Of this process, from now: its name, and the end in seconds since 1970."""
    return f"{socket.gethostname()}:{os.getpid()}", clock.time() + LEASE_S


def abandonment() -> dict[str, Any]:
    """The values of `ABANDONED`, as of now."""
    now = clock.time()
    return {"now": now, "accepted": datetime.fromtimestamp(now - LEASE_S, UTC).isoformat()}


def _now() -> str:
    return datetime.now(UTC).isoformat()
