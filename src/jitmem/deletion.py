"""Forget what is selected or older than its rule: delete the rows, erase the bytes, and write the receipt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .stores.deletion.receipt import NOTHING_FOUND, KeptItem, Receipt
from .stores.errors import BadInput
from .stores.times import is_before, parse_time

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from .runtime import MemoryRuntime
    from .stores.deletion.selectors import Selector
    from .stores.truth.row_deletion import DeletionResult

_SELECTORS = "page_id, session_id, item_id, after and/or before, query, or everything=True"


def forget_selected(
    runtime: MemoryRuntime, selectors: Mapping[str, Any], *, preview: bool, threads: BaseCheckpointSaver[Any] | None
) -> Receipt:
    """See `Memory.forget`; `selectors` has a value for each selector, None if it is not used."""
    from .stores.deletion.delete import delete
    from .stores.deletion.delete import preview as preview_deletion
    from .thread_deletion import delete_threads, validate_checkpointer

    selector = _make_selector(selectors, runtime.database.analyzer.name)
    if threads is not None:
        validate_checkpointer(threads)
    if preview:
        gone, beginnings = preview_deletion(runtime.namespace, selector)
        named = dict.fromkeys(one for one in gone.thread_ids if one is not None) if threads is not None else ()
        return _receipt("preview", [gone], "Nothing was changed.", beginnings=beginnings, thread_ids=tuple(named))
    runtime.item_options.check_writable("forget")
    gone, erasure = delete(runtime.namespace, selector)
    receipt = _erase(runtime, [gone], [] if erasure is None else [erasure])
    return receipt if threads is None else delete_threads(threads, receipt, gone.thread_ids)


def purge_expired(runtime: MemoryRuntime, *, all_namespaces: bool) -> Receipt:
    from .stores.deletion.selectors import select_expired_by_namespace
    from .stores.truth.database import RETENTION
    from .stores.truth.row_deletion import delete_rows, record_erasure

    runtime.item_options.check_writable("forget")
    deleted, erasures = [], []
    with runtime.database.write() as db:
        own = runtime.namespace.number(db)
        for number, expired in select_expired_by_namespace(db, own, everywhere=all_namespaces):
            deleted.append(delete_rows(db, number, expired, RETENTION))
            erasures.append(record_erasure(db, deleted[-1]))
    return _erase(runtime, deleted, [erasure for erasure in erasures if erasure is not None], earlier=True)


def _erase(
    runtime: MemoryRuntime, deleted: Sequence[DeletionResult], erasures: Sequence[int], *, earlier: bool = False
) -> Receipt:
    """Erase the bytes of deleted rows; with `earlier` the receipt includes erasures that were pending before."""
    eraser = runtime.make_eraser()
    results = [one for one in eraser.finish() if earlier or one.number in erasures]
    missing = set(erasures) - {one.number for one in results}  # another process may have run them
    if not erasures and not results:
        return _receipt("nothing found", deleted, NOTHING_FOUND)
    complete = all(map(eraser.is_complete, missing)) and not any(one.reasons for one in results)
    return _receipt(
        eraser.status if complete else eraser.unfinished,
        deleted,
        eraser.note,
        reasons=tuple(dict.fromkeys(reason for one in results for reason in one.reasons)),
        removed=tuple(dict.fromkeys(name for one in results for name in one.removed)),
    )


def _make_selector(selectors: Mapping[str, Any], analyzer: str) -> Selector | None:
    """The selector that is given; None for everything. `BadInput` for none or several."""
    from .stores.analyzer import terms
    from .stores.deletion import selectors as by

    given = {name: value for name, value in selectors.items() if value is not None}
    if len(given) != 1:
        names = "nothing" if not given else " and ".join(given)
        raise BadInput(f"Give one selector ({_SELECTORS}), not {names}.")
    ((name, value),) = given.items()
    if name == "everything":
        return None
    if name == "times":
        after, before = map(parse_time, value)
        if after and before and not is_before(after, before):
            raise BadInput("after must be earlier than before.")
        return by.times(after, before)
    if name == "query":
        words = terms(value) if isinstance(value, str) else []
        if not words:
            raise BadInput(f"{value!r:.60} has no word that is indexed; give other words.")
        return by.words(words, analyzer)
    ids = [value] if isinstance(value, str) else list(value)
    if not ids or not all(isinstance(one, str) and one for one in ids):
        raise BadInput(f"{name} is an id, or a list of at least one.")
    selector = {"page_id": by.pages, "session_id": by.sessions, "item_id": by.items}[name]
    return selector(ids)


def _receipt(status: Any, deleted: Sequence[DeletionResult], note: str, **others: Any) -> Receipt:
    """`kept` is without the items that were deleted later in the same transaction."""
    counts = Counter[str]()
    for gone in deleted:
        counts.update(gone.nonzero_counts())
    timeless = sum(one.timeless for one in deleted)
    return Receipt(
        status=status,
        at=datetime.now(UTC),
        counts=dict(counts),
        session_ids=tuple(one for gone in deleted for one in gone.session_ids),
        page_ids=tuple(one for gone in deleted for one in gone.page_ids),
        item_ids=tuple(one for gone in deleted for one in gone.item_ids),
        memo_page_ids=tuple(one for gone in deleted for one in gone.memo_page_ids),
        kept=tuple(
            KeptItem(item_id, reason)
            for gone in deleted
            for item_id, reason in gone.kept.items()
            if item_id not in gone.item_ids
        ),
        note=f"Sessions without a time stay: {timeless:,}. {note}" if timeless else note,
        **others,
    )
