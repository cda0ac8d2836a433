"""Earlier versions of sessions: what was filed under an id before `update=True` filed other content there.

A version is an entry under a path that no agent's store shows. It is in no page and no search, leaves with an export, and is
forgotten with its session, its namespace or by its words.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..times import parse_iso_time
from .database import PERSON, Connection, log_change
from .namespace import Namespace

LABEL = "jitmem.versions"
"""The first label of their paths, with a dot, which LangGraph's stores refuse."""


_PREFIX = f'["{LABEL}",'


@dataclass(frozen=True, slots=True)
class SessionVersion:
    """A session as it was until `replaced_at`, word for word; `turns` are `(start, end, speaker)` spans of the text."""

    session_id: str
    replaced_at: datetime
    time: datetime | None
    text: str
    turns: list[tuple[int, int, str]]
    metadata: dict[str, Any]


def replace_session(db: Connection, namespace: int, session_id: str, part: int) -> None:
    """In the transaction that files its new version, which is number `part` until now: put the session's words away, delete
    its pages, and give its id to the new one."""
    from .row_deletion import Selection, delete_rows

    row = db.execute(
        "SELECT n, time, metadata FROM session WHERE namespace = ? AND id = ? AND filed_at IS NOT NULL",
        (namespace, session_id),
    ).fetchone()
    if row is not None:
        number, time, metadata = row
        value = {"time": time, "metadata": json.loads(metadata), **_words(db, number)}
        _keep(db, namespace, session_id, value)
        delete_rows(db, namespace, Selection(sessions={number}, derived=False), PERSON)
    (metadata,) = db.execute("SELECT metadata FROM session WHERE n = ?", (part,)).fetchone()
    plain = {key: value for key, value in json.loads(metadata).items() if key != "_continues"}
    values = (session_id, json.dumps(plain, ensure_ascii=False), part, namespace, session_id, part)
    taken = "SELECT 1 FROM session WHERE namespace = ? AND id = ? AND n != ?"
    db.execute(f"UPDATE session SET id = ?, metadata = ? WHERE n = ? AND NOT EXISTS ({taken})", values)


def session_versions(namespace: Namespace, session_id: str) -> list[SessionVersion]:
    """Those of one session, the oldest first; `[]` for one that was never replaced."""
    rows = namespace.database.fetch(
        "SELECT value FROM entry JOIN entry_path ON entry_path.n = entry.path WHERE labels = :labels"
        " AND entry_path.namespace = (SELECT id FROM namespace WHERE name = :name) ORDER BY entry.n",
        {"labels": _labels(session_id), "name": namespace.name},
    )
    versions = [json.loads(value) for (value,) in rows]
    return [
        SessionVersion(
            session_id=session_id,
            replaced_at=datetime.fromisoformat(one["replaced_at"]),
            time=parse_iso_time(one["time"]),
            text=one["text"],
            turns=[(start, end, speaker) for start, end, speaker in one["turns"]],
            metadata=one["metadata"],
        )
        for one in versions
    ]


def version_entries(db: Connection, namespace: int, session_id: str) -> set[int]:
    """The numbers of the entries that hold earlier versions of a session."""
    rows = db.execute(
        "SELECT entry.n FROM entry JOIN entry_path ON entry_path.n = entry.path WHERE namespace = ? AND labels = ?",
        (namespace, _labels(session_id)),
    )
    return {n for (n,) in rows}


def version_times(db: Connection, namespace: int) -> list[tuple[int, datetime | None]]:
    """The number and the time of each earlier version of a namespace."""
    rows = db.execute(
        "SELECT entry.n, value FROM entry JOIN entry_path ON entry_path.n = entry.path WHERE namespace = ?"
        " AND substr(labels, 1, ?) = ?",
        (namespace, len(_PREFIX), _PREFIX),
    )
    return [(n, parse_iso_time(json.loads(value)["time"])) for n, value in rows]


def _words(db: Connection, session: int) -> dict[str, Any]:
    """The text of a session, and its turns by the passages of its pages."""
    text, turns = "", list[tuple[int, int, str]]()
    pages = db.execute("SELECT seq, text FROM page WHERE session = ? ORDER BY part", (session,)).fetchall()
    for seq, words in pages:
        spoken = 'SELECT start, "end", speaker FROM passage WHERE page = ? AND speaker IS NOT NULL ORDER BY seq'
        turns += [(len(text) + start, len(text) + end, speaker) for start, end, speaker in db.execute(spoken, (seq,))]
        text += words
    return {"text": text, "turns": turns}


def _keep(db: Connection, namespace: int, session_id: str, value: dict[str, Any]) -> None:
    now, key = datetime.now(UTC).isoformat(), (namespace, _labels(session_id))
    db.execute("INSERT INTO entry_path (namespace, labels) VALUES (?, ?) ON CONFLICT DO NOTHING", key)
    (path,) = db.execute("SELECT n FROM entry_path WHERE namespace = ? AND labels = ?", key).fetchone()
    plain = json.dumps({"replaced_at": now, **value}, ensure_ascii=False, separators=(",", ":"))
    insert = "INSERT INTO entry (path, key, value, created_at, updated_at) VALUES (?, ?, ?, ?, ?) RETURNING n"
    (n,) = db.execute(insert, (path, now, plain, now, now)).fetchone()
    log_change(db, namespace, "entry", n, "put", PERSON)


def _labels(session_id: str) -> str:
    return json.dumps([LABEL, session_id], ensure_ascii=False, separators=(",", ":"))
