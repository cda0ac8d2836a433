"""A session that is in the journal already, by its id or its content; or that goes on, renews or contradicts one that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..errors import SessionConflict
from .journal import INSERT_SESSION, Journal, JournalEntry, make_entry


def accept_known(
    journal: Journal,
    session_id: str | None,
    values: Mapping[str, Any],
    text: str,
    turns: Sequence[tuple[int, int, str]],
    time: datetime | None,
    metadata: Mapping[str, Any],
    update: bool,
) -> JournalEntry:
    """What `Journal.accept` gives for a session whose row, `values`, could not be written at once."""
    namespace = journal.namespace
    try:
        known, hidden = _find_session(journal, session_id, values)
    except SessionConflict:
        from .session_growth import accept_growth

        known, hidden = accept_growth(journal, str(session_id), text, turns, time, metadata, update), set()
        if known is None:
            raise
    if known is not None:
        return known
    with namespace.database.write() as db:
        space = namespace.enter(db)
        if hidden:
            from .row_deletion import delete_expired

            delete_expired(db, space, sessions=hidden)
        row = db.execute(INSERT_SESSION.format(current="true"), values).fetchone()
    if row is not None:
        return make_entry(row[0], values)
    known, _ = _find_session(journal, session_id, values)
    if known is None:
        raise SessionConflict(f"The id {values['id']} made for this session is taken; give it one of its own.")
    return known


def _find_session(
    journal: Journal, session_id: str | None, values: Mapping[str, Any]
) -> tuple[JournalEntry | None, set[int]]:
    """One with this id, or else with this content; and the numbers of those that are hidden by their age, and would
    stand in the way of a session that comes again."""
    content = values["content"]
    found = journal.load_entries("(session.id = :id OR content = :content)", id=values["id"], content=content)
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
