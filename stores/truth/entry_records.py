"""Entries of a store as records that a search offers and a statement cites: `entry-7`, with the text of the value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..records import MemoryItem
from .entries import Entries, Entry
from .namespace import Namespace

PREFIX = "entry-"
KIND = "stored"


def entries_by_record_id(namespace: Namespace, ids: Iterable[str]) -> dict[str, MemoryItem]:
    """Those of some ids that are of entries of this namespace which have not expired, by id."""
    numbers = [int(digits) for one in ids if (digits := one.removeprefix(PREFIX)).isdecimal() and len(digits) < 19]
    return {
        one.id: one for entry in Entries(namespace, "").by_numbers(numbers) for one in [entry_record(namespace, entry)]
    }


def entry_record(namespace: Namespace, entry: Entry) -> MemoryItem:
    """An entry as it stands; its time is when it was put last."""
    return MemoryItem(
        id=f"{PREFIX}{entry.n}",
        kind=KIND,
        content="\n".join(value_lines(entry.value)),
        time=entry.updated_at,
        page_ids=(),
        version=1,
        change=0,
        cause="store",
        created_at=entry.created_at,
        changed_at=entry.updated_at,
        namespace=namespace.name,
    )


def value_lines(value: object, name: str = "") -> Iterator[str]:
    """`name: value` for everything in it, so that a field is found by its name too."""
    if isinstance(value, Mapping):
        for key, element in value.items():
            yield from value_lines(element, f"{name} {key}".strip())
    elif isinstance(value, list):
        for element in value:
            yield from value_lines(element, name)
    elif value is not None:
        yield f"{name}: {value}"
