"""Import the export of another memory: memories become items with a page as their source, messages sessions."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Any, BinaryIO

from ..stores.errors import BadInput
from ..stores.index.snapshot import NamespaceStore
from ..stores.records import Filed, Progress, Session
from ..tools.editor import Editor
from ..tools.memory_specs import CHARS_PER_TOKEN, CONTENT_TOKENS
from . import from_langmem, from_letta, from_mem0
from .foreign_export import ForeignExport, ForeignMemory
from .merge_export import CAUSE
from .transfer_report import ImportReport

IMPORTERS: dict[str, Callable[[BinaryIO, str], ForeignExport]] = {
    "mem0": from_mem0.parse,
    "langmem": from_langmem.parse,
    "letta": from_letta.parse,
}
_TOGETHER = 50  # memories on the page of a group and a day
_CHARS = CONTENT_TOKENS * CHARS_PER_TOKEN - 100  # of an item


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportTarget:
    """The parts of a memory that an import writes to."""

    archive: NamespaceStore
    editor: Editor
    core_tokens: int
    file_records: Callable[[Session], Filed]
    """With rules, and without curating items."""
    file_sessions: Callable[[Sequence[Session], Progress | None], Iterable[Filed]]
    """With the memory's models."""


def import_foreign(
    target: ImportTarget, source: str, file: BinaryIO, name: str, progress: Progress | None = None
) -> ImportReport:
    """Validate the whole file, then file each group of memories as a session, with its items in one transaction.

    What an earlier run imported is skipped, so that an interrupted run can be repeated. `progress` gets the number of
    memories and sessions done, and of all.
    """
    if source not in IMPORTERS:
        raise BadInput(f"There is no importer for {source!r}; there are {', '.join(IMPORTERS)}.")
    found, report = IMPORTERS[source](file, name), ImportReport()
    total = len(found.memories) + len(found.sessions)
    imported, kinds = _imported_pages(target.archive), Counter[str]()
    count = 0
    for session, memories in _group_by_page(source, found.memories):
        page_ids = _file(target.file_records(session), report)
        for page_id, own in _by_page(target.archive, page_ids, memories):
            if page_id in imported:
                report.add("item", 0, len(own))
            else:
                kinds += _add_items(target, page_id, own, report)
        count += len(memories)
        if progress:
            progress(count, total)
    for filed in target.file_sessions(
        found.sessions, None if progress is None else lambda done, _: progress(count + done, total)
    ):
        _file(filed, report)
    if kinds:
        report.notes.append(f"Items by kind: {', '.join(f'{n:,} {kind}' for kind, n in sorted(kinds.items()))}.")
    report.notes += found.all_notes()
    return report


def _group_by_page(source: str, memories: Sequence[ForeignMemory]) -> Iterator[tuple[Session, Sequence[ForeignMemory]]]:
    """The memories of a group and a day as one session, the same for the same file, with their records as metadata."""

    def group_and_day(one: ForeignMemory) -> tuple[str, str]:
        return one.group, f"{one.time:%Y-%m-%d}" if one.time else ""

    for (group, day), same in groupby(sorted(memories, key=group_and_day), group_and_day):
        rest = list(same)
        while rest:
            some, rest = rest[:_TOGETHER], rest[_TOGETHER:]
            records = [dict(one.record) for one in some]
            digest = hashlib.sha256(json.dumps(records, sort_keys=True).encode()).hexdigest()[:12]
            yield (
                Session(
                    turns=[(source, one.text) for one in some],
                    id=":".join(part for part in (source, group, day, digest) if part),
                    time=some[0].time,
                    metadata={"source": source, "group": group, "memories": records},
                ),
                some,
            )


def _file(filed: Filed, report: ImportReport) -> Sequence[str]:
    report.add("session", not filed.duplicate, filed.duplicate)
    report.add("page", 0 if filed.duplicate else len(filed.page_ids))
    return filed.page_ids


def _by_page(
    archive: NamespaceStore, page_ids: Sequence[str], memories: Sequence[ForeignMemory]
) -> Iterator[tuple[str, list[ForeignMemory]]]:
    """The memories by the page on which they begin."""
    texts = [archive.pages.page(page_id).text for page_id in page_ids]
    joined, ends = "".join(texts), list(accumulate(map(len, texts)))
    placed: dict[str, list[ForeignMemory]] = {}
    at = 0
    for one in memories:
        at = max(at, joined.find(one.text.split("\n", 1)[0][:40], at))
        placed.setdefault(page_ids[min(bisect(ends, at), len(ends) - 1)], []).append(one)
    yield from placed.items()


def _add_items(
    target: ImportTarget, page_id: str, memories: Sequence[ForeignMemory], report: ImportReport
) -> Counter[str]:
    """Write or propose items in one transaction, as `ItemOptions` decide; returns counts by kind."""
    calls = [(one, call) for one in memories for call in _calls(target, one)]
    outcomes = target.editor.call_all([call for _, call in calls], page_ids=(page_id,), cause=CAUSE)
    kinds = Counter[str]()
    for (one, _), outcome in zip(calls, outcomes, strict=True):
        if outcome.status == "duplicate":
            report.add("item", 0, 1)
        elif outcome.status in ("applied", "proposed"):
            report.add("item" if outcome.status == "applied" else "proposal", 1)
            kinds[outcome.edit.kind] += 1
        else:
            report.notes.append(f"{one.where}: is on page {page_id}, but did not become an item: {outcome.reason}")
        if outcome.status == "applied" and outcome.edit.kind != one.kind:
            report.notes.append(f"{one.where}: became a {outcome.edit.kind} item; there is a core paragraph already.")
    return kinds


def _calls(target: ImportTarget, one: ForeignMemory) -> Iterator[tuple[str, dict[str, Any]]]:
    """One insert, or several if the text is too long for one item; core only if there is none yet and it fits."""
    kind, core = str(one.kind), target.archive.items.core()
    taken = core is not None and core.content != one.text
    if kind == "core" and (taken or len(one.text) > target.core_tokens * 4):
        kind = "semantic"
    time, rest = one.time.isoformat() if one.time else None, one.text
    while rest:  # split at a line or a word if there is one
        cut = len(rest)
        if cut > _CHARS:
            cut = max(rest.rfind("\n", 1, _CHARS), 0) or max(rest.rfind(" ", 1, _CHARS), 0) or _CHARS
        yield "memory_insert", {"kind": kind, "content": rest[:cut], "time": time}
        rest = rest[cut:].lstrip()


def _imported_pages(archive: NamespaceStore) -> set[str]:
    """The pages whose items an import has written or proposed, even if they were changed since."""
    namespace = archive.items.namespace
    with namespace.database.read() as db:
        rows = db.execute(
            "SELECT pages.value FROM change CROSS JOIN item_version ON item_version.n = change.n"
            " CROSS JOIN json_each(item_version.pages) AS pages"
            " WHERE change.namespace = :namespace AND change.kind = 'item' AND change.cause = :cause"
            " UNION SELECT pages.value FROM proposal CROSS JOIN json_each(edit, '$.page_ids') AS pages"
            " WHERE namespace = :namespace AND cause = :cause",
            {"namespace": namespace.number(db), "cause": CAUSE},
        )
        return {page for (page,) in rows}
