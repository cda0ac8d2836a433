"""Bring sessions and their pages in: what is filed here already stays, what is new keeps its ids where it can."""

from __future__ import annotations

import hashlib
from datetime import datetime

from ..stores.analyzer import ANALYZER
from ..stores.ids import new_id
from ..stores.times import clock, order_key
from .into import Into


class MergedPages(Into):
    """Sessions first, then pages, each in the order of the file."""

    def _sessions(self, space: int, target: int) -> None:
        for n, session_id, content, filed in self._each(
            "SELECT n, id, content, filed_at FROM staged.session WHERE space = ?", space
        ):
            known = self._db.execute(
                "SELECT n, id, filed_at FROM session WHERE namespace = ? AND content = ?", (target, content)
            ).fetchone()
            if known is None:
                here, fresh = self._new_session(n, target, session_id, content), filed is not None
                self.done.came("session")
            else:
                here, fresh = known[0], filed is not None and known[2] is None
                self.done.was_known("session")
                if known[1] != session_id:
                    self.done.mapped[session_id] = known[1]
                if fresh:  # it waits here, and was filed there
                    self._db.execute("UPDATE session SET filed_at = ?, payload = NULL WHERE n = ?", (filed, here))
            self._db.execute("UPDATE staged.session SET target = ?, fresh = ? WHERE n = ?", (here, fresh, n))

    def _new_session(self, n: int, target: int, session_id: str, content: str) -> int:
        taken, own = "SELECT 1 FROM session WHERE namespace = ? AND id = ?", session_id
        digits = 12
        while self._one(taken, target, own):
            own, digits = f"{session_id}-{content[:digits]}", digits + 4
        if own != session_id:
            self.done.mapped[session_id] = own
        row = self._db.execute(
            "INSERT INTO session (namespace, id, content, time, metadata, payload, accepted_at, filed_at)"
            " SELECT ?, ?, content, time, metadata, payload, accepted_at, filed_at FROM staged.session WHERE n = ?",
            (target, own, n),
        )
        return int(row.lastrowid or 0)

    def _pages(self, space: int, target: int) -> None:
        for n, page_id, session, fresh, part, parts in self._each(
            "SELECT page.n, page.id, session.target, fresh, part, parts FROM staged.page JOIN staged.session"
            " ON session.n = page.session WHERE page.space = ?",
            space,
            by="page.n",
        ):
            known = None if fresh else self._known_page(n, page_id, session, part, parts)
            seq = self._new_page(n, page_id, session, target) if fresh else known
            self._db.execute("UPDATE staged.page SET target = ? WHERE n = ?", (seq, n))

    def _new_page(self, n: int, page_id: str, session: int, target: int) -> int:
        own = page_id
        while self._one("SELECT 1 FROM page WHERE id = ?", own) or self._one("SELECT 1 FROM item WHERE id = ?", own):
            own = new_id()
        if own != page_id:
            self._rename(page_id, own)
        text, stamp, cause, at, uncurated = self._db.execute(
            "SELECT text, time, cause, at, uncurated FROM staged.page JOIN staged.session ON session.n = page.session"
            " WHERE page.n = ?",
            (n,),
        ).fetchone()
        key = order_key(clock(datetime.fromisoformat(stamp))) if stamp else None
        seq = self._db.execute(
            "INSERT INTO page (id, namespace, session, part, parts, text, sha256, header, memo, title, time_key, analyzer)"
            " SELECT ?, ?, ?, part, parts, text, ?, header, memo, title, ?, ? FROM staged.page WHERE n = ?",
            (own, target, session, hashlib.sha256(text.encode()).hexdigest(), key, ANALYZER, n),
        ).lastrowid
        self._db.execute(
            'INSERT INTO passage (page, start, "end", speaker, stems)'
            ' SELECT ?, start, "end", speaker, stems FROM staged.passage WHERE page = ? ORDER BY rowid',
            (seq, n),
        )
        self._log(target, "page", seq, "put", cause, at)
        if uncurated:
            self._db.execute("INSERT INTO uncurated (page) VALUES (?)", (seq,))
        self.done.came("page")
        return int(seq or 0)

    def _known_page(self, n: int, page_id: str, session: int, part: int, parts: int) -> int | None:
        """A page of a session that was filed here before: nothing is added to it, not even what was forgotten."""
        here = self._db.execute(
            "SELECT page.seq, page.id, page.text = theirs.text FROM main.page, staged.page AS theirs"
            " WHERE page.session = ? AND page.part = ? AND page.parts = ? AND theirs.n = ?",
            (session, part, parts, n),
        ).fetchone()
        if here is not None and here[2]:
            self.done.was_known("page")
            if here[1] != page_id:
                self._rename(page_id, here[1])
            return int(here[0])
        other = self._one("SELECT id FROM page WHERE session = ? ORDER BY part LIMIT 1", session)
        if other is None or here is None:
            why = (
                "its session is filed here without it" if other is None else "its session is cut into other pages here"
            )
        else:
            why = "its session has another text here"
        self._note(f"Line {n}: page {page_id} was left out, since {why}.")
        if other is not None:
            self._rename(page_id, other)
        return None
