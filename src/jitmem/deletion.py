"""Forget what is selected or older than its rule: delete the rows, erase the bytes, and write the receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .stores.errors import BadInput
from .stores.forgetting.receipts import OUT_OF_REACH, Receipt, Scan
from .stores.times import clock, order_key, parse_time

if TYPE_CHECKING:
    from .runtime import MemoryRuntime
    from .stores.forgetting.choose import Choice
    from .stores.forgetting.erase import Erased
    from .stores.forgetting.gone import Gone

_SELECTORS = "page_id, session_id, item_id, after and/or before, query, or everything=True"


def forget_selected(runtime: MemoryRuntime, selectors: Mapping[str, Any], *, preview: bool) -> Receipt:
    """See `Memory.forget`; `selectors` has a value for each way of saying what, None where it is not used."""
    from .stores.forgetting.forget import forget, rehearse

    choice = _choice(selectors)
    if preview:
        return _preview_receipt(*rehearse(runtime.namespace, choice))
    runtime.item_options.check_writable("forget")
    gone, erasure = forget(runtime.namespace, choice)
    return _receipt(runtime, [gone], [] if erasure is None else [erasure])


def purge_expired(runtime: MemoryRuntime, *, all_namespaces: bool) -> Receipt:
    """See `MemoryAdmin.purge`."""
    from .stores.forgetting.choose import expired_of
    from .stores.forgetting.forget import forget_in, record_in
    from .stores.forgetting.gone import RETENTION

    runtime.item_options.check_writable("forget")
    deleted, erasures = [], []
    with runtime.database.write() as db:
        own = runtime.namespace.number(db)
        for number, expired in expired_of(db, own, everywhere=all_namespaces):
            deleted.append(forget_in(db, number, expired, RETENTION))
            erasures.append(record_in(db, deleted[-1]))
    return _receipt(runtime, deleted, [erasure for erasure in erasures if erasure is not None], earlier=True)


def _receipt(
    runtime: MemoryRuntime, deleted: Sequence[Gone], erasures: Sequence[int], *, earlier: bool = False
) -> Receipt:
    """Erase the bytes of deleted rows. With `earlier` the receipt is also about erasures that were pending before."""
    finished = {one.number: one for one in runtime.eraser.finish()}
    for number in erasures:
        if number not in finished and (done := runtime.eraser.result(number)) is not None:
            finished[number] = done  # another process has finished it meanwhile
    erased = [one for number, one in sorted(finished.items()) if earlier or number in erasures]
    counts: dict[str, int] = {}
    for gone in deleted:
        for what, count in gone.told().items():
            counts[what] = counts.get(what, 0) + count
    return Receipt(
        status="erased" if all(one.done for one in erased) else "pending",
        at=datetime.now(UTC),
        number=max(erasures, default=None),
        counts=counts,
        session_ids=tuple(one for gone in deleted for one in gone.session_ids),
        page_ids=tuple(one for gone in deleted for one in gone.page_ids),
        item_ids=tuple(one for gone in deleted for one in gone.item_ids),
        kept=tuple(one for gone in deleted for one in gone.kept_items()),
        reasons=tuple(dict.fromkeys(reason for one in erased for reason in one.reasons)),
        removed=tuple(dict.fromkeys(name for one in erased for name in one.removed)),
        scan=_scan(erased),
        note=f"{_timeless(deleted)}{OUT_OF_REACH}",
    )


def _choice(selectors: Mapping[str, Any]) -> Choice | None:
    """What the one selector that is given selects; None for everything. `BadInput` for none or several."""
    from .stores.analyzer import stems
    from .stores.forgetting import choose

    given = {name: value for name, value in selectors.items() if value is not None}
    if len(given) != 1:
        names = "nothing" if not given else " and ".join(given)
        raise BadInput(f"Say in one way what is to be forgotten ({_SELECTORS}), not by {names}.")
    ((name, value),) = given.items()
    if name == "everything":
        return None
    if name == "times":
        after, before = map(parse_time, value)
        if after is not None and before is not None and not order_key(clock(after)) < order_key(clock(before)):
            raise BadInput("after must be earlier than before.")
        return choose.times(after, before)
    if name == "query":
        words = stems(value) if isinstance(value, str) else []
        if not words:
            raise BadInput(f"{value!r:.60} has no word that is searched by; name what is to be forgotten.")
        return choose.words(words)
    ids = [value] if isinstance(value, str) else list(value)
    if not ids or not all(isinstance(one, str) and one for one in ids):
        raise BadInput(f"{name} is an id, or a list of at least one.")
    by = {"page_id": choose.pages, "session_id": choose.sessions, "item_id": choose.items}
    return by[name](ids)


def _preview_receipt(gone: Gone, beginnings: Mapping[str, str]) -> Receipt:
    return Receipt(
        status="preview",
        at=datetime.now(UTC),
        counts=gone.told(),
        session_ids=tuple(gone.session_ids),
        page_ids=tuple(gone.page_ids),
        item_ids=tuple(gone.item_ids),
        kept=gone.kept_items(),
        beginnings=beginnings,
        note=f"{_timeless([gone])}Nothing was changed.",
    )


def _timeless(deleted: Sequence[Gone]) -> str:
    count = sum(one.timeless for one in deleted)
    return f"Sessions without a time are not meant, and stay: {count:,}. " if count else ""


def _scan(erased: Sequence[Erased]) -> Scan | None:
    """One scan for all of them: they were searched for together."""
    if not erased:
        return None
    found = sorted({name for one in erased for name in one.scan.found})
    scans = [one.scan for one in erased]
    return Scan(
        files=max(scan.files for scan in scans),
        bytes=max(scan.bytes for scan in scans),
        needles=sum(scan.needles for scan in scans),
        found=tuple(found),
        seconds=max(scan.seconds for scan in scans),
    )
