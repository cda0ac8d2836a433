"""A session that comes again with more at its end: what is new is filed as further pages of the same session.

Until it is filed, the new part waits in the journal as a session of its own, whose metadata say which one it continues.
Filing moves its pages to that session, in the transaction that writes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..times import parse_iso_time
from .database import Connection
from .dedup_key import session_key

if TYPE_CHECKING:
    from .journal import Journal, JournalEntry

_LONGEST_BEGIN = 400  # characters that are compared before the whole
CONTINUES = "_continues"
"""The key in the metadata of a waiting part: `{"session": id, "content": hash}` of what it continues, with `turn_times` of the
whole where turns have times of their own, or `{"session": id, "replaces": hash}` of what it is the new version of."""


def accept_growth(
    journal: Journal,
    session_id: str,
    text: str,
    turns: Sequence[tuple[int, int, str]],
    time: datetime | None,
    metadata: Mapping[str, Any],
    update: bool,
) -> JournalEntry | None:
    """The entry of the new part, or with `update` of the new version; the known session if nothing is new; None if the two
    have no text in common.

    A file of the same name in another folder (`metadata["file"]`) is another session, under an id with that folder.
    """
    known = _load_known(journal, session_id)
    if known is None:
        return None
    stamp, content, plain, old = known
    own = time.isoformat() if time else None
    if own == stamp or (own and own in (plain.get("turn_times") or ())):
        at = _find_overlap(text, old)
        if at is not None and (at == 0 or turns):
            cut = len(old) - at
            more = [(max(start, cut) - cut, end - cut, speaker) for start, end, speaker in turns if end > cut]
            times = _join_times(plain.get("turn_times"), metadata.get("turn_times"), None if at == 0 else len(more))
            added = {**metadata, CONTINUES: {"session": session_id, "content": content, **times}}
            name = f"{session_id} +{content[:12]}"
            return journal.accept(session_id=name, text=text[cut:], turns=more, time=time, metadata=added)
        if f"\n{text}\n" in f"\n{old}\n" and (turns or not update):  # an export that begins later than the one before
            return journal.accept(session_id=session_id, text=old, turns=(), time=parse_iso_time(stamp), metadata={})
    file, other = metadata.get("file"), plain.get("file")
    if isinstance(file, str) and isinstance(other, str) and file != other and "/" in file:
        name = f"{file.split('/')[0]}/{session_id}"
        return journal.accept(session_id=name, text=text, turns=turns, time=time, metadata={**metadata, "file": None})
    if update:
        new = session_key(time.isoformat() if time else None, text)
        added = {**metadata, CONTINUES: {"session": session_id, "replaces": content}}
        return journal.accept(session_id=f"{session_id} ={new[:12]}", text=text, turns=turns, time=time, metadata=added)
    return None


def _join_times(old: Any, new: Any, added: int | None) -> dict[str, Any]:
    """The times of the turns of the whole: those of a text that has them all (`added` is None), else the old ones with the last
    `added` of the new ones. Nothing where they are not known."""
    if not isinstance(new, list):
        return {}
    if added is None:
        return {"turn_times": new}
    return {"turn_times": [*old, *new[len(new) - added :]]} if isinstance(old, list) else {}


def join_growth(db: Connection, namespace: int, part: int, continues: str, texts: Sequence[str]) -> tuple[int, int]:
    """In the transaction that files a part, whose pages have these texts: give the session that it continues the new hash
    and number of pages, and delete the part.

    Returns the session's number and how many pages it had; the part's own and 0 if it was forgotten or has changed.
    """
    target = json.loads(continues)
    if "replaces" in target:
        from .session_versions import replace_session

        replace_session(db, namespace, target["session"], part)
        return part, 0
    rows = db.execute(
        "SELECT session.n, session.time, session.metadata, page.text FROM session JOIN page ON page.session = session.n"
        " WHERE session.namespace = ? AND session.id = ? AND session.content = ? AND filed_at IS NOT NULL ORDER BY page.part",
        (namespace, target["session"], target["content"]),
    ).fetchall()
    if not rows:
        return part, 0
    number, stamp, plain, _ = rows[0]
    if "turn_times" in target:
        plain = json.dumps({**json.loads(plain), "turn_times": target["turn_times"]}, ensure_ascii=False)
    content = session_key(stamp, "".join([*(row[-1] for row in rows), *texts]))
    db.execute("DELETE FROM session WHERE n = ?", (part,))
    db.execute("UPDATE session SET content = ?, metadata = ? WHERE n = ?", (content, plain, number))
    db.execute("UPDATE page SET parts = ? WHERE session = ?", (len(rows) + len(texts), number))
    return number, len(rows)


def _load_known(journal: Journal, session_id: str) -> tuple[str | None, str, dict[str, Any], str] | None:
    """Time, hash, metadata and text of a filed session; None while it waits, or if it is not there."""
    rows = journal.namespace.database.fetch(
        "SELECT session.time, session.content, session.metadata, page.text"
        " FROM session JOIN standing_page AS page ON page.session = session.n WHERE session.id = :id"
        " AND session.namespace = (SELECT id FROM namespace WHERE name = :name) AND filed_at IS NOT NULL ORDER BY page.part",
        {"id": session_id, "name": journal.namespace.name},
    )
    if not rows:
        return None
    return rows[0][0], rows[0][1], json.loads(rows[0][2]), "".join(row[3] for row in rows)


def _find_overlap(text: str, old: str) -> int | None:
    """Where the old text has the beginning of the new one, which goes on behind its end: 0 where it holds the whole, more where
    an export begins later than the one before; None where neither goes on from the other."""
    if _extends(text, old):
        return 0
    begin = f"\n{text[:_LONGEST_BEGIN].partition(chr(10))[0]}"
    at = old.find(begin) if len(begin) > 1 else -1
    while at >= 0:
        if text.startswith(old[at + 1 : at + _LONGEST_BEGIN]) and _extends(text, old[at + 1 :]):
            return at + 1
        at = old.find(begin, at + 1)
    return None


def _extends(text: str, old: str) -> bool:
    """Whether there is more behind the old text, from a new line on."""
    return text.startswith(old) and len(text) > len(old) and (old.endswith("\n") or text[len(old)] in "\r\n")
