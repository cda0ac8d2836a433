"""What is to be forgotten, by each way of naming it; read in the transaction that forgets it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from .. import recalled
from ..analyzer import ANALYZER, stems
from ..errors import UnknownRecord
from ..records import KINDS
from ..times import clock, order_key, show_iso

PAGE = "page"
KEPT = (PAGE, *KINDS)
"""What a rule of retention may be about."""

_EXPIRED = "<= strftime('%Y-%m-%dT%H:%M:%f', 'now', '-' || retention.age_s || ' seconds')"  # as the views have it


@dataclass
class Chosen:
    """Rows of one namespace, by their numbers. `versions` are of items that need not go as a whole."""

    pages: set[int] = field(default_factory=set)
    sessions: set[int] = field(default_factory=set)
    items: set[int] = field(default_factory=set)
    versions: set[int] = field(default_factory=set)
    proposals: set[int] = field(default_factory=set)
    derived: bool = True
    """Whether items go that stand on nothing but these pages."""
    timeless: int = 0
    """Sessions that were left because they have no time."""

    def __bool__(self) -> bool:
        return bool(self.pages or self.sessions or self.items or self.versions or self.proposals)


Choice = Callable[[sqlite3.Connection, int], Chosen]
"""From an open transaction and the number of a namespace to what of it is meant."""


def pages(ids: Iterable[str]) -> Choice:
    """By their ids; `UnknownRecord` if the namespace itself does not hold one of them."""
    return lambda db, namespace: Chosen(pages=_numbers(db, namespace, "page", "seq", ids))


def sessions(ids: Iterable[str]) -> Choice:
    """By their ids, filed or waiting; errors as for pages."""
    return lambda db, namespace: Chosen(sessions=_numbers(db, namespace, "session", "n", ids))


def items(ids: Iterable[str]) -> Choice:
    """By their ids, deleted ones too; errors as for pages."""
    return lambda db, namespace: Chosen(items=_numbers(db, namespace, "item", "seq", ids))


def times(after: datetime | None, before: datetime | None) -> Choice:
    """Sessions that happened from `after` on and before `before`, by their own clocks."""
    first = order_key(clock(after)) if after else float("-inf")
    last = order_key(clock(before)) if before else float("inf")

    def choose(db: sqlite3.Connection, namespace: int) -> Chosen:
        rows = db.execute("SELECT n, time FROM session WHERE namespace = ?", (namespace,)).fetchall()
        keys = [(n, order_key(clock(datetime.fromisoformat(time)))) for n, time in rows if time is not None]
        return Chosen(sessions={n for n, key in keys if first <= key < last}, timeless=len(rows) - len(keys))

    return choose


def words(query: Sequence[str]) -> Choice:
    """Pages, sessions that wait, versions of items, and proposals in which every one of these stems occurs.

    A page is its text, title, memo and date. Of an item those versions are meant that have every stem.
    """
    wanted = set(query)

    def choose(db: sqlite3.Connection, namespace: int) -> Chosen:
        chosen = Chosen()
        for seq, *page in db.execute(
            "SELECT page.seq, text, title, memo, session.time, analyzer FROM page"
            " JOIN session ON session.n = page.session WHERE page.namespace = ?",
            (namespace,),
        ):
            if wanted <= _stems_of_page(db, seq, *page):
                chosen.pages.add(seq)
        for n, payload in db.execute(
            "SELECT n, payload FROM session WHERE namespace = ? AND payload IS NOT NULL", (namespace,)
        ):
            if wanted <= set(stems(json.loads(payload)["text"])):
                chosen.sessions.add(n)
        for n, content, time in db.execute(
            "SELECT item_version.n, content, time FROM item JOIN item_version ON item_version.item = item.seq"
            " WHERE namespace = ? AND content IS NOT NULL",
            (namespace,),
        ):
            if wanted <= {*stems(content), *stems(show_iso(time))}:
                chosen.versions.add(n)
        for n, edit in db.execute("SELECT n, edit FROM proposal WHERE namespace = ?", (namespace,)):
            if wanted <= set(stems(json.loads(edit).get("content") or "")):
                chosen.proposals.add(n)
        return chosen

    return choose


def expired_of(db: sqlite3.Connection, own: int, *, everywhere: bool) -> list[tuple[int, Chosen]]:
    """By namespace, what is older than its rule: of the own one, or of all."""
    numbers = db.execute("SELECT DISTINCT namespace FROM retention ORDER BY namespace").fetchall()
    return [(n, chosen) for (n,) in numbers if (everywhere or n == own) and (chosen := expired(db, n))]


def expired(db: sqlite3.Connection, namespace: int) -> Chosen:
    """Whatever is older than its rule, the items by their own. Sessions that wait are as old as pages would be."""
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
    return Chosen(sessions={n for (n,) in old}, items={seq for (seq,) in hidden}, derived=False)


def _stems_of_page(
    db: sqlite3.Connection, seq: int, text: str, title: str, memo: str, time: str | None, analyzer: str
) -> set[str]:
    found = {*stems(title), *stems(memo), *stems(show_iso(time))}
    if analyzer != ANALYZER or recalled.spans(text):  # what was recalled is in no passage
        return found.union(stems(text))
    for kept, speaker in db.execute("SELECT stems, speaker FROM passage WHERE page = ?", (seq,)):
        found.update(kept.split())
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
