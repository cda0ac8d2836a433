"""Compare a truth file with a ledger, by plain SQL: what was lost, what is torn, what is there twice."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any

from jitmem.stores.truth.term_rebuild import wrong_pages

from . import plan
from .ledger import Ledger
from .places import Place, one_state


@dataclass
class Findings:
    """Empty lists are what a test asks for."""

    lost: list[str] = field(default_factory=list)
    """Was acknowledged and is not there."""
    torn: list[str] = field(default_factory=list)
    """Is half there, or changed, or was never written."""
    duplicates: list[str] = field(default_factory=list)
    drift: list[str] = field(default_factory=list)
    """An index says other than the truth."""
    errors: list[str] = field(default_factory=list)
    """That a writer or the check met."""

    def __bool__(self) -> bool:
        return any(asdict(self).values())

    def __str__(self) -> str:
        return json.dumps({name: told for name, told in asdict(self).items() if told}, indent=1, ensure_ascii=False)


def check_truth(place: Place, ledger: Ledger) -> Findings:
    """In one read transaction, beside whoever else has the memory open."""
    found = Findings()
    with one_state(place) as (db, complaints):
        found.torn += complaints
        _sessions(db, ledger, found)
        _changes(db, found)
        _items(db, ledger, found)
        _proposals(db, ledger, found)
        _entries(db, ledger, found)
    return found


def _sessions(db: Any, ledger: Ledger, found: Findings) -> None:
    """A session has all its pages, which join to its text byte for byte, or it waits and has none."""
    pages = defaultdict(list)
    for n, page_id, part, parts, text, sha, end in db.execute(
        "SELECT session, id, part, parts, text, sha256,"
        ' (SELECT max("end") FROM passage WHERE page = page.seq) FROM page ORDER BY session, part'
    ):
        pages[n].append((page_id, part, parts, text))
        if hashlib.sha256(text.encode()).hexdigest() != sha or end is None or end > len(text):
            found.torn.append(f"page {page_id}: its sha256 or its passages are not those of its text")
    there = {}
    for n, session_id, payload, filed_at in db.execute("SELECT n, id, payload, filed_at FROM session"):
        number = int(session_id.rpartition("-")[2])
        parts = pages[n]
        whole = [(part, count) for _, part, count, _ in parts] == [(at + 1, len(parts)) for at in range(len(parts))]
        text = "".join(text for *_, text in parts) if filed_at else json.loads(payload or "{}").get("text")
        if not whole or text != plan.session(number).text or bool(parts) != (filed_at is not None):
            found.torn.append(f"{session_id}: filed {filed_at}, {len(parts)} pages")
        if number not in ledger.sessions_begun:
            found.torn.append(f"{session_id}: nobody wrote it")
        there[number] = [page_id for page_id, *_ in parts]
    for n, page_ids in ledger.sessions.items():
        if n not in there or (page_ids is not None and there[n] != page_ids):
            found.lost.append(f"session {n}: acknowledged {page_ids}, there {there.get(n)}")


def _changes(db: Any, found: Findings) -> None:
    """What the change log tells, and what it is told of, are one."""
    for what, query in {
        "a page without its change": "SELECT id FROM page WHERE 1 !="
        " (SELECT count(*) FROM change WHERE kind = 'page' AND ref = page.seq)",
        "a change without its page": "SELECT n FROM change WHERE kind = 'page' AND ref NOT IN (SELECT seq FROM page)",
        "a version without its change": "SELECT n FROM item_version WHERE n NOT IN"
        " (SELECT n FROM change WHERE kind = 'item')",
        "a change without its version": "SELECT n FROM change WHERE kind = 'item' AND n NOT IN"
        " (SELECT n FROM item_version)",
        "an item without its versions": "SELECT id FROM item WHERE version != (SELECT count(*) FROM item_version"
        " WHERE item = item.seq) OR version != (SELECT max(version) FROM item_version WHERE item = item.seq)",
        "a head that is not its newest change": "SELECT name, head FROM namespace WHERE head !="
        " (SELECT coalesce(max(number), 0) FROM change WHERE change.namespace = namespace.id)",
        "numbers of changes with a gap or twice": "SELECT namespace FROM change GROUP BY namespace"
        " HAVING count(*) != max(number) OR count(DISTINCT number) != count(*)",
        "changes in another order than their numbers": "SELECT n FROM (SELECT n, number, lag(number) OVER"
        " (PARTITION BY namespace ORDER BY n) AS before FROM change) AS ordered WHERE before >= number",
    }.items():
        if rows := db.execute(query).fetchall():
            found.torn.append(f"{what}: {rows}")
    if wrong := list(wrong_pages(db)):
        found.torn.append(f"pages with other keyword postings than their passages give: {wrong}")


def _items(db: Any, ledger: Ledger, found: Findings) -> None:
    histories: dict[str, list[str | None]] = defaultdict(list)
    for item_id, content in db.execute(
        "SELECT item.id, content FROM item JOIN item_version ON item_version.item = item.seq ORDER BY item_version.n"
    ):
        histories[item_id].append(content)
    firsts = defaultdict(list)
    for item_id, versions in histories.items():
        firsts[versions[0]].append(item_id)
    for n in ledger.items_begun:
        least, most = ledger.versions(n)
        held = firsts.get(plan.item_versions(n)[0], [])
        versions = histories[held[0]] if held else []
        if len(held) > 1:
            found.duplicates.append(f"item {n}: {held}")
        if versions[: len(least)] != least or (n in ledger.items and held[:1] != [ledger.items[n][1]]):
            found.lost.append(f"item {n}: acknowledged {least}, there {versions}")
        elif versions != most[: len(versions)]:
            found.torn.append(f"item {n}: {versions}")
    live = Counter(
        db.execute(
            "SELECT kind, content FROM item JOIN item_version ON item_version.item = item.seq"
            " AND item_version.version = item.version WHERE content IS NOT NULL"
        ).fetchall()
    )
    found.duplicates += [f"item {content!r}: {count} times" for (_, content), count in live.items() if count > 1]


def _proposals(db: Any, ledger: Ledger, found: Findings) -> None:
    filed = {
        n: (json.loads(edit)["content"], d) for n, edit, d in db.execute("SELECT number, edit, decision FROM proposal")
    }
    contents = Counter(content for content, _ in filed.values())
    found.duplicates += [f"proposal {content!r}: {count}" for content, count in contents.items() if count > 1]
    for n, (at, number) in ledger.proposals.items():
        content, decision = filed.get(number, ("", None))
        if content != plan.proposal_words(n) or (at == 1 and decision != ("rejected" if n % 2 else "approved")):
            found.lost.append(f"proposal {n}: acknowledged step {at}, there {content!r} {decision}")
    for content, decision in filed.values():
        items = db.execute("SELECT count(*) FROM item_version WHERE content = ?", (content,)).fetchone()[0]
        if items != (decision == "approved"):
            found.torn.append(f"proposal {content!r}: {decision}, {items} items")


def _entries(db: Any, ledger: Ledger, found: Findings) -> None:
    """Batches are whole: one value on every side, and the keys that the same batch has left."""
    kept: dict[tuple[str, ...], dict[str, object]] = defaultdict(dict)
    for labels, key, value in db.execute(
        "SELECT labels, key, value FROM entry JOIN entry_path ON entry_path.n = entry.path ORDER BY entry.n"
    ):
        kept[tuple(json.loads(labels))][key] = json.loads(value)
    at = max((int(key) for key in kept[plan.EACH]), default=-1)
    if at < ledger.entry:
        found.lost.append(f"batch of entries: acknowledged {ledger.entry}, there {at}")
    whole = dict.fromkeys(plan.SIDES, plan.triple(at)) if at >= 0 else {}
    if at > ledger.entry_begun or kept[plan.TRIPLE] != whole or sorted(kept[plan.EACH]) != sorted(plan.each(at)):
        found.torn.append(f"batch of entries {at}: {dict(kept)}")
