"""The ingestion journal: a session is accepted, thought about without any lock, and filed in one transaction."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from .analyzer import ANALYZER
from .deletion_result import RETENTION, Selection
from .errors import SessionConflict, UnknownRecord
from .ids import new_id
from .namespace import Namespace
from .read_back import read_back
from .row_deletion import delete_rows, record_erasure
from .times import clock, order_key


@dataclass(frozen=True, slots=True)
class Accepted:
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
    """A page before it is filed."""

    text: str
    header: str
    memo: str
    title: str
    passages: Sequence[PassageDraft]


class Journal:
    """The sessions of one namespace. Every method is one transaction; thread- and process-safe."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace

    def accept(
        self,
        *,
        session_id: str | None,
        text: str,
        turns: Sequence[tuple[int, int, str]],
        time: datetime | None,
        metadata: Mapping[str, Any],
    ) -> Accepted:
        """Put a session into the journal, durable when this returns; one that is there already comes back.

        Known by its id or by its content (text and time). `SessionConflict` for a known id with other content.
        """
        stamp = time.isoformat() if time else None
        content = hashlib.sha256(f"{stamp}\0{text}".encode()).hexdigest()
        known = self._known(session_id, content)
        if known is None:
            payload = json.dumps({"text": text, "turns": turns}, ensure_ascii=False)
            with self.namespace.database.write() as db:
                self._delete_expired(db, session_id or f"s-{content[:12]}", content)
                db.execute(
                    "INSERT INTO session (namespace, id, content, time, metadata, payload, accepted_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (
                        self.namespace.enter(db),
                        session_id or f"s-{content[:12]}",
                        content,
                        stamp,
                        json.dumps(dict(metadata), ensure_ascii=False),
                        payload,
                        _now(),
                    ),
                )
            known = self._known(session_id, content)
            if known is None:
                raise SessionConflict(
                    f"The id s-{content[:12]} made for this session is taken; give it one of its own."
                )
        return known

    def entry(self, n: int) -> Accepted:
        """A session of this namespace by its place in the journal."""
        with self.namespace.database.read() as db:
            own = db.execute("SELECT namespace FROM standing_session WHERE n = ?", (n,)).fetchone()
            if own is None or own[0] != self.namespace.number(db):
                raise UnknownRecord(f"No session number {n} in the journal of this namespace.")
            return self._accepted(db, n)

    def waiting(self) -> list[Accepted]:
        """Sessions that were accepted and not yet filed, oldest first."""
        with self.namespace.database.read() as db:
            rows = db.execute(
                "SELECT n FROM standing_session WHERE namespace = ? AND filed_at IS NULL ORDER BY n",
                (self.namespace.number(db),),
            ).fetchall()
            waiting = []
            for (n,) in rows:
                with suppress(UnknownRecord):  # forgotten meanwhile
                    waiting.append(self._accepted(db, n))
            return waiting

    def file(
        self, accepted: Accepted, pages: Sequence[PageDraft], *, cause: str = "memorizer", curate: bool = False
    ) -> Accepted:
        """Pages, memos, passages, change log and journal in one transaction; what is filed already stays.

        With `curate` it is noted that memories are still to be drawn from the pages. `UnknownRecord` for a session
        that was forgotten since it was accepted.
        """
        with self.namespace.database.write() as db:
            row = db.execute("SELECT namespace, filed_at FROM session WHERE n = ?", (accepted.n,)).fetchone()
            if row is None:
                raise UnknownRecord(f"Session {accepted.session_id!r} was forgotten while it was being filed.")
            namespace, filed_at = row
            if filed_at is None:
                for part, page in enumerate(pages, start=1):
                    seq = _insert_page(db, namespace, accepted, page, part, len(pages))
                    db.execute(
                        "INSERT INTO change (namespace, kind, ref, op, cause, at) VALUES (?, 'page', ?, 'put', ?, ?)",
                        (namespace, seq, cause, _now()),
                    )
                    if curate:
                        db.execute("INSERT INTO uncurated (page) VALUES (?)", (seq,))
                db.execute("UPDATE session SET filed_at = ?, payload = NULL WHERE n = ?", (_now(), accepted.n))
                return replace(self._accepted(db, accepted.n), fresh=True)
            return self._accepted(db, accepted.n)

    def uncurated(self, n: int | None = None) -> list[tuple[int, str]]:
        """`(number of the session, page id)` of the pages from which memories are still to be drawn, oldest first;
        of one session where its number is given."""
        with self.namespace.database.read() as db:
            return db.execute(
                "SELECT page.session, page.id FROM uncurated JOIN standing_page AS page ON page.seq = uncurated.page"
                " WHERE page.namespace = ? AND (? IS NULL OR page.session = ?) ORDER BY page.session, page.part",
                (self.namespace.number(db), n, n),
            ).fetchall()

    def curated_in(self, db: sqlite3.Connection, page_id: str) -> None:
        """Memories were drawn from the page; in the transaction that writes them."""
        db.execute("DELETE FROM uncurated WHERE page = (SELECT seq FROM page WHERE id = ?)", (page_id,))

    def _known(self, session_id: str | None, content: str) -> Accepted | None:
        with self.namespace.database.read() as db:
            namespace = self.namespace.number(db)
            row = None
            if session_id is not None:
                row = db.execute(
                    "SELECT n, content FROM standing_session WHERE namespace = ? AND id = ?", (namespace, session_id)
                ).fetchone()
                if row and row[1] != content:
                    raise SessionConflict(
                        f"Session {session_id!r} is already in memory with other content; give the new one another"
                        " id. Nothing was changed."
                    )
            row = (
                row
                or db.execute(
                    "SELECT n FROM standing_session WHERE namespace = ? AND content = ?", (namespace, content)
                ).fetchone()
            )
            try:
                return self._accepted(db, row[0]) if row else None
            except UnknownRecord:  # forgotten meanwhile
                return None

    def _delete_expired(self, db: sqlite3.Connection, session_id: str, content: str) -> None:
        """Delete sessions that have expired, and would conflict with one that is accepted again."""
        namespace = self.namespace.enter(db)
        rows = db.execute(
            "SELECT n FROM session WHERE namespace = ? AND (id = ? OR content = ?)"
            " EXCEPT SELECT n FROM standing_session WHERE namespace = ?",
            (namespace, session_id, content, namespace),
        ).fetchall()
        if rows:
            expired = Selection(sessions={n for (n,) in rows}, derived=False)
            record_erasure(db, delete_rows(db, namespace, expired, RETENTION), tried=True)

    @read_back("A session in the journal")
    def _accepted(self, db: sqlite3.Connection, n: int) -> Accepted:
        row = db.execute("SELECT id, time, metadata, payload FROM session WHERE n = ?", (n,)).fetchone()
        if row is None:
            raise UnknownRecord(f"No session number {n} in the journal of this namespace.")
        session_id, time, metadata, payload = row
        ids = tuple(row[0] for row in db.execute("SELECT id FROM page WHERE session = ? ORDER BY part", (n,)))
        content: dict[str, Any] = json.loads(payload) if payload else {"text": "", "turns": []}
        return Accepted(
            n=n,
            session_id=session_id,
            time=_time(time),
            metadata=json.loads(metadata),
            text=content["text"],
            turns=[(start, end, speaker) for start, end, speaker in content["turns"]],
            page_ids=ids,
        )


def _insert_page(
    db: sqlite3.Connection, namespace: int, accepted: Accepted, page: PageDraft, part: int, parts: int
) -> int:
    seq = db.execute(
        "INSERT INTO page (id, namespace, session, part, parts, text, sha256, header, memo, title, time_key, analyzer)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new_id(),
            namespace,
            accepted.n,
            part,
            parts,
            page.text,
            hashlib.sha256(page.text.encode()).hexdigest(),
            page.header,
            page.memo,
            page.title,
            order_key(clock(accepted.time)) if accepted.time else None,
            ANALYZER,
        ),
    ).lastrowid
    db.executemany(
        'INSERT INTO passage (page, start, "end", speaker, stems) VALUES (?, ?, ?, ?, ?)',
        [(seq, p.start, p.end, p.speaker, " ".join(p.stems)) for p in page.passages],
    )
    assert seq is not None, "an insert has a row"
    return seq


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _now() -> str:
    return datetime.now(UTC).isoformat()
