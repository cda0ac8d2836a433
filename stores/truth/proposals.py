"""Edits that wait for a decision, and how they were decided."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from ..errors import BadInput, UnknownRecord
from ..records import Edit, MemoryItem, Outcome, Proposal
from ..times import parse_iso_time
from .database import Connection, read_back
from .items import Items, find_item

_PROPOSAL = "SELECT number, edit, reason, at, decision, decided_at FROM proposal"


class Proposals:
    """Of one namespace. Thread- and process-safe. Each call may be repeated if its answer was lost: equal
    decisions get the same outcome, a contrary one gets `BadInput`, since the proposal is decided."""

    def __init__(self, items: Items) -> None:
        self._items = items
        self._namespace = items.namespace

    def propose(self, edit: Edit, reason: str) -> Outcome:
        """File an edit; nothing is changed by it yet. One that waits already, alike in everything, is not filed twice:
        its number is given. One that could not be applied as things stand, since it was approved already or is about
        what is gone or changed, is not filed: the outcome is what `approve` would give."""
        with self._namespace.database.write() as db:
            return self.propose_in(db, edit, reason)

    def propose_in(self, db: Connection, edit: Edit, reason: str) -> Outcome:
        """The same within a write transaction that is open."""
        plain = json.dumps({**asdict(edit), "time": edit.time.isoformat() if edit.time else None})
        namespace = self._namespace.enter(db)
        known = db.execute(
            "SELECT number FROM proposal WHERE namespace = ? AND edit = ? AND decision IS NULL", (namespace, plain)
        ).fetchone()
        if known:
            return Outcome("proposed", edit, reason, proposal=known[0])
        tried = self._try_apply(db, edit)
        core_may_come = tried.status == "unknown_id" and edit.id is None
        if tried.status != "applied" and not core_may_come:
            return tried
        count = "UPDATE namespace SET proposals = proposals + 1 WHERE id = ? RETURNING proposals"
        (number,) = db.execute(count, (namespace,)).fetchone()
        db.execute(
            "INSERT INTO proposal (namespace, edit, cause, reason, at, number) VALUES (?, ?, ?, ?, ?, ?)",
            (namespace, plain, edit.cause, reason, datetime.now(UTC).isoformat(), number),
        )
        return Outcome("proposed", edit, reason, proposal=number)

    def proposals(self, *, waiting: bool = True) -> list[Proposal]:
        """Oldest first; all that ever were with `waiting=False`. None that comes from a page which is not there any more."""
        condition = " AND decision IS NULL" if waiting else ""
        with self._namespace.database.read() as db:
            number = self._namespace.number(db)
            rows = db.execute(f"{_PROPOSAL} WHERE namespace = ?{condition} ORDER BY n", (number,)).fetchall()
            filed = [_proposal(row) for row in rows]
            return [one for one in filed if self._items.forgotten_in(db, one.edit.page_ids) is None]

    def approve(self, number: int) -> Outcome:
        """Apply a proposal, in the transaction that decides it. An edit that cannot be applied any more is rejected."""
        with self._namespace.database.write() as db:
            proposal, decided_at = self._load(db, number)
            if proposal.decision is not None:
                outcome = self._approved_before(db, proposal, decided_at)
            else:
                outcome = self._items.apply_in(db, proposal.edit)
                change = outcome.item if outcome.status == "applied" else None
                self._decide(db, number, "approved" if outcome.ok else "rejected", change)
        return replace(outcome, proposal=number)

    def reject(self, number: int) -> Proposal:
        with self._namespace.database.write() as db:
            proposal, _ = self._load(db, number)
            if proposal.decision == "approved":
                raise _refuse_decided(proposal)
            if proposal.decision is None:
                self._decide(db, number, "rejected")
        return replace(proposal, decision="rejected")

    def _load(self, db: Connection, number: int) -> tuple[Proposal, str]:
        """With the time of its decision, empty while it waits."""
        row = db.execute(
            f"{_PROPOSAL} WHERE namespace = ? AND number = ?", (self._namespace.number(db), number)
        ).fetchone()
        proposal = _proposal(row) if row else None
        if proposal is None or self._items.forgotten_in(db, proposal.edit.page_ids):
            raise UnknownRecord(f"No proposal {number} in this namespace.")
        return proposal, row[-1] or ""

    def _approved_before(self, db: Connection, proposal: Proposal, decided_at: str) -> Outcome:
        """What `approve` gave; `BadInput` where it was turned down, or nothing is left to tell it by."""
        if proposal.decision == "approved" and (outcome := self._applied_in(db, proposal.edit, decided_at)):
            return outcome
        outcome = self._try_apply(db, proposal.edit)
        if outcome.status == "duplicate" if proposal.decision == "approved" else not outcome.ok:
            return outcome
        raise _refuse_decided(proposal)

    def _try_apply(self, db: Connection, edit: Edit) -> Outcome:
        """What applying an edit would give; nothing is written."""
        db.execute("SAVEPOINT tried")
        outcome = self._items.apply_in(db, edit)
        db.execute("ROLLBACK TO tried")
        db.execute("RELEASE tried")
        return outcome

    def _decide(self, db: Connection, number: int, decision: str, applied: MemoryItem | None = None) -> None:
        """At the time of the change that comes of it, by which that is found again."""
        at = applied.changed_at if applied else datetime.now(UTC)
        db.execute(
            "UPDATE proposal SET decision = ?, decided_at = ? WHERE namespace = ? AND number = ?",
            (decision, at.isoformat(), self._namespace.number(db), number),
        )

    def _applied_in(self, db: Connection, edit: Edit, at: str) -> Outcome | None:
        """What `Items.apply_in` gave for an edit whose change was written at a time (UTC, ISO); None where none is here."""
        made = "SELECT n FROM change WHERE namespace = ?1 AND kind = 'item' AND op = ?2 AND cause = ?3 AND at = ?4"
        where = f"item.namespace = ?1 AND item_version.n = ({made})"
        item = find_item(db, where, self._namespace.number(db), edit.op, edit.cause, at)
        if item is None:
            return None
        whole = replace(edit, time=item.time, page_ids=item.page_ids)
        if edit.op == "update":
            whole = replace(whole, id=item.id, content=item.content)
        return Outcome("applied", whole, "", item, item.change)


def _refuse_decided(proposal: Proposal) -> BadInput:
    return BadInput(f"Proposal {proposal.number} was {proposal.decision} already.")


@read_back("A proposal")
def _proposal(row: Any) -> Proposal:
    number, edit, reason, at, decision, _ = row
    plain = json.loads(edit)
    whole = Edit(**{**plain, "time": parse_iso_time(plain["time"]), "page_ids": tuple(plain["page_ids"])})
    return Proposal(number, whole, reason, datetime.fromisoformat(at), decision)
