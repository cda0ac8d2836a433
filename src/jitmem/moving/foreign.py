"""Bring another memory's export in: its memories become items with a page behind them, its messages sessions."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, BinaryIO

from ..batch import accept, file_all
from ..graphs.memorizer import memorizer
from ..nodes.turn import Answerers
from ..runtime import MemoryRuntime
from ..stores.errors import BadInput
from ..stores.records import Outcome, Session
from ..tools.editor import CONTENT_TOKENS
from . import langmem, letta, mem0
from .found import Found, Remembered
from .into import CAUSE
from .moved import Imported

SOURCES: dict[str, Callable[[BinaryIO, str], Found]] = {
    "mem0": mem0.find,
    "langmem": langmem.find,
    "letta": letta.find,
}
_TOGETHER = 50  # memories on the page of a group and a day
_CHARS = CONTENT_TOKENS * 4 - 100  # of an item

Tell = Callable[[int, int], None] | None


def bring(runtime: MemoryRuntime, source: str, file: BinaryIO, name: str, tell: Tell = None) -> Imported:
    """All of the file is read and checked first. Each group of memories is then one session, filed without a model, and
    its items one transaction; what was brought already is passed over, so that a run that was stopped is finished by
    the next. `tell` hears how many memories and sessions are done, and of how many."""
    if source not in SOURCES:
        raise BadInput(f"There is no importer for {source!r}; there are {', '.join(SOURCES)}.")
    found, done = SOURCES[source](file, name), Imported()
    total = len(found.memories) + len(found.sessions)
    brought, kinds = _brought(runtime), Counter[str]()
    count = 0
    for session, memories in _pages(source, found.memories):
        _file(runtime, session, memories, brought, kinds, done)
        count += len(memories)
        if tell:
            tell(count, total)
    entries = accept(runtime, found.sessions)
    report = None if tell is None else lambda so_far, _: tell(count + so_far, total)
    for filed in file_all(runtime, entries, progress=report):
        if filed.duplicate:
            done.was_known("session")
        else:
            done.came("session")
            done.came("page", len(filed.page_ids))
    if kinds:
        done.notes.append(
            f"Items by kind: {', '.join(f'{number:,} {kind}' for kind, number in sorted(kinds.items()))}."
        )
    done.notes += found.told()
    return done


def _pages(source: str, memories: Sequence[Remembered]) -> Iterator[tuple[Session, list[Remembered]]]:
    """Some memories of a group and a day as one session, the same for the same file; it keeps their records."""

    def key(one: Remembered) -> tuple[str, str]:
        return one.group, f"{one.time:%Y-%m-%d}" if one.time else ""

    for (group, day), same in groupby(sorted(memories, key=key), key):
        rest = list(same)
        while rest:
            now, rest = rest[:_TOGETHER], rest[_TOGETHER:]
            records = [dict(one.record) for one in now]
            mark = hashlib.sha256(json.dumps(records, sort_keys=True).encode()).hexdigest()[:12]
            metadata = {"source": source, "group": group, "memories": records}
            turns = [(source, one.text) for one in now]
            name = ":".join(part for part in (source, group, day, mark) if part)
            yield Session(turns=turns, id=name, time=now[0].time, metadata=metadata), now


def _file(
    runtime: MemoryRuntime,
    session: Session,
    memories: Sequence[Remembered],
    brought: set[str],
    kinds: Counter[str],
    done: Imported,
) -> None:
    """The page, then its items; rules write the memo, and nothing is drawn from it by a curate step."""
    graph = memorizer(
        runtime.archive,
        runtime.items,
        runtime.related,
        runtime.editor,
        runtime.embedder,
        Answerers({}, runtime.answerers.rules),
        runtime.memorize_options.model_copy(update={"curate": False}),
    )
    filed = graph.invoke({"session": session})
    if filed["duplicate"]:
        done.was_known("session")
    else:
        done.came("session")
        done.came("page", len(filed["page_ids"]))
    for page_id, own in _by_page(runtime, filed["page_ids"], memories):
        if page_id in brought:
            done.was_known("item", len(own))
            continue
        calls = [call for one in own for call in _calls(runtime, one)]
        outcomes = runtime.editor.call_all([call for _, call in calls], page_ids=(page_id,), cause=CAUSE)
        for (one, _), outcome in zip(calls, outcomes, strict=True):
            _tell(done, one, outcome, page_id)
            kinds[outcome.edit.kind] += outcome.status in ("applied", "proposed")


def _by_page(
    runtime: MemoryRuntime, page_ids: Sequence[str], memories: Sequence[Remembered]
) -> Iterator[tuple[str, list[Remembered]]]:
    """On which page of its session each memory begins."""
    ends, at = [], 0
    for page_id in page_ids:
        at += len(runtime.archive.page(page_id).text)
        ends.append(at)
    placed: dict[str, list[Remembered]] = {}
    text = "".join(runtime.archive.page(page_id).text for page_id in page_ids)
    start = 0
    for one in memories:
        start = max(start, text.find(one.text.split("\n", 1)[0][:40], start))
        page = next((i for i, end in enumerate(ends) if start < end), len(ends) - 1)
        placed.setdefault(page_ids[page], []).append(one)
    yield from placed.items()


def _calls(runtime: MemoryRuntime, one: Remembered) -> Iterator[tuple[Remembered, tuple[str, dict[str, Any]]]]:
    """An item, or several where one would be too long; core where there is none and it fits."""
    kind: str = one.kind
    core = runtime.items.core()
    if kind == "core" and (
        (core is not None and core.content != one.text) or len(one.text) > runtime.item_options.core_tokens * 4
    ):
        kind = "semantic"
    time = one.time.isoformat() if one.time else None
    for piece in _pieces(one.text):
        yield one, ("memory_insert", {"kind": kind, "content": piece, "time": time})


def _pieces(text: str) -> Iterator[str]:
    """At most so long that an item holds it, cut at a line or a word where there is one."""
    while len(text) > _CHARS:
        cut = max(text.rfind("\n", 1, _CHARS), 0) or max(text.rfind(" ", 1, _CHARS), 0) or _CHARS
        yield text[:cut]
        text = text[cut:].lstrip()
    yield text


def _tell(done: Imported, one: Remembered, outcome: Outcome, page_id: str) -> None:
    if outcome.status == "applied":
        done.came("item")
        if outcome.edit.kind != one.kind:
            done.notes.append(
                f"{one.where}: became a {outcome.edit.kind} item, since a core paragraph is there already."
            )
    elif outcome.status == "proposed":
        done.came("proposal")
    elif outcome.status == "duplicate":
        done.was_known("item")
    else:
        done.notes.append(f"{one.where}: stands on page {page_id}, and became no item: {outcome.reason}")


def _brought(runtime: MemoryRuntime) -> set[str]:
    """The pages whose items an import has written or proposed, whatever became of them since."""
    with runtime.database.read() as db:
        number = runtime.items.namespace.number(db)
        written = db.execute(
            "SELECT DISTINCT each.value FROM change CROSS JOIN item_version ON item_version.n = change.n"
            " CROSS JOIN json_each(item_version.pages) AS each"
            " WHERE change.namespace = ? AND change.kind = 'item' AND change.cause = ?",
            (number, CAUSE),
        ).fetchall()
        proposed = db.execute(
            "SELECT DISTINCT each.value FROM proposal CROSS JOIN json_each(edit, '$.page_ids') AS each"
            " WHERE namespace = ? AND cause = ?",
            (number, CAUSE),
        ).fetchall()
    return {page for (page,) in [*written, *proposed]}
