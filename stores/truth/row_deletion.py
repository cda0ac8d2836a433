"""Delete rows from the truth with everything derived from them alone, inside a write transaction."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..times import parse_iso_time
from .database import PERSON, RETENTION, Connection, log_change
from .dedup_key import dedup_key, session_key
from .embeddings import ERASED_VECTORS, SET_MARK


@dataclass
class Selection:
    """Rows of one namespace, by number. `versions` belong to items that are not deleted as a whole."""

    pages: set[int] = field(default_factory=set)
    sessions: set[int] = field(default_factory=set)
    items: set[int] = field(default_factory=set)
    versions: set[int] = field(default_factory=set)
    proposals: set[int] = field(default_factory=set)
    entries: set[int] = field(default_factory=set)
    derived: bool = True
    """Whether items are deleted whose only sources are the deleted pages."""
    timeless: int = 0
    """Sessions that were left out because they have no time."""

    def __bool__(self) -> bool:
        return bool(self.pages or self.sessions or self.items or self.versions or self.proposals or self.entries)


@dataclass
class DeletionResult:
    """What one transaction deleted, by count and id."""

    namespace: int
    cause: str
    counts: Counter[str] = field(default_factory=Counter)
    session_ids: list[str] = field(default_factory=list)
    page_ids: list[str] = field(default_factory=list)
    item_ids: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    """Item id to the reason why the item was kept."""
    contents: set[str] = field(default_factory=set)
    """Texts of deleted versions, until the proposals with the same text are deleted too."""
    texts: list[str] = field(default_factory=list)
    """Texts and memos of deleted pages, until what repeats them is deleted too."""
    memo_page_ids: list[str] = field(default_factory=list)
    """Pages whose memo lost what it repeated of a deleted text."""
    thread_ids: list[str | None] = field(default_factory=list)
    """Of LangGraph, by session that was deleted or shortened; None for one that names none."""
    others: dict[str, str] = field(default_factory=dict)
    """Deleted entries and proposals, for a preview: which one, and its text."""
    timeless: int = 0

    def delete(
        self, db: Connection, what: str, table: str, where: str, *values: object, returning: str = "NULL"
    ) -> list[Any]:
        """Delete rows, count them as `what`, and return the columns `returning`."""
        rows = db.execute(f"DELETE FROM {table} WHERE {where} RETURNING {returning}", values).fetchall()
        self.counts[what] += len(rows)
        return rows

    def nonzero_counts(self) -> dict[str, int]:
        """In alphabetical order."""
        return {what: self.counts[what] for what in sorted(self.counts) if self.counts[what]}

    def log(self, db: Connection, kind: str, ref: int) -> None:
        """In the change log: indexes read it to drop what was deleted."""
        log_change(db, self.namespace, kind, ref, "forget", self.cause)


def delete_rows(db: Connection, namespace: int, selection: Selection, cause: str = PERSON) -> DeletionResult:
    """Delete a selection and what is derived from it; the change log names the rows, never their content."""
    result = DeletionResult(namespace, cause, timeless=selection.timeless)
    pages = set(selection.pages)
    for n in selection.sessions:
        pages.update(seq for (seq,) in db.execute("SELECT seq FROM page WHERE session = ?", (n,)))
    touched = {db.execute("SELECT session FROM page WHERE seq = ?", (seq,)).fetchone()[0] for seq in pages}
    for seq in sorted(pages):
        _delete_page(db, result, seq)
    for n in sorted(touched | selection.sessions):
        _delete_or_shorten_session(db, result, n)
    delete_versions(db, result, selection)
    for seq in sorted(selection.items):
        delete_item(db, result, seq)
    delete_proposals(db, result, selection)
    for n in sorted(selection.entries):
        _delete_entry(db, result, n)
    return result


def record_erasure(db: Connection, result: DeletionResult, *, tried: bool = False) -> int | None:
    """Record in the same transaction that the deleted bytes are still to be erased; None if nothing was deleted."""
    counts = result.nonzero_counts()
    if not counts:
        return None
    state = "pending" if tried else "deleted"
    number: int = db.execute(
        "INSERT INTO erasure (namespace, at, cause, counts, state) VALUES (?, ?, ?, ?, ?) RETURNING n",
        (result.namespace, datetime.now(UTC).isoformat(), result.cause, json.dumps(counts), state),
    ).fetchone()[0]
    if result.counts["vectors"]:
        db.execute("DELETE FROM mark WHERE name LIKE 'chroma:%'")  # of collections that are rebuilt
        db.execute(f"{SET_MARK} n = excluded.n", (ERASED_VECTORS, number))
    return number


def delete_expired(
    db: Connection, namespace: int, *, sessions: Collection[int] = (), items: Collection[int] = ()
) -> None:
    """What is hidden by its age, and would conflict with what comes; its bytes are erased by the next purge."""
    selection = Selection(sessions=set(sessions), items=set(items), derived=False)
    record_erasure(db, delete_rows(db, namespace, selection, RETENTION), tried=True)


def _delete_page(db: Connection, result: DeletionResult, seq: int) -> None:
    result.delete(db, "vectors", "embedding", "passage IN (SELECT seq FROM passage WHERE page = ?)", seq)
    delete_postings(db, result.namespace, seq)
    result.delete(db, "passages", "passage", "page = ?", seq)
    db.execute("DELETE FROM uncurated WHERE page = ?", (seq,))
    ((page_id, *texts),) = result.delete(db, "pages", "page", "seq = ?", seq, returning="id, text, title, memo")
    result.page_ids.append(page_id)
    result.texts += texts
    result.log(db, "page", seq)


def delete_postings(db: Connection, namespace: int, page: int) -> None:
    """Of a page whose passages are still there."""
    terms: set[str] = set()
    for (words,) in db.execute("DELETE FROM indexed_page WHERE page = ? RETURNING context", (page,)).fetchall():
        terms.update(words.split())
    for (words,) in db.execute("SELECT stems FROM passage WHERE page = ?", (page,)):
        terms.update(words.split())
    db.execute(
        "DELETE FROM posting WHERE namespace = ? AND page = ? AND term IN (SELECT value FROM json_each(?))",
        (namespace, page, json.dumps(sorted(terms), ensure_ascii=False)),
    )


def _delete_or_shorten_session(db: Connection, result: DeletionResult, n: int) -> None:
    """Without pages (also while it waits to be filed) the session is deleted; else it becomes that of the pages left."""
    (metadata,) = db.execute("SELECT metadata FROM session WHERE n = ?", (n,)).fetchone()
    thread_id = json.loads(metadata).get("thread_id")
    result.thread_ids.append(None if thread_id is None else str(thread_id))
    left = db.execute("SELECT seq, text FROM page WHERE session = ? ORDER BY part", (n,)).fetchall()
    if not left:
        ((session_id,),) = result.delete(db, "sessions", "session", "n = ?", n, returning="id")
        result.session_ids.append(session_id)
        result.log(db, "session", n)
        return
    for part, (seq, _) in enumerate(left, start=1):
        db.execute("UPDATE page SET part = ?, parts = ? WHERE seq = ?", (part, len(left), seq))
    (time,) = db.execute("SELECT time FROM session WHERE n = ?", (n,)).fetchone()
    content = session_key(time, "".join(text for _, text in left))
    same = "SELECT 1 FROM session AS other WHERE other.namespace = session.namespace AND other.content = ?1"
    db.execute(f"UPDATE session SET content = ?1 WHERE n = ?2 AND NOT EXISTS ({same})", (content, n))


_OTHER_SOURCES = "It has other source pages too. Check whether it repeats what was forgotten."
_EARLIER_VERSION = "Its newest version was forgotten; the version before is current again."


def delete_versions(db: Connection, result: DeletionResult, selection: Selection) -> None:
    """Delete versions that were selected or whose sources are all deleted; remove deleted sources from the others."""
    deleted_pages = set(result.page_ids)
    versions: dict[int, set[int]] = {}
    for n, item, pages in db.execute(
        "SELECT item_version.n, item, pages FROM item JOIN item_version ON item_version.item = item.seq"
        " WHERE namespace = ? AND (pages != '[]' OR item_version.n IN (SELECT value FROM json_each(?)))",
        (result.namespace, json.dumps(list(selection.versions))),
    ).fetchall():
        if item in selection.items:
            continue
        ids = json.loads(pages)
        left = [page for page in ids if page not in deleted_pages]
        if n in selection.versions or (ids and not left and selection.derived):
            versions.setdefault(item, set()).add(n)
        elif len(left) < len(ids):
            db.execute("UPDATE item_version SET pages = ? WHERE n = ?", (json.dumps(left), n))
            if selection.derived:
                result.kept.setdefault(item_id_of(db, item), _OTHER_SOURCES)
    for item, numbers in sorted(versions.items()):
        delete_versions_of(db, result, item, numbers)


def delete_versions_of(db: Connection, result: DeletionResult, item: int, versions: Collection[int]) -> None:
    """Delete the whole item if no content is left, or if another item already has the content that is left."""
    rows = db.execute(
        "SELECT n, version, content, time FROM item_version WHERE item = ? ORDER BY version", (item,)
    ).fetchall()
    left = [row for row in rows if row[0] not in versions]
    if not any(content is not None for _, _, content, _ in left):
        delete_item(db, result, item)
        return
    n, _, content, time = left[-1]
    if rows[-1][0] != n and not _make_newest(db, result, item, n, rows[-1][1] + 1, content, time):
        delete_item(db, result, item)
        return
    for version in versions:
        _delete_version(db, result, version)
    result.log(db, "item", item)


def _make_newest(
    db: Connection,
    result: DeletionResult,
    item: int,
    n: int,
    number: int,
    content: str | None,
    time: str | None,
) -> bool:
    """Make an earlier version the newest under an unused number; False if another item has the same content."""
    kind = db.execute("SELECT kind FROM item WHERE seq = ?", (item,)).fetchone()[0]
    key = None if content is None else dedup_key(kind, content, parse_iso_time(time))
    same = "SELECT 1 FROM item WHERE namespace = ? AND kind = ? AND sketch = ? AND seq != ?"
    if key is not None and db.execute(same, (result.namespace, kind, key, item)).fetchone():
        return False
    db.execute("UPDATE item_version SET version = ? WHERE n = ?", (number, n))
    db.execute("UPDATE item SET version = ?, sketch = ? WHERE seq = ?", (number, key, item))
    # It may have been replaced before it was embedded: continue embedding from there.
    progress = f"embedded items:{result.namespace}:%"
    db.execute("UPDATE mark SET n = min(n, ?) WHERE name LIKE ?", (n - 1, progress))
    result.kept[item_id_of(db, item)] = _EARLIER_VERSION
    return True


def delete_item(db: Connection, result: DeletionResult, seq: int) -> None:
    for (n,) in db.execute("SELECT n FROM item_version WHERE item = ?", (seq,)).fetchall():
        _delete_version(db, result, n)
    ((item_id,),) = result.delete(db, "items", "item", "seq = ?", seq, returning="id")
    result.item_ids.append(item_id)
    result.log(db, "item", seq)


def _delete_version(db: Connection, result: DeletionResult, n: int) -> None:
    result.delete(db, "vectors", "item_embedding", "version = ?", n)
    rows = result.delete(db, "versions", "item_version", "n = ?", n, returning="content")
    result.contents.update(content for (content,) in rows if content)


def delete_proposals(db: Connection, result: DeletionResult, selection: Selection) -> None:
    """Delete proposals about a deleted item, with a deleted text, or with no other sources than deleted pages."""
    pages, items = set(result.page_ids), set(result.item_ids)
    rows = db.execute("SELECT n, edit, number FROM proposal WHERE namespace = ?", (result.namespace,)).fetchall()
    for n, raw, number in rows:
        edit = json.loads(raw)
        ids = edit.get("page_ids") or []
        left = [page for page in ids if page not in pages]
        about = edit.get("id") in items or (edit.get("content") or "") in result.contents
        if n in selection.proposals or about or (ids and not left):
            result.delete(db, "proposals", "proposal", "n = ?", n)
            result.others[f"proposal {number}"] = edit.get("content") or ""
        elif len(left) < len(ids):
            db.execute("UPDATE proposal SET edit = ? WHERE n = ?", (json.dumps({**edit, "page_ids": left}), n))


def _delete_entry(db: Connection, result: DeletionResult, n: int) -> None:
    texts = "text IN (SELECT n FROM entry_text WHERE entry = ?)"
    result.delete(db, "vectors", "entry_embedding", texts, n)
    result.delete(db, "entry texts", "entry_text", "entry = ?", n)
    ((path, key, value),) = result.delete(db, "entries", "entry", "n = ?", n, returning="path, key, value")
    (labels,) = db.execute("SELECT labels FROM entry_path WHERE n = ?", (path,)).fetchone()
    result.others[f"entry {'/'.join([*json.loads(labels), key])}"] = value
    unused = "n = ? AND NOT EXISTS (SELECT 1 FROM entry WHERE path = entry_path.n)"
    result.delete(db, "entry paths", "entry_path", unused, path)
    result.log(db, "entry", n)


def item_id_of(db: Connection, seq: int) -> str:
    return str(db.execute("SELECT id FROM item WHERE seq = ?", (seq,)).fetchone()[0])
