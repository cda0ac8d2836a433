"""Edits that wait for somebody's yes, and what became of them."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from .errors import BadInput, UnknownRecord
from .items import Items
from .records import Edit, Outcome, Proposal
from .repair.readback import read_back

_PROPOSAL = "SELECT n, edit, reason, at, decision FROM proposal"


class Proposals:
    """Of one namespace. Thread- and process-safe: of two who decide at once, one is told that it is decided."""

    def __init__(self, items: Items) -> None:
        self._items = items
        self._namespace = items.namespace

    def propose(self, edit: Edit, reason: str) -> Outcome:
        """File an edit; nothing is changed by it yet. One that waits already, alike in everything, is not filed twice:
        its number is given, so that a call may be repeated."""
        with self._namespace.database.write() as db:
            return self.propose_in(db, edit, reason)

    def propose_in(self, db: sqlite3.Connection, edit: Edit, reason: str) -> Outcome:
        """The same within a write transaction that is open."""
        plain = json.dumps({**asdict(edit), "time": edit.time.isoformat() if edit.time else None})
        namespace = self._namespace.enter(db)
        known = db.execute(
            "SELECT n FROM proposal WHERE namespace = ? AND edit = ? AND decision IS NULL", (namespace, plain)
        ).fetchone()
        if known:
            return Outcome("proposed", edit, reason, proposal=known[0])
        number = db.execute(
            "INSERT INTO proposal (namespace, edit, cause, reason, at) VALUES (?, ?, ?, ?, ?)",
            (namespace, plain, edit.cause, reason, datetime.now(UTC).isoformat()),
        ).lastrowid
        return Outcome("proposed", edit, reason, proposal=number)

    def proposals(self, *, waiting: bool = True) -> list[Proposal]:
        """Oldest first; all that ever were with `waiting=False`."""
        condition = " AND decision IS NULL" if waiting else ""
        with self._namespace.database.read() as db:
            number = self._namespace.number(db)
            rows = db.execute(f"{_PROPOSAL} WHERE namespace = ?{condition} ORDER BY n", (number,)).fetchall()
        return [_proposal(row) for row in rows]

    def approve(self, number: int) -> Outcome:
        """Apply a proposal, in the transaction that decides it. An edit that cannot be applied any more is rejected."""
        with self._namespace.database.write() as db:
            proposal = self._waiting(db, number)
            outcome = self._items.apply_in(db, proposal.edit)
            self._decide(db, number, "approved" if outcome.ok else "rejected")
        return replace(outcome, proposal=number)

    def reject(self, number: int) -> Proposal:
        """Turn a proposal down."""
        with self._namespace.database.write() as db:
            proposal = self._waiting(db, number)
            self._decide(db, number, "rejected")
        return replace(proposal, decision="rejected")

    def _waiting(self, db: sqlite3.Connection, number: int) -> Proposal:
        row = db.execute(f"{_PROPOSAL} WHERE namespace = ? AND n = ?", (self._namespace.number(db), number)).fetchone()
        if row is None:
            raise UnknownRecord(f"No proposal {number} in this namespace.")
        proposal = _proposal(row)
        if proposal.decision is not None:
            raise BadInput(f"Proposal {number} was {proposal.decision} already.")
        return proposal

    def _decide(self, db: sqlite3.Connection, number: int, decision: str) -> None:
        db.execute(
            "UPDATE proposal SET decision = ?, decided_at = ? WHERE n = ?",
            (decision, datetime.now(UTC).isoformat(), number),
        )


@read_back("A proposal")
def _proposal(row: Any) -> Proposal:
    number, edit, reason, at, decision = row
    plain = json.loads(edit)
    time = datetime.fromisoformat(plain["time"]) if plain["time"] else None
    whole = Edit(**{**plain, "time": time, "page_ids": tuple(plain["page_ids"])})
    return Proposal(number, whole, reason, datetime.fromisoformat(at), decision)
