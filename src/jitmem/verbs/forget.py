"""Forget: by what is named, by how old it is, and with it the bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from ..stores.deletion.receipt import OUT_OF_REACH, KeptItem, Receipt
from ..stores.errors import BadInput
from ..stores.times import clock, order_key, parse_time
from .opened import Opened

if TYPE_CHECKING:
    from ..stores.deletion.retention import Age
    from ..stores.deletion.selectors import Selector
    from ..stores.deletion_result import DeletionResult

Ids = str | Iterable[str]
_SELECTORS = "page_id, session_id, item_id, after and/or before, query, or everything=True"


class Forgetting(Opened):
    """Verbs that forget."""

    def forget(
        self,
        *,
        page_id: Ids | None = None,
        session_id: Ids | None = None,
        item_id: Ids | None = None,
        after: str | datetime | None = None,
        before: str | datetime | None = None,
        query: str | None = None,
        everything: bool = False,
        preview: bool = False,
    ) -> Receipt:
        """Take something out of this namespace for good, with all that stands on nothing else, and erase its bytes.

        Say what in one way: ids of pages, sessions or items; sessions that happened from `after` on and `before` a
        time (those without a time stay); everything in which each word of a `query` occurs; or `everything`, the
        namespace with its name, entries, shares and rules. `preview=True` changes nothing and shows what would go.

        The receipt counts what was deleted. It is "erased" when the truth was rewritten and the vector index removed, to
        be rebuilt, and "pending" while another process still reads the old files: `sweep()` tries again. See docs/forgetting.md. `UnknownRecord` for an
        id that this namespace does not hold, `BadInput` for no way of saying what, or several; nothing is changed then.
        """
        from ..stores.deletion.delete import delete
        from ..stores.deletion.delete import preview as preview_deletion

        choice = _choice(
            {
                "page_id": page_id,
                "session_id": session_id,
                "item_id": item_id,
                "times": None if after is None and before is None else (after, before),
                "query": query,
                "everything": everything or None,
            }
        )
        namespace = self._parts.archive.pages.namespace
        if preview:
            return _preview(*preview_deletion(namespace, choice))
        self._check_forgets()
        gone, erasure = delete(namespace, choice)
        return self._receipt([gone], [] if erasure is None else [erasure])

    async def aforget(self, **what: Any) -> Receipt:
        """`forget`, awaited."""
        return await asyncio.to_thread(lambda: self.forget(**what))

    def sweep(self, *, all_namespaces: bool = False) -> Receipt:
        """Erase what is older than its rule, here or in `all_namespaces` of the folder, and finish what is pending."""
        from ..stores.deletion.selectors import select_expired_by_namespace
        from ..stores.deletion_result import RETENTION
        from ..stores.row_deletion import delete_rows, record_erasure

        self._check_forgets()
        everything, erasures = [], []
        with self._parts.database.write() as db:
            own = self._parts.archive.pages.namespace.number(db)
            for number, chosen in select_expired_by_namespace(db, own, everywhere=all_namespaces):
                everything.append(delete_rows(db, number, chosen, RETENTION))
                erasures.append(record_erasure(db, everything[-1]))
        return self._receipt(everything, [erasure for erasure in erasures if erasure is not None], others=True)

    async def asweep(self, *, all_namespaces: bool = False) -> Receipt:
        """`sweep`, awaited."""
        return await asyncio.to_thread(self.sweep, all_namespaces=all_namespaces)

    def retain(
        self,
        *,
        pages: Age | EllipsisType | None = ...,
        core: Age | EllipsisType | None = ...,
        semantic: Age | EllipsisType | None = ...,
        episodic: Age | EllipsisType | None = ...,
    ) -> dict[str, timedelta]:
        """Say how long pages, and items of each kind, are kept: `"90 days"`, a timedelta, or None for always.

        What is not named stays as it was; the rules that hold now come back. What is older is hidden at once, here and
        from everybody it is shared with, and erased by `sweep`. A page is as old as this memory's knowledge of its
        session, an item as its newest version. A rule is about its kind alone: items outlive the pages they come from.
        """
        from ..stores.deletion.selectors import PAGE

        ages = {PAGE: pages, "core": core, "semantic": semantic, "episodic": episodic}
        self._check_forgets()
        self._retention().set({kind: age for kind, age in ages.items() if not isinstance(age, EllipsisType)})
        return self.retention()

    async def aretain(self, **ages: Any) -> dict[str, timedelta]:
        """`retain`, awaited."""
        return await asyncio.to_thread(lambda: self.retain(**ages))

    def retention(self) -> dict[str, timedelta]:
        """How long what is kept, by the names that `retain` has; what is not there is kept always."""
        from ..stores.deletion.selectors import PAGE

        return {"pages" if kind == PAGE else kind: age for kind, age in self._retention().rules().items()}

    async def aretention(self) -> dict[str, timedelta]:
        """`retention`, awaited."""
        return await asyncio.to_thread(self.retention)

    # ------------------------------------------------------------------------------------------------------

    def _retention(self) -> Any:
        from ..stores.deletion.retention import Retention

        return Retention(self._parts.archive.pages.namespace)

    def _check_forgets(self) -> None:
        if self._parts.editing.mode == "read_only":
            raise BadInput("This memory is read-only here; forget where it may be edited.")

    def _receipt(
        self, everything: Sequence[DeletionResult], erasures: Sequence[int], *, others: bool = False
    ) -> Receipt:
        """After the rows are gone. With `others` the receipt is also about what was pending before."""
        results = [one for one in self._parts.eraser.finish() if others or one.number in erasures]
        missing = set(erasures) - {one.number for one in results}  # another process may have run them
        complete = all(map(self._parts.eraser.is_complete, missing)) and not any(one.reasons for one in results)
        counts: dict[str, int] = {}
        for gone in everything:
            for what, count in gone.nonzero_counts().items():
                counts[what] = counts.get(what, 0) + count
        return Receipt(
            status="erased" if complete else "pending",
            at=datetime.now(UTC),
            number=max(erasures, default=None),
            counts=counts,
            session_ids=tuple(one for gone in everything for one in gone.session_ids),
            page_ids=tuple(one for gone in everything for one in gone.page_ids),
            item_ids=tuple(one for gone in everything for one in gone.item_ids),
            kept=_kept_items(everything),
            reasons=tuple(dict.fromkeys(reason for one in results for reason in one.reasons)),
            removed=tuple(dict.fromkeys(name for one in results for name in one.removed)),
            note=f"{_timeless(everything)}{OUT_OF_REACH}",
        )


def _choice(selectors: Mapping[str, Any]) -> Selector | None:
    """What one selector means, None for everything; `BadInput` for none or several, and for what cannot be meant."""
    from ..stores.analyzer import stems
    from ..stores.deletion import selectors as by

    given = {name: value for name, value in selectors.items() if value is not None}
    if len(given) != 1:
        told = "nothing" if not given else " and ".join(given)
        raise BadInput(f"Say in one way what is to be forgotten ({_SELECTORS}), not by {told}.")
    ((name, value),) = given.items()
    if name == "everything":
        return None
    if name == "times":
        after, before = map(parse_time, value)
        if after is not None and before is not None and not order_key(clock(after)) < order_key(clock(before)):
            raise BadInput("after must be earlier than before.")
        return by.times(after, before)
    if name == "query":
        words = stems(value) if isinstance(value, str) else []
        if not words:
            raise BadInput(f"{value!r:.60} has no word that is searched by; name what is to be forgotten.")
        return by.words(words)
    ids = [value] if isinstance(value, str) else list(value)
    if not ids or not all(isinstance(one, str) and one for one in ids):
        raise BadInput(f"{name} is an id, or a list of at least one.")
    selector = {"page_id": by.pages, "session_id": by.sessions, "item_id": by.items}[name]
    return selector(ids)


def _preview(gone: DeletionResult, beginnings: Mapping[str, str]) -> Receipt:
    return Receipt(
        status="preview",
        at=datetime.now(UTC),
        counts=gone.nonzero_counts(),
        session_ids=tuple(gone.session_ids),
        page_ids=tuple(gone.page_ids),
        item_ids=tuple(gone.item_ids),
        kept=_kept_items([gone]),
        beginnings=beginnings,
        note=f"{_timeless([gone])}Nothing was changed.",
    )


def _timeless(everything: Sequence[DeletionResult]) -> str:
    count = sum(gone.timeless for gone in everything)
    return f"Sessions without a time are not meant, and stay: {count:,}. " if count else ""


def _kept_items(everything: Sequence[DeletionResult]) -> tuple[KeptItem, ...]:
    """Without those that were deleted later in the same transaction."""
    return tuple(
        KeptItem(item_id, reason)
        for gone in everything
        for item_id, reason in gone.kept.items()
        if item_id not in gone.item_ids
    )
