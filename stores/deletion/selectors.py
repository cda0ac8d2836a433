"""Select what is to be deleted: by ids, times, words or age, in the transaction that deletes it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from .. import recall_markers
from ..analyzer import Term, stems
from ..errors import UnknownRecord
from ..records import KINDS
from ..times import format_iso_time, local_clock, order_key
from ..truth.row_deletion import Selection

PAGE = "page"
RETENTION_KINDS = (PAGE, *KINDS)
"""What a retention rule may be about."""

_EXPIRED = (
    "<= strftime('%Y-%m-%dT%H:%M:%f', 'now', '-' || retention.age_s || ' seconds')"  # as in the views of schema.sql
)


Selector = Callable[[sqlite3.Connection, int], Selection]
"""From an open transaction and the number of a namespace to a selection in it."""


def pages(ids: Iterable[str]) -> Selector:
    """By id; `UnknownRecord` if the namespace itself does not hold one of them."""
    return lambda db, namespace: Selection(pages=_numbers(db, namespace, "page", "seq", ids))


def sessions(ids: Iterable[str]) -> Selector:
    """By id, filed or waiting; errors as for pages."""
    return lambda db, namespace: Selection(sessions=_numbers(db, namespace, "session", "n", ids))


def items(ids: Iterable[str]) -> Selector:
    """By id, deleted ones too; errors as for pages."""
    return lambda db, namespace: Selection(items=_numbers(db, namespace, "item", "seq", ids))


def times(after: datetime | None, before: datetime | None) -> Selector:
    """Sessions that happened from `after` on and before `before`, by their own clocks."""
    first = order_key(local_clock(after)) if after else float("-inf")
    last = order_key(local_clock(before)) if before else float("inf")

    def select(db: sqlite3.Connection, namespace: int) -> Selection:
        rows = db.execute("SELECT n, time FROM session WHERE namespace = ?", (namespace,)).fetchall()
        keys = [(n, order_key(local_clock(datetime.fromisoformat(time)))) for n, time in rows if time is not None]
        return Selection(sessions={n for n, key in keys if first <= key < last}, timeless=len(rows) - len(keys))

    return select


def words(query: Sequence[Term], analyzer: str) -> Selector:
    """Pages, waiting sessions, item versions and proposals in which all of these terms occur.

    A page is its text, title, memo and date; of an item the versions are selected that have all terms. The stems on file
    are read where an analyzer of this name made them.
    """

    def holds(found: Collection[str]) -> bool:
        return all(term.is_in(found, whole=True) for term in query)

    def select(db: sqlite3.Connection, namespace: int) -> Selection:
        selection = Selection()
        for seq, *page in db.execute(
            "SELECT page.seq, text, title, memo, session.time, analyzer FROM page"
            " JOIN session ON session.n = page.session WHERE page.namespace = ?",
            (namespace,),
        ):
            if holds(_stems_of_page(db, analyzer, seq, *page)):
                selection.pages.add(seq)
        for n, payload in db.execute(
            "SELECT n, payload FROM session WHERE namespace = ? AND payload IS NOT NULL", (namespace,)
        ):
            if holds(set(stems(json.loads(payload)["text"]))):
                selection.sessions.add(n)
        for n, content, time in db.execute(
            "SELECT item_version.n, content, time FROM item JOIN item_version ON item_version.item = item.seq"
            " WHERE namespace = ? AND content IS NOT NULL",
            (namespace,),
        ):
            if holds({*stems(content), *stems(format_iso_time(time))}):
                selection.versions.add(n)
        for n, edit in db.execute("SELECT n, edit FROM proposal WHERE namespace = ?", (namespace,)):
            if holds(set(stems(json.loads(edit).get("content") or ""))):
                selection.proposals.add(n)
        return selection

    return select


def select_expired_by_namespace(db: sqlite3.Connection, own: int, *, everywhere: bool) -> list[tuple[int, Selection]]:
    """`(namespace, selection)` of what is older than its retention rule: in the namespace `own`, or in all."""
    numbers = db.execute("SELECT DISTINCT namespace FROM retention ORDER BY namespace").fetchall()
    return [(n, selection) for (n,) in numbers if (everywhere or n == own) and (selection := select_expired(db, n))]


def select_expired(db: sqlite3.Connection, namespace: int) -> Selection:
    """Sessions and items that are older than their retention rules; a waiting session counts as its pages would."""
    old = db.execute(
        "SELECT session.n FROM retention CROSS JOIN session ON session.namespace = retention.namespace"
        f" WHERE retention.namespace = ? AND kind = '{PAGE}' AND session.accepted_at {_EXPIRED}",
        (namespace,),
    )
    hidden = db.execute(
        "SELECT seq FROM retention CROSS JOIN item ON item.namespace = retention.namespace AND item.kind = retention.kind"
        " CROSS JOIN item_version AS newest ON newest.item = item.seq AND newest.version = item.version"
        " CROSS JOIN change AS made ON made.n = newest.n"
        f" WHERE retention.namespace = ? AND made.at {_EXPIRED}",
        (namespace,),
    )
    return Selection(sessions={n for (n,) in old}, items={seq for (seq,) in hidden}, derived=False)


def _stems_of_page(
    db: sqlite3.Connection, current: str, seq: int, text: str, title: str, memo: str, time: str | None, analyzer: str
) -> set[str]:
    found = {*stems(title), *stems(memo), *stems(format_iso_time(time))}
    if analyzer != current or recall_markers.recalled_spans(text):  # recalled text is in no passage
        return found.union(stems(text))
    for passage_stems, speaker in db.execute("SELECT stems, speaker FROM passage WHERE page = ?", (seq,)):
        found.update(passage_stems.split())
        found.update(stems(speaker or ""))
    return found


def _numbers(db: sqlite3.Connection, namespace: int, table: str, key: str, ids: Iterable[str]) -> set[int]:
    found = set()
    for one in ids:
        row = db.execute(f"SELECT {key} FROM {table} WHERE namespace = ? AND id = ?", (namespace, one)).fetchone()
        if row is None:
            raise UnknownRecord(f"No {table} {one!r} in this namespace; nothing was forgotten.")
        found.add(row[0])
    return found
