"""What is held, and how much it is: a token counts as 4 characters, as everywhere."""

from __future__ import annotations

from collections.abc import Iterable

from ..evals.datasets.records import Sample
from ..memory import Memory
from ..nodes.accept import plain
from .records import Item, Source

_CHARS_PER_TOKEN = 4


def items_of(memory: Memory) -> tuple[Item, ...]:
    """The items as they stand, in the order they were made."""
    return tuple(
        Item(item.id, item.kind, item.content, item.time.isoformat() if item.time else None)
        for item in memory.items.list()
    )


def memory_tokens(items: Iterable[Item]) -> int:
    """Of the contents of all items, each rounded up."""
    return sum(_tokens(item.content) for item in items)


def source_tokens(sources: Iterable[Source]) -> int:
    """Of all sessions, as they are kept."""
    return sum(_tokens(source.text) for source in sources)


def tokens_of(task: Sample) -> int:
    """Of a task's sessions, as they will be kept; no memory is needed to tell."""
    return sum(_tokens(plain(session)["text"]) for session in task.sessions)


def _tokens(text: str) -> int:
    return -(-len(text) // _CHARS_PER_TOKEN)
