"""Select what is to be deleted: by ids, times, words or age, in the transaction that deletes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime

from .. import recall_markers
from ..analyzer import Term, stems
from ..date_phrases import end_of
from ..errors import UnknownRecord
from ..records import KINDS
from ..times import BEGINNING, END, format_iso_time, is_before, parse_iso_time
from ..truth.database import Connection
from ..truth.row_deletion import Selection
from ..truth.session_versions import version_entries, version_times

PAGE = "page"
RETENTION_KINDS = (PAGE, *KINDS)
"""What a retention rule may be about."""

_EXPIRED = (
    "<= strftime('%Y-%m-%dT%H:%M:%f', 'now', '-' || retention.age_s || ' seconds')"  # as in the views of schema.sql
)


Selector = Callable[[Connection, int], Selection]
"""From an open transaction and the number of a namespace to a selection in it."""


def pages(ids: Iterable[str]) -> Selector:
    """By id; `UnknownRecord` if the namespace itself does not hold one of them."""
    return lambda db, namespace: Selection(pages=_numbers(db, namespace, "page", "seq", ids))


def sessions(ids: Iterable[str]) -> Selector:
    """By id, filed or waiting, with their earlier versions; errors as for pages."""
    ids = list(ids)
    return lambda db, namespace: Selection(
        sessions=_numbers(db, namespace, "session", "n", ids),
        entries={n for one in ids for n in version_entries(db, namespace, one)},
    )


def items(ids: Iterable[str]) -> Selector:
    """By id, deleted ones too; errors as for pages."""
    return lambda db, namespace: Selection(items=_numbers(db, namespace, "item", "seq", ids))


def times(after: datetime | None, before: datetime | None) -> Selector:
    """Sessions that happened from `after` on and before `before`: as instants, and where a zone is missing by their
    own clocks. A session of a year or a month counts as before a time that is not before its end."""

    def is_selected(time: datetime) -> bool:
        return not is_before(time, after or BEGINNING) and (
            is_before(time, before or END) and not is_before(before or END, end_of(time))
        )

    def select(db: Connection, namespace: int) -> Selection:
        rows = db.execute("SELECT n, time FROM session WHERE namespace = ?", (namespace,)).fetchall()
        times = [(n, time) for n, stamp in rows if (time := parse_iso_time(stamp))]
        return Selection(
            sessions={n for n, time in times if is_selected(time)},
            entries={n for n, time in version_times(db, namespace) if time and is_selected(time)},
            timeless=len(rows) - len(times),
        )

    return select


def words(query: Sequence[Term], analyzer: str) -> Selector:
    """Pages, waiting sessions, item versions, proposals and entries in which all of these terms occur.

    A page is its text, title, memo, header and speakers, with id, time and metadata of its session; a waiting session
    is the same. Of an item the versions are selected that have all terms. An entry is its labels, key and value. The
    stems of a page are read where an analyzer of this name made them.
    """

    def holds(found: Collection[str]) -> bool:
        return all(term.is_in(found, whole=True) for term in query)

    def select(db: Connection, namespace: int) -> Selection:
        def matching(statement: str) -> set[int]:
            """Numbers of the rows that have all stems in their columns; one that is JSON counts with its names."""
            rows = db.execute(statement, (namespace,))
            return {n for n, *texts in rows if holds({stem for text in texts for stem in stems(_words_of(text))})}

        selection = Selection()
        for seq, text, title, memo, header, session_id, metadata, time, made_by in db.execute(
            "SELECT page.seq, text, title, memo, header, session.id, metadata, session.time, analyzer FROM page"
            " JOIN session ON session.n = page.session WHERE page.namespace = ?",
            (namespace,),
        ):
            about = "\n".join((title, memo, header, session_id, _words_of(metadata), format_iso_time(time)))
            if holds({*stems(about), *_stems_of_page(db, seq, text, made_by == analyzer)}):
                selection.pages.add(seq)
        selection.sessions = matching(
            "SELECT n, id, metadata, time, payload FROM session WHERE namespace = ? AND payload IS NOT NULL"
        )
        for n, content, time in db.execute(
            "SELECT item_version.n, content, time FROM item JOIN item_version ON item_version.item = item.seq"
            " WHERE namespace = ? AND content IS NOT NULL",
            (namespace,),
        ):
            if holds({*stems(content), *stems(format_iso_time(time))}):
                selection.versions.add(n)
        selection.proposals = matching("SELECT n, edit, reason FROM proposal WHERE namespace = ?")
        selection.entries = matching(
            "SELECT entry.n, labels, key, value FROM entry JOIN entry_path ON entry_path.n = entry.path"
            " WHERE namespace = ?"
        )
        return selection

    return select


def _words_of(text: str | None) -> str:
    """The names and values of a JSON object or list as text; other text as it is."""
    if not text or text[0] not in "{[":
        return text or ""
    try:
        return "\n".join(_leaves(json.loads(text)))
    except ValueError:
        return text


def _leaves(value: object) -> Iterator[str]:
    parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else None
    if parts is None:
        yield str(value)
        return
    for part in parts:
        yield from _leaves(part)


def select_expired_by_namespace(db: Connection, own: int, *, everywhere: bool) -> list[tuple[int, Selection]]:
    """`(namespace, selection)` of what is older than its retention rule: in the namespace `own`, or in all."""
    numbers = db.execute("SELECT DISTINCT namespace FROM retention ORDER BY namespace").fetchall()
    return [(n, selection) for (n,) in numbers if (everywhere or n == own) and (selection := select_expired(db, n))]


def select_expired(db: Connection, namespace: int) -> Selection:
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


def _stems_of_page(db: Connection, seq: int, text: str, current: bool) -> set[str]:
    if not current or recall_markers.recalled_spans(text):  # recalled text is in no passage
        return set(stems(text))
    found = set[str]()
    for passage_stems, speaker in db.execute("SELECT stems, speaker FROM passage WHERE page = ?", (seq,)):
        found.update(passage_stems.split())
        found.update(stems(speaker or ""))
    return found


def _numbers(db: Connection, namespace: int, table: str, key: str, ids: Iterable[str]) -> set[int]:
    found = set()
    for one in ids:
        row = db.execute(f"SELECT {key} FROM {table} WHERE namespace = ? AND id = ?", (namespace, one)).fetchone()
        if row is None:
            raise UnknownRecord(f"No {table} {one!r} in this namespace; nothing was forgotten.")
        found.add(row[0])
    return found
